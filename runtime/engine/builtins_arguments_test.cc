// What the builtins make of every argument that code can forge: a result or an error as documented
// (ts-functions/src/store.d.ts), never a byte outside of a buffer, and none of the argument's own
// code.
#include <v8.h>

#include <cstring>

#include "builtins-csa/layout/table_layout.h"
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/function_host.h"
#include "runtime/engine/store_module.h"
#include "runtime/engine/tenant_context.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;

// Values of every type. `touched` gathers the code of theirs that ran.
constexpr char kForged[] = R"js(
const touched = [];
const touch = (what) => () => { touched.push(what); return 0; };
const evil = {
  valueOf: touch('valueOf'), toString: touch('toString'), toJSON: touch('toJSON'),
  [Symbol.toPrimitive]: touch('toPrimitive'),
  get length() { return touch('length')(); }, get byteLength() { return touch('byteLength')(); },
  get buffer() { return touch('buffer')(); }, get constructor() { return touch('constructor')(); },
  get [Symbol.toStringTag]() { return touch('toStringTag')(); },
  get message() { return touch('message')(); },
};
const traps = new Proxy({}, {get: (_, name) => touch('trap ' + name)});
class Sly extends Uint8Array {
  get length() { return touch('Sly.length')(); }
  get byteLength() { return touch('Sly.byteLength')(); }
  get buffer() { return touch('Sly.buffer')(); }
}
function detached(view, buffer = view instanceof ArrayBuffer ? view : view.buffer) {
  %ArrayBufferDetach(buffer);
  return view;
}
const slyMemory = new ArrayBuffer(16);
const long = 'y'.repeat(2 ** 20);
let cons = 'a';
while (cons.length <= 65536) cons += 'bcdefghijklmnop';
const whole = new Uint8Array(256).fill(0xa5);
const inside = whole.subarray(100, 116);

const values = [
  undefined, null, true, false, 0, -0, 1, 7, -1, 0.5, -0.5, NaN, Infinity, -Infinity, 2 ** 30,
  2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 63, 2 ** 64, 1e308, 5e-324, 0n, 1n, -1n,
  2n ** 64n, 2n ** 4096n, '', '0', '-0', '007', 'k', '7', '9007199254740991', '9007199254740992',
  'x'.repeat(65536), 'x'.repeat(65537), long, cons, cons.slice(0, 65536), '\ud800', 'a\udc00',
  '\ud83d\ude00', '\u00e9', '\u20ac'.repeat(21846), '\u00e9'.repeat(32768), '\u00e9'.repeat(32769),
  '\u20ac' + long, Symbol(), Symbol('s'), Symbol.iterator, {}, [], ['k'], [7], {0: 'k', length: 1},
  evil, Object.create(evil), Object('k'), Object(7), Object(1n), Object(Symbol('s')), Object(true),
  Object.create(null), Object.create(Uint8Array.prototype), Object.create(ArrayBuffer.prototype),
  Object.create(String.prototype), new Date(0), /x/g, () => 1, async () => 1, function* () {},
  class {}, HTGet, HTSet, Math.max, new Proxy({}, traps), new Proxy(() => 1, traps),
  new Proxy(new Uint8Array(8), traps), new Proxy(new ArrayBuffer(8), traps), new Proxy([], {}),
  new Map(), new Set(), new WeakMap(), new WeakSet(), Promise.resolve('k'), new Error('k'),
  globalThis, JSON, (function () { return arguments; })('k'), (function* () {})(),
  [][Symbol.iterator](), new Map()[Symbol.iterator](), new ArrayBuffer(0), new ArrayBuffer(16),
  new ArrayBuffer(100000), new Uint8Array(0), new Uint8Array(8), new Uint8Array(64),
  new Uint8Array(65), new Uint8Array(100000), new Int8Array(3), new Uint8ClampedArray(5),
  new Uint16Array(9), new Int32Array(9), new Float32Array(9), new Float64Array(9),
  new BigInt64Array(9), new BigUint64Array(2), new DataView(new ArrayBuffer(9), 3),
  new DataView(new ArrayBuffer(0)), new Sly(16), Object.setPrototypeOf(new Uint8Array(16), null),
  Object.setPrototypeOf(new DataView(new ArrayBuffer(9)), evil),
  Object.assign(new Uint8Array(16), {extra: 1}), detached(new ArrayBuffer(16)),
  detached(new Uint8Array(16)), detached(new Uint8Array(1000)),
  detached(new DataView(new ArrayBuffer(16), 4)), detached(new Sly(slyMemory), slyMemory), inside,
  new Float64Array(whole.buffer, 128, 2), new DataView(whole.buffer, 151, 9),
];
const builtins = {HTGet, HTGetString, HTLength, HTHas, HTGetUint32, HTGetFloat64, HTSet, HTAppend,
                  HTDelete, HTExpire, HTTtl};
)js";

