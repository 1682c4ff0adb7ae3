// Bounds of how long a run may take: constants alone, for what knows no V8.
#pragma once

#include <cstdint>

namespace shredder::engine {

// The longest deadline of CPU time.
inline constexpr uint64_t kMaxDeadlineMs = 3'600'000;

// The wall time that a run may take where only its CPU time is given.
constexpr uint64_t DefaultWallDeadlineMs(uint64_t deadline_ms) { return 20 * deadline_ms; }

}  // namespace shredder::engine
