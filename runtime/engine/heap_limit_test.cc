// Bounds on memory: a function that uses up its tenant's heap fails, and nothing else does.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using testing::StartsWith;

constexpr char kHeapError[] =
    "!ERR function used up its tenant's JavaScript heap of 16 MB, its writes are undone";

struct Shape {
  const char* name;
  const char* body;
};

// Code whose memory grows without end, piece by piece.
constexpr Shape kGreedy[] = {
    {"array", "const a = []; for (let i = 0; ; i++) a.push(i + 0.5);"},
    {"objects", "const a = []; for (let i = 0; ; i++) a.push({i, j: i});"},
    {"nested arrays", "let a = []; for (;;) a = [a, a];"},
    {"strings", "const a = []; for (let i = 0; ; i++) a.push('text ' + i);"},
    {"string that grows",
     "const a = []; let s = 'x'; for (let i = 0; ; i++) { s += i; a.push(s); }"},
    {"closures", "let f = () => 0; for (;;) { const g = f; f = () => g; }"},
    {"Map", "const m = new Map(); for (let i = 0; ; i++) m.set(i, {i});"},
    {"Set", "const s = new Set(); for (let i = 0; ; i++) s.add('k' + i);"},
    {"properties", "const o = {}; for (let i = 0; ; i++) o['k' + i] = i;"},
    {"bigints", "const a = []; for (let i = 1n; ; i++) a.push(i << 500n);"},
    {"small typed arrays", "const a = []; for (;;) a.push(new Uint8Array(32));"},
    {"symbols", "const a = []; for (;;) a.push(Symbol('s'));"},
    {"promises", "const a = []; for (;;) a.push(Promise.resolve().then(() => a));"},
    {"microtasks",
     "const p = () => { Promise.resolve().then(p); Promise.resolve().then(p); }; p();"},
    {"generators",
     "const a = []; function* g() { yield a; } for (;;) { const x = g(); x.next(); "
     "a.push(x); }"},
    {"recursion of an asynchronous function",
     "const f = async () => { const kept = new Array(100).fill(0.5); await f2(); return kept; }; "
     "const f2 = async () => { await null; await f(); }; return f();"},
    {"getter in the reply", "return {get a() { const a = []; for (;;) a.push({a}); }};"},
    {"module's state", "for (;;) kept.push({kept});"},
};

class HeapLimitTest : public TenantTest {
 protected:
  static EngineOptions Small() {
    EngineOptions options = Patient();
    options.heap_limit_mb = 16;
    return options;
  }
  HeapLimitTest() : TenantTest(Small()) {}
};

TEST_F(HeapLimitTest, FailsTheCallAlone) {
  Tenant other(&engine_);
  other.MustLoad("let n = 0; export const f = () => ++n;");
  int other_calls = 0;
  tenant_.Set("k", "kept");
  for (const auto& [name, body] : kGreedy) {
    SCOPED_TRACE(name);
    tenant_.MustLoad(
        "const kept = []; let calls = 0;\n"
        "export function f() { HTSet('k', new Uint8Array(9)); " +
        std::string(body) + " }\nexport const next = () => [++calls, HTLength('k')];");
    EXPECT_EQ(tenant_.ShowCall("next"), "[1, 4]");
    EXPECT_EQ(tenant_.ShowCall("f"), kHeapError);
    EXPECT_EQ(tenant_.Get("k"), "kept");
    // The heap was given up, so the library starts anew.
    EXPECT_EQ(tenant_.ShowCall("next"), "[1, 4]");
    EXPECT_EQ(tenant_.ShowCall("next"), "[2, 4]");
    EXPECT_LT(tenant_.host().heap_used_bytes(), 8u << 20);
    EXPECT_EQ(other.ShowCall("f"), std::to_string(++other_calls));
  }
}

TEST_F(HeapLimitTest, CannotBeCaught) {
  tenant_.MustLoad(
      "export function f() { for (;;) { try { const a = []; for (;;) a.push({a}); } catch {} } }\n"
      "export const next = () => 1;");
  EXPECT_EQ(tenant_.ShowCall("f"), kHeapError);
  EXPECT_EQ(tenant_.ShowCall("next"), "1");
}

TEST_F(HeapLimitTest, FailsTheLoadAlone) {
  tenant_.MustLoad("let n = 0; export const f = () => ++n;");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(tenant_.Load("const a = []; for (;;) a.push({a}); export const f = () => 'new';"),
              "!ERR library used up its tenant's JavaScript heap of 16 MB");
    EXPECT_EQ(tenant_.host().libraries().size(), 1u);
    EXPECT_EQ(tenant_.ShowCall("f"), "1");
  }
}

