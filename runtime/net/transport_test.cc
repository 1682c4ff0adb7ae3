// What holds for connections whatever carries them, also beside those over sockets.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

TEST_P(LoopTest, ConnectionsOverSocketsAreServedBesideOthers) {
  Start();
  const std::string path =
      testing::TempDir() + "transport_test_" + std::to_string(getpid()) + ".sock";
  std::string error;
  ASSERT_TRUE(loop_->ListenUnix(path, &handler_, &error)) << error;
  std::vector<TestClient> clients;
  clients.push_back(Connect());
  clients.push_back(ConnectTcp());
  clients.push_back(TestClient::ConnectUnix(path));
  const std::string stream = Pattern(8 << 20);
  std::vector<size_t> sent(clients.size());
  ASSERT_TRUE(TurnUntil([&] {
    bool done = true;
    for (size_t i = 0; i < clients.size(); ++i) {
      sent[i] += clients[i].Send(std::string_view(stream).substr(sent[i], 300'000));
      clients[i].Receive();
      done &= clients[i].received().size() == stream.size();
    }
    return done;
  }));
  for (const TestClient& client : clients) EXPECT_TRUE(client.received() == stream);
  EXPECT_EQ(loop_->connection_count(), clients.size());
  clients.clear();
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 3; }));
}

TEST_P(LoopTest, TheLimitOnConnectionsIsOneForAll) {
  EventLoopOptions options;
  options.max_connections = 2;
  options.refusal = "-ERR max number of clients reached\r\n";
  Start(options);
  TestClient first = Connect();
  TestClient second = ConnectTcp();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  std::vector<TestClient> more;
  more.push_back(Connect());
  more.push_back(ConnectTcp());
  for (TestClient& client : more) {
    ASSERT_TRUE(ReceiveEnd(client));
    EXPECT_EQ(client.received(), options.refusal);
  }
  EXPECT_EQ(handler_.opened, 2u);
}

TEST_P(LoopTest, WhatIsSentToAPausedConnectionWaitsOutsideOfTheLoop) {
  EventLoopOptions options;
  options.limits.max_unread_bytes = 4 << 20;  // which would close it
  Start(options);
  Connection* paused = nullptr;
  size_t seen = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    seen += unread.size();
    if (paused == nullptr) {
      paused = &connection;
      connection.PauseReading();
    }
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("a");
  ASSERT_TRUE(TurnUntil([&] { return paused != nullptr; }));
  const std::string stream = Pattern(1 << 20);
  size_t sent = 0;
  for (int i = 0; i < 64; ++i) {
    sent += client.Send(stream);
    Turn(2);
  }
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, 64u << 20);
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(handler_.closed, 0u);
  paused->ResumeReading();
  EXPECT_TRUE(TurnUntil([&] { return seen == 1 + sent; }));
}

TEST_P(LoopTest, WhatHasNoDescriptorStaysInItsLoop) {
  Start();
  bool has_left = true;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    has_left = connection.Release();
    return TestHandler::Echo(connection, unread);
  };
  TestClient client = Connect();
  client.Send("request");
  ASSERT_TRUE(ReceiveBytes(client, 7));
  if (client.fd() >= 0) {
    EXPECT_TRUE(has_left);
    EXPECT_TRUE(TurnUntil([&] { return handler_.released == 1; }));
    return;
  }
  EXPECT_FALSE(has_left);
  client.Send(", and another one");
  ASSERT_TRUE(ReceiveBytes(client, 24));
  EXPECT_EQ(handler_.released, 0u);
  client.Close();
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
}

}  // namespace
}  // namespace shredder::net
