// The lines that say why there is no device: what is wrong, with what, and what to do. Made of what
// was found out, so that those of failures that no test can bring about are tested as well.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/net/dpdk/device_name.h"

namespace shredder::net::dpdk {

// What the kernel says of hugepages, of all sizes together.
struct HugePageFacts {
  uint64_t total_mb = 0;
  uint64_t free_mb = 0;
};
std::string TooFewHugePages(uint64_t needed_mb, const HugePageFacts& facts);

struct PciFacts {
  bool exists = false;
  bool allowed = true;     // EAL looks at PCI devices in this process
  std::string driver;      // that has the device; empty: none
  std::string interface;   // the kernel's, while it is the kernel's; empty: none
  bool has_iommu = false;  // the device is in a group of the IOMMU's
  int vfio_errno = 0;      // of opening the group in /dev/vfio; 0: it opens
};
std::string PciFailure(const std::string& address, const PciFacts& facts,
                       const std::string& eal_error);

struct InterfaceFacts {
  bool exists = false;
  bool up = false;
  bool may_bpf = false;  // CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN
  bool may_raw = false;  // CAP_NET_RAW
};
std::string AfXdpFailure(const DeviceName& device, const InterfaceFacts& facts,
                         const std::string& eal_error);

// `socket_in_use`: another process listens on it.
std::string MemifFailure(const DeviceName& device, bool socket_in_use,
                         const std::string& eal_error);

// `cores` as in "0-1".
std::string CoreFailure(int core, const std::string& cores);
std::string EalFailure(const std::string& eal_error);
std::string LinkFailure(const std::string& device, uint32_t waited_ms);
// One step of preparing a device that is there.
std::string SetupFailure(const std::string& device, const std::string& step, int error,
                         const std::string& eal_error);

}  // namespace shredder::net::dpdk
