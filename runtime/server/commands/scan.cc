// Commands that walk the tenant's keys.
#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "runtime/resp/glob.h"
#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

// Of one call of the store, so that it takes no piece's time, however few of the keys match.
constexpr uint64_t kKeysPerCall = 512;
constexpr uint64_t kStepsPerCall = 200;  // beside those of the keys
// Steps of matching a pattern are shorter.
constexpr size_t kMatchStepsPerStep = 1024;

// The keys that match a pattern, as bulk strings; their number, which comes first in the reply, is
// known last.
class MatchingKeys {
 public:
  MatchingKeys(Request& request, resp::Glob pattern)
      : request_(request), pattern_(std::move(pattern)) {}

  void Visit(std::string_view key) {
    if (!goes_on_) return;
    if (pattern_.Matches(key)) {
      if (chunks_.back().size() >= kChunkBytes) chunks_.emplace_back();
      const size_t before = chunks_.back().size();
      ReplyBulk(request_, &chunks_.back(), key);
      bytes_ += chunks_.back().size() - before;
      ++count_;
    }
    GoesOn(1 + pattern_.StepsFor(key) / kMatchStepsPerStep);
  }

  // False where there is to be an error in place of the keys.
  bool GoesOn(uint64_t steps) {
    goes_on_ = goes_on_ && request_.session.Step(steps) && bytes_ <= MaxReplyBytes(request_);
    return goes_on_;
  }

  void Reply() {
    std::string& out = request_.reply.out();
    ReserveSlack(request_, &out);
    request_.reply.Array(count_);
    ReserveInPieces(request_, &out, out.size() + bytes_);
    for (; !chunks_.empty(); chunks_.pop_front()) {
      AppendInPieces(request_, &out, chunks_.front());
      FreeInPieces(request_, &chunks_.front());
    }
  }
  void ReplyError() {
    if (bytes_ > MaxReplyBytes(request_)) return ReplyTooLong(request_);
    request_.reply.Error(kShuttingDown);
  }

 private:
  Request& request_;
  const resp::Glob pattern_;
  // Not one string: to grow one takes all that is there once more, and at last much to be freed.
  static constexpr size_t kChunkBytes = 1 << 20;
  std::deque<std::string> chunks_{1};
  size_t bytes_ = 0;
  size_t count_ = 0;
  bool goes_on_ = true;
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
    if (!GoesOn(request)) return false;
  }
  return true;
}

}  // namespace

void HandleKeys(Request& request) {
  std::optional<resp::Glob> pattern = ReadPattern(request, request.args[1], false);
  if (!pattern) return;
  MatchingKeys keys(request, std::move(*pattern));
  uint64_t cursor = 0;
  do {
    cursor =
        request.store().Scan(cursor, kKeysPerCall, [&](std::string_view key) { keys.Visit(key); });
  } while (keys.GoesOn(kStepsPerCall) && cursor != 0);
  if (!keys.GoesOn(0)) return keys.ReplyError();
  keys.Reply();
}

void HandleScan(Request& request) {
  uint64_t cursor;
  if (!resp::ParseUnsigned(request.args[1], &cursor)) {
    request.reply.Error("ERR invalid cursor");
    return;
  }
  ScanOptions options;
  if (!ReadScanOptions(request, &options)) return;
  std::optional<resp::Glob> pattern = ReadPattern(request, options.pattern, false);
  if (!pattern) return;
  MatchingKeys keys(request, std::move(*pattern));
  uint64_t left = std::min(options.count, store::Store::kMaxScanCount);
  do {
    const uint64_t count = std::min(left, kKeysPerCall);
    left -= count;
    cursor = request.store().Scan(cursor, count, [&](std::string_view key) {
      if (options.strings) keys.Visit(key);
    });
  } while (keys.GoesOn(kStepsPerCall) && left > 0 && cursor != 0);
  if (!keys.GoesOn(0)) return keys.ReplyError();
  request.reply.Array(2);
  request.reply.Bulk(std::to_string(cursor));
  keys.Reply();
}

}  // namespace shredder::server
