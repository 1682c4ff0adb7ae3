// DBGet and its like: what benchmarks compare the builtins of shredder:store with, ordinary C++
// callbacks that do the same. Only where the option callback_builtins says so.
#pragma once

#include <span>

#include "runtime/engine/store_callbacks.h"

namespace shredder::engine {

std::span<const Callback> CallbackBuiltins();

}  // namespace shredder::engine
