// What clients may call themselves: one rule for CLIENT SETNAME, CLIENT SETINFO and HELLO SETNAME.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace shredder::server {

inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
inline constexpr size_t kMaxClientTextLength = 512;

// Printable ASCII without spaces, so that CLIENT LIST stays one line a client.
inline bool IsValidClientText(std::string_view text) {
  return text.size() <= kMaxClientTextLength &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace shredder::server
