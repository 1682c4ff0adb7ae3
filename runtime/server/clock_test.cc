#include "runtime/server/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace shredder::server {
namespace {

TEST(SystemClock, IsUnixTimeAndDoesNotGoBack) {
  const SystemClock clock;
  const auto wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  const uint64_t first = clock.NowMs();
  EXPECT_NEAR(static_cast<double>(first), static_cast<double>(wall_ms), 1000);
  EXPECT_GE(clock.NowMs(), first);
}

}  // namespace
}  // namespace shredder::server
