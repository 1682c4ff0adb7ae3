// A key of the store: a byte string, or, where its bytes are the canonical decimal form of an
// integer from 0 to kMaxIntegerKey ("0", "42", not "042" nor "-1"), that integer. A Key does not
// own its bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "builtins-csa/layout/table_layout.h"

namespace shredder::store {

class Key {
 public:
  // The key that `bytes` name; empty when they are longer than kMaxKeyBytes. `bytes` must outlive
  // the Key.
  static std::optional<Key> FromBytes(std::string_view bytes) {
    if (bytes.size() > layout::kMaxKeyBytes) return std::nullopt;
    if (const auto integer = CanonicalInteger(bytes)) return FromInteger(*integer);
    return Key(false, 0, bytes);
  }
  // `value` must not exceed kMaxIntegerKey.
  static Key FromInteger(uint64_t value) { return Key(true, value, {}); }

  bool is_integer() const { return is_integer_; }
  uint64_t integer() const { return integer_; }
  std::string_view bytes() const { return bytes_; }  // empty for an integer key

 private:
  Key(bool is_integer, uint64_t integer, std::string_view bytes)
      : is_integer_(is_integer), integer_(integer), bytes_(bytes) {}

  static std::optional<uint64_t> CanonicalInteger(std::string_view bytes) {
    if (bytes.empty() || bytes.size() > layout::kMaxIntegerKeyDigits) return std::nullopt;
    if (bytes[0] == '0' && bytes.size() > 1) return std::nullopt;
    uint64_t value = 0;
    for (const char c : bytes) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    if (value > layout::kMaxIntegerKey) return std::nullopt;
    return value;
  }

  bool is_integer_;
  uint64_t integer_;
  std::string_view bytes_;
};

}  // namespace shredder::store
