#include "runtime/server/value_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace shredder::server {
namespace {

using engine::Value;

std::string Encode(const Value& value, resp::Protocol protocol) {
  std::string out;
  resp::ReplyWriter reply(&out, protocol);
  EncodeValue(value, reply);
  return out;
}

struct Case {
  Value value;
  std::string resp2;
  std::string resp3;
};

TEST(ValueEncoder, ScalarsInBothProtocols) {
  const Case cases[] = {
      {{engine::Null{}}, "$-1\r\n", "_\r\n"},
      {{true}, ":1\r\n", "#t\r\n"},
      {{false}, ":0\r\n", "#f\r\n"},
      {{int64_t{-9223372036854775807 - 1}},
       ":-9223372036854775808\r\n",
       ":-9223372036854775808\r\n"},
      {{25604597.0}, "$8\r\n25604597\r\n", ",25604597\r\n"},
      {{0.1}, "$3\r\n0.1\r\n", ",0.1\r\n"},
      {{-1.5}, "$4\r\n-1.5\r\n", ",-1.5\r\n"},
      {{1e20}, "$21\r\n100000000000000000000\r\n", ",100000000000000000000\r\n"},
      {{1e21}, "$5\r\n1e+21\r\n", ",1e+21\r\n"},
      {{1e-7}, "$4\r\n1e-7\r\n", ",1e-7\r\n"},
      {{HUGE_VAL}, "$3\r\ninf\r\n", ",inf\r\n"},
      {{-HUGE_VAL}, "$4\r\n-inf\r\n", ",-inf\r\n"},
      {{std::nan("")}, "$3\r\nnan\r\n", ",nan\r\n"},
      {{engine::Bytes{std::string("a\r\n\0b", 5)}},
       std::string("$5\r\na\r\n\0b\r\n", 11),
       std::string("$5\r\na\r\n\0b\r\n", 11)},
      {{engine::Bytes{""}}, "$0\r\n\r\n", "$0\r\n\r\n"},
      {{engine::Text{"\u00df"}}, "$2\r\n\u00df\r\n", "$2\r\n\u00df\r\n"},
      {{engine::Undefined{}}, "$-1\r\n", "_\r\n"},
      {{engine::BigInt{"9223372036854775808"}},
       "$19\r\n9223372036854775808\r\n",
       "$19\r\n9223372036854775808\r\n"},
      {{engine::Date{"1970"}}, "$4\r\n1970\r\n", "$4\r\n1970\r\n"},
      {{engine::Date{""}}, "$12\r\nInvalid Date\r\n", "$12\r\nInvalid Date\r\n"},
      {{engine::Error{"ERR it\r\nbroke"}}, "-ERR it  broke\r\n", "-ERR it  broke\r\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Encode(c.value, resp::Protocol::kResp2), c.resp2);
    EXPECT_EQ(Encode(c.value, resp::Protocol::kResp3), c.resp3);
  }
}

TEST(ValueEncoder, AggregatesDegradeInResp2) {
  engine::Set set;
  set.items.push_back({int64_t{1}});
  engine::Map map;
  map.items.push_back({Value{engine::Bytes{"k"}}, Value{set}});
  engine::Array array;
  array.items.push_back({map});
  array.items.push_back({engine::Array{}});
  EXPECT_EQ(Encode({array}, resp::Protocol::kResp2), "*2\r\n*2\r\n$1\r\nk\r\n*1\r\n:1\r\n*0\r\n");
  EXPECT_EQ(Encode({array}, resp::Protocol::kResp3), "*2\r\n%1\r\n$1\r\nk\r\n~1\r\n:1\r\n*0\r\n");
}

}  // namespace
}  // namespace shredder::server
