// Libraries in WebAssembly: the ABI, the imports, the limits, and hostile modules.
#include <cmath>
#include <fstream>
#include <random>

#include "builtins-csa/builtins/wasm_embedding.h"
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/wasm/module_builder.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
namespace code = wasm_code;
using code::Call;
using code::I32;
using code::I64;
using code::kF64;
using code::kI32;
using code::kI64;
using code::LocalGet;
using code::Module;

constexpr const char* kStore = "shredder:store";

class WasmTest : public TenantTest {
 protected:
  explicit WasmTest(const EngineOptions& options = Patient()) : TenantTest(options) {}

  std::string Load(const Module& module) {
    return Show(tenant_.host().Load(module.Library("lib"), true));
  }
  void MustLoad(const Module& module) { ASSERT_EQ(Load(module), "\"lib\""); }
  std::string Run(const std::vector<std::string>& keys = {},
                  const std::vector<std::string>& args = {}) {
    return tenant_.ShowCall("f", keys, args);
  }
};

// A module whose only function, f, has this body, and no parameter.
Module Plain(code::Type result, const std::string& body,
             const std::vector<code::Type>& locals = {}) {
  Module module;
  module.ExportFunction("f", module.Function(module.AddType({}, {result}), locals, body));
  return module;
}

// One import, and an f that returns what `body`, which may call it as function 0, leaves. There is
// a page of memory.
Module WithImport(std::string_view name, const std::vector<code::Type>& parameters,
                  code::Type result, const std::string& body, code::Type returns) {
  Module module;
  module.Import(kStore, name, module.AddType(parameters, {result}));
  module.Memory(1);
  module.Data(16, "key");
  module.Data(32, "value");
  module.ExportFunction("f", module.Function(module.AddType({}, {returns}), {}, body));
  return module;
}

// A reply at `address`, and what it consists of.
std::string Reply(uint32_t kind, uint32_t size, uint64_t data) {
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), &kind, 4);
  std::memcpy(bytes.data() + 4, &size, 4);
  std::memcpy(bytes.data() + 8, &data, 8);
  return bytes;
}

// An f that says that its reply lies at 64, where these bytes are.
Module Replying(std::string_view bytes) {
  Module module;
  module.MemoryWithAlloc();
  module.Data(64, bytes);
  module.ExportFunction(
      "f", module.Function(module.AddType({kI32}, {}), {}, LocalGet(0) + I32(64) + code::Store(8)));
  return module;
}

// --- Results -------------------------------------------------------------------------------------

TEST_F(WasmTest, RepliesWithTheNumberThatAFunctionReturns) {
  MustLoad(Plain(kI32, I32(-5)));
  EXPECT_EQ(Run(), "-5");
  MustLoad(Plain(kI64, I64(INT64_MIN)));
  EXPECT_EQ(Run(), "-9223372036854775808n");
  MustLoad(Plain(kF64, I32(3) + code::Byte(0xb7)));  // f64.convert_i32_s
  EXPECT_EQ(Run(), "3");
}

TEST_F(WasmTest, RepliesWithNullWhereAFunctionReturnsNothing) {
  Module module;
  module.ExportFunction("f", module.Function(module.AddType({}, {}), {}, ""));
  MustLoad(module);
  EXPECT_EQ(Run(), "null");
}

TEST_F(WasmTest, RepliesWithWhatTheModuleHasWrittenToItsMemory) {
  const double number = 1.5;
  uint64_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  const std::pair<std::string, const char*> kReplies[] = {
      {Reply(0, 0, 0), "null"},
      {Reply(1, 1, 0), "true"},
      {Reply(1, 0, 0), "false"},
      {Reply(2, 0, static_cast<uint64_t>(-7)), "-7n"},
      {Reply(3, 0, bits), "1.5"},
      {Reply(4, 5, 80) + "text\n", "\"text\n\""},
      {Reply(6, 2, 80) + Reply(2, 0, 1) + Reply(0, 0, 0), "[1n, null]"},
      {Reply(7, 1, 80) + Reply(4, 1, 112) + Reply(2, 0, 2) + "k", "{\"k\": 2n}"},
      {Reply(8, 9, 80) + "out of it", "!ERR out of it"},
  };
  for (const auto& [reply, shown] : kReplies) {
    MustLoad(Replying(reply));
    EXPECT_EQ(Run(), shown);
  }
}

TEST_F(WasmTest, RefusesRepliesThatAreNone) {
  const std::pair<std::string, const char*> kReplies[] = {
      {Reply(9, 0, 0), "!ERR TypeError: a reply is of kind 9, which there is not"},
      {Reply(4, 1, 65536), "!ERR TypeError: a reply's bytes lie outside of the module's memory"},
      {Reply(4, UINT32_MAX, 16),
       "!ERR TypeError: a reply's bytes lie outside of the module's memory"},
      {Reply(6, 1 << 28, 64),
       "!ERR TypeError: a reply's elements lie outside of the module's memory"},
      {Reply(7, UINT32_MAX, 64),
       "!ERR TypeError: a reply's elements lie outside of the module's memory"},
      // An array that is its own only element, and one with itself twice.
      {Reply(6, 1, 64), "!ERR TypeError: a reply is nested more than 32 deep"},
      {Reply(6, 2, 80) + Reply(6, 2, 80) + Reply(6, 2, 80),
       "!ERR TypeError: a reply is nested more than 32 deep"},
      {Reply(4, 2, 80) + "\xc3(", "!ERR TypeError: a reply's text is not UTF-8; reply with bytes"},
  };
  for (const auto& [reply, shown] : kReplies) {
    MustLoad(Replying(reply));
    EXPECT_EQ(Run(), shown);
  }
}

