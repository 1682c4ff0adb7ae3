// Commands on a key's value as a decimal integer.
#include "runtime/resp/number.h"

#include <charconv>
#include <limits>

#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

void Add(Request& request, int64_t increment) {
  const store::Key key = KeyAt(request, 1);
  const std::optional<std::string_view> old = request.store().Get(key);
  int64_t value = 0;
  if (old && !resp::ParseInteger(*old, &value)) {
    request.reply.Error(kNotAnInteger);
    return;
  }
  if (__builtin_add_overflow(value, increment, &value)) {
    request.reply.Error("ERR increment or decrement would overflow");
    return;
  }
  char digits[std::numeric_limits<int64_t>::digits10 + 2];
  const auto [end, status] = std::to_chars(digits, digits + sizeof(digits), value);
  if (Succeeded(request.store().Set(key, std::string_view(digits, end), store::Expiry::Keep()),
                request.reply)) {
    request.reply.Integer(value);
  }
}

}  // namespace

void HandleIncr(Request& request) { Add(request, 1); }

void HandleDecr(Request& request) { Add(request, -1); }

void HandleIncrBy(Request& request) {
  int64_t increment;
  if (ReadInteger(request, 2, &increment)) Add(request, increment);
}

void HandleDecrBy(Request& request) {
  int64_t decrement;
  if (!ReadInteger(request, 2, &decrement)) return;
  if (decrement == std::numeric_limits<int64_t>::min()) {
    request.reply.Error("ERR decrement would overflow");
  } else {
    Add(request, -decrement);
  }
}

}  // namespace shredder::server
