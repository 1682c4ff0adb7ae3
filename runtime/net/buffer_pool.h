// Large buffers that a loop keeps for the next ones that are needed: to fault their pages in anew
// would cost more than what is done with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace shredder::net {

// Memory of its own, from the kernel, filled as it is written.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer();
  Buffer(Buffer&& other) noexcept { *this = static_cast<Buffer&&>(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  char* data() const { return data_; }
  size_t capacity() const { return capacity_; }
  // To at least so many bytes, whatever it has; its pages move, they are not copied. False where
  // memory is exhausted, and nothing has changed.
  bool Grow(size_t bytes);

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

class BufferPool {
 public:
  // Keeps buffers of so many bytes together.
  explicit BufferPool(size_t max_bytes) : max_bytes_(max_bytes) {}

  // A buffer of at least so many bytes, its content arbitrary; one without any where memory is
  // exhausted.
  Buffer Take(size_t bytes);
  void Put(Buffer buffer);
  // To be called now and then: what has not been taken since the last call goes back to the kernel.
  void GiveBackUnused();
  size_t kept_bytes() const { return kept_bytes_; }

 private:
  struct Kept {
    Buffer buffer;
    bool is_old = false;  // there before the last GiveBackUnused
  };

  const size_t max_bytes_;
  size_t kept_bytes_ = 0;
  std::vector<Kept> kept_;
};

}  // namespace shredder::net
