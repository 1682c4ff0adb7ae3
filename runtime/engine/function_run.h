// One run of tenant code: its scopes, its clock and its watch; and how it ended.
//
// Thread: the shard's.
#pragma once

#include <v8.h>

#include <string>
#include <utility>

#include "runtime/engine/exception.h"
#include "runtime/engine/function_host.h"
#include "runtime/engine/platform.h"

namespace shredder::engine {

// Scopes of one run, in the order in which V8 wants them.
class FunctionHost::Impl::Run {
 public:
  // `subject`: what errors say has run, "library" or "function".
  Run(Impl* host, const char* subject, Watchdog::Budget budget)
      : host_(host),
        isolate_scope_(isolate()),
        handle_scope_(isolate()),
        context_(host->context_->context()),
        context_scope_(context_),
        try_catch_(isolate()),
        clock_(static_cast<int64_t>(host->store_->now_ms())),
        subject_(subject),
        budget_(budget) {
    host_->engine_->running_store = host_->store_;
    host_->engine_->running_host = host_;
    host_->engine_->watchdog->Arm(isolate(), budget);
  }

  v8::Local<v8::Context> context() const { return context_; }

  // Ends the run. The error's line, or an empty string where `completed` and nothing ended the run
  // early. `error`: what the run has to say of itself where no exception is pending. What there is
  // more to say of an error, the tenant's log has.
  std::string Finish(bool completed, std::string error) {
    ExceptionReport report;
    const bool terminated = try_catch_.HasTerminated();
    if (try_catch_.HasCaught() && !terminated) {
      report = DescribeException(
          context_, try_catch_, [this](std::string_view name) { return host_->SourceMapOf(name); });
    }
    try_catch_.Reset();
    const std::string exception = report.line;
    std::string failure = End(completed, terminated, exception, std::move(error));
    if (failure.empty()) return failure;
    if (failure == exception) {
      host_->log_.Add("error", std::move(report.place), std::move(report.stack));
    } else {
      host_->log_.Add("error", "", failure);
    }
    return failure;
  }

 private:
  v8::Isolate* isolate() const { return host_->context_->isolate(); }

  // `exception`: the line of the one that was pending, or an empty string.
  std::string End(bool completed, bool terminated, const std::string& exception,
                  std::string error) {
    // What the run has left to do, it does within its budget.
    if (!terminated) RunMicrotasks();
    const Watchdog::Outcome outcome = host_->engine_->watchdog->Disarm();
    host_->engine_->running_store = nullptr;
    host_->engine_->running_host = nullptr;
    const bool heap_exhausted = host_->context_->heap()->heap_exhausted();
    if (outcome != Watchdog::Outcome::kInTime || heap_exhausted) {
      // V8 drops the microtasks that are left when the first of them is terminated.
      isolate()->TerminateExecution();
      RunMicrotasks();
      isolate()->CancelTerminateExecution();
    }
    if (heap_exhausted) {
      const std::string size = std::to_string(host_->limits_.heap_limit_mb) + " MB";
      return Ended(host_->limits_.shares_isolate
                       ? "used up the JavaScript heap of " + size + " that its tenant shares"
                       : "used up its tenant's JavaScript heap of " + size);
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
    if (!exception.empty()) return exception;
    if (error.empty()) return "ERR function failed without an exception";
    return error;
  }

  // The line for a run that was ended from outside.
  std::string Ended(const std::string& how) const {
    const bool writes = host_->context_->store_state().access != StoreAccess::kReadOnlyLoad;
    return std::string("ERR ") + subject_ + " " + how + (writes ? ", its writes are undone" : "");
  }

  std::string EndedAfter(std::chrono::milliseconds deadline, const char* kind) const {
    return Ended("was terminated after its deadline of " + std::to_string(deadline.count()) +
                 " ms of " + kind + " time");
  }

  void RunMicrotasks() {
    v8::TryCatch ignored(isolate());
    context_->GetMicrotaskQueue()->PerformCheckpoint(isolate());
  }

  Impl* host_;
  v8::Isolate::Scope isolate_scope_;
  v8::HandleScope handle_scope_;
  v8::Local<v8::Context> context_;
  v8::Context::Scope context_scope_;
  v8::TryCatch try_catch_;
  // The store's time, by which keys expire, is the code's too.
  const FrozenClock clock_;
  const char* subject_;
  const Watchdog::Budget budget_;
};

}  // namespace shredder::engine
