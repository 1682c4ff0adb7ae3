#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

// Consumes whole lines and answers each with its length.
size_t AnswerLines(Connection& connection, std::string_view unread) {
  size_t consumed = 0;
  for (size_t end; (end = unread.find('\n', consumed)) != std::string_view::npos;) {
    connection.output() += std::to_string(end - consumed) + "\n";
    consumed = end + 1;
  }
  return consumed;
}

// ---- Input

TEST_P(LoopTest, Echoes) {
  Start();
  EXPECT_EQ(loop_->backend(), GetParam().backend);
  TestClient client = Connect();
  client.Send("hello");
  ASSERT_TRUE(ReceiveBytes(client, 5));
  EXPECT_EQ(client.received(), "hello");
  client.Send(" again");
  ASSERT_TRUE(ReceiveBytes(client, 11));
  EXPECT_EQ(client.received(), "hello again");
  EXPECT_EQ(handler_.opened, 1u);
  EXPECT_EQ(loop_->connection_count(), 1u);
  client.Close();
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_EQ(loop_->connection_count(), 0u);
}

TEST_P(LoopTest, WhatIsNotConsumedComesAgainWithWhatFollows) {
  Start();
  handler_.on_data = AnswerLines;
  TestClient client = Connect();
  const std::string stream = "a\n\nlonger line\nlast\n";
  for (const char c : stream) {
    client.Send({&c, 1});
    Turn(5);
  }
  ASSERT_TRUE(ReceiveBytes(client, 9));
  EXPECT_EQ(client.received(), "1\n0\n11\n4\n");
}

TEST_P(LoopTest, AHandlerMayStopEarlyAndIsCalledAgain) {
  Start();
  size_t calls = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    ++calls;
    const size_t end = unread.find('\n');
    if (end == std::string_view::npos) return 0;
    return AnswerLines(connection, unread.substr(0, end + 1));
  };
  TestClient client = Connect();
  std::string stream;
  for (int i = 0; i < 500; ++i) stream += "ab\n";
  client.Send(stream + "rest");
  ASSERT_TRUE(ReceiveBytes(client, 1000));
  Turn(20);
  EXPECT_GE(calls, 500u);
  EXPECT_LE(calls, 510u);  // and not over and over for the rest
  client.Send("!\n");
  ASSERT_TRUE(ReceiveBytes(client, 1002));
  EXPECT_EQ(client.received().substr(998), "2\n5\n");
}

TEST_P(LoopTest, Echoes64MiBAsTheyArrive) {
  Start();
  TestClient client = Connect();
  const std::string stream = Pattern(64 << 20);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(stream).substr(sent, 1 << 20));
    client.Receive();
    return client.received().size() == stream.size();
  }));
  EXPECT_TRUE(client.received() == stream);
}

TEST_P(LoopTest, Echoes64MiBAsOnePiece) {
  Start();
  constexpr size_t kBytes = 64 << 20;
  handler_.on_data = [](Connection& connection, std::string_view unread) -> size_t {
    return unread.size() < kBytes ? 0 : TestHandler::Echo(connection, unread);
  };
  TestClient client = Connect();
  const std::string stream = Pattern(kBytes);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(stream).substr(sent, 1 << 20));
    client.Receive();
    return client.received().size() == stream.size();
  }));
  EXPECT_TRUE(client.received() == stream);
}

