#include "runtime/net/dpdk/frames.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <algorithm>
#include <cstring>

namespace shredder::net::dpdk {
namespace {

constexpr uint16_t kVlanMask = 0x0fff;
constexpr size_t kMacBytes = 2 * RTE_ETHER_ADDR_LEN;  // both, before the type or the tag

pbuf_custom* FrameArea(rte_mbuf* segment) {
  return static_cast<pbuf_custom*>(rte_mbuf_to_priv(segment));
}

size_t wrapped_segments = 0;

// lwIP frees a chain pbuf by pbuf, at different times where it keeps a part of it.
void FreeSegment(pbuf* p) {
  wrapped_segments--;
  // A custom pbuf begins with its pbuf, and the private area right behind the mbuf.
  rte_pktmbuf_free_seg(reinterpret_cast<rte_mbuf*>(reinterpret_cast<char*>(p) - sizeof(rte_mbuf)));
}

pbuf* WrapSegment(rte_mbuf* segment) {
  wrapped_segments++;
  pbuf_custom* const area = FrameArea(segment);
  area->custom_free_function = FreeSegment;
  const auto bytes = static_cast<u16_t>(rte_pktmbuf_data_len(segment));
  return pbuf_alloced_custom(PBUF_RAW, bytes, PBUF_REF, area, rte_pktmbuf_mtod(segment, void*),
                             bytes);
}

// Appends bytes to a frame, in further segments where one is full.
class FrameWriter {
 public:
  FrameWriter(rte_mempool* pool, rte_mbuf* frame) : pool_(pool), frame_(frame), last_(frame) {}

  bool Append(const void* bytes, size_t count) {
    const auto* from = static_cast<const uint8_t*>(bytes);
    while (count > 0) {
      const size_t room = rte_pktmbuf_tailroom(last_);
      if (room == 0) {
        if (!AddSegment()) return false;
        continue;
      }
      const auto part = static_cast<uint16_t>(std::min(room, count));
      std::memcpy(rte_pktmbuf_mtod_offset(last_, void*, last_->data_len), from, part);
      last_->data_len = static_cast<uint16_t>(last_->data_len + part);
      frame_->pkt_len += part;
      from += part;
      count -= part;
    }
    return true;
  }

 private:
  bool AddSegment() {
    rte_mbuf* const segment = rte_pktmbuf_alloc(pool_);
    if (segment == nullptr) return false;
    last_->next = segment;
    last_ = segment;
    frame_->nb_segs++;
    return true;
  }

