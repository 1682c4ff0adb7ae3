// A tenant's passwords, each kept as its SHA-256 digest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::config {

class Secret {
 public:
  static Secret OfPassword(std::string_view password);
  // From the digest's 64 hexadecimal digits, in either case; nothing where `hex` is anything else.
  static std::optional<Secret> FromHex(std::string_view hex);
  // A secret that no password has: what a guess for an unknown tenant is compared with, so that it
  // takes as long.
  static Secret Unmatchable() { return Secret(); }

  std::string Hex() const;

  // Takes the same time wherever the two differ.
  bool operator==(const Secret& other) const;

  // For hash tables. A digest is as good as random.
  struct Hash {
    size_t operator()(const Secret& secret) const;
  };

 private:
  Secret() = default;
  std::array<uint8_t, 32> digest_{};
};

// What a tenant's password may be, the newest last: two are valid at once while a password is being
// replaced. None: any password.
using Secrets = std::vector<Secret>;
inline constexpr size_t kMaxSecrets = 2;

// Whether `guess` is one of `secrets`; always so where there is none. Takes the same time whichever
// matches, wherever the others differ, and however many they are.
bool Accepts(const Secrets& secrets, const Secret& guess);

}  // namespace shredder::config