TEST_P(LoopTest, TooMuchUnreadInputClosesTheConnection) {
  EventLoopOptions options;
  options.limits.max_unread_bytes = 100'000;
  Start(options);
  handler_.on_data = [](Connection&, std::string_view) -> size_t { return 0; };
  TestClient client = Connect();
  client.Send(Pattern(99'000));
  Turn(80);
  EXPECT_EQ(handler_.closed, 0u);
  client.Send(Pattern(2'000));
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
}

TEST_P(LoopTest, AFloodOnOneConnectionDoesNotStarveAnother) {
  Start();
  uint64_t second = 0;
  bool second_served = false;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    if (connection.id() == second) second_served = true;
    return unread.size();
  };
  TestClient flood = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  handler_.on_open = [&](Connection& connection) { second = connection.id(); };
  TestClient other = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  const std::string bytes = Pattern(16 << 20);
  flood.Send(bytes);
  other.Send("x");
  ASSERT_TRUE(TurnUntil([&] { return other.HasArrived(); }));
  for (int turn = 0; turn < 3; ++turn) {
    loop_->PollOnce();
    flood.Send(bytes);
  }
  EXPECT_TRUE(second_served);
}

// ---- Pausing

TEST_P(LoopTest, APausedConnectionGetsItsInputAfterwardsInOrder) {
  Start();
  std::string seen;
  Connection* paused = nullptr;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    seen += unread;
    if (paused == nullptr) {
      paused = &connection;
      connection.PauseReading();
    }
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("a");
  ASSERT_TRUE(TurnUntil([&] { return paused != nullptr; }));
  const std::string stream = Pattern(300'000);
  const size_t sent = client.Send(stream);
  Turn(80);
  EXPECT_EQ(seen, "a");
  paused->ResumeReading();
  EXPECT_EQ(seen, "a");  // the next turn delivers
  ASSERT_TRUE(TurnUntil([&] { return seen.size() == sent + 1; }));
  EXPECT_TRUE(seen == "a" + stream.substr(0, sent));
  paused->PauseReading();
  paused->ResumeReading();
  client.Send("b");
  EXPECT_TRUE(TurnUntil([&] { return seen.back() == 'b'; }));
}

TEST_P(LoopTest, UnconsumedInputIsDeliveredAgainOnResume) {
  Start();
  Connection* waiting = nullptr;
  bool serve = false;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    if (serve) return TestHandler::Echo(connection, unread);
    waiting = &connection;
    connection.PauseReading();
    return 0;
  };
  TestClient client = Connect();
  client.Send("request");
  ASSERT_TRUE(TurnUntil([&] { return waiting != nullptr; }));
  Turn(20);
  EXPECT_EQ(client.received(), "");
  serve = true;
  waiting->ResumeReading();
  ASSERT_TRUE(ReceiveBytes(client, 7));
  EXPECT_EQ(client.received(), "request");
}

TEST_P(LoopTest, APeerThatLeavesWhileReadingIsPausedIsServedFirst) {
  Start();
  Connection* waiting = nullptr;
  bool serve = false;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    if (serve) return TestHandler::Echo(connection, unread);
    waiting = &connection;
    connection.PauseReading();
    return 0;
  };
  TestClient client = Connect();
  client.Send("request");
  client.ShutdownSending();
  ASSERT_TRUE(TurnUntil([&] { return waiting != nullptr; }));
  Turn(20);
  EXPECT_EQ(handler_.closed, 0u);
  serve = true;
  waiting->ResumeReading();
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_EQ(client.received(), "request");
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
}

// ---- Output

TEST_P(LoopTest, ReadingPausesUntilASlowReaderHasTakenItsReplies) {
  EventLoopOptions options;
  options.limits.pause_reading_at_unsent_bytes = 1 << 20;
  Start(options);
  const std::string reply = Pattern(100'000);
  size_t served = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    // One request a call, so that the loop may stop between any two.
    ++served;
    connection.output() += reply;
    return std::min<size_t>(unread.size(), 1);
  };
  TestClient client = Connect();
  constexpr size_t kRequests = 500;
  client.Send(std::string(kRequests, 'r'));
  TurnUntilSteady(served);
  // What the kernel's buffers hold on both sides, and the limit.
  EXPECT_LT(served, 200u);
  ASSERT_TRUE(ReceiveBytes(client, kRequests * reply.size()));
  EXPECT_EQ(served, kRequests);
  for (size_t i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.received().compare(i * reply.size(), reply.size(), reply), 0);
  }
}

TEST_P(LoopTest, TooMuchUnsentOutputClosesTheConnection) {
  EventLoopOptions options;
  options.limits.max_unsent_bytes = 16 << 20;
  Start(options);
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.output().append(40 << 20, 'x');
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("x");
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_EQ(loop_->connection_count(), 0u);
}

TEST_P(LoopTest, OutputAppendedWhileEarlierOutputIsBeingSentFollowsIt) {
  Start();
  Connection* connection = nullptr;
  handler_.on_open = [&](Connection& opened) { connection = &opened; };
  TestClient client = Connect();
  ASSERT_TRUE(TurnUntil([&] { return connection != nullptr; }));
  const std::string stream = Pattern(24 << 20);
  size_t appended = 0;
  ASSERT_TRUE(TurnUntil([&] {
    if (appended < stream.size()) {
      connection->output().append(stream, appended, 3'000'000);
      appended = std::min<size_t>(appended + 3'000'000, stream.size());
      connection->Flush();
    }
    client.Receive(1'000'000);
    return client.received().size() == stream.size();
  }));
  EXPECT_TRUE(client.received() == stream);
}

TEST_P(LoopTest, AGreetingIsSentFromOnOpen) {
  Start();
  handler_.on_open = [](Connection& connection) { connection.output() = "hello"; };
  TestClient client = Connect();
  ASSERT_TRUE(ReceiveBytes(client, 5));
}

// ---- Closing

TEST_P(LoopTest, CloseAfterFlushDeliversEverythingToAPeerThatStillSends) {
  Start();
  const std::string reply = Pattern(8 << 20);
  size_t calls = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    ++calls;
    connection.output() += reply;
    connection.CloseAfterFlush();
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("x");
  ASSERT_TRUE(TurnUntil([&] {
    client.Send("more");
    return !client.Receive();
  }));
  EXPECT_FALSE(client.was_reset());
  EXPECT_TRUE(client.received() == reply);
  EXPECT_EQ(calls, 1u);
  client.Close();
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
}

TEST_P(LoopTest, AClosedConnectionIsGivenUpWhenThePeerDoesNotClose) {
  Start();
  handler_.on_open = [](Connection& connection) { connection.CloseAfterFlush(); };
  TestClient client = Connect();
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
}

TEST_P(LoopTest, CloseIsAtOnceAndToldOnce) {
  Start();
  bool closed_inside = false;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.Close();
    connection.Close();
    connection.CloseAfterFlush();
    connection.Flush();
    closed_inside = handler_.closed > 0;
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("x");
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_FALSE(closed_inside);
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed > 0; }));
  Turn(20);
  EXPECT_EQ(handler_.closed, 1u);
  EXPECT_EQ(loop_->connection_count(), 0u);
}

