#include "runtime/engine/function_host.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "runtime/engine/function_run.h"
#include "runtime/engine/platform.h"
#include "runtime/engine/size_text.h"
#include "runtime/engine/store_arguments.h"
#include "runtime/engine/typed_arguments.h"
#include "runtime/engine/typed_json.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/value_reader.h"
#include "runtime/prefetch.h"
#include "runtime/store/transaction.h"

namespace shredder::engine {

namespace {

// The arguments of a call may take one part in so many of its heap: V8 ends the process where it
// has no room for a string.
constexpr size_t kMaxArgumentShare = 4;

Value MakeError(std::string message) { return Value{Error{std::move(message)}}; }

Watchdog::Budget MakeBudget(uint64_t cpu_ms, std::optional<uint64_t> wall_ms) {
  return {.cpu = std::chrono::milliseconds(cpu_ms),
          .wall = std::chrono::milliseconds(wall_ms.value_or(DefaultWallDeadlineMs(cpu_ms)))};
}

bool HasFlag(const FunctionInfo& info, std::string_view flag) {
  return std::find(info.flags.begin(), info.flags.end(), flag) != info.flags.end();
}

}  // namespace

std::unique_ptr<TenantContext> EngineState::MakeContext(uint64_t heap_limit_mb) const {
  return TenantContext::Make(std::make_shared<TenantIsolate>(heap_limit_mb),
                             options.callback_builtins);
}

bool EngineState::NeedsSpare() const {
  return spares.size() < options.spares ||
         (!spares.empty() && spares.front()->heap()->heap_limit_mb() != last_heap_limit_mb);
}

bool EngineState::AddSpare() {
  if (!NeedsSpare()) return false;
  if (spares.size() == options.spares) spares.pop_front();
  auto spare = MakeContext(last_heap_limit_mb);
  if (!spare) return false;
  spares.push_back(std::move(spare));
  return true;
}

std::unique_ptr<TenantContext> EngineState::TakeContext(const HostLimits& limits) {
  const uint64_t heap_limit_mb = limits.heap_limit_mb;
  if (limits.shares_isolate) {
    if (auto context = TakeSharedContext(limits)) return context;
  }
  while (isolate_count >= options.max_isolates && !with_isolate.empty()) {
    with_isolate.front()->GiveUp();
  }
  last_heap_limit_mb = heap_limit_mb;
  wishes_spare = true;
  std::unique_ptr<TenantContext> context;
  const auto spare = std::find_if(spares.begin(), spares.end(), [&](const auto& each) {
    return each->heap()->heap_limit_mb() == heap_limit_mb;
  });
  if (spare == spares.end()) {
    context = MakeContext(heap_limit_mb);
    if (!context) return nullptr;
  } else {
    context = std::move(*spare);
    spares.erase(spare);
  }
  ++isolate_count;
  context->heap()->SetArrayBufferLimit(limits.array_buffer_bytes());
  if (limits.shares_isolate) shared_isolates.push_back(context->heap());
  return context;
}

// Null where each of them has enough.
std::unique_ptr<TenantContext> EngineState::TakeSharedContext(const HostLimits& limits) {
  std::erase_if(shared_isolates, [](const auto& isolate) { return isolate.expired(); });
  for (const std::weak_ptr<TenantIsolate>& each : shared_isolates) {
    std::shared_ptr<TenantIsolate> isolate = each.lock();
    if (isolate->heap_limit_mb() != limits.heap_limit_mb ||
        isolate->array_buffer_limit() != limits.array_buffer_bytes() ||
        !isolate->HasRoomForContext()) {
      continue;
    }
    auto context = TenantContext::Make(isolate, options.callback_builtins);
    if (!isolate->heap_exhausted()) return context;
    context.reset();
    GiveUpIsolate(isolate.get());
    return nullptr;
  }
  return nullptr;
}

void EngineState::ReturnContext(std::unique_ptr<TenantContext> context) {
  if (context->heap()->context_count() == 1) --isolate_count;
}

void EngineState::GiveUpIsolate(const TenantIsolate* isolate) {
  std::vector<FunctionHost::Impl*> hosts;
  std::copy_if(with_isolate.begin(), with_isolate.end(), std::back_inserter(hosts),
               [&](const FunctionHost::Impl* host) { return host->isolate() == isolate; });
  for (FunctionHost::Impl* host : hosts) host->GiveUp();
}

void EngineState::CollectRemovedContexts() {
  for (const std::weak_ptr<TenantIsolate>& each : shared_isolates) {
    if (const auto isolate = each.lock()) isolate->CollectRemovedContexts();
  }
}

FunctionHost::Impl::Impl(EngineState* engine, store::Store* store, const HostLimits& limits)
    : engine_(engine), store_(store) {
  SetLimits(limits);
}

FunctionHost::Impl::~Impl() { LeaveStore(); }

void FunctionHost::Impl::SetLimits(const HostLimits& limits) {
  const bool has_other_buffers = limits.array_buffer_bytes() != limits_.array_buffer_bytes();
  if (limits.heap_limit_mb != limits_.heap_limit_mb ||
      limits.shares_isolate != limits_.shares_isolate || limits.wasm != limits_.wasm ||
      (has_other_buffers && limits.shares_isolate)) {
    GiveUp();
  }
  limits_ = limits;
  if (context_) context_->heap()->SetArrayBufferLimit(limits.array_buffer_bytes());
  call_budget_ = MakeBudget(limits.deadline_ms, limits.wall_deadline_ms);
  load_budget_ = MakeBudget(limits.load_deadline_ms, limits.load_wall_deadline_ms);
}

bool FunctionHost::Impl::EnsureContext(std::string* error) {
  std::list<Impl*>& others = engine_->with_isolate;
  last_run_ms_ = engine_->now_ms;
  if (context_) {
    others.splice(others.end(), others, place_);
    return true;
  }
  context_ = engine_->TakeContext(limits_);
  if (!context_) {
    *error = "ERR no memory for the tenant's JavaScript context";
    return false;
  }
  context_->AttachStore(
      store_, &log_, [this](std::string_view library) { return SourceMapOf(library); },
      limits_.wasm ? &wasm_account_ : nullptr);
  place_ = others.insert(others.end(), this);
  return true;
}

void FunctionHost::Impl::Prefetch(size_t step) const {
  if (step == 0) {
    PrefetchBytes(this, sizeof(Impl));
    return;
  }
  if (!context_) return;
  if (step == 1) {
    PrefetchBytes(context_.get(), sizeof(TenantContext));
    __builtin_prefetch(libraries_.data());
    return;
  }
  if (libraries_.empty()) return;
  // Which function it will be is not known; most libraries have few, which lie side by side.
  const LoadedLibrary& library = *libraries_.front();
  if (step == 2) {
    PrefetchBytes(context_->heap().get(), sizeof(TenantIsolate));
    PrefetchBytes(&library, sizeof(LoadedLibrary));
  } else if (step == 3) {
    __builtin_prefetch(library.functions.data());
  } else if (!library.functions.empty() && !library.functions[0].IsEmpty()) {
    context_->Prefetch(library.functions[0], static_cast<int>(step) - 4);
  }
}

void FunctionHost::Impl::GiveUp() {
  if (!context_) return;
  const std::shared_ptr<TenantIsolate> isolate = context_->heap();
  {
    const v8::Isolate::Scope scope(context_->isolate());
    debugger_.reset();
    for (const auto& library : libraries_) {
      if (!isolate->heap_exhausted()) KeepCompiled(context_->isolate(), library.get());
      library->DropModule();
    }
  }
  engine_->ReturnContext(std::move(context_));
  engine_->with_isolate.erase(place_);
  std::erase_if(left_isolates_,
                [&](const auto& left) { return left.expired() || left.lock() == isolate; });
  if (isolate->context_count() > 0) left_isolates_.push_back(isolate);
}

void FunctionHost::Impl::LeaveStore() {
  GiveUp();
  for (const std::weak_ptr<TenantIsolate>& left : left_isolates_) {
    if (const auto isolate = left.lock()) isolate->AbortCompilations();
  }
  left_isolates_.clear();
}

void FunctionHost::Impl::GiveUpExhausted() {
  const TenantIsolate& isolate = *context_->heap();
  if (isolate.heap_exhausted() || (limits_.shares_isolate && isolate.buffers_exhausted())) {
    engine_->GiveUpIsolate(&isolate);
  }
}

std::string FunctionHost::Impl::Evaluate(LoadedLibrary* library, bool reads_exports) {
  context_->store_state().access = StoreAccess::kReadOnlyLoad;
  log_.BeginRun(library->info.name, store_->now_ms());
  store_->BeginInvocation(false);
  std::string failure;
  {
    Run run(this, "library", BudgetOf(load_budget_));
    std::string error;
    WatchedSteps steps(engine_->watchdog.get());
    loading_ = library;
    StoreModuleState& state = context_->store_state();
    state.wasm_bytes_left = library->info.code.size();
    const bool completed =
        EvaluateLibrary(run.context(), context_->store_module(), &state, library, &error) &&
        (reads_exports ? ReadExports(run.context(), &steps, library, &error)
                       : FindExports(run.context(), &steps, library));
    failure = run.Finish(completed, std::move(error));
    if (!failure.empty()) library->DropModule();
    state.wasm_bytes_left = 0;
    loading_ = nullptr;
  }
  store_->EndInvocation();
  return failure;
}

Value FunctionHost::Impl::Load(std::string_view code, bool replace) {
  if (code.size() > kMaxLibraryBytes) {
    return MakeError("ERR library is larger than 4 MiB");
  }
  std::string error;
  const std::optional<LibraryMetadata> metadata = ParseLibraryMetadata(code, &error);
  if (!metadata) return MakeError(std::move(error));
  if (metadata->language == LibraryLanguage::kWebAssembly && !limits_.wasm) {
    return MakeError("ERR Engine 'wasm' not found: WebAssembly is switched off for this tenant");
  }
  LoadedLibrary* const existing = FindLibrary(metadata->name);
  if (existing != nullptr && !replace) {
    return MakeError("ERR Library '" + metadata->name + "' already exists");
  }
  if (existing == nullptr && libraries_.size() >= limits_.max_libraries) {
    return MakeError("ERR the tenant has " + std::to_string(libraries_.size()) +
                     " libraries, and may have " + std::to_string(limits_.max_libraries) +
                     "; delete one first");
  }
  const size_t replaced_bytes = existing != nullptr ? existing->info.code.size() : 0;
  if (code_bytes_ - replaced_bytes + code.size() > limits_.library_bytes) {
    return MakeError("ERR the tenant's libraries would be larger than " +
                     SizeText(limits_.library_bytes) + " together; delete one first");
  }
  if (!EnsureContext(&error)) return MakeError(std::move(error));

  auto library = std::make_unique<LoadedLibrary>();
  library->text = engine_->texts.Share(code);
  library->info.language = metadata->language;
  library->info.name = metadata->name;
  library->info.code = library->text->code();
  error = Evaluate(library.get(), true);
  if (error.empty()) {
    for (const FunctionInfo& function : library->info.functions) {
      const FunctionRef other = Find(function.name);
      if (other && other.library != existing) {
        error = "ERR Function " + function.name + " already exists";
        break;
      }
    }
  }
  if (!error.empty()) {
    library.reset();
    GiveUpExhausted();
    return MakeError(std::move(error));
  }
  Add(std::move(library));
  return Value{Text{metadata->name}};
}

bool FunctionHost::Impl::Restore(const LibraryInfo& info) {
  if (FindLibrary(info.name) != nullptr) return false;
  auto library = std::make_unique<LoadedLibrary>();
  library->text = engine_->texts.Share(info.code);
  library->info = info;
  library->info.code = library->text->code();
  Add(std::move(library));
  return true;
}

// In place of one of the same name.
void FunctionHost::Impl::Add(std::unique_ptr<LoadedLibrary> library) {
  const auto at = std::lower_bound(
      libraries_.begin(), libraries_.end(), library->info.name,
      [](const auto& other, const std::string& name) { return other->info.name < name; });
  if (at != libraries_.end() && (*at)->info.name == library->info.name) {
    *at = std::move(library);
  } else {
    libraries_.insert(at, std::move(library));
  }
  IndexFunctions();
}

void FunctionHost::Impl::IndexFunctions() {
  functions_.clear();
  code_bytes_ = 0;
  for (const auto& library : libraries_) {
    code_bytes_ += library->info.code.size();
    for (const FunctionInfo& info : library->info.functions) {
      functions_.emplace(info.name, FunctionRef{&info, library.get()});
    }
  }
}

bool FunctionHost::Impl::Delete(std::string_view library) {
  if (std::erase_if(libraries_, [&](const auto& other) { return other->info.name == library; }) ==
      0) {
    return false;
  }
  IndexFunctions();
  if (libraries_.empty()) GiveUp();
  return true;
}

void FunctionHost::Impl::Flush() {
  GiveUp();
  libraries_.clear();
  IndexFunctions();
}

LoadedLibrary* FunctionHost::Impl::FindLibrary(std::string_view name) const {
  const auto found = std::find_if(libraries_.begin(), libraries_.end(),
                                  [&](const auto& library) { return library->info.name == name; });
  return found == libraries_.end() ? nullptr : found->get();
}

const SourceMap* FunctionHost::Impl::SourceMapOf(std::string_view library) const {
  if (loading_ != nullptr && loading_->info.name == library) return loading_->text->source_map();
  const LoadedLibrary* const loaded = FindLibrary(library);
  return loaded != nullptr ? loaded->text->source_map() : nullptr;
}

std::vector<const LibraryInfo*> FunctionHost::Impl::libraries() const {
  std::vector<const LibraryInfo*> infos;
  infos.reserve(libraries_.size());
  for (const auto& library : libraries_) infos.push_back(&library->info);
  return infos;
}

FunctionRef FunctionHost::Impl::Find(std::string_view function) const {
  const auto found = functions_.find(function);
  return found == functions_.end() ? FunctionRef() : found->second;
}

template <typename Make>
v8::MaybeLocal<v8::Array> FunctionHost::Impl::ArrayOf(std::span<const std::string_view> texts,
                                                      const Make& make, WatchedSteps* steps) const {
  std::vector<v8::Local<v8::Value>> elements;
  elements.reserve(texts.size());
  for (const std::string_view text : texts) {
    v8::Local<v8::Value> element;
    if (!steps->Step() || !make(context_->isolate(), text).ToLocal(&element)) return {};
    elements.push_back(element);
  }
  return v8::Array::New(context_->isolate(), elements.data(), elements.size());
}

bool FunctionHost::Impl::Invoke(v8::Local<v8::Context> context, v8::Local<v8::Function> function,
                                std::span<const std::string_view> keys,
                                std::span<const std::string_view> args, CallForm form,
                                Value* result, std::string* error) {
  v8::Isolate* const isolate = context_->isolate();
  WatchedSteps steps(engine_->watchdog.get());
  v8::Local<v8::Array> key_array, arg_array;
  // A key that is not UTF-8 must not be taken for another; of arguments, text is all that is
  // wanted.
  if (!ArrayOf(keys, TextOrBytes, &steps).ToLocal(&key_array) ||
      !ArrayOf(args, StringFromUtf8, &steps).ToLocal(&arg_array)) {
    *error = "ERR an argument is too long for a JavaScript string";
    return false;
  }
  if (form == CallForm::kTyped && !args.empty() && !IsTypedFunction(context, function) &&
      !ReadArgumentList(context, &steps, arg_array).ToLocal(&arg_array)) {
    return false;
  }
  v8::Local<v8::Value> parameters[] = {key_array, arg_array};
  v8::Local<v8::Value> returned;
  if (!function->Call(context, v8::Undefined(isolate), 2, parameters).ToLocal(&returned)) {
    return false;
  }
  if (returned->IsPromise()) {
    context->GetMicrotaskQueue()->PerformCheckpoint(isolate);
    if (isolate->IsExecutionTerminating()) return false;
    const v8::Local<v8::Promise> promise = returned.As<v8::Promise>();
    switch (promise->State()) {
      case v8::Promise::kFulfilled:
        returned = promise->Result();
        break;
      case v8::Promise::kRejected:
        promise->MarkAsHandled();
        isolate->ThrowException(promise->Result());
        return false;
      case v8::Promise::kPending:
        *error = "ERR function waits for a promise that nothing settles";
        return false;
    }
  }
  return ReadValue(context, returned, &steps, max_reply_bytes(), result) &&
         FinishReply(form, result, error);
}

bool FunctionHost::Impl::InvokeWasm(v8::Local<v8::Context> context, WasmLibrary* library,
                                    size_t index, std::span<const std::string_view> keys,
                                    std::span<const std::string_view> args, CallForm form,
                                    Value* result, std::string* error) {
  WatchedSteps steps(engine_->watchdog.get());
  std::vector<std::string> texts;
  std::vector<std::string_view> views;
  if (form == CallForm::kTyped && !args.empty()) {
    if (!ReadArgumentTexts(context, &steps, args[0], &texts)) return false;
    views.assign(texts.begin(), texts.end());
    args = views;
  }
  return library->Call(context, index, keys, args, &steps, max_reply_bytes(), result, error) &&
         FinishReply(form, result, error);
}

bool FunctionHost::Impl::FinishReply(CallForm form, Value* result, std::string* error) {
  if (form == CallForm::kPlain || std::holds_alternative<Error>(result->data)) return true;
  const uint64_t max_bytes = max_reply_bytes();
  Text json;
  switch (WriteTypedJson(*result, engine_->watchdog.get(), max_bytes, &json.utf8)) {
    case TypedJsonOutcome::kEnded:
      return false;
    case TypedJsonOutcome::kTooLarge:
      *error = "ERR TypeError: a reply is larger than " + SizeText(max_bytes);
      return false;
    case TypedJsonOutcome::kWritten:
      result->data = std::move(json);
  }
  return true;
}

Value FunctionHost::Impl::Call(const FunctionRef& function, std::span<const std::string_view> keys,
                               std::span<const std::string_view> args, bool read_only,
                               CallForm form) {
  if (!function) return MakeError("ERR Function not found");
  const bool no_writes = HasFlag(*function.info, "no-writes");
  if (read_only && !no_writes) {
    return MakeError("ERR Can not execute a script with write flag using *_ro command.");
  }
  size_t argument_bytes = 0;
  for (const std::string_view key : keys) argument_bytes += key.size();
  for (const std::string_view arg : args) argument_bytes += arg.size();
  if (argument_bytes > limits_.heap_limit_mb * 1024 * 1024 / kMaxArgumentShare) {
    return MakeError("ERR arguments are larger than a quarter of the tenant's JavaScript heap of " +
                     std::to_string(limits_.heap_limit_mb) + " MB");
  }
  std::string error;
  if (!EnsureContext(&error)) return MakeError(std::move(error));
  LoadedLibrary* const library = function.library;
  if (!library->has_module()) {
    error = Evaluate(library, false);
    if (!error.empty()) {
      GiveUpExhausted();
      return MakeError(std::move(error));
    }
  }
  const auto index = static_cast<size_t>(function.info - library->info.functions.data());
  // A library that was evaluated again need not export what it did the first time.
  if (!library->wasm && library->functions[index].IsEmpty()) {
    return MakeError("ERR Function not found");
  }

  context_->store_state().access =
      no_writes ? StoreAccess::kReadOnlyInvocation : StoreAccess::kReadWrite;
  log_.BeginRun(function.info->name, store_->now_ms());
  store_->BeginInvocation(!no_writes);
  std::optional<store::Transaction> transaction;
  if (!no_writes) transaction.emplace(store_);
  Value result;
  std::string failure;
  {
    Run run(this, "function", BudgetOf(call_budget_));
    if (debugger_) debugger_->BeforeCall(function.info->name);
    const bool completed =
        library->wasm ? InvokeWasm(run.context(), library->wasm.get(), index, keys, args, form,
                                   &result, &error)
                      : Invoke(run.context(), library->functions[index].Get(context_->isolate()),
                               keys, args, form, &result, &error);
    failure = run.Finish(completed, std::move(error));
    // A call that was ended in the middle may have left the memory in any state.
    if (library->wasm && !failure.empty()) library->DropModule();
  }
  if (transaction && failure.empty()) transaction->Commit();
  transaction.reset();
  store_->EndInvocation();
  context_->store_state().access = StoreAccess::kReadOnlyLoad;
  GiveUpExhausted();
  ReapDebugger();
  if (!failure.empty()) return MakeError(std::move(failure));
  return result;
}

FunctionHost::FunctionHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FunctionHost::~FunctionHost() = default;

Value FunctionHost::Load(std::string_view code, bool replace) { return impl_->Load(code, replace); }
bool FunctionHost::Restore(const LibraryInfo& library) { return impl_->Restore(library); }
bool FunctionHost::Delete(std::string_view library) { return impl_->Delete(library); }
void FunctionHost::Flush() { impl_->Flush(); }
std::vector<const LibraryInfo*> FunctionHost::libraries() const { return impl_->libraries(); }
size_t FunctionHost::library_count() const { return impl_->library_count(); }
size_t FunctionHost::function_count() const { return impl_->function_count(); }
FunctionRef FunctionHost::Find(std::string_view function) const { return impl_->Find(function); }
bool FunctionHost::NeedsEvaluation(const FunctionRef& function) const {
  return impl_->NeedsEvaluation(function);
}
Value FunctionHost::Call(const FunctionRef& function, std::span<const std::string_view> keys,
                         std::span<const std::string_view> args, bool read_only, CallForm form) {
  return impl_->Call(function, keys, args, read_only, form);
}
void FunctionHost::SetLimits(const HostLimits& limits) { impl_->SetLimits(limits); }
void FunctionHost::GiveUp() { impl_->LeaveStore(); }
static_assert(FunctionHost::kPrefetchSteps == 5 + TenantContext::kPrefetchSteps);
void FunctionHost::Prefetch(size_t step) const {
  if (step == 0) {
    __builtin_prefetch(&impl_);
  } else {
    impl_->Prefetch(step - 1);
  }
}
bool FunctionHost::has_isolate() const { return impl_->has_isolate(); }
uint64_t FunctionHost::heap_used_bytes() const { return impl_->heap_used_bytes(); }
const FunctionLog& FunctionHost::log() const { return impl_->log(); }
std::string FunctionHost::OpenDebugger(std::string_view base_url, std::string_view pause_at) {
  return impl_->OpenDebugger(base_url, pause_at);
}
bool FunctionHost::has_debugger() const { return impl_->has_debugger(); }
std::vector<std::string> FunctionHost::ExchangeDebug(std::span<const std::string_view> messages,
                                                     bool may_run) {
  return impl_->ExchangeDebug(messages, may_run);
}
void FunctionHost::CloseDebugger() { impl_->CloseDebugger(); }

}  // namespace shredder::engine
