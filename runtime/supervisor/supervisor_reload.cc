// SIGHUP: the configuration file is read again.
#include "runtime/config/config_json.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

void Supervisor::Reload() {
  std::string error;
  const std::optional<config::ServerConfig> next = config::LoadConfig(
      options_.command_line.config_path, options_.command_line.overrides, &error);
  if (!next) {
    log_.error("SIGHUP: {}; nothing is changed", error);
    return;
  }
  static_cast<void>(next);
}

}  // namespace shredder::supervisor
