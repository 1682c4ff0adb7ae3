// A library: an ES module in a tenant's context, and what it exports.
//
// Thread: the shard's, with the tenant's isolate and context entered.
#pragma once

#include <v8.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/engine/engine.h"
#include "runtime/engine/source_map.h"

namespace shredder::engine {

// Libraries larger than this are refused.
inline constexpr size_t kMaxLibraryBytes = 4 * 1024 * 1024;

struct LibraryMetadata {
  std::string name;
};

// Reads the first line, `#!js name=<library>`. Empty with the error in *error.
std::optional<LibraryMetadata> ParseLibraryMetadata(std::string_view code, std::string* error);

// True for one or more letters, digits and underscores: what Redis allows as a library's or a
// function's name.
bool IsName(std::string_view name);

// A library whose module has been evaluated.
struct LoadedLibrary {
  LibraryInfo info;
  std::optional<SourceMap> source_map;
  std::map<std::string, v8::Global<v8::Function>, std::less<>> functions;
};

// Compiles, links and evaluates the module, then reads its exports into *library (whose info.name
// and info.code are set). False when it failed: with an exception pending in V8, or with *error
// set. Runs tenant code: call under the watchdog.
bool EvaluateLibrary(v8::Local<v8::Context> context, v8::Local<v8::Module> store_module,
                     LoadedLibrary* library, std::string* error);

}  // namespace shredder::engine
