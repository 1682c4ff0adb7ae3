#include "runtime/resp/number.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "builtins-csa/layout/decimal.h"

namespace shredder::resp {

namespace {

// From here on not every integer is a double.
constexpr double kExactIntegers = 9007199254740992.0;

}  // namespace

bool ParseInteger(std::string_view text, int64_t* value) {
  const std::optional<int64_t> parsed = layout::ParseSignedDecimal(text);
  if (parsed) *value = *parsed;
  return parsed.has_value();
}

bool ParseUnsigned(std::string_view text, uint64_t* value) {
  const std::optional<uint64_t> parsed =
      layout::ParseDecimal(text, std::numeric_limits<uint64_t>::max());
  if (parsed) *value = *parsed;
  return parsed.has_value();
}

void AppendDouble(double value, std::string* out) {
  if (std::isnan(value)) {
    out->append("nan");
    return;
  }
  if (std::isinf(value)) {
    out->append(value < 0 ? "-inf" : "inf");
    return;
  }
  char text[32];  // at most sign, 17 digits, point, exponent; in fixed notation below 2^53 no more
  const double magnitude = std::fabs(value);
  if (magnitude == 0 || (magnitude >= 1e-6 && magnitude < kExactIntegers)) {
    const auto result = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed);
    out->append(text, result.ptr);
    return;
  }
  const auto result =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  const std::string_view written(text, static_cast<size_t>(result.ptr - text));
  const size_t mark = written.find('e');
  std::string_view exponent = written.substr(mark + 2);
  // C++ writes at least two digits of exponent, JavaScript no leading zero.
  if (exponent.size() > 1 && exponent[0] == '0') exponent.remove_prefix(1);
  if (magnitude < 1 || magnitude >= 1e21) {
    out->append(written.substr(0, mark + 2));
    out->append(exponent);
    return;
  }
  // Fixed notation would give all digits of the integer; JavaScript gives the shortest, then zeros.
  size_t power = 0;
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
  const size_t end = out->size() + (value < 0 ? 1 : 0) + power + 1;
  for (const char c : written.substr(0, mark)) {
    if (c != '.') out->push_back(c);
  }
  out->resize(end, '0');
}

std::string FormatDouble(double value) {
  std::string text;
  AppendDouble(value, &text);
  return text;
}

}  // namespace shredder::resp
