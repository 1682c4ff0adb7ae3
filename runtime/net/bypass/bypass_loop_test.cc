// What holds of the bypass loop alone; what holds of all loops is tested over it as well
// (loop_testing.h).
#include "runtime/net/bypass/bypass_loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/net/bypass/bypass_testing.h"

namespace shredder::net {
namespace {

constexpr uint64_t kFastClock = 200;

class BypassLoopTest : public testing::Test {
 protected:
  void Start(uint64_t clock_speed = 1, const lwip::LinkFaults& faults = {}) {
    network_ = std::make_unique<FrameNetwork>(faults, clock_speed);
    std::string error;
    loop_ = network_->CreateLoop({}, &handler_, &error);
    ASSERT_NE(loop_, nullptr) << error;
  }
  void TearDown() override { handler_ = {}; }
  bool TurnUntil(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_->PollOnce();
    }
    return true;
  }
  bool Receives(TestClient& client, const std::string& bytes) {
    const bool came = TurnUntil([&] {
      client.Receive();
      return client.received().size() >= bytes.size();
    });
    return came && client.received() == bytes;
  }
  BypassLoop& loop() { return static_cast<BypassLoop&>(*loop_); }

  TestHandler handler_;
  std::unique_ptr<FrameNetwork> network_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(BypassLoopTest, WhatWaitsToBeReadHoldsNoBufferOfTheDevice) {
  Start();
  std::string read;
  std::vector<Connection*> paused;
  handler_.on_open = [&](Connection& connection) {
    connection.PauseReading();
    paused.push_back(&connection);
  };
  handler_.on_data = [&](Connection&, std::string_view unread) {
    read += unread;
    return unread.size();
  };
  std::vector<TestClient> clients;
  for (int i = 0; i < 5; i++) clients.push_back(network_->Connect());
  ASSERT_TRUE(TurnUntil([&] { return paused.size() == clients.size(); }));
  for (int i = 0; i < 2'000; i++) {
    for (TestClient& client : clients) client.Send("x");
    loop_->PollOnce();
  }
  for (TestClient& client : clients) {
    ASSERT_TRUE(TurnUntil([&] { return client.HasArrived(); }));
  }
  EXPECT_LE(network_->buffers_in_use(), 32u);
  EXPECT_TRUE(read.empty());
  for (Connection* const connection : paused) connection->ResumeReading();
  EXPECT_TRUE(TurnUntil([&] { return read.size() == 10'000; }));
}

TEST_F(BypassLoopTest, AHandlerThatTakesLongLosesNoConnection) {
  Start();
  size_t calls = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    if (++calls == 10) std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return TestHandler::Echo(connection, unread);
  };
  std::vector<TestClient> clients;
  for (int i = 0; i < 100; i++) clients.push_back(network_->Connect());
  for (TestClient& client : clients) client.Send("request");
  for (TestClient& client : clients) EXPECT_TRUE(Receives(client, "request"));
  EXPECT_EQ(handler_.closed, 0u);
}

TEST_F(BypassLoopTest, AHandlerThatPollsTheLoopHasOthersServed) {
  Start();
  bool polls = true;
  std::string inside;
  TestClient other = network_->Connect();
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    if (unread != "outer") return TestHandler::Echo(connection, unread);
    polls = false;
    other.Send("inner");
    EXPECT_TRUE(Receives(other, "inner"));
    return TestHandler::Echo(connection, unread);
  };
  TestClient client = network_->Connect();
  client.Send("outer");
  EXPECT_TRUE(Receives(client, "outer"));
  EXPECT_FALSE(polls);
}

TEST_F(BypassLoopTest, WhatWasSentReachesAPeerWhoseConnectionIsClosed) {
  Start();
  const std::string reply = Pattern(100'000);
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.output() += reply;
    connection.Flush();
    connection.Close();
    return unread.size();
  };
  TestClient client = network_->Connect();
  client.Send("?");
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_TRUE(TurnUntil([&] { return !client.Receive(); }));
  EXPECT_TRUE(client.received() == reply);
}

TEST_F(BypassLoopTest, AClosedConnectionWhosePeerTakesNothingIsForgotten) {
  Start(kFastClock);
  Connection* full = nullptr;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.output() += Pattern(4 << 20);
    full = &connection;
    return unread.size();
  };
  TestClient client = network_->Connect();
  client.Send("?");
  ASSERT_TRUE(TurnUntil([&] { return full != nullptr; }));
  // The client reads nothing, so that its window closes.
  size_t left = 0;
  while (left != full->unsent()) {
    left = full->unsent();
    for (int i = 0; i < 1'000; i++) loop_->PollOnce();
  }
  EXPECT_EQ(FrameNetwork::CountConnections(), 1u);
  full->Close();
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_TRUE(TurnUntil([] { return FrameNetwork::CountConnections() == 0; }));
}

TEST_F(BypassLoopTest, AClosedConnectionWhosePeerIsSlowGetsAll) {
  Start(kFastClock);
  const std::string reply = Pattern(400'000);
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.output() += reply;
    connection.CloseAfterFlush();
    return unread.size();
  };
  TestClient client = network_->Connect();
  client.Send("?");
  EXPECT_TRUE(TurnUntil([&] {
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    return !client.Receive(2'000);
  }));
  EXPECT_TRUE(client.received() == reply);
}

TEST_F(BypassLoopTest, TwoListenersDoNotShareAPort) {
  Start();
  std::string error;
  EXPECT_FALSE(loop().ListenBypass(7379, &handler_, &error));
  EXPECT_EQ(error, "port 7379 of the bypass is in use (choose another one)");
  EXPECT_TRUE(loop().ListenBypass(7380, &handler_, &error)) << error;
  loop_->StopListening();
  EXPECT_TRUE(loop().ListenBypass(7379, &handler_, &error)) << error;
}

TEST_F(BypassLoopTest, AnInterfaceWhoseAddressIsNoneIsRefused) {
  FrameNetwork network({}, 1);
  std::string error;
  EXPECT_EQ(network.CreateLoopAt("10.0.0.256", &error), nullptr);
  EXPECT_EQ(error, "not an IPv4 address: 10.0.0.256 (write it as 10.0.0.2 or fd00::2)");
}

TEST_F(BypassLoopTest, ItCountsFramesPollsAndWhatIsSentAgain) {
  Start(kFastClock, {.lost = 200});
  TestClient client = network_->Connect();
  const std::string bytes = Pattern(200'000);
  size_t sent = 0;
  EXPECT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(bytes).substr(sent));
    client.Receive();
    return client.received().size() == bytes.size();
  }));
  const BypassCounters counters = loop().counters();
  EXPECT_GT(counters.device.received, 100u);
  EXPECT_GT(counters.device.sent, 100u);
  EXPECT_GT(counters.retransmitted, 0u);
  EXPECT_GT(counters.busy_polls, 0u);
  EXPECT_GT(counters.idle_polls, 0u);
  EXPECT_GT(counters.busy_ns, 0u);
  EXPECT_GT(counters.stack_bytes, 0u);
}

}  // namespace
}  // namespace shredder::net
