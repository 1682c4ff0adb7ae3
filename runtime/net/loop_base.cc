#include "runtime/net/loop_base.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "runtime/prefetch.h"

namespace shredder::net {

namespace {

// Buffers that are kept for the next large messages, and how often those that none has needed
// meanwhile go back to the kernel.
constexpr size_t kKeptBufferBytes = 64 << 20;
constexpr uint64_t kGiveBackIntervalMs = 1000;
// How long a connection that we closed is read on, so that what the peer is still sending does not
// reset it before it has seen our last reply.
constexpr uint64_t kLingerMs = 1000;

}  // namespace

LoopBase::LoopBase(const EventLoopOptions& options)
    : buffers_(kKeptBufferBytes), options_(options) {}

uint64_t LoopBase::NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

// ---- LoopConnection

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
static_assert(offsetof(LoopConnection, input) + InputBuffer::kHotBytes <=
              LoopConnection::kHotBytes);
#pragma GCC diagnostic pop

LoopConnection::LoopConnection(LoopBase* its_loop) : loop(its_loop), input(&its_loop->buffers_) {}

void LoopConnection::Flush() { loop->FlushOutput(*this); }

void LoopConnection::CloseAfterFlush() {
  if (state != State::kOpen) return;
  state = State::kFinishing;
  if (!serving) loop->FlushOutput(*this);
}

void LoopConnection::Close() { loop->Close(*this); }

bool LoopConnection::Release() { return loop->StartRelease(*this); }

void LoopConnection::PauseReading() { reading_paused = true; }

void LoopConnection::ResumeReading() {
  if (!reading_paused) return;
  reading_paused = false;
  loop->ContinueReading(*this);
}

void LoopConnection::EndDeferral() {
  if (!deferred) return;
  deferred = false;
  loop->ContinueReading(*this);
}

// ---- Opening

bool LoopBase::Admits() {
  return connection_count_ < options_.max_connections && (!options_.admit || options_.admit());
}

void LoopBase::Open(std::unique_ptr<LoopConnection> opened, ConnectionHandler* handler,
                    std::string peer) {
  const uint64_t id = options_.next_id ? options_.next_id() : next_id_++;
  LoopConnection& connection = Add(std::move(opened), handler, id, std::move(peer));
  CallOnOpen(connection);
  Settle(connection, false);
}

LoopConnection& LoopBase::Add(std::unique_ptr<LoopConnection> added, ConnectionHandler* handler,
                              uint64_t id, std::string peer) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot] = std::move(added);
  LoopConnection& connection = *slots_[slot];
  connection.handler = handler;
  connection.ref = {slot, next_generation_++};
  connection.connection_id = id;
  connection.peer = std::move(peer);
  ++connection_count_;
  return connection;
}

void LoopBase::CallOnOpen(LoopConnection& connection) {
  connection.serving = true;
  connection.handler->OnOpen(connection);
  connection.serving = false;
}

// ---- Turns

void LoopBase::SetTimer(uint64_t interval_ms, std::function<void()> callback) {
  timer_interval_ms_ = std::max<uint64_t>(interval_ms, 1);
  timer_ = std::move(callback);
  timer_at_ms_ = NowMs() + timer_interval_ms_;
  timer_rests_ = false;
}

void LoopBase::RestTimer(uint64_t ms) {
  timer_at_ms_ = NowMs() + ms;
  timer_rests_ = true;
}

void LoopBase::FoundEvents() {
  found_events_ = true;
  if (!timer_rests_) return;
  timer_rests_ = false;
  timer_at_ms_ = std::min(timer_at_ms_, NowMs() + timer_interval_ms_);
}

void LoopBase::RunTimer() {
  if (!timer_) return;
  const uint64_t now_ms = NowMs();
  if (now_ms < timer_at_ms_) return;
  timer_rests_ = false;
  timer_at_ms_ = now_ms + timer_interval_ms_;
  if (now_ms - gave_back_ms_ >= kGiveBackIntervalMs) {
    gave_back_ms_ = now_ms;
    buffers_.GiveBackUnused();
  }
  timer_();
}

void LoopBase::Run() {
  while (!stop_.load(std::memory_order_acquire)) {
    Turn(!idle_quiet_ms_ ? kForEver : *idle_quiet_ms_ == 0 ? 0 : NowMs() + *idle_quiet_ms_);
    RunTimer();
    if (idle_quiet_ms_ && !found_events_ && ready_.empty()) {
      // From inside of it, too, more may be wanted.
      const auto quiet_ms = idle_(*std::exchange(idle_quiet_ms_, std::nullopt));
      if (quiet_ms) WantIdle(*quiet_ms);
    }
  }
  Submit();
  stop_.store(false, std::memory_order_release);
}

void LoopBase::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

void LoopBase::Drain(uint64_t timeout_ms) {
  draining_ = true;
  StopListening();
  timer_ = nullptr;
  const uint64_t until_ms = NowMs() + timeout_ms;
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot] != nullptr) slots_[slot]->CloseAfterFlush();
  }
  while (connection_count_ > 0 && NowMs() < until_ms) Turn(until_ms);
  Submit();
}

void LoopBase::PollOnce() {
  Turn(0);
  Submit();
}

void LoopBase::Turn(uint64_t until_ms) {
  DeliverReleased();
  ReapClosed();
  ++turn_depth_;
  found_events_ = false;
  HandleEvents(WaitMilliseconds(until_ms));
  --turn_depth_;
  ServeReady();
  ReapLingering();
  DeliverReleased();
  ReapClosed();
  RunDue();
  if (turn_end_) turn_end_();
}