TEST_P(LoopTest, AHalfClosedPeerStillGetsItsReplies) {
  Start();
  handler_.on_data = AnswerLines;
  TestClient client = Connect();
  client.Send("abc\nabcd\nincomplete");
  client.ShutdownSending();
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_EQ(client.received(), "3\n4\n");
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
}

TEST_P(LoopTest, PeersThatResetUnderLoadAreForgotten) {
  Start();
  const std::string reply = Pattern(1 << 20);
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.output() += reply;
    return unread.size();
  };
  constexpr size_t kClients = 100;
  std::vector<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) clients.push_back(Connect());
  // A network that loses frames may take longer to open one than a stack under load waits.
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == kClients; }));
  for (TestClient& client : clients) client.Send("request");
  for (size_t i = 0; i < kClients; ++i) {
    loop_->PollOnce();
    clients[i].Receive(10'000);
    if (i % 3 == 0) clients[i].Send("request");
    if (i % 2 == 0) {
      clients[i].Reset();
    } else {
      clients[i].Close();
    }
  }
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == kClients; }));
  EXPECT_EQ(loop_->connection_count(), 0u);
  handler_.on_data = TestHandler::Echo;
  TestClient client = Connect();
  client.Send("alive");
  EXPECT_TRUE(ReceiveBytes(client, 5));
}

TEST_P(LoopTest, DestroyingTheLoopTellsEveryHandler) {
  Start();
  handler_.on_open = [](Connection& connection) { connection.output().append(8 << 20, 'x'); };
  std::vector<TestClient> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(Connect());
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 20; }));
  loop_.reset();
  EXPECT_EQ(handler_.closed, 20u);
  EXPECT_TRUE(clients[0].Receive() || !clients[0].received().empty());
}

// ---- Many connections

