// The argument of a typed call, for functions that take an array of texts.
//
// Thread: the shard's, inside the invocation: both may run tenant code.
#pragma once

#include <v8.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/watchdog.h"

namespace shredder::engine {

// Whether the function reads its argument itself, as one text of JSON: has a property `typed` that
// is true.
bool IsTypedFunction(v8::Local<v8::Context> context, v8::Local<v8::Function> function);

// The array of texts that the first of `arguments`, a text of JSON, says. Empty with an exception
// pending where it is no such array, or without one where the run has been ended.
v8::MaybeLocal<v8::Array> ReadArgumentList(v8::Local<v8::Context> context, WatchedSteps* steps,
                                           v8::Local<v8::Array> arguments);

// The same for what is not JavaScript: `argument` is JSON, and the texts are UTF-8.
bool ReadArgumentTexts(v8::Local<v8::Context> context, WatchedSteps* steps,
                       std::string_view argument, std::vector<std::string>* texts);

}  // namespace shredder::engine