class BuiltinsArgumentsTest : public TenantTest {
 protected:
  BuiltinsArgumentsTest() {
    tenant_.Set("k", "value of k");
    tenant_.Set("7", std::string("\x01\x02\x03\x04\x05\x06\x07\x08", 8));
  }
  void LoadForged(const std::string& code) { tenant_.MustLoad(kForged + code); }
};

TEST_F(BuiltinsArgumentsTest, AreHandledInEveryCombination) {
  // Every builtin on every pair of values: a result of its type, or a TypeError or RangeError, and
  // nothing ran.
  LoadForged(R"js(
const types = {
  HTGet: ['number'], HTLength: ['number'], HTHas: ['boolean'], HTSet: ['boolean'],
  HTDelete: ['boolean'], HTGetUint32: ['number', 'undefined'],
  HTGetFloat64: ['number', 'undefined'], HTGetString: ['string', 'undefined'],
  HTAppend: ['number'], HTExpire: ['boolean'], HTTtl: ['number', 'undefined'],
};
export function f() {
  const wrong = [];
  let results = 0, errors = 0;
  const attempt = (name, call, i, j) => {
    const expect = (holds, what) => holds || wrong.push(`${name} ${i} ${j}: ${what}`);
    try {
      const result = call();
      expect(types[name].includes(typeof result), `returned ${typeof result}`);
      results++;
    } catch (e) {
      expect([TypeError.prototype, RangeError.prototype].includes(Object.getPrototypeOf(e)), 'threw');
      expect(typeof e.message === 'string' && e.message.length <= 200, 'message');
      errors++;
    }
  };
  for (const name in builtins) {
    const builtin = builtins[name];
    for (let i = 0; i < values.length; i++) {
      attempt(name, () => builtin(values[i]), i, '-');
      attempt(name, () => builtin.call(values[i], 'k', inside), i, 'receiver');
      attempt(name, () => builtin('k', 0, values[i], values[i]), i, 'more');
      for (let j = 0; j < values.length; j++) {
        attempt(name, () => builtin(values[i], values[j]), i, j);
      }
    }
    attempt(name, () => builtin(), '-', '-');
  }
  const parts = [[100, 116], [128, 144], [151, 160]];
  const canaries = whole.every(
      (byte, i) => byte === 0xa5 || parts.some(([start, end]) => i >= start && i < end));
  return [wrong.slice(0, 20), touched.slice(0, 20), canaries, results > 10_000, errors > 10_000];
}
)js");
  EXPECT_EQ(tenant_.ShowCall("f"), "[[], [], true, true, true]");
  EXPECT_EQ(tenant_.store().CheckInvariants(), "");
}

