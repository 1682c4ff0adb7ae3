// Integers in canonical decimal form: digits without a leading zero ("0" itself apart), where they
// may be negative behind a '-' (no "-0"), and nothing else. This is the rule by which bytes are an
// integer key (key.h) and a value is a counter, and by which Redis reads integers (string2ll).
//
// Generated code follows it too: TableLookupAssembler::BranchIfDecimal and
// StoreWriteAssembler::ParseCounter in CSA, StoreLowering::BranchIfDecimal in optimised code.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "builtins-csa/layout/limits.h"

namespace shredder::layout {

// The integer from 0 to `max` of which `text` is the canonical form.
constexpr std::optional<uint64_t> ParseDecimal(std::string_view text, uint64_t max) {
  constexpr std::string_view kMaxUint64 = "18446744073709551615";
  if (text.empty() || text.size() > kMaxUint64.size()) return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  // Numbers of equal length compare as their digits do. Only one as long has overflowed.
  if (text.size() == kMaxUint64.size() && text > kMaxUint64) return std::nullopt;
  if (value > max) return std::nullopt;
  return value;
}

// The same for 64 bits with a sign.
constexpr std::optional<int64_t> ParseSignedDecimal(std::string_view text) {
  constexpr uint64_t kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (text.empty() || text[0] != '-') {
    const std::optional<uint64_t> value = ParseDecimal(text, kMax);
    if (!value) return std::nullopt;
    return static_cast<int64_t>(*value);
  }
  const std::optional<uint64_t> magnitude = ParseDecimal(text.substr(1), kMax + 1);
  if (!magnitude || *magnitude == 0) return std::nullopt;
  return static_cast<int64_t>(-*magnitude);
}

// Integers of so many digits are safe in JavaScript, whatever the digits, and so is their sum with
// any 32-bit integer: of longer counters, generated code leaves the sum to C++.
inline constexpr int kMaxFastCounterDigits = 15;
static_assert(999'999'999'999'999 + (1ull << 31) <= kMaxSafeInteger);

}  // namespace shredder::layout
