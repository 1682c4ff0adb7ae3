// The allocator of blocks in the memory of one store (memory.h), which is filled on demand. All of
// the allocator's state lives in that memory and refers to it by offset, so that another process
// can map it and go on.
//
// clang-format off
//   offset 0                 4 KiB       72 KiB    328 KiB      384 KiB
//   +--------+-------+-------+-----------+---------+------------+------------+-------+-------+------+
//   | Store  | Table | Arena | key       | journal | chunk table| chunks: the| never | chunk | undo |
//   | Header | State | State | scratch   |         | (small)    | frontier   | used  | table | log  |
//   +--------+-------+-------+-----------+---------+------------+------------+-------+-------+------+
// clang-format on
//
// The capacity is the number of chunks that there is a place for, and what lies behind them moves
// when it changes (arena_places.h). What the quota asks for is twice the quota; an arena in a slot
// of a pool may have less, and then needs memory of its own before the quota is used up.
//
// A chunk belongs to one size class of small blocks (up to 32 KiB), to a run of chunks that is one
// large block, or to a free run. A chunk whose last block is freed joins the free runs, so no class
// keeps memory that another needs. Free runs coalesce with their neighbours through the marks at
// both their ends, and wait in bins by length (a good fit, as in M. Masmano et al., "TLSF", ECRTS
// 2004), so that allocating and freeing are O(1), but for the pass over a large block's chunks.
//
// Physical memory follows use: fresh chunks cost nothing until written, and free chunks beyond a
// small reserve and what a budget of the process allows are given back to the kernel. used_bytes
// counts blocks: small ones by their class, large ones by their 4 KiB pages.
//
// Allocating and freeing are parts of a step (change_log.h) that the caller ends, so that what it
// does with the blocks happens with them, or not at all. Within a step nothing is allocated after
// something was freed: the memory of what is freed must stay as it is until the step has happened.
//
// Thread: the shard's own. Errors: an allocation that the quota or the reserved range refuses
// returns 0 and changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "builtins-csa/layout/arena_layout.h"
#include "builtins-csa/layout/change_log.h"
#include "builtins-csa/layout/table_layout.h"
#include "runtime/store/arena_places.h"
#include "runtime/store/free_memory.h"
#include "runtime/store/memory.h"
#include "runtime/store/pauses.h"
#include "runtime/store/pins.h"

namespace shredder::store {

using layout::ArenaState;
using layout::CeilClass;
using layout::Chunk;
using layout::ChunkKind;
using layout::ClassUnits;
using layout::FloorClass;
using layout::kBlockUnitBytes;
using layout::kChunkBytes;
using layout::kChunkBytesLog2;
using layout::kChunkPages;
using layout::kChunkUnits;
using layout::kMaxQuotaBytes;
using layout::kMaxSmallBytes;
using layout::kMinQuotaBytes;
using layout::kPageBytes;
using layout::kRunBinCount;
using layout::kSmallClassCount;

// TableState::halving.
inline constexpr uint64_t kHalvingWords = 1;
inline constexpr uint64_t kHalvingBlock = 2;

// What the table keeps besides the StoreHeader; here because it has its place in the arena's first
// page.
struct TableState {
  uint64_t segment_count;
  uint64_t segments_at_depth[layout::kMaxGlobalDepth + 1];  // by their local depth
  uint64_t reap_cursor;  // top 48 bits of a hash, then 16 bits of slot index
  // The directory of twice the size that is being filled, and how many of the directory's words it
  // has twice; 0 = none.
  uint64_t next_directory_offset;
  uint64_t next_directory_words;
  // A directory that is no longer used, and how many of its chunks are still to be discarded before
  // it is freed; 0 = none.
  uint64_t old_directory_offset;
  uint64_t old_directory_chunks;
  // While the directory is being halved where it lies: kHalvingWords, and how many words have been
  // moved; then kHalvingBlock, until the block has been halved too.
  uint64_t halving;
  uint64_t halved_words;
  uint64_t segment_growths;  // since the store was made, as are the next three
  uint64_t segment_splits;
  uint64_t segment_shrinks;  // merges included
  uint64_t directory_doublings;
};

// Large blocks that are in use and that the table does not refer to: a list of their first chunks.
// Such as somebody still reads (pins.h), who is gone when another process attaches the store.
struct ReservedBlocks {
  uint64_t bytes;        // that they take
  uint32_t first_chunk;  // 0 = none
  uint32_t unused;
};

// Free chunks may keep this much physical memory, against giving back and faulting in the same
// chunk over and over; and what a FreeMemoryBudget allows besides.
inline constexpr uint32_t kFreeDirtyPagesKept = 64;
// Blocks that are freed in one step at most.
inline constexpr uint64_t kMaxDeadBlocks = 64;
// A free block changes so many words at most: of the counts, the chunk, its class's list, a run on
// either side, and a bin.
inline constexpr uint64_t kMaxWordsPerFree = 32;
static_assert(kMaxDeadBlocks * kMaxWordsPerFree <= kMaxJournalEntries);

static_assert(sizeof(layout::StoreHeader) <= kTableStateOffset);
static_assert(kTableStateOffset + sizeof(TableState) <= kArenaStateOffset);
static_assert(kArenaStateOffset + sizeof(ArenaState) <= kReservedBlocksOffset);
static_assert(kReservedBlocksOffset + sizeof(ReservedBlocks) <= kPageBytes);

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Makes an arena in fresh memory: of its own, or `slot`, which is that of a pool and all zeros.
  // False with a one-line reason in *error. One of these four is called once, before all else.
  bool Map(uint64_t quota_bytes, std::string* error);
  void MapSlot(Memory slot, uint64_t quota_bytes);
  // Takes the memory that another process has left: in the file `fd`, which stays the caller's, or
  // in a slot; and takes back the step that was under way. False with a one-line reason in *error
  // where it is no store of this layout. Looks at nothing but what is at fixed places and in the
  // journal.
  bool Attach(int fd, std::string* error);
  bool AttachSlot(Memory slot, std::string* error);
  const Memory& memory() const { return memory_; }

