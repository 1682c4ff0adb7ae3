// A tenant's name and options; values.h says what a setter returns.
#pragma once

#include <string>
#include <string_view>

#include "runtime/config/config.h"

namespace shredder::config {

std::string SetTenantName(std::string_view text, TenantConfig* tenant);
std::string SetTenantMemory(std::string_view text, TenantConfig* tenant);
std::string SetPassword(std::string_view text, TenantConfig* tenant);
std::string SetPasswordSha256(std::string_view text, TenantConfig* tenant);

}  // namespace shredder::config