TEST_F(HeapLimitTest, BringsEveryLibraryBack) {
  ASSERT_EQ(Show(tenant_.host().Load(Library("a", "export const fa = () => 'a';"), false)),
            "\"a\"");
  ASSERT_EQ(Show(tenant_.host().Load(
                Library("b", "export const grow = () => { const a = []; for (;;) a.push({a}); };"),
                false)),
            "\"b\"");
  ASSERT_EQ(Show(tenant_.host().Load(
                Library("c", "export const fc = () => { throw new Error('c'); };"), false)),
            "\"c\"");
  EXPECT_EQ(tenant_.ShowCall("grow"), kHeapError);
  EXPECT_EQ(tenant_.host().libraries().size(), 3u);
  EXPECT_EQ(tenant_.ShowCall("fa"), "\"a\"");
  EXPECT_EQ(tenant_.ShowCall("fc"), "!ERR Error: c at c:3:27");
  EXPECT_EQ(tenant_.ShowCall("grow"), kHeapError);
}

TEST_F(HeapLimitTest, CopesWithALibraryThatIsAnotherOneTheSecondTime) {
  // What it exports depends on the store, and on this load it has lost the function that is called.
  constexpr char kCode[] =
      "const there = HTHas('k');\n"
      "export const f = there ? () => 'there' : 1;\n"
      "export const grow = () => { const a = []; for (;;) a.push({a}); };\n";
  tenant_.Set("k", "x");
  tenant_.MustLoad(kCode);
  EXPECT_EQ(tenant_.ShowCall("f"), "\"there\"");
  EXPECT_TRUE(tenant_.store().Delete(store::KeyOf("k")));
  EXPECT_EQ(tenant_.ShowCall("f"), "\"there\"");
  EXPECT_EQ(tenant_.ShowCall("grow"), kHeapError);
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Function not found");
  EXPECT_EQ(tenant_.ShowCall("grow"), kHeapError);
}

TEST_F(HeapLimitTest, SaysWhyALibraryDoesNotComeBack) {
  tenant_.Set("k", "x");
  tenant_.MustLoad(
      "if (!HTHas('k')) throw new Error('no k');\n"
      "export const grow = () => { const a = []; for (;;) a.push({a}); };\n");
  EXPECT_TRUE(tenant_.store().Delete(store::KeyOf("k")));
  EXPECT_EQ(tenant_.ShowCall("grow"), kHeapError);
  EXPECT_EQ(tenant_.ShowCall("grow"), "!ERR Error: no k at lib:3:24");
  // It can be put right.
  tenant_.Set("k", "x");
  EXPECT_EQ(tenant_.ShowCall("grow"), kHeapError);
  EXPECT_TRUE(tenant_.host().Delete("lib"));
  tenant_.MustLoad("export const f = () => 1;");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
}

TEST_F(HeapLimitTest, BoundsArrayBuffersToo) {
  tenant_.Set("k", "kept");
  tenant_.MustLoad(
      "let kept;\n"
      "export function grow(_, [size]) { HTSet('k', new Uint8Array(1)); const a = []; "
      "for (;;) a.push(new ArrayBuffer(+size)); }\n"
      "export function count(_, [size]) { const a = []; try { for (;;) a.push(new "
      "Uint8Array(+size)); } catch (e) { return [e.name, a.length]; } }\n"
      "export const one = (_, [size]) => { kept = new ArrayBuffer(+size); return "
      "kept.byteLength; };\n"
      "export const next = () => HTLength('k');");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(tenant_.ShowCall("count", {}, {"1048576"}), "[\"RangeError\", 16]");
    EXPECT_EQ(tenant_.ShowCall("count", {}, {"9000000"}), "[\"RangeError\", 1]");
    EXPECT_EQ(tenant_.ShowCall("count", {}, {"17000000"}), "[\"RangeError\", 0]");
    EXPECT_EQ(tenant_.ShowCall("grow", {}, {"1048576"}),
              "!ERR RangeError: Array buffer allocation failed at lib:4:96");
    EXPECT_EQ(tenant_.ShowCall("grow", {}, {"9007199254740991"}),
              "!ERR RangeError: Array buffer allocation failed at lib:4:96");
    EXPECT_EQ(tenant_.Get("k"), "kept");
    // What they took is free again.
    EXPECT_EQ(tenant_.ShowCall("one", {}, {"16000000"}), "16000000");
    EXPECT_EQ(tenant_.ShowCall("one", {}, {"0"}), "0");
    EXPECT_EQ(tenant_.ShowCall("next"), "4");
  }
  // Small ones: many of them cost V8's heap before they cost the bound.
  EXPECT_THAT(tenant_.ShowCall("grow", {}, {"100"}), StartsWith("!ERR "));
  EXPECT_EQ(tenant_.ShowCall("next"), "4");
}

