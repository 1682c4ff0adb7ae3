// Loops over views and arrays in optimised code, which checks bounds before the loop where it can
// (builtins-csa/compiler/loop_splitting.h): that they do what the same loops do in the interpreter,
// whatever their bounds, and that it is done at all.
//
// SHREDDER_TEST_LOOPS is the number of random loops, SHREDDER_TEST_SEED the seed; a failure names
// both and shows the loop.
#include <cstdlib>
#include <random>

#include "builtins-csa/compiler/split_loops.h"
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

// V8's flags change what is compiled when, and what else is done to it.
bool CanTellWhatIsSplit() { return std::getenv("SHREDDER_TEST_V8_FLAGS") == nullptr; }

// `slow` and `fast` are the same loop, once interpreted for good. Every answer is compared: the
// sums, what was written, and the error where the loop ran out of bounds, which shows at which
// iteration it did.
constexpr char kCompare[] = R"js(
const limits = [-3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 96, 127, 128, 129, 1000,
                2 ** 31 - 1, 2 ** 31, 2 ** 32 + 0.5, 7.5, NaN, undefined, '9'];
for (let d = -9; d <= 9; d++) limits.push(size + d);

const written = new Float64Array(64);
const copied = new Uint32Array(2);
const data32 = Uint32Array.from({length: 50}, (_, i) => i * 2654435761);
const clamped = Uint8ClampedArray.from({length: 90}, (_, i) => i * 5);
const big = new BigInt64Array(64), bigger = BigInt64Array.from({length: 70}, (_, i) => BigInt(i) << 40n);
const data8 = Uint8Array.from({length: 77}, (_, i) => i * 37);
function shown(x) { return Array.isArray(x) ? x.map(shown).join() : Object.is(x, -0) ? '-0' : String(x); }
function answer(f, n) {
  written.fill(0);
  copied.fill(0);
  big.fill(0n);
  let result;
  try { result = shown(f(n)); } catch (e) { result = e.name + ': ' + e.message; }
  return result + ' ' + shown([...written]) + ' ' + shown([...big]);
}
%NeverOptimizeFunction(slow);

export function warm() {
  %PrepareFunctionForOptimization(fast);
  answer(fast, 8); answer(fast, 24);
  %OptimizeFunctionOnNextCall(fast);
  answer(fast, 8);
}
export function compare() {
  for (const n of limits) {
    const expected = answer(slow, n), got = answer(fast, n);
    if (expected !== got) return `n = ${String(n)}: ${got}, not ${expected}`;
  }
  return 'same';
}
)js";

