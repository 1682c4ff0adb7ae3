// Many connections: how they are found, that they go, and what they cost while nothing happens.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "lwip/priv/tcp_priv.h"
#include "runtime/net/lwip/lwip_testing.h"
#include "runtime/net/lwip/port.h"

namespace shredder::net::lwip {
namespace {

constexpr size_t kConnections = 10'000;

class ManyConnectionsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < kConnections; i++) {
      clients_.push_back(std::make_unique<TestConnection>(hosts_, kPort));
      if (i % 500 == 0) hosts_.Pass(2);
    }
    ASSERT_TRUE(hosts_.PassUntil([&] { return listener_.accepted.size() == kConnections; }, 5000));
    hosts_.Pass(10);
  }

  TwoHosts hosts_;
  TestListener listener_{hosts_, kPort};
  std::vector<std::unique_ptr<TestConnection>> clients_;
};

TEST_F(ManyConnectionsTest, ASegmentIsLookedUpInAboutOneStep) {
  ASSERT_EQ(CountConnections(), 2 * kConnections);
  tcp_pcb_hash_stats = {};
  // Round robin, which defeats what is kept in the order of its last use.
  for (auto& client : clients_) client->Send("request");
  hosts_.Pass(2);
  for (auto& server : listener_.accepted) server->Send("reply");
  hosts_.Pass(2);
  for (size_t i = 0; i < kConnections; i++) {
    clients_[i]->Work();
    listener_.accepted[i]->Work();
    ASSERT_EQ(clients_[i]->received, "reply");
    ASSERT_EQ(listener_.accepted[i]->received, "request");
  }
  EXPECT_GE(tcp_pcb_hash_stats.lookups, 2 * kConnections);
  // 20,000 in 65,536 buckets: one's own, and half of the 0.3 others of its bucket.
  EXPECT_LT(tcp_pcb_hash_stats.steps * 5, 6 * tcp_pcb_hash_stats.lookups);
}

TEST_F(ManyConnectionsTest, OnesThatAreIdleHaveNoTimers) {
  for (auto& client : clients_) client->Send("request");
  // What delays an ACK or waits for one has run out, and whatever was put off has been found so.
  hosts_.Pass(3000);
  for (const tcp_pcb* each = tcp_active_pcbs; each != nullptr; each = each->next) {
    ASSERT_EQ(each->wheel_pprev, nullptr);
  }
}

TEST_F(ManyConnectionsTest, AllEndInOrderAndLeaveNothing) {
  const size_t connected = MemoryUsed();
  for (auto& client : clients_) client->Close();
  hosts_.Pass(5);
  for (auto& server : listener_.accepted) {
    EXPECT_TRUE(server->ended);
    server->Close();
  }
  hosts_.Pass(5);
  EXPECT_EQ(tcp_active_pcbs, nullptr);
  EXPECT_EQ(tcp_time_wait.count, kConnections);
  hosts_.Pass(2 * TCP_MSL + 100);
  EXPECT_EQ(CountConnections(), 0u);
  EXPECT_LT(MemoryUsed(), connected / 100);
}

TEST(ConnectionsTest, EphemeralPortsRunOutAndComeBack) {
  TwoHosts hosts;
  std::vector<tcp_pcb*> bound;
  const ip_addr_t address = hosts.client_address();
  for (;;) {
    tcp_pcb* const pcb = tcp_new();
    if (tcp_bind(pcb, &address, 0) != ERR_OK) {
      tcp_close(pcb);
      break;
    }
    bound.push_back(pcb);
    ASSERT_LE(bound.size(), 16384u);
  }
  EXPECT_GE(bound.size(), 16383u);
  const uint16_t port = bound[100]->local_port;
  tcp_close(bound[100]);
  bound[100] = tcp_new();
  EXPECT_EQ(tcp_bind(bound[100], &address, 0), ERR_OK);
  EXPECT_EQ(bound[100]->local_port, port);
  for (tcp_pcb* const pcb : bound) tcp_close(pcb);
}

// Each process draws where it begins; one of 16,384 draws the end of the range.
TEST(ConnectionsTest, TheFirstEphemeralPortIsOneWhereverTheyBegin) {
  TwoHosts hosts;
  const ip_addr_t address = hosts.client_address();
  for (int i = 0; i < 250'000; i++) {
    tcp_init();
    tcp_pcb* const pcb = tcp_new();
    ASSERT_EQ(tcp_bind(pcb, &address, 0), ERR_OK);
    ASSERT_GE(pcb->local_port, 0xc000);
    tcp_close(pcb);
  }
}

TEST(ConnectionsTest, APortIsBoundOnce) {
  TwoHosts hosts;
  const ip_addr_t address = hosts.server_address();
  tcp_pcb* const first = tcp_new();
  tcp_pcb* const second = tcp_new();
  EXPECT_EQ(tcp_bind(first, &address, 1234), ERR_OK);
  EXPECT_EQ(tcp_bind(second, &address, 1234), ERR_USE);
  tcp_close(first);
  EXPECT_EQ(tcp_bind(second, &address, 1234), ERR_OK);
  tcp_close(second);
}

// tcp_close in the callback resets, since not all was taken; the pcb is freed after the callback.
TEST(ConnectionsTest, OneMayBeClosedFromItsCallbackWithDataLeft) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort);
  TestConnection client(hosts, kPort);
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  tcp_recv(listener.accepted[0]->pcb(), [](void*, tcp_pcb* pcb, pbuf* data, err_t) -> err_t {
    if (data != nullptr) pbuf_free(data);
    tcp_err(pcb, nullptr);
    return tcp_close(pcb);
  });
  client.Send("not taken");
  EXPECT_TRUE(hosts.PassUntil([&] { return client.error == ERR_RST; }));
  EXPECT_EQ(CountConnections(), 0u);
  listener.accepted[0]->Forget();
}

TEST(ConnectionsTest, AStreamEndsOnOneSideAndGoesOnOnTheOther) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort);
  TestConnection client(hosts, kPort);
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  TestConnection& server = *listener.accepted[0];
  client.Send("question");
  client.Finish();
  client.Work();
  ASSERT_TRUE(hosts.PassUntil([&] { return server.ended; }));
  // Long after the first side has ended.
  hosts.Pass(60'000);
  const std::string answer = Pattern(1 << 20, 4);
  server.Send(answer);
  EXPECT_TRUE(hosts.PassUntil([&] {
    server.Work();
    client.Work();
    return client.received.size() == answer.size();
  }));
  EXPECT_EQ(client.received, answer);
  EXPECT_FALSE(client.ended);
}

TEST(ConnectionsTest, AResetIsSeenByThePeer) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort);
  TestConnection client(hosts, kPort);
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  client.Reset();
  EXPECT_TRUE(hosts.PassUntil([&] { return listener.accepted[0]->error == ERR_RST; }));
  EXPECT_EQ(CountConnections(), 0u);
}

TEST(ConnectionsTest, WhereNobodyListensAConnectionIsRefused) {
  TwoHosts hosts;
  TestConnection client(hosts, kPort + 1);
  EXPECT_TRUE(hosts.PassUntil([&] { return client.error == ERR_RST; }));
}

}  // namespace
}  // namespace shredder::net::lwip
