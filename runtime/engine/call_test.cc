// Calls: arguments, replies of every type, promises, errors, transactions.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CallTest : public TenantTest {
 protected:
  // The reply of a function whose body is `body`, on line 3 from column 44.
  std::string Run(std::string_view body, const std::vector<std::string>& keys = {},
                  const std::vector<std::string>& args = {}) {
    tenant_.MustLoad("export const f = function (keys, args) {/**/" + std::string(body) + "};");
    return tenant_.ShowCall("f", keys, args);
  }
  std::string Reply(std::string_view expression) {
    return Run("return " + std::string(expression) + ";");
  }
};

// --- Arguments -----------------------------------------------------------------------------------

TEST_F(CallTest, GetsKeysAndArgumentsAsArraysOfStrings) {
  EXPECT_EQ(Run("return [keys, args, arguments.length, this === undefined, Array.isArray(keys)];",
                {"a", ""}, {"1", "ß€\U0001F600", std::string("x\0y", 3)}),
            std::string("[[\"a\", \"\"], [\"1\", \"ß€\U0001F600\", \"x\0y\"], 2, true, true]", 53));
}

TEST_F(CallTest, GetsMalformedUtf8AsReplacementCharacters) {
  EXPECT_EQ(Run("return args;", {},
                {"a\xff"
                 "b",
                 "\xc3", "\xed\xa0\x80"}),
            "[\"a\uFFFD"
            "b\", \"\uFFFD\", \"\uFFFD\uFFFD\uFFFD\"]");
}

TEST_F(CallTest, GetsAKeyThatIsNotUtf8AsTheBytesThatNameIt) {
  const std::string key = "k\xff\xc3";
  tenant_.Set(key, "its value");
  tenant_.Set("k\uFFFD\uFFFD", "another's");
  EXPECT_EQ(Run("return [keys.map((k) => k instanceof Uint8Array ? k.join() : k), "
                "HTGetString(keys[1])];",
                {"a\u00df", key, "7", "\xed\xa0\x80"}),
            "[[\"a\u00df\", \"107,255,195\", \"7\", \"237,160,128\"], \"its value\"]");
}

