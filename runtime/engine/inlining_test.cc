// Lookups inside of optimised code: that a hot loop makes no call (the builtins count the lookups
// that they answer, so a loop that leaves the count alone has called none), that what was assumed
// and turns out wrong costs one deoptimisation, and that views come to life again where one needs
// them.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

constexpr char kLibrary[] = R"js(
const integers = Uint32Array.from({length: 64}, (_, i) => i);
// Flat, as a string that came over the wire.
const strings = Array.from({length: 64}, (_, i) => ['key:', String(i).padStart(12, '0')].join(''));
const mixed = Array.from({length: 64}, (_, i) => i % 2 ? i : strings[i]);
const into = new Uint32Array(4);

const loops = {
  has(keys) { let n = 0; for (let i = 0; i < keys.length; i++) if (HTHas(keys[i])) n++; return n; },
  length(keys) { let n = 0; for (let i = 0; i < keys.length; i++) n += HTLength(keys[i]); return n; },
  uint32(keys) { let n = 0; for (let i = 0; i < keys.length; i++) n += HTGetUint32(keys[i], 1); return n; },
  float64(keys) { let n = 0; for (let i = 0; i < keys.length; i++) n += HTGetFloat64(keys[i], 1); return n; },
  copy(keys) { let n = 0; for (let i = 0; i < keys.length; i++) { n += HTGet(keys[i], into); n += into[1]; } return n; },
  view(keys) {
    let n = 0;
    for (let i = 0; i < keys.length; i++) {
      const view = HTView(keys[i]);
      for (let at = 0; at < view.byteLength; at += 8) n += view.getFloat64(at, true);
      n += view.getUint32(4, true) + view.getInt16(0) + view.getUint8(3);
    }
    return n;
  },
};
const expected = {has: (i) => 1, length: (i) => 16, uint32: (i) => 1000 + i, float64: (i) => i / 4,
                  copy: (i) => 16 + 1000 + i, view: (i) => bytesOf(i)};

function value(i) {
  const data = new DataView(new ArrayBuffer(16));
  data.setUint32(0, i, true);
  data.setUint32(4, 1000 + i, true);
  data.setFloat64(8, i / 4, true);
  return data;
}
function bytesOf(i) {
  const data = value(i);
  return data.getFloat64(0, true) + data.getFloat64(8, true) + data.getUint32(4, true) +
         data.getInt16(0) + data.getUint8(3);
}

export function fill() {
  for (let i = 0; i < 64; i++) { HTSet(i, value(i)); HTSet(strings[i], value(i)); }
}

// Source of its own for each, so that one loop's feedback is not another's.
function fresh(name) {
  switch (name) {
    case 'has': return loops.has; case 'length': return loops.length; case 'uint32': return loops.uint32;
    case 'float64': return loops.float64; case 'copy': return loops.copy; case 'view': return loops.view;
  }
}

function optimise(f, ...args) {
  %PrepareFunctionForOptimization(f);
  f(...args); f(...args);
  %OptimizeFunctionOnNextCall(f);
  return f(...args);
}
const isOptimised = (f) => (%GetOptimizationStatus(f) & 16) !== 0;

// Optimises the loop, and says what it answers, and whether it is still optimised after that.
export function warm(_, [name, kind]) {
  optimise(fresh(name), keysOf(kind));
}
function keysOf(kind) { return kind === 'integer' ? integers : kind === 'string' ? strings : mixed; }
export function run(_, [name, kind, times]) {
  const f = fresh(name);
  let sum = 0;
  for (let i = 0; i < times; i++) sum += f(keysOf(kind));
  let right = 0;
  for (let i = 0; i < 64; i++) right += expected[name](i);
  return [Math.abs(sum - right * times) < 1e-6 * Math.abs(sum) + 1e-9 ? 'right' : sum + ' is not ' + right * times, isOptimised(f)];
}
)js";

class InliningTest : public TenantTest {
 protected:
  uint64_t LookupsOf(std::string_view function, const std::vector<std::string>& args,
                     std::string* shown) {
    const uint64_t before = tenant_.builtin_lookups();
    *shown = tenant_.ShowCall(function, {}, args);
    return tenant_.builtin_lookups() - before;
  }
};

class HotLoopTest : public InliningTest,
                    public testing::WithParamInterface<std::tuple<const char*, const char*>> {};

