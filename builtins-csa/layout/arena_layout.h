// The allocator's state in a store's arena (runtime/store/arena.h), so that generated code can take
// a small block without a call: TakeSmallBlock below is that fast path in C++, step by step, and
// what C++ itself uses. Nothing here depends on V8 or on the store.
//
// Small blocks have one of kSmallClassCount sizes and come from chunks of 64 KiB, each of one
// class. class_chunks names, for each class, a chunk that has a free block, if there is one; a
// chunk is unlinked there when its last block is taken, which generated code leaves to C++.
//
// Thread: the shard's own, as everything in the arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "builtins-csa/layout/change_log.h"
#include "builtins-csa/layout/table_layout.h"

namespace shredder::layout {

// --- Size classes --------------------------------------------------------------------------------

// Eight to a doubling: 1, 2, 3, ... 15, 16, 18, 20, ... 30, 32, 36, ... units. Rounding a size up
// to its class wastes at most a ninth of the block: a value of a power of two, which with its key
// is a little more, takes an eighth more. The arena uses them twice: in units of 16 bytes for
// blocks within a chunk, and in units of chunks for the bins of free runs.

// The largest class that is at most `units`, which is at least 1.
constexpr int FloorClass(uint64_t units) {
  if (units < 8) return static_cast<int>(units) - 1;
  const int log2 = 63 - __builtin_clzll(units);
  return (log2 - 3) * 8 + static_cast<int>((units >> (log2 - 3)) & 7) + 7;
}

// The smallest class that is at least `units`, which is at least 1.
constexpr int CeilClass(uint64_t units) { return units == 1 ? 0 : FloorClass(units - 1) + 1; }

constexpr uint64_t ClassUnits(int size_class) {
  if (size_class < 7) return static_cast<uint64_t>(size_class) + 1;
  return (8 + static_cast<uint64_t>((size_class - 7) % 8)) << ((size_class - 7) / 8);
}

static_assert(ClassUnits(CeilClass(1)) == 1 && ClassUnits(CeilClass(8)) == 8);
static_assert(ClassUnits(CeilClass(17)) == 18 && ClassUnits(FloorClass(17)) == 16);
static_assert(ClassUnits(CeilClass(2047)) == 2048 && ClassUnits(FloorClass(2047)) == 1920);

// --- Chunks --------------------------------------------------------------------------------------

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr int kPageBytesLog2 = 12;
inline constexpr int kChunkBytesLog2 = 16;
inline constexpr uint64_t kChunkBytes = 1ull << kChunkBytesLog2;
inline constexpr uint64_t kChunkPages = kChunkBytes / kPageBytes;
inline constexpr int kBlockUnitBytesLog2 = kEntryAlignmentLog2;
inline constexpr uint64_t kBlockUnitBytes = 1ull << kBlockUnitBytesLog2;
inline constexpr uint64_t kChunkUnits = kChunkBytes / kBlockUnitBytes;
inline constexpr uint64_t kMaxSmallBytes = 32 * 1024;
// The largest block whose class ArenaState has in a table.
inline constexpr uint64_t kMaxTabledBytes = 1024;
inline constexpr int kSmallClassCount = CeilClass(kMaxSmallBytes / kBlockUnitBytes) + 1;
inline constexpr int kRunBinCount = FloorClass(kMaxArenaBytes / kChunkBytes) + 1;
inline constexpr int kRunBinWords = (kRunBinCount + 63) / 64;
static_assert(kPageBytes == 1ull << kPageBytesLog2);

enum class ChunkKind : uint8_t { kUnused, kFreeRun, kSmall, kLarge, kLargeEnd };

// One entry of the chunk table. Of a run's chunks, only the first and the last are kept up to date,
// but for dirty_pages.
struct Chunk {
  ChunkKind kind;
  uint8_t size_class;   // kSmall
  uint16_t last_pages;  // kLarge (first): pages of the block in its last chunk
  uint32_t run_chunks;  // kFreeRun (first and last), kLarge (first): chunks in the run

  // kSmall. One word, so that taking and freeing a block is one store.
  struct Blocks {
    uint16_t free_head;  // the first free block's unit in the chunk, plus 1; 0 = none. Free blocks
                         // hold, in their first two bytes, the next one's in the same form
    uint16_t carved_units;  // units from here on have never been a block
    uint16_t used_blocks;
    uint16_t reserved;
  };
  Blocks blocks;

  // kFreeRun: in its bin. kSmall with a free block: in its class. Reserved: in the list of reserved
  // blocks. 0 = none
  uint32_t previous;
  uint32_t next;

  // Pages from the chunk's start that may hold physical memory; those after it read as zeros.
  // Raised before they are written and never journaled, as what has been written stays written.
  uint32_t dirty_pages;
  uint32_t reserved;

