// A tenant: who it is, its data and its functions.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/config/config.h"
#include "runtime/engine/engine.h"
#include "runtime/net/event_loop.h"
#include "runtime/server/fair_turns.h"
#include "runtime/server/token_bucket.h"
#include "runtime/server/watched_keys.h"
#include "runtime/store/store.h"

namespace shredder::server {

// Commands a second, of late: the mean of the rates between the last samples.
class RateMeter {
 public:
  // `total` counts up. The first sample only begins the time.
  void Sample(uint64_t total, uint64_t now_ms);
  uint64_t per_second() const;

 private:
  std::array<uint64_t, 16> rates_{};
  size_t next_ = 0;
  uint64_t last_total_ = 0;
  uint64_t last_ms_ = 0;
};

struct TenantStats {
  uint64_t commands = 0;
  uint64_t hits = 0;  // lookups by commands that read a key
  uint64_t misses = 0;
  uint64_t expired_keys = 0;  // removed by the shard's timer
  uint64_t connections = 0;   // sessions that have authenticated as the tenant so far
  uint64_t throttled = 0;     // requests that had to wait for budget, or were refused for it
  RateMeter rate;
};

class Shard;

struct Tenant final : store::MemoryOwner {
  explicit Tenant(Shard* its_shard) : shard(its_shard) {}

  bool OnNewMemory(int fd) override;
  void OnNewBase() override;

  Shard* const shard;
  std::string name;
  config::TenantConfig config;
  config::Deadline deadline;
  config::Limits limits;
  std::unique_ptr<store::Store> store;              // in a pool, or in memory of its own
  std::unique_ptr<WatchedKeys> watched_keys;        // destroyed before the store
  std::unique_ptr<engine::FunctionHost> functions;  // destroyed before the store
  // While a command of it that gives other connections turns is under way: no other one meets the
  // store before it ends.
  struct Hold {
    uint64_t since_ms;
    bool is_exec;
  };
  std::optional<Hold> hold;
  // Its budgets, of operations and of nanoseconds of CPU time.
  TokenBucket operations;
  TokenBucket cpu;
  bool is_budgeted() const { return operations.is_limited() || cpu.is_limited(); }
  // 0 where both have something, else the time when they will.
  uint64_t ThrottledUntilMs(uint64_t now_ms) {
    return std::max(operations.EmptyUntilMs(now_ms), cpu.EmptyUntilMs(now_ms));
  }
  uint64_t clients = 0;    // sessions that are authenticated as the tenant
  uint64_t in_flight = 0;  // of these, with a request that waits
  net::ByteAccount connection_bytes;
  TurnShare turn_share;
  bool must_configure = false;  // its configuration has changed since it was looked at
  bool is_leaving = false;      // to be released as soon as nothing of it is under way
  TenantStats stats;
};

}  // namespace shredder::server
