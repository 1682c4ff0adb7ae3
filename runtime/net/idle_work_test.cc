// What a loop does while there is nothing to do.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/loop_testing.h"

namespace shredder::net {
namespace {

class IdleWorkTest : public LoopTest {};

TEST_P(IdleWorkTest, IsDoneInPiecesUntilNoneIsLeft) {
  Start();
  int pieces = 0;
  loop_->SetIdle([&](uint64_t quiet_ms) -> std::optional<uint64_t> {
    EXPECT_EQ(quiet_ms, pieces == 0 ? 0u : 1u);
    if (++pieces < 3) return 1;
    return std::nullopt;
  });
  int ticks = 0;
  loop_->SetTimer(1, [&] {
    if (++ticks == 3) loop_->Stop();
  });
  loop_->Run();
  EXPECT_EQ(pieces, 0) << "nobody wanted any";
  loop_->WantIdle(0);
  ticks = 0;
  loop_->Run();
  EXPECT_EQ(pieces, 3);
}

TEST_P(IdleWorkTest, IsDoneWhereItWasWantedFromInsideOfOtherWork) {
  Start();
  int pieces = 0;
  loop_->SetIdle([&](uint64_t) -> std::optional<uint64_t> {
    if (++pieces == 1) loop_->WantIdle(0);
    return std::nullopt;
  });
  int ticks = 0;
  loop_->SetTimer(1, [&] {
    if (++ticks == 3) loop_->Stop();
  });
  loop_->WantIdle(0);
  loop_->Run();
  EXPECT_EQ(pieces, 2);
}

TEST_P(IdleWorkTest, BuffersThatWereGivenBackReceiveAsBefore) {
  Start();
  std::string received;
  handler_.on_data = [&](Connection&, std::string_view unread) {
    received += unread;
    return unread.size();
  };
  TestClient client = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  std::string sent;
  loop_->SetTimer(1, [&] {
    loop_->TrimBuffers();
    // Some arrive before buffers are given back, some after.
    const std::string message = "message " + std::to_string(sent.size()) + std::string(5000, '.');
    sent += message;
    client.Send(message);
    loop_->TrimBuffers();
    if (sent.size() > 1'000'000) loop_->Stop();
  });
  loop_->Run();
  EXPECT_TRUE(TurnUntil([&] { return received.size() == sent.size(); }));
  EXPECT_TRUE(received == sent);
}

TEST_P(IdleWorkTest, WaitsForWhatHasHappened) {
  Start();
  int requests = 0;
  handler_.on_data = [&](Connection&, std::string_view unread) {
    ++requests;
    loop_->WantIdle(0);
    return unread.size();
  };
  TestClient client = Connect();
  ASSERT_TRUE(TurnUntil([&] { return handler_.opened == 1; }));
  std::vector<int> requests_at_piece;
  loop_->SetIdle([&](uint64_t) -> std::optional<uint64_t> {
    requests_at_piece.push_back(requests);
    if (requests == 3) {
      loop_->Stop();
      return std::nullopt;
    }
    client.Send("request");
    return 0;
  });
  loop_->WantIdle(0);
  loop_->Run();
  // On a machine with other work the request may still be under way at the next piece.
  ASSERT_GE(requests_at_piece.size(), 4u);
  EXPECT_TRUE(std::is_sorted(requests_at_piece.begin(), requests_at_piece.end()));
  EXPECT_EQ(requests_at_piece.front(), 0);
  EXPECT_EQ(requests_at_piece.back(), 3);
}

INSTANTIATE_TEST_SUITE_P(Loops, IdleWorkTest, testing::ValuesIn(AllLoops()), LoopName);

}  // namespace
}  // namespace shredder::net
