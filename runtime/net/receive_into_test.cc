// Bytes of the stream that are received where their handler wants them.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

constexpr size_t kMiB = 1 << 20;
constexpr size_t kMinBytesInPlace = 50'000;

// A place that is elsewhere now and then.
class MovingPlace final : public ReceivedBytes {
 public:
  explicit MovingPlace(size_t bytes) : places_{std::string(bytes, '?'), {}} {}
  std::span<char> rest() override {
    if (calls_++ % 32 == 0) {
      places_[1 - at_] = places_[at_];
      std::fill(places_[at_].begin(), places_[at_].end(), '!');
      at_ = 1 - at_;
    }
    return std::span<char>(places_[at_]).subspan(received_);
  }
  void Receive(size_t bytes) override { received_ += bytes; }
  std::string_view received() const override {
    return std::string_view(places_[at_]).substr(0, received_);
  }
  size_t own_bytes() const override { return counts ? received_ : 0; }

  bool counts = false;

 private:
  std::string places_[2];
  size_t at_ = 0;
  size_t received_ = 0;
  size_t calls_ = 0;
};

std::string Message(size_t bytes) { return std::to_string(bytes) + "\n" + Pattern(bytes) + ";"; }

// Messages of a length, a line end, so many bytes, and ";"; large ones in places of their own.
// Answers each with its bytes.
struct MessageHandler {
  size_t operator()(Connection& connection, std::string_view unread) {
    ++calls;
    longest = std::max(longest, unread.size());
    size_t consumed = 0;
    while (consumed < unread.size()) {
      const std::string_view rest = unread.substr(consumed);
      const size_t header = rest.find('\n') + 1;
      if (header == 0) break;
      const size_t length = std::stoul(std::string(rest.substr(0, header)));
      const size_t inside = place == nullptr ? length : 0;
      if (rest.size() < header + inside + end_bytes) {
        if (place == nullptr && length >= kMinBytesInPlace) {
          place = std::make_shared<MovingPlace>(length);
          connection.ReceiveInto(header, place);
          connection.ExpectBytes(header + end_bytes);
        } else {
          connection.ExpectBytes(header + inside + end_bytes);
        }
        break;
      }
      EXPECT_EQ(rest[header + inside], ';');
      if (on_whole && !on_whole(connection)) break;
      if (place != nullptr) {
        connection.output() += std::exchange(place, nullptr)->received();
      } else {
        connection.output() += rest.substr(header, length);
      }
      consumed += header + inside + end_bytes;
    }
    return consumed;
  }

  std::shared_ptr<MovingPlace> place;
  std::function<bool(Connection&)> on_whole;  // whether it is to be consumed
  size_t end_bytes = 1;
  size_t calls = 0;
  size_t longest = 0;  // of what was unread
};

class ReceiveIntoTest : public LoopTest {
 protected:
  void StartWith(EventLoopOptions options = {}) {
    Start(std::move(options));
    handler_.on_data = [this](Connection& c, std::string_view unread) {
      connection_ = &c;
      return messages_(c, unread);
    };
  }
  // Sends all of it in such pieces while the loop turns, and receives as many bytes.
  std::string Exchange(TestClient& client, const std::string& stream, size_t reply_bytes,
                       size_t piece_bytes = kMiB) {
    client.ClearReceived();
    size_t sent = 0;
    EXPECT_TRUE(TurnUntil([&] {
      sent += client.Send(std::string_view(stream).substr(sent, piece_bytes));
      client.Receive();
      return client.received().size() >= reply_bytes;
    }));
    return client.received();
  }
  // Sends the message's first part, and turns until it has arrived.
  void SendPart(TestClient& client, const std::string& message, size_t bytes) {
    size_t sent = 0;
    ASSERT_TRUE(TurnUntil([&] {
      sent += client.Send(std::string_view(message).substr(sent, bytes - sent));
      return sent == bytes;
    }));
    ASSERT_TRUE(TurnUntil([&] { return client.HasArrived() && messages_.place != nullptr; }));
    Turn(10);
  }

  MessageHandler messages_;
  Connection* connection_ = nullptr;
};

TEST_P(ReceiveIntoTest, BytesArriveInTheirPlacesWhateverTheirSizesAndNeighbours) {
  StartWith();
  TestClient client = Connect();
  std::string stream;
  std::string replies;
  for (const size_t bytes : {10ul, 100'000ul, 0ul, 5 * kMiB, 40'000ul, 50'000ul, 1ul, 17 * kMiB,
                             65'530ul, 65'536ul, 3ul, 2 * kMiB}) {
    stream += Message(bytes);
    replies += Pattern(bytes);
  }
  for (const size_t piece_bytes : {kMiB, 30'011ul, 300'007ul}) {
    EXPECT_TRUE(Exchange(client, stream, replies.size(), piece_bytes) == replies) << piece_bytes;
  }
  for (const size_t bytes : {3 * kMiB, 10ul, 20ul, 3 * kMiB, 70'000ul, 30ul, 90'000ul}) {
    EXPECT_TRUE(Exchange(client, Message(bytes), bytes) == Pattern(bytes)) << bytes;
  }
}

