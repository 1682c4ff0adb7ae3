#include "runtime/server/local_authority.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/supervisor/authentication.h"
#include "runtime/supervisor/tenant_commands.h"

namespace shredder::server {

std::unique_ptr<LocalAuthority> LocalAuthority::Create(const config::ServerConfig& config,
                                                       Shard* shard, std::string* error) {
  std::unique_ptr<LocalAuthority> authority(new LocalAuthority(shard));
  shard->set_authority(authority.get());
  for (const config::TenantConfig& tenant : config.tenants) {
    *error = authority->Add(tenant, true);
    if (!error->empty()) return nullptr;
  }
  shard->SetOpenTenant(supervisor::OpenTenant(authority->directory_));
  return authority;
}

std::string LocalAuthority::Add(const config::TenantConfig& config, bool is_from_file) {
  store::StoreOptions options;
  options.quota_bytes = config.memory_bytes;
  std::string reason;
  std::unique_ptr<store::Store> store = store::Store::Create(options, &reason);
  if (!store) return fmt::format("tenant '{}': {}", config.name, reason);
  directory_.Add(config, 0, is_from_file);
  shard_->AddTenant(config, std::move(store), {});
  return {};
}

std::optional<control::AuthenticationAnswer> LocalAuthority::Authenticate(uint64_t connection,
                                                                          std::string_view tenant,
                                                                          std::string_view digest) {
  return supervisor::Authenticate(directory_, connection, tenant, digest);
}

std::optional<std::string> LocalAuthority::ExecuteTenantCommand(
    uint64_t connection, const Tenant& caller, resp::Protocol protocol,
    std::span<const std::string_view> args) {
  // Answered at once, or later by the connection's id: the connection may be gone by then.
  struct Answer {
    std::optional<std::string> reply;
    bool is_late = false;
  };
  const auto answer = std::make_shared<Answer>();
  static_cast<void>(caller);
  supervisor::ExecuteTenantCommand(args, protocol, *this, shard_->config(),
                                   [this, connection, answer](std::string reply) {
                                     if (answer->is_late) {
                                       shard_->OnTenantReply(connection, std::move(reply));
                                     } else {
                                       answer->reply = std::move(reply);
                                     }
                                   });
  answer->is_late = !answer->reply;
  return std::move(answer->reply);
}

void LocalAuthority::OnLibraryChanged(const Tenant& tenant, std::string_view library,
                                      std::optional<std::string_view> record) {
  directory_.SetLibrary(tenant.name, library, record);
}

bool LocalAuthority::OnMemoryMoved(const Tenant&, int) {
  return true;  // no process follows this one
}

void LocalAuthority::HandOver(control::HandOver, net::UniqueFd, std::string) {
  // The tenant was dropped meanwhile: the connection closes with its descriptor.
}

void LocalAuthority::OnReleased(std::string_view tenant) {
  const auto at = dropping_.find(tenant);
  if (at == dropping_.end()) return;
  const Done done = std::move(at->second);
  dropping_.erase(at);
  done({});
}

void LocalAuthority::Create(config::TenantConfig config, Done done) { done(Add(config, false)); }

void LocalAuthority::Set(config::TenantConfig config, Done done) {
  directory_.SetConfig(*directory_.Find(config.name), config);
  shard_->SetTenant(config);
  done({});
}

void LocalAuthority::Drop(std::string_view name, Done done) {
  dropping_.emplace(name, std::move(done));
  const std::string kept(name);
  directory_.Remove(kept);
  shard_->ReleaseTenant(kept);
}

void LocalAuthority::Move(std::string_view, std::optional<supervisor::ShardIndex>, Done done) {
  done("there is no other shard: the server runs with shards = 0");
}

}  // namespace shredder::server
