// The work in C++ of the builtins that take many keys: many lookups at once, whose cache misses
// overlap.
//
// Group prefetching (S. Chen et al., "Improving Hash Join Performance through Prefetching", ICDE
// 2004): each step of a lookup is done for a group of keys, and asks for the memory that the next
// step will read, so that the misses of a group overlap.
#pragma once

#include <cstdint>

#include "builtins-csa/layout/key.h"
#include "builtins-csa/layout/table_layout.h"

namespace shredder::layout {

// Enough to fill what a core has of outstanding misses, few enough to stay in the first-level cache
// until they are used.
inline constexpr uint64_t kGatherGroup = 32;

// For each of `count` integer keys, copies the element `field` of its value (of 4 or 8 bytes, as
// `element_bytes` says, at byte field * element_bytes) to the same place in `out`, which is left as
// it was where the key is absent, or expired, or its value has no whole element there. Returns how
// many were found. `field` is at most 2^31 - 1.
uint64_t Gather(const StoreHeader* store, const uint32_t* keys, uint64_t count, uint64_t field,
                char* out, uint64_t element_bytes);

// A value, by its place in the arena; 0 and 0 where its key is absent or expired.
struct ValuePlace {
  uint64_t offset;
  uint64_t length;
};

// The values of `count` keys of any kind, kGatherGroup at most. What is at byte `ahead` of each
// value is asked for.
void FindGroup(const StoreHeader* store, const store::Key* keys, uint64_t count, uint64_t ahead,
               ValuePlace* values);

}  // namespace shredder::layout
