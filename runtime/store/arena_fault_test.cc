// Each change of the allocator, stopped at each of its fault points: a successor finds the blocks
// from before the step or those from after it, and a whole allocator.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "runtime/store/arena.h"
#include "runtime/store/fault_sweep.h"
#include "runtime/store/memory_copy.h"

namespace shredder::store {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr uint64_t kLargest = 8 * kMiB;

class ArenaFaultTest : public testing::Test {
 protected:
  using Blocks = std::map<uint64_t, uint64_t>;  // offset to bytes
  using Run = std::pair<uint32_t, uint32_t>;    // first chunk and length

  void SetUp() override {
    std::string error;
    ASSERT_TRUE(arena_.Map(16 * kMiB, &error)) << error;
    arena_.header()->magic = layout::kStoreMagic;
    // So that nothing has the arena's start as its neighbour.
    guard_ = Allocate(kChunkBytes);
  }
  void TearDown() override {
    EXPECT_EQ(Check(arena_, blocks_), "");
    ExpectContents(arena_, blocks_);
  }

  ArenaState* state() const { return arena_.At<ArenaState>(kArenaStateOffset); }
  Chunk* ChunkOf(uint64_t offset) const {
    return arena_.At<Chunk>(state()->chunk_table_offset) + (offset >> kChunkBytesLog2);
  }
  static uint32_t IndexOf(uint64_t offset) {
    return static_cast<uint32_t>(offset >> kChunkBytesLog2);
  }
  std::vector<Run> FreeRuns() const {
    std::vector<Run> runs;
    for (uint32_t i = state()->first_chunk; i < state()->frontier;) {
      const Chunk* chunk = ChunkOf(uint64_t{i} << kChunkBytesLog2);
      if (chunk->kind == ChunkKind::kFreeRun) runs.emplace_back(i, chunk->run_chunks);
      i += chunk->kind == ChunkKind::kSmall ? 1 : chunk->run_chunks;
    }
    return runs;
  }

  // Each a step of its own, whose points nobody looks at.
  uint64_t Allocate(uint64_t bytes) {
    const uint64_t offset = Take(bytes);
    arena_.EndStep();
    return offset;
  }
  void Free(uint64_t offset) {
    Give(offset);
    arena_.EndStep();
  }
  // Takes a block and writes it all over, as what takes one does before its step ends.
  uint64_t Take(uint64_t bytes) {
    const uint64_t offset = arena_.Allocate(bytes);
    if (offset == 0) return 0;
    Write(offset, bytes);
    return offset;
  }
  uint64_t TakeZeroed(uint64_t bytes) {
    const uint64_t offset = arena_.AllocateZeroed(bytes);
    for (uint64_t i = 0; i < bytes; i++) EXPECT_EQ(arena_.base()[offset + i], 0);
    Write(offset, bytes);
    return offset;
  }
  void Give(uint64_t offset) {
    arena_.Free(offset);
    blocks_.erase(offset);
  }

  // A step, ended by this, at each of whose points the memory is looked at.
  void Step(const std::function<void()>& step) {
    const Blocks before = blocks_;
    const uint64_t used_before = arena_.used_bytes();
    struct Found {
      uint64_t point;
      std::unique_ptr<MemoryCopy> memory;
      std::unique_ptr<Arena> arena;
    };
    std::vector<Found> changed;
    const uint64_t points = AtEachPoint(
        [&] {
          step();
          arena_.EndStep();
        },
        [&](uint64_t point) {
          Found found = {point, std::make_unique<MemoryCopy>(arena_.memory().fd()), nullptr};
          // The attach ends at each of its points as well, one after the other.
          for (uint64_t n = 1; StopAt(n, [&] { Attach(found.memory->fd()); });) n++;
          found.arena = Attach(found.memory->fd());
          ASSERT_NE(found.arena, nullptr);
          if (Check(*found.arena, before).empty() && found.arena->used_bytes() == used_before) {
            ASSERT_TRUE(changed.empty()) << "the step is taken back at point " << point;
            ExpectContents(*found.arena, before);
            Use(found.arena.get(), before);
          } else {
            changed.push_back(std::move(found));
          }
        });
    for (const Found& found : changed) {
      EXPECT_EQ(Check(*found.arena, blocks_), "") << "point " << found.point << " of " << points;
      EXPECT_EQ(found.arena->used_bytes(), arena_.used_bytes());
      ExpectContents(*found.arena, blocks_);
      Use(found.arena.get(), blocks_);
    }
    EXPECT_FALSE(changed.empty());
    EXPECT_GT(points, 2u);
  }

