// A store that another process has left: what was under way is finished or undone.
#include <unordered_set>

#include "runtime/store/store.h"

namespace shredder::store {

using layout::UndoRecord;

std::unique_ptr<Store> Store::Attach(int fd, bool check_everything, std::string* error) {
  std::unique_ptr<Store> store(new Store());
  if (!store->arena_.Attach(fd, error)) return nullptr;
  store->header_ = store->arena_.header();
  if (!store->FinishOrUndo(check_everything, error)) return nullptr;
  return store;
}

std::unique_ptr<Store> Store::Attach(const StorePool& pool, uint32_t slot, bool check_everything,
                                     std::string* error) {
  std::unique_ptr<Store> store(new Store());
  if (!store->arena_.AttachSlot(pool.MemoryOf(slot), error)) return nullptr;
  store->header_ = store->arena_.header();
  if (!store->FinishOrUndo(check_everything, error)) return nullptr;
  return store;
}

bool Store::FinishOrUndo(bool check_everything, std::string* error) {
  layout::StoreHeader* h = header_;
  const auto is_sound = [&] {
    if (!check_everything) return true;
    const std::string fault = CheckInvariants();
    if (!fault.empty()) *error = "a corrupted store: " + fault;
    return fault.empty();
  };
  if (h->clearing == layout::kClearing) {
    ReplaceTable();
  } else if (h->clearing != 0) {
    *error = "a corrupted store: neither being cleared nor not";
    return false;
  }
  if (!table_.Attach(error) || !CheckRecords(error) || !is_sound()) return false;
  table_.FinishHalving();

  // Room is kept for what may come back; counted anew, as it is not journaled.
  h->transaction_removals = 0;
  const uint64_t record_count = undo_log_.count();
  for (uint64_t i = 0; i < record_count; i++) {
    h->transaction_removals += undo_log_[i].new_value_word == 0;
  }
  settled_records_ = 0;
  switch (h->transaction_state) {
    case layout::kTransactionOpen:
      if (!UndoDownTo(0)) {
        *error = "a corrupted store: no room for a key that a transaction has removed";
        return false;
      }
      EndTransaction(record_count, false);
      break;
    case layout::kTransactionKept:
      SettleEntries(0);
      [[fallthrough]];
    case layout::kTransactionFreeing:
      FreeReplaced();
      EndTransaction(record_count, true);
      break;
    default:
      EndTransaction(0, true);
  }
  if (!arena_.FreeReserved(error)) return false;
  h->writable = 0;
  h->view_invocation = 0;
  h->invocation = (h->invocation & ~(kInvocationStep - 1)) + kInvocationStep;
  if (h->invocation == 0) h->invocation = kFirstInvocation;
  return is_sound();
}

// What undoing and finishing rely on of the records, and of the words that say how far they go.
bool Store::CheckRecords(std::string* error) const {
  const layout::StoreHeader* h = header_;
  const uint64_t count = undo_log_.count();
  const auto refuse = [&](const char* what) {
    *error = std::string("a corrupted store: ") + what;
    return false;
  };
  if (h->transaction_state > layout::kTransactionFreeing) return refuse("its transaction's state");
  if (h->transaction_state == layout::kNoTransaction && count != 0) {
    return refuse("undo records of no transaction");
  }
  if (h->undo_capacity < layout::kFreeUndoRecords || h->undo_capacity > undo_log_.max_records() ||
      count > h->undo_capacity || undo_log_.charged_bytes() != arena_.charged_bytes()) {
    return refuse("its undo log's size");
  }
  std::unordered_set<uint64_t> made;
  std::unordered_set<uint64_t> replaced;
  for (uint64_t i = 0; i < count; i++) {
    const UndoRecord& record = undo_log_[i];
    const uint64_t old_offset = EntryOffset(record.old_value_word);
    const uint64_t new_offset = EntryOffset(record.new_value_word);
    const bool is_freeing = h->transaction_state == layout::kTransactionFreeing;
    if (record.key_word == layout::kEmptyKeyWord || (old_offset == 0 && new_offset == 0)) {
      return refuse("an undo record of nothing");
    }
    // While entries are being freed, those that later records have replaced are gone already: new
    // ones, and such as were changed in place before.
    const bool in_place = old_offset == new_offset;
    if ((old_offset != 0 && !(is_freeing && in_place) && !arena_.MayBeBlock(old_offset)) ||
        (new_offset != 0 && !is_freeing && !arena_.MayBeBlock(new_offset))) {
      return refuse("an undo record of what is no entry");
    }
    if (in_place) continue;
    if ((old_offset != 0 && !replaced.insert(old_offset).second) ||
        (new_offset != 0 && !made.insert(new_offset).second)) {
      return refuse("two undo records of one entry");
    }
  }
  return true;
}

}  // namespace shredder::store
