#include "runtime/store/store.h"

#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "runtime/prefetch.h"
#include "runtime/store/store_writes.h"

namespace shredder::store {

using layout::EntryHeader;
using layout::Slot;

namespace {

bool KernelRandom(std::span<uint8_t> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = getrandom(buffer.data() + filled, buffer.size() - filled, 0);
    if (got < 0 && errno != EINTR) return false;
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return true;
}

// A value of up to so many bytes is overwritten in place where nothing else is written with it: its
// old bytes go to the journal, which costs less than a block in its place.
constexpr uint64_t kMaxJournaledValueBytes = 256;
static_assert(2 * kMaxJournaledValueBytes / 8 < kMaxJournalEntries);

// Slots are found through the header, which lookups treat as constant; the store alone may write to
// them.
Slot* Mutable(const Slot* slot) { return const_cast<Slot*>(slot); }

}  // namespace

bool Store::IsQuota(uint64_t quota_bytes, std::string* error) {
  if (quota_bytes >= layout::kMinQuotaBytes && quota_bytes <= layout::kMaxQuotaBytes) return true;
  *error = "a store's quota of " + std::to_string(quota_bytes) + " bytes is out of range; give " +
           std::to_string(layout::kMinQuotaBytes >> 20) + " MiB to " +
           std::to_string(layout::kMaxQuotaBytes >> 30) + " GiB";
  return false;
}

std::unique_ptr<Store> Store::Create(const StoreOptions& options, std::string* error) {
  if (!IsQuota(options.quota_bytes, error)) return nullptr;
  std::unique_ptr<Store> store(new Store());
  if (!store->arena_.Map(options.quota_bytes, error)) return nullptr;
  if (!store->Initialise(options, error)) return nullptr;
  return store;
}

std::unique_ptr<Store> Store::Create(const StoreOptions& options, const StorePool& pool,
                                     uint32_t slot, std::string* error) {
  if (!IsQuota(options.quota_bytes, error)) return nullptr;
  Memory memory = pool.MemoryOf(slot);
  // Whoever had it before may have ended without.
  if (!memory.PunchHole(0, memory.bytes())) {
    *error = std::string("madvise for a store's slot failed: ") + std::strerror(errno);
    return nullptr;
  }
  std::unique_ptr<Store> store(new Store());
  store->arena_.MapSlot(std::move(memory), options.quota_bytes);
  if (!store->Initialise(options, error)) return nullptr;
  return store;
}

Store::~Store() = default;

void Store::Prefetch(size_t step) const {
  if (step == 0) PrefetchBytes(this, sizeof(Store));
  if (step == 1) PrefetchBytes(header_, sizeof(layout::StoreHeader));
}

// Of a store whose arena is made.
bool Store::Initialise(const StoreOptions& options, std::string* error) {
  uint64_t seeds[4];
  const std::span<uint8_t> seed_bytes(reinterpret_cast<uint8_t*>(seeds), sizeof seeds);
  if (options.random) {
    options.random(seed_bytes);
  } else if (!KernelRandom(seed_bytes)) {
    *error = std::string("getrandom for a store's seeds failed: ") + std::strerror(errno);
    return false;
  }
  header_ = arena_.header();
  header_->first_seed = seeds[0];
  header_->first_multiplier = seeds[1] | 1;
  header_->second_seed = seeds[2];
  header_->second_multiplier = seeds[3] | 1;
  header_->invocation = kFirstInvocation;
  const bool has_table = table_.Initialise();
  assert(has_table && "the smallest quota holds an empty table");
  // Last, so that what has it is whole.
  layout::OrderedStore(&header_->magic, layout::kStoreMagic);
  return has_table;
}

void Store::EndProcessForWrite() {
  std::fputs("shredder: a store was written while it may only be read\n", stderr);
  std::abort();
}

uint64_t Store::resident_bytes() const { return arena_.memory().ResidentBytes(); }

EntryHeader* Store::MutableEntry(uint64_t value_word) const {
  return arena_.At<EntryHeader>(EntryOffset(value_word));
}

char* Store::MutableValue(uint64_t value_word, uint64_t key_length) const {
  return arena_.base() + EntryOffset(value_word) +
         layout::ValueOffsetInEntry(value_word, key_length);
}

void Store::WriteExpiryWord(uint64_t value_word, uint64_t expires_at_ms) {
  assert(HasExpiryWord(value_word));
  arena_.Write(arena_.At<uint64_t>(EntryOffset(value_word) + layout::kEntryExpiresAtOffset),
               expires_at_ms);
}

// To be called with -1 before a slot's value word or its entry's expiry changes, with 1 after.
void Store::CountExpiring(uint64_t value_word, int difference) {
  if (ExpiresAtOf(header_, value_word) != layout::kNeverExpires) {
    arena_.Write(&header_->expiring_key_count,
                 header_->expiring_key_count + static_cast<uint64_t>(difference));
  }
}

// --- Writes --------------------------------------------------------------------------------------

WriteStatus Store::Set(const Key& key, std::string_view value, Expiry expiry) {
  const Implicit transaction(this);
  return WithRoom(
      [&](const Key& k, std::string_view v) {
        return SetInTransaction(k, v, expiry, transaction.is_outermost());
      },
      key, value);
}

WriteStatus Store::SetInTransaction(const Key& key, std::string_view value, Expiry expiry,
                                    bool is_outermost) {
  if (value.size() > layout::kMaxValueBytes) return WriteStatus::kValueTooLong;
  const uint64_t hash = HashOf(*header_, key);
  return SetSlot(key, hash, Mutable(FindSlot(header_, key, hash)), value, expiry, is_outermost);
}

WriteStatus Store::SetSlot(const Key& key, uint64_t hash, Slot* slot, std::string_view value,
                           Expiry expiry, bool is_outermost) {
  const Content content = {
      .value = value, .room_bytes = value.size(), .expires_at_ms = ExpiryOfNewEntry(slot, expiry)};
  const uint64_t key_length = key.bytes().size();
  if (slot == nullptr || !FitsInPlace(slot->value_word, key_length, content)) {
    return Put(key, hash, slot, content);
  }
  const uint64_t word = slot->value_word;
  if (EntryOf(header_, word)->flags != layout::kEntryMade) {
    if (!is_outermost || value.size() > kMaxJournaledValueBytes) {
      return Put(key, hash, slot, content);
    }
    OverwriteInStep(slot, key_length, content);
    return WriteStatus::kOk;
  }
  // The transaction has made the entry and drops it if it is undone, so that its bytes are free to
  // change. `value` may lie within the block.
  CopyValue(MutableValue(word, key_length), value);
  layout::MayEndHere();
  const uint64_t new_word = WithValueLength(word, value.size());
  if (!HasExpiryWord(word)) {
    SetSlotWord(slot, new_word);
    return WriteStatus::kOk;
  }
  CountExpiring(word, -1);
  WriteExpiryWord(word, content.expires_at_ms);
  arena_.Write(&slot->value_word, new_word);
  CountExpiring(new_word, 1);
  arena_.EndStep();
  return WriteStatus::kOk;
}

uint64_t Store::ExpiryOfNewEntry(const Slot* slot, Expiry expiry) const {
  if (expiry.kind == Expiry::Kind::kAt) return expiry.at_ms;
  if (expiry.kind == Expiry::Kind::kKeep && slot != nullptr &&
      !IsExpired(header_, slot->value_word)) {
    return ExpiresAtOf(header_, slot->value_word);
  }
  return layout::kNeverExpires;
}

// A transaction of one step: as the journal has all that changes, no record need be there.
void Store::OverwriteInStep(Slot* slot, uint64_t key_length, const Content& content) {
  const uint64_t word = slot->value_word;
  char* const at = MutableValue(word, key_length);
  layout::LogBytes(header_, at, content.value.size());
  // What is stored may lie within the block.
  if (!content.value.empty()) std::memmove(at, content.value.data(), content.value.size());
  layout::MayEndHere();
  const uint64_t new_word = WithValueLength(word, content.value.size());
  if (HasExpiryWord(word)) {
    CountExpiring(word, -1);
    WriteExpiryWord(word, content.expires_at_ms);
    CountExpiring(new_word, 1);
  }
  if (new_word != word) arena_.Write(&slot->value_word, new_word);
  if (observer_ != nullptr) TellValue(slot->key_word, new_word);
  arena_.EndStep();
}

// Whether the entry's block serves for the content, and no view shows its bytes.
bool Store::FitsInPlace(uint64_t value_word, uint64_t key_length, const Content& content) const {
  if (header_->view_invocation == header_->invocation) return false;
  if (content.expires_at_ms != layout::kNeverExpires && !HasExpiryWord(value_word)) return false;
  const uint64_t value_offset = layout::ValueOffsetInEntry(value_word, key_length);
  return Arena::RoundedBytes(value_offset + ValueLength(value_word)) ==
         Arena::RoundedBytes(value_offset + content.value.size());
}

WriteStatus Store::Append(const Key& key, std::string_view bytes) {
  const Implicit transaction(this);
  return WithRoom([&](const Key& k, std::string_view b) { return AppendInTransaction(k, b); }, key,
                  bytes);
}

WriteStatus Store::AppendInTransaction(const Key& key, std::string_view bytes) {
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr || IsExpired(header_, slot->value_word)) {
    return SetInTransaction(key, bytes, Expiry::None(), false);
  }
  const uint64_t word = slot->value_word;
  const uint64_t old_length = ValueLength(word);
  if (bytes.size() > layout::kMaxValueBytes - old_length) return WriteStatus::kValueTooLong;
  if (bytes.empty()) return WriteStatus::kOk;
  const uint64_t length = old_length + bytes.size();
  const uint64_t key_length = key.bytes().size();

