#include <random>
#include <set>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

std::string NameOf(uint64_t i) { return i % 2 ? std::to_string(i) : "name:" + std::to_string(i); }

TEST(Scan, VisitsNothingInAnEmptyStore) {
  const auto store = NewStore(kMiB);
  EXPECT_EQ(store->Scan(0, 10, [](std::string_view key) { FAIL() << key; }), 0u);
}

TEST(Scan, VisitsAboutAsManyKeysAsAsked) {
  const auto store = NewStore(64 * kMiB);
  for (uint64_t i = 0; i < 20'000; i++) store->Set(KeyOf(NameOf(i)), "v");
  for (const uint64_t count : {1u, 10u, 1000u}) {
    uint64_t cursor = 0;
    for (int call = 0; call < 10; call++) {
      uint64_t visited = 0;
      cursor = store->Scan(cursor, count, [&](std::string_view) { visited++; });
      EXPECT_GE(visited, count);
      EXPECT_LE(visited, count + 2);
      EXPECT_GT(cursor, 0u);
      EXPECT_LT(cursor, 1ull << 48);
    }
  }
}

TEST(Scan, BoundsItsCountAndItsCursor) {
  const auto store = NewStore(64 * kMiB);
  for (uint64_t i = 0; i < 100'000; i++) store->Set(KeyOf(NameOf(i)), "");
  uint64_t visited = 0;
  const auto visit = [&](std::string_view) { visited++; };
  store->Scan(0, 0, visit);
  EXPECT_EQ(visited, 1u);
  visited = 0;
  EXPECT_NE(store->Scan(0, ~0ull, visit), 0u);
  EXPECT_LE(visited, 65536u + 2);
  visited = 0;
  for (const uint64_t cursor : {1ull << 48, ~0ull}) EXPECT_EQ(store->Scan(cursor, 10, visit), 0u);
  EXPECT_EQ(visited, 0u);
  EXPECT_EQ(store->Scan((1ull << 48) - 1, 10, visit), 0u);
}

// Hashes whose cursors are 0, 1, 2, ...: each key lies at the very bound of a call's range.
TEST(Scan, VisitsNeighbouringCursorsOnceEach) {
  const auto store = NewStore(kMiB);
  store->header()->first_seed = 0;
  store->header()->first_multiplier = (1 << 16) + 1;
  for (uint64_t i = 0; i < 500; i++) store->Set(Key::FromInteger(i), "");
  for (const uint64_t count : {1u, 2u, 7u}) {
    std::multiset<std::string> seen;
    uint64_t cursor = 0;
    do {
      cursor =
          store->Scan(cursor, count, [&](std::string_view key) { seen.insert(std::string(key)); });
    } while (cursor != 0);
    EXPECT_EQ(seen.size(), 500u);
    for (uint64_t i = 0; i < 500; i++) ASSERT_EQ(seen.count(std::to_string(i)), 1u) << i;
  }
}

TEST(Scan, LeavesOutExpiredKeys) {
  const auto store = NewStore(kMiB);
  store->Set(KeyOf("stays"), "");
  store->Set(KeyOf("goes"), "", Expiry::At(10));
  store->SetNow(10);
  EXPECT_EQ(Contents(*store).size(), 1u);
}

TEST(Scan, NeverLosesAKeyThatStaysWhateverIsWrittenMeanwhile) {
  for (uint64_t seed = 1; seed <= 12; seed++) {
    std::mt19937_64 random(seed);
    const auto store = NewStore(64 * kMiB, seed);
    // From few keys on, segments grow or shrink by pages; from many on, they split or merge.
    const uint64_t staying = seed <= 6 ? 2'000 : 100;
    const uint64_t most = seed <= 6 ? 30'000 : 3'000;
    for (uint64_t i = 0; i < staying; i++) store->Set(KeyOf(NameOf(i)), "stays");
    // Some scans see the table grow, others see it shrink.
    const bool grows = seed % 2;
    uint64_t other = staying;
    if (!grows) {
      for (; other < most; other++) store->Set(KeyOf(NameOf(other)), "other");
    }
    std::set<std::string> seen;
    uint64_t cursor = 0;
    uint64_t calls = 0;
    do {
      cursor = store->Scan(cursor, 1 + random() % 30,
                           [&](std::string_view key) { seen.insert(std::string(key)); });
      for (uint64_t write = 0; write < most / 300; write++) {
        if (grows && other < most) {
          store->Set(KeyOf(NameOf(other++)), "other");
        } else if (!grows && other > staying) {
          store->Delete(KeyOf(NameOf(--other)));
        }
        store->Set(KeyOf(NameOf(random() % staying)), std::string(random() % 200, 'x'));
      }
      if (++calls % 200 == 0) {
        ASSERT_EQ(store->CheckInvariants(), "");
      }
    } while (cursor != 0);
    for (uint64_t i = 0; i < staying; i++) {
      ASSERT_TRUE(seen.contains(NameOf(i))) << "seed " << seed << ", key " << NameOf(i);
    }
  }
}

}  // namespace
}  // namespace shredder::store
