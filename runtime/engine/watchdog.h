// Bounds the wall time that JavaScript may take, from a thread of its own.
//
// Thread: Arm, Disarm and the constructor belong to the shard's thread; RequestKill may come from
// any thread.
#pragma once

#include <v8.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace shredder::engine {

class Watchdog {
 public:
  enum class Outcome { kInTime, kDeadline, kKilled };

  // `on_yield` is called on the shard's thread from inside JavaScript that has run for
  // `yield_interval` or longer, about that often; may be empty.
  Watchdog(std::chrono::milliseconds yield_interval, std::function<void()> on_yield);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Watches what `isolate` runs from now until Disarm. Not nested.
  void Arm(v8::Isolate* isolate, std::chrono::milliseconds budget);
  // Ends the watch. After this returns no termination of the watched run is pending: one that came
  // late is cancelled.
  Outcome Disarm();

  // Terminates the watched run; false where there is none.
  bool RequestKill();

 private:
  using Clock = std::chrono::steady_clock;

  // Ticks are this far apart: the most by which a run overstays, and what a shard pays for that
  // while it is busy.
  static constexpr std::chrono::milliseconds kTick{1};
  // The thread sleeps until the next Arm after so many ticks without a run.
  static constexpr int kIdleTicks = 200;

  void Loop();
  static void OnInterrupt(v8::Isolate* isolate, void* data);

  const std::chrono::milliseconds yield_interval_;
  const std::function<void()> on_yield_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  bool parked_ = false;
  // The watched run; null between runs.
  v8::Isolate* isolate_ = nullptr;
  Clock::time_point deadline_;
  Clock::time_point next_yield_;
  Outcome outcome_ = Outcome::kInTime;
  // The thread has asked the watched run for an interrupt that has not been taken yet.
  bool interrupt_pending_ = false;
  std::thread thread_;
};

}  // namespace shredder::engine
