// The store's hash table: extendible hashing over an arena, its growth and its shrinking. Deals in
// slots (key word, value word), not in what the value words point to. The layout, and why:
// builtins-csa/table_layout.h; lookup: table_lookup.h.
//
// A segment splits when an insertion would end up further than kMaxDisplacement slots from its
// home, which happens at a load of three quarters or so. Two sibling segments merge again when both
// together are less than a quarter full, so that a store whose keys have gone has its memory for
// others; removals check that now and then.
//
// Thread: the shard's own. A slot's address is valid until the next Insert, Remove or merge.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "builtins-csa/table_layout.h"
#include "runtime/store/arena.h"

namespace shredder::store {

class Table {
 public:
  explicit Table(Arena* arena) : arena_(arena) {}

  // Makes the empty table: two segments. False where the quota has no room for them.
  bool Initialise();

  // Adds a slot for a key that has none. False, with nothing changed, where its segment is full and
  // cannot be split. Without `may_split`, no memory is needed.
  bool Insert(uint64_t hash, uint64_t key_word, uint64_t value_word, bool may_split);
  // The slot with this key word and this entry, which must be there.
  layout::Slot* FindEntry(uint64_t key_word, uint64_t entry_offset) const;
  void SetValueWord(layout::Slot* slot, uint64_t value_word);
  // Removes the slot and moves those after it back.
  void Remove(layout::Slot* slot);

  // To be called after removals, outside of a transaction: merges the segment of `hash` with its
  // sibling, as far as both are sparse. The first looks only every 16th time.
  void MergeNowAndThen(uint64_t hash);
  void MergeIfSparse(uint64_t hash);

  // The segment that a hash leads to, and the range of hashes that it covers.
  struct SegmentRange {
    layout::Slot* slots;
    uint64_t offset;
    int depth;
    uint64_t first_hash;
    uint64_t last_hash;
  };
  SegmentRange RangeOf(uint64_t hash) const;

  // The first fault found, or nothing; adds the offsets of the table's own blocks to *blocks.
  std::string Check(std::vector<uint64_t>* blocks) const;

 private:
  layout::StoreHeader* header() const { return arena_->header(); }
  uint64_t* directory() const { return arena_->At<uint64_t>(header()->directory_offset); }
  int global_depth() const { return 64 - static_cast<int>(header()->directory_shift); }

  bool MaySplit(int depth) const;
  bool Split(const SegmentRange& range);
  bool DoubleDirectory();
  void HalveDirectory();
  bool MergeOnce(const SegmentRange& range);
  void PointDirectoryAt(uint64_t first_hash, int depth, uint64_t segment_offset);
  std::string CheckSegment(const SegmentRange& range, uint64_t* keys, uint64_t* expiring) const;

  Arena* arena_;
};

}  // namespace shredder::store
