// A debugger of functions: breakpoints, evaluation, a profile; and what it must not change.
#include "runtime/engine/debugger.h"

#include <functional>
#include <thread>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

// What a pause does, and how often.
struct Pauses {
  static inline std::function<void()> on_pause;
  static EngineOptions Options() {
    EngineOptions options = Patient();
    options.on_pause = [] { on_pause(); };
    return options;
  }
};

class DebuggerTest : public TenantTest {
 protected:
  DebuggerTest() : TenantTest(Pauses::Options()) {
    Pauses::on_pause = [this] { ++pauses_; };
    tenant_.MustLoad(
        "let calls = 0;\n"
        "export function f(keys, args) {\n"
        "  calls++;\n"
        "  const sum = Number(args[0]) + 1;\n"
        "  HTSet('written', String(sum));\n"
        "  return sum;\n"
        "}\n");
    EXPECT_EQ(tenant_.ShowCall("f", {}, {"0"}), "1");
    EXPECT_EQ(host().OpenDebugger("test:///"), "");
  }
  ~DebuggerTest() override { Pauses::on_pause = nullptr; }

  FunctionHost& host() { return tenant_.host(); }
  // What the debugger is told of what it says, one after the other.
  std::string Say(const std::vector<std::string>& messages, bool may_run = true) {
    const std::vector<std::string_view> views(messages.begin(), messages.end());
    std::string told;
    for (const std::string& each : host().ExchangeDebug(views, may_run)) told += each + "\n";
    return told;
  }
  // On the line of `const sum`, which the library's own lines stand before.
  std::string BreakAtSum() {
    return Say({R"({"id":1,"method":"Runtime.enable"})", R"({"id":2,"method":"Debugger.enable"})",
                R"({"id":3,"method":"Debugger.setBreakpointByUrl","params":)"
                R"({"url":"test:///lib.js","lineNumber":5}})"});
  }

  int pauses_ = 0;
};

TEST_F(DebuggerTest, SeesTheScriptsByTheirUrls) {
  EXPECT_THAT(BreakAtSum(), AllOf(HasSubstr("\"url\":\"test:///lib.js\""),
                                  HasSubstr("\"breakpointId\""), Not(HasSubstr("\"error\""))));
}

TEST_F(DebuggerTest, StopsAtABreakpointAndEvaluatesInTheFunction) {
  BreakAtSum();
  std::string told;
  Pauses::on_pause = [&] {
    ++pauses_;
    // What is said in a pause is dispatched after it.
    if (pauses_ == 1) {
      told +=
          Say({R"({"id":4,"method":"Runtime.evaluate","params":{"expression":"6 * 7"}})"}, false);
    } else if (pauses_ == 2) {
      told += Say({R"({"id":5,"method":"Debugger.resume"})"}, false);
    } else {
      told += Say({}, false);
    }
  };
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"41"}), "42");
  told += Say({});
  EXPECT_EQ(pauses_, 2);
  EXPECT_THAT(told, AllOf(HasSubstr("Debugger.paused"), HasSubstr("\"value\":42"),
                          HasSubstr("Debugger.resumed")));
  EXPECT_EQ(tenant_.Get("written"), "42");
}

TEST_F(DebuggerTest, StopsAtTheNextCallOfAFunctionOnce) {
  ASSERT_EQ(host().OpenDebugger("test:///", "f"), "");
  // Nobody could say what to do then.
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"1"}), "2");
  EXPECT_EQ(pauses_, 0);
  Say({R"({"id":1,"method":"Debugger.enable"})"});
  Pauses::on_pause = [&] {
    ++pauses_;
    EXPECT_THAT(Say({R"({"id":2,"method":"Debugger.resume"})"}, false),
                AllOf(HasSubstr("Debugger.paused"), HasSubstr("\"functionName\":\"f\"")));
  };
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"2"}), "3");
  EXPECT_EQ(pauses_, 1);
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"3"}), "4");
  EXPECT_EQ(pauses_, 1);
}

TEST_F(DebuggerTest, ChangesWhatTheFunctionReadsWhereItIsTold) {
  BreakAtSum();
  std::string frame;
  Pauses::on_pause = [&] {
    ++pauses_;
    if (pauses_ == 1) {
      const std::string told = Say({}, false);
      const size_t at = told.find("\"callFrameId\":\"") + 15;
      frame = told.substr(at, told.find('"', at) - at);
      Say({R"({"id":4,"method":"Debugger.evaluateOnCallFrame","params":{"callFrameId":")" + frame +
               R"(","expression":"args[0] = '99'"}})",
           R"({"id":5,"method":"Debugger.resume"})"},
          false);
    }
  };
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"41"}), "100");
  EXPECT_EQ(tenant_.Get("written"), "100");
}

TEST_F(DebuggerTest, MayNotWriteOutsideOfACall) {
  const std::string told = Say(
      {R"cdp({"id":1,"method":"Runtime.evaluate","params":{"expression":"typeof HTSet + Date.now()"}})cdp"});
  EXPECT_THAT(told, HasSubstr("undefined1700000000000"));
}

