// For tests: a copy of the memory that a store's descriptor names, as the process that has it would
// leave it if it ended now.
#pragma once

#include <cstdint>

namespace shredder::store {

// A new memfd of the same size and content, sealed in the same way; only what is resident is
// copied. The caller's to close; -1 where memory cannot be had.
int CopyMemory(int fd);

class MemoryCopy {
 public:
  explicit MemoryCopy(int fd);
  ~MemoryCopy();
  MemoryCopy(const MemoryCopy&) = delete;
  MemoryCopy& operator=(const MemoryCopy&) = delete;

  int fd() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace shredder::store