TEST_F(WasmTest, BoundsAReplyWhoseElementsAreTheSameAgainAndAgain) {
  // 16 levels of arrays of 16, each of the same array: 2^64 elements.
  std::string bytes;
  for (uint32_t level = 0; level < 16; ++level) {
    const uint32_t next = 64 + (level + 1) * 256;
    for (int i = 0; i < 16; ++i) bytes += Reply(6, 16, next);
  }
  MustLoad(Replying(bytes));
  EXPECT_EQ(Run(), "!ERR TypeError: a reply is larger than 64 MiB");
}

// --- Calls ---------------------------------------------------------------------------------------

TEST_F(WasmTest, GetsKeysAndArgumentsAsBytes) {
  // The first argument's bytes as the reply's text.
  Module module;
  module.MemoryWithAlloc();
  module.Data(64, Reply(5, 0, 0));
  const auto slice = [](int32_t offset) { return LocalGet(0) + code::Load(offset); };
  module.ExportFunction(
      "f", module.Function(module.AddType({kI32}, {}), {},
                           // key_count, arg_count and the key's length are checked on the way.
                           LocalGet(0) + I32(64) + code::Store(8) +     //
                               I32(64) + slice(28) + code::Store(4) +   // the argument's length
                               I32(64) + slice(24) + code::Store(8)));  // and its address
  MustLoad(module);
  EXPECT_EQ(Run({"k\xff"}, {std::string("a\0\xfe", 3)}), std::string("\"a\0\xfe\"", 5));
}

TEST_F(WasmTest, TakesTheArgumentsOfATypedCallAsTexts) {
  Module module;
  module.MemoryWithAlloc();
  module.ExportFunction(
      "f", module.Function(module.AddType({kI32}, {kI32}), {}, LocalGet(0) + code::Load(4)));
  MustLoad(module);
  EXPECT_EQ(Show(tenant_.Call("f", {}, {"[\"a\",\"b\"]"}, false, CallForm::kTyped)), "\"2\"");
}

TEST_F(WasmTest, SaysWhereAllocGivesNoMemory) {
  Module module;
  module.Memory(1);
  module.ExportMemory();
  module.ExportFunction("alloc", module.Function(module.AddType({kI32}, {kI32}), {}, I32(65530)));
  module.ExportFunction("f", module.Function(module.AddType({kI32}, {}), {}, ""));
  MustLoad(module);
  EXPECT_EQ(Run(), "!ERR alloc of the module gave no memory for a call of 16 bytes");
}

TEST_F(WasmTest, CallsFreeWithTheCallOnceItsReplyIsRead) {
  Module module;
  module.MemoryWithAlloc();
  const uint32_t freed = module.Global(0);
  module.ExportFunction("free", module.Function(module.AddType({kI32}, {}), {},
                                                LocalGet(0) + code::GlobalSet(freed)));
  module.ExportFunction(
      "f", module.Function(module.AddType({kI32}, {kI32}), {}, code::GlobalGet(freed)));
  MustLoad(module);
  EXPECT_EQ(Run(), "0");
  EXPECT_EQ(Run(), "1024");
}

TEST_F(WasmTest, KeepsItsMemoryFromCallToCallAndNotOverACallThatFails) {
  Module module;
  const uint32_t count = module.Global(0);
  const uint32_t type = module.AddType({}, {kI32});
  module.ExportFunction("f", module.Function(type, {},
                                             code::GlobalGet(count) + I32(1) + code::kAddI32 +
                                                 code::GlobalSet(count) + code::GlobalGet(count)));
  module.ExportFunction("fail", module.Function(type, {}, code::kUnreachable));
  MustLoad(module);
  EXPECT_EQ(Run(), "1");
  EXPECT_EQ(Run(), "2");
  EXPECT_THAT(tenant_.ShowCall("fail"), HasSubstr("RuntimeError: unreachable"));
  EXPECT_EQ(Run(), "1");
}

// --- Loading -------------------------------------------------------------------------------------

TEST_F(WasmTest, SaysWhatALibraryLacks) {
  EXPECT_THAT(Show(tenant_.host().Load("#!wasm name=lib\n", true)), HasSubstr("CompileError"));
  EXPECT_THAT(Show(tenant_.host().Load("#!wasm name=lib\nno module", true)),
              HasSubstr("expected magic word"));
  EXPECT_EQ(Load(Module()), "!ERR No functions registered");
  Module other_type;
  other_type.ExportFunction(
      "add", other_type.Function(other_type.AddType({kI32, kI32}, {kI32}), {}, I32(1)));
  EXPECT_THAT(Load(other_type), StartsWith("!ERR function add must take one i32 or nothing"));
  Module no_alloc;
  no_alloc.ExportFunction("f", no_alloc.Function(no_alloc.AddType({kI32}, {}), {}, ""));
  EXPECT_EQ(Load(no_alloc),
            "!ERR a module whose functions take a call must export memory and alloc");
  Module named;
  named.ExportFunction("a-b", named.Function(named.AddType({}, {}), {}, ""));
  EXPECT_THAT(Load(named), StartsWith("!ERR Function names can only contain"));
  EXPECT_THAT(Load(WithImport("ht_nothing", {}, kI32, Call(0), kI32)), HasSubstr("LinkError"));
  EXPECT_THAT(Load(WithImport("ht_has", {kI32}, kI32, I32(1), kI32)), HasSubstr("LinkError"));
  Module foreign;
  foreign.Import("env", "abort", foreign.AddType({}, {}));
  foreign.ExportFunction("f", foreign.Function(foreign.AddType({}, {}), {}, ""));
  EXPECT_THAT(Load(foreign), HasSubstr("env"));
}

