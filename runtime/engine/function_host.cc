#include "runtime/engine/function_host.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "runtime/engine/exception.h"
#include "runtime/engine/tenant_context.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/value_reader.h"
#include "runtime/store/transaction.h"

namespace shredder::engine {

namespace {

// Room that a tenant gets to unwind in, once its heap is full. V8 can ask for large pieces at once.
constexpr size_t kHeapHeadroomBytes = 64 * 1024 * 1024;
// The arguments of a call may take one part in so many of its heap: V8 ends the process where it
// has no room for a string.
constexpr size_t kMaxArgumentShare = 4;

Value MakeError(std::string message) { return Value{Error{std::move(message)}}; }

bool HasFlag(const FunctionInfo& info, std::string_view flag) {
  return std::find(info.flags.begin(), info.flags.end(), flag) != info.flags.end();
}

}  // namespace

// Scopes of one run, in the order in which V8 wants them.
class FunctionHost::Impl::Run {
 public:
  // `subject`: what errors say has run, "library" or "function".
  Run(Impl* host, const char* subject, const Watchdog::Budget& budget)
      : host_(host),
        isolate_scope_(host->isolate_),
        handle_scope_(host->isolate_),
        context_(host->context_.Get(host->isolate_)),
        context_scope_(context_),
        try_catch_(host->isolate_),
        subject_(subject),
        budget_(budget) {
    host_->engine_->running_store = host_->store_state_.store;
    host_->engine_->watchdog->Arm(host_->isolate_, budget);
  }

  v8::Local<v8::Context> context() const { return context_; }

  // Ends the run. The error's line, or an empty string where `completed` and nothing ended the run
  // early. `error`: what the run has to say of itself where no exception is pending.
  std::string Finish(bool completed, std::string error) {
    std::string description;
    const bool terminated = try_catch_.HasTerminated();
    if (try_catch_.HasCaught() && !terminated) {
      description = DescribeException(
          context_, try_catch_, [this](std::string_view name) { return host_->SourceMapOf(name); });
    }
    try_catch_.Reset();
    // What the run has left to do, it does within its budget.
    if (!terminated) RunMicrotasks();
    const Watchdog::Outcome outcome = host_->engine_->watchdog->Disarm();
    host_->engine_->running_store = nullptr;
    if (outcome != Watchdog::Outcome::kInTime || host_->heap_exhausted_) {
      // V8 drops the microtasks that are left when the first of them is terminated.
      isolate()->TerminateExecution();
      RunMicrotasks();
      isolate()->CancelTerminateExecution();
    }
    if (host_->heap_exhausted_) {
      return Ended("used up its tenant's JavaScript heap of " +
                   std::to_string(host_->engine_->options.heap_limit_mb) + " MB");
    }
    switch (outcome) {
      case Watchdog::Outcome::kInTime:
        break;
      case Watchdog::Outcome::kCpuDeadline:
        return EndedAfter(budget_.cpu, "CPU");
      case Watchdog::Outcome::kWallDeadline:
        return EndedAfter(budget_.wall, "wall");
      case Watchdog::Outcome::kKilled:
        return Ended("was killed by FUNCTION KILL");
    }
    if (completed) return {};
    if (!description.empty()) return description;
    if (error.empty()) return "ERR function failed without an exception";
    return error;
  }

 private:
  v8::Isolate* isolate() const { return host_->isolate_; }

  // The line for a run that was ended from outside.
  std::string Ended(const std::string& how) const {
    const bool writes = host_->store_state_.access != StoreAccess::kReadOnlyLoad;
    return std::string("ERR ") + subject_ + " " + how + (writes ? ", its writes are undone" : "");
  }

  std::string EndedAfter(std::chrono::milliseconds deadline, const char* kind) const {
    return Ended("was terminated after its deadline of " + std::to_string(deadline.count()) +
                 " ms of " + kind + " time");
  }

  void RunMicrotasks() {
    v8::TryCatch ignored(isolate());
    isolate()->PerformMicrotaskCheckpoint();
  }