  if (layout::ValueOffsetInEntry(word, key_length) + length <=
      arena_.BlockBytes(EntryOffset(word))) {
    // The old bytes stay as they are, so that a transaction need only remember their number.
    if (MustRecord(word)) {
      if (!undo_log_.Reserve()) return WriteStatus::kOutOfMemory;
      RecordChangeInPlace(*slot);
    }
    CopyValue(MutableValue(word, key_length) + old_length, bytes);
    layout::MayEndHere();
    SetSlotWord(slot, WithValueLength(word, length));
    return WriteStatus::kOk;
  }

  Content content = {.value = ValueIn(header_, word, key_length),
                     .more = bytes,
                     .room_bytes = std::min(length + length / 2, layout::kMaxValueBytes),
                     .expires_at_ms = ExpiresAtOf(header_, word)};
  const WriteStatus status = Put(key, hash, slot, content);
  if (status == WriteStatus::kOk) return status;
  content.room_bytes = length;
  return Put(key, hash, slot, content);
}

WriteStatus Store::SetRange(const Key& key, uint64_t start, std::string_view bytes,
                            uint64_t* length) {
  const Implicit transaction(this);
  return WithRoom(
      [&](const Key& k, std::string_view b) {
        return SetRangeInTransaction(k, start, b, transaction.is_outermost(), length);
      },
      key, bytes);
}

