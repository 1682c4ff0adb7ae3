// Descriptors that are not connections.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"
#include "runtime/net/socket.h"

namespace shredder::net {
namespace {

// Both ends non-blocking: a callback that comes for nothing reads nothing.
class Pipe {
 public:
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) ADD_FAILURE() << "pipe2";
    reader_ = UniqueFd(ends[0]);
    writer_ = UniqueFd(ends[1]);
  }
  int fd() const { return reader_.get(); }
  void Write(std::string_view bytes) {
    EXPECT_EQ(write(writer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void CloseWriter() { writer_ = UniqueFd(); }
  // At most one byte.
  std::string Read() {
    char byte;
    return read(fd(), &byte, 1) == 1 ? std::string(1, byte) : "";
  }

 private:
  UniqueFd reader_;
  UniqueFd writer_;
};

TEST_P(LoopTest, WhatAWatcherDoesNotReadIsToldAgain) {
  Start();
  Pipe pipe;
  std::string seen;
  size_t calls = 0;
  std::string error;
  ASSERT_TRUE(loop_->Watch(
      pipe.fd(),
      [&] {
        ++calls;
        seen += pipe.Read();
      },
      &error))
      << error;
  Turn(20);
  EXPECT_EQ(calls, 0u);
  pipe.Write("abc");
  ASSERT_TRUE(TurnUntil([&] { return seen == "abc"; }));
  Turn(20);
  EXPECT_EQ(calls, 3u);
  pipe.Write("d");
  ASSERT_TRUE(TurnUntil([&] { return seen == "abcd"; }));
  loop_->Unwatch(pipe.fd());
  pipe.Write("e");
  Turn(20);
  EXPECT_EQ(calls, 4u);
}

TEST_P(LoopTest, AWatcherIsCalledFromNestedTurnsButNeverInsideItself) {
  Start();
  Pipe first;
  Pipe second;
  std::string seen_first;
  std::string seen_second;
  bool inside = false;
  std::string error;
  ASSERT_TRUE(loop_->Watch(
      first.fd(),
      [&] {
        EXPECT_FALSE(inside) << "called inside itself";
        inside = true;
        seen_first += first.Read();
        first.Write(seen_first.size() == 1 ? "b" : "");
        second.Write("x");
        const size_t before = seen_second.size();
        EXPECT_TRUE(TurnUntil([&] { return seen_second.size() > before; }));
        Turn(20);
        inside = false;
      },
      &error))
      << error;
  ASSERT_TRUE(loop_->Watch(second.fd(), [&] { seen_second += second.Read(); }, &error)) << error;
  first.Write("a");
  ASSERT_TRUE(TurnUntil([&] { return seen_first == "ab" && !inside; }));
  EXPECT_EQ(seen_second, "xx");
}

TEST_P(LoopTest, AWatcherIsCalledWhileAHandlerRuns) {
  Start();
  Pipe pipe;
  std::string seen;
  std::string error;
  ASSERT_TRUE(loop_->Watch(pipe.fd(), [&] { seen += pipe.Read(); }, &error)) << error;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    pipe.Write("control");
    EXPECT_TRUE(TurnUntil([&] { return seen == "control"; }));
    return TestHandler::Echo(connection, unread);
  };
  TestClient client = Connect();
  client.Send("long");
  EXPECT_TRUE(ReceiveBytes(client, 4));
}

TEST_P(LoopTest, AWatcherIsToldOfTheEnd) {
  Start();
  Pipe pipe;
  size_t calls = 0;
  std::string error;
  ASSERT_TRUE(loop_->Watch(
      pipe.fd(),
      [&] {
        ++calls;
        loop_->Unwatch(pipe.fd());
      },
      &error))
      << error;
  pipe.CloseWriter();
  ASSERT_TRUE(TurnUntil([&] { return calls > 0; }));
  Turn(20);
  EXPECT_EQ(calls, 1u);
}

TEST_P(LoopTest, AnotherDescriptorUnderTheSameNumberIsAnother) {
  Start();
  std::string error;
  size_t calls = 0;
  int number = -1;
  for (int i = 0; i < 50; ++i) {
    Pipe pipe;
    if (number < 0) number = pipe.fd();
    ASSERT_EQ(pipe.fd(), number);
    ASSERT_TRUE(loop_->Watch(pipe.fd(), [&] { ++calls; }, &error)) << error;
    if (i % 2 == 0) loop_->PollOnce();
    if (i % 3 == 0) pipe.Write("x");
    loop_->Unwatch(pipe.fd());
  }
  Turn(20);
  EXPECT_EQ(calls, 0u);
  Pipe pipe;
  ASSERT_EQ(pipe.fd(), number);
  std::string seen;
  ASSERT_TRUE(loop_->Watch(pipe.fd(), [&] { seen += pipe.Read(); }, &error)) << error;
  pipe.Write("y");
  EXPECT_TRUE(TurnUntil([&] { return seen == "y"; }));
}

TEST_P(LoopTest, RunWakesForAWatchedDescriptor) {
  Start();
  Pipe pipe;
  std::string error;
  ASSERT_TRUE(loop_->Watch(
      pipe.fd(),
      [&] {
        pipe.Read();
        loop_->Stop();
      },
      &error))
      << error;
  std::thread writer([&] { pipe.Write("x"); });
  loop_->Run();
  writer.join();
}

TEST_P(LoopTest, WhatCannotBeWatchedIsNamed) {
  Start();
  std::string error;
  EXPECT_FALSE(loop_->Watch(-1, [] {}, &error));
  EXPECT_EQ(error,
            "cannot watch descriptor -1: Bad file descriptor (give an open socket, pipe or eventfd "
            "that is not watched yet)");
  Pipe pipe;
  ASSERT_TRUE(loop_->Watch(pipe.fd(), [] {}, &error)) << error;
  EXPECT_FALSE(loop_->Watch(pipe.fd(), [] {}, &error));
  EXPECT_EQ(
      error.rfind("cannot watch descriptor " + std::to_string(pipe.fd()) + ": File exists", 0), 0u)
      << error;
  loop_->Unwatch(pipe.fd());
  EXPECT_TRUE(loop_->Watch(pipe.fd(), [] {}, &error)) << error;
}

}  // namespace
}  // namespace shredder::net
