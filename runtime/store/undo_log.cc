#include "runtime/store/undo_log.h"

#include <algorithm>
#include <cassert>

namespace shredder::store {

using layout::UndoRecord;

namespace {

// Physical memory that the log keeps from one transaction to the next.
constexpr uint64_t kBytesKept = 32 * 1024;

}  // namespace

bool UndoLog::Reserve() {
  if (count() < header()->undo_capacity) return true;
  const uint64_t step = std::clamp(count(), kStepRecords, kMaxStepRecords);
  for (const uint64_t records : {step, kStepRecords, uint64_t{1}}) {
    if (header()->undo_capacity + records > max_records() / 2) {
      arena_->NoteLackOfRoom();
      continue;
    }
    if (!arena_->Charge(records * sizeof(UndoRecord))) continue;
    arena_->Write(&header()->undo_capacity, header()->undo_capacity + records);
    arena_->EndStep();
    return true;
  }
  return false;
}

void UndoLog::ReserveAlways() {
  if (!Reserve()) ChargeOneAlways();
}

bool UndoLog::ReserveWithinHalf() {
  if (Reserve()) return true;
  if (header()->undo_capacity >= max_records() / 2) return false;
  ChargeOneAlways();
  return true;
}

void UndoLog::ChargeOneAlways() {
  assert(header()->undo_capacity < max_records());
  arena_->ChargeAlways(sizeof(UndoRecord));
  arena_->Write(&header()->undo_capacity, header()->undo_capacity + 1);
  arena_->EndStep();
}

void UndoLog::Push(const UndoRecord& record) {
  assert(count() < header()->undo_capacity);
  first()[count()] = record;
  layout::MayEndHere();
  arena_->EndStep(1);
}

void UndoLog::Release() {
  arena_->TrimUndo(kBytesKept, header()->undo_capacity * sizeof(UndoRecord));
  if (header()->undo_capacity != layout::kFreeUndoRecords) {
    arena_->Uncharge(charged_bytes());
    arena_->Write(&header()->undo_capacity, layout::kFreeUndoRecords);
    arena_->EndStep();
  }
}

}  // namespace shredder::store
