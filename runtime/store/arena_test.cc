#include "runtime/store/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace shredder::store {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr uint64_t kSegmentBytes = layout::kMaxSegmentPages * layout::kSegmentPageBytes;

class ArenaTest : public testing::Test {
 protected:
  void Map(uint64_t quota_bytes) {
    std::string error;
    ASSERT_TRUE(arena_.Map(quota_bytes, &error)) << error;
  }
  std::string Check(std::vector<uint64_t> blocks) const { return arena_.Check(blocks); }

  // Each a step of its own.
  uint64_t Allocate(uint64_t bytes) {
    const uint64_t offset = arena_.Allocate(bytes);
    arena_.EndStep();
    return offset;
  }
  uint64_t AllocateZeroed(uint64_t bytes) {
    const uint64_t offset = arena_.AllocateZeroed(bytes);
    arena_.EndStep();
    return offset;
  }
  void Free(uint64_t offset) {
    arena_.Free(offset);
    arena_.EndStep();
  }
  void ShrinkLarge(uint64_t offset, uint64_t bytes) {
    arena_.ShrinkLarge(offset, bytes);
    arena_.EndStep();
  }

  Arena arena_;
};

TEST_F(ArenaTest, BlocksHoldWhatWasAskedForAndAreAligned) {
  Map(64 * kMiB);
  std::vector<uint64_t> blocks;
  uint64_t expected = 0;
  for (const uint64_t bytes : {1ul, 16ul, 17ul, 100ul, 1000ul, 4096ul, 8192ul, 12288ul, 16384ul,
                               16385ul, 32768ul, 32769ul, 65536ul, 65537ul, 1048576ul, 5000000ul}) {
    const uint64_t offset = Allocate(bytes);
    ASSERT_NE(offset, 0u) << bytes;
    EXPECT_EQ(offset % layout::kEntryAlignment, 0u);
    EXPECT_EQ(arena_.BlockBytes(offset), Arena::RoundedBytes(bytes));
    EXPECT_GE(arena_.BlockBytes(offset), bytes);
    EXPECT_LE(arena_.BlockBytes(offset), bytes + std::max<uint64_t>(15, bytes / 4));
    if (bytes % kPageBytes == 0) EXPECT_EQ(offset % kPageBytes, 0u);
    std::memset(arena_.base() + offset, 0xab, bytes);
    expected += arena_.BlockBytes(offset);
    blocks.push_back(offset);
  }
  EXPECT_EQ(arena_.used_bytes(), expected);
  EXPECT_EQ(Check(blocks), "");
  for (const uint64_t offset : blocks) Free(offset);
  EXPECT_EQ(arena_.used_bytes(), 0u);
  EXPECT_EQ(Check({}), "");
}

TEST_F(ArenaTest, RefusesWhatTheQuotaHasNoRoomFor) {
  Map(kMiB);
  EXPECT_EQ(Allocate(kMiB + 1), 0u);
  EXPECT_EQ(Allocate(layout::kMaxArenaBytes), 0u);
  const uint64_t whole = Allocate(kMiB);
  ASSERT_NE(whole, 0u);
  EXPECT_EQ(Allocate(1), 0u);
  EXPECT_EQ(AllocateZeroed(16), 0u);
  EXPECT_FALSE(arena_.Charge(1));
  EXPECT_EQ(arena_.used_bytes(), kMiB);
  arena_.ChargeAlways(64);
  EXPECT_EQ(arena_.used_bytes(), kMiB + 64);
  EXPECT_FALSE(arena_.Charge(0)) << "over the quota, nothing fits";
  arena_.Uncharge(64);
  Free(whole);
  EXPECT_NE(Allocate(1), 0u);
}

