// JavaScript that is given up and made again, and libraries that are known without it.
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/library_record.h"
#include "runtime/engine/library_text.h"

namespace shredder::engine {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

EngineOptions IdleAfter(uint64_t ms) {
  EngineOptions options = Patient();
  options.idle_after_ms = ms;
  return options;
}

void MakeSpares(Engine* engine) {
  while (engine->AddSpare()) {
  }
}

constexpr char kCounter[] =
    "let n = 0; export function count() { HTSet('n', Uint8Array.of(65 + n)); return ++n; }";

class IdleTest : public TenantTest {
 protected:
  IdleTest() : TenantTest(IdleAfter(1000)) { engine_.Tick(5000); }

  std::string LoadAs(const std::string& name, std::string_view code) {
    return Show(tenant_.host().Load(Library(name, code), false));
  }
};

TEST(IdleTestBegin, WhatRanBeforeTheFirstTickIsNotIdleByThen) {
  Engine engine(IdleAfter(1000));
  Tenant tenant(&engine);
  tenant.MustLoad("let n = 0; export const f = () => ++n;");
  EXPECT_EQ(tenant.ShowCall("f"), "1");
  engine.Tick(5000);
  EXPECT_EQ(tenant.ShowCall("f"), "2");
  engine.Tick(6001);
  EXPECT_EQ(tenant.ShowCall("f"), "1");
}

TEST_F(IdleTest, GivesUpJavaScriptThatHasNotRunForSoLong) {
  tenant_.MustLoad(kCounter);
  EXPECT_EQ(tenant_.ShowCall("count"), "1");
  engine_.Tick(5999);
  EXPECT_TRUE(tenant_.host().has_isolate());
  EXPECT_EQ(tenant_.ShowCall("count"), "2");
  engine_.Tick(6998);
  EXPECT_TRUE(tenant_.host().has_isolate());
  engine_.Tick(6999);
  EXPECT_FALSE(tenant_.host().has_isolate());
  EXPECT_EQ(engine_.isolate_count(), 0u);
  EXPECT_EQ(tenant_.host().heap_used_bytes(), 0u);
}

TEST_F(IdleTest, BeginsVariablesOfModulesAnewAndKeepsData) {
  tenant_.MustLoad(kCounter);
  EXPECT_EQ(tenant_.ShowCall("count"), "1");
  EXPECT_EQ(tenant_.ShowCall("count"), "2");
  EXPECT_EQ(tenant_.Get("n"), "B");
  tenant_.host().GiveUp();
  EXPECT_EQ(tenant_.Get("n"), "B");
  EXPECT_EQ(tenant_.ShowCall("count"), "1");
  EXPECT_EQ(tenant_.Get("n"), "A");
}

TEST_F(IdleTest, KnowsWhatLibrariesExportWithoutJavaScript) {
  tenant_.MustLoad(
      "export function f() { return 7; } f.description = 'seven'; f.flags = ['no-writes'];");
  tenant_.host().GiveUp();
  ASSERT_EQ(tenant_.host().library_count(), 1u);
  const FunctionRef f = tenant_.host().Find("f");
  ASSERT_TRUE(f);
  EXPECT_EQ(f.info->description, "seven");
  EXPECT_THAT(f.info->flags, ElementsAre("no-writes"));
  EXPECT_TRUE(tenant_.host().NeedsEvaluation(f));
  EXPECT_FALSE(tenant_.host().has_isolate());
  EXPECT_EQ(tenant_.ShowCall("f"), "7");
  EXPECT_FALSE(tenant_.host().NeedsEvaluation(f));
}

TEST_F(IdleTest, EvaluatesOnlyTheLibraryThatIsCalled) {
  tenant_.Set("mood", "good");
  ASSERT_EQ(
      LoadAs("a",
             "if (HTLength('mood') !== 4) throw new Error('mood'); export const fa = () => 'a';"),
      "\"a\"");
  ASSERT_EQ(LoadAs("b", "export const fb = () => 'b';"), "\"b\"");
  tenant_.host().GiveUp();
  tenant_.Set("mood", "bad");
  EXPECT_EQ(tenant_.ShowCall("fb"), "\"b\"");
  EXPECT_THAT(tenant_.ShowCall("fa"), StartsWith("!ERR Error: mood at a:3:"));
  tenant_.Set("mood", "fine");
  EXPECT_EQ(tenant_.ShowCall("fa"), "\"a\"");
}

TEST_F(IdleTest, FindsNoFunctionThatIsNotExportedAgain) {
  tenant_.Set("k", "1");
  tenant_.MustLoad("export const f = HTHas('k') ? () => 1 : 0; export const g = () => 2;");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  tenant_.host().GiveUp();
  tenant_.store().Delete(store::KeyOf("k"));
  EXPECT_EQ(tenant_.ShowCall("f"), "!ERR Function not found");
  EXPECT_EQ(tenant_.ShowCall("g"), "2");
}

TEST_F(IdleTest, TakesAsLongAsItWantsOfManyLibraries) {
  for (int n = 0; n < 40; ++n) {
    const std::string name = "l" + std::to_string(n);
    ASSERT_EQ(LoadAs(name, "export const " + name + " = () => " + std::to_string(n) + ";"),
              "\"" + name + "\"");
  }
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 40; n += 7) {
      EXPECT_EQ(tenant_.ShowCall("l" + std::to_string(n)), std::to_string(n));
    }
    tenant_.host().GiveUp();
  }
}

