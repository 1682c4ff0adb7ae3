// For tests: changes that stop at each of their fault points (fault_point.h), as if the process had
// ended there.
#pragma once

#include <cstdint>
#include <functional>

#include "runtime/store/fault_point.h"

namespace shredder::store {

// Calls `look` at each fault point that `change` passes, with the point's number, from 1 on.
// Returns the number of points.
uint64_t AtEachPoint(const std::function<void()>& change,
                     const std::function<void(uint64_t point)>& look);

// Runs `change` up to its fault point of this number, from 1 on, and leaves it there, by an
// exception. False where it has come to its end without.
bool StopAt(uint64_t point, const std::function<void()>& change);

}  // namespace shredder::store
