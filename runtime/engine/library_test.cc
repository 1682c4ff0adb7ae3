// What a library is: its metadata, its code, its exports, and what stays when a load fails.
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/source_map_test_support.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class LibraryTest : public TenantTest {
 protected:
  std::string LoadText(std::string_view code, bool replace = false) {
    return Show(tenant_.host().Load(code, replace));
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const LibraryInfo* library : tenant_.host().libraries()) names.push_back(library->name);
    return names;
  }
};

TEST_F(LibraryTest, ReadsItsMetadata) {
  for (const std::string line : {"#!js name=a_B9", "#!js   name=a_B9  ", "#!js name=a_B9\r"}) {
    EXPECT_EQ(LoadText(line + "\nexport const f = () => 1;", true), "\"a_B9\"") << line;
    EXPECT_EQ(tenant_.ShowCall("f"), "1");
  }
}

TEST_F(LibraryTest, IsRefusedWithoutItsMetadata) {
  const struct {
    const char* code;
    const char* error;
  } cases[] = {
      {"", "!ERR Missing library metadata"},
      {"export function f() {}", "!ERR Missing library metadata"},
      {" #!js name=a\n", "!ERR Missing library metadata"},
      {"#!js name=a", "!ERR Invalid library metadata"},
      {"#!\n", "!ERR Engine '' not found"},
      {"#!lua name=a\n", "!ERR Engine 'lua' not found"},
      {"#!JS9 name=a\n", "!ERR Engine 'JS9' not found"},
      {"#!js\n", "!ERR Library name was not given"},
      {"#!js  \n", "!ERR Library name was not given"},
      {"#!js title=a\n", "!ERR Invalid metadata value given: title=a"},
      {"#!js name=a b\n", "!ERR Invalid metadata value given: b"},
      {"#!js name=a name=a\n",
       "!ERR Invalid metadata value, name argument was given multiple times"},
      {"#!js name=\n",
       "!ERR Library names can only contain letters, numbers, or underscores(_) and must be at "
       "least one character long"},
      {"#!js name=a-b\n",
       "!ERR Library names can only contain letters, numbers, or underscores(_) and must be at "
       "least one character long"},
      {"#!js name=gr\xc3\xa4ph\n",
       "!ERR Library names can only contain letters, numbers, or underscores(_) and must be at "
       "least one character long"},
  };
  for (const auto& [code, error] : cases) EXPECT_EQ(LoadText(code), error) << code;
  EXPECT_EQ(LoadText(std::string("#!js name=a\n").append(4 << 20, ' ')),
            "!ERR library is larger than 4 MiB");
  EXPECT_TRUE(tenant_.host().libraries().empty());
}

TEST_F(LibraryTest, NamesThePlaceOfASyntaxError) {
  EXPECT_EQ(LoadText("#!js name=graph\n\n  let let = 3;\n"),
            "!ERR SyntaxError: Unexpected strict mode reserved word at graph:3:7");
  EXPECT_THAT(LoadText("#!js name=graph\nexport function f() {\n"),
              StartsWith("!ERR SyntaxError: Unexpected end of input at graph:3:"));
}

