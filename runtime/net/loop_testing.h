// For the tests of the event loop: a handler made of lambdas, and clients over real sockets that
// are driven from the loop's own thread, one PollOnce at a time.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "runtime/net/event_loop.h"
#include "runtime/net/socket.h"

namespace shredder::net {

class TestHandler : public ConnectionHandler {
 public:
  std::function<void(Connection&)> on_open = [](Connection&) {};
  std::function<size_t(Connection&, std::string_view)> on_data = Echo;
  std::function<void(Connection&)> on_close = [](Connection&) {};
  std::function<void(Connection&, ReleasedConnection)> on_released = [](Connection&,
                                                                        ReleasedConnection) {};
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
  void OnClose(Connection& connection) override {
    ++closed;
    on_close(connection);
  }
  void OnReleased(Connection& connection, ReleasedConnection to_adopt) override {
    ++released;
    on_released(connection, std::move(to_adopt));
  }
};

// A non-blocking client socket.
class TestClient {
 public:
  static TestClient ConnectTcp(uint16_t port);
  static TestClient ConnectUnix(const std::string& path);
  // Whether somebody listens there.
  static bool CanConnectTcp(uint16_t port);

  int fd() const { return fd_.get(); }
  // Sends what fits into the kernel's buffer; returns how many bytes that was.
  size_t Send(std::string_view bytes);
  // Appends what is there to received(); false when the server has closed, or reset, the
  // connection.
  bool Receive(size_t at_most = SIZE_MAX);
  const std::string& received() const { return received_; }
  void ClearReceived() { received_.clear(); }
  bool was_reset() const { return was_reset_; }
  // Whether the other side's kernel has all that was sent.
  bool HasArrived() const;
  void ShutdownSending();
  void Reset();  // closes with RST
  void Close() { fd_ = UniqueFd(); }

 private:
  explicit TestClient(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::string received_;
  bool was_reset_ = false;
};

// How long a test waits for what comes at once or never.
inline constexpr std::chrono::minutes kPatience{5};

// Each test runs with both backends, on a loop that listens on a free port.
class LoopTest : public testing::TestWithParam<Backend> {
 protected:
  void Start(EventLoopOptions options = {});
  TestClient Connect() { return TestClient::ConnectTcp(loop_->bound_port()); }
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
  std::unique_ptr<EventLoop> loop_;
};

// Two loops, which do not listen by themselves. Suites derived from it run with all pairs of
// backends.
class LoopPairTest : public testing::TestWithParam<std::tuple<Backend, Backend>> {
 protected:
  // With different options, before the test's first use of the loops.
  void CreateLoops(const EventLoopOptions& options);
  void SetUp() override { CreateLoops({}); }
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
