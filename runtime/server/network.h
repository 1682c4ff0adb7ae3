// What a server's connections come in by: the kernel alone, or a network card of the process's own
// beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/config/config.h"
#include "runtime/net/event_loop.h"

namespace shredder::net {
class BypassLoop;
namespace lwip {
class PacketDevice;
}
}  // namespace shredder::net

namespace shredder::server {

class ServerNetwork {
 public:
  // Of the process that is the shard. Null with a one-line reason in *error. Where the network is a
  // card and a core is named, the calling thread ends on that core, and threads that it makes later
  // begin there: those of V8 come first.
  static std::unique_ptr<ServerNetwork> Open(const config::ServerConfig& config, uint32_t shard,
                                             const net::EventLoopOptions& options,
                                             std::string* error);
  ~ServerNetwork();
  ServerNetwork(const ServerNetwork&) = delete;
  ServerNetwork& operator=(const ServerNetwork&) = delete;

  net::EventLoop* loop() const { return loop_.get(); }
  // Null where the network is the kernel's.
  const net::BypassLoop* bypass() const { return bypass_; }
  // Has the card's connections served, at the configuration's addresses and port; nothing where
  // there is no card. The handler outlives this.
  bool Listen(net::ConnectionHandler* handler, std::string* error);
  // Where the card's connections are served, for the log; empty: there is no card.
  const std::string& place() const { return place_; }

 private:
  ServerNetwork();

  std::unique_ptr<net::lwip::PacketDevice> device_;  // outlives the loop
  std::unique_ptr<net::EventLoop> loop_;
  net::BypassLoop* bypass_ = nullptr;
  uint16_t port_ = 0;
  std::string place_;
};

}  // namespace shredder::server
