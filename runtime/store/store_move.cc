// How a store changes its memory and its quota.
#include <cassert>
#include <utility>

#include "runtime/store/store.h"

namespace shredder::store {

bool Store::NeedsOwnMemory() const {
  return is_pooled() && arena_.is_confined() &&
         (arena_.has_lacked_room() || arena_.extent_bytes() > kMaxPooledBytes);
}

bool Store::MoveToOwnMemory(std::string* error) {
  RequireWritable();
  assert(is_pooled() && !in_invocation_);
  Memory memory;
  if (!arena_.CopyToOwn(&memory, error)) return false;
  layout::MayEndHere();
  if (memory_owner_ != nullptr && !memory_owner_->OnNewMemory(memory.fd())) {
    *error = "a store's move to memory of its own was refused by the memory's owner";
    return false;
  }
  layout::MayEndHere();
  arena_.MoveTo(std::move(memory));
  TakeBase();
  return true;
}

// Where a write was refused that the quota has room for, and that is not part of an invocation,
// whose code has the base.
bool Store::MoveForRoom() {
  if (in_invocation_ || memory_owner_ == nullptr || !is_pooled() || !arena_.is_confined() ||
      !arena_.has_lacked_room()) {
    return false;
  }
  std::string error;
  return MoveToOwnMemory(&error);
}

void Store::TakeBase() {
  if (header_ == arena_.header()) return;
  header_ = arena_.header();
  if (memory_owner_ != nullptr) memory_owner_->OnNewBase();
}

bool Store::SetQuota(uint64_t quota_bytes, std::string* error) {
  RequireWritable();
  assert(!in_transaction() && !in_invocation_);
  if (!IsQuota(quota_bytes, error)) return false;
  const bool is_set = arena_.SetQuota(quota_bytes, error);
  TakeBase();
  return is_set;
}

}  // namespace shredder::store
