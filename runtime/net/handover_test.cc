// Connections that move from loop to loop.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

// The first loop listens; what it releases waits here until the test has the second one adopt it.
class HandoverTest : public LoopPairTest {
 protected:
  void Start(const EventLoopOptions& options = {}) {
    CreateLoops(options);
    std::string error;
    ASSERT_TRUE(loops_[0]->ListenTcp("127.0.0.1", 0, &handlers_[0], &error)) << error;
    for (TestHandler& handler : handlers_) {
      handler.on_open = [this](Connection& connection) { connection_ = &connection; };
      handler.on_released = [this](Connection&, ReleasedConnection released) {
        released_ = std::move(released);
      };
    }
  }
  TestClient Connect() {
    const size_t before = handlers_[0].opened;
    TestClient client = TestClient::ConnectTcp(loops_[0]->bound_port());
    EXPECT_TRUE(TurnUntil([&] { return handlers_[0].opened > before; }));
    return client;
  }
  bool WaitForRelease() {
    return TurnUntil([&] { return released_.has_value(); });
  }
  void AdoptReleased(void* user_data = nullptr) {
    ReleasedConnection released = std::move(*released_);
    released_.reset();
    loops_[1]->Adopt(std::move(released), &handlers_[1], user_data);
  }

  Connection* connection_ = nullptr;  // opened last
  std::optional<ReleasedConnection> released_;
};

INSTANTIATE_TEST_SUITE_P(Backends, HandoverTest,
                         testing::Combine(testing::Values(Backend::kIoUring, Backend::kEpoll),
                                          testing::Values(Backend::kIoUring, Backend::kEpoll)),
                         [](const auto& info) {
                           return std::string(BackendName(std::get<0>(info.param))) + "To" +
                                  BackendName(std::get<1>(info.param));
                         });

