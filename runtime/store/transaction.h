// All writes of a scope, or none.
#pragma once

#include <cstdint>

#include "runtime/store/store.h"

namespace shredder::store {

// The outermost one on a store is a transaction: what is written while it lives is kept by Commit,
// and undone where the scope ends without, or the process does. One inside another is a savepoint:
// without Commit, what was written since it began is undone, and the rest stays; what it keeps, the
// outermost one decides. They end in the opposite order of their beginnings.
//
// What is overwritten or deleted keeps its memory until the outermost one ends (and counts against
// the quota), but for values that were written since the innermost one began: those are overwritten
// in place where they fit and the invocation has made no view. Of the undo records,
// kFreeUndoRecords cost nothing, and others 32 bytes each, charged in steps that grow with their
// number, from 1 to 32 KiB.
//
// Thread: the shard's. Neither beginning nor ending fails.
class Transaction {
 public:
  explicit Transaction(Store* store)
      : store_(store), is_outermost_(!store->in_transaction()), first_record_(store->Open()) {}
  ~Transaction() {
    if (!is_committed_) store_->RollBackTo(first_record_, is_outermost_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void Commit() {
    is_committed_ = true;
    if (is_outermost_) store_->Keep();
  }

 private:
  Store* const store_;
  const bool is_outermost_;
  const uint64_t first_record_;
  bool is_committed_ = false;
};

}  // namespace shredder::store
