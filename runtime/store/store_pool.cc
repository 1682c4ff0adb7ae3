#include "runtime/store/store_pool.h"

#include <algorithm>
#include <cassert>

#include "runtime/store/arena_places.h"

namespace shredder::store {

std::unique_ptr<StorePool> StorePool::Create(uint32_t slot_count, std::string* error) {
  if (slot_count < 1 || slot_count > kMaxSlots) {
    *error = "a pool of " + std::to_string(slot_count) + " slots is out of range; give 1 to " +
             std::to_string(kMaxSlots);
    return nullptr;
  }
  std::unique_ptr<StorePool> pool(new StorePool());
  if (!pool->file_.Create(slot_count * kSlotBytes, error)) return nullptr;
  pool->CountSlots();
  return pool;
}

std::unique_ptr<StorePool> StorePool::Attach(int fd, std::string* error) {
  std::unique_ptr<StorePool> pool(new StorePool());
  if (!pool->file_.Map(fd, error)) return nullptr;
  const uint64_t bytes = pool->file_.bytes();
  if (bytes == 0 || bytes % kSlotBytes != 0 || bytes / kSlotBytes > kMaxSlots) {
    *error = "not a pool of stores: " + std::to_string(bytes) + " bytes are not 1 to " +
             std::to_string(kMaxSlots) + " slots of " + std::to_string(kSlotBytes);
    return nullptr;
  }
  pool->CountSlots();
  return pool;
}

void StorePool::CountSlots() {
  free_slots_ = static_cast<uint32_t>(file_.bytes() / kSlotBytes);
  is_taken_.assign(free_slots_, false);
}

std::optional<uint32_t> StorePool::Allocate() {
  const auto found = std::find(is_taken_.begin(), is_taken_.end(), false);
  if (found == is_taken_.end()) return std::nullopt;
  const auto slot = static_cast<uint32_t>(found - is_taken_.begin());
  Take(slot);
  return slot;
}

bool StorePool::Take(uint32_t slot) {
  if (slot >= slot_count() || is_taken_[slot]) return false;
  is_taken_[slot] = true;
  free_slots_--;
  return true;
}

bool StorePool::Free(uint32_t slot) {
  assert(slot < slot_count() && is_taken_[slot]);
  if (!file_.PunchHole(slot * kSlotBytes, kSlotBytes)) return false;
  is_taken_[slot] = false;
  free_slots_++;
  return true;
}

Memory StorePool::MemoryOf(uint32_t slot) const {
  assert(slot < slot_count());
  Memory memory;
  memory.Share(file_.fd(), slot * kSlotBytes, file_.base() + slot * kSlotBytes, kSlotBytes);
  return memory;
}

}  // namespace shredder::store
