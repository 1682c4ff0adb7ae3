// What V8's C++ takes for a text that a script gives it is bounded, and it looks for interrupts
// meanwhile: JSON.stringify.
//
// deadline_sweep_test.cc and huge_allocation_test.cc have the shapes that the deadline and the heap
// end.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using testing::StartsWith;

class V8BoundsTest : public TenantTest {
 protected:
  V8BoundsTest() : TenantTest(Options(&yields_)) {}

  // How often V8 has taken an interrupt within the function f.
  int YieldsOfCall(std::string_view expected) {
    yields_ = 0;
    EXPECT_EQ(tenant_.ShowCall("f"), expected);
    return yields_;
  }

  static EngineOptions Options(int* yields) {
    EngineOptions options = Patient();
    options.heap_limit_mb = 512;
    options.yield_interval_ms = 1;
    options.on_yield = [yields] { ++*yields; };
    return options;
  }

  int yields_ = 0;
};

// What is escaped takes a hundred times the interval between two interrupts, and f looks for none
// but at its start.
constexpr int kYields = 5;

TEST_F(V8BoundsTest, LooksForInterruptsWhileJsonStringifyEscapesOneText) {
  tenant_.MustLoad(
      "const text = '\\ud800'.repeat(2 ** 21);\n"
      "export const f = () => JSON.stringify(text).length;");
  EXPECT_GE(YieldsOfCall(std::to_string(6 * (1 << 21) + 2)), kYields);
}

TEST_F(V8BoundsTest, LooksForInterruptsWhileJsonStringifyEscapesOneKey) {
  tenant_.MustLoad(
      "const object = {['\\ud800'.repeat(2 ** 21)]: 1};\n"
      "export const f = () => JSON.stringify(object).length;");
  EXPECT_GE(YieldsOfCall(std::to_string(6 * (1 << 21) + 6)), kYields);
}

TEST_F(V8BoundsTest, RefusesAResultOfJsonStringifyThatIsLongerThanATextMayBe) {
  for (const std::string value : {
           "'\\u0001'.repeat(2 ** 23)",
           "new String('\\ud800'.repeat(2 ** 23))",
           "{['\\u0001'.repeat(2 ** 23)]: 1}",
           "Array(7e6)",
           "Array(7e6).fill()",
           "Array(1e4).fill('x'.repeat(1e4))",
           "Array(2 ** 22).fill(12345678)",
           "Array(2 ** 22).fill(0.12345678)",
           "new Proxy(Array(9).fill('x'.repeat(2 ** 22)), {})",
       }) {
    tenant_.MustLoad("export const f = () => JSON.stringify(" + value + ").length;");
    EXPECT_THAT(tenant_.ShowCall("f"), StartsWith("!ERR RangeError: Invalid string length"))
        << value;
  }
}

TEST_F(V8BoundsTest, EndsJsonStringifyWhereItsResultBecomesTooLong) {
  tenant_.MustLoad(
      "export function f() {\n"
      "  let asked = 0;\n"
      "  const text = 'x'.repeat(2 ** 24 + 2 ** 20);\n"
      "  try { JSON.stringify(Array(1000).fill({toJSON() { asked++; return text; }})); }\n"
      "  catch (e) { return [e.name, asked]; }\n"
      "}");
  EXPECT_EQ(tenant_.ShowCall("f"), "[\"RangeError\", 2]");
}

}  // namespace
}  // namespace shredder::engine
