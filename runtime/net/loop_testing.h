// For the tests of the event loop: a handler made of lambdas, and clients that are driven from the
// loop's own thread, one PollOnce at a time. What the clients are, and what carries their
// connections, is a test's parameter.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_connection.h"
#include "runtime/net/socket.h"

namespace shredder::net {

class TestHandler : public ConnectionHandler {
 public:
  std::function<void(Connection&)> on_open = [](Connection&) {};
  std::function<size_t(Connection&, std::string_view)> on_data = Echo;
  std::function<void(Connection&)> on_close = [](Connection&) {};
  std::function<void(const Connection&, size_t)> on_prefetch = [](const Connection&, size_t) {};
  std::function<void(Connection&, ReleasedConnection)> on_released = [](Connection&,
                                                                        ReleasedConnection) {};
  bool touches_much = false;
  size_t opened = 0;
  size_t closed = 0;
  size_t released = 0;

  static size_t Echo(Connection& connection, std::string_view unread) {
    connection.output().append(unread);
    return unread.size();
  }

  void OnOpen(Connection& connection) override {
    ++opened;
    on_open(connection);
  }
  size_t OnData(Connection& connection, std::string_view unread) override {
    return on_data(connection, unread);
  }
  bool Prefetch(const Connection& connection, size_t step) const override {
    on_prefetch(connection, step);
    return true;
  }
  bool TouchesMuch(const Connection&) const override { return touches_much; }
  void OnClose(Connection& connection) override {
    ++closed;
    on_close(connection);
  }
  void OnReleased(Connection& connection, ReleasedConnection to_adopt) override {
    ++released;
    on_released(connection, std::move(to_adopt));
  }
};

// The far end of a connection. Never waits. Closed when destroyed.
class TestPeer {
 public:
  virtual ~TestPeer() = default;
  // Takes what there is room for; how many bytes that was.
  virtual size_t Send(std::string_view bytes) = 0;
  virtual Moved Receive(std::span<char> place) = 0;
  // Whether all that was sent has arrived where the loop finds it.
  virtual bool HasArrived() const = 0;
  virtual void ShutdownSending() = 0;
  // Has the connection fail, instead of end, when this is destroyed.
  virtual void Abort() = 0;
  // -1 where there is none.
  virtual int fd() const { return -1; }
};

class TestClient {
 public:
  explicit TestClient(std::unique_ptr<TestPeer> peer) : peer_(std::move(peer)) {}
  static TestClient ConnectTcp(uint16_t port);
  static TestClient ConnectUnix(const std::string& path);
  // Whether somebody listens there.
  static bool CanConnectTcp(uint16_t port);

  int fd() const { return peer_->fd(); }
  // Sends what there is room for; returns how many bytes that was.
  size_t Send(std::string_view bytes) { return peer_->Send(bytes); }
  // Appends what is there to received(); false when the server has closed, or reset, the
  // connection.
  bool Receive(size_t at_most = SIZE_MAX);
  const std::string& received() const { return received_; }
  void ClearReceived() { received_.clear(); }
  bool was_reset() const { return was_reset_; }
  bool HasArrived() const { return peer_->HasArrived(); }
  void ShutdownSending() { peer_->ShutdownSending(); }
  void Reset() {
    peer_->Abort();
    Close();
  }
  void Close() { peer_.reset(); }

 private:
  std::unique_ptr<TestPeer> peer_;
  std::string received_;
  bool was_reset_ = false;
};

// What the clients of a test reach its loop by. Outlives the loop.
class TestNetwork {
 public:
  virtual ~TestNetwork() = default;
  // A loop that has the network's connections served by `handler`, and those of a free port of the
  // kernel's, if these are not the same. Null with a reason in *error.
  virtual std::unique_ptr<EventLoop> CreateLoop(const EventLoopOptions& options,
                                                ConnectionHandler* handler, std::string* error) = 0;
  virtual TestClient Connect() = 0;
  // What Connection::peer_address of its connections begins with.
  virtual std::string peer_prefix() const = 0;
};

// A loop to test, and its clients.
struct LoopKind {
  const char* name;
  Backend backend;  // what the loop says it is
  std::unique_ptr<TestNetwork> (*make_network)();
};
inline void PrintTo(const LoopKind& kind, std::ostream* out) { *out << kind.name; }

// For INSTANTIATE_TEST_SUITE_P.
std::vector<LoopKind> AllLoops();
std::string LoopName(const testing::TestParamInfo<LoopKind>& info);

// How long a test waits for what comes at once or never.
inline constexpr std::chrono::minutes kPatience{5};

// Each test runs with all loops.
class LoopTest : public testing::TestWithParam<LoopKind> {
 protected:
  void Start(EventLoopOptions options = {});
  // The loop tells the handler of what is still open, but what a test's lambdas refer to is gone.
  void TearDown() override { handler_ = {}; }
  TestClient Connect() { return network_->Connect(); }
  // A client over a socket: for what only sockets have.
  TestClient ConnectTcp() { return TestClient::ConnectTcp(loop_->bound_port()); }
  // Turns until `condition` holds, for as many minutes as no machine needs; says whether it came to
  // hold.
  bool TurnUntil(const std::function<bool()>& condition);
  // So many turns, with time between them for the kernel to go on: what has not happened by then is
  // taken not to happen.
  void Turn(int turns);
  // Turns until `count` has stayed as it is for many turns.
  void TurnUntilSteady(const size_t& count);
  // Turns until the client has received `bytes`.
  bool ReceiveBytes(TestClient& client, size_t bytes);
  // Turns until the client sees the end of the connection.
  bool ReceiveEnd(TestClient& client);

  TestHandler handler_;
  std::unique_ptr<TestNetwork> network_;
  std::unique_ptr<EventLoop> loop_;
};

// Two loops over sockets, which do not listen by themselves. Suites derived from it run with all
// pairs of backends.
class LoopPairTest : public testing::TestWithParam<std::tuple<Backend, Backend>> {
 protected:
  // With different options, before the test's first use of the loops.
  void CreateLoops(const EventLoopOptions& options);
  void SetUp() override { CreateLoops({}); }
  void TearDown() override { handlers_[0] = handlers_[1] = {}; }
  // Turns both.
  bool TurnUntil(const std::function<bool()>& condition);
  void Turn(int turns);
  bool ReceiveBytes(TestClient& client, size_t bytes);
  bool ReceiveEnd(TestClient& client);

  TestHandler handlers_[2];
  std::unique_ptr<EventLoop> loops_[2];
};

const char* BackendName(Backend backend);

// Bytes in which every misplaced piece shows.
std::string Pattern(size_t bytes);

}  // namespace shredder::net
