// Opening a device: what it is asked to do, by what it offers.

#include <rte_cycles.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "runtime/net/dpdk/device_facts.h"
#include "runtime/net/dpdk/dpdk_device.h"
#include "runtime/net/dpdk/eal.h"
#include "runtime/net/dpdk/eal_log.h"
#include "runtime/net/dpdk/ethdev.h"

namespace shredder::net::dpdk {

namespace {

constexpr uint16_t kRingFrames = 4096;
// IPv6 works over no less; more is no jumbo frame.
constexpr uint16_t kMinMtu = 1280;
constexpr uint16_t kMaxMtu = 9216;
constexpr uint16_t kMaxVlan = 4094;

constexpr uint64_t kReceiveChecksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
constexpr uint64_t kSendChecksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;

bool CheckOptions(const DpdkOptions& options, std::string* error) {
  if (options.mtu < kMinMtu || options.mtu > kMaxMtu) {
    *error = "the MTU is " + std::to_string(options.mtu) + ", but must be from " +
             std::to_string(kMinMtu) + " to " + std::to_string(kMaxMtu) +
             ": 1500, unless the network has another";
    return false;
  }
  if (options.vlan && (*options.vlan == 0 || *options.vlan > kMaxVlan)) {
    *error = "the VLAN is " + std::to_string(*options.vlan) + ", but must be from 1 to " +
             std::to_string(kMaxVlan);
    return false;
  }
  return true;
}

std::string MacText(const std::array<uint8_t, 6>& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                mac[4], mac[5]);
  return text;
}

}  // namespace

class PortSetup {
 public:
  PortSetup(const DpdkOptions& options, const DeviceName& name, const Eal& eal, DpdkDevice& device)
      : options_(options), name_(name), eal_(eal), device_(device) {}

  bool Run(std::string* error) {
    ClearEalLog();
    if (!Configure() || !SetMtu() || !SetQueues() || !Start() || !WaitForLink()) {
      *error = error_;
      return false;
    }
    device_.description_ = Description();
    return true;
  }

 private:
  bool Check(int result, const std::string& step) {
    if (result == 0) return true;
    error_ = SetupFailure(name_.name, step, result, EalError());
    return false;
  }

  bool Configure() {
    if (!Check(rte_eth_dev_info_get(device_.port_, &info_), "it does not say what it can do")) {
      return false;
    }
    device_.vlan_ = options_.vlan;
    device_.mtu_ = options_.mtu;
    ChooseChecksums();
    rte_eth_conf conf{};
    // A memif's frames span buffers of its rings; it knows no MTU, and refuses any but the usual.
    conf.rxmode.mtu = name_.kind == DeviceKind::kMemif ? RTE_ETHER_MTU : options_.mtu;
    const auto ask = [](uint64_t offered, uint64_t wanted, uint64_t& asked) {
      if ((offered & wanted) != wanted) return false;
      asked |= wanted;
      return true;
    };
    if (device_.offloads_checksums_) {
      conf.rxmode.offloads |= kReceiveChecksums;
      conf.txmode.offloads |= kSendChecksums;
    }
    if (options_.vlan) {
      device_.strips_vlan_ =
          ask(info_.rx_offload_capa, RTE_ETH_RX_OFFLOAD_VLAN_STRIP, conf.rxmode.offloads);
      device_.inserts_vlan_ =
          ask(info_.tx_offload_capa, RTE_ETH_TX_OFFLOAD_VLAN_INSERT, conf.txmode.offloads);
    }
    if (options_.mtu > RTE_ETHER_MTU) {
      ask(info_.rx_offload_capa, RTE_ETH_RX_OFFLOAD_SCATTER, conf.rxmode.offloads);
      ask(info_.tx_offload_capa, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, conf.txmode.offloads);
    }
    receive_offloads_ = conf.rxmode.offloads;
    send_offloads_ = conf.txmode.offloads;
    return Check(rte_eth_dev_configure(device_.port_, 1, 1, &conf),
                 "it refuses one queue with an MTU of " + std::to_string(options_.mtu));
  }

  void ChooseChecksums() {
    if (options_.checksums) {
      device_.checksums_ = *options_.checksums;
      return;
    }
    switch (name_.kind) {
      case DeviceKind::kMemif:
        device_.checksums_ = lwip::Checksums::kNone;
        break;
      case DeviceKind::kAfXdp:
        device_.checksums_ = IsVirtualInterface(*name_.Argument("iface"))
                                 ? lwip::Checksums::kGenerateOnly
                                 : lwip::Checksums::kSoftware;
        break;
      case DeviceKind::kPci:
        device_.offloads_checksums_ =
            (info_.rx_offload_capa & kReceiveChecksums) == kReceiveChecksums &&
            (info_.tx_offload_capa & kSendChecksums) == kSendChecksums;
        device_.checksums_ =
            device_.offloads_checksums_ ? lwip::Checksums::kNone : lwip::Checksums::kSoftware;
        break;
    }
  }

