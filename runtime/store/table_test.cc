// The table by itself, with hashes of the test's choice: its keys are byte strings whose entries
// nobody reads.
#include "runtime/store/table.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"

namespace shredder::store {
namespace {

class TableTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string error;
    ASSERT_TRUE(arena_.Map(256ull << 20, &error)) << error;
    ASSERT_TRUE(table_.Initialise());
  }

  bool Insert(uint64_t hash) {
    const bool inserted = table_.Insert(hash, BytesKeyWord(hash), kValueWord, true);
    arena_.EndStep();
    return inserted;
  }
  bool Has(uint64_t hash) const {
    for (Probe probe(arena_.header(), hash);; probe.Next()) {
      if (probe.slot()->key_word == BytesKeyWord(hash)) return true;
      if (probe.slot()->key_word == layout::kEmptyKeyWord) return false;
    }
  }
  void Remove(uint64_t hash) {
    auto* slot = table_.FindEntry(BytesKeyWord(hash), EntryOffset(kValueWord));
    table_.Remove(table_.SegmentOf(hash), slot);
    arena_.EndStep();
    if (++removals_ % 16 == 0) table_.ShrinkIfSparse(hash);
  }
  uint64_t DirectoryWords() const { return 1ull << (64 - arena_.header()->directory_shift); }
  std::string Check() const {
    std::vector<uint64_t> blocks;
    if (std::string fault = table_.Check(&blocks); !fault.empty()) return fault;
    return arena_.Check(blocks);
  }

  static constexpr uint64_t kValueWord = 1ull << layout::kValueEntryShift;
  Arena arena_;
  Table table_{&arena_};
  uint64_t removals_ = 0;
};

// The hashes crowd towards 0, so that few keys have a large directory.
TEST_F(TableTest, PreparesALargeDirectoryInStepsBeforeItIsNeeded) {
  const TableState* state = arena_.table_state();
  std::mt19937_64 random(1);
  std::vector<uint64_t> hashes;
  uint64_t prepared_doublings = 0;
  uint64_t steps_of_filling = 0;
  uint64_t steps_of_freeing = 0;
  while ((prepared_doublings < 2 || state->old_directory_offset != 0) &&
         hashes.size() < 4'000'000) {
    const uint64_t words = DirectoryWords();
    const uint64_t next_words = state->next_directory_words;
    const uint64_t old_chunks = state->old_directory_chunks;
    const uint64_t doublings = state->directory_doublings;
    hashes.push_back(random() >> random() % 4);
    ASSERT_TRUE(Insert(hashes.back()));
    if (state->directory_doublings != doublings) {
      ASSERT_EQ(DirectoryWords(), 2 * words);
      const bool is_large = words * sizeof(uint64_t) > kMaxSmallBytes;
      ASSERT_EQ(next_words, is_large ? words : 0) << "copied before the doubling";
      prepared_doublings += is_large;
      ASSERT_EQ(Check(), "");
      continue;
    }
    const uint64_t filled = state->next_directory_words - next_words;
    ASSERT_LE(filled, 512u);
    ASSERT_LE(old_chunks - state->old_directory_chunks, 1u);
    steps_of_filling += filled > 0;
    steps_of_freeing += state->old_directory_chunks < old_chunks;
    if (filled > 0 && state->next_directory_words * 2 == words) ASSERT_EQ(Check(), "");
    if (hashes.size() % 50'000 == 0) ASSERT_EQ(Check(), "");
  }
  EXPECT_EQ(prepared_doublings, 2u);
  EXPECT_EQ(steps_of_filling, (8192 + 16384) / 512u);
  EXPECT_GE(steps_of_freeing, 1u);
  EXPECT_EQ(state->old_directory_offset, 0u);
  for (const uint64_t hash : hashes) ASSERT_TRUE(Has(hash));

  uint64_t words = DirectoryWords();
  for (const uint64_t hash : hashes) {
    Remove(hash);
    if (DirectoryWords() == words) continue;
    words = DirectoryWords();
    ASSERT_EQ(Check(), "") << words;
  }
  EXPECT_EQ(Check(), "");
  EXPECT_EQ(DirectoryWords(), 2u);
  EXPECT_LT(arena_.used_bytes(), 64u * 1024);
}

// Where keys crowd even more, the directory must double while most of its words name few segments.
TEST_F(TableTest, DoublesALargeDirectoryAtOnceWhereItMust) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> hashes;
  while (DirectoryWords() < 16384 && hashes.size() < 1'000'000) {
    hashes.push_back(random() >> random() % 8);
    ASSERT_TRUE(Insert(hashes.back()));
    ASSERT_EQ(arena_.table_state()->next_directory_offset, 0u);
  }
  EXPECT_EQ(DirectoryWords(), 16384u);
  EXPECT_EQ(Check(), "");
  for (const uint64_t hash : hashes) ASSERT_TRUE(Has(hash));
  for (const uint64_t hash : hashes) Remove(hash);
  EXPECT_EQ(Check(), "");
}

TEST_F(TableTest, FillsItsSegmentsWhereTheQuotaGivesThemNoMemory) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; i++) ASSERT_TRUE(Insert(random()));
  const uint64_t room = arena_.quota_bytes() - arena_.used_bytes();
  ASSERT_TRUE(arena_.Charge(room));
  const uint64_t keys_before = arena_.header()->key_count;
  const uint64_t segments = arena_.table_state()->segment_count;
  uint64_t refused = 0;
  for (int i = 0; i < 50'000; i++) refused += !Insert(random());
  EXPECT_EQ(arena_.table_state()->segment_count, segments);
  EXPECT_GT(arena_.header()->key_count, keys_before);
  EXPECT_EQ(keys_before + 50'000 - refused, arena_.header()->key_count);
  arena_.Uncharge(room);
  EXPECT_EQ(Check(), "");
}

}  // namespace
}  // namespace shredder::store
