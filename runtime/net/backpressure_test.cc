// What keeps a peer from filling the loop's memory: deferral, backlogs, accounts of many
// connections.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

// ---- Deferral

TEST_P(LoopTest, ADeferredConnectionGetsItsInputAfterwardsInOrder) {
  Start();
  std::string seen;
  Connection* deferred = nullptr;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    if (deferred == nullptr) {
      deferred = &connection;
      connection.Defer();
      return 0;
    }
    seen += unread;
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("a");
  ASSERT_TRUE(TurnUntil([&] { return deferred != nullptr; }));
  const std::string stream = Pattern(300'000);
  const size_t sent = client.Send(stream);
  Turn(80);
  EXPECT_EQ(seen, "");
  deferred->EndDeferral();
  EXPECT_EQ(seen, "");  // the next turn delivers
  ASSERT_TRUE(TurnUntil([&] { return seen.size() == sent + 1; }));
  EXPECT_TRUE(seen == "a" + stream.substr(0, sent));
  client.Send("b");
  EXPECT_TRUE(TurnUntil([&] { return seen.back() == 'b'; }));
}

TEST_P(LoopTest, APeerThatLeavesWhileItIsDeferredIsServedFirst) {
  Start();
  Connection* deferred = nullptr;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    if (deferred != nullptr) return TestHandler::Echo(connection, unread);
    deferred = &connection;
    connection.Defer();
    return 0;
  };
  TestClient client = Connect();
  client.Send("request");
  client.ShutdownSending();
  ASSERT_TRUE(TurnUntil([&] { return deferred != nullptr; }));
  Turn(20);
  EXPECT_EQ(handler_.closed, 0u);
  deferred->EndDeferral();
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_EQ(client.received(), "request");
}

TEST_P(LoopTest, WhatADeferredPeerSendsWaitsInTheKernelBeyondABound) {
  EventLoopOptions options;
  options.limits.pause_reading_at_unread_bytes = 100'000;
  options.limits.max_unread_bytes = 4 << 20;  // which would close it
  Start(options);
  Connection* deferred = nullptr;
  size_t seen = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    if (deferred == nullptr) {
      deferred = &connection;
      connection.Defer();
      return 0;
    }
    seen += unread.size();
    return unread.size();
  };
  TestClient client = Connect();
  const std::string stream = Pattern(1 << 20);
  size_t sent = 0;
  for (int i = 0; i < 64; ++i) {
    sent += client.Send(stream);
    Turn(2);
  }
  EXPECT_EQ(handler_.closed, 0u);
  deferred->EndDeferral();
  EXPECT_TRUE(TurnUntil([&] { return seen == sent; }));
}

// ---- Backlogs

TEST_P(LoopTest, APeerThatSendsFasterThanItIsServedWaitsInTheKernel) {
  EventLoopOptions options;
  options.limits.pause_reading_at_unread_bytes = 100'000;
  options.limits.max_unread_bytes = 4 << 20;
  Start(options);
  size_t served = 0;
  handler_.on_data = [&](Connection&, std::string_view) -> size_t {
    ++served;
    return 1;
  };
  TestClient client = Connect();
  const std::string stream = Pattern(1 << 20);
  for (int i = 0; i < 64; ++i) {
    client.Send(stream);
    Turn(2);
  }
  EXPECT_GT(served, 0u);
  EXPECT_EQ(handler_.closed, 0u);
}

TEST_P(LoopTest, ARequestLargerThanTheBacklogStillArrives) {
  EventLoopOptions options;
  options.limits.pause_reading_at_unread_bytes = 100'000;
  Start(options);
  constexpr size_t kRequest = 3 << 20;
  size_t requests = 0;
  handler_.on_data = [&](Connection&, std::string_view unread) -> size_t {
    if (unread.size() < kRequest) return 0;
    ++requests;
    return kRequest;
  };
  TestClient client = Connect();
  const std::string stream = Pattern(4 * kRequest);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(stream).substr(sent));
    return requests == 4;
  }));
}

// ---- Accounts

TEST_P(LoopTest, WhatConnectionsHoldCountsInTheirAccountUntilItIsGone) {
  Start();
  ByteAccount account;
  bool consumes = false;
  Connection* last = nullptr;
  handler_.on_open = [&](Connection& connection) { connection.SetAccount(&account); };
  handler_.on_close = [](Connection& connection) { connection.SetAccount(nullptr); };
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    last = &connection;
    return consumes ? unread.size() : 0;
  };
  TestClient first = Connect();
  TestClient second = Connect();
  first.Send(Pattern(10'000));
  second.Send(Pattern(20'000));
  ASSERT_TRUE(TurnUntil([&] { return account.bytes == 30'000; }));
  first.Close();
  ASSERT_TRUE(TurnUntil([&] { return account.bytes == 20'000; }));
  consumes = true;
  second.Send("x");
  ASSERT_TRUE(TurnUntil([&] { return account.bytes == 0; }));
  // Output that the peer does not take.
  last->output() = Pattern(40 << 20);
  last->Flush();
  Turn(20);
  EXPECT_GT(account.bytes, 20u << 20);
  EXPECT_LT(account.bytes, 40u << 20);
  ASSERT_TRUE(ReceiveBytes(second, 40 << 20));
  EXPECT_TRUE(TurnUntil([&] { return account.bytes == 0; }));
}

TEST_P(LoopTest, AConnectionThatBringsItsAccountOverTheLimitIsClosed) {
  Start();
  ByteAccount account;
  account.limit = 1 << 20;
  std::vector<uint64_t> closed;
  handler_.on_open = [&](Connection& connection) { connection.SetAccount(&account); };
  handler_.on_close = [&](Connection& connection) {
    closed.push_back(connection.id());
    connection.SetAccount(nullptr);
  };
  handler_.on_data = [](Connection&, std::string_view) -> size_t { return 0; };
  TestClient first = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  TestClient second = Connect();
  const std::string part = Pattern(600'000);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += first.Send(std::string_view(part).substr(sent));
    return account.bytes == part.size();
  }));
  sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    if (closed.empty()) sent += second.Send(std::string_view(part).substr(sent));
    return !closed.empty();
  }));
  EXPECT_EQ(closed.size(), 1u);
  EXPECT_EQ(account.closed, 1u);
  EXPECT_TRUE(TurnUntil([&] { return account.bytes == part.size(); }));
  // The first one is as it was.
  first.Send("x");
  EXPECT_TRUE(TurnUntil([&] { return account.bytes == part.size() + 1; }));
}

TEST_P(LoopTest, RepliesThatNobodyTakesCloseAConnectionOverTheAccountsLimit) {
  Start();
  ByteAccount account;
  account.limit = 8 << 20;
  handler_.on_open = [&](Connection& connection) { connection.SetAccount(&account); };
  handler_.on_close = [](Connection& connection) { connection.SetAccount(nullptr); };
  handler_.on_data = [](Connection& connection, std::string_view unread) {
    connection.output().append(30 << 20, 'x');
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("x");
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_EQ(account.closed, 1u);
  EXPECT_EQ(account.bytes, 0u);
}

}  // namespace
}  // namespace shredder::net
