// Large messages: received in one piece, and sent from where they lie.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

constexpr size_t kMiB = 1 << 20;

// Bytes that lie elsewhere each time they are looked at.
// Elsewhere now and then.
class MovingBytes final : public SharedBytes {
 public:
  explicit MovingBytes(std::string bytes) : places_{std::move(bytes), {}} {}
  std::string_view view() const override {
    if (calls_++ % 16 != 0) return places_[at_];
    places_[1 - at_] = places_[at_];
    std::fill(places_[at_].begin(), places_[at_].end(), '!');
    at_ = 1 - at_;
    return places_[at_];
  }

 private:
  mutable std::string places_[2];
  mutable size_t at_ = 0;
  mutable size_t calls_ = 0;
};

size_t AddressSpaceBytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

std::string Message(size_t bytes) { return std::to_string(bytes) + "\n" + Pattern(bytes); }

// Messages of a length, a line end, and so many bytes; answers each with its bytes.
struct MessageHandler {
  size_t calls = 0;

  size_t operator()(Connection& connection, std::string_view unread) {
    ++calls;
    size_t consumed = 0;
    while (consumed < unread.size()) {
      const std::string_view rest = unread.substr(consumed);
      const size_t header = rest.find('\n') + 1;
      if (header == 0) break;
      const size_t length = std::stoul(std::string(rest.substr(0, header)));
      if (rest.size() < header + length) {
        connection.ExpectBytes(header + length);
        break;
      }
      connection.output() += rest.substr(header, length);
      consumed += header + length;
    }
    return consumed;
  }
};

class LargeMessagesTest : public LoopTest {
 protected:
  // Sends all of it while the loop turns, and receives as many bytes.
  std::string Exchange(TestClient& client, const std::string& stream, size_t reply_bytes) {
    client.ClearReceived();
    size_t sent = 0;
    EXPECT_TRUE(TurnUntil([&] {
      sent += client.Send(std::string_view(stream).substr(sent, kMiB));
      client.Receive();
      return client.received().size() >= reply_bytes;
    }));
    return client.received();
  }
};

TEST_P(LargeMessagesTest, ArriveAsTheyWereSentWhateverTheirSizes) {
  Start();
  MessageHandler handler;
  handler_.on_data = [&](Connection& c, std::string_view unread) { return handler(c, unread); };
  TestClient client = Connect();
  std::string stream;
  std::string replies;
  for (const size_t bytes :
       {10ul, 100'000ul, 0ul, 5 * kMiB, 40'000ul, 1ul, 17 * kMiB, 3ul, 2 * kMiB}) {
    stream += Message(bytes);
    replies += Pattern(bytes);
  }
  EXPECT_TRUE(Exchange(client, stream, replies.size()) == replies);
  // Once more, one after the other.
  for (const size_t bytes : {3 * kMiB, 10ul, 20ul, 3 * kMiB, 70'000ul, 30ul}) {
    EXPECT_TRUE(Exchange(client, Message(bytes), bytes) == Pattern(bytes)) << bytes;
  }
}

TEST_P(LargeMessagesTest, AHandlerIsNotCalledBeforeWhatItExpectsIsThere) {
  Start();
  MessageHandler handler;
  handler_.on_data = [&](Connection& c, std::string_view unread) { return handler(c, unread); };
  TestClient client = Connect();
  const std::string message = Message(8 * kMiB);
  client.Send(message.substr(0, 100));
  ASSERT_TRUE(TurnUntil([&] { return handler.calls == 1; }));
  EXPECT_TRUE(Exchange(client, message.substr(100), 8 * kMiB) == Pattern(8 * kMiB));
  EXPECT_EQ(handler.calls, 2u);
}

TEST_P(LargeMessagesTest, WhatIsOnlyAnnouncedTakesFewMegabytes) {
  Start();
  const size_t before = AddressSpaceBytes();
  handler_.on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.ExpectBytes(900 * kMiB);
    return 0;
  };
  std::vector<TestClient> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(Connect());
    clients.back().Send("first bytes");
  }
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 50; }));
  Turn(20);
  EXPECT_EQ(handler_.closed, 0u);
  EXPECT_LE(AddressSpaceBytes() - before, 50 * 8 * kMiB);
  for (TestClient& client : clients) client.Close();
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 50; }));
}

