// The stack under frames that an input makes up: for libFuzzer, and for a short run among the
// tests.
#pragma once

#include <cstdint>
#include <span>

namespace shredder::net::lwip {

// Reads an input as a program (frames as they are, segments around a live connection, frames
// spoiled in places, IPv6 and ICMPv6 in valid headers, time, what the server does) and runs it.
// Aborts where lwIP does, or where memory is left over.
void RunFrames(std::span<const uint8_t> input);

}  // namespace shredder::net::lwip
