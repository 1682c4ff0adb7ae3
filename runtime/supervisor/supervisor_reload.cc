// SIGHUP: the configuration file is read again.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/common.h>

#include <memory>
#include <optional>

#include "runtime/supervisor/authentication.h"
#include "runtime/supervisor/reload.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

void Supervisor::Reload() {
  if (is_stopping_) return;
  if (options_.command_line.config_path.empty()) {
    log_.warn("SIGHUP: there is no configuration file to read again");
    return;
  }
  std::string error;
  const std::optional<config::ServerConfig> next = config::LoadConfig(
      options_.command_line.config_path, options_.command_line.overrides, &error);
  std::optional<supervisor::Reload> plan;
  if (next) plan = PlanReload(options_.config, *next, directory_, &error);
  if (!plan) {
    log_.error("SIGHUP: {}; nothing is changed", error);
    return;
  }
  const std::string open_before = OpenTenant(directory_);
  options_.config = plan->server;
  log_.set_level(spdlog::level::from_str(options_.config.log_level));
  if (!plan->server_changed.empty()) {
    for (auto& [index, shard] : shards_) {
      if (!shard.child) continue;
      shard.child->channel().Send(control::Pack(control::Settings{ConfigForShards()}));
    }
  }
  // Some of the changes end after this.
  const auto failures = std::make_shared<size_t>(0);
  const auto count = [this, failures](const std::string& problem) {
    if (problem.empty()) return;
    ++*failures;
    log_.error("SIGHUP: {}", problem);
  };
  for (config::TenantConfig& tenant : plan->changed) Set(std::move(tenant), count);
  for (const std::string& name : plan->removed) Drop(name, count);
  for (config::TenantConfig& tenant : plan->added) {
    const std::string name = tenant.name;
    Create(std::move(tenant), count);
    if (TenantRecord* const record = directory_.Find(name)) record->is_from_file = true;
  }
  if (OpenTenant(directory_) != open_before) SendOpenTenant();
  log_.info("SIGHUP: {} tenants added, {} changed, {} removed; settings changed: {}",
            plan->added.size(), plan->changed.size(), plan->removed.size(),
            plan->server_changed.empty()
                ? "none"
                : fmt::format("{}", fmt::join(plan->server_changed, ", ")));
  if (!plan->needs_restart.empty()) {
    log_.warn("SIGHUP: {}: changed in the file, and as before until the server is restarted",
              fmt::join(plan->needs_restart, ", "));
  }
  if (*failures > 0) log_.error("SIGHUP: {} of the changes could not be made", *failures);
}

}  // namespace shredder::supervisor
