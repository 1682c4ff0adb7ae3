// The debugger of a tenant's functions: what FunctionHost has of it.
#include <algorithm>
#include <chrono>

#include "runtime/engine/function_host.h"
#include "runtime/engine/function_run.h"

namespace shredder::engine {

std::string FunctionHost::Impl::OpenDebugger(std::string_view base_url, std::string_view pause_at) {
  if (base_url.size() > Debugger::kMaxBaseUrlBytes) return "ERR the base URL is too long";
  if (limits_.shares_isolate) {
    return "ERR a tenant that shares its JavaScript heap with others cannot be debugged; give it "
           "the isolation 'isolate'";
  }
  // V8 notes of a script who debugs it when it compiles it, and of one that comes out of a cache
  // not at all: the JavaScript is made anew, and compiled under the debugger's eyes.
  GiveUp();
  std::string error;
  if (!EnsureContext(&error)) return error;
  {
    const v8::Isolate::Scope isolate_scope(context_->isolate());
    const v8::HandleScope handle_scope(context_->isolate());
    debugger_ = std::make_unique<Debugger>(context_->context(), std::string(base_url),
                                           [this] { return WaitForDebugger(); });
    debugger_->PauseAtCallOf(pause_at);
  }
  for (const auto& library : libraries_) {
    library->text->KeepCompiled({});
    error = Evaluate(library.get(), false);
    if (error.empty()) continue;
    GiveUp();
    return error;
  }
  return {};
}

bool FunctionHost::Impl::WaitForDebugger() {
  engine_->watchdog->Exclude([this] {
    const store::Store::ReadOnlyScope scope(store_);
    if (engine_->options.on_pause) engine_->options.on_pause();
  });
  return !engine_->watchdog->HasEnded();
}

std::vector<std::string> FunctionHost::Impl::ExchangeDebug(
    std::span<const std::string_view> messages, bool may_run) {
  if (!debugger_) return {};
  for (const std::string_view message : messages) debugger_->Receive(message);
  if (may_run && engine_->running_host == nullptr && debugger_->has_received()) DispatchDebug();
  return debugger_ ? debugger_->TakeMessages() : std::vector<std::string>();
}

void FunctionHost::Impl::DispatchDebug() {
  context_->store_state().access = StoreAccess::kReadOnlyLoad;
  log_.BeginRun("", store_->now_ms());
  store_->BeginInvocation(false);
  {
    Run run(this, "debugger", BudgetOf(load_budget_));
    debugger_->DispatchAll();
    run.Finish(true, {});
  }
  store_->EndInvocation();
  GiveUpExhausted();
  ReapDebugger();
}

void FunctionHost::Impl::CloseDebugger() {
  if (!debugger_) return;
  debugger_->Leave();
  if (engine_->running_host == nullptr) ReapDebugger();
}

void FunctionHost::Impl::ReapDebugger() {
  if (!debugger_ || !debugger_->is_gone()) return;
  const v8::Isolate::Scope scope(context_->isolate());
  debugger_.reset();
}

Watchdog::Budget FunctionHost::Impl::BudgetOf(const Watchdog::Budget& usual) const {
  if (!debugger_) return usual;
  return {.cpu = std::max<std::chrono::milliseconds>(usual.cpu,
                                                     std::chrono::milliseconds(kDebugDeadlineMs)),
          .wall = std::chrono::hours(24)};
}

}  // namespace shredder::engine
