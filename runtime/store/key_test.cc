#include "builtins-csa/layout/key.h"

#include <gtest/gtest.h>

#include <string>

namespace shredder::store {
namespace {

TEST(Key, CanonicalDecimalIntegersAreIntegers) {
  const struct {
    const char* bytes;
    uint64_t integer;
  } cases[] = {
      {"0", 0},
      {"7", 7},
      {"10", 10},
      {"42", 42},
      {"4294967296", 4294967296},
      {"999999999999999", 999999999999999},
      {"1000000000000000", 1000000000000000},
      {"9007199254740991", 9007199254740991},
  };
  for (const auto& c : cases) {
    const auto key = Key::FromBytes(c.bytes);
    ASSERT_TRUE(key) << c.bytes;
    EXPECT_TRUE(key->is_integer()) << c.bytes;
    EXPECT_EQ(key->integer(), c.integer);
    EXPECT_TRUE(key->bytes().empty());
  }
}

TEST(Key, AllElseIsBytes) {
  const std::string cases[] = {
      "",
      "00",
      "01",
      "042",
      "-1",
      "-0",
      "+1",
      " 1",
      "1 ",
      "1.0",
      "1e3",
      "0x10",
      "1a",
      "a1",
      std::string("1\0", 2),
      std::string(1, '\0'),
      "/",
      ":",
      "\xff\xfe",
      "9007199254740992",
      "9999999999999999",
      "10000000000000000",
      "18446744073709551616",
      "00000000000000000042",
  };
  for (const std::string& bytes : cases) {
    const auto key = Key::FromBytes(bytes);
    ASSERT_TRUE(key) << bytes;
    EXPECT_FALSE(key->is_integer()) << bytes;
    EXPECT_EQ(key->bytes(), bytes);
  }
}

TEST(Key, IsAtMost64KiBLong) {
  EXPECT_TRUE(Key::FromBytes(std::string(layout::kMaxKeyBytes, 'k')));
  EXPECT_FALSE(Key::FromBytes(std::string(layout::kMaxKeyBytes + 1, 'k')));
}

}  // namespace
}  // namespace shredder::store
