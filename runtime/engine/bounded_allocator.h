// Memory of ArrayBuffers, bounded for each isolate: it lies outside of V8's heap and its limit.
#pragma once

#include <v8.h>

#include <atomic>
#include <cstddef>

namespace shredder::engine {

// Thread: Free may come from V8's own threads, which collect garbage.
class BoundedAllocator final : public v8::ArrayBuffer::Allocator {
 public:
  explicit BoundedAllocator(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  void SetLimit(size_t limit_bytes) { limit_bytes_ = limit_bytes; }
  size_t limit_bytes() const { return limit_bytes_; }

  void* Allocate(size_t length) override;
  void* AllocateUninitialized(size_t length) override;
  void Free(void* data, size_t length) override;
  // The memories of WebAssembly are the same to the limit.
  bool CountMapped(size_t length) override { return Charge(length); }
  void UncountMapped(size_t length) override;

  size_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  // Something was refused that would fit if all else was freed, and nothing as large has been
  // granted since: V8 asks again once it has collected garbage.
  bool exhausted() const { return refused_bytes_ != 0; }

 private:
  // V8 takes it for granted that it gets this much, when it moves a small typed array out of its
  // heap.
  static constexpr size_t kAlwaysGranted = 4096;

  bool Charge(size_t length);

  size_t limit_bytes_;
  std::atomic<size_t> used_bytes_{0};
  size_t refused_bytes_ = 0;  // of the thread that allocates
};

}  // namespace shredder::engine
