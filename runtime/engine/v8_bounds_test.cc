// What V8's C++ takes for a pattern or a text that a script gives it is bounded, and it looks for
// interrupts meanwhile: the compiler of regular expressions, and JSON.stringify.
//
// deadline_sweep_test.cc and huge_allocation_test.cc have the shapes that the deadline and the heap
// end.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using testing::StartsWith;

class V8BoundsTest : public TenantTest {
 protected:
  V8BoundsTest() : TenantTest(Options(&yields_)) {}

  // How often V8 has taken an interrupt within the function f.
  int YieldsOfCall(std::string_view expected) {
    yields_ = 0;
    EXPECT_EQ(tenant_.ShowCall("f"), expected);
    return yields_;
  }

  static EngineOptions Options(int* yields) {
    EngineOptions options = Patient();
    options.heap_limit_mb = 512;
    options.yield_interval_ms = 1;
    options.on_yield = [yields] { ++*yields; };
    return options;
  }

  int yields_ = 0;
};

// What is compiled takes a hundred times the interval between two interrupts, and f looks for none
// but at its start.
constexpr int kYields = 5;

TEST_F(V8BoundsTest, LooksForInterruptsWhileAPatternIsCompiled) {
  tenant_.MustLoad(
      "const pattern = new RegExp('(a)|'.repeat(30_000));\n"
      "export const f = () => pattern.test('b');");
  EXPECT_GE(YieldsOfCall("true"), kYields);
}

TEST_F(V8BoundsTest, LooksForInterruptsWhileJsonStringifyEscapesOneText) {
  tenant_.MustLoad(
      "const text = '\\ud800'.repeat(2 ** 21);\n"
      "export const f = () => JSON.stringify(text).length;");
  EXPECT_GE(YieldsOfCall(std::to_string(6 * (1 << 21) + 2)), kYields);
}

TEST_F(V8BoundsTest, LooksForInterruptsWhileJsonStringifyEscapesOneKey) {
  tenant_.MustLoad(
      "const object = {['\\ud800'.repeat(2 ** 21)]: 1};\n"
      "export const f = () => JSON.stringify(object).length;");
  EXPECT_GE(YieldsOfCall(std::to_string(6 * (1 << 21) + 6)), kYields);
}

TEST_F(V8BoundsTest, RefusesAResultOfJsonStringifyThatIsLongerThanATextMayBe) {
  for (const std::string value : {
           "'\\u0001'.repeat(2 ** 23)",
           "new String('\\ud800'.repeat(2 ** 23))",
           "{['\\u0001'.repeat(2 ** 23)]: 1}",
           "Array(7e6)",
           "Array(7e6).fill()",
           "Array(1e4).fill('x'.repeat(1e4))",
           "Array(2 ** 22).fill(12345678)",
           "Array(2 ** 22).fill(0.12345678)",
           "new Proxy(Array(9).fill('x'.repeat(2 ** 22)), {})",
       }) {
    tenant_.MustLoad("export const f = () => JSON.stringify(" + value + ").length;");
    EXPECT_THAT(tenant_.ShowCall("f"), StartsWith("!ERR RangeError: Invalid string length"))
        << value;
  }
}

TEST_F(V8BoundsTest, EndsJsonStringifyWhereItsResultBecomesTooLong) {
  tenant_.MustLoad(
      "export function f() {\n"
      "  let asked = 0;\n"
      "  const text = 'x'.repeat(2 ** 24 + 2 ** 20);\n"
      "  try { JSON.stringify(Array(1000).fill({toJSON() { asked++; return text; }})); }\n"
      "  catch (e) { return [e.name, asked]; }\n"
      "}");
  EXPECT_EQ(tenant_.ShowCall("f"), "[\"RangeError\", 2]");
}

TEST_F(V8BoundsTest, RefusesGroupsThatAreNestedTooDeep) {
  tenant_.MustLoad(
      "const nested = (open, close, depth) =>\n"
      "  new RegExp(open.repeat(depth) + 'a' + close.repeat(depth)).test('a');\n"
      "export function f(_, [open, close]) {\n"
      "  const deepest = nested(open, close, 256);\n"
      "  try { nested(open, close, 257); } catch (e) { return [deepest, e.name, "
      "e.message.slice(-28)]; }\n"
      "}");
  for (const auto& [open, close] :
       {std::pair("(", ")"), std::pair("(?:", ")*"), std::pair("(?=", ")")}) {
    EXPECT_EQ(tenant_.ShowCall("f", {}, {open, close}),
              "[true, \"SyntaxError\", \"Regular expression too large\"]")
        << open;
  }
}

