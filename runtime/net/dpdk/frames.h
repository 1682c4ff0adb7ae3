// Frames as DPDK has them (mbufs) and as lwIP has them (pbufs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "lwip/pbuf.h"

struct rte_mbuf;
struct rte_mempool;

namespace shredder::net::dpdk {

// What lwIP can take.
inline constexpr size_t kMaxFrame = UINT16_MAX;

// The private area that an mbuf needs for its pbuf.
uint16_t FrameAreaBytes();

// The frame without a copy: a pbuf for each of its segments, in the segment's private area, which
// gives it back to its pool once it is freed. Takes the frame over; null, and the frame is freed,
// where it is shorter than an Ethernet header or longer than kMaxFrame.
pbuf* WrapFrame(rte_mbuf* frame);

// How many of such pbufs there are that nobody has freed, of all devices of the process.
size_t WrappedSegments();
// A copy in memory of lwIP's, within its limit; null where there is none. Frees the frame.
pbuf* MoveToHeap(pbuf* frame);

// A copy of the frame, in as many segments as it needs, with a tag where a VLAN is given; null
// where there are no buffers left.
rte_mbuf* CopyFrame(rte_mempool* pool, const pbuf& frame, std::optional<uint16_t> vlan);

// Takes the tag off; false where the frame is not of this VLAN.
bool StripTag(rte_mbuf* frame, uint16_t vlan);

// What a device that computes the checksums of IPv4 and TCP has to be told of a frame it sends;
// computes those that it does not know (ICMP's, ICMPv6's).
void PrepareChecksums(rte_mbuf* frame);

}  // namespace shredder::net::dpdk
