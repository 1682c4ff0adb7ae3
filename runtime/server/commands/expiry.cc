// Commands on a key's time to live.
#include <fmt/format.h>

#include "runtime/server/command_table.h"
#include "runtime/server/commands/client_name.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

struct ExpireConditions {
  bool if_none = false;     // NX: only where the key has no expiry
  bool if_any = false;      // XX
  bool if_later = false;    // GT: no expiry counts as infinitely late
  bool if_earlier = false;  // LT

  bool Allow(uint64_t old_ms, uint64_t new_ms) const {
    const bool had_expiry = old_ms != 0;
    if (if_none && had_expiry) return false;
    if (if_any && !had_expiry) return false;
    if (if_later && (!had_expiry || new_ms <= old_ms)) return false;
    if (if_earlier && had_expiry && new_ms >= old_ms) return false;
    return true;
  }
};

bool ReadConditions(Request& request, ExpireConditions* conditions) {
  for (size_t i = 3; i < request.args.size(); ++i) {
    const std::string_view arg = request.args[i];
    if (EqualsIgnoringCase(arg, "nx")) {
      conditions->if_none = true;
    } else if (EqualsIgnoringCase(arg, "xx")) {
      conditions->if_any = true;
    } else if (EqualsIgnoringCase(arg, "gt")) {
      conditions->if_later = true;
    } else if (EqualsIgnoringCase(arg, "lt")) {
      conditions->if_earlier = true;
    } else {
      request.reply.Error(
          fmt::format("ERR Unsupported option {}", arg.substr(0, kMaxClientTextLength)));
      return false;
    }
    if (!GoesOn(request)) return false;
  }
  if (conditions->if_none &&
      (conditions->if_any || conditions->if_later || conditions->if_earlier)) {
    request.reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (conditions->if_later && conditions->if_earlier) {
    request.reply.Error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

void Expire(Request& request, TimeUnit unit) {
  ExpireConditions conditions;
  int64_t at_ms;
  if (!ReadConditions(request, &conditions) || !ReadTime(request, 2, unit, false, &at_ms)) return;
  const store::Key key = KeyAt(request, 1);
  const std::optional<uint64_t> old_ms = request.store().ExpiresAt(key);
  if (!old_ms || !conditions.Allow(*old_ms, ToExpiry(at_ms))) {
    request.reply.Integer(0);
    return;
  }
  if (Succeeded(request.store().SetExpiresAt(key, ToExpiry(at_ms)), request.reply)) {
    request.reply.Integer(1);
  }
}

// -2 where the key is absent, -1 where it has no expiry.
void ReplyExpiry(Request& request, TimeUnit unit) {
  const std::optional<uint64_t> at_ms = request.store().ExpiresAt(KeyAt(request, 1));
  if (!at_ms || *at_ms == 0) {
    request.reply.Integer(at_ms ? -1 : -2);
    return;
  }
  const uint64_t value = unit.absolute ? *at_ms : *at_ms - request.store().now_ms();
  request.reply.Integer(static_cast<int64_t>(unit.seconds ? (value + 500) / 1000 : value));
}

}  // namespace

void HandleExpire(Request& request) { Expire(request, {.seconds = true, .absolute = false}); }
void HandlePexpire(Request& request) { Expire(request, {.seconds = false, .absolute = false}); }
void HandleExpireAt(Request& request) { Expire(request, {.seconds = true, .absolute = true}); }
void HandlePexpireAt(Request& request) { Expire(request, {.seconds = false, .absolute = true}); }

void HandleTtl(Request& request) { ReplyExpiry(request, {.seconds = true, .absolute = false}); }
void HandlePttl(Request& request) { ReplyExpiry(request, {.seconds = false, .absolute = false}); }
void HandleExpireTime(Request& request) {
  ReplyExpiry(request, {.seconds = true, .absolute = true});
}
void HandlePexpireTime(Request& request) {
  ReplyExpiry(request, {.seconds = false, .absolute = true});
}

void HandlePersist(Request& request) {
  const store::Key key = KeyAt(request, 1);
  const bool has_expiry = request.store().ExpiresAt(key).value_or(0) != 0;
  if (has_expiry) request.store().SetExpiresAt(key, 0);
  request.reply.Integer(has_expiry);
}

}  // namespace shredder::server
