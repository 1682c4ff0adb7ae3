#include "runtime/store/table.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "builtins-csa/layout/table_lookup.h"

namespace shredder::store {

using layout::kEmptyKeyWord;
using layout::kMaxSegmentPages;
using layout::kSlotBytesLog2;
using layout::kSlotsPerPage;
using layout::Slot;

namespace {

// Slots from its home at which an insertion enlarges the segment rather than go on.
constexpr uint64_t kMaxDisplacement = 32;
// A segment's depth stays within what so many doublings beyond the evenly spread table need: keys
// that hash alike must not grow the directory without end.
constexpr int kExcessDepth = 8;
// Pages of each half of a split segment. Of 768 keys, which are three quarters of four pages, each
// half gets about as many as fill three pages to a half.
constexpr uint64_t kHalfPages = 3;
// A half that may have to hold more keys than this, two thirds of its slots, gets all the pages.
constexpr uint64_t kMaxKeysInHalf = kHalfPages * kSlotsPerPage * 2 / 3;
// Two siblings merge when they hold no more keys than this, which fill three pages to a half: half
// as many as at the split.
constexpr uint64_t kMaxMergedKeys = kHalfPages * kSlotsPerPage / 2;
// A segment shrinks when no more than one slot of so many is in use, and grows at three of four.
constexpr uint64_t kSlotsPerKeyToShrink = 4;
// A segment whose first slots are more than half full is not counted out.
constexpr uint64_t kSampleSlots = 64;
static_assert(kSampleSlots <= kSlotsPerPage);

// Directories of so many words, a chunk, and above are doubled in steps: a new page of memory takes
// microseconds.
constexpr uint64_t kMinWordsForSteps = kChunkBytes / sizeof(uint64_t);
// Words of the directory that a step copies, into 2 pages.
constexpr uint64_t kWordsPerStep = 512;
// The next directory is begun when one word of so many belongs to a segment of the global depth; by
// far most of those must come, grow and be full before the first of them splits.
constexpr uint64_t kWordsPerSegmentToBegin = 8;

uint64_t CountKeys(const Slot* slots, uint64_t count) {
  uint64_t keys = 0;
  for (uint64_t i = 0; i < count; i++) keys += slots[i].key_word != kEmptyKeyWord;
  return keys;
}

bool IsSparse(const Table::Segment& segment) {
  return CountKeys(segment.slots, kSampleSlots) <= kSampleSlots / 2;
}

// Pages that so many keys fill to a half at most.
uint64_t PagesFor(uint64_t keys) {
  return std::max<uint64_t>(1, (2 * keys + kSlotsPerPage - 1) / kSlotsPerPage);
}

uint64_t HomeIndex(uint64_t hash, uint64_t pages) {
  return layout::HomeBytes(hash, pages) >> kSlotBytesLog2;
}
uint64_t NextIndex(uint64_t index, uint64_t slot_count) {
  return index + 1 == slot_count ? 0 : index + 1;
}

void Place(Slot* slots, uint64_t pages, uint64_t hash, const Slot& slot) {
  uint64_t i = HomeIndex(hash, pages);
  while (slots[i].key_word != kEmptyKeyWord) i = NextIndex(i, pages * kSlotsPerPage);
  slots[i] = slot;
}

bool IsLastEmpty(const Table::Segment& segment, uint64_t index) {
  uint64_t i = index;
  do {
    i = NextIndex(i, segment.slot_count());
  } while (segment.slots[i].key_word != kEmptyKeyWord);
  return i == index;
}

// The bit of the hash that tells the two halves of a segment of local depth `depth`.
uint64_t SplitBit(int depth) { return 1ull << (63 - depth); }

}  // namespace

bool Table::Initialise() {
  layout::StoreHeader* h = header();
  const uint64_t directory_offset = arena_->Allocate(2 * sizeof(uint64_t));
  const uint64_t first = arena_->AllocateZeroed(layout::kSegmentPageBytes);
  const uint64_t second = arena_->AllocateZeroed(layout::kSegmentPageBytes);
  if (directory_offset == 0 || first == 0 || second == 0) return false;
  h->directory_offset = directory_offset;
  h->directory_shift = 63;
  h->key_count = 0;
  h->expiring_key_count = 0;
  directory()[0] = layout::MakeDirectoryWord(first, 1, 1);
  directory()[1] = layout::MakeDirectoryWord(second, 1, 1);
  state()->segment_count = 2;
  state()->segments_at_depth[1] = 2;
  layout::MayEndHere();
  arena_->EndStep();
  return true;
}

Table::Segment Table::SegmentOf(uint64_t hash) const {
  const uint64_t word = DirectoryWordOf(header(), hash);
  Segment segment;
  segment.offset = layout::SegmentOffset(word);
  segment.pages = layout::SegmentPages(word);
  segment.depth = layout::SegmentDepth(word);
  segment.slots = arena_->At<Slot>(segment.offset);
  const uint64_t within = ~0ull >> segment.depth;
  segment.first_hash = hash & ~within;
  segment.last_hash = hash | within;
  return segment;
}

bool Table::Insert(uint64_t hash, uint64_t key_word, uint64_t value_word, bool may_grow) {
  for (;;) {
    const Segment segment = SegmentOf(hash);
    uint64_t i = HomeIndex(hash, segment.pages);
    uint64_t displacement = 0;
    bool is_crowded = false;
    while (segment.slots[i].key_word != kEmptyKeyWord && !is_crowded) {
      i = NextIndex(i, segment.slot_count());
      is_crowded = ++displacement > kMaxDisplacement && may_grow;
    }
    if (!is_crowded && !IsLastEmpty(segment, i)) {
      layout::Journal journal(header());
      journal.Log(&header()->key_count);
      layout::OrderedStore(&header()->key_count, header()->key_count + 1);
      WriteSlot(&journal, &segment.slots[i], {key_word, value_word});
      return true;
    }
    if (!may_grow) return false;
    // Where it cannot grow, a long way from home is better than a refusal.
    may_grow = Grow(segment);
  }
}

Slot* Table::FindEntry(uint64_t key_word, uint64_t entry_offset) const {
  for (Probe probe(header(), HashOfKeyWord(*header(), key_word));; probe.Next()) {
    const Slot* slot = probe.slot();
    if (slot->key_word == kEmptyKeyWord) return nullptr;
    if (slot->key_word == key_word && EntryOffset(slot->value_word) == entry_offset) {
      return const_cast<Slot*>(slot);
    }
  }
}

void Table::WriteSlot(layout::Journal* journal, Slot* slot, const Slot& content) {
  journal->Log(&slot->value_word, &slot->key_word);
  layout::OrderedStore(&slot->value_word, content.value_word);
  layout::OrderedStore(&slot->key_word, content.key_word);
}

void Table::Remove(const Segment& segment, Slot* slot) {
  layout::StoreHeader* h = header();
  layout::Journal journal(h);
  journal.Log(&h->key_count);
  layout::OrderedStore(&h->key_count, h->key_count - 1);
  Slot* slots = segment.slots;
  const uint64_t count = segment.slot_count();
  const auto distance = [count](uint64_t from, uint64_t to) {
    return to >= from ? to - from : to + count - from;
  };
  auto hole = static_cast<uint64_t>(slot - slots);
  // Backward shift (D. Knuth, TAOCP 3, 6.4, algorithm R): a later slot of the run moves into the
  // hole unless its home lies after the hole.
  for (uint64_t i = NextIndex(hole, count); slots[i].key_word != kEmptyKeyWord;
       i = NextIndex(i, count)) {
    const uint64_t home = HomeIndex(HashOfKeyWord(*h, slots[i].key_word), segment.pages);
    if (distance(home, i) >= distance(hole, i)) {
      WriteSlot(&journal, &slots[hole], slots[i]);
      hole = i;
    }
  }
  WriteSlot(&journal, &slots[hole], {kEmptyKeyWord, 0});
}

// --- Growth --------------------------------------------------------------------------------------

// False, with nothing changed that a lookup shows, where memory is refused or the keys would stay
// together. Steps of its own.
bool Table::Grow(const Segment& segment) {
  const bool has_grown = segment.pages < kMaxSegmentPages
                             ? Resize(segment, segment.pages + 1)
                             : MaySplit(segment.depth) && Split(segment);
  arena_->EndStep();
  if (has_grown) StepDirectory();
  return has_grown;
}

// The segment's keys in a new block of so many pages, which must have room for them.
bool Table::Resize(const Segment& segment, uint64_t pages) {
  const uint64_t offset = arena_->AllocateZeroed(pages * layout::kSegmentPageBytes);
  if (offset == 0) return false;
  CopyKeys(segment, 0, 0, offset, pages);
  PointDirectoryAt(segment.first_hash, segment.depth, offset, pages);
  arena_->Free(segment.offset);
  Count(pages > segment.pages ? &TableState::segment_growths : &TableState::segment_shrinks, 1);
  return true;
}

void Table::Count(uint64_t TableState::* field, int64_t difference) {
  arena_->Write(&(state()->*field), state()->*field + static_cast<uint64_t>(difference));
}

void Table::CountAtDepth(int depth, int64_t difference) {
  uint64_t* count = &state()->segments_at_depth[depth];
  arena_->Write(count, *count + static_cast<uint64_t>(difference));
}

void Table::CopyKeys(const Segment& from, uint64_t mask, uint64_t bits, uint64_t segment_offset,
                     uint64_t pages) {
  Slot* to = arena_->At<Slot>(segment_offset);
  for (uint64_t i = 0; i < from.slot_count(); i++) {
    if (from.slots[i].key_word == kEmptyKeyWord) continue;
    const uint64_t hash = HashOfKeyWord(*header(), from.slots[i].key_word);
    if ((hash & mask) == bits) Place(to, pages, hash, from.slots[i]);
  }
  layout::MayEndHere();
}

bool Table::MaySplit(int depth) const {
  const int evenly_spread =
      std::max(0, static_cast<int>(std::bit_width(header()->key_count)) -
                      static_cast<int>(std::bit_width(layout::kMaxSegmentSlots) - 1));
  return depth < std::min(evenly_spread + kExcessDepth, layout::kMaxGlobalDepth);
}

bool Table::Split(const Segment& segment) {
  const uint64_t bit = SplitBit(segment.depth);
  uint64_t keys[2] = {0, 0};
  for (uint64_t i = 0; i < segment.slot_count(); i++) {
    const uint64_t key_word = segment.slots[i].key_word;
    if (key_word != kEmptyKeyWord) keys[(HashOfKeyWord(*header(), key_word) & bit) != 0]++;
  }
  if (keys[0] == 0 || keys[1] == 0) return false;
  // All that the running transaction has removed may come back, and into one half.
  uint64_t pages[2];
  uint64_t offsets[2];
  for (int half = 0; half < 2; half++) {
    pages[half] = keys[half] + header()->transaction_removals <= kMaxKeysInHalf ? kHalfPages
                                                                                : kMaxSegmentPages;
    offsets[half] = arena_->AllocateZeroed(pages[half] * layout::kSegmentPageBytes);
  }
  if (offsets[0] == 0 || offsets[1] == 0 ||
      (segment.depth == global_depth() && !DoubleDirectory())) {
    for (const uint64_t offset : offsets) {
      if (offset != 0) arena_->Free(offset);
    }
    return false;
  }
  for (int half = 0; half < 2; half++) {
    const uint64_t bits = half == 0 ? 0 : bit;
    CopyKeys(segment, bit, bits, offsets[half], pages[half]);
    PointDirectoryAt(segment.first_hash | bits, segment.depth + 1, offsets[half], pages[half]);
  }
  arena_->Free(segment.offset);
  Count(&TableState::segment_splits, 1);
  Count(&TableState::segment_count, 1);
  CountAtDepth(segment.depth, -1);
  CountAtDepth(segment.depth + 1, 2);
  return true;
}

// Makes all directory words of the hashes that share `first_hash`'s top `depth` bits name the
// segment.
void Table::PointDirectoryAt(uint64_t first_hash, int depth, uint64_t segment_offset,
                             uint64_t pages) {
  const uint64_t word = layout::MakeDirectoryWord(segment_offset, pages, depth);
  const uint64_t first = first_hash >> header()->directory_shift;
  const uint64_t end = first + (1ull << (global_depth() - depth));
  arena_->Fill(directory() + first, end - first, word);
  const uint64_t end_in_next = std::min(end, state()->next_directory_words);
  if (first >= end_in_next) return;
  auto* next = arena_->At<uint64_t>(state()->next_directory_offset);
  arena_->Fill(next + 2 * first, 2 * (end_in_next - first), word);
}

// Part of the step in which a segment splits.
bool Table::DoubleDirectory() {
  layout::StoreHeader* h = header();
  TableState* s = state();
  const uint64_t words = directory_words();
  if (s->next_directory_offset == 0 && !StartNextDirectory()) return false;
  FillNextDirectory(words);
  RetireDirectory(h->directory_offset, words);
  arena_->Write(&h->directory_offset, s->next_directory_offset);
  arena_->Write(&h->directory_shift, h->directory_shift - 1);
  arena_->Write(&s->next_directory_offset, uint64_t{0});
  arena_->Write(&s->next_directory_words, uint64_t{0});
  Count(&TableState::directory_doublings, 1);
  return true;
}

// A step of its own.
void Table::StepDirectory() {
  if (StepRetired()) return;
  if (state()->next_directory_offset != 0) {
    FillNextDirectory(kWordsPerStep);
  } else {
    const uint64_t words = directory_words();
    if (words >= kMinWordsForSteps && global_depth() < layout::kMaxGlobalDepth &&
        state()->segments_at_depth[global_depth()] >= words / kWordsPerSegmentToBegin) {
      StartNextDirectory();
    }
  }
  arena_->EndStep();
}

bool Table::StartNextDirectory() {
  const uint64_t offset = arena_->Allocate(2 * directory_words() * sizeof(uint64_t));
  if (offset == 0) return false;
  arena_->Write(&state()->next_directory_offset, offset);
  return true;
}

// Copies the next `words` words of the directory, as far as there are any.
void Table::FillNextDirectory(uint64_t words) {
  const uint64_t from = state()->next_directory_words;
  const uint64_t to = std::min(directory_words(), from + words);
  auto* next = arena_->At<uint64_t>(state()->next_directory_offset);
  for (uint64_t i = from; i < to; i++) next[2 * i] = next[2 * i + 1] = directory()[i];
  layout::MayEndHere();
  arena_->Write(&state()->next_directory_words, to);
}

void Table::DropNextDirectory() {
  if (state()->next_directory_offset == 0) return;
  RetireDirectory(state()->next_directory_offset, 2 * directory_words());
  arena_->Write(&state()->next_directory_offset, uint64_t{0});
  arena_->Write(&state()->next_directory_words, uint64_t{0});
}

// Frees a directory of so many words, in steps where it is large and no other is being freed.
void Table::RetireDirectory(uint64_t offset, uint64_t words) {
  if (words < kMinWordsForSteps || state()->old_directory_offset != 0) {
    arena_->Free(offset);
    return;
  }
  arena_->Write(&state()->old_directory_offset, offset);
  arena_->Write(&state()->old_directory_chunks, words * sizeof(uint64_t) / kChunkBytes);
}

// A step of its own.
bool Table::StepRetired() {
  TableState* s = state();
  if (s->old_directory_offset == 0) return false;
  if (s->old_directory_chunks > 0) {
    arena_->Write(&s->old_directory_chunks, s->old_directory_chunks - 1);
    arena_->EndStep();
    arena_->DiscardChunk(s->old_directory_offset, s->old_directory_chunks);
  } else {
    arena_->Free(s->old_directory_offset);
    arena_->Write(&s->old_directory_offset, uint64_t{0});
    arena_->EndStep();
  }
  return true;
}

// --- Shrinking -----------------------------------------------------------------------------------

void Table::ShrinkIfSparse(uint64_t hash) {
  assert(header()->transaction_state == layout::kNoTransaction);
  Segment segment = SegmentOf(hash);
  bool is_sparse;
  while ((is_sparse = IsSparse(segment)) && MergeOnce(segment)) {
    arena_->EndStep();
    segment = SegmentOf(hash);
  }
  if (is_sparse && segment.pages > 1) {
    const uint64_t keys = CountKeys(segment.slots, segment.slot_count());
    if (keys * kSlotsPerKeyToShrink <= segment.slot_count()) Resize(segment, PagesFor(keys));
  }
  arena_->EndStep();
  StepRetired();
  // Half of what begins it, against going to and fro.
  if (state()->segments_at_depth[global_depth()] <
      directory_words() / kWordsPerSegmentToBegin / 2) {
    DropNextDirectory();
    arena_->EndStep();
  }
  while (state()->segments_at_depth[global_depth()] == 0 &&
         global_depth() > layout::kMinGlobalDepth) {
    const int depth = global_depth();
    HalveDirectory();
    if (global_depth() == depth) break;
  }
}

// False, with nothing changed, where the segment and its sibling are not sparse or memory is
// refused; the caller ends the step.
bool Table::MergeOnce(const Segment& segment) {
  if (segment.depth <= layout::kMinGlobalDepth) return false;
  const Segment sibling = SegmentOf(segment.first_hash ^ SplitBit(segment.depth - 1));
  if (sibling.depth != segment.depth) return false;
  const uint64_t keys = CountKeys(segment.slots, segment.slot_count()) +
                        CountKeys(sibling.slots, sibling.slot_count());
  if (keys > kMaxMergedKeys) return false;
  const uint64_t pages = PagesFor(keys);
  const uint64_t offset = arena_->AllocateZeroed(pages * layout::kSegmentPageBytes);
  if (offset == 0) return false;
  CopyKeys(segment, 0, 0, offset, pages);
  CopyKeys(sibling, 0, 0, offset, pages);
  PointDirectoryAt(segment.first_hash & sibling.first_hash, segment.depth - 1, offset, pages);
  arena_->Free(segment.offset);
  arena_->Free(sibling.offset);
  Count(&TableState::segment_shrinks, 1);
  Count(&TableState::segment_count, -1);
  CountAtDepth(segment.depth, -2);
  CountAtDepth(segment.depth - 1, 1);
  return true;
}

// No segment needs the directory's last bit. A large one stays where it is; where a smaller one is
// refused memory, the larger one serves on. Steps of its own.
void Table::HalveDirectory() {
  layout::StoreHeader* h = header();
  DropNextDirectory();
  arena_->EndStep();
  const uint64_t words = directory_words() / 2;
  if (words >= kMinWordsForSteps) {
    arena_->Write(&state()->halving, kHalvingWords);
    arena_->EndStep();
    MoveHalvedWords();
    FinishHalving();
    return;
  }
  const uint64_t offset = arena_->Allocate(words * sizeof(uint64_t));
  if (offset == 0) return arena_->EndStep();
  const uint64_t* old = directory();
  auto* halved = arena_->At<uint64_t>(offset);
  for (uint64_t i = 0; i < words; i++) halved[i] = old[2 * i];
  layout::MayEndHere();
  arena_->Free(h->directory_offset);
  arena_->Write(&h->directory_offset, offset);
  arena_->Write(&h->directory_shift, h->directory_shift + 1);
  arena_->EndStep();
}

// Moves every second word of the directory to its first half, from where that stopped: a word that
// is read has not been written yet, so a word may be moved again. Too many words to journal; once
// it has begun, it is finished.
void Table::MoveHalvedWords() {
  TableState* s = state();
  const uint64_t words = directory_words() / 2;
  for (uint64_t i = s->halved_words; i < words; i++) {
    layout::OrderedStore(&directory()[i], directory()[2 * i]);
    layout::OrderedStore(&s->halved_words, i + 1);
  }
  arena_->Write(&header()->directory_shift, header()->directory_shift + 1);
  arena_->Write(&s->halving, kHalvingBlock);
  arena_->Write(&s->halved_words, uint64_t{0});
  arena_->EndStep();
}

void Table::FinishHalving() {
  if (state()->halving != kHalvingBlock) return;
  arena_->ShrinkLarge(header()->directory_offset, directory_words() * sizeof(uint64_t));
  arena_->Write(&state()->halving, uint64_t{0});
  arena_->EndStep();
}

bool Table::Attach(std::string* error) {
  const uint64_t shift = header()->directory_shift;
  const bool fits =
      shift >= 64 - layout::kMaxGlobalDepth && shift <= 63 &&
      arena_->MayBeBlock(header()->directory_offset) &&
      arena_->BlockBytes(header()->directory_offset) >= directory_words() * sizeof(uint64_t) &&
      state()->halving <= kHalvingBlock && state()->halved_words <= directory_words() / 2;
  if (!fits) {
    *error = "a corrupted store: its directory is none";
    return false;
  }
  if (state()->halving == kHalvingWords) {
    if (directory_words() / 2 < kMinWordsForSteps) {
      *error = "a corrupted store: its directory is too small to be halved in place";
      return false;
    }
    MoveHalvedWords();
  }
  return true;
}

}  // namespace shredder::store
