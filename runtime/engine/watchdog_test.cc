// When a deadline ends a run: how much CPU time, and how much wall time, it has had by then.
#include "runtime/engine/watchdog.h"

#include <functional>
#include <thread>

#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/tenant_isolate.h"

namespace shredder::engine {
namespace {

constexpr char kKilled[] = "!ERR function was killed by FUNCTION KILL, its writes are undone";
constexpr char kCpuDeadline[] =
    "!ERR function was terminated after its deadline of 20 ms of CPU time, its writes are undone";
constexpr char kWallDeadline[] =
    "!ERR function was terminated after its deadline of 30 ms of wall time, its writes are undone";
constexpr char kEndless[] = "export function f() { for (;;); }";

// --- Time that the tests let pass ----------------------------------------------------------------

class WatchdogTest : public testing::Test {
 protected:
  // Of the limits apart, to tell which of them was kept.
  explicit WatchdogTest(std::function<void()> on_yield = {}) {
    EngineOptions options;
    options.deadline_ms = 20;
    options.wall_deadline_ms = 30;
    options.load_deadline_ms = 40;
    options.load_wall_deadline_ms = 50;
    options.on_yield = std::move(on_yield);
    options.yield_interval_ms = 5;
    options.clock = &clock_;
    engine_ = std::make_unique<Engine>(options);
    tenant_ = std::make_unique<Tenant>(engine_.get());
    tenant_->MustLoad(kEndless);
  }

  // Calls the endless function, and kills it once the watchdog has looked at it often enough to end
  // it if it ever will.
  std::string CallUntilKilled() {
    const uint64_t enough = clock_.readings() + 60;
    std::thread killer([&] {
      while (clock_.readings() < enough) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      engine_->RequestKill();
    });
    std::string reply = tenant_->ShowCall("f");
    killer.join();
    return reply;
  }

