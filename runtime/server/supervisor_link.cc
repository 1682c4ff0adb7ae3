#include "runtime/server/supervisor_link.h"

#include <utility>
#include <vector>

#include "runtime/config/config_json.h"

namespace shredder::server {

void SupervisorLink::OnMessage(control::Message message, Shard& shard) {
  const std::string& kind = message.kind;
  if (kind == control::AddPool::kKind) {
    AddPool(std::move(message), shard);
  } else if (kind == control::AddTenant::kKind) {
    AddTenant(std::move(message), shard);
  } else if (kind == control::SetTenant::kKind) {
    const auto set = control::Unpack<control::SetTenant>(message);
    const auto config = set ? config::TenantFromJson(set->config) : std::nullopt;
    if (config) shard.SetTenant(*config);
  } else if (kind == control::ReleaseTenant::kKind) {
    if (const auto release = control::Unpack<control::ReleaseTenant>(message)) {
      shard.ReleaseTenant(release->name);
    }
  } else if (kind == control::OpenTenant::kKind) {
    if (const auto open = control::Unpack<control::OpenTenant>(message)) {
      shard.SetOpenTenant(open->name);
    }
  } else if (kind == control::Settings::kKind) {
    const auto settings = control::Unpack<control::Settings>(message);
    const auto config = settings ? config::ServerFromJson(settings->server_config) : std::nullopt;
    if (config) shard.SetConfig(*config);
  } else if (kind == control::AuthenticationAnswer::kKind) {
    if (const auto answer = control::Unpack<control::AuthenticationAnswer>(message)) {
      shard.OnAnswer(*answer);
    }
  } else if (kind == control::TenantReply::kKind) {
    if (const auto reply = control::Unpack<control::TenantReply>(message)) {
      shard.OnTenantReply(reply->connection, std::move(message.bytes));
    }
  } else if (kind == control::HandOver::kKind) {
    auto state = control::Unpack<control::HandOver>(message);
    if (state && !message.fds.empty()) {
      shard.Adopt(std::move(*state), std::move(message.fds[0]), message.bytes);
    }
  } else {
    shard.log().error("the supervisor has sent a message of a kind that is not known: {}", kind);
  }
}

void SupervisorLink::AddPool(control::Message message, Shard& shard) {
  const auto add = control::Unpack<control::AddPool>(message);
  if (!add || message.fds.empty()) return;
  std::string error;
  auto pool = store::StorePool::Attach(message.fds[0].get(), &error);
  if (!pool) {
    shard.log().error("pool {}: {}", add->pool, error);
    return;
  }
  pools_.insert_or_assign(add->pool, std::move(pool));
}

void SupervisorLink::AddTenant(control::Message message, Shard& shard) {
  const auto add = control::Unpack<control::AddTenant>(message);
  const auto config = add ? config::TenantFromJson(add->config) : std::nullopt;
  if (!config) return;
  std::string error = "it has no memory";
  std::unique_ptr<store::Store> store;
  if (const auto pool = pools_.find(add->pool); pool != pools_.end()) {
    store = store::Store::Attach(*pool->second, add->slot, add->is_suspect, &error);
  } else if (!message.fds.empty()) {
    store = store::Store::Attach(message.fds[0].get(), add->is_suspect, &error);
  }
  if (!store) {
    shard.log().error("tenant '{}': its store cannot be attached: {}", config->name, error);
    return;
  }
  std::vector<std::string> libraries;
  size_t at = 0;
  for (const uint64_t length : add->library_bytes) {
    if (at + length > message.bytes.size()) break;
    libraries.push_back(message.bytes.substr(at, length));
    at += length;
  }
  shard.AddTenant(*config, std::move(store), libraries);
}

// Waits until the kernel has it, which then gets to the supervisor whatever becomes of this
// process. The supervisor, for its part, never waits for a shard.
bool SupervisorLink::Tell(control::Message message) {
  channel_->Send(std::move(message));
  return channel_->FlushAll();
}

bool SupervisorLink::Receive(Shard& shard) {
  for (int left = 256; left > 0; left--) {
    std::optional<control::Message> message = channel_->Receive();
    if (!message) break;
    OnMessage(std::move(*message), shard);
  }
  return channel_->open();
}

std::optional<control::AuthenticationAnswer> SupervisorLink::Authenticate(uint64_t connection,
                                                                          std::string_view tenant,
                                                                          std::string_view digest) {
  Tell(
      control::Pack(control::Authentication{connection, std::string(tenant), std::string(digest)}));
  return std::nullopt;
}

std::optional<std::string> SupervisorLink::ExecuteTenantCommand(
    uint64_t connection, const Tenant& caller, resp::Protocol protocol,
    std::span<const std::string_view> args) {
  control::TenantCommand command;
  command.connection = connection;
  command.tenant = caller.name;
  command.protocol = static_cast<int>(protocol);
  std::string bytes;
  for (const std::string_view arg : args) {
    command.argument_bytes.push_back(arg.size());
    bytes += arg;
  }
  control::Message message = control::Pack(command);
  message.bytes = std::move(bytes);
  Tell(std::move(message));
  return std::nullopt;
}

void SupervisorLink::OnLibraryChanged(const Tenant& tenant, std::string_view library,
                                      std::optional<std::string_view> record) {
  control::Message message =
      control::Pack(control::LibraryChanged{tenant.name, std::string(library)});
  if (record) message.bytes = *record;
  Tell(std::move(message));
}

bool SupervisorLink::OnMemoryMoved(const Tenant& tenant, int fd) {
  control::Message message = control::Pack(control::MemoryMoved{tenant.name});
  message.fds.push_back(net::DuplicateFd(fd));
  if (!message.fds[0].valid()) return false;
  return Tell(std::move(message));
}

void SupervisorLink::OnSlotsLeft() { Tell(control::Pack(control::SlotsLeft{})); }

void SupervisorLink::HandOver(control::HandOver state, net::UniqueFd fd, std::string bytes) {
  control::Message message = control::Pack(state);
  message.bytes = std::move(bytes);
  message.fds.push_back(std::move(fd));
  Tell(std::move(message));
}

void SupervisorLink::OnReleased(std::string_view tenant) {
  Tell(control::Pack(control::Released{std::string(tenant)}));
}

}  // namespace shredder::server
