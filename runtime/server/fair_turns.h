// Whose connections are served next, where several tenants want the shard's thread: each gets the
// same time, however many connections it has and whatever one request takes.
//
// Deficit round robin with time as the cost (Shreedhar and Varghese, SIGCOMM'95): in each turn of
// the event loop a tenant's credit grows by a quantum, what it is served costs of it, and while it
// is used up the tenant's connections are deferred. Where nobody else has anything to be served, a
// deferred tenant is, whatever its debt.
//
// Thread: the shard's. Knows no tenants and no requests.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/net/event_loop.h"

namespace shredder::server {

// A tenant's part in it. Must be forgotten before it is destroyed.
struct TurnShare {
  int64_t credit_ns = 0;
  bool is_active = false;   // in FairTurns::active_
  bool was_served = false;  // in the turn that is under way
  std::vector<net::Connection*> deferred;
};

class FairTurns {
 public:
  // What a tenant may use of one turn.
  static constexpr int64_t kQuantumNs = 1'000'000;
  // What a tenant may owe: as much as it has used in so much time at most is held against it.
  static constexpr int64_t kMaxDebtNs = 1'000'000'000;
  // Tenants that were served within so much time of each other are contending.
  static constexpr uint64_t kContentionMs = 100;

  // While several tenants want to be served; only then does time need to be measured.
  bool is_contended() const { return is_contended_; }
  bool MustWait(const TurnShare& share) const {
    return is_contended_ && share.is_active && share.credit_ns <= 0;
  }
  // Its input waits until the share has credit again.
  void Defer(TurnShare* share, net::Connection* connection);
  // A connection of the share was served, at about this time.
  void Served(TurnShare* share, uint64_t now_ms) {
    if (share == last_served_) {
      last_served_ms_ = now_ms;
      return;
    }
    ServedAnother(share, now_ms);
  }
  // And it took so long.
  void Charge(TurnShare* share, int64_t ns);

  // At the end of each turn of the loop.
  void EndTurn() {
    if (is_contended_) EndContendedTurn();
  }
  // Now and then: ends a contention that is over.
  void Tick(uint64_t now_ms);

  void Forget(TurnShare* share);
  // A connection of the share that is going.
  void Forget(TurnShare* share, const net::Connection* connection);

 private:
  void ServedAnother(TurnShare* share, uint64_t now_ms);
  void Activate(TurnShare* share);
  void EndContendedTurn();

  bool is_contended_ = false;
  TurnShare* last_served_ = nullptr;
  uint64_t last_served_ms_ = 0;
  uint64_t other_served_ms_ = 0;  // one that was not last_served_
  std::vector<TurnShare*> active_;
};

}  // namespace shredder::server
