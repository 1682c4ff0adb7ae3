// One tenant's store: a hash table of keys to values in an arena of its own, with a memory quota,
// expiry and transactions (transaction.h). Each call that writes is a transaction of its own where
// none is open. The arena outlives its process: another one attaches it, in the state that the last
// transaction that was kept has left.
//
// Thread: all calls come from the shard's thread. Lifetime of what Get and Scan hand out: until
// the next call that is not const; such bytes may be arguments of that call. Layout of the memory:
// builtins-csa/layout/table_layout.h. Knows neither V8 nor sockets.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "builtins-csa/layout/key.h"
#include "builtins-csa/layout/table_layout.h"
#include "builtins-csa/layout/table_lookup.h"
#include "runtime/store/arena.h"
#include "runtime/store/change_observer.h"
#include "runtime/store/counter.h"
#include "runtime/store/memory_owner.h"
#include "runtime/store/reserved_value.h"
#include "runtime/store/store_pool.h"
#include "runtime/store/table.h"
#include "runtime/store/undo_log.h"

namespace shredder::store {

enum class WriteStatus {
  kOk,
  // The write would go over the quota (an overwrite needs room for the old and the new value), or
  // the arena, twice the quota in size, is too fragmented, or an invocation has filled what a slot
  // of a pool can hold (Store::NeedsOwnMemory); nothing has changed.
  kOutOfMemory,
  kValueTooLong,  // over kMaxValueBytes; nothing has changed
};

// What happens to a key's expiry on a write: kept (none where the key is new), cleared, or set.
struct Expiry {
  enum class Kind { kKeep, kNone, kAt };
  Kind kind = Kind::kNone;
  uint64_t at_ms = 0;  // Unix time; used with kAt
  static Expiry Keep() { return {Kind::kKeep, 0}; }
  static Expiry None() { return {Kind::kNone, 0}; }
  static Expiry At(uint64_t unix_ms) { return {Kind::kAt, unix_ms}; }
};

enum class ExpiryStatus {
  kOk,
  kAbsent,
  kOutOfMemory,  // the entry must be copied to get room for an expiry, and the quota refuses it
};

// What growth and shrinking have done so far, for measurements.
struct StoreEvents {
  uint64_t segment_growths;
  uint64_t segment_splits;
  uint64_t segment_shrinks;
  uint64_t directory_doublings;
  uint64_t give_backs;  // of memory, to the kernel
};

struct StoreOptions {
  uint64_t quota_bytes = 1ull << 30;  // kMinQuotaBytes to kMaxQuotaBytes
  // Fills the buffer with random bytes, for the hash's seeds; the kernel's generator when empty.
  std::function<void(std::span<uint8_t>)> random;
};

// Numbers of invocations are even, and never 0, the view_invocation of a store without views.
inline constexpr uint64_t kFirstInvocation = 2;
inline constexpr uint64_t kInvocationStep = 2;

class Store {
 public:
  // A store in memory of its own. Null with a one-line reason in *error when memory cannot be had
  // or an option is out of its range.
  static std::unique_ptr<Store> Create(const StoreOptions& options, std::string* error);
  // A store in a slot that the caller has taken in a pool, which must outlive it there. It takes
  // neither a descriptor nor a mapping, whatever its quota.
  static std::unique_ptr<Store> Create(const StoreOptions& options, const StorePool& pool,
                                       uint32_t slot, std::string* error);
  // The store that another process, which has ended, has left in the memory of `fd` (see fd(); it
  // stays the caller's), wherever that process was: its open transaction is undone, one that it had
  // kept is finished. Takes time for what was under way, and none for the rest. Null with a
  // one-line reason in *error where that memory is no store, or where it is corrupted and that
  // shows in what is looked at; the memory is then lost. With `check_everything`, which walks the
  // whole store, all faults that CheckInvariants knows show, and no content of the memory makes the
  // call fail in another way.
  static std::unique_ptr<Store> Attach(int fd, bool check_everything, std::string* error);
  // The same of a store in a pool's slot.
  static std::unique_ptr<Store> Attach(const StorePool& pool, uint32_t slot, bool check_everything,
                                       std::string* error);
  // The descriptor of memory of its own, for a process that is to go on when this one has ended.
  // Stays this object's. -1 while the store is in a pool.
  int fd() const { return is_pooled() ? -1 : arena_.memory().fd(); }
  bool is_pooled() const { return !arena_.memory().is_own(); }