  Impl* host_;
  v8::Isolate::Scope isolate_scope_;
  v8::HandleScope handle_scope_;
  v8::Local<v8::Context> context_;
  v8::Context::Scope context_scope_;
  v8::TryCatch try_catch_;
  const char* subject_;
  const Watchdog::Budget& budget_;
};

FunctionHost::Impl::Impl(EngineState* engine, store::Store* store) : engine_(engine) {
  store_state_.store = store;
}

FunctionHost::Impl::~Impl() { DisposeIsolate(); }

size_t FunctionHost::Impl::OnNearHeapLimit(void* data, size_t current, size_t initial) {
  auto* self = static_cast<Impl*>(data);
  self->heap_exhausted_ = true;
  self->isolate_->TerminateExecution();
  return current + kHeapHeadroomBytes;
}

bool FunctionHost::Impl::EnsureIsolate(std::string* error) {
  if (isolate_ != nullptr) return true;
  const size_t heap_bytes = engine_->options.heap_limit_mb * 1024 * 1024;
  allocator_ = std::make_unique<BoundedAllocator>(heap_bytes);
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = allocator_.get();
  params.constraints.ConfigureDefaultsFromHeapSize(0, heap_bytes);
  isolate_ = v8::Isolate::New(params);
  isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  isolate_->SetAllowAtomicsWait(false);
  isolate_->SetCaptureStackTraceForUncaughtExceptions(true, 8);
  isolate_->AddNearHeapLimitCallback(OnNearHeapLimit, this);
  {
    v8::Isolate::Scope isolate_scope(isolate_);
    v8::HandleScope handle_scope(isolate_);
    v8::TryCatch try_catch(isolate_);
    v8::Local<v8::Context> context;
    v8::Local<v8::Module> store_module;
    if (MakeTenantContext(isolate_).ToLocal(&context)) {
      v8::Context::Scope context_scope(context);
      AttachStore(context, store_state_.store);
      if (MakeStoreModule(context, &store_state_, engine_->options.callback_builtins)
              .ToLocal(&store_module)) {
        context_.Reset(isolate_, context);
        store_module_.Reset(isolate_, store_module);
      }
    }
  }
  if (store_module_.IsEmpty()) {
    DisposeIsolate();
    *error = "ERR no memory for the tenant's JavaScript context";
    return false;
  }
  // What was registered before the heap was given up.
  for (const auto& library : libraries_) {
    auto again = std::make_unique<LoadedLibrary>();
    again->info.name = library->info.name;
    again->info.code = library->info.code;
    *error = Evaluate(again.get());
    if (!error->empty()) {
      again.reset();
      DisposeIsolate();
      return false;
    }
    library->functions = std::move(again->functions);
    library->source_map = std::move(again->source_map);
  }
  return true;
}

void FunctionHost::Impl::DisposeIsolate() {
  if (isolate_ == nullptr) return;
  for (const auto& library : libraries_) library->functions.clear();
  store_module_.Reset();
  context_.Reset();
  isolate_->RemoveNearHeapLimitCallback(OnNearHeapLimit, 0);
  engine::DisposeIsolate(isolate_);
  isolate_ = nullptr;
  allocator_.reset();
  heap_exhausted_ = false;
}

std::string FunctionHost::Impl::Evaluate(LoadedLibrary* library) {
  store_state_.access = StoreAccess::kReadOnlyLoad;
  store_state_.store->BeginInvocation(false);
  std::string failure;
  {
    Run run(this, "library", engine_->load_budget);
    std::string error;
    loading_ = library;
    const bool completed =
        EvaluateLibrary(run.context(), store_module_.Get(isolate_), library, &error);
    failure = run.Finish(completed, std::move(error));
    loading_ = nullptr;
  }
  store_state_.store->EndInvocation();
  return failure;
}

Value FunctionHost::Impl::Load(std::string_view code, bool replace) {
  if (code.size() > kMaxLibraryBytes) {
    return MakeError("ERR library is larger than 4 MiB");
  }
  std::string error;
  const std::optional<LibraryMetadata> metadata = ParseLibraryMetadata(code, &error);
  if (!metadata) return MakeError(std::move(error));
  const auto existing =
      std::find_if(libraries_.begin(), libraries_.end(),
                   [&](const auto& library) { return library->info.name == metadata->name; });
  if (existing != libraries_.end() && !replace) {
    return MakeError("ERR Library '" + metadata->name + "' already exists");
  }
  if (!EnsureIsolate(&error)) return MakeError(std::move(error));

  auto library = std::make_unique<LoadedLibrary>();
  library->info.name = metadata->name;
  library->info.code = code;
  error = Evaluate(library.get());
  if (error.empty()) {
    for (const FunctionInfo& function : library->info.functions) {
      const FunctionRef other = FindRef(function.name);
      if (other.info != nullptr && other.library->info.name != metadata->name) {
        error = "ERR Function " + function.name + " already exists";
        break;
      }
    }
  }
  if (!error.empty()) {
    library.reset();
    if (heap_exhausted_) DisposeIsolate();
    return MakeError(std::move(error));
  }
  if (existing != libraries_.end()) {
    *existing = std::move(library);
  } else {
    libraries_.insert(std::lower_bound(libraries_.begin(), libraries_.end(), metadata->name,
                                       [](const auto& a, const std::string& name) {
                                         return a->info.name < name;
                                       }),
                      std::move(library));
  }
  RefreshInfos();
  return Value{Bytes{metadata->name}};
}

bool FunctionHost::Impl::Delete(std::string_view library) {
  const auto removed = std::remove_if(libraries_.begin(), libraries_.end(), [&](const auto& other) {
    return other->info.name == library;
  });
  if (removed == libraries_.end()) return false;
  libraries_.erase(removed, libraries_.end());
  RefreshInfos();
  if (libraries_.empty()) DisposeIsolate();
  return true;
}

void FunctionHost::Impl::Flush() {
  libraries_.clear();
  RefreshInfos();
  DisposeIsolate();
}

const SourceMap* FunctionHost::Impl::SourceMapOf(std::string_view library) const {
  const auto map_of = [](const LoadedLibrary& found) {
    return found.source_map ? &*found.source_map : nullptr;
  };
  if (loading_ != nullptr && loading_->info.name == library) return map_of(*loading_);
  for (const auto& loaded : libraries_) {
    if (loaded->info.name == library) return map_of(*loaded);
  }
  return nullptr;
}

void FunctionHost::Impl::RefreshInfos() {
  infos_.clear();
  for (const auto& library : libraries_) infos_.push_back(library->info);
}

FunctionHost::Impl::FunctionRef FunctionHost::Impl::FindRef(std::string_view function) const {
  for (const auto& library : libraries_) {
    for (const FunctionInfo& info : library->info.functions) {
      if (info.name == function) return {&info, library.get()};
    }
  }
  return {};
}

const FunctionInfo* FunctionHost::Impl::Find(std::string_view function) const {
  return FindRef(function).info;
}

v8::MaybeLocal<v8::Array> FunctionHost::Impl::StringArray(
    std::span<const std::string_view> strings) const {
  std::vector<v8::Local<v8::Value>> elements;
  elements.reserve(strings.size());
  for (const std::string_view text : strings) {
    v8::Local<v8::String> string;
    if (!StringFromUtf8(isolate_, text).ToLocal(&string)) return {};
    elements.push_back(string);
  }
  return v8::Array::New(isolate_, elements.data(), elements.size());
}

bool FunctionHost::Impl::Invoke(v8::Local<v8::Context> context, v8::Local<v8::Function> function,
                                std::span<const std::string_view> keys,
                                std::span<const std::string_view> args, Value* result,
                                std::string* error) {
  v8::Local<v8::Array> key_array, arg_array;
  if (!StringArray(keys).ToLocal(&key_array) || !StringArray(args).ToLocal(&arg_array)) {
    *error = "ERR an argument is too long for a JavaScript string";
    return false;
  }
  v8::Local<v8::Value> parameters[] = {key_array, arg_array};
  v8::Local<v8::Value> returned;
  if (!function->Call(context, v8::Undefined(isolate_), 2, parameters).ToLocal(&returned)) {
    return false;
  }
  if (returned->IsPromise()) {
    isolate_->PerformMicrotaskCheckpoint();
    if (isolate_->IsExecutionTerminating()) return false;
    const v8::Local<v8::Promise> promise = returned.As<v8::Promise>();
    switch (promise->State()) {
      case v8::Promise::kFulfilled:
        returned = promise->Result();
        break;
      case v8::Promise::kRejected:
        promise->MarkAsHandled();
        isolate_->ThrowException(promise->Result());
        return false;
      case v8::Promise::kPending:
        *error = "ERR function waits for a promise that nothing settles";
        return false;
    }
  }
  return ReadValue(context, returned, result);
}

Value FunctionHost::Impl::Call(std::string_view function, std::span<const std::string_view> keys,
                               std::span<const std::string_view> args, bool read_only) {
  FunctionRef ref = FindRef(function);
  if (ref.info == nullptr) return MakeError("ERR Function not found");
  const bool no_writes = HasFlag(*ref.info, "no-writes");
  if (read_only && !no_writes) {
    return MakeError("ERR Can not execute a script with write flag using *_ro command.");
  }
  size_t argument_bytes = 0;
  for (const std::string_view key : keys) argument_bytes += key.size();
  for (const std::string_view arg : args) argument_bytes += arg.size();
  if (argument_bytes > engine_->options.heap_limit_mb * 1024 * 1024 / kMaxArgumentShare) {
    return MakeError("ERR arguments are larger than a quarter of the tenant's JavaScript heap of " +
                     std::to_string(engine_->options.heap_limit_mb) + " MB");
  }
  std::string error;
  if (!EnsureIsolate(&error)) return MakeError(std::move(error));
  const auto loaded = ref.library->functions.find(function);
  // A library that was loaded again, because the heap was given up, need not export what it did the
  // first time.
  if (loaded == ref.library->functions.end()) return MakeError("ERR Function not found");

  store::Store* store = store_state_.store;
  store_state_.access = no_writes ? StoreAccess::kReadOnlyInvocation : StoreAccess::kReadWrite;
  store->BeginInvocation(!no_writes);
  std::optional<store::Transaction> transaction;
  if (!no_writes) transaction.emplace(store);
  Value result;
  std::string failure;
  {
    Run run(this, "function", engine_->call_budget);
    const bool completed =
        Invoke(run.context(), loaded->second.Get(isolate_), keys, args, &result, &error);
    failure = run.Finish(completed, std::move(error));
  }
  if (transaction && failure.empty()) transaction->Commit();
  transaction.reset();
  store->EndInvocation();
  store_state_.access = StoreAccess::kReadOnlyLoad;
  if (heap_exhausted_) DisposeIsolate();
  if (!failure.empty()) return MakeError(std::move(failure));
  return result;
}

uint64_t FunctionHost::Impl::heap_used_bytes() const {
  if (isolate_ == nullptr) return 0;
  v8::HeapStatistics statistics;
  isolate_->GetHeapStatistics(&statistics);
  return statistics.used_heap_size() + allocator_->used_bytes();
}

FunctionHost::FunctionHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FunctionHost::~FunctionHost() = default;

Value FunctionHost::Load(std::string_view code, bool replace) { return impl_->Load(code, replace); }
bool FunctionHost::Delete(std::string_view library) { return impl_->Delete(library); }
void FunctionHost::Flush() { impl_->Flush(); }
const std::vector<LibraryInfo>& FunctionHost::libraries() const { return impl_->libraries(); }
const FunctionInfo* FunctionHost::Find(std::string_view function) const {
  return impl_->Find(function);
}
Value FunctionHost::Call(std::string_view function, std::span<const std::string_view> keys,
                         std::span<const std::string_view> args, bool read_only) {
  return impl_->Call(function, keys, args, read_only);
}
uint64_t FunctionHost::heap_used_bytes() const { return impl_->heap_used_bytes(); }

}  // namespace shredder::engine
