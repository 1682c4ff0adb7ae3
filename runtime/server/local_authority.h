// The authority where one process is everything: a directory of its own, and no other shard.
#pragma once

#include <memory>
#include <string>

#include "runtime/server/authority.h"
#include "runtime/server/shard.h"
#include "runtime/supervisor/tenant_control.h"

namespace shredder::server {

class LocalAuthority final : public Authority, public supervisor::TenantControl {
 public:
  // Gives the configuration's tenants to the shard, which must outlive it. Null with a one-line
  // reason in *error.
  static std::unique_ptr<LocalAuthority> Create(const config::ServerConfig& config, Shard* shard,
                                                std::string* error);

  std::optional<control::AuthenticationAnswer> Authenticate(uint64_t connection,
                                                            std::string_view tenant,
                                                            std::string_view digest) override;
  std::optional<std::string> ExecuteTenantCommand(uint64_t connection, const Tenant& caller,
                                                  resp::Protocol protocol,
                                                  std::span<const std::string_view> args) override;
  void OnLibraryChanged(const Tenant& tenant, std::string_view library,
                        std::optional<std::string_view> record) override;
  bool OnMemoryMoved(const Tenant& tenant, int fd) override;
  void OnSlotsLeft() override {}
  void HandOver(control::HandOver state, net::UniqueFd fd, std::string bytes) override;
  void OnReleased(std::string_view tenant) override;

  const supervisor::TenantDirectory& directory() const override { return directory_; }
  supervisor::ShardIndex shard_count() const override { return 0; }
  void Create(config::TenantConfig config, Done done) override;
  void Set(config::TenantConfig config, Done done) override;
  void Drop(std::string_view name, Done done) override;
  void Move(std::string_view name, std::optional<supervisor::ShardIndex> shard, Done done) override;

 private:
  explicit LocalAuthority(Shard* shard) : shard_(shard) {}
  // Empty, or one line of what is wrong.
  std::string Add(const config::TenantConfig& config, bool is_from_file);

  Shard* const shard_;
  supervisor::TenantDirectory directory_;
  std::map<std::string, Done, std::less<>> dropping_;
};

}  // namespace shredder::server