  // Hears of new memory and of a new base. With nobody, a write does not move the store, and is
  // refused where the slot has no room for it. Outlives the store or its place here.
  void SetMemoryOwner(MemoryOwner* owner) { memory_owner_ = owner; }
  // Whether a store in a slot should move before its next command or invocation. It does so by
  // itself in a command that needs the room, but cannot in an invocation: one that needs more than
  // the slot has left fails with kOutOfMemory, and finds the room once the store has moved. From
  // kMaxPooledBytes on this is true, which leaves each invocation 64 MiB.
  bool NeedsOwnMemory() const;
  static constexpr uint64_t kMaxPooledBytes = 16ull << 20;
  // Moves a store from its slot to memory of its own, outside of invocations: all that it holds is
  // copied, the memory's owner is told, and only then is anything written there. Takes time for
  // what the store holds. False with a one-line reason in *error, and it stays in its slot.
  bool MoveToOwnMemory(std::string* error);
  // Changes the quota, to one in the range of StoreOptions, between commands. Where more is in use,
  // writes are refused until it fits. A larger one may move the base (MemoryOwner::OnNewBase).
  // False with a one-line reason in *error, and the quota is as before.
  bool SetQuota(uint64_t quota_bytes, std::string* error);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // While one lives, the store is only read: a call of it that is not const ends the process, with
  // a line on standard error.
  class ReadOnlyScope {
   public:
    explicit ReadOnlyScope(Store* store) : store_(store) { store->read_only_scopes_++; }
    ~ReadOnlyScope() { store_->read_only_scopes_--; }
    ReadOnlyScope(const ReadOnlyScope&) = delete;
    ReadOnlyScope& operator=(const ReadOnlyScope&) = delete;

   private:
    Store* const store_;
  };

  // The clock that expiry goes by, Unix ms; set before each command or invocation, fixed while it
  // runs.
  void SetNow(uint64_t unix_ms);
  uint64_t now_ms() const;

  // The value's bytes, or nothing where the key is absent or expired.
  std::optional<std::string_view> Get(const Key& key) const;
  bool Has(const Key& key) const;

  WriteStatus Set(const Key& key, std::string_view value, Expiry expiry = Expiry::None());
  // Appends to the value (creates the key where absent, keeps its expiry); amortised
  // O(bytes.size()).
  WriteStatus Append(const Key& key, std::string_view bytes);
  // Writes the bytes over those of the value from `start` on, and keeps the key's expiry. A value
  // that is shorter, or absent, is filled with zeros up to there. Gives the length of the new one.
  WriteStatus SetRange(const Key& key, uint64_t start, std::string_view bytes, uint64_t* length);
  // Adds to a key's counter (counter.h), whose expiry stays, and gives the sum. Nothing has changed
  // unless it is kOk.
  CounterStatus AddToCounter(const Key& key, int64_t delta, int64_t min, int64_t max, int64_t* sum);
  // True where the key was there, and not expired. Is never refused: within a transaction its undo
  // record (32 bytes) may take used_bytes() over the quota.
  bool Delete(const Key& key);

  // Unix ms; 0 = no expiry; nothing where the key is absent.
  std::optional<uint64_t> ExpiresAt(const Key& key) const;
  // A time not after now_ms() deletes the key, which is never refused; 0 clears the expiry. The
  // first expiry of an entry below 4 KiB makes a new entry, 8 bytes longer, beside the old one,
  // which may be refused. So may clearing and changing an expiry, but only in a transaction whose
  // savepoints have made more records of such changes than there may be keys.
  ExpiryStatus SetExpiresAt(const Key& key, uint64_t unix_ms);
  // Removes up to `max_removed` expired keys, looking at up to `max_visited` slots, going on where
  // the last call stopped; returns how many it removed. Never called inside a transaction.
  uint64_t ReapExpired(uint64_t max_visited, uint64_t max_removed);