WriteStatus Store::SetRangeInTransaction(const Key& key, uint64_t start, std::string_view bytes,
                                         bool is_outermost, uint64_t* length) {
  if (start > layout::kMaxValueBytes || bytes.size() > layout::kMaxValueBytes - start) {
    return WriteStatus::kValueTooLong;
  }
  const uint64_t hash = HashOf(*header_, key);
  Slot* const slot = Mutable(FindSlot(header_, key, hash));
  const bool is_live = slot != nullptr && !IsExpired(header_, slot->value_word);
  const std::string_view old =
      is_live ? ValueIn(header_, slot->value_word, key.bytes().size()) : std::string_view();
  const uint64_t end = start + bytes.size();
  Content content = {
      .value = old.substr(0, start),
      .zero_bytes = start - std::min<uint64_t>(old.size(), start),
      .more = bytes,
      .rest = old.substr(std::min<uint64_t>(old.size(), end)),
      .expires_at_ms = is_live ? ExpiresAtOf(header_, slot->value_word) : layout::kNeverExpires};
  content.room_bytes = *length = content.bytes();
  if (*length > kMaxJournaledValueBytes) return Put(key, hash, slot, content);
  // One that is so short may be overwritten in place.
  std::string value(content.value);
  value.append(content.zero_bytes, '\0').append(content.more).append(content.rest);
  return SetSlot(key, hash, slot, value, Expiry::Keep(), is_outermost);
}

