// A library: an ES module in a tenant's context, or a WebAssembly module, and what it exports.
//
// Thread: the shard's, with the tenant's isolate and context entered.
#pragma once

#include <v8.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/library_text.h"
#include "runtime/engine/store_callbacks.h"
#include "runtime/engine/wasm/wasm_library.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

// Libraries larger than this are refused.
inline constexpr size_t kMaxLibraryBytes = 4 * 1024 * 1024;
// What a library exports, and what its functions say of themselves.
inline constexpr size_t kMaxFunctions = 4096;
inline constexpr size_t kMaxDescriptionCharacters = 4096;

struct LibraryMetadata {
  LibraryLanguage language = LibraryLanguage::kJavaScript;
  std::string name;
};

// Reads the first line, `#!js name=<library>` or `#!wasm name=<library>`. Empty with the error in
// *error.
std::optional<LibraryMetadata> ParseLibraryMetadata(std::string_view code, std::string* error);

// True for one or more letters, digits and underscores: what Redis allows as a library's or a
// function's name.
bool IsName(std::string_view name);

// Reads the `flags` and the `description` that an object has, a function's or one that stands for
// it; it may leave them out. False with an exception pending in V8 or with *error set.
bool ReadFunctionInfo(v8::Local<v8::Context> context, v8::Local<v8::Object> object,
                      FunctionInfo* info, std::string* error);

// A library of a host. Its module and functions are there while the host's JavaScript is, once they
// were needed.
struct LoadedLibrary {
  LibraryInfo info;
  std::shared_ptr<LibraryText> text;
  // One of these, by the library's language.
  v8::Global<v8::Module> module;
  std::unique_ptr<WasmLibrary> wasm;
  // Of an ES module, as info.functions; empty without a module, and of a WebAssembly module.
  std::vector<v8::Global<v8::Function>> functions;

  bool has_module() const { return !module.IsEmpty() || wasm != nullptr; }
  void DropModule() {
    functions.clear();
    module.Reset();
    wasm.reset();
  }
};

// Compiles, links and evaluates the module of library->text, under the name library->info.name, and
// sets library->module or library->wasm. False when it failed: with an exception pending in V8,
// with *error set, or without either where the run has been ended. Runs tenant code: call under the
// watchdog.
bool EvaluateLibrary(v8::Local<v8::Context> context, v8::Local<v8::Module> store_module,
                     StoreModuleState* state, LoadedLibrary* library, std::string* error);

// Reads the functions that the evaluated module exports into info.functions and functions. Fails as
// EvaluateLibrary does.
bool ReadExports(v8::Local<v8::Context> context, WatchedSteps* steps, LoadedLibrary* library,
                 std::string* error);

// Finds those of info.functions in the evaluated module, which need not export them all again.
// Fails as EvaluateLibrary does.
bool FindExports(v8::Local<v8::Context> context, WatchedSteps* steps, LoadedLibrary* library);

// Keeps what V8 has compiled of the library so far with its text, for the next evaluation of it.
void KeepCompiled(v8::Isolate* isolate, LoadedLibrary* library);

}  // namespace shredder::engine
