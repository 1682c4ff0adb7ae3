// The layout of a tenant's store in memory: the one source that the C++ store (runtime/store), the builtins written
// in CodeStubAssembler (this folder) and the optimising compiler share. Everything that generated code relies on is
// defined and asserted here; nothing here depends on V8 or on the store.
//
// A store is one mapped region of memory, its arena. Everything inside refers to everything else by its offset in
// bytes from the region's start (its base), never by pointer, so that the region can be mapped at another address.
// Offset 0 is the StoreHeader, so offset 0 also serves as "none".
//
//   StoreHeader            directory (u64 words)          segment (kSegmentSlots slots of 2 u64 words)
//   +-----------------+    +-----------------------+      +----------------------+-----------------------------+
//   | directory_offset|--->| segment | local depth |----->| key word             | value word                  |
//   | directory_shift |    | segment | local depth |      | 0 = empty            |                             |
//   | seeds, now_ms...|    | ...                   |      | ...                  | entry >> 4 | expiry | length |---+
//   +-----------------+    +-----------------------+      +----------------------+-----------------------------+   |
//                                                                                                                 |
//      entry (16-byte aligned):  +0 expires_at_ms u64 | +8 key_length u32 | +12 flags u32    | +16 key bytes, <-----+
//                                zero-padded to 8 | value bytes
//
// Extendible hashing (R. Fagin et al., TODS 1979): the directory is indexed by the top bits of the hash, `hash >> directory_shift`;
// several directory words may name one segment. A full segment splits in two, which moves at most kSegmentSlots slots, and
// now and then the directory doubles: there is no rehash of the whole table. Inside a segment, slots are probed linearly from
// bits 2..11 of the hash, wrapping around, up to the first empty slot; deletion shifts the run back, so there are no tombstones.
//
// Who writes: the C++ store, on its shard's thread. Who reads: the C++ store and the builtins, on that same thread. The
// exceptions are `builtin_lookups` and the key scratch, which the builtins write. A reference into the arena (an entry, a segment, the
// directory) is valid until the next write to that store; the base is valid as long as the store lives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shredder::layout {

// Fields of the StoreHeader, in order: V(type, name, what it holds).
#define SHREDDER_STORE_HEADER_FIELDS(V)                                                                        \
  V(uint64_t, magic, "kStoreMagic: layout and version of this region")                                         \
  V(uint64_t, directory_offset, "the directory's first word")                                                  \
  V(uint64_t, directory_shift, "64 - global depth; 63 at most, so a shift by it is always defined")            \
  V(uint64_t, now_ms, "Unix time in ms of the current command or invocation; fixed while it runs")             \
  V(uint64_t, first_seed, "random, as are the next three; table_hash.h says what they are for")                \
  V(uint64_t, first_multiplier, "odd")                                                                        \
  V(uint64_t, second_seed, "")                                                                                \
  V(uint64_t, second_multiplier, "odd")                                                                       \
  V(uint64_t, builtin_lookups, "lookups that the CSA builtins have answered; written by them alone")           \
  V(uint64_t, key_scratch_offset, "kMaxKeyBytes + 8 bytes in which the builtins assemble a key's bytes")       \
  V(uint64_t, key_count, "keys in the table, those that expired but are not yet removed included")             \
  V(uint64_t, expiring_key_count, "of these, keys with an expiry")                                             \
  V(uint64_t, arena_state_offset, "the allocator's own state; opaque here")

struct StoreHeader {
#define SHREDDER_DECLARE_FIELD(type, name, what) type name;
  SHREDDER_STORE_HEADER_FIELDS(SHREDDER_DECLARE_FIELD)
#undef SHREDDER_DECLARE_FIELD
};

