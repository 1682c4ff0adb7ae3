#include "runtime/store/undo_log.h"

#include <cstddef>

namespace shredder::store {

namespace {

// A log that was longer gives its memory back.
constexpr size_t kMaxRecordsKept = 1024;

}  // namespace

void UndoLog::End() {
  active_ = false;
  if (records_.size() > kMaxRecordsKept) {
    std::deque<UndoRecord>().swap(records_);
  } else {
    records_.clear();
  }
}

}  // namespace shredder::store
