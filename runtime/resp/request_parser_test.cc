#include "runtime/resp/request_parser.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/resp/request_parser_pool.h"
#include "runtime/resp/request_parser_testing.h"

namespace shredder::resp {
namespace {

using Requests = std::vector<std::vector<std::string>>;
using std::string_literals::operator""s;

std::string Bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

std::string Array(const std::vector<std::string>& args) {
  std::string request = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) request += Bulk(arg);
  return request;
}

// Whole, byte by byte, and in two parts at every point.
void ExpectRequests(const std::string& stream, const Requests& expected) {
  const ParsedStream parsed{expected, ""};
  EXPECT_EQ(ParseWhole(stream).requests, expected) << stream;
  EXPECT_EQ(ParseWhole(stream).error, "") << stream;
  EXPECT_EQ(ParseByteByByte(stream), parsed) << stream;
  for (size_t at = 1; at < stream.size(); ++at) {
    const auto first_part = [&](size_t offset) { return offset == 0 ? at : stream.size(); };
    EXPECT_EQ(ParseStream(stream, {}, first_part), parsed) << stream << " split at " << at;
  }
}

void ExpectError(const std::string& stream, const std::string& error,
                 const RequestParser::Limits& limits = {}, const Requests& before = {}) {
  const ParsedStream expected{before, "ERR Protocol error: " + error};
  EXPECT_EQ(ParseWhole(stream, limits).error, expected.error) << stream.substr(0, 80);
  EXPECT_EQ(ParseWhole(stream, limits), expected) << stream.substr(0, 80);
  const size_t piece = 1 + stream.size() / 1000;  // a byte, but for streams of many thousand
  EXPECT_EQ(ParseStream(stream, limits, [&](size_t) { return piece; }), expected)
      << stream.substr(0, 80);
}

TEST(RequestParserTest, ArraysParseAlikeHoweverTheyAreSplit) {
  const std::vector<std::vector<std::string>> commands = {
      {"PING"},
      {"GET", "key"},
      {"SET", "key", "value with spaces\r\nand lines"},
      {"SET", "", ""},
      {"ECHO", "\0\r\n*$\xff"s},
      {"MSET", "a", "1", "b", "22", "c", "333", "d", std::string(300, 'x')},
      {"FCALL", "countFriends", "1", "107", "4"},
  };
  for (const auto& command : commands) ExpectRequests(Array(command), {command});
}

TEST(RequestParserTest, PipelinesParseAlikeHoweverTheyAreSplit) {
  ExpectRequests(
      Array({"PING"}) + Array({"GET", "k"}) + "PING\r\n" + Array({"SET", "k", "*1"}) +
          "echo \"a b\" c\n" + Array({"QUIT"}),
      {{"PING"}, {"GET", "k"}, {"PING"}, {"SET", "k", "*1"}, {"echo", "a b", "c"}, {"QUIT"}});
}

TEST(RequestParserTest, EmptyLinesAndArraysAreSkipped) {
  ExpectRequests("\r\n\r\n\n*0\r\n*-1\r\n*-10\r\n   \r\n" + Array({"PING"}), {{"PING"}});
  ExpectRequests("\r\n*0\r\nPING\r\n\r\n*0\r\n", {{"PING"}});
}

TEST(RequestParserTest, OnlyEmptyInputMayBeDroppedOrPresentedAgain) {
  RequestParser parser;
  size_t consumed = 0;
  EXPECT_EQ(parser.Parse("\r\n*0\r\n", &consumed), RequestParser::Result::kIncomplete);
  EXPECT_EQ(consumed, 6u);
  EXPECT_EQ(parser.Parse("\r\n*0\r\nPING\r\n", &consumed), RequestParser::Result::kRequest);
  EXPECT_EQ(consumed, 12u);
  EXPECT_EQ(parser.Parse("\r\n", &consumed), RequestParser::Result::kIncomplete);
  EXPECT_EQ(consumed, 2u);
  EXPECT_EQ(parser.Parse("PING\r\n", &consumed), RequestParser::Result::kRequest);
  EXPECT_EQ(consumed, 6u);
  EXPECT_EQ(parser.Parse("\r\n*1\r\n$4", &consumed), RequestParser::Result::kIncomplete);
  EXPECT_EQ(consumed, 0u);
  EXPECT_EQ(parser.Parse("\r\n*1\r\n$4\r\nPING\r\n", &consumed), RequestParser::Result::kRequest);
  EXPECT_EQ(consumed, 16u);
}

TEST(RequestParserTest, ConsumesOneRequestAtATime) {
  RequestParser parser;
  size_t consumed = 0;
  const std::string stream = Array({"GET", "a"}) + Array({"GET", "b"});
  ASSERT_EQ(parser.Parse(stream, &consumed), RequestParser::Result::kRequest);
  EXPECT_EQ(consumed, stream.size() / 2);
  ASSERT_EQ(parser.args().size(), 2u);
  EXPECT_EQ(parser.args()[1], "a");
  // A request that was parsed but not consumed parses again.
  ASSERT_EQ(parser.Parse(stream, &consumed), RequestParser::Result::kRequest);
  EXPECT_EQ(parser.args()[1], "a");
  EXPECT_EQ(parser.args()[1].data(), stream.data() + 17);  // no copy
}

TEST(RequestParserTest, BytesBehindAPayloadAreNotChecked) {
  ExpectRequests("*2\r\n$3\r\nGETxx$1\r\nayy", {{"GET", "a"}});
  ExpectRequests("*1\rx$4\ryPING\r\n", {{"PING"}});
}

TEST(RequestParserTest, InlineWordsFollowRedisQuoting) {
  const struct {
    std::string line;
    std::vector<std::string> words;
  } cases[] = {
      {"PING", {"PING"}},
      {"  PING  ", {"PING"}},
      {"set\ta \t b", {"set", "a", "b"}},
      {"\v\fget a", {"get", "a"}},
      {"get a\vb", {"get", "a\vb"}},
      {"echo \"\"", {"echo", ""}},
      {"echo ''", {"echo", ""}},
      {"echo \"\" '' \"\"", {"echo", "", "", ""}},
      {"echo \"a b\"", {"echo", "a b"}},
      {"echo 'a \"b'", {"echo", "a \"b"}},
      {"echo foo\"bar baz\"", {"echo", "foobar baz"}},
      {"echo foo'bar baz' x", {"echo", "foobar baz", "x"}},
      {"echo \"\\x41\\x00\\xfF\"", {"echo", "A\0\xff"s}},
      {"echo \"\\xZZ\\x4\"", {"echo", "xZZx4"}},
      {"echo \"\\n\\r\\t\\b\\a\\q\\\\\\\"\"", {"echo", "\n\r\t\b\aq\\\""}},
      {"echo '\\n\\'x'", {"echo", "\\n'x"}},
      {"echo a\\nb", {"echo", "a\\nb"}},
      {"echo \"a\"\t\"b\"", {"echo", "a", "b"}},
      {"echo a\0b"s, {"echo", "a\0b"s}},
  };
  for (const auto& test : cases) {
    ExpectRequests(test.line + "\r\n", {test.words});
    ExpectRequests(test.line + "\n", {test.words});
  }
}

TEST(RequestParserTest, UnbalancedQuotesAreAnError) {
  for (const std::string line : {"echo \"a", "echo 'a", "echo \"a\"b", "echo 'a'b", "echo \"a\\\"",
                                 "echo 'a\\'", "\"", "echo foo\"bar\"\"baz\""}) {
    ExpectError(line + "\r\n", "unbalanced quotes in request");
  }
}

TEST(RequestParserTest, BadArrayLengths) {
  for (const std::string length :
       {"", "x", "+1", "01", "-0", "1x", " 1", "1 ", "1.0", "--1", "-", "1048577", "2147483648",
        "9223372036854775807", "9223372036854775808", "99999999999999999999999"}) {
    ExpectError("*" + length + "\r\n", "invalid multibulk length");
  }
  ExpectError("*" + std::string(70000, '1'), "too big mbulk count string");
  ExpectError("*" + std::string(70000, '1') + "\r\n", "too big mbulk count string");
}

TEST(RequestParserTest, BadBulkLengths) {
  for (const std::string length : {"", "x", "-1", "-0", "+1", "01", "1x", "536870913",
                                   "9223372036854775807", "9223372036854775808"}) {
    ExpectError("*1\r\n$" + length + "\r\n", "invalid bulk length");
  }
  ExpectError("*1\r\n$" + std::string(70000, '1'), "too big bulk count string");
}

TEST(RequestParserTest, BulkStringsStartWithADollar) {
  ExpectError("*1\r\nx", "expected '$', got 'x'");
  ExpectError("*2\r\n$1\r\na\r\n:1\r\n", "expected '$', got ':'");
  // One byte too many in the first payload.
  ExpectError("*2\r\n$3\r\nGETX\r\n$1\r\na\r\n", "expected '$', got '\\x0a'");
  ExpectError("*1\r\n\0"s, "expected '$', got '\\x00'");
}

TEST(RequestParserTest, RequestsBeforeAnErrorAreDelivered) {
  ExpectError(Array({"PING"}) + "*1\r\n!", "expected '$', got '!'", {}, {{"PING"}});
}

TEST(RequestParserTest, InlineLinesAreBounded) {
  const std::string longest(64 * 1024 - 1, 'a');
  EXPECT_EQ(ParseWhole(longest + "\r\n").requests, (Requests{{longest}}));
  ExpectError(longest + "aa\n", "too big inline request");
  ExpectError(std::string(70000, 'a'), "too big inline request");
}

TEST(RequestParserTest, ConfiguredLimitsHold) {
  const RequestParser::Limits limits{.max_args = 3, .max_bulk_bytes = 5, .max_inline_bytes = 64};
  EXPECT_EQ(ParseWhole(Array({"SET", "a", "12345"}), limits).requests.size(), 1u);
  ExpectError("*4\r\n", "invalid multibulk length", limits);
  ExpectError("*1\r\n$6\r\n", "invalid bulk length", limits);
}

TEST(RequestParserTest, BeforeAuthenticationLimitsAreRedisOwn) {
  const RequestParser::Limits limits = RequestParser::Limits::Unauthenticated();
  const std::vector<std::string> ten(10, "a");
  EXPECT_EQ(ParseWhole(Array(ten), limits).requests, (Requests{ten}));
  const std::string largest(16 * 1024, 'a');
  EXPECT_EQ(ParseWhole(Array({"AUTH", largest}), limits).requests.size(), 1u);
  ExpectError("*11\r\n", "unauthenticated multibulk length", limits);
  ExpectError("*2000000\r\n", "invalid multibulk length", limits);
  ExpectError("*1\r\n$16385\r\n", "unauthenticated bulk length", limits);
  ExpectError("*1\r\n$536870913\r\n", "invalid bulk length", limits);
  ExpectError("*1\r\n$-1\r\n", "invalid bulk length", limits);
}

TEST(RequestParserTest, NothingOfARequestIsKeptBetweenTwo) {
  for (const std::string_view request :
       {"PING\r\n", "ECHO 'a b'\r\n", "*1\r\n$4\r\nPING\r\n", "*2\r\n$1\r\na\r\n$0\r\n\r\n"}) {
    RequestParser parser;
    for (size_t arrived = 1; arrived < request.size(); ++arrived) {
      size_t consumed = 0;
      ASSERT_EQ(parser.Parse(request.substr(0, arrived), &consumed),
                RequestParser::Result::kIncomplete);
      EXPECT_FALSE(parser.is_between_requests()) << request.substr(0, arrived);
    }
    size_t consumed = 0;
    ASSERT_EQ(parser.Parse(request, &consumed), RequestParser::Result::kRequest);
    EXPECT_TRUE(parser.is_between_requests());
    ASSERT_EQ(parser.Parse("\r\n*0\r\n", &consumed), RequestParser::Result::kIncomplete);
    EXPECT_TRUE(parser.is_between_requests());
  }
}

TEST(RequestParserTest, ThePoolKeepsAParserButNotTheMemoryOfALargeRequest) {
  RequestParserPool pool;
  std::string large = "*2000\r\n";
  for (int i = 0; i < 2000; ++i) large += "$0\r\n\r\n";
  for (const std::string& request : {std::string("PING\r\n"), large}) {
    std::unique_ptr<RequestParser> parser = pool.Take({});
    const RequestParser* const used = parser.get();
    size_t consumed = 0;
    ASSERT_EQ(parser->Parse(request, &consumed), RequestParser::Result::kRequest);
    const bool is_large = request == large;
    EXPECT_EQ(parser->is_large(), is_large);
    pool.GiveBack(std::move(parser));
    parser = pool.Take({});
    EXPECT_FALSE(parser->is_large());
    if (!is_large) EXPECT_EQ(parser.get(), used);
  }
}

TEST(RequestParserTest, LimitsMayChangeBetweenPipelinedRequests) {
  RequestParser parser;
  parser.SetLimits(RequestParser::Limits::Unauthenticated());
  const std::string stream = Array({"AUTH", "secret"}) + Array(std::vector<std::string>(20, "a"));
  size_t consumed = 0;
  ASSERT_EQ(parser.Parse(stream, &consumed), RequestParser::Result::kRequest);
  parser.SetLimits({});
  EXPECT_EQ(parser.args()[1], "secret");
  ASSERT_EQ(parser.Parse(std::string_view(stream).substr(consumed), &consumed),
            RequestParser::Result::kRequest);
  EXPECT_EQ(parser.args().size(), 20u);
}

TEST(RequestParserTest, ABulkStringThatIsElsewhereIsAnArgumentWithoutBeingInTheInput) {
  const std::string value = "a value\r\n$3\r\nwith anything in it";
  const std::string before =
      "*5\r\n" + Bulk("SET") + Bulk("k") + "$" + std::to_string(value.size()) + "\r\n";
  const std::string behind = "\r\n" + Bulk("EX") + Bulk("10");
  const std::vector<std::string_view> expected = {"SET", "k", value, "EX", "10"};
  for (size_t split = 0; split <= behind.size(); ++split) {
    RequestParser parser;
    size_t consumed = 0;
    ASSERT_EQ(parser.Parse(before + value.substr(0, 3), &consumed),
              RequestParser::Result::kIncomplete);
    const auto pending = parser.pending();
    ASSERT_TRUE(pending.has_value());
    EXPECT_EQ(pending->argument, 2u);
    EXPECT_EQ(pending->position, before.size());
    EXPECT_EQ(pending->bytes, value.size());
    EXPECT_EQ(parser.received(before, 0), "SET");
    EXPECT_EQ(parser.received(before, 1), "k");
    parser.CutOut(pending->position, value);
    EXPECT_EQ(parser.expected_bytes(), before.size() + 2);
    const std::string first = before + behind.substr(0, split);
    const std::string whole = before + behind;
    if (split < behind.size()) {
      ASSERT_EQ(parser.Parse(first, &consumed), RequestParser::Result::kIncomplete) << split;
    }
    // Again for a handler that has left it unread.
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(parser.Parse(whole, &consumed), RequestParser::Result::kRequest) << split;
      EXPECT_EQ(consumed, whole.size());
      EXPECT_EQ(std::vector(parser.args().begin(), parser.args().end()), expected);
    }
    parser.EndCutOut();
    const std::string next = Array({"SET", "k", value, "EX", "10"});
    ASSERT_EQ(parser.Parse(next, &consumed), RequestParser::Result::kRequest);
    EXPECT_EQ(std::vector(parser.args().begin(), parser.args().end()), expected);
  }
}

