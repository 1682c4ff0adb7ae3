// The web's basics among a tenant's globals: TextEncoder, console, structuredClone and the like,
// written in JavaScript (web/) over a few functions in C++ (web_natives.h). Each is made where code
// first asks for it, so that a tenant which asks for none has none.
//
// Thread: the shard's, with the context's isolate entered.
#pragma once

#include <v8.h>

#include <span>
#include <string_view>

#include "runtime/engine/store_callbacks.h"

namespace shredder::engine {

// The names of what InstallWebGlobals defines, in order.
std::span<const std::string_view> WebGlobalNames();

// `state` must outlive the context. False with an exception pending where memory runs out.
bool InstallWebGlobals(v8::Local<v8::Context> context, StoreModuleState* state);

}  // namespace shredder::engine
