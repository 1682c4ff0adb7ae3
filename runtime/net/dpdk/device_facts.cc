#include "runtime/net/dpdk/device_facts.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/net/socket.h"

namespace shredder::net::dpdk {
namespace {

namespace fs = std::filesystem;

// The name of what a link of sysfs points to; empty where there is none.
std::string LinkedName(const fs::path& link) {
  std::error_code failed;
  return fs::read_symlink(link, failed).filename();
}

bool HasCapability(unsigned capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;  // let the device itself say
  return (data[capability / 32].effective >> capability % 32 & 1) != 0;
}

// As the kernel lists it: a connection, even one that goes at once, disturbs the driver at the
// other end.
bool IsListenedOn(const std::string& path) {
  std::ifstream sockets("/proc/net/unix");
  std::string line;
  while (std::getline(sockets, line)) {
    // "0000...: 00000002 00000000 00010000 0005 01 1234 /path"
    if (line.ends_with(" " + path) && line.find(" 00010000 ") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

PciFacts ReadPci(const std::string& address) {
  const fs::path device = fs::path("/sys/bus/pci/devices") / address;
  std::error_code failed;
  PciFacts facts;
  facts.exists = fs::exists(device, failed);
  if (!facts.exists) return facts;
  facts.driver = LinkedName(device / "driver");
  for (const auto& each : fs::directory_iterator(device / "net", failed)) {
    facts.interface = each.path().filename();
  }
  const std::string group = LinkedName(device / "iommu_group");
  facts.has_iommu = !group.empty();
  if (facts.has_iommu && facts.driver == "vfio-pci") {
    const std::string file = "/dev/vfio/" + group;
    const UniqueFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid()) facts.vfio_errno = errno;
  }
  return facts;
}

InterfaceFacts ReadInterface(const std::string& name) {
  InterfaceFacts facts;
  facts.exists = if_nametoindex(name.c_str()) != 0;
  // Asked of the network namespace of the process, which a mounted sysfs need not be of.
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  facts.up = ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
  facts.may_bpf =
      HasCapability(CAP_SYS_ADMIN) || (HasCapability(CAP_BPF) && HasCapability(CAP_NET_ADMIN));
  facts.may_raw = HasCapability(CAP_NET_RAW);
  return facts;
}

bool IsVirtualInterface(const std::string& name) {
  std::error_code failed;
  return !fs::exists(fs::path("/sys/class/net") / name / "device", failed);
}

bool PrepareSocket(const DeviceName& device) {
  if (device.kind != DeviceKind::kMemif || device.Argument("role") != "server" ||
      device.Argument("socket-abstract") != "no") {
    return false;
  }
  const std::string path = device.Argument("socket").value_or("");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  struct stat status;
  if (path.empty() || path.size() >= sizeof address.sun_path || lstat(path.c_str(), &status) != 0 ||
      !S_ISSOCK(status.st_mode)) {
    return false;
  }
  if (IsListenedOn(path)) return true;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool refused =
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
  if (!refused || errno == EAGAIN) return true;
  if (errno == ECONNREFUSED) unlink(path.c_str());
  return false;
}

}  // namespace shredder::net::dpdk
