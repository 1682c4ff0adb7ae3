// What WebAssembly imports from shredder:store: the builtins of that name, for linear memory. See
// docs/wasm.md for what each does.
//
// Thread: the shard's.
#pragma once

#include <v8.h>

#include "runtime/engine/store_callbacks.h"

namespace shredder::engine {

// An object with a function for each import. They read and write the store of `state`, which must
// outlive the context's code, by its access, and the linear memory of the instance that calls.
v8::Local<v8::Object> MakeStoreImports(v8::Local<v8::Context> context, StoreModuleState* state);

}  // namespace shredder::engine
