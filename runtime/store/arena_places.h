// Where everything lies in an arena. What comes first is at the same place in all of them; what
// comes behind the chunks follows from their number, the arena's capacity, so that chunks keep
// their offsets while it grows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "builtins-csa/layout/arena_layout.h"
#include "builtins-csa/layout/change_log.h"
#include "builtins-csa/layout/table_layout.h"

namespace shredder::store {

// What a step changes at most: some words of the table and the allocator, the slots of a segment.
inline constexpr uint64_t kMaxJournalEntries = 16 * layout::kMaxSegmentSlots;
static_assert(kMaxJournalEntries <= layout::kJournalCountMask);

constexpr uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// In the first page, behind the StoreHeader.
inline constexpr uint64_t kTableStateOffset = 256;
inline constexpr uint64_t kArenaStateOffset = 1024;
inline constexpr uint64_t kReservedBlocksOffset = 3072;

inline constexpr uint64_t kKeyScratchOffset = layout::kPageBytes;
inline constexpr uint64_t kKeyScratchBytes = layout::kMaxKeyBytes + 8;
inline constexpr uint64_t kJournalOffset =
    RoundUp(kKeyScratchOffset + kKeyScratchBytes, layout::kPageBytes);
inline constexpr uint64_t kJournalBytes = kMaxJournalEntries * sizeof(layout::JournalEntry);
// The chunk table of a small arena; that of a larger one lies behind the chunks.
inline constexpr uint64_t kFrontTableOffset = kJournalOffset + kJournalBytes;
inline constexpr uint64_t kFirstChunk =
    RoundUp(kFrontTableOffset + (48 << 10), layout::kChunkBytes) / layout::kChunkBytes;
inline constexpr uint64_t kMaxFrontTableChunks =
    (kFirstChunk * layout::kChunkBytes - kFrontTableOffset) / sizeof(layout::Chunk);

inline constexpr uint64_t kMaxChunks = layout::kMaxArenaBytes / layout::kChunkBytes;

// The capacity of an arena in a slot of a pool (store_pool.h), at most: 80 MiB.
inline constexpr uint64_t kMaxSlotChunks = (80ull << 20) / layout::kChunkBytes;
// How far slots are apart.
inline constexpr uint64_t kSlotBytes = 256ull << 20;

struct Places {
  uint64_t chunks_end;
  uint64_t chunk_table_offset;
  uint64_t undo_offset;
  uint64_t undo_bytes;
  uint64_t end;
};

// Two undo records for each key that there may be, of 32 bytes at least (entry and slot). Those
// that may be refused take half of the range, and a removal of each key the other: UndoLog. Where
// the capacity is less than the quota asks for, keys may fill it; else it is twice the quota.
constexpr uint64_t UndoBytes(uint64_t capacity_bytes) {
  constexpr uint64_t kMostFilled = kMaxSlotChunks * layout::kChunkBytes;
  const uint64_t for_keys = std::max(capacity_bytes, 2 * std::min(capacity_bytes, kMostFilled));
  // And some more, as the largest capacities are just below twice the quota.
  return RoundUp(for_keys + capacity_bytes / 256, layout::kChunkBytes) + layout::kChunkBytes;
}

constexpr Places PlacesFor(uint64_t chunk_count) {
  Places places = {};
  places.chunks_end = chunk_count * layout::kChunkBytes;
  const bool is_in_front = chunk_count <= kMaxFrontTableChunks;
  places.chunk_table_offset = is_in_front ? kFrontTableOffset : places.chunks_end;
  const uint64_t table_bytes =
      is_in_front ? 0 : RoundUp(chunk_count * sizeof(layout::Chunk), layout::kChunkBytes);
  places.undo_offset = places.chunks_end + table_bytes;
  places.undo_bytes = UndoBytes(places.chunks_end);
  places.end = places.undo_offset + places.undo_bytes;
  return places;
}

static_assert(kMaxSlotChunks <= kMaxFrontTableChunks);
static_assert(PlacesFor(kMaxSlotChunks).end + (8ull << 20) <= kSlotBytes, "a gap between slots");
static_assert(PlacesFor(kMaxChunks).undo_offset <= layout::kJournalOffsetMask);

// The capacity that a quota asks for. Twice the quota holds a quota's worth of blocks of any one
// size (the worst, 36 KiB, take 64 KiB each) and bounds what fragmentation can cost the machine.
constexpr uint64_t ChunksFor(uint64_t quota_bytes) {
  // Room beyond, so that the smallest quotas too have a chunk for every class.
  constexpr uint64_t kSlackBytes = 16ull << 20;
  const uint64_t bytes = kFirstChunk * layout::kChunkBytes + 2 * quota_bytes + kSlackBytes;
  return std::min(RoundUp(bytes, layout::kChunkBytes) / layout::kChunkBytes, kMaxChunks);
}

inline constexpr uint64_t kMinChunks = ChunksFor(layout::kMinQuotaBytes);

}  // namespace shredder::store