CounterStatus Store::AddToCounter(const Key& key, int64_t delta, int64_t min, int64_t max,
                                  int64_t* sum) {
  const Implicit transaction(this);
  return WithRoom(
      [&](const Key& k, std::string_view) {
        return AddInTransaction(k, delta, min, max, sum, transaction.is_outermost());
      },
      key, {});
}

CounterStatus Store::AddInTransaction(const Key& key, int64_t delta, int64_t min, int64_t max,
                                      int64_t* sum, bool is_outermost) {
  const uint64_t hash = HashOf(*header_, key);
  Slot* const slot = Mutable(FindSlot(header_, key, hash));
  std::optional<std::string_view> value;
  if (slot != nullptr && !IsExpired(header_, slot->value_word)) {
    value = ValueIn(header_, slot->value_word, key.bytes().size());
  }
  int64_t counter = 0;
  const CounterStatus status = AddToText(value, delta, min, max, &counter);
  if (status != CounterStatus::kOk) return status;
  char digits[std::numeric_limits<int64_t>::digits10 + 2];  // and a sign
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, counter);
  // No counter is too long a value.
  if (SetSlot(key, hash, slot, std::string_view(digits, end), Expiry::Keep(), is_outermost) !=
      WriteStatus::kOk) {
    return CounterStatus::kOutOfMemory;
  }
  *sum = counter;
  return CounterStatus::kOk;
}

bool Store::Delete(const Key& key) {
  const Implicit transaction(this);
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr) return false;
  const bool was_live = !IsExpired(header_, slot->value_word);
  RemoveSlot(hash, slot);
  return was_live;
}

// What the content refers to may lie anywhere in the arena.
uint64_t Store::NewEntry(const Key& key, const Content& content) {
  uint64_t bytes = EntryBytes(key.bytes().size(), content.room_bytes);
  const bool has_expiry_word =
      content.expires_at_ms != layout::kNeverExpires || bytes >= layout::kMinBytesForExpiryWord;
  if (has_expiry_word) bytes += layout::kExpiryWordBytes;
  const uint64_t offset = arena_.Allocate(bytes);
  if (offset == 0) return 0;
  const uint64_t word = MakeValueWord(offset, has_expiry_word, content.bytes());
  char* at = WriteEntryBeforeValue(word, key, content.expires_at_ms);
  at = ClearValue(CopyValue(at, content.value), content.zero_bytes);
  CopyValue(CopyValue(at, content.more), content.rest);
  layout::MayEndHere();
  return word;
}

char* Store::WriteEntryBeforeValue(uint64_t value_word, const Key& key, uint64_t expires_at_ms) {
  const std::string_view key_bytes = key.bytes();
  EntryHeader* entry = MutableEntry(value_word);
  entry->key_length = static_cast<uint32_t>(key_bytes.size());
  entry->flags = layout::kEntryMade;
  if (HasExpiryWord(value_word)) {
    *arena_.At<uint64_t>(EntryOffset(value_word) + layout::kEntryExpiresAtOffset) = expires_at_ms;
  }
  char* const value = MutableValue(value_word, key_bytes.size());
  if (!key_bytes.empty()) {
    std::memset(value - 8, 0, 8);
    std::memcpy(value - layout::PaddedKeyBytes(key_bytes.size()), key_bytes.data(),
                key_bytes.size());
  }
  return value;
}

// Bytes that overlap with where they go are moved at once.
char* Store::CopyValue(char* to, std::string_view from) {
  if (from.size() < Pauses::kMinCountedBytes ||
      (from.data() < to + from.size() && to < from.data() + from.size())) [[likely]] {
    if (!from.empty()) std::memmove(to, from.data(), from.size());
    return to + from.size();
  }
  for (; !from.empty(); from.remove_prefix(std::min<uint64_t>(from.size(), Pauses::kPieceBytes))) {
    const std::string_view piece = from.substr(0, Pauses::kPieceBytes);
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
    arena_.pauses().AddBytes(piece.size());
  }
  return to;
}

