#include "runtime/server/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "runtime/config/network_options.h"
#include "runtime/net/bypass/bypass_loop.h"
#include "runtime/net/lwip/device.h"
#include "runtime/net/lwip/port.h"
#ifdef SHREDDER_WITH_DPDK
#include "runtime/net/dpdk/dpdk_device.h"
#endif

namespace shredder::server {
namespace {

// What the stack may allocate: of what each client could have it hold, 256 KiB in either direction,
// most hold next to nothing. Without memory it sends and receives less at a time.
constexpr size_t kLeastStackBytes = 256 << 20;
constexpr size_t kStackBytesPerClient = 64 << 10;

std::unique_ptr<net::lwip::PacketDevice> OpenDevice(const config::DpdkConfig& dpdk,
                                                    const config::DpdkPort& port,
                                                    std::string* error) {
#ifdef SHREDDER_WITH_DPDK
  net::dpdk::DpdkOptions options;
  options.device = port.device;
  if (port.core) options.core = static_cast<int>(*port.core);
  options.memory_mb = dpdk.memory_mb;
  options.mtu = static_cast<uint16_t>(dpdk.mtu);
  if (dpdk.vlan) options.vlan = static_cast<uint16_t>(*dpdk.vlan);
  options.eal = dpdk.eal;
  return net::dpdk::DpdkDevice::Open(options, error);
#else
  static_cast<void>(dpdk);
  static_cast<void>(port);
  *error =
      "network is dpdk, and this shredderd was built without it (build it by `npx shredder build "
      "--with dpdk`)";
  return nullptr;
#endif
}

std::string Netmask(unsigned prefix_bits) {
  const in_addr mask{.s_addr = htonl(~uint32_t{0} << (32 - prefix_bits))};
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &mask, text, sizeof(text));
}

}  // namespace

ServerNetwork::ServerNetwork() = default;
ServerNetwork::~ServerNetwork() = default;

std::unique_ptr<ServerNetwork> ServerNetwork::Open(const config::ServerConfig& config,
                                                   uint32_t shard,
                                                   const net::EventLoopOptions& options,
                                                   std::string* error) {
  std::unique_ptr<ServerNetwork> network(new ServerNetwork());
  const config::DpdkPort* const port = config::PortOf(config, shard);
  if (port == nullptr) {
    network->loop_ = net::EventLoop::Create(options, error);
    return network->loop_ == nullptr ? nullptr : std::move(network);
  }
  const config::DpdkConfig& dpdk = config.dpdk;
  network->device_ = OpenDevice(dpdk, *port, error);
  if (network->device_ == nullptr) return nullptr;
  net::lwip::SetMemoryLimit(
      std::max<size_t>(kLeastStackBytes, config.max_clients * kStackBytesPerClient));
  net::BypassOptions bypass;
  bypass.interface.address = port->address;
  bypass.interface.netmask = Netmask(port->prefix_bits);
  bypass.interface.gateway = dpdk.gateway;
  if (!port->address6.empty()) bypass.interface.ip6_addresses = {port->address6};
  bypass.sleeps = !dpdk.spins;
  std::unique_ptr<net::BypassLoop> loop =
      net::BypassLoop::Create(options, bypass, network->device_.get(), error);
  if (loop == nullptr) return nullptr;
  network->bypass_ = loop.get();
  network->loop_ = std::move(loop);
  network->port_ = config.port;
  network->place_ = fmt::format("{}:{}", port->address, config.port);
  return network;
}

bool ServerNetwork::Listen(net::ConnectionHandler* handler, std::string* error) {
  return bypass_ == nullptr || bypass_->ListenBypass(port_, handler, error);
}

}  // namespace shredder::server
