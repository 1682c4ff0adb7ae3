// A tenant's libraries and their JavaScript, behind engine.h's FunctionHost.
//
// Thread: the shard's.
#pragma once

#include <v8.h>

#include <algorithm>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/engine/debugger.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/function_log.h"
#include "runtime/engine/library.h"
#include "runtime/engine/library_text.h"
#include "runtime/engine/tenant_context.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

// What hosts share with their engine.
struct EngineState {
  EngineOptions options;
  const SystemRunClock system_clock;
  std::unique_ptr<Watchdog> watchdog;
  // Of the run that the watchdog watches; null between runs.
  store::Store* running_store = nullptr;
  FunctionHost::Impl* running_host = nullptr;
  LibraryTexts texts;
  // Hosts that have an isolate, or a part in one; the one whose last run began the longest time ago
  // first.
  std::list<FunctionHost::Impl*> with_isolate;
  size_t isolate_count = 0;  // of these hosts
  // Those that are for several hosts. Some are gone.
  std::vector<std::weak_ptr<TenantIsolate>> shared_isolates;
  uint64_t now_ms = 0;  // at the last Engine::Tick
  // Of no tenant yet: to make one takes longer than most calls. While there is one, V8 also keeps
  // what all isolates share, which takes longer still to make.
  std::deque<std::unique_ptr<TenantContext>> spares;
  uint64_t last_heap_limit_mb;  // that an isolate was wanted with
  bool wishes_spare = true;     // one was taken since this was last asked

  bool NeedsSpare() const;
  bool AddSpare();  // false where there are enough, or memory runs out
  // Null when memory runs out.
  std::unique_ptr<TenantContext> TakeContext(const HostLimits& limits);
  void ReturnContext(std::unique_ptr<TenantContext> context);
  // All hosts with a part in it give up their JavaScript.
  void GiveUpIsolate(const TenantIsolate* isolate);
  // Between runs.
  void CollectRemovedContexts();

 private:
  std::unique_ptr<TenantContext> MakeContext(uint64_t heap_limit_mb) const;
  std::unique_ptr<TenantContext> TakeSharedContext(const HostLimits& limits);
};

class FunctionHost::Impl {
 public:
  Impl(EngineState* engine, store::Store* store, const HostLimits& limits);
  ~Impl();

  Value Load(std::string_view code, bool replace);
  bool Restore(const LibraryInfo& info);
  bool Delete(std::string_view library);
  void Flush();
  std::vector<const LibraryInfo*> libraries() const;
  size_t library_count() const { return libraries_.size(); }
  size_t function_count() const { return functions_.size(); }
  FunctionRef Find(std::string_view function) const;
  bool NeedsEvaluation(const FunctionRef& function) const {
    return !function.library->has_module();
  }
  Value Call(const FunctionRef& function, std::span<const std::string_view> keys,
             std::span<const std::string_view> args, bool read_only, CallForm form);
  void SetLimits(const HostLimits& limits);
  void GiveUp();
  // Besides, nothing in the background knows of the store any more.
  void LeaveStore();
  void Prefetch(size_t step) const;
  bool has_isolate() const { return context_ != nullptr; }
  const TenantIsolate* isolate() const { return context_ ? context_->heap().get() : nullptr; }
  uint64_t heap_used_bytes() const { return context_ ? context_->heap()->used_bytes() : 0; }

  const FunctionLog& log() const { return log_; }

  std::string OpenDebugger(std::string_view base_url, std::string_view pause_at);
  bool has_debugger() const { return debugger_ != nullptr; }
  std::vector<std::string> ExchangeDebug(std::span<const std::string_view> messages, bool may_run);
  void CloseDebugger();
  // From inside a run that was interrupted.
  void DispatchInterrupting() {
    if (debugger_) debugger_->DispatchInterrupting();
  }
  // Between runs: lets one go that is gone.
  void ReapDebugger();

  uint64_t last_run_ms() const { return last_run_ms_; }  // in the time of Engine::Tick
  void set_last_run_ms(uint64_t ms) { last_run_ms_ = ms; }

 private:
  // One run of tenant code: arms the watchdog, and says afterwards how it ended.
  class Run;

  // Makes the context where there is none, and notes that it is used. False, with the error's line,
  // when memory runs out.
  bool EnsureContext(std::string* error);
  // After a run that may have used up what the isolate has.
  void GiveUpExhausted();
  // While a debugger has paused what runs; false once that has been ended.
  bool WaitForDebugger();
  // Has the debugger's messages dispatched, between runs.
  void DispatchDebug();
  // Of a call, or of a load.
  Watchdog::Budget BudgetOf(const Watchdog::Budget& usual) const;
  // Evaluates `library` within the budget of a load. `reads_exports`: learns what it exports; else
  // finds what is known of it. An empty string, or the error's line.
  std::string Evaluate(LoadedLibrary* library, bool reads_exports);
  // Of the library of that name, the one that is being loaded first; null where there is none.
  const SourceMap* SourceMapOf(std::string_view library) const;
  LoadedLibrary* FindLibrary(std::string_view name) const;
  void Add(std::unique_ptr<LoadedLibrary> library);
  // After each change of the libraries.
  void IndexFunctions();
  template <typename Make>
  v8::MaybeLocal<v8::Array> ArrayOf(std::span<const std::string_view> texts, const Make& make,
                                    WatchedSteps* steps) const;
  // Runs `function` to its result, a promise awaited. False with an exception pending, with *error
  // set, or without either where the run has been ended.
  bool Invoke(v8::Local<v8::Context> context, v8::Local<v8::Function> function,
              std::span<const std::string_view> keys, std::span<const std::string_view> args,
              CallForm form, Value* result, std::string* error);
  bool InvokeWasm(v8::Local<v8::Context> context, WasmLibrary* library, size_t index,
                  std::span<const std::string_view> keys, std::span<const std::string_view> args,
                  CallForm form, Value* result, std::string* error);
  // Makes of what a function has returned what the form of the call wants.
  bool FinishReply(CallForm form, Value* result, std::string* error);
  uint64_t max_reply_bytes() const {
    return std::min(limits_.max_reply_bytes, kMaxFunctionReplyBytes);
  }

  EngineState* const engine_;
  store::Store* const store_;
  HostLimits limits_;
  Watchdog::Budget call_budget_;
  Watchdog::Budget load_budget_;
  FunctionLog log_;
  WasmAccount wasm_account_;
  std::unique_ptr<TenantContext> context_;
  std::unique_ptr<Debugger> debugger_;  // of that context
  std::list<Impl*>::iterator place_;    // in engine_->with_isolate, where there is a context
  // Isolates where it had a context, and that others have gone on with: V8 may still be compiling
  // code of it there, and reads the store for that.
  std::vector<std::weak_ptr<TenantIsolate>> left_isolates_;
  uint64_t last_run_ms_ = 0;
  // In the order of their names.
  std::vector<std::unique_ptr<LoadedLibrary>> libraries_;
  size_t code_bytes_ = 0;  // of all of them
  // By name, which lies in the library's info.
  std::unordered_map<std::string_view, FunctionRef> functions_;
  // The library whose code Evaluate runs.
  const LoadedLibrary* loading_ = nullptr;
};

}  // namespace shredder::engine
