// V8's default platform, with the clock that tenants' code sees.
//
// Thread: as v8::Platform says; a FrozenClock belongs to the thread that makes it.
#pragma once

#include <v8.h>

#include <cstdint>
#include <memory>

namespace shredder::engine {

// While one lives, V8 reads this time on its thread: code that runs cannot tell how long it has
// run, nor how long anything else has. Not nested.
class FrozenClock {
 public:
  explicit FrozenClock(int64_t unix_ms);
  ~FrozenClock();
  FrozenClock(const FrozenClock&) = delete;
  FrozenClock& operator=(const FrozenClock&) = delete;
};

class Platform final : public v8::Platform {
 public:
  explicit Platform(int worker_threads);

  // Forgets what it holds for an isolate that is about to be disposed of.
  void NotifyIsolateShutdown(v8::Isolate* isolate);

  double CurrentClockTimeMillis() override;

  v8::PageAllocator* GetPageAllocator() override;
  v8::ZoneBackingAllocator* GetZoneBackingAllocator() override;
  void OnCriticalMemoryPressure() override;
  int NumberOfWorkerThreads() override;
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner(v8::Isolate* isolate) override;
  void CallOnWorkerThread(std::unique_ptr<v8::Task> task) override;
  void CallBlockingTaskOnWorkerThread(std::unique_ptr<v8::Task> task) override;
  void CallLowPriorityTaskOnWorkerThread(std::unique_ptr<v8::Task> task) override;
  void CallDelayedOnWorkerThread(std::unique_ptr<v8::Task> task, double delay_in_seconds) override;
  bool IdleTasksEnabled(v8::Isolate* isolate) override;
  std::unique_ptr<v8::JobHandle> CreateJob(v8::TaskPriority priority,
                                           std::unique_ptr<v8::JobTask> task) override;
  std::unique_ptr<v8::ScopedBlockingCall> CreateBlockingScope(v8::BlockingType type) override;
  double MonotonicallyIncreasingTime() override;
  StackTracePrinter GetStackTracePrinter() override;
  v8::TracingController* GetTracingController() override;
  void DumpWithoutCrashing() override;
  v8::HighAllocationThroughputObserver* GetHighAllocationThroughputObserver() override;

 private:
  const std::unique_ptr<v8::Platform> default_;
};

}  // namespace shredder::engine
