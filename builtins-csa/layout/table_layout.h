// The layout of a tenant's store in memory: the one source that the C++ store (runtime/store), the
// builtins written in CodeStubAssembler (this folder) and the optimising compiler share. Everything
// that generated code relies on is defined and asserted here; nothing here depends on V8 or on the
// store.
//
// A store is one mapped region of memory, its arena. Everything inside refers to everything else by
// its offset in bytes from the region's start (its base), never by pointer, so that the region can
// be mapped at another address. Offset 0 is the StoreHeader, so offset 0 also serves as "none".
//
// clang-format off
//  StoreHeader            directory (u64 words)       segment (1 to 4 pages of 256 slots)
//  +-----------------+    +------------------------+  +--------------+---------------------------+
//  | directory_offset|--->| segment| pages | depth |->| key word     | value word                |
//  | directory_shift |    | segment| pages | depth |  | 0 = empty    |                           |
//  | seeds, now_ms...|    | ...                    |  | ...          | entry >> 4|expiry| length |-+
//  +-----------------+    +------------------------+  +--------------+---------------------------+ |
//                                                                                                  |
//  entry (16-byte aligned): +0 key_length u32 | +4 flags u32 | where value-word bit 30 is set: <---+
//                           expires_at_ms u64 | key bytes, zero-padded to 8 | value bytes
// clang-format on
//
// Extendible hashing (R. Fagin et al., TODS 1979): the directory is indexed by the top bits of the
// hash, `hash >> directory_shift`; several directory words may name one segment. A crowded segment
// grows by a page up to four, and then splits into two of three pages each; now and then the
// directory doubles. There is no rehash of the whole table. Inside a segment, slots are probed
// linearly from the position that bits 2..17 of the hash give, wrapping around. At least one slot
// of every segment is empty, so a probe ends at the key or at an empty slot, and need not count.
// Deletion shifts the run back, so there are no tombstones.
//
// All on the shard's thread: the C++ store writes and reads, the builtins read. The builtins write
// only what is said to be theirs: `builtin_lookups`, `view_invocation`, the key scratch, and, where
// a write is simple enough for them, an entry, a slot's value word, an undo record and the
// allocator's state (arena_layout.h). A reference into the arena (an entry, a segment, the
// directory) is valid until the next write to that store; the base is valid as long as the store
// lives.
#pragma once

#include <cstddef>
#include <cstdint>

#include "builtins-csa/layout/limits.h"

