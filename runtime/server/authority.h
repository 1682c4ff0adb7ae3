// What a shard asks of, and tells, who has the directory of all tenants: the supervisor, or, where
// one process is everything, that process itself.
//
// Thread: the shard's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/control/messages.h"
#include "runtime/resp/reply_writer.h"
#include "runtime/server/tenant.h"

namespace shredder::server {

class Authority {
 public:
  virtual ~Authority() = default;

  // Whether the digest is that of a password of the tenant. Nothing where the answer comes later,
  // through Shard::OnAnswer. `connection` is the asking connection's id.
  virtual std::optional<control::AuthenticationAnswer> Authenticate(uint64_t connection,
                                                                    std::string_view tenant,
                                                                    std::string_view digest) = 0;
  // The reply to a TENANT command, or nothing where it comes later, through Shard::OnTenantReply.
  virtual std::optional<std::string> ExecuteTenantCommand(
      uint64_t connection, const Tenant& caller, resp::Protocol protocol,
      std::span<const std::string_view> args) = 0;
  // A library was loaded, or deleted where there is no `record` (library_record.h); before the
  // client is told.
  virtual void OnLibraryChanged(const Tenant& tenant, std::string_view library,
                                std::optional<std::string_view> record) = 0;
  // The store that the tenant has is also in the memory of `fd`, and will be there alone. False
  // where the next process could not have it.
  virtual bool OnMemoryMoved(const Tenant& tenant, int fd) = 0;
  // Nothing of what stores have left is looked at any more.
  virtual void OnSlotsLeft() = 0;
  // A connection leaves for another shard.
  virtual void HandOver(control::HandOver state, net::UniqueFd fd, std::string bytes) = 0;
  // A tenant that the shard was told to release is gone from it, and its memory unmapped.
  virtual void OnReleased(std::string_view tenant) = 0;
};

}  // namespace shredder::server
