// Calls with their argument and their result as typed JSON.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class TypedCallTest : public TenantTest {
 protected:
  explicit TypedCallTest(const EngineOptions& options = Patient()) : TenantTest(options) {}

  // The text of the result, or an error's line after `!`.
  std::string Call(const std::vector<std::string>& args = {}) {
    const Value reply = tenant_.Call("f", {}, args, false, CallForm::kTyped);
    const Text* const text = std::get_if<Text>(&reply.data);
    return text != nullptr ? text->utf8 : Show(reply);
  }
  std::string Result(std::string_view expression) {
    tenant_.MustLoad("export function f(keys, args) { return " + std::string(expression) + "; }");
    return Call();
  }
};

TEST_F(TypedCallTest, WritesEveryTypeOfResult) {
  const struct {
    const char* expression;
    const char* json;
  } cases[] = {
      {"undefined", R"({"$undefined":true})"},
      {"null", "null"},
      {"true", "true"},
      {"1.5", "1.5"},
      {"1e21", "1e+21"},
      {"1e-7", "1e-7"},
      {"-0", R"({"$number":"-0"})"},
      {"NaN", R"({"$number":"NaN"})"},
      {"-Infinity", R"({"$number":"-Infinity"})"},
      {"Infinity", R"({"$number":"Infinity"})"},
      {"7n", R"({"$bigint":"7"})"},
      {"-(2n ** 64n)", R"({"$bigint":"-18446744073709551616"})"},
      {"''", R"("")"},
      {R"('a"b\\c\n\r\t\u0000\x1f\x7fß😀')",
       "\"a\\\"b\\\\c\\n\\u000d\\u0009\\u0000\\u001f\x7fß😀\""},
      {"new Date(1764412800123)", R"({"$date":"2025-11-29T10:40:00.123Z"})"},
      {"new Date(-1)", R"({"$date":"1969-12-31T23:59:59.999Z"})"},
      {"new Date(8.64e15)", R"({"$date":"+275760-09-13T00:00:00.000Z"})"},
      {"new Date(NaN)", R"({"$date":null})"},
      {"new Uint8Array(0)", R"({"$bytes":""})"},
      {"new Uint8Array([1])", R"({"$bytes":"AQ=="})"},
      {"new Uint8Array([1, 2])", R"({"$bytes":"AQI="})"},
      {"new Uint8Array([251, 255, 254]).buffer", R"({"$bytes":"+//+"})"},
      {"new Uint16Array([258])", R"({"$bytes":"AgE="})"},
      {"[1, , [undefined, null]]", R"([1,{"$undefined":true},[{"$undefined":true},null]])"},
      {"[]", "[]"},
      {"({})", "{}"},
      {"({a: 1, 'b\\n': {c: undefined, d: []}})", R"({"a":1,"b\n":{"d":[]}})"},
      {"new Map([['a', 1], [2, new Map()]])", R"({"$map":[["a",1],[2,{"$map":[]}]]})"},
      {"new Set(['a', 1n])", R"({"$set":["a",{"$bigint":"1"}]})"},
      {"[new RangeError('no \"such\"')]", R"([{"$error":"ERR no \"such\""}])"},
      {"({$date: 1})", R"({"$object":{"$date":1}})"},
      {"({$date: 1, gone: undefined})", R"({"$object":{"$date":1}})"},
      {"({$date: 1, b: 2})", R"({"$date":1,"b":2})"},
      {"({$: {$x: 1}})", R"({"$object":{"$":{"$object":{"$x":1}}}})"},
      {"'\\ud800'", "\"\uFFFD\""},
  };
  for (const auto& [expression, json] : cases) EXPECT_EQ(Result(expression), json) << expression;
}

TEST_F(TypedCallTest, RepliesWithAnErrorThatIsTheResultOrIsThrown) {
  EXPECT_EQ(Result("new Error('no node 7')"), "!ERR no node 7");
  EXPECT_THAT(Result("keys.x.y"), StartsWith("!ERR TypeError: "));
}

