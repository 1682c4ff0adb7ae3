// A tenant's name and options, from the file or from a command; values.h says what a setter
// returns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/config/config.h"

namespace shredder::config {

std::string SetTenantName(std::string_view text, TenantConfig* tenant);
std::string SetTenantMemory(std::string_view text, TenantConfig* tenant);
std::string SetTenantDeadline(int64_t value, TenantConfig* tenant);
std::string SetTenantWallDeadline(int64_t value, TenantConfig* tenant);
std::string SetTenantIsolation(std::string_view text, TenantConfig* tenant);
// One more password.
std::string AddPassword(std::string_view text, TenantConfig* tenant);
std::string AddPasswordSha256(std::string_view text, TenantConfig* tenant);

// Sets the option that a file calls so, `admin` apart: an administrator is made by a file alone.
std::string SetTenantOption(std::string_view option, std::string_view value, TenantConfig* tenant);

}  // namespace shredder::config
