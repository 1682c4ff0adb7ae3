#include "runtime/server/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace shredder::server {
namespace {

uint64_t UnixMs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

TEST(SystemClock, IsUnixTimeAndDoesNotGoBack) {
  const uint64_t before = UnixMs();
  const SystemClock clock;
  const uint64_t first = clock.NowMs();
  const uint64_t after = UnixMs();
  // The machine's wall clock may be set meanwhile.
  EXPECT_GE(first, before - 1000);
  EXPECT_LE(first, after + 1000);
  EXPECT_GE(clock.NowMs(), first);
}

}  // namespace
}  // namespace shredder::server
