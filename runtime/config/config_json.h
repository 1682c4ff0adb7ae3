// The configuration as text for another process of the same executable, passwords' digests
// included: it must not be written where others can read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/config.h"

namespace shredder::config {

std::string ToJson(const TenantConfig& tenant);
std::string ToJson(const ServerConfig& server);

// Nothing where `json` is not what ToJson makes. Values are not checked again.
std::optional<TenantConfig> TenantFromJson(std::string_view json);
std::optional<ServerConfig> ServerFromJson(std::string_view json);

}  // namespace shredder::config
