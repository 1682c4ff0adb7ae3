#include "runtime/net/dpdk/frames.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "runtime/net/dpdk/ethdev.h"

namespace shredder::net::dpdk {
namespace {

// A frame in memory of its own, for what looks at no pool.
struct LoneFrame {
  explicit LoneFrame(const std::vector<uint8_t>& frame) {
    std::memcpy(bytes.data(), frame.data(), frame.size());
    mbuf.buf_addr = bytes.data();
    mbuf.nb_segs = 1;
    mbuf.data_len = static_cast<uint16_t>(frame.size());
    mbuf.pkt_len = static_cast<uint32_t>(frame.size());
  }
  // The sum of what a checksum is over, which it makes all ones.
  uint16_t Sum(size_t from, size_t count, uint32_t more = 0) const {
    return __rte_raw_cksum_reduce(__rte_raw_cksum(&bytes[from], count, more));
  }
  alignas(8) std::array<uint8_t, 256> bytes{};
  rte_mbuf mbuf{};
};

std::vector<uint8_t> Ip4Frame(uint8_t protocol, size_t payload) {
  std::vector<uint8_t> frame(14 + 20 + payload, 0x5a);
  frame[12] = 0x08;
  frame[13] = 0x00;
  const std::vector<uint8_t> header{0x45, 0,        0,    static_cast<uint8_t>(20 + payload),
                                    0,    1,        0,    0,
                                    64,   protocol, 0xde, 0xad,
                                    10,   0,        0,    1,
                                    10,   0,        0,    2};
  std::copy(header.begin(), header.end(), frame.begin() + 14);
  return frame;
}

std::vector<uint8_t> Ip6Frame(uint8_t protocol, size_t payload) {
  std::vector<uint8_t> frame(14 + 40 + payload, 0x5a);
  frame[12] = 0x86;
  frame[13] = 0xdd;
  frame[14] = 0x60;
  frame[18] = 0;
  frame[19] = static_cast<uint8_t>(payload);
  frame[20] = protocol;
  return frame;
}

TEST(DpdkFramesTest, ICMPsChecksumIsComputedHere) {
  LoneFrame frame(Ip4Frame(IPPROTO_ICMP, 33));
  PrepareChecksums(&frame.mbuf);
  EXPECT_EQ(frame.Sum(34, 33), 0xffff);
  EXPECT_EQ(frame.mbuf.ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
  EXPECT_EQ(frame.mbuf.l2_len, 14);
  EXPECT_EQ(frame.mbuf.l3_len, 20);
}

TEST(DpdkFramesTest, ICMPv6sIsAsWellAndBehindARouterAlert) {
  LoneFrame frame(Ip6Frame(IPPROTO_ICMPV6, 32));
  PrepareChecksums(&frame.mbuf);
  const uint32_t pseudo_header =
      frame.Sum(22, 32) + uint32_t{rte_cpu_to_be_16(32)} + rte_cpu_to_be_16(IPPROTO_ICMPV6);
  EXPECT_EQ(frame.Sum(54, 32, pseudo_header), 0xffff);
  EXPECT_EQ(frame.mbuf.ol_flags, 0u);

  std::vector<uint8_t> report = Ip6Frame(IPPROTO_HOPOPTS, 8 + 28);
  const std::vector<uint8_t> alert{IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
  std::copy(alert.begin(), alert.end(), report.begin() + 54);
  LoneFrame second(report);
  PrepareChecksums(&second.mbuf);
  const uint32_t second_header =
      second.Sum(22, 32) + uint32_t{rte_cpu_to_be_16(28)} + rte_cpu_to_be_16(IPPROTO_ICMPV6);
  EXPECT_EQ(second.Sum(62, 28, second_header), 0xffff);
}

TEST(DpdkFramesTest, TCPsIsLeftToTheDeviceWithThePseudoHeader) {
  std::vector<uint8_t> bytes = Ip4Frame(IPPROTO_TCP, 40);
  bytes[34 + 12] = 0x80;  // a header of 32 bytes
  LoneFrame frame(bytes);
  PrepareChecksums(&frame.mbuf);
  EXPECT_EQ(frame.mbuf.ol_flags,
            RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
  EXPECT_EQ(frame.mbuf.l4_len, 32);
  uint16_t checksum;
  std::memcpy(&checksum, &frame.bytes[34 + 16], sizeof checksum);
  EXPECT_EQ(checksum,
            frame.Sum(26, 8, uint32_t{rte_cpu_to_be_16(40)} + rte_cpu_to_be_16(IPPROTO_TCP)));
  LoneFrame other(Ip6Frame(IPPROTO_TCP, 20));
  PrepareChecksums(&other.mbuf);
  EXPECT_EQ(other.mbuf.ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
}

TEST(DpdkFramesTest, HeadersThatLieAreLeftAlone) {
  for (const uint8_t protocol : {IPPROTO_ICMP, IPPROTO_TCP}) {
    std::vector<uint8_t> whole = Ip4Frame(protocol, 20);
    for (size_t bytes = 0; bytes <= whole.size(); bytes++) {
      LoneFrame cut(std::vector<uint8_t>(whole.begin(), whole.begin() + static_cast<long>(bytes)));
      PrepareChecksums(&cut.mbuf);
    }
    whole[14] = 0x41;  // a header of 4 bytes
    LoneFrame frame(whole);
    PrepareChecksums(&frame.mbuf);
    EXPECT_EQ(frame.mbuf.ol_flags, 0u);
  }
}

}  // namespace
}  // namespace shredder::net::dpdk
