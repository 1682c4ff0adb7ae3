#include "runtime/server/commands/common.h"

#include <fmt/format.h>

#include <limits>

#include "runtime/resp/number.h"
#include "runtime/server/tenant.h"

namespace shredder::server {

void ReplyTooLong(resp::ReplyWriter& reply) {
  reply.Error(
      fmt::format("ERR reply is longer than {} bytes; ask for less at a time", kMaxReplyBytes));
}

bool ReplyBound::Exceeded() {
  if (reply_.out().size() - start_ <= kMaxReplyBytes) return false;
  reply_.out().resize(start_);
  ReplyTooLong(reply_);
  return true;
}

std::optional<std::string_view> Lookup(const Request& request, const store::Key& key) {
  const std::optional<std::string_view> value = request.store().Get(key);
  ++(value ? request.tenant->stats.hits : request.tenant->stats.misses);
  return value;
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
