#include "runtime/store/store.h"

#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shredder::store {

using layout::EntryHeader;
using layout::Slot;
using layout::StoreHeader;
using layout::UndoRecord;

namespace {

constexpr uint64_t kMinQuotaBytes = 1ull << 20;
constexpr uint64_t kMaxQuotaBytes = 64ull << 30;

// Transactions end with a check for shrinking after every so many removals.
constexpr uint64_t kUndoneRemovalsPerShrinkCheck = 16;
// Numbers of invocations are even, and never 0, the view_invocation of a store without views.
constexpr uint64_t kFirstInvocation = 2;
constexpr uint64_t kInvocationStep = 2;

bool KernelRandom(std::span<uint8_t> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = getrandom(buffer.data() + filled, buffer.size() - filled, 0);
    if (got < 0 && errno != EINTR) return false;
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return true;
}

// Slots are found through the header, which lookups treat as constant; the store alone may write to
// them.
Slot* Mutable(const Slot* slot) { return const_cast<Slot*>(slot); }

}  // namespace

std::unique_ptr<Store> Store::Create(const StoreOptions& options, std::string* error) {
  if (options.quota_bytes < kMinQuotaBytes || options.quota_bytes > kMaxQuotaBytes) {
    *error = "a store's quota of " + std::to_string(options.quota_bytes) +
             " bytes is out of range; give 1 MiB to 64 GiB";
    return nullptr;
  }
  std::unique_ptr<Store> store(new Store());
  if (!store->Initialise(options, error)) return nullptr;
  return store;
}

Store::~Store() = default;

bool Store::Initialise(const StoreOptions& options, std::string* error) {
  uint64_t seeds[4];
  const std::span<uint8_t> seed_bytes(reinterpret_cast<uint8_t*>(seeds), sizeof seeds);
  if (options.random) {
    options.random(seed_bytes);
  } else if (!KernelRandom(seed_bytes)) {
    *error = std::string("getrandom for a store's seeds failed: ") + std::strerror(errno);
    return false;
  }
  if (!arena_.Map(options.quota_bytes, error)) return false;
  header_ = arena_.header();
  header_->magic = layout::kStoreMagic;
  header_->first_seed = seeds[0];
  header_->first_multiplier = seeds[1] | 1;
  header_->second_seed = seeds[2];
  header_->second_multiplier = seeds[3] | 1;
  header_->invocation = kFirstInvocation;
  header_->view_invocation = 0;
  header_->writable = 0;
  header_->in_transaction = 0;
  const bool has_table = table_.Initialise();
  assert(has_table && "the smallest quota holds an empty table");
  return has_table;
}

void Store::EndProcessForWrite() {
  std::fputs("shredder: a store was written while it may only be read\n", stderr);
  std::abort();
}

uint64_t Store::resident_bytes() const { return arena_.ResidentBytes(); }

EntryHeader* Store::MutableEntry(uint64_t value_word) const {
  return arena_.At<EntryHeader>(EntryOffset(value_word));
}

char* Store::MutableValue(uint64_t value_word, uint64_t key_length) const {
  return arena_.base() + EntryOffset(value_word) +
         layout::ValueOffsetInEntry(value_word, key_length);
}

void Store::SetExpiryWord(uint64_t value_word, uint64_t expires_at_ms) {
  assert(HasExpiryWord(value_word));
  *arena_.At<uint64_t>(EntryOffset(value_word) + layout::kEntryExpiresAtOffset) = expires_at_ms;
}

// To be called with -1 before a slot's value word or its entry's expiry changes, with 1 after.
void Store::CountExpiring(uint64_t value_word, int difference) {
  if (ExpiresAtOf(header_, value_word) != layout::kNeverExpires) {
    header_->expiring_key_count += static_cast<uint64_t>(difference);
  }
}

// --- Writes --------------------------------------------------------------------------------------

WriteStatus Store::Set(const Key& key, std::string_view value, Expiry expiry) {
  RequireWritable();
  if (value.size() > layout::kMaxValueBytes) return WriteStatus::kValueTooLong;
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  Content content = {value, {}, value.size(), layout::kNeverExpires};
  if (expiry.kind == Expiry::Kind::kAt) {
    content.expires_at_ms = expiry.at_ms;
  } else if (expiry.kind == Expiry::Kind::kKeep && slot != nullptr &&
             !IsExpired(header_, slot->value_word)) {
    content.expires_at_ms = ExpiresAtOf(header_, slot->value_word);
  }
  const uint64_t key_length = key.bytes().size();
  if (slot == nullptr || !FitsInPlace(slot->value_word, key_length, content)) {
    return Put(key, hash, slot, content);
  }
  const uint64_t word = slot->value_word;
  CountExpiring(word, -1);
  if (HasExpiryWord(word)) SetExpiryWord(word, content.expires_at_ms);
  // `value` may lie within the block.
  if (!value.empty()) std::memmove(MutableValue(word, key_length), value.data(), value.size());
  slot->value_word = WithValueLength(word, value.size());
  CountExpiring(slot->value_word, 1);
  return WriteStatus::kOk;
}

