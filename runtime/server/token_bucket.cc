#include "runtime/server/token_bucket.h"

#include <algorithm>

namespace shredder::server {

void TokenBucket::Configure(uint64_t per_second, uint64_t now_ms) {
  const bool was_limited = is_limited();
  if (was_limited) Refill(now_ms);
  per_second_ = per_second;
  refilled_ms_ = now_ms;
  if (is_limited()) level_ = was_limited ? std::min(level_, capacity()) : capacity();
}

uint64_t TokenBucket::EmptyUntilMs(uint64_t now_ms) {
  if (!is_limited()) return 0;
  Refill(now_ms);
  if (level_ >= kUnit) return 0;
  const auto lacking = static_cast<uint64_t>(kUnit - level_);
  return now_ms + (lacking + per_second_ - 1) / per_second_;
}

void TokenBucket::Refill(uint64_t now_ms) {
  if (now_ms <= refilled_ms_) return;
  const uint64_t elapsed_ms = now_ms - refilled_ms_;
  refilled_ms_ = now_ms;
  // What is lacking is refilled in `full_ms` at the latest, which bounds the product.
  const uint64_t full_ms = static_cast<uint64_t>(capacity() - level_) / per_second_ + 1;
  level_ = elapsed_ms >= full_ms
               ? capacity()
               : level_ + static_cast<int64_t>(elapsed_ms) * static_cast<int64_t>(per_second_);
}

}  // namespace shredder::server
