#include "runtime/net/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace shredder::net {
namespace {

constexpr size_t kMiB = 1 << 20;

TEST(BufferPoolTest, ABufferKeepsItsBytesWhenItGrows) {
  Buffer buffer;
  ASSERT_TRUE(buffer.Grow(100));
  std::memcpy(buffer.data(), "hello", 5);
  ASSERT_TRUE(buffer.Grow(64 * kMiB));
  EXPECT_GE(buffer.capacity(), 64 * kMiB);
  EXPECT_EQ(std::memcmp(buffer.data(), "hello", 5), 0);
}

TEST(BufferPoolTest, WhatCannotBeHadLeavesABufferAsItIs) {
  BufferPool pool(kMiB);
  EXPECT_EQ(pool.Take(SIZE_MAX / 2).capacity(), 0u);
  Buffer buffer = pool.Take(100);
  ASSERT_GE(buffer.capacity(), 100u);
  const size_t capacity = buffer.capacity();
  EXPECT_FALSE(buffer.Grow(SIZE_MAX));
  EXPECT_FALSE(buffer.Grow(SIZE_MAX / 2));
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(BufferPoolTest, GivesWhatWasPutTheSmallestThatIsLargeEnough) {
  BufferPool pool(16 * kMiB);
  Buffer small = pool.Take(kMiB);
  Buffer large = pool.Take(4 * kMiB);
  char* const at_small = small.data();
  char* const at_large = large.data();
  pool.Put(std::move(small));
  pool.Put(std::move(large));
  EXPECT_EQ(pool.kept_bytes(), 5 * kMiB);
  Buffer first = pool.Take(100);
  EXPECT_EQ(first.data(), at_small);
  Buffer second = pool.Take(100);
  EXPECT_EQ(second.data(), at_large);
  EXPECT_EQ(pool.kept_bytes(), 0u);
}

TEST(BufferPoolTest, GrowsTheLargestWhereNoneIsLargeEnough) {
  BufferPool pool(16 * kMiB);
  Buffer small = pool.Take(kMiB);
  Buffer large = pool.Take(2 * kMiB);
  pool.Put(std::move(large));
  pool.Put(std::move(small));
  EXPECT_GE(pool.Take(8 * kMiB).capacity(), 8 * kMiB);
  EXPECT_EQ(pool.kept_bytes(), kMiB);
}

TEST(BufferPoolTest, KeepsNoMoreThanItMay) {
  BufferPool pool(3 * kMiB);
  Buffer first = pool.Take(2 * kMiB);
  Buffer second = pool.Take(2 * kMiB);
  pool.Put(std::move(first));
  pool.Put(std::move(second));
  EXPECT_EQ(pool.kept_bytes(), 2 * kMiB);
}

TEST(BufferPoolTest, GivesBackWhatNobodyHasTakenBetweenTwoCalls) {
  BufferPool pool(16 * kMiB);
  Buffer used = pool.Take(kMiB);
  Buffer unused = pool.Take(4 * kMiB);
  pool.Put(std::move(used));
  pool.Put(std::move(unused));
  pool.GiveBackUnused();
  EXPECT_EQ(pool.kept_bytes(), 5 * kMiB);
  pool.Put(pool.Take(kMiB));
  pool.GiveBackUnused();
  EXPECT_EQ(pool.kept_bytes(), kMiB);
  pool.GiveBackUnused();
  EXPECT_EQ(pool.kept_bytes(), 0u);
}

}  // namespace
}  // namespace shredder::net
