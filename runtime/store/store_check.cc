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
  const TableState* state = arena_->table_state();
  const int depth = global_depth();
  if (depth < layout::kMinGlobalDepth || depth > layout::kMaxGlobalDepth) {
    return Fault("a global depth out of range", header()->directory_shift);
  }
  blocks->push_back(header()->directory_offset);
  uint64_t keys = 0;
  uint64_t expiring = 0;
  uint64_t segments = 0;
  uint64_t full_depth_segments = 0;
  for (uint64_t hash = 0;;) {
    const SegmentRange range = RangeOf(hash);
    if (range.depth < layout::kMinGlobalDepth || range.depth > depth) {
      return Fault("a local depth out of range", range.offset);
    }
    const uint64_t words = 1ull << (depth - range.depth);
    const uint64_t first = range.first_hash >> header()->directory_shift;
    for (uint64_t i = 0; i < words; i++) {
      if (directory()[first + i] != directory()[first]) {
        return Fault("directory words that disagree", first);
      }
    }
    segments++;
    full_depth_segments += range.depth == depth;
    blocks->push_back(range.offset);
    if (std::string fault = CheckSegment(range, &keys, &expiring); !fault.empty()) return fault;
    if (range.last_hash == ~0ull) break;
    hash = range.last_hash + 1;
  }
  if (segments != state->segment_count) return Fault("a wrong segment_count", segments);
  if (full_depth_segments != state->full_depth_segments) {
    return Fault("a wrong full_depth_segments", full_depth_segments);
  }
  if (keys != header()->key_count) return Fault("a wrong key_count", keys);
  if (expiring != header()->expiring_key_count)
    return Fault("a wrong expiring_key_count", expiring);
  return {};
}

std::string Table::CheckSegment(const SegmentRange& range, uint64_t* keys,
                                uint64_t* expiring) const {
  for (uint64_t i = 0; i < layout::kSegmentSlots; i++) {
    const layout::Slot& slot = range.slots[i];
    const uint64_t where = range.offset + i * layout::kSlotBytes;
    if (slot.key_word == layout::kEmptyKeyWord) {
      if (slot.value_word != 0) return Fault("an empty slot with a value", where);
      continue;
    }
    const uint64_t hash = HashOfKeyWord(*header(), slot.key_word);
    if (hash < range.first_hash || hash > range.last_hash) return Fault("a key astray", where);
    for (uint64_t p = HomePosition(hash); p != i; p = NextPosition(p)) {
      if (range.slots[p].key_word == layout::kEmptyKeyWord) return Fault("a key cut off", where);
    }
    ++*keys;
    *expiring += HasExpiry(slot.value_word);
  }
  return {};
}

std::string Store::CheckInvariants() const {
  std::vector<uint64_t> blocks;
  if (std::string fault = table_.Check(&blocks); !fault.empty()) return fault;
  std::unordered_set<std::string> names;
  for (uint64_t hash = 0;;) {
    const Table::SegmentRange range = table_.RangeOf(hash);
    for (uint64_t i = 0; i < layout::kSegmentSlots; i++) {
      const layout::Slot& slot = range.slots[i];
      if (slot.key_word == layout::kEmptyKeyWord) continue;
      const layout::EntryHeader* entry = EntryOf(header_, slot.value_word);
      const uint64_t offset = EntryOffset(slot.value_word);
      blocks.push_back(offset);
      const bool is_integer = slot.key_word & layout::kIntegerKeyTag;
      const std::string_view key(reinterpret_cast<const char*>(entry) + layout::kEntryKeyOffset,
                                 entry->key_length);
      if (is_integer ? entry->key_length != 0
                     : BytesKeyWord(layout::HashBytes(*header_, key.data(), key.size())) !=
                           slot.key_word) {
        return Fault("an entry of another key", offset);
      }
      const auto padding = layout::PaddedKeyBytes(key.size()) - key.size();
      if (std::string_view(key.data() + key.size(), padding) != std::string(padding, '\0')) {
        return Fault("a key that is not padded with zeros", offset);
      }
      if (layout::ValueOffsetInEntry(key.size()) + ValueLength(slot.value_word) >
          arena_.BlockBytes(offset)) {
        return Fault("a value that is longer than its block", offset);
      }
      if (!in_transaction() && entry->flags != 0) return Fault("a stale undo mark", offset);
      if (!names.insert((is_integer ? "i" + std::to_string(slot.key_word) : "b" + std::string(key)))
               .second) {
        return Fault("a key that is there twice", offset);
      }
    }
    if (range.last_hash == ~0ull) break;
    hash = range.last_hash + 1;
  }
  for (const UndoRecord& record : undo_log_.records()) {
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
