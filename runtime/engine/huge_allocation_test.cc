// One huge allocation ends the call that asks for it, not the process: a hundred shapes, each in a
// process of its own, since one that V8 does not bound ends that.
//
// Each shape's outcome is a property of the test, with the CPU time beyond its deadline and how far
// the process grew: see --gtest_output=json.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

constexpr std::chrono::milliseconds kDeadline{200};
constexpr uint64_t kHeapLimitMb = 64;
// What the process may grow by: a full heap, and the room to end the call in.
constexpr uint64_t kMaxGrowthKib = (kHeapLimitMb + 64) * 1024;
constexpr char kShapeVariable[] = "SHREDDER_TEST_HUGE_SHAPE";
constexpr char kReportVariable[] = "SHREDDER_TEST_HUGE_REPORT";

struct Shape {
  const char* name;
  const char* body;
};

// The longest text that there can be, of little memory until something looks into it; and bytes
// that take half of what a tenant may have of them.
constexpr char kSetup[] = R"(
const longest = (piece) => {
  for (let count = 2 ** 29; ; count = Math.floor(count * 0.99)) {
    try { return piece.repeat(count); } catch {}
  }
};
const text = longest('x'), other = longest('x') , wide = longest('\u20ac'), digits = longest('9');
const cut = text.length - 1;
const bytes = new Uint8Array(2 ** 25);
const id = (x) => x;
)";

