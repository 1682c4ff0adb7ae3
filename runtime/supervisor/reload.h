// What a configuration that is read again changes, before anything is changed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/supervisor/tenant_directory.h"

namespace shredder::supervisor {

struct Reload {
  // The file's tenants. Those that commands have made stay as they are.
  std::vector<config::TenantConfig> added;
  std::vector<config::TenantConfig> changed;
  std::vector<std::string> removed;

  // The names of the server's settings that are others, as in the file.
  std::vector<std::string> server_changed;  // a tenant's deadline may be another one, too
  std::vector<std::string> needs_restart;   // these stay as they are

  // What the server runs with from now on.
  config::ServerConfig server;
};

// From `current`, which the server runs with, and the tenants that there are, to `next`, which has
// been checked as a start checks it. Nothing, and a one-line reason in *error, where tenants that
// commands have made do not go with it: then nothing may be changed.
std::optional<Reload> PlanReload(const config::ServerConfig& current,
                                 const config::ServerConfig& next, const TenantDirectory& directory,
                                 std::string* error);

}  // namespace shredder::supervisor
