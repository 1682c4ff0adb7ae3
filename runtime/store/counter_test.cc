#include "runtime/store/counter.h"

#include <limits>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(Counter, BeginsAtZeroAndIsDecimalText) {
  const auto store = NewStore(kMiB);
  int64_t sum = 77;
  for (const int64_t delta : {5, -7, 2}) {
    ASSERT_EQ(store->AddToCounter(KeyOf("n"), delta, kMin, kMax, &sum), CounterStatus::kOk);
    EXPECT_EQ(Value(*store, "n"), std::to_string(sum));
  }
  EXPECT_EQ(sum, 0);
}

TEST(Counter, ReachesItsBoundsAndNotBeyond) {
  struct Case {
    std::string before;
    int64_t delta, min, max;
    bool in_range;
  };
  const Case cases[] = {
      {"9223372036854775806", 1, kMin, kMax, true},
      {"9223372036854775807", 1, kMin, kMax, false},
      {"-9223372036854775807", -1, kMin, kMax, true},
      {"-9223372036854775808", -1, kMin, kMax, false},
      {"9223372036854775807", kMin, kMin, kMax, true},
      {"-1", kMin, kMin, kMax, false},
      {"9", 1, -10, 10, true},
      {"10", 1, -10, 10, false},
      {"12", -2, -10, 10, true},
      {"-10", -1, -10, 10, false},
  };
  const auto store = NewStore(kMiB);
  for (const Case& c : cases) {
    store->Set(KeyOf("n"), c.before);
    int64_t sum = 77;
    EXPECT_EQ(store->AddToCounter(KeyOf("n"), c.delta, c.min, c.max, &sum),
              c.in_range ? CounterStatus::kOk : CounterStatus::kOutOfRange)
        << c.before << " + " << c.delta;
    EXPECT_EQ(Value(*store, "n"), c.in_range ? std::to_string(sum) : c.before);
    if (!c.in_range) EXPECT_EQ(sum, 77);
  }
}

TEST(Counter, TakesCanonicalIntegersOf64BitsAlone) {
  const auto store = NewStore(kMiB);
  for (const std::string_view other :
       {"", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "--1",
        "9223372036854775808", "-9223372036854775809", "18446744073709551616"}) {
    store->Set(KeyOf("n"), other);
    int64_t sum = 77;
    EXPECT_EQ(store->AddToCounter(KeyOf("n"), 1, kMin, kMax, &sum), CounterStatus::kNotCounter)
        << other;
    EXPECT_EQ(Value(*store, "n"), other);
  }
}

TEST(Counter, KeepsTheExpiryAndBeginsAnewOnceExpired) {
  const auto store = NewStore(kMiB);
  store->SetNow(1000);
  store->Set(KeyOf("n"), "41", Expiry::At(1010));
  int64_t sum;
  ASSERT_EQ(store->AddToCounter(KeyOf("n"), 1, kMin, kMax, &sum), CounterStatus::kOk);
  EXPECT_EQ(sum, 42);
  EXPECT_EQ(store->ExpiresAt(KeyOf("n")), 1010u);
  store->SetNow(1010);
  ASSERT_EQ(store->AddToCounter(KeyOf("n"), 1, kMin, kMax, &sum), CounterStatus::kOk);
  EXPECT_EQ(sum, 1);
  EXPECT_EQ(store->ExpiresAt(KeyOf("n")), 0u);
}

TEST(Counter, OverTheQuotaChangesNothing) {
  const auto store = NewStore(kMiB);
  const std::string filling(1000, 'v');
  for (uint64_t i = 0; store->Set(Key::FromInteger(i), filling) == WriteStatus::kOk; i++) {
  }
  const std::string small(1, 'v');
  for (uint64_t i = 1'000'000; store->Set(Key::FromInteger(i), small) == WriteStatus::kOk; i++) {
  }
  int64_t sum = 77;
  EXPECT_EQ(store->AddToCounter(KeyOf("n"), 1, kMin, kMax, &sum), CounterStatus::kOutOfMemory);
  EXPECT_FALSE(store->Has(KeyOf("n")));
  EXPECT_EQ(sum, 77);
}

}  // namespace
}  // namespace shredder::store
