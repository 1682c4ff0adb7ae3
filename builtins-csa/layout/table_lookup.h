// Lookup in a store's table, over nothing but its memory: the C++ twin of what the builtins in
// builtins-csa/ do. Inline and free of branches on anything but the data, as this is the hottest
// path of all.
//
// Thread: the store's shard. What is returned points into the arena: valid until the next write to
// the store.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "builtins-csa/layout/key.h"
#include "builtins-csa/layout/table_hash.h"
#include "builtins-csa/layout/table_layout.h"

namespace shredder::store {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
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

inline uint64_t EntryOffset(uint64_t value_word) {
  return value_word >> layout::kValueEntryShift << layout::kEntryAlignmentLog2;
}
inline uint64_t ValueLength(uint64_t value_word) { return value_word & layout::kValueLengthMask; }
inline bool HasExpiryWord(uint64_t value_word) { return value_word & layout::kValueHasExpiryWord; }
inline uint64_t MakeValueWord(uint64_t entry_offset, bool has_expiry_word, uint64_t length) {
  return entry_offset >> layout::kEntryAlignmentLog2 << layout::kValueEntryShift |
         (has_expiry_word ? layout::kValueHasExpiryWord : 0) | length;
}
inline uint64_t WithValueLength(uint64_t value_word, uint64_t length) {
  return (value_word & ~layout::kValueLengthMask) | length;
}

inline const char* AddressOf(const layout::StoreHeader* header, uint64_t offset) {
  return reinterpret_cast<const char*>(header) + offset;
}
inline const layout::EntryHeader* EntryOf(const layout::StoreHeader* header, uint64_t value_word) {
  return reinterpret_cast<const layout::EntryHeader*>(AddressOf(header, EntryOffset(value_word)));
}
inline uint64_t DirectoryWordOf(const layout::StoreHeader* header, uint64_t hash) {
  const auto* directory =
      reinterpret_cast<const uint64_t*>(AddressOf(header, header->directory_offset));
  return directory[hash >> header->directory_shift];
}

// Whether `bytes` are the key of the value word's entry: the padding of the last word is zeros in
// both.
inline bool KeyBytesEqual(const layout::StoreHeader* header, uint64_t value_word,
                          std::string_view bytes) {
  const layout::EntryHeader* entry = EntryOf(header, value_word);
  if (entry->key_length != bytes.size()) return false;
  const char* theirs = reinterpret_cast<const char*>(entry) + layout::KeyOffsetInEntry(value_word);
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

// The slots of a segment from a hash's home position on, without end: the caller stops at the key
// it seeks or at an empty slot, of which each segment has at least one.
class Probe {
 public:
  Probe(const layout::StoreHeader* header, uint64_t hash) {
    const uint64_t word = DirectoryWordOf(header, hash);
    const uint64_t pages = layout::SegmentPages(word);
    segment_ = AddressOf(header, layout::SegmentOffset(word));
    end_ = pages << layout::kSegmentPageBytesLog2;
    position_ = layout::HomeBytes(hash, pages);
  }

  const layout::Slot* slot() const {
    return reinterpret_cast<const layout::Slot*>(segment_ + position_);
  }
  void Next() {
    position_ += layout::kSlotBytes;
    if (position_ == end_) position_ = 0;
  }

 private:
  const char* segment_;
  uint64_t end_;
  uint64_t position_;
};

// The key's slot, expired or not; null where it has none. What is said to be likely keeps the
// compiler from choosing between slots by conditional moves, each of which waits for the load
// before it. `hash` is HashInteger(key) or HashBytes(bytes).
inline const layout::Slot* FindIntegerSlot(const layout::StoreHeader* header, uint64_t key,
                                           uint64_t hash) {
  const uint64_t key_word = IntegerKeyWord(key);
  for (Probe probe(header, hash);; probe.Next()) {
    const layout::Slot* slot = probe.slot();
    if (slot->key_word == key_word) [[likely]]
      return slot;
    if (slot->key_word == layout::kEmptyKeyWord) [[unlikely]]
      return nullptr;
  }
}

inline const layout::Slot* FindBytesSlot(const layout::StoreHeader* header, std::string_view bytes,
                                         uint64_t hash) {
  const uint64_t key_word = BytesKeyWord(hash);
  for (Probe probe(header, hash);; probe.Next()) {
    const layout::Slot* slot = probe.slot();
    if (slot->key_word == key_word) [[likely]] {
      if (KeyBytesEqual(header, slot->value_word, bytes)) return slot;
    }
    if (slot->key_word == layout::kEmptyKeyWord) [[unlikely]]
      return nullptr;
  }
}

inline const layout::Slot* FindSlot(const layout::StoreHeader* header, const Key& key,
                                    uint64_t hash) {
  return key.is_integer() ? FindIntegerSlot(header, key.integer(), hash)
                          : FindBytesSlot(header, key.bytes(), hash);
}

// Unix ms at which the key expires; kNeverExpires where it does not.
inline uint64_t ExpiresAtOf(const layout::StoreHeader* header, uint64_t value_word) {
  if (!HasExpiryWord(value_word)) return layout::kNeverExpires;
  uint64_t expires_at_ms;
  std::memcpy(&expires_at_ms,
              AddressOf(header, EntryOffset(value_word) + layout::kEntryExpiresAtOffset),
              sizeof expires_at_ms);
  return expires_at_ms;
}
inline bool IsExpired(const layout::StoreHeader* header, uint64_t value_word) {
  return HasExpiryWord(value_word) && header->now_ms >= ExpiresAtOf(header, value_word);
}

// The key's bytes in an entry of a byte-string key.
inline std::string_view KeyIn(const layout::StoreHeader* header, uint64_t value_word) {
  return {AddressOf(header, EntryOffset(value_word) + layout::KeyOffsetInEntry(value_word)),
          EntryOf(header, value_word)->key_length};
}
// The value in an entry whose key has `key_length` bytes (0 for an integer).
inline std::string_view ValueIn(const layout::StoreHeader* header, uint64_t value_word,
                                uint64_t key_length) {
  return {AddressOf(header,
                    EntryOffset(value_word) + layout::ValueOffsetInEntry(value_word, key_length)),
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