  std::unique_ptr<Arena> Attach(int fd) {
    auto arena = std::make_unique<Arena>();
    std::string error;
    EXPECT_TRUE(arena->Attach(fd, &error)) << error;
    return arena;
  }

  static std::string Check(const Arena& arena, const Blocks& blocks) {
    std::vector<uint64_t> offsets;
    for (const auto& [offset, bytes] : blocks) offsets.push_back(offset);
    return arena.Check(offsets);
  }

  // Takes and frees many blocks, and keeps the others as they are.
  static void Use(Arena* arena, const Blocks& blocks) {
    std::vector<uint64_t> taken;
    for (const uint64_t bytes : {16u, 48u, 1000u, 3 * 4096u, 20'000u, 65'536u, 300'000u}) {
      for (int i = 0; i < 5; i++) {
        const uint64_t offset = arena->Allocate(bytes);
        arena->EndStep();
        if (offset == 0) continue;
        std::memset(arena->base() + offset, 0xee, bytes);
        taken.push_back(offset);
      }
    }
    for (const uint64_t offset : taken) {
      arena->Free(offset);
      arena->EndStep();
    }
    EXPECT_EQ(Check(*arena, blocks), "");
    ExpectContents(*arena, blocks);
  }

  void Write(uint64_t offset, uint64_t bytes) {
    std::memset(arena_.base() + offset, Fill(offset), bytes);
    layout::MayEndHere();
    blocks_[offset] = bytes;
  }
  static char Fill(uint64_t offset) { return static_cast<char>(offset / 16 * 7 | 1); }
  static void ExpectContents(const Arena& arena, const Blocks& blocks) {
    for (const auto& [offset, bytes] : blocks) {
      const char* at = arena.base() + offset;
      ASSERT_TRUE(at[0] == Fill(offset) && std::memcmp(at, at + 1, bytes - 1) == 0) << offset;
    }
  }

  Arena arena_;
  Blocks blocks_;
  uint64_t guard_ = 0;
};

// --- Small blocks --------------------------------------------------------------------------------

TEST_F(ArenaFaultTest, ASmallBlockFromAFreshChunkAtTheFrontier) {
  const uint32_t frontier = state()->frontier;
  Step([&] { Take(100); });
  EXPECT_EQ(state()->frontier, frontier + 1);
}

TEST_F(ArenaFaultTest, ASmallBlockThatIsCarved) {
  const uint64_t first = Allocate(100);
  const uint16_t carved = ChunkOf(first)->blocks.carved_units;
  uint64_t second = 0;
  Step([&] { second = Take(100); });
  EXPECT_EQ(ChunkOf(second), ChunkOf(first));
  EXPECT_GT(ChunkOf(first)->blocks.carved_units, carved);
}

TEST_F(ArenaFaultTest, ASmallBlockThatIsCarvedFromPagesNeverWritten) {
  const uint64_t first = Allocate(3000);
  const uint32_t dirty = ChunkOf(first)->dirty_pages;
  Step([&] { Take(3000); });
  EXPECT_GT(ChunkOf(first)->dirty_pages, dirty);
}

TEST_F(ArenaFaultTest, ASmallBlockFromTheFreeList) {
  Allocate(100);
  const uint64_t freed = Allocate(100);
  const uint64_t freed_later = Allocate(100);
  Free(freed);
  Free(freed_later);
  uint64_t taken = 0;
  Step([&] { taken = Take(100); });
  EXPECT_EQ(taken, freed_later);
  Step([&] { taken = Take(100); });
  EXPECT_EQ(taken, freed);
}

TEST_F(ArenaFaultTest, ASmallBlockByTheFewStepsOfGeneratedCode) {
  Allocate(100);
  const uint64_t freed = Allocate(100);
  Free(freed);
  uint64_t taken = 0;
  const auto take = [&] {
    taken = layout::TakeSmallBlock(arena_.header(), state(), CeilClass(100 / 16 + 1));
    ASSERT_NE(taken, 0u);
    Write(taken, 100);
  };
  Step(take);
  EXPECT_EQ(taken, freed);
  Step(take);
  EXPECT_NE(taken, freed);
}

TEST_F(ArenaFaultTest, TheLastBlockOfAChunk) {
  const uint64_t first = Allocate(kMaxSmallBytes);
  const int size_class = ChunkOf(first)->size_class;
  ASSERT_EQ(state()->class_chunks[size_class], IndexOf(first));
  Step([&] { Take(kMaxSmallBytes); });
  EXPECT_EQ(state()->class_chunks[size_class], 0u);
  // From the free list, too.
  Free(first);
  ASSERT_EQ(state()->class_chunks[size_class], IndexOf(first));
  Step([&] { Take(kMaxSmallBytes); });
  EXPECT_EQ(state()->class_chunks[size_class], 0u);
}

TEST_F(ArenaFaultTest, TheLastBlockOfTheFirstOfSeveralChunksWithRoom) {
  const uint64_t a = Allocate(kMaxSmallBytes);
  const uint64_t a2 = Allocate(kMaxSmallBytes);
  const uint64_t b = Allocate(kMaxSmallBytes);
  Allocate(kMaxSmallBytes);
  Free(a);
  Free(b);
  const int size_class = ChunkOf(a2)->size_class;
  ASSERT_EQ(state()->class_chunks[size_class], IndexOf(b));
  Step([&] { EXPECT_EQ(Take(kMaxSmallBytes), b); });
  EXPECT_EQ(state()->class_chunks[size_class], IndexOf(a));
}

TEST_F(ArenaFaultTest, ASmallBlockOfAChunkFromAFreeRunWrittenBefore) {
  const uint64_t large = Allocate(3 * kChunkBytes);
  Allocate(kChunkBytes);
  Free(large);
  ASSERT_GT(state()->free_dirty_pages, 0u);
  const auto runs = FreeRuns();
  Step([&] { Take(100); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{runs[0].first + 1, runs[0].second - 1}}));
}

TEST_F(ArenaFaultTest, AZeroedBlockWhereOthersHaveWritten) {
  const uint64_t a = Allocate(3 * kPageBytes);
  const uint64_t b = Allocate(3 * kPageBytes);
  Free(b);
  Step([&] { EXPECT_EQ(TakeZeroed(3 * kPageBytes), b); });
  Free(a);
  Free(b);
  Step([&] { TakeZeroed(3 * kPageBytes); });
}

TEST_F(ArenaFaultTest, AZeroedBlockOfPagesNeverWritten) {
  Step([&] { TakeZeroed(3 * kPageBytes); });
  Step([&] { TakeZeroed(3 * kPageBytes); });
}

TEST_F(ArenaFaultTest, FreeingASmallBlock) {
  Allocate(100);
  const uint64_t b = Allocate(100);
  const uint64_t c = Allocate(100);
  Step([&] { Give(b); });
  Step([&] { Give(c); });
  EXPECT_EQ(ChunkOf(b)->blocks.used_blocks, 1);
}

TEST_F(ArenaFaultTest, FreeingABlockOfAFullChunk) {
  const uint64_t a = Allocate(kMaxSmallBytes);
  Allocate(kMaxSmallBytes);
  const int size_class = ChunkOf(a)->size_class;
  ASSERT_EQ(state()->class_chunks[size_class], 0u);
  Step([&] { Give(a); });
  EXPECT_EQ(state()->class_chunks[size_class], IndexOf(a));
}

TEST_F(ArenaFaultTest, FreeingTheLastBlockOfAChunkInTheMiddle) {
  // Three chunks of one class; the second leaves its class's list, in whose middle it is.
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 6; i++) blocks.push_back(Allocate(kMaxSmallBytes));
  Allocate(kChunkBytes);
  for (const int i : {1, 3, 5}) Free(blocks[static_cast<size_t>(i)]);
  Step([&] { Give(blocks[2]); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(blocks[2]), 1}}));
}

