#include "runtime/resp/reply_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace shredder::resp {
namespace {

std::string Written(Protocol protocol, const std::function<void(ReplyWriter&)>& write) {
  std::string out;
  ReplyWriter writer(&out, protocol);
  write(writer);
  return out;
}

TEST(ReplyWriterTest, BothProtocols) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const struct {
    std::function<void(ReplyWriter&)> write;
    std::string resp2;
    std::string resp3;
  } cases[] = {
      {[](auto& w) { w.SimpleString("PONG"); }, "+PONG\r\n", "+PONG\r\n"},
      {[](auto& w) { w.Ok(); }, "+OK\r\n", "+OK\r\n"},
      {[](auto& w) { w.Error("ERR no"); }, "-ERR no\r\n", "-ERR no\r\n"},
      {[](auto& w) { w.Error("ERR a\r\n+b\nc"); }, "-ERR a  +b c\r\n", "-ERR a  +b c\r\n"},
      {[](auto& w) { w.SimpleString("a\rb"); }, "+a b\r\n", "+a b\r\n"},
      {[](auto& w) { w.Integer(0); }, ":0\r\n", ":0\r\n"},
      {[](auto& w) { w.Integer(INT64_MIN); }, ":-9223372036854775808\r\n",
       ":-9223372036854775808\r\n"},
      {[](auto& w) { w.Integer(INT64_MAX); }, ":9223372036854775807\r\n",
       ":9223372036854775807\r\n"},
      {[](auto& w) { w.Bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n"},
      {[](auto& w) { w.Bulk("a\r\nb"); }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
      {[](auto& w) { w.Null(); }, "$-1\r\n", "_\r\n"},
      {[](auto& w) { w.NullArray(); }, "*-1\r\n", "_\r\n"},
      {[](auto& w) { w.Array(0); }, "*0\r\n", "*0\r\n"},
      {[](auto& w) { w.Array(12); }, "*12\r\n", "*12\r\n"},
      {[](auto& w) { w.Map(3); }, "*6\r\n", "%3\r\n"},
      {[](auto& w) { w.Set(2); }, "*2\r\n", "~2\r\n"},
      {[](auto& w) { w.Boolean(true); }, ":1\r\n", "#t\r\n"},
      {[](auto& w) { w.Boolean(false); }, ":0\r\n", "#f\r\n"},
      {[](auto& w) { w.Double(0.1); }, "$3\r\n0.1\r\n", ",0.1\r\n"},
      {[](auto& w) { w.Double(25604597); }, "$8\r\n25604597\r\n", ",25604597\r\n"},
      {[](auto& w) { w.Double(kInfinity); }, "$3\r\ninf\r\n", ",inf\r\n"},
      {[](auto& w) { w.Double(-kInfinity); }, "$4\r\n-inf\r\n", ",-inf\r\n"},
      {[](auto& w) { w.Double(std::numeric_limits<double>::quiet_NaN()); }, "$3\r\nnan\r\n",
       ",nan\r\n"},
      {[](auto& w) { w.Verbatim("a\nb"); }, "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(Written(Protocol::kResp2, test.write), test.resp2);
    EXPECT_EQ(Written(Protocol::kResp3, test.write), test.resp3);
  }
}

TEST(ReplyWriterTest, Appends) {
  std::string out = "+before\r\n";
  ReplyWriter writer(&out, Protocol::kResp3);
  writer.Map(1);
  writer.Bulk("key");
  writer.Error("ERR x\ny");
  EXPECT_EQ(out, "+before\r\n%1\r\n$3\r\nkey\r\n-ERR x y\r\n");
}

}  // namespace
}  // namespace shredder::resp
