// Listeners of other processes, shared ones, the end of listening, and who is let in.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"
#include "runtime/net/socket.h"

namespace shredder::net {
namespace {

// Another descriptor of the same socket, as another process gets it.
UniqueFd Share(const ListeningSocket& socket) {
  return UniqueFd(fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0));
}

// ---- Adopted listeners

TEST_P(LoopTest, AcceptsFromASocketThatSomebodyElseHasBound) {
  Start();
  std::string error;
  const ListeningSocket socket = ListeningSocket::OpenTcp("127.0.0.1", 0, &error);
  ASSERT_TRUE(socket.valid()) << error;
  ASSERT_TRUE(loop_->AdoptListener(Share(socket), &handler_, &error)) << error;
  EXPECT_EQ(loop_->bound_port(), socket.port());
  std::string peer;
  handler_.on_open = [&](Connection& connection) { peer = connection.peer_address(); };
  std::vector<TestClient> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(TestClient::ConnectTcp(socket.port()));
  for (TestClient& client : clients) {
    client.Send("hello");
    ASSERT_TRUE(ReceiveBytes(client, 5));
  }
  EXPECT_EQ(peer.rfind("127.0.0.1:", 0), 0u) << peer;
}

TEST_P(LoopTest, AcceptsFromAnIpv6SocketThatSomebodyElseHasBound) {
  Start();
  std::string error;
  const ListeningSocket socket = ListeningSocket::OpenTcp("::1", 0, &error);
  if (!socket.valid()) GTEST_SKIP() << error;
  ASSERT_TRUE(loop_->AdoptListener(Share(socket), &handler_, &error)) << error;
  EXPECT_EQ(loop_->bound_port(), socket.port());
  std::string peer;
  handler_.on_open = [&](Connection& connection) { peer = connection.peer_address(); };
  const UniqueFd client(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(socket.port());
  address.sin6_addr = in6addr_loopback;
  ASSERT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  EXPECT_EQ(peer.rfind("[::1]:", 0), 0u) << peer;
}

TEST_P(LoopTest, AcceptsFromAUnixSocketThatSomebodyElseHasBoundAndLeavesItsFile) {
  Start();
  const uint16_t port = loop_->bound_port();
  const std::string path =
      testing::TempDir() + "listening_test_" + std::to_string(getpid()) + ".sock";
  std::string error;
  const ListeningSocket socket = ListeningSocket::OpenUnix(path, &error);
  ASSERT_TRUE(socket.valid()) << error;
  ASSERT_TRUE(loop_->AdoptListener(Share(socket), &handler_, &error)) << error;
  EXPECT_EQ(loop_->bound_port(), port);
  std::string peer;
  handler_.on_open = [&](Connection& connection) { peer = connection.peer_address(); };
  TestClient client = TestClient::ConnectUnix(path);
  client.Send("hello");
  ASSERT_TRUE(ReceiveBytes(client, 5));
  EXPECT_EQ(peer, "unix:" + path);
  loop_.reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_P(LoopTest, WhatIsNotAListeningSocketIsNotAdopted) {
  Start();
  std::string error;
  EXPECT_FALSE(loop_->AdoptListener(UniqueFd(), &handler_, &error));
  EXPECT_EQ(error,
            "cannot listen on descriptor -1: Bad file descriptor (hand over a listening socket)");
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string number = std::to_string(fd.get());
  EXPECT_FALSE(loop_->AdoptListener(std::move(fd), &handler_, &error));
  EXPECT_EQ(error, "cannot listen on descriptor " + number +
                       ": not a listening TCP or Unix socket (hand over one that is)");
}

TEST_P(LoopTest, AcceptingFromAnAdoptedListenerResumesAfterDescriptorsRanOut) {
  Start();
  std::string error;
  const ListeningSocket socket = ListeningSocket::OpenTcp("127.0.0.1", 0, &error);
  ASSERT_TRUE(loop_->AdoptListener(Share(socket), &handler_, &error)) << error;
  TestClient client = TestClient::ConnectTcp(socket.port());
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

// ---- Shared listeners

class SharedListenerTest : public LoopPairTest {
 protected:
  void Start() {
    std::string error;
    ASSERT_TRUE(socket_.valid());
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(loops_[i]->AdoptListener(Share(socket_), &handlers_[i], &error)) << error;
    }
  }

  std::string error_;
  ListeningSocket socket_ = ListeningSocket::OpenTcp("127.0.0.1", 0, &error_);
};

INSTANTIATE_TEST_SUITE_P(Backends, SharedListenerTest,
                         testing::Combine(testing::Values(Backend::kIoUring, Backend::kEpoll),
                                          testing::Values(Backend::kIoUring, Backend::kEpoll)),
                         [](const auto& info) {
                           return std::string(BackendName(std::get<0>(info.param))) + "With" +
                                  BackendName(std::get<1>(info.param));
                         });

TEST_P(SharedListenerTest, EveryConnectionIsAcceptedByOneLoopAndNeitherWaits) {
  Start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(TestClient::ConnectTcp(socket_.port()));
    clients.back().Send("x");
    if (i % 10 == 0) Turn(1);
  }
  for (TestClient& client : clients) ASSERT_TRUE(ReceiveBytes(client, 1));
  EXPECT_EQ(handlers_[0].opened + handlers_[1].opened, 200u);
  EXPECT_NE(fcntl(socket_.fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(SharedListenerTest, OneLoopGoesOnAcceptingWhileTheOtherIsHeldUp) {
  Start();
  std::atomic<bool> held_up = false;
  std::atomic<bool> go_on = false;
  handlers_[0].on_data = [&](Connection& connection, std::string_view unread) {
    held_up = true;
    while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return TestHandler::Echo(connection, unread);
  };
  std::thread first([&] { loops_[0]->Run(); });
  TestClient long_runner = TestClient::ConnectTcp(socket_.port());
  long_runner.Send("long");
  while (!held_up) std::this_thread::yield();
  std::thread second([&] { loops_[1]->Run(); });

  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto served = [&](TestClient& client) {
    while (client.received().empty() && std::chrono::steady_clock::now() < deadline) {
      client.Receive();
    }
    return !client.received().empty();
  };
  std::vector<TestClient> clients;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(TestClient::ConnectTcp(socket_.port()));
    clients.back().Send("x");
  }
  size_t served_count = 0;
  for (TestClient& client : clients) {
    if (!served(client)) break;
    ++served_count;
  }
  EXPECT_EQ(served_count, clients.size());
  EXPECT_TRUE(long_runner.received().empty());
  go_on = true;
  EXPECT_TRUE(served(long_runner));

  // And alone again.
  loops_[1]->Stop();
  second.join();
  loops_[1].reset();
  TestClient last = TestClient::ConnectTcp(socket_.port());
  last.Send("x");
  EXPECT_TRUE(served(last));
  loops_[0]->Stop();
  first.join();
  EXPECT_EQ(handlers_[0].opened, 2u);
  EXPECT_EQ(handlers_[1].opened, 300u);
}

TEST_P(SharedListenerTest, OneLoopStopsListeningAndTheOtherGoesOn) {
  Start();
  loops_[0]->StopListening();
  Turn(5);
  std::vector<TestClient> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(TestClient::ConnectTcp(socket_.port()));
    clients.back().Send("x");
  }
  for (TestClient& client : clients) ASSERT_TRUE(ReceiveBytes(client, 1));
  EXPECT_EQ(handlers_[0].opened, 0u);
}

TEST_P(SharedListenerTest, ADrainingLoopLeavesNewConnectionsToTheOther) {
  Start();
  loops_[0]->Drain(0);
  TestClient client = TestClient::ConnectTcp(socket_.port());
  client.Send("x");
  ASSERT_TRUE(ReceiveBytes(client, 1));
  EXPECT_EQ(handlers_[1].opened, 1u);
}

// ---- The end of listening

TEST_P(LoopTest, StopListeningKeepsTheConnectionsAndRefusesNewOnes) {
  Start();
  const uint16_t port = loop_->bound_port();
  const std::string path =
      testing::TempDir() + "listening_test_stop_" + std::to_string(getpid()) + ".sock";
  std::string error;
  ASSERT_TRUE(loop_->ListenUnix(path, &handler_, &error)) << error;
  TestClient client = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  loop_->StopListening();
  loop_->StopListening();
  ASSERT_TRUE(TurnUntil([&] { return !TestClient::CanConnectTcp(port); }));
  EXPECT_FALSE(std::filesystem::exists(path));
  client.Send("hello");
  ASSERT_TRUE(ReceiveBytes(client, 5));
  EXPECT_EQ(handler_.opened, 1u);
  ASSERT_TRUE(loop_->ListenTcp("127.0.0.1", port, &handler_, &error)) << error;
  TestClient again = ConnectTcp();
  again.Send("again");
  EXPECT_TRUE(ReceiveBytes(again, 5));
}

TEST_P(LoopTest, StopListeningWorksBeforeTheFirstTurn) {
  Start();
  const uint16_t port = loop_->bound_port();
  loop_->StopListening();
  EXPECT_TRUE(TurnUntil([&] { return !TestClient::CanConnectTcp(port); }));
  EXPECT_EQ(handler_.opened, 0u);
}

TEST_P(LoopTest, StopListeningWorksFromOnOpen) {
  std::string error;
  Start();
  const ListeningSocket socket = ListeningSocket::OpenTcp("127.0.0.1", 0, &error);
  ASSERT_TRUE(loop_->AdoptListener(Share(socket), &handler_, &error)) << error;
  const uint16_t port = socket.port();
  handler_.on_open = [&](Connection&) { loop_->StopListening(); };
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(TestClient::ConnectTcp(port));
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened > 0; }));
  Turn(20);
  EXPECT_EQ(handler_.opened, 1u);
}