  rte_mempool* const pool_;
  rte_mbuf* const frame_;
  rte_mbuf* last_;
};

// The bytes from `offset` on as a T, where they are in the first segment.
template <typename T>
T* HeaderAt(rte_mbuf* frame, size_t offset) {
  if (offset + sizeof(T) > rte_pktmbuf_data_len(frame)) return nullptr;
  return rte_pktmbuf_mtod_offset(frame, T*, offset);
}

// Both ICMPs have theirs behind type and code.
void SetIcmpChecksum(rte_mbuf* frame, size_t offset, uint32_t bytes, uint32_t pseudo_header) {
  auto* const checksum = HeaderAt<rte_be16_t>(frame, offset + 2);
  if (checksum == nullptr) return;
  *checksum = 0;
  uint16_t sum = 0;
  if (rte_raw_cksum_mbuf(frame, static_cast<uint32_t>(offset), bytes, &sum) != 0) return;
  const uint32_t folded = __rte_raw_cksum_reduce(sum + pseudo_header);
  *checksum = static_cast<rte_be16_t>(~folded);
}

void PrepareTcp(rte_mbuf* frame, size_t offset, uint16_t pseudo_header, uint64_t flags) {
  auto* const tcp = HeaderAt<rte_tcp_hdr>(frame, offset);
  if (tcp == nullptr) return;
  tcp->cksum = pseudo_header;
  frame->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | flags;
  frame->l4_len = static_cast<uint64_t>((tcp->data_off >> 4) * 4);
}

void PrepareIp4(rte_mbuf* frame) {
  constexpr size_t kOffset = RTE_ETHER_HDR_LEN;
  auto* const ip = HeaderAt<rte_ipv4_hdr>(frame, kOffset);
  if (ip == nullptr) return;
  const size_t header = rte_ipv4_hdr_len(ip);
  const size_t total = rte_be_to_cpu_16(ip->total_length);
  if (header < sizeof(rte_ipv4_hdr) || total < header || kOffset + total > frame->pkt_len) return;
  frame->l2_len = kOffset;
  frame->l3_len = header;
  frame->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
  ip->hdr_checksum = 0;
  if (ip->next_proto_id == IPPROTO_TCP) {
    PrepareTcp(frame, kOffset + header, rte_ipv4_phdr_cksum(ip, 0), 0);
  } else if (ip->next_proto_id == IPPROTO_ICMP) {
    SetIcmpChecksum(frame, kOffset + header, static_cast<uint32_t>(total - header), 0);
  }
}

void PrepareIp6(rte_mbuf* frame) {
  constexpr size_t kOffset = RTE_ETHER_HDR_LEN;
  auto* const ip = HeaderAt<rte_ipv6_hdr>(frame, kOffset);
  if (ip == nullptr) return;
  size_t header = sizeof(rte_ipv6_hdr);
  uint8_t protocol = ip->proto;
  const size_t total = header + rte_be_to_cpu_16(ip->payload_len);
  if (kOffset + total > frame->pkt_len) return;
  // A report of MLD has a router alert first; lwIP sends no other extension of one unit.
  if (protocol == IPPROTO_HOPOPTS) {
    const auto* const extension = HeaderAt<uint8_t[8]>(frame, kOffset + header);
    if (extension == nullptr) return;
    protocol = (*extension)[0];
    header += 8u * ((*extension)[1] + 1u);
    if (header > total) return;
  }
  frame->l2_len = kOffset;
  frame->l3_len = header;
  if (protocol == IPPROTO_TCP) {
    PrepareTcp(frame, kOffset + header, rte_ipv6_phdr_cksum(ip, 0), RTE_MBUF_F_TX_IPV6);
  } else if (protocol == IPPROTO_ICMPV6) {
    // The pseudo header counts what follows the extension.
    rte_ipv6_hdr without_extension = *ip;
    without_extension.proto = IPPROTO_ICMPV6;
    without_extension.payload_len = rte_cpu_to_be_16(static_cast<uint16_t>(total - header));
    SetIcmpChecksum(frame, kOffset + header, static_cast<uint32_t>(total - header),
                    rte_ipv6_phdr_cksum(&without_extension, 0));
  }
}

}  // namespace

uint16_t FrameAreaBytes() {
  return RTE_ALIGN_CEIL(static_cast<uint16_t>(sizeof(pbuf_custom)), RTE_MBUF_PRIV_ALIGN);
}

pbuf* WrapFrame(rte_mbuf* frame) {
  // By what the segments hold: a peer in shared memory has written the descriptors.
  size_t bytes = 0;
  for (const rte_mbuf* each = frame; each != nullptr; each = each->next) bytes += each->data_len;
  if (bytes < RTE_ETHER_HDR_LEN || bytes > kMaxFrame || frame->data_len == 0) {
    rte_pktmbuf_free(frame);
    return nullptr;
  }
  rte_mbuf* rest = frame->next;
  frame->next = nullptr;
  frame->nb_segs = 1;
  pbuf* const first = WrapSegment(frame);
  first->tot_len = static_cast<u16_t>(bytes);
  pbuf* last = first;
  while (rest != nullptr) {
    rte_mbuf* const segment = rest;
    rest = segment->next;
    segment->next = nullptr;
    segment->nb_segs = 1;
    if (segment->data_len == 0) {
      rte_pktmbuf_free_seg(segment);
      continue;
    }
    pbuf* const next = WrapSegment(segment);
    next->tot_len = static_cast<u16_t>(last->tot_len - last->len);
    last->next = next;
    last = next;
  }
  return first;
}

size_t WrappedSegments() { return wrapped_segments; }

pbuf* MoveToHeap(pbuf* frame) {
  pbuf* const copy = pbuf_clone(PBUF_RAW, PBUF_RAM, frame);
  pbuf_free(frame);
  return copy;
}

rte_mbuf* CopyFrame(rte_mempool* pool, const pbuf& frame, std::optional<uint16_t> vlan) {
  rte_mbuf* const copy = rte_pktmbuf_alloc(pool);
  if (copy == nullptr) return nullptr;
  FrameWriter writer(pool, copy);
  size_t until_tag = vlan ? kMacBytes : 0;
  for (const pbuf* each = &frame; each != nullptr; each = each->next) {
    const auto* bytes = static_cast<const uint8_t*>(each->payload);
    size_t count = each->len;
    bool fits = true;
    if (until_tag > 0) {
      const size_t before = std::min(until_tag, count);
      fits = writer.Append(bytes, before);
      bytes += before;
      count -= before;
      until_tag -= before;
      if (until_tag == 0) {
        const rte_be16_t tag[] = {rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(*vlan)};
        fits = fits && writer.Append(tag, sizeof tag);
      }
    }
    if (!fits || !writer.Append(bytes, count)) {
      rte_pktmbuf_free(copy);
      return nullptr;
    }
  }
  return copy;
}

bool StripTag(rte_mbuf* frame, uint16_t vlan) {
  if (rte_pktmbuf_data_len(frame) < kMacBytes + 2 * sizeof(rte_be16_t)) return false;
  rte_be16_t tag[2];
  std::memcpy(tag, rte_pktmbuf_mtod_offset(frame, char*, kMacBytes), sizeof tag);
  if (tag[0] != rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN)) return false;
  if ((rte_be_to_cpu_16(tag[1]) & kVlanMask) != vlan) return false;
  char* const start = rte_pktmbuf_mtod(frame, char*);
  std::memmove(start + sizeof tag, start, kMacBytes);
  rte_pktmbuf_adj(frame, sizeof tag);
  return true;
}

void PrepareChecksums(rte_mbuf* frame) {
  const auto* const ethernet = HeaderAt<rte_ether_hdr>(frame, 0);
  if (ethernet == nullptr) return;
  if (ethernet->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) PrepareIp4(frame);
  if (ethernet->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) PrepareIp6(frame);
}

}  // namespace shredder::net::dpdk
