// Commands that walk the tenant's keys.
#include <string>

#include "runtime/resp/glob.h"
#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

constexpr uint64_t kKeysPerStep = 4096;

// The keys that match a pattern, as bulk strings; their number, which comes first in the reply, is
// known last.
class MatchingKeys {
 public:
  MatchingKeys(std::string_view pattern, resp::Protocol protocol)
      : pattern_(pattern), writer_(&bulks_, protocol) {}

  void Visit(std::string_view key) {
    if (too_long() || (pattern_ != "*" && !resp::GlobMatch(pattern_, key))) return;
    writer_.Bulk(key);
    ++count_;
  }

  bool too_long() const { return bulks_.size() > kMaxReplyBytes; }

  void Reply(resp::ReplyWriter& reply) const {
    reply.Array(count_);
    reply.out().append(bulks_);
  }

 private:
  std::string_view pattern_;
  std::string bulks_;
  resp::ReplyWriter writer_;
  size_t count_ = 0;
};

struct ScanOptions {
  std::string_view pattern = "*";
  uint64_t count = 10;
  bool strings = true;  // false: another TYPE was asked for, of which there are no keys
};

bool ReadScanOptions(Request& request, ScanOptions* options) {
  const auto args = request.args;
  for (size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) {
      request.reply.Error(kSyntaxError);
      return false;
    }
    if (EqualsIgnoringCase(args[i], "count")) {
      int64_t count;
      if (!ReadInteger(request, i + 1, &count)) return false;
      if (count < 1) {
        request.reply.Error(kSyntaxError);
        return false;
      }
      options->count = static_cast<uint64_t>(count);
    } else if (EqualsIgnoringCase(args[i], "match")) {
      options->pattern = args[i + 1];
    } else if (EqualsIgnoringCase(args[i], "type")) {
      options->strings = EqualsIgnoringCase(args[i + 1], "string");
    } else {
      request.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

}  // namespace

void HandleKeys(Request& request) {
  MatchingKeys keys(request.args[1], request.reply.protocol());
  uint64_t cursor = 0;
  do {
    cursor =
        request.store().Scan(cursor, kKeysPerStep, [&](std::string_view key) { keys.Visit(key); });
  } while (cursor != 0 && !keys.too_long());
  if (keys.too_long()) {
    ReplyTooLong(request.reply);
  } else {
    keys.Reply(request.reply);
  }
}

void HandleScan(Request& request) {
  uint64_t cursor;
  if (!resp::ParseUnsigned(request.args[1], &cursor)) {
    request.reply.Error("ERR invalid cursor");
    return;
  }
  ScanOptions options;
  if (!ReadScanOptions(request, &options)) return;
  MatchingKeys keys(options.pattern, request.reply.protocol());
  const uint64_t next = request.store().Scan(cursor, options.count, [&](std::string_view key) {
    if (options.strings) keys.Visit(key);
  });
  if (keys.too_long()) {
    ReplyTooLong(request.reply);
    return;
  }
  request.reply.Array(2);
  request.reply.Bulk(std::to_string(next));
  keys.Reply(request.reply);
}

}  // namespace shredder::server
