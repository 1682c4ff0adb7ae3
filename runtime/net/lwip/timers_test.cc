// Timers, by a clock that only the tests move.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "runtime/net/lwip/lwip_testing.h"

namespace shredder::net::lwip {
namespace {

constexpr LinkFaults kCut{.lost = 1000};

// A client and a server, connected, with a measured round trip.
class TimersTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(hosts_.PassUntil([&] { return listener_.accepted.size() == 1; }));
    for (int i = 0; i < 100; i++) {
      client_->Send("ping");
      hosts_.Pass(1);
      server().Send("pong");
      hosts_.Pass(1);
      client_->Work();
      server().Work();
    }
    hosts_.Pass(1000);
  }

  TestConnection& server() { return *listener_.accepted[0]; }
  void Cut() {
    hosts_.link.there.SetFaults(kCut);
    hosts_.link.back.SetFaults(kCut);
  }
  void Mend() {
    hosts_.link.there.SetFaults({});
    hosts_.link.back.SetFaults({});
  }
  // When the server sends segments, in milliseconds from now on.
  std::vector<uint64_t> Sent(uint64_t milliseconds) {
    std::vector<uint64_t> times;
    const uint64_t start = hosts_.now();
    for (uint64_t i = 0; i < milliseconds; i++) {
      const uint64_t before = hosts_.server_device.segments;
      hosts_.Pass(1);
      if (hosts_.server_device.segments != before) times.push_back(hosts_.now() - start);
    }
    return times;
  }

  TwoHosts hosts_;
  TestListener listener_{hosts_, kPort};
  std::unique_ptr<TestConnection> client_ = std::make_unique<TestConnection>(hosts_, kPort);
};

// What is between two ticks counts as either, and a frame is seen a millisecond late.
constexpr uint64_t kTick = TCP_TMR_INTERVAL + 1;

#define EXPECT_ABOUT(actual, expected)             \
  EXPECT_GE((actual) + kTick, uint64_t{expected}); \
  EXPECT_LE((actual), uint64_t{expected} + kTick)

TEST_F(TimersTest, EachSegmentThatIsSentAgainIsCounted) {
  const uint32_t before = lwip_stats.mib2.tcpretranssegs;
  Cut();
  server().Send("lost");
  const size_t again = Sent(3000).size();
  ASSERT_GT(again, 2u);
  EXPECT_EQ(lwip_stats.mib2.tcpretranssegs - before, again);
}

