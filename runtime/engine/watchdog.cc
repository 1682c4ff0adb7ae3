#include "runtime/engine/watchdog.h"

#include <utility>

namespace shredder::engine {

Watchdog::Watchdog(std::chrono::milliseconds yield_interval, std::function<void()> on_yield,
                   const RunClock& clock)
    : yield_interval_(yield_interval),
      on_yield_(std::move(on_yield)),
      clock_(clock),
      thread_([this] { Loop(); }) {}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watchdog::Arm(v8::Isolate* isolate, Budget budget) {
  bool wake;
  {
    std::lock_guard lock(mutex_);
    isolate_ = isolate;
    budget_ = budget;
    outcome_ = Outcome::kInTime;
    seen_ = false;
    // An interrupt that an earlier run never took, even one of an isolate that is gone, is nothing
    // to wait for.
    interrupt_pending_ = false;
    calls_poll_ = false;
    wake = parked_;
  }
  if (wake) wake_.notify_one();
}

Watchdog::Outcome Watchdog::Disarm() {
  v8::Isolate* isolate;
  Outcome outcome;
  {
    std::lock_guard lock(mutex_);
    isolate = std::exchange(isolate_, nullptr);
    outcome = outcome_;
  }
  if (outcome != Outcome::kInTime) isolate->CancelTerminateExecution();
  return outcome;
}

bool Watchdog::Poll() {
  if (!calls_poll_.load(std::memory_order_relaxed)) return true;
  {
    std::lock_guard lock(mutex_);
    if (outcome_ != Outcome::kInTime) return false;
    calls_poll_ = false;
    if (!interrupt_pending_) return true;
    // V8 takes the interrupt later, and finds nothing to do.
    interrupt_pending_ = false;
    yielding_ = true;
  }
  DoExcluded(on_yield_);
  return true;
}

bool Watchdog::RequestKill() {
  std::lock_guard lock(mutex_);
  if (isolate_ == nullptr) return false;
  if (outcome_ == Outcome::kInTime) Terminate(Outcome::kKilled);
  return true;
}

void Watchdog::Loop() {
  std::unique_lock lock(mutex_);
  int idle_ticks = 0;
  while (!stop_) {
    if (isolate_ != nullptr) {
      idle_ticks = 0;
      Look();
    } else if (++idle_ticks > kIdleTicks) {
      parked_ = true;
      wake_.wait(lock, [this] { return stop_ || isolate_ != nullptr; });
      parked_ = false;
      idle_ticks = 0;
      continue;
    }
    // The lock is free while this waits, so that arming takes no more than an uncontended lock.
    wake_.wait_for(lock, kTick, [this] { return stop_; });
  }
}

void Watchdog::Look() {
  if (yielding_) return;
  const Times now = Now();
  if (!seen_) {
    seen_ = true;
    start_ = now;
    next_yield_ = now.wall + yield_interval_;
  }
  if (outcome_ == Outcome::kInTime && now.cpu - start_.cpu >= budget_.cpu) {
    Terminate(Outcome::kCpuDeadline);
  } else if (outcome_ == Outcome::kInTime && now.wall - start_.wall >= budget_.wall) {
    Terminate(Outcome::kWallDeadline);
  } else if (on_yield_ && now.wall >= next_yield_ && !interrupt_pending_) {
    next_yield_ = now.wall + yield_interval_;
    interrupt_pending_ = true;
    calls_poll_ = true;
    isolate_->RequestInterrupt(OnInterrupt, this);
  }
}

void Watchdog::Terminate(Outcome outcome) {
  outcome_ = outcome;
  calls_poll_ = true;
  isolate_->TerminateExecution();
}

void Watchdog::OnInterrupt(v8::Isolate* isolate, void* data) {
  auto* self = static_cast<Watchdog*>(data);
  {
    // An interrupt asked for just before its run ended is taken at the start of a later one.
    std::lock_guard lock(self->mutex_);
    if (self->isolate_ != isolate || !self->interrupt_pending_) return;
    self->interrupt_pending_ = false;
    self->yielding_ = true;
  }
  self->DoExcluded(self->on_yield_);
}

bool Watchdog::HasEnded() {
  std::lock_guard lock(mutex_);
  return outcome_ != Outcome::kInTime;
}

void Watchdog::Exclude(const std::function<void()>& work) {
  {
    std::lock_guard lock(mutex_);
    yielding_ = true;
  }
  DoExcluded(work);
}

void Watchdog::DoExcluded(const std::function<void()>& work) {
  const Times before = Now();
  work();
  const Times after = Now();
  std::lock_guard lock(mutex_);
  start_.cpu += after.cpu - before.cpu;
  start_.wall += after.wall - before.wall;
  next_yield_ += after.wall - before.wall;
  yielding_ = false;
}

}  // namespace shredder::engine
