// Tenants that share an isolate, each with a context of its own: what one does to its globals, its
// microtasks and its store is its own, in optimised code too; what it does to the heap is
// everybody's, and is got over.
#include <unordered_map>

#include "builtins-csa/builtins/store_context.h"
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/tenant_context.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kFullHeap[] =
    "!ERR function used up the JavaScript heap of 16 MB that its tenant shares, its writes are "
    "undone";

EngineOptions Sharing() {
  EngineOptions options = Patient();
  options.heap_limit_mb = 16;
  options.shares_isolate = true;
  return options;
}

class ContextIsolationTest : public testing::Test {
 protected:
  explicit ContextIsolationTest(const EngineOptions& options = Sharing())
      : options_(options), engine_(options), a_(&engine_), b_(&engine_) {}

  void LoadBoth(std::string_view code) {
    a_.MustLoad(code);
    b_.MustLoad(code);
    ASSERT_EQ(engine_.isolate_count(), 1u);
  }

  EngineOptions options_;
  Engine engine_;
  Tenant a_;
  Tenant b_;
};

TEST_F(ContextIsolationTest, TenantsOfOneIsolateHaveGlobalsOfTheirOwn) {
  a_.Set("k", "value");
  b_.Set("k", "value");
  // The same text, of which V8 keeps the code once.
  LoadBoth(R"js(
const places = [
  globalThis, Object.prototype, Array.prototype, Function.prototype, Symbol.prototype, Math, JSON,
  Reflect, Error, Promise.prototype, RegExp, Object.getPrototypeOf(Uint8Array),
  Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(function* () {}),
  Object.getPrototypeOf(async () => {}), HTGet, HTSet, HTScan, Object.getPrototypeOf(HTView('k')),
];
const tag = (strings) => strings;
const template = () => tag`text`;
export function poison() {
  for (const place of places) place.planted = 1;
  Array.prototype.map = null;
  Error.stackTraceLimit = 0;
  Error.prepareStackTrace = () => 'planted';
  Object(Symbol.for('shared')).planted = 1;
  /(planted)/.exec('planted');
  try { template().planted = 1; } catch {}
  Object.defineProperty(Promise.prototype, 'then', {value: null});
  return look();
}
export function look() {
  return [places.filter((place) => Object.hasOwn(place, 'planted')).length, typeof [].map,
          typeof new Error('x').stack, String(new Error('x').stack).includes('look'),
          Symbol.for('shared').planted ?? 'none', RegExp.$1, template().planted ?? 'none',
          typeof Promise.prototype.then];
}
)js");
  const std::string clean = a_.ShowCall("look");
  EXPECT_EQ(clean, "[0, \"function\", \"string\", true, \"none\", \"\", \"none\", \"function\"]");
  EXPECT_EQ(a_.ShowCall("poison"),
            "[19, \"object\", \"string\", false, 1, \"planted\", 1, \"object\"]");
  EXPECT_EQ(b_.ShowCall("look"), clean);
  Tenant c(&engine_);
  c.MustLoad("export const f = () => [typeof planted, typeof [].map, ({}).planted, RegExp.$1];");
  EXPECT_EQ(engine_.isolate_count(), 1u);
  EXPECT_EQ(c.ShowCall("f"), "[\"undefined\", \"function\", null, \"\"]");
}

TEST_F(ContextIsolationTest, NamesTheErrorsOfEachByItsOwnSource) {
  LoadBoth("export const f = () => { throw new Error('of mine'); };");
  b_.MustLoad("\n\nexport const f = () => { throw new Error('of mine'); };");
  EXPECT_EQ(a_.ShowCall("f"), "!ERR Error: of mine at lib:3:26");
  EXPECT_EQ(b_.ShowCall("f"), "!ERR Error: of mine at lib:5:26");
}

// --- Stores --------------------------------------------------------------------------------------

constexpr char kLookups[] = R"js(
const into = new Uint32Array(1);
const byConstant = () => HTGetUint32('constant', 0);
const byInteger = (n) => HTGetUint32(n, 0);
const byString = (s) => { HTGet(s, into); return into[0]; };
const byView = (s) => { const view = HTView(s); return view ? view.getUint32(0, true) : 0; };
const exists = (s) => HTHas(s) ? 1 : 0;
const write = (s, n) => { into[0] = n; HTSet(s, into); };
const count = (s) => HTAdd(s, 1);
const all = [byConstant, byInteger, byString, byView, exists, write, count];