TEST_F(WasmTest, ReadsWhatTheModuleSaysOfItsFunctions) {
  Module module = WithImport("ht_delete", {kI64}, kI32, I64(1) + Call(0), kI32);
  module.Custom("shredder",
                R"({"functions": {"f": {"flags": ["no-writes"], "description": "says so"}}})");
  MustLoad(module);
  const LibraryInfo& info = *tenant_.host().libraries()[0];
  EXPECT_EQ(info.language, LibraryLanguage::kWebAssembly);
  EXPECT_THAT(info.functions[0].flags, testing::ElementsAre("no-writes"));
  EXPECT_EQ(info.functions[0].description, "says so");
  EXPECT_THAT(Run(), StartsWith("!READONLY a function with the flag no-writes cannot write"));
  module.Custom("shredder", "not looked at");
  MustLoad(module);
  Module bad = Plain(kI32, I32(1));
  bad.Custom("shredder", R"({"functions": 5})");
  EXPECT_THAT(Load(bad), StartsWith("!ERR the module's section shredder is not JSON"));
}

TEST_F(WasmTest, SaysWhatItsStartFunctionHasFailedWith) {
#ifdef DEBUG
  GTEST_SKIP() << "a V8 that checks itself expects JavaScript between a start function and whoever "
                  "catches what it throws";
#endif
  Module module = Plain(kI32, I32(1));
  module.Start(module.Function(module.AddType({}, {}), {}, code::kUnreachable));
  EXPECT_THAT(Load(module), StartsWith("!ERR RuntimeError: unreachable"));
}

TEST_F(WasmTest, HasNoTailCalls) {
  Module module;
  const uint32_t type = module.AddType({}, {kI32});
  module.ExportFunction("f", module.Function(type, {}, code::Byte(0x12) + code::Unsigned(0)));
  EXPECT_THAT(Load(module), HasSubstr("CompileError"));
}

TEST_F(WasmTest, CannotWriteWhileItLoads) {
  Module module = WithImport("ht_delete", {kI64}, kI32, I64(1) + Call(0), kI32);
  module.ExportFunction(
      "_initialize", module.Function(module.AddType({}, {}), {}, I64(1) + Call(0) + code::kDrop));
  EXPECT_THAT(Load(module),
              StartsWith("!READONLY a library cannot write the store while it loads"));
}

TEST_F(WasmTest, IsTheSameAfterItsJavaScriptWasGivenUp) {
  MustLoad(Plain(kI32, I32(7)));
  tenant_.host().GiveUp();
  EXPECT_EQ(Run(), "7");
}

TEST_F(WasmTest, SharesItsCodeWithOtherTenantsAndGivesItUpWithTheLast) {
  const size_t before = wasm::CodeBytes();
  const Module module = Plain(kI32, I32(1234));
  MustLoad(module);
  EXPECT_EQ(Run(), "1234");
  const size_t one = wasm::CodeBytes();
  EXPECT_GT(one, before);
  {
    Tenant other(&engine_);
    ASSERT_EQ(Show(other.host().Load(module.Library("named_otherwise"), true)),
              "\"named_otherwise\"");
    EXPECT_EQ(other.ShowCall("f"), "1234");
    EXPECT_EQ(wasm::CodeBytes(), one);
    ASSERT_EQ(Show(other.host().Load(Plain(kI32, I32(4321)).Library("more"), false)),
              "!ERR Function f already exists");
  }
  tenant_.host().Flush();
  EXPECT_EQ(wasm::CodeBytes(), before);
}

TEST_F(WasmTest, SharesTheNamesOfFunctionsWithLibrariesInJavaScript) {
  tenant_.MustLoad("export function g() { return 1; }");
  Module module = Plain(kI32, I32(1));
  module.ExportFunction("g", 0);
  EXPECT_EQ(Show(tenant_.host().Load(module.Library("other"), true)),
            "!ERR Function g already exists");
}

// --- The store -----------------------------------------------------------------------------------

TEST_F(WasmTest, ReadsTheStore) {
  tenant_.Set("7", "sevenfold");
  tenant_.Set("key", std::string("\x2a\0\0\0\0\0\0\0\0\0\xf8\x3f", 12));
  const auto i32s = [](std::initializer_list<int32_t> values) {
    std::string all;
    for (const int32_t value : values) all += I32(value);
    return all;
  };
  // Copies, and then loads what it has copied.
  MustLoad(WithImport("ht_get", {kI64, kI32, kI32}, kI64,
                      I64(7) + i32s({64, 4}) + Call(0) + code::kDrop + I32(64) + code::Load(0),
                      kI32));
  EXPECT_EQ(Run(), std::to_string(0x65766573));
  MustLoad(WithImport("ht_get", {kI64, kI32, kI32}, kI64, I64(7) + i32s({64, 4}) + Call(0), kI64));
  EXPECT_EQ(Run(), "9n");
  MustLoad(WithImport("ht_get", {kI64, kI32, kI32}, kI64, I64(8) + i32s({64, 4}) + Call(0), kI64));
  EXPECT_EQ(Run(), "-1n");
  MustLoad(WithImport("ht_view_s", {kI32, kI32, kI32, kI32, kI32}, kI64,
                      i32s({16, 3, 8, 64, 4}) + Call(0) + code::kDrop + I32(64) + code::Load(0),
                      kI32));
  EXPECT_EQ(Run(), std::to_string(0x3ff80000));
  MustLoad(WithImport("ht_length_s", {kI32, kI32}, kI64, i32s({16, 3}) + Call(0), kI64));
  EXPECT_EQ(Run(), "12n");
  MustLoad(WithImport("ht_has", {kI64}, kI32, I64(7) + Call(0), kI32));
  EXPECT_EQ(Run(), "1");
  MustLoad(WithImport("ht_get_u32_s", {kI32, kI32, kI32}, kI64, i32s({16, 3, 0}) + Call(0), kI64));
  EXPECT_EQ(Run(), "42n");
  MustLoad(WithImport("ht_get_u32_s", {kI32, kI32, kI32}, kI64, i32s({16, 3, 3}) + Call(0), kI64));
  EXPECT_EQ(Run(), "-1n");
  MustLoad(WithImport("ht_get_f64", {kI64, kI32}, kF64, I64(9) + I32(0) + Call(0), kF64));
  EXPECT_EQ(Run(), "nan");
}

