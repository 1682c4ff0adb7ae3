// What deadlines are measured with, behind an interface so that tests can set the time.
//
// Thread: read from any.
#pragma once

#include <time.h>

#include <chrono>

namespace shredder::engine {

// Both times count from some moment on, and never go back.
class RunClock {
 public:
  virtual ~RunClock() = default;
  virtual std::chrono::nanoseconds Wall() const = 0;
  // What the shard's thread has used of a processor.
  virtual std::chrono::nanoseconds Cpu() const = 0;
};

// The machine's clocks; the thread is the one that makes this, and must be there while it is read.
class SystemRunClock : public RunClock {
 public:
  SystemRunClock();
  std::chrono::nanoseconds Wall() const override;
  std::chrono::nanoseconds Cpu() const override;

 private:
  clockid_t cpu_clock_;
};

}  // namespace shredder::engine