TEST_F(TypedCallTest, GivesAnArrayOfTextsToAFunctionThatTakesOne) {
  tenant_.MustLoad("export function f(keys, args) { return [args.length, args]; }");
  EXPECT_EQ(Call(), "[0,[]]");
  EXPECT_EQ(Call({"[]"}), "[0,[]]");
  EXPECT_EQ(Call({R"(["a","ß","1"])"}), R"([3,["a","ß","1"]])");
  for (const char* other :
       {"1", "null", "\"a\"", "{}", R"({"length":1,"0":"a"})", "[1]", "[null]", R"(["a",["b"]])"}) {
    EXPECT_THAT(Call({other}), StartsWith("!ERR TypeError: args: the function takes an array of"))
        << other;
  }
  for (const char* malformed : {"", "[", "[\"a\"", "a", "[\"a\"] x", "\xff"}) {
    EXPECT_THAT(Call({malformed}), StartsWith("!ERR SyntaxError: ")) << malformed;
  }
}

TEST_F(TypedCallTest, GivesItsTextToAFunctionThatIsTyped) {
  tenant_.MustLoad(
      "export const f = Object.assign((keys, args) => [args.length, ...args], { typed: true });");
  EXPECT_EQ(Call(), "[0]");
  EXPECT_EQ(Call({R"({"a":1})"}), R"([1,"{\"a\":1}"])");
  EXPECT_EQ(Call({"no json"}), R"([1,"no json"])");
}

TEST_F(TypedCallTest, TakesAFunctionForTypedWhereItsPropertyIsTrueAlone) {
  for (const char* typed : {"1", "'true'", "{}", "false"}) {
    tenant_.MustLoad("export const f = Object.assign((keys, args) => args, { typed: " +
                     std::string(typed) + " });");
    EXPECT_EQ(Call({R"(["a"])"}), R"(["a"])") << typed;
  }
  tenant_.MustLoad(
      "export const f = (keys, args) => args;\n"
      "Object.defineProperty(f, 'typed', { get() { throw new Error('got'); } });");
  EXPECT_EQ(Call({R"(["a"])"}), R"(["a"])");
}

class SmallReplyTest : public TypedCallTest {
 protected:
  SmallReplyTest() : TypedCallTest(Options()) {}
  static EngineOptions Options() {
    EngineOptions options = Patient();
    options.max_reply_bytes = 100 * 1024;
    return options;
  }
};

TEST_F(SmallReplyTest, CountsAReplyAsItIsWritten) {
  EXPECT_EQ(Result("'x'.repeat(90_000)").size(), 90'002u);
  EXPECT_EQ(Result("'\\x01'.repeat(90_000)"), "!ERR TypeError: a reply is larger than 100 KiB");
  EXPECT_EQ(Result("new Uint8Array(90_000)"), "!ERR TypeError: a reply is larger than 100 KiB");
  EXPECT_EQ(Result("'x'.repeat(200_000)"), "!ERR TypeError: a reply is larger than 100 KiB");
}

TEST_F(TypedCallTest, WritesLargeTextsAndBytesInPieces) {
  const std::string text = Result("'\\u20ac'.repeat(400_000) + '\"'");
  EXPECT_EQ(text.size(), 1'200'004u);
  EXPECT_TRUE(text.ends_with("\u20ac\\\"\"")) << text.substr(text.size() - 10);
  const std::string bytes = Result("new Uint8Array(300_001).fill(255)");
  EXPECT_EQ(bytes.size(), 400'004 + std::string(R"({"$bytes":""})").size());
  EXPECT_TRUE(bytes.ends_with("///8=\"}") || bytes.ends_with("/w==\"}") ||
              bytes.ends_with("//8=\"}"))
      << bytes.substr(bytes.size() - 12);
}

}  // namespace
}  // namespace shredder::engine
