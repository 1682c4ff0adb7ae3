// Bounds on time: the deadline, FUNCTION KILL, and that neither reaches past the invocation that it
// ends.
#include <atomic>
#include <functional>
#include <thread>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using Clock = std::chrono::steady_clock;
using testing::HasSubstr;

constexpr char kDeadlineError[] =
    "!ERR function was terminated after its deadline of 20 ms of CPU time, its writes are undone";

struct Shape {
  const char* name;
  const char* body;
};

// Code that never ends, each kept alive by another part of the engine.
constexpr Shape kEndless[] = {
    {"loop", "for (;;);"},
    {"loop that catches", "for (;;) { try { throw 1; } catch {} finally { continue; } }"},
    {"recursion that catches", "(function f() { try { f(); } catch { f(); } })();"},
    {"backtracking", "/^(a+)+$/.test('a'.repeat(50) + 'b');"},
    {"backtracking with captures", "'x'.repeat(40).match(/^(x+x+)+y/);"},
    {"generator", "for (const x of (function* () { for (;;) yield 1; })());"},
    {"iterator in C++", "new Set({[Symbol.iterator]: () => ({next: () => ({value: 1})})});"},
    {"spread", "Math.max(...(function* () { for (;;) yield; })());"},
    {"awaited promise chain", "const p = () => Promise.resolve().then(p); return p();"},
    {"asynchronous loop", "return (async () => { for (;;) await null; })();"},
    {"asynchronous generator",
     "return (async () => { for await (const x of (async function* () { for (;;) yield 1; })()); "
     "})();"},
    {"promise that awaits a thenable", "return Promise.resolve({then() { for (;;); }});"},
    {"microtasks left over", "const p = () => { Promise.resolve().then(p); }; p(); return 1;"},
    {"microtasks left over by an exception",
     "const p = () => { Promise.resolve().then(p); }; p(); throw 1;"},
    {"getter in the reply", "return [1, {get a() { for (;;); }}];"},
    {"Proxy in the reply", "return new Proxy({}, {ownKeys() { for (;;); }});"},
    {"exception whose text is a getter's",
     "const get = () => { for (;;); }; throw Object.defineProperties(new Error(), {message: {get}, "
     "name: {get}, stack: {get}});"},
    {"message of an error in the reply",
     "return Object.defineProperty(new Error(), 'message', {get() { for (;;); }});"},
    {"sort's comparator", "[3, 2, 1].sort(() => { for (;;); });"},
    {"toJSON", "JSON.stringify([{toJSON() { for (;;); }}]);"},
    {"JSON's reviver", "JSON.parse('[1]', () => { for (;;); });"},
    {"replace's callback", "'a'.replace(/a/, () => { for (;;); });"},
    {"conversion to a string", "`${{toString() { for (;;); }}}`;"},
    {"Proxy's trap", "'a' in new Proxy({}, {has() { for (;;); }});"},
    {"array method's callback", "[1].map(() => { for (;;); });"},
    {"bigint arithmetic", "let x = 3n; for (;;) x = x * x % (1n << 4096n);"},
    {"lookups", "const b = new Uint8Array(8); for (;;) HTGet('k', b);"},
    {"writes", "for (let i = 0; ; i++) HTSet(i % 100, new Uint8Array(8));"},
};

// Time passes only in calls that are to reach their deadline, a millisecond a tick of the
// watchdog's: whatever ends another call is left over from one of those.
class DeadlineTest : public testing::Test {
 protected:
  explicit DeadlineTest(uint64_t deadline_ms = 20) {
    EngineOptions options = Patient();
    options.deadline_ms = deadline_ms;
    options.load_deadline_ms = deadline_ms;
    options.clock = &clock_;
    engine_ = std::make_unique<Engine>(options);
    tenant_ = std::make_unique<Tenant>(engine_.get());
  }

  // The reply to a call that its deadline ends.
  std::string CallTooLong(std::string_view function) {
    clock_.Let(20, 0);
    return tenant_->ShowCall(function);
  }

  TickClock clock_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Tenant> tenant_;
};

