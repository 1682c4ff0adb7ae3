#include "runtime/store/store.h"

#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace shredder::store {

using layout::EntryHeader;
using layout::Slot;
using layout::StoreHeader;

namespace {

constexpr uint64_t kMinQuotaBytes = 1ull << 20;
constexpr uint64_t kMaxQuotaBytes = 64ull << 30;

// EntryHeader::flags of an entry that the running transaction has made or has recorded a change
// of: further changes in place need no record.
constexpr uint32_t kRecorded = 1;

// Transactions end with a check for merging after every so many removals.
constexpr uint64_t kUndoneRemovalsPerMergeCheck = 16;

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
  const bool has_table = table_.Initialise();
  assert(has_table && "the smallest quota holds an empty table");
  return has_table;
}

uint64_t Store::resident_bytes() const { return arena_.ResidentBytes(); }

EntryHeader* Store::MutableEntry(uint64_t value_word) const {
  return arena_.At<EntryHeader>(EntryOffset(value_word));
}

char* Store::MutableValue(uint64_t value_word, uint64_t key_length) const {
  return arena_.base() + EntryOffset(value_word) + layout::ValueOffsetInEntry(key_length);
}

// --- Writes -------------------------------------------------------------------------------------

WriteStatus Store::Set(const Key& key, std::string_view value, Expiry expiry) {
  if (value.size() > layout::kMaxValueBytes) return WriteStatus::kValueTooLong;
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  Content content = {value, {}, value.size(), expiry.kind == Expiry::Kind::kAt, expiry.at_ms};
  if (expiry.kind == Expiry::Kind::kKeep && slot != nullptr && HasExpiry(slot->value_word) &&
      !IsExpired(header_, slot->value_word)) {
    content.has_expiry = true;
    content.expires_at_ms = EntryOf(header_, slot->value_word)->expires_at_ms;
  }
  const uint64_t value_offset = layout::ValueOffsetInEntry(key.bytes().size());
  if (slot == nullptr || in_transaction() ||
      Arena::RoundedBytes(value_offset + ValueLength(slot->value_word)) !=
          Arena::RoundedBytes(value_offset + value.size())) {
    return Put(key, hash, slot, content);
  }
  // The same block serves. `value` may lie within it.
  EntryHeader* entry = MutableEntry(slot->value_word);
  entry->expires_at_ms = content.expires_at_ms;
  if (!value.empty()) {
    std::memmove(MutableValue(slot->value_word, key.bytes().size()), value.data(), value.size());
  }
  table_.SetValueWord(
      slot, MakeValueWord(EntryOffset(slot->value_word), content.has_expiry, value.size()));
  return WriteStatus::kOk;
}

WriteStatus Store::Append(const Key& key, std::string_view bytes) {
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr || IsExpired(header_, slot->value_word)) return Set(key, bytes);
  const uint64_t word = slot->value_word;
  const uint64_t old_length = ValueLength(word);
  if (bytes.size() > layout::kMaxValueBytes - old_length) return WriteStatus::kValueTooLong;
  if (bytes.empty()) return WriteStatus::kOk;
  const uint64_t length = old_length + bytes.size();
  const uint64_t key_length = key.bytes().size();

  if (layout::ValueOffsetInEntry(key_length) + length <= arena_.BlockBytes(EntryOffset(word))) {
    // The old bytes stay as they are, so that a transaction need only remember their number.
    if (MustRecord(word)) {
      if (!arena_.Charge(UndoLog::kChargedBytes)) return WriteStatus::kOutOfMemory;
      RecordChangeInPlace(*slot);
    }
    std::memcpy(MutableValue(word, key_length) + old_length, bytes.data(), bytes.size());
    table_.SetValueWord(slot, MakeValueWord(EntryOffset(word), HasExpiry(word), length));
    return WriteStatus::kOk;
  }

  Content content = {ValueIn(header_, word, key_length), bytes,
                     std::min(length + length / 2, layout::kMaxValueBytes), HasExpiry(word),
                     EntryOf(header_, word)->expires_at_ms};
  const WriteStatus status = Put(key, hash, slot, content);
  if (status == WriteStatus::kOk) return status;
  content.room_bytes = length;
  return Put(key, hash, slot, content);
}

bool Store::Delete(const Key& key) {
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr) return false;
  const bool was_live = !IsExpired(header_, slot->value_word);
  RemoveSlot(hash, slot);
  return was_live;
}

// The offset of a new entry, or 0. What the content refers to may lie anywhere in the arena.
uint64_t Store::NewEntry(const Key& key, const Content& content) {
  const std::string_view key_bytes = key.bytes();
  const uint64_t value_offset = layout::ValueOffsetInEntry(key_bytes.size());
  const uint64_t offset = arena_.Allocate(value_offset + content.room_bytes);
  if (offset == 0) return 0;
  auto* entry = arena_.At<EntryHeader>(offset);
  entry->expires_at_ms = content.expires_at_ms;
  entry->key_length = static_cast<uint32_t>(key_bytes.size());
  entry->flags = in_transaction() ? kRecorded : 0;
  char* at = arena_.base() + offset;
  if (!key_bytes.empty()) {
    std::memset(at + value_offset - 8, 0, 8);
    std::memcpy(at + layout::kEntryKeyOffset, key_bytes.data(), key_bytes.size());
  }
  at += value_offset;
  if (!content.value.empty()) std::memcpy(at, content.value.data(), content.value.size());
  at += content.value.size();
  if (!content.more.empty()) std::memcpy(at, content.more.data(), content.more.size());
  return offset;
}

