// A connection over a socket of the kernel, whichever way its events are heard of.
#pragma once

#include <span>
#include <utility>

#include "runtime/net/loop_connection.h"
#include "runtime/net/socket.h"

namespace shredder::net {

struct SocketConnection : public LoopConnection {
  SocketConnection(LoopBase* its_loop, UniqueFd its_fd)
      : LoopConnection(its_loop), fd(std::move(its_fd)) {}

  // Each with one system call. The kernel never reads memory of ours outside of it.
  Moved Send(std::span<const iovec> parts) override;
  Moved Receive(std::span<const iovec> parts) override;
  void ShutdownSending() override;
  bool IsReleasable() const override { return true; }
  UniqueFd TakeDescriptor() override { return std::move(fd); }

  UniqueFd fd;
};

}  // namespace shredder::net
