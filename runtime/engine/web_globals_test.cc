// The web's basics among the globals: that hostile code gets nothing out of what they are written
// over, that they cost nothing before they are asked for, and what the console's log keeps.
// tests/web-globals.test.ts compares what they do with Node's.
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/function_log.h"
#include "runtime/engine/tenant_context.h"
#include "runtime/engine/tenant_isolate.h"
#include "runtime/engine/v8_strings.h"

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
  try { new URL(evil, evil); } catch {}
  new URLSearchParams([[evil, evil]]).forEach(look);
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

// What they call of the language's may be code of the tenant's, which sees what it is called with.
TEST_F(WebGlobalsTest, BrokenBuiltinsBreakThemForTheirTenantOnlyAndLearnNothing) {
  constexpr char kUse[] = R"js(
const uses = {
  URL: () => new URL('../\u00e9?a=b', 'http://b\u00fccher.example/x/y').href,
  URLSearchParams: () => String(new URLSearchParams({a: '\u00e9'})),
  TextDecoder: () => new TextDecoder().decode(new TextEncoder().encode('\u00e9')),
};
export function use(_, [name]) {
  try { return uses[name](); } catch { return 'broken'; }
}
)js";
  // Each makes what it is called on and with known, and then does as its name says, or as this.
  constexpr char kBreak[] = R"js(
const {defineProperty, getOwnPropertyDescriptor, getPrototypeOf, hasOwn} = Object;
const {apply, ownKeys} = Reflect;
const all = [], seen = [];
let count = 0;
for (const o of [Object, Array, Function, String, Number, Map, Set, Symbol, RegExp, Uint8Array,
                 getPrototypeOf(Uint8Array), Reflect, TypeError])
  for (const owner of [o, o.prototype ?? {}])
    for (const key of ownKeys(owner)) {
      const {value, configurable} = getOwnPropertyDescriptor(owner, key);
      if (typeof value === 'function' && configurable) all.push([owner, key, value]);
    }
for (let i = 0; i < all.length; i++) {
  const original = all[i][2];
  defineProperty(all[i][0], all[i][1], {__proto__: null, value: function () {
    for (let i = -1; i < arguments.length && count < 100_000; i++) {
      defineProperty(seen, count++, {__proto__: null, value: i < 0 ? this : arguments[i]});
    }
    return answer(original, this, arguments);
  }});
}
const natives = ['encodeUtf8', 'decodeUtf8', 'domainToAscii', 'randomBytes'];
export function learned() {
  for (let i = 0; i < count; i++) {
    const value = seen[i];
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) continue;
    for (let j = 0; j < natives.length; j++) {
      if (apply(hasOwn, Object, [value, natives[j]]) || value.name === natives[j]) return natives[j];
    }
  }
  return count > 0;
}
)js";
  constexpr const char* kAnswers[] = {"apply(original, self, args)", "undefined", "({})", "self",
                                      "(() => { throw new Error('no'); })()"};
  for (const std::string answer : kAnswers) {
    for (const char* name : {"URL", "URLSearchParams", "TextDecoder"}) {
      Tenant other(&engine_);
      other.MustLoad("const answer = (original, self, args) => " + answer + ";" + kUse + kBreak);
      const std::string used = other.ShowCall("use", {}, {name});
      if (answer == kAnswers[0]) EXPECT_NE(used, "\"broken\"") << name;
      EXPECT_EQ(other.ShowCall("use", {}, {name}), used) << name << ": " << answer;
      EXPECT_EQ(other.ShowCall("learned"), "true") << name << ": " << answer;
    }
  }
  tenant_.MustLoad(kUse);
  EXPECT_EQ(tenant_.ShowCall("use", {}, {"URL"}), "\"http://xn--bcher-kva.example/%C3%A9?a=b\"");
  EXPECT_EQ(tenant_.ShowCall("use", {}, {"URLSearchParams"}), "\"a=%C3%A9\"");
}

// What a tenant pays is a property of this test: see --gtest_output=json.
TEST(WebGlobals, TakeMemoryWhereTheyAreUsedAndLittleThen) {
  const auto heap = std::make_shared<TenantIsolate>(64);
  v8::Isolate* const isolate = heap->isolate();
  const v8::Isolate::Scope isolate_scope(isolate);
  const v8::HandleScope handles(isolate);
  const auto tenant = TenantContext::Make(heap, /*callback_builtins=*/false);
  const v8::Context::Scope context_scope(tenant->context());
  const auto used_kib = [&](const std::string& code, int count) {
    const v8::HandleScope run_handles(isolate);
    const std::string loop =
        "for (let i = 0; i < " + std::to_string(count) + "; i++) {" + code + "}";
    v8::Script::Compile(tenant->context(), AsciiString(isolate, loop))
        .ToLocalChecked()
        ->Run(tenant->context())
        .ToLocalChecked();
    isolate->LowMemoryNotification();
    return static_cast<int>(heap->used_bytes() / 1024);
  };
  struct Use {
    std::string name;
    std::string code;
    int most_kib;
  };
  const Use uses[] = {
      {"text", "new TextDecoder().decode(new TextEncoder().encode('x'));", 64},
      {"console", "console.log('x');", 64},
      {"URL", "new URL('/p?q#f', 'http://user@h.example:8080/').searchParams.get('q');", 384}};
  for (const Use& use : uses) {
    const int before = used_kib("", 1);
    for (const int count : {1, 100}) {
      const int used = used_kib(use.code, count) - before;
      RecordProperty(use.name + "_kib_after_" + std::to_string(count), used);
      EXPECT_LT(used, use.most_kib) << use.name << " " << count << " times";
    }
  }
}

TEST_F(WebGlobalsTest, DomainsThatIcuMapsAreBounded) {
  tenant_.MustLoad(R"js(
export const f = (_, [unit, count]) => URL.canParse('http://' + unit.repeat(Number(count)) + '/');
)js");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"\u00e9.", "500"}), "true");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"\u00e9.", "501"}), "false");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"\u00e9", "1000"}), "true");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"\u00e9", "200000"}), "false");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"x", "100000"}), "true");
}

TEST_F(WebGlobalsTest, TheConsolesLinesHaveTheirFunctionAndTheirPlace) {
  tenant_.MustLoad(
      "console.log('loads');\n"
      "export function f() { console.warn('called'); }\n"
      "export async function g() { await null; console.error('later'); throw new Error('no'); }");
  tenant_.ShowCall("f");
  EXPECT_THAT(tenant_.ShowCall("g"), testing::StartsWith("!ERR Error: no at lib:5:"));
  ASSERT_EQ(lines().size(), 4u);
  EXPECT_EQ(lines()[0].function, "lib");
  EXPECT_EQ(lines()[0].level, "log");
  EXPECT_EQ(lines()[0].place, "lib:3:9");
  EXPECT_EQ(lines()[1].function, "f");
  EXPECT_EQ(lines()[1].level, "warn");
  EXPECT_EQ(lines()[1].place, "lib:4:31");
  EXPECT_EQ(lines()[1].time_ms, kNowMs);
  EXPECT_EQ(lines()[2].function, "g");
  EXPECT_EQ(lines()[2].text, "later");
  // What the call has thrown.
  EXPECT_EQ(lines()[3].function, "g");
  EXPECT_EQ(lines()[3].level, "error");
  EXPECT_THAT(lines()[3].text, testing::StartsWith("Error: no\n    at g (lib:5:"));
  EXPECT_THAT(lines()[3].place, testing::StartsWith("lib:5:"));
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
