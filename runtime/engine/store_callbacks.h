// The C++ callbacks of shredder:store: HTAppend, HTExpire and HTScan, and what the builtins HTSet,
// HTDelete and HTAdd leave to C++. Their data is a StoreModuleState, as an External.
//
// Thread: the shard's. What the callbacks may do is set by the host for each phase of a tenant's
// code.
#pragma once

#include <v8.h>

#include "runtime/engine/exception.h"
#include "runtime/engine/function_log.h"
#include "runtime/engine/store_arguments.h"
#include "runtime/engine/wasm/modules.h"
#include "runtime/store/store.h"

namespace shredder::engine {

inline constexpr uint64_t kKeysPerScan = 100;  // of one call of HTScan, about

// What tenant code may do to its store now.
enum class StoreAccess { kReadWrite, kReadOnlyInvocation, kReadOnlyLoad };

// State that what is C++ in a context shares with the host. Must outlive the context.
struct StoreModuleState {
  store::Store* store = nullptr;
  StoreAccess access = StoreAccess::kReadOnlyLoad;
  // Where the console writes, and what says where in the author's files a line comes from. Null and
  // empty where there is no host.
  FunctionLog* log = nullptr;
  FindSourceMap find_source_map;
  // What each script of the web's basics (web_globals.h) has made, where it has run.
  static constexpr size_t kWebScripts = 5;
  v8::Global<v8::Object> web[kWebScripts];
  SetOptionNames option_names;
  // For errors that are made where no context is entered.
  v8::Global<v8::Context> context;
  // Null where the tenant has no WebAssembly.
  WasmAccount* wasm_account = nullptr;
  LiveObjects wasm_modules;
  LiveObjects wasm_instances;
  // What the library that loads may still compile of it; 0 while none does.
  uint64_t wasm_bytes_left = 0;
};

inline StoreModuleState* StateOf(const v8::FunctionCallbackInfo<v8::Value>& info) {
  return static_cast<StoreModuleState*>(info.Data().As<v8::External>()->Value());
}

// HTSet(key, value, options): boolean
void HTSet(const v8::FunctionCallbackInfo<v8::Value>& info);
// HTDelete(key): boolean
void HTDelete(const v8::FunctionCallbackInfo<v8::Value>& info);
// HTAdd(key, delta): number
void HTAdd(const v8::FunctionCallbackInfo<v8::Value>& info);
// HTAppend(key, value): number
void HTAppend(const v8::FunctionCallbackInfo<v8::Value>& info);
// HTExpire(key, ttl): boolean
void HTExpire(const v8::FunctionCallbackInfo<v8::Value>& info);
// HTScan(cursor, into, pattern): number
void HTScan(const v8::FunctionCallbackInfo<v8::Value>& info);

// A callback as a module exports it.
struct Callback {
  const char* name;
  v8::FunctionCallback function;
  int length;
};

}  // namespace shredder::engine