TEST_F(V8BoundsTest, RefusesLoopsThatSaveTooManyGroups) {
  // Each of the alternatives clears the groups of all.
  tenant_.MustLoad(
      "export function f(_, [groups]) {\n"
      "  const pattern = new RegExp('(?:' + '(a)|'.repeat(+groups) + 'b)*');\n"
      "  try { return pattern.exec('aa').length; } catch (e) { return e.message.slice(-28); }\n"
      "}");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"200"}), "201");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"3000"}), "\"Regular expression too large\"");
}

TEST_F(V8BoundsTest, CompilesNoPatternWhereTheStackIsUsedUp) {
  // At every depth from the deepest on there is less room than V8's compiler may want.
  tenant_.MustLoad(R"(
const kinds = new Set();
let made = 0;
function dive() {
  try { dive(); } catch {}
  try {
    kinds.add(new RegExp('(?:(a)|b|' + made++ % 500 + '){2}c').test('abc'));
  } catch (e) { kinds.add(e.message.replace(/.*: /, '')); }
}
export function f() { dive(); return kinds.has(true); }
)");
  EXPECT_EQ(tenant_.ShowCall("f"), "true");
  EXPECT_EQ(tenant_.ShowCall("f"), "true") << "and goes on";
}

TEST_F(V8BoundsTest, MatchesAClassWhoseRangesAreInNoOrder) {
  tenant_.MustLoad(R"(
export function f() {
  let seed = 1;
  const next = (bound) => (seed = (seed * 48271) % 2147483647) % bound;
  const wrong = [];
  for (const count of [2, 3, 50, 500]) {
    const ranges = Array.from({length: count}, () => [0x100 + next(5000), next(8)])
      .map(([from, length]) => [from, from + length]);
    const source = ranges.map((range) => String.fromCharCode(...range).split('').join('-')).join('');
    const [inside, outside] = [new RegExp('[' + source + ']'), new RegExp('[^' + source + ']')];
    for (let code = 0xf0; code < 0x1500; code++) {
      const is = ranges.some(([from, to]) => from <= code && code <= to);
      const text = String.fromCharCode(code);
      if (inside.test(text) !== is || outside.test(text) === is) wrong.push([count, code]);
    }
  }
  return wrong;
}
)");
  EXPECT_EQ(tenant_.ShowCall("f"), "[]");
}

TEST_F(V8BoundsTest, ClearsAndRestoresTheGroupsOfLoops) {
  // Interpreted, then as machine code.
  tenant_.MustLoad(R"(
const group = (i) => String.fromCharCode(0x100 + i);
const show = (match) => match && match.map((each, i) => each === undefined ? '' : i + each).join('');
export function f(_, [count]) {
  const groups = Array.from({length: +count}, (_, i) => '(' + group(i) + ')');
  const inLoop = '(?:' + groups.join('|') + ')*';
  const seen = [];
  for (let i = 0; i < 3; i++) {
    const text = group(0) + group(count >> 1) + group(count - 1) + group(1);
    const results = [
      // Of each round, only its own group.
      show(new RegExp('^' + inLoop + '$').exec(text)),
      // None of what was tried in vain.
      show(new RegExp('^' + inLoop + '!|^(.*)$').exec(text)),
      // None of an outer loop's last round.
      show(new RegExp('^(?:' + inLoop + ';)*$').exec(text + ';;')),
      // Those that are there.
      show(new RegExp('^' + groups.join('?') + '?(.*)$').exec(text)),
    ];
    const expected = [
      '0' + text + '2' + group(1),
      '0' + text + (+count + 1) + text,
      '0' + text + ';;',
      '0' + text + '1' + group(0) + ((count >> 1) + 1) + group(count >> 1) + count +
        group(count - 1) + (+count + 1) + group(1),
    ];
    seen.push(results.every((result, i) => result === expected[i]) ? 'same' : results);
  }
  return seen;
}
)");
  for (const std::string count : {"4", "20", "40", "300"}) {
    EXPECT_EQ(tenant_.ShowCall("f", {}, {count}), "[\"same\", \"same\", \"same\"]") << count;
  }
}

}  // namespace
}  // namespace shredder::engine
