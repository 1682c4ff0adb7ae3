// The self-checks of the table and of the store as a whole, for tests and for memory of unknown
// content: no word is relied on before it was looked at.
#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>
#include <utility>

#include "runtime/store/store.h"

namespace shredder::store {

using layout::UndoRecord;

namespace {

std::string Fault(const char* what, uint64_t where) {
  return std::string("table: ") + what + " at " + std::to_string(where);
}

}  // namespace

std::string Table::Check(std::vector<uint64_t>* blocks) const {
  const uint64_t shift = header()->directory_shift;
  if (shift > 64 - layout::kMinGlobalDepth || shift < 64 - layout::kMaxGlobalDepth) {
    return Fault("a global depth out of range", shift);
  }
  const int depth = global_depth();
  if (std::string fault = CheckDirectory(blocks); !fault.empty()) return fault;
  uint64_t keys = 0;
  uint64_t segments = 0;
  std::array<uint64_t, layout::kMaxGlobalDepth + 1> at_depth = {};
  for (uint64_t hash = 0;;) {
    const uint64_t segment_offset = layout::SegmentOffset(DirectoryWordOf(header(), hash));
    if (!arena_->MayBeBlock(segment_offset)) return Fault("a segment in no block", segment_offset);
    const Segment segment = SegmentOf(hash);
    if (segment.depth < layout::kMinGlobalDepth || segment.depth > depth) {
      return Fault("a local depth out of range", segment.offset);
    }
    if (segment.pages < 1 || segment.pages > layout::kMaxSegmentPages) {
      return Fault("a segment of no size", segment.offset);
    }
    if (arena_->BlockBytes(segment.offset) != segment.pages * layout::kSegmentPageBytes) {
      return Fault("a segment in a block of another size", segment.offset);
    }
    if (segment.first_hash != hash) return Fault("directory words that disagree", hash >> shift);
    const uint64_t words = 1ull << (depth - segment.depth);
    const uint64_t first = segment.first_hash >> shift;
    for (uint64_t i = 0; i < words; i++) {
      if (directory()[first + i] != directory()[first]) {
        return Fault("directory words that disagree", first);
      }
    }
    segments++;
    at_depth[static_cast<size_t>(segment.depth)]++;
    blocks->push_back(segment.offset);
    if (std::string fault = CheckSegment(segment, &keys); !fault.empty()) return fault;
    if (segment.last_hash == ~0ull) break;
    hash = segment.last_hash + 1;
  }
  if (segments != state()->segment_count) return Fault("a wrong segment_count", segments);
  for (size_t d = 0; d < at_depth.size(); d++) {
    if (at_depth[d] != state()->segments_at_depth[d]) {
      return Fault("a wrong segments_at_depth", d);
    }
  }
  if (keys != header()->key_count) return Fault("a wrong key_count", keys);
  return {};
}

// The directory's own block, and the blocks of the next and the old one.
std::string Table::CheckDirectory(std::vector<uint64_t>* blocks) const {
  const TableState* s = state();
  const uint64_t words = directory_words();
  const auto has_words = [this](uint64_t offset, uint64_t count) {
    return arena_->MayBeBlock(offset) && arena_->BlockBytes(offset) / sizeof(uint64_t) >= count;
  };
  if (s->halving == kHalvingWords || s->halving > kHalvingBlock || s->halved_words != 0) {
    return Fault("a directory half halved", s->halving);
  }
  // A directory that is halved where it lies is of whole chunks.
  const bool has_larger_block = s->halving == kHalvingBlock;
  const uint64_t block_words = has_larger_block ? 2 * words : words;
  if (!has_words(header()->directory_offset, words) ||
      (has_larger_block && words * sizeof(uint64_t) % kChunkBytes != 0) ||
      arena_->BlockBytes(header()->directory_offset) !=
          Arena::RoundedBytes(block_words * sizeof(uint64_t))) {
    return Fault("a directory in no block of its size", header()->directory_offset);
  }
  blocks->push_back(header()->directory_offset);
  if (s->old_directory_offset != 0) {
    if (s->old_directory_chunks > layout::kMaxArenaBytes / kChunkBytes ||
        !has_words(s->old_directory_offset, s->old_directory_chunks * kChunkBytes / 8)) {
      return Fault("an old directory in no block of its size", s->old_directory_offset);
    }
    blocks->push_back(s->old_directory_offset);
  }
  if (s->next_directory_offset == 0) {
    return s->next_directory_words == 0 ? "" : Fault("words of no next directory", 0);
  }
  if (s->next_directory_words > words || !has_words(s->next_directory_offset, 2 * words)) {
    return Fault("a next directory in no block of its size", s->next_directory_offset);
  }
  blocks->push_back(s->next_directory_offset);
  const auto* next = arena_->At<uint64_t>(s->next_directory_offset);
  for (uint64_t i = 0; i < s->next_directory_words; i++) {
    if (next[2 * i] != directory()[i] || next[2 * i + 1] != directory()[i]) {
      return Fault("a next directory that disagrees", i);
    }
  }
  return {};
}

std::string Table::CheckSegment(const Segment& segment, uint64_t* keys) const {
  uint64_t empty = 0;
  for (uint64_t i = 0; i < segment.slot_count(); i++) {
    const layout::Slot& slot = segment.slots[i];
    const uint64_t where = segment.offset + i * layout::kSlotBytes;
    if (slot.key_word == layout::kEmptyKeyWord) {
      if (slot.value_word != 0) return Fault("an empty slot with a value", where);
      empty++;
      continue;
    }
    const bool is_integer = slot.key_word & layout::kIntegerKeyTag;
    if (is_integer ? slot.key_word >> layout::kIntegerKeyShift > layout::kMaxIntegerKey
                   : (slot.key_word & layout::kBytesKeyTagMask) != layout::kBytesKeyTag) {
      return Fault("a key word of no key", where);
    }
    const uint64_t hash = HashOfKeyWord(*header(), slot.key_word);
    if (hash < segment.first_hash || hash > segment.last_hash) return Fault("a key astray", where);
    uint64_t p = layout::HomeBytes(hash, segment.pages) / layout::kSlotBytes;
    for (; p != i; p = p + 1 == segment.slot_count() ? 0 : p + 1) {
      if (segment.slots[p].key_word == layout::kEmptyKeyWord) return Fault("a key cut off", where);
    }
    ++*keys;
  }
  if (empty == 0) return Fault("a segment without an empty slot", segment.offset);
  return {};
}

std::string Store::CheckInvariants() const {
  std::vector<uint64_t> blocks;
  if (header_->log_counts << (64 - layout::kUndoCountShift) != 0)
    return Fault("a step half done", 0);
  if (std::string fault = table_.Check(&blocks); !fault.empty()) return fault;
  uint64_t expiring = 0;
  for (uint64_t hash = 0;;) {
    const Table::Segment segment = table_.SegmentOf(hash);
    // One key twice would be in one segment, as its hash is.
    std::vector<layout::Slot> slots;
    for (uint64_t i = 0; i < segment.slot_count(); i++) {
      const layout::Slot& slot = segment.slots[i];
      if (slot.key_word == layout::kEmptyKeyWord) continue;
      if (std::string fault = CheckEntry(slot); !fault.empty()) return fault;
      blocks.push_back(EntryOffset(slot.value_word));
      expiring += ExpiresAtOf(header_, slot.value_word) != layout::kNeverExpires;
      slots.push_back(slot);
    }
    if (std::string fault = CheckDistinct(slots); !fault.empty()) return fault;
    if (segment.last_hash == ~0ull) break;
    hash = segment.last_hash + 1;
  }
  if (expiring != header_->expiring_key_count) return Fault("a wrong expiring_key_count", expiring);
  if (undo_log_.count() > 0) {
    const std::unordered_set<uint64_t> live(blocks.begin(), blocks.end());
    if (std::string fault = AddRecordedBlocks(live, &blocks); !fault.empty()) return fault;
    if (std::string fault = CheckRecordsAgainstTable(live); !fault.empty()) return fault;
  }
  if (arena_.charged_bytes() != undo_log_.charged_bytes()) {
    return Fault("undo records counted wrongly,", arena_.charged_bytes());
  }
  for (const uint64_t offset : arena_.ReservedOffsets()) blocks.push_back(offset);
  return arena_.Check(blocks);
}

std::string Store::CheckDistinct(std::span<layout::Slot> slots) const {
  const auto name = [this](const layout::Slot& slot) {
    const bool is_integer = slot.key_word & layout::kIntegerKeyTag;
    return std::pair(slot.key_word,
                     is_integer ? std::string_view() : KeyIn(header_, slot.value_word));
  };
  std::sort(slots.begin(), slots.end(),
            [&](const layout::Slot& a, const layout::Slot& b) { return name(a) < name(b); });
  for (size_t i = 1; i < slots.size(); i++) {
    if (name(slots[i - 1]) == name(slots[i])) {
      return Fault("a key that is there twice", EntryOffset(slots[i].value_word));
    }
  }
  return {};
}

std::string Store::CheckEntry(const layout::Slot& slot) const {
  const uint64_t word = slot.value_word;
  const uint64_t offset = EntryOffset(word);
  if (!arena_.MayBeBlock(offset)) return Fault("an entry in no block", offset);
  const layout::EntryHeader* entry = EntryOf(header_, word);
  const uint64_t block_bytes = arena_.BlockBytes(offset);
  if (layout::ValueOffsetInEntry(word, entry->key_length) + ValueLength(word) > block_bytes ||
      ValueLength(word) > layout::kMaxValueBytes || entry->key_length > layout::kMaxKeyBytes) {
    return Fault("an entry that is longer than its block", offset);
  }
  const std::string_view key = KeyIn(header_, word);
  if (slot.key_word & layout::kIntegerKeyTag
          ? entry->key_length != 0
          : BytesKeyWord(layout::HashBytes(*header_, key.data(), key.size())) != slot.key_word ||
                Key::FromBytes(key)->is_integer()) {
    return Fault("an entry of another key", offset);
  }
  const auto padding = layout::PaddedKeyBytes(key.size()) - key.size();
  if (std::string_view(key.data() + key.size(), padding) != std::string(padding, '\0')) {
    return Fault("a key that is not padded with zeros", offset);
  }
  if (block_bytes > layout::kMinBytesForExpiryWord && !HasExpiryWord(word)) {
    return Fault("a large entry without an expiry word", offset);
  }
  if (!in_transaction() && entry->flags != 0) return Fault("a stale undo mark", offset);
  return {};
}

std::string Store::AddRecordedBlocks(const std::unordered_set<uint64_t>& live,
                                     std::vector<uint64_t>* blocks) const {
  std::unordered_set<uint64_t> recorded;
  // While entries are being freed, those that a transaction has made are in the table or gone, and
  // those that it has replaced may have been written over: Arena::FreeDead.
  const bool is_freeing = header_->transaction_state == layout::kTransactionFreeing;
  for (uint64_t i = 0; i < undo_log_.count(); i++) {
    const UndoRecord& record = undo_log_[i];
    for (const uint64_t word : {record.old_value_word, record.new_value_word}) {
      const uint64_t offset = EntryOffset(word);
      if (offset == 0 || live.contains(offset)) continue;
      if (is_freeing && word == record.new_value_word) continue;
      if (!arena_.MayBeBlock(offset)) return Fault("an undo record of no entry", offset);
      const layout::EntryHeader* entry = EntryOf(header_, word);
      if (!is_freeing && layout::ValueOffsetInEntry(word, entry->key_length) + ValueLength(word) >
                             arena_.BlockBytes(offset)) {
        return Fault("an undo record of what is longer than its block", offset);
      }
      if (recorded.insert(offset).second) blocks->push_back(offset);
    }
  }
  return {};
}

// Goes back over the records as undoing does. Where the transaction is kept, what they have
// replaced must not be in use.
std::string Store::CheckRecordsAgainstTable(const std::unordered_set<uint64_t>& live) const {
  const uint64_t count = undo_log_.count();
  const bool is_open = header_->transaction_state == layout::kTransactionOpen;
  // Whether a key word is there with an entry, where that differs from the table.
  std::map<std::pair<uint64_t, uint64_t>, bool> undone;
  const auto is_there = [&](uint64_t key_word, uint64_t entry_offset) {
    const auto found = undone.find({key_word, entry_offset});
    if (found != undone.end()) return found->second;
    return table_.FindEntry(key_word, entry_offset) != nullptr;
  };
  for (uint64_t i = count; i > 0; i--) {
    const UndoRecord& record = undo_log_[i - 1];
    const uint64_t old_offset = EntryOffset(record.old_value_word);
    const uint64_t new_offset = EntryOffset(record.new_value_word);
    // The last write may have been recorded and not made.
    const bool is_made = new_offset == 0
                             ? !is_there(record.key_word, old_offset)
                             : old_offset == new_offset || is_there(record.key_word, new_offset);
    const bool comes_back = old_offset != 0 && old_offset != new_offset && (!is_open || is_made);
    if (comes_back && live.contains(old_offset)) {
      return Fault("an undo record of an entry that is in use", old_offset);
    }
    if (!is_open) continue;
    if (!is_made && (i != count || live.contains(new_offset))) {
      return Fault("an undo record of what has not happened", i - 1);
    }
    if (old_offset == new_offset && !is_there(record.key_word, old_offset)) {
      return Fault("an undo record of a change to what is not there", old_offset);
    }
    if (is_made && old_offset != new_offset) {
      if (new_offset != 0) undone[{record.key_word, new_offset}] = false;
      if (old_offset != 0) undone[{record.key_word, old_offset}] = true;
    }
  }
  return {};
}

}  // namespace shredder::store
