// Streams over the place where sequence numbers begin anew.
#include <gtest/gtest.h>

#include "lwip/priv/tcp_priv.h"
#include "runtime/net/lwip/wire_testing.h"

namespace shredder::net::lwip {
namespace {

class WrapTest : public testing::TestWithParam<LinkFaults> {};

TEST_P(WrapTest, AStreamThereCrossesIt) {
  TwoHosts hosts(GetParam(), 5);
  TestListener listener(hosts, kPort);
  TestConnection client(hosts, kPort);
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  hosts.Pass(500);
  // As if so much had been sent before: both ends are moved, in either direction.
  TestConnection& server = *listener.accepted[0];
  tcp_pcb* const ends[] = {client.pcb(), server.pcb()};
  for (int i = 0; i < 2; i++) {
    tcp_pcb& sender = *ends[i];
    tcp_pcb& receiver = *ends[1 - i];
    ASSERT_EQ(sender.unacked, nullptr);
    ASSERT_EQ(sender.snd_nxt, receiver.rcv_nxt);
    const uint32_t shift = 0xffffffff - 100'000 - sender.snd_nxt;
    for (u32_t* const number :
         {&sender.snd_nxt, &sender.snd_lbb, &sender.lastack, &sender.snd_wl2, &receiver.rcv_nxt,
          &receiver.rcv_ann_right_edge, &receiver.snd_wl1}) {
      *number += shift;
    }
  }
  const std::string there = Pattern(400'000, 6), back = Pattern(400'000, 7);
  client.Send(there);
  server.Send(back);
  EXPECT_TRUE(hosts.PassUntil([&] {
    client.Work();
    server.Work();
    return client.received.size() == back.size() && server.received.size() == there.size();
  }));
  EXPECT_EQ(client.received, back);
  EXPECT_EQ(server.received, there);
  EXPECT_LT(client.pcb()->snd_nxt, 1'000'000u);
  EXPECT_LT(server.pcb()->snd_nxt, 1'000'000u);
}

INSTANTIATE_TEST_SUITE_P(Links, WrapTest,
                         testing::Values(LinkFaults{},
                                         LinkFaults{.lost = 20, .duplicated = 20, .reordered = 50}),
                         [](const auto& info) { return info.index == 0 ? "good" : "bad"; });

}  // namespace
}  // namespace shredder::net::lwip