TEST_P(LargeMessagesTest, TooMuchExpectedInputClosesTheConnection) {
  EventLoopOptions options;
  options.limits.max_unread_bytes = 1'000'000;
  Start(options);
  handler_.on_data = [](Connection& connection, std::string_view) -> size_t {
    connection.ExpectBytes(10 * kMiB);
    return 0;
  };
  TestClient client = Connect();
  const std::string bytes = Pattern(2'000'000);
  size_t sent = 0;
  EXPECT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(bytes).substr(sent));
    return handler_.closed == 1;
  }));
}

TEST_P(LargeMessagesTest, APeerThatEndsInTheMiddleOfAMessageIsGone) {
  Start();
  MessageHandler handler;
  handler_.on_data = [&](Connection& c, std::string_view unread) { return handler(c, unread); };
  for (const size_t whole : {0, 1, 2}) {
    TestClient client = Connect();
    std::string stream;
    for (size_t i = 0; i < whole; ++i) stream += Message(100);
    client.Send(stream + Message(4 * kMiB).substr(0, 100'000));
    client.ShutdownSending();
    EXPECT_TRUE(ReceiveEnd(client));
    EXPECT_EQ(client.received().size(), whole * 100);
  }
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 3; }));
}

TEST_P(LargeMessagesTest, APausedConnectionTakesUpAHalfReceivedMessage) {
  Start();
  MessageHandler handler;
  Connection* connection = nullptr;
  handler_.on_data = [&](Connection& c, std::string_view unread) {
    connection = &c;
    c.PauseReading();
    return handler(c, unread);
  };
  TestClient client = Connect();
  const std::string message = Message(4 * kMiB);
  client.Send(message.substr(0, 1000));
  ASSERT_TRUE(TurnUntil([&] { return connection != nullptr; }));
  size_t sent = 1000 + client.Send(std::string_view(message).substr(1000));
  Turn(10);
  EXPECT_EQ(handler.calls, 1u);
  connection->ResumeReading();
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(message).substr(sent, kMiB));
    client.Receive();
    return client.received().size() == 4 * kMiB;
  }));
  EXPECT_TRUE(client.received() == Pattern(4 * kMiB));
}

TEST_P(LargeMessagesTest, AHalfReceivedMessageGoesWithAReleasedConnection) {
  Start();
  Connection* connection = nullptr;
  handler_.on_data = [&](Connection& c, std::string_view) -> size_t {
    connection = &c;
    c.ExpectBytes(4 * kMiB);
    return 0;
  };
  std::string unread;
  UniqueFd fd;
  handler_.on_released = [&](Connection&, ReleasedConnection released) {
    unread = std::move(released.unread);
    fd = std::move(released.fd);
  };
  TestClient client = ConnectTcp();
  const std::string bytes = Pattern(kMiB);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(bytes).substr(sent));
    return sent == bytes.size();
  }));
  ASSERT_TRUE(TurnUntil([&] { return client.HasArrived() && connection != nullptr; }));
  Turn(10);
  connection->Release();
  ASSERT_TRUE(TurnUntil([&] { return handler_.released == 1; }));
  EXPECT_EQ(unread, bytes.substr(0, unread.size()));
}

// ---- Shared bytes

TEST_P(LargeMessagesTest, SharedBytesAreSentInTheirPlaceAmongOthers) {
  Start();
  const std::string pattern = Pattern(3 * kMiB);
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    for (const char c : unread) {
      connection.output() += std::string("<") + c;
      connection.AppendShared(std::make_shared<MovingBytes>(pattern), 1000, 2 * kMiB);
      connection.AppendShared(std::make_shared<MovingBytes>(pattern), 0, 5);
      connection.output() += ">";
    }
    return unread.size();
  };
  TestClient client = Connect();
  std::string expected;
  for (const char c : {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'}) {
    expected += std::string("<") + c + pattern.substr(1000, 2 * kMiB) + pattern.substr(0, 5) + ">";
  }
  EXPECT_TRUE(Exchange(client, "abcdefghi", expected.size()) == expected);
}