// So that bytes wait in the loops, not in the kernel.
void KeepKernelBuffersSmall(int fd) {
  const int bytes = 128 << 10;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

bool IsNonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

// ---- What moves

TEST_P(HandoverTest, AConnectionIsServedByTheLoopThatAdoptsIt) {
  Start();
  TestClient client = Connect();
  client.Send("one");
  ASSERT_TRUE(ReceiveBytes(client, 3));
  const uint64_t id = connection_->id();
  const std::string peer = connection_->peer_address();
  int session = 0;
  connection_->set_user_data(&session);
  handlers_[0].on_released = [&](Connection& connection, ReleasedConnection released) {
    EXPECT_EQ(connection.id(), id);
    EXPECT_EQ(connection.user_data(), &session);
    released_ = std::move(released);
  };
  EXPECT_TRUE(connection_->Release());
  EXPECT_TRUE(connection_->Release());
  EXPECT_EQ(handlers_[0].released, 0u);  // not from inside
  ASSERT_TRUE(WaitForRelease());
  EXPECT_EQ(loops_[0]->connection_count(), 0u);
  EXPECT_EQ(released_->id, id);
  EXPECT_EQ(released_->peer, peer);
  EXPECT_EQ(released_->unread, "");
  EXPECT_EQ(released_->unsent, "");

  client.Send("two");  // while no loop has it
  int other_session = 0;
  handlers_[1].on_open = [&](Connection& connection) {
    EXPECT_EQ(connection.id(), id);
    EXPECT_EQ(connection.peer_address(), peer);
    EXPECT_EQ(connection.user_data(), &other_session);
  };
  AdoptReleased(&other_session);
  EXPECT_EQ(handlers_[1].opened, 1u);
  EXPECT_EQ(loops_[1]->connection_count(), 1u);
  ASSERT_TRUE(ReceiveBytes(client, 6));
  client.Send("three");
  ASSERT_TRUE(ReceiveBytes(client, 11));
  EXPECT_EQ(client.received(), "onetwothree");
  client.Close();
  ASSERT_TRUE(TurnUntil([&] { return handlers_[1].closed == 1; }));
  EXPECT_EQ(handlers_[0].closed, 0u);
  EXPECT_EQ(handlers_[0].released, 1u);
  EXPECT_EQ(loops_[1]->connection_count(), 0u);
}

TEST_P(HandoverTest, WhatOnDataHasNotConsumedWhenItReleasesIsUnread) {
  Start();
  size_t calls = 0;
  handlers_[0].on_data = [&](Connection& connection, std::string_view) -> size_t {
    ++calls;
    connection.Release();
    connection.output() += "+OK\n";
    return 5;
  };
  TestClient client = Connect();
  client.Send("AUTH\nGET a\nGET b\nGE");
  ASSERT_TRUE(WaitForRelease());
  Turn(20);
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(released_->unread, "GET a\nGET b\nGE");
  client.Send("T c\n");
  AdoptReleased();
  const std::string expected = "+OK\nGET a\nGET b\nGET c\n";
  ASSERT_TRUE(ReceiveBytes(client, expected.size()));
  EXPECT_EQ(client.received(), expected);
}

TEST_P(HandoverTest, WhatArrivesInANestedTurnAfterReleaseFollowsTheUnconsumedRest) {
  for (const bool kept : {false, true}) {
    // Whether OnData sees the bytes where the kernel put them, or together with kept ones.
    Start();
    TestClient client = Connect();
    bool postpone = kept;
    handlers_[0].on_data = [&](Connection& connection, std::string_view unread) -> size_t {
      if (postpone) {
        postpone = false;
        client.Send("123");
        return 0;
      }
      connection.Release();
      client.Send("456");
      Turn(20);
      EXPECT_EQ(unread, kept ? "0123" : "0");
      EXPECT_FALSE(released_.has_value()) << "released while its handler is running";
      return 1;
    };
    client.Send("0");
    ASSERT_TRUE(WaitForRelease());
    AdoptReleased();
    const std::string expected = kept ? "123456" : "456";
    ASSERT_TRUE(ReceiveBytes(client, expected.size()));
    EXPECT_EQ(client.received(), expected);
  }
}

TEST_P(HandoverTest, WhatTheKernelHasDeliveredWhenOnDataReleasesFollowsTheUnconsumedRest) {
  Start();
  handlers_[0].on_data = [&](Connection& connection, std::string_view) -> size_t {
    connection.Release();
    // Completions of the same turn are handled in here.
    Turn(20);
    return 1;
  };
  TestClient client = Connect();
  const std::string stream = Pattern(60'000);
  ASSERT_EQ(client.Send(stream), stream.size());
  while (!client.HasArrived()) std::this_thread::yield();
  ASSERT_TRUE(WaitForRelease());
  AdoptReleased();
  ASSERT_TRUE(ReceiveBytes(client, stream.size() - 1));
  EXPECT_TRUE(client.received() == stream.substr(1));
}

TEST_P(HandoverTest, AConnectionMayBeReleasedFromOnOpen) {
  Start();
  handlers_[0].on_open = [](Connection& connection) {
    connection.output() += "hello ";
    connection.Release();
  };
  handlers_[0].on_data = [](Connection&, std::string_view unread) {
    ADD_FAILURE() << "delivered after Release";
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("there");
  ASSERT_TRUE(WaitForRelease());
  AdoptReleased();
  ASSERT_TRUE(ReceiveBytes(client, 11));
  EXPECT_EQ(client.received(), "hello there");
}

TEST_P(HandoverTest, AnAdoptedConnectionMayBeReleasedFromOnOpen) {
  Start();
  handlers_[0].on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.Release();
    return 0;
  };
  TestClient client = Connect();
  client.Send("request");
  ASSERT_TRUE(WaitForRelease());
  handlers_[1].on_open = [](Connection& connection) { connection.Release(); };
  AdoptReleased();
  ASSERT_TRUE(WaitForRelease());
  EXPECT_EQ(released_->unread, "request");
  EXPECT_EQ(loops_[1]->connection_count(), 0u);
}

TEST_P(HandoverTest, AnAdoptedConnectionMayBePausedFromOnOpen) {
  Start();
  handlers_[0].on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.Release();
    return 0;
  };
  handlers_[1].on_open = [this](Connection& connection) {
    connection_ = &connection;
    connection.PauseReading();
  };
  TestClient client = Connect();
  client.Send("request");
  ASSERT_TRUE(WaitForRelease());
  AdoptReleased();
  Turn(20);
  client.Receive();
  EXPECT_EQ(client.received(), "");
  connection_->ResumeReading();
  ASSERT_TRUE(ReceiveBytes(client, 7));
}

TEST_P(HandoverTest, AReleasedPausedConnectionTakesWhatItHasReadWithIt) {
  Start();
  handlers_[0].on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.PauseReading();
    return 0;
  };
  TestClient client = Connect();
  const std::string stream = Pattern(300'000);
  const size_t sent = client.Send(stream);
  Turn(20);
  connection_->Release();
  ASSERT_TRUE(WaitForRelease());
  EXPECT_NE(released_->unread, "");
  AdoptReleased();
  ASSERT_TRUE(ReceiveBytes(client, sent));
  EXPECT_TRUE(client.received() == stream.substr(0, sent));
}

TEST_P(HandoverTest, OutputThatThePeerHasNotTakenGoesOnWhereItStopped) {
  Start();
  TestClient client = Connect();
  const std::string reply = Pattern(24 << 20);
  connection_->output() = reply;
  connection_->Flush();
  Turn(20);
  connection_->output() += "appended before, ";
  connection_->Release();
  connection_->output() += "after Release, ";
  connection_->Flush();
  ASSERT_TRUE(WaitForRelease());
  // The kernel holds the beginning.
  EXPECT_GT(released_->unsent.size(), 1u << 20);
  EXPECT_LT(released_->unsent.size(), reply.size());
  handlers_[1].on_open = [](Connection& connection) { connection.output() += "in OnOpen"; };
  AdoptReleased();
  const std::string expected = reply + "appended before, after Release, in OnOpen";
  ASSERT_TRUE(ReceiveBytes(client, expected.size()));
  EXPECT_TRUE(client.received() == expected);
  client.Send(" and on");
  ASSERT_TRUE(ReceiveBytes(client, expected.size() + 7));
}

TEST_P(HandoverTest, TheSocketBlocksOrNotAsItsLoopNeedsIt) {
  Start();
  TestClient client = Connect();
  connection_->Release();
  ASSERT_TRUE(WaitForRelease());
  EXPECT_EQ(IsNonblocking(released_->fd.get()), std::get<0>(GetParam()) == Backend::kEpoll);
  AdoptReleased();
  connection_->Release();
  ASSERT_TRUE(WaitForRelease());
  EXPECT_EQ(IsNonblocking(released_->fd.get()), std::get<1>(GetParam()) == Backend::kEpoll);
}

// ---- To and fro

// A peer sends one long stream in pieces of all sizes and reads its echo at its own pace, while the
// connection changes loops: from inside OnData with a part consumed, and between turns.
TEST_P(HandoverTest, HandedToAndFroUnderLoadBothStreamsStayWhole) {
  EventLoopOptions options;
  options.limits.pause_reading_at_unsent_bytes = 256 << 10;
  Start(options);
  constexpr size_t kBytes = 6 << 20;
  constexpr size_t kMostConsumed = 16 << 10;
  const std::string stream = Pattern(kBytes);
  TestClient client = Connect();
  KeepKernelBuffersSmall(client.fd());
  std::mt19937 random(1);
  size_t consumed = 0;
  size_t handovers = 0;
  size_t with_unread = 0;
  std::atomic<size_t> with_unsent = 0;
  for (int i = 0; i < 2; ++i) {
    handlers_[i].on_data = [&](Connection& connection, std::string_view unread) {
      const size_t size = std::min<size_t>(unread.size(), random() % kMostConsumed + 1);
      EXPECT_EQ(unread.substr(0, size), std::string_view(stream).substr(consumed, size));
      consumed += size;
      connection.output() += unread.substr(0, size);
      if (random() % 4 == 0) connection.Release();
      return size;
    };
    handlers_[i].on_released = [&, i](Connection&, ReleasedConnection released) {
      connection_ = nullptr;
      ++handovers;
      KeepKernelBuffersSmall(released.fd.get());
      if (!released.unread.empty()) ++with_unread;
      if (!released.unsent.empty()) ++with_unsent;
      loops_[1 - i]->Adopt(std::move(released), &handlers_[1 - i], nullptr);
    };
  }
  std::thread sender([&] {
    std::mt19937 sizes(2);
    for (size_t sent = 0; sent < kBytes;) {
      const size_t piece = sizes() % 3 == 0 ? sizes() % 200'000 : sizes() % 100;
      const ssize_t size =
          send(client.fd(), stream.data() + sent, std::min(piece, kBytes - sent), MSG_NOSIGNAL);
      if (size < 0) return;
      sent += static_cast<size_t>(size);
    }
  });
  std::atomic<bool> failed = false;
  std::atomic<bool> received_all = false;
  std::thread reader([&] {
    std::mt19937 sizes(3);
    // Replies pile up first.
    while (with_unsent < 10 && !failed) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    while (client.received().size() < kBytes && !failed) {
      if (!client.Receive(sizes() % 100'000 + 1)) break;
      if (sizes() % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
    received_all = true;
  });
  const bool done = TurnUntil([&] {
    if (connection_ != nullptr && random() % 8 == 0) connection_->Release();
    return received_all.load();
  });
  failed = !done;
  if (failed) shutdown(client.fd(), SHUT_RDWR);
  sender.join();
  reader.join();
  ASSERT_TRUE(done);
  EXPECT_EQ(consumed, kBytes);
  EXPECT_TRUE(client.received() == stream);
  EXPECT_GE(handovers, 100u);
  EXPECT_GE(with_unread, 10u);
  EXPECT_EQ(handlers_[0].closed + handlers_[1].closed, 0u);
  EXPECT_EQ(loops_[0]->connection_count() + loops_[1]->connection_count(), 1u);
}

// ---- Peers that leave

enum class Stage { kBeforeRelease, kUnderWay, kBetween };

TEST_P(HandoverTest, APeerThatHasSentItsLastIsServedByTheAdopter) {
  for (const Stage stage : {Stage::kBeforeRelease, Stage::kUnderWay, Stage::kBetween}) {
    Start();
    handlers_[0].on_data = [](Connection& connection, std::string_view) -> size_t {
      connection.PauseReading();
      return 0;
    };
    const size_t closed_before = handlers_[1].closed;
    TestClient client = Connect();
    client.Send("request");
    if (stage == Stage::kBeforeRelease) client.ShutdownSending();
    Turn(20);
    connection_->Release();
    if (stage == Stage::kUnderWay) client.ShutdownSending();
    ASSERT_TRUE(WaitForRelease());
    if (stage == Stage::kBetween) client.ShutdownSending();
    AdoptReleased();
    ASSERT_TRUE(ReceiveEnd(client));
    EXPECT_EQ(client.received(), "request");
    client.Close();
    EXPECT_TRUE(TurnUntil([&] { return handlers_[1].closed > closed_before; }));
    EXPECT_EQ(handlers_[0].closed, 0u);
  }
}

TEST_P(HandoverTest, TheAdopterFindsOutThatThePeerHasResetTheConnection) {
  for (const Stage stage : {Stage::kBeforeRelease, Stage::kUnderWay, Stage::kBetween}) {
    Start();
    TestClient client = Connect();
    // Of this much output some is in flight.
    connection_->output() = std::string(24 << 20, 'x');
    connection_->Flush();
    Turn(20);
    const size_t closed_before = handlers_[1].closed;
    if (stage == Stage::kBeforeRelease) client.Reset();
    connection_->Release();
    if (stage == Stage::kUnderWay) client.Reset();
    ASSERT_TRUE(WaitForRelease());
    if (stage == Stage::kBetween) client.Reset();
    AdoptReleased();
    ASSERT_TRUE(TurnUntil([&] { return handlers_[1].closed > closed_before; }));
    EXPECT_EQ(handlers_[0].closed, 0u);
    EXPECT_EQ(loops_[1]->connection_count(), 0u);
  }
}

TEST_P(HandoverTest, TheAdopterFindsOutWithNothingToSend) {
  for (const Stage stage : {Stage::kBeforeRelease, Stage::kUnderWay, Stage::kBetween}) {
    Start();
    const size_t closed_before = handlers_[1].closed;
    TestClient client = Connect();
    if (stage == Stage::kBeforeRelease) client.Reset();
    connection_->Release();
    if (stage == Stage::kUnderWay) client.Reset();
    ASSERT_TRUE(WaitForRelease());
    if (stage == Stage::kBetween) client.Reset();
    AdoptReleased();
    EXPECT_TRUE(TurnUntil([&] { return handlers_[1].closed > closed_before; }));
    EXPECT_EQ(handlers_[0].closed, 0u);
  }
}

TEST_P(HandoverTest, AConnectionThatFailsInTheTurnThatReleasesItIsReleased) {
  Start();
  TestClient client = Connect();
  Connection* const victim = connection_;
  TestClient releaser = Connect();
  handlers_[0].on_data = [&](Connection&, std::string_view unread) {
    victim->Release();
    return unread.size();
  };
  // Both are there when the turn begins.
  releaser.Send("release the other one");
  while (!releaser.HasArrived()) std::this_thread::yield();
  client.Reset();
  ASSERT_TRUE(WaitForRelease());
  EXPECT_EQ(handlers_[0].closed, 0u);
  AdoptReleased();
  EXPECT_TRUE(TurnUntil([&] { return handlers_[1].closed == 1; }));
}

// ---- Ends

TEST_P(HandoverTest, CloseEndsAConnectionThatIsBeingReleased) {
  Start();
  TestClient client = Connect();
  connection_->Release();
  connection_->Close();
  EXPECT_FALSE(connection_->Release());
  ASSERT_TRUE(ReceiveEnd(client));
  Turn(20);
  EXPECT_EQ(handlers_[0].closed, 1u);
  EXPECT_EQ(handlers_[0].released, 0u);
  EXPECT_EQ(loops_[0]->connection_count(), 0u);
}

TEST_P(HandoverTest, AConnectionThatIsBeingClosedIsNotReleased) {
  Start();
  TestClient client = Connect();
  connection_->CloseAfterFlush();
  EXPECT_FALSE(connection_->Release());
  ASSERT_TRUE(ReceiveEnd(client));
  client.Close();
  ASSERT_TRUE(TurnUntil([&] { return handlers_[0].closed == 1; }));
  EXPECT_EQ(handlers_[0].released, 0u);
}

TEST_P(HandoverTest, AReleasedConnectionThatNobodyTakesIsClosed) {
  Start();
  handlers_[0].on_released = [](Connection&, ReleasedConnection) {};
  TestClient client = Connect();
  connection_->Release();
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_EQ(handlers_[0].closed, 0u);
}

TEST_P(HandoverTest, DestroyingTheLoopClosesWhatIsBeingReleased) {
  Start();
  TestClient client = Connect();
  connection_->output() = std::string(24 << 20, 'x');
  connection_->Flush();
  connection_->Release();
  loops_[0].reset();
  EXPECT_EQ(handlers_[0].closed, 1u);
  EXPECT_EQ(handlers_[0].released, 0u);
}

TEST_P(HandoverTest, AReleasedConnectionOutlivesItsLoop) {
  Start();
  TestClient client = Connect();
  connection_->Release();
  ASSERT_TRUE(WaitForRelease());
  loops_[0].reset();
  AdoptReleased();
  client.Send("hello");
  while (client.received().size() < 5) {
    loops_[1]->PollOnce();
    ASSERT_TRUE(client.Receive());
  }
  loops_[1].reset();
  EXPECT_EQ(handlers_[1].closed, 1u);
}

TEST_P(HandoverTest, TheLimitsHoldForWhatAnAdoptedConnectionBrings) {
  Start();
  EventLoopOptions options;
  options.backend = std::get<1>(GetParam());
  options.limits.max_unread_bytes = 1000;
  options.limits.max_unsent_bytes = 32 << 20;
  std::string error;
  loops_[1] = EventLoop::Create(options, &error);
  ASSERT_NE(loops_[1], nullptr) << error;
  handlers_[0].on_data = [](Connection&, std::string_view) -> size_t { return 0; };
  TestClient client = Connect();
  client.Send(std::string(1001, 'x'));
  Turn(20);
  connection_->Release();
  ASSERT_TRUE(WaitForRelease());
  AdoptReleased();
  EXPECT_TRUE(TurnUntil([&] { return handlers_[1].closed == 1; }));
  TestClient deaf = Connect();
  connection_->output() = std::string(64 << 20, 'x');
  connection_->Release();
  ASSERT_TRUE(WaitForRelease());
  AdoptReleased();
  EXPECT_TRUE(TurnUntil([&] { return handlers_[1].closed == 2; }));
}

TEST_P(HandoverTest, ADrainingLoopSendsWhatAnAdoptedConnectionBringsAndClosesIt) {
  Start();
  handlers_[0].on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.Release();
    return 0;
  };
  handlers_[1].on_data = [](Connection&, std::string_view unread) {
    ADD_FAILURE() << "served while draining";
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("request");
  connection_->output() = Pattern(24 << 20);
  ASSERT_TRUE(WaitForRelease());
  loops_[1]->Drain(0);
  AdoptReleased();
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_TRUE(client.received() == Pattern(24 << 20));
  client.Close();
  EXPECT_TRUE(TurnUntil([&] { return handlers_[1].closed == 1; }));
}

TEST_P(HandoverTest, DrainHandsOutWhatIsBeingReleased) {
  Start();
  TestClient client = Connect();
  connection_->Release();
  loops_[0]->Drain(std::chrono::milliseconds(kPatience).count());
  EXPECT_EQ(handlers_[0].released, 1u);
  EXPECT_EQ(handlers_[0].closed, 0u);
}

// The slots and descriptors of released connections are used again at once.
TEST_P(HandoverTest, ManyConnectionsMoveAtOnce) {
  Start();
  std::vector<ReleasedConnection> waiting;
  handlers_[0].on_released = [&](Connection&, ReleasedConnection released) {
    waiting.push_back(std::move(released));
  };
  handlers_[0].on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.Release();
    return 0;
  };
  constexpr size_t kClients = 200;
  std::vector<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(TestClient::ConnectTcp(loops_[0]->bound_port()));
    clients.back().Send("request " + std::to_string(i));
    if (i % 7 == 0) Turn(1);
    if (waiting.size() > 5) {
      for (ReleasedConnection& released : waiting) {
        loops_[1]->Adopt(std::move(released), &handlers_[1], nullptr);
      }
      waiting.clear();
    }
  }
  ASSERT_TRUE(TurnUntil([&] { return handlers_[0].released == kClients; }));
  for (ReleasedConnection& released : waiting) {
    loops_[1]->Adopt(std::move(released), &handlers_[1], nullptr);
  }
  for (size_t i = 0; i < kClients; ++i) {
    const std::string expected = "request " + std::to_string(i);
    ASSERT_TRUE(ReceiveBytes(clients[i], expected.size()));
    ASSERT_EQ(clients[i].received(), expected);
  }
  EXPECT_EQ(loops_[0]->connection_count(), 0u);
  EXPECT_EQ(loops_[1]->connection_count(), kClients);
}

}  // namespace
}  // namespace shredder::net
