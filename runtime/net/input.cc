// What connections receive: kept within limits, and delivered to their handlers.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/loop_base.h"

namespace shredder::net {

namespace {

// The most that one connection receives before others have their turn.
constexpr size_t kReceiveBudgetBytes = 1 << 20;
constexpr size_t kReceiveBytes = 64 * 1024;
// At first, where most of the last message was wanted elsewhere: likely of the next one, too.
constexpr size_t kHeadBytes = 1024;
// From so many missing bytes on they are received where they are to be.
constexpr size_t kDirectBytes = 32 * 1024;
// Memory for what is only announced.
constexpr size_t kReservedBytes = 4 << 20;
// A connection that holds no more is not closed for its account's limit: others have used that up.
constexpr uint64_t kUnaccountedBytes = 4096;

}  // namespace

void LoopBase::Received(LoopConnection& connection, std::string_view bytes) {
  moved_much_ |= bytes.size() >= kMuchBytes;
  if (connection.state != LoopConnection::State::kOpen) {
    if (connection.state == LoopConnection::State::kReleasing) {
      Keep(connection, connection.serving ? LateInput(connection) : &connection.input, bytes);
    }
    return;
  }
  if (connection.serving) {
    Keep(connection, LateInput(connection), bytes);
    return;
  }
  if (!connection.serveable() || !connection.input.empty()) {
    if (Keep(connection, &connection.input, bytes)) ServeInput(connection);
    return;
  }
  const size_t consumed = CallOnData(connection, bytes);
  if (connection.keeps_input()) KeepRest(connection, bytes.substr(consumed));
  Settle(connection, consumed > 0);
}

InputBuffer* LoopBase::LateInput(LoopConnection& connection) {
  if (connection.late_input == nullptr) {
    connection.late_input = std::make_unique<InputBuffer>(&buffers_);
  }
  return connection.late_input.get();
}

void LoopBase::ServeInput(LoopConnection& connection) {
  if (!connection.serveable()) {
    UpdateBacklog(connection, connection.deferred);
    return;
  }
  if (connection.missing() > 0) {
    if (connection.eof) FinishAfterEof(connection);
    connection.UpdateReading();
    return;
  }
  const size_t consumed = CallOnData(connection, connection.input.view());
  ConsumeInput(connection, consumed);
  Settle(connection, consumed > 0);
}

size_t LoopBase::CallOnData(LoopConnection& connection, std::string_view bytes) {
  connection.serving = true;
  connection.expected = 0;
  connection.next_cut_out = {};
  const size_t consumed = connection.handler->OnData(connection, bytes);
  connection.serving = false;
  return std::min(consumed, bytes.size());
}

void LoopBase::ReceiveAvailable(LoopConnection& connection) {
  if (receive_buffers_.size() < turn_depth_) receive_buffers_.resize(turn_depth_);
  std::unique_ptr<char[]>& place = receive_buffers_[turn_depth_ - 1];
  if (place == nullptr) place = std::make_unique_for_overwrite<char[]>(kReceiveBytes);
  char* const buffer = place.get();
  for (size_t budget = kReceiveBudgetBytes; budget > 0 && connection.wants_reading();) {
    const bool is_open = connection.state == LoopConnection::State::kOpen;
    const size_t cut_out = is_open ? connection.cut_out.missing() : 0;
    const bool is_large = is_open && cut_out == 0 && connection.missing() >= kDirectBytes;
    std::array<iovec, 2> parts{};
    size_t part_count = 0;
    const auto add_part = [&](std::span<char> space) {
      parts[part_count++] = {space.data(), space.size()};
    };
    const size_t in_place = std::min(cut_out, budget);
    if (in_place > 0) {
      add_part(connection.cut_out.bytes->rest().first(in_place));
    }
    if (is_large) {
      connection.input.Reserve(std::min(connection.expected, kReservedBytes));
      const auto space = connection.input.Space(std::min(connection.missing(), budget));
      if (space.empty()) return Close(connection);
      add_part(space);
    } else if (in_place == cut_out) {
      const bool is_head = connection.last_was_cut_out && connection.input.empty();
      add_part({buffer, is_head ? kHeadBytes : kReceiveBytes});
    }
    const Moved moved = connection.Receive(std::span(parts).first(part_count));
    if (moved.outcome == Moved::Outcome::kFailed) return Close(connection);
    if (moved.outcome == Moved::Outcome::kBlocked) return;
    const size_t bytes = moved.bytes;
    if (bytes == 0) return ReceivedEof(connection);
    moved_much_ |= bytes >= kMuchBytes;
    budget -= std::min(budget, bytes);
    if (in_place > 0) {
      connection.cut_out.bytes->Receive(std::min(bytes, in_place));
      if (!Account(connection)) return;
      if (bytes > in_place) {
        Received(connection, {buffer, bytes - in_place});
      } else {
        ServeInput(connection);
      }
    } else if (is_large) {
      connection.input.Commit(bytes);
      if (ExceedsLimit(connection, 0)) return Close(connection);
      if (!Account(connection)) return;
      ServeInput(connection);
    } else {
      Received(connection, {buffer, bytes});
      connection.last_was_cut_out = connection.cut_out.bytes != nullptr;
      if (connection.missing() < kDirectBytes && bytes < parts[0].iov_len) {
        const bool is_small = connection.input.empty() && bytes < kMuchBytes;
        if (is_small) connection.has_large_messages = false;
        return;
      }
    }
    if (bytes < parts[0].iov_len + parts[1].iov_len) return;
  }
}

std::string_view LoopBase::FillCutOut(LoopConnection& connection, std::string_view bytes) {
  CutOut& cut_out = connection.cut_out;
  const size_t size = std::min(bytes.size(), cut_out.missing());
  if (size == 0) return bytes;
  std::memcpy(cut_out.bytes->rest().data(), bytes.data(), size);
  cut_out.bytes->Receive(size);
  return bytes.substr(size);
}

// Keeps what OnData has left of what it was given in place. The input was empty, and so nothing of
// it cut out.
void LoopBase::KeepRest(LoopConnection& connection, std::string_view rest) {
  CutOut& next = connection.next_cut_out;
  if (next.bytes == nullptr) {
    Keep(connection, &connection.input, rest);
  } else if (Keep(connection, &connection.input, rest.substr(0, next.offset))) {
    connection.cut_out = std::exchange(next, {});
    Keep(connection, &connection.input, rest.substr(connection.cut_out.offset));
  }
}

void LoopBase::ConsumeInput(LoopConnection& connection, size_t bytes) {
  connection.input.Consume(bytes);
  CutOut& cut_out = connection.cut_out;
  if (bytes > cut_out.offset) {
    cut_out = {};
  } else {
    cut_out.offset -= bytes;
  }
  if (connection.next_cut_out.bytes == nullptr || !connection.keeps_input()) return;
  cut_out = std::exchange(connection.next_cut_out, {});
  const std::string rest(FillCutOut(connection, connection.input.view().substr(cut_out.offset)));
  connection.input.Truncate(cut_out.offset);
  Keep(connection, &connection.input, rest);
}

// Appends to one of the connection's buffers; closes it and returns false where it holds too much.
// One that is being released takes what the kernel has received already, which is not much.
bool LoopBase::Keep(LoopConnection& connection, InputBuffer* buffer, std::string_view bytes) {
  if (buffer == &connection.input) bytes = FillCutOut(connection, bytes);
  if (bytes.empty()) return true;
  const bool fits = !ExceedsLimit(connection, bytes.size()) ||
                    connection.state == LoopConnection::State::kReleasing;
  if (fits && buffer->Append(bytes)) return Account(connection);
  Close(connection);
  return false;
}

bool LoopBase::Account(LoopConnection& connection) {
  const uint64_t bytes =
      connection.unread() + connection.cut_out.own_bytes() + connection.own_unsent();
  const uint64_t before = std::exchange(connection.accounted_bytes_, bytes);
  ByteAccount* const account = connection.account_;
  if (account == nullptr) return true;
  account->bytes += bytes - before;
  if (bytes <= std::max(before, kUnaccountedBytes) || account->bytes <= account->limit ||
      connection.state == LoopConnection::State::kReleasing) {
    return true;
  }
  ++account->closed;
  // At once, so that no other one is closed for what this one has held.
  connection.SetAccount(nullptr);
  Close(connection);
  return false;
}

bool LoopBase::ExceedsLimit(const LoopConnection& connection, size_t more_bytes) const {
  return connection.unread() + more_bytes > options_.limits.max_unread_bytes;
}

// After the handler's call: sends the replies, and decides what comes next.
void LoopBase::Settle(LoopConnection& connection, bool progressed) {
  if (connection.state == LoopConnection::State::kClosed) return;
  if (connection.late_input != nullptr) {
    const std::unique_ptr<InputBuffer> late = std::move(connection.late_input);
    if (!Keep(connection, &connection.input, late->view())) return;
    connection.redeliver = true;
  }
  if (connection.state == LoopConnection::State::kReleasing) {
    ReleaseIfDone(connection);
    return;
  }
  FlushOutput(connection);
  if (connection.state != LoopConnection::State::kOpen) return;
  // Where the handler has consumed nothing, it needs more.
  UpdateBacklog(connection, progressed || connection.deferred);
  if (connection.cut_out.missing() + connection.expected >= kMuchBytes) {
    connection.has_large_messages = true;
  }
  if (!connection.input.empty() && (progressed || connection.redeliver)) QueueReady(connection);
  connection.redeliver = false;
  if (connection.eof) FinishAfterEof(connection);
  connection.UpdateReading();
}

void LoopBase::UpdateBacklog(LoopConnection& connection, bool could_consume) {
  connection.backlogged =
      could_consume && connection.input.size() > options_.limits.pause_reading_at_unread_bytes;
}

void LoopBase::QueueReady(LoopConnection& connection) {
  if (connection.ready || !connection.serveable()) return;
  connection.ready = true;
  ready_.push_back(connection.ref);
}

void LoopBase::ServeReady() {
  for (size_t left = ready_.size(); left > 0 && !ready_.empty(); --left) {
    LoopConnection* const connection = Find(ready_.front());
    ready_.pop_front();
    if (connection == nullptr) continue;
    connection->ready = false;
    if (connection->serving) {
      connection->redeliver = true;
    } else {
      ServeInput(*connection);
    }
  }
}

// After a pause has ended.
void LoopBase::ContinueReading(LoopConnection& connection) {
  if (!connection.serveable()) return;
  if (connection.serving) {
    connection.redeliver = true;
    return;
  }
  if (!connection.input.empty()) QueueReady(connection);
  if (connection.eof) FinishAfterEof(connection);
  connection.UpdateReading();
}

void LoopBase::ReceivedEof(LoopConnection& connection) {
  connection.eof = true;
  if (connection.state == LoopConnection::State::kLingering) {
    Close(connection);
  } else if (connection.state == LoopConnection::State::kOpen) {
    FinishAfterEof(connection);
  }
}

// The peer sends no more: once its requests are served and answered, the connection is done.
void LoopBase::FinishAfterEof(LoopConnection& connection) {
  if (connection.serving || !connection.serveable() || connection.ready) return;
  connection.CloseAfterFlush();
}

}  // namespace shredder::net
