// Size classes, four to a doubling: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... units. Rounding
// a size up to its class wastes at most a fifth of the block. The arena uses them twice: in units
// of 16 bytes for blocks within a chunk, and in units of chunks for the bins of free runs.
#pragma once

#include <bit>
#include <cstdint>

namespace shredder::store {

// The largest class that is at most `units`, which is at least 1.
constexpr int FloorClass(uint64_t units) {
  if (units < 4) return static_cast<int>(units) - 1;
  const int log2 = static_cast<int>(std::bit_width(units)) - 1;
  return (log2 - 2) * 4 + static_cast<int>((units >> (log2 - 2)) & 3) + 3;
}

// The smallest class that is at least `units`, which is at least 1.
constexpr int CeilClass(uint64_t units) { return units == 1 ? 0 : FloorClass(units - 1) + 1; }

constexpr uint64_t ClassUnits(int size_class) {
  if (size_class < 3) return static_cast<uint64_t>(size_class) + 1;
  return (4 + static_cast<uint64_t>((size_class - 3) % 4)) << ((size_class - 3) / 4);
}

static_assert(ClassUnits(CeilClass(1)) == 1 && ClassUnits(CeilClass(8)) == 8);
static_assert(ClassUnits(CeilClass(9)) == 10 && ClassUnits(FloorClass(9)) == 8);
static_assert(ClassUnits(CeilClass(2047)) == 2048 && ClassUnits(FloorClass(2047)) == 1792);

}  // namespace shredder::store