  uint64_t key_count() const;  // expired keys that are not yet removed included
  uint64_t expiring_key_count() const;
  uint64_t used_bytes() const;  // what the quota bounds: blocks, segments, directory, undo records
  uint64_t quota_bytes() const;
  uint64_t resident_bytes() const;  // physical memory of the arena; from the kernel

  StoreEvents events() const;

  static constexpr uint64_t kMaxScanCount = 65536;
  // Visits about `count` live keys (expired ones left out; 1 to kMaxScanCount, what is outside is
  // brought inside) from `cursor` on, in no particular order, and returns the next cursor, 0 at the
  // end. Where few keys are left, it may visit fewer or none. Cursors are below 2^48; any other is
  // at the end. A key that is there through the whole of a scan is visited at least once, whatever
  // is written between the calls. `visit` gets the key's bytes (decimal form for an integer) and
  // must not touch the store.
  uint64_t Scan(uint64_t cursor, uint64_t count,
                const std::function<void(std::string_view key)>& visit) const;

  // Removes every key and gives the memory back. Takes the time that the kernel needs to free the
  // pages, and none per key; inside a transaction, which must be able to undo it, that of deleting
  // each key.
  void Clear();

  // Called now and then in the middle of a call that takes long, every few hundred microseconds,
  // and never while a function's code runs (BeginInvocation); empty for nobody. It must not touch
  // the store, nor let anybody else do so, but for SetObserver.
  void SetPause(std::function<void()> pause) { arena_.pauses().SetFunction(std::move(pause)); }

  // Memory of what is freed is kept as far as the budget, which outlives the store or its place
  // here, allows; null for none. Then NoteUnneeded is to be called now and then, between commands,
  // while keeps_free_memory().
  void SetFreeMemoryBudget(FreeMemoryBudget* budget) { arena_.SetBudget(budget); }
  bool keeps_free_memory() const { return arena_.keeps_more() || arena_.has_idle_blocks(); }
  // Memory that was kept and that nothing has needed since the last call is to be given back; and
  // that of values which were pinned is free, which may take long.
  void NoteUnneeded();
  // Whether there is such memory: of which each GiveBack, between commands, gives back so much at
  // most, a multiple of 2 MiB, at half a millisecond or more for each 2 MiB.
  bool gives_back() const { return arena_.gives_back(); }
  void GiveBack(uint64_t max_bytes);

  // The value's bytes, for whoever reads them while the store goes on: whatever becomes of the key
  // or of the store, they stay as they are, and count as the store's until the last one has let go.
  // Null where the key is absent or expired, the value shorter than kMinPinnedBytes, or a
  // transaction open.
  std::shared_ptr<const Pin> PinValue(const Key& key);
  static constexpr uint64_t kMinPinnedBytes = 64 * 1024;

  // A place for a value of `size` bytes of the key, which are received there before SetReserved; it
  // counts as the store's as long as it lives. Null where there is none: the value is shorter than
  // kMinPinnedBytes, or would with others take more than half of what the quota leaves, or a
  // transaction is open or an invocation runs. Set serves always.
  std::shared_ptr<ReservedValue> ReserveValue(const Key& key, uint64_t size);
  // Set, of all the bytes of a reserved value, without copying them where that is of this key; then
  // they are the store's.
  WriteStatus SetReserved(const Key& key, ReservedValue* value, Expiry expiry);

  // Sees every change that is kept from now on; null for nobody. Outlives the store or its place
  // here.
  void SetObserver(ChangeObserver* observer) { observer_ = observer; }

  // Around an invocation of a function, with a transaction inside or without one; not nested.
  // `writable`: whether the function may write. Views of values that the function has made carry
  // the invocation's number, and end with it: while it runs, what they show stays as it is.
  void BeginInvocation(bool writable);
  void EndInvocation();