// As epoll_wait takes it.
int LoopBase::WaitMilliseconds(uint64_t until_ms) const {
  if (!ready_.empty() || !closed_.empty() || !released_.empty()) return 0;
  if (timer_) until_ms = std::min(until_ms, timer_at_ms_);
  until_ms = std::min(until_ms, due_ms());
  if (!lingering_.empty()) until_ms = std::min(until_ms, lingering_.front().deadline_ms);
  if (until_ms == kForEver) return -1;
  if (until_ms == 0) return 0;
  const uint64_t now_ms = NowMs();
  return until_ms <= now_ms ? 0 : static_cast<int>(std::min<uint64_t>(until_ms - now_ms, 60'000));
}

// ---- Output

void LoopBase::FlushOutput(LoopConnection& connection) {
  if (!connection.sends()) return;
  StartSending(connection);
  CheckOutput(connection);
}

void LoopBase::StartSending(LoopConnection& connection) {
  if (connection.awaits_room) return;
  switch (SendUnsent(connection)) {
    case SendResult::kDrained:
      return;
    case SendResult::kFailed:
      Close(connection);
      return;
    case SendResult::kBlocked:
    case SendResult::kBudgetSpent:
      connection.awaits_room = true;
      connection.AwaitRoom();
      return;
  }
}

void LoopBase::HasRoom(LoopConnection& connection) {
  connection.awaits_room = false;
  FlushOutput(connection);
}

void LoopBase::CheckOutput(LoopConnection& connection) {
  if (connection.state == LoopConnection::State::kClosed) return;
  if (!Account(connection)) return;
  const ConnectionLimits& limits = options_.limits;
  const size_t unsent = connection.all_unsent();
  if (unsent > limits.max_unsent_bytes) {
    Close(connection);
    return;
  }
  if (connection.state == LoopConnection::State::kFinishing) {
    // Not while the handler may still look at its input.
    if (unsent == 0 && !connection.serving) Finish(connection);
    return;
  }
  if (unsent > limits.pause_reading_at_unsent_bytes) {
    connection.output_paused = true;
  } else if (connection.output_paused && unsent <= limits.pause_reading_at_unsent_bytes / 2) {
    connection.output_paused = false;
    ContinueReading(connection);
  }
}

// ---- Closing

void LoopBase::Finish(LoopConnection& connection) {
  if (connection.eof) {
    Close(connection);
    return;
  }
  connection.ShutdownSending();
  connection.state = LoopConnection::State::kLingering;
  connection.input.Clear();
  connection.cut_out = {};
  lingering_.push_back({connection.ref, NowMs() + kLingerMs});
  connection.UpdateReading();
}

void LoopBase::ReapLingering() {
  if (lingering_.empty()) return;
  const uint64_t now_ms = NowMs();
  while (!lingering_.empty()) {
    LoopConnection* const connection = Find(lingering_.front().ref);
    const bool gone = connection == nullptr || connection->state == LoopConnection::State::kClosed;
    if (!gone && lingering_.front().deadline_ms > now_ms) return;
    lingering_.pop_front();
    if (!gone) Close(*connection);
  }
}

void LoopBase::Close(LoopConnection& connection) {
  if (connection.state == LoopConnection::State::kClosed) return;
  connection.state = LoopConnection::State::kClosed;
  --connection_count_;
  connection.pieces_.clear();
  connection.cut_out = {};
  connection.Detach();
  closed_.push_back(connection.ref);
}

void LoopBase::ReapClosed() {
  // Those whose handler is running, in an outer turn, stay for it.
  for (size_t left = closed_.size(); left > 0 && !closed_.empty(); --left) {
    const ConnectionRef ref = closed_.front();
    closed_.pop_front();
    LoopConnection* const connection = Find(ref);
    if (connection->serving) {
      closed_.push_back(ref);
      continue;
    }
    connection->handler->OnClose(*connection);
    connection->handler = nullptr;
    DestroyIfDone(*connection);
  }
}

void LoopBase::DestroyIfDone(LoopConnection& connection) {
  if (connection.state != LoopConnection::State::kClosed || connection.handler != nullptr ||
      !connection.Quiescent()) {
    return;
  }
  const uint32_t slot = connection.ref.slot;
  slots_[slot].reset();
  free_slots_.push_back(slot);
}

void LoopBase::CloseAll() {
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot] != nullptr) Close(*slots_[slot]);
  }
  ReapClosed();
}

bool LoopBase::Prefetch(uint32_t slot, unsigned step) const {
  const LoopConnection* const connection = slot < slots_.size() ? slots_[slot].get() : nullptr;
  if (connection == nullptr) return false;
  if (step == 0) {
    PrefetchBytes(connection, LoopConnection::kHotBytes);
    return true;
  }
  if (connection->state != LoopConnection::State::kOpen || connection->serving) return false;
  if (step > 1) return connection->handler->Prefetch(*connection, step - 2);
  connection->PrefetchBuffers();
  return true;
}

bool LoopBase::TouchesMuch(uint32_t slot) const {
  const LoopConnection* const connection = slot < slots_.size() ? slots_[slot].get() : nullptr;
  return connection != nullptr && connection->state == LoopConnection::State::kOpen &&
         connection->handler->TouchesMuch(*connection);
}

LoopConnection* LoopBase::Find(ConnectionRef ref) const {
  if (ref.slot >= slots_.size()) return nullptr;
  LoopConnection* const connection = slots_[ref.slot].get();
  return connection != nullptr && connection->ref.generation == ref.generation ? connection
                                                                               : nullptr;
}

}  // namespace shredder::net
