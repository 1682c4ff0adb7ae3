// Memory for many small stores: one file, mapped once, in slots of equal size. A store in a slot
// takes no descriptor and no mapping of its own; one that outgrows it moves to memory of its own
// (Store::NeedsOwnMemory).
//
//   +--------------------------+-----+--------------------------+-----+----
//   | slot 0: a store's memory | gap | slot 1                   | gap | ...
//   +--------------------------+-----+--------------------------+-----+----
//
// Addresses and the file's size cost nothing; physical memory follows use. The gap is larger than
// any block of a store in a slot could reach over, and never written.
//
// Which slots are taken is known to the process that gives them out, by its own count (Allocate,
// Take, Free), and is not in the pool: who starts shards knows which store is where.
//
// Thread: the shard's own, or the supervisor's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/store/memory.h"

namespace shredder::store {

class StorePool {
 public:
  static constexpr uint32_t kMaxSlots = 4096;  // a TiB of addresses

  // A pool of 1 to kMaxSlots slots, all free. Null with a one-line reason in *error.
  static std::unique_ptr<StorePool> Create(uint32_t slot_count, std::string* error);
  // The pool that another process has made, in the file `fd`, which stays the caller's; all slots
  // count as free until they are taken. Null with a one-line reason in *error.
  static std::unique_ptr<StorePool> Attach(int fd, std::string* error);

  // The file's descriptor, for another process; stays this object's.
  int fd() const { return file_.fd(); }
  uint32_t slot_count() const { return static_cast<uint32_t>(is_taken_.size()); }
  uint32_t free_slots() const { return free_slots_; }

  // A free slot, the first one, which is then taken; nothing where there is none.
  std::optional<uint32_t> Allocate();
  // Takes a slot that is known to hold a store; false where it is taken, or no slot of this pool.
  bool Take(uint32_t slot);
  // Gives a taken slot's memory back. No store may be attached there in any process. False where
  // the kernel refuses, and the slot stays taken.
  bool Free(uint32_t slot);

  // Valid while the pool lives.
  Memory MemoryOf(uint32_t slot) const;

 private:
  StorePool() = default;
  void CountSlots();

  Memory file_;
  std::vector<bool> is_taken_;
  uint32_t free_slots_ = 0;
};

}  // namespace shredder::store
