// DPDK's environment layer: one a process, from the first device until the process ends.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/net/dpdk/device_name.h"
#include "runtime/net/dpdk/dpdk_device.h"
#include "runtime/net/dpdk/failures.h"

struct rte_mempool;

namespace shredder::net::dpdk {

class Eal {
 public:
  // Started by these options where it is not yet; null with a line in *error.
  static Eal* Ensure(const DpdkOptions& options, const DeviceName& device, std::string* error);

  // Buffers for the frames of all devices.
  rte_mempool* pool() const { return pool_; }
  // "256 MiB of hugepages"
  const std::string& memory() const { return memory_; }

  // Makes the device; false with a line in *error.
  bool Attach(const DeviceName& device, uint16_t* port, std::string* error);
  static void Detach(uint16_t port);

 private:
  Eal() = default;
  bool MakePool(size_t memory_mb, std::string* error);

  rte_mempool* pool_ = nullptr;
  std::string memory_;
  bool has_pci_ = false;
};

HugePageFacts ReadHugePages();

}  // namespace shredder::net::dpdk
