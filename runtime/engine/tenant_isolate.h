// A JavaScript heap: an isolate for one tenant's context, or for those of several.
//
// Thread: the shard's.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>

#include "runtime/engine/bounded_allocator.h"
#include "runtime/engine/icu.h"

namespace shredder::engine {

// Ends an isolate of this process.
void DisposeIsolate(v8::Isolate* isolate);

class TenantIsolate {
 public:
  explicit TenantIsolate(uint64_t heap_limit_mb);
  ~TenantIsolate();
  TenantIsolate(const TenantIsolate&) = delete;
  TenantIsolate& operator=(const TenantIsolate&) = delete;

  // Of the contents of ArrayBuffers; those that are there stay.
  void SetArrayBufferLimit(uint64_t bytes) { allocator_.SetLimit(bytes); }
  uint64_t array_buffer_limit() const { return allocator_.limit_bytes(); }

  uint64_t heap_limit_mb() const { return heap_limit_mb_; }
  v8::Isolate* isolate() const { return isolate_; }
  // The heap is full, and good for nothing but to be given up.
  bool heap_exhausted() const { return heap_exhausted_; }
  // A call lacked array buffers, and would not if the heap was its own.
  bool buffers_exhausted() const { return allocator_.exhausted(); }
  uint64_t used_bytes() const;  // of its heap, of array buffers, and of ICU

  // Contexts count themselves.
  size_t context_count() const { return context_count_; }
  void AddContext() { ++context_count_; }
  void RemoveContext();

  // Whether one more should be made here.
  bool HasRoomForContext() const;
  // Collects the garbage that removed contexts have left, where they are as many as those that
  // stay. Not while JavaScript runs.
  void CollectRemovedContexts();
  // Gives up what V8 still compiles in the background, and waits for the part that has begun.
  void AbortCompilations();

 private:
  static size_t OnNearHeapLimit(void* data, size_t current, size_t initial);
  static void OnIcuMemory(void* data);
  void SetIcuThreshold();

  const uint64_t heap_limit_mb_;
  BoundedAllocator allocator_;
  IcuAccount icu_;
  v8::Isolate* isolate_;
  size_t context_count_ = 0;
  size_t removed_count_ = 0;  // whose garbage may be there still
  bool heap_exhausted_ = false;
};

}  // namespace shredder::engine