  // Whether the capacity is less than the quota asks for, as it may be in a slot.
  bool is_confined() const { return state()->chunk_count < ChunksFor(quota_bytes()); }
  // Whether, since the arena is in this memory, something was refused for which the capacity had no
  // room.
  bool has_lacked_room() const { return has_lacked_room_; }
  // All that is in the arena, between two steps, in fresh memory of its own with the capacity that
  // the quota asks for. Nothing refers to it yet. False with a one-line reason in *error.
  bool CopyToOwn(Memory* copy, std::string* error);
  // Goes on in such a copy.
  void MoveTo(Memory memory);
  // Changes the quota, and raises the capacity with it as far as the memory can grow. Between two
  // steps, while there are no undo records. False with a one-line reason in *error, and the arena
  // is as before. Either way the base may have changed.
  bool SetQuota(uint64_t quota_bytes, std::string* error);
  // Of the undo log.
  uint64_t max_undo_records() const {
    return PlacesFor(state()->chunk_count).undo_bytes / sizeof(layout::UndoRecord);
  }
  void NoteLackOfRoom() { has_lacked_room_ = true; }
  // Where the chunks in use end.
  uint64_t extent_bytes() const { return state()->frontier * kChunkBytes; }

  // Forgets all blocks but those that are pinned, and gives their memory back. The StoreHeader is
  // left as it is.
  void Reset();

  // Free chunks may keep more memory, as far as the budget allows; null for none. It outlives the
  // arena or its place here.
  void SetBudget(FreeMemoryBudget* budget);
  bool keeps_more() const { return counted_pages_ != 0; }
  // What no block has needed since the last call, but for the small reserve, is to be given back:
  // while gives_back(), a bounded amount by each call of GiveBack. Between two steps.
  void NoteUnneeded();
  bool gives_back() const { return unneeded_pages_ != 0; }
  void GiveBack(uint64_t max_bytes);

  // Bytes of a block for whoever reads them while the store goes on; null where the block is small.
  std::shared_ptr<const Pin> PinBytes(uint64_t block, uint64_t at, uint64_t size);
  // A large block, reserved for somebody who writes it while the store goes on, and who pins it at
  // once; 0 where it is refused. A step of its own.
  uint64_t AllocateReserved(uint64_t bytes);
  std::shared_ptr<Pin> PinReserved(uint64_t block, uint64_t at, uint64_t size);
  // The block of that pin; nothing where it is another arena's.
  std::optional<uint64_t> ReservedBlockOf(const Pin& pin) const {
    return pins_ == nullptr ? std::nullopt : pins_->BlockOf(pin);
  }
  // It is reserved no more, or again; parts of a step.
  void EndReservation(uint64_t block);
  void Reserve(uint64_t block);
  // Whether somebody reads the block's bytes, or receives them.
  bool IsPinned(uint64_t block) const { return pins_ != nullptr && pins_->Holds(block); }
  // Whether FreeIdle has something to do.
  bool has_idle_blocks() const { return pins_ != nullptr && pins_->has_idle(); }
  // Frees what was freed while it was pinned, and is not any more. Between two steps.
  void FreeIdle();
  // Frees all reserved blocks: of an arena that was attached, whose pins are gone. Between two
  // steps. False with a one-line reason in *error where one is no such block.
  bool FreeReserved(std::string* error);
  // What they take.
  uint64_t reserved_bytes() const { return reserved()->bytes; }
  // Their offsets, as far as the list is whole.
  std::vector<uint64_t> ReservedOffsets() const;