// --- Large blocks --------------------------------------------------------------------------------

TEST_F(ArenaFaultTest, ALargeBlockFromTheFrontier) {
  const uint32_t frontier = state()->frontier;
  Step([&] { Take(3 * kChunkBytes); });
  EXPECT_EQ(state()->frontier, frontier + 3);
  Step([&] { Take(36'000); });
  EXPECT_EQ(state()->frontier, frontier + 4);
}

TEST_F(ArenaFaultTest, ALargeBlockThatIsAWholeFreeRun) {
  const uint64_t freed = Allocate(3 * kChunkBytes);
  Allocate(kChunkBytes);
  Free(freed);
  Step([&] { EXPECT_EQ(Take(3 * kChunkBytes), freed); });
  EXPECT_TRUE(FreeRuns().empty());
}

TEST_F(ArenaFaultTest, ALargeBlockThatIsSplitFromAFreeRun) {
  const uint64_t freed = Allocate(6 * kChunkBytes);
  const uint64_t other = Allocate(2 * kChunkBytes);
  Allocate(kChunkBytes);
  Free(freed);
  Step([&] { EXPECT_EQ(Take(2 * kChunkBytes), freed); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(freed) + 2, 4}}));
  // And with another of the rest's bin before it.
  Free(other);
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(freed) + 2, 6}}));
  Step([&] { Take(kChunkBytes); });
}

