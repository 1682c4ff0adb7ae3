#include "runtime/store/counter.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "builtins-csa/layout/decimal.h"

namespace shredder::store {

CounterStatus AddToCounter(Store& store, const Key& key, int64_t delta, int64_t min, int64_t max,
                           int64_t* sum) {
  int64_t counter = 0;
  if (const std::optional<std::string_view> value = store.Get(key)) {
    const std::optional<int64_t> number = layout::ParseSignedDecimal(*value);
    if (!number) return CounterStatus::kNotCounter;
    counter = *number;
  }
  if (__builtin_add_overflow(counter, delta, &counter) || counter < min || counter > max) {
    return CounterStatus::kOutOfRange;
  }
  char digits[std::numeric_limits<int64_t>::digits10 + 2];  // and a sign
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, counter);
  // No counter is too long a value.
  if (store.Set(key, std::string_view(digits, end), Expiry::Keep()) != WriteStatus::kOk) {
    return CounterStatus::kOutOfMemory;
  }
  *sum = counter;
  return CounterStatus::kOk;
}

}  // namespace shredder::store