TEST_F(BuiltinsArgumentsTest, GiveTheDocumentedResultOrError) {
  tenant_.Set("0", "zero");
  const std::string buffer_type = "TypeError: bytes must be an ArrayBuffer or a view of one";
  const std::string value_type =
      "TypeError: value must be a string, an ArrayBuffer or a view of one";
  const std::string unusable =
      "TypeError: buffer must be neither detached nor shared nor resizable";
  const std::string key_type = "TypeError: key must be a string, an integer or a Uint8Array";
  const std::string key_number =
      "RangeError: a number used as a key must be an integer from 0 to 9007199254740991";
  const std::string too_long = "RangeError: key is longer than 65536 bytes";
  const std::string surrogate = "TypeError: key has a lone surrogate, which has no UTF-8 form";
  const std::string index_range =
      "RangeError: index must be an integer from 0 to 9007199254740991, not ";
  const std::string index_type = "TypeError: index must be a number, not ";
  struct Case {
    std::string call;
    std::string outcome;
  };
  std::vector<Case> cases = {
      {"HTGet('k', b)", "10"},
      {"HTGet(7, b)", "8"},
      {"HTGet('none', b)", "-1"},
      {"HTGet(-0, b)", "4"},
      {"HTLength(-0)", "4"},
      {"HTLength(2 ** 53 - 1)", "-1"},
      {"HTLength('')", "-1"},
      {"HTLength(cons.slice(0, 65536))", "-1"},
      {"HTLength('\\u00e9'.repeat(32768))", "-1"},
      {"HTHas('k')", "true"},
      {"HTHas('K')", "false"},
      {"HTGetUint32(7, 0)", "67305985"},
      {"HTGetUint32(7, 1)", "134678021"},
      {"HTGetUint32(7, 2)", "null"},
      {"HTGetUint32(7, -0)", "67305985"},
      {"HTGetUint32('k', 1)", "1718558821"},
      {"HTGetUint32('k', 2)", "null"},
      {"HTGetUint32('k', 2 ** 29)", "null"},
      {"HTGetUint32('k', 2 ** 30)", "null"},
      {"HTGetUint32('k', 2 ** 31)", "null"},
      {"HTGetUint32('k', 2 ** 32)", "null"},
      {"HTGetUint32('k', 2 ** 53 - 1)", "null"},
      {"HTGetUint32('none', 0)", "null"},
      {"HTGetFloat64(7, 0)", "5.447603722011605e-270"},
      {"HTGetFloat64(7, 1)", "null"},
      {"HTGetFloat64(7, 2 ** 29)", "null"},
      {"HTGetFloat64(7, 2 ** 53 - 1)", "null"},
      {"HTGetFloat64('k', 1)", "null"},
      {"HTGetFloat64('none', 0)", "null"},
      {"HTSet('new', b)", "true"},
      {"HTDelete('new')", "true"},
      {"HTDelete('new')", "false"},
      {"HTSet('empty', new ArrayBuffer(0))", "true"},
      {"HTLength('empty')", "0"},
      {"HTGet('empty', b)", "0"},
      {"HTGet('k', new ArrayBuffer(0))", "10"},
      {"HTGet.call(null, 'k', b)", "10"},
      {"HTGet.call({HTGet}, 'k', b, 1, 2, 3)", "10"},
      {"Reflect.apply(HTGet, new Proxy({}, {}), ['k', b])", "10"},
      {"HTGet.bind(1, 'k')(b)", "10"},
      {"[b].map(HTGet.bind(null, 'k'))[0]", "10"},
      {"HTGet()", buffer_type + ", not undefined"},
      {"HTGet('k')", buffer_type + ", not undefined"},
      {"HTGet('k', null)", buffer_type + ", not null"},
      {"HTGet('k', 7)", buffer_type + ", not 7"},
      {"HTGet('k', [1])", buffer_type + ", not object"},
      {"HTGet('k', {})", buffer_type + ", not object"},
      {"HTGet('k', new Proxy(b, {}))", buffer_type + ", not object"},
      {"HTGet('k', Object.create(b))", buffer_type + ", not object"},
      {"HTGet('k', long)", buffer_type + ", not string"},
      {"HTGet('k', detached(new ArrayBuffer(16)))", unusable},
      {"HTGet('k', detached(new Uint8Array(16)))", unusable},
      {"HTGet('k', detached(new DataView(new ArrayBuffer(16))))", unusable},
      // The buffer is looked at before the key.
      {"HTGet({}, detached(new Uint8Array(16)))", unusable},
      {"HTGetUint32('k')", index_type + "undefined"},
      {"HTGetUint32('k', '0')", index_type + "string"},
      {"HTGetUint32('k', 0n)", index_type + "bigint"},
      {"HTGetUint32('k', evil)", index_type + "object"},
      {"HTGetUint32('k', Symbol('s'))", index_type + "symbol"},
      {"HTGetFloat64('k', -1)", index_range + "-1"},
      {"HTGetFloat64('k', 0.5)", index_range + "0.5"},
      {"HTGetFloat64('k', NaN)", index_range + "NaN"},
      {"HTGetFloat64('k', Infinity)", index_range + "Infinity"},
      {"HTGetFloat64('k', 2 ** 53)", index_range + "9007199254740992"},
      {"HTSet('k')", value_type + ", not undefined"},
      {"HTSet('k', 7)", value_type + ", not 7"},
      {"HTSet('k', evil)", value_type + ", not object"},
      {"HTSet('k', evil, traps)", value_type + ", not object"},
      {"HTAppend('k')", value_type + ", not undefined"},
      {"HTAppend('k', detached(new Uint8Array(16)))", unusable},
      {"HTSet('k', 'v', null)", "TypeError: options must be an object, not null"},
      {"HTSet('k', 'v', 'ttl')", "TypeError: options must be an object, not string"},
      {"HTSet('k', 'v', {ttl: evil})", "TypeError: ttl must be a number, not object"},
      {"HTSet('k', 'v', {ttl: -1})",
       "RangeError: ttl must be a positive integer of milliseconds or Infinity, not -1"},
      {"HTSet('k', 'v', {expiresAt: '1'})", "TypeError: expiresAt must be a number, not string"},
      {"HTSet('k', 'v', {expiresAt: 0.5})",
       "RangeError: expiresAt must be an integer of Unix ms or Infinity, not 0.5"},
      {"HTSet('k', 'v', {ttl: 1, keepTtl: true})",
       "TypeError: options can have one of ttl, expiresAt and keepTtl"},
      {"HTSet('k', 'v', {ifAbsent: true, ifPresent: true})",
       "TypeError: options can have one of ifAbsent and ifPresent"},
      {"HTExpire('k')", "TypeError: ttl must be a number, not undefined"},
      {"HTExpire('k', evil)", "TypeError: ttl must be a number, not object"},
      {"HTExpire('k', NaN)",
       "RangeError: ttl must be a safe integer of milliseconds or Infinity, not NaN"},
      {"HTScan(0, [], evil)", "TypeError: pattern must be a string, not object"},
      {"HTScan(0, [], long)", "RangeError: pattern is longer than 4096 bytes"},
      {"HTSet(detached(new Uint8Array(16)), b)", unusable},
      {"HTHas(new Sly(65537))", too_long},
      {"HTHas(Object.setPrototypeOf(new Uint8Array(16), null))", "false"},
      {"HTSet('k', detached(new ArrayBuffer(16)))", unusable},
      {"HTSet('k', detached(new Uint8Array(16)))", unusable},
      {"HTSet('k', detached(new DataView(new ArrayBuffer(16))))", unusable},
      {"HTAdd('n', '1')", "TypeError: delta must be a number, not string"},
      {"HTAdd('n', 0.5)",
       "RangeError: delta must be an integer from -9007199254740991 to 9007199254740991, not 0.5"},
      {"HTScan(null, [])", "TypeError: cursor must be a number, not null"},
      {"HTScan(-1, [])",
       "RangeError: cursor must be an integer from 0 to 9007199254740991, not -1"},
      {"HTScan(0, evil)", "TypeError: into must be an array, not object"},
      {"HTScan(0, Object.freeze(['k']))",
       "TypeError: into must be an array whose length may change"},
      {"HTScan(0, Object.preventExtensions([]))",
       "TypeError: into must be an array whose length may change"},
      {"new HTGet('k', b)", "TypeError: HTGet is not a constructor"},
      {"new HTSet('k', b)", "TypeError: HTSet is not a constructor"},
      {"Reflect.construct(HTLength, ['k'])",
       "TypeError: function HTLength() { [native code] } is not a constructor"},
      {"Reflect.construct(Object, [], HTDelete)",
       "TypeError: function HTDelete() { [native code] } is not a constructor"},
      {"new (class extends HTHas {})()",
       "TypeError: Class extends value function HTHas() { [native code] } is not a constructor or "
       "null"},
  };
  // Keys, which every builtin takes alike, be it in generated code or, as the last two, in C++.
  const struct {
    const char* key;
    std::string error;
    const char* shown;
  } keys[] = {
      {"undefined", key_type, ", not undefined"},
      {"null", key_type, ", not null"},
      {"true", key_type, ", not boolean"},
      {"7n", key_type, ", not bigint"},
      {"Symbol('s')", key_type, ", not symbol"},
      // Of the longest text there is.
      {"Symbol('s'.repeat(2 ** 25))", key_type, ", not symbol"},
      {"'x'.repeat(2 ** 25)", too_long, ""},
      {"evil", key_type, ", not object"},
      {"Object('k')", key_type, ", not object"},
      {"['k']", key_type, ", not object"},
      {"new Int8Array(1)", key_type, ", not object"},
      {"new ArrayBuffer(1)", key_type, ", not object"},
      {"new Uint8Array(65537)", too_long, ""},
      {"detached(new Uint8Array(1000))", unusable, ""},
      {"new Proxy({}, traps)", key_type, ", not object"},
      {"-1", key_number, ", not -1"},
      {"0.5", key_number, ", not 0.5"},
      {"NaN", key_number, ", not NaN"},
      {"Infinity", key_number, ", not Infinity"},
      {"-Infinity", key_number, ", not -Infinity"},
      {"2 ** 53", key_number, ", not 9007199254740992"},
      {"1e308", key_number, ", not 1e+308"},
      {"'x'.repeat(65537)", too_long, ""},
      {"long", too_long, ""},
      {"cons", too_long, ""},
      {"'\\u00e9'.repeat(32769)", too_long, ""},
      {"'\\u20ac'.repeat(21846)", too_long, ""},
      {"'\\u20ac' + long", too_long, ""},
      {"'\\ud800'", surrogate, ""},
      {"'a\\udc00'", surrogate, ""},
      {"'\\ud83dx\\ude00'", surrogate, ""},
  };
  for (const auto& [key, error, shown] : keys) {
    for (const char* call :
         {"HTGet(%, b)", "HTLength(%)", "HTHas(%)", "HTGetUint32(%, 0)", "HTGetFloat64(%, 0)",
          "HTView(%)", "HTSet(%, b)", "HTDelete(%)", "HTAdd(%, 1)", "HTSet(%, 'none')",
          "HTAdd(%, 'none')", "HTGetString(%)", "HTAppend(%, b)", "HTExpire(%, 1)", "HTTtl(%)"}) {
      std::string text = call;
      text.replace(text.find('%'), 1, key);
      cases.push_back({text, error + shown});
    }
  }
  std::string code = "const b = new Uint8Array(16);\nexport function f() { const outcomes = [];\n";
  for (const Case& one : cases) {
    code += "try { outcomes.push(" + one.call + "); } catch (e) { outcomes.push(`${e}`); }\n";
  }
  LoadForged(code + "return [outcomes, touched.splice(0).length]; }");
  const Value reply = tenant_.Call("f");
  ASSERT_TRUE(std::holds_alternative<Array>(reply.data)) << Show(reply);
  const auto& parts = std::get<Array>(reply.data).items;
  const auto& outcomes = std::get<Array>(parts[0].data).items;
  ASSERT_EQ(outcomes.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const Text* text = std::get_if<Text>(&outcomes[i].data);
    EXPECT_EQ(text != nullptr ? text->utf8 : Show(outcomes[i]), cases[i].outcome) << cases[i].call;
  }
  EXPECT_EQ(Show(parts[1]), "0");
}