TEST_F(IdleTest, StillNamesThePlaceOfAnError) {
  tenant_.MustLoad("export function f() {\n  null.x; }");
  const std::string error = tenant_.ShowCall("f");
  EXPECT_EQ(error, "!ERR TypeError: Cannot read properties of null (reading 'x') at lib:4:8");
  tenant_.host().GiveUp();
  EXPECT_EQ(tenant_.ShowCall("f"), error);
}

TEST_F(IdleTest, GivesUpTheOneThatWasIdleForLongestWhereThereAreTooMany) {
  EngineOptions options = IdleAfter(1000);
  options.max_isolates = 2;
  Engine engine(options);
  Tenant a(&engine), b(&engine), c(&engine);
  a.MustLoad(kCounter);
  b.MustLoad(kCounter);
  EXPECT_EQ(a.ShowCall("count"), "1");
  c.MustLoad(kCounter);
  EXPECT_TRUE(a.host().has_isolate());
  EXPECT_FALSE(b.host().has_isolate());
  EXPECT_EQ(engine.isolate_count(), 2u);
  EXPECT_EQ(b.ShowCall("count"), "1");
  EXPECT_FALSE(a.host().has_isolate());
}

TEST_F(IdleTest, TakesNewLimitsWithoutLosingLibraries) {
  tenant_.MustLoad(
      "export const f = () => 1; export const grow = () => { const a = []; for (;;) a.push({a}); "
      "};");
  HostLimits limits = IdleAfter(0);
  limits.heap_limit_mb = 16;
  tenant_.host().SetLimits(limits);
  EXPECT_EQ(tenant_.ShowCall("grow"),
            "!ERR function used up its tenant's JavaScript heap of 16 MB, its writes are undone");
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
}

TEST_F(IdleTest, GivesNoTenantWhatAnotherHasLeftBehind) {
  MakeSpares(&engine_);
  for (int n = 0; n < 8; ++n) {
    Tenant tenant(&engine_);
    tenant.Set("n", std::to_string(n));
    tenant.MustLoad(
        "export function f() { const was = [globalThis.mark, Array.prototype.mark, "
        "typeof HTNothing]; globalThis.mark = Array.prototype.mark = 1; "
        "const into = new Uint8Array(1); HTGet('n', into); return [...was, into]; }");
    EXPECT_EQ(tenant.ShowCall("f"), "[null, null, \"undefined\", \"" + std::to_string(n) + "\"]");
    engine_.AddSpare();
  }
}

TEST_F(IdleTest, TakesJavaScriptInStoreOfTheHeapLimitThatIsAskedFor) {
  MakeSpares(&engine_);
  HostLimits limits = Patient();
  limits.heap_limit_mb = 16;
  tenant_.host().SetLimits(limits);
  for (int round = 0; round < 3; ++round) {
    tenant_.MustLoad("export const grow = () => { const a = []; for (;;) a.push({a}); };");
    EXPECT_EQ(tenant_.ShowCall("grow"),
              "!ERR function used up its tenant's JavaScript heap of 16 MB, its writes are undone");
    MakeSpares(&engine_);
  }
}