namespace shredder::layout {

// Fields of the StoreHeader, in order: V(type, name, what it holds).
#define SHREDDER_STORE_HEADER_FIELDS(V)                                                            \
  V(uint64_t, magic, "kStoreMagic: layout and version of this region")                             \
  V(uint64_t, directory_offset, "the directory's first word")                                      \
  V(uint64_t, directory_shift,                                                                     \
    "64 - global depth; 63 at most, so a shift by it is always defined")                           \
  V(uint64_t, now_ms, "Unix time in ms of the current command or invocation; fixed while it runs") \
  V(uint64_t, first_seed, "random, as are the next three; table_hash.h says what they are for")    \
  V(uint64_t, first_multiplier, "odd")                                                             \
  V(uint64_t, second_seed, "")                                                                     \
  V(uint64_t, second_multiplier, "odd")                                                            \
  V(uint64_t, builtin_lookups,                                                                     \
    "lookups that the CSA builtins have answered; written by them alone")                          \
  V(uint64_t, key_scratch_offset,                                                                  \
    "kMaxKeyBytes + 8 bytes in which the builtins assemble a key's bytes")                         \
  V(uint64_t, key_count, "keys in the table, those that expired but are not yet removed included") \
  V(uint64_t, expiring_key_count, "of these, keys with an expiry")                                 \
  V(uint64_t, invocation,                                                                          \
    "even; changes when an invocation begins and when it ends; views of values carry it")          \
  V(uint64_t, view_invocation,                                                                     \
    "the invocation that last made a view of a value, written by the builtins; "                   \
    "while it equals `invocation`, no value's bytes change in place")                              \
  V(uint64_t, writable,                                                                            \
    "1 while the code that runs in this store's context may write, 0 otherwise")                   \
  V(uint64_t, transaction_state, "of change_log.h; 0 where no transaction runs")                   \
  V(uint64_t, log_counts, "journal entries and undo records: change_log.h")                        \
  V(uint64_t, journal_offset, "the first journal entry")                                           \
  V(uint64_t, undo_offset, "the first undo record")                                                \
  V(uint64_t, undo_capacity, "records that there is room for, already charged to the quota")       \
  V(uint64_t, clearing, "kClearing while all keys are being given up, which is then finished")     \
  V(uint64_t, removals, "keys removed since the store was made; paces the checks for shrinking")   \
  V(uint64_t, transaction_removals, "keys removed by the transaction that runs; else 0")           \
  V(uint64_t, arena_state_offset, "the allocator's own state; opaque here")

struct StoreHeader {
#define SHREDDER_DECLARE_FIELD(type, name, what) type name;
  SHREDDER_STORE_HEADER_FIELDS(SHREDDER_DECLARE_FIELD)
#undef SHREDDER_DECLARE_FIELD
};

// Byte offsets of the header's fields for generated code: kHeaderOffset_now_ms and so on. Derived
// from the list and checked against the struct, so neither can drift.
enum StoreHeaderIndex : int {
#define SHREDDER_DECLARE_INDEX(type, name, what) kHeaderIndex_##name,
  SHREDDER_STORE_HEADER_FIELDS(SHREDDER_DECLARE_INDEX)
#undef SHREDDER_DECLARE_INDEX
      kHeaderFieldCount
};
#define SHREDDER_DECLARE_OFFSET(type, name, what)                                         \
  inline constexpr int kHeaderOffset_##name = kHeaderIndex_##name * 8;                    \
  static_assert(sizeof(type) == 8 && offsetof(StoreHeader, name) == kHeaderOffset_##name, \
                #name " must be one word at its listed place");
SHREDDER_STORE_HEADER_FIELDS(SHREDDER_DECLARE_OFFSET)
#undef SHREDDER_DECLARE_OFFSET
static_assert(sizeof(StoreHeader) == kHeaderFieldCount * 8);

inline constexpr uint64_t kStoreMagic = 0x36304552'44524853;  // "SHRDRE06" in memory, little-endian

// --- Directory -----------------------------------------------------------------------------------

// A directory word: bits 0..5 the segment's local depth, bits 6..8 its size in pages, bits 12..63
// its offset, a multiple of the page's size. Bits 9..11 are 0.
inline constexpr int kMinGlobalDepth = 1;
inline constexpr int kMaxGlobalDepth = 40;
inline constexpr uint64_t kSegmentDepthMask = 63;
inline constexpr int kSegmentPagesShift = 6;
inline constexpr uint64_t kSegmentPagesMask = 7;
inline constexpr int kSegmentPageBytesLog2 = 12;
inline constexpr uint64_t kSegmentPageBytes = 1ull << kSegmentPageBytesLog2;
inline constexpr uint64_t kSegmentOffsetMask = ~(kSegmentPageBytes - 1);
inline constexpr uint64_t kMaxSegmentPages = 4;
inline constexpr int kSlotBytesLog2 = 4;
inline constexpr uint64_t kSlotBytes = 1ull << kSlotBytesLog2;
inline constexpr uint64_t kSlotsPerPage = kSegmentPageBytes / kSlotBytes;
inline constexpr uint64_t kMaxSegmentSlots = kMaxSegmentPages * kSlotsPerPage;
static_assert(kMaxGlobalDepth <= static_cast<int>(kSegmentDepthMask) &&
                  kSegmentDepthMask < 1ull << kSegmentPagesShift &&
                  kMaxSegmentPages <= kSegmentPagesMask &&
                  kSegmentPagesMask << kSegmentPagesShift < kSegmentPageBytes,
              "local depth, pages and offset must lie side by side");

inline constexpr uint64_t MakeDirectoryWord(uint64_t segment_offset, uint64_t pages, int depth) {
  return segment_offset | pages << kSegmentPagesShift | static_cast<uint64_t>(depth);
}
inline constexpr uint64_t SegmentOffset(uint64_t directory_word) {
  return directory_word & kSegmentOffsetMask;
}
inline constexpr uint64_t SegmentPages(uint64_t directory_word) {
  return directory_word >> kSegmentPagesShift & kSegmentPagesMask;
}
inline constexpr int SegmentDepth(uint64_t directory_word) {
  return static_cast<int>(directory_word & kSegmentDepthMask);
}

// --- Slot ----------------------------------------------------------------------------------------

struct Slot {
  uint64_t key_word;
  uint64_t value_word;
};
static_assert(sizeof(Slot) == kSlotBytes);
inline constexpr int kSlotKeyWordOffset = 0;
inline constexpr int kSlotValueWordOffset = 8;
static_assert(offsetof(Slot, value_word) == kSlotValueWordOffset);

// Key word: 0 is an empty slot. An integer key k is k << 1 | 1: it *is* the key, no entry need be
// read to compare. A byte-string key is its hash with the two low bits replaced by 10; equal words
// still need a comparison of the bytes.
inline constexpr uint64_t kEmptyKeyWord = 0;
inline constexpr uint64_t kIntegerKeyTag = 1;
inline constexpr int kIntegerKeyShift = 1;
inline constexpr uint64_t kBytesKeyTag = 2;
inline constexpr uint64_t kBytesKeyTagMask = 3;

// A slot's home position in its segment, in bytes: 16 bits of the hash, which a byte string's key
// word still holds, spread evenly over the segment's pages. Probing goes on by kSlotBytes, and from
// the segment's end to its start.
inline constexpr int kHomeHashShift = 2;
inline constexpr int kHomeHashBits = 16;
inline constexpr uint64_t kHomeHashMask = (1ull << kHomeHashBits) - 1;
// From a product of kHomeHashBits bits and pages to bytes in the segment.
inline constexpr int kHomeBytesShift = kHomeHashBits - kSegmentPageBytesLog2;
inline constexpr uint64_t kHomeBytesMask = ~(kSlotBytes - 1);
inline constexpr uint64_t HomeBytes(uint64_t hash, uint64_t pages) {
  return ((hash >> kHomeHashShift & kHomeHashMask) * pages >> kHomeBytesShift) & kHomeBytesMask;
}
static_assert(kHomeHashShift + kHomeHashBits + kMaxGlobalDepth <= 64,
              "directory index and home position must use different bits of the hash");
static_assert(HomeBytes(~0ull, kMaxSegmentPages) ==
              kMaxSegmentPages * kSegmentPageBytes - kSlotBytes);

// Value word: bits 0..29 the value's length in bytes, bit 30 whether the entry has an expiry word,
// bits 31..63 the entry's offset in units of kEntryAlignment. The length is here so that neither
// HTLength nor HTHas reads the entry.
inline constexpr int kValueLengthBits = 30;
inline constexpr uint64_t kValueLengthMask = (1ull << kValueLengthBits) - 1;
inline constexpr int kValueHasExpiryWordBit = kValueLengthBits;
inline constexpr uint64_t kValueHasExpiryWord = 1ull << kValueHasExpiryWordBit;
inline constexpr int kValueEntryShift = kValueHasExpiryWordBit + 1;
static_assert(kMaxValueBytes <= kValueLengthMask);

// --- Entry ---------------------------------------------------------------------------------------

struct EntryHeader {
  uint32_t key_length;  // bytes; 0 for an integer key
  uint32_t flags;       // of these below; 0 outside of a transaction
};
// The running transaction has made this entry: its bytes may be overwritten, where no view shows
// them.
inline constexpr uint32_t kEntryMade = 1;
// The entry is older, and the running transaction has recorded what it changes in place: the
// expiry, or bytes added behind the value. The value's bytes must stay.
inline constexpr uint32_t kEntryRecorded = 2;

inline constexpr int kEntryAlignmentLog2 = 4;
inline constexpr uint64_t kEntryAlignment = 1ull << kEntryAlignmentLog2;
inline constexpr int kEntryKeyLengthOffset = 0;
inline constexpr int kEntryFlagsOffset = 4;
inline constexpr int kEntryHeaderBytes = 8;
static_assert(offsetof(EntryHeader, key_length) == kEntryKeyLengthOffset);
static_assert(offsetof(EntryHeader, flags) == kEntryFlagsOffset);
static_assert(sizeof(EntryHeader) == kEntryHeaderBytes);
// Arenas end below this offset: what a value word's offset bits can name.
inline constexpr uint64_t kMaxArenaBytes = 1ull << (64 - kValueEntryShift + kEntryAlignmentLog2);

// The expiry word, only in entries whose value word says so: expires_at_ms u64, Unix time. The key
// is expired when now_ms >= expires_at_ms.
inline constexpr int kEntryExpiresAtOffset = kEntryHeaderBytes;
inline constexpr int kExpiryWordBytes = 8;
inline constexpr uint64_t kNeverExpires = ~0ull;  // no expiry, though there is a word for one
// Entries of this size and above have the word from the start, so that an expiry set later does not
// copy them.
inline constexpr uint64_t kMinBytesForExpiryWord = 4096;

// Key bytes in an entry take whole words, the last one padded with zeros, so keys compare a word at
// a time.
inline constexpr uint64_t PaddedKeyBytes(uint64_t key_length) { return (key_length + 7) & ~7ull; }

// Where key and value begin in the entry of a value word: without a branch, bit 30 brought to the
// place of an 8.
inline constexpr int kExpiryWordShift = kValueHasExpiryWordBit - 3;
static_assert(kValueHasExpiryWord >> kExpiryWordShift == kExpiryWordBytes);
inline constexpr uint64_t KeyOffsetInEntry(uint64_t value_word) {
  return kEntryHeaderBytes + (value_word >> kExpiryWordShift & kExpiryWordBytes);
}
inline constexpr uint64_t ValueOffsetInEntry(uint64_t value_word, uint64_t key_length) {
  return KeyOffsetInEntry(value_word) + PaddedKeyBytes(key_length);
}

// --- Where a function's context keeps its store --------------------------------------------------

// Index in a native context's embedder data at which the engine puts the base of the tenant's
// store, an aligned pointer. Index 0 is V8's own (the debugger's context id).
inline constexpr int kStoreEmbedderDataIndex = 1;

}  // namespace shredder::layout
