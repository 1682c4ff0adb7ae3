#include "runtime/server/hash_slot.h"

#include <gtest/gtest.h>

namespace shredder::server {
namespace {

// What Redis 7.0's CLUSTER KEYSLOT says.
TEST(HashSlotTest, IsRedisClusters) {
  EXPECT_EQ(HashSlot(""), 0u);
  EXPECT_EQ(HashSlot("123456789"), 0x31c3u);
  EXPECT_EQ(HashSlot("foo"), 12182u);
  EXPECT_EQ(HashSlot("bar"), 5061u);
  EXPECT_EQ(HashSlot("hello"), 866u);
}

TEST(HashSlotTest, IsThatOfWhatTheFirstBracesHold) {
  EXPECT_EQ(HashSlot("{user1000}.following"), HashSlot("user1000"));
  EXPECT_EQ(HashSlot("a{b}{c}"), HashSlot("b"));
  EXPECT_EQ(HashSlot("foo{{bar}}zap"), HashSlot("{bar"));
  EXPECT_NE(HashSlot("foo{}{bar}"), HashSlot("bar"));
  EXPECT_NE(HashSlot("foo{bar"), HashSlot("bar"));
}

}  // namespace
}  // namespace shredder::server
