// The hash slots of Redis Cluster, by which its clients know where a key is.
#pragma once

#include <cstdint>
#include <string_view>

namespace shredder::server {

inline constexpr uint32_t kHashSlots = 16384;

// Of the key; of what its first braces hold, where that is something. Redis Cluster Specification,
// "Hash tags".
uint32_t HashSlot(std::string_view key);

}  // namespace shredder::server
