// The server's clock, behind an interface so that tests and simulations can set the time.
#pragma once

#include <cstdint>

namespace shredder::server {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch. Never goes back, nor jumps: it also measures durations.
  virtual uint64_t NowMs() const = 0;
};

// The machine's clock. Unix time is read once, at construction, and advances with the monotonic
// clock from there, so that a step of the wall clock neither expires keys early nor keeps them too
// long.
class SystemClock : public Clock {
 public:
  SystemClock();
  uint64_t NowMs() const override;

 private:
  uint64_t unix_minus_monotonic_ms_;
};

}  // namespace shredder::server
