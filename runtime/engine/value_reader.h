// JavaScript values as plain data, for what a function returns.
//
// Thread: the shard's, inside the invocation: getters and proxies run tenant code.
#pragma once

#include <v8.h>

#include <cstddef>

#include "runtime/engine/value.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

inline constexpr int kMaxReplyDepth = 32;

// Reads `value` into *result: undefined, null, boolean; number -> double; bigint -> int64_t, or
// BigInt where it does not fit; string -> Text; ArrayBuffer and views -> Bytes; Array, Set, Map,
// Date, Error; any other object -> Object of its own enumerable string-keyed properties. A reply
// takes at most `max_bytes`. False with an exception pending in V8 when tenant code threw, was
// terminated, or the value has no reply (a function, a symbol) or exceeds a limit; without one
// where `steps` says that the run has been ended.
bool ReadValue(v8::Local<v8::Context> context, v8::Local<v8::Value> value, WatchedSteps* steps,
               uint64_t max_bytes, Value* result);

}  // namespace shredder::engine
