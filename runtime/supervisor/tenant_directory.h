// All tenants: who they are, which shard serves them, their libraries' sources. What outlives every
// shard besides the stores.
//
// Thread: the supervisor's, or the one thread where there are no shards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "runtime/config/config.h"

namespace shredder::supervisor {

// Shards from the configured number on serve one tenant each.
using ShardIndex = uint32_t;

struct TenantRecord {
  config::TenantConfig config;  // changed by TenantDirectory::SetConfig alone
  bool is_from_file = false;
  ShardIndex shard = 0;
  // The source of each library, by its name; equal ones of several tenants are one string.
  std::map<std::string, std::shared_ptr<const std::string>, std::less<>> libraries;
};

class TenantDirectory {
 public:
  TenantDirectory() = default;
  TenantDirectory(const TenantDirectory&) = delete;
  TenantDirectory& operator=(const TenantDirectory&) = delete;

  using Map = std::map<std::string, TenantRecord, std::less<>>;

  // Null where there is none of that name.
  TenantRecord* Find(std::string_view name);
  const TenantRecord* Find(std::string_view name) const;
  // The name must be new. The reference is valid until the tenant is removed.
  TenantRecord& Add(config::TenantConfig config, ShardIndex shard, bool is_from_file);
  // `config` has the name that the tenant has.
  void SetConfig(TenantRecord& record, config::TenantConfig config);
  // The name must be there.
  void Remove(std::string_view name);
  // A library of the tenant is loaded, or deleted where there is no source; nothing where there is
  // no such tenant.
  void SetLibrary(std::string_view tenant, std::string_view library,
                  std::optional<std::string_view> source);

  const Map& tenants() const { return tenants_; }  // in the order of their names

  // A tenant of another name that has the password `secret`; null where there is none.
  const TenantRecord* FindOther(std::string_view name, const config::Secret& secret) const;

  // Visits `count` tenants from `cursor` on, in an order of their names' hashes; returns the cursor
  // to go on with, 0 at the end. Beginning with 0, each tenant is visited that is there all the
  // time, whatever comes and goes meanwhile.
  uint64_t Scan(uint64_t cursor, uint64_t count,
                const std::function<void(const TenantRecord&)>& visit) const;

 private:
  using Source = std::shared_ptr<const std::string>;
  struct SourceHash {
    using is_transparent = void;
    size_t operator()(std::string_view source) const {
      return std::hash<std::string_view>()(source);
    }
    size_t operator()(const Source& source) const { return (*this)(std::string_view(*source)); }
  };
  struct SourceEqual {
    using is_transparent = void;
    bool operator()(const Source& a, const Source& b) const { return *a == *b; }
    bool operator()(std::string_view a, const Source& b) const { return a == *b; }
    bool operator()(const Source& a, std::string_view b) const { return *a == b; }
  };

  // The string that all tenants share that have a library of this source.
  Source Share(std::string_view source);
  // Forgets a source that no tenant has any more but in `source`.
  void Release(Source source);
  void IndexSecrets(const TenantRecord& record);
  void ForgetSecrets(const TenantRecord& record);

  // A map's elements stay where they are.
  Map tenants_;
  std::multimap<uint64_t, const TenantRecord*> positions_;
  std::unordered_multimap<config::Secret, const TenantRecord*, config::Secret::Hash> secrets_;
  std::unordered_set<Source, SourceHash, SourceEqual> sources_;
};

}  // namespace shredder::supervisor