TEST_F(ArenaFaultTest, ALargeBlockWhosePagesBehindItsEndGoBackToTheKernel) {
  const uint64_t freed = Allocate(kChunkBytes);
  Allocate(kChunkBytes);
  Free(freed);
  ASSERT_EQ(ChunkOf(freed)->dirty_pages, kChunkPages);
  const uint64_t give_backs = arena_.give_backs();
  Step([&] { EXPECT_EQ(Take(36'000), freed); });
  EXPECT_EQ(ChunkOf(freed)->dirty_pages, 9u);
  EXPECT_EQ(arena_.give_backs(), give_backs + 1);
}

TEST_F(ArenaFaultTest, OneOfSeveralFreeRunsOfABin) {
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 6; i++) blocks.push_back(Allocate(2 * kChunkBytes));
  for (const int i : {0, 2, 4}) Free(blocks[static_cast<size_t>(i)]);
  ASSERT_EQ(FreeRuns().size(), 3u);
  // The list's head, which is the last one freed; then one in its middle, by coalescing.
  Step([&] { EXPECT_EQ(Take(2 * kChunkBytes), blocks[4]); });
  Free(blocks[4]);
  Step([&] { Give(blocks[1]); });
  EXPECT_EQ(FreeRuns().size(), 2u);
}

TEST_F(ArenaFaultTest, FreeingBetweenBlocksThatAreInUse) {
  const uint64_t a = Allocate(2 * kChunkBytes);
  Allocate(kChunkBytes);
  Step([&] { Give(a); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(a), 2}}));
}

TEST_F(ArenaFaultTest, FreeingBesideAFreeRunOnTheLeft) {
  const uint64_t a = Allocate(2 * kChunkBytes);
  const uint64_t b = Allocate(kChunkBytes);
  Allocate(kChunkBytes);
  Free(a);
  Step([&] { Give(b); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(a), 3}}));
}

TEST_F(ArenaFaultTest, FreeingBesideAFreeRunOnTheRight) {
  const uint64_t a = Allocate(kChunkBytes);
  const uint64_t b = Allocate(2 * kChunkBytes);
  Allocate(kChunkBytes);
  Free(b);
  Step([&] { Give(a); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(a), 3}}));
}

TEST_F(ArenaFaultTest, FreeingBetweenTwoFreeRuns) {
  const uint64_t a = Allocate(2 * kChunkBytes);
  const uint64_t b = Allocate(kChunkBytes);
  const uint64_t c = Allocate(kChunkBytes);
  Allocate(kChunkBytes);
  Free(a);
  Free(c);
  Step([&] { Give(b); });
  EXPECT_EQ(FreeRuns(), (std::vector<Run>{{IndexOf(a), 4}}));
}

TEST_F(ArenaFaultTest, FreeingAtTheFrontier) {
  const uint32_t frontier = state()->frontier;
  const uint64_t a = Allocate(2 * kChunkBytes);
  Step([&] { Give(a); });
  EXPECT_EQ(state()->frontier, frontier);
}

