// TENANT: what an administrator does to tenants. Executed by who has their directory.
#include "runtime/server/tenant.h"

#include "runtime/server/commands/handlers.h"
#include "runtime/server/session.h"

namespace shredder::server {

void HandleTenant(Request& request) {
  if (!request.tenant->config.admin) {
    request.reply.Error("NOPERM this user has no permissions to run the 'tenant' command");
    return;
  }
  if (const std::optional<std::string> reply = request.session.ExecuteTenantCommand(request.args)) {
    request.reply.out() += *reply;
  }
}

}  // namespace shredder::server
