#include "runtime/store/counter.h"

#include "builtins-csa/layout/decimal.h"

namespace shredder::store {

CounterStatus AddToText(std::optional<std::string_view> value, int64_t delta, int64_t min,
                        int64_t max, int64_t* sum) {
  int64_t counter = 0;
  if (value) {
    const std::optional<int64_t> number = layout::ParseSignedDecimal(*value);
    if (!number) return CounterStatus::kNotCounter;
    counter = *number;
  }
  if (__builtin_add_overflow(counter, delta, &counter) || counter < min || counter > max) {
    return CounterStatus::kOutOfRange;
  }
  *sum = counter;
  return CounterStatus::kOk;
}

}  // namespace shredder::store