TEST_F(DeadlineTest, EndsEveryShapeOfEndlessCode) {
  tenant_->Set("k", "kept");
  for (const auto& [name, body] : kEndless) {
    SCOPED_TRACE(name);
    tenant_->MustLoad(
        "export function f() { HTSet('k', new Uint8Array(9)); HTSet('new', new "
        "Uint8Array(1)); " +
        std::string(body) +
        " }\n"
        "export const next = () => [HTLength('k'), HTHas('new')];");
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(CallTooLong("f"), kDeadlineError);
      EXPECT_EQ(tenant_->Get("k"), "kept");
      EXPECT_EQ(tenant_->store().key_count(), 1u);
      EXPECT_EQ(tenant_->ShowCall("next"), "[4, false]");
    }
  }
  EXPECT_EQ(tenant_->store().CheckInvariants(), "");
}

TEST_F(DeadlineTest, EndsEndlessCodeThatHasBeenOptimised) {
  tenant_->MustLoad(
      "function spin(n) { let x = 0; for (let i = 0; i !== n; i++) x = (x + i) | 0; return x; }\n"
      "export function warm() { %PrepareFunctionForOptimization(spin); spin(10); "
      "%OptimizeFunctionOnNextCall(spin); return spin(1000); }\n"
      "export const f = () => spin(-1);\nexport const next = () => spin(4);");
  EXPECT_EQ(tenant_->ShowCall("warm"), "499500");
  EXPECT_EQ(CallTooLong("f"), kDeadlineError);
  EXPECT_EQ(tenant_->ShowCall("next"), "6");
}

TEST_F(DeadlineTest, EndsALibrarysTopLevel) {
  tenant_->MustLoad("export const f = () => 'old';");
  for (const char* code : {
           "for (;;); export const f = () => 1;",
           "export const f = () => 1; for (;;) await null;",
           "export const f = () => 1; const p = () => { Promise.resolve().then(p); }; p();",
           "export function f() {}; Object.defineProperty(f, 'flags', {get() { for (;;); }});",
       }) {
    clock_.Let(20, 0);
    EXPECT_EQ(tenant_->Load(code),
              "!ERR library was terminated after its deadline of 20 ms of CPU time")
        << code;
    EXPECT_EQ(tenant_->ShowCall("f"), "\"old\"");
  }
}

TEST_F(DeadlineTest, CannotBeCaughtNorHeldUpByFinally) {
  tenant_->MustLoad(
      "let caught = 0, finished = 0;\n"
      "export function f() { try { for (;;); } catch { caught++; } finally { finished++; } }\n"
      "export const g = () => (async () => { try { for (;;) await 0; } catch { caught++; } "
      "finally { finished++; } })();\n"
      "export const counts = () => [caught, finished];");
  EXPECT_EQ(CallTooLong("f"), kDeadlineError);
  EXPECT_EQ(CallTooLong("g"), kDeadlineError);
  EXPECT_EQ(tenant_->ShowCall("counts"), "[0, 0]");
}

TEST_F(DeadlineTest, DropsTheMicrotasksOfTheRunThatItEnds) {
  tenant_->MustLoad(
      "let late = 0;\n"
      "const leave = () => { for (let i = 0; i < 10; i++) Promise.resolve().then(() => { late++; "
      "HTSet('late', new Uint8Array(1)); }); };\n"
      // A callback of C++ as the handler: no JavaScript function is entered.
      "const leaveNative = () => { Promise.resolve('k').then(HTDelete); };\n"
      "export const stopped = () => { leave(); leaveNative(); for (;;); };\n"
      "export const within = () => { leaveNative(); Promise.resolve().then(() => { leave(); "
      "for (;;); }); return 1; };\n"
      "export const count = () => late;");
  tenant_->Set("k", "kept");
  for (const char* function : {"stopped", "within", "stopped"}) {
    EXPECT_EQ(CallTooLong(function), kDeadlineError);
    EXPECT_EQ(tenant_->ShowCall("count"), "0");
    EXPECT_EQ(tenant_->ShowCall("count"), "0");
    EXPECT_EQ(tenant_->Get("late"), "(absent)");
    EXPECT_EQ(tenant_->Get("k"), "kept");
  }
}