char* Store::ClearValue(char* to, uint64_t bytes) {
  for (uint64_t piece; bytes > 0; bytes -= piece, to += piece) {
    piece = std::min(bytes, Pauses::kPieceBytes);
    std::memset(to, 0, piece);
    arena_.pauses().AddBytes(piece);
  }
  return to;
}

// Stores a slot's value word, in the one store that makes it the key's; what it replaces is in the
// undo log.
void Store::SetSlotWord(Slot* slot, uint64_t value_word) {
  layout::OrderedStore(&slot->value_word, value_word);
}

// Writes a new entry and makes it the key's; `slot` is the key's, or null.
WriteStatus Store::Put(const Key& key, uint64_t hash, Slot* slot, const Content& content) {
  if (!undo_log_.Reserve()) return WriteStatus::kOutOfMemory;
  const uint64_t old_word = slot == nullptr ? 0 : slot->value_word;
  uint64_t new_word = NewEntry(key, content);
  if (new_word == 0 && old_word != 0 && undo_log_.count() == 0 && header_->writable == 0 &&
      !arena_.IsPinned(EntryOffset(old_word))) {
    // A command that does nothing but replace a value needs no room for both: it is left with one.
    arena_.SetCredit(arena_.BlockBytes(EntryOffset(old_word)));
    new_word = NewEntry(key, content);
    arena_.SetCredit(0);
  }
  if (new_word == 0) {
    arena_.EndStep();
    return WriteStatus::kOutOfMemory;
  }
  if (Link(key, hash, slot, new_word)) return WriteStatus::kOk;
  arena_.Free(EntryOffset(new_word));
  undo_log_.Pop();
  return WriteStatus::kOutOfMemory;
}

// Makes an entry that the step under way has allocated the key's; `slot` is the key's, or null.
// False where the table has no room, and then only the undo record has been added.
bool Store::Link(const Key& key, uint64_t hash, Slot* slot, uint64_t new_word) {
  const uint64_t key_word = KeyWordOf(key, hash);
  const uint64_t old_word = slot == nullptr ? 0 : slot->value_word;
  undo_log_.Push({key_word, old_word, new_word, 0});
  if (slot == nullptr) {
    if (!table_.Insert(hash, key_word, new_word, true)) return false;
    CountExpiring(new_word, 1);
    arena_.EndStep();
  } else if (HasExpiryWord(old_word) || HasExpiryWord(new_word)) {
    CountExpiring(old_word, -1);
    arena_.Write(&slot->value_word, new_word);
    CountExpiring(new_word, 1);
    arena_.EndStep();
  } else {
    SetSlotWord(slot, new_word);
  }
  return true;
}

void Store::RemoveSlot(uint64_t hash, Slot* slot) {
  const Slot removed = *slot;
  undo_log_.ReserveAlways();
  // Before the removal, as room is kept for all that may come back.
  layout::OrderedStore(&header_->transaction_removals, header_->transaction_removals + 1);
  undo_log_.Push({removed.key_word, removed.value_word, 0, 0});
  CountExpiring(removed.value_word, -1);
  table_.Remove(table_.SegmentOf(hash), slot);
  arena_.EndStep();
}

// --- Expiry --------------------------------------------------------------------------------------

std::optional<uint64_t> Store::ExpiresAt(const Key& key) const {
  const Slot* slot = FindLiveSlot(header_, key);
  if (slot == nullptr) return std::nullopt;
  const uint64_t expires_at_ms = ExpiresAtOf(header_, slot->value_word);
  return expires_at_ms == layout::kNeverExpires ? 0 : expires_at_ms;
}

ExpiryStatus Store::SetExpiresAt(const Key& key, uint64_t unix_ms) {
  const Implicit transaction(this);
  return WithRoom(
      [&](const Key& k, std::string_view) { return SetExpiresAtInTransaction(k, unix_ms); }, key,
      {});
}