TEST_F(WasmTest, WritesTheStore) {
  MustLoad(WithImport("ht_set_s", {kI32, kI32, kI32, kI32, kI64, kI32}, kI32,
                      I32(16) + I32(3) + I32(32) + I32(5) + I64(0) + I32(1) + Call(0), kI32));
  EXPECT_EQ(Run(), "1");
  EXPECT_EQ(tenant_.Get("key"), "value");
  EXPECT_EQ(Run(), "0");  // if_absent
  MustLoad(WithImport("ht_set", {kI64, kI32, kI32, kI64, kI32}, kI32,
                      I64(5) + I32(32) + I32(5) + I64(1000) + I32(0) + Call(0), kI32));
  EXPECT_EQ(Run(), "1");
  EXPECT_EQ(tenant_.store().ExpiresAt(store::Key::FromInteger(5)), kNowMs + 1000);
  MustLoad(WithImport("ht_ttl", {kI64}, kI64, I64(5) + Call(0), kI64));
  EXPECT_EQ(Run(), "1000n");
  MustLoad(WithImport("ht_expire", {kI64, kI64}, kI32, I64(5) + I64(0) + Call(0), kI32));
  EXPECT_EQ(Run(), "1");
  EXPECT_EQ(tenant_.store().ExpiresAt(store::Key::FromInteger(5)), 0);
  MustLoad(
      WithImport("ht_append", {kI64, kI32, kI32}, kI64, I64(5) + I32(16) + I32(3) + Call(0), kI64));
  EXPECT_EQ(Run(), "8n");
  EXPECT_EQ(tenant_.Get("5"), "valuekey");
  MustLoad(WithImport("ht_add", {kI64, kI64}, kI64, I64(6) + I64(-4) + Call(0), kI64));
  EXPECT_EQ(Run(), "-4n");
  EXPECT_EQ(Run(), "-8n");
  MustLoad(WithImport("ht_delete", {kI64}, kI32, I64(6) + Call(0), kI32));
  EXPECT_EQ(Run(), "1");
  EXPECT_EQ(Run(), "0");
}

TEST_F(WasmTest, UndoesTheWritesOfACallThatFails) {
  MustLoad(WithImport("ht_add", {kI64, kI64}, kI64,
                      I64(6) + I64(1) + Call(0) + code::kDrop + code::kUnreachable, kI64));
  EXPECT_THAT(Run(), StartsWith("!ERR"));
  EXPECT_EQ(tenant_.Get("6"), "(absent)");
}

TEST_F(WasmTest, GathersManyAndScans) {
  std::string keys;
  for (uint32_t i = 0; i < 3; ++i) {
    tenant_.Set(std::to_string(i), std::string(1, static_cast<char>(i + 1)) + std::string(3, '\0'));
    keys += std::string(1, static_cast<char>(i)) + std::string(3, '\0');
  }
  Module gather;
  gather.Import(kStore, "ht_get_many", gather.AddType({kI32, kI32, kI32, kI32}, {kI32}));
  gather.Memory(1);
  gather.Data(64, keys);
  gather.ExportFunction("f", gather.Function(gather.AddType({}, {kI32}), {},
                                             I32(64) + I32(3) + I32(0) + I32(128) + Call(0) +
                                                 I32(128) + code::Load(8) + code::kAddI32));
  MustLoad(gather);
  EXPECT_EQ(Run(), "6");  // three found, the last is 3
  // All keys in one step; then how much they take where there is less room.
  const auto scan = [](int32_t capacity, const std::string& then, code::Type result) {
    return WithImport("ht_scan", {kI64, kI32, kI32}, kI64,
                      I64(0) + I32(256) + I32(capacity) + Call(0) + then, result);
  };
  MustLoad(scan(1024, "", kI64));
  EXPECT_EQ(Run(), "0n");
  MustLoad(scan(1024, code::kDrop + I32(256) + code::Load(0), kI32));
  EXPECT_EQ(Run(), "3");
  MustLoad(scan(10, "", kI64));
  EXPECT_EQ(Run(), "-1n");
  MustLoad(scan(10, code::kDrop + I32(256) + code::Load(0), kI32));
  EXPECT_EQ(Run(), "28");
}

