// What tenants' code can know of time: that of the store, which stands still while it runs.
#include <thread>

#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/platform.h"

namespace shredder::engine {
namespace {

const std::string kNow = std::to_string(kNowMs);

class TimeTest : public TenantTest {};

TEST_F(TimeTest, IsTheStoresAndStandsStillWithinACall) {
  tenant_.MustLoad(
      "const spin = () => { for (let i = 0; i < 5e6; i++) spin.x = i; };\n"
      "export const now = () => [Date.now(), +new Date(), new Date().getTime(),\n"
      "  Date() === new Date().toString(), +Reflect.construct(Date, [])].map(String);\n"
      "export const still = () => { const times = new Set(); for (let i = 0; i < 5; i++) {\n"
      "  times.add(Date.now()).add(+new Date()); spin(); } return [...times].map(String); };\n"
      "export const awaits = async () => { const before = Date.now(); spin(); await null; spin();\n"
      "  return String(Date.now() - before); };\n"
      "export const reply = () => { const before = Date.now(); spin(); return { get x() { spin();\n"
      "  return Date.now() - before; } }; };");
  EXPECT_EQ(tenant_.ShowCall("now"),
            "[\"" + kNow + "\", \"" + kNow + "\", \"" + kNow + "\", \"true\", \"" + kNow + "\"]")
      << "all of its clocks";
  EXPECT_EQ(tenant_.ShowCall("still"), "[\"" + kNow + "\"]");
  EXPECT_EQ(tenant_.ShowCall("awaits"), "\"0\"");
  EXPECT_EQ(tenant_.ShowCall("reply"), "{\"x\": 0}");
}

TEST_F(TimeTest, GoesOnFromCallToCall) {
  tenant_.MustLoad("export const now = () => String(Date.now());");
  for (const uint64_t now : {kNowMs + 1, kNowMs + 1000, kNowMs + 86'400'000}) {
    tenant_.store().SetNow(now);
    EXPECT_EQ(tenant_.ShowCall("now"), "\"" + std::to_string(now) + "\"");
  }
}

TEST_F(TimeTest, IsTheSameInOptimisedCode) {
  tenant_.MustLoad(
      "function difference(n) { const before = Date.now(); let x = 0; for (let i = 0; i < n; i++) "
      "x = (x * 31 + i) | 0; return Date.now() - before + (x - x); }\n"
      "export function f() { %PrepareFunctionForOptimization(difference); difference(10); "
      "%OptimizeFunctionOnNextCall(difference); return difference(1e7); }");
  EXPECT_EQ(tenant_.ShowCall("f"), "0");
}

TEST_F(TimeTest, OfALibrarysTopLevelIsThatOfItsEvaluation) {
  tenant_.MustLoad(
      "const before = Date.now(); for (let i = 0; i < 5e6; i++) globalThis.x = i;\n"
      "const after = Date.now(); export const f = () => [before, after, Date.now()].map(String);");
  const std::string later = std::to_string(kNowMs + 5);
  tenant_.store().SetNow(kNowMs + 5);
  EXPECT_EQ(tenant_.ShowCall("f"), "[\"" + kNow + "\", \"" + kNow + "\", \"" + later + "\"]");
  tenant_.host().GiveUp();
  EXPECT_EQ(tenant_.ShowCall("f"), "[\"" + later + "\", \"" + later + "\", \"" + later + "\"]");
}

TEST_F(TimeTest, OfOneTenantIsNotAnothers) {
  Tenant other(&engine_);
  other.store().SetNow(kNowMs + 7);
  for (Tenant* tenant : {&tenant_, &other}) {
    tenant->MustLoad("export const now = () => String(Date.now());");
  }
  EXPECT_EQ(tenant_.ShowCall("now"), "\"" + kNow + "\"");
  EXPECT_EQ(other.ShowCall("now"), "\"" + std::to_string(kNowMs + 7) + "\"");
}

TEST(FrozenClock, IsOfItsThreadAndLifeAlone) {
  Platform platform(1);
  const double before = platform.CurrentClockTimeMillis();
  {
    const FrozenClock clock(42);
    EXPECT_EQ(platform.CurrentClockTimeMillis(), 42);
    EXPECT_EQ(platform.CurrentClockTimeMilliseconds(), 42);
    EXPECT_EQ(platform.CurrentClockTimeMillisecondsHighResolution(), 42);
    std::thread([&] { EXPECT_GE(platform.CurrentClockTimeMillis(), before); }).join();
  }
  EXPECT_GE(platform.CurrentClockTimeMillis(), before);
}

}  // namespace
}  // namespace shredder::engine
