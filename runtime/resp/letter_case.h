// ASCII letters without regard to their case, as in the names of commands and options.
#pragma once

#include <cstddef>
#include <string_view>

namespace shredder::resp {

constexpr char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (LowerCase(text[i]) != lower_case[i]) return false;
  }
  return true;
}

}  // namespace shredder::resp
