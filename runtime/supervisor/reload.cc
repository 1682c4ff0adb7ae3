#include "runtime/supervisor/reload.h"

#include <fmt/format.h>

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

#include "runtime/config/config_fields.h"

namespace shredder::supervisor {
namespace {

using config::ServerConfig;
using config::TakesEffect;
using config::TenantConfig;

// From the current settings in reload->server to the next ones.
void PlanServer(const ServerConfig& next, Reload* reload) {
  VisitServerFields(reload->server, [&](std::string_view name, auto& field, TakesEffect when) {
    VisitServerFields(next, [&](std::string_view other, const auto& value, TakesEffect) {
      if constexpr (std::is_same_v<decltype(value),
                                   const std::remove_reference_t<decltype(field)>&>) {
        if (name != other || field == value) return;
        if (when == TakesEffect::kAtRestart) {
          reload->needs_restart.emplace_back(name);
        } else {
          reload->server_changed.emplace_back(name);
          field = value;
        }
      }
    });
  });
  reload->server.tenants = next.tenants;
}

bool PlanTenants(const ServerConfig& next, const TenantDirectory& directory, Reload* reload,
                 std::string* error) {
  std::unordered_set<std::string_view> names;
  for (const TenantConfig& tenant : next.tenants) {
    names.insert(tenant.name);
    const TenantRecord* record = directory.Find(tenant.name);
    if (!record) {
      reload->added.push_back(tenant);
    } else if (!record->is_from_file) {
      *error = fmt::format(
          "tenant '{}' is there already, made by TENANT CREATE; rename the file's, or TENANT DROP "
          "the other",
          tenant.name);
      return false;
    } else if (record->config != tenant) {
      reload->changed.push_back(tenant);
    }
  }
  for (const auto& [name, record] : directory.tenants()) {
    if (record.is_from_file && !names.contains(name)) reload->removed.push_back(name);
  }
  return true;
}

// Whether the tenants that commands have made go with the file's, and with the server's deadlines.
bool CheckOthers(const ServerConfig& next, const TenantDirectory& directory, std::string* error) {
  std::unordered_map<config::Secret, std::string_view, config::Secret::Hash> owners;
  for (const TenantConfig& tenant : next.tenants) {
    for (const config::Secret& secret : tenant.secrets) owners.emplace(secret, tenant.name);
  }
  size_t count = next.tenants.size();
  for (const auto& [name, record] : directory.tenants()) {
    if (record.is_from_file) continue;
    ++count;
    for (const config::Secret& secret : record.config.secrets) {
      const auto owner = owners.find(secret);
      if (owner == owners.end()) continue;
      *error = fmt::format(
          "the file's tenant '{}' has the password of tenant '{}', which TENANT CREATE has made; "
          "give each its own",
          owner->second, name);
      return false;
    }
    *error = config::CheckWallDeadline(record.config, next);
    if (!error->empty()) return false;
  }
  if (count <= config::kMaxTenants) return true;
  *error = fmt::format("there would be {} tenants; TENANT DROP some, {} are the most there can be",
                       count, config::kMaxTenants);
  return false;
}

}  // namespace

std::optional<Reload> PlanReload(const ServerConfig& current, const ServerConfig& next,
                                 const TenantDirectory& directory, std::string* error) {
  Reload reload;
  reload.server = current;
  PlanServer(next, &reload);
  if (!PlanTenants(next, directory, &reload, error) || !CheckOthers(next, directory, error)) {
    return std::nullopt;
  }
  return reload;
}

}  // namespace shredder::supervisor
