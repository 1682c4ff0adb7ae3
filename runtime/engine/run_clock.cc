#include "runtime/engine/run_clock.h"

#include <pthread.h>

namespace shredder::engine {

namespace {

std::chrono::nanoseconds Read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

SystemRunClock::SystemRunClock() { pthread_getcpuclockid(pthread_self(), &cpu_clock_); }

std::chrono::nanoseconds SystemRunClock::Wall() const { return Read(CLOCK_MONOTONIC); }

std::chrono::nanoseconds SystemRunClock::Cpu() const { return Read(cpu_clock_); }

}  // namespace shredder::engine