TEST_F(BuiltinsArgumentsTest, AreTakenAsTheyAreWhateverTheirPrototypesSay) {
  tenant_.MustLoad(R"js(
const touched = [];
const touch = (name) => ({
  configurable: true,
  get() { touched.push(name); return () => 99; },
  set() { touched.push('set ' + name); },
});
const b = new Uint8Array(16), shorter = new Uint8Array(b.buffer, 0, 2);
for (const type of [Object, Number, String, BigInt, Boolean, Uint8Array, ArrayBuffer, DataView,
                    Array, Error, TypeError]) {
  for (const name of ['valueOf', 'toString', 'toJSON', 'length', 'byteLength', 'byteOffset',
                      'buffer', 'message', '0', '1']) {
    try { Object.defineProperty(type.prototype, name, touch(name)); } catch {}
  }
  Object.defineProperty(type.prototype, Symbol.toPrimitive, touch('toPrimitive'));
}
function attempt(call) {
  try {
    return call();
  } catch (e) {
    return e instanceof TypeError ? 'T' : e instanceof RangeError ? 'R' : '?';
  }
}
export function f() {
  return [attempt(() => HTGet('k', b)), attempt(() => HTGet(7, shorter)),
          attempt(() => HTGet({}, b)), attempt(() => HTGet(-1, b)),
          attempt(() => HTGetUint32('k', {})), attempt(() => HTSet('s', b)),
          attempt(() => HTDelete('s')), attempt(() => HTSet({}, b)),
          attempt(() => HTLength(new String('k'))), touched];
}
)js");
  EXPECT_EQ(tenant_.ShowCall("f"), "[10, 8, \"T\", \"R\", \"T\", true, true, \"T\", \"T\", []]");
}

