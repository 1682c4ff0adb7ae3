// What a tenant's code can reach: an allow-list of globals, no code from strings, nothing of other
// tenants.
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/tenant_isolate.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class IsolationTest : public TenantTest {
 protected:
  std::string Evaluate(const std::string& expression) {
    tenant_.MustLoad("export const f = () => { try { return " + expression +
                     "; } catch (e) { return 'caught ' + e.name; } };");
    return tenant_.ShowCall("f");
  }
};

TEST_F(IsolationTest, LeavesTheGlobalsOfAnAllowListOnly) {
  EXPECT_EQ(Evaluate("Reflect.ownKeys(globalThis).map(String).sort().join(' ')"),
            "\"AbortController AbortSignal AggregateError Array ArrayBuffer BigInt BigInt64Array "
            "BigUint64Array Boolean Crypto DOMException DataView Date Error EvalError Event "
            "EventTarget Float32Array Float64Array Function Infinity Int16Array Int32Array "
            "Int8Array Intl JSON Map Math NaN Number Object Performance Promise Proxy RangeError "
            "ReferenceError Reflect RegExp Set String Symbol SyntaxError TextDecoder TextEncoder "
            "TypeError URIError URL URLSearchParams Uint16Array Uint32Array Uint8Array "
            "Uint8ClampedArray WeakMap "
            "WeakSet WebAssembly atob btoa console crypto decodeURI decodeURIComponent encodeURI "
            "encodeURIComponent escape global globalThis isFinite isNaN parseFloat parseInt "
            "performance queueMicrotask self structuredClone undefined unescape\"");
  for (const char* name :
       {"eval", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "setTimeout",
        "require", "process", "fetch", "gc", "ShadowRealm", "Iterator", "HTGet", "DBGet"}) {
    EXPECT_EQ(Evaluate("'" + std::string(name) + "' in globalThis"), "false") << name;
  }
}

TEST_F(IsolationTest, MakesNoCodeFromStrings) {
  for (const char* expression : {
           "Function('return 1')()",
           "new Function('return 1')()",
           "(() => {}).constructor('return 1')()",
           "(async () => {}).constructor('return 1')()",
           "(function* () {}).constructor('return 1')()",
           "(async function* () {}).constructor('return 1')()",
           "Reflect.construct(Function, ['return 1'])()",
           "Reflect.apply(Function, null, ['return 1'])()",
           "new (class extends Function {})('return 1')()",
           "globalThis.constructor.constructor('return 1')()",
           "HTGet.constructor('return 1')()",
           "HTSet.constructor('return 1')()",
           "Function.bind(null, 'return 1')()()",
           "Function.prototype.constructor.call(null, 'return 1')()",
       }) {
    EXPECT_EQ(Evaluate(expression), "\"caught EvalError\"") << expression;
  }
  tenant_.MustLoad("export const f = () => Function('return 1')();");
  EXPECT_THAT(tenant_.ShowCall("f"),
              StartsWith("!ERR EvalError: Code cannot be made from strings in a function of the "
                         "store at lib:3:"));
  for (const char* expression : {"eval('1')", "(0, eval)('1')", "globalThis.eval('1')"}) {
    EXPECT_THAT(Evaluate(expression), StartsWith("\"caught ")) << expression;
  }
}

TEST_F(IsolationTest, MakesOrdinaryFunctionsOfAsmJs) {
  tenant_.MustLoad(
      "function module() { 'use asm'; function seven() { return 7; } return {seven: seven}; }\n"
      "export const f = () => [module().seven(), %IsAsmWasmCode(module)];");
  EXPECT_EQ(tenant_.ShowCall("f"), "[7, false]");
}

TEST_F(IsolationTest, ImportsNothingLater) {
  tenant_.MustLoad("export const f = async (_, [name]) => Object.keys(await import(name)).length;");
  for (const char* name : {"shredder:store", "lib", "fs", "data:text/javascript,1"}) {
    EXPECT_THAT(tenant_.ShowCall("f", {}, {name}), StartsWith("!ERR ")) << name;
  }
  EXPECT_EQ(Evaluate("JSON.stringify(Object.keys(import.meta))"), "\"[]\"");
}

