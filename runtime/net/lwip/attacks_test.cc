// What peers and strangers may send: floods, forged segments, guesses. Segments are written byte by
// byte.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lwip/priv/tcp_priv.h"
#include "runtime/net/lwip/hooks.h"
#include "runtime/net/lwip/port.h"
#include "runtime/net/lwip/wire_testing.h"

namespace shredder::net::lwip {
namespace {

class AttacksTest : public testing::Test {
 protected:
  TwoHosts hosts_;
  TestListener listener_{hosts_, kPort};
  RawClient client_{hosts_, 40'000};
  TestConnection& server() { return *listener_.accepted[0]; }
  void Connect(std::vector<uint8_t> options = {}) {
    // The two know each other's address from the first question on.
    hosts_.Pass(1);
    ASSERT_TRUE(client_.Connect(std::move(options)));
    ASSERT_EQ(listener_.accepted.size(), 1u);
  }
  // Only what is newer than a window makes it smaller.
  void ShrinkWindow(uint16_t window) {
    for (const uint16_t each : {uint16_t{65'535}, window}) {
      Segment segment = client_.Next(kAck | kPsh, "x");
      segment.window = each;
      client_.Exchange(segment);
      client_.Advance(1);
    }
  }
};

TEST_F(AttacksTest, WhatWaitsToBeInOrderAndIsMoreThanTheWindowIsSentAgain) {
  Connect();
  const std::string late = Pattern(1000, 1);
  Segment ahead = client_.Next(kAck | kPsh, late);
  ahead.sequence += 100;
  client_.Exchange(ahead);
  tcp_pcb& pcb = *server().pcb();
  ASSERT_NE(pcb.ooseq, nullptr);
  const tcpwnd_size_t window = pcb.rcv_wnd;
  pcb.rcv_wnd = 500;
  client_.Exchange(client_.Next(kAck | kPsh, std::string(100, 'x')));
  client_.Advance(100);
  EXPECT_EQ(pcb.ooseq, nullptr);
  pcb.rcv_wnd = window;
  client_.Exchange(client_.Next(kAck | kPsh, late));
  server().Work();
  EXPECT_EQ(server().received, std::string(100, 'x') + late);
}

TEST_F(AttacksTest, ASegmentOnTheWireIsWhatTheRfcsSay) {
  Connect();
  const std::vector<Segment> answers = client_.Exchange(client_.Next(kAck | kPsh, "hello"));
  EXPECT_TRUE(answers.empty());  // the ACK is delayed
  client_.Advance(5);
  server().Work();
  EXPECT_EQ(server().received, "hello");
  server().Send("reply");
  const std::vector<Segment> replies = client_.Pass(1);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].payload, "reply");
  EXPECT_EQ(BytesHeld(*server().pcb()).sending, 5u);
  EXPECT_EQ(replies[0].sequence, client_.expected);
  EXPECT_EQ(replies[0].acknowledgment, client_.Next(0).sequence);
  EXPECT_EQ(replies[0].source_port, kPort);
  EXPECT_EQ(replies[0].flags & (kAck | kSyn | kRst | kFin), kAck);
}

TEST_F(AttacksTest, AFloodOfSynsLeavesConnectionsAloneAndLetsOthersIn) {
  TestConnection established(hosts_, kPort);
  ASSERT_TRUE(hosts_.PassUntil([&] { return listener_.accepted.size() == 1; }));
  const uint64_t dropped = tcp_half_open.dropped;
  size_t most_memory = 0;
  std::vector<std::unique_ptr<TestConnection>> others;
  Segment syn;
  syn.flags = kSyn;
  uint32_t forged = 0;
  for (int turn = 0; turn < 50; turn++) {
    for (int i = 0; i < 1000; i++) {
      syn.source = 0xc0000000 + forged++ * 7919;
      syn.source_port = static_cast<uint16_t>(1024 + forged % 60'000);
      hosts_.link.there.Push(BuildFrame(syn));
    }
    if (turn % 10 == 5) others.push_back(std::make_unique<TestConnection>(hosts_, kPort));
    established.Send("still here. ");
    hosts_.Pass(1);
    server().Work();
    EXPECT_LE(tcp_half_open.count, uint32_t{TCP_MAX_HALF_OPEN});
    most_memory = std::max(most_memory, MemoryUsed());
  }
  hosts_.Pass(2);
  server().Work();
  EXPECT_EQ(server().received.size(), 50 * std::string("still here. ").size());
  EXPECT_EQ(server().error, ERR_OK);
  EXPECT_GE(tcp_half_open.dropped - dropped, 40'000u);
  EXPECT_LT(most_memory, size_t{TCP_MAX_HALF_OPEN} * 2048);
  for (const auto& other : others) EXPECT_TRUE(other->connected);
  EXPECT_EQ(listener_.accepted.size(), 1 + others.size());
  // What is left of the flood is forgotten.
  hosts_.Pass(TCP_SYN_RCVD_TIMEOUT + 100);
  EXPECT_EQ(tcp_half_open.count, 0u);
}

TEST_F(AttacksTest, WhereMemoryIsOutHalfOpenConnectionsGiveWayAndOthersStay) {
  TestConnection established(hosts_, kPort);
  ASSERT_TRUE(hosts_.PassUntil([&] { return listener_.accepted.size() == 1; }));
  hosts_.Pass(100);
  SetMemoryLimit(MemoryUsed() + 64 * 1024);
  Segment syn;
  syn.flags = kSyn;
  for (uint32_t i = 0; i < 5000; i++) {
    syn.source = 0xc0000000 + i;
    hosts_.link.there.Push(BuildFrame(syn));
    if (i % 10 == 0) hosts_.Pass(1);
    ASSERT_LE(MemoryUsed(), size_t{1} << 20);
  }
  EXPECT_LT(tcp_half_open.count, 200u);
  SetMemoryLimit(SIZE_MAX);
  established.Send("still here");
  EXPECT_TRUE(hosts_.PassUntil([&] {
    established.Work();
    server().Work();
    return server().received == "still here";
  }));
}

TEST_F(AttacksTest, TimeWaitIsBounded) {
  const uint64_t dropped = tcp_time_wait.dropped;
  for (uint32_t i = 0; i < TCP_MAX_TIME_WAIT + 100; i++) {
    auto* const pcb = tcp_alloc(TCP_PRIO_NORMAL);
    ASSERT_NE(pcb, nullptr);
    pcb->local_ip = hosts_.server_address();
    pcb->remote_ip = hosts_.client_address();
    pcb->local_port = kPort;
    pcb->remote_port = static_cast<u16_t>(i);
    pcb->state = TIME_WAIT;
    TCP_REG(&tcp_tw_pcbs, pcb);
  }
  EXPECT_EQ(tcp_time_wait.count, uint32_t{TCP_MAX_TIME_WAIT});
  EXPECT_EQ(tcp_time_wait.dropped - dropped, 100u);
  EXPECT_EQ(CountConnections(), size_t{TCP_MAX_TIME_WAIT});
}

TEST_F(AttacksTest, AResetNeedsTheExactSequenceNumber) {
  Connect();
  Segment reset = client_.Next(kRst);
  reset.sequence += 100;
  const std::vector<Segment> answers = client_.Exchange(reset);
  ASSERT_EQ(answers.size(), 1u);  // a challenge, which a real peer would answer with the right one
  EXPECT_EQ(answers[0].flags, kAck);
  EXPECT_EQ(answers[0].acknowledgment, client_.Next(0).sequence);
  EXPECT_EQ(server().error, ERR_OK);
  // No second one at once.
  EXPECT_TRUE(client_.Exchange(reset).empty());
  reset.sequence = client_.Next(0).sequence - 1;
  EXPECT_TRUE(client_.Exchange(reset).empty());
  EXPECT_EQ(server().error, ERR_OK);
  reset.sequence++;
  client_.Exchange(reset);
  EXPECT_EQ(server().error, ERR_RST);
}

TEST_F(AttacksTest, ASynWithinAConnectionIsChallenged) {
  Connect();
  Segment syn = client_.Next(kSyn);
  syn.sequence += 5;
  const std::vector<Segment> answers = client_.Exchange(syn);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].flags, kAck);
  EXPECT_EQ(server().error, ERR_OK);
  EXPECT_TRUE(client_.Exchange(syn).empty());
  client_.Pass(TCP_CHALLENGE_INTERVAL + 20);
  EXPECT_EQ(client_.Exchange(syn).size(), 1u);
}

TEST_F(AttacksTest, DataNeedsAnAcknowledgmentThatFits) {
  Connect();
  Segment forged = client_.Next(kPsh, "forged");  // without any
  client_.Exchange(forged);
  forged.flags |= kAck;
  forged.acknowledgment = client_.expected + 1;  // of what was never sent
  EXPECT_EQ(client_.Exchange(forged).size(), 1u);
  forged.acknowledgment = client_.expected - 10'000'000;  // older than any window
  client_.Exchange(forged);
  server().Work();
  EXPECT_EQ(server().received, "");
  client_.Exchange(client_.Next(kAck, "genuine"));
  server().Work();
  EXPECT_EQ(server().received, "genuine");
}

TEST_F(AttacksTest, AHandshakeNeedsASequenceNumberThatFits) {
  hosts_.Pass(1);
  Segment syn = client_.Next(kSyn);
  syn.sequence = 5000;
  const std::vector<Segment> answers = client_.Exchange(syn);
  ASSERT_EQ(answers.size(), 1u);
  Segment ack = client_.Next(kAck);
  ack.acknowledgment = answers[0].sequence + 1;
  ack.sequence = 5000 + 1'000'000;
  client_.Exchange(ack);
  EXPECT_TRUE(listener_.accepted.empty());
  ack.sequence = 5001;
  client_.Exchange(ack);
  EXPECT_EQ(listener_.accepted.size(), 1u);
}

TEST_F(AttacksTest, ATinySegmentSizeIsNotHonoured) {
  Connect({2, 4, 0, 1});
  server().Send(std::string(6400, 'x'));
  const std::vector<Segment> segments = client_.Pass(1);
  ASSERT_FALSE(segments.empty());
  EXPECT_EQ(segments[0].payload.size(), TCP_MIN_MSS);
  // Nor one outside of a SYN.
  Segment late = client_.Next(kAck);
  late.options = {2, 4, 0, 100};
  client_.Exchange(late);
  EXPECT_EQ(server().pcb()->mss, TCP_MIN_MSS);
}

TEST_F(AttacksTest, WhatArrivesOutOfOrderIsBounded) {
  Connect({3, 3, 3, 1, 2, 4, 5, 180});
  const size_t before = MemoryUsed();
  // Every other byte of a window, none of them the next.
  for (uint32_t i = 0; i < 20'000; i++) {
    Segment segment = client_.Next(kAck, "x");
    segment.sequence += 2 * i + 1;
    client_.Exchange(segment);
  }
  // A byte each.
  EXPECT_GT(BytesHeld(*server().pcb()).out_of_order, 0u);
  EXPECT_LE(BytesHeld(*server().pcb()).out_of_order, size_t{TCP_OOSEQ_MAX_PBUFS});
  EXPECT_LT(MemoryUsed() - before, size_t{1} << 20);
}

TEST_F(AttacksTest, AWindowThatComesLateMakesNoSegmentTooLargeToWait) {
  Connect();
  tcp_pcb& pcb = *server().pcb();
  pcb.snd_wnd = pcb.snd_wnd_max = 0;  // as after a SYN without one
  server().Send(std::string(200, 'a'));
  ASSERT_NE(pcb.unsent, nullptr);
  Segment small = client_.Next(kAck | kPsh, "x");
  small.window = 2;
  client_.Exchange(small);
  client_.Advance(1);
  server().Send(std::string(200, 'b'));
  Segment wide = client_.Next(kAck | kPsh, "y");
  wide.window = 60'000;
  std::string arrived;
  std::vector<Segment> answers = client_.Exchange(wide);
  for (const Segment& each : client_.Pass(2000)) answers.push_back(each);
  for (const Segment& each : answers) arrived += each.payload;
  EXPECT_TRUE(arrived.starts_with(std::string(200, 'a') + std::string(200, 'b')));
}

TEST_F(AttacksTest, AProbeOfAClosedWindowThatIsAcknowledgedIsTheLast) {
  Connect();
  const auto answer = [&](size_t bytes, uint16_t window) {
    client_.expected += static_cast<uint32_t>(bytes);
    Segment segment = client_.Next(kAck);
    segment.window = window;
    return client_.Exchange(segment);
  };
  const auto next_payload = [&] {
    for (const Segment& each : client_.Pass(2000)) {
      if (!each.payload.empty() && each.sequence == client_.expected) return each.payload;
    }
    return std::string();
  };
  ShrinkWindow(6);
  server().Send("1234567");
  EXPECT_EQ(next_payload(), "123456");
  answer(6, 0);
  EXPECT_EQ(next_payload(), "7");
  answer(1, 0);
  EXPECT_TRUE(client_.Pass(60'000).empty());
  answer(0, 1000);
  server().Send("tail");
  EXPECT_EQ(next_payload(), "tail");
}

TEST_F(AttacksTest, AnEarlyFinIsTakenWithTheDataBeforeItOnlyWhereTheWindowHasRoom) {
  for (const bool has_room : {false, true}) {
    listener_.accepted.clear();
    client_.Pass(1);
    Connect();
    server().hold = true;
    Segment fin = client_.Next(kFin | kAck);
    fin.sequence += has_room ? 499 : 500;
    server().pcb()->rcv_wnd = 501;
    client_.Exchange(fin);
    ASSERT_NE(server().pcb()->ooseq, nullptr);
    server().pcb()->rcv_wnd = 500;
    const std::string data(has_room ? 499 : 500, 'x');
    client_.Exchange(client_.Next(kAck | kPsh, data));
    client_.Advance(data.size());
    EXPECT_EQ(server().ended, has_room);
    server().hold = false;
    server().Work();
    EXPECT_EQ(server().received, data);
    // Sent again, as to its sender it is lost.
    client_.Exchange(client_.Next(kFin | kAck));
    EXPECT_TRUE(server().ended);
  }
}

TEST_F(AttacksTest, TheEndOfAStreamComesBehindItsLastByteThroughASmallWindow) {
  Connect();
  ShrinkWindow(50);
  server().Send(std::string(100, 'z'));
  server().Finish();
  server().Work();
  std::string arrived;
  bool ended = false;
  for (int i = 0; i < 4 && !ended; i++) {
    for (const Segment& each : client_.Pass(1000)) {
      if (each.sequence != client_.expected) continue;  // once more
      ASSERT_FALSE(ended);
      arrived += each.payload;
      ended = (each.flags & kFin) != 0;
      client_.expected += static_cast<uint32_t>(each.payload.size());
    }
    Segment acknowledgment = client_.Next(kAck);
    acknowledgment.window = 50;
    client_.Exchange(acknowledgment);
  }
  EXPECT_EQ(arrived, std::string(100, 'z'));
  EXPECT_TRUE(ended);
}

// Both sides have ended their streams, and the server has yet to close: it keeps the PCB.
TEST_F(AttacksTest, WhoHasNotClosedAConnectionInTimeWaitIsToldOfItsEnd) {
  const std::vector<std::function<void()>> ends = {
      [&] { ASSERT_TRUE(client_.Connect({}, client_.Next(0).sequence + 100'000)); },
      [&] { client_.Pass(2 * TCP_MSL + 1000); },
      [&] { tcp_abort(server().pcb()); },
  };
  for (const auto& end : ends) {
    listener_.accepted.clear();
    client_.Pass(2 * TCP_MSL + 1000);
    Connect();
    server().Finish();
    server().Work();
    client_.Pass(1);
    client_.expected++;
    client_.Exchange(client_.Next(kFin | kAck));
    client_.Advance(1);
    ASSERT_EQ(tcp_time_wait.count, 1u);
    TestConnection& first = *listener_.accepted.front();
    EXPECT_TRUE(first.ended);
    ASSERT_NE(first.pcb(), nullptr);
    end();
    EXPECT_EQ(first.pcb(), nullptr);
    EXPECT_EQ(first.error, ERR_CLSD);
  }
}

TEST_F(AttacksTest, ASynReopensAConnectionInTimeWait) {
  Connect();
  server().Close();
  std::vector<Segment> answers = client_.Pass(1);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].flags & kFin);
  client_.expected++;
  client_.Exchange(client_.Next(kFin | kAck));
  client_.Advance(1);
  ASSERT_EQ(tcp_time_wait.count, 1u);
  const uint32_t old = client_.expected;
  // One that an old segment may be is not taken.
  Segment syn = client_.Next(kSyn);
  syn.sequence -= 10;
  answers = client_.Exchange(syn);
  EXPECT_TRUE(answers.empty() || answers[0].flags == kAck);
  EXPECT_EQ(tcp_time_wait.count, 1u);
  client_.Pass(10);
  ASSERT_TRUE(client_.Connect({}, client_.Next(0).sequence + 100'000));
  EXPECT_EQ(tcp_time_wait.count, 0u);
  EXPECT_EQ(listener_.accepted.size(), 2u);
  EXPECT_GT(static_cast<int32_t>(client_.expected - old), 0);
}

class SequenceNumbersTest : public testing::Test {
 protected:
  uint32_t Isn(uint32_t host, uint16_t port) const {
    ip_addr_t local = IPADDR4_INIT(0x0100000a), remote = IPADDR4_INIT(host);
    return shredder_lwip_isn(&local, kPort, &remote, port);
  }
  void TearDown() override { DrawKeys(); }
};

TEST_F(SequenceNumbersTest, DifferByConnectionWithoutAStep) {
  SetKeys({1, 2}, {3, 4});
  std::set<uint32_t> numbers, steps;
  for (uint16_t port = 0; port < 1000; port++) {
    numbers.insert(Isn(1, port));
    steps.insert(Isn(1, port + 1) - Isn(1, port));
  }
  EXPECT_EQ(numbers.size(), 1000u);
  EXPECT_EQ(steps.size(), 1000u);
  EXPECT_NE(Isn(1, 1), Isn(2, 1));
}

TEST_F(SequenceNumbersTest, DependOnTheKey) {
  SetKeys({1, 2}, {3, 4});
  const uint32_t one = Isn(1, 1), difference = Isn(1, 2) - Isn(1, 1);
  SetKeys({1, 3}, {3, 4});
  EXPECT_NE(Isn(1, 1), one);
  EXPECT_NE(Isn(1, 2) - Isn(1, 1), difference);
  DrawKeys();
  const uint32_t drawn = Isn(1, 1);
  DrawKeys();
  EXPECT_NE(Isn(1, 1), drawn);
}

TEST_F(SequenceNumbersTest, GoOnWithTheClockForOneConnection) {
  TwoHosts hosts;
  const uint32_t before = Isn(1, 1);
  hosts.Pass(1000);
  EXPECT_EQ(Isn(1, 1) - before, 250'000u);  // 4 microseconds each
}

// The published vector of SipHash-2-4 for 8 bytes: key 00..0f, input 00..07.
TEST(SipHashTest, AgreesWithThePublishedVector) {
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  const std::vector<uint64_t> input{0x0706050403020100};
  EXPECT_EQ((SipHash<2, 4>(key, input)), 0x93f5f5799a932462u);
}

}  // namespace
}  // namespace shredder::net::lwip