class ShortDeadlineTest : public DeadlineTest {
 protected:
  ShortDeadlineTest() : DeadlineTest(2) {}
};

TEST_F(ShortDeadlineTest, NeverEndsALaterCall) {
  // Calls that take about as long as they may, so that the watchdog comes now just before their
  // end, now just after.
  tenant_->MustLoad(
      "export function spin(_, [n, value]) { HTSet('k', new Uint8Array([+value])); let x = 0; "
      "for (let i = 0; i < +n; i++) x = (x * 31 + i) | 0; return 'done'; }\n"
      "export const quick = () => HTLength('k');");
  tenant_->Set("k", std::string(1, '\0'));
  std::string kept(1, '\0');
  double n = 10'000;
  int done = 0;
  int ended = 0;
  for (int i = 0; done < 100 || ended < 100; ++i) {
    const std::string value(1, static_cast<char>(i % 100));
    clock_.Let(2, 0);
    const std::string reply = tenant_->ShowCall(
        "spin", {}, {std::to_string(static_cast<int64_t>(n)), std::to_string(i % 100)});
    clock_.Let(0, 0);
    if (reply == "\"done\"") {
      ++done;
      n *= 1.1;
      kept = value;
    } else {
      ASSERT_THAT(reply, HasSubstr("after its deadline of 2 ms of CPU time"));
      ++ended;
      n *= 0.9;
    }
    ASSERT_EQ(tenant_->Get("k"), kept) << "call " << i;
    ASSERT_EQ(tenant_->ShowCall("quick"), "1") << "call " << i;
  }
}

TEST_F(DeadlineTest, OfOneTenantLeavesAnotherAlone) {
  Tenant other(engine_.get());
  tenant_->MustLoad("export const f = () => { for (;;); };");
  other.MustLoad("export const f = () => 'other';");
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(CallTooLong("f"), kDeadlineError);
    EXPECT_EQ(other.ShowCall("f"), "\"other\"");
  }
}

// --- Yielding ------------------------------------------------------------------------------------

class YieldTest : public TenantTest {
 protected:
  static inline std::function<void()> on_yield;

  static EngineOptions Yielding() {
    EngineOptions options = Patient();
    options.yield_interval_ms = 5;
    options.on_yield = [] { on_yield(); };
    return options;
  }
  YieldTest() : TenantTest(Yielding()) {
    on_yield = [this] { ++yields_; };
    tenant_.MustLoad(
        "export const quick = () => 1;\n"
        "export const endless = () => { for (;;); };\n" +
        std::string(kDeafFunction));
    yields_ = 0;
  }

  // A call of `deaf` takes tens of milliseconds in bigint arithmetic, which looks for terminations
  // and takes no other interrupt, and enters no JavaScript after that.
  static constexpr char kDeafFunction[] =
      "export const deaf = BigInt.prototype.toString.bind((1n << 2_000_000n) - 1n, undefined);";

  int yields_ = 0;
};

TEST_F(YieldTest, HappensInsideALongCall) {
  on_yield = [this] {
    if (++yields_ == 5) {
      EXPECT_TRUE(engine_.RequestKill());
    }
  };
  const Clock::time_point start = Clock::now();
  EXPECT_THAT(tenant_.ShowCall("endless"), HasSubstr("killed"));
  EXPECT_EQ(yields_, 5);
  EXPECT_GE(MsSince(start), 5 * 5);
}

TEST_F(YieldTest, DoesNotHappenInShortCalls) {
  for (int i = 0; i < 2'000; ++i) {
    yields_ = 0;
    const Clock::time_point start = Clock::now();
    ASSERT_EQ(tenant_.ShowCall("quick"), "1");
    if (MsSince(start) < 5) {
      ASSERT_EQ(yields_, 0) << "call " << i;
    }
  }
}

TEST_F(YieldTest, DoesNotHappenInAShortCallAfterALongOne) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(IsError(tenant_.Call("deaf")));
    yields_ = 0;
    const Clock::time_point start = Clock::now();
    ASSERT_EQ(tenant_.ShowCall("quick"), "1");
    if (MsSince(start) < 5) {
      ASSERT_EQ(yields_, 0) << "call " << i;
    }
  }
}

