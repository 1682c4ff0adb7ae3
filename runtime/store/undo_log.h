// What a transaction has written, in order, so that it can be undone: an array of
// layout::UndoRecord in the arena, in a range of addresses of its own, so that it grows without
// moving. The builtins append records to it as well, as far as the header's undo_capacity goes:
// kFreeUndoRecords, and beyond them what has been charged to the quota.
//
// Thread: the shard's own.
#pragma once

#include <cstdint>

#include "builtins-csa/layout/change_log.h"
#include "runtime/store/arena.h"

namespace shredder::store {

class UndoLog {
 public:
  // What it charges at once where the quota has room: as many records again, within these bounds; a
  // single record's bytes where it has not.
  static constexpr uint64_t kStepRecords = 32;
  static constexpr uint64_t kMaxStepRecords = 1024;

  explicit UndoLog(Arena* arena) : arena_(arena) {}

  uint64_t count() const { return layout::UndoCount(header()); }
  const layout::UndoRecord& operator[](uint64_t i) const { return first()[i]; }

  // Makes room for one more record; false where the quota has none, or where half of what the log
  // can ever hold is taken, which only happens where the arena has less capacity than the quota
  // asks for. No step may be under way.
  bool Reserve();
  // The same, past the quota if need be: for what a transaction does to a key once at most, so that
  // the keys that are there bound it.
  void ReserveAlways();
  // The same, within that half, for what savepoints can make it do to a key again and again; the
  // other half is ReserveAlways's.
  bool ReserveWithinHalf();
  // Appends a record, after Reserve or ReserveAlways, and ends the step.
  void Push(const layout::UndoRecord& record);
  // Ends the step, and with it go the last records.
  void Pop(uint64_t records = 1) { arena_->EndStep(-static_cast<int64_t>(records)); }

  // How many records there is a place for.
  uint64_t max_records() const { return arena_->max_undo_records(); }
  uint64_t charged_bytes() const {
    return (header()->undo_capacity - layout::kFreeUndoRecords) * sizeof(layout::UndoRecord);
  }
  // After the last record has gone: takes back what was charged, and gives memory back.
  void Release();

 private:
  layout::StoreHeader* header() const { return arena_->header(); }
  void ChargeOneAlways();
  layout::UndoRecord* first() const {
    return arena_->At<layout::UndoRecord>(header()->undo_offset);
  }

  Arena* arena_;
};

}  // namespace shredder::store