ExpiryStatus Store::SetExpiresAtInTransaction(const Key& key, uint64_t unix_ms) {
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr || IsExpired(header_, slot->value_word)) return ExpiryStatus::kAbsent;
  if (unix_ms != 0 && unix_ms <= now_ms()) {
    RemoveSlot(hash, slot);
    return ExpiryStatus::kOk;
  }
  const uint64_t expires_at_ms = unix_ms == 0 ? layout::kNeverExpires : unix_ms;
  const uint64_t word = slot->value_word;
  if (!HasExpiryWord(word)) {
    if (expires_at_ms == layout::kNeverExpires) return ExpiryStatus::kOk;
    const std::string_view value = ValueIn(header_, word, key.bytes().size());
    const WriteStatus status =
        Put(key, hash, slot,
            {.value = value, .room_bytes = value.size(), .expires_at_ms = expires_at_ms});
    return status == WriteStatus::kOk ? ExpiryStatus::kOk : ExpiryStatus::kOutOfMemory;
  }
  if (MustRecord(word)) {
    if (!undo_log_.ReserveWithinHalf()) return ExpiryStatus::kOutOfMemory;
    RecordChangeInPlace(*slot);
  }
  CountExpiring(word, -1);
  WriteExpiryWord(word, expires_at_ms);
  CountExpiring(word, 1);
  arena_.EndStep();
  return ExpiryStatus::kOk;
}

// --- Clearing ------------------------------------------------------------------------------------

void Store::Clear() {
  if (in_transaction()) return DeleteAll();
  RequireWritable();
  if (observer_ != nullptr) observer_->OnClear();
  layout::OrderedStore(&header_->clearing, layout::kClearing);
  ReplaceTable();
}

// The rest of Clear, from the mark on; done again from the start where a process has ended within.
void Store::ReplaceTable() {
  arena_.Reset();
  header_->transaction_state = layout::kNoTransaction;
  header_->transaction_removals = 0;
  layout::MayEndHere();
  // Beside what is pinned. There is room: an empty table takes two chunks, as many as the least
  // that there was.
  arena_.SetCredit(arena_.reserved_bytes());
  const bool has_table = table_.Initialise();
  arena_.SetCredit(0);
  assert(has_table && "the smallest quota holds an empty table");
  static_cast<void>(has_table);
  layout::OrderedStore(&header_->clearing, 0u);
}

// Removing moves later slots back, so each place is looked at until it stays as it is.
void Store::DeleteAll() {
  RequireWritable();
  uint64_t removed = 0;
  for (uint64_t hash = 0;;) {
    const Table::Segment segment = table_.SegmentOf(hash);
    for (uint64_t i = 0; i < segment.slot_count(); i++) {
      while (segment.slots[i].key_word != layout::kEmptyKeyWord) {
        RemoveSlot(segment.first_hash, segment.slots + i);
        arena_.pauses().AddRound(removed++);
      }
    }
    if (segment.last_hash == ~0ull) break;
    hash = segment.last_hash + 1;
  }
}

std::shared_ptr<const Pin> Store::PinValue(const Key& key) {
  const Slot* const slot = FindLiveSlot(header_, key);
  if (slot == nullptr || ValueLength(slot->value_word) < kMinPinnedBytes || in_transaction()) {
    return nullptr;
  }
  const std::string_view value = ValueIn(header_, slot->value_word, key.bytes().size());
  return arena_.PinBytes(EntryOffset(slot->value_word),
                         static_cast<uint64_t>(value.data() - arena_.base()), value.size());
}

void Store::NoteUnneeded() {
  RequireWritable();
  assert(!in_transaction() && !in_invocation_);
  if (arena_.has_idle_blocks()) arena_.FreeIdle();
  arena_.NoteUnneeded();
}

void Store::GiveBack(uint64_t max_bytes) {
  RequireWritable();
  assert(!in_transaction() && !in_invocation_);
  arena_.GiveBack(max_bytes);
}

// --- Invocations ---------------------------------------------------------------------------------

void Store::BeginInvocation(bool writable) {
  RequireWritable();
  header_->invocation += kInvocationStep;
  header_->writable = writable;
  arena_.pauses().Suspend();
  in_invocation_ = true;
}

void Store::EndInvocation() {
  RequireWritable();
  header_->invocation += kInvocationStep;
  header_->writable = 0;
  arena_.pauses().Resume();
  in_invocation_ = false;
}

}  // namespace shredder::store