TEST_F(ArenaFaultTest, FreeingAtTheFrontierBesideAFreeRun) {
  const uint32_t frontier = state()->frontier;
  const uint64_t a = Allocate(2 * kChunkBytes);
  const uint64_t b = Allocate(100);
  Free(a);
  Step([&] { Give(b); });
  EXPECT_EQ(state()->frontier, frontier);
}

TEST_F(ArenaFaultTest, FreeingGivesALongRunBackToTheKernel) {
  const uint64_t a = Allocate(20 * kChunkBytes);
  Allocate(kChunkBytes);
  const uint64_t give_backs = arena_.give_backs();
  Step([&] { Give(a); });
  EXPECT_EQ(arena_.give_backs(), give_backs + 1);
  EXPECT_EQ(state()->free_dirty_pages, 0u);
}

TEST_F(ArenaFaultTest, FreeingGivesShortRunsBackWhereEnoughAreKept) {
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 12; i++) blocks.push_back(Allocate(kChunkBytes));
  for (const int i : {0, 2, 4, 6}) Free(blocks[static_cast<size_t>(i)]);
  ASSERT_EQ(state()->free_dirty_pages, kFreeDirtyPagesKept);
  const uint64_t give_backs = arena_.give_backs();
  Step([&] { Give(blocks[8]); });
  EXPECT_EQ(arena_.give_backs(), give_backs + 1);
  EXPECT_EQ(state()->free_dirty_pages, kFreeDirtyPagesKept);
}

TEST_F(ArenaFaultTest, TakingAChunkWhileFreeOnesHoldAsMuchAsIsKept) {
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 12; i++) blocks.push_back(Allocate(kChunkBytes));
  for (const int i : {0, 2, 4, 6}) Free(blocks[static_cast<size_t>(i)]);
  ASSERT_EQ(state()->free_dirty_pages, kFreeDirtyPagesKept);
  // Taken, written farther than before, and, where the step is taken back, free again.
  Step([&] { Take(2 * kChunkBytes); });
  Step([&] { Take(36'000); });
}

TEST_F(ArenaFaultTest, AStepOfSeveralBlocks) {
  const uint64_t a = Allocate(100);
  const uint64_t b = Allocate(20 * kChunkBytes);
  const uint64_t c = Allocate(kChunkBytes);
  Step([&] {
    Take(100);
    Take(5 * kChunkBytes);
    TakeZeroed(kPageBytes);
    Give(a);
    Give(b);
    Give(c);
  });
}

TEST_F(ArenaFaultTest, ALargeBlockThatShrinks) {
  const uint64_t large = Allocate(32 * kChunkBytes);
  Allocate(kChunkBytes);
  for (const uint64_t chunks : {20u, 3u, 1u}) {
    Step([&] {
      arena_.ShrinkLarge(large, chunks * kChunkBytes);
      blocks_[large] = chunks * kChunkBytes;
    });
    EXPECT_EQ(arena_.BlockBytes(large), chunks * kChunkBytes);
  }
}

TEST_F(ArenaFaultTest, AChunkOfALargeBlockThatIsDiscarded) {
  const uint64_t large = Allocate(3 * kChunkBytes);
  const uint64_t points = AtEachPoint([&] { arena_.DiscardChunk(large, 2); },
                                      [&](uint64_t) {
                                        const MemoryCopy memory(arena_.memory().fd());
                                        const auto found = Attach(memory.fd());
                                        EXPECT_EQ(Check(*found, blocks_), "");
                                        found->Free(large);
                                        found->EndStep();
                                        EXPECT_EQ(Check(*found, {{guard_, kChunkBytes}}), "");
                                      });
  EXPECT_EQ(points, 1u);
  blocks_[large] = 2 * kChunkBytes;
}

TEST_F(ArenaFaultTest, WhatIsCountedWithoutABlock) {
  Step([&] { arena_.Charge(1000); });
  Step([&] { arena_.ChargeAlways(kLargest); });
  Step([&] { arena_.Uncharge(kLargest + 1000); });
}

}  // namespace
}  // namespace shredder::store
