#include "runtime/net/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>

namespace shredder::net {

namespace {

constexpr size_t kPageBytes = 4096;

}  // namespace

Buffer::~Buffer() {
  if (data_ != nullptr) munmap(data_, capacity_);
}

bool Buffer::Grow(size_t bytes) {
  if (bytes <= capacity_) return true;
  if (bytes > SIZE_MAX - kPageBytes) return false;
  const size_t capacity = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* const data = data_ == nullptr ? mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                      : mremap(data_, capacity_, capacity, MREMAP_MAYMOVE);
  if (data == MAP_FAILED) return false;
  data_ = static_cast<char*>(data);
  capacity_ = capacity;
  return true;
}

// The smallest that is large enough; else the largest, as its pages are there.
Buffer BufferPool::Take(size_t bytes) {
  auto found = kept_.end();
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    const size_t capacity = at->buffer.capacity();
    const size_t best = found == kept_.end() ? 0 : found->buffer.capacity();
    if (found == kept_.end() ||
        (best < bytes ? capacity > best : capacity >= bytes && capacity <= best)) {
      found = at;
    }
  }
  Buffer buffer;
  if (found != kept_.end()) {
    buffer = std::move(found->buffer);
    kept_.erase(found);
    kept_bytes_ -= buffer.capacity();
  }
  return buffer.Grow(bytes) ? std::move(buffer) : Buffer();
}

void BufferPool::Put(Buffer buffer) {
  const size_t capacity = buffer.capacity();
  if (capacity == 0 || capacity > max_bytes_ - kept_bytes_) return;
  kept_bytes_ += capacity;
  kept_.push_back({std::move(buffer)});
}

void BufferPool::GiveBackUnused() {
  std::erase_if(kept_, [&](Kept& kept) {
    if (!std::exchange(kept.is_old, true)) return false;
    kept_bytes_ -= kept.buffer.capacity();
    return true;
  });
}

}  // namespace shredder::net
