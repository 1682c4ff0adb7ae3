// A tenant's JavaScript heap: an isolate, its context, and the module shredder:store in it.
//
// Thread: the shard's.
#pragma once

#include <v8.h>

#include <cstdint>
#include <memory>

#include "runtime/engine/bounded_allocator.h"
#include "runtime/engine/store_callbacks.h"
#include "runtime/store/store.h"

namespace shredder::engine {

// Ends an isolate of this process.
void DisposeIsolate(v8::Isolate* isolate);

class TenantIsolate {
 public:
  // No tenant's yet: no code may run in it before it has a store. Null when memory runs out.
  static std::unique_ptr<TenantIsolate> Make(uint64_t heap_limit_mb, bool callback_builtins);
  ~TenantIsolate();
  TenantIsolate(const TenantIsolate&) = delete;
  TenantIsolate& operator=(const TenantIsolate&) = delete;

  // Makes it the tenant's of this store, which must outlive it and not change its base. Once.
  void AttachStore(store::Store* store);

  // Of the contents of ArrayBuffers; those that are there stay.
  void SetArrayBufferLimit(uint64_t bytes) { allocator_.SetLimit(bytes); }

  uint64_t heap_limit_mb() const { return heap_limit_mb_; }
  v8::Isolate* isolate() const { return isolate_; }
  v8::Local<v8::Context> context() const { return context_.Get(isolate_); }
  v8::Local<v8::Module> store_module() const { return store_module_.Get(isolate_); }
  StoreModuleState& store_state() { return store_state_; }
  // The heap is full, and good for nothing but to be given up.
  bool heap_exhausted() const { return heap_exhausted_; }
  uint64_t used_bytes() const;  // of its heap, and of array buffers

 private:
  explicit TenantIsolate(uint64_t heap_limit_mb)
      : heap_limit_mb_(heap_limit_mb), allocator_(heap_limit_mb * 1024 * 1024) {}
  static size_t OnNearHeapLimit(void* data, size_t current, size_t initial);
  bool MakeContext(bool callback_builtins);

  const uint64_t heap_limit_mb_;
  BoundedAllocator allocator_;
  StoreModuleState store_state_;
  v8::Isolate* isolate_ = nullptr;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Module> store_module_;
  bool heap_exhausted_ = false;
};

}  // namespace shredder::engine
