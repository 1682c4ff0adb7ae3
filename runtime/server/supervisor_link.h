// The shard's end of its channel to the supervisor.
//
// Thread: the shard's.
#pragma once

#include <optional>
#include <string>

#include "runtime/control/channel.h"
#include "runtime/server/authority.h"
#include "runtime/server/shard.h"

namespace shredder::server {

class SupervisorLink final : public Authority {
 public:
  // The channel must outlive it.
  explicit SupervisorLink(control::Channel* channel) : channel_(channel) {}

  // Does what the message asks for. `shard` must outlive the link.
  void OnMessage(control::Message message, Shard& shard);
  // Takes what has arrived; false once the supervisor is gone.
  bool Receive(Shard& shard);

  std::optional<control::AuthenticationAnswer> Authenticate(uint64_t connection,
                                                            std::string_view tenant,
                                                            std::string_view digest) override;
  std::optional<std::string> ExecuteTenantCommand(uint64_t connection, const Tenant& caller,
                                                  resp::Protocol protocol,
                                                  std::span<const std::string_view> args) override;
  void OnLibraryChanged(const Tenant& tenant, std::string_view library,
                        std::optional<std::string_view> source) override;
  void HandOver(control::HandOver state, net::UniqueFd fd, std::string bytes) override;
  void OnReleased(std::string_view tenant) override;

 private:
  void AddTenant(control::Message message, Shard& shard);

  control::Channel* const channel_;
};

}  // namespace shredder::server