TEST_P(LoopTest, WhatManyConnectionsTouchIsAskedForWhileTheyAreOpen) {
  Start();
  std::set<const Connection*> open;
  std::vector<Connection*> all;
  handler_.on_open = [&](Connection& connection) {
    open.insert(&connection);
    all.push_back(&connection);
  };
  handler_.on_close = [&](Connection& connection) { open.erase(&connection); };
  // Since it was served last: each once, in order, but where there was an event without bytes.
  std::map<const Connection*, std::vector<size_t>> steps;
  handler_.on_prefetch = [&](const Connection& connection, size_t step) {
    EXPECT_TRUE(open.contains(&connection));
    steps[&connection].push_back(step);
  };
  std::vector<size_t> all_steps(ConnectionHandler::kPrefetchSteps);
  std::iota(all_steps.begin(), all_steps.end(), 0);
  size_t prefetched = 0;
  constexpr size_t kClients = 600;
  std::vector<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(Connect());
    if (i % 100 == 99) loop_->PollOnce();
  }
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == kClients; }));
  // Some close others, whose requests have come with theirs.
  std::set<const Connection*> doomed;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    prefetched += std::exchange(steps[&connection], {}) == all_steps;
    if (unread.ends_with("close") && doomed.size() < kClients / 3) {
      Connection* const other = all[doomed.size() * 3 % all.size()];
      if (open.contains(other) && doomed.insert(other).second && other != &connection) {
        other->Close();
      }
    }
    return TestHandler::Echo(connection, unread);
  };
  for (const char* const request : {"first", "close", "third"}) {
    for (TestClient& client : clients) {
      client.ClearReceived();
      client.Send(request);
    }
    const auto is_done = [&](TestClient& client) {
      return !client.Receive() || client.received() == request;
    };
    ASSERT_TRUE(TurnUntil([&] { return std::all_of(clients.begin(), clients.end(), is_done); }));
  }
  EXPECT_GT(handler_.closed, 0u);
  // Turns may be short.
  EXPECT_GT(prefetched, kClients);
}

TEST_P(LoopTest, OfFewConnectionsIsAskedAheadWhereTheyTouchMuchAlone) {
  Start();
  size_t prefetches = 0;
  handler_.on_prefetch = [&](const Connection&, size_t) { ++prefetches; };
  constexpr size_t kClients = 100;
  std::vector<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) clients.push_back(Connect());
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == kClients; }));
  const bool is_bypass = std::string_view(GetParam().name).starts_with("Bypass");
  for (const bool touches_much : {false, true}) {
    handler_.touches_much = touches_much;
    for (TestClient& client : clients) {
      client.ClearReceived();
      client.Send("request");
    }
    const auto is_done = [](TestClient& client) {
      return !client.Receive() || client.received() == "request";
    };
    ASSERT_TRUE(TurnUntil([&] { return std::all_of(clients.begin(), clients.end(), is_done); }));
    // Over a card events take too little time.
    EXPECT_EQ(prefetches > 0, touches_much && !is_bypass);
  }
}

TEST_P(LoopTest, AThousandConnections) {
  Start();
  std::set<uint64_t> ids;
  handler_.on_open = [&](Connection& connection) {
    ids.insert(connection.id());
    EXPECT_EQ(connection.peer_address().rfind(network_->peer_prefix(), 0), 0u)
        << connection.peer_address();
  };
  constexpr size_t kClients = 1000;
  std::vector<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(Connect());
    if (i % 100 == 99) loop_->PollOnce();
  }
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < kClients; ++i) clients[i].Send("request " + std::to_string(i));
    for (size_t i = 0; i < kClients; ++i) {
      const std::string expected = "request " + std::to_string(i);
      ASSERT_TRUE(ReceiveBytes(clients[i], expected.size()));
      ASSERT_EQ(clients[i].received(), expected);
      clients[i].ClearReceived();
    }
  }
  EXPECT_EQ(loop_->connection_count(), kClients);
  EXPECT_EQ(ids.size(), kClients);
  clients.clear();
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == kClients; }));
}

TEST_P(LoopTest, ConnectionsBeyondTheLimitAreRefused) {
  EventLoopOptions options;
  options.max_connections = 2;
  options.refusal = "-ERR max number of clients reached\r\n";
  Start(options);
  TestClient first = Connect();
  TestClient second = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  TestClient third = Connect();
  ASSERT_TRUE(ReceiveEnd(third));
  EXPECT_EQ(third.received(), options.refusal);
  EXPECT_EQ(handler_.opened, 2u);
  first.Close();
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  TestClient fourth = Connect();
  fourth.Send("x");
  EXPECT_TRUE(ReceiveBytes(fourth, 1));
}

TEST_P(LoopTest, AcceptingResumesAfterDescriptorsRanOut) {
  Start();
  TestClient client = ConnectTcp();
  client.Send("x");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Turn(40);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(handler_.opened, 0u);
  EXPECT_TRUE(ReceiveBytes(client, 1));
}

// ---- Nested turns