TEST_P(HotLoopTest, AHotLoopCallsNoBuiltinAndAnswersAsTheBuiltinDoes) {
  const auto [name, kind] = GetParam();
  tenant_.MustLoad(kLibrary);
  ASSERT_EQ(tenant_.ShowCall("fill"), "null");
  ASSERT_EQ(tenant_.ShowCall("warm", {}, {name, kind}), "null");
  std::string shown;
  const uint64_t lookups = LookupsOf("run", {name, kind, "100"}, &shown);
  EXPECT_EQ(shown, "[\"right\", true]");
  EXPECT_EQ(lookups, InlinesLookups() ? 0u : 6400u);
}

INSTANTIATE_TEST_SUITE_P(EveryBuiltinAndKindOfKey, HotLoopTest,
                         testing::Combine(testing::Values("has", "length", "uint32", "float64",
                                                          "copy", "view"),
                                          testing::Values("integer", "string", "mixed")));

TEST_F(InliningTest, KeysThatAreConstantsAreLookedUpByWhatIsKnownOfThem) {
  tenant_.MustLoad(R"js(
const read = () => [HTLength('values'), HTLength('7'), HTLength(''), HTLength('a key of more than eight bytes'),
                    HTLength('sixteen bytes ok'), HTLength('007'), HTLength('absent'), HTLength('9007199254740992'),
                    HTLength('12345678901234567890')].join();
const wide = () => HTLength('clé');
export function warm() {
  ['values', 7, '', 'a key of more than eight bytes', 'sixteen bytes ok', '007', '9007199254740992',
   '12345678901234567890', 'clé'].forEach((key, i) => HTSet(key, new Uint8Array(i)));
  for (const f of [read, wide]) {
    %PrepareFunctionForOptimization(f);
    f(); f();
    %OptimizeFunctionOnNextCall(f);
    f();
  }
}
export function main() {
  let all = read();
  for (let i = 0; i < 100; i++) if (read() !== all) return 'differs';
  return [all, (%GetOptimizationStatus(read) & 16) !== 0];
}
export const other = () => wide();
)js");
  ASSERT_EQ(tenant_.ShowCall("warm"), "null");
  std::string shown;
  const uint64_t lookups = LookupsOf("main", {}, &shown);
  EXPECT_EQ(shown, "[\"0,1,2,3,4,5,-1,6,7\", true]");
  EXPECT_EQ(lookups, InlinesLookups() ? 0u : 909u);
  EXPECT_EQ(tenant_.ShowCall("other"), "8");
}

