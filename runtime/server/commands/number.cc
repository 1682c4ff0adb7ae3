// Commands on a key's value as a decimal integer.
#include <limits>

#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

void Add(Request& request, int64_t increment) {
  using Limits = std::numeric_limits<int64_t>;
  int64_t sum;
  switch (request.store().AddToCounter(KeyAt(request, 1), increment, Limits::min(), Limits::max(),
                                       &sum)) {
    case store::CounterStatus::kOk:
      return request.reply.Integer(sum);
    case store::CounterStatus::kNotCounter:
      return request.reply.Error(kNotAnInteger);
    case store::CounterStatus::kOutOfRange:
      return request.reply.Error("ERR increment or decrement would overflow");
    case store::CounterStatus::kOutOfMemory:
      Succeeded(store::WriteStatus::kOutOfMemory, request.reply);
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
