// A key of the store: a byte string, or, where its bytes are the canonical decimal form (decimal.h)
// of an integer from 0 to kMaxIntegerKey ("0", "42", not "042" nor "-1"), that integer. A Key does
// not own its bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "builtins-csa/layout/decimal.h"
#include "builtins-csa/layout/limits.h"

namespace shredder::store {

class Key {
 public:
  // The key that `bytes` name; empty when they are longer than kMaxKeyBytes. `bytes` must outlive
  // the Key.
  static std::optional<Key> FromBytes(std::string_view bytes) {
    if (bytes.size() > layout::kMaxKeyBytes) return std::nullopt;
    if (const auto integer = layout::ParseDecimal(bytes, layout::kMaxIntegerKey)) {
      return FromInteger(*integer);
    }
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

  bool is_integer_;
  uint64_t integer_;
  std::string_view bytes_;
};

}  // namespace shredder::store