constexpr Shape kShapes[] = {
    // --- Text ----------------------------------------------------------------------------------
    {"text ===", "return text === other;"},
    {"text === of two-byte text", "return wide === longest('\\u20ac');"},
    {"text <", "return text < other;"},
    {"text + text", "return (text + other).length;"},
    {"text doubled without end", "let s = 'x'; for (;;) { s += s; s.charCodeAt(1); }"},
    {"text as a key", "return ({})[text];"},
    {"text as an own key", "return Object.keys({[text]: 1}).length;"},
    {"text in Map", "return new Map([[text, 1]]).get(other);"},
    {"text in Set", "return new Set([text, other]).size;"},
    {"Symbol.for", "return String(Symbol.for(text)).length;"},
    {"charCodeAt", "return text.charCodeAt(7);"},
    {"codePointAt of two-byte text", "return wide.codePointAt(7);"},
    {"at", "return text.at(-1);"},
    {"index", "return text[5];"},
    {"substring", "return text.substring(1, cut).charCodeAt(3);"},
    {"slice", "return text.slice(1) === other.slice(1);"},
    {"toUpperCase", "return text.toUpperCase().length;"},
    {"toUpperCase of two-byte text", "return wide.toUpperCase().length;"},
    {"toLowerCase of what grows", "return longest('\\u00df').toUpperCase().length;"},
    {"localeCompare", "return text.localeCompare(other);"},
    {"normalize", "return wide.normalize('NFD').length;"},
    {"trim", "return longest(' ').trim().length;"},
    {"padStart", "return 'x'.padStart(text.length, 'ab').toUpperCase().length;"},
    {"padEnd beyond the longest", "return 'x'.padEnd(2 ** 30, 'ab').length;"},
    {"repeat beyond the longest", "return 'x'.repeat(2 ** 30).length;"},
    {"indexOf", "return text.indexOf('y');"},
    {"lastIndexOf of two-byte text", "return wide.lastIndexOf('y');"},
    {"includes", "return text.includes('xy');"},
    {"startsWith", "return text.startsWith(other);"},
    {"split('')", "return text.split('').length;"},
    {"split by its letter", "return text.split('x').length;"},
    {"split by a pattern", "return text.split(/x/).length;"},
    {"spread of text", "return [...text].length;"},
    {"Array.from(text)", "return Array.from(text).length;"},
    {"for of text", "let n = 0; for (const c of wide) n++; return n;"},
    {"replace", "return text.replace(/x/g, 'yy').length;"},
    {"replace by a function", "return text.replace(/x/g, () => 'yy').length;"},
    {"replaceAll", "return text.replaceAll('x', 'yy').length;"},
    {"match", "return text.match(/x/g).length;"},
    {"match of everything", "return /^x*$/.exec(text)[0].length;"},
    {"matchAll", "return [...text.matchAll(/x/g)].length;"},
    {"search", "return text.search(/y/);"},
    {"new RegExp(text)", "return new RegExp(text).test('x');"},
    {"a pattern of groups in loops",
     "return new RegExp('(?:'.repeat(200) + '(a)'.repeat(3e4) + ')*'.repeat(200)).test('b');"},
    {"a pattern of nested groups",
     "return new RegExp('(?:'.repeat(2e4) + 'a' + 'b)*'.repeat(2e4)).test('b');"},
    {"a pattern where the stack is used up",
     "const f = () => { try { f(); } catch {} return /(?:(a)|b)*c/.test('ab'); }; return f();"},
    {"encodeURIComponent", "return encodeURIComponent(wide).length;"},
    {"decodeURIComponent", "return decodeURIComponent(longest('%41')).length;"},
    {"parseInt", "return parseInt(digits);"},
    {"parseFloat", "return parseFloat(digits);"},
    {"Number(text)", "return Number(digits);"},
    {"BigInt(text)", "return BigInt(digits) > 0n;"},
    {"Date.parse", "return Date.parse(text);"},
    {"JSON.stringify(text)", "return JSON.stringify(wide).length;"},
    {"JSON.stringify that escapes", "return JSON.stringify(longest('\\n')).length;"},
    {"JSON.stringify of control characters", "return JSON.stringify(longest('\\u0001')).length;"},
    {"JSON.stringify of lone surrogates", "return JSON.stringify(longest('\\ud800')).length;"},
    {"JSON.stringify of a key", "return JSON.stringify({[longest('\\u0001')]: 1}).length;"},
    {"JSON.stringify of shared text", "return JSON.stringify(Array(1000).fill(text)).length;"},
    {"JSON.parse of a string", "return JSON.parse('\"' + text.slice(2) + '\"').length;"},
    {"JSON.parse of numbers", "return JSON.parse('[' + longest('1,').slice(2) + '1]').length;"},
    {"JSON.parse of objects", "return JSON.parse('[' + longest('{},').slice(3) + '1]').length;"},
    {"join of text", "return Array(1000).fill(text.slice(0, cut >> 10)).join('').toUpperCase();"},
    {"error of text", "throw new Error(text);"},
    {"reply of text", "return text;"},
    {"reply of two-byte text", "return wide;"},
    {"template", "return `${text}`.localeCompare(`${other}`);"},
    {"Object.keys of text", "return Object.keys(text).length;"},
    {"Object.entries of text", "return Object.entries(new String(text)).length;"},

    // --- Arrays --------------------------------------------------------------------------------
    {"new Array(n).fill", "return new Array(2 ** 25).fill(0).length;"},
    {"Array(n).fill of doubles", "return new Array(2 ** 25).fill(0.5).length;"},
    {"Array.from({length})", "return Array.from({length: 2 ** 27}).length;"},
    {"sort", "return Array(2 ** 25).sort().length;"},
    {"sort of an array-like", "return Array.prototype.sort.call({length: 2 ** 27}).length;"},
    {"toSorted", "return Array.prototype.toSorted.call({length: 2 ** 28}).length;"},
    {"toSorted of an array", "return Array(2 ** 24).toSorted().length;"},
    {"toReversed", "return Array.prototype.toReversed.call({length: 2 ** 26}).length;"},
    {"toSpliced", "return Array.prototype.toSpliced.call({length: 2 ** 26}, 0, 1).length;"},
    {"with", "return Array.prototype.with.call({length: 2 ** 26}, 0, 1).length;"},
    {"length", "const a = [1]; a.length = 2 ** 25; a.fill(1); return a.length;"},
    {"unshift",
     "const a = Array(2 ** 22).fill(1); a.unshift(...Array(2 ** 16)); a.unshift(...a); "
     "return a.length;"},
    {"unshift many times",
     "const a = Array(2 ** 22).fill(1), b = Array(60000); for (;;) a.unshift(...b);"},
    {"concat", "const a = Array(2 ** 21).fill(1); return a.concat(a, a, a, a, a, a, a, a).length;"},
    {"concat of holes", "const a = Array(2 ** 25); return a.concat(a, a, a).length;"},
    {"spread", "const a = Array(2 ** 21).fill(1); return [...a, ...a, ...a, ...a, ...a].length;"},
    {"spread of holes", "return [...Array(2 ** 26)].length;"},
    {"slice of an array-like", "return Array.prototype.slice.call({length: 2 ** 27}).length;"},
    {"splice",
     "const a = Array(2 ** 22).fill(1); return a.splice(0, 2 ** 22, ...a.slice(0, 9e4))"
     ".length + a.length;"},
    {"map of holes", "return Array(2 ** 25).map(id).length;"},
    {"flat", "const a = Array(2 ** 20).fill(1); return Array(64).fill(a).flat().length;"},
    {"flatMap",
     "const a = Array(2 ** 20).fill(1); return Array(64).fill(1).flatMap(() => a)"
     ".length;"},
    {"join of holes", "return Array(2 ** 26).join('ab').length;"},
    {"reverse of holes", "return Array(2 ** 25).reverse().length;"},
    {"entries", "return [...Array(2 ** 24).entries()].length;"},
    {"new Map", "return new Map(Array(2 ** 24).entries()).size;"},
    {"new Set", "return new Set(Array(2 ** 24).keys()).size;"},
    {"Promise.all", "return Promise.all(Array(2 ** 24)).then((a) => a.length);"},
    {"Math.max of spread", "return Math.max(...Array(2 ** 25));"},
    {"apply", "return Math.max.apply(null, {length: 2 ** 26});"},
    {"Reflect.construct", "return Reflect.construct(Array, {length: 2 ** 27}).length;"},
    {"Reflect.apply", "return Reflect.apply(String.fromCharCode, null, {length: 2 ** 27}).length;"},

    // --- Typed arrays, numbers -------------------------------------------------------------------
    {"Object.keys of bytes", "return Object.keys(bytes).length;"},
    {"Object.entries of bytes", "return Object.entries(bytes).length;"},
    {"Object.getOwnPropertyNames of bytes", "return Object.getOwnPropertyNames(bytes).length;"},
    {"Reflect.ownKeys of bytes", "return Reflect.ownKeys(bytes).length;"},
    {"for in bytes", "let n = 0; for (const key in bytes) n++; return n;"},
    {"spread of bytes into an object", "return Object.keys({...bytes}).length;"},
    {"spread of bytes", "return [...bytes].length;"},
    {"Array.from of bytes", "return Array.from(bytes).length;"},
    {"sort of bytes with a comparator", "return bytes.sort((a, b) => a - b).length;"},
    {"toSorted of bytes", "return bytes.toSorted((a, b) => a - b).length;"},
    {"join of bytes", "return bytes.join('').length;"},
    {"JSON.stringify of bytes", "return JSON.stringify(bytes).length;"},
    {"typed array from an iterable", "return Float64Array.from(Array(2 ** 25).keys()).length;"},
    {"typed array from an array", "return new Uint8Array(Array(2 ** 26)).length;"},
    {"String.fromCharCode of bytes", "return String.fromCharCode.apply(null, bytes).length;"},
    {"bigint shift", "return (1n << 1_000_000_000n) > 0n;"},
    {"bigint power", "return (2n ** 900_000_000n) > 0n;"},
    {"bigint product", "const a = 1n << 500_000_000n; return a * a > 0n;"},
    {"BigInt.asUintN", "return BigInt.asUintN(2 ** 30 - 1, -1n) > 0n;"},
};

