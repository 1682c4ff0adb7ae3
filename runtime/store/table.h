// The store's hash table: extendible hashing over an arena, its growth and its shrinking. Deals in
// slots (key word, value word), not in what the value words point to. The layout, and why:
// builtins-csa/layout/table_layout.h; lookup: table_lookup.h.
//
// A segment is enlarged when an insertion would end up further than kMaxDisplacement slots from its
// home, which happens at a load of three quarters or so: by a page, and one of four pages splits
// into two of three. After removals segments shrink, and siblings merge, once they are sparse,
// which is looked at now and then: a store whose keys have gone has its memory for others.
//
// The directory doubles when a segment of the global depth splits. A large one is prepared in short
// steps, one with each growth of a segment, long before it is needed; the one before is freed in
// such steps, too.
//
// Growth and shrinking are steps (change_log.h), each whole in itself; putting a key in and taking
// one out are parts of a step that the caller ends.
//
// Rollback of a transaction re-inserts the keys that it has removed, and cannot be refused. So
// nothing shrinks or merges while one runs, and what splits leaves room for all of them.
//
// Thread: the shard's own. A slot's address is valid until the next Insert, Remove or merge.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "builtins-csa/layout/change_log.h"
#include "builtins-csa/layout/table_layout.h"
#include "runtime/store/arena.h"

namespace shredder::store {

class Table {
 public:
  explicit Table(Arena* arena) : arena_(arena) {}

  // Makes the empty table: two segments of a page. False where the quota has no room for them.
  bool Initialise();

  // A segment, and the range of hashes that it covers.
  struct Segment {
    layout::Slot* slots;
    uint64_t offset;
    uint64_t pages;
    int depth;
    uint64_t first_hash;
    uint64_t last_hash;
    uint64_t slot_count() const { return pages * layout::kSlotsPerPage; }
  };
  // The segment that a hash leads to.
  Segment SegmentOf(uint64_t hash) const;

  // Adds a slot for a key that has none; the caller ends the step. Steps of its own come before,
  // where its segment grows, so none may be under way then. False, with nothing changed that a
  // lookup shows, where its segment has but one empty slot left and cannot grow. Without
  // `may_grow`, no memory is needed.
  bool Insert(uint64_t hash, uint64_t key_word, uint64_t value_word, bool may_grow);
  // The slot with this key word and this entry; null where there is none.
  layout::Slot* FindEntry(uint64_t key_word, uint64_t entry_offset) const;
  // Removes the segment's slot and moves those after it back; the caller ends the step.
  void Remove(const Segment& segment, layout::Slot* slot);

  // To be called now and then after removals, outside of a transaction: merges the segment of
  // `hash` with its sibling, as far as both are sparse, or shrinks it.
  void ShrinkIfSparse(uint64_t hash);

  // Once the arena has taken back the step of a process that has ended: brings the directory into
  // one piece, in which Check can look at it. False with a one-line reason in *error where it
  // cannot be one.
  bool Attach(std::string* error);
  // The rest of a directory's halving, from where it is on.
  void FinishHalving();

  // The first fault found, or nothing, whatever the memory holds; adds the offsets of the table's
  // own blocks to *blocks.
  std::string Check(std::vector<uint64_t>* blocks) const;

 private:
  layout::StoreHeader* header() const { return arena_->header(); }
  TableState* state() const { return arena_->table_state(); }
  uint64_t directory_words() const { return 1ull << global_depth(); }
  uint64_t* directory() const { return arena_->At<uint64_t>(header()->directory_offset); }
  int global_depth() const { return 64 - static_cast<int>(header()->directory_shift); }

  void WriteSlot(layout::Journal* journal, layout::Slot* slot, const layout::Slot& content);
  void Count(uint64_t TableState::* field, int64_t difference);
  void CountAtDepth(int depth, int64_t difference);
  bool Grow(const Segment& segment);
  bool Resize(const Segment& segment, uint64_t pages);
  bool MaySplit(int depth) const;
  bool Split(const Segment& segment);
  bool DoubleDirectory();
  // One short step of preparing the next directory, or of freeing one that is no longer used.
  void StepDirectory();
  bool StartNextDirectory();
  void FillNextDirectory(uint64_t words);
  void DropNextDirectory();
  void RetireDirectory(uint64_t offset, uint64_t words);
  // False where there is nothing to free.
  bool StepRetired();
  void HalveDirectory();
  void MoveHalvedWords();
  bool MergeOnce(const Segment& segment);
  // Copies the keys of `from` whose hashes have the bits of `mask` equal to `bits` to the segment.
  void CopyKeys(const Segment& from, uint64_t mask, uint64_t bits, uint64_t segment_offset,
                uint64_t pages);
  void PointDirectoryAt(uint64_t first_hash, int depth, uint64_t segment_offset, uint64_t pages);
  std::string CheckDirectory(std::vector<uint64_t>* blocks) const;
  std::string CheckSegment(const Segment& segment, uint64_t* keys) const;

  Arena* arena_;
};

}  // namespace shredder::store
