// The memory that lwIP has, which is counted, bounded, and kept for the next block of its size.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "lwip/mem.h"
#include "runtime/net/lwip/port.h"

namespace shredder::net::lwip {
namespace {

struct Block {
  unsigned char* bytes;
  size_t size;
  unsigned char mark;
};

bool HoldsItsMark(const Block& block) {
  return std::all_of(block.bytes, block.bytes + block.size,
                     [&](unsigned char each) { return each == block.mark; });
}

TEST(MemoryTest, BlocksOfAnySizeThatAreFreedInAnyOrderHaveTheirBytesAlone) {
  std::mt19937_64 random(7);
  const size_t before = MemoryUsed();
  std::vector<Block> blocks;
  for (int step = 0; step < 100'000; step++) {
    if (blocks.size() < 2000 && random() % 2 == 0) {
      const size_t size = 1 + random() % (random() % 8 == 0 ? 5000 : 300);
      const size_t used = MemoryUsed();
      auto* const bytes = static_cast<unsigned char*>(mem_malloc(size));
      ASSERT_NE(bytes, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(bytes) % 16, 0u);
      ASSERT_GE(MemoryUsed(), used + size);
      const auto mark = static_cast<unsigned char>(random());
      std::memset(bytes, mark, size);
      blocks.push_back({bytes, size, mark});
    } else if (!blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      ASSERT_TRUE(HoldsItsMark(blocks.back()));
      mem_free(blocks.back().bytes);
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) {
    ASSERT_TRUE(HoldsItsMark(block));
    mem_free(block.bytes);
  }
  EXPECT_EQ(MemoryUsed(), before);
}

TEST(MemoryTest, WhatIsClearedIsClearedThoughItsBlockWasUsed) {
  for (size_t size = 8; size <= 2048; size *= 2) {
    void* const used = mem_malloc(static_cast<mem_size_t>(size));
    std::memset(used, 0xff, size);
    mem_free(used);
    auto* const bytes = static_cast<unsigned char*>(mem_calloc(1, static_cast<mem_size_t>(size)));
    EXPECT_TRUE(HoldsItsMark({bytes, size, 0})) << size;
    mem_free(bytes);
  }
}

TEST(MemoryTest, ManyFreeBlocksOfOneSizeLeaveRoomForOthers) {
  std::vector<void*> many;
  for (int i = 0; i < 10'000; i++) many.push_back(mem_malloc(400));
  void* const other = mem_malloc(100);
  for (void* each : many) mem_free(each);
  mem_free(other);
  // What was freed last is what comes next.
  EXPECT_EQ(mem_malloc(100), other);
  mem_free(other);
}

TEST(MemoryTest, TheLimitHoldsForBlocksThatAreKept) {
  const size_t before = MemoryUsed();
  void* const kept = mem_malloc(1000);
  mem_free(kept);
  SetMemoryLimit(before + 500);
  EXPECT_EQ(mem_malloc(1000), nullptr);
  SetMemoryLimit(SIZE_MAX);
  EXPECT_EQ(MemoryUsed(), before);
}

}  // namespace
}  // namespace shredder::net::lwip
