// All tenants: who they are, which shard serves them, their libraries' sources. What outlives every
// shard besides the stores.
//
// Thread: the supervisor's, or the one thread where there are no shards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/config/config.h"

namespace shredder::supervisor {

// Shards from the configured number on serve one tenant each.
using ShardIndex = uint32_t;

struct TenantRecord {
  config::TenantConfig config;
  bool is_from_file = false;
  ShardIndex shard = 0;
  // The source of each library, by its name; equal ones of several tenants are one string.
  std::map<std::string, std::shared_ptr<const std::string>, std::less<>> libraries;
};

class TenantDirectory {
 public:
  using Map = std::map<std::string, TenantRecord, std::less<>>;

  // Null where there is none of that name.
  TenantRecord* Find(std::string_view name);
  const TenantRecord* Find(std::string_view name) const;
  // The name must be new. The reference is valid until the tenant is removed.
  TenantRecord& Add(config::TenantConfig config, ShardIndex shard, bool is_from_file);
  void Remove(std::string_view name);

  const Map& tenants() const { return tenants_; }  // in the order of their names

 private:
  Map tenants_;
};

}  // namespace shredder::supervisor
