// A budget that refills with time: so much a second, of which at most a second's worth is kept.
#pragma once

#include <cstdint>

#include "runtime/config/config.h"

namespace shredder::server {

// Takes are never refused: what has been taken beyond the budget is a debt, which time pays off
// first. Amounts are below 2^32 a second.
class TokenBucket {
 public:
  // config::kUnlimited: no bound. A bucket that gets one is full; one that has had one keeps what
  // it holds, as far as the new one allows.
  void Configure(uint64_t per_second, uint64_t now_ms);
  bool is_limited() const { return per_second_ != config::kUnlimited; }

  void Take(uint64_t amount) {
    if (is_limited()) level_ -= static_cast<int64_t>(amount) * kUnit;
  }
  // 0 where there is something to take, else the time when there will be.
  uint64_t EmptyUntilMs(uint64_t now_ms);

 private:
  // Levels are in thousandths, so that a millisecond's refill is a whole number.
  static constexpr int64_t kUnit = 1000;

  void Refill(uint64_t now_ms);
  int64_t capacity() const { return static_cast<int64_t>(per_second_) * kUnit; }

  uint64_t per_second_ = config::kUnlimited;
  int64_t level_ = 0;
  uint64_t refilled_ms_ = 0;
};

}  // namespace shredder::server