TEST_P(LoopTest, PollOnceInsideAHandlerServesTheOthers) {
  Start();
  TestClient busy = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  TestClient other = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  bool inside = false;
  std::string seen;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    if (connection.id() != 1) return TestHandler::Echo(connection, unread);
    EXPECT_FALSE(inside) << "delivered to a connection whose handler is running";
    seen += unread;
    if (seen.size() > 4) return unread.size();
    inside = true;
    // More of the same connection's input, another one's request, a new connection.
    busy.Send(" and more");
    other.Send("short");
    EXPECT_TRUE(ReceiveBytes(other, 5));
    TestClient late = Connect();
    EXPECT_TRUE(TurnUntil([&] { return handler_.opened == 3; }));
    late.Close();
    EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
    EXPECT_EQ(unread, "long");  // not touched meanwhile
    inside = false;
    return unread.size();
  };
  busy.Send("long");
  ASSERT_TRUE(TurnUntil([&] { return seen.size() == 13; }));
  EXPECT_EQ(seen, "long and more");
}

TEST_P(LoopTest, InputThatArrivesInANestedTurnFollowsTheUnconsumedRest) {
  Start();
  TestClient client = Connect();
  size_t calls = 0;
  std::string seen;
  handler_.on_data = [&](Connection&, std::string_view unread) -> size_t {
    ++calls;
    if (calls <= 2) {
      client.Send(calls == 1 ? "345" : "6789");
      Turn(20);
      seen += unread[0];
      return 1;
    }
    seen += unread;
    return unread.size();
  };
  client.Send("012");
  ASSERT_TRUE(TurnUntil([&] { return seen.size() == 10; }));
  EXPECT_EQ(seen, "0123456789");
}

TEST_P(LoopTest, AConnectionClosedInANestedTurnLivesUntilItsHandlerReturns) {
  Start();
  TestClient victim = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  TestClient killer = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  Connection* running = nullptr;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    if (unread == "kill") {
      running->Close();
      connection.output() += "done";
      return unread.size();
    }
    running = &connection;
    killer.Send("kill");
    EXPECT_TRUE(ReceiveBytes(killer, 4));
    Turn(20);
    EXPECT_EQ(handler_.closed, 0u);
    connection.output() += "too late";
    connection.Flush();
    EXPECT_EQ(unread, "long");
    return unread.size();
  };
  victim.Send("long");
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  ASSERT_TRUE(ReceiveEnd(victim));
  EXPECT_EQ(victim.received(), "");
  EXPECT_EQ(loop_->connection_count(), 1u);
}

TEST_P(LoopTest, PausedInsideAndResumedInANestedTurn) {
  Start();
  TestClient busy = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  TestClient waiting = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  bool running = false;
  Connection* postponed = nullptr;
  handler_.on_data = [&](Connection& connection, std::string_view unread) -> size_t {
    if (running) {
      postponed = &connection;
      connection.PauseReading();
      return 0;
    }
    if (postponed == nullptr) {
      running = true;
      waiting.Send("postponed");
      EXPECT_TRUE(TurnUntil([&] { return postponed != nullptr; }));
      running = false;
      postponed->ResumeReading();
    }
    return TestHandler::Echo(connection, unread);
  };
  busy.Send("long");
  ASSERT_TRUE(ReceiveBytes(busy, 4));
  ASSERT_TRUE(ReceiveBytes(waiting, 9));
  EXPECT_EQ(waiting.received(), "postponed");
}

// ---- Run, Stop, timer: the loop in a thread of its own

TEST_P(LoopTest, RunServesUntilStop) {
  Start();
  std::thread thread([&] { loop_->Run(); });
  TestClient client = Connect();
  client.Send("hello");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (client.received().size() < 5 && std::chrono::steady_clock::now() < deadline) {
    client.Receive();
  }
  EXPECT_EQ(client.received(), "hello");
  loop_->Stop();
  thread.join();
}

TEST_P(LoopTest, StopBeforeRunIsNotLost) {
  Start();
  loop_->Stop();
  loop_->Run();
  // And is spent: the next Run runs until the timer stops it.
  int ticks = 0;
  loop_->SetTimer(1, [&] {
    if (++ticks == 3) loop_->Stop();
  });
  loop_->Run();
  EXPECT_EQ(ticks, 3);
}

TEST_P(LoopTest, DrainSendsWhatIsAnsweredAndBeginsNothing) {
  Start();
  constexpr size_t kReplyBytes = 32 << 20;
  size_t requests = 0;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    ++requests;
    connection.output() += Pattern(kReplyBytes);
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("first");
  ASSERT_TRUE(TurnUntil([&] { return requests == 1; }));
  client.Send("second");
  std::thread reader([&] {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (client.Receive() && std::chrono::steady_clock::now() < deadline) {
    }
    client.Close();
  });
  loop_->Drain(std::chrono::milliseconds(kPatience).count());
  reader.join();
  EXPECT_EQ(requests, 1u);
  EXPECT_TRUE(client.received() == Pattern(kReplyBytes));
  EXPECT_EQ(loop_->connection_count(), 0u);
}

