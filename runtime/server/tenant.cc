#include "runtime/server/tenant.h"

#include <numeric>

#include "runtime/server/shard.h"

namespace shredder::server {

void RateMeter::Sample(uint64_t total, uint64_t now_ms) {
  // The clock may have been set back.
  if (last_ms_ != 0 && now_ms > last_ms_) {
    rates_[next_] = (total - last_total_) * 1000 / (now_ms - last_ms_);
    next_ = (next_ + 1) % rates_.size();
  }
  last_total_ = total;
  last_ms_ = now_ms;
}

uint64_t RateMeter::per_second() const {
  return std::accumulate(rates_.begin(), rates_.end(), uint64_t{0}) / rates_.size();
}

bool Tenant::OnNewMemory(int fd) { return shard->OnNewMemory(*this, fd); }

// Code that V8 has optimised knows the old one.
void Tenant::OnNewBase() {
  if (functions) functions->GiveUp();
}

}  // namespace shredder::server