TEST_F(YieldTest, GoesOnAfterATenantHasGone) {
  // The interrupt that a call of this tenant never took must not keep others from theirs.
  for (int i = 0; i < 3; ++i) {
    Tenant gone(&engine_);
    gone.MustLoad(kDeafFunction);
    EXPECT_FALSE(IsError(gone.Call("deaf")));
  }
  on_yield = [this] { engine_.RequestKill(); };
  EXPECT_THAT(tenant_.ShowCall("endless"), HasSubstr("killed"));
}

TEST_F(YieldTest, MayReadTheStoreAndWriteAnother) {
  Tenant other(&engine_);
  tenant_.MustLoad("export function f() { for (let i = 0;; i++) HTSet('k', Uint32Array.of(i)); }");
  tenant_.Set("k", "kept");
  yields_ = 0;
  on_yield = [&] {
    EXPECT_NE(tenant_.Get("k"), "(absent)");
    other.Set("k", "written");
    if (++yields_ == 3) engine_.RequestKill();
  };
  EXPECT_THAT(tenant_.ShowCall("f"), HasSubstr("killed"));
  EXPECT_EQ(other.Get("k"), "written");
  EXPECT_EQ(tenant_.Get("k"), "kept");
  tenant_.Set("k", "written");
  EXPECT_EQ(tenant_.Get("k"), "written");
}

// The tests' process has threads of V8's.
class YieldDeathTest : public YieldTest {
 protected:
  YieldDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(YieldDeathTest, AWriteToTheRunningTenantsStoreEndsTheProcess) {
  constexpr char kLine[] = "shredder: a store was written while it may only be read";
  on_yield = [this] { tenant_.Set("k", "v"); };
  EXPECT_DEATH(tenant_.Call("endless"), kLine);
  EXPECT_DEATH(tenant_.Load("for (;;);"), kLine) << "as well while a library loads";
  on_yield = [this] { tenant_.store().ReapExpired(1, 1); };
  EXPECT_DEATH(tenant_.Call("endless"), kLine);
}

// --- FUNCTION KILL -------------------------------------------------------------------------------

TEST_F(YieldTest, LetsAnotherThreadKillTheInvocation) {
  std::atomic<bool> runs{false};
  on_yield = [&] { runs = true; };
  tenant_.Set("k", "kept");
  for (const auto& [name, body] : kEndless) {
    SCOPED_TRACE(name);
    tenant_.MustLoad("export function f() { HTSet('k', new Uint8Array(9)); " + std::string(body) +
                     " }\nexport const next = () => 1;");
    EXPECT_FALSE(engine_.RequestKill());
    runs = false;
    std::thread killer([&] {
      while (!runs) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      EXPECT_TRUE(engine_.RequestKill());
    });
    EXPECT_EQ(tenant_.ShowCall("f"),
              "!ERR function was killed by FUNCTION KILL, its writes are undone");
    killer.join();
    EXPECT_EQ(tenant_.Get("k"), "kept");
    EXPECT_FALSE(engine_.RequestKill());
    EXPECT_EQ(tenant_.ShowCall("next"), "1");
  }
}

TEST_F(YieldTest, NeverLeavesAKillForALaterCall) {
  // Kills at random times, in calls and between them: none ends more than the one call that it
  // found.
  std::atomic<bool> stop{false};
  std::atomic<int> hits{0};
  std::thread killer([&] {
    while (!stop) {
      if (engine_.RequestKill()) ++hits;
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  int killed = 0;
  int done = 0;
  while (killed < 20 || done < 20) {
    const std::string reply = tenant_.ShowCall("quick");
    if (reply == "1") {
      ++done;
    } else {
      ++killed;
      ASSERT_EQ(reply, "!ERR function was killed by FUNCTION KILL, its writes are undone");
    }
  }
  stop = true;
  killer.join();
  EXPECT_LE(killed, hits);
  EXPECT_EQ(tenant_.ShowCall("quick"), "1");
}

}  // namespace
}  // namespace shredder::engine