TEST_F(WasmTest, RefusesWhatIsNoKeyAndBytesThatItHasNot) {
  MustLoad(WithImport("ht_has", {kI64}, kI32, I64(-1) + Call(0), kI32));
  EXPECT_THAT(Run(), StartsWith("!ERR RangeError: an integer key must be from 0 to "
                                "9007199254740991, not -1"));
  MustLoad(WithImport("ht_has", {kI64}, kI32, I64(int64_t{1} << 53) + Call(0), kI32));
  EXPECT_THAT(Run(), StartsWith("!ERR RangeError: an integer key must be"));
  MustLoad(WithImport("ht_has_s", {kI32, kI32}, kI32, I32(65530) + I32(7) + Call(0), kI32));
  EXPECT_THAT(Run(), StartsWith("!ERR RangeError: bytes lie outside of the module's memory"));
  MustLoad(WithImport("ht_has_s", {kI32, kI32}, kI32, I32(-1) + I32(-1) + Call(0), kI32));
  EXPECT_THAT(Run(), StartsWith("!ERR RangeError: bytes lie outside of the module's memory"));
  MustLoad(
      WithImport("ht_get", {kI64, kI32, kI32}, kI64, I64(1) + I32(0) + I32(65537) + Call(0), kI64));
  EXPECT_THAT(Run(), StartsWith("!ERR RangeError: bytes lie outside of the module's memory"));
  MustLoad(WithImport("ht_get_many", {kI32, kI32, kI32, kI32}, kI32,
                      I32(0) + I32(1 << 30) + I32(0) + I32(0) + Call(0), kI32));
  EXPECT_THAT(Run(), StartsWith("!ERR RangeError: bytes lie outside of the module's memory"));
}

// --- From JavaScript -----------------------------------------------------------------------------

// A library in JavaScript with a module that it makes as `module`.
std::string WithModule(const Module& module, std::string_view rest) {
  std::string list;
  for (const char byte : module.Bytes()) {
    list += std::to_string(static_cast<uint8_t>(byte)) + ",";
  }
  return "const module = new WebAssembly.Module(new Uint8Array([" + list + "]));\n" +
         std::string(rest);
}

TEST_F(WasmTest, IsThereForJavaScriptWithTheStoreAsImports) {
  tenant_.Set("7", "sevenfold");
  Module module =
      WithImport("ht_get", {kI64, kI32, kI32}, kI64, I64(7) + I32(64) + I32(4) + Call(0), kI64);
  module.ExportMemory();
  tenant_.MustLoad(
      "import { HTImports } from 'shredder:store';\n" +
      WithModule(
          module,
          "const { f, memory } =\n"
          "    new WebAssembly.Instance(module, { 'shredder:store': HTImports() }).exports;\n"
          "export function g() {\n"
          "  return [f(), ...new Uint8Array(memory.buffer, 64, 4)];\n"
          "}"));
  EXPECT_EQ(tenant_.ShowCall("g"), "[9n, 115, 101, 118, 101]");
}

TEST_F(WasmTest, ItsImportsAreNotForJavaScriptToCall) {
  Module module = WithImport("ht_has", {kI64}, kI32, I64(7) + Call(0), kI32);
  module.ExportFunction("again", 0);  // the import itself
  tenant_.MustLoad(
      "import { HTImports } from 'shredder:store';\n" +
      WithModule(
          module,
          "const imports = HTImports();\n"
          "const exports =\n"
          "    new WebAssembly.Instance(module, { 'shredder:store': imports }).exports;\n"
          "const said = (work) => { try { return work(); } catch (e) { return `${e}`; } };\n"
          "export function g() {\n"
          "  return [said(() => imports.ht_has(7n)), said(() => new imports.ht_has(7n)),\n"
          "          said(() => exports.again(7n)), said(() => imports.ht_has.call({}, 7))];\n"
          "}"));
  EXPECT_THAT(tenant_.ShowCall("g"), HasSubstr("TypeError"));
}

TEST_F(WasmTest, HasTheGlobalsOfTheStandardThatAreSynchronous) {
  tenant_.MustLoad(
      "export function f() {\n"
      "  return [Object.getOwnPropertyNames(WebAssembly).sort().join(), `${WebAssembly}`,\n"
      "          new WebAssembly.Memory({ initial: 1 }).grow(1), typeof WebAssembly.compile,\n"
      "          new WebAssembly.LinkError('x') instanceof Error];\n"
      "}");
  EXPECT_EQ(tenant_.ShowCall("f"),
            "[\"CompileError,Global,Instance,LinkError,Memory,Module,RuntimeError,Table\", "
            "\"[object WebAssembly]\", 1, \"undefined\", true]");
}

TEST_F(WasmTest, CompilesForJavaScriptOnlyWhileALibraryLoads) {
  const Module module = Plain(kI32, I32(3));
  tenant_.MustLoad(WithModule(
      module,
      "const again = (bytes) => { try { new WebAssembly.Module(bytes); return 'made'; }\n"
      "                           catch (e) { return `${e}`; } };\n"
      "export function f() {\n"
      "  return [module instanceof WebAssembly.Module, again(new Uint8Array(8)),\n"
      "          again(5), again(), module.constructor === WebAssembly.Module,\n"
      "          WebAssembly.Module.exports(module).length];\n"
      "}"));
  EXPECT_EQ(tenant_.ShowCall("f"),
            "[true, \"TypeError: a WebAssembly.Module can be made only while a library loads\", "
            "\"TypeError: WebAssembly.Module(): Argument 0 must be a buffer source\", "
            "\"TypeError: WebAssembly.Module(): Argument 0 must be a buffer source\", true, 1]");
}

