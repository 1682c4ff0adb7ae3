#include "runtime/server/fair_turns.h"

#include <algorithm>
#include <utility>

namespace shredder::server {

void FairTurns::ServedAnother(TurnShare* share, uint64_t now_ms) {
  if (last_served_ != nullptr && now_ms - last_served_ms_ <= kContentionMs) is_contended_ = true;
  if (last_served_ != nullptr) other_served_ms_ = last_served_ms_;
  last_served_ = share;
  last_served_ms_ = now_ms;
}

void FairTurns::Activate(TurnShare* share) {
  if (share->is_active) return;
  share->is_active = true;
  share->credit_ns = kQuantumNs;
  active_.push_back(share);
}

void FairTurns::Defer(TurnShare* share, net::Connection* connection) {
  share->deferred.push_back(connection);
  connection->Defer();
}

void FairTurns::Charge(TurnShare* share, int64_t ns) {
  if (!is_contended_) return;
  Activate(share);
  share->was_served = true;
  share->credit_ns = std::max(share->credit_ns - ns, -kMaxDebtNs);
}

void FairTurns::EndContendedTurn() {
  bool was_any_served = false;
  int64_t least_debt_ns = kMaxDebtNs;
  for (TurnShare* share : active_) {
    share->credit_ns = std::min(share->credit_ns + kQuantumNs, kQuantumNs);
    was_any_served |= share->was_served;
    if (!share->deferred.empty()) least_debt_ns = std::min(least_debt_ns, -share->credit_ns);
  }
  std::erase_if(active_, [&](TurnShare* share) {
    const bool was_served = std::exchange(share->was_served, false);
    if (!share->deferred.empty()) {
      // Nobody else has had anything to be served: as many turns as pay the least debt would pass.
      if (!was_any_served) share->credit_ns += std::max<int64_t>(least_debt_ns + 1, 0);
      if (share->credit_ns <= 0) return false;
      for (net::Connection* connection : std::exchange(share->deferred, {})) {
        connection->EndDeferral();
      }
      return false;
    }
    if (was_served || share->credit_ns < kQuantumNs) return false;
    share->is_active = false;
    return true;
  });
}

void FairTurns::Tick(uint64_t now_ms) {
  if (!is_contended_ || now_ms - other_served_ms_ <= kContentionMs) return;
  if (std::any_of(active_.begin(), active_.end(),
                  [](const TurnShare* share) { return !share->deferred.empty(); })) {
    return;
  }
  is_contended_ = false;
  for (TurnShare* share : std::exchange(active_, {})) {
    share->is_active = share->was_served = false;
  }
}

void FairTurns::Forget(TurnShare* share) {
  std::erase(active_, share);
  if (last_served_ == share) last_served_ = nullptr;
}

void FairTurns::Forget(TurnShare* share, const net::Connection* connection) {
  std::erase(share->deferred, connection);
}

}  // namespace shredder::server
