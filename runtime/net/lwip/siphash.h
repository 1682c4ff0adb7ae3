// SipHash (Aumasson, Bernstein): a keyed hash of short inputs. Pure.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

namespace shredder::net::lwip {

using SipKey = std::array<uint64_t, 2>;

// SipHash-`kCompressions`-`kFinalizations` of whole 64-bit words, without the algorithm's padding
// of bytes: the number of words is mixed in as its length is. 2-4 withstands cryptanalysis, 1-3
// suffices where only collisions would tell.
template <int kCompressions, int kFinalizations>
constexpr uint64_t SipHash(const SipKey& key, std::span<const uint64_t> words) {
  uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d;
  uint64_t v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573;
  const auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kCompressions; i++) round();
    v0 ^= word;
  };
  for (const uint64_t word : words) absorb(word);
  absorb(static_cast<uint64_t>(words.size() * 8) << 56);
  v2 ^= 0xff;
  for (int i = 0; i < kFinalizations; i++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace shredder::net::lwip
