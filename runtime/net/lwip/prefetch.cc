#include "runtime/net/lwip/prefetch.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "lwip/ip_addr.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "runtime/prefetch.h"

namespace shredder::net::lwip {
namespace {

// An allocation's own record, which is before it, and is written when it is freed.
constexpr size_t kAllocationRecordBytes = 16;

// So many other connections of its bucket are looked at before a segment's own.
constexpr int kMaxOthers = 2;

// What is looked for: the connection of a bucket that has these ports.
struct Wanted {
  tcp_pcb* const* bucket = nullptr;  // null: nothing
  uint16_t local_port = 0;
  uint16_t remote_port = 0;

  bool Is(const tcp_pcb& pcb) const {
    return pcb.remote_port == remote_port && pcb.local_port == local_port;
  }
};

// The connection that a segment is of; nothing where the frame is something else, or has options of
// IP's.
Wanted WantedFor(const pbuf& frame) {
  const auto* const bytes = static_cast<const uint8_t*>(frame.payload);
  const auto u16_at = [bytes](size_t at) {
    uint16_t value;
    std::memcpy(&value, bytes + at, sizeof value);
    return lwip_ntohs(value);
  };
  if (frame.len < SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN) return {};
  ip_addr_t source, destination;
  size_t tcp = SIZEOF_ETH_HDR;
  if (u16_at(offsetof(eth_hdr, type)) == ETHTYPE_IP) {
    ip_hdr header;
    std::memcpy(&header, bytes + SIZEOF_ETH_HDR, sizeof header);
    if (IPH_HL_BYTES(&header) != IP_HLEN || IPH_PROTO(&header) != IP_PROTO_TCP) return {};
    ip_addr_copy_from_ip4(source, header.src);
    ip_addr_copy_from_ip4(destination, header.dest);
    tcp += IP_HLEN;
  } else if (u16_at(offsetof(eth_hdr, type)) == ETHTYPE_IPV6) {
    ip6_hdr header;
    if (frame.len < SIZEOF_ETH_HDR + sizeof header + TCP_HLEN) return {};
    std::memcpy(&header, bytes + SIZEOF_ETH_HDR, sizeof header);
    if (IP6H_NEXTH(&header) != IP6_NEXTH_TCP) return {};
    ip_addr_copy_from_ip6_packed(source, header.src);
    ip_addr_copy_from_ip6_packed(destination, header.dest);
    tcp += sizeof header;
  } else {
    return {};
  }
  const uint16_t local_port = u16_at(tcp + offsetof(tcp_hdr, dest));
  const uint16_t remote_port = u16_at(tcp + offsetof(tcp_hdr, src));
  return {tcp_pcb_bucket(&destination, local_port, &source, remote_port), local_port, remote_port};
}

}  // namespace

// Each pass reads what the one before has asked for, by when most of it has come.
void PrefetchConnections(std::span<pbuf* const> frames, void (*prefetch_arg)(const void* arg)) {
  frames = frames.first(std::min(frames.size(), kMaxPrefetchedFrames));
  std::array<Wanted, kMaxPrefetchedFrames> wanted;
  std::array<const tcp_pcb*, kMaxPrefetchedFrames> pcbs;
  std::array<const tcp_seg*, kMaxPrefetchedFrames> segments;
  for (size_t i = 0; i < frames.size(); i++) {
    wanted[i] = WantedFor(*frames[i]);
    if (wanted[i].bucket != nullptr) __builtin_prefetch(wanted[i].bucket);
  }
  for (size_t i = 0; i < frames.size(); i++) {
    pcbs[i] = wanted[i].bucket == nullptr ? nullptr : *wanted[i].bucket;
    if (pcbs[i] != nullptr) PrefetchBytes(pcbs[i], sizeof(tcp_pcb));
  }
  for (int others = 0; others < kMaxOthers; others++) {
    for (size_t i = 0; i < frames.size(); i++) {
      if (pcbs[i] == nullptr || wanted[i].Is(*pcbs[i])) continue;
      pcbs[i] = pcbs[i]->hash_next;
      if (pcbs[i] != nullptr) PrefetchBytes(pcbs[i], sizeof(tcp_pcb));
    }
  }
  for (size_t i = 0; i < frames.size(); i++) {
    segments[i] = pcbs[i] == nullptr ? nullptr : pcbs[i]->unacked;
    if (segments[i] != nullptr) PrefetchBytes(segments[i], sizeof(tcp_seg));
    if (pcbs[i] != nullptr && pcbs[i]->callback_arg != nullptr) prefetch_arg(pcbs[i]->callback_arg);
  }
  for (size_t i = 0; i < frames.size(); i++) {
    if (segments[i] == nullptr || segments[i]->p == nullptr) continue;
    const auto* const buffer = reinterpret_cast<const char*>(segments[i]->p);
    PrefetchBytes(buffer - kAllocationRecordBytes, kAllocationRecordBytes + sizeof(pbuf));
    __builtin_prefetch(segments[i]->tcphdr);  // in the buffer
  }
}

}  // namespace shredder::net::lwip