  uint64_t large_pages() const { return (run_chunks - 1) * kChunkPages + last_pages; }
};
inline constexpr int kChunkEntryBytesLog2 = 5;
static_assert(sizeof(Chunk) == 1 << kChunkEntryBytesLog2, "two to a cache line");
static_assert(sizeof(Chunk::Blocks) == 8 && offsetof(Chunk, blocks) % 8 == 0);

// Chunk::Blocks as the word that generated code stores.
inline constexpr int kFreeHeadShift = 0;
inline constexpr int kCarvedUnitsShift = 16;
inline constexpr int kUsedBlocksShift = 32;
static_assert(offsetof(Chunk::Blocks, free_head) * 8 == kFreeHeadShift &&
              offsetof(Chunk::Blocks, carved_units) * 8 == kCarvedUnitsShift &&
              offsetof(Chunk::Blocks, used_blocks) * 8 == kUsedBlocksShift);

struct ArenaState {
  uint64_t quota_bytes;
  uint64_t used_bytes;     // may pass the quota, by what cannot be refused
  uint64_t charged_bytes;  // the part of used_bytes that Arena::Charge put there
  uint64_t chunk_table_offset;
  uint32_t first_chunk;  // those before hold this state and the chunk table
  uint32_t frontier;     // no chunk from here on is in use
  uint32_t chunk_count;
  uint32_t free_dirty_pages;  // pages of free chunks that hold physical memory; not journaled
  uint32_t discard_pending;   // 1 while free_dirty_pages may be wrong: the kernel is to get memory
                              // that a step has freed, or a step is being taken back
  uint32_t touched_chunks;    // chunks from here on have never been in use; not journaled
  uint64_t run_bin_bits[kRunBinWords];      // bit b: run_bins[b] is not empty
  uint32_t run_bins[kRunBinCount];          // first free run of each bin, by chunk; 0 = none
  uint32_t class_chunks[kSmallClassCount];  // first chunk of each class with a free block; 0 = none
  // Constant, for generated code: a class's units; the class of a block of up to kMaxTabledBytes,
  // by its units.
  uint16_t class_units[kSmallClassCount];
  uint8_t classes_by_units[kMaxTabledBytes / kBlockUnitBytes + 1];
};

// --- Taking a small block ------------------------------------------------------------------------

// The offset of a block of the class, its content arbitrary, where it can be had by the few steps
// below; else 0, with nothing changed, and Arena::Allocate must try. Part of a step, which the
// caller ends. `state` is at the header's arena_state_offset.
inline uint64_t TakeSmallBlock(StoreHeader* header, ArenaState* state, int size_class) {
  char* const base = BaseOf(header);
  // 1. Its chunk.
  const uint32_t index = state->class_chunks[size_class];
  if (index == 0) return 0;
  auto* chunk = reinterpret_cast<Chunk*>(base + state->chunk_table_offset) + index;
  const uint64_t chunk_offset = static_cast<uint64_t>(index) << kChunkBytesLog2;
  // 2. The quota. A sum of two numbers far below 2^63 does not overflow.
  const uint64_t units = state->class_units[size_class];
  const uint64_t used_bytes = state->used_bytes + (units << kBlockUnitBytesLog2);
  if (used_bytes > state->quota_bytes) return 0;
  // 3. A freed block, or one that is carved from pages which others have written to before. Not the
  //    chunk's last one, with which it leaves its class's list.
  Chunk::Blocks blocks = chunk->blocks;
  const uint64_t carved_end = blocks.carved_units + units;
  uint64_t unit;
  if (blocks.free_head != 0) {
    unit = blocks.free_head - 1u;
    uint16_t next;
    std::memcpy(&next, base + chunk_offset + (unit << kBlockUnitBytesLog2), sizeof next);
    if (next == 0 && carved_end > kChunkUnits) return 0;
    blocks.free_head = next;
  } else {
    if (carved_end << kBlockUnitBytesLog2 > chunk->dirty_pages << kPageBytesLog2) return 0;
    if (carved_end + units > kChunkUnits) return 0;
    unit = blocks.carved_units;
    blocks.carved_units = static_cast<uint16_t>(carved_end);
  }
  blocks.used_blocks++;
  // 4. The journal, and the two words. With them the block's first word, as the caller writes over
  //    the link that it may hold.
  const uint64_t offset = chunk_offset + (unit << kBlockUnitBytesLog2);
  Log(header, base + offset, &chunk->blocks, &state->used_bytes);
  OrderedStore(&chunk->blocks, blocks);
  OrderedStore(&state->used_bytes, used_bytes);
  return offset;
}

}  // namespace shredder::layout
