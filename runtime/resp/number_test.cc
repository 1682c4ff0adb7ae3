#include "runtime/resp/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace shredder::resp {
namespace {

TEST(NumberTest, IntegersAreReadAsStrictlyAsRedisReadsThem) {
  const struct {
    std::string text;
    int64_t value;
  } good[] = {{"0", 0},
              {"1", 1},
              {"-1", -1},
              {"10", 10},
              {"9223372036854775807", INT64_MAX},
              {"-9223372036854775808", INT64_MIN},
              {"-9223372036854775807", -INT64_MAX}};
  for (const auto& test : good) {
    int64_t value = 77;
    EXPECT_TRUE(ParseInteger(test.text, &value)) << test.text;
    EXPECT_EQ(value, test.value);
  }
  for (const std::string text : {"",
                                 "-",
                                 "+1",
                                 "-0",
                                 "00",
                                 "01",
                                 "-01",
                                 " 1",
                                 "1 ",
                                 "1a",
                                 "a",
                                 "0x1",
                                 "1.0",
                                 "1e3",
                                 "9223372036854775808",
                                 "-9223372036854775809",
                                 "18446744073709551616",
                                 "99999999999999999999",
                                 "100000000000000000000",
                                 "--1"}) {
    int64_t value = 77;
    EXPECT_FALSE(ParseInteger(text, &value)) << text;
    EXPECT_EQ(value, 77);
  }
  int64_t value = 0;
  EXPECT_FALSE(ParseInteger(std::string_view("1\0", 2), &value));
}

TEST(NumberTest, UnsignedIntegersReachTwoToThe64) {
  uint64_t value = 0;
  EXPECT_TRUE(ParseUnsigned("18446744073709551615", &value));
  EXPECT_EQ(value, UINT64_MAX);
  EXPECT_TRUE(ParseUnsigned("0", &value));
  EXPECT_EQ(value, 0u);
  for (const std::string text :
       {"", "-1", "+1", "01", "18446744073709551616", "1x", "28446744073709551615"}) {
    EXPECT_FALSE(ParseUnsigned(text, &value)) << text;
  }
}

TEST(NumberTest, DoublesAreWrittenInJavaScriptsNotation) {
  const struct {
    double value;
    std::string text;
  } cases[] = {{0, "0"},
               {-0.0, "-0"},
               {1, "1"},
               {-1, "-1"},
               {0.1, "0.1"},
               {100, "100"},
               {25604597, "25604597"},
               {1234567.125, "1234567.125"},
               {9007199254740992.0, "9007199254740992"},
               {1e20, "100000000000000000000"},
               {123456789012345680000.0, "123456789012345680000"},
               {1e21, "1e+21"},
               {-1.5e300, "-1.5e+300"},
               {0.000001, "0.000001"},
               {0.0000001, "1e-7"},
               {1.25e-9, "1.25e-9"},
               {5e-324, "5e-324"},
               {1.7976931348623157e308, "1.7976931348623157e+308"},
               {HUGE_VAL, "inf"},
               {-HUGE_VAL, "-inf"},
               {NAN, "nan"}};
  for (const auto& test : cases) EXPECT_EQ(FormatDouble(test.value), test.text);
}

TEST(NumberTest, AnyDoubleReadsBackTheSame) {
  std::mt19937_64 random(42);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t bits = random();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isnan(value)) continue;
    const std::string text = FormatDouble(value);
    EXPECT_LE(text.size(), 30u);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
}

}  // namespace
}  // namespace shredder::resp
