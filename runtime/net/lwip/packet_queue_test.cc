#include "runtime/net/lwip/packet_queue.h"

#include <gtest/gtest.h>

#include <map>

namespace shredder::net::lwip {
namespace {

Frame Numbered(uint32_t number) {
  Frame frame(64);
  for (size_t i = 0; i < 4; i++) frame[i] = static_cast<uint8_t>(number >> 8 * i);
  return frame;
}

TEST(PacketQueueTest, WithoutFaultsFramesArriveInOrder) {
  PacketQueue queue;
  for (uint32_t i = 0; i < 1000; i++) ASSERT_TRUE(queue.Push(Numbered(i)));
  for (uint32_t i = 0; i < 1000; i++) EXPECT_EQ(queue.Pop(), Numbered(i));
  EXPECT_EQ(queue.Pop(), std::nullopt);
  EXPECT_EQ(queue.counters().received, 1000u);
}

TEST(PacketQueueTest, AFullQueueRefuses) {
  PacketQueue queue({.capacity = 2});
  EXPECT_TRUE(queue.Push(Numbered(0)));
  EXPECT_TRUE(queue.Push(Numbered(1)));
  EXPECT_FALSE(queue.Push(Numbered(2)));
  EXPECT_EQ(queue.counters().refused, 1u);
  queue.Pop();
  EXPECT_TRUE(queue.Push(Numbered(3)));
}

TEST(PacketQueueTest, WhatIsCountedHasHappened) {
  PacketQueue queue(
      {.lost = 100, .duplicated = 100, .reordered = 100, .truncated = 100, .corrupted = 100}, 7);
  constexpr uint32_t kFrames = 10'000;
  for (uint32_t i = 0; i < kFrames; i++) queue.Push(Numbered(i));
  const LinkCounters& counters = queue.counters();
  for (const uint64_t count : {counters.lost, counters.duplicated, counters.reordered,
                               counters.truncated, counters.corrupted}) {
    EXPECT_GT(count, kFrames / 20);
    EXPECT_LT(count, kFrames / 5);
  }
  EXPECT_EQ(queue.size(), kFrames - counters.lost + counters.duplicated);
  std::map<Frame, int> arrived;
  uint64_t short_ones = 0;
  while (const auto frame = queue.Pop()) {
    arrived[*frame]++;
    if (frame->size() < 64) short_ones++;
  }
  EXPECT_EQ(short_ones, counters.truncated);
}

TEST(PacketQueueTest, TheSameSeedGivesTheSameFaults) {
  const LinkFaults faults{.lost = 200, .duplicated = 200, .reordered = 200, .corrupted = 200};
  PacketQueue one(faults, 3), other(faults, 3);
  for (uint32_t i = 0; i < 1000; i++) {
    one.Push(Numbered(i));
    other.Push(Numbered(i));
  }
  while (!one.empty()) EXPECT_EQ(one.Pop(), other.Pop());
  EXPECT_TRUE(other.empty());
}

}  // namespace
}  // namespace shredder::net::lwip