TEST_F(BuiltinsArgumentsTest, MayChangeTypeInOptimisedCode) {
  LoadForged(R"js(
function get(key, into) { return HTGet(key, into); }
export function f() {
  %PrepareFunctionForOptimization(get);
  get('k', inside); get(7, inside);
  %OptimizeFunctionOnNextCall(get);
  let results = 0, errors = 0;
  for (let round = 0; round < 2; round++) {
    for (const key of values) {
      for (const into of values) {
        try {
          if (typeof get(key, into) === 'number') results++;
        } catch (e) {
          if (e instanceof TypeError || e instanceof RangeError) errors++;
        }
      }
    }
    %PrepareFunctionForOptimization(get);
    %OptimizeFunctionOnNextCall(get);
  }
  return [results + errors === 2 * values.length ** 2, results > 1000, errors > 10000,
          touched.length, whole[99], whole[116]];
}
)js");
  EXPECT_EQ(tenant_.ShowCall("f"), "[true, true, true, 0, 165, 165]");
}

TEST_F(BuiltinsArgumentsTest, AreCopiedBeforeTheStoreTakesThem) {
  tenant_.MustLoad(R"js(
const b = new Uint8Array([1, 2, 3]);
export function f() {
  HTSet('copy', b);
  b.fill(9);
  const into = new Uint8Array(3);
  HTGet('copy', into);
  into[0] = 77;
  const again = new Uint8Array(3);
  HTGet('copy', again);
  // A view of the middle of its buffer, and one that lies in V8's own heap.
  HTSet('view', new Uint8Array(new Uint8Array([0, 1, 2, 3, 4]).buffer, 1, 3));
  HTSet('small', Uint16Array.of(0x4241, 0x4443));
  const view = new Uint8Array(3), small = new Uint8Array(4);
  HTGet('view', view);
  HTGet('small', small);
  return [[...again], [...view], small];
}
)js");
  EXPECT_EQ(tenant_.ShowCall("f"), "[[1, 2, 3], [1, 2, 3], \"ABCD\"]");
}