// ---- Who is let in, and under what id

TEST_P(LoopTest, IdsAreWhatNextIdSays) {
  EventLoopOptions options;
  uint64_t next = 1000;
  options.next_id = [&] { return next += 10; };
  Start(options);
  std::vector<uint64_t> ids;
  handler_.on_open = [&](Connection& connection) { ids.push_back(connection.id()); };
  TestClient first = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  TestClient second = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 2; }));
  EXPECT_EQ(ids, (std::vector<uint64_t>{1010, 1020}));
}

TEST_P(LoopTest, WhoeverIsNotAdmittedIsRefused) {
  EventLoopOptions options;
  options.max_connections = 2;
  options.refusal = "-ERR max number of clients reached\r\n";
  bool admit = true;
  size_t asked = 0;
  options.admit = [&] {
    ++asked;
    return admit;
  };
  Start(options);
  TestClient first = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  admit = false;
  TestClient refused = Connect();
  ASSERT_TRUE(ReceiveEnd(refused));
  EXPECT_EQ(refused.received(), options.refusal);
  EXPECT_EQ(handler_.opened, 1u);
  admit = true;
  TestClient second = Connect();
  second.Send("x");
  ASSERT_TRUE(ReceiveBytes(second, 1));
  EXPECT_EQ(asked, 3u);
  // Beyond max_connections nobody is asked.
  TestClient beyond = Connect();
  ASSERT_TRUE(ReceiveEnd(beyond));
  EXPECT_EQ(asked, 3u);
  EXPECT_EQ(loop_->connection_count(), 2u);
}

}  // namespace
}  // namespace shredder::net