  bool in_transaction() const { return header_->transaction_state != layout::kNoTransaction; }

  // The base of the arena: the StoreHeader that the builtins read. Constant but for what
  // MemoryOwner::OnNewBase tells.
  layout::StoreHeader* header() const { return header_; }

  // Has the processor's cache ask for what most calls read: of the object, step 0, and of the
  // arena, step 1, which reads the object. Changes nothing.
  static constexpr size_t kPrefetchSteps = 2;
  void Prefetch(size_t step) const;

  // Walks the whole store, allocator included: the first fault found, or an empty string. For
  // tests.
  std::string CheckInvariants() const;

 private:
  friend class Transaction;
  // Makes a call that writes a transaction where none is open.
  class Implicit;

  Store() : table_(&arena_), undo_log_(&arena_) {}

  // What a new entry is to hold: `value`, zeros, `more` and `rest`, in a block with room for
  // `room_bytes` of value at least.
  struct Content {
    // NOLINTBEGIN(readability-redundant-member-init): so that some may be left unnamed.
    std::string_view value = {};
    uint64_t zero_bytes = 0;
    std::string_view more = {};
    std::string_view rest = {};
    // NOLINTEND(readability-redundant-member-init)
    uint64_t room_bytes = 0;
    uint64_t expires_at_ms = layout::kNeverExpires;
    uint64_t bytes() const { return value.size() + zero_bytes + more.size() + rest.size(); }
  };

  static bool IsQuota(uint64_t quota_bytes, std::string* error);
  bool Initialise(const StoreOptions& options, std::string* error);
  bool MoveForRoom();
  // The arena's base, which may have changed, becomes the store's.
  void TakeBase();
  // Makes a write; once more where it has failed for want of room and the store could move. Its
  // arguments may lie in the memory that was left.
  template <typename Write>
  auto WithRoom(Write&& write, const Key& key, std::string_view bytes);
  // First in every public call that is not const.
  void RequireWritable() {
    if (read_only_scopes_ != 0) EndProcessForWrite();
  }
  [[noreturn]] static void EndProcessForWrite();
  layout::EntryHeader* MutableEntry(uint64_t value_word) const;
  char* MutableValue(uint64_t value_word, uint64_t key_length) const;
  // Parts of a step.
  void WriteExpiryWord(uint64_t value_word, uint64_t expires_at_ms);
  void CountExpiring(uint64_t value_word, int difference);
  static uint64_t EntryBytes(uint64_t key_length, uint64_t value_bytes) {
    return layout::kEntryHeaderBytes + layout::PaddedKeyBytes(key_length) + value_bytes;
  }
  // Writes a new entry but for its value, and returns where that goes.
  char* WriteEntryBeforeValue(uint64_t value_word, const Key& key, uint64_t expires_at_ms);
  uint64_t ExpiryOfNewEntry(const layout::Slot* slot, Expiry expiry) const;
  // Whether the block, a reserved one, has been made for such a key.
  bool IsEntryOf(uint64_t block, const Key& key) const;
  // The value word of a new entry, or 0. Part of a step.
  uint64_t NewEntry(const Key& key, const Content& content);
  bool FitsInPlace(uint64_t value_word, uint64_t key_length, const Content& content) const;
  WriteStatus SetInTransaction(const Key& key, std::string_view value, Expiry expiry,
                               bool is_outermost);
  // `slot` is the key's, or null.
  WriteStatus SetSlot(const Key& key, uint64_t hash, layout::Slot* slot, std::string_view value,
                      Expiry expiry, bool is_outermost);
  CounterStatus AddInTransaction(const Key& key, int64_t delta, int64_t min, int64_t max,
                                 int64_t* sum, bool is_outermost);
  WriteStatus AppendInTransaction(const Key& key, std::string_view bytes);
  WriteStatus SetRangeInTransaction(const Key& key, uint64_t start, std::string_view bytes,
                                    bool is_outermost, uint64_t* length);
  // Copy, or clear, bytes of a value, with pauses where they are many; return their end.
  char* CopyValue(char* to, std::string_view from);
  char* ClearValue(char* to, uint64_t bytes);
  ExpiryStatus SetExpiresAtInTransaction(const Key& key, uint64_t unix_ms);
  WriteStatus Put(const Key& key, uint64_t hash, layout::Slot* slot, const Content& content);
  WriteStatus PutReserved(const Key& key, uint64_t value_word, Expiry expiry);
  bool Link(const Key& key, uint64_t hash, layout::Slot* slot, uint64_t new_word);
  void OverwriteInStep(layout::Slot* slot, uint64_t key_length, const Content& content);
  void SetSlotWord(layout::Slot* slot, uint64_t value_word);
  void RemoveSlot(uint64_t hash, layout::Slot* slot);
  bool MustRecord(uint64_t value_word) const;
  void RecordChangeInPlace(const layout::Slot& slot);
  void ReplaceTable();
  void DeleteAll();

