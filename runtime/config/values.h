// Values of the configuration, wherever they come from. A setter returns an empty string where the
// value is valid, else what is wrong with it, and the remedy: "is 0, out of range; give ...".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/engine/deadlines.h"

namespace shredder::config {

inline constexpr uint64_t kMaxWallDeadlineMs =
    engine::DefaultWallDeadlineMs(engine::kMaxDeadlineMs);

// "256mb" (also kb, gb, a bare number of bytes; powers of 1024, any case) in bytes; nothing where
// `text` is anything else.
std::optional<uint64_t> ParseMemorySize(std::string_view text);

// The beginning of a value, for a message: a client's may be long.
inline std::string_view Quotable(std::string_view text) { return text.substr(0, 128); }

std::string CheckRange(int64_t value, uint64_t min, uint64_t max);

template <auto Member, uint64_t min, uint64_t max, typename Target>
std::string SetCount(int64_t value, Target* target) {
  std::string problem = CheckRange(value, min, max);
  if (problem.empty()) target->*Member = static_cast<uint64_t>(value);
  return problem;
}

template <auto Member, typename Target>
constexpr auto SetDeadline = SetCount<Member, 1, engine::kMaxDeadlineMs, Target>;

template <auto Member, typename Target>
constexpr auto SetWallDeadline = SetCount<Member, 1, kMaxWallDeadlineMs, Target>;

// A size from `min` to `max` bytes, each a whole number of some unit.
std::string SetSize(std::string_view text, uint64_t min, uint64_t max, uint64_t* bytes);
// A store's quota.
std::string SetMemory(std::string_view text, uint64_t* memory_bytes);

}  // namespace shredder::config
