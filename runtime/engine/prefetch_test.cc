// What is asked of the processor's cache before a call: it changes nothing, whatever a tenant's
// libraries export and whatever state its JavaScript is in.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

void PrefetchAll(const FunctionHost& host) {
  for (size_t step = 0; step < FunctionHost::kPrefetchSteps; ++step) host.Prefetch(step);
}

class PrefetchTest : public TenantTest {
 protected:
  PrefetchTest() : TenantTest(Patient()) {}
};

TEST_F(PrefetchTest, OfATenantWithoutALibrary) {
  PrefetchAll(tenant_.host());
  // It has a context from then on.
  EXPECT_THAT(Show(tenant_.host().Load(Library("one", "throw 1;"), false)),
              testing::HasSubstr("ERR"));
  PrefetchAll(tenant_.host());
}

TEST_F(PrefetchTest, OfFunctionsOfEachKind) {
  const std::string_view exports[] = {
      "function f() { return 1; }",
      "async function f() { return 1; }",
      "const f = () => 1;",
      "const f = (function () { return 1; }).bind(null);",
      "const f = new Proxy(() => 1, {});",
      "const f = Number.parseInt.bind(null, '1');",
      "const f = Array.prototype.at.bind([1], 0);",
      "const f = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of("
      "0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0,"
      " 10, 6, 1, 4, 0, 65, 1, 11))).exports.f;",
  };
  for (const std::string_view code : exports) {
    const std::string loaded =
        Show(tenant_.host().Load(Library("one", "export " + std::string(code)), true));
    PrefetchAll(tenant_.host());
    EXPECT_EQ(loaded, "\"one\"") << code;
    EXPECT_EQ(tenant_.ShowCall("f"), "1") << code;
    PrefetchAll(tenant_.host());
    EXPECT_EQ(tenant_.ShowCall("f"), "1") << code;
  }
}

TEST_F(PrefetchTest, OfAFunctionThatIsCompiledAgainAndAgain) {
  tenant_.MustLoad(
      "let n = 0; export function f(k, [t]) { for (let i = 0; i < t; i++) n++; return n; }");
  for (const char* const turns : {"0", "1", "1000000", "1000000", "0", "0"}) {
    PrefetchAll(tenant_.host());
    tenant_.ShowCall("f", {}, {turns});
  }
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"1"}), "2000002");
}

TEST_F(PrefetchTest, WhileMemoryMoves) {
  tenant_.MustLoad(
      "let kept = []; export function f() {"
      " for (let i = 0; i < 50000; i++) kept[i % 1000] = [i, { i }]; return kept.length; }");
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(tenant_.ShowCall("f"), "1000");
    PrefetchAll(tenant_.host());
  }
}

TEST_F(PrefetchTest, OfWhatIsGivenUpAndMadeAgain) {
  tenant_.MustLoad("export function f() { return 1; }");
  tenant_.host().GiveUp();
  PrefetchAll(tenant_.host());
  EXPECT_EQ(tenant_.ShowCall("f"), "1");
  PrefetchAll(tenant_.host());
  tenant_.host().Flush();
  PrefetchAll(tenant_.host());
}

TEST(PrefetchTestShared, OfOneOfTwoInAnIsolate) {
  EngineOptions options = Patient();
  options.shares_isolate = true;
  Engine engine(options);
  Tenant first(&engine);
  Tenant second(&engine);
  for (Tenant* tenant : {&first, &second}) {
    tenant->MustLoad("export function f() { return 1; }");
    PrefetchAll(tenant->host());
  }
  EXPECT_EQ(engine.isolate_count(), 1u);
  first.host().GiveUp();
  PrefetchAll(first.host());
  PrefetchAll(second.host());
  EXPECT_EQ(second.ShowCall("f"), "1");
  EXPECT_EQ(first.ShowCall("f"), "1");
}

}  // namespace
}  // namespace shredder::engine
