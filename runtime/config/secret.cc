#include "runtime/config/secret.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace shredder::config {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Secret Secret::OfPassword(std::string_view password) {
  Secret secret;
  static_assert(SHA256_DIGEST_LENGTH == sizeof(secret.digest_));
  SHA256(reinterpret_cast<const unsigned char*>(password.data()), password.size(),
         secret.digest_.data());
  return secret;
}

std::optional<Secret> Secret::FromHex(std::string_view hex) {
  Secret secret;
  if (hex.size() != secret.digest_.size() * 2) return std::nullopt;
  for (size_t i = 0; i < secret.digest_.size(); ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    secret.digest_[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return secret;
}

bool Secret::Equals(const Secret& other) const {
  return CRYPTO_memcmp(digest_.data(), other.digest_.data(), digest_.size()) == 0;
}

}  // namespace shredder::config