TEST_F(IdleTest, TellsWhenItHasSomethingToDoNext) {
  for (const size_t spares : {0, 1}) {
    EngineOptions options = IdleAfter(1000);
    options.spares = spares;
    Engine engine(options);
    MakeSpares(&engine);
    EXPECT_EQ(engine.Tick(5000), Engine::kNever);
    Tenant tenant(&engine);
    tenant.MustLoad(kCounter);
    EXPECT_EQ(engine.Tick(5100), 6000u);
    EXPECT_EQ(tenant.ShowCall("count"), "1");
    EXPECT_EQ(engine.Tick(5200, /*is_short=*/true), Engine::kNever);
    EXPECT_FALSE(tenant.host().has_isolate());
    EXPECT_EQ(tenant.ShowCall("count"), "1");
    EXPECT_EQ(engine.Tick(5300), 6200u);
    EXPECT_EQ(engine.Tick(6200), Engine::kNever);
    EXPECT_FALSE(tenant.host().has_isolate());
  }
}

TEST_F(IdleTest, MakesAsManySparesAsItMayKeep) {
  EngineOptions options = IdleAfter(1000);
  options.spares = 3;
  Engine engine(options);
  EXPECT_TRUE(engine.TakeSpareWish());
  EXPECT_FALSE(engine.TakeSpareWish());
  EXPECT_TRUE(engine.AddSpare());
  EXPECT_TRUE(engine.AddSpare());
  EXPECT_FALSE(engine.AddSpare()) << "three are enough";
  EXPECT_FALSE(engine.AddSpare());
  Tenant tenant(&engine);
  tenant.MustLoad(kCounter);
  EXPECT_TRUE(engine.TakeSpareWish());
  EXPECT_FALSE(engine.AddSpare()) << "they are three again";
  EXPECT_EQ(tenant.ShowCall("count"), "1");
  EXPECT_FALSE(engine.TakeSpareWish());
}

// --- Records -------------------------------------------------------------------------------------

TEST_F(IdleTest, RestoresALibraryFromItsRecordWithoutJavaScript) {
  tenant_.MustLoad(
      "export function f() { return '\xc3\xa9'; } f.description = 'a \\n \\u2028 \\ud800';\n"
      "export function g() {} g.flags = ['no-writes', 'allow-oom'];");
  const std::string record = PackLibrary(*tenant_.host().libraries()[0]);
  Tenant other(&engine_);
  const std::optional<LibraryInfo> library = UnpackLibrary(record);
  ASSERT_TRUE(library);
  EXPECT_TRUE(other.host().Restore(*library));
  EXPECT_FALSE(other.host().Restore(*library));
  EXPECT_FALSE(other.host().has_isolate());
  EXPECT_EQ(other.host().function_count(), 2u);
  EXPECT_EQ(other.host().libraries()[0]->code, tenant_.host().libraries()[0]->code);
  EXPECT_EQ(other.host().Find("f").info->description, tenant_.host().Find("f").info->description);
  EXPECT_EQ(other.host().Find("g").info->flags, tenant_.host().Find("g").info->flags);
  EXPECT_EQ(other.ShowCall("f"), "\"\xc3\xa9\"");
  EXPECT_EQ(PackLibrary(*other.host().libraries()[0]), record);
}

TEST(LibraryRecord, IsRefusedWhereItIsOfAnotherForm) {
  for (const char* bytes :
       {"", "{}", "\n", "{}\n", "[]\ncode", "{\"name\":1,\"functions\":[]}\n", "{\"name\":\"a\"}\n",
        "{\"name\":\"a\",\"functions\":[7]}\n", "#!js name=a\nexport const f = 1;",
        "{\"name\":\"a\",\"functions\":[{\"name\":\"f\",\"description\":\"\",\"flags\":[1]}]}\n"}) {
    EXPECT_FALSE(UnpackLibrary(bytes)) << bytes;
  }
}

TEST(LibraryTexts, AreSharedByAllThatHaveTheSame) {
  LibraryTexts texts;
  const std::shared_ptr<LibraryText> a = texts.Share("one");
  std::shared_ptr<LibraryText> b = texts.Share("two");
  EXPECT_EQ(texts.Share(std::string("one")), a);
  EXPECT_NE(a, b);
  EXPECT_EQ(texts.count(), 2u);
  b.reset();
  EXPECT_EQ(texts.count(), 1u);
  EXPECT_EQ(texts.Share("two")->code(), "two");
}

}  // namespace
}  // namespace shredder::engine