  // Called in the middle of what takes long, steps included.
  Pauses& pauses() { return pauses_; }

  char* base() const { return memory_.base(); }
  template <typename T>
  T* At(uint64_t offset) const {
    return reinterpret_cast<T*>(base() + offset);
  }
  layout::StoreHeader* header() const { return At<layout::StoreHeader>(0); }
  TableState* table_state() const { return At<TableState>(kTableStateOffset); }

  uint64_t used_bytes() const { return state()->used_bytes; }
  // How often memory was given back to the kernel.
  uint64_t give_backs() const { return give_backs_; }
  uint64_t quota_bytes() const { return state()->quota_bytes; }
  // The part of used_bytes that Charge and ChargeAlways have put there.
  uint64_t charged_bytes() const { return state()->charged_bytes; }

  // Until the next call, the quota is so much larger: by what is freed before it counts again.
  void SetCredit(uint64_t bytes) { credit_bytes_ = bytes; }

  // What a block of `bytes` (at least 1) takes, and counts.
  static uint64_t RoundedBytes(uint64_t bytes) {
    if (bytes > kMaxSmallBytes) return (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
    return ClassUnits(CeilClass((bytes + kBlockUnitBytes - 1) / kBlockUnitBytes)) * kBlockUnitBytes;
  }

  // The offset of a block of at least `bytes`, aligned to 16 bytes (to a page where it is of whole
  // pages), its content arbitrary; 0 when refused.
  uint64_t Allocate(uint64_t bytes);
  // The same, filled with zeros; at most kMaxSmallBytes.
  uint64_t AllocateZeroed(uint64_t bytes);
  // One that is pinned becomes a reserved block.
  void Free(uint64_t offset);
  // Frees up to kMaxDeadBlocks blocks whose content no one needs again, even where the step is
  // taken back. No entries of the journal need be there for it.
  void FreeDead(std::span<const uint64_t> offsets);
  // Frees a large block but for its first `bytes`, a multiple of a chunk, which stay as they are.
  void ShrinkLarge(uint64_t offset, uint64_t bytes);
  // Gives back the physical memory of one chunk of a large block, whose content is lost; so a large
  // block can be freed in short steps.
  void DiscardChunk(uint64_t offset, uint64_t chunk_of_block);
  // Pages of the undo log beyond `kept_bytes` go back to the kernel, of those up to `used_bytes`,
  // which the log may have written.
  void TrimUndo(uint64_t kept_bytes, uint64_t used_bytes);

  // The rounded size of an allocated block.
  uint64_t BlockBytes(uint64_t offset) const;
  // Whether a block may begin at this offset, which may be any number: what can be told from its
  // chunk alone.
  bool MayBeBlock(uint64_t offset) const;

  // Stores a value, its word journaled before.
  template <typename T>
  void Write(T* field, std::type_identity_t<T> value) {
    layout::LoggedStore<T>(header(), field, value);
  }
  // Stores the value `count` times from `first` on. Journals each run of equal words as one, so
  // that a directory's many words for one segment are one entry.
  void Fill(uint64_t* first, uint64_t count, uint64_t value);
  // The step has happened, and `undo_records` have come (or, negative, gone) with it.
  void EndStep(int64_t undo_records = 0) {
    layout::EndStep(header(), undo_records);
    has_freed_ = false;
    if (!discards_.empty()) Discard();
  }

  // Counts memory outside of the arena against the quota; false where it does not fit.
  bool Charge(uint64_t bytes);
  // The same for what cannot be refused; used_bytes may then pass the quota.
  void ChargeAlways(uint64_t bytes);
  void Uncharge(uint64_t bytes);

  // Walks everything: the first fault found, or nothing. `blocks` are the offsets of all blocks
  // that are in use; sorted here.
  std::string Check(std::span<uint64_t> blocks) const;

 private:
  ArenaState* state() const { return At<ArenaState>(kArenaStateOffset); }
  ReservedBlocks* reserved() const { return At<ReservedBlocks>(kReservedBlocksOffset); }
  Chunk* chunk(uint64_t index) const { return At<Chunk>(state()->chunk_table_offset) + index; }

  // The words of an allocator's state that follow from its capacity.
  static void SetConstants(ArenaState* state, uint64_t chunk_count);
  void Initialise(uint64_t quota_bytes, uint64_t chunk_count);
  // Of Attach: false with a one-line reason in *error.
  bool AttachMemory(std::string* error);
  bool CheckFixedWords(std::string* error) const;
  bool TakeBackStep(std::string* error);
  void DiscardUnused();
  bool RecountFreeMemory(std::string* error);
  bool FitsQuota(uint64_t bytes) const;

  uint64_t AllocateSmall(int size_class, bool* is_zero);
  uint64_t AllocateLarge(uint64_t pages);
  // The chunks from the first one on, which are nobody's, become a block of so many pages.
  void MakeLarge(uint32_t first, uint64_t pages);
  void FreeSmall(uint32_t index, uint64_t offset);
  void FreeLarge(uint32_t index);
  bool ReserveIfPinned(uint64_t offset);
  void LinkReserved(uint64_t block);
  void UnlinkReserved(uint64_t block);
  // Of an arena that has been initialised since, whose frontier is not behind it: the block of so
  // many pages is there again, with all that it held. A step of its own.
  void RestoreReserved(uint64_t block, uint64_t pages);
  void LinkToClass(uint32_t index);
  void UnlinkFromClass(uint32_t index);
  // A chunk comes to the front of the list whose first chunk is *head, or leaves it.
  void Link(uint32_t* head, uint32_t index);
  void Unlink(uint32_t* head, uint32_t index);

  // Runs of whole chunks. TakeRun returns the first chunk, or 0; the caller marks it.
  uint32_t TakeRun(uint32_t chunks);
  uint32_t FindFreeRun(uint32_t chunks) const;
  void ReturnRun(uint32_t first, uint32_t chunks);
  void LinkFreeRun(uint32_t first, uint32_t chunks);
  void UnlinkFreeRun(uint32_t first);
  // Gives the pages of free chunks back, or keeps them for the next allocation; at the step's end,
  // as they may still hold what a step that is taken back needs.
  void GiveBackLater(uint32_t first, uint32_t chunks);
  void Discard();
  void DiscardRun(uint32_t first, uint32_t chunks);
  // Of what is free, until no more than so many pages hold physical memory.
  void DiscardBehindFrontier(uint64_t end_pages);
  void DiscardFreeRuns(uint64_t end_pages);
  // False where the kernel refuses.
  bool DiscardIfDirty(uint32_t first, uint32_t chunks);
  uint32_t DirtyPages(uint32_t first, uint32_t chunks) const;
  void SetFreeDirtyPages(uint64_t pages);
  void CountFreePages();
  void RaiseDirtyPages(Chunk* chunk, uint64_t pages);
  bool PunchHole(uint64_t offset, uint64_t bytes);
  // Gives back what physical memory lies between the two offsets, with pauses. False where the
  // kernel refuses.
  bool PunchInPieces(uint64_t from, uint64_t to);
  // What lies between them reads as zeros.
  void MakeZero(uint64_t from, uint64_t to);

  std::string CheckChunks(uint64_t* blocks_found, uint64_t* bytes_found,
                          std::unordered_set<uint64_t>* free_blocks) const;
  std::string CheckSmallChunk(uint32_t index, std::unordered_set<uint64_t>* free_blocks) const;
  std::string CheckDirtyPages() const;
  std::string CheckLists() const;

  Memory memory_;
  Pauses pauses_;
  bool has_lacked_room_ = false;
  uint64_t give_backs_ = 0;
  uint64_t credit_bytes_ = 0;
  bool has_freed_ = false;  // in the step that is under way
  // Runs of chunks that the step frees, whose memory goes back to the kernel at its end.
  std::vector<std::pair<uint32_t, uint32_t>> discards_;

  std::unique_ptr<Pins> pins_;  // null where there never was any
  FreeMemoryBudget* budget_ = nullptr;
  uint64_t counted_pages_ = 0;     // that the budget has of this arena
  uint64_t least_free_pages_ = 0;  // since the last NoteUnneeded, and of free_dirty_pages
  uint64_t unneeded_pages_ = 0;    // of these, yet to be given back
};

}  // namespace shredder::store
