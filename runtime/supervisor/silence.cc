#include "runtime/supervisor/silence.h"

#include <algorithm>

namespace shredder::supervisor {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// A command may take some seconds.
constexpr uint64_t kIdleSilenceNs = 30'000 * kNsPerMs;

uint64_t Since(uint64_t then_ns, uint64_t now_ns) {
  return now_ns > then_ns ? now_ns - then_ns : 0;
}

}  // namespace

std::optional<uint64_t> Silence::TooLong(const control::ShardStatus& status, uint64_t now_ns,
                                         uint64_t cpu_ns, uint64_t silence_ms) {
  const uint64_t run_ns = status.running_since_ns.load(std::memory_order_acquire);
  const uint64_t silent_ns = Since(status.heartbeat_ns.load(std::memory_order_relaxed), now_ns);
  const uint64_t silence_ns = silence_ms * kNsPerMs;
  if (run_ns != run_ns_) run_cpu_ns_ = cpu_ns;
  run_ns_ = run_ns;
  if (run_ns == 0) {
    if (silent_ns < std::max(kIdleSilenceNs, silence_ns)) return std::nullopt;
    return silent_ns;
  }
  const uint64_t cpu_limit_ns = status.cpu_deadline_ms.load() * kNsPerMs + silence_ns;
  const uint64_t wall_limit_ns = status.wall_deadline_ms.load() * kNsPerMs + silence_ns;
  if (silent_ns < silence_ns ||
      (Since(run_cpu_ns_, cpu_ns) < cpu_limit_ns && Since(run_ns, now_ns) < wall_limit_ns)) {
    return std::nullopt;
  }
  return silent_ns;
}

}  // namespace shredder::supervisor
