// The global WebAssembly of a tenant's JavaScript: what is synchronous of it, over modules that a
// library compiles while it loads (modules.h).
//
// Thread: the shard's, with the tenant's isolate and context entered.
#pragma once

#include <v8.h>

#include <string_view>

#include "runtime/engine/store_callbacks.h"

namespace shredder::engine {

inline constexpr std::string_view kWebAssemblyName = "WebAssembly";

// Defines it, to be made where code first asks for it. `state` must outlive the context. False with
// an exception pending where memory runs out.
bool InstallWebAssembly(v8::Local<v8::Context> context, StoreModuleState* state);

// Of a tenant that has none, before any of its code runs.
void RemoveWebAssembly(v8::Local<v8::Context> context);

}  // namespace shredder::engine
