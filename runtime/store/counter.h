// Values that are counters: decimal integers of 64 bits in canonical form
// (builtins-csa/layout/decimal.h).
#pragma once

#include <cstdint>

#include "builtins-csa/layout/key.h"
#include "runtime/store/store.h"

namespace shredder::store {

enum class CounterStatus {
  kOk,
  kNotCounter,   // the value is something else
  kOutOfRange,   // the sum is
  kOutOfMemory,  // as in WriteStatus
};

// Adds to a key's counter, whose expiry stays, and gives the sum. An absent key's counter is 0.
// Nothing has changed unless it is kOk; a sum outside of `min` to `max` is out of range.
CounterStatus AddToCounter(Store& store, const Key& key, int64_t delta, int64_t min, int64_t max,
                           int64_t* sum);

}  // namespace shredder::store
