// HTGetMany's work in C++: many lookups at once, whose cache misses overlap.
#pragma once

#include <cstdint>

#include "builtins-csa/layout/table_layout.h"

namespace shredder::layout {

// For each of `count` integer keys, copies the element `field` of its value (of 4 or 8 bytes, as
// `element_bytes` says, at byte field * element_bytes) to the same place in `out`, which is left as
// it was where the key is absent, or expired, or its value has no whole element there. Returns how
// many were found. `field` is at most 2^31 - 1.
//
// Group prefetching (S. Chen et al., "Improving Hash Join Performance through Prefetching", ICDE
// 2004): each step of a lookup is done for a group of keys, and asks for the memory that the next
// step will read, so that the misses of a group overlap.
uint64_t Gather(const StoreHeader* store, const uint32_t* keys, uint64_t count, uint64_t field,
                char* out, uint64_t element_bytes);

}  // namespace shredder::layout