TEST_F(DebuggerTest, GoesOnWhereTheDebuggerHasLeft) {
  BreakAtSum();
  Pauses::on_pause = [&] {
    ++pauses_;
    host().CloseDebugger();
  };
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"1"}), "2");
  EXPECT_EQ(pauses_, 1);
  EXPECT_FALSE(host().has_debugger());
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"2"}), "3");
  EXPECT_EQ(pauses_, 1);
}

TEST_F(DebuggerTest, EndsAPauseWithTheFunctionThatIsKilled) {
  BreakAtSum();
  Pauses::on_pause = [&] {
    ++pauses_;
    engine_.RequestKill();
  };
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"1"}),
            "!ERR function was killed by FUNCTION KILL, its writes are undone");
  EXPECT_EQ(pauses_, 1);
  EXPECT_TRUE(host().has_debugger());
}

TEST_F(DebuggerTest, OutlivesALoadAndNotTheJavaScript) {
  BreakAtSum();
  tenant_.MustLoad("export function f() { return 'other'; }");
  EXPECT_THAT(Say({}), HasSubstr("Debugger.scriptParsed"));
  EXPECT_EQ(tenant_.ShowCall("f"), "\"other\"");
  host().GiveUp();
  EXPECT_FALSE(host().has_debugger());
  EXPECT_EQ(tenant_.ShowCall("f"), "\"other\"");
}

TEST_F(DebuggerTest, KeepsTheJavaScriptThatItSees) {
  engine_.Tick(1'000'000);
  engine_.Tick(100'000'000);
  EXPECT_TRUE(host().has_debugger());
  EXPECT_TRUE(host().has_isolate());
}

TEST_F(DebuggerTest, TakesAnyMessageWithoutHarm) {
  for (const char* message :
       {"", "{", "[]", "1", "null", "{}", R"({"id":1})", R"({"id":1,"method":1})",
        R"({"id":"x","method":"Runtime.enable"})", R"({"id":1,"method":"No.such"})",
        R"({"id":1,"method":"Debugger.resume"})",
        R"({"id":1,"method":"Debugger.evaluateOnCallFrame","params":{"callFrameId":"0.0.0"}})",
        "\xff\xfe", "\xd8\x5a\x00\x00"}) {
    Say({message});
    Say({message}, false);
  }
  EXPECT_THAT(Say({R"({"id":9,"method":"Runtime.evaluate","params":{"expression":"1+1"}})"}),
              HasSubstr("\"value\":2"));
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"1"}), "2");
}

TEST_F(DebuggerTest, IsGoneWhereItSaysMoreThanIsDispatched) {
  const std::string message = R"({"id":1,"method":")" + std::string(9 << 20, 'x') + "\"}";
  for (int i = 0; i < 20; ++i) Say({message}, false);
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"1"}), "2");
  EXPECT_FALSE(host().has_debugger());
}

TEST_F(DebuggerTest, ProfilesWhatRuns) {
  tenant_.MustLoad(
      "function work(n) { let s = 0; for (let i = 0; i < n; i++) s += Math.sqrt(i); return s; }\n"
      "export function g() { let s = 0; for (let i = 0; i < 200; i++) s += work(100000); "
      "return s > 0; }\n");
  Say({R"({"id":1,"method":"Profiler.enable"})",
       R"({"id":2,"method":"Profiler.setSamplingInterval","params":{"interval":200}})",
       R"({"id":3,"method":"Profiler.start"})"});
  EXPECT_EQ(tenant_.ShowCall("g"), "true");
  const std::string told = Say({R"({"id":4,"method":"Profiler.stop"})"});
  EXPECT_THAT(told, AllOf(HasSubstr("\"functionName\":\"work\""), HasSubstr("\"timeDeltas\"")));
}

TEST_F(DebuggerTest, EndsAnEvaluationAtTheDeadlineOfTheDebugged) {
  EngineOptions options = Pauses::Options();
  options.load_deadline_ms = 500;
  TickClock clock;
  options.clock = &clock;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad("export function f() {}");
  ASSERT_EQ(tenant.host().OpenDebugger(""), "");
  const std::string_view spin =
      R"({"id":1,"method":"Runtime.evaluate","params":{"expression":"for (;;);"}})";
  std::thread later([&] {
    // Once the watchdog has seen the run begin.
    for (const uint64_t before = clock.readings(); clock.readings() < before + 4;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    clock.Skip(std::chrono::milliseconds(kDebugDeadlineMs));
  });
  tenant.host().ExchangeDebug(std::span(&spin, 1), true);
  later.join();
  EXPECT_EQ(tenant.ShowCall("f"), "null");
}

TEST(SharedIsolate, IsNotDebugged) {
  EngineOptions options = Patient();
  options.shares_isolate = true;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad("export function f() {}");
  EXPECT_THAT(tenant.host().OpenDebugger(""), HasSubstr("cannot be debugged"));
}

}  // namespace
}  // namespace shredder::engine
