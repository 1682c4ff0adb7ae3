// What connections send: strings, and bytes that others keep.
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "runtime/net/loop_base.h"

namespace shredder::net {

namespace {

// The most that one connection sends before others have their turn.
constexpr size_t kSendBudgetBytes = 1 << 20;
// Output buffers up to this size are kept for the next replies.
constexpr size_t kKeptOutputBytes = 32 * 1024;
// What one call sends: that of a reply with shared bytes, its beginning and its end, and more.
constexpr size_t kMaxParts = 16;

// Of output from this size on, which malloc gives back to the kernel when it is freed, so much goes
// back whenever it has been sent: to give back all of it at once would take some 10 ms.
constexpr size_t kMinReleasedBytes = 32 << 20;
constexpr size_t kReleasedBytes = 1 << 20;

// Of the buffer's first `before` bytes this has been done.
void ReleaseSent(const std::string& buffer, size_t before, size_t sent) {
  if (buffer.size() < kMinReleasedBytes) [[likely]]
    return;
  constexpr size_t kPageBytes = 4096;
  const size_t into_page = reinterpret_cast<uintptr_t>(buffer.data()) % kPageBytes;
  const size_t start = (kPageBytes - into_page) % kPageBytes;
  const auto done = [&](size_t bytes) {
    return start + (std::max(bytes, start) - start) / kReleasedBytes * kReleasedBytes;
  };
  if (done(before) < done(sent)) {
    madvise(const_cast<char*>(buffer.data()) + done(before), done(sent) - done(before),
            MADV_DONTNEED);
  }
}

void Recycle(std::string* buffer) {
  if (buffer->capacity() > kKeptOutputBytes) {
    std::string().swap(*buffer);
  } else {
    buffer->clear();
  }
}

// The parts of one call, at most `budget` bytes.
struct Parts {
  size_t budget;
  std::array<iovec, kMaxParts> parts;
  size_t count = 0;

  // False where no more fit.
  bool Add(std::string_view bytes) {
    if (bytes.empty()) return true;
    if (budget == 0 || count == parts.size()) return false;
    const size_t size = std::min(budget, bytes.size());
    parts[count++] = {const_cast<char*>(bytes.data()), size};
    budget -= size;
    return size == bytes.size();
  }
};

}  // namespace

// ---- Connection

size_t Connection::unsent() const {
  size_t bytes = output_.size();
  for (const Piece& piece : pieces_) bytes += piece.before.size() + (piece.to - piece.from);
  return bytes;
}

std::string Connection::TakeOutput() {
  std::string output;
  output.reserve(unsent());
  for (const Piece& piece : pieces_) {
    output += piece.before;
    if (piece.from < piece.to)
      output += piece.shared->view().substr(piece.from, piece.to - piece.from);
  }
  pieces_.clear();
  output += std::exchange(output_, {});
  return output;
}

size_t LoopConnection::own_unsent() const {
  size_t bytes = sending.size() - sent + output_.size();
  for (const Piece& piece : pieces_) bytes += piece.before.size();
  return bytes;
}

// ---- LoopBase

LoopBase::SendResult LoopBase::SendUnsent(LoopConnection& connection) {
  for (size_t budget = kSendBudgetBytes; connection.all_unsent() > 0;) {
    if (budget == 0) return SendResult::kBudgetSpent;
    Parts parts{.budget = budget, .parts = {}};
    bool fits = parts.Add(std::string_view(connection.sending).substr(connection.sent));
    for (const auto& piece : connection.pieces_) {
      if (!fits) break;
      fits = parts.Add(piece.before) &&
             parts.Add(piece.shared->view().substr(piece.from, piece.to - piece.from));
    }
    if (fits) parts.Add(connection.output_);
    const Moved moved = connection.Send(std::span(parts.parts).first(parts.count));
    if (moved.outcome == Moved::Outcome::kFailed) return SendResult::kFailed;
    if (moved.outcome == Moved::Outcome::kBlocked) return SendResult::kBlocked;
    TookFromOutput(connection, moved.bytes);
    budget -= moved.bytes;
  }
  return SendResult::kDrained;
}

void LoopBase::TookFromOutput(LoopConnection& connection, size_t bytes) {
  moved_much_ |= bytes >= kMuchBytes;
  auto& pieces = connection.pieces_;
  size_t done = 0;  // pieces
  for (;;) {
    size_t taken = std::min(bytes, connection.sending.size() - connection.sent);
    ReleaseSent(connection.sending, connection.sent, connection.sent + taken);
    connection.sent += taken;
    bytes -= taken;
    if (connection.sent < connection.sending.size()) break;
    Recycle(&connection.sending);
    connection.sent = 0;
    if (done == pieces.size()) {
      if (bytes == 0) break;
      connection.sending.swap(connection.output_);
      continue;
    }
    auto& piece = pieces[done];
    if (!piece.before.empty()) {
      connection.sending.swap(piece.before);
      continue;
    }
    taken = std::min(bytes, piece.to - piece.from);
    piece.from += taken;
    bytes -= taken;
    if (piece.from < piece.to) break;
    ++done;
  }
  pieces.erase(pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(done));
}

}  // namespace shredder::net
