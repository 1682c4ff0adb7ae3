#include "runtime/server/token_bucket.h"

#include <gtest/gtest.h>

namespace shredder::server {
namespace {

TEST(TokenBucketTest, BoundsNothingUntilItIsLimited) {
  TokenBucket bucket;
  bucket.Take(1'000'000'000);
  EXPECT_EQ(bucket.EmptyUntilMs(5), 0u);
}

TEST(TokenBucketTest, HoldsASecondsWorthAndRefillsWithTime) {
  TokenBucket bucket;
  bucket.Configure(10, 1000);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bucket.EmptyUntilMs(1000), 0u) << i;
    bucket.Take(1);
  }
  EXPECT_EQ(bucket.EmptyUntilMs(1000), 1100u);
  EXPECT_EQ(bucket.EmptyUntilMs(1099), 1100u);
  EXPECT_EQ(bucket.EmptyUntilMs(1100), 0u);
  bucket.Take(1);
  EXPECT_EQ(bucket.EmptyUntilMs(1100), 1200u);
  // Ten, however long nothing was taken.
  EXPECT_EQ(bucket.EmptyUntilMs(1'000'000'000), 0u);
  bucket.Take(10);
  EXPECT_EQ(bucket.EmptyUntilMs(1'000'000'000), 1'000'000'100u);
}

TEST(TokenBucketTest, PaysADebtOffFirst) {
  TokenBucket bucket;
  bucket.Configure(100'000'000, 0);  // ns of CPU time a second
  bucket.Take(350'000'000);          // a second's worth, and two and a half more
  EXPECT_EQ(bucket.EmptyUntilMs(0), 2501u);
  EXPECT_EQ(bucket.EmptyUntilMs(2499), 2501u);
  EXPECT_EQ(bucket.EmptyUntilMs(2501), 0u);
}

TEST(TokenBucketTest, KeepsWhatItHoldsWhereItsRateChanges) {
  TokenBucket bucket;
  bucket.Configure(10, 0);
  bucket.Take(10);
  bucket.Configure(1000, 0);
  EXPECT_EQ(bucket.EmptyUntilMs(0), 1u);
  bucket.Configure(1, 10'000);
  bucket.Take(1);
  EXPECT_EQ(bucket.EmptyUntilMs(10'000), 11'000u);
  bucket.Configure(config::kUnlimited, 10'000);
  bucket.Take(5);
  EXPECT_EQ(bucket.EmptyUntilMs(10'000), 0u);
}

TEST(TokenBucketTest, TakesTimeThatStandsStillOrGoesBack) {
  TokenBucket bucket;
  bucket.Configure(10, 1000);
  bucket.Take(10);
  EXPECT_EQ(bucket.EmptyUntilMs(900), 1000u);
  EXPECT_EQ(bucket.EmptyUntilMs(1000), 1100u);
}

}  // namespace
}  // namespace shredder::server