// The most that the process has had in memory, in KiB.
uint64_t PeakKib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t kib;
    if (word == "VmHWM:" && status >> kib) return kib;
  }
  return 0;
}

// Runs in a process of its own, as EndsTheCallAlone starts it.
TEST(HugeAllocation, OneShape) {
  const char* shape_index = std::getenv(kShapeVariable);
  if (shape_index == nullptr) GTEST_SKIP() << "is what EndsTheCallAlone starts";
  const Shape& shape = kShapes[std::atoi(shape_index)];
  EngineOptions options = Patient();
  options.heap_limit_mb = kHeapLimitMb;
  options.deadline_ms = kDeadline.count();
  options.wall_deadline_ms = kMaxDeadlineMs;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad(std::string(kSetup) + "export function f() { " + shape.body +
                  " }\nexport const next = () => 1;");
  const uint64_t before = PeakKib();
  const SystemRunClock clock;
  const std::chrono::nanoseconds start = clock.Cpu();
  std::string reply = tenant.ShowCall("f").substr(0, 100);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.Cpu() - start);
  for (char& c : reply) {
    if (c == '\n') c = ' ';
  }
  // The kernel's count may lag behind.
  const uint64_t grown = std::max(PeakKib(), before) - before;
  const bool serves = tenant.ShowCall("next") == "1";
  std::ofstream(std::getenv(kReportVariable))
      << (took - kDeadline).count() << ' ' << grown << ' ' << serves << ' ' << reply << '\n';
}

