// The module shredder:store: the CSA builtins of the tenant's context, and C++ callbacks.
#pragma once

#include <v8.h>

#include "runtime/engine/store_callbacks.h"
#include "runtime/store/store.h"

namespace shredder::engine {

// Puts the store's base where the builtins look for it. Call once for a new context, before any
// code runs in it.
void AttachStore(v8::Local<v8::Context> context, store::Store* store);

// Makes the module in the current context, with DBGet and its like where `callback_builtins`. Empty
// with an exception pending when memory runs out.
v8::MaybeLocal<v8::Module> MakeStoreModule(v8::Local<v8::Context> context, StoreModuleState* state,
                                           bool callback_builtins);

inline constexpr char kStoreModuleName[] = "shredder:store";

}  // namespace shredder::engine
