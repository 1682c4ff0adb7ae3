// How a store's memory changes so that it can be put in order again wherever its process ended, at
// any instruction. Pure C++ over the layout: neither V8 nor the store.
//
// Two levels, both in the arena, both written before what they cover:
//
// - A **step** is a change of several words that other words depend on: taking a block, splitting a
//   segment, moving slots back. Before a word of the table or of the allocator changes in a step,
//   its old content goes into the journal. The step has happened once the journal is empty again,
//   which is one store; until then it can be taken back by writing the old words, newest first,
//   however often. What nothing refers to yet (a new entry, a new segment) needs no journal.
// - A **transaction** is a sequence of steps, undone record by record (UndoRecord), newest first.
//   A record is there before the slot that it speaks of changes, and undoing what has not happened
//   changes nothing. It appears in, and disappears from, the log with the end of a step.
//
// Where a process ends is where its stores end: what it has stored is in the memory that the next
// process maps, in the order of the program. So only the compiler must be kept from reordering.
//
// Thread: the shard's own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "builtins-csa/layout/table_layout.h"

// Tests of the store define it, to stop after each store that a successor may find the last.
#ifndef SHREDDER_FAULT_POINT
#define SHREDDER_FAULT_POINT() static_cast<void>(0)
#endif

namespace shredder::layout {

// What was stored before is in memory before what is stored behind.
inline void KeepOrder() { std::atomic_signal_fence(std::memory_order_seq_cst); }

// What was stored so far may be the last that a successor finds.
inline void MayEndHere() {
  KeepOrder();
  SHREDDER_FAULT_POINT();
}

// Stores a value in one store, after all that was stored before, and before what is stored behind.
// (common_type_t, as T is to follow from the field alone.)
template <typename T>
inline void OrderedStore(T* field, std::common_type_t<T> value) {
  KeepOrder();
  *field = value;
  MayEndHere();
}

// --- The two counts ------------------------------------------------------------------------------

// The header's log_counts: journal entries in the low bits, undo records above them, so that the
// end of a step and the record that comes or goes with it are one store.
inline constexpr int kUndoCountShift = 24;
inline constexpr uint64_t kJournalCountMask = (1ull << kUndoCountShift) - 1;
inline constexpr uint64_t kOneUndoRecord = 1ull << kUndoCountShift;

inline uint64_t JournalCount(const StoreHeader* header) {
  return header->log_counts & kJournalCountMask;
}
inline uint64_t UndoCount(const StoreHeader* header) {
  return header->log_counts >> kUndoCountShift;
}

// --- The journal ---------------------------------------------------------------------------------

// Words that a step has changed: `words` equal ones from an offset on.
struct JournalEntry {
  uint64_t where;  // bits 0..39 the offset, a multiple of 8; bits 40..63 the words, less one
  uint64_t old_word;
};
inline constexpr int kJournalEntryBytesLog2 = 4;
static_assert(sizeof(JournalEntry) == 1 << kJournalEntryBytesLog2);
inline constexpr int kJournalWordsShift = 40;
inline constexpr uint64_t kJournalOffsetMask = (1ull << kJournalWordsShift) - 1;
inline constexpr uint64_t kMaxJournalRangeWords = 1ull << (64 - kJournalWordsShift);
static_assert(kMaxArenaBytes <= kJournalOffsetMask);

inline char* BaseOf(StoreHeader* header) { return reinterpret_cast<char*>(header); }

inline JournalEntry* JournalOf(StoreHeader* header) {
  return reinterpret_cast<JournalEntry*>(BaseOf(header) + header->journal_offset);
}

// The entry for `words` words from the one at `address` on (the first one's content stands for
// all), which does not count yet.
inline void FillEntry(StoreHeader* header, JournalEntry* entry, const void* address,
                      uint64_t words = 1) {
  const auto at = static_cast<uint64_t>(static_cast<const char*>(address) - BaseOf(header)) & ~7ull;
  entry->where = at | (words - 1) << kJournalWordsShift;
  std::memcpy(&entry->old_word, BaseOf(header) + at, sizeof entry->old_word);
  MayEndHere();
}

// Journals the words at these addresses, all at once.

// Journals the words that `bytes` bytes from `first` on, the start of a word, lie in.
inline void LogBytes(StoreHeader* header, const char* first, uint64_t bytes) {
  JournalEntry* entry = JournalOf(header) + JournalCount(header);
  const uint64_t words = (bytes + 7) / 8;
  for (uint64_t i = 0; i < words; i++) FillEntry(header, entry + i, first + i * 8);
  OrderedStore(&header->log_counts, header->log_counts + words);
}

// Journals words one after the other with the counts at hand, for steps of many entries. While it
// is in use nothing else may journal, and no step may end.
class Journal {
 public:
  explicit Journal(StoreHeader* header)
      : header_(header),
        counts_(header->log_counts),
        next_(JournalOf(header) + JournalCount(header)) {}