TEST_F(HeapLimitTest, FreesTheBuffersThatAreGarbage) {
  tenant_.MustLoad(
      "export function f() { let sum = 0; for (let i = 0; i < 2000; i++) sum += new "
      "Uint8Array(1 << 20).length; return sum; }");
  EXPECT_EQ(tenant_.ShowCall("f"), "2097152000");
}

TEST(HeapLimit, FreesTheBuffersOfTheComparisonCallback) {
  EngineOptions options = Patient();
  options.heap_limit_mb = 16;
  options.callback_builtins = true;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.Set("k", std::string(1 << 20, 'x'));
  ASSERT_EQ(Show(tenant.host().Load(
                "#!js name=a\nimport {DBGet} from 'shredder:store';\n"
                "export function f() { let sum = 0; for (let i = 0; i < 500; i++) sum += "
                "DBGet('k').byteLength; return sum; }\n"
                "export function keep() { const a = []; for (;;) a.push(DBGet('k')); }",
                false)),
            "\"a\"");
  EXPECT_EQ(tenant.ShowCall("f"), "524288000");
  EXPECT_EQ(tenant.ShowCall("keep"), "!ERR RangeError: Array buffer allocation failed at a:4:56");
  EXPECT_EQ(tenant.ShowCall("f"), "524288000");
}

TEST(HeapLimit, LeavesRoomInTheSmallestHeap) {
  EngineOptions options = Patient();
  options.heap_limit_mb = 8;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad(
      "export const f = () => new Array(100_000).fill(0.5).length;\n"
      "export const grow = () => { const a = []; for (;;) a.push({a}); };");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(tenant.ShowCall("f"), "100000");
    EXPECT_THAT(tenant.ShowCall("grow"), StartsWith("!ERR function used up"));
  }
}

// --- The stack -----------------------------------------------------------------------------------

TEST_F(HeapLimitTest, MakesARangeErrorOfAStackOverflow) {
  constexpr char kOverflow[] = "!ERR RangeError: Maximum call stack size exceeded";
  for (const char* body : {
           "(function f() { f(); })();",
           "(function f() { [1].map(f); })();",
           "(function f() { 'a'.replace(/a/, f); })();",
           "const o = {get a() { return o.a; }}; o.a;",
           "return {toString() { return '' + this; }} + '';",
           "let p = {}; for (let i = 0; i < 50_000; i++) p = new Proxy(p, {}); p.x;",
           "let a = []; for (let i = 0; i < 200_000; i++) a = [a]; a.flat(Infinity);",
           "let a = []; for (let i = 0; i < 200_000; i++) a = [a]; JSON.stringify(a);",
           "let a = []; for (let i = 0; i < 200_000; i++) a = [a]; `${a}`;",
           "JSON.parse('[1]', function f() { return JSON.parse('[1]', f); });",
           "new (class A { constructor() { new A(); } })();",
           "return new Proxy({}, {ownKeys: function f() { return f(); }});",
       }) {
    tenant_.MustLoad("export function f() { " + std::string(body) +
                     " }\nexport const next = () => 1;");
    EXPECT_THAT(tenant_.ShowCall("f"), StartsWith(kOverflow)) << body;
    EXPECT_EQ(tenant_.ShowCall("next"), "1");
  }
}

TEST_F(HeapLimitTest, LetsAFunctionCatchItsStackOverflow) {
  tenant_.MustLoad(
      "export function f() { let depth = 0; const g = () => { depth++; g(); }; "
      "try { g(); } catch (e) { HTSet('k', new Uint8Array([65])); return [e.name, depth > 1000]; "
      "} }");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(tenant_.ShowCall("f"), "[\"RangeError\", true]");
  }
  EXPECT_EQ(tenant_.Get("k"), "A");
}

}  // namespace
}  // namespace shredder::engine
