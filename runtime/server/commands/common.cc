#include "runtime/server/commands/common.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "runtime/resp/number.h"
#include "runtime/server/tenant.h"

namespace shredder::server {

size_t MaxReplyBytes(const Request& request) { return request.tenant->limits.max_reply_bytes; }

void ReplyTooLong(Request& request) {
  request.reply.Error(fmt::format("ERR reply is longer than {} bytes; ask for less at a time",
                                  MaxReplyBytes(request)));
}

bool LongReply::GoesOn(uint64_t steps) {
  if (!HasRoomFor(0)) return false;
  ReserveSlack(request_, &request_.reply.out());
  if (request_.session.Step(steps)) return true;
  request_.reply.out().resize(start_);
  request_.reply.Error(kShuttingDown);
  return false;
}

bool LongReply::HasRoomFor(size_t bytes) {
  if (request_.reply.out().size() - start_ + bytes <= MaxReplyBytes(request_)) return true;
  request_.reply.out().resize(start_);
  ReplyTooLong(request_);
  return false;
}

namespace {

void AppendCounted(Request& request, std::string* out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    out->append(piece);
    bytes.remove_prefix(piece.size());
    request.session.Step(piece.size() / kBytesPerStep);
  }
}

}  // namespace

void AppendInPieces(Request& request, std::string* out, std::string_view bytes) {
  if (IsQuick(*out, bytes.size())) [[likely]] {
    out->append(bytes);
    return;
  }
  if (bytes.size() > out->capacity() - out->size()) {
    ReserveInPieces(request, out, std::max(2 * out->capacity(), out->size() + bytes.size()));
  }
  AppendCounted(request, out, bytes);
}

void ReserveSlack(Request& request, std::string* out) {
  constexpr size_t kSlackBytes = 64 << 10;
  if (out->size() >= kPieceBytes && out->capacity() - out->size() < kSlackBytes) [[unlikely]]
    ReserveInPieces(request, out, 2 * out->capacity());
}

void ReserveInPieces(Request& request, std::string* out, size_t bytes) {
  if (bytes <= out->capacity()) return;
  std::string larger;
  larger.reserve(bytes);
  AppendCounted(request, &larger, *out);
  out->swap(larger);
  FreeInPieces(request, &larger);
}

void FreeInPieces(Request& request, std::string* bytes) {
  constexpr size_t kFreedBytes = 256 << 10;
  constexpr size_t kPageBytes = 4096;
  // The kernel takes pages back one by one, and munmap all of them before it returns.
  const size_t into_page = reinterpret_cast<uintptr_t>(bytes->data()) % kPageBytes;
  for (size_t at = (kPageBytes - into_page) % kPageBytes; at + kFreedBytes <= bytes->capacity();
       at += kFreedBytes) {
    madvise(bytes->data() + at, kFreedBytes, MADV_DONTNEED);
    request.session.Step(kFreedBytes / kPageBytes);
  }
  std::string().swap(*bytes);
}

void ReplyLongBulk(Request& request, std::string* out, std::string_view bytes) {
  AppendInPieces(request, out, fmt::format("${}\r\n", bytes.size()));
  AppendInPieces(request, out, bytes);
  AppendInPieces(request, out, "\r\n");
}

std::optional<std::string_view> Lookup(const Request& request, const store::Key& key) {
  const std::optional<std::string_view> value = request.store().Get(key);
  ++(value ? request.tenant->stats.hits : request.tenant->stats.misses);
  return value;
}

std::optional<resp::Glob> ReadPattern(const Request& request, std::string_view pattern,
                                      bool ignore_case) {
  std::optional<resp::Glob> glob = resp::Glob::Compile(pattern, ignore_case);
  if (!glob) {
    request.reply.Error(
        fmt::format("ERR pattern is longer than {} bytes", resp::Glob::kMaxPatternBytes));
  }
  return glob;
}

bool ReadInteger(const Request& request, size_t i, int64_t* value) {
  if (resp::ParseInteger(request.args[i], value)) return true;
  request.reply.Error(kNotAnInteger);
  return false;
}

bool Succeeded(store::WriteStatus status, resp::ReplyWriter& reply) {
  switch (status) {
    case store::WriteStatus::kOk:
      return true;
    case store::WriteStatus::kOutOfMemory:
      reply.Error("OOM command not allowed when used memory > 'maxmemory'.");
      return false;
    case store::WriteStatus::kValueTooLong:
      reply.Error(kStringTooLong);
      return false;
  }
  return false;
}

bool Succeeded(store::ExpiryStatus status, resp::ReplyWriter& reply) {
  return Succeeded(status == store::ExpiryStatus::kOutOfMemory ? store::WriteStatus::kOutOfMemory
                                                               : store::WriteStatus::kOk,
                   reply);
}

bool ReadTime(const Request& request, size_t i, TimeUnit unit, bool positive, int64_t* unix_ms) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  int64_t value;
  if (!ReadInteger(request, i, &value)) return false;
  const int64_t base = unit.absolute ? 0 : static_cast<int64_t>(request.store().now_ms());
  const int64_t factor = unit.seconds ? 1000 : 1;
  if ((positive && value <= 0) || value > kMax / factor || value < kMin / factor ||
      value * factor > kMax - base) {
    request.reply.Error(
        fmt::format("ERR invalid expire time in '{}' command", request.command.name));
    return false;
  }
  *unix_ms = value * factor + base;
  return true;
}

}  // namespace shredder::server