function each(key) {
  return [byConstant(), byInteger(7), byString(key), byView(key), exists(key)].join();
}
export const read = (_, [key]) => each(key);
export function change(_, [key, n]) { write(key, Number(n)); return count('counter'); }
export function optimise(_, [key]) {
  for (const f of all) %PrepareFunctionForOptimization(f);
  for (let i = 0; i < 3; i++) { each(key); write('w', 1); count('c'); }
  for (const f of all) %OptimizeFunctionOnNextCall(f);
  each(key); write('w', 1); count('c');
  return optimised();
}
export const optimised = () => all.filter((f) => (%GetOptimizationStatus(f) & 16) !== 0).length;
export function sum(_, [times]) {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += HTGetUint32('constant', 0) + HTView('k').getUint8(0);
  return sum;
}
// Keys of kinds that the code was not made for.
export const deoptimise = () => { byInteger('seven'); byInteger(1.5e9); byString(7); return 1; };
)js";

class ContextStoresTest : public ContextIsolationTest {
 protected:
  ContextStoresTest() {
    Fill(a_, 1);
    Fill(b_, 2);
    LoadBoth(kLookups);
  }
  static void Fill(Tenant& tenant, char n) {
    const std::string value{n, 0, 0, 0};
    for (const char* key : {"constant", "7", "k", "seven"}) tenant.Set(key, value);
  }
  void ExpectOwnKeys() {
    EXPECT_EQ(a_.ShowCall("read", {}, {"k"}), "\"1,1,1,1,1\"");
    EXPECT_EQ(b_.ShowCall("read", {}, {"k"}), "\"2,2,2,2,1\"");
  }
};

TEST_F(ContextStoresTest, EachReadsItsOwnInterpretedOptimisedAndDeoptimised) {
  ExpectOwnKeys();
  EXPECT_EQ(a_.ShowCall("optimise", {}, {"k"}), "7");
  // Code of one context is none of another's.
  EXPECT_EQ(b_.ShowCall("optimised"), "0");
  ExpectOwnKeys();
  EXPECT_EQ(b_.ShowCall("optimise", {}, {"k"}), "7");
  for (int i = 0; i < 100; ++i) ExpectOwnKeys();
  EXPECT_EQ(a_.ShowCall("optimised"), "7");
  EXPECT_EQ(b_.ShowCall("optimised"), "7");
  EXPECT_EQ(b_.ShowCall("deoptimise"), "1");
  if (InlinesLookups()) EXPECT_NE(b_.ShowCall("optimised"), "7");
  ExpectOwnKeys();
  EXPECT_EQ(a_.ShowCall("optimised"), "7");
  EXPECT_EQ(b_.ShowCall("optimise", {}, {"k"}), "7");
  ExpectOwnKeys();
}

TEST_F(ContextStoresTest, EachReadsItsOwnInALoopThatIsOptimisedWhileItRuns) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(a_.ShowCall("sum", {}, {"300000"}), "600000");
    EXPECT_EQ(b_.ShowCall("sum", {}, {"300000"}), "1200000");
  }
}

TEST_F(ContextStoresTest, EachWritesItsOwnInterpretedAndOptimised) {
  for (int round = 1; round <= 3; ++round) {
    EXPECT_EQ(a_.ShowCall("change", {}, {"only-a", "5"}), std::to_string(round));
    EXPECT_EQ(b_.Get("only-a"), "(absent)");
    for (Tenant* tenant : {&a_, &b_}) {
      EXPECT_EQ(tenant->ShowCall("optimise", {}, {"k"}), "7");
    }
  }
  EXPECT_EQ(b_.ShowCall("change", {}, {"only-b", "6"}), "1");
  EXPECT_EQ(a_.ShowCall("change", {}, {"constant", "9"}), "4");
  EXPECT_EQ(a_.ShowCall("read", {}, {"k"}), "\"9,1,1,1,1\"");
  EXPECT_EQ(b_.ShowCall("read", {}, {"k"}), "\"2,2,2,2,1\"");
  EXPECT_EQ(a_.Get("only-b"), "(absent)");
}

