#include "runtime/config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "builtins-csa/layout/limits.h"

namespace shredder::config {

std::string CheckRange(int64_t value, uint64_t min, uint64_t max) {
  if (value >= 0 && static_cast<uint64_t>(value) >= min && static_cast<uint64_t>(value) <= max) {
    return {};
  }
  return fmt::format("is {}, out of range; give a number from {} to {}", value, min, max);
}

namespace {

std::string FormatSize(uint64_t bytes) {
  int unit = 0;
  while (unit < 3 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  constexpr std::string_view kUnits[] = {"", "kb", "mb", "gb"};
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

}  // namespace

std::string SetSize(std::string_view text, uint64_t min, uint64_t max, uint64_t* bytes) {
  const std::optional<uint64_t> size = ParseMemorySize(text);
  if (!size) return fmt::format("is '{}', not a size; give one such as \"256mb\"", Quotable(text));
  if (*size < min || *size > max) {
    return fmt::format("is '{}', out of range; give a size from {} to {}", Quotable(text),
                       FormatSize(min), FormatSize(max));
  }
  *bytes = *size;
  return {};
}

std::string SetMemory(std::string_view text, uint64_t* memory_bytes) {
  return SetSize(text, layout::kMinQuotaBytes, layout::kMaxQuotaBytes, memory_bytes);
}

std::optional<uint64_t> ParseMemorySize(std::string_view text) {
  uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc()) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  int shift = 0;
  if (unit == "kb") {
    shift = 10;
  } else if (unit == "mb") {
    shift = 20;
  } else if (unit == "gb") {
    shift = 30;
  } else if (!unit.empty()) {
    return std::nullopt;
  }
  if (number > UINT64_MAX >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace shredder::config
