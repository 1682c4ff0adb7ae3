// The web's basics among the globals: that hostile code gets nothing out of what they are written
// over, that they cost nothing before they are asked for, and what the console's log keeps.
// tests/web-globals.test.ts compares what they do with Node's.
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/function_log.h"

namespace shredder::engine {
namespace {

class WebGlobalsTest : public TenantTest {
 protected:
  const std::deque<LogLine>& lines() { return tenant_.host().log().lines(); }
};

TEST_F(WebGlobalsTest, WhatTheyAreWrittenOverTakesAnyArgumentsFromCodeThatFindsIt) {
  tenant_.MustLoad(R"js(
const stolen = new Set();
const values = [undefined, null, 0, -1, 2 ** 31, 2 ** 53, 'x', 'x'.repeat(70000), {}, [], [1], [new ArrayBuffer(8)],
                new ArrayBuffer(8), new Uint8Array(8), new Uint8Array(70000), new DataView(new ArrayBuffer(8)), () => 1,
                class {}, Symbol('s'), 1n, new Proxy([], {}), new Proxy({}, {}), new Map()];
export function steal() {
  Error.prepareStackTrace = (_, sites) => sites;
  const look = () => {
    for (const site of new Error().stack) {
      const f = site.getFunction();
      if (typeof f === 'function' && f !== look && f !== steal) stolen.add(f);
    }
    return 1;
  };
  structuredClone({get a() { return look(); }});
  const evil = {get a() { return look(); }, toString: look};
  console.log(evil);
  try { new TextDecoder(evil); } catch {}
  try { btoa(evil); } catch {}
  new TextEncoder().encode(evil);
  new TextEncoder().encodeInto(evil, new Uint8Array(4));
  queueMicrotask(look);
  const target = new EventTarget();
  target.addEventListener('x', look);
  target.dispatchEvent(new Event('x'));
  Error.prepareStackTrace = undefined;
  for (const f of stolen) {
    for (const a of values) for (const b of values) for (const c of values) {
      try { f(a, b, c); } catch (e) { if (typeof e?.name !== 'string') throw e; }
    }
  }
  return [...stolen].map((f) => typeof f).every((t) => t === 'function');
}
)js");
  EXPECT_EQ(tenant_.ShowCall("steal"), "true");
  EXPECT_EQ(tenant_.ShowCall("steal"), "true");
}

TEST_F(WebGlobalsTest, TheConsolesLinesHaveTheirFunctionAndTheirPlace) {
  tenant_.MustLoad(
      "console.log('loads');\n"
      "export function f() { console.warn('called'); }\n"
      "export async function g() { await null; console.error('later'); throw new Error('no'); }");
  tenant_.ShowCall("f");
  EXPECT_THAT(tenant_.ShowCall("g"), testing::StartsWith("!ERR Error: no at lib:5:"));
  ASSERT_EQ(lines().size(), 3u);
  EXPECT_EQ(lines()[0].function, "lib");
  EXPECT_EQ(lines()[0].level, "log");
  EXPECT_EQ(lines()[0].place, "lib:3:9");
  EXPECT_EQ(lines()[1].function, "f");
  EXPECT_EQ(lines()[1].level, "warn");
  EXPECT_EQ(lines()[1].place, "lib:4:31");
  EXPECT_EQ(lines()[1].time_ms, kNowMs);
  EXPECT_EQ(lines()[2].function, "g");
  EXPECT_EQ(lines()[2].text, "later");
}

TEST_F(WebGlobalsTest, TheLogOutlivesTheJavaScript) {
  tenant_.MustLoad("export function f() { console.log('here'); }");
  tenant_.ShowCall("f");
  tenant_.host().GiveUp();
  tenant_.ShowCall("f");
  ASSERT_EQ(lines().size(), 2u);
  EXPECT_EQ(lines()[1].id, 2u);
}

TEST_F(WebGlobalsTest, ErrorsOfTheirsNameThePlaceInTheTenantsCode) {
  tenant_.MustLoad("export const f = () => {\n  return new TextDecoder('nonsense');\n};");
  EXPECT_THAT(tenant_.ShowCall("f"), testing::HasSubstr(" at lib:4:10"));
}

TEST_F(WebGlobalsTest, AnErrorThatIsThrownAgainNamesThePlaceWhereItWasMade) {
  tenant_.MustLoad(
      "function deep() { throw new RangeError('deep'); }\n"
      "export const f = () => {\n  try { deep(); } catch (error) {\n    throw error;\n  }\n};");
  EXPECT_THAT(tenant_.ShowCall("f"), testing::HasSubstr("RangeError: deep at lib:3:"));
}

TEST_F(WebGlobalsTest, ALogOfManyAndLongLinesKeepsTheLast) {
  FunctionLog log;
  log.BeginRun("f", 7);
  for (size_t i = 0; i < 3 * FunctionLog::kMaxLines; ++i) log.Add("log", "", std::to_string(i));
  ASSERT_EQ(log.lines().size(), FunctionLog::kMaxLines);
  EXPECT_EQ(log.lines().back().text, std::to_string(3 * FunctionLog::kMaxLines - 1));
  log.Add("log", "", std::string(FunctionLog::kMaxTextBytes - 1, 'x') + "\u20ac");
  EXPECT_EQ(log.lines().back().text, std::string(FunctionLog::kMaxTextBytes - 1, 'x') + "...");
  for (int i = 0; i < 100; ++i) log.Add("log", "", std::string(FunctionLog::kMaxTextBytes, 'y'));
  size_t bytes = 0;
  for (const LogLine& line : log.lines()) bytes += line.text.size();
  EXPECT_LE(bytes, FunctionLog::kMaxBytes);
  EXPECT_GT(bytes, FunctionLog::kMaxBytes / 2);
}

}  // namespace
}  // namespace shredder::engine