// --- What only C++ can make ----------------------------------------------------------------------

// One isolate with contexts of its own, in which the module's exports are properties of the global
// `store`.
class RawContextTest : public testing::Test {
 protected:
  RawContextTest() : allocator_(v8::ArrayBuffer::Allocator::NewDefaultAllocator()) {
    v8::Isolate::CreateParams params;
    params.array_buffer_allocator = allocator_.get();
    isolate_ = v8::Isolate::New(params);
    isolate_->Enter();
    scope_.emplace(isolate_);
    for (Side* side : {&a_, &b_}) {
      side->store = store::NewStore(64 << 20, 1);
      side->store->SetNow(kNowMs);
      side->state = {side->store.get(), StoreAccess::kReadWrite};
      side->context = NewContext(side->store.get(), &side->state);
    }
    Set(a_, "k", "a's");
    Set(b_, "k", "b's value");
  }
  ~RawContextTest() override {
    scope_.reset();
    isolate_->Exit();
    DisposeIsolate(isolate_);
  }

  struct Side {
    std::unique_ptr<store::Store> store;
    StoreModuleState state;
    v8::Local<v8::Context> context;
  };

  v8::Local<v8::Context> NewContext(store::Store* store, StoreModuleState* state) {
    const v8::Local<v8::Context> context = MakeTenantContext(isolate_).ToLocalChecked();
    v8::Context::Scope context_scope(context);
    if (store != nullptr) AttachStore(context, store);
    const v8::Local<v8::Module> module =
        MakeStoreModule(context, state, /*callback_builtins=*/false).ToLocalChecked();
    EXPECT_TRUE(module
                    ->InstantiateModule(
                        context,
                        [](v8::Local<v8::Context>, v8::Local<v8::String>, v8::Local<v8::FixedArray>,
                           v8::Local<v8::Module>) { return v8::MaybeLocal<v8::Module>(); })
                    .FromMaybe(false));
    EXPECT_FALSE(module->Evaluate(context).IsEmpty());
    Define(context, "store", module->GetModuleNamespace());
    return context;
  }

  void Define(v8::Local<v8::Context> context, const char* name, v8::Local<v8::Value> value) {
    context->Global()->CreateDataProperty(context, AsciiString(isolate_, name), value).Check();
  }

  // The script's value as a string, or what it threw.
  std::string Run(v8::Local<v8::Context> context, const std::string& code) {
    v8::HandleScope scope(isolate_);
    v8::Context::Scope context_scope(context);
    v8::TryCatch caught(isolate_);
    v8::Local<v8::Script> script;
    v8::Local<v8::Value> value;
    if (!v8::Script::Compile(context, StringFromUtf8(isolate_, code).ToLocalChecked())
             .ToLocal(&script) ||
        !script->Run(context).ToLocal(&value)) {
      return Utf8(isolate_, caught.Exception()->ToString(context).ToLocalChecked());
    }
    return Utf8(isolate_, value->ToString(context).ToLocalChecked());
  }

  static void Set(const Side& side, std::string_view key, std::string_view value) {
    ASSERT_EQ(side.store->Set(store::KeyOf(key), value), store::WriteStatus::kOk);
  }

  std::unique_ptr<v8::ArrayBuffer::Allocator> allocator_;
  v8::Isolate* isolate_;
  std::optional<v8::HandleScope> scope_;
  Side a_, b_;
};

// A string whose characters lie outside of V8's heap.
template <typename Base, typename Char>
class ExternalText : public Base {
 public:
  ExternalText(std::basic_string<Char> text, bool cacheable)
      : text_(std::move(text)), cacheable_(cacheable) {}
  const Char* data() const override { return text_.data(); }
  size_t length() const override { return text_.size(); }
  bool IsCacheable() const override { return cacheable_; }