TEST_F(ContextStoresTest, AContextThatIsMadeAnewIsOnTheSameStore) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(a_.ShowCall("optimise", {}, {"k"}), "7");
    EXPECT_EQ(b_.ShowCall("optimise", {}, {"k"}), "7");
    a_.host().GiveUp();
    ExpectOwnKeys();
    EXPECT_EQ(a_.ShowCall("optimised"), "0");
    EXPECT_EQ(b_.ShowCall("optimised"), "7");
  }
}

TEST_F(ContextStoresTest, EachTimesOutAlone) {
  a_.store().SetNow(kNowMs);
  b_.store().SetNow(kNowMs);
  ASSERT_EQ(a_.store().Set(store::KeyOf("k"), "gone", store::Expiry::At(kNowMs + 1)),
            store::WriteStatus::kOk);
  a_.ShowCall("optimise", {}, {"k"});
  b_.ShowCall("optimise", {}, {"k"});
  a_.store().SetNow(kNowMs + 1);
  EXPECT_THAT(a_.ShowCall("read", {}, {"k"}), HasSubstr(",0,0\""));
  EXPECT_EQ(b_.ShowCall("read", {}, {"k"}), "\"2,2,2,2,1\"");
}

// --- The ends of calls ---------------------------------------------------------------------------

class ContextDeadlineTest : public ContextIsolationTest {
 protected:
  static EngineOptions Short() {
    EngineOptions options = Sharing();
    options.deadline_ms = 20;
    options.wall_deadline_ms = 60'000;
    return options;
  }
  ContextDeadlineTest() : ContextIsolationTest(Short()) {
    LoadBoth(
        "let calls = 0;\n"
        "export const next = () => ++calls;\n"
        "export const loop = () => { for (;;) calls = 100; };\n"
        "export function chain() {\n"
        "  const again = () => { HTSet('ran', new Uint8Array(1)); Promise.resolve().then(again); "
        "};\n"
        "  again();\n"
        "}\n"
        "export const later = async () => { await null; await null; return ++calls; };");
    EXPECT_EQ(a_.ShowCall("next"), "1");
    EXPECT_EQ(b_.ShowCall("next"), "1");
  }
};

TEST_F(ContextDeadlineTest, ADeadlineEndsTheCallAlone) {
  for (int round = 1; round <= 5; ++round) {
    EXPECT_THAT(a_.ShowCall("loop"), StartsWith("!ERR function was terminated after its deadline"));
    EXPECT_EQ(b_.ShowCall("next"), std::to_string(1 + round));
    EXPECT_EQ(a_.ShowCall("next"), "101");
  }
  EXPECT_EQ(engine_.isolate_count(), 1u);
}

TEST_F(ContextDeadlineTest, MicrotasksOfOneNeverRunInAnothersCall) {
  for (int round = 1; round <= 5; ++round) {
    EXPECT_THAT(a_.ShowCall("chain"),
                StartsWith("!ERR function was terminated after its deadline"));
    // Where they ran, this call would not end.
    EXPECT_EQ(b_.ShowCall("later"), std::to_string(1 + round));
    EXPECT_EQ(a_.Get("ran"), "(absent)");
    EXPECT_EQ(b_.Get("ran"), "(absent)");
    EXPECT_EQ(a_.ShowCall("later"), std::to_string(1 + round));
  }
}

// --- The heap ------------------------------------------------------------------------------------

constexpr char kGreedy[] =
    "let calls = 0, kept = [];\n"
    "export const next = () => ++calls;\n"
    "export const grow = () => { HTSet('k', new Uint8Array(9)); for (;;) kept.push({kept}); };\n"
    "export const keep = (_, [n]) => { kept.push(new ArrayBuffer(n << 20)); return kept.length; "
    "};\n"
    "export const waste = (_, [n]) => { for (let i = 0; i < 20; i++) new ArrayBuffer(n << 20); };";