TEST_P(ReceiveIntoTest, EveryPlaceWhereAStreamMayBeCutIsAlike) {
  StartWith();
  TestClient client = Connect();
  const std::string stream = Message(3) + Message(50'000) + Message(4);
  const std::string replies = Pattern(3) + Pattern(50'000) + Pattern(4);
  const size_t end = Message(3).size() + Message(50'000).size();
  std::vector<size_t> cuts;
  for (size_t i = 1; i < 20; ++i) cuts.push_back(i);
  for (size_t i = end - 6; i < stream.size(); ++i) cuts.push_back(i);
  for (const size_t cut : cuts) {
    client.ClearReceived();
    ASSERT_EQ(client.Send(stream.substr(0, cut)), cut);
    ASSERT_TRUE(TurnUntil([&] { return client.HasArrived(); }));
    Turn(2);
    ASSERT_EQ(client.Send(stream.substr(cut)), stream.size() - cut);
    ASSERT_TRUE(ReceiveBytes(client, replies.size())) << cut;
    EXPECT_TRUE(client.received() == replies) << cut;
  }
}

TEST_P(ReceiveIntoTest, TheHandlerSeesAMessageOnceItsBeginningAndOnceItsEndIsThere) {
  StartWith();
  TestClient client = Connect();
  const std::string message = Message(8 * kMiB);
  client.Send(message.substr(0, 100));
  ASSERT_TRUE(TurnUntil([&] { return messages_.calls == 1; }));
  EXPECT_TRUE(Exchange(client, message.substr(100), 8 * kMiB) == Pattern(8 * kMiB));
  EXPECT_EQ(messages_.calls, 2u);
  EXPECT_LE(messages_.longest, 100u);
}

TEST_P(ReceiveIntoTest, WhatIsReceivedElsewhereCountsNeitherAsUnreadNorForTheAccount) {
  EventLoopOptions options;
  options.limits.max_unread_bytes = 200'000;
  ByteAccount account;
  account.limit = 200'000;
  StartWith(options);
  handler_.on_open = [&](Connection& c) { c.SetAccount(&account); };
  TestClient client = Connect();
  const std::string message = Message(4 * kMiB);
  SendPart(client, message, 3 * kMiB);
  EXPECT_LT(account.bytes, 100u);
  EXPECT_EQ(handler_.closed, 0u);
  // But for what is nowhere else counted.
  messages_.place->counts = true;
  client.Send(message.substr(3 * kMiB, 1000));
  EXPECT_TRUE(TurnUntil([&] { return handler_.closed == 1; }));
  EXPECT_EQ(account.closed, 1u);
  EXPECT_EQ(account.bytes, 0u);
}

TEST_P(ReceiveIntoTest, AMessageThatIsLeftForLaterStaysInItsPlace) {
  StartWith();
  bool may_go = false;
  messages_.on_whole = [&](Connection& c) {
    if (!may_go) c.PauseReading();
    return may_go;
  };
  TestClient client = Connect();
  const std::string stream = Message(2 * kMiB) + Message(7);
  size_t sent = 0;
  ASSERT_TRUE(TurnUntil([&] {
    sent += client.Send(std::string_view(stream).substr(sent, kMiB));
    return sent == stream.size() && client.HasArrived();
  }));
  Turn(10);
  EXPECT_TRUE(client.received().empty());
  may_go = true;
  connection_->ResumeReading();
  ASSERT_TRUE(ReceiveBytes(client, 2 * kMiB + 7));
  EXPECT_TRUE(client.received() == Pattern(2 * kMiB) + Pattern(7));
}

TEST_P(ReceiveIntoTest, AReleasedConnectionHasItsStreamWhole) {
  StartWith();
  std::string unread;
  UniqueFd fd;
  handler_.on_released = [&](Connection&, ReleasedConnection released) {
    unread = std::move(released.unread);
    fd = std::move(released.fd);
  };
  const std::string message = Message(4 * kMiB);
  for (const size_t bytes : {100'000ul, 3 * kMiB}) {
    messages_.place = nullptr;
    TestClient client = ConnectTcp();
    SendPart(client, message, bytes);
    const size_t before = handler_.released;
    connection_->Release();
    ASSERT_TRUE(TurnUntil([&] { return handler_.released == before + 1; }));
    EXPECT_GE(unread.size(), 50'000u);
    EXPECT_TRUE(unread == message.substr(0, unread.size()));
  }
}

TEST_P(ReceiveIntoTest, AConnectionThatEndsLetsGoOfThePlace) {
  StartWith();
  const std::string message = Message(4 * kMiB);
  for (const bool is_peer : {true, false}) {
    TestClient client = Connect();
    SendPart(client, message, 100'000);
    const std::weak_ptr<MovingPlace> place = std::exchange(messages_.place, nullptr);
    EXPECT_FALSE(place.expired());
    const size_t before = handler_.closed;
    if (is_peer) {
      client.Close();
    } else {
      connection_->Close();
    }
    ASSERT_TRUE(TurnUntil([&] { return handler_.closed == before + 1; }));
    EXPECT_TRUE(place.expired());
  }
}

TEST_P(ReceiveIntoTest, WhatHasArrivedBehindTheBytesIsKept) {
  StartWith();
  TestClient client = Connect();
  const std::string message = Message(60'000);
  bool may_go = false;
  handler_.on_data = [&](Connection& c, std::string_view unread) {
    connection_ = &c;
    // With all of the message's bytes, but not its end.
    return may_go ? messages_(c, unread) : size_t{0};
  };
  messages_.end_bytes = 2;
  const std::string stream = message + ";" + Message(7) + ";";
  ASSERT_EQ(client.Send(stream.substr(0, message.size())), message.size());
  ASSERT_TRUE(TurnUntil([&] { return client.HasArrived(); }));
  Turn(10);
  may_go = true;
  connection_->Defer();
  connection_->EndDeferral();
  Turn(10);
  ASSERT_NE(messages_.place, nullptr);
  client.Send(stream.substr(message.size()));
  ASSERT_TRUE(ReceiveBytes(client, 60'007));
  EXPECT_TRUE(client.received() == Pattern(60'000) + Pattern(7));
}

INSTANTIATE_TEST_SUITE_P(Loops, ReceiveIntoTest, testing::ValuesIn(AllLoops()), LoopName);

}  // namespace
}  // namespace shredder::net
