// What a transaction has written, in order, so that it can be undone. Held in process memory; the
// store charges each record's kChargedBytes against the quota. A record names its key by the slot's
// key word and its entry, so no key bytes are copied.
#pragma once

#include <cstdint>
#include <deque>

namespace shredder::store {

struct UndoRecord {
  uint64_t key_word;
  uint64_t old_value_word;     // 0 = the key was absent
  uint64_t new_value_word;     // 0 = the key was removed; its entry is the old one's where that was
                               // changed in place
  uint64_t old_expires_at_ms;  // as the old entry had it
};

class UndoLog {
 public:
  // Covers what a std::deque takes for a record.
  static constexpr uint64_t kChargedBytes = 2 * sizeof(UndoRecord);

  bool active() const { return active_; }
  void Begin() { active_ = true; }
  void Push(const UndoRecord& record) { records_.push_back(record); }
  const std::deque<UndoRecord>& records() const { return records_; }
  uint64_t charged_bytes() const { return records_.size() * kChargedBytes; }
  void End();

 private:
  bool active_ = false;
  std::deque<UndoRecord> records_;
};

}  // namespace shredder::store