TEST_F(IsolationTest, HasNoSharedOrResizableMemory) {
  EXPECT_EQ(Evaluate("new ArrayBuffer(8, {maxByteLength: 16}).resizable"), "null");
  for (const char* name : {"resize", "transfer", "maxByteLength"}) {
    EXPECT_EQ(Evaluate("'" + std::string(name) + "' in ArrayBuffer.prototype"), "false") << name;
  }
}

// Follows every property and prototype from the globals, from what syntax makes, and from what the
// store's builtins give: a constructor is no less dangerous for not having a global name.
TEST_F(IsolationTest, ReachesTheConstructorsOfItsGlobalsOnly) {
  tenant_.Set("k", "value");
  tenant_.MustLoad(
      "import * as store from 'shredder:store';\n"
      "const error = (() => { try { null.x; } catch (e) { return e; } })();\n"
      "const roots = [globalThis, store, import.meta, HTView('k'), error, function () {}, () => "
      "1,\n"
      "  async () => 1, function* () {}, async function* () {}, (function* () {})(),\n"
      "  (async function* () {})(), [][Symbol.iterator](), new Map().keys(), new Set().keys(),\n"
      "  ''[Symbol.iterator](), ''.matchAll(/x/g), ((...a) => a)``, class {}, /x/d.exec('x'),\n"
      "  (function () { return arguments; })(), 1n, Symbol(), Promise.resolve(), new Date(),\n"
      "  {async *[Symbol.asyncIterator]() {}}, new Proxy({}, {}), Proxy.revocable({}, {})];\n"
      "export function f() {\n"
      "  const seen = new Set(), left = [...roots, ...roots.map(Object)], names = new Set();\n"
      "  for (let o; left.length > 0;) {\n"
      "    o = left.pop();\n"
      "    if (Object(o) !== o || seen.has(o)) continue;\n"
      "    seen.add(o);\n"
      "    left.push(Reflect.getPrototypeOf(o));\n"
      "    for (const key of Reflect.ownKeys(o)) {\n"
      "      const d = Reflect.getOwnPropertyDescriptor(o, key);\n"
      "      left.push(d.value, d.get, d.set);\n"
      "      if (key === 'constructor' && typeof d.value === 'function') names.add(d.value.name);\n"
      "      if (key === Symbol.toStringTag) names.add(String(d.value ?? ''));\n"
      "    }\n"
      "  }\n"
      "  return [...names].sort().join(' ');\n"
      "}");
  EXPECT_EQ(
      tenant_.ShowCall("f"),
      "\" AbortController AbortSignal AggregateError Array Array Iterator ArrayBuffer "
      "AsyncFunction AsyncGenerator AsyncGeneratorFunction BigInt BigInt64Array "
      "BigUint64Array Boolean Collator CompileError Crypto DOMException DataView Date "
      "DateTimeFormat "
      "DisplayNames Error EvalError Event EventTarget Float32Array Float64Array "
      "Function Generator GeneratorFunction Global Instance Int16Array Int32Array Int8Array Intl "
      "Intl.Collator Intl.DateTimeFormat Intl.DisplayNames Intl.ListFormat Intl.Locale "
      "Intl.NumberFormat Intl.PluralRules Intl.RelativeTimeFormat Intl.Segmenter JSON "
      "LinkError ListFormat Locale Map Map Iterator Math Memory Module Number NumberFormat Object "
      "Performance PluralRules Promise RangeError ReferenceError Reflect RegExp RegExp "
      "String Iterator RelativeTimeFormat RuntimeError Segmenter Set Set Iterator StoreView String "
      "String Iterator Symbol SyntaxError Table TextDecoder TextEncoder TypeError TypedArray "
      "URIError URL URLSearchParams Uint16Array Uint32Array Uint8Array "
      "Uint8ClampedArray WeakMap WeakSet WebAssembly WebAssembly.Global "
      "WebAssembly.Instance WebAssembly.Memory WebAssembly.Module WebAssembly.Table\"");
}

// Where all had the seed of the snapshot that they are made from, a tenant could find names that
// collide in another's tables.
TEST(Isolates, HashNamesWithSeedsOfTheirOwn) {
  std::set<int> hashes;
  for (int i = 0; i < 4; ++i) {
    const TenantIsolate heap(64);
    const v8::Isolate::Scope isolate_scope(heap.isolate());
    const v8::HandleScope scope(heap.isolate());
    hashes.insert(AsciiString(heap.isolate(), "name")->GetIdentityHash());
  }
  EXPECT_GT(hashes.size(), 1u);
}

