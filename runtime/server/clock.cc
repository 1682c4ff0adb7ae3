#include "runtime/server/clock.h"

#include <ctime>

namespace shredder::server {
namespace {

uint64_t ReadMs(clockid_t id) {
  timespec time;
  clock_gettime(id, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000 + static_cast<uint64_t>(time.tv_nsec) / 1000000;
}

}  // namespace

SystemClock::SystemClock()
    : unix_minus_monotonic_ms_(ReadMs(CLOCK_REALTIME) - ReadMs(CLOCK_MONOTONIC)) {}

uint64_t SystemClock::NowMs() const { return ReadMs(CLOCK_MONOTONIC) + unix_minus_monotonic_ms_; }

}  // namespace shredder::server
