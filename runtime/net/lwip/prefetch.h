// What a burst of frames will touch, asked for all at once: with thousands of connections a PCB and
// what hangs on it is in no cache, and is waited for line by line where it is met.
//
// Changes nothing but the cache. A frame whose connection is far behind in its bucket, or has none,
// only costs the time of the guess.
#pragma once

#include <cstddef>
#include <span>

#include "lwip/pbuf.h"

namespace shredder::net::lwip {

// Frames of a burst that are looked at; those behind are not.
inline constexpr size_t kMaxPrefetchedFrames = 32;

// The frames are of Ethernet, none of them null. Calls `prefetch_arg` with what the callbacks of
// each connection get, which is not to be read: it may be another's than the caller's.
void PrefetchConnections(std::span<pbuf* const> frames, void (*prefetch_arg)(const void* arg));

}  // namespace shredder::net::lwip
