#include "runtime/engine/platform.h"

#include <libplatform/libplatform.h>

#include <optional>
#include <utility>

namespace shredder::engine {

namespace {

thread_local std::optional<int64_t> frozen_ms;

}  // namespace

FrozenClock::FrozenClock(int64_t unix_ms) { frozen_ms = unix_ms; }
FrozenClock::~FrozenClock() { frozen_ms.reset(); }

Platform::Platform(int worker_threads)
    : default_(v8::platform::NewDefaultPlatform(worker_threads)) {}

void Platform::NotifyIsolateShutdown(v8::Isolate* isolate) {
  v8::platform::NotifyIsolateShutdown(default_.get(), isolate);
}

// V8 calls the other functions for the time of day as this one.
double Platform::CurrentClockTimeMillis() {
  return frozen_ms ? static_cast<double>(*frozen_ms) : default_->CurrentClockTimeMillis();
}

v8::PageAllocator* Platform::GetPageAllocator() { return default_->GetPageAllocator(); }
v8::ZoneBackingAllocator* Platform::GetZoneBackingAllocator() {
  return default_->GetZoneBackingAllocator();
}
void Platform::OnCriticalMemoryPressure() { default_->OnCriticalMemoryPressure(); }
int Platform::NumberOfWorkerThreads() { return default_->NumberOfWorkerThreads(); }
std::shared_ptr<v8::TaskRunner> Platform::GetForegroundTaskRunner(v8::Isolate* isolate) {
  return default_->GetForegroundTaskRunner(isolate);
}
void Platform::CallOnWorkerThread(std::unique_ptr<v8::Task> task) {
  default_->CallOnWorkerThread(std::move(task));
}
void Platform::CallBlockingTaskOnWorkerThread(std::unique_ptr<v8::Task> task) {
  default_->CallBlockingTaskOnWorkerThread(std::move(task));
}
void Platform::CallLowPriorityTaskOnWorkerThread(std::unique_ptr<v8::Task> task) {
  default_->CallLowPriorityTaskOnWorkerThread(std::move(task));
}
void Platform::CallDelayedOnWorkerThread(std::unique_ptr<v8::Task> task, double delay_in_seconds) {
  default_->CallDelayedOnWorkerThread(std::move(task), delay_in_seconds);
}
bool Platform::IdleTasksEnabled(v8::Isolate* isolate) {
  return default_->IdleTasksEnabled(isolate);
}
std::unique_ptr<v8::JobHandle> Platform::CreateJob(v8::TaskPriority priority,
                                                   std::unique_ptr<v8::JobTask> task) {
  return default_->CreateJob(priority, std::move(task));
}
std::unique_ptr<v8::ScopedBlockingCall> Platform::CreateBlockingScope(v8::BlockingType type) {
  return default_->CreateBlockingScope(type);
}
double Platform::MonotonicallyIncreasingTime() { return default_->MonotonicallyIncreasingTime(); }
v8::Platform::StackTracePrinter Platform::GetStackTracePrinter() {
  return default_->GetStackTracePrinter();
}
v8::TracingController* Platform::GetTracingController() { return default_->GetTracingController(); }
void Platform::DumpWithoutCrashing() { default_->DumpWithoutCrashing(); }
v8::HighAllocationThroughputObserver* Platform::GetHighAllocationThroughputObserver() {
  return default_->GetHighAllocationThroughputObserver();
}

}  // namespace shredder::engine