TEST_F(WasmTest, CompilesNoMoreThanALibraryIsLong) {
  EXPECT_THAT(tenant_.Load("const bytes = new Uint8Array(100_000);\n"
                           "new WebAssembly.Module(bytes);\nexport function f() {}"),
              HasSubstr("RangeError: WebAssembly modules are larger than the library"));
}

TEST_F(WasmTest, HasNoSharedMemory) {
  tenant_.MustLoad(
      "export function f() {\n"
      "  return `${new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })}`;\n"
      "}");
  EXPECT_THAT(tenant_.ShowCall("f"), HasSubstr("shared memory is not supported"));
  Module module = Plain(kI32, I32(1));
  module.Memory(1, 2, /*shared=*/true);
  EXPECT_THAT(Load(module), HasSubstr("shared memory is not supported"));
}

// --- Without it ----------------------------------------------------------------------------------

class NoWasmTest : public WasmTest {
 protected:
  NoWasmTest() : WasmTest(Options()) {}
  static EngineOptions Options() {
    EngineOptions options = Patient();
    options.wasm = false;
    return options;
  }
};

TEST_F(NoWasmTest, HasNeitherEngineNorGlobal) {
  EXPECT_THAT(Load(Plain(kI32, I32(1))), StartsWith("!ERR Engine 'wasm' not found"));
  tenant_.MustLoad(
      "import { HTImports } from 'shredder:store';\n"
      "export function f() {\n"
      "  try { HTImports(); } catch (e) { return [typeof WebAssembly, `${e}`]; }\n"
      "}");
  EXPECT_EQ(tenant_.ShowCall("f"),
            "[\"undefined\", \"TypeError: WebAssembly is switched off for this tenant\"]");
}

// --- Limits --------------------------------------------------------------------------------------

// A V8 that checks itself does less in the time.
#ifdef DEBUG
constexpr uint64_t kDeadlineMs = 300;
#else
constexpr uint64_t kDeadlineMs = 50;
#endif
const std::string kEndedAtItsDeadline =
    "deadline of " + std::to_string(kDeadlineMs) + " ms of CPU time";

class WasmLimitsTest : public WasmTest {
 protected:
  WasmLimitsTest() : WasmTest(Options()) {}
  static EngineOptions Options() {
    EngineOptions options;
    options.deadline_ms = kDeadlineMs;
    options.wall_deadline_ms = 20'000;
    options.load_deadline_ms = 500;
    options.load_wall_deadline_ms = 60'000;
    options.heap_limit_mb = 16;
    return options;
  }
};

TEST_F(WasmLimitsTest, EndsALoopAtItsDeadline) {
  MustLoad(Plain(kI32, code::Loop("") + code::kUnreachable));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Run(), HasSubstr(kEndedAtItsDeadline));
  }
  // One that calls the store, which looks at nothing itself.
  MustLoad(WithImport("ht_has", {kI64}, kI32,
                      code::Loop(I64(1) + Call(0) + code::kDrop) + code::kUnreachable, kI32));
  EXPECT_THAT(Run(), HasSubstr(kEndedAtItsDeadline));
  // While it loads.
  Module loading = Plain(kI32, I32(1));
  loading.ExportFunction("_initialize",
                         loading.Function(loading.AddType({}, {}), {}, code::Loop("")));
  EXPECT_THAT(Load(loading), HasSubstr("library was terminated after its deadline"));
}

TEST_F(WasmLimitsTest, EndsALoopAroundAnInstructionThatTakesLong) {
  constexpr int32_t kBytes = 240 * 65536;
  Module module;
  module.Memory(240);
  const std::string fill = I32(0) + I32(1) + I32(kBytes) + code::Byte(0xfc) + code::Byte(11) +
                           code::Byte(0);  // memory.fill
  module.ExportFunction(
      "f", module.Function(module.AddType({}, {kI32}), {}, code::Loop(fill) + code::kUnreachable));
  MustLoad(module);
  EXPECT_THAT(Run(), HasSubstr(kEndedAtItsDeadline));
}

// Of some 4 million keys each time. Its code has no loop, in which V8 would look for interrupts.
Module Gathering(int times) {
  constexpr uint32_t kPages = 240;
  constexpr int32_t kKeys = kPages * 65536 / 4;
  Module module;
  module.Import(kStore, "ht_get_many", module.AddType({kI32, kI32, kI32, kI32}, {kI32}));
  module.Memory(kPages);
  // All of the memory as keys, and as what becomes of them.
  std::string body;
  for (int i = 0; i < times; ++i) {
    body += I32(0) + I32(kKeys) + I32(0) + I32(0) + Call(0) + code::kDrop;
  }
  module.ExportFunction("f", module.Function(module.AddType({}, {kI32}), {}, body + I32(7)));
  return module;
}

TEST_F(WasmLimitsTest, EndsOneLongGatheringAtItsDeadline) {
  MustLoad(Gathering(400));
  EXPECT_THAT(Run(), HasSubstr(kEndedAtItsDeadline));
}

class WasmYieldTest : public WasmTest {
 protected:
  WasmYieldTest() : WasmTest(Options()) {}
  EngineOptions Options() {
    EngineOptions options = Patient();
    options.on_yield = [this] { ++yields_; };
    return options;
  }
  int yields_ = 0;
};

TEST_F(WasmYieldTest, LetsOthersHaveTheirTurnWithinOneLongGathering) {
  MustLoad(Gathering(20));
  yields_ = 0;
  EXPECT_EQ(Run(), "7");
  EXPECT_GT(yields_, 0);
}