TEST_F(ContextIsolationTest, AFullHeapEndsTheCallAndAllContextsComeBack) {
  LoadBoth(kGreedy);
  Tenant own(&engine_);
  HostLimits limits = Sharing();
  limits.shares_isolate = false;
  own.host().SetLimits(limits);
  own.MustLoad(kGreedy);
  EXPECT_EQ(engine_.isolate_count(), 2u);
  int own_calls = 0;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(a_.ShowCall("next"), "1");
    EXPECT_EQ(b_.ShowCall("next"), "1");
    EXPECT_EQ(own.ShowCall("next"), std::to_string(++own_calls));
    a_.Set("k", "kept");
    EXPECT_EQ(a_.ShowCall("grow"), kFullHeap);
    EXPECT_EQ(a_.Get("k"), "kept");
    EXPECT_FALSE(a_.host().has_isolate());
    EXPECT_FALSE(b_.host().has_isolate());
    EXPECT_EQ(engine_.isolate_count(), 1u);
  }
  EXPECT_EQ(b_.ShowCall("next"), "1");
  EXPECT_EQ(a_.ShowCall("next"), "1");
  EXPECT_EQ(engine_.isolate_count(), 2u);
  EXPECT_LT(a_.host().heap_used_bytes(), 8u << 20);
}

TEST_F(ContextIsolationTest, AFullHeapAtALoadEndsTheLoadAndAllContextsComeBack) {
  LoadBoth(kGreedy);
  EXPECT_EQ(b_.ShowCall("next"), "1");
  EXPECT_EQ(a_.Load("const a = []; for (;;) a.push({a}); export const f = () => 'new';"),
            "!ERR library used up the JavaScript heap of 16 MB that its tenant shares");
  EXPECT_EQ(b_.ShowCall("next"), "1");
  EXPECT_EQ(a_.ShowCall("next"), "1");
}

TEST_F(ContextIsolationTest, ArrayBuffersThatOneKeepsAreGivenUpOnceAnotherLacksThem) {
  LoadBoth(kGreedy);
  EXPECT_EQ(a_.ShowCall("keep", {}, {"10"}), "1");
  EXPECT_EQ(b_.ShowCall("next"), "1");
  EXPECT_THAT(b_.ShowCall("keep", {}, {"10"}),
              StartsWith("!ERR RangeError: Array buffer allocation failed"));
  EXPECT_EQ(b_.ShowCall("keep", {}, {"10"}), "1");
  EXPECT_EQ(b_.ShowCall("next"), "1");
  EXPECT_EQ(a_.ShowCall("next"), "1");
}

TEST_F(ContextIsolationTest, ArrayBuffersThatNeverFitOrThatAreGarbageEndNothing) {
  LoadBoth(kGreedy);
  EXPECT_EQ(b_.ShowCall("next"), "1");
  EXPECT_THAT(a_.ShowCall("keep", {}, {"17"}), StartsWith("!ERR RangeError: "));
  EXPECT_EQ(a_.ShowCall("waste", {}, {"7"}), "null");
  EXPECT_EQ(b_.ShowCall("next"), "2");
}

// --- Isolates and their tenants ------------------------------------------------------------------

using Tenants = std::vector<std::unique_ptr<Tenant>>;

constexpr char kCounter[] = "let n = 0; export const f = () => ++n;";

Tenants MakeTenants(Engine* engine, int count) {
  Tenants tenants;
  for (int i = 0; i < count; ++i) {
    tenants.push_back(std::make_unique<Tenant>(engine, 1 << 20));
    tenants.back()->MustLoad(kCounter);
  }
  return tenants;
}

TEST_F(ContextIsolationTest, ATenantThatIsDroppedLeavesTheOthersAsTheyAre) {
  Tenants tenants = MakeTenants(&engine_, 12);
  int calls = 0;
  for (size_t last = tenants.size(); last-- > 1;) {
    tenants.erase(tenants.begin() + static_cast<ptrdiff_t>(last / 2));
    ++calls;
    for (const auto& tenant : tenants) EXPECT_EQ(tenant->ShowCall("f"), std::to_string(calls));
    EXPECT_EQ(engine_.isolate_count(), 1u);
  }
  tenants.clear();
  EXPECT_EQ(engine_.isolate_count(), 0u);
}