  // Of Transaction. Open begins a transaction, or a savepoint within one, and returns the number of
  // the records before it.
  uint64_t Open();
  void Keep();
  void RollBackTo(uint64_t record_count, bool is_outermost);

  using DigitBuffer = std::array<char, layout::kMaxIntegerKeyDigits>;
  // The key's bytes: an integer's in `digits`, a byte string's in its entry.
  std::string_view KeyName(uint64_t key_word, uint64_t value_word, DigitBuffer* digits) const;

  void TellObserver();
  void Tell(const layout::UndoRecord& record);
  void TellValue(uint64_t key_word, uint64_t value_word);
  // Makes the entries of the records from `first_record` on ordinary ones.
  void SettleEntries(uint64_t first_record);
  // False where a corrupted table has no room.
  bool UndoDownTo(uint64_t record_count);
  bool Undo(const layout::UndoRecord& record);
  void FreeReplaced();
  // `record_count`: how many there were.
  void EndTransaction(uint64_t record_count, bool is_kept);

  // Of Attach: false with a one-line reason in *error.
  bool FinishOrUndo(bool check_everything, std::string* error);
  bool CheckRecords(std::string* error) const;
  std::string CheckEntry(const layout::Slot& slot) const;
  std::string CheckDistinct(std::span<layout::Slot> slots) const;
  // Adds the blocks that only the open transaction refers to.
  std::string AddRecordedBlocks(const std::unordered_set<uint64_t>& live,
                                std::vector<uint64_t>* blocks) const;
  // Whether the records can be undone, or finished, given the blocks that the table refers to.
  std::string CheckRecordsAgainstTable(const std::unordered_set<uint64_t>& live) const;

  Arena arena_;
  Table table_;
  UndoLog undo_log_;
  layout::StoreHeader* header_ = nullptr;
  ChangeObserver* observer_ = nullptr;
  MemoryOwner* memory_owner_ = nullptr;
  bool in_invocation_ = false;
  uint64_t read_only_scopes_ = 0;
  // Records before this one are of entries that have been settled, as a savepoint lies behind them.
  uint64_t settled_records_ = 0;
};

inline void Store::SetNow(uint64_t unix_ms) {
  RequireWritable();
  header_->now_ms = unix_ms;
}
inline uint64_t Store::now_ms() const { return header_->now_ms; }
inline std::optional<std::string_view> Store::Get(const Key& key) const {
  return LookupValue(header_, key);
}
inline bool Store::Has(const Key& key) const { return FindLiveSlot(header_, key) != nullptr; }
inline uint64_t Store::key_count() const { return header_->key_count; }
inline uint64_t Store::expiring_key_count() const { return header_->expiring_key_count; }
inline uint64_t Store::used_bytes() const { return arena_.used_bytes(); }
inline uint64_t Store::quota_bytes() const { return arena_.quota_bytes(); }
inline StoreEvents Store::events() const {
  const TableState* table = arena_.table_state();
  return {table->segment_growths, table->segment_splits, table->segment_shrinks,
          table->directory_doublings, arena_.give_backs()};
}

}  // namespace shredder::store
