// Who a client is.
#pragma once

#include <string>
#include <string_view>

#include "runtime/control/messages.h"
#include "runtime/supervisor/tenant_directory.h"

namespace shredder::supervisor {

// Whether the digest (hexadecimal, of SHA-256) is that of a password of the tenant. Takes the same
// time whether there is such a tenant or not.
control::AuthenticationAnswer Authenticate(const TenantDirectory& directory, uint64_t connection,
                                           std::string_view tenant, std::string_view digest);

// The tenant whose connections need no password: the default one, where it has none. Else empty.
std::string OpenTenant(const TenantDirectory& directory);

}  // namespace shredder::supervisor
