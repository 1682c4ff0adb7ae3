#include "runtime/net/dpdk/failures.h"

#include <cerrno>
#include <cstring>

namespace shredder::net::dpdk {
namespace {

// " (DPDK: ...)"
std::string Reason(const std::string& eal_error) {
  return eal_error.empty() ? "" : " (DPDK: " + eal_error + ")";
}

}  // namespace

std::string TooFewHugePages(uint64_t needed_mb, const HugePageFacts& facts) {
  const std::string found = facts.total_mb == 0
                                ? "there are none"
                                : std::to_string(facts.free_mb) + " MiB of " +
                                      std::to_string(facts.total_mb) + " MiB are free";
  // Those that others hold stay theirs: so many are needed besides.
  const uint64_t pages = (facts.total_mb - facts.free_mb + needed_mb + 1) / 2;
  return std::to_string(needed_mb) + " MiB of hugepages are needed, but " + found +
         ": sysctl vm.nr_hugepages=" + std::to_string(pages) + ", or less memory-mb";
}

std::string PciFailure(const std::string& address, const PciFacts& facts,
                       const std::string& eal_error) {
  if (!facts.exists) {
    return "there is no PCI device " + address + ": lspci -D lists those that there are";
  }
  if (!facts.allowed) {
    return address + " cannot be opened: this process has started DPDK without PCI devices, for " +
           "the device that it opened first";
  }
  const std::string bind = "dpdk-devbind.py --bind=vfio-pci " + address;
  if (facts.driver.empty()) {
    return address + " has no driver: modprobe vfio-pci && " + bind;
  }
  if (facts.driver == "vfio-pci") {
    if (!facts.has_iommu) {
      return address + " has no IOMMU: switch it on (intel_iommu=on or amd_iommu=on, and in the " +
             "firmware), or allow vfio without one, enable_unsafe_noiommu_mode=1";
    }
    if (facts.vfio_errno == EBUSY) {
      return address + " is in use by another process: end that first";
    }
    if (facts.vfio_errno == EACCES || facts.vfio_errno == EPERM) {
      return "no right to open " + address + ": its group's file in /dev/vfio has to belong to " +
             "the user of the process";
    }
    return address + " does not start" + Reason(eal_error);
  }
  // Drivers of Mellanox's stay with the kernel, beside DPDK's.
  if (facts.driver == "mlx5_core") {
    return address + " does not start beside mlx5_core: it needs rdma-core, and the right to " +
           "/dev/infiniband" + Reason(eal_error);
  }
  const std::string whose = facts.interface.empty() ? "" : ", as " + facts.interface;
  return address + " belongs to the kernel's driver " + facts.driver + whose +
         ": unless it is what this machine is reached by, " + bind;
}

std::string AfXdpFailure(const DeviceName& device, const InterfaceFacts& facts,
                         const std::string& eal_error) {
  const std::string interface = device.Argument("iface").value_or("");
  if (!facts.exists) {
    return device.name + ": there is no network interface " + interface +
           ": ip link lists those that there are";
  }
  if (!facts.up) {
    return device.name + ": " + interface + " is down: ip link set " + interface + " up";
  }
  if (!facts.may_bpf || !facts.may_raw) {
    return device.name + ": AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF: run as root, or " +
           "setcap cap_net_admin,cap_net_raw,cap_bpf+ep on the executable";
  }
  return device.name + " cannot use " + interface + Reason(eal_error) +
         ": another program may have its queue, or its driver not know XDP";
}

std::string MemifFailure(const DeviceName& device, bool socket_in_use,
                         const std::string& eal_error) {
  if (socket_in_use) {
    return device.name + ": another process listens on " +
           device.Argument("socket").value_or("its socket") + ": end it, or name another socket";
  }
  const auto socket = device.Argument("socket");
  return device.name + (socket ? " with the socket " + *socket : "") + " is refused" +
         Reason(eal_error) +
         ": see that its arguments are a memif's, and that the socket's folder " +
         "is there and this user's";
}

std::string CoreFailure(int core, const std::string& cores) {
  return "there is no core " + std::to_string(core) + " for this process: name one of " + cores;
}

std::string EalFailure(const std::string& eal_error) {
  return "DPDK does not start" + Reason(eal_error) + ": see to it, or to the arguments in eal";
}

std::string LinkFailure(const std::string& device, uint32_t waited_ms) {
  return device + " has no link after " + std::to_string(waited_ms) +
         " ms: see to the cable, the switch's port, or the interface's other end";
}

std::string SetupFailure(const std::string& device, const std::string& step, int error,
                         const std::string& eal_error) {
  return device + ": " + step + ": " + std::strerror(error < 0 ? -error : error) +
         Reason(eal_error);
}

}  // namespace shredder::net::dpdk