// Whether the entry's block serves for the content, and its bytes need not stay as they are.
bool Store::FitsInPlace(uint64_t value_word, uint64_t key_length, const Content& content) const {
  if (header_->view_invocation == header_->invocation) return false;
  if (in_transaction() && EntryOf(header_, value_word)->flags != layout::kEntryMade) return false;
  if (content.expires_at_ms != layout::kNeverExpires && !HasExpiryWord(value_word)) return false;
  const uint64_t value_offset = layout::ValueOffsetInEntry(value_word, key_length);
  return Arena::RoundedBytes(value_offset + ValueLength(value_word)) ==
         Arena::RoundedBytes(value_offset + content.value.size());
}

WriteStatus Store::Append(const Key& key, std::string_view bytes) {
  RequireWritable();
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr || IsExpired(header_, slot->value_word)) return Set(key, bytes);
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
    std::memcpy(MutableValue(word, key_length) + old_length, bytes.data(), bytes.size());
    slot->value_word = WithValueLength(word, length);
    return WriteStatus::kOk;
  }

  Content content = {ValueIn(header_, word, key_length), bytes,
                     std::min(length + length / 2, layout::kMaxValueBytes),
                     ExpiresAtOf(header_, word)};
  const WriteStatus status = Put(key, hash, slot, content);
  if (status == WriteStatus::kOk) return status;
  content.room_bytes = length;
  return Put(key, hash, slot, content);
}

bool Store::Delete(const Key& key) {
  RequireWritable();
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr) return false;
  const bool was_live = !IsExpired(header_, slot->value_word);
  RemoveSlot(hash, slot);
  return was_live;
}

// What the content refers to may lie anywhere in the arena.
uint64_t Store::NewEntry(const Key& key, const Content& content) {
  const std::string_view key_bytes = key.bytes();
  const uint64_t padded_bytes = layout::PaddedKeyBytes(key_bytes.size());
  uint64_t bytes = layout::kEntryHeaderBytes + padded_bytes + content.room_bytes;
  const bool has_expiry_word =
      content.expires_at_ms != layout::kNeverExpires || bytes >= layout::kMinBytesForExpiryWord;
  if (has_expiry_word) bytes += layout::kExpiryWordBytes;
  const uint64_t offset = arena_.Allocate(bytes);
  if (offset == 0) return 0;
  const uint64_t word =
      MakeValueWord(offset, has_expiry_word, content.value.size() + content.more.size());
  EntryHeader* entry = MutableEntry(word);
  entry->key_length = static_cast<uint32_t>(key_bytes.size());
  entry->flags = in_transaction() ? layout::kEntryMade : 0;
  if (has_expiry_word) SetExpiryWord(word, content.expires_at_ms);
  char* at = MutableValue(word, key_bytes.size());
  if (!key_bytes.empty()) {
    std::memset(at - 8, 0, 8);
    std::memcpy(at - padded_bytes, key_bytes.data(), key_bytes.size());
  }
  if (!content.value.empty()) std::memcpy(at, content.value.data(), content.value.size());
  at += content.value.size();
  if (!content.more.empty()) std::memcpy(at, content.more.data(), content.more.size());
  return word;
}

// Writes a new entry and makes it the key's; `slot` is the key's, or null.
WriteStatus Store::Put(const Key& key, uint64_t hash, Slot* slot, const Content& content) {
  if (in_transaction() && !undo_log_.Reserve()) return WriteStatus::kOutOfMemory;
  const uint64_t new_word = NewEntry(key, content);
  if (new_word == 0) return WriteStatus::kOutOfMemory;
  const uint64_t key_word = KeyWordOf(key, hash);
  const uint64_t old_word = slot == nullptr ? 0 : slot->value_word;
  if (slot != nullptr) {
    CountExpiring(old_word, -1);
    slot->value_word = new_word;
  } else if (!table_.Insert(hash, key_word, new_word, true)) {
    arena_.Free(EntryOffset(new_word));
    return WriteStatus::kOutOfMemory;
  }
  CountExpiring(new_word, 1);
  if (in_transaction()) {
    undo_log_.Push({key_word, old_word, new_word, 0});
  } else if (old_word != 0) {
    arena_.Free(EntryOffset(old_word));
  }
  return WriteStatus::kOk;
}

void Store::RemoveSlot(uint64_t hash, Slot* slot) {
  const Slot removed = *slot;
  CountExpiring(removed.value_word, -1);
  table_.Remove(table_.SegmentOf(hash), slot);
  if (in_transaction()) {
    undo_log_.ReserveAlways();
    undo_log_.Push({removed.key_word, removed.value_word, 0, 0});
    return;
  }
  arena_.Free(EntryOffset(removed.value_word));
  table_.ShrinkNowAndThen(hash);
}