TEST_P(LoopTest, DrainWaitsForNobodyLongerThanItIsTold) {
  Start();
  bool answered = false;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.output() += Pattern(32 << 20);
    answered = true;
    return unread.size();
  };
  TestClient deaf = Connect();
  deaf.Send("request");
  ASSERT_TRUE(TurnUntil([&] { return answered; }));
  const auto start = std::chrono::steady_clock::now();
  loop_->Drain(100);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  // The loop counts whole milliseconds.
  EXPECT_GE(elapsed, std::chrono::milliseconds(99));
  EXPECT_LT(elapsed, kPatience);
}

TEST_P(LoopTest, TheTimerTicksAgainAndAgain) {
  Start();
  int ticks = 0;
  loop_->SetTimer(10, [&] {
    if (++ticks == 10) loop_->Stop();
  });
  const auto start = std::chrono::steady_clock::now();
  loop_->Run();
  const auto elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(ticks, 10);
  // No sooner than its interval, and later by what the machine does besides.
  EXPECT_GE(elapsed, std::chrono::milliseconds(90));
  EXPECT_LT(elapsed, kPatience);
}

TEST_P(LoopTest, ATimerRestsWhileNothingHappens) {
  Start();
  int ticks = 0;
  loop_->SetTimer(1, [&] {
    if (++ticks == 3) return loop_->Stop();
    loop_->RestTimer(50);
  });
  const auto start = std::chrono::steady_clock::now();
  loop_->Run();
  EXPECT_EQ(ticks, 3);
  // The loop counts whole milliseconds.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(98));
}

TEST_P(LoopTest, ATimerThatRestsTicksOnceSomethingHappens) {
  Start();
  TestClient client = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  int ticks = 0;
  loop_->SetTimer(1, [&] {
    if (++ticks == 3) return loop_->Stop();
    loop_->RestTimer(std::chrono::milliseconds(2 * kPatience).count());
    client.Send("wake");
  });
  const auto start = std::chrono::steady_clock::now();
  loop_->Run();
  EXPECT_EQ(ticks, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience);
}

std::atomic<EventLoop*> loop_to_stop;

TEST_P(LoopTest, StopWorksFromASignalHandler) {
  Start();
  loop_to_stop = loop_.get();
  const auto previous = std::signal(SIGUSR1, [](int) { loop_to_stop.load()->Stop(); });
  const pthread_t runner = pthread_self();
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    pthread_kill(runner, SIGUSR1);
  });
  loop_->Run();
  sender.join();
  std::signal(SIGUSR1, previous);
}

// ---- Unix sockets

TEST_P(LoopTest, ServesUnixSockets) {
  Start();
  const std::string path = testing::TempDir() + "net_test_" + std::to_string(getpid()) + ".sock";
  std::string error;
  ASSERT_TRUE(loop_->ListenUnix(path, &handler_, &error)) << error;
  std::string peer;
  handler_.on_open = [&](Connection& connection) { peer = connection.peer_address(); };
  TestClient client = TestClient::ConnectUnix(path);
  const std::string stream = Pattern(2 << 20);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(stream).substr(sent));
    client.Receive();
    return client.received().size() == stream.size();
  }));
  EXPECT_TRUE(client.received() == stream);
  EXPECT_EQ(peer, "unix:" + path);
  client.Close();
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  loop_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(EventLoopTest, SaysWhyItsBackendIsWhatItIs) {
  std::string error;
  EventLoopOptions options;
  const std::unique_ptr<EventLoop> automatic = EventLoop::Create(options, &error);
  ASSERT_NE(automatic, nullptr) << error;
  const std::string expected = automatic->backend() == Backend::kIoUring ? "io_uring" : "epoll: ";
  EXPECT_EQ(automatic->backend_note().rfind(expected, 0), 0u) << automatic->backend_note();
  options.backend = Backend::kEpoll;
  const std::unique_ptr<EventLoop> epoll = EventLoop::Create(options, &error);
  ASSERT_NE(epoll, nullptr) << error;
  EXPECT_EQ(epoll->backend_note(), "epoll");
}

}  // namespace
}  // namespace shredder::net
