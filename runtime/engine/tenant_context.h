// A tenant's context: the globals that its code sees, its microtasks, and the module shredder:store
// on its store.
//
// Thread: the shard's.
#pragma once

#include <v8-prefetch.h>
#include <v8.h>

#include <memory>

#include "runtime/engine/store_callbacks.h"
#include "runtime/engine/tenant_isolate.h"
#include "runtime/store/store.h"

namespace shredder::engine {

// Makes a context whose global object has the names of an allow-list only, and in which no code is
// made from strings; with the isolate's own queue of microtasks where there is none of its own.
// Empty when memory runs out.
v8::MaybeLocal<v8::Context> MakeTenantContext(v8::Isolate* isolate,
                                              v8::MicrotaskQueue* microtasks = nullptr);

// In an isolate of its own, or in one with other tenants' contexts, of which it reaches no object:
// what code could leave in an object of V8's, V8 makes for each context anew. What optimised code
// knows of a store it knows for one context: V8 compiles a closure for the context that made it.
class TenantContext {
 public:
  // No tenant's yet: no code may run in it before it has a store. Null when memory runs out.
  static std::unique_ptr<TenantContext> Make(std::shared_ptr<TenantIsolate> heap,
                                             bool callback_builtins);
  ~TenantContext();
  TenantContext(const TenantContext&) = delete;
  TenantContext& operator=(const TenantContext&) = delete;

  // Makes it the tenant's of this store, which must outlive it and not change its base, as must the
  // log of its console, and what is known of its WebAssembly, null where it has none. Once.
  void AttachStore(store::Store* store, FunctionLog* log, FindSourceMap find_source_map,
                   WasmAccount* wasm_account);

  const std::shared_ptr<TenantIsolate>& heap() const { return heap_; }
  v8::Isolate* isolate() const { return isolate_; }
  v8::Local<v8::Context> context() const { return context_.Get(isolate_); }
  v8::Local<v8::Module> store_module() const { return store_module_.Get(isolate_); }
  StoreModuleState& store_state() { return store_state_; }
  // Has the processor's cache ask for what a call of the function in it will touch, in so many
  // steps: v8-prefetch.h.
  static constexpr int kPrefetchSteps = v8::kPrefetchCallSteps;
  void Prefetch(const v8::Global<v8::Function>& function, int step) const;

 private:
  explicit TenantContext(std::shared_ptr<TenantIsolate> heap);
  bool MakeContext(bool callback_builtins);

  const std::shared_ptr<TenantIsolate> heap_;
  v8::Isolate* const isolate_;
  // Its own, so that nothing that another tenant has left to do runs in its calls.
  const std::unique_ptr<v8::MicrotaskQueue> microtasks_;
  StoreModuleState store_state_;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Module> store_module_;
};

}  // namespace shredder::engine
