#include "runtime/net/input_buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace shredder::net {
namespace {

TEST(InputBufferTest, IsAQueueOfBytes) {
  BufferPool pool(1 << 20);
  InputBuffer buffer(&pool);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.view(), "");
  ASSERT_TRUE(buffer.Append("hello "));
  ASSERT_TRUE(buffer.Append("world"));
  buffer.Consume(6);
  EXPECT_EQ(buffer.view(), "world");
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(InputBufferTest, MatchesAStringOverRandomOperations) {
  std::mt19937 random(7);
  BufferPool pool(1 << 20);
  InputBuffer buffer(&pool);
  std::string model;
  for (int i = 0; i < 5'000; ++i) {
    if (random() % 2 == 0) {
      const std::string bytes(random() % 300'000, static_cast<char>('a' + random() % 26));
      ASSERT_TRUE(buffer.Append(bytes));
      model += bytes;
    } else {
      const size_t bytes = random() % 8 == 0 ? model.size() : random() % (model.size() + 1);
      buffer.Consume(bytes);
      model.erase(0, bytes);
    }
    ASSERT_EQ(buffer.view(), model);
  }
}

}  // namespace
}  // namespace shredder::net
