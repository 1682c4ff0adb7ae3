// A library that is a WebAssembly module: its instance, and its functions. docs/wasm.md has what
// modules look like.
//
// Thread: the shard's, with the tenant's isolate and context entered.
#pragma once

#include <v8.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builtins-csa/builtins/wasm_embedding.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/value.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

struct StoreModuleState;

class WasmLibrary {
 public:
  // Compiles and instantiates the module of `code`, which begins with its line of metadata. Null
  // with an exception pending in V8, with *error set, or without either where the run has been
  // ended. Runs the module's start function and its `_initialize`: call under the watchdog.
  static std::unique_ptr<WasmLibrary> Instantiate(v8::Local<v8::Context> context,
                                                  StoreModuleState* state, std::string_view code,
                                                  std::string* error);

  // The functions that it exports, in the module's order, with what a custom section `shredder`
  // says of them. False as Instantiate is null.
  bool Describe(v8::Local<v8::Context> context, std::vector<FunctionInfo>* functions,
                std::string* error) const;

  // Runs the function at `index` of what Describe gives. False as Instantiate is null; the memory
  // may then be in any state, and the instance is to be given up.
  bool Call(v8::Local<v8::Context> context, size_t index, std::span<const std::string_view> keys,
            std::span<const std::string_view> args, WatchedSteps* steps, uint64_t max_reply_bytes,
            Value* result, std::string* error);

 private:
  struct Function {
    std::string name;
    v8::Global<v8::Function> function;
    bool takes_call;                   // else it has no parameter
    std::optional<wasm::Type> result;  // nothing where it has none: the call's block says its reply
  };

  WasmLibrary() = default;
  bool ReadExports(v8::Local<v8::Context> context, v8::Local<v8::Object> exports,
                   std::string* error);
  wasm::Memory memory(v8::Isolate* isolate) const;
  // The address of a call's block; nothing as Call is false.
  std::optional<uint32_t> WriteCall(v8::Local<v8::Context> context,
                                    std::span<const std::string_view> keys,
                                    std::span<const std::string_view> args, std::string* error);
  bool ReadResult(v8::Local<v8::Context> context, const Function& function,
                  v8::Local<v8::Value> returned, uint32_t block, WatchedSteps* steps,
                  uint64_t max_reply_bytes, Value* result, std::string* error) const;

  v8::Global<v8::Object> module_;
  std::vector<Function> functions_;
  v8::Global<v8::Value> memory_;    // empty where it exports none
  v8::Global<v8::Function> alloc_;  // likewise
  v8::Global<v8::Function> free_;   // likewise
};

}  // namespace shredder::engine
