// A tenant's password, kept as its SHA-256 digest.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace shredder::config {

class Secret {
 public:
  static Secret OfPassword(std::string_view password);
  // From the digest's 64 hexadecimal digits, in either case; nothing where `hex` is anything else.
  static std::optional<Secret> FromHex(std::string_view hex);
  // A secret that no password has: what a guess for an unknown tenant is compared with, so that it
  // takes as long.
  static Secret Unmatchable() { return Secret(); }

  // Takes the same time wherever the two differ.
  bool Equals(const Secret& other) const;

 private:
  Secret() = default;
  std::array<uint8_t, 32> digest_{};
};

}  // namespace shredder::config