TEST_P(LargeMessagesTest, ASlowReaderGetsSharedBytesWhole) {
  Start();
  const std::string pattern = Pattern(16 * kMiB);
  auto shared = std::make_shared<MovingBytes>(pattern);
  const std::weak_ptr<MovingBytes> alive = shared;
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.AppendShared(std::move(shared), 0, pattern.size());
    connection.output() += "end";
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("!");
  ASSERT_TRUE(TurnUntil([&] {
    client.Receive(10'000);
    return client.received().size() > 500'000;
  }));
  EXPECT_FALSE(alive.expired());
  ASSERT_TRUE(ReceiveBytes(client, pattern.size() + 3));
  EXPECT_TRUE(client.received() == pattern + "end");
  EXPECT_TRUE(alive.expired());
}

TEST_P(LargeMessagesTest, UnsentSharedBytesCountAndPauseReading) {
  Start();
  const std::string pattern = Pattern(40 * kMiB);
  const auto shared = std::make_shared<MovingBytes>(pattern);
  size_t calls = 0;
  handler_.on_data = [&](Connection& connection, std::string_view) -> size_t {
    ++calls;
    connection.output() += "head";
    connection.AppendShared(shared, 0, pattern.size());
    if (calls == 1) EXPECT_EQ(connection.unsent(), 4 + pattern.size());
    return 1;
  };
  TestClient client = Connect();
  client.Send("..");
  ASSERT_TRUE(TurnUntil([&] { return calls == 1; }));
  Turn(20);
  EXPECT_EQ(calls, 1u);
  ASSERT_TRUE(ReceiveBytes(client, 2 * (4 + pattern.size())));
  EXPECT_EQ(calls, 2u);
}

TEST_P(LargeMessagesTest, TooManyUnsentSharedBytesCloseTheConnectionAndLetGoOfThem) {
  EventLoopOptions options;
  options.limits.max_unsent_bytes = 1'000'000;
  Start(options);
  const auto shared = std::make_shared<MovingBytes>(Pattern(40 * kMiB));
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.AppendShared(shared, 0, 40 * kMiB);
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("!");
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_EQ(shared.use_count(), 1);
}

TEST_P(LargeMessagesTest, AConnectionThatClosesLetsGoOfSharedBytes) {
  Start();
  const auto shared = std::make_shared<MovingBytes>(Pattern(40 * kMiB));
  Connection* connection = nullptr;
  handler_.on_data = [&](Connection& c, std::string_view unread) {
    connection = &c;
    c.AppendShared(shared, 0, 40 * kMiB);
    return unread.size();
  };
  TestClient by_us = Connect();
  by_us.Send("!");
  ASSERT_TRUE(TurnUntil([&] { return connection != nullptr; }));
  EXPECT_EQ(shared.use_count(), 2);
  connection->Close();
  EXPECT_EQ(shared.use_count(), 1);
  ASSERT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));

  TestClient by_peer = Connect();
  by_peer.Send("!");
  ASSERT_TRUE(TurnUntil([&] { return shared.use_count() == 2; }));
  by_peer.Reset();
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 2; }));
  EXPECT_EQ(shared.use_count(), 1);
}

TEST_P(LargeMessagesTest, SharedBytesAreSentBeforeAConnectionThatWeCloseEnds) {
  Start();
  const std::string pattern = Pattern(8 * kMiB);
  const auto shared = std::make_shared<MovingBytes>(pattern);
  handler_.on_data = [&](Connection& connection, std::string_view unread) {
    connection.AppendShared(shared, 0, pattern.size());
    connection.CloseAfterFlush();
    return unread.size();
  };
  TestClient client = Connect();
  client.Send("!");
  ASSERT_TRUE(ReceiveEnd(client));
  EXPECT_TRUE(client.received() == pattern);
}

TEST_P(LargeMessagesTest, AReleasedConnectionTakesSharedBytesAlongAsItsOwn) {
  Start();
  const std::string pattern = Pattern(20 * kMiB);
  const auto shared = std::make_shared<MovingBytes>(pattern);
  Connection* connection = nullptr;
  handler_.on_data = [&](Connection& c, std::string_view unread) {
    connection = &c;
    c.output() += "head";
    c.AppendShared(shared, 0, pattern.size());
    c.output() += "tail";
    return unread.size();
  };
  ReleasedConnection taken;
  handler_.on_released = [&](Connection&, ReleasedConnection released) {
    taken = std::move(released);
  };
  TestClient client = ConnectTcp();
  client.Send("!");
  ASSERT_TRUE(TurnUntil([&] { return connection != nullptr; }));
  Turn(5);
  connection->Release();
  ASSERT_TRUE(TurnUntil([&] { return handler_.released == 1; }));
  EXPECT_EQ(shared.use_count(), 1);
  EXPECT_GT(taken.unsent.size(), 10 * kMiB);
  loop_->Adopt(std::move(taken), &handler_, nullptr);
  ASSERT_TRUE(ReceiveBytes(client, pattern.size() + 8));
  EXPECT_TRUE(client.received() == "head" + pattern + "tail");
}

INSTANTIATE_TEST_SUITE_P(Loops, LargeMessagesTest, testing::ValuesIn(AllLoops()), LoopName);

}  // namespace
}  // namespace shredder::net
