// The shard's end of its channel to the supervisor.
//
// Thread: the shard's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/control/channel.h"
#include "runtime/server/authority.h"
#include "runtime/server/shard.h"
#include "runtime/store/store_pool.h"

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
                        std::optional<std::string_view> record) override;
  bool OnMemoryMoved(const Tenant& tenant, int fd) override;
  void OnSlotsLeft() override;
  void HandOver(control::HandOver state, net::UniqueFd fd, std::string bytes) override;
  void OnReleased(std::string_view tenant) override;

 private:
  // False where the supervisor is gone.
  bool Tell(control::Message message);
  void AddPool(control::Message message, Shard& shard);
  void AddTenant(control::Message message, Shard& shard);

  control::Channel* const channel_;
  // By the supervisor's numbers. Outlive the shard's tenants.
  std::map<int64_t, std::unique_ptr<store::StorePool>> pools_;
};

}  // namespace shredder::server