// Byte offsets of the header's fields for generated code: kHeaderOffset_now_ms and so on. Derived from the list and
// checked against the struct, so neither can drift.
enum StoreHeaderIndex : int {
#define SHREDDER_DECLARE_INDEX(type, name, what) kHeaderIndex_##name,
  SHREDDER_STORE_HEADER_FIELDS(SHREDDER_DECLARE_INDEX)
#undef SHREDDER_DECLARE_INDEX
      kHeaderFieldCount
};
#define SHREDDER_DECLARE_OFFSET(type, name, what)                                       \
  inline constexpr int kHeaderOffset_##name = kHeaderIndex_##name * 8;                  \
  static_assert(sizeof(type) == 8 && offsetof(StoreHeader, name) == kHeaderOffset_##name, \
                #name " must be one word at its listed place");
SHREDDER_STORE_HEADER_FIELDS(SHREDDER_DECLARE_OFFSET)
#undef SHREDDER_DECLARE_OFFSET
static_assert(sizeof(StoreHeader) == kHeaderFieldCount * 8);

inline constexpr uint64_t kStoreMagic = 0x31304552'44524853;  // "SHRDRE01" in memory, little-endian

// --- Limits -------------------------------------------------------------------------------------------------------

inline constexpr uint64_t kMaxKeyBytes = 64 * 1024;
inline constexpr uint64_t kMaxValueBytes = 512ull * 1024 * 1024;
// The largest integer key: JavaScript's largest safe integer, 16 decimal digits.
inline constexpr uint64_t kMaxIntegerKey = (1ull << 53) - 1;
inline constexpr int kMaxIntegerKeyDigits = 16;

// --- Directory ----------------------------------------------------------------------------------------------------

// A directory word is the segment's offset (kSegmentBytes-aligned) plus the segment's local depth in the low bits.
inline constexpr int kMinGlobalDepth = 1;
inline constexpr int kMaxGlobalDepth = 40;
inline constexpr int kSegmentSlotsLog2 = 10;
inline constexpr uint64_t kSegmentSlots = 1ull << kSegmentSlotsLog2;
inline constexpr int kSlotBytesLog2 = 4;
inline constexpr uint64_t kSlotBytes = 1ull << kSlotBytesLog2;
inline constexpr uint64_t kSegmentBytes = kSegmentSlots * kSlotBytes;
inline constexpr uint64_t kSegmentOffsetMask = ~(kSegmentBytes - 1);
static_assert(kMaxGlobalDepth < static_cast<int>(kSegmentBytes), "a local depth must fit below the offset");

// --- Slot ---------------------------------------------------------------------------------------------------------

struct Slot {
  uint64_t key_word;
  uint64_t value_word;
};
static_assert(sizeof(Slot) == kSlotBytes);
inline constexpr int kSlotKeyWordOffset = 0;
inline constexpr int kSlotValueWordOffset = 8;
static_assert(offsetof(Slot, value_word) == kSlotValueWordOffset);

// Key word: 0 is an empty slot. An integer key k is k << 1 | 1: it *is* the key, no entry need be read to compare. A
// byte-string key is its hash with the two low bits replaced by 10; equal words still need a comparison of the bytes.
inline constexpr uint64_t kEmptyKeyWord = 0;
inline constexpr uint64_t kIntegerKeyTag = 1;
inline constexpr int kIntegerKeyShift = 1;
inline constexpr uint64_t kBytesKeyTag = 2;
inline constexpr uint64_t kBytesKeyTagMask = 3;

// A slot's home position in its segment: bits 2..11 of the hash, which a byte string's key word still holds.
inline constexpr int kHomePositionShift = 2;
static_assert(kHomePositionShift + kSegmentSlotsLog2 + kMaxGlobalDepth <= 64,
              "directory index and home position must use different bits of the hash");

// Value word: bits 0..29 the value's length in bytes, bit 30 whether the entry has an expiry, bits 31..63 the entry's
// offset in units of kEntryAlignment. The length is here so that neither HTLength nor HTHas reads the entry.
inline constexpr int kValueLengthBits = 30;
inline constexpr uint64_t kValueLengthMask = (1ull << kValueLengthBits) - 1;
inline constexpr uint64_t kValueHasExpiry = 1ull << kValueLengthBits;
inline constexpr int kValueEntryShift = kValueLengthBits + 1;
static_assert(kMaxValueBytes <= kValueLengthMask);

// --- Entry --------------------------------------------------------------------------------------------------------

struct EntryHeader {
  uint64_t expires_at_ms;  // Unix time; read only where kValueHasExpiry is set; expired when now_ms >= expires_at_ms
  uint32_t key_length;     // bytes; 0 for an integer key
  uint32_t flags;  // the C++ store's own; 0 outside of a transaction
};
inline constexpr int kEntryAlignmentLog2 = 4;
inline constexpr uint64_t kEntryAlignment = 1ull << kEntryAlignmentLog2;
inline constexpr int kEntryExpiresAtOffset = 0;
inline constexpr int kEntryKeyLengthOffset = 8;
inline constexpr int kEntryKeyOffset = 16;
static_assert(offsetof(EntryHeader, expires_at_ms) == kEntryExpiresAtOffset);
static_assert(offsetof(EntryHeader, key_length) == kEntryKeyLengthOffset);
static_assert(sizeof(EntryHeader) == kEntryKeyOffset);
// Arenas end below this offset: what a value word's offset bits can name.
inline constexpr uint64_t kMaxArenaBytes = 1ull << (64 - kValueEntryShift + kEntryAlignmentLog2);

// Key bytes in an entry take whole words, the last one padded with zeros, so keys compare a word at a time.
inline constexpr uint64_t PaddedKeyBytes(uint64_t key_length) { return (key_length + 7) & ~7ull; }
inline constexpr uint64_t ValueOffsetInEntry(uint64_t key_length) {
  return kEntryKeyOffset + PaddedKeyBytes(key_length);
}

// --- Where a function's context keeps its store -------------------------------------------------------------------

// Index in a native context's embedder data at which the engine puts the base of the tenant's store, an aligned
// pointer. Index 0 is V8's own (the debugger's context id).
inline constexpr int kStoreEmbedderDataIndex = 1;

}  // namespace shredder::layout
