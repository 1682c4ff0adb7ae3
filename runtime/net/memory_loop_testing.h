// For the tests of the event loop: a loop with connections that are pipes in memory, beside those
// over sockets. It polls them, and takes and gives bytes in pieces of many sizes.
#pragma once

#include <memory>
#include <string>

#include "runtime/net/loop_testing.h"

namespace shredder::net {

// Clients may be used from other threads than the loop's.
class MemoryNetwork final : public TestNetwork {
 public:
  static std::unique_ptr<TestNetwork> Make() { return std::make_unique<MemoryNetwork>(); }
  MemoryNetwork();
  ~MemoryNetwork() override;

  // Takes clients until StopListening.
  std::unique_ptr<EventLoop> CreateLoop(const EventLoopOptions& options, ConnectionHandler* handler,
                                        std::string* error) override;
  TestClient Connect() override;
  std::string peer_prefix() const override { return "memory:"; }

 private:
  struct Wire;

  const std::shared_ptr<Wire> wire_;

  friend class MemoryLoop;
  friend class MemoryPeer;
};

}  // namespace shredder::net
