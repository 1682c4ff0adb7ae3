#include "runtime/net/loop_base.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shredder::net {

namespace {

// Buffers that are kept for the next large messages, and how often those that none has needed
// meanwhile go back to the kernel.
constexpr size_t kKeptBufferBytes = 64 << 20;
constexpr uint64_t kGiveBackIntervalMs = 1000;
// How long a connection that we closed is read on, so that what the peer is still sending does not
// reset it before it has seen our last reply.
constexpr uint64_t kLingerMs = 1000;
constexpr uint64_t kAcceptRetryMs = 100;
// Of one listener in one turn. Fewer from a shared one: what this loop takes, no other can serve.
constexpr int kAcceptsPerTurn = 128;
constexpr int kSharedAcceptsPerTurn = 16;
constexpr uint64_t kForEver = UINT64_MAX;

uint64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

}  // namespace

LoopBase::LoopBase(const EventLoopOptions& options, UniqueFd wake_fd)
    : buffers_(kKeptBufferBytes), options_(options), wake_fd_(std::move(wake_fd)) {}

// ---- LoopConnection

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

// ---- Listening and accepting

bool LoopBase::ListenTcp(const std::string& address, uint16_t port, ConnectionHandler* handler,
                         std::string* error) {
  ListeningSocket socket = ListeningSocket::OpenTcp(address, port, error);
  if (!socket.valid()) return false;
  return Listen(std::move(socket), handler, /*shared=*/false);
}

bool LoopBase::ListenUnix(const std::string& path, ConnectionHandler* handler, std::string* error) {
  ListeningSocket socket = ListeningSocket::OpenUnix(path, error);
  return socket.valid() && Listen(std::move(socket), handler, /*shared=*/false);
}

bool LoopBase::AdoptListener(UniqueFd fd, ConnectionHandler* handler, std::string* error) {
  ListeningSocket socket = ListeningSocket::Adopt(std::move(fd), error);
  return socket.valid() && Listen(std::move(socket), handler, /*shared=*/true);
}

bool LoopBase::Listen(ListeningSocket socket, ConnectionHandler* handler, bool shared) {
  if (socket.port() != 0) bound_port_ = socket.port();
  listeners_.push_back(std::make_unique<Listener>(Listener{std::move(socket), handler, shared}));
  StartAccepting(listeners_.size() - 1);
  return true;
}

void LoopBase::StopListening() {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i]->stopped) continue;
    listeners_[i]->stopped = true;
    if (StopAccepting(i)) CloseListener(i);
  }
  Submit();
}

void LoopBase::CloseListener(size_t index) {
  listener(index).accepting = false;
  listener(index).socket.reset();
}

bool LoopBase::AcceptWaiting(size_t index) {
  const Listener& from = listener(index);
  const int flags = SOCK_CLOEXEC | (nonblocking_sockets() ? SOCK_NONBLOCK : 0);
  for (int left = from.shared ? kSharedAcceptsPerTurn : kAcceptsPerTurn; left > 0; --left) {
    if (from.stopped) return true;  // by the handler of the one before
    UniqueFd fd(accept4(from.socket->fd(), nullptr, nullptr, flags));
    if (fd.valid()) {
      Accepted(index, std::move(fd));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return false;
    // The peer has given up, or the network has a complaint about it: on to the next.
  }
  return true;
}

void LoopBase::Accepted(size_t index, UniqueFd fd) {
  const Listener& from = listener(index);
  if (connection_count_ >= options_.max_connections || (options_.admit && !options_.admit())) {
    static_cast<void>(send(fd.get(), options_.refusal.data(), options_.refusal.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL));
    shutdown(fd.get(), SHUT_WR);
    return;
  }
  from.socket->ConfigureAccepted(fd.get());
  std::string peer = from.socket->PeerAddress(fd.get());
  LoopConnection& connection =
      NewConnection(std::move(fd), from.handler, options_.next_id ? options_.next_id() : next_id_++,
                    std::move(peer));
  CallOnOpen(connection);
  Settle(connection, false);
}

LoopConnection& LoopBase::NewConnection(UniqueFd fd, ConnectionHandler* handler, uint64_t id,
                                        std::string peer) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot] = std::make_unique<LoopConnection>(&buffers_);
  LoopConnection& connection = *slots_[slot];
  connection.loop = this;
  connection.handler = handler;
  connection.ref = {slot, next_generation_++};
  connection.id_ = id;
  connection.peer_ = std::move(peer);
  connection.fd = std::move(fd);
  ++connection_count_;
  return connection;
}

void LoopBase::CallOnOpen(LoopConnection& connection) {
  connection.serving = true;
  connection.handler->OnOpen(connection);
  connection.serving = false;
}

void LoopBase::AcceptFailed(size_t index) {
  listener(index).accepting = false;
  accept_again_at_ms_ = NowMs() + kAcceptRetryMs;
}

void LoopBase::ResumeAccepting() {
  if (accept_again_at_ms_ == 0 || NowMs() < accept_again_at_ms_) return;
  accept_again_at_ms_ = 0;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (!listeners_[i]->accepting && !listeners_[i]->stopped) StartAccepting(i);
  }
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
    Turn(wants_idle_ ? 0 : kForEver);
    RunTimer();
    if (wants_idle_ && !found_events_ && ready_.empty()) wants_idle_ = idle_();
  }
  Submit();
  stop_.store(false, std::memory_order_release);
}

void LoopBase::Stop() {
  const int saved_errno = errno;
  stop_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  // Fails only where the counter is full, and then the loop wakes anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_.get(), &one, sizeof(one));
  errno = saved_errno;
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
  ResumeAccepting();
  if (turn_end_) turn_end_();
}

// As epoll_wait takes it.
int LoopBase::WaitMilliseconds(uint64_t until_ms) const {
  if (!ready_.empty() || !closed_.empty() || !released_.empty()) return 0;
  if (timer_) until_ms = std::min(until_ms, timer_at_ms_);
  if (accept_again_at_ms_ != 0) until_ms = std::min(until_ms, accept_again_at_ms_);
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
  shutdown(connection.fd.get(), SHUT_WR);
  connection.state = LoopConnection::State::kLingering;
  connection.input.Clear();
  connection.cut_out = {};
  lingering_.push_back({connection.ref, NowMs() + kLingerMs});
  UpdateReading(connection);
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
  Detach(connection);
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
      !Quiescent(connection)) {
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

LoopConnection* LoopBase::Find(ConnectionRef ref) const {
  if (ref.slot >= slots_.size()) return nullptr;
  LoopConnection* const connection = slots_[ref.slot].get();
  return connection != nullptr && connection->ref.generation == ref.generation ? connection
                                                                               : nullptr;
}

}  // namespace shredder::net
