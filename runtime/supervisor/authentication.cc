#include "runtime/supervisor/authentication.h"

#include <optional>

namespace shredder::supervisor {

control::AuthenticationAnswer Authenticate(const TenantDirectory& directory, uint64_t connection,
                                           std::string_view tenant, std::string_view digest) {
  control::AuthenticationAnswer answer;
  answer.connection = connection;
  answer.tenant = tenant;
  const config::Secret guess =
      config::Secret::FromHex(digest).value_or(config::Secret::Unmatchable());
  const TenantRecord* const record = directory.Find(tenant);
  answer.is_known = record != nullptr;
  const bool is_right =
      record != nullptr ? record->config.Accepts(guess) : config::Secret::Unmatchable() == guess;
  answer.is_right = answer.is_known && is_right;
  if (answer.is_right) answer.shard = record->shard;
  return answer;
}

std::string OpenTenant(const TenantDirectory& directory) {
  const TenantRecord* const record = directory.Find(config::kDefaultTenantName);
  return record != nullptr && record->config.secrets.empty() ? record->config.name : std::string();
}

}  // namespace shredder::supervisor