// V8's own objects that are alike in all isolates, the code of its builtins first of all.
TEST(Isolates, ShareWhatNoneOfThemChanges) {
  const TenantIsolate first(64), second(64);
  EXPECT_LT(second.used_bytes(), 400u << 10);
}

uint64_t BytesRead() {
  std::ifstream io("/proc/self/io");
  std::string name;
  uint64_t bytes = 0;
  io >> name >> bytes;
  EXPECT_EQ(name, "rchar:");
  return bytes;
}

// The list of a process's mappings grows with its isolates.
TEST(Isolates, AreMadeWithoutReadingWhereOthersAre) {
#ifdef DEBUG
  GTEST_SKIP() << "a V8 that checks itself reads the list at every entry, for the stack's start";
#endif
  std::vector<std::unique_ptr<TenantIsolate>> isolates;
  for (int i = 0; i < 100; ++i) isolates.push_back(std::make_unique<TenantIsolate>(64));
  const uint64_t first = BytesRead();
  const uint64_t before = BytesRead();
  for (int i = 0; i < 100; ++i) {
    isolates[i].reset();
    isolates.push_back(std::make_unique<TenantIsolate>(64));
  }
  isolates.push_back(std::make_unique<TenantIsolate>(64));
  // But for the count itself.
  EXPECT_LE(BytesRead() - before, before - first + 16);
}

TEST_F(IsolationTest, ExportsTheStoresBuiltinsAsFixedFunctions) {
  constexpr char kNames[] =
      "[HTGet, HTLength, HTHas, HTGetUint32, HTGetFloat64, HTSet, HTDelete, HTGetString, "
      "HTAppend, HTExpire, HTTtl]";
  EXPECT_EQ(Evaluate(std::string(kNames) + ".map((f) => f.name + '/' + f.length).join(' ')"),
            "\"HTGet/2 HTLength/1 HTHas/1 HTGetUint32/2 HTGetFloat64/2 HTSet/3 HTDelete/1 "
            "HTGetString/1 HTAppend/2 HTExpire/2 HTTtl/1\"");
  EXPECT_EQ(Evaluate(std::string(kNames) + ".filter((f) => 'prototype' in f).length"), "0");
  tenant_.MustLoad(
      "import * as store from 'shredder:store';\n"
      "export const f = () => [Object.keys(store), Object.isFrozen(store), "
      "Reflect.set(store, 'HTGet', 1), Reflect.getPrototypeOf(store)];");
  EXPECT_EQ(tenant_.ShowCall("f"),
            "[[\"HTAdd\", \"HTAppend\", \"HTDelete\", \"HTExpire\", \"HTGet\", \"HTGetFloat64\", "
            "\"HTGetMany\", \"HTGetString\", \"HTGetUint32\", \"HTHas\", \"HTImports\", "
            "\"HTLength\", \"HTScan\", "
            "\"HTSet\", "
            "\"HTTtl\", \"HTView\", \"HTViewMany\"], false, false, null]");
}

TEST_F(IsolationTest, ShowsStackFramesNothingOfTheHost) {
  EXPECT_EQ(Evaluate("(() => { Error.prepareStackTrace = (e, sites) => sites.map((s) => "
                     "[typeof s.getThis(), typeof s.getFunction(), s.getFileName()]); "
                     "const stack = new Error('x').stack; delete Error.prepareStackTrace; "
                     "return stack.flat().join(' '); })()"),
            "\"undefined undefined lib undefined undefined lib\"");
}

TEST_F(IsolationTest, KeepsTenantsApart) {
  Tenant other(&engine_, 64 << 20, /*seed=*/1);
  tenant_.Set("k", "mine");
  other.Set("k", "other's value");
  tenant_.MustLoad(
      "globalThis.planted = 1; Object.prototype.inherited = 2; Array.prototype.map = null;\n"
      "Symbol.for('shared').description; globalThis.list = [];\n"
      "HTGet.planted = 3; Object.defineProperty(Promise.prototype, 'then', {value: null});\n"
      "export const f = () => [HTLength('k'), HTSet('new', new Uint8Array(1))];\n"
      "export const g = () => 'mine';");
  other.MustLoad(
      "export const f = () => [HTLength('k'), HTHas('new'), typeof planted, ({}).inherited, "
      "typeof [].map, HTGet.planted, typeof Promise.prototype.then];");
  EXPECT_EQ(tenant_.ShowCall("f"), "[4, true]");
  EXPECT_EQ(other.ShowCall("f"),
            "[13, false, \"undefined\", null, \"function\", null, \"function\"]");
  EXPECT_EQ(other.ShowCall("g"), "!ERR Function not found");
  EXPECT_FALSE(other.host().Find("g"));
  EXPECT_EQ(other.store().key_count(), 1u);
  EXPECT_EQ(tenant_.store().key_count(), 2u);
  // Neither does another's end matter.
  tenant_.host().Flush();
  EXPECT_EQ(other.ShowCall("f"),
            "[13, false, \"undefined\", null, \"function\", null, \"function\"]");
}

