// What the load generator reaches a server by: the kernel's sockets, or a network card of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/bench/load_connection.h"

namespace shredder::bench {

class LoadNetwork {
 public:
  virtual ~LoadNetwork() = default;
  // A connection that is established, called by this index. Those before it go on being called by
  // theirs, until they are gone.
  virtual std::unique_ptr<LoadConnection> Connect(uint16_t port, size_t index) = 0;
  // Waits at most so long, 0: not at all; puts the indices of connections with which something has
  // happened into `ready`, each once.
  virtual void Wait(int64_t wait_ns, std::vector<size_t>* ready) = 0;
};

// To an IPv4 address.
std::unique_ptr<LoadNetwork> OpenSocketNetwork(const std::string& server);

struct CardOptions {
  std::string device;   // of DPDK's
  std::string address;  // of this end, in a network of 24 bits
  std::string server;   // its IPv4 address
  int core = -1;
  size_t memory_mb = 256;
};
// Over a card of this process's own, by DPDK; polls it without a pause.
std::unique_ptr<LoadNetwork> OpenCardNetwork(const CardOptions& options);

}  // namespace shredder::bench