TEST_F(ContextIsolationTest, WhatIsCompiledInTheBackgroundReadsNoStoreThatIsGone) {
  a_.MustLoad(kCounter);
  // A V8 that checks itself takes minutes to do so with the registers of many.
#ifdef DEBUG
  constexpr int kLookups = 40;
#else
  constexpr int kLookups = 300;
#endif
  // Constant keys are hashed with the store's seeds while code is made.
  std::string code = "let sum = 0;\nfunction hot() {\n";
  for (int i = 0; i < kLookups; ++i)
    code += "  sum += HTLength('key of mine " + std::to_string(i) + "');\n";
  code +=
      "  return sum;\n}\n"
      "export function start() {\n"
      "  %PrepareFunctionForOptimization(hot); hot(); hot();\n"
      "  %OptimizeFunctionOnNextCall(hot, 'concurrent'); hot(); return 'begun';\n}";
  for (int round = 0; round < 10; ++round) {
    Tenant tenant(&engine_);
    tenant.MustLoad(code);
    EXPECT_EQ(tenant.ShowCall("start"), "\"begun\"");
    EXPECT_EQ(engine_.isolate_count(), 1u);
    // With its store, which is unmapped.
  }
  EXPECT_EQ(a_.ShowCall("f"), "1");
}

TEST_F(ContextIsolationTest, AnIsolateHasBoundedContexts) {
  // One for each MiB of the heap's limit.
  const Tenants tenants = MakeTenants(&engine_, 17);
  EXPECT_EQ(engine_.isolate_count(), 2u);
  for (const auto& tenant : tenants) EXPECT_EQ(tenant->ShowCall("f"), "1");
}

TEST_F(ContextIsolationTest, AHeapThatIsHalfFullGetsNoMoreContexts) {
  a_.MustLoad(kGreedy);
  EXPECT_EQ(a_.ShowCall("keep", {}, {"9"}), "1");
  b_.MustLoad(kGreedy);
  EXPECT_EQ(engine_.isolate_count(), 2u);
}

TEST_F(ContextIsolationTest, TooManyIsolatesGiveUpContextsUntilOneIsGone) {
  options_.max_isolates = 2;
  options_.heap_limit_mb = 8;
  Engine engine(options_);
  const Tenants tenants = MakeTenants(&engine, 16);
  EXPECT_EQ(engine.isolate_count(), 2u);
  Tenant more(&engine);
  more.MustLoad(kCounter);
  EXPECT_EQ(engine.isolate_count(), 2u);
  EXPECT_FALSE(tenants[7]->host().has_isolate());
  EXPECT_TRUE(tenants[8]->host().has_isolate());
  for (const auto& tenant : tenants) EXPECT_EQ(tenant->ShowCall("f"), "1");
}

TEST_F(ContextIsolationTest, ChangesTheStrengthOfATenantAtAnyTime) {
  LoadBoth(kCounter);
  a_.Set("k", "kept");
  HostLimits limits = options_;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(a_.ShowCall("f"), "1");
    EXPECT_EQ(a_.ShowCall("f"), "2");
    EXPECT_EQ(b_.ShowCall("f"), std::to_string(round + 1));
    limits.shares_isolate = !limits.shares_isolate;
    a_.host().SetLimits(limits);
    EXPECT_FALSE(a_.host().has_isolate());
    EXPECT_EQ(a_.ShowCall("f"), "1");
    EXPECT_EQ(engine_.isolate_count(), limits.shares_isolate ? 1u : 2u);
    a_.host().SetLimits(limits);
    EXPECT_TRUE(a_.host().has_isolate());
    a_.host().GiveUp();
  }
  EXPECT_EQ(a_.Get("k"), "kept");
}

TEST_F(ContextIsolationTest, GivesUpIdleContextsAndAnIsolateWithItsLast) {
  options_.idle_after_ms = 1000;
  Engine engine(options_);
  engine.Tick(5000);
  Tenants tenants = MakeTenants(&engine, 16);
  const uint64_t full = tenants[0]->host().heap_used_bytes();
  engine.Tick(5500);
  EXPECT_EQ(tenants[0]->ShowCall("f"), "1");
  for (int tick = 0; tick < 50; ++tick) engine.Tick(6000);
  EXPECT_EQ(tenants[0]->ShowCall("f"), "2");
  EXPECT_EQ(engine.isolate_count(), 1u);
  for (size_t i = 1; i < tenants.size(); ++i) EXPECT_FALSE(tenants[i]->host().has_isolate()) << i;
  // What they have left is collected.
  EXPECT_LT(tenants[0]->host().heap_used_bytes(), full / 2);
  for (int tick = 0; tick < 50; ++tick) engine.Tick(8000);
  EXPECT_EQ(engine.isolate_count(), 0u);
  for (const auto& tenant : tenants) EXPECT_EQ(tenant->ShowCall("f"), "1");
}