TEST_F(WasmLimitsTest, EndsARecursionWithoutEnd) {
  Module module;
  module.ExportFunction(
      "f", module.Function(module.AddType({}, {kI32}), {}, Call(0) + I32(1) + code::kAddI32));
  MustLoad(module);
  EXPECT_THAT(Run(), HasSubstr("RangeError: Maximum call stack size exceeded"));
  EXPECT_THAT(Run(), HasSubstr("RangeError: Maximum call stack size exceeded"));
}

TEST_F(WasmLimitsTest, CountsItsMemoryForTheTenant) {
  Module module;
  module.Memory(1);
  // Pages until it fails; how many there are then.
  module.ExportFunction(
      "f", module.Function(module.AddType({}, {kI32}), {},
                           code::Byte(0x03) + code::Byte(0x40) +                          // loop
                               I32(1) + code::kMemoryGrow + I32(-1) + code::Byte(0x47) +  // ne
                               code::Byte(0x0d) + code::Byte(0) + code::Byte(0x0b) +      // br_if
                               code::Byte(0x3f) + code::Byte(0)));  // memory.size
  MustLoad(module);
  EXPECT_EQ(Run(), "252");  // 16 MiB, less what each memory counts besides
  // Given back with the instance.
  tenant_.host().GiveUp();
  EXPECT_EQ(Run(), "252");
  tenant_.host().Flush();
  Module large = Plain(kI32, I32(1));
  large.Memory(1000);
  EXPECT_THAT(Load(large), HasSubstr("RangeError"));
  tenant_.MustLoad(
      "export function g() {\n"
      "  for (let i = 0; ; i++) new WebAssembly.Memory({ initial: 16 }).grow(8);\n"
      "}");
  // Garbage is collected for it: only the deadline ends it.
  EXPECT_THAT(tenant_.ShowCall("g"), HasSubstr("deadline"));
  tenant_.MustLoad(
      "export function g() {\n"
      "  const all = [];\n"
      "  for (;;) all.push(new WebAssembly.Memory({ initial: 16 }));\n"
      "}");
  EXPECT_THAT(tenant_.ShowCall("g"), HasSubstr("could not allocate memory"));
}

TEST_F(WasmLimitsTest, BoundsHowManyThereAreOfEach) {
  // Memories without a page, instances, and modules.
  tenant_.MustLoad(
      "export function g() {\n"
      "  const all = [];\n"
      "  for (;;) all.push(new WebAssembly.Memory({ initial: 0 }));\n"
      "}");
  EXPECT_THAT(tenant_.ShowCall("g"), HasSubstr("could not allocate memory"));
  tenant_.MustLoad(WithModule(Plain(kI32, I32(1)),
                              "export function g() {\n"
                              "  const all = [];\n"
                              "  for (;;) all.push(new WebAssembly.Instance(module));\n"
                              "}\n"
                              "export function once() {\n"
                              "  for (let i = 0; i < 300; i++) new WebAssembly.Instance(module);\n"
                              "  return new WebAssembly.Instance(module) instanceof\n"
                              "      WebAssembly.Instance;\n"
                              "}"));
  EXPECT_THAT(tenant_.ShowCall("g"), HasSubstr("at most 64 WebAssembly instances at a time"));
  EXPECT_EQ(tenant_.ShowCall("once"), "true");
  EXPECT_THAT(tenant_.Load("const bytes = [0, 97, 115, 109, 1, 0, 0, 0];\n"
                           "const all = [];\n"
                           "for (let i = 0; i < 70; i++) {\n"
                           "  const section = [0, 2, 1, i];\n"
                           "  all.push(new WebAssembly.Module(new Uint8Array([...bytes, "
                           "...section])));\n"
                           "}\n"
                           "export function f() {}\n//" +
                           std::string(2000, ' ')),
              HasSubstr("at most 64 WebAssembly modules at a time"));
}