class LoopSplittingTest : public TenantTest {
 protected:
  LoopSplittingTest()
      : seed_(NumberFromEnvironment("SHREDDER_TEST_SEED", 20'261)), random_(seed_) {}

  // Loads a program whose function is `fast`, and `slow` for comparison.
  void LoadLoop(const std::string& parameters_and_body, int size) {
    std::string bytes(size, 0);
    for (char& byte : bytes) byte = static_cast<char>(random_() % 2 == 0 ? random_() : 0x40);
    tenant_.Set("value", bytes);
    for (const char* key : {"0", "3", "37", "64"}) tenant_.Set(key, "twelve bytes");
    tenant_.MustLoad("const size = " + std::to_string(size) + ";\nfunction slow" +
                     parameters_and_body + "\nfunction fast" + parameters_and_body + kCompare);
  }

  // How many loops are split when `fast` is optimised.
  uint64_t Warm() {
    const uint64_t before = split_loops;
    EXPECT_EQ(tenant_.ShowCall("warm"), "null");
    return split_loops - before;
  }

  int Below(int n) { return static_cast<int>(random_() % n); }
  std::string Number(int n) { return std::to_string(n); }
  template <size_t kCount>
  std::string OneOf(const char* const (&choices)[kCount]) {
    return choices[random_() % kCount];
  }

  // An index for `counter`; seldom one that the optimiser cannot follow.
  std::string RandomIndex(const std::string& counter) {
    switch (Below(11)) {
      case 0:
      case 1:
      case 2:
        return counter;
      case 3:
      case 4:
        return counter + " + " + Number(Below(20));
      case 5:
        return counter + " * " + Number(1 + Below(12));
      case 6:
        return counter + " * " + Number(1 + Below(5)) + " + " + Number(Below(9));
      case 7:
        return "(" + counter + " << " + Number(Below(4)) + ") + " + Number(Below(3));
      case 8:
        return Below(2) == 0 ? counter + " - " + Number(Below(9))
                             : "(" + counter + " - 2) * " + Number(1 + Below(4)) + " + 3";
      case 9:
        return DeepIndex(counter);
      default:
        return OneOf({"(at & 31)", "at >> 1", "(at + k) | 0", "size - 8 - at"});
    }
  }

  // Of more operations than the optimiser follows, at times.
  std::string DeepIndex(std::string index) {
    for (int i = Below(12); i > 0; --i) index = "(" + index + OneOf({" + 1", " + 2", " * 1"}) + ")";
    return index;
  }

  std::string RandomRead() { return ReadAt(RandomIndex(Below(5) == 0 ? "k" : "at")); }

  std::string ReadAt(const std::string& index) {
    const std::string getter = OneOf({"getUint32", "getFloat64", "getUint8", "getInt16", "getInt32",
                                      "getFloat32", "getUint16", "getInt8"});
    return "view." + getter + "(" + index + ", " + OneOf({"true", "true", "false"}) + ")";
  }

  std::string RandomStatement() {
    const std::string read = RandomRead();
    switch (Below(13)) {
      case 12:
        return OneOf({"sum += HTLength(k);", "sum += HTLength(data8[at]);",
                      "other += HTGetUint32(view.getUint8(k), 1);", "if (HTHas(at)) sum++;",
                      "sum += HTGet(data8[k], copied) + copied[1];"});
      case 0:
      case 1:
      case 2:
        return "sum = (sum + " + read + ") | 0;";
      case 3:
      case 4:
        return "sum += " + read + ";";
      case 5:
        return "other = (other ^ " + read + ") >>> 0;";
      case 6:
        return "other = Math.max(other, " + read + ");";
      case 7:
        return "if (" + read + " > 64) sum += 1; else other += at;";
      case 8:
        return "written[" + OneOf({"at & 63", "k", "at"}) + "] = " + read + ";";
      case 9:
        return OneOf({"sum += data32[k];", "sum += data32[at];", "sum += data8[at + 1];",
                      "sum += data8[k * 2];", "big[k] = bigger[at];", "big[at & 31] = bigger[at];",
                      "written[at] = clamped[k];"});
      case 10:
        return "last = at;";
      default:
        return OneOf({"if (", "if (at > 3 && "}) + read +
               OneOf({" === 0x40) break;", " > 250) break;", " === 0x40) { last = at; break; }",
                      " > 250) return [sum, other, last, k];", " < 0) throw new Error(at);",
                      " === 0x40) continue;"});
    }
  }

  std::string RandomLoop() {
    // The last ones are computed in the loop, or change in it.
    const std::string bound =
        OneOf({"n", "n", "view.byteLength", "end", "40", "size - 7", "(n >>> 0)", "data8.length",
               "data8[n & 15]", "(n | 0) - k", "60 - (at & 31)", "Math.min(n | 0, 40 + k)",
               "(at & 15) + 20"});
    const std::string condition = OneOf({"at < ", "at < ", "at <= ", "at + 7 < ", "at + 3 <= "});
    // An index that grows with the counter ends every loop.
    const std::string first =
        OneOf({"at", "at", "at + 4", "at * 3", "at * 8", "(at << 2) + 8", "at - 3"});
    if (Below(8) == 0) return RandomLoopOfHighCounter();
    const std::string step = OneOf({"1", "1", "2", "4", "8", "8", "13"});
    const bool is_down = Below(4) == 0;
    const std::string head =
        is_down
            ? "let at = " + bound + "; " +
                  OneOf({"at >= 0", "at > 0", "at >= first", "at > 7", "at + 3 > 0", "0 < at - 2",
                         "at >= (n | 0) - 99", "at-- > 0", "((at + 9) | 0) > 0", "at >>> 0 > 5"}) +
                  "; at -= " + step
            : "let at = " + OneOf({"0", "0", "0", "3", "-4", "first"}) + "; " + condition + bound +
                  "; at += " + step;
    std::string loop = "for (" + head + ") { sum = (sum + " + ReadAt(first) + ") | 0; ";
    for (int i = Below(4); i > 0; --i) loop += RandomStatement() + " ";
    loop += "k += " + OneOf({"1", "1", "3"}) + "; }";
    return loop;
  }

  // Of a counter that takes its step in two parts, at times at the end of what 32 bits hold, beside
  // one that indexes.
  std::string RandomLoopOfHighCounter() {
    const bool is_down = Below(2) == 0;
    const int way = 1 + Below(120);
    const int step = 1 + Below(3);
    const std::string start = OneOf({"2147483500", "2147483540", "2147483600", "500"});
    const std::string head = is_down ? "let at = n > 20 ? " + start + " : 30; at > " +
                                           OneOf({"2147483500", "3", "(n | 0)"})
                                     : "let at = n > 20 ? " + start + " : 0; at < n";
    return "for (" + head + "; at -= " + Number(is_down ? way + step : way) +
           ") { if (k > 200) break; sum = (sum + " + ReadAt("k") + ") | 0; " +
           OneOf({"", "", "other = Math.max(other, at); "}) +
           "at += " + Number(is_down ? way : way + step) + "; " +
           OneOf({"other += at; ", "last = at; "}) + "k += 1; }";
  }

  std::string RandomFunction() {
    std::string body = "(n) {\n  let sum = 0, other = 0, last = -1, k = " + OneOf({"0", "0", "2"}) +
                       ";\n  const first = n > 20 ? 5 : 0;\n  const view = HTView('value');\n"
                       "  const end = " +
                       OneOf({"view.byteLength", "view.byteLength - 4", "n | 0"}) + ";\n";
    if (Below(6) == 0) {
      body += "  try { " + RandomLoop() + " } catch (e) { last = e.message; }\n";
    } else if (Below(4) == 0) {
      body += "  for (let round = 0; round < 3; round++) { k = round; " + RandomLoop() + " }\n";
    } else {
      body += "  " + RandomLoop() + "\n";
    }
    return body + "  return [sum, other, last, k];\n}\n";
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
};

TEST_F(LoopSplittingTest, RandomLoopsAnswerAsInTheInterpreterWhateverTheirBounds) {
  const uint64_t loops = NumberFromEnvironment("SHREDDER_TEST_LOOPS", 200);
  uint64_t split = 0;
  for (uint64_t i = 0; i < loops; ++i) {
    const std::string loop = RandomFunction();
    SCOPED_TRACE("SHREDDER_TEST_SEED=" + std::to_string(seed_) + " SHREDDER_TEST_LOOPS=" +
                 std::to_string(loops) + ", loop " + std::to_string(i) + ":\n" + loop);
    LoadLoop(loop, Below(300));
    if (Warm() > 0) ++split;
    EXPECT_EQ(tenant_.ShowCall("compare"), "\"same\"");
    // Once more, of what the failed assumptions have taught.
    Warm();
    EXPECT_EQ(tenant_.ShowCall("compare"), "\"same\"");
    if (HasFailure()) return;
  }
  RecordProperty("split", std::to_string(split));
  if (CanTellWhatIsSplit()) {
    EXPECT_GT(split, loops / 4);
  }
}

struct SplitCase {
  const char* name;
  const char* loop;
};

class SplitLoopTest : public LoopSplittingTest, public testing::WithParamInterface<SplitCase> {};

TEST_P(SplitLoopTest, IsSplitAndAnswersAsInTheInterpreter) {
  LoadLoop(std::string("(n) {\n  const view = HTView('value');\n  let sum = 0, other = 0;\n  ") +
               GetParam().loop + "\n  return [sum, other];\n}\n",
           256);
  const uint64_t split = Warm();
  if (CanTellWhatIsSplit()) {
    EXPECT_EQ(split, 1u);
  }
  EXPECT_EQ(tenant_.ShowCall("compare"), "\"same\"");
}

INSTANTIATE_TEST_SUITE_P(
    Loops, SplitLoopTest,
    testing::Values(
        SplitCase{"ToByteLength",
                  "for (let at = 0; at < view.byteLength; at += 4) "
                  "sum = (sum + view.getUint32(at, true)) | 0;"},
        SplitCase{"ToAnArgument",
                  "for (let i = 0; i < n; i++) sum += view.getFloat64(8 * i, true);"},
        SplitCase{"InclusiveAndScaled",
                  "for (let i = 0; i <= n; i += 2) sum += view.getUint16((i << 1) + 2);"},
        SplitCase{"ByTwelve",
                  "for (let i = 0; 12 * i + 12 <= view.byteLength; i++) "
                  "{ sum += view.getFloat32(12 * i, true); other += view.getUint32(12 * i + 8); }"},
        SplitCase{"FourAtATime",
                  "for (let at = 0; at < view.byteLength; at += 16) { "
                  "sum = (sum + view.getInt32(at, true)) | 0; sum ^= view.getInt32(at + 4, true); "
                  "other = (other + view.getInt32(at + 8, true)) | 0; "
                  "other ^= view.getInt32(at + 12, true); }"},
        SplitCase{"WithABranch",
                  "for (let at = 0; at < n; at++) "
                  "if (view.getUint8(at) === 0x40) sum++; else other += view.getUint8(at);"},
        SplitCase{"IntoAnArray",
                  "for (let i = 0; i < 32; i++) written[i] = view.getFloat64(8 * i, true);"},
        SplitCase{"TwoCounters",
                  "for (let at = 0, i = 0; at < view.byteLength; at += 8, i++) "
                  "sum += view.getFloat32(at, true) + data32[i];"},
        SplitCase{"WithALookup",
                  "for (let i = 0; i < data8.length; i++) sum += HTLength(data8[i]);"},
        SplitCase{"OverAnArray", "for (let i = 0; i < data32.length; i++) sum += data32[i];"},
        SplitCase{
            "WithABreak",
            "let at = 0; for (; at < n; at++) { if (view.getUint8(at) === 0x41) break; sum++; } "
            "other = at;"},
        SplitCase{"WithAReturn",
                  "for (let i = 0; i < n; i++) { const x = view.getUint32(4 * i, true); sum ^= x; "
                  "if (x < 0x1000000) return [sum, i]; }"},
        SplitCase{"WithSeveralWaysOut",
                  "for (let i = 0; i < n; i++) { const x = view.getUint8(i); if (x === 7) break; "
                  "if (x === 8) return [i, sum]; if (x === 9) throw new Error(sum); sum += x; }"},
        SplitCase{"WithABreakInAnArm",
                  "for (let i = 0; i < n; i++) { const x = view.getUint8(i); "
                  "if (x > 0x40) { sum += x; if (sum > 900) break; } else other++; }"},
        SplitCase{"Down", "for (let i = (n | 0) - 1; i >= 0; i--) sum += view.getUint8(i);"},
        SplitCase{
            "DownByFour",
            "for (let at = 252; at >= n; at -= 4) sum = (sum + view.getInt32(at, true)) | 0;"},
        SplitCase{"DownFromBehind",
                  "for (let i = n | 0; i > 0; i--) sum = (sum + view.getInt32(4 * (i - 1))) | 0;"},
        SplitCase{"DownInTheCondition", "for (let i = n | 0; i-- > 0;) sum += view.getUint8(i);"},
        SplitCase{"DownWithABreak",
                  "for (let i = (n | 0) - 1; i >= 0; i--) { if (view.getUint8(i) === 0x41) break; "
                  "sum++; }"},
        SplitCase{"BehindTheCounter",
                  "for (let i = 1; i < n; i++) sum = (sum + view.getUint8(i - 1)) | 0;"},
        SplitCase{"WithAStepInTwoParts",
                  "let k = 0, x = 0.5; const end = n > 300 ? 2147483600 : n & 31; "
                  "for (let i = n > 300 ? 2147483530 : 0; i < end; i -= 99) "
                  "{ x += data8[k]; k++; i += 100; x += i; } sum = x;"},
        SplitCase{"DownInTwoParts",
                  "let k = 0, x = 0.5; const end = n > 300 ? 2147483580 : 0; "
                  "for (let i = end + 60; i > end; i -= 101) { x += data8[k]; k++; i += 100; x += "
                  "i; } sum = x;"},
        SplitCase{"InATry",
                  "try { for (let i = 0; i < n; i++) sum += view.getFloat64(8 * i, true); } "
                  "catch (e) { other = e.message; }"},
        SplitCase{"InATryWithABreak",
                  "try { for (let i = 0; i < n; i++) { const x = view.getUint8(i); if (x === 0x41) "
                  "break; sum += x; } } finally { other = 1; }"},
        SplitCase{"WithACall",
                  "const at = (i) => view.getUint32(4 * i, true); "
                  "for (let i = 0; i < n; i++) sum = (sum + at(i)) | 0;"},
        SplitCase{"Nested",
                  "for (let row = 0; row < 4; row++) for (let at = 0; at < n; at += 4) "
                  "sum = (sum + view.getUint32(at, true) * row) | 0;"}),
    [](const testing::TestParamInfo<SplitCase>& info) { return info.param.name; });

// Each of these once ended the process where it was compiled.
TEST_F(LoopSplittingTest, WhatALoopComputesItsLimitOrItsIndexFromMakesNoDifference) {
  const char* const loops[] = {
      "for (let i = 0; i < (n >>> 0); i = (i + 1) >>> 0) sum += view.getUint8(i);",
      "for (let i = 0; i < data8[n & 15]; i++) sum += view.getUint8(i);",
      "for (let i = 0; i < 64 - (i & 31); i++) sum += view.getUint8(i);",
      "let m = 100; for (let i = 0; i < (m >> 1); i++) { m--; sum += data32[i & 31]; }",
      "let k = 0; for (let i = 0; i < Math.min(n | 0, 40 + k); i++) { sum += view.getUint8(i); "
      "k++; }",
      "for (let i = 0; i < n; i++) sum += view.getUint8(((((((i * 2) + 1) * 2) + 1) * 2) + 1) * "
      "2);",
      "for (let i = 0; i < n; i++) sum += view.getUint8((((((((i + 1) + 1) + 1) + 1) + 1) + 1) + "
      "1) + 1);",
      "for (let i = 0; i < bigger.length; i++) big[i & 63] = bigger[i];",
      "for (let i = 0; i < data8.length; i++) written[i] = clamped[i];",
  };
  for (const char* loop : loops) {
    SCOPED_TRACE(loop);
    LoadLoop(std::string("(n) {\n  const view = HTView('value');\n  let sum = 0;\n  ") + loop +
                 "\n  return sum;\n}\n",
             256);
    for (int round = 0; round < 2; ++round) {
      Warm();
      EXPECT_EQ(tenant_.ShowCall("compare"), "\"same\"");
    }
  }
}

TEST_F(LoopSplittingTest, ALoopThatWritesBeforeItIsLeftIsLeftAlone) {
  LoadLoop(
      "(n) {\n  const view = HTView('value');\n  let at = 0;\n"
      "  for (; at < n; at++) { written[at & 63] += 1; if (view.getUint8(at) === 0x41) break; }\n"
      "  return at;\n}\n",
      256);
  const uint64_t split = Warm();
  if (CanTellWhatIsSplit()) {
    EXPECT_EQ(split, 0u);
  }
  EXPECT_EQ(tenant_.ShowCall("compare"), "\"same\"");
}

}  // namespace
}  // namespace shredder::engine
