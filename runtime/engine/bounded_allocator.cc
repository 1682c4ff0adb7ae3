#include "runtime/engine/bounded_allocator.h"

#include <cstdlib>

namespace shredder::engine {

bool BoundedAllocator::Charge(size_t length) {
  const size_t before = used_bytes_.fetch_add(length, std::memory_order_relaxed);
  if (length <= kAlwaysGranted || (before <= limit_bytes_ && length <= limit_bytes_ - before)) {
    if (length >= refused_bytes_) refused_bytes_ = 0;
    return true;
  }
  if (length <= limit_bytes_) refused_bytes_ = length;
  used_bytes_.fetch_sub(length, std::memory_order_relaxed);
  return false;
}

void* BoundedAllocator::Allocate(size_t length) {
  if (!Charge(length)) return nullptr;
  void* data = std::calloc(1, length == 0 ? 1 : length);
  if (data == nullptr) used_bytes_.fetch_sub(length, std::memory_order_relaxed);
  return data;
}

void* BoundedAllocator::AllocateUninitialized(size_t length) {
  if (!Charge(length)) return nullptr;
  void* data = std::malloc(length == 0 ? 1 : length);
  if (data == nullptr) used_bytes_.fetch_sub(length, std::memory_order_relaxed);
  return data;
}

void BoundedAllocator::Free(void* data, size_t length) {
  std::free(data);
  used_bytes_.fetch_sub(length, std::memory_order_relaxed);
}

void BoundedAllocator::UncountMapped(size_t length) {
  used_bytes_.fetch_sub(length, std::memory_order_relaxed);
}

}  // namespace shredder::engine