// --- Expiry --------------------------------------------------------------------------------------

std::optional<uint64_t> Store::ExpiresAt(const Key& key) const {
  const Slot* slot = FindLiveSlot(header_, key);
  if (slot == nullptr) return std::nullopt;
  const uint64_t expires_at_ms = ExpiresAtOf(header_, slot->value_word);
  return expires_at_ms == layout::kNeverExpires ? 0 : expires_at_ms;
}

ExpiryStatus Store::SetExpiresAt(const Key& key, uint64_t unix_ms) {
  RequireWritable();
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
    const WriteStatus status = Put(key, hash, slot, {value, {}, value.size(), expires_at_ms});
    return status == WriteStatus::kOk ? ExpiryStatus::kOk : ExpiryStatus::kOutOfMemory;
  }
  if (MustRecord(word)) {
    undo_log_.ReserveAlways();
    RecordChangeInPlace(*slot);
  }
  CountExpiring(word, -1);
  SetExpiryWord(word, expires_at_ms);
  CountExpiring(word, 1);
  return ExpiryStatus::kOk;
}

// --- Transactions --------------------------------------------------------------------------------

void Store::BeginInvocation(bool writable) {
  RequireWritable();
  header_->invocation += kInvocationStep;
  header_->writable = writable;
}

void Store::EndInvocation() {
  RequireWritable();
  header_->invocation += kInvocationStep;
  header_->writable = 0;
}

void Store::Begin() {
  RequireWritable();
  assert(!in_transaction());
  undo_log_.Begin();
}

bool Store::MustRecord(uint64_t value_word) const {
  return in_transaction() && EntryOf(header_, value_word)->flags == 0;
}

// Before the entry's expiry changes, or bytes are added after its value.
void Store::RecordChangeInPlace(const Slot& slot) {
  MutableEntry(slot.value_word)->flags = layout::kEntryRecorded;
  undo_log_.Push(
      {slot.key_word, slot.value_word, slot.value_word, ExpiresAtOf(header_, slot.value_word)});
}

void Store::Commit() {
  RequireWritable();
  assert(in_transaction());
  for (const UndoRecord& record : undo_log_.records()) {
    // An entry that a later record of this transaction replaced is freed there, after this.
    if (record.new_value_word != 0) MutableEntry(record.new_value_word)->flags = 0;
    const uint64_t old_offset = EntryOffset(record.old_value_word);
    if (old_offset != 0 && old_offset != EntryOffset(record.new_value_word)) {
      arena_.Free(old_offset);
    }
  }
  EndTransaction();
}

void Store::Rollback() {
  RequireWritable();
  assert(in_transaction());
  const std::span<const UndoRecord> records = undo_log_.records();
  for (auto record = records.rbegin(); record != records.rend(); ++record) Undo(*record);
  EndTransaction();
}

// Takes back the newest of the writes that are left, so that the table's keys are those before it.
void Store::Undo(const UndoRecord& record) {
  const uint64_t old_offset = EntryOffset(record.old_value_word);
  const uint64_t new_offset = EntryOffset(record.new_value_word);
  if (new_offset == 0) {
    // There is room, though the table may not grow: see table.h.
    const bool inserted = table_.Insert(HashOfKeyWord(*header_, record.key_word), record.key_word,
                                        record.old_value_word, false);
    assert(inserted);
    static_cast<void>(inserted);
    CountExpiring(record.old_value_word, 1);
    return;
  }
  Slot* slot = table_.FindEntry(record.key_word, new_offset);
  CountExpiring(slot->value_word, -1);
  if (old_offset == 0) {
    table_.Remove(table_.SegmentOf(HashOfKeyWord(*header_, record.key_word)), slot);
  } else {
    if (old_offset == new_offset) {
      if (HasExpiryWord(record.old_value_word)) {
        SetExpiryWord(record.old_value_word, record.old_expires_at_ms);
      }
      MutableEntry(record.old_value_word)->flags = 0;
    }
    slot->value_word = record.old_value_word;
    CountExpiring(record.old_value_word, 1);
  }
  if (old_offset != new_offset) arena_.Free(new_offset);
}

// Segments do not shrink while a transaction runs, as its rollback may need them; what it has
// emptied shrinks now.
void Store::EndTransaction() {
  undo_log_.End();
  header_->transaction_removals = 0;
  uint64_t removals = 0;
  for (const UndoRecord& record : undo_log_.records()) {
    const bool may_be_gone = record.old_value_word == 0 || record.new_value_word == 0;
    if (may_be_gone && ++removals % kUndoneRemovalsPerShrinkCheck == 0) {
      table_.ShrinkIfSparse(HashOfKeyWord(*header_, record.key_word));
    }
  }
  undo_log_.Forget();
}

void Store::Clear() {
  RequireWritable();
  assert(!in_transaction());
  arena_.Reset();
  const bool has_table = table_.Initialise();
  assert(has_table);
  static_cast<void>(has_table);
}

}  // namespace shredder::store