 private:
  std::basic_string<Char> text_;
  bool cacheable_;
};

TEST_F(RawContextTest, FindsTheStoreOfTheFunctionsOwnContext) {
  EXPECT_EQ(Run(a_.context, "store.HTLength('k')"), "3");
  EXPECT_EQ(Run(b_.context, "store.HTLength('k')"), "9");
  // A function of another tenant's, were one ever to get out, reads that tenant's store, not its
  // caller's.
  Define(a_.context, "other",
         b_.context->Global()->Get(b_.context, AsciiString(isolate_, "store")).ToLocalChecked());
  b_.context->SetSecurityToken(a_.context->GetSecurityToken());
  EXPECT_EQ(Run(a_.context,
                "[store.HTLength('k'), other.HTLength('k'), "
                "other.HTGetUint32('k', 1), store.HTLength.call(other, 'k')].join()"),
            "3,9,1970037110,3");
  EXPECT_EQ(Run(a_.context, "other.HTSet('new', new Uint8Array(1)); store.HTHas('new')"), "false");
  EXPECT_TRUE(b_.store->Has(store::KeyOf("new")));
}

TEST_F(RawContextTest, ThrowsInAContextWithoutAStore) {
  StoreModuleState state;
  const v8::Local<v8::Context> context = NewContext(nullptr, &state);
  constexpr char kNoStore[] = "TypeError: shredder:store is used outside of a tenant's context";
  for (const char* call :
       {"store.HTGet('k', new Uint8Array(8))", "store.HTLength('k')", "store.HTHas(7)",
        "store.HTGetUint32('k', 0)", "store.HTGetFloat64('\\u20ac', 0)", "store.HTLength({})"}) {
    EXPECT_EQ(Run(context, call), kNoStore) << call;
  }
  EXPECT_THAT(Run(context, "store.HTSet('k', new Uint8Array(8))"),
              HasSubstr("outside of a tenant"));
  EXPECT_THAT(Run(context, "store.HTDelete('k')"), HasSubstr("outside of a tenant"));

  // A context of V8's own making, with no embedder data at all; and one whose data is no pointer.
  const v8::Local<v8::Context> plain = v8::Context::New(isolate_);
  const v8::Local<v8::Object> binding = plain->GetExtrasBindingObject();
  Define(plain, "store", binding);
  EXPECT_EQ(Run(plain, "store.HTLength('k')"), kNoStore);
  plain->SetEmbedderData(layout::kStoreEmbedderDataIndex + 1, AsciiString(isolate_, "x"));
  EXPECT_EQ(Run(plain, "store.HTLength('k')"), kNoStore);
  plain->SetEmbedderData(layout::kStoreEmbedderDataIndex, AsciiString(isolate_, "x"));
  EXPECT_EQ(Run(plain, "store.HTLength('k')"), kNoStore);
  plain->SetAlignedPointerInEmbedderData(layout::kStoreEmbedderDataIndex, nullptr);
  EXPECT_EQ(Run(plain, "store.HTLength('k')"), kNoStore);
  plain->SetAlignedPointerInEmbedderData(layout::kStoreEmbedderDataIndex, a_.store->header());
  EXPECT_EQ(Run(plain, "store.HTLength('k')"), "3");
}

