// The transactions of a store: how they begin, are kept and are undone, and who is told.
#include <algorithm>
#include <array>
#include <cassert>

#include "runtime/store/store.h"

namespace shredder::store {

using layout::Slot;
using layout::UndoRecord;

namespace {

// The table is looked at for shrinking after every so many removals.
constexpr uint64_t kRemovalsPerShrinkCheck = 16;

}  // namespace

uint64_t Store::Open() {
  RequireWritable();
  if (in_transaction()) {
    // What was written so far is not to be overwritten in place from here on.
    SettleEntries(settled_records_);
    settled_records_ = undo_log_.count();
    return settled_records_;
  }
  assert(undo_log_.count() == 0);
  if (arena_.has_idle_blocks()) [[unlikely]]
    arena_.FreeIdle();
  settled_records_ = 0;
  layout::OrderedStore(&header_->transaction_state, layout::kTransactionOpen);
  return 0;
}

bool Store::MustRecord(uint64_t value_word) const {
  return EntryOf(header_, value_word)->flags == 0;
}

// Before the entry's expiry changes, or bytes are added after its value.
void Store::RecordChangeInPlace(const Slot& slot) {
  undo_log_.Push(
      {slot.key_word, slot.value_word, slot.value_word, ExpiresAtOf(header_, slot.value_word)});
  layout::OrderedStore(&MutableEntry(slot.value_word)->flags, layout::kEntryRecorded);
}

// From the state that says so on, the transaction stands.
void Store::Keep() {
  RequireWritable();
  assert(in_transaction());
  const uint64_t record_count = undo_log_.count();
  // The code of the invocation that this is the transaction of has ended.
  if (in_invocation_) arena_.pauses().Resume();
  if (record_count > 0) {
    if (observer_ != nullptr) TellObserver();
    layout::OrderedStore(&header_->transaction_state, layout::kTransactionKept);
    SettleEntries(settled_records_);
    FreeReplaced();
  }
  EndTransaction(record_count, true);
}

void Store::TellObserver() {
  // In a pause the observer may go.
  for (uint64_t i = 0; i < undo_log_.count() && observer_ != nullptr; i++) {
    Tell(undo_log_[i]);
    arena_.pauses().AddRound(i);
  }
}

// Tells what the key is now, where no later record speaks of it.
void Store::Tell(const UndoRecord& record) {
  if (record.new_value_word != 0) {
    const Slot* slot = table_.FindEntry(record.key_word, EntryOffset(record.new_value_word));
    if (slot != nullptr) TellValue(record.key_word, slot->value_word);
    return;
  }
  DigitBuffer digits;
  const std::string_view name = KeyName(record.key_word, record.old_value_word, &digits);
  const Key key = *Key::FromBytes(name);
  if (FindSlot(header_, key, HashOf(*header_, key)) != nullptr) return;
  observer_->OnChange({name, std::nullopt, 0});
}

void Store::TellValue(uint64_t key_word, uint64_t value_word) {
  DigitBuffer digits;
  const std::string_view name = KeyName(key_word, value_word, &digits);
  const uint64_t key_length = EntryOf(header_, value_word)->key_length;
  const uint64_t expires_at_ms = ExpiresAtOf(header_, value_word);
  observer_->OnChange({name, ValueIn(header_, value_word, key_length),
                       expires_at_ms == layout::kNeverExpires ? 0 : expires_at_ms});
}

void Store::SettleEntries(uint64_t first_record) {
  for (uint64_t i = first_record; i < undo_log_.count(); i++) {
    const uint64_t new_word = undo_log_[i].new_value_word;
    if (new_word != 0) layout::OrderedStore(&MutableEntry(new_word)->flags, 0u);
    arena_.pauses().AddRound(i - first_record);
  }
}

// Frees what the transaction has replaced or removed, from the last record to the first.
void Store::FreeReplaced() {
  layout::OrderedStore(&header_->transaction_state, layout::kTransactionFreeing);
  std::array<uint64_t, kMaxDeadBlocks> dead;
  for (uint64_t left = undo_log_.count(); left > 0;) {
    const uint64_t records = std::min(left, kMaxDeadBlocks);
    size_t dead_count = 0;
    for (uint64_t i = 1; i <= records; i++) {
      const UndoRecord& record = undo_log_[left - i];
      const uint64_t old_offset = EntryOffset(record.old_value_word);
      if (old_offset != 0 && old_offset != EntryOffset(record.new_value_word)) {
        dead[dead_count++] = old_offset;
      }
    }
    arena_.FreeDead({dead.data(), dead_count});
    undo_log_.Pop(records);
    left -= records;
    if (left > 0) arena_.pauses().Add(records);
  }
}

void Store::RollBackTo(uint64_t record_count, bool is_outermost) {
  RequireWritable();
  assert(in_transaction() && undo_log_.count() >= record_count);
  const uint64_t used = undo_log_.count();
  if (is_outermost && in_invocation_) arena_.pauses().Resume();
  const bool is_undone = UndoDownTo(record_count);
  // There is room for all keys that come back, though the table may not grow: see table.h.
  assert(is_undone);
  static_cast<void>(is_undone);
  settled_records_ = std::min(settled_records_, record_count);
  if (is_outermost) EndTransaction(used, false);
}

bool Store::UndoDownTo(uint64_t record_count) {
  for (uint64_t i = undo_log_.count(); i > record_count; i--) {
    if (!Undo(undo_log_[i - 1])) return false;
    arena_.pauses().AddRound(undo_log_.count() - record_count);
  }
  return true;
}

// Takes back the newest of the writes that are left, so that the table's keys are those before it;
// with the step goes the record. A write that was recorded and not made is nothing to take back.
// False where a removed key has no room, as can be in a corrupted store only.
bool Store::Undo(const UndoRecord& record) {
  const uint64_t old_offset = EntryOffset(record.old_value_word);
  const uint64_t new_offset = EntryOffset(record.new_value_word);
  if (new_offset == 0) {
    if (table_.FindEntry(record.key_word, old_offset) == nullptr) {
      if (!table_.Insert(HashOfKeyWord(*header_, record.key_word), record.key_word,
                         record.old_value_word, false)) {
        return false;
      }
      CountExpiring(record.old_value_word, 1);
    }
    undo_log_.Pop();
    return true;
  }
  Slot* slot = table_.FindEntry(record.key_word, new_offset);
  if (slot != nullptr) {
    CountExpiring(slot->value_word, -1);
    if (old_offset == 0) {
      table_.Remove(table_.SegmentOf(HashOfKeyWord(*header_, record.key_word)), slot);
    } else {
      if (old_offset == new_offset) {
        if (HasExpiryWord(record.old_value_word)) {
          WriteExpiryWord(record.old_value_word, record.old_expires_at_ms);
        }
        arena_.Write(&MutableEntry(record.old_value_word)->flags, 0u);
      }
      arena_.Write(&slot->value_word, record.old_value_word);
      CountExpiring(record.old_value_word, 1);
    }
  }
  if (old_offset != new_offset) arena_.Free(new_offset);
  undo_log_.Pop();
  return true;
}

// Segments do not shrink while a transaction runs, as its rollback may need them; what it has
// emptied shrinks now. The records that it had are still readable.
void Store::EndTransaction(uint64_t record_count, bool is_kept) {
  layout::OrderedStore(&header_->transaction_removals, 0u);
  layout::OrderedStore(&header_->transaction_state, layout::kNoTransaction);
  for (uint64_t i = 0; i < record_count; i++) {
    const UndoRecord& record = undo_log_[i];
    const bool is_gone = (is_kept ? record.new_value_word : record.old_value_word) == 0;
    if (is_gone && ++header_->removals % kRemovalsPerShrinkCheck == 0) {
      table_.ShrinkIfSparse(HashOfKeyWord(*header_, record.key_word));
    }
    arena_.pauses().AddRound(i);
  }
  undo_log_.Release();
}

}  // namespace shredder::store