TEST_F(LibraryTest, ImportsTheStoreOnly) {
  EXPECT_EQ(LoadText("#!js name=a\nimport fs from 'fs';\nexport const f = () => 1;"),
            "!ERR Error: Cannot find module 'fs': a library imports shredder:store only, bundle "
            "the rest");
  EXPECT_EQ(
      LoadText("#!js name=a\nimport {HTNothing} from 'shredder:store';\nexport const f = () => 1;"),
      "!ERR SyntaxError: The requested module 'shredder:store' does not provide an export named "
      "'HTNothing' at a:2:9");
  EXPECT_THAT(LoadText("#!js name=a\nimport '" + std::string(100'000, 'x') + "';"),
              testing::SizeIs(testing::Lt(300u)));
}

TEST_F(LibraryTest, HasTheComparisonCallbacksOnlyWhereTheyAreAskedFor) {
  constexpr char kCode[] =
      "#!js name=a\nimport {DBGet, DBGetNumber} from 'shredder:store';\n"
      "export const f = () => [DBGetNumber('k'), new Uint8Array(DBGet('k')), DBGet('no')];";
  EXPECT_THAT(LoadText(kCode), HasSubstr("does not provide an export named 'DBGet'"));
  EngineOptions options = Patient();
  options.callback_builtins = true;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.Set("k", "ABCD");
  ASSERT_EQ(Show(tenant.host().Load(kCode, false)), "\"a\"");
  EXPECT_EQ(tenant.ShowCall("f"), "[1145258561, \"ABCD\", null]");
}

TEST_F(LibraryTest, MayAwaitAtItsTopLevel) {
  EXPECT_EQ(tenant_.Load("const x = await Promise.resolve(4).then((n) => n + 1);\n"
                         "export const f = () => x;"),
            "\"lib\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "5");
}

TEST_F(LibraryTest, IsRefusedWhereItsTopLevelFails) {
  const struct {
    const char* code;
    const char* error;
  } cases[] = {
      {"export const f = 1; throw new RangeError('top');", "!ERR RangeError: top at lib:3:27"},
      {"export const f = 1;\nawait Promise.reject(new Error('late'));",
       "!ERR Error: late at lib:4:22"},
      {"await new Promise(() => {}); export const f = 1;",
       "!ERR library waits at its top level for a promise that nothing settles"},
      // The place comes from the error's own stack: other values have none.
      {"throw 'text';", "!ERR text"},
      {"throw {toString() { for (;;); }};", "!ERR [object Object]"},
      {"null.x;", "!ERR TypeError: Cannot read properties of null (reading 'x') at lib:3:6"},
  };
  for (const auto& [code, error] : cases) EXPECT_EQ(tenant_.Load(code), error) << code;
}

TEST_F(LibraryTest, CannotWriteTheStoreWhileItLoads) {
  EXPECT_EQ(tenant_.Load("HTSet('k', new Uint8Array(1)); export const f = () => 1;"),
            "!READONLY a library cannot write the store while it loads at lib:3:1");
  EXPECT_EQ(tenant_.Load("HTDelete('k'); export const f = () => 1;"),
            "!READONLY a library cannot write the store while it loads at lib:3:1");
  EXPECT_EQ(tenant_.Load("await Promise.resolve(); HTDelete('k'); export const f = () => 1;"),
            "!READONLY a library cannot write the store while it loads at lib:3:26");
  // What it leaves behind for later is no way around that.
  tenant_.MustLoad(
      "Promise.resolve().then(() => HTSet('k', new Uint8Array(1)));"
      "export const f = () => 1;");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  EXPECT_EQ(tenant_.Get("k"), "(absent)");
}

TEST_F(LibraryTest, MayReadTheStoreWhileItLoads) {
  tenant_.Set("k", "abc");
  tenant_.MustLoad("const n = HTLength('k'); export const f = () => n;");
  EXPECT_EQ(tenant_.ShowCall("f"), "3");
}

TEST_F(LibraryTest, IsRefusedWithoutFunctions) {
  for (const char* code : {"", "export const x = 1;", "export default function () {}",
                           "function f() {}", "export {HTGet as x} from 'shredder:store2';",
                           "export class { }", "export let f; export const g = {f() {}};"}) {
    EXPECT_THAT(tenant_.Load(code), StartsWith("!ERR ")) << code;
  }
  EXPECT_EQ(tenant_.Load("export const x = 1;"), "!ERR No functions registered");
  EXPECT_EQ(tenant_.Load("export default function f() {}"), "!ERR No functions registered");
  EXPECT_TRUE(tenant_.host().libraries().empty());
}

TEST_F(LibraryTest, ExportsItsFunctionsAndNothingElse) {
  tenant_.MustLoad(
      "export function b() { return 'b'; }\n"
      "export const a = () => 'a', number = 1, object = {};\n"
      "export async function c() { return 'c'; }\n"
      "function inner() { return 'd'; }\n"
      "export {inner as outer};\n"
      "export default function hidden() {}");
  ASSERT_EQ(tenant_.host().libraries().size(), 1u);
  std::vector<std::string> names;
  for (const FunctionInfo& info : tenant_.host().libraries()[0]->functions) {
    names.push_back(info.name);
  }
  EXPECT_THAT(names, testing::ElementsAre("a", "b", "c", "outer"));
  for (const char* name : {"default", "hidden", "inner", "number", "object", "", "toString"}) {
    EXPECT_EQ(tenant_.ShowCall(name), "!ERR Function not found") << name;
    EXPECT_FALSE(tenant_.host().Find(name));
  }
  EXPECT_EQ(tenant_.ShowCall("outer"), "\"d\"");
}

TEST_F(LibraryTest, IsRefusedWhereAFunctionHasNoNameOfRedis) {
  for (const char* name : {"$f", "gr\xc3\xa4ph", "\"a b\"", "\"\""}) {
    EXPECT_EQ(tenant_.Load("function f() {}\nexport {f as " + std::string(name) + "};"),
              "!ERR Function names can only contain letters, numbers, or underscores(_) and must "
              "be at least one character long")
        << name;
  }
}

TEST_F(LibraryTest, DescribesItsFunctions) {
  tenant_.MustLoad(
      "export function f() {}\nf.description = 'Größe';\n"
      "f.flags = ['no-writes', 'allow-oom', 'no-writes'];\n"
      "export const g = () => 1;");
  const FunctionInfo* f = tenant_.host().Find("f").info;
  ASSERT_NE(f, nullptr);
  EXPECT_EQ(f->description, "Größe");
  EXPECT_THAT(f->flags, testing::ElementsAre("no-writes", "allow-oom"));
  const FunctionInfo* g = tenant_.host().Find("g").info;
  ASSERT_NE(g, nullptr);
  EXPECT_EQ(g->description, "");
  EXPECT_TRUE(g->flags.empty());
}

TEST_F(LibraryTest, KnowsEveryFlagOfRedisFunctions) {
  for (const std::string_view flag : kKnownFlags) {
    tenant_.MustLoad("export function f() {}\nf.flags = ['" + std::string(flag) + "'];");
    EXPECT_THAT(tenant_.host().Find("f").info->flags, testing::ElementsAre(flag));
  }
}

TEST_F(LibraryTest, IsRefusedWhereItsFunctionsAreMisdescribed) {
  const struct {
    const char* code;
    const char* error;
  } cases[] = {
      {"f.flags = 'no-writes';", "!ERR flags of function f must be an array of strings"},
      {"f.flags = null;", "!ERR flags of function f must be an array of strings"},
      {"f.flags = {length: 1};", "!ERR flags of function f must be an array of strings"},
      {"f.flags = ['fast'];", "!ERR unknown flag given for function f"},
      {"f.flags = [7];", "!ERR unknown flag given for function f"},
      {"f.flags = new Array(17).fill('no-writes');", "!ERR function f has more than 16 flags"},
      {"f.flags = new Array(2 ** 32 - 1);", "!ERR function f has more than 16 flags"},
      {"f.description = 7;", "!ERR description of function f must be a string"},
      {"f.description = null;", "!ERR description of function f must be a string"},
      {"Object.defineProperty(f, 'flags', {get() { throw new Error('flagged'); }});",
       "!ERR Error: flagged at lib:4:44"},
      {"Object.defineProperty(f, 'description', {get() { throw new Error('own'); }});",
       "!ERR Error: own at lib:4:50"},
  };
  for (const auto& [code, error] : cases) {
    EXPECT_EQ(tenant_.Load(std::string("export function f() {}\n") + code), error) << code;
  }
}

TEST_F(LibraryTest, KeepsItsCodeAsItWasLoaded) {
  const std::string code = "#!js name=a\r\nexport const f = () => '\xff\xc3';\n\n";
  ASSERT_EQ(LoadText(code), "\"a\"");
  EXPECT_EQ(tenant_.host().libraries()[0]->code, code);
}

TEST_F(LibraryTest, AreListedInTheOrderOfTheirNames) {
  for (const std::string name : {"m", "z", "a", "Z", "k", "a1"}) {
    ASSERT_EQ(LoadText("#!js name=" + name + "\nexport const f_" + name + " = () => 1;"),
              "\"" + name + "\"");
  }
  EXPECT_THAT(Names(), testing::ElementsAre("Z", "a", "a1", "k", "m", "z"));
  EXPECT_TRUE(tenant_.host().Delete("k"));
  EXPECT_FALSE(tenant_.host().Delete("k"));
  EXPECT_FALSE(tenant_.host().Delete(""));
  EXPECT_THAT(Names(), testing::ElementsAre("Z", "a", "a1", "m", "z"));
  EXPECT_EQ(tenant_.ShowCall("f_k"), "!ERR Function not found");
  EXPECT_EQ(tenant_.ShowCall("f_m"), "1");
}

TEST_F(LibraryTest, IsNotReplacedUnasked) {
  ASSERT_EQ(LoadText("#!js name=a\nexport const f = () => 1;"), "\"a\"");
  EXPECT_EQ(LoadText("#!js name=a\nexport const f = () => 2;"), "!ERR Library 'a' already exists");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  EXPECT_EQ(LoadText("#!js name=a\nexport const g = () => 2;", true), "\"a\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Function not found");
  EXPECT_EQ(tenant_.ShowCall("g"), "2");
}

TEST_F(LibraryTest, StaysWhereItsReplacementFails) {
  const std::string good = "#!js name=a\nlet n = 0;\nexport const f = () => ++n;";
  ASSERT_EQ(LoadText(good), "\"a\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  for (const char* bad :
       {"syntax error", "throw 1;", "export const x = 1;",
        "export const f = () => 9; await new Promise(() => {});",
        "export const f = () => 9; f.flags = ['no'];", "import 'x'; export const f = () => 9;"}) {
    EXPECT_THAT(LoadText(std::string("#!js name=a\n") + bad, true), StartsWith("!ERR "));
  }
  EXPECT_EQ(tenant_.host().libraries()[0]->code, good);
  // With its state: it was not even loaded again.
  EXPECT_EQ(tenant_.ShowCall("f"), "2");
}

TEST_F(LibraryTest, CannotTakeAnotherLibrarysFunctionName) {
  ASSERT_EQ(LoadText("#!js name=a\nexport const f = () => 'a';"), "\"a\"");
  ASSERT_EQ(LoadText("#!js name=b\nexport const g = () => 'b';"), "\"b\"");
  for (const bool replace : {false, true}) {
    EXPECT_EQ(LoadText("#!js name=c\nexport const f = () => 'c';", replace),
              "!ERR Function f already exists");
  }
  EXPECT_EQ(LoadText("#!js name=b\nexport const g = 1, f = () => 'b';", true),
            "!ERR Function f already exists");
  EXPECT_EQ(tenant_.ShowCall("f"), "\"a\"");
  EXPECT_EQ(tenant_.ShowCall("g"), "\"b\"");
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b"));
}

TEST_F(LibraryTest, AreAllRemovedByFlush) {
  ASSERT_EQ(LoadText("#!js name=a\nexport const f = () => 'a';"), "\"a\"");
  ASSERT_EQ(LoadText("#!js name=b\nexport const g = () => 'b';"), "\"b\"");
  tenant_.host().Flush();
  EXPECT_TRUE(tenant_.host().libraries().empty());
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Function not found");
  EXPECT_EQ(LoadText("#!js name=c\nexport const f = () => 'c';"), "\"c\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "\"c\"");
}

TEST_F(LibraryTest, AreSoManyAtMost) {
  const auto load = [this](int n, bool replace) {
    const std::string name = "l" + std::to_string(n);
    return LoadText("#!js name=" + name + "\nexport const f" + name + " = () => 1;", replace);
  };
  for (int n = 0; n < 256; ++n) ASSERT_EQ(load(n, false), "\"l" + std::to_string(n) + "\"");
  EXPECT_EQ(load(256, false),
            "!ERR the tenant has 256 libraries, and may have 256; delete one first");
  EXPECT_EQ(load(255, true), "\"l255\"");
  EXPECT_TRUE(tenant_.host().Delete("l7"));
  EXPECT_EQ(load(256, false), "\"l256\"");
}

TEST_F(LibraryTest, TakeSoManyBytesTogetherAtMost) {
  const auto load = [this](int n, size_t bytes) {
    std::string code = "#!js name=l" + std::to_string(n) + "\nexport const f" + std::to_string(n) +
                       " = () => 1;\n//";
    code.append(bytes - code.size(), ' ');
    // The heap holds the text of each library that is evaluated.
    tenant_.host().GiveUp();
    return LoadText(code, true);
  };
  constexpr size_t kLargest = 4 << 20;
  for (int n = 0; n < 16; ++n) ASSERT_EQ(load(n, kLargest), "\"l" + std::to_string(n) + "\"");
  EXPECT_EQ(load(16, 100),
            "!ERR the tenant's libraries would be larger than 64 MiB together; delete one first");
  EXPECT_EQ(load(3, kLargest), "\"l3\"");
  EXPECT_EQ(load(3, kLargest - 100), "\"l3\"");
  EXPECT_EQ(load(16, 100), "\"l16\"");
}

TEST_F(LibraryTest, ExportsSoManyFunctionsAtMostThatSaySoMuch) {
  const auto exports = [](int count) {
    std::string code = "#!js name=a\n";
    for (int n = 0; n < count; ++n) code += "export function f" + std::to_string(n) + "() {}\n";
    return code;
  };
  EXPECT_EQ(LoadText(exports(4097)), "!ERR library exports more than 4096 functions");
  EXPECT_EQ(LoadText(exports(4096)), "\"a\"");
  const std::string describes = "#!js name=a\nexport function f() {} f.description = 'x'.repeat(";
  EXPECT_EQ(LoadText(describes + "4097);", true),
            "!ERR description of function f is longer than 4096 characters");
  EXPECT_EQ(LoadText(describes + "4096);", true), "\"a\"");
}

TEST_F(LibraryTest, TakesMemoryWhileItIsLoaded) {
  FunctionHost& host = tenant_.host();
  EXPECT_EQ(host.heap_used_bytes(), 0u);
  tenant_.MustLoad("let kept; export const keep = () => { kept = new ArrayBuffer(8 << 20); };");
  const uint64_t before = host.heap_used_bytes();
  EXPECT_GT(before, 0u);
  EXPECT_EQ(tenant_.ShowCall("keep"), "null");
  EXPECT_GE(host.heap_used_bytes(), before + (8 << 20));
  EXPECT_TRUE(host.Delete("lib"));
  EXPECT_EQ(host.heap_used_bytes(), 0u);
}

// --- Positions in TypeScript ---------------------------------------------------------------------

class TypeScriptPositionTest : public LibraryTest {
 protected:
  // `lines` are the library's code after its metadata, line 2 on; each whole line comes from the
  // line 10 times as far, column 5 and up, of src/graph.ts.
  std::string LoadBundle(const std::vector<std::string>& lines) {
    std::string code = "#!js name=bundle";
    std::vector<std::vector<SourceSegment>> mappings = {{}};
    for (size_t i = 0; i < lines.size(); ++i) {
      code += "\n" + lines[i];
      mappings.push_back({});
      for (int64_t column = 0; column < static_cast<int64_t>(lines[i].size()); ++column) {
        mappings.back().push_back({column, 0, static_cast<int64_t>(i + 2) * 10 - 1, column + 4});
      }
    }
    return LoadText(WithSourceMap(code, MapJson({"src/graph.ts"}, Mappings(mappings))), true);
  }
};

TEST_F(TypeScriptPositionTest, AreNamedWhereAFunctionThrows) {
  ASSERT_EQ(LoadBundle({"export function f() {", "  throw new Error('no such node');", "}",
                        "export const g = () => undefined.x;",
                        "export async function h() { await 1; throw new TypeError('later'); }",
                        "export const i = () => { try { f(); } catch (e) { throw e; } };"}),
            "\"bundle\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Error: no such node at src/graph.ts:30:7");
  EXPECT_EQ(tenant_.ShowCall("g"),
            "!ERR TypeError: Cannot read properties of undefined "
            "(reading 'x') at src/graph.ts:50:38");
  EXPECT_EQ(tenant_.ShowCall("h"), "!ERR TypeError: later at src/graph.ts:60:48");
  EXPECT_THAT(tenant_.ShowCall("i"), StartsWith("!ERR Error: no such node at src/graph.ts:"));
}

TEST_F(TypeScriptPositionTest, AreNamedWhereALibraryThrowsAsItLoads) {
  EXPECT_EQ(LoadBundle({"export const f = () => 1;", "", "f.x.y;"}),
            "!ERR TypeError: Cannot read properties of undefined (reading 'y') at "
            "src/graph.ts:40:9");
  EXPECT_EQ(LoadBundle({"export const f = 1;", "await Promise.reject(new Error('top'));"}),
            "!ERR Error: top at src/graph.ts:30:26");
}

TEST_F(TypeScriptPositionTest, AreNamedWhereALibraryDoesNotParse) {
  EXPECT_EQ(LoadBundle({"export const f = 1;", "let let = 3;"}),
            "!ERR SyntaxError: Unexpected strict mode reserved word at src/graph.ts:30:9");
}

TEST_F(TypeScriptPositionTest, AreTheLibrarysOwnAfterItWasReplaced) {
  ASSERT_EQ(LoadBundle({"export const f = () => { throw new Error('x'); };"}), "\"bundle\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Error: x at src/graph.ts:20:30");
  ASSERT_EQ(LoadText("#!js name=bundle\nexport const f = () => { throw new Error('x'); };", true),
            "\"bundle\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Error: x at bundle:2:26");
}

TEST_F(TypeScriptPositionTest, AreTheBundlesWhereTheMapIsMalformed) {
  ASSERT_EQ(LoadText(WithSourceMap("#!js name=bundle\nexport const f = () => { throw 7; };",
                                   "{\"sources\": 3}")),
            "\"bundle\"");
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR 7 at bundle:2:26");
}

}  // namespace
}  // namespace shredder::engine