TEST_F(RawContextTest, TakesExternalStringsAsKeys) {
  using OneByte = ExternalText<v8::String::ExternalOneByteStringResource, char>;
  using TwoByte = ExternalText<v8::String::ExternalStringResource, uint16_t>;
  const struct {
    std::string key;
    bool ascii;
  } keys[] = {{"k", true},
              {"1234567", true},
              {"0123456789abcdefghijklmnopqrstuvwxyz", true},
              {std::string(65'536, 'e'), true},
              {"caf\u00e9 au lait, deux fois", false}};
  for (const auto& [key, ascii] : keys) {
    Set(a_, key, key.substr(0, 11));
    for (const bool wide : {false, true}) {
      for (const bool cacheable : {false, true}) {
        v8::HandleScope scope(isolate_);
        std::vector<uint16_t> units(key.size());
        const int length =
            StringFromUtf8(isolate_, key)
                .ToLocalChecked()
                ->Write(isolate_, units.data(), 0, -1, v8::String::NO_NULL_TERMINATION);
        units.resize(static_cast<size_t>(length));
        v8::Local<v8::String> string =
            wide ? v8::String::NewExternalTwoByte(
                       isolate_, new TwoByte({units.begin(), units.end()}, cacheable))
                       .ToLocalChecked()
                 : v8::String::NewExternalOneByte(
                       isolate_, new OneByte({units.begin(), units.end()}, cacheable))
                       .ToLocalChecked();
        EXPECT_TRUE(wide ? string->IsExternalTwoByte() : string->IsExternalOneByte());
        Define(a_.context, "key", string);
        const uint64_t before = a_.store->header()->builtin_lookups;
        EXPECT_EQ(Run(a_.context, "store.HTLength(key)"),
                  std::to_string(std::min<size_t>(key.size(), 11)));
        // Where V8 does not keep the characters' address, the runtime has to ask for it.
        if (ascii && cacheable) {
          EXPECT_EQ(a_.store->header()->builtin_lookups, before + 1) << key.substr(0, 40) << wide;
        }
        EXPECT_EQ(Run(a_.context, "store.HTLength('a prefix of ' + key)"),
                  key.size() < 65'000 ? "-1" : "RangeError: key is longer than 65536 bytes");
        Set(a_, "and then " + key.substr(0, 1'000), "four");
        EXPECT_EQ(Run(a_.context, "store.HTLength('and then ' + key.slice(0, 1000))"), "4");
      }
    }
  }
}

TEST_F(RawContextTest, RefusesSharedAndDetachedBuffers) {
  v8::Context::Scope context_scope(a_.context);
  constexpr char kUnusable[] =
      "TypeError: buffer must be neither detached nor shared nor resizable";
  const auto refuse = [&](const char* buffer) {
    EXPECT_EQ(Run(a_.context, "store.HTGet('k', " + std::string(buffer) + ")"), kUnusable)
        << buffer;
    EXPECT_EQ(Run(a_.context, "store.HTSet('k', " + std::string(buffer) + ")"), kUnusable)
        << buffer;
  };
  Define(a_.context, "shared", v8::SharedArrayBuffer::New(isolate_, 64));
  refuse("shared");
  refuse("new Uint8Array(shared)");
  refuse("new Float64Array(shared, 8, 2)");
  refuse("new DataView(shared, 3)");
  const v8::Local<v8::ArrayBuffer> detached = v8::ArrayBuffer::New(isolate_, 64);
  Define(a_.context, "detached", detached);
  Define(a_.context, "view", v8::Uint8Array::New(detached, 8, 8));
  Define(a_.context, "dataView", v8::DataView::New(detached, 8, 8));
  EXPECT_EQ(Run(a_.context, "store.HTGet('k', view)"), "3");
  detached->Detach(v8::Undefined(isolate_)).Check();
  refuse("detached");
  refuse("view");
  refuse("dataView");
  EXPECT_EQ(store::Value(*a_.store, "k"), "a's");
}

TEST_F(RawContextTest, ReadsAndWritesBuffersOfAnotherContext) {
  // A buffer is memory, whoever made it.
  {
    v8::Context::Scope context_scope(b_.context);
    Define(a_.context, "foreign", v8::Uint8Array::New(v8::ArrayBuffer::New(isolate_, 16), 4, 8));
  }
  EXPECT_EQ(Run(a_.context, "store.HTGet('k', foreign) + ' ' + new Uint8Array(foreign.buffer)"),
            "3 0,0,0,0,97,39,115,0,0,0,0,0,0,0,0,0");
  EXPECT_EQ(Run(a_.context, "store.HTSet('k', foreign); store.HTLength('k')"), "8");
}

TEST_F(RawContextTest, TouchesNothingAroundABuffer) {
  // Between pages of canaries, at every alignment.
  std::vector<uint8_t> memory(512, 0xa5);
  auto backing = v8::ArrayBuffer::NewBackingStore(
      memory.data(), memory.size(), [](void*, size_t, void*) {}, nullptr);
  v8::Context::Scope context_scope(a_.context);
  const v8::Local<v8::ArrayBuffer> buffer = v8::ArrayBuffer::New(isolate_, std::move(backing));
  for (size_t length = 0; length <= 300; length += 1 + length / 20) {
    Set(a_, "v", std::string(length, 'v'));
    for (size_t size = 0; size <= 100; size = size * 2 + 1) {
      for (size_t offset = 64; offset < 72; ++offset) {
        std::fill(memory.begin(), memory.end(), uint8_t{0xa5});
        Define(a_.context, "into", v8::Uint8Array::New(buffer, offset, size));
        ASSERT_EQ(Run(a_.context, "store.HTGet('v', into)"), std::to_string(length));
        for (size_t i = 0; i < memory.size(); ++i) {
          const bool inside = i >= offset && i < offset + std::min(size, length);
          ASSERT_EQ(memory[i], inside ? 'v' : 0xa5) << length << " " << size << " " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace shredder::engine
