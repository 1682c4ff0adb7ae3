#include "runtime/engine/watchdog.h"

#include <utility>

namespace shredder::engine {

Watchdog::Watchdog(std::chrono::milliseconds yield_interval, std::function<void()> on_yield)
    : yield_interval_(yield_interval),
      on_yield_(std::move(on_yield)),
      thread_([this] { Loop(); }) {}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watchdog::Arm(v8::Isolate* isolate, std::chrono::milliseconds budget) {
  const Clock::time_point now = Clock::now();
  bool wake;
  {
    std::lock_guard lock(mutex_);
    isolate_ = isolate;
    deadline_ = now + budget;
    next_yield_ = now + yield_interval_;
    outcome_ = Outcome::kInTime;
    // An interrupt that an earlier run never took, even one of an isolate that is gone, is nothing
    // to wait for.
    interrupt_pending_ = false;
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

bool Watchdog::RequestKill() {
  std::lock_guard lock(mutex_);
  if (isolate_ == nullptr) return false;
  if (outcome_ == Outcome::kInTime) {
    outcome_ = Outcome::kKilled;
    isolate_->TerminateExecution();
  }
  return true;
}

void Watchdog::Loop() {
  std::unique_lock lock(mutex_);
  int idle_ticks = 0;
  while (!stop_) {
    if (isolate_ != nullptr) {
      idle_ticks = 0;
      const Clock::time_point now = Clock::now();
      if (outcome_ == Outcome::kInTime && now >= deadline_) {
        outcome_ = Outcome::kDeadline;
        isolate_->TerminateExecution();
      } else if (on_yield_ && now >= next_yield_ && !interrupt_pending_) {
        next_yield_ = now + yield_interval_;
        interrupt_pending_ = true;
        isolate_->RequestInterrupt(OnInterrupt, this);
      }
    } else if (++idle_ticks > kIdleTicks) {
      parked_ = true;
      wake_.wait(lock, [this] { return stop_ || isolate_ != nullptr; });
      parked_ = false;
      idle_ticks = 0;
    }
    // The lock is free while this waits, so that arming takes no more than an uncontended lock.
    wake_.wait_for(lock, kTick, [this] { return stop_; });
  }
}

void Watchdog::OnInterrupt(v8::Isolate* isolate, void* data) {
  auto* self = static_cast<Watchdog*>(data);
  {
    // An interrupt asked for just before its run ended is taken at the start of a later one.
    std::lock_guard lock(self->mutex_);
    if (self->isolate_ != isolate || !self->interrupt_pending_) return;
    self->interrupt_pending_ = false;
  }
  self->on_yield_();
}

}  // namespace shredder::engine
