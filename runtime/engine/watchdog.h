// Bounds the time that JavaScript may take, from a thread of its own: the CPU time of the shard's
// thread, and the wall time.
//
// The thread looks once a tick, and reads the clocks for the first time at the first tick within a
// run, so that arming takes no system call. So no run is ended before its budget is spent; it is at
// most two ticks later, and by what this thread itself has waited for a processor. The wall time
// ends a run that waits for one, or for its memory; nothing else that a function does waits.
//
// Thread: Arm, Disarm and the constructor belong to the shard's thread; RequestKill may come from
// any thread.
#pragma once

#include <v8.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/engine/run_clock.h"

namespace shredder::engine {

class Watchdog {
 public:
  enum class Outcome { kInTime, kCpuDeadline, kWallDeadline, kKilled };

  // What a run may take, without what `on_yield` takes of it.
  struct Budget {
    std::chrono::milliseconds cpu;
    std::chrono::milliseconds wall;
  };

  // `on_yield` is called on the shard's thread from inside JavaScript that has run for
  // `yield_interval` or longer, about that often; may be empty. `clock` must outlive the watchdog.
  Watchdog(std::chrono::milliseconds yield_interval, std::function<void()> on_yield,
           const RunClock& clock);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Watches what `isolate` runs from now until Disarm. Not nested.
  void Arm(v8::Isolate* isolate, Budget budget);
  // Ends the watch. After this returns no termination of the watched run is pending: one that came
  // late is cancelled.
  Outcome Disarm();

  // Looks at the watched run from a loop in C++, where V8 does not: lets on_yield have its turn
  // where that is due. False once the run has been ended.
  bool Poll();

  // Terminates the watched run; false where there is none.
  bool RequestKill();

  // Whether the watched run has been ended, which V8 itself knows only once it looks.
  bool HasEnded();

  // Calls `work` from inside the run, on the shard's thread: what it takes is not the run's.
  void Exclude(const std::function<void()>& work);

 private:
  struct Times {
    std::chrono::nanoseconds cpu;
    std::chrono::nanoseconds wall;
  };

  // Ticks are this far apart. For each, a busy shard pays that the thread wakes and reads the
  // clocks.
  static constexpr std::chrono::milliseconds kTick{1};
  // The thread sleeps until the next Arm after so many ticks without a run.
  static constexpr int kIdleTicks = 200;

  void Loop();
  // Looks at the watched run. The lock is held.
  void Look();
  void Terminate(Outcome outcome);
  Times Now() const { return {clock_.Cpu(), clock_.Wall()}; }
  // Has been announced by `yielding_`.
  void DoExcluded(const std::function<void()>& work);
  static void OnInterrupt(v8::Isolate* isolate, void* data);

  const std::chrono::milliseconds yield_interval_;
  const std::function<void()> on_yield_;
  const RunClock& clock_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  bool parked_ = false;
  // The watched run; null between runs.
  v8::Isolate* isolate_ = nullptr;
  Budget budget_{};
  Outcome outcome_ = Outcome::kInTime;
  // The thread has looked at the run, and these are set.
  bool seen_ = false;
  Times start_{};  // later by what yields have taken
  std::chrono::nanoseconds next_yield_{};
  // The thread has asked the watched run for an interrupt that has not been taken yet.
  bool interrupt_pending_ = false;
  // The run is inside on_yield.
  bool yielding_ = false;
  // There is something for Poll to do, which takes no lock where there is not.
  std::atomic<bool> calls_poll_ = false;
  std::thread thread_;
};

// Counts the steps of loops in C++ over what tenant code has given, which are as long as that wants
// them.
class WatchedSteps {
 public:
  explicit WatchedSteps(Watchdog* watchdog) : watchdog_(watchdog) {}
  // False once the run has been ended: the loop is to end, and the run to fail, without an
  // exception of its own.
  bool Step() { return ++steps_ % kStepsPerPoll != 0 || watchdog_->Poll(); }

 private:
  static constexpr uint32_t kStepsPerPoll = 1000;
  Watchdog* const watchdog_;
  uint32_t steps_ = 0;
};

}  // namespace shredder::engine
