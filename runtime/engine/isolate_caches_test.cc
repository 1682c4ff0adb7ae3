// Code that fills the caches of an isolate, which are sized for one tenant: property accesses that
// see more kinds of objects, and more places that call, than these hold.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

class IsolateCachesTest : public TenantTest {};

TEST_F(IsolateCachesTest, AccessesOfMoreKindsOfObjectsThanTheyHoldAreRight) {
  tenant_.MustLoad(
      "const all = [];\n"
      "for (let i = 0; i < 3000; i++) all.push({ ['only' + i]: -1, value: i });\n"
      "const sum = () => { let n = 0; for (const each of all) n += each.value; return n; };\n"
      "const add = () => { for (const each of all) each.value += 1; };\n"
      "const extend = (name) => { for (const each of all) each[name] = each.value; };\n"
      "export function f() { const sums = [];\n"
      "  for (let round = 0; round < 5; round++) { sums.push(sum()); add(); }\n"
      "  extend('more'); let n = 0; for (const each of all) n += each.more;\n"
      "  return [...sums, n]; }");
  // 3,000 values, of which each is one more in the next round.
  EXPECT_EQ(tenant_.ShowCall("f"), "[4498500, 4501500, 4504500, 4507500, 4510500, 4513500]");
}

TEST_F(IsolateCachesTest, ExceptionsAndCollectionsPassMoreFramesThanTheyHold) {
  tenant_.MustLoad(
      "const steps = [];\n"
      // Each is a function of its own, and some of them see the stack from a callback of V8's.
      "for (let i = 0; i < 400; i++) steps.push((at, end) => at === end\n"
      "  ? (() => { const made = []; for (let n = 0; n < 2000; n++) made.push({ n });\n"
      "      throw new RangeError('at ' + made.length); })()\n"
      "  : i % 3 === 0 ? [at].map((each) => steps[each + 1](each + 1, end))[0]\n"
      "  : steps[at + 1](at + 1, end));\n"
      "export function f() { let caught = 0;\n"
      "  for (let round = 0; round < 50; round++) {\n"
      "    try { steps[0](0, 399); } catch (error) { caught += error.message === 'at 2000' ? 1 : "
      "0; }\n"
      "  } return caught; }");
  EXPECT_EQ(tenant_.ShowCall("f"), "50");
}

}  // namespace
}  // namespace shredder::engine
