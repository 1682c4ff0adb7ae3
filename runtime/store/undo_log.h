// What a transaction has written, in order, so that it can be undone: an array of
// layout::UndoRecord in the arena, in a range of addresses of its own, so that it grows without
// moving. The builtins append records to it as well, as far as the header's undo_capacity goes,
// which is what has been charged to the quota.
//
// Thread: the shard's own.
#pragma once

#include <cstdint>
#include <span>

#include "builtins-csa/layout/table_layout.h"
#include "runtime/store/arena.h"

namespace shredder::store {

class UndoLog {
 public:
  // What it charges at once where the quota has room; a single record's bytes where it has not.
  static constexpr uint64_t kStepRecords = 32;

  explicit UndoLog(Arena* arena) : arena_(arena) {}

  bool active() const { return header()->in_transaction != 0; }
  // Starts a transaction, and makes room for its first records where the quota has it.
  void Begin();
  // Makes room for one more record; false where the quota has none.
  bool Reserve();
  // The same, past the quota if need be.
  void ReserveAlways();
  // After Reserve or ReserveAlways.
  void Push(const layout::UndoRecord& record);
  std::span<const layout::UndoRecord> records() const;
  uint64_t charged_bytes() const { return header()->undo_capacity * sizeof(layout::UndoRecord); }
  // Ends the transaction and takes back what was charged; records() stays until Forget.
  void End();
  void Forget();

 private:
  layout::StoreHeader* header() const { return arena_->header(); }
  layout::UndoRecord* first() const {
    return arena_->At<layout::UndoRecord>(header()->undo_offset);
  }

  Arena* arena_;
};

}  // namespace shredder::store
