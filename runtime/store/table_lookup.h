// Lookup in a store's table, over nothing but its memory: the C++ twin of what the builtins in
// builtins-csa/ do. Inline and free of branches on anything but the data, as this is the hottest
// path of all.
//
// Thread: the store's shard. What is returned points into the arena: valid until the next write to
// the store.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "builtins-csa/table_hash.h"
#include "builtins-csa/table_layout.h"
#include "runtime/store/key.h"

namespace shredder::store {

static_assert(std::endian::native == std::endian::little,
              "keys are hashed and compared as little-endian words");

inline uint64_t HashOf(const layout::StoreHeader& header, const Key& key) {
  return key.is_integer() ? layout::HashInteger(header, key.integer())
                          : layout::HashBytes(header, key.bytes().data(), key.bytes().size());
}

inline uint64_t IntegerKeyWord(uint64_t integer) {
  return integer << layout::kIntegerKeyShift | layout::kIntegerKeyTag;
}
inline uint64_t BytesKeyWord(uint64_t hash) {
  return (hash & ~layout::kBytesKeyTagMask) | layout::kBytesKeyTag;
}
inline uint64_t KeyWordOf(const Key& key, uint64_t hash) {
  return key.is_integer() ? IntegerKeyWord(key.integer()) : BytesKeyWord(hash);
}

// The hash of the key that a slot holds; of a byte string's, all but the two lowest bits, which
// nothing uses.
inline uint64_t HashOfKeyWord(const layout::StoreHeader& header, uint64_t key_word) {
  return key_word & layout::kIntegerKeyTag
             ? layout::HashInteger(header, key_word >> layout::kIntegerKeyShift)
             : key_word;
}

inline uint64_t HomePosition(uint64_t hash) {
  return (hash >> layout::kHomePositionShift) & (layout::kSegmentSlots - 1);
}
inline uint64_t NextPosition(uint64_t position) {
  return (position + 1) & (layout::kSegmentSlots - 1);
}

inline uint64_t EntryOffset(uint64_t value_word) {
  return value_word >> layout::kValueEntryShift << layout::kEntryAlignmentLog2;
}
inline uint64_t ValueLength(uint64_t value_word) { return value_word & layout::kValueLengthMask; }
inline bool HasExpiry(uint64_t value_word) { return value_word & layout::kValueHasExpiry; }
inline uint64_t MakeValueWord(uint64_t entry_offset, bool has_expiry, uint64_t length) {
  return entry_offset >> layout::kEntryAlignmentLog2 << layout::kValueEntryShift |
         (has_expiry ? layout::kValueHasExpiry : 0) | length;
}

inline const char* AddressOf(const layout::StoreHeader* header, uint64_t offset) {
  return reinterpret_cast<const char*>(header) + offset;
}
inline const layout::EntryHeader* EntryOf(const layout::StoreHeader* header, uint64_t value_word) {
  return reinterpret_cast<const layout::EntryHeader*>(AddressOf(header, EntryOffset(value_word)));
}
inline const layout::Slot* SegmentOf(const layout::StoreHeader* header, uint64_t hash) {
  const auto* directory =
      reinterpret_cast<const uint64_t*>(AddressOf(header, header->directory_offset));
  const uint64_t word = directory[hash >> header->directory_shift];
  return reinterpret_cast<const layout::Slot*>(
      AddressOf(header, word & layout::kSegmentOffsetMask));
}

// Whether `bytes` are the entry's key: the padding of the last word is zeros in both.
inline bool KeyBytesEqual(const layout::EntryHeader* entry, std::string_view bytes) {
  if (entry->key_length != bytes.size()) return false;
  const char* theirs = reinterpret_cast<const char*>(entry) + layout::kEntryKeyOffset;
  const uint64_t whole = bytes.size() & ~7ull;
  uint64_t a;
  uint64_t b;
  for (uint64_t i = 0; i < whole; i += 8) {
    std::memcpy(&a, bytes.data() + i, 8);
    std::memcpy(&b, theirs + i, 8);
    if (a != b) return false;
  }
  if (whole == bytes.size()) return true;
  std::memcpy(&b, theirs + whole, 8);
  return layout::LoadLastBytes(bytes.data() + whole, bytes.size() - whole) == b;
}

// The key's slot, expired or not; null where it has none. `hash` is HashInteger(key) or
// HashBytes(bytes).
inline const layout::Slot* FindIntegerSlot(const layout::StoreHeader* header, uint64_t key,
                                           uint64_t hash) {
  const layout::Slot* segment = SegmentOf(header, hash);
  const uint64_t key_word = IntegerKeyWord(key);
  uint64_t position = HomePosition(hash);
  for (uint64_t probes = 0; probes < layout::kSegmentSlots; probes++) {
    const layout::Slot* slot = segment + position;
    if (slot->key_word == key_word) return slot;
    if (slot->key_word == layout::kEmptyKeyWord) return nullptr;
    position = NextPosition(position);
  }
  return nullptr;
}

inline const layout::Slot* FindBytesSlot(const layout::StoreHeader* header, std::string_view bytes,
                                         uint64_t hash) {
  const layout::Slot* segment = SegmentOf(header, hash);
  const uint64_t key_word = BytesKeyWord(hash);
  uint64_t position = HomePosition(hash);
  for (uint64_t probes = 0; probes < layout::kSegmentSlots; probes++) {
    const layout::Slot* slot = segment + position;
    if (slot->key_word == key_word && KeyBytesEqual(EntryOf(header, slot->value_word), bytes)) {
      return slot;
    }
    if (slot->key_word == layout::kEmptyKeyWord) return nullptr;
    position = NextPosition(position);
  }
  return nullptr;
}

inline const layout::Slot* FindSlot(const layout::StoreHeader* header, const Key& key,
                                    uint64_t hash) {
  return key.is_integer() ? FindIntegerSlot(header, key.integer(), hash)
                          : FindBytesSlot(header, key.bytes(), hash);
}

inline bool IsExpired(const layout::StoreHeader* header, uint64_t value_word) {
  return HasExpiry(value_word) && header->now_ms >= EntryOf(header, value_word)->expires_at_ms;
}

// The value in an entry whose key has `key_length` bytes (0 for an integer).
inline std::string_view ValueIn(const layout::StoreHeader* header, uint64_t value_word,
                                uint64_t key_length) {
  return {AddressOf(header, EntryOffset(value_word) + layout::ValueOffsetInEntry(key_length)),
          ValueLength(value_word)};
}

// The key's slot where it is present and not expired; null otherwise.
inline const layout::Slot* FindLiveSlot(const layout::StoreHeader* header, const Key& key) {
  const layout::Slot* slot = FindSlot(header, key, HashOf(*header, key));
  return slot == nullptr || IsExpired(header, slot->value_word) ? nullptr : slot;
}

inline std::optional<std::string_view> LookupValue(const layout::StoreHeader* header,
                                                   const Key& key) {
  const layout::Slot* slot = FindLiveSlot(header, key);
  if (slot == nullptr) return std::nullopt;
  return ValueIn(header, slot->value_word, key.bytes().size());
}

}  // namespace shredder::store
