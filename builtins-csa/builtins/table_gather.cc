#include "builtins-csa/builtins/table_gather.h"

#include <algorithm>
#include <cstring>

#include "builtins-csa/layout/table_hash.h"
#include "builtins-csa/layout/table_lookup.h"

namespace shredder::layout {

namespace {

constexpr uint64_t kGroup = kGatherGroup;

const char* At(const StoreHeader* store, uint64_t offset) {
  return reinterpret_cast<const char*>(store) + offset;
}

uint64_t WordAt(const char* address) {
  uint64_t word;
  std::memcpy(&word, address, sizeof word);
  return word;
}

uint64_t EntryOffset(uint64_t value_word) {
  return value_word >> kValueEntryShift << kEntryAlignmentLog2;
}

// The value word of an integer key, or 0. An entry is never at offset 0.
uint64_t FindValueWord(const char* segment, uint64_t home, uint64_t end, uint64_t key_word) {
  for (uint64_t position = home;;) {
    const uint64_t found = WordAt(segment + position);
    if (found == key_word) return WordAt(segment + position + kSlotValueWordOffset);
    if (found == kEmptyKeyWord) return 0;
    position += kSlotBytes;
    if (position == end) position = 0;
  }
}

}  // namespace

uint64_t Gather(const StoreHeader* store, const uint32_t* keys, uint64_t count, uint64_t field,
                char* out, uint64_t element_bytes) {
  const char* const directory = At(store, store->directory_offset);
  const uint64_t element_end = (field + 1) * element_bytes;
  uint64_t found = 0;
  for (uint64_t first = 0; first < count; first += kGroup) {
    const uint64_t group = std::min(kGroup, count - first);
    uint64_t hashes[kGroup];
    const char* words[kGroup];
    const char* segments[kGroup];
    uint64_t homes[kGroup];
    uint64_t ends[kGroup];
    uint64_t values[kGroup];
    for (uint64_t i = 0; i < group; ++i) {
      hashes[i] = HashInteger(*store, keys[first + i]);
      words[i] = directory + (hashes[i] >> store->directory_shift) * sizeof(uint64_t);
      __builtin_prefetch(words[i]);
    }
    for (uint64_t i = 0; i < group; ++i) {
      const uint64_t word = WordAt(words[i]);
      segments[i] = At(store, SegmentOffset(word));
      homes[i] = HomeBytes(hashes[i], SegmentPages(word));
      ends[i] = SegmentPages(word) * kSegmentPageBytes;
      __builtin_prefetch(segments[i] + homes[i]);
    }
    for (uint64_t i = 0; i < group; ++i) {
      const uint64_t key_word =
          static_cast<uint64_t>(keys[first + i]) << kIntegerKeyShift | kIntegerKeyTag;
      values[i] = FindValueWord(segments[i], homes[i], ends[i], key_word);
      const char* const entry = At(store, EntryOffset(values[i]));
      // The element; where there is an expiry, it is mostly in the same line.
      __builtin_prefetch(entry + ValueOffsetInEntry(values[i], 0) + field * element_bytes);
    }
    for (uint64_t i = 0; i < group; ++i) {
      const uint64_t word = values[i];
      // An absent key's value word is 0, and so is its length.
      if ((word & kValueLengthMask) < element_end) continue;
      const char* const entry = At(store, EntryOffset(word));
      if ((word & kValueHasExpiryWord) != 0 &&
          store->now_ms >= WordAt(entry + kEntryExpiresAtOffset)) {
        continue;
      }
      const char* const element = entry + ValueOffsetInEntry(word, 0) + field * element_bytes;
      char* const target = out + (first + i) * element_bytes;
      if (element_bytes == sizeof(uint32_t)) {
        std::memcpy(target, element, sizeof(uint32_t));
      } else {
        std::memcpy(target, element, sizeof(uint64_t));
      }
      ++found;
    }
  }
  return found;
}

void FindGroup(const StoreHeader* store, const store::Key* keys, uint64_t count, uint64_t ahead,
               ValuePlace* values) {
  const char* const directory = At(store, store->directory_offset);
  uint64_t hashes[kGroup];
  const Slot* slots[kGroup];
  for (uint64_t i = 0; i < count; ++i) {
    hashes[i] = store::HashOf(*store, keys[i]);
    __builtin_prefetch(directory + (hashes[i] >> store->directory_shift) * sizeof(uint64_t));
  }
  for (uint64_t i = 0; i < count; ++i) {
    slots[i] = store::Probe(store, hashes[i]).slot();
    __builtin_prefetch(slots[i]);
  }
  for (uint64_t i = 0; i < count; ++i) {
    // Most keys are at home. Of others, and of those that are not, some other entry is asked for.
    const uint64_t word = slots[i]->value_word;
    const uint64_t key_length = keys[i].bytes().size();
    const char* const entry = At(store, EntryOffset(word));
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + ValueOffsetInEntry(word, key_length) + ahead);
  }
  for (uint64_t i = 0; i < count; ++i) {
    const Slot* const slot = store::FindSlot(store, keys[i], hashes[i]);
    if (slot == nullptr || store::IsExpired(store, slot->value_word)) {
      values[i] = {0, 0};
      continue;
    }
    const uint64_t word = slot->value_word;
    values[i] = {EntryOffset(word) + ValueOffsetInEntry(word, keys[i].bytes().size()),
                 word & kValueLengthMask};
  }
}

}  // namespace shredder::layout
