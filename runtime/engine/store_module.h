// The module shredder:store: the CSA builtins of the tenant's context, and the callbacks that write
// the store.
//
// Thread: the shard's. What the callbacks may do is set by the host for each phase of a tenant's
// code.
#pragma once

#include <v8.h>

#include "runtime/store/store.h"

namespace shredder::engine {

// What tenant code may do to its store now.
enum class StoreAccess { kReadWrite, kReadOnlyInvocation, kReadOnlyLoad };

// State that the callbacks share with the host. Must outlive the context.
struct StoreModuleState {
  store::Store* store = nullptr;
  StoreAccess access = StoreAccess::kReadOnlyLoad;
};

// Puts the store's base where the builtins look for it. Call once for a new context, before any
// code runs in it.
void AttachStore(v8::Local<v8::Context> context, store::Store* store);

// Makes the module in the current context, with DBGet and its like where `callback_builtins`. Empty
// with an exception pending when memory runs out.
v8::MaybeLocal<v8::Module> MakeStoreModule(v8::Local<v8::Context> context, StoreModuleState* state,
                                           bool callback_builtins);

inline constexpr char kStoreModuleName[] = "shredder:store";
inline constexpr uint64_t kKeysPerScan = 100;  // of one call of HTScan, about

}  // namespace shredder::engine
