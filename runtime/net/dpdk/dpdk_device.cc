#include "runtime/net/dpdk/dpdk_device.h"

#include <rte_cycles.h>

#include <algorithm>

#include "runtime/net/dpdk/eal.h"
#include "runtime/net/dpdk/ethdev.h"
#include "runtime/net/dpdk/frames.h"
#include "runtime/net/dpdk/memif_guard.h"

namespace shredder::net::dpdk {
namespace {

constexpr size_t kBurst = 64;
constexpr uint16_t kVlanMask = 0x0fff;

bool IsDamaged(const rte_mbuf& frame) {
  return (frame.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
         (frame.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

std::unique_lock<std::mutex> LockRings(bool is_memif) {
  return is_memif ? std::unique_lock(MemifRings()) : std::unique_lock<std::mutex>();
}

}  // namespace

DpdkDevice::~DpdkDevice() {
  for (; queued_ > 0; queued_--) {
    rte_pktmbuf_free(queue_[first_]);
    first_ = (first_ + 1) % kQueueFrames;
  }
  Eal::Detach(port_);
}

bool DpdkDevice::Transmit(pbuf& frame) {
  if (queued_ == kQueueFrames) Flush();
  if (queued_ == kQueueFrames || frame.tot_len > mtu_ + RTE_ETHER_HDR_LEN) {
    unsent_++;
    return false;
  }
  rte_mbuf* const copy = CopyFrame(pool_, frame, inserts_vlan_ ? std::nullopt : vlan_);
  if (copy == nullptr) {
    unsent_++;
    return false;
  }
  if (inserts_vlan_) {
    copy->ol_flags |= RTE_MBUF_F_TX_VLAN;
    copy->vlan_tci = *vlan_;
  }
  if (offloads_checksums_) PrepareChecksums(copy);
  const size_t place = (first_ + queued_) % kQueueFrames;
  queue_[place] = copy;
  queue_bytes_[place] = copy->pkt_len;
  queued_++;
  return true;
}

void DpdkDevice::Flush() {
  if (is_client_) Reconnect();
  if (!started_) return;
  const std::unique_lock lock = LockRings(is_memif_);
  while (queued_ > 0) {
    const auto together = static_cast<uint16_t>(std::min(queued_, kQueueFrames - first_));
    const auto part = static_cast<uint16_t>(std::min<size_t>(together, kBurst));
    // Frees what it sends.
    const uint16_t sent = rte_eth_tx_burst(port_, 0, &queue_[first_], part);
    for (size_t i = 0; i < sent; i++) sent_bytes_ += queue_bytes_[first_ + i];
    sent_ += sent;
    first_ = (first_ + sent) % kQueueFrames;
    queued_ -= sent;
    if (sent < part) return;
  }
}

size_t DpdkDevice::Receive(std::span<pbuf*> frames) {
  if (!started_) return 0;
  const std::unique_lock lock = LockRings(is_memif_);
  size_t count = 0;
  while (count < frames.size()) {
    rte_mbuf* burst[kBurst];
    const auto wanted = static_cast<uint16_t>(std::min(kBurst, frames.size() - count));
    const uint16_t arrived = rte_eth_rx_burst(port_, 0, burst, wanted);
    for (size_t i = 0; i < arrived; i++) {
      if (pbuf* const frame = Accept(burst[i]); frame != nullptr) frames[count++] = frame;
    }
    if (arrived < wanted) break;
  }
  return count;
}

void DpdkDevice::Reconnect() {
  const uint64_t now = rte_rdtsc();
  if (now < next_look_) return;
  // Time for a server to answer: one whose client goes before that panics, in EAL, over the
  // descriptor that the driver has closed without taking it from EAL's list.
  next_look_ = now + rte_get_tsc_hz();
  if (LinkUp()) return;
  if (started_) rte_eth_dev_stop(port_);
  started_ = rte_eth_dev_start(port_) == 0;
}

pbuf* DpdkDevice::Accept(rte_mbuf* frame) {
  received_++;
  received_bytes_ += rte_pktmbuf_pkt_len(frame);
  if (offloads_checksums_ && IsDamaged(*frame)) {
    damaged_++;
    rte_pktmbuf_free(frame);
    return nullptr;
  }
  if (vlan_) {
    const bool stripped = (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
    const bool ours = stripped ? (frame->vlan_tci & kVlanMask) == *vlan_ : StripTag(frame, *vlan_);
    if (!ours) {
      rte_pktmbuf_free(frame);
      return nullptr;
    }
  }
  pbuf* const wrapped = WrapFrame(frame);
  if (wrapped == nullptr) {
    damaged_++;
    return nullptr;
  }
  // What a few peers have sent out of order, or nobody reads, must not take the buffers that the
  // device receives with.
  if (WrappedSegments() <= pool_->size / 2) return wrapped;
  pbuf* const copy = MoveToHeap(wrapped);
  if (copy == nullptr) without_memory_++;
  return copy;
}

lwip::DeviceCounters DpdkDevice::counters() const {
  rte_eth_stats stats{};
  rte_eth_stats_get(port_, &stats);
  // Frames and bytes are our own: a memif's begin anew with each peer.
  return {.received = received_,
          .received_bytes = received_bytes_,
          .sent = sent_,
          .sent_bytes = sent_bytes_,
          .missed = stats.imissed,
          .without_buffer = stats.rx_nombuf + without_memory_,
          .damaged = stats.ierrors + damaged_,
          .unsent = stats.oerrors + unsent_};
}

bool DpdkDevice::LinkUp() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

size_t DpdkDevice::free_buffers() const { return rte_mempool_avail_count(pool_); }

}  // namespace shredder::net::dpdk
