// Sizes in messages.
#pragma once

#include <cstdint>
#include <string>

namespace shredder::engine {

// "64 MiB", or "100 KiB" where it is no whole number of MiB.
inline std::string SizeText(uint64_t bytes) {
  return bytes % (1 << 20) == 0 ? std::to_string(bytes >> 20) + " MiB"
                                : std::to_string(bytes >> 10) + " KiB";
}

}  // namespace shredder::engine