  TickClock clock_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Tenant> tenant_;
};

TEST_F(WatchdogTest, EndsACallOnceItsCpuTimeIsSpentAndNoSooner) {
  clock_.Let(19, 0);
  EXPECT_EQ(CallUntilKilled(), kKilled);
  clock_.Let(20, 0);
  EXPECT_EQ(tenant_->ShowCall("f"), kCpuDeadline);
}

TEST_F(WatchdogTest, EndsACallOnceItsWallTimeIsSpentAndNoSooner) {
  clock_.Let(0, 29);
  EXPECT_EQ(CallUntilKilled(), kKilled);
  clock_.Let(0, 30);
  EXPECT_EQ(tenant_->ShowCall("f"), kWallDeadline);
}

TEST_F(WatchdogTest, BeginsAnewWithEveryCall) {
  for (int call = 0; call < 3; ++call) {
    clock_.Let(19, 29);
    EXPECT_EQ(CallUntilKilled(), kKilled);
  }
}

TEST_F(WatchdogTest, EndsTheLoadOfALibraryByItsOwnDeadlines) {
  clock_.Let(40, 0);
  EXPECT_EQ(tenant_->Load("for (;;); export const f = () => 1;"),
            "!ERR library was terminated after its deadline of 40 ms of CPU time");
  clock_.Let(0, 50);
  EXPECT_EQ(tenant_->Load("for (;;); export const f = () => 1;"),
            "!ERR library was terminated after its deadline of 50 ms of wall time");
}

TEST_F(WatchdogTest, GivesTwentyTimesTheCpuTimeOfWallTimeByDefault) {
  EngineOptions options;
  options.deadline_ms = 2;
  options.load_deadline_ms = 3;
  options.clock = &clock_;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad(kEndless);
  clock_.Let(0, 1'000);
  EXPECT_EQ(tenant.ShowCall("f"),
            "!ERR function was terminated after its deadline of 40 ms of wall time, its writes are "
            "undone");
  clock_.Let(0, 1'000);
  EXPECT_EQ(tenant.Load("for (;;); export const f = () => 1;"),
            "!ERR library was terminated after its deadline of 60 ms of wall time");
}

class YieldingWatchdogTest : public WatchdogTest {
 protected:
  YieldingWatchdogTest() : WatchdogTest([this] { on_yield_(); }) {}

  std::function<void()> on_yield_ = [] {};
};

TEST_F(YieldingWatchdogTest, DoesNotCountWhatYieldsTake) {
  int yields = 0;
  on_yield_ = [&] {
    // More than any deadline; the watchdog gets the time to look.
    clock_.Skip(std::chrono::hours(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (++yields == 3) {
      engine_->RequestKill();
    } else {
      clock_.Let(0, 6);
    }
  };
  clock_.Let(0, 6);
  EXPECT_EQ(tenant_->ShowCall("f"), kKilled);
  EXPECT_EQ(yields, 3);
}

TEST_F(YieldingWatchdogTest, CountsWhatARunTakesBetweenYields) {
  int yields = 0;
  on_yield_ = [&] {
    clock_.Skip(std::chrono::hours(1));
    if (++yields < 3) {
      clock_.Let(0, 6);
    } else {
      clock_.Let(20, 0);
    }
  };
  clock_.Let(0, 6);
  EXPECT_EQ(tenant_->ShowCall("f"), kCpuDeadline);
  EXPECT_EQ(yields, 3);
}

// --- Loops in C++ --------------------------------------------------------------------------------

class WatchedStepsTest : public testing::Test {
 protected:
  WatchedStepsTest() { watchdog_.Arm(isolate_.isolate(), {kCpu, kWall}); }

  static constexpr std::chrono::milliseconds kCpu{20};
  static constexpr std::chrono::milliseconds kWall{30};
  TickClock clock_;
  int yields_ = 0;
  TenantIsolate isolate_{64};
  Watchdog watchdog_{std::chrono::milliseconds(5), [this] { ++yields_; }, clock_};
};

TEST_F(WatchedStepsTest, EndWithTheRun) {
  WatchedSteps steps(&watchdog_);
  clock_.Let(20, 0);
  while (steps.Step()) {
  }
  EXPECT_EQ(watchdog_.Disarm(), Watchdog::Outcome::kCpuDeadline);
}

TEST_F(WatchedStepsTest, EndWhereTheRunIsKilled) {
  WatchedSteps steps(&watchdog_);
  EXPECT_TRUE(steps.Step());
  EXPECT_TRUE(watchdog_.RequestKill());
  while (steps.Step()) {
  }
  EXPECT_EQ(watchdog_.Disarm(), Watchdog::Outcome::kKilled);
}

TEST_F(WatchedStepsTest, GiveOthersTheirTurns) {
  WatchedSteps steps(&watchdog_);
  for (int turn = 1; turn <= 3; ++turn) {
    clock_.Let(0, 6);
    while (yields_ < turn) ASSERT_TRUE(steps.Step());
  }
  EXPECT_EQ(watchdog_.Disarm(), Watchdog::Outcome::kInTime);
}

// --- The machine's clocks ------------------------------------------------------------------------

TEST(Watchdog, GivesARunTheCpuTimeOfItsDeadline) {
  EngineOptions options = Patient();
  options.deadline_ms = 20;
  options.wall_deadline_ms = kMaxDeadlineMs;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad(kEndless);
  const SystemRunClock clock;
  for (int call = 0; call < 5; ++call) {
    const std::chrono::nanoseconds start = clock.Cpu();
    EXPECT_EQ(tenant.ShowCall("f"), kCpuDeadline);
    EXPECT_GE(clock.Cpu() - start, std::chrono::milliseconds(20));
  }
}

TEST(Watchdog, GivesARunTheWallTimeOfItsDeadline) {
  EngineOptions options = Patient();
  options.deadline_ms = kMaxDeadlineMs;
  options.wall_deadline_ms = 30;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.MustLoad(kEndless);
  const SystemRunClock clock;
  for (int call = 0; call < 5; ++call) {
    const std::chrono::nanoseconds start = clock.Wall();
    EXPECT_EQ(tenant.ShowCall("f"), kWallDeadline);
    EXPECT_GE(clock.Wall() - start, std::chrono::milliseconds(30));
  }
}

TEST(SystemRunClock, CountsTheCpuTimeOfItsThreadAlone) {
  const SystemRunClock clock;
  const std::chrono::nanoseconds cpu = clock.Cpu();
  const std::chrono::nanoseconds wall = clock.Wall();
  std::thread other([] {
    const SystemRunClock own;
    while (own.Cpu() < std::chrono::milliseconds(20)) {
    }
  });
  other.join();
  EXPECT_GE(clock.Wall() - wall, std::chrono::milliseconds(20));
  EXPECT_LT(clock.Cpu() - cpu, std::chrono::milliseconds(20));
}

TEST(SystemRunClock, IsReadFromAnyThread) {
  const SystemRunClock clock;
  const std::chrono::nanoseconds before = clock.Cpu();
  while (clock.Cpu() - before < std::chrono::milliseconds(5)) {
  }
  std::chrono::nanoseconds read{};
  const std::chrono::nanoseconds low = clock.Cpu();
  std::thread([&] { read = clock.Cpu(); }).join();
  EXPECT_GE(read, low);
  EXPECT_LE(read, clock.Cpu());
}

}  // namespace
}  // namespace shredder::engine
