// lwIP's platform: its clock, its randomness, its memory. lwIP has one instance a process, and so
// has all of this; it belongs to the thread that runs the stack.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/net/lwip/siphash.h"

namespace shredder::net::lwip {

// The time that lwIP goes by, in milliseconds from any start, kept until it is set anew: once a
// turn, before anything else is done. Must not go back. lwIP's own clock wraps after 49.7 days,
// which it minds.
void SetClock(uint64_t milliseconds);
uint64_t Clock();

// What lwIP's own memory may come to: connections, queued segments, copies of frames. Beyond the
// limit an allocation fails, which drops the segment or refuses the connection that asked. Small
// blocks that are free, and kept for the next ones, are not counted: 1 MiB at most.
void SetMemoryLimit(size_t bytes);
size_t MemoryUsed();

// Draws new keys of the sequence numbers and of the table of connections: only while there are no
// connections.
void DrawKeys();
// The same with keys that are known, for tests.
void SetKeys(const SipKey& sequence_numbers, const SipKey& connections);

}  // namespace shredder::net::lwip
