// TENANT, the administrators' command: makes, changes, shows, moves and drops tenants.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/config/config.h"
#include "runtime/resp/reply_writer.h"
#include "runtime/supervisor/tenant_control.h"

namespace shredder::supervisor {

// args[0] is "tenant", whatever its case. That the caller is an administrator has been checked.
// `done` gets the reply once, perhaps before the call returns; `args` may go when it returns,
// `control` must stay until then.
void ExecuteTenantCommand(std::span<const std::string_view> args, resp::Protocol protocol,
                          TenantControl& control, const config::ServerConfig& server,
                          std::function<void(std::string reply)> done);

}  // namespace shredder::supervisor