TEST_F(IsolationTest, SurvivesATenantThatBreaksItsOwnBuiltins) {
  tenant_.MustLoad(
      "export function f(keys, args) {\n"
      "  HTSet('k', bytes); return [keys, args, HTLength('k'), HTGet('k', bytes), map, {a: 1n}]; "
      "}\n"
      "f.flags = []; f.description = '';\n"
      "const fail = () => { throw 'hijacked'; }, bytes = new Uint8Array(3), map = new Map();\n"
      "const accessor = {__proto__: null, get: fail, set: fail, configurable: false};\n"
      "const define = Object.defineProperty, all = [];\n"
      "for (const {prototype} of [Object, Array, Function, String, Number, Promise, Map, Set,\n"
      "                           Error, RegExp, ArrayBuffer, Uint8Array, DataView])\n"
      "  for (const key of Reflect.ownKeys(prototype)) all.push([prototype, key]);\n"
      "for (const key of ['0', '1', 'length', 'then', 'toJSON', 'value', 'done', 'buffer'])\n"
      "  all.push([Object.prototype, key]);\n"
      "for (const key of Reflect.ownKeys(Object.getPrototypeOf(Uint8Array.prototype)))\n"
      "  all.push([Object.getPrototypeOf(Uint8Array.prototype), key]);\n"
      "const n = all.length;\n"
      "for (let i = 0; i < n; i++) try { define(all[i][0], all[i][1], accessor); } catch {}\n");
  EXPECT_EQ(tenant_.ShowCall("f", {"a"}, {"b"}), "[[\"a\"], [\"b\"], 3, 3, {}, {\"a\": 1n}]");
  EXPECT_EQ(tenant_.Get("k"), std::string(3, '\0'));
}

TEST_F(IsolationTest, ShowsNoTenantANameOfAnothersError) {
  Tenant other(&engine_);
  tenant_.MustLoad("export const f = () => { throw new Error('secret'); };");
  other.MustLoad("export const f = () => 1;");
  EXPECT_THAT(tenant_.ShowCall("f"), HasSubstr("secret"));
  EXPECT_EQ(other.ShowCall("f"), "1");
}

TEST(Process, RefusesAnUnknownFlagAndASecondStart) {
  std::string error;
  EXPECT_FALSE(Engine::InitializeProcess({}, &error));
  EXPECT_EQ(error, "V8 is already initialised in this process");
  EXPECT_THAT(std::string(Engine::V8Version()), StartsWith("11.3.244.8"));
}

TEST(Process, HoldsManyTenants) {
  Engine engine(Patient());
  std::vector<std::unique_ptr<Tenant>> tenants;
  for (int i = 0; i < 30; ++i) {
    tenants.push_back(std::make_unique<Tenant>(&engine, 1 << 20));
    tenants.back()->MustLoad("export const f = () => " + std::to_string(i) + ";");
  }
  for (int i = 0; i < 30; ++i) EXPECT_EQ(tenants[i]->ShowCall("f"), std::to_string(i));
  // In any order of their ends, and others in their places.
  for (int i = 0; i < 30; i += 2) tenants[i].reset();
  for (int i = 1; i < 30; i += 2) EXPECT_EQ(tenants[i]->ShowCall("f"), std::to_string(i));
  for (int i = 0; i < 30; i += 2) {
    tenants[i] = std::make_unique<Tenant>(&engine, 1 << 20);
    tenants[i]->MustLoad("export const f = () => 'again';");
    EXPECT_EQ(tenants[i]->ShowCall("f"), "\"again\"");
  }
}

}  // namespace
}  // namespace shredder::engine
