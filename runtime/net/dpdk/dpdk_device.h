// Frames by DPDK: a network card taken from the kernel, an AF_XDP socket beside it, or rings in
// memory that two processes share (memif).
//
// DPDK's environment layer (EAL) is one a process: the first Open starts it, and says with its
// options how much memory there is; it stays until the process ends, which must not fork after
// that. Everything here belongs to the thread that opens the device, which polls it.
//
// Order of things where a core is asked for: the thread that calls Open ends on that core, and
// threads that it makes later begin there. So whatever has threads of its own (V8's platform, a
// watchdog) is started before Open, or gives its threads another affinity. EAL's own threads keep
// off the core, unless the process may run on no other.
//
// A memif peer is trusted as the process itself: DPDK's driver believes the descriptors that the
// peer writes into shared memory. Whoever may open the socket may be anybody in this process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/net/lwip/device.h"

struct rte_mbuf;
struct rte_mempool;

namespace shredder::net::dpdk {

enum class HugePages {
  kAutomatic,  // where enough are free; a device in software does without, and says so
  kRequired,
  kNone,
};

struct DpdkOptions {
  // "net_memif0,role=server,socket=/run/shredder/memif,socket-abstract=no",
  // "net_af_xdp0,iface=eth1", or a PCI address, "0000:03:00.1". A memif gets rsize=12, rings of
  // 4,096 frames, where it says nothing else.
  std::string device;
  int core = -1;           // that the calling thread is to be confined to; -1: as it is
  size_t memory_mb = 256;  // of all devices of the process
  HugePages huge_pages = HugePages::kAutomatic;
  std::vector<std::string> eal;  // more arguments of EAL's, passed on as they are
  uint16_t mtu = 1500;
  std::optional<uint16_t> vlan;  // frames of this one alone; tags are put on and taken off here
  // Other than the device's kind suggests: none over memif, generated alone where the kernel at the
  // other end of a veth pair leaves them out, the card's own where it offers all, else software.
  std::optional<lwip::Checksums> checksums;
  // How long Open waits for a link to come up. A memif's is up when its peer is there, for which
  // nobody waits.
  uint32_t link_wait_ms = 10'000;
};

// One queue in each direction.
class DpdkDevice final : public lwip::PacketDevice {
 public:
  // Null with one line in *error that says what is wrong, and what to do.
  static std::unique_ptr<DpdkDevice> Open(const DpdkOptions& options, std::string* error);
  // Whoever uses it as a NetworkDevice goes first. Frames that were received from it may outlive
  // it: their buffers are the process's.
  ~DpdkDevice() override;
  DpdkDevice(const DpdkDevice&) = delete;
  DpdkDevice& operator=(const DpdkDevice&) = delete;

  bool Transmit(pbuf& frame) override;
  size_t Receive(std::span<pbuf*> frames) override;
  void Flush() override;
  lwip::DeviceCounters counters() const override;
  std::array<uint8_t, 6> mac() const override { return mac_; }
  uint16_t mtu() const override { return mtu_; }
  lwip::Checksums checksums() const override { return checksums_; }
  std::string description() const override { return description_; }

  // Whether there is a link; of a memif, whether its peer is there. A client's Flush looks for its
  // server once a second while it is not.
  bool LinkUp() const;
  // Frames that Transmit has taken, and the device not yet.
  size_t queued() const { return queued_; }
  // Buffers that are free for frames, of all devices of the process.
  size_t free_buffers() const;

  // Frames that wait for room in the device, at most.
  static constexpr size_t kQueueFrames = 4096;

 private:
  friend class PortSetup;
  DpdkDevice() = default;
  pbuf* Accept(rte_mbuf* frame);
  void Reconnect();

  std::string name_;
  uint16_t port_ = 0;
  rte_mempool* pool_ = nullptr;
  std::array<uint8_t, 6> mac_{};
  uint16_t mtu_ = 0;
  lwip::Checksums checksums_ = lwip::Checksums::kSoftware;
  bool offloads_checksums_ = false;
  std::optional<uint16_t> vlan_;
  bool strips_vlan_ = false;   // the device does
  bool inserts_vlan_ = false;  // likewise
  std::string description_;
  bool is_memif_ = false;
  // One that is its client, whose driver looks for its server when it is started, and then no more.
  bool is_client_ = false;
  bool started_ = true;  // while it is not, bursts are forbidden
  uint64_t next_look_ = 0;

  // A ring: `queued_` frames from `first_` on.
  std::vector<rte_mbuf*> queue_ = std::vector<rte_mbuf*>(kQueueFrames);
  // Their bytes: where frames have waited for room, they are in no cache themselves.
  std::vector<uint32_t> queue_bytes_ = std::vector<uint32_t>(kQueueFrames);
  size_t first_ = 0;
  size_t queued_ = 0;
  uint64_t received_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t sent_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t without_memory_ = 0;
  uint64_t damaged_ = 0;
  uint64_t unsent_ = 0;
};

}  // namespace shredder::net::dpdk
