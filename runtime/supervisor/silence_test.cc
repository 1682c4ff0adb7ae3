#include "runtime/supervisor/silence.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace shredder::supervisor {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kNow = 1'000'000 * kMs;
constexpr uint64_t kSilenceMs = 250;

class SilenceTest : public testing::Test {
 protected:
  SilenceTest() {
    status_.cpu_deadline_ms = 50;
    status_.wall_deadline_ms = 1000;
    status_.heartbeat_ns = kNow - 479 * kMs;
  }
  std::optional<uint64_t> Look(uint64_t now_ns, uint64_t cpu_ns = 0) {
    return silence_.TooLong(status_, now_ns, cpu_ns, kSilenceMs);
  }

  control::ShardStatus status_;
  Silence silence_;
};

TEST_F(SilenceTest, IsForgivenForThirtySecondsWhereNothingRuns) {
  EXPECT_FALSE(Look(kNow));
  EXPECT_FALSE(Look(status_.heartbeat_ns + 29'999 * kMs));
  EXPECT_EQ(Look(status_.heartbeat_ns + 30'000 * kMs), 30'000 * kMs);
}

// The heart of a shard that rests beats once a second.
TEST_F(SilenceTest, IsForgivenARunThatBeginsAfterTheSupervisorHasReadTheTime) {
  status_.running_since_ns = kNow + 1;
  EXPECT_FALSE(Look(kNow));
  status_.heartbeat_ns = kNow + 1;
  EXPECT_FALSE(Look(kNow));
}

TEST_F(SilenceTest, IsForgivenARunWithinItsDeadlines) {
  status_.running_since_ns = kNow;
  EXPECT_FALSE(Look(kNow, 7'000 * kMs));
  EXPECT_FALSE(Look(kNow + 1249 * kMs, 7'299 * kMs));
}

TEST_F(SilenceTest, IsTooLongWhereARunHasPassedOneOfItsDeadlines) {
  status_.running_since_ns = kNow;
  EXPECT_FALSE(Look(kNow, 7'000 * kMs));
  EXPECT_TRUE(Look(kNow + 300 * kMs, 7'300 * kMs)) << "of CPU time";
  EXPECT_TRUE(Look(kNow + 1250 * kMs, 7'000 * kMs)) << "of wall time";
  status_.heartbeat_ns = kNow + 1249 * kMs;
  EXPECT_FALSE(Look(kNow + 1250 * kMs, 7'300 * kMs)) << "it is not silent";
}

TEST_F(SilenceTest, IsOfOneRunAtATime) {
  status_.running_since_ns = kNow;
  EXPECT_FALSE(Look(kNow, 7'000 * kMs));
  status_.running_since_ns = kNow + 299 * kMs;
  EXPECT_FALSE(Look(kNow + 300 * kMs, 7'300 * kMs));
}

}  // namespace
}  // namespace shredder::supervisor
