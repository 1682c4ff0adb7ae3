// What an administrator does to tenants. Implemented by the supervisor, and by the one process
// where there are no shards.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/config.h"
#include "runtime/supervisor/tenant_directory.h"

namespace shredder::supervisor {

class TenantControl {
 public:
  // Called once, perhaps before the call returns: with an empty string, or with one line that says
  // why nothing was changed, without a prefix.
  using Done = std::function<void(std::string error)>;

  virtual ~TenantControl() = default;
  virtual const TenantDirectory& directory() const = 0;
  // How many shards serve several tenants; 0 where there is one process.
  virtual ShardIndex shard_count() const = 0;

  // `config` has been checked but for whether there is a tenant of that name.
  virtual void Create(config::TenantConfig config, Done done) = 0;
  // Makes `config` that of the tenant of its name. Its connections stay.
  virtual void Set(config::TenantConfig config, Done done) = 0;
  // The tenant, its data and its libraries are gone, its connections closed.
  virtual void Drop(std::string_view name, Done done) = 0;
  // To a shard, or to one of its own. Its connections are closed.
  virtual void Move(std::string_view name, std::optional<ShardIndex> shard, Done done) = 0;
};

}  // namespace shredder::supervisor
