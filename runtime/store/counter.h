// Values that are counters: decimal integers of 64 bits in canonical form
// (builtins-csa/layout/decimal.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shredder::store {

enum class CounterStatus {
  kOk,
  kNotCounter,   // the value is something else
  kOutOfRange,   // the sum is
  kOutOfMemory,  // as in WriteStatus
};

// What a counter holds after `delta` is added, in *sum; `value` is its text, nothing where it is
// absent, which counts as 0. A sum outside of `min` to `max` is out of range. Never kOutOfMemory.
CounterStatus AddToText(std::optional<std::string_view> value, int64_t delta, int64_t min,
                        int64_t max, int64_t* sum);

}  // namespace shredder::store