TEST(ContextIsolation, LetsAContextGoWhileAnotherOfItsIsolateRuns) {
  EngineOptions options = Sharing();
  std::unique_ptr<Tenant> b, c;
  int yields = 0;
  options.on_yield = [&] {
    if (++yields == 1) b->host().GiveUp();
    if (yields == 2) c.reset();
  };
  Engine engine(options);
  Tenant a(&engine);
  b = std::make_unique<Tenant>(&engine);
  c = std::make_unique<Tenant>(&engine);
  for (Tenant* tenant : {&a, b.get(), c.get()}) {
    tenant->MustLoad(
        "let n = 0; export const f = () => ++n;\n"
        "export function busy(_, [rounds]) {\n"
        "  let made = [];\n"
        "  for (let i = 0; i < Number(rounds); i++) {\n"
        "    made.push({i}); if (made.length > 1000) made = [];\n"
        "  }\n"
        "  return f();\n}");
    EXPECT_EQ(tenant->ShowCall("f"), "1");
  }
  EXPECT_EQ(engine.isolate_count(), 1u);
  int calls = 1;
  while (c != nullptr) EXPECT_EQ(a.ShowCall("busy", {}, {"1000000"}), std::to_string(++calls));
  EXPECT_EQ(b->ShowCall("f"), "1");
  EXPECT_EQ(engine.isolate_count(), 1u);
  b.reset();
}

// --- What V8 makes for each context --------------------------------------------------------------

class TwoContexts : public testing::Test {
 protected:
  TwoContexts() : heap_(std::make_shared<TenantIsolate>(64)), scope_(heap_->isolate()) {
    for (auto& side : {&a_, &b_}) {
      side->store = store::NewStore(1 << 20, 1);
      EXPECT_EQ(side->store->Set(store::KeyOf("k"), "value"), store::WriteStatus::kOk);
      side->context = TenantContext::Make(heap_, /*callback_builtins=*/true);
      side->context->AttachStore(side->store.get(), nullptr, {}, nullptr);
    }
  }

  struct Side {
    std::unique_ptr<store::Store> store;
    std::unique_ptr<TenantContext> context;
  };

  // What the function that `source` is returns for the exports of shredder:store.
  v8::Local<v8::Value> Run(const Side& side, const char* source) {
    v8::Isolate* isolate = heap_->isolate();
    v8::EscapableHandleScope scope(isolate);
    const v8::Local<v8::Context> context = side.context->context();
    v8::Context::Scope context_scope(context);
    const v8::Local<v8::Value> function = v8::Script::Compile(context, AsciiString(isolate, source))
                                              .ToLocalChecked()
                                              ->Run(context)
                                              .ToLocalChecked();
    v8::Local<v8::Value> exports = context->GetEmbedderData(kExportsEmbedderDataIndex);
    return scope.Escape(function.As<v8::Function>()
                            ->Call(context, v8::Undefined(isolate), 1, &exports)
                            .ToLocalChecked());
  }

  const std::shared_ptr<TenantIsolate> heap_;
  const v8::Isolate::Scope scope_;
  Side a_;
  Side b_;
};

// Every object that is reached from the globals, from the module and from what syntax makes, by
// properties, accessors and prototypes.
constexpr char kWalk[] = R"js((function (store) {
  const seen = new Set(), left = [];
  const add = (value) => {
    if (Object(value) !== value || seen.has(value)) return;
    seen.add(value);
    left.push(value);
  };
  const tag = (strings) => strings;
  const promise = Promise.resolve();
  function sloppy() { return arguments; }
  function strict() { 'use strict'; return arguments; }
  class Private { static #hidden = {}; static { add(Private.#hidden); } }
  [globalThis, store, store.HTView('k'), function* () {}, (function* () {})(), async () => {},
   async function* () {}, (async function* () {})(), [][Symbol.iterator](), ''[Symbol.iterator](),
   new Map().entries(), new Set().values(), 'a'.matchAll(/a/g), /a/d.exec('a'), promise, tag`text`,
   tag`text`.raw, sloppy(1), strict(1), Private, new Proxy({}, {}), Proxy.revocable({}, {}),
   Object(Symbol.for('shared')), Object(Symbol.iterator), Object(1n), new Error('x'),
   JSON.parse('{"a": [1]}'), [1, 2, 3], {a: {b: 1}}, Object.freeze([]), new Uint8Array(1),
   new DataView(new ArrayBuffer(1)), new WeakMap(), new Date(0), sloppy.bind(), 'a,b'.split(','),
   Object.entries({a: 1}), new (class extends Array {})(), Reflect.ownKeys({a: 1}),
  ].forEach(add);
  try { null.x; } catch (error) { add(error); }
  while (left.length > 0) {
    const object = left.pop();
    add(Reflect.getPrototypeOf(object));
    for (const key of Reflect.ownKeys(object)) {
      const {value, get, set} = Reflect.getOwnPropertyDescriptor(object, key);
      [value, get, set].forEach(add);
    }
  }
  return [...seen];
}))js";

