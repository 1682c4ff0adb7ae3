// A tenant's isolate, context and libraries, behind engine.h's FunctionHost.
//
// Thread: the shard's.
#pragma once

#include <v8.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/bounded_allocator.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/library.h"
#include "runtime/engine/store_module.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

// Ends an isolate of this process.
void DisposeIsolate(v8::Isolate* isolate);

// What hosts share with their engine.
struct EngineState {
  EngineOptions options;
  Watchdog::Budget call_budget;
  Watchdog::Budget load_budget;
  const SystemRunClock system_clock;
  std::unique_ptr<Watchdog> watchdog;
  // Of the run that the watchdog watches; null between runs.
  store::Store* running_store = nullptr;
};

class FunctionHost::Impl {
 public:
  Impl(EngineState* engine, store::Store* store);
  ~Impl();

  Value Load(std::string_view code, bool replace);
  bool Delete(std::string_view library);
  void Flush();
  const std::vector<LibraryInfo>& libraries() const { return infos_; }
  const FunctionInfo* Find(std::string_view function) const;
  Value Call(std::string_view function, std::span<const std::string_view> keys,
             std::span<const std::string_view> args, bool read_only);
  uint64_t heap_used_bytes() const;

 private:
  // One run of tenant code: arms the watchdog, and says afterwards how it ended.
  class Run;

  struct FunctionRef {
    const FunctionInfo* info = nullptr;
    LoadedLibrary* library = nullptr;
  };

  // Makes the isolate and its context, where there are none, and loads what is registered (again).
  bool EnsureIsolate(std::string* error);
  void DisposeIsolate();
  // Evaluates `library` within the budget of a load; an empty string, or the error's line.
  std::string Evaluate(LoadedLibrary* library);
  FunctionRef FindRef(std::string_view function) const;
  // Of the library of that name, the one that is being loaded first; null where there is none.
  const SourceMap* SourceMapOf(std::string_view library) const;
  void RefreshInfos();
  v8::MaybeLocal<v8::Array> StringArray(std::span<const std::string_view> strings) const;
  // Runs `function` to its result, a promise awaited. False with an exception pending, or *error
  // set.
  bool Invoke(v8::Local<v8::Context> context, v8::Local<v8::Function> function,
              std::span<const std::string_view> keys, std::span<const std::string_view> args,
              Value* result, std::string* error);
  static size_t OnNearHeapLimit(void* data, size_t current, size_t initial);

  EngineState* const engine_;
  StoreModuleState store_state_;
  std::unique_ptr<BoundedAllocator> allocator_;
  v8::Isolate* isolate_ = nullptr;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Module> store_module_;
  // In the order of their names.
  std::vector<std::unique_ptr<LoadedLibrary>> libraries_;
  std::vector<LibraryInfo> infos_;
  // The library whose code Evaluate runs.
  const LoadedLibrary* loading_ = nullptr;
  bool heap_exhausted_ = false;
};

}  // namespace shredder::engine
