// The hash of the store's table, for C++; table_lookup_assembler (this folder) emits the same steps
// as CSA nodes, and the differential test holds the two together.
//
// Folded multiplication (the 128-bit product's halves xored), as in W. Yi's wyhash and its
// successors, keyed by random multipliers and seeds that live in the StoreHeader and never leave
// it, so that nobody outside can choose keys that collide.
#pragma once

#include <cstdint>
#include <cstring>

#include "builtins-csa/layout/table_layout.h"

namespace shredder::layout {

inline uint64_t FoldedMultiply(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Hash of an integer key, at most kMaxIntegerKey. One folded multiplication leaves the hashes of
// neighbouring keys evenly spaced, by steps that with an unlucky multiplier share their top bits;
// the second multiplication scatters them.
inline uint64_t HashInteger(const StoreHeader& header, uint64_t key) {
  const uint64_t hash = FoldedMultiply(key ^ header.first_seed, header.first_multiplier);
  return (hash ^ hash >> 32) * header.second_multiplier;
}

// The last `count` (1 to 7) of a string's bytes as a word padded with zeros. From whole loads: a
// copy byte by byte into a word would make the processor wait, with that word, for all earlier
// lookups' cache misses.
inline uint64_t LoadLastBytes(const char* bytes, uint64_t count) {
  if (count >= 4) {
    uint32_t low;
    uint32_t high;
    std::memcpy(&low, bytes, 4);
    std::memcpy(&high, bytes + count - 4, 4);
    return low | static_cast<uint64_t>(high) << (count - 4) * 8;
  }
  const auto byte = [bytes](uint64_t i) {
    return static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << i * 8;
  };
  return byte(0) | byte(count / 2) | byte(count - 1);
}

// Hash of a byte-string key: its 8-byte little-endian words in order, the last one padded with
// zeros, then its length.
inline uint64_t HashBytes(const StoreHeader& header, const char* bytes, uint64_t length) {
  uint64_t hash = header.second_seed;
  uint64_t word;
  uint64_t i = 0;
  for (; i + 8 <= length; i += 8) {
    std::memcpy(&word, bytes + i, 8);
    hash = FoldedMultiply(hash ^ word, header.second_multiplier);
  }
  if (i < length) {
    hash = FoldedMultiply(hash ^ LoadLastBytes(bytes + i, length - i), header.second_multiplier);
  }
  return FoldedMultiply(hash ^ length ^ header.first_seed, header.first_multiplier);
}

}  // namespace shredder::layout