TEST(RequestParserTest, NothingIsPendingBetweenBulkStrings) {
  for (const std::string& part : {""s, "*3\r\n"s, "*3\r\n$3\r\nSET\r\n"s, "*3\r\n$3"s, "GET"s}) {
    RequestParser parser;
    size_t consumed = 0;
    ASSERT_EQ(parser.Parse(part, &consumed), RequestParser::Result::kIncomplete);
    EXPECT_FALSE(parser.pending().has_value()) << part;
  }
}

TEST(RequestParserTest, AManyArgumentRequestInManyPiecesIsLinear) {
  const std::vector<std::string> args(200'000, "abc");
  const std::string stream = Array(args);
  RequestParser parser;
  size_t consumed = 0;
  // The input moves only when it is copied to a larger buffer; re-scanning from the start for each
  // of 20,000 pieces would take minutes.
  for (size_t end = 100; end < stream.size(); end += 100) {
    ASSERT_EQ(parser.Parse(std::string_view(stream).substr(0, end), &consumed),
              RequestParser::Result::kIncomplete);
  }
  ASSERT_EQ(parser.Parse(stream, &consumed), RequestParser::Result::kRequest);
  EXPECT_EQ(parser.args().size(), args.size());
  EXPECT_EQ(parser.args().back(), "abc");
  EXPECT_EQ(consumed, stream.size());
}

}  // namespace
}  // namespace shredder::resp