TEST_F(TimersTest, RetransmissionsBeginAtTheFloorAndDouble) {
  Cut();
  server().Send("lost");
  const std::vector<uint64_t> times = Sent(13'000);
  ASSERT_EQ(times.size(), 6u);
  uint64_t expected = 0;
  for (size_t i = 0; i < times.size(); i++) {
    expected += LWIP_TCP_RTO_MIN << i;
    EXPECT_GE(times[i] + kTick * (i + 1), expected) << i;
    EXPECT_LE(times[i], expected + kTick * (i + 1)) << i;
  }
  Mend();
  EXPECT_TRUE(hosts_.PassUntil([&] {
    client_->Work();
    return client_->received.ends_with("lost");
  }));
}

TEST_F(TimersTest, APeerThatIsGoneIsGivenUpAfterMinutes) {
  Cut();
  server().Send("lost");
  // RFC 1122, 4.2.3.1: at least 100 seconds.
  hosts_.Pass(100'000);
  EXPECT_EQ(server().error, ERR_OK);
  hosts_.Pass(200'000);
  EXPECT_EQ(server().error, ERR_ABRT);
  // The client, which sent nothing, knows nothing.
  EXPECT_EQ(CountConnections(), 1u);
}

TEST_F(TimersTest, AnAcknowledgmentIsDelayed) {
  client_->Send("one");
  const std::vector<uint64_t> times = Sent(500);
  ASSERT_EQ(times.size(), 1u);
  EXPECT_ABOUT(times[0], TCP_DELACK_TIME);
}

TEST_F(TimersTest, AnAcknowledgmentGoesWithTheReply) {
  client_->Send("one");
  hosts_.Pass(2);
  server().Send("reply");
  EXPECT_TRUE(Sent(500).empty());
}

TEST_F(TimersTest, AClosedWindowIsProbedAndALostUpdateDoesNotMatter) {
  client_->hold = true;
  const std::string bytes = Pattern(1 << 20, 5);
  const size_t all = client_->received.size() + bytes.size();
  server().Send(bytes);
  const auto work = [&] {
    server().Work();
    client_->Work();
    return client_->received.size() == all;
  };
  EXPECT_FALSE(hosts_.PassUntil(work, 5000));
  const std::vector<uint64_t> probes = Sent(30'000);
  // Doubling from the retransmission timeout on.
  EXPECT_GE(probes.size(), 2u);
  EXPECT_LE(probes.size(), 7u);
  for (size_t i = 2; i < probes.size(); i++) {
    const uint64_t last = probes[i - 1] - probes[i - 2], gap = probes[i] - probes[i - 1];
    EXPECT_LE(gap, 2 * last + 3 * kTick);
    EXPECT_GE(gap + 3 * kTick, 2 * last);
  }
  const size_t before = client_->received.size();
  // Every update of the window is lost.
  Cut();
  client_->hold = false;
  client_->Work();
  hosts_.Pass(5);
  Mend();
  EXPECT_TRUE(hosts_.PassUntil(work, 300'000)) << client_->received.size() - before;
  EXPECT_TRUE(client_->received.ends_with(bytes));
}

TEST_F(TimersTest, AWindowThatStaysClosedIsNoReasonToGiveUp) {
  client_->hold = true;
  server().Send(Pattern(1 << 20, 5));
  hosts_.Pass(600'000);
  EXPECT_EQ(server().error, ERR_OK);
  EXPECT_EQ(client_->error, ERR_OK);
}

TEST_F(TimersTest, KeepaliveEndsAConnectionWhosePeerIsGone) {
  tcp_pcb* const pcb = server().pcb();
  ip_set_option(pcb, SOF_KEEPALIVE);
  pcb->keep_idle = 5000;
  pcb->keep_intvl = 1000;
  pcb->keep_cnt = 3;
  client_->Send("from now on");
  hosts_.Pass(60'000);
  EXPECT_EQ(server().error, ERR_OK);
  Cut();
  const uint64_t start = hosts_.now();
  ASSERT_TRUE(hosts_.PassUntil([&] { return server().error != ERR_OK; }, 20'000));
  EXPECT_EQ(server().error, ERR_ABRT);
  // The last probe that was answered is up to keep_idle ago.
  EXPECT_LE(hosts_.now() - start, 8000 + 2 * kTick);
  EXPECT_GE(hosts_.now() - start, 3000u);
}

TEST_F(TimersTest, ATimerMayBeHoursAway) {
  tcp_pcb* const pcb = server().pcb();
  ip_set_option(pcb, SOF_KEEPALIVE);
  ASSERT_EQ(pcb->keep_idle, 7'200'000u);
  client_->Send("from now on");
  hosts_.Pass(100);
  const uint64_t start = hosts_.now();
  const std::vector<uint64_t> times = Sent(7'300'000);
  ASSERT_EQ(times.size(), 1u);
  EXPECT_LE(start + times[0], start + 7'200'000 + kTick);
  EXPECT_GE(times[0] + 100 + kTick, 7'200'000u);
}

TEST_F(TimersTest, WhoClosesFirstIsInTimeWaitForTwoLifetimes) {
  client_->Close();
  hosts_.Pass(2);
  server().Close();
  hosts_.Pass(5);
  EXPECT_EQ(CountConnections(), 1u);
  hosts_.Pass(2 * TCP_MSL - 100);
  EXPECT_EQ(CountConnections(), 1u);
  hosts_.Pass(200);
  EXPECT_EQ(CountConnections(), 0u);
}

TEST_F(TimersTest, APeerThatDoesNotCloseIsNotWaitedForWhereNobodyReads) {
  client_->Close();
  hosts_.Pass(TCP_FIN_WAIT_TIMEOUT - 100);
  EXPECT_EQ(CountConnections(), 2u);
  hosts_.Pass(200);
  // The server's end is all that is left.
  EXPECT_EQ(CountConnections(), 1u);
}

TEST_F(TimersTest, APollComesEveryHalfSecondTimesItsInterval) {
  static int polls;
  polls = 0;
  tcp_poll(
      server().pcb(),
      [](void*, tcp_pcb*) -> err_t {
        polls++;
        return ERR_OK;
      },
      2);
  hosts_.Pass(10'050);
  EXPECT_GE(polls, 9);
  EXPECT_LE(polls, 10);
}

TEST_F(TimersTest, APollMayAbortItsConnection) {
  tcp_poll(
      server().pcb(),
      [](void*, tcp_pcb* pcb) -> err_t {
        tcp_abort(pcb);
        return ERR_ABRT;
      },
      1);
  EXPECT_TRUE(hosts_.PassUntil([&] { return server().error == ERR_ABRT; }, 1000));
  EXPECT_TRUE(hosts_.PassUntil([&] { return client_->error == ERR_RST; }, 1000));
}

TEST_F(TimersTest, ALoopThatComesLateLosesNoTime) {
  Cut();
  server().Send("lost");
  const uint64_t before = hosts_.server_device.segments;
  // One turn of three seconds: two retransmissions at most are due in it, since each begins anew.
  hosts_.Skip(3000);
  EXPECT_EQ(hosts_.server_device.segments, before + 1);
  hosts_.Pass(2 * LWIP_TCP_RTO_MIN + 2 * kTick);
  EXPECT_EQ(hosts_.server_device.segments, before + 2);
}

TEST(ConnectTimersTest, ConnectingIsTriedForAMinute) {
  TwoHosts hosts;
  // The server must be known, or what is lost are questions for its address.
  TestConnection first(hosts, kPort);
  hosts.Pass(10);
  hosts.link.there.SetFaults(kCut);
  TestConnection client(hosts, kPort);
  const uint64_t before = hosts.client_device.segments, start = hosts.now();
  ASSERT_TRUE(hosts.PassUntil([&] { return client.error != ERR_OK; }, 100'000));
  EXPECT_EQ(client.error, ERR_ABRT);
  // 1, 2, 4, 8, 16 and 32 seconds.
  EXPECT_EQ(hosts.client_device.segments - before, 5u);
  EXPECT_ABOUT(hosts.now() - start, 63'000);
}

TEST(ConnectTimersTest, AHandshakeThatIsNotFinishedIsForgotten) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort);
  TestConnection first(hosts, kPort);
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  hosts.link.back.SetFaults(kCut);
  TestConnection client(hosts, kPort);
  hosts.Pass(2);
  EXPECT_EQ(tcp_half_open.count, 1u);
  hosts.link.there.SetFaults(kCut);
  hosts.Pass(TCP_SYN_RCVD_TIMEOUT + 100);
  EXPECT_EQ(tcp_half_open.count, 0u);
}

}  // namespace
}  // namespace shredder::net::lwip
