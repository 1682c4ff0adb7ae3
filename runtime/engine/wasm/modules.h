// WebAssembly modules of a tenant: what may be compiled, and when. The bounds of what V8 makes of
// one are patches of V8 (bound-what-a-webassembly-module-makes-v8-keep-and-do).
//
// Thread: the shard's, with the tenant's isolate and context entered.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace shredder::engine {

struct StoreModuleState;

// Of an error.
inline constexpr const char* kNoWebAssembly = "WebAssembly is switched off for this tenant";

// What a tenant's modules have had the process keep for good, whatever becomes of them: lives as
// long as its host.
struct WasmAccount {
  size_t known_types = 0;
};

// Modules, or instances, of one context that are not garbage.
class LiveObjects {
 public:
  // Whether there may be one more; collects garbage where that decides it.
  bool HasRoom(v8::Isolate* isolate);
  void Add(v8::Isolate* isolate, v8::Local<v8::Object> object);

 private:
  // Each instance takes memory that V8 does not bound, by the functions of its module; each module
  // mappings, of which a process may have 65,530.
  static constexpr size_t kMost = 64;

  std::vector<v8::Global<v8::Object>> objects_;  // weak
};

// Has V8 compile no module of this isolate but by CompileModule.
void BoundModules(v8::Isolate* isolate);

// A WebAssembly.Module of these bytes. V8 compiles them once for all isolates that have such a
// module, a function at its first call. Empty with an exception pending where the bytes are
// malformed, or where the tenant may not have it: it has WebAssembly switched off, no library of it
// loads, the modules that this library has compiled while it loads would be larger than itself, or
// the context has too many.
v8::MaybeLocal<v8::Object> CompileModule(v8::Local<v8::Context> context, StoreModuleState* state,
                                         std::span<const uint8_t> bytes);

// A WebAssembly.Instance of a module, with these imports. Empty with an exception pending where V8
// refuses it, or the context has too many.
v8::MaybeLocal<v8::Object> Instantiate(v8::Local<v8::Context> context, StoreModuleState* state,
                                       v8::Local<v8::Value> module, v8::Local<v8::Value> imports);

}  // namespace shredder::engine