struct Outcome {
  bool survived = false;
  int64_t overrun_ms = 0;
  uint64_t grown_kib = 0;
  bool serves = false;
  std::string reply;
};

Outcome RunShape(size_t index, const std::string& report) {
  std::filesystem::remove(report);
  std::vector<std::string> words;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::string_view(*entry).substr(0, 5) != "GTEST") words.emplace_back(*entry);
  }
  words.push_back(std::string(kShapeVariable) + "=" + std::to_string(index));
  words.push_back(std::string(kReportVariable) + "=" + report);
  std::vector<char*> variables;
  for (std::string& word : words) variables.push_back(word.data());
  variables.push_back(nullptr);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=HugeAllocation.OneShape";
  char* arguments[] = {program.data(), filter.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, variables.data()),
            0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  Outcome outcome;
  std::ifstream file(report);
  outcome.survived = status == 0 &&
                     file >> outcome.overrun_ms >> outcome.grown_kib >> outcome.serves &&
                     std::getline(file, outcome.reply);
  return outcome;
}

TEST(HugeAllocation, EndsTheCallAlone) {
  const std::string report =
      std::filesystem::temp_directory_path() / ("huge-" + std::to_string(getpid()));
  size_t ended = 0, bounded = 0, in_time = 0;
  std::ostringstream table;
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    const Outcome outcome = RunShape(i, report);
    const bool fits = outcome.survived && outcome.grown_kib <= kMaxGrowthKib;
    ended += outcome.survived && outcome.serves;
    bounded += fits;
    in_time += outcome.survived && outcome.overrun_ms <= 100;
    table << "  " << (outcome.survived ? (fits ? "ended  " : "too big") : "CRASHED") << ' '
          << kShapes[i].name;
    if (outcome.survived) {
      table << ": " << outcome.overrun_ms << " ms over, " << outcome.grown_kib / 1024 << " MiB,"
            << outcome.reply;
    }
    table << '\n';
  }
  std::filesystem::remove(report);
  std::printf(
      "%sof %zu shapes, %zu ended the call alone, %zu within the memory, %zu by the "
      "deadline and 100 ms\n",
      table.str().c_str(), std::size(kShapes), ended, bounded, in_time);
  EXPECT_GE(ended * 10, std::size(kShapes) * 9);
  EXPECT_GE(bounded * 10, std::size(kShapes) * 9);
}

}  // namespace
}  // namespace shredder::engine
