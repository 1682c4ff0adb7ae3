// What shredderd calls itself.
#pragma once

#include <string_view>

namespace shredder::config {

inline constexpr std::string_view kShredderVersion = "0.1.0";
// The version of Redis whose replies clients may expect.
inline constexpr std::string_view kRedisVersion = "7.0.15";

}  // namespace shredder::config