TEST_F(InliningTest, ShortTextsOfAsciiAreMadeWithoutACallAndOthersByTheBuiltin) {
  tenant_.MustLoad(R"js(
const keys = Uint32Array.from({length: 64}, (_, i) => i);
const texts = {
  short: (i) => 'x'.repeat(i),
  long: (i) => 'x'.repeat(257 + i),
  wide: (i) => 'x'.repeat(i) + 'é',
  absent: () => undefined,
};
const read = (keys, out) => { for (let i = 0; i < keys.length; i++) out[i] = HTGetString(keys[i]); };
export function fill(_, [kind]) {
  for (const i of keys) if (texts[kind](i) === undefined) HTDelete(i); else HTSet(i, texts[kind](i));
}
export function warm() {
  for (const i of keys) HTSet(i, 'warm');
  const out = new Array(64).fill('');
  %PrepareFunctionForOptimization(read);
  read(keys, out); read(keys, out);
  %OptimizeFunctionOnNextCall(read);
  read(keys, out);
}
export function run(_, [kind]) {
  const out = new Array(64).fill('');
  for (let n = 0; n < 1000; n++) read(keys, out);
  return [out.every((text, i) => text === texts[kind](i)), (%GetOptimizationStatus(read) & 16) !== 0];
}
)js");
  ASSERT_EQ(tenant_.ShowCall("warm"), "null");
  for (const char* kind : {"short", "absent", "long", "wide", "short"}) {
    ASSERT_EQ(tenant_.ShowCall("fill", {}, {kind}), "null");
    std::string shown;
    const uint64_t lookups = LookupsOf("run", {kind}, &shown);
    EXPECT_EQ(shown, "[true, true]") << kind;
    const bool calls =
        !InlinesLookups() || kind == std::string("long") || kind == std::string("wide");
    EXPECT_EQ(lookups, calls ? 64'000u : 0u) << kind;
  }
}

TEST_F(InliningTest, AMissCostsOneDeoptimisationAndIsInlinedFromThenOn) {
  tenant_.MustLoad(R"js(
function read(key) { const v = HTGetUint32(key, 0); return v === undefined ? -1 : v; }
function view(key) { const v = HTView(key); return v === undefined ? -1 : v.getUint32(0, true); }
const isOptimised = (f) => (%GetOptimizationStatus(f) & 16) !== 0;
export function main(_, [name]) {
  const f = name === 'read' ? read : view;
  HTSet(1, new Uint32Array([7]));
  const out = [];
  %PrepareFunctionForOptimization(f);
  f(1); f(1);
  %OptimizeFunctionOnNextCall(f);
  out.push(f(1), isOptimised(f));
  out.push(f(2));
  %PrepareFunctionForOptimization(f);
  f(1); f(2);
  %OptimizeFunctionOnNextCall(f);
  out.push(f(1), f(2), f('x'), f(3));
  return out.concat(isOptimised(f));
}
export function many(_, [name]) {
  const f = name === 'read' ? read : view;
  let sum = 0;
  for (let i = 0; i < 100; i++) sum += f(1) + f(2) + f('absent');
  return [sum, isOptimised(f)];
}
)js");
  for (const char* name : {"read", "view"}) {
    EXPECT_EQ(tenant_.ShowCall("main", {}, {name}), "[7, true, -1, 7, -1, -1, -1, true]");
    std::string shown;
    const uint64_t lookups = LookupsOf("many", {name}, &shown);
    EXPECT_EQ(shown, "[500, true]");
    EXPECT_EQ(lookups, InlinesLookups() ? 0u : 300u) << name;
  }
}

TEST_F(InliningTest, WhatIsNoKeyOrIndexThrowsTheBuiltinsErrorAndDeoptimisesOnce) {
  tenant_.MustLoad(R"js(
const calls = {
  has: (key) => HTHas(key), length: (key) => HTLength(key), uint32: (key) => HTGetUint32(key, 0),
  index: (index) => HTGetUint32(1, index), float64: (index) => HTGetFloat64(1, index),
  view: (key) => HTView(key), text: (key) => HTGetString(key), get: (into) => HTGet(1, into),
};
const bad = [-1, 1.5, NaN, 2 ** 53, Infinity, 10n, Symbol(), {}, null, undefined, true,
             {valueOf() { throw new Error('ran'); }}, new Proxy({}, {}), '\ud800'];
const isOptimised = (f) => (%GetOptimizationStatus(f) & 16) !== 0;
const said = (f, x) => { try { const r = f(x); return typeof r; } catch (e) { return e.name + ': ' + e.message; } };
export function main() {
  HTSet(1, new Uint32Array([7, 8]));
  const wrong = [];
  for (const name in calls) {
    const f = calls[name];
    const good = name === 'get' ? new Uint8Array(8) : name === 'index' || name === 'float64' ? 0 : 1;
    const before = bad.map((x) => said(f, x));
    for (let round = 0; round < 3; round++) {
      %PrepareFunctionForOptimization(f);
      f(good); f(good);
      %OptimizeFunctionOnNextCall(f);
      f(good);
      bad.forEach((x, i) => {
        const now = said(f, x);
        if (now !== before[i]) wrong.push(`${name} ${i}: ${now}, not ${before[i]}`);
      });
      f(good);
    }
    if (!isOptimised(f)) wrong.push(name + ' is not optimised in the end');
  }
  return wrong.join('; ');
}
)js");
  EXPECT_EQ(tenant_.ShowCall("main"), "\"\"");
}

TEST_F(InliningTest, AViewThatDoesNotEscapeIsNotAllocated) {
  tenant_.MustLoad(R"js(
function sum(n) {
  let s = 0;
  for (let i = 0; i < n; i++) s += HTView(1).getUint32(0, true);
  return s;
}
export function warm() {
  HTSet(1, new Uint32Array([7]));
  %PrepareFunctionForOptimization(sum);
  sum(2); sum(2);
  %OptimizeFunctionOnNextCall(sum);
  return sum(2);
}
export function main() { return sum(5000); }
)js");
  ASSERT_EQ(tenant_.ShowCall("warm"), "14");
  tenant_.ShowCall("main");
  const uint64_t before = tenant_.host().heap_used_bytes();
  EXPECT_EQ(tenant_.ShowCall("main"), "35000");
  // Else 5,000 views of 48 bytes.
  const uint64_t allocated = tenant_.host().heap_used_bytes() - before;
  if (InlinesLookups()) {
    EXPECT_LT(allocated, 50'000u);
  } else {
    EXPECT_GE(allocated, 5'000u * 48);
  }
}

// Ways to ask for what may be absent. Each answers the sum of the first words of what is there.
constexpr char kTests[] = R"js(
const tests = {
  equal(keys) { let s = 0; for (const k of keys) { const v = HTView(k); if (v === undefined) continue; s += v.getUint32(0, true); } return s; },
  unequal(keys) { let s = 0; for (const k of keys) { const v = HTView(k); if (v !== undefined) s += v.getUint32(0, true); } return s; },
  falsy(keys) { let s = 0; for (const k of keys) { const v = HTView(k); if (!v) continue; s += v.getUint32(0, true); } return s; },
  truthy(keys) { let s = 0; for (const k of keys) { const v = HTView(k); if (v) s += v.getUint32(0, true); } return s; },
  loose(keys) { let s = 0; for (const k of keys) { const v = HTView(k); if (v == null) continue; s += v.getUint32(0, true); } return s; },
  nullish(keys) { let s = 0; for (const k of keys) s += HTView(k)?.getUint32(0, true) ?? 0; return s; },
  ternary(keys) { let s = 0; for (const k of keys) { const v = HTView(k); s += v === undefined ? 0 : v.getUint32(0, true); } return s; },
  inlined(keys) { let s = 0; for (const k of keys) s += first(k); return s; },
  caught(keys) {
    let s = 0;
    for (const k of keys) {
      try { const v = HTView(k); if (v === undefined) continue; s += v.getUint32(0, true); } catch { s = NaN; }
    }
    return s;
  },
  words(keys) {
    let s = 0;
    for (const k of keys) {
      const v = HTView(k);
      if (v === undefined) continue;
      for (let at = 0; at < v.byteLength; at += 4) s += v.getUint32(at, true);
    }
    return s;
  },
};
function first(key) { const view = HTView(key); if (view === undefined) return 0; return view.getUint32(0, true); }
const keys = Array.from({length: 600}, (_, i) => i);
const names = keys.map((i) => ['key:', String(i).padStart(12, '0')].join(''));
const isOptimised = (f) => (%GetOptimizationStatus(f) & 16) !== 0;
// Every third one is there.
export function fill() {
  for (let i = 0; i < 600; i += 3) { HTSet(i, new Uint32Array([i])); HTSet(names[i], new Uint32Array([i])); }
}
export function warm(_, [name, kind]) {
  const f = tests[name];
  const some = (kind === 'integer' ? keys : names).filter((_, i) => i % 3 === 0);
  %PrepareFunctionForOptimization(first);
  %PrepareFunctionForOptimization(f);
  f(some); f(some);
  %OptimizeFunctionOnNextCall(f);
  return f(some);
}
export function main(_, [name, kind]) {
  const f = tests[name];
  let s = 0;
  for (let i = 0; i < 10; i++) s += f(kind === 'integer' ? keys : names);
  return [s, isOptimised(f)];
}
)js";

class TestedViewTest : public InliningTest,
                       public testing::WithParamInterface<std::tuple<const char*, const char*>> {};

TEST_P(TestedViewTest, ATestedViewNeitherDeoptimisesForAMissNorIsAllocated) {
  const auto [name, kind] = GetParam();
  tenant_.MustLoad(kTests);
  ASSERT_EQ(tenant_.ShowCall("fill"), "null");
  ASSERT_EQ(tenant_.ShowCall("warm", {}, {name, kind}), "59700");
  tenant_.ShowCall("main", {}, {name, kind});
  const uint64_t before = tenant_.host().heap_used_bytes();
  EXPECT_EQ(tenant_.ShowCall("main", {}, {name, kind}), "[597000, true]");
  // Else 2,000 views of 48 bytes.
  const uint64_t allocated = tenant_.host().heap_used_bytes() - before;
  if (InlinesLookups()) EXPECT_LT(allocated, 50'000u);
}

INSTANTIATE_TEST_SUITE_P(EveryFormAndKindOfKey, TestedViewTest,
                         testing::Combine(testing::Values("equal", "unequal", "falsy", "truthy",
                                                          "loose", "nullish", "ternary", "inlined",
                                                          "caught", "words"),
                                          testing::Values("integer", "string")));

TEST_F(InliningTest, AViewThatIsTestedAndKeptLivesOnWhereItIsNeeded) {
  tenant_.MustLoad(R"js(
const kept = [];
const uses = {
  stored: (key) => { const v = HTView(key); if (v === undefined) return 'none'; kept.push(v); return kept.pop().getUint32(0, true); },
  other: (key) => { const v = HTView(key); const w = v === undefined ? HTView(0) : v; return w.getUint32(0, true); },
  deoptimised: (key) => { const v = HTView(key); if (!v) { %DeoptimizeNow(); return String(v); } %DeoptimizeNow(); return v.getUint32(0, true); },
  later: (key) => { const v = HTView(key); let s = 0; if (v) s = v.getUint32(0, true); if (v === undefined) return 'none'; return s + v.byteLength; },
  both: (key) => { const v = HTView(key); if (v) kept.length = 0; return [v].map((x) => x === undefined ? 'none' : x.getUint32(0, true))[0]; },
  looped: (key) => { let v; for (let i = 0; i < 3; i++) { const w = HTView(key); if (w === undefined) break; v = w; } return v === undefined ? 'none' : v.getUint32(0, true); },
  thrown: (key) => { try { const v = HTView(key); if (v === undefined) throw 'none'; return v.getUint32(0, true); } catch (e) { return typeof e === 'string' ? e : e.name; } },
};
const keys = [0, 1, 2, 'absent', 'key', 'schl\u00fcssel', -1, Symbol.iterator, 1.5, 2];
export function main() {
  [0, 2, 'key', 'schl\u00fcssel'].forEach((key, i) => HTSet(key, new Uint32Array([10 + i])));
  const said = (f, key) => { try { return String(f(key)); } catch (e) { return e.name; } };
  const wrong = [];
  for (const name in uses) {
    const f = uses[name];
    const right = keys.map((key) => said(f, key)).join();
    for (let round = 0; round < 4; round++) {
      %PrepareFunctionForOptimization(f);
      f(0); f(0);
      %OptimizeFunctionOnNextCall(f);
      f(0);
      const now = keys.map((key) => said(f, key)).join();
      if (now !== right) wrong.push(`${name}: ${now}, not ${right}`);
    }
  }
  return wrong.join('; ');
}
)js");
  EXPECT_EQ(tenant_.ShowCall("main"), "\"\"");
}

constexpr char kSums[] = R"js(
const sums = {
  // Numbers that are no small integers: a builtin that returned them would allocate each.
  float64(view, n) { let s = 0; for (let i = 0; i < n; i++) s += view.getFloat64(8 * (i & 7), true); return s; },
  bigUint64(view, n) {
    let s = 0;
    for (let i = 0; i < n; i++) {
      if (view.getBigUint64(8 * (i & 7), true) < view.getBigUint64(8 * (i + 1 & 7), true)) s++;
    }
    return s;
  },
  bigInt64(view, n) {
    let s = 0;
    for (let i = 0; i < n; i++) {
      if (view.getBigInt64(8 * (i & 7), true) < view.getBigInt64(8 * (i + 1 & 7), true)) s++;
    }
    return s;
  },
};
function optimise(f, ...args) {
  %PrepareFunctionForOptimization(f);
  f(...args); f(...args);
  %OptimizeFunctionOnNextCall(f);
  f(...args);
}
export function fill() { HTSet(1, Float64Array.from({length: 8}, (_, i) => i + 0.5)); }
export function warm(_, [name]) { optimise(sums[name], HTView(1), 64); }
export function main(_, [name]) { return sums[name](HTView(1), 8000).toString(); }
// A view too short for the offsets, until code no longer speculates on them.
export function err(_, [name]) {
  HTSet('short', new Uint8Array(20));
  const errors = [];
  for (let i = 0; i < 3; i++) {
    try { sums[name](HTView('short'), 8); } catch (error) { errors.push(error.name); }
    optimise(sums[name], HTView(1), 64);
  }
  return errors;
}
)js";

class SumTest : public InliningTest {
 protected:
  void SetUp() override {
    InliningTest::SetUp();
    tenant_.MustLoad(kSums);
    ASSERT_EQ(tenant_.ShowCall("fill"), "null");
  }
  void ExpectToAllocateNothing(const std::string& name) {
    const std::string sum = tenant_.ShowCall("main", {}, {name});
    const uint64_t before = tenant_.host().heap_used_bytes();
    EXPECT_EQ(tenant_.ShowCall("main", {}, {name}), sum);
    // Else 8,000 numbers of 16 bytes at least.
    const uint64_t allocated = tenant_.host().heap_used_bytes() - before;
    if (InlinesLookups()) EXPECT_LT(allocated, 50'000u);
  }
};
class GetterTest : public SumTest, public testing::WithParamInterface<const char*> {};

TEST_P(GetterTest, ANumberIsReadInPlaceAndNotAllocated) {
  ASSERT_EQ(tenant_.ShowCall("warm", {}, {GetParam()}), "null");
  ExpectToAllocateNothing(GetParam());
}

INSTANTIATE_TEST_SUITE_P(OfWhatNeedsAHeapObject, GetterTest,
                         testing::Values("float64", "bigUint64", "bigInt64"));

// Of what is not read in place, each would be an object. (So is a BigInt that may be the
// builtin's.)
TEST_F(SumTest, AGetterThatMetABadOffsetReadsInPlaceAgain) {
  ASSERT_EQ(tenant_.ShowCall("warm", {}, {"float64"}), "null");
  EXPECT_EQ(tenant_.ShowCall("err", {}, {"float64"}),
            "[\"RangeError\", \"RangeError\", \"RangeError\"]");
  ExpectToAllocateNothing("float64");
}

TEST_F(InliningTest, BigIntsOfAllBitsAndBytesInAnyOrderAreTheBuiltins) {
  tenant_.MustLoad(R"js(
const words = [0n, 1n, 0x7fn, 0x80n, 0xffffffffn, 1n << 32n, 0x0123456789abcdefn, (1n << 63n) - 1n, 1n << 63n,
               (1n << 64n) - 1n, 0xfedcba9876543210n];
const reads = {
  unsigned: (view, at, little) => view.getBigUint64(at, little),
  signed: (view, at, little) => view.getBigInt64(at, little),
  // Live across a deoptimisation, as part of a larger number, compared and truncated.
  kept: (view, at, little) => { const n = view.getBigUint64(at, little); %DeoptimizeNow(); return n; },
  sum: (view, at, little) => view.getBigUint64(at, little) + view.getBigInt64(at, little),
  less: (view, at, little) => BigInt(view.getBigInt64(at, little) < view.getBigUint64(at, little)),
  narrow: (view, at, little) => BigInt.asIntN(64, view.getBigUint64(at, little)) ^ 1n,
  number: (view, at, little) => BigInt(Number(view.getBigUint64(at, little))),
  truth: (view, at, little) => view.getBigInt64(at, little) ? 1n : 0n,
};
export function main() {
  const bytes = new DataView(new ArrayBuffer(8 * words.length + 1));
  words.forEach((word, i) => bytes.setBigUint64(8 * i, word, true));
  HTSet('words', new Uint8Array(bytes.buffer));
  const view = HTView('words');
  const offsets = words.flatMap((_, i) => [8 * i, Math.min(8 * i + 3, 8 * words.length - 7)]);
  const all = (f, of) => offsets.flatMap((at) => [f(of, at, true), f(of, at, false), f(of, at)]).join();
  const wrong = [];
  for (const name in reads) {
    const f = reads[name];
    const right = all(f, bytes);
    %PrepareFunctionForOptimization(f);
    all(f, view);
    for (let round = 0; round < 3; round++) {
      %OptimizeFunctionOnNextCall(f);
      const now = all(f, view);
      if (now !== right) wrong.push(`${name}: ${now}, not ${right}`);
      %PrepareFunctionForOptimization(f);
    }
  }
  return wrong.join('; ');
}
)js");
  EXPECT_EQ(tenant_.ShowCall("main"), "\"\"");
}

TEST_F(InliningTest, AViewIsMadeWhereADeoptimisationNeedsIt) {
  tenant_.MustLoad(R"js(
function sum(n, deoptimiseAt) {
  const view = HTView('values');
  let s = 0;
  for (let i = 0; i < n; i++) {
    if (i === deoptimiseAt) %DeoptimizeNow();
    s += view.getUint32(4 * i, true);
  }
  return [s, view.byteLength, typeof view];
}
export function main() {
  HTSet('values', Uint32Array.from({length: 100}, (_, i) => i));
  %PrepareFunctionForOptimization(sum);
  sum(100, -1); sum(100, -1);
  %OptimizeFunctionOnNextCall(sum);
  return [sum(100, -1), sum(100, 50)];
}
)js");
  EXPECT_EQ(tenant_.ShowCall("main"), "[[4950, 400, \"object\"], [4950, 400, \"object\"]]");
}

TEST_F(InliningTest, AViewOfAnEndedInvocationThrowsFromOptimisedCodeToo) {
  tenant_.MustLoad(R"js(
let kept;
function read(view) { return view.getUint32(0, true); }
function size(view) { return view.byteLength; }
export function keep() {
  HTSet(1, new Uint32Array([7]));
  kept = HTView(1);
  for (const f of [read, size]) {
    %PrepareFunctionForOptimization(f);
    f(kept); f(kept);
    %OptimizeFunctionOnNextCall(f);
    f(kept);
  }
  return [read(kept), size(kept)];
}
export function use() {
  return [read, size].map((f) => { try { return f(kept); } catch (e) { return e.name; } });
}
)js");
  EXPECT_EQ(tenant_.ShowCall("keep"), "[7, 4]");
  for (int i = 0; i < 3; i++) EXPECT_EQ(tenant_.ShowCall("use"), "[\"TypeError\", \"TypeError\"]");
}

// What is known of an invocation is known in one activation only: the same code goes on in another
// invocation.
TEST_F(InliningTest, CodeThatGoesOnInALaterInvocationFindsItsViewEnded) {
  tenant_.MustLoad(R"js(
function* sums(key) {
  const view = HTView(key);
  for (let round = 0;; round++) {
    let sum = 0;
    for (let at = 0; at < 64; at += 4) sum += view.getUint32(at, true);
    yield sum + round - round;
  }
}
async function awaited(key, gate) {
  const view = HTView(key);
  let sum = 0;
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 64; at += 4) sum += view.getUint32(at, true);
    if (round === 1) await gate;
  }
  return sum;
}
const values = (n) => new Uint32Array(16).fill(n);
let running, pending, release;
export function begin() {
  HTSet(1, values(1));
  HTSet(2, values(5));
  for (const f of [sums, awaited]) %PrepareFunctionForOptimization(f);
  const warm = sums(1);
  for (let i = 0; i < 10; i++) warm.next();
  %OptimizeFunctionOnNextCall(sums);
  for (let i = 0; i < 10; i++) warm.next();
  awaited(1);
  awaited(1);
  %OptimizeFunctionOnNextCall(awaited);
  running = sums(2);
  pending = awaited(2, new Promise((resolve) => { release = resolve; })).catch((e) => e.name);
  return running.next().value;
}
export function goOn() {
  HTSet(2, values(9));
  release();
  let name;
  try { name = running.next().value; } catch (e) { name = e.name; }
  return Promise.all([name, pending]);
}
)js");
  EXPECT_EQ(tenant_.ShowCall("begin"), "80");
  EXPECT_EQ(tenant_.ShowCall("goOn"), "[\"TypeError\", \"TypeError\"]");
}

TEST_F(InliningTest, AViewWhoseMapIsMadeToChangeReadsTheSameOrThrows) {
  tenant_.MustLoad(R"js(
class Base { constructor(object) { return object; } }
class Private extends Base { #x = 1; }
const changes = {
  prototype: (view) => Object.create(view), literal: (view) => ({__proto__: view}),
  ofAFunction: (view) => { function F() {} F.prototype = view; return new F(); },
  private: (view) => new Private(view), freeze: (view) => Object.freeze(view),
};
function read(change) {
  const view = HTView(1);
  change(view);
  try { return view.getUint32(0, true) === 7 && view.byteLength === 4; } catch (e) { return e instanceof TypeError; }
}
export function main() {
  HTSet(1, new Uint32Array([7]));
  const wrong = [];
  for (const name in changes) {
    %PrepareFunctionForOptimization(read);
    for (let i = 0; i < 3; i++) if (!read(changes[name])) wrong.push(name);
    %OptimizeFunctionOnNextCall(read);
    for (let i = 0; i < 3; i++) if (!read(changes[name])) wrong.push(name + ', optimised');
  }
  // Others are as they were.
  if (HTView(1).getUint32(0, true) !== 7) wrong.push('another view');
  return wrong.join('; ');
}
)js");
  EXPECT_EQ(tenant_.ShowCall("main"), "\"\"");
}

TEST_F(InliningTest, AViewThatGotPrivateFieldsBehavesAlikeInterpretedAndOptimised) {
  tenant_.MustLoad(R"js(
class Base { constructor(object) { return object; } }
class Private extends Base { #x = 5; static has(o) { return #x in o; } static get(o) { return o.#x; } }
class Method extends Base { #m() { return 6; } static call(o) { return o.#m(); } }
class Field extends Base { y = 8; }
const tell = (f) => { try { return String(f()); } catch (e) { return e.name + ': ' + e.message; } };
// Source of its own for each, interpreted and optimised.
const make = {
  private: () => (key) => {
    const view = HTView(key);
    const same = new Private(view) === view;
    return [same, Private.has(view), tell(() => Private.get(view)), tell(() => view.getUint32(0, true)),
            tell(() => view.byteLength), tell(() => new Private(view))].join();
  },
  method: () => (key) => {
    const view = HTView(key);
    new Method(view);
    return [tell(() => Method.call(view)), tell(() => view.getUint8(0)), tell(() => view.getUint8(99))].join();
  },
  field: () => (key) => {
    const view = HTView(key);
    return [tell(() => new Field(view).y), tell(() => view.getUint32(0, true)), view.y].join();
  },
  direct: () => (key) => new Private(HTView(key)).getUint32(0, true),
  directLength: () => (key) => new Private(HTView(key)).byteLength,
  before: () => (key) => {
    const view = HTView(key);
    const first = view.getUint32(0, true);
    new Private(view);
    return first + ',' + tell(() => view.getUint32(0, true));
  },
  beforeAndLength: () => (key) => {
    const view = HTView(key);
    const first = view.byteLength;
    new Private(view);
    return first + ',' + view.byteLength;
  },
  beforeAMerge: () => (key) => {
    const view = HTView(key);
    const first = view.getUint32(0, true);
    if (first === 7) new Private(view); else new Private(HTView(key));
    return first + view.getUint16(2) + view.getUint32(0, true);
  },
  unstamped: () => (key) => {
    const view = HTView(key);
    const first = view.getUint32(0, true) + view.byteLength;
    if (first === 1e6) new Private(view);
    return first + view.getUint16(2) + view.getUint32(0, true) + view.byteLength;
  },
  inALoop: () => (key) => {
    let text = '';
    for (let i = 0; i < 4; i++) {
      const view = HTView(key);
      if (i % 2) new Private(view);
      text += tell(() => view.getUint32(0, true)) + ';';
    }
    return text;
  },
  // Another view, which got none, after the map of views has been changed so.
  other: () => (key) => { new Private(HTView(key)); return HTView(key).getUint32(0, true); },
};
export function main() {
  HTSet(1, new Uint32Array([7]));
  const different = [];
  for (const name in make) {
    const interpreted = make[name]();
    const optimised = make[name]();
    const right = tell(() => interpreted(1));
    %PrepareFunctionForOptimization(optimised);
    for (let i = 0; i < 4; i++) tell(() => optimised(1));
    for (let round = 0; round < 3; round++) {
      %PrepareFunctionForOptimization(optimised);
      tell(() => optimised(1));
      %OptimizeFunctionOnNextCall(optimised);
      const got = tell(() => optimised(1));
      if (got !== right) different.push(name + ': ' + right + ' | ' + got);
    }
  }
  return different.join('; ');
}
)js");
  EXPECT_EQ(tenant_.ShowCall("main"), "\"\"");
}

TEST_F(InliningTest, LoopsEnteredByOnStackReplacementAnswerTheSame) {
  tenant_.MustLoad(R"js(
export function main() {
  HTSet('values', Uint32Array.from({length: 64}, (_, i) => i));
  HTSet(5, new Uint32Array([3]));
  let s = 0;
  const view = HTView('values');
  for (let round = 0; round < 20000; round++) {
    s += view.getUint32(4 * (round & 63), true) + HTGetUint32(5, 0) + HTLength('values');
  }
  return s;
}
)js");
  double right = 0;
  for (int round = 0; round < 20000; round++) right += (round & 63) + 3 + 256;
  EXPECT_EQ(tenant_.ShowCall("main"), std::to_string(static_cast<int64_t>(right)));
}

}  // namespace
}  // namespace shredder::engine
