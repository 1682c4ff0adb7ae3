// Whether a shard has been silent for longer than it may: what it says of itself, in the status
// page, beside what the kernel says of its process.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/control/status_page.h"

namespace shredder::supervisor {

// What was seen of one process of a shard.
class Silence {
 public:
  // How long it has been silent, in ns, where that is too long: beyond the deadlines of what it
  // runs and `silence_ms` besides, or for 30 s where it runs nothing. `now_ns` is of
  // control::MonotonicNs, and may be of before the status was written; `cpu_ns` is what the process
  // has taken.
  std::optional<uint64_t> TooLong(const control::ShardStatus& status, uint64_t now_ns,
                                  uint64_t cpu_ns, uint64_t silence_ms);

 private:
  // The run that was seen last, and the CPU time of the process when it was.
  uint64_t run_ns_ = 0;
  uint64_t run_cpu_ns_ = 0;
};

}  // namespace shredder::supervisor
