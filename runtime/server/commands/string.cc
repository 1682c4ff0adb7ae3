// Commands on a key's value as a string of bytes.
#include <algorithm>
#include <limits>
#include <string>

#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/tenant.h"

namespace shredder::server {
namespace {

using store::Expiry;

constexpr TimeUnit kSeconds{.seconds = true, .absolute = false};
constexpr TimeUnit kMilliseconds{.seconds = false, .absolute = false};

// The options of SET and GETEX.
struct ValueOptions {
  bool only_if_absent = false;   // NX
  bool only_if_present = false;  // XX
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  std::string_view expiry_option;  // EX, PX, EXAT or PXAT in lower case; empty where there is none
  size_t expiry_argument = 0;      // the position of its value
  TimeUnit expiry_unit{};
};

struct ExpiryOption {
  std::string_view name;
  TimeUnit unit;
};
constexpr ExpiryOption kExpiryOptions[] = {
    {"ex", {.seconds = true, .absolute = false}},
    {"px", {.seconds = false, .absolute = false}},
    {"exat", {.seconds = true, .absolute = true}},
    {"pxat", {.seconds = false, .absolute = true}},
};

const ExpiryOption* FindExpiryOption(std::string_view text) {
  const auto* found =
      std::find_if(std::begin(kExpiryOptions), std::end(kExpiryOptions),
                   [&](const ExpiryOption& o) { return EqualsIgnoringCase(text, o.name); });
  return found == std::end(kExpiryOptions) ? nullptr : found;
}

// Reads the options from argument `first` on. Which combinations are allowed follows Redis's
// parseExtendedStringArgumentsOrReply (t_string.c). Replies the error where it returns false.
bool ReadValueOptions(Request& request, size_t first, bool is_set, ValueOptions* options) {
  const auto args = request.args;
  for (size_t i = first; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    const ExpiryOption* expiry = FindExpiryOption(arg);
    if (expiry && !options->keep_ttl && !options->persist && i + 1 < args.size() &&
        (options->expiry_option.empty() || options->expiry_option == expiry->name)) {
      options->expiry_option = expiry->name;
      options->expiry_unit = expiry->unit;
      options->expiry_argument = ++i;
    } else if (is_set && EqualsIgnoringCase(arg, "nx") && !options->only_if_present) {
      options->only_if_absent = true;
    } else if (is_set && EqualsIgnoringCase(arg, "xx") && !options->only_if_absent) {
      options->only_if_present = true;
    } else if (is_set && EqualsIgnoringCase(arg, "get")) {
      options->get = true;
    } else if (is_set && EqualsIgnoringCase(arg, "keepttl") && options->expiry_option.empty()) {
      options->keep_ttl = true;
    } else if (!is_set && EqualsIgnoringCase(arg, "persist") && options->expiry_option.empty()) {
      options->persist = true;
    } else {
      request.reply.Error(kSyntaxError);
      return false;
    }
    if (!GoesOn(request)) return false;
  }
  return true;
}

// False as ReplyBulk.
bool BulkOrNull(Request& request, const std::optional<std::string_view>& value) {
  if (value) return ReplyBulk(request, *value);
  request.reply.Null();
  return true;
}

// SET with options: the reply is the old value with GET, else whether the value was set.
void SetWithOptions(Request& request, const ValueOptions& options) {
  const store::Key key = KeyAt(request, 1);
  Expiry expiry = options.keep_ttl ? Expiry::Keep() : Expiry::None();
  if (!options.expiry_option.empty()) {
    int64_t at_ms;
    if (!ReadTime(request, options.expiry_argument, options.expiry_unit, true, &at_ms)) return;
    expiry = Expiry::At(ToExpiry(at_ms));
  }
  std::string& out = request.reply.out();
  const size_t reply_start = out.size();
  bool present = false;
  if (options.get) {
    // Written before the value is overwritten, since it refers to the store's memory.
    const std::optional<std::string_view> old = Lookup(request, key);
    present = old.has_value();
    if (!BulkOrNull(request, old)) return;
  } else if (options.only_if_absent || options.only_if_present) {
    present = request.store().Has(key);
  }
  if ((options.only_if_absent && present) || (options.only_if_present && !present)) {
    if (!options.get) request.reply.Null();
    return;
  }
  const store::WriteStatus status = request.session.SetToArgument(request, key, 2, expiry);
  if (status != store::WriteStatus::kOk) {
    out.resize(reply_start);
    Succeeded(status, request.reply);
  } else if (!options.get) {
    request.reply.Ok();
  }
}

void SetWithExpiry(Request& request, TimeUnit unit) {
  int64_t at_ms;
  if (!ReadTime(request, 2, unit, true, &at_ms)) return;
  if (Succeeded(
          request.session.SetToArgument(request, KeyAt(request, 1), 3, Expiry::At(ToExpiry(at_ms))),
          request.reply)) {
    request.reply.Ok();
  }
}

}  // namespace

void HandleGet(Request& request) {
  const store::Key key = KeyAt(request, 1);
  if (const std::optional<std::string_view> value = Lookup(request, key)) {
    ReplyValue(request, key, *value, 0);
  } else {
    request.reply.Null();
  }
}

void HandleSet(Request& request) {
  if (request.args.size() > 3) {
    ValueOptions options;
    if (ReadValueOptions(request, 3, true, &options)) SetWithOptions(request, options);
  } else if (Succeeded(request.session.SetToArgument(request, KeyAt(request, 1), 2, Expiry::None()),
                       request.reply)) {
    request.reply.Ok();
  }
}

void HandleSetEx(Request& request) { SetWithExpiry(request, kSeconds); }

void HandlePsetEx(Request& request) { SetWithExpiry(request, kMilliseconds); }

void HandleSetNx(Request& request) {
  const store::Key key = KeyAt(request, 1);
  if (request.store().Has(key)) {
    request.reply.Integer(0);
  } else if (Succeeded(request.session.SetToArgument(request, key, 2, Expiry::None()),
                       request.reply)) {
    request.reply.Integer(1);
  }
}

void HandleGetSet(Request& request) {
  ValueOptions options;
  options.get = true;
  SetWithOptions(request, options);
}

void HandleGetDel(Request& request) {
  const store::Key key = KeyAt(request, 1);
  const std::optional<std::string_view> value = Lookup(request, key);
  if (!value) {
    request.reply.Null();
  } else if (ReplyValue(request, key, *value, 0)) {
    request.store().Delete(key);
  }
}

void HandleGetEx(Request& request) {
  ValueOptions options;
  if (!ReadValueOptions(request, 2, false, &options)) return;
  const store::Key key = KeyAt(request, 1);
  const std::optional<std::string_view> value = Lookup(request, key);
  if (!value) {
    request.reply.Null();
    return;
  }
  int64_t at_ms = 0;
  if (!options.expiry_option.empty() &&
      !ReadTime(request, options.expiry_argument, options.expiry_unit, true, &at_ms)) {
    return;
  }
  // The value first: an expiry in the past deletes it. An error takes the value's place.
  std::string& out = request.reply.out();
  const size_t start = out.size();
  if (!ReplyBulk(request, *value)) return;
  if (options.persist) {
    // Only where there is one: what changes nothing touches no WATCH.
    if (request.store().ExpiresAt(key).value_or(0) != 0) request.store().SetExpiresAt(key, 0);
  } else if (!options.expiry_option.empty()) {
    const store::ExpiryStatus status = request.store().SetExpiresAt(key, ToExpiry(at_ms));
    if (status == store::ExpiryStatus::kOutOfMemory) out.resize(start);
    Succeeded(status, request.reply);
  }
}

void HandleMget(Request& request) {
  LongReply reply(request);
  request.reply.Array(request.args.size() - 1);
  for (size_t i = 1; i < request.args.size(); ++i) {
    const std::optional<std::string_view> value = Lookup(request, KeyAt(request, i));
    if (!value) {
      request.reply.Null();
    } else if (reply.HasRoomFor(value->size())) {
      ReplyBulk(request, &request.reply.out(), *value);
    } else {
      return;
    }
    if (!reply.GoesOn()) return;
  }
}

void HandleMset(Request& request) {
  if (request.args.size() % 2 == 0) {
    request.reply.Error("ERR wrong number of arguments for 'mset' command");
    return;
  }
  for (size_t i = 1; i < request.args.size(); i += 2) {
    if (!Succeeded(request.store().Set(KeyAt(request, i), request.args[i + 1]), request.reply)) {
      return;
    }
    if (!GoesOn(request)) return;
  }
  request.reply.Ok();
}

void HandleStrlen(Request& request) {
  const std::optional<std::string_view> value = Lookup(request, KeyAt(request, 1));
  request.reply.Integer(value ? static_cast<int64_t>(value->size()) : 0);
}

void HandleGetRange(Request& request) {
  int64_t start;
  int64_t end;
  if (!ReadInteger(request, 2, &start) || !ReadInteger(request, 3, &end)) return;
  const store::Key key = KeyAt(request, 1);
  const std::string_view value = Lookup(request, key).value_or("");
  const auto length = static_cast<int64_t>(value.size());
  // Negative positions count from the end; an end before the first byte still means the first byte,
  // as in Redis.
  const bool reversed = start < 0 && end < 0 && start > end;
  if (start < 0) start = std::max<int64_t>(start + length, 0);
  if (end < 0) end = std::max<int64_t>(end + length, 0);
  end = std::min(end, length - 1);
  if (reversed || start > end) {
    request.reply.Bulk("");
  } else {
    const auto offset = static_cast<size_t>(start);
    ReplyValue(request, key, value.substr(offset, static_cast<size_t>(end - start + 1)), offset);
  }
}

void HandleSetRange(Request& request) {
  int64_t offset;
  if (!ReadInteger(request, 2, &offset)) return;
  if (offset < 0) {
    request.reply.Error("ERR offset is out of range");
    return;
  }
  const store::Key key = KeyAt(request, 1);
  const std::string_view patch = request.args[3];
  uint64_t length = 0;
  if (patch.empty()) {
    length = request.store().Get(key).value_or("").size();
  } else if (!Succeeded(
                 request.store().SetRange(key, static_cast<uint64_t>(offset), patch, &length),
                 request.reply)) {
    return;
  }
  request.reply.Integer(static_cast<int64_t>(length));
}

void HandleAppend(Request& request) {
  const store::Key key = KeyAt(request, 1);
  if (!Succeeded(request.store().Append(key, request.args[2]), request.reply)) return;
  request.reply.Integer(static_cast<int64_t>(request.store().Get(key)->size()));
}

}  // namespace shredder::server
