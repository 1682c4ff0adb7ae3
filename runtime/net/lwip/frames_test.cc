// Frames at random, briefly; frame_fuzz does it at length.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "runtime/net/lwip/lwip_fuzzing.h"
#include "runtime/net/lwip/port.h"

namespace shredder::net::lwip {
namespace {

TEST(FramesTest, WhateverComesTheStackStandsAndFreesWhatItTook) {
  std::mt19937_64 random(20);
  size_t after_first = 0;
  for (int run = 0; run < 600; run++) {
    std::vector<uint8_t> input(random() % 1024);
    for (uint8_t& byte : input) byte = static_cast<uint8_t>(random());
    RunFrames(input);
    if (run == 50) after_first = MemoryUsed();
  }
  // Groups and neighbours apart, of which tables are full by then.
  EXPECT_LE(MemoryUsed(), after_first + 64 * 1024);
}

}  // namespace
}  // namespace shredder::net::lwip