// Writes a new entry and makes it the key's; `slot` is the key's, or null.
WriteStatus Store::Put(const Key& key, uint64_t hash, Slot* slot, const Content& content) {
  const uint64_t record_bytes = in_transaction() ? UndoLog::kChargedBytes : 0;
  if (!arena_.Charge(record_bytes)) return WriteStatus::kOutOfMemory;
  const uint64_t offset = NewEntry(key, content);
  if (offset == 0) {
    arena_.Uncharge(record_bytes);
    return WriteStatus::kOutOfMemory;
  }
  const uint64_t key_word = KeyWordOf(key, hash);
  const uint64_t old_word = slot == nullptr ? 0 : slot->value_word;
  const uint64_t new_word =
      MakeValueWord(offset, content.has_expiry, content.value.size() + content.more.size());
  if (slot != nullptr) {
    table_.SetValueWord(slot, new_word);
  } else if (!table_.Insert(hash, key_word, new_word, true)) {
    arena_.Free(offset);
    arena_.Uncharge(record_bytes);
    return WriteStatus::kOutOfMemory;
  }
  if (in_transaction()) {
    undo_log_.Push({key_word, old_word, new_word,
                    old_word == 0 ? 0 : EntryOf(header_, old_word)->expires_at_ms});
  } else if (old_word != 0) {
    arena_.Free(EntryOffset(old_word));
  }
  return WriteStatus::kOk;
}

void Store::RemoveSlot(uint64_t hash, Slot* slot) {
  const Slot removed = *slot;
  table_.Remove(slot);
  if (in_transaction()) {
    arena_.ChargeAlways(UndoLog::kChargedBytes);
    undo_log_.Push({removed.key_word, removed.value_word, 0,
                    EntryOf(header_, removed.value_word)->expires_at_ms});
    return;
  }
  arena_.Free(EntryOffset(removed.value_word));
  table_.MergeNowAndThen(hash);
}

// --- Expiry -------------------------------------------------------------------------------------

std::optional<uint64_t> Store::ExpiresAt(const Key& key) const {
  const Slot* slot = FindLiveSlot(header_, key);
  if (slot == nullptr) return std::nullopt;
  return HasExpiry(slot->value_word) ? EntryOf(header_, slot->value_word)->expires_at_ms : 0;
}

bool Store::SetExpiresAt(const Key& key, uint64_t unix_ms) {
  const uint64_t hash = HashOf(*header_, key);
  Slot* slot = Mutable(FindSlot(header_, key, hash));
  if (slot == nullptr || IsExpired(header_, slot->value_word)) return false;
  if (unix_ms != 0 && unix_ms <= now_ms()) {
    RemoveSlot(hash, slot);
    return true;
  }
  const uint64_t word = slot->value_word;
  if (MustRecord(word)) {
    arena_.ChargeAlways(UndoLog::kChargedBytes);
    RecordChangeInPlace(*slot);
  }
  MutableEntry(word)->expires_at_ms = unix_ms;
  table_.SetValueWord(slot, MakeValueWord(EntryOffset(word), unix_ms != 0, ValueLength(word)));
  return true;
}

// --- Transactions -------------------------------------------------------------------------------

void Store::Begin() {
  assert(!in_transaction());
  undo_log_.Begin();
}

bool Store::MustRecord(uint64_t value_word) const {
  return in_transaction() && EntryOf(header_, value_word)->flags != kRecorded;
}

// Before the entry's expiry changes, or bytes are added after its value.
void Store::RecordChangeInPlace(const Slot& slot) {
  EntryHeader* entry = MutableEntry(slot.value_word);
  entry->flags = kRecorded;
  undo_log_.Push({slot.key_word, slot.value_word, slot.value_word, entry->expires_at_ms});
}

void Store::Commit() {
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
  assert(in_transaction());
  const auto& records = undo_log_.records();
  for (auto record = records.rbegin(); record != records.rend(); ++record) Undo(*record);
  EndTransaction();
}

// Takes back the newest of the writes that are left, so that the table's keys are those before it.
void Store::Undo(const UndoRecord& record) {
  const uint64_t old_offset = EntryOffset(record.old_value_word);
  const uint64_t new_offset = EntryOffset(record.new_value_word);
  if (new_offset == 0) {
    // There is room: these keys were in one segment before the removal, and since then segments
    // have at most been split.
    const bool inserted = table_.Insert(HashOfKeyWord(*header_, record.key_word), record.key_word,
                                        record.old_value_word, false);
    assert(inserted);
    static_cast<void>(inserted);
  } else {
    Slot* slot = table_.FindEntry(record.key_word, new_offset);
    if (old_offset == 0) {
      table_.Remove(slot);
    } else {
      table_.SetValueWord(slot, record.old_value_word);
    }
    if (old_offset != new_offset) arena_.Free(new_offset);
  }
  if (old_offset != 0) {
    EntryHeader* entry = MutableEntry(record.old_value_word);
    entry->expires_at_ms = record.old_expires_at_ms;
    entry->flags = 0;
  }
}

// Segments do not merge while a transaction runs, as its rollback may need them; what it has
// emptied merges now.
void Store::EndTransaction() {
  arena_.Uncharge(undo_log_.charged_bytes());
  uint64_t removals = 0;
  for (const UndoRecord& record : undo_log_.records()) {
    const bool may_be_gone = record.old_value_word == 0 || record.new_value_word == 0;
    if (may_be_gone && ++removals % kUndoneRemovalsPerMergeCheck == 0) {
      table_.MergeIfSparse(HashOfKeyWord(*header_, record.key_word));
    }
  }
  undo_log_.End();
}

void Store::Clear() {
  assert(!in_transaction());
  arena_.Reset();
  const bool has_table = table_.Initialise();
  assert(has_table);
  static_cast<void>(has_table);
}

}  // namespace shredder::store
