// How much physical memory the stores of one process may keep in free blocks, for their next ones:
// to fault a page in costs more than to copy it several times.
//
// Thread: the shard's own.
#pragma once

#include <cstdint>

namespace shredder::store {

class FreeMemoryBudget {
 public:
  explicit FreeMemoryBudget(uint64_t max_pages) : max_pages_(max_pages) {}

  bool Allows(uint64_t more_pages) const {
    return !is_closed_ && kept_pages_ <= max_pages_ && more_pages <= max_pages_ - kept_pages_;
  }
  // Nothing more may be kept while it is closed.
  void SetClosed(bool is_closed) { is_closed_ = is_closed; }
  // What one store keeps, which is never refused here: it may keep more for as long as a step
  // takes, and what it has brought from another process.
  void Change(uint64_t from_pages, uint64_t to_pages) { kept_pages_ += to_pages - from_pages; }
  uint64_t kept_pages() const { return kept_pages_; }

 private:
  const uint64_t max_pages_;
  bool is_closed_ = false;
  uint64_t kept_pages_ = 0;
};

}  // namespace shredder::store