  bool SetMtu() {
    if (name_.kind == DeviceKind::kMemif) return true;
    const int result = rte_eth_dev_set_mtu(device_.port_, options_.mtu);
    // Some have none to set, and take the usual one.
    if (result == -ENOTSUP && options_.mtu == RTE_ETHER_MTU) return true;
    return Check(result, "it refuses an MTU of " + std::to_string(options_.mtu));
  }

  bool SetQueues() {
    receive_frames_ = send_frames_ = kRingFrames;
    if (!Check(rte_eth_dev_adjust_nb_rx_tx_desc(device_.port_, &receive_frames_, &send_frames_),
               "it refuses any size of its rings")) {
      return false;
    }
    const auto node = static_cast<unsigned>(rte_eth_dev_socket_id(device_.port_));
    rte_eth_rxconf receive = info_.default_rxconf;
    receive.offloads = receive_offloads_;
    rte_eth_txconf send = info_.default_txconf;
    send.offloads = send_offloads_;
    return Check(rte_eth_rx_queue_setup(device_.port_, 0, receive_frames_, node, &receive,
                                        eal_.pool()),
                 "it makes no queue to receive") &&
           Check(rte_eth_tx_queue_setup(device_.port_, 0, send_frames_, node, &send),
                 "it makes no queue to send");
  }

  bool Start() {
    device_.is_memif_ = name_.kind == DeviceKind::kMemif;
    device_.is_client_ = device_.is_memif_ && name_.Argument("role") != "server";
    const int result = rte_eth_dev_start(device_.port_);
    // A client may be there before its server.
    device_.started_ = result == 0;
    device_.next_look_ = rte_rdtsc() + rte_get_tsc_hz();
    if (!device_.is_client_ && !Check(result, "it does not start")) return false;
    // Neighbours of IPv6 are asked for by multicast; a device in software receives it anyhow.
    rte_eth_allmulticast_enable(device_.port_);
    rte_eth_stats_reset(device_.port_);
    rte_ether_addr address{};
    if (!Check(rte_eth_macaddr_get(device_.port_, &address), "it has no address")) return false;
    std::copy_n(address.addr_bytes, device_.mac_.size(), device_.mac_.begin());
    return true;
  }

  bool WaitForLink() {
    if (name_.kind == DeviceKind::kMemif) return true;
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(options_.link_wait_ms);
    while (!device_.LinkUp()) {
      if (Clock::now() >= end) {
        error_ = LinkFailure(name_.name, options_.link_wait_ms);
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  std::string Description() const {
    std::string text = name_.name + ", driver " + info_.driver_name + ", " + MacText(device_.mac_) +
                       ", MTU " + std::to_string(device_.mtu_);
    if (options_.vlan) text += ", VLAN " + std::to_string(*options_.vlan);
    if (name_.kind != DeviceKind::kMemif) {
      text +=
          ", rings of " + std::to_string(receive_frames_) + " and " + std::to_string(send_frames_);
    }
    if (device_.offloads_checksums_) {
      text += ", checksums by the device";
    } else if (device_.checksums_ == lwip::Checksums::kNone) {
      text += ", no checksums";
    } else if (device_.checksums_ == lwip::Checksums::kGenerateOnly) {
      text += ", checksums not checked";
    } else {
      text += ", checksums in software";
    }
    text += ", " + eal_.memory();
    const int node = rte_eth_dev_socket_id(device_.port_);
    if (node >= 0 && node != static_cast<int>(rte_socket_id())) {
      text += ", on NUMA node " + std::to_string(node) + " while this thread is on " +
              std::to_string(rte_socket_id());
    }
    return text;
  }

  const DpdkOptions& options_;
  const DeviceName& name_;
  const Eal& eal_;
  DpdkDevice& device_;
  rte_eth_dev_info info_{};
  uint64_t receive_offloads_ = 0;
  uint64_t send_offloads_ = 0;
  uint16_t receive_frames_ = 0;
  uint16_t send_frames_ = 0;
  std::string error_;
};

std::unique_ptr<DpdkDevice> DpdkDevice::Open(const DpdkOptions& options, std::string* error) {
  const std::optional<DeviceName> name = ParseDevice(options.device, error);
  if (!name || !CheckOptions(options, error)) return nullptr;
  Eal* const eal = Eal::Ensure(options, *name, error);
  if (eal == nullptr) return nullptr;
  uint16_t port = 0;
  if (!eal->Attach(*name, &port, error)) return nullptr;
  // From here on the destructor gives the port back.
  std::unique_ptr<DpdkDevice> device(new DpdkDevice);
  device->name_ = name->name;
  device->port_ = port;
  device->pool_ = eal->pool();
  if (!PortSetup(options, *name, *eal, *device).Run(error)) return nullptr;
  return device;
}

}  // namespace shredder::net::dpdk
