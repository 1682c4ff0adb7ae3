// How many loops the optimiser has split in this process (loop_splitting.h). Any thread. So that
// tests can tell.
#pragma once

#include <atomic>
#include <cstdint>

namespace shredder {

extern std::atomic<uint64_t> split_loops;

}  // namespace shredder