TEST_F(TwoContexts, ShareNoObject) {
  const v8::HandleScope handles(heap_->isolate());
  // The same source: V8 compiles it once for both.
  const auto of_a = Run(a_, kWalk).As<v8::Array>();
  const auto of_b = Run(b_, kWalk).As<v8::Array>();
  EXPECT_GT(of_a->Length(), 600u);
  EXPECT_EQ(of_a->Length(), of_b->Length());
  const auto object_at = [](const Side& side, v8::Local<v8::Array> array, uint32_t i) {
    return array->Get(side.context->context(), i).ToLocalChecked().As<v8::Object>();
  };
  std::unordered_multimap<int, v8::Local<v8::Object>> by_hash;
  for (uint32_t i = 0; i < of_a->Length(); ++i) {
    const v8::Local<v8::Object> object = object_at(a_, of_a, i);
    by_hash.emplace(object->GetIdentityHash(), object);
  }
  for (uint32_t i = 0; i < of_b->Length(); ++i) {
    const v8::Local<v8::Object> object = object_at(b_, of_b, i);
    const auto [begin, end] = by_hash.equal_range(object->GetIdentityHash());
    for (auto other = begin; other != end; ++other) {
      EXPECT_FALSE(other->second == object) << Utf8(heap_->isolate(), object->GetConstructorName());
    }
  }
}

// The one thing that they share: a primitive, which nothing can be left in.
TEST_F(TwoContexts, ShareRegisteredSymbolsAlone) {
  const v8::HandleScope handles(heap_->isolate());
  constexpr char kRegistered[] = "(() => Symbol.for('shared'))";
  constexpr char kOther[] = "(() => Symbol('shared'))";
  EXPECT_TRUE(Run(a_, kRegistered) == Run(b_, kRegistered));
  EXPECT_FALSE(Run(a_, kOther) == Run(b_, kOther));
  constexpr char kPlant[] =
      "(() => { 'use strict'; try { Symbol.for('shared').planted = {}; } catch (e) { return "
      "e.name; "
      "} })";
  EXPECT_EQ(Utf8(heap_->isolate(), Run(a_, kPlant).As<v8::String>()), "TypeError");
}

TEST_F(TwoContexts, HaveMicrotasksOfTheirOwn) {
  v8::Isolate* isolate = heap_->isolate();
  const v8::HandleScope handles(isolate);
  constexpr char kEnqueue[] = "(() => { Promise.resolve().then(() => { globalThis.ran = 1; }); })";
  constexpr char kRan[] = "(() => globalThis.ran === 1)";
  const auto checkpoint = [&](const Side& side) {
    side.context->context()->GetMicrotaskQueue()->PerformCheckpoint(isolate);
  };
  Run(a_, kEnqueue);
  checkpoint(b_);
  isolate->PerformMicrotaskCheckpoint();
  EXPECT_TRUE(Run(a_, kRan)->IsFalse());
  Run(b_, kEnqueue);
  checkpoint(a_);
  EXPECT_TRUE(Run(a_, kRan)->IsTrue());
  EXPECT_TRUE(Run(b_, kRan)->IsFalse());
  // Those of a context that is gone are gone.
  a_.context.reset();
  checkpoint(b_);
  EXPECT_TRUE(Run(b_, kRan)->IsTrue());
}

}  // namespace
}  // namespace shredder::engine
