// The hash of the store's table, for C++; table_lookup_assembler (this folder) emits the same steps as CSA nodes, and the
// differential test holds the two together.
//
// Folded multiplication (the 128-bit product's halves xored), as in W. Yi's wyhash and its successors, keyed by random
// multipliers and seeds that live in the StoreHeader and never leave it, so that nobody outside can choose keys that
// collide.
#pragma once

#include <cstdint>
#include <cstring>

#include "table_layout.h"

namespace shredder::layout {

inline uint64_t FoldedMultiply(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Hash of an integer key, at most kMaxIntegerKey.
inline uint64_t HashInteger(const StoreHeader& header, uint64_t key) {
  return FoldedMultiply(key ^ header.integer_seed, header.integer_multiplier);
}

// Hash of a byte-string key: its 8-byte little-endian words in order, the last one padded with zeros, then its length.
inline uint64_t HashBytes(const StoreHeader& header, const char* bytes, uint64_t length) {
  uint64_t hash = header.bytes_seed;
  uint64_t word;
  uint64_t i = 0;
  for (; i + 8 <= length; i += 8) {
    std::memcpy(&word, bytes + i, 8);
    hash = FoldedMultiply(hash ^ word, header.bytes_multiplier);
  }
  if (i < length) {
    word = 0;
    std::memcpy(&word, bytes + i, length - i);
    hash = FoldedMultiply(hash ^ word, header.bytes_multiplier);
  }
  return FoldedMultiply(hash ^ length ^ header.integer_seed, header.integer_multiplier);
}

}  // namespace shredder::layout
