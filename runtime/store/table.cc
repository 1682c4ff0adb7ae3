#include "runtime/store/table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "runtime/store/table_lookup.h"

namespace shredder::store {

using layout::kEmptyKeyWord;
using layout::kSegmentBytes;
using layout::kSegmentSlots;
using layout::Slot;

namespace {

// Slots from its home at which an insertion splits the segment rather than go on.
constexpr uint64_t kMaxDisplacement = 32;
// A segment's depth stays within what so many doublings beyond the evenly spread table need: keys
// that hash alike must not grow the directory without end.
constexpr int kExcessDepth = 8;
// Two siblings merge when they hold no more keys than this: well below a split's three quarters of
// kSegmentSlots, so that a table does not go to and fro.
constexpr uint64_t kMaxMergedKeys = kSegmentSlots / 4;
constexpr uint64_t kRemovalsPerMergeCheck = 16;
// A segment whose first slots are as full as this is not counted out.
constexpr uint64_t kSampleSlots = 64;

uint64_t CountKeys(const Slot* slots, uint64_t count) {
  uint64_t keys = 0;
  for (uint64_t i = 0; i < count; i++) keys += slots[i].key_word != kEmptyKeyWord;
  return keys;
}

void Place(Slot* segment, uint64_t hash, const Slot& slot) {
  uint64_t position = HomePosition(hash);
  while (segment[position].key_word != kEmptyKeyWord) position = NextPosition(position);
  segment[position] = slot;
}

// The bit of the hash that tells the two halves of a segment of local depth `depth`.
uint64_t SplitBit(int depth) { return 1ull << (63 - depth); }

}  // namespace

bool Table::Initialise() {
  layout::StoreHeader* h = header();
  const uint64_t directory_offset = arena_->Allocate(2 * sizeof(uint64_t));
  const uint64_t first = arena_->AllocateZeroed(kSegmentBytes);
  const uint64_t second = arena_->AllocateZeroed(kSegmentBytes);
  if (directory_offset == 0 || first == 0 || second == 0) return false;
  h->directory_offset = directory_offset;
  h->directory_shift = 63;
  h->key_count = 0;
  h->expiring_key_count = 0;
  directory()[0] = first | 1;
  directory()[1] = second | 1;
  arena_->table_state()->segment_count = 2;
  arena_->table_state()->full_depth_segments = 2;
  return true;
}

Table::SegmentRange Table::RangeOf(uint64_t hash) const {
  const uint64_t word = directory()[hash >> header()->directory_shift];
  SegmentRange range;
  range.offset = word & layout::kSegmentOffsetMask;
  range.depth = static_cast<int>(word & ~layout::kSegmentOffsetMask);
  range.slots = arena_->At<Slot>(range.offset);
  const uint64_t within = ~0ull >> range.depth;
  range.first_hash = hash & ~within;
  range.last_hash = hash | within;
  return range;
}

bool Table::Insert(uint64_t hash, uint64_t key_word, uint64_t value_word, bool may_split) {
  for (;;) {
    const SegmentRange range = RangeOf(hash);
    uint64_t position = HomePosition(hash);
    uint64_t displacement = 0;
    while (displacement < kSegmentSlots && range.slots[position].key_word != kEmptyKeyWord) {
      displacement++;
      position = NextPosition(position);
      if (displacement > kMaxDisplacement && may_split) break;
    }
    if (displacement > kMaxDisplacement && may_split) {
      // Where it cannot be split, a long way from home is better than a refusal.
      may_split = MaySplit(range.depth) && Split(range);
      continue;
    }
    if (displacement == kSegmentSlots) return false;
    range.slots[position] = {key_word, value_word};
    header()->key_count++;
    header()->expiring_key_count += HasExpiry(value_word);
    return true;
  }
}

Slot* Table::FindEntry(uint64_t key_word, uint64_t entry_offset) const {
  const uint64_t hash = HashOfKeyWord(*header(), key_word);
  Slot* segment = RangeOf(hash).slots;
  uint64_t position = HomePosition(hash);
  while (segment[position].key_word != key_word ||
         EntryOffset(segment[position].value_word) != entry_offset) {
    assert(segment[position].key_word != kEmptyKeyWord);
    position = NextPosition(position);
  }
  return segment + position;
}

void Table::SetValueWord(Slot* slot, uint64_t value_word) {
  header()->expiring_key_count += HasExpiry(value_word);
  header()->expiring_key_count -= HasExpiry(slot->value_word);
  slot->value_word = value_word;
}

void Table::Remove(Slot* slot) {
  layout::StoreHeader* h = header();
  h->key_count--;
  h->expiring_key_count -= HasExpiry(slot->value_word);
  arena_->table_state()->removals++;
  const uint64_t slot_offset =
      static_cast<uint64_t>(reinterpret_cast<char*>(slot) - arena_->base());
  Slot* segment = arena_->At<Slot>(slot_offset & layout::kSegmentOffsetMask);
  auto hole = static_cast<uint64_t>(slot - segment);
  // Backward shift (D. Knuth, TAOCP 3, 6.4, algorithm R): a later slot of the run moves into the
  // hole unless its home lies after the hole.
  uint64_t position = hole;
  for (uint64_t probes = 1; probes < kSegmentSlots; probes++) {
    position = NextPosition(position);
    if (segment[position].key_word == kEmptyKeyWord) break;
    const uint64_t home = HomePosition(HashOfKeyWord(*h, segment[position].key_word));
    const uint64_t from_home = (position - home) & (kSegmentSlots - 1);
    const uint64_t from_hole = (position - hole) & (kSegmentSlots - 1);
    if (from_home >= from_hole) {
      segment[hole] = segment[position];
      hole = position;
    }
  }
  segment[hole] = {kEmptyKeyWord, 0};
}

// --- Growth -------------------------------------------------------------------------------------

bool Table::MaySplit(int depth) const {
  const int evenly_spread = std::max(
      0, static_cast<int>(std::bit_width(header()->key_count)) - layout::kSegmentSlotsLog2);
  return depth < std::min(evenly_spread + kExcessDepth, layout::kMaxGlobalDepth);
}

// Splits the segment in two. False, with nothing changed, where memory is refused or all keys would
// stay together.
bool Table::Split(const SegmentRange& range) {
  const uint64_t bit = SplitBit(range.depth);
  uint64_t keys = 0;
  uint64_t keys_above = 0;
  std::array<uint64_t, kSegmentSlots> hashes;
  for (uint64_t i = 0; i < kSegmentSlots; i++) {
    if (range.slots[i].key_word == kEmptyKeyWord) continue;
    hashes[i] = HashOfKeyWord(*header(), range.slots[i].key_word);
    keys++;
    keys_above += (hashes[i] & bit) != 0;
  }
  if (keys_above == 0 || keys_above == keys) return false;
  const uint64_t above_offset = arena_->AllocateZeroed(kSegmentBytes);
  if (above_offset == 0) return false;
  if (range.depth == global_depth() && !DoubleDirectory()) {
    arena_->Free(above_offset);
    return false;
  }

  std::array<Slot, kSegmentSlots> old;
  std::memcpy(old.data(), range.slots, kSegmentBytes);
  std::memset(range.slots, 0, kSegmentBytes);
  Slot* above = arena_->At<Slot>(above_offset);
  for (uint64_t i = 0; i < kSegmentSlots; i++) {
    if (old[i].key_word == kEmptyKeyWord) continue;
    Place(hashes[i] & bit ? above : range.slots, hashes[i], old[i]);
  }
  PointDirectoryAt(range.first_hash, range.depth + 1, range.offset);
  PointDirectoryAt(range.first_hash | bit, range.depth + 1, above_offset);
  TableState* state = arena_->table_state();
  state->segment_count++;
  if (range.depth + 1 == global_depth()) state->full_depth_segments += 2;
  return true;
}

// Makes all directory words of the hashes that share `first_hash`'s top `depth` bits name the
// segment.
void Table::PointDirectoryAt(uint64_t first_hash, int depth, uint64_t segment_offset) {
  uint64_t* words = directory() + (first_hash >> header()->directory_shift);
  const uint64_t count = 1ull << (global_depth() - depth);
  for (uint64_t i = 0; i < count; i++) words[i] = segment_offset | static_cast<uint64_t>(depth);
}

bool Table::DoubleDirectory() {
  layout::StoreHeader* h = header();
  const uint64_t words = 1ull << global_depth();
  const uint64_t offset = arena_->Allocate(2 * words * sizeof(uint64_t));
  if (offset == 0) return false;
  const uint64_t* old = directory();
  auto* doubled = arena_->At<uint64_t>(offset);
  for (uint64_t i = 0; i < words; i++) doubled[2 * i] = doubled[2 * i + 1] = old[i];
  arena_->Free(h->directory_offset);
  h->directory_offset = offset;
  h->directory_shift--;
  arena_->table_state()->full_depth_segments = 0;
  return true;
}

// --- Shrinking ----------------------------------------------------------------------------------

void Table::MergeNowAndThen(uint64_t hash) {
  if (arena_->table_state()->removals % kRemovalsPerMergeCheck == 0) MergeIfSparse(hash);
}

void Table::MergeIfSparse(uint64_t hash) {
  while (MergeOnce(RangeOf(hash))) {
  }
  while (arena_->table_state()->full_depth_segments == 0 &&
         global_depth() > layout::kMinGlobalDepth) {
    const int depth = global_depth();
    HalveDirectory();
    if (global_depth() == depth) break;
  }
}

bool Table::MergeOnce(const SegmentRange& range) {
  if (range.depth <= layout::kMinGlobalDepth) return false;
  if (CountKeys(range.slots, kSampleSlots) > kSampleSlots / 2) return false;
  const SegmentRange sibling = RangeOf(range.first_hash ^ SplitBit(range.depth - 1));
  if (sibling.depth != range.depth) return false;
  if (CountKeys(range.slots, kSegmentSlots) + CountKeys(sibling.slots, kSegmentSlots) >
      kMaxMergedKeys) {
    return false;
  }
  for (uint64_t i = 0; i < kSegmentSlots; i++) {
    const Slot& slot = sibling.slots[i];
    if (slot.key_word == kEmptyKeyWord) continue;
    Place(range.slots, HashOfKeyWord(*header(), slot.key_word), slot);
  }
  PointDirectoryAt(range.first_hash & sibling.first_hash, range.depth - 1, range.offset);
  arena_->Free(sibling.offset);
  TableState* state = arena_->table_state();
  state->segment_count--;
  if (range.depth == global_depth()) state->full_depth_segments -= 2;
  return true;
}

// No segment needs the directory's last bit. Where even the smaller directory is refused memory,
// the larger one serves on.
void Table::HalveDirectory() {
  layout::StoreHeader* h = header();
  const uint64_t words = 1ull << (global_depth() - 1);
  const uint64_t offset = arena_->Allocate(words * sizeof(uint64_t));
  if (offset == 0) return;
  const uint64_t* old = directory();
  auto* halved = arena_->At<uint64_t>(offset);
  const auto full_depth = static_cast<uint64_t>(global_depth() - 1);
  uint64_t full_depth_segments = 0;
  for (uint64_t i = 0; i < words; i++) {
    halved[i] = old[2 * i];
    full_depth_segments += (halved[i] & ~layout::kSegmentOffsetMask) == full_depth;
  }
  arena_->Free(h->directory_offset);
  h->directory_offset = offset;
  h->directory_shift++;
  arena_->table_state()->full_depth_segments = full_depth_segments;
}

}  // namespace shredder::store
