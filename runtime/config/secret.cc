#include "runtime/config/secret.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>
#include <iterator>

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

std::string Secret::Hex() const {
  std::string hex;
  for (const uint8_t byte : digest_) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

bool Secret::operator==(const Secret& other) const {
  return CRYPTO_memcmp(digest_.data(), other.digest_.data(), digest_.size()) == 0;
}

size_t Secret::Hash::operator()(const Secret& secret) const {
  size_t hash;
  static_assert(sizeof(hash) <= sizeof(secret.digest_));
  std::memcpy(&hash, secret.digest_.data(), sizeof(hash));
  return hash;
}

bool Accepts(const Secrets& secrets, const Secret& guess) {
  const Secret none = Secret::Unmatchable();
  unsigned matches = 0;
  for (size_t i = 0; i < kMaxSecrets; ++i) {
    const Secret& secret = i < secrets.size() ? secrets[i] : none;
    matches |= static_cast<unsigned>(secret == guess);
  }
  return matches != 0 || secrets.empty();
}

}  // namespace shredder::config