  // The words at these addresses, all at once.
  template <typename... Addresses>
  void Log(const Addresses*... addresses) {
    (FillEntry(header_, next_++, addresses), ...);
    counts_ += sizeof...(addresses);
    OrderedStore(&header_->log_counts, counts_);
  }

 private:
  StoreHeader* header_;
  uint64_t counts_;
  JournalEntry* next_;
};

// Journals the words at these addresses, all at once.
template <typename... Addresses>
inline void Log(StoreHeader* header, const Addresses*... addresses) {
  Journal(header).Log(addresses...);
}

// Journals `words` equal words from `first` on.
inline void LogRange(StoreHeader* header, const uint64_t* first, uint64_t words) {
  FillEntry(header, JournalOf(header) + JournalCount(header), first, words);
  OrderedStore(&header->log_counts, header->log_counts + 1);
}

// Journals the word that holds *field, then stores the value.
template <typename T>
inline void LoggedStore(StoreHeader* header, T* field, T value) {
  static_assert(sizeof(T) <= 8 && (sizeof(T) & (sizeof(T) - 1)) == 0, "within one word");
  Log(header, field);
  OrderedStore(field, value);
}

// The step has happened; with it come or go `undo_records` of the log.
inline void EndStep(StoreHeader* header, int64_t undo_records = 0) {
  const uint64_t counts = header->log_counts & ~kJournalCountMask;
  OrderedStore(&header->log_counts, counts + static_cast<uint64_t>(undo_records) * kOneUndoRecord);
}

// --- Transactions --------------------------------------------------------------------------------

// The header's transaction_state. From kKept on the transaction stands: what is left to do is to
// make its entries ordinary ones, and to free those that it has replaced, from the last record to
// the first.
inline constexpr uint64_t kNoTransaction = 0;
inline constexpr uint64_t kTransactionOpen = 1;
inline constexpr uint64_t kTransactionKept = 2;
inline constexpr uint64_t kTransactionFreeing = 3;

// The header's clearing while all keys are being given up; 0 otherwise.
inline constexpr uint64_t kClearing = 0x474e495241454c43;  // "CLEARING" in memory

// Records that each transaction has room for without a charge to the quota.
inline constexpr uint64_t kFreeUndoRecords = 32;

// What a transaction has done to one key. A record names its key by the slot's key word and its
// entry, so no key bytes are copied. In a transaction a write makes a new entry with flags
// kEntryMade, appends a record, and frees nothing: the old entry goes when the transaction is kept.
// What may be done in place: any change of an entry with kEntryMade, without a record, and what
// kEntryRecorded names, recorded once.
struct UndoRecord {
  uint64_t key_word;
  uint64_t old_value_word;  // 0 = the key was absent
  // 0 = the key was removed. Its entry is the old one's where that was changed in place.
  uint64_t new_value_word;
  // Of a change in place: the expiry word before, where there is one; else not read.
  uint64_t old_expires_at_ms;
};
inline constexpr int kUndoRecordBytesLog2 = 5;
inline constexpr int kUndoRecordBytes = 1 << kUndoRecordBytesLog2;
static_assert(sizeof(UndoRecord) == kUndoRecordBytes);

}  // namespace shredder::layout
