// A function's result as JSON that says what JSON has no form for, which typed clients read.
//
// ts-functions/src/typed_json.ts has the format.
//
// Thread: the shard's, inside the invocation.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/engine/value.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

enum class TypedJsonOutcome { kWritten, kTooLarge, kEnded };

// Appends `value` to *json, at most `max_bytes` in all; kEnded where the run has been ended.
TypedJsonOutcome WriteTypedJson(const Value& value, Watchdog* watchdog, uint64_t max_bytes,
                                std::string* json);

}  // namespace shredder::engine