TEST_F(ArenaTest, ZeroedBlocksAreZeroWhateverTheyHeldBefore) {
  Map(16 * kMiB);
  for (int round = 0; round < 3; round++) {
    std::vector<uint64_t> blocks;
    for (int i = 0; i < 200; i++) {
      const uint64_t offset = AllocateZeroed(kSegmentBytes);
      ASSERT_NE(offset, 0u);
      for (uint64_t at = 0; at < kSegmentBytes; at += 8) {
        ASSERT_EQ(*arena_.At<uint64_t>(offset + at), 0u);
      }
      std::memset(arena_.base() + offset, 0xff, kSegmentBytes);
      blocks.push_back(offset);
    }
    for (const uint64_t offset : blocks) Free(offset);
    const uint64_t other = Allocate(100'000);
    std::memset(arena_.base() + other, 0xff, 100'000);
    Free(other);
  }
  EXPECT_EQ(Check({}), "");
}

TEST_F(ArenaTest, MemoryOfOneClassServesAllOthersOnceFree) {
  Map(16 * kMiB);
  for (const uint64_t bytes : {16ul, 112ul, 1000ul, 20000ul, 32768ul, 65536ul, 300000ul, 48ul}) {
    std::vector<uint64_t> blocks;
    while (const uint64_t offset = Allocate(bytes)) blocks.push_back(offset);
    EXPECT_GT(arena_.used_bytes() + Arena::RoundedBytes(bytes), 16 * kMiB) << bytes;
    for (const uint64_t offset : blocks) Free(offset);
    EXPECT_EQ(arena_.used_bytes(), 0u);
  }
  EXPECT_EQ(Check({}), "");
}

TEST_F(ArenaTest, FreeMemoryGoesBackToTheKernel) {
  Map(256 * kMiB);
  const uint64_t empty = arena_.memory().ResidentBytes();
  EXPECT_LE(empty, 8 * kPageBytes);
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 40'000; i++) {
    blocks.push_back(Allocate(1000));
    std::memset(arena_.base() + blocks.back(), 1, 1000);
  }
  const uint64_t large = Allocate(100 * kMiB);
  std::memset(arena_.base() + large, 1, 100 * kMiB);
  EXPECT_GT(arena_.memory().ResidentBytes(), 135 * kMiB);
  Free(large);
  EXPECT_LT(arena_.memory().ResidentBytes(), 45 * kMiB);
  for (const uint64_t offset : blocks) Free(offset);
  EXPECT_LT(arena_.memory().ResidentBytes(), empty + 512 * 1024);
  EXPECT_EQ(Check({}), "");
}

TEST_F(ArenaTest, ALargeBlockHoldsNoMoreMemoryThanItCounts) {
  Map(64 * kMiB);
  // 200 chunks, all written, then freed: the few that are kept are written over their whole length.
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 200; i++) {
    blocks.push_back(Allocate(kChunkBytes));
    std::memset(arena_.base() + blocks.back(), 1, kChunkBytes);
  }
  for (const uint64_t offset : blocks) Free(offset);
  blocks.clear();
  for (int i = 0; i < 200; i++) {
    blocks.push_back(Allocate(36'000));
    std::memset(arena_.base() + blocks.back(), 1, 36'000);
  }
  EXPECT_LE(arena_.memory().ResidentBytes(), arena_.used_bytes() + 8 * kPageBytes);
  EXPECT_EQ(Check(blocks), "");
}

TEST_F(ArenaTest, RandomUseKeepsItWhole) {
  for (uint64_t seed = 1; seed <= 4; seed++) {
    std::mt19937_64 random(seed);
    Arena arena;
    std::string error;
    ASSERT_TRUE(arena.Map(8 * kMiB, &error)) << error;
    struct Block {
      uint64_t offset;
      uint64_t bytes;
      uint8_t fill;
    };
    std::vector<Block> blocks;
    uint64_t refused = 0;
    for (int step = 0; step < 20'000; step++) {
      // In turns, growing and shrinking.
      const bool grows = step / 2000 % 2 == 0;
      if (blocks.empty() || random() % 8 < (grows ? 5 : 3)) {
        const uint64_t bytes = 1 + random() % (1ull << (random() % 20));
        const uint64_t offset = arena.Allocate(bytes);
        arena.EndStep();
        if (offset == 0) {
          refused++;
          continue;
        }
        const auto fill = static_cast<uint8_t>(random());
        std::memset(arena.base() + offset, fill, bytes);
        blocks.push_back({offset, bytes, fill});
      } else {
        std::swap(blocks[random() % blocks.size()], blocks.back());
        const Block block = blocks.back();
        blocks.pop_back();
        ASSERT_EQ(arena.base()[block.offset], static_cast<char>(block.fill));
        ASSERT_EQ(arena.base()[block.offset + block.bytes - 1], static_cast<char>(block.fill));
        arena.Free(block.offset);
        arena.EndStep();
      }
      if (step % 500 == 0) {
        std::vector<uint64_t> offsets;
        for (const Block& block : blocks) offsets.push_back(block.offset);
        ASSERT_EQ(arena.Check(offsets), "") << "seed " << seed << ", step " << step;
      }
    }
    EXPECT_GT(refused, 0u);
    for (const Block& block : blocks) {
      arena.Free(block.offset);
      arena.EndStep();
    }
    EXPECT_EQ(arena.Check({}), "");
    EXPECT_EQ(arena.used_bytes(), 0u);
  }
}

TEST_F(ArenaTest, ALargeBlockShrinksAndIsDiscardedInSteps) {
  Map(64 * kMiB);
  const uint64_t empty = arena_.memory().ResidentBytes();
  const uint64_t large = Allocate(32 * kChunkBytes);
  const uint64_t other = Allocate(kChunkBytes);
  std::memset(arena_.base() + large, 1, 32 * kChunkBytes);
  for (const uint64_t chunks : {20u, 3u, 1u}) {
    ShrinkLarge(large, chunks * kChunkBytes);
    EXPECT_EQ(arena_.BlockBytes(large), chunks * kChunkBytes);
    EXPECT_EQ(arena_.used_bytes(), (chunks + 1) * kChunkBytes);
    EXPECT_EQ(Check({large, other}), "");
    EXPECT_EQ(arena_.base()[large + chunks * kChunkBytes - 1], 1);
  }
  arena_.DiscardChunk(large, 0);
  EXPECT_EQ(arena_.base()[large], 0);
  EXPECT_LE(arena_.memory().ResidentBytes(), empty + 256 * 1024 + 2 * kPageBytes);
  Free(large);
  Free(other);
  EXPECT_EQ(Check({}), "");
}

TEST_F(ArenaTest, TablesOfClassesSayWhatTheFunctionsSay) {
  Map(kMiB);
  const auto* state = arena_.At<ArenaState>(arena_.header()->arena_state_offset);
  for (uint64_t bytes = 1; bytes <= layout::kMaxTabledBytes; bytes++) {
    const int size_class = state->classes_by_units[(bytes + 15) / 16];
    ASSERT_EQ(size_class, CeilClass((bytes + 15) / 16));
    ASSERT_EQ(state->class_units[size_class] * 16u, Arena::RoundedBytes(bytes));
  }
}

TEST_F(ArenaTest, ASmallBlockIsTakenInAFewStepsOrNothingChanges) {
  Map(2 * kMiB);
  auto* state = arena_.At<ArenaState>(arena_.header()->arena_state_offset);
  std::mt19937_64 random(1);
  std::vector<uint64_t> blocks;
  uint64_t taken = 0;
  uint64_t left_to_allocate = 0;
  const auto everything = [&] { return std::string(arena_.base(), state->frontier * kChunkBytes); };
  for (int step = 0; step < 20'000; step++) {
    const bool grows = step / 3000 % 2 == 0;
    if (!blocks.empty() && random() % 8 < (grows ? 2 : 6)) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      Free(blocks.back());
      blocks.pop_back();
      continue;
    }
    const uint64_t bytes = 1 + random() % layout::kMaxTabledBytes;
    const int size_class = state->classes_by_units[(bytes + 15) / 16];
    const std::string before = step % 50 == 0 ? everything() : "";
    uint64_t offset = layout::TakeSmallBlock(arena_.header(), state, size_class);
    arena_.EndStep();
    taken += offset != 0;
    if (offset == 0) {
      ASSERT_TRUE(step % 50 != 0 || everything() == before);
      left_to_allocate++;
      offset = Allocate(bytes);
    }
    if (offset == 0) continue;
    ASSERT_EQ(arena_.BlockBytes(offset), Arena::RoundedBytes(bytes));
    std::memset(arena_.base() + offset, 0xff, bytes);
    blocks.push_back(offset);
    if (step % 100 == 0) ASSERT_EQ(Check(blocks), "") << step;
    ASSERT_LE(arena_.used_bytes(), arena_.quota_bytes());
  }
  EXPECT_EQ(Check(blocks), "");
  EXPECT_GT(taken, left_to_allocate) << "the few steps are the rule";
  EXPECT_GT(left_to_allocate, 100u);
}

TEST_F(ArenaTest, TheCheckSeesALeakAndAForeignReference) {
  Map(kMiB);
  const uint64_t a = Allocate(100);
  const uint64_t b = Allocate(100);
  EXPECT_EQ(Check({a, b}), "");
  EXPECT_NE(Check({a}), "");
  EXPECT_NE(Check({a, a}), "");
  EXPECT_NE(Check({a, b + 16}), "");
  EXPECT_NE(Check({a, 16}), "");
}

}  // namespace
}  // namespace shredder::store