TEST_F(CallTest, GetsManyArguments) {
  std::vector<std::string> keys;
  for (int i = 0; i < 100'000; ++i) keys.push_back(std::to_string(i));
  EXPECT_EQ(Run("return [keys.length, keys[99999], keys.reduce((sum, k) => sum + +k, 0)];", keys),
            "[100000, \"99999\", 4999950000]");
}

TEST_F(CallTest, RefusesArgumentsThatItsHeapCannotHold) {
  // Rather than give up the process, as V8 does when it has no room for one large string.
  EXPECT_EQ(Run("return 1;", {}, {std::string(200 << 20, 'x')}),
            "!ERR arguments are larger than a quarter of the tenant's JavaScript heap of 64 MB");
  EXPECT_EQ(Run("return 1;", std::vector<std::string>(30, std::string(1 << 20, 'x'))),
            "!ERR arguments are larger than a quarter of the tenant's JavaScript heap of 64 MB");
  EXPECT_EQ(Run("return args[0].length;", {}, {std::string(15 << 20, 'x')}), "15728640");
}

// --- Replies -------------------------------------------------------------------------------------

TEST_F(CallTest, MapsEveryTypeOfReply) {
  const struct {
    const char* expression;
    const char* reply;
  } cases[] = {
      {"undefined", "null"},
      {"null", "null"},
      {"true", "true"},
      {"false", "false"},
      {"0", "0"},
      {"-0", "-0"},
      {"1.5", "1.5"},
      {"2 ** 53", "9007199254740992"},
      {"NaN", "nan"},
      {"-Infinity", "-inf"},
      {"5e-324", "4.9406564584124654e-324"},
      {"0n", "0n"},
      {"-(2n ** 63n)", "-9223372036854775808n"},
      {"2n ** 63n - 1n", "9223372036854775807n"},
      {"2n ** 63n", "\"9223372036854775808\""},
      {"-(2n ** 63n) - 1n", "\"-9223372036854775809\""},
      {"10n ** 30n", "\"1000000000000000000000000000000\""},
      {"''", "\"\""},
      {"'text'", "\"text\""},
      {"'ß€\\u{1f600}'", "\"ß€\U0001F600\""},
      {"'a' + 'b'.repeat(20) + 'c'", "\"abbbbbbbbbbbbbbbbbbbbc\""},
      {"[]", "[]"},
      {"[1, 'a', [null, [true]]]", "[1, \"a\", [null, [true]]]"},
      {"[1, , 3]", "[1, null, 3]"},
      {"new Set([1, 'a', 1])", "set[1, \"a\"]"},
      {"new Map([[1, 'a'], ['b', [2]]])", "{1: \"a\", \"b\": [2]}"},
      {"new Map()", "{}"},
      {"({b: 1, a: {c: 2n}})", "{\"b\": 1, \"a\": {\"c\": 2n}}"},
      {"({2: 'two', 1: 'one'})", "{\"1\": \"one\", \"2\": \"two\"}"},
      {"({})", "{}"},
      {"({[Symbol('s')]: 1, a: 1})", "{\"a\": 1}"},
      {"Object.create({inherited: 1}, {own: {value: 1, enumerable: true}, hidden: {value: 2}})",
       "{\"own\": 1}"},
      {"Object.assign(Object.create(null), {a: 1})", "{\"a\": 1}"},
      {"new (class Point { x = 1; #y = 2; get z() { return 3; } })", "{\"x\": 1}"},
      {"new Error('no node 7')", "!ERR no node 7"},
      {"new TypeError('two\\r\\n lines')", "!ERR two  lines"},
      {"[1, new RangeError('inner')]", "[1, !ERR inner]"},
      {"new Uint8Array([65, 66]).buffer", "\"AB\""},
      {"new Uint8Array([65, 66])", "\"AB\""},
      {"new Uint8Array([65, 66, 67, 68]).subarray(1, 3)", "\"BC\""},
      {"new Uint16Array([0x4241])", "\"AB\""},
      {"new DataView(new Uint8Array([65, 66, 67]).buffer, 1)", "\"BC\""},
      {"new Float64Array(0)", "\"\""},
      {"new ArrayBuffer(0)", "\"\""},
      {"new Date(0)", "\"1970-01-01T00:00:00.000Z\""},
      {"new Date(NaN)", "\"\""},
      {"new String('ab')", "{\"0\": \"a\", \"1\": \"b\"}"},
      {"/x/", "{}"},
      {"(() => { const b = new ArrayBuffer(4); %ArrayBufferDetach(b); return b; })()", "\"\""},
      {"(() => { const b = new Uint8Array(100); %ArrayBufferDetach(b.buffer); return b; })()",
       "\"\""},
  };
  for (const auto& [expression, reply] : cases) EXPECT_EQ(Reply(expression), reply) << expression;
}

TEST_F(CallTest, ReplacesLoneSurrogatesInReplies) {
  EXPECT_EQ(Reply("['\\ud800', 'a\\udc00b', '\\udc00\\ud800', '\\ud83d\\ude00']"),
            "[\"\uFFFD\", \"a\uFFFD"
            "b\", \"\uFFFD\uFFFD\", \"\U0001F600\"]");
}

TEST_F(CallTest, RefusesWhatHasNoReply) {
  for (const char* expression : {"() => 1", "Symbol('s')", "[Symbol.iterator]", "({f() {}})",
                                 "class {}", "Math.max", "new Proxy(() => 1, {})"}) {
    EXPECT_EQ(Reply(expression), "!ERR TypeError: a function or a symbol cannot be a reply")
        << expression;
  }
}

TEST_F(CallTest, LimitsHowDeepAReplyIsNested) {
  const std::string nest =
      "let x = 1; for (let i = 0; i < +args[0]; i++) x = wrap(x, i); return x; "
      "function wrap(x, i) { return i % 3 == 0 ? [x] : i % 3 == 1 ? {x} : new Map([[1, x]]); }";
  EXPECT_THAT(Run(nest, {}, {"32"}), HasSubstr("1"));
  EXPECT_EQ(Run(nest, {}, {"33"}),
            "!ERR TypeError: a reply is nested more than 32 deep, or refers to itself");
  EXPECT_EQ(Run(nest, {}, {"100000"}),
            "!ERR TypeError: a reply is nested more than 32 deep, or refers to itself");
}

TEST_F(CallTest, RefusesRepliesThatReferToThemselves) {
  for (const char* body : {
           "const a = []; a.push(a); return a;",
           "const o = {}; o.o = [o]; return o;",
           "const m = new Map(); m.set(1, m); return m;",
           "const m = new Map(); m.set(m, 1); return m;",
           "const s = new Set(); s.add(s); return s;",
           "const o = {get o() { return {__proto__: null, get o() { return o; }}; }}; return o;",
           "return new Proxy({}, {ownKeys: () => ['a'], get: (t, k, p) => p, "
           "getOwnPropertyDescriptor: () => ({configurable: true, enumerable: true})});",
       }) {
    EXPECT_EQ(Run(body), "!ERR TypeError: a reply is nested more than 32 deep, or refers to itself")
        << body;
  }
}

TEST_F(CallTest, LimitsTheSizeOfAReply) {
  constexpr char kTooLarge[] = "!ERR TypeError: a reply is larger than 64 MiB";
  for (const char* body : {
           "return new Array(2 ** 32 - 1);",
           "const a = []; a.length = 5_000_000; return a;",
           // Small in the heap, large as a reply.
           "let a = 'x'.repeat(1 << 20); return new Array(100).fill(a);",
           "let a = new Array(1000).fill(1); for (let i = 0; i < 3; i++) a = new "
           "Array(100).fill(a); return a;",
           "const b = new ArrayBuffer(40 << 20); return [b, new Uint8Array(b)];",
           // Longer than the heap that it would have to be flattened in.
           "return '\\u20ac'.repeat(23_000_000);",
           "return {a: ['\\u20ac'.repeat(23_000_000)]};",
           "return new Map([['\\u20ac'.repeat(23_000_000), 1]]);",
       }) {
    EXPECT_EQ(Run(body), kTooLarge) << body;
  }
  EXPECT_THAT(tenant_.Load("export const f = () => 'x'.repeat(20 << 20);"), "\"lib\"");
  const Value reply = tenant_.Call("f");
  ASSERT_TRUE(std::holds_alternative<Text>(reply.data));
  EXPECT_EQ(std::get<Text>(reply.data).utf8, std::string(20 << 20, 'x'));
}

TEST_F(CallTest, RunsGettersAndProxiesOfAReply) {
  EXPECT_EQ(Reply("({get a() { return 1; }})"), "{\"a\": 1}");
  EXPECT_EQ(Reply("new Proxy([1, 2], {})"), "{\"0\": 1, \"1\": 2}");
  EXPECT_EQ(Reply("new Proxy({a: 1}, {get: () => 'trapped'})"), "{\"a\": \"trapped\"}");
  EXPECT_EQ(Reply("Object.defineProperty([1], 1, {get() { return 'g'; }})"), "[1, \"g\"]");
  // Within the transaction.
  EXPECT_EQ(Reply("({get a() { HTSet('k', new Uint8Array([65])); return 1; }})"), "{\"a\": 1}");
  EXPECT_EQ(tenant_.Get("k"), "A");
}

TEST_F(CallTest, FailsWhereAGetterOrAProxyOfItsReplyThrows) {
  for (const char* expression : {
           "({get a() { throw new Error('trap'); }})",
           "[1, {get a() { throw new Error('trap'); }}]",
           "Object.defineProperty([1], 0, {get() { throw new Error('trap'); }})",
           "new Proxy({}, {ownKeys() { throw new Error('trap'); }})",
           "new Proxy({a: 1}, {get() { throw new Error('trap'); }})",
           "new Proxy({a: 1}, {getOwnPropertyDescriptor() { throw new Error('trap'); }})",
           "Object.defineProperty(new Error(''), 'message', {get() { throw new Error('trap'); }})",
           "Object.assign(new Error(''), {message: {toString() { throw new Error('trap'); }}})",
       }) {
    EXPECT_THAT(Reply(expression), StartsWith("!ERR Error: trap at lib:3:")) << expression;
  }
  EXPECT_THAT(Reply("(() => { const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); "
                    "return proxy; })()"),
              StartsWith("!ERR TypeError: Cannot perform 'ownKeys' on a proxy that has been "
                         "revoked"));
  EXPECT_THAT(Reply("Object.assign(new Error(''), {message: Symbol('s')})"),
              StartsWith("!ERR TypeError: Cannot convert a Symbol value to a string"));
}

TEST_F(CallTest, ReadsAReplyThatChangesUnderWay) {
  EXPECT_EQ(Reply("(() => { const a = [0, 1, 2]; Object.defineProperty(a, 0, {get() { "
                  "a.length = 1; return 'shrunk'; }, configurable: false}); return a; })()"),
            "[\"shrunk\", null, null]");
  EXPECT_EQ(Reply("(() => { const o = {get a() { delete o.b; o.c = 1; return 0; }, b: 1}; "
                  "return o; })()"),
            "{\"a\": 0, \"b\": null}");
  EXPECT_EQ(Reply("(() => { const b = new ArrayBuffer(4); return [{get a() { "
                  "%ArrayBufferDetach(b); return 0; }}, b, new Uint8Array(1)]; })()"),
            std::string("[{\"a\": 0}, \"\", \"\0\"]", 19));
}

// --- Promises ------------------------------------------------------------------------------------

TEST_F(CallTest, AwaitsAsyncFunctions) {
  tenant_.MustLoad(
      "export async function value() { await null; return [await Promise.resolve(7), 'x']; }\n"
      "export async function fail() { await null; throw new RangeError('later'); }\n"
      "export const reject = () => Promise.reject('text');\n"
      "export const never = () => new Promise(() => {});\n"
      "export const nested = async () => new Promise((r) => r(Promise.resolve(1)));\n"
      "export const inner = () => [Promise.resolve(1)];\n"
      "export async function writes() { await null; HTSet('k', new Uint8Array([65])); }\n"
      "export async function writesAndFails() { await writes(); HTDelete('k'); throw 1; }");
  EXPECT_EQ(tenant_.ShowCall("value"), "[7, \"x\"]");
  EXPECT_EQ(tenant_.ShowCall("fail"), "!ERR RangeError: later at lib:4:50");
  EXPECT_THAT(tenant_.ShowCall("reject"), StartsWith("!ERR text"));
  EXPECT_EQ(tenant_.ShowCall("never"), "!ERR function waits for a promise that nothing settles");
  EXPECT_EQ(tenant_.ShowCall("nested"), "1");
  EXPECT_EQ(tenant_.ShowCall("inner"), "[{}]");
  EXPECT_EQ(tenant_.ShowCall("writes"), "null");
  EXPECT_EQ(tenant_.Get("k"), "A");
  EXPECT_THAT(tenant_.ShowCall("writesAndFails"), StartsWith("!ERR 1"));
  EXPECT_EQ(tenant_.Get("k"), "A");
}

TEST_F(CallTest, UndoesTheWritesOfAPromiseThatNothingSettles) {
  tenant_.Set("k", "old");
  EXPECT_EQ(Run("HTSet('k', new Uint8Array(1)); return new Promise(() => {});"),
            "!ERR function waits for a promise that nothing settles");
  EXPECT_EQ(tenant_.Get("k"), "old");
}

TEST_F(CallTest, RunsWhatItLeftToDoBeforeItEnds) {
  tenant_.MustLoad(
      "let late = 0;\n"
      "const leave = () => Promise.resolve().then(() => { late++; }).then(() => { late++; "
      "HTSet('late', new Uint8Array([48 + late])); });\n"
      "export const count = () => late;\n"
      "export const returns = () => { leave(); return late; };\n"
      "export const throws = () => { leave(); throw new Error('x'); };");
  EXPECT_EQ(tenant_.ShowCall("returns"), "0");
  EXPECT_EQ(tenant_.Get("late"), "2");
  EXPECT_EQ(tenant_.ShowCall("count"), "2");
  // After an exception too, and there its writes are undone.
  EXPECT_EQ(tenant_.ShowCall("throws"), "!ERR Error: x at lib:7:40");
  EXPECT_EQ(tenant_.Get("late"), "2");
  EXPECT_EQ(tenant_.ShowCall("count"), "4");
  EXPECT_EQ(tenant_.ShowCall("count"), "4");
}

// --- Errors --------------------------------------------------------------------------------------

TEST_F(CallTest, SaysWhatWasThrownAndWhere) {
  const struct {
    const char* body;
    const char* error;
  } cases[] = {
      {"throw new Error('boom');", "!ERR Error: boom at lib:3:45"},
      {"throw new TypeError('two\\nlines\\r\\n\\r\\nmore');",
       "!ERR TypeError: two lines more at lib:3:45"},
      {"throw 'text';", "!ERR text at lib:3:45"},
      {"throw '';", "!ERR  at lib:3:45"},
      {"throw 7;", "!ERR 7 at lib:3:45"},
      {"throw null;", "!ERR null at lib:3:45"},
      {"throw undefined;", "!ERR undefined at lib:3:45"},
      {"throw Symbol('s');", "!ERR Symbol(s) at lib:3:45"},
      {"throw {a: 1};", "!ERR #<Object> at lib:3:45"},
      {"throw new (class Mine extends Error {})('own');", "!ERR Error: own at lib:3:45"},
      {"x.y;", "!ERR ReferenceError: x is not defined at lib:3:45"},
      {"return args[0].length;",
       "!ERR TypeError: Cannot read properties of undefined (reading 'length') at lib:3:60"},
      {"JSON.parse('{');",
       "!ERR SyntaxError: Expected property name or '}' in JSON at position 1 at lib:3:50"},
  };
  for (const auto& [body, error] : cases) EXPECT_EQ(Run(body), error) << body;
}

TEST_F(CallTest, RunsNoneOfAnExceptionsCode) {
  // Any of these would run into the minute's deadline.
  for (const char* exception : {
           "{toString() { for (;;); }}",
           "{get message() { for (;;); }, get name() { for (;;); }, get stack() { for (;;); }}",
           "new Proxy({}, {get() { for (;;); }, getPrototypeOf() { for (;;); }})",
           "Object.defineProperty(new Error('x'), 'toString', {get() { for (;;); }})",
           "new (class extends Error { get name() { for (;;); } toString() { for (;;); } })('x')",
       }) {
    EXPECT_THAT(Run("throw " + std::string(exception) + ";"), HasSubstr(" at lib:3:45"))
        << exception;
  }
  EXPECT_EQ(Run("Error.prepareStackTrace = () => { for (;;); }; throw new Error('x');"),
            "!ERR Error: x at lib:3:92");
}

TEST_F(CallTest, CutsLongErrorsShort) {
  for (const char* body : {
           "throw new Error('x'.repeat(1e6));",
           "throw 'x'.repeat(1e6);",
           "throw '\\u20ac'.repeat(1e6);",
           // Longer than the heap that they would have to be flattened in.
           "throw 'x'.repeat(2 ** 25 - 200);",
           "throw new Error('x'.repeat(2 ** 25 - 200));",
           "throw '\\u20ac'.repeat(2 ** 24);",
       }) {
    const std::string error = Run(body);
    EXPECT_THAT(error, StartsWith("!ERR ")) << body;
    EXPECT_THAT(error, HasSubstr("... at lib:3:45")) << body;
    EXPECT_LT(error.size(), 1100u) << body;
    EXPECT_GT(error.size(), 900u) << body;
  }
  EXPECT_EQ(Run("return new Error('x'.repeat(2 ** 25 - 200));"),
            "!ERR " + std::string(1024, 'x') + "...");
  EXPECT_EQ(Run("return [new Error('\\u20ac'.repeat(2 ** 24))];").size(),
            std::string_view("[!ERR ...]").size() + 1023);
}

TEST_F(CallTest, IsAnErrorWhereThereIsNoSuchFunction) {
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Function not found");
  tenant_.MustLoad("export const f = () => 1;");
  EXPECT_EQ(tenant_.ShowCall("F"), "!ERR Function not found");
  EXPECT_EQ(tenant_.ShowCall(std::string("f\0", 2)), "!ERR Function not found");
}

// --- The store -----------------------------------------------------------------------------------

TEST_F(CallTest, KeepsItsWritesWhenItReturns) {
  tenant_.Set("gone", "x");
  EXPECT_EQ(Run("HTSet('a', new Uint8Array([65])); HTSet(7, new Uint8Array([66]).buffer);"
                "return [HTDelete('gone'), HTDelete('gone'), HTLength('a'), HTLength('7')];"),
            "[true, false, 1, 1]");
  EXPECT_EQ(tenant_.Get("a"), "A");
  EXPECT_EQ(tenant_.Get("7"), "B");
  EXPECT_EQ(tenant_.Get("gone"), "(absent)");
  EXPECT_FALSE(tenant_.store().in_transaction());
}

TEST_F(CallTest, UndoesItsWritesWhenItThrows) {
  tenant_.Set("old", "value");
  tenant_.Set("gone", "x");
  EXPECT_EQ(Run("HTSet('old', new Uint8Array(3)); HTDelete('gone'); HTSet('new', new "
                "Uint8Array(1)); if (HTLength('old') !== 3 || HTHas('gone') || !HTHas('new')) "
                "return 'does not see its own writes'; null.x;"),
            "!ERR TypeError: Cannot read properties of null (reading 'x') at lib:3:233");
  EXPECT_EQ(tenant_.Get("old"), "value");
  EXPECT_EQ(tenant_.Get("gone"), "x");
  EXPECT_EQ(tenant_.Get("new"), "(absent)");
  EXPECT_FALSE(tenant_.store().in_transaction());
  EXPECT_EQ(tenant_.store().CheckInvariants(), "");
}

TEST_F(CallTest, UndoesItsWritesWhenItsReplyFails) {
  EXPECT_THAT(Run("HTSet('k', new Uint8Array(1)); return () => 1;"), StartsWith("!ERR TypeError"));
  EXPECT_EQ(tenant_.Get("k"), "(absent)");
}

TEST_F(CallTest, KeepsWritesWhereItReturnsAnError) {
  EXPECT_EQ(Run("HTSet('k', new Uint8Array([65])); return new Error('told');"), "!ERR told");
  EXPECT_EQ(tenant_.Get("k"), "A");
}

TEST_F(CallTest, CannotWriteWhereItPromisedNotTo) {
  tenant_.Set("k", "v");
  tenant_.MustLoad(
      "export const set = () => HTSet('k', new Uint8Array(1));\nset.flags = ['no-writes'];\n"
      "export const del = () => HTDelete('k');\ndel.flags = ['no-writes'];\n"
      "export const get = () => HTLength('k');\nget.flags = ['no-writes'];\n"
      "export const late = async () => { await 1; HTDelete('k'); };\nlate.flags = ['no-writes'];\n"
      "export const caught = () => { try { HTDelete('k'); } catch (e) { return e.name; } };\n"
      "caught.flags = ['no-writes'];\n"
      "export const free = () => HTDelete('k');");
  constexpr char kReadOnly[] =
      "!READONLY a function with the flag no-writes cannot write the store at lib:";
  for (const bool read_only : {false, true}) {
    EXPECT_EQ(Show(tenant_.Call("set", {}, {}, read_only)), std::string(kReadOnly) + "3:26");
    EXPECT_EQ(Show(tenant_.Call("del", {}, {}, read_only)), std::string(kReadOnly) + "5:26");
    EXPECT_EQ(Show(tenant_.Call("late", {}, {}, read_only)), std::string(kReadOnly) + "9:44");
    EXPECT_EQ(Show(tenant_.Call("get", {}, {}, read_only)), "1");
    EXPECT_EQ(Show(tenant_.Call("caught", {}, {}, read_only)), "\"TypeError\"");
    EXPECT_EQ(tenant_.Get("k"), "v");
  }
  EXPECT_EQ(Show(tenant_.Call("free", {}, {}, true)),
            "!ERR Can not execute a script with write flag using *_ro command.");
  EXPECT_EQ(tenant_.Get("k"), "v");
  EXPECT_EQ(Show(tenant_.Call("free")), "true");
}

TEST_F(CallTest, IsToldWhenTheTenantsMemoryIsUsedUp) {
  Tenant small(&engine_, 1 << 20);
  small.Set("k", "kept");
  small.MustLoad(
      "const big = new Uint8Array(1 << 20);\n"
      "export const fill = () => { HTSet('k', new Uint8Array(8)); HTSet('big', big); };\n"
      "export const caught = () => { try { HTSet('big', big); } catch (e) { return "
      "[e instanceof RangeError, e.message, HTHas('big')]; } };\n"
      "export const many = () => { for (let i = 0; ; i++) HTSet(i, new Uint8Array(100)); };");
  EXPECT_EQ(small.ShowCall("fill"), "!OOM the tenant's memory quota is used up at lib:4:60");
  EXPECT_EQ(small.Get("k"), "kept");
  EXPECT_EQ(small.ShowCall("caught"),
            "[true, \"OOM the tenant's memory quota is used up\", false]");
  const uint64_t used = small.store().used_bytes();
  EXPECT_EQ(small.ShowCall("many"), "!OOM the tenant's memory quota is used up at lib:6:52");
  EXPECT_EQ(small.Get("k"), "kept");
  EXPECT_EQ(small.store().key_count(), 1u);
  EXPECT_LE(small.store().used_bytes(), used + (64 << 10));
  EXPECT_EQ(small.store().CheckInvariants(), "");
}

TEST_F(CallTest, SeesExpiryByTheStoresClock) {
  ASSERT_EQ(tenant_.store().Set(store::KeyOf("k"), "v", store::Expiry::At(kNowMs + 10)),
            store::WriteStatus::kOk);
  tenant_.MustLoad(
      "export const f = () => [HTHas('k'), HTLength('k')];"
      "export const set = () => HTSet('k', new Uint8Array(2));");
  EXPECT_EQ(tenant_.ShowCall("f"), "[true, 1]");
  tenant_.store().SetNow(kNowMs + 10);
  EXPECT_EQ(tenant_.ShowCall("f"), "[false, -1]");
  // What a function writes has no expiry, whatever was there.
  tenant_.store().SetNow(kNowMs);
  EXPECT_EQ(tenant_.ShowCall("set"), "true");
  EXPECT_EQ(tenant_.store().ExpiresAt(store::KeyOf("k")), 0u);
}

TEST_F(CallTest, KeepsAModulesStateBetweenCalls) {
  tenant_.MustLoad(
      "let n = 0; export const f = () => ++n; export const g = () => { n += 10; throw 1; };");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  EXPECT_EQ(tenant_.ShowCall("g"), "!ERR 1 at lib:3:74");
  EXPECT_EQ(tenant_.ShowCall("f"), "12");
}

}  // namespace
}  // namespace shredder::engine
