// A tenant's name and options, from the file or from a command; values.h says what a setter
// returns.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/config.h"
#include "runtime/engine/deadlines.h"

namespace shredder::config {

// A tenant's option that is a number or a size, absent by default.
struct TenantLimit {
  std::string_view name;  // as the file has it
  std::optional<uint64_t> TenantConfig::* member;
  uint64_t min;
  uint64_t max;
  bool is_size = false;  // of bytes, given as "64mb"
};

inline constexpr TenantLimit kTenantLimits[] = {
    {"array-buffer-limit-mb", &TenantConfig::array_buffer_limit_mb, 1, 4096},
    {"connection-memory", &TenantConfig::connection_memory_bytes, 1 << 20, 64ull << 30, true},
    {"cpu-ms-per-second", &TenantConfig::cpu_ms_per_second, 1, 1000},
    {"deadline-ms", &TenantConfig::deadline_ms, 1, engine::kMaxDeadlineMs},
    {"heap-limit-mb", &TenantConfig::heap_limit_mb, 8, 4096},
    {"library-memory", &TenantConfig::library_memory_bytes, 64 << 10, 1 << 30, true},
    {"max-clients", &TenantConfig::max_clients, 1, 1'000'000},
    {"max-in-flight", &TenantConfig::max_in_flight, 1, 1'000'000},
    {"max-libraries", &TenantConfig::max_libraries, 1, 4096},
    {"max-reply", &TenantConfig::max_reply_bytes, kMinMaxReplyBytes, 512 << 20, true},
    {"ops-per-second", &TenantConfig::ops_per_second, 1, 100'000'000},
    {"wall-deadline-ms", &TenantConfig::wall_deadline_ms, 1,
     engine::DefaultWallDeadlineMs(engine::kMaxDeadlineMs)},
};

// The one of that member, of which there must be one.
constexpr const TenantLimit& LimitOf(std::optional<uint64_t> TenantConfig::* member) {
  const TenantLimit* limit = std::begin(kTenantLimits);
  while (limit->member != member) ++limit;
  return *limit;
}

std::string SetTenantLimit(const TenantLimit& limit, int64_t value, TenantConfig* tenant);
// The same from a client's text; "default" makes it absent.
std::string SetTenantLimit(const TenantLimit& limit, std::string_view text, TenantConfig* tenant);

std::string SetTenantName(std::string_view text, TenantConfig* tenant);
std::string SetTenantMemory(std::string_view text, TenantConfig* tenant);
std::string SetTenantIsolation(std::string_view text, TenantConfig* tenant);
std::string SetTenantOverLimit(std::string_view text, TenantConfig* tenant);
std::string SetTenantWasm(std::string_view text, TenantConfig* tenant);
// One more password.
std::string AddPassword(std::string_view text, TenantConfig* tenant);
std::string AddPasswordSha256(std::string_view text, TenantConfig* tenant);

// Sets the option that a file calls so, `admin` apart: an administrator is made by a file alone.
std::string SetTenantOption(std::string_view option, std::string_view value, TenantConfig* tenant);

}  // namespace shredder::config