TEST_F(WasmLimitsTest, RefusesModulesThatAreHuge) {
  Module types;
  for (int i = 0; i < 2010; ++i) {
    std::vector<code::Type> parameters;
    for (int bit = 0; bit < 12; ++bit) parameters.push_back((i >> bit & 1) != 0 ? kI32 : kI64);
    types.AddType(parameters, {});
  }
  types.ExportFunction("f", types.Function(0, {}, ""));
  EXPECT_THAT(Load(types), HasSubstr("CompileError"));
  Module tables = Plain(kI32, I32(1));
  for (int i = 0; i < 5; ++i) tables.Table(10);
  EXPECT_THAT(Load(tables), HasSubstr("CompileError"));
  Module table = Plain(kI32, I32(1));
  table.Table(10'000'000);
  EXPECT_THAT(Load(table), HasSubstr("Error"));
  Module locals;
  locals.ExportFunction(
      "f", locals.Function(locals.AddType({}, {}), std::vector<code::Type>(3000, kI64), ""));
  EXPECT_THAT(Load(locals), HasSubstr("CompileError"));
  Module parameters;
  parameters.AddType(std::vector<code::Type>(65, kI32), {});
  parameters.ExportFunction("f", parameters.Function(parameters.AddType({}, {}), {}, ""));
  EXPECT_THAT(Load(parameters), HasSubstr("CompileError"));
  std::string nops(200'000, '\1');
  EXPECT_THAT(Load(Plain(kI32, nops + I32(1))), HasSubstr("CompileError"));
  EXPECT_EQ(Show(tenant_.host().Load("#!wasm name=lib\n" + std::string(5 << 20, 'x'), true)),
            "!ERR library is larger than 4 MiB");
}

TEST_F(WasmLimitsTest, RefusesExportsThatNeedManyWrappers) {
  Module module;
  for (int i = 0; i < 300; ++i) {
    std::vector<code::Type> parameters(1 + i % 20, code::kV128);
    for (int bit = 0; bit < 9; ++bit) parameters.push_back((i >> bit & 1) != 0 ? kI32 : kI64);
    module.ExportFunction("_f" + std::to_string(i),
                          module.Function(module.AddType(parameters, {}), {}, ""));
  }
  EXPECT_THAT(Load(module), HasSubstr("have too many types"));
}

TEST_F(WasmLimitsTest, BoundsTheCodeOfAModule) {
  // Calls that pass on 32 values, 4 bytes each that become hundreds of code.
  Module module;
  const std::vector<code::Type> many(32, kI64);
  const uint32_t type = module.AddType(many, many);
  std::string pass;
  for (uint32_t i = 0; i < 32; ++i) pass += LocalGet(i);
  const uint32_t same = module.Function(type, {}, pass);
  std::string body = pass;
  for (int i = 0; i < 30'000; ++i) body += Call(same);
  std::vector<uint32_t> large;
  large.reserve(40);
  for (int i = 0; i < 40; ++i) large.push_back(module.Function(type, {}, body));
  std::string zeros;
  for (int i = 0; i < 32; ++i) zeros += I64(0);
  std::string drops;
  for (int i = 0; i < 32; ++i) drops += code::kDrop;
  std::string all;
  for (const uint32_t function : large) all += zeros + Call(function) + drops;
  module.ExportFunction("f", module.Function(module.AddType({}, {}), {}, all));
  MustLoad(module);
  // The deadline or the room: whichever comes first, and the process goes on.
  for (int i = 0; i < 45; ++i) {
    const std::string reply = Run();
    if (reply.find("no room for the compiled code") != std::string::npos) break;
    ASSERT_THAT(reply, HasSubstr("deadline"));
  }
}

// The known hole of V8's first compiler (CVE-2024-7971): what a loop takes was kept in registers
// that the branch back to it found in use for values of another type.
TEST_F(WasmTest, KeepsWhatALoopTakesApartByType) {
  Module module;
  const uint32_t loop_type = module.AddType({kI64, kF64, kI32}, {kI64, kF64, kI32});
  module.ExportFunction(
      "f", module.Function(module.AddType({}, {kI64}), {kI32, kI64, kF64},
                           I64(40) + I32(1) + code::Byte(0xb7) + I32(2) +  // an f64 of 1
                               code::Byte(0x03) + code::Unsigned(loop_type) + code::LocalSet(0) +
                               code::LocalSet(2) + I64(1) + code::kAddI64 + code::LocalSet(1) +
                               LocalGet(1) + LocalGet(2) + LocalGet(0) + I32(-1) + code::kAddI32 +
                               code::LocalSet(0) + LocalGet(0) + LocalGet(0) + code::Byte(0x0d) +
                               code::Byte(0) +  // br_if
                               code::Byte(0x0b) + code::kDrop + code::kDrop));
  MustLoad(module);
  EXPECT_EQ(Run(), "42n");
}

// --- Malformed modules ---------------------------------------------------------------------------

// SHREDDER_TEST_WASM_FUZZ_SECONDS: for so long, else some thousand modules.
TEST_F(WasmLimitsTest, SurvivesModulesThatAreMalformed) {
  const uint64_t seconds = NumberFromEnvironment("SHREDDER_TEST_WASM_FUZZ_SECONDS", 0);
  const uint64_t seed = NumberFromEnvironment("SHREDDER_TEST_SEED", std::random_device{}());
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<std::string> corpus;
  corpus.push_back(
      WithImport("ht_get", {kI64, kI32, kI32}, kI64,
                 code::Loop(I64(7) + I32(64) + I32(4) + Call(0) + code::kDrop) + I64(1), kI64)
          .Library("lib"));
  corpus.push_back(Replying(Reply(6, 2, 80) + Reply(2, 0, 1) + Reply(0, 0, 0)).Library("lib"));
  Module tables = Plain(kI32, I32(1) + code::kMemoryGrow);
  tables.MemoryWithAlloc();
  tables.Table(10);
  tables.Custom("shredder", R"({"functions": {"f": {"flags": ["no-writes"]}}})");
  corpus.push_back(tables.Library("lib"));
  const auto start = std::chrono::steady_clock::now();
  uint64_t loaded = 0;
  const uint64_t count = 3000;
  for (uint64_t i = 0;
       seconds > 0 ? MsSince(start) < 1000.0 * static_cast<double>(seconds) : i < count; ++i) {
    std::string bytes = corpus[random() % corpus.size()];
    const size_t header = bytes.find('\n') + 1;
    const uint64_t changes = 1 + random() % 6;
    for (uint64_t change = 0; change < changes; ++change) {
      const size_t at = header + random() % (bytes.size() - header);
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random()));
          break;
        case 2:
          if (bytes.size() > header + 8) bytes.erase(at, 1 + random() % 3);
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      }
    }
    if (IsError(tenant_.host().Load(bytes, true))) continue;
    ++loaded;
    if (corpus.size() < 200) corpus.push_back(bytes);
    for (const LibraryInfo* library : tenant_.host().libraries()) {
      for (const FunctionInfo& function : library->functions) {
        tenant_.ShowCall(function.name, {"key"}, {"argument"});
      }
    }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_EQ(tenant_.store().CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::engine
