// The self-checks of the table and of the store as a whole, for tests.
#include <array>
#include <unordered_set>

#include "runtime/store/store.h"

namespace shredder::store {

namespace {

std::string Fault(const char* what, uint64_t where) {
  return std::string("table: ") + what + " at " + std::to_string(where);
}

}  // namespace

std::string Table::Check(std::vector<uint64_t>* blocks) const {
  const int depth = global_depth();
  if (depth < layout::kMinGlobalDepth || depth > layout::kMaxGlobalDepth) {
    return Fault("a global depth out of range", header()->directory_shift);
  }
  blocks->push_back(header()->directory_offset);
  uint64_t keys = 0;
  uint64_t segments = 0;
  std::array<uint64_t, layout::kMaxGlobalDepth + 1> at_depth = {};
  for (uint64_t hash = 0;;) {
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
    const uint64_t words = 1ull << (depth - segment.depth);
    const uint64_t first = segment.first_hash >> header()->directory_shift;
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
  if (state()->old_directory_offset != 0) blocks->push_back(state()->old_directory_offset);
  if (state()->next_directory_offset != 0) blocks->push_back(state()->next_directory_offset);
  for (uint64_t i = 0; i < state()->next_directory_words; i++) {
    const auto* next = arena_->At<uint64_t>(state()->next_directory_offset);
    if (next[2 * i] != directory()[i] || next[2 * i + 1] != directory()[i]) {
      return Fault("a next directory that disagrees", i);
    }
  }
  if (segments != state()->segment_count) return Fault("a wrong segment_count", segments);
  for (size_t d = 0; d < at_depth.size(); d++) {
    if (at_depth[d] != state()->segments_at_depth[d]) {
      return Fault("a wrong segments_at_depth", d);
    }
  }
  if (keys != header()->key_count) return Fault("a wrong key_count", keys);
  if (header()->transaction_removals != 0 && header()->in_transaction == 0) {
    return Fault("removals of no transaction", header()->transaction_removals);
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
  if (std::string fault = table_.Check(&blocks); !fault.empty()) return fault;
  std::unordered_set<std::string> names;
  uint64_t expiring = 0;
  for (uint64_t hash = 0;;) {
    const Table::Segment segment = table_.SegmentOf(hash);
    for (uint64_t i = 0; i < segment.slot_count(); i++) {
      const layout::Slot& slot = segment.slots[i];
      if (slot.key_word == layout::kEmptyKeyWord) continue;
      const layout::EntryHeader* entry = EntryOf(header_, slot.value_word);
      const uint64_t offset = EntryOffset(slot.value_word);
      blocks.push_back(offset);
      const bool is_integer = slot.key_word & layout::kIntegerKeyTag;
      const std::string_view key = KeyIn(header_, slot.value_word);
      if (is_integer ? entry->key_length != 0
                     : BytesKeyWord(layout::HashBytes(*header_, key.data(), key.size())) !=
                           slot.key_word) {
        return Fault("an entry of another key", offset);
      }
      const auto padding = layout::PaddedKeyBytes(key.size()) - key.size();
      if (std::string_view(key.data() + key.size(), padding) != std::string(padding, '\0')) {
        return Fault("a key that is not padded with zeros", offset);
      }
      if (layout::ValueOffsetInEntry(slot.value_word, key.size()) + ValueLength(slot.value_word) >
          arena_.BlockBytes(offset)) {
        return Fault("a value that is longer than its block", offset);
      }
      if (arena_.BlockBytes(offset) > layout::kMinBytesForExpiryWord &&
          !HasExpiryWord(slot.value_word)) {
        return Fault("a large entry without an expiry word", offset);
      }
      expiring += ExpiresAtOf(header_, slot.value_word) != layout::kNeverExpires;
      if (!in_transaction() && entry->flags != 0) return Fault("a stale undo mark", offset);
      if (!names.insert((is_integer ? "i" + std::to_string(slot.key_word) : "b" + std::string(key)))
               .second) {
        return Fault("a key that is there twice", offset);
      }
    }
    if (segment.last_hash == ~0ull) break;
    hash = segment.last_hash + 1;
  }
  if (expiring != header_->expiring_key_count) return Fault("a wrong expiring_key_count", expiring);
  for (const layout::UndoRecord& record : undo_log_.records()) {
    const uint64_t old_offset = EntryOffset(record.old_value_word);
    if (old_offset != 0 && old_offset != EntryOffset(record.new_value_word)) {
      blocks.push_back(old_offset);
    }
  }
  if (arena_.charged_bytes() != undo_log_.charged_bytes()) {
    return Fault("undo records counted wrongly,", arena_.charged_bytes());
  }
  return arena_.Check(blocks);
}

}  // namespace shredder::store
