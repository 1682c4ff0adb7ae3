#include "runtime/store/undo_log.h"

#include <cassert>

namespace shredder::store {

using layout::UndoRecord;

namespace {

// Physical memory that the log keeps from one transaction to the next.
constexpr uint64_t kBytesKept = 32 * 1024;

}  // namespace

void UndoLog::Begin() {
  header()->undo_offset = arena_->undo_offset();
  header()->undo_count = 0;
  header()->undo_capacity = 0;
  header()->in_transaction = 1;
  static_cast<void>(Reserve());
}

bool UndoLog::Reserve() {
  if (header()->undo_count < header()->undo_capacity) return true;
  for (const uint64_t records : {kStepRecords, uint64_t{1}}) {
    if (!arena_->Charge(records * sizeof(UndoRecord))) continue;
    header()->undo_capacity += records;
    return true;
  }
  return false;
}

void UndoLog::ReserveAlways() {
  if (Reserve()) return;
  arena_->ChargeAlways(sizeof(UndoRecord));
  header()->undo_capacity++;
}

void UndoLog::Push(const UndoRecord& record) {
  assert(header()->undo_count < header()->undo_capacity);
  first()[header()->undo_count++] = record;
}

std::span<const UndoRecord> UndoLog::records() const { return {first(), header()->undo_count}; }

void UndoLog::End() {
  arena_->Uncharge(charged_bytes());
  header()->undo_capacity = 0;
  header()->in_transaction = 0;
}

void UndoLog::Forget() {
  arena_->TrimUndo(kBytesKept, header()->undo_count * sizeof(UndoRecord));
  header()->undo_count = 0;
}

}  // namespace shredder::store
