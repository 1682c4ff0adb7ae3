// Nothing of a call goes on once it has ended, and nothing of it ends a later one.
#include <atomic>
#include <thread>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

class AfterReplyTest : public TenantTest {
 protected:
  // A microtask that leaves others, and an asynchronous function that waits for good.
  static constexpr char kLeave[] =
      "let late = 0, settle;\n"
      "const write = () => { late++; HTSet('late', new Uint8Array(late)); };\n"
      "const leave = () => { for (let i = 0; i < 3; i++) Promise.resolve().then(write); };\n"
      "const wait = async () => { await new Promise((resolve) => { settle = resolve; }); write(); "
      "};\n"
      "export const count = () => late;\n"
      "export const reads = () => { settle?.(); return late; };\n"
      "reads.flags = ['no-writes'];\n"
      "export const settles = () => { settle(); return 'settled'; };\n"
      "export const waits = () => { wait(); return 'early'; };\n"
      "export const pending = () => { leave(); return new Promise(() => {}); };\n"
      "export const reply = () => ({ get x() { leave(); return late; } });\n"
      "export const rejects = async () => { leave(); throw new Error('x'); };\n"
      "export const unheard = () => { Promise.reject(new Error('x')); return 1; };\n"
      "export const fills = () => { leave(); const a = []; for (;;) a.push({a}); };\n"
      "export const spins = () => { leave(); for (;;); };\n";

  static EngineOptions Options() {
    EngineOptions options = Patient();
    options.heap_limit_mb = 16;
    return options;
  }
  AfterReplyTest() : TenantTest(Options()), other_(&engine_) {
    tenant_.MustLoad(kLeave);
    other_.MustLoad("export const f = () => 'other';");
  }

  // Whatever may give V8 an occasion, but no call of the tenant.
  void LetTimePass() {
    EXPECT_EQ(other_.ShowCall("f"), "\"other\"");
    now_ms_ += 1;
    engine_.Tick(now_ms_);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(other_.ShowCall("f"), "\"other\"");
  }

  Tenant other_;
  uint64_t now_ms_ = 1;
};

TEST_F(AfterReplyTest, AnAsynchronousFunctionThatWaitsStays) {
  EXPECT_EQ(tenant_.ShowCall("waits"), "\"early\"");
  for (int i = 0; i < 3; ++i) {
    LetTimePass();
    EXPECT_EQ(tenant_.ShowCall("count"), "0");
    EXPECT_EQ(tenant_.Get("late"), "(absent)");
  }
}

TEST_F(AfterReplyTest, AnAsynchronousFunctionGoesOnAsPartOfTheCallThatSettlesWhatItWaitsFor) {
  EXPECT_EQ(tenant_.ShowCall("waits"), "\"early\"");
  EXPECT_EQ(tenant_.ShowCall("settles"), "\"settled\"");
  EXPECT_EQ(tenant_.Get("late").size(), 1u);
  // With what that call may do.
  EXPECT_EQ(tenant_.ShowCall("waits"), "\"early\"");
  EXPECT_EQ(Show(tenant_.Call("reads", {}, {}, /*read_only=*/true)), "1");
  EXPECT_EQ(tenant_.ShowCall("count"), "2");
  EXPECT_EQ(tenant_.Get("late").size(), 1u);
}

TEST_F(AfterReplyTest, NoMicrotaskIsLeftHoweverACallEnds) {
  int late = 0;
  for (const char* function : {"pending", "reply", "rejects", "unheard"}) {
    SCOPED_TRACE(function);
    tenant_.Call(function);
    const std::string stored = tenant_.Get("late");
    LetTimePass();
    EXPECT_EQ(tenant_.Get("late"), stored);
    // Each leaves three, and all have run within it, but the one that leaves none.
    if (std::string_view(function) != "unheard") late += 3;
    EXPECT_EQ(tenant_.ShowCall("count"), std::to_string(late));
    EXPECT_EQ(tenant_.ShowCall("count"), std::to_string(late));
    EXPECT_EQ(tenant_.Get("late"), stored);
  }
}

TEST_F(AfterReplyTest, AFullHeapsMicrotasksAreDropped) {
  EXPECT_THAT(tenant_.ShowCall("fills"),
              testing::HasSubstr("used up its tenant's JavaScript heap"));
  LetTimePass();
  EXPECT_EQ(tenant_.ShowCall("count"), "0");
  EXPECT_EQ(tenant_.Get("late"), "(absent)");
}

TEST_F(AfterReplyTest, AKilledCallsMicrotasksAreDropped) {
  std::thread killer([&] {
    while (!engine_.RequestKill()) std::this_thread::yield();
  });
  EXPECT_THAT(tenant_.ShowCall("spins"), testing::HasSubstr("was killed by FUNCTION KILL"));
  killer.join();
  LetTimePass();
  EXPECT_EQ(tenant_.ShowCall("count"), "0");
  EXPECT_EQ(tenant_.Get("late"), "(absent)");
}

TEST_F(AfterReplyTest, JavaScriptThatIsGivenUpRunsNothingMore) {
  EXPECT_EQ(tenant_.ShowCall("waits"), "\"early\"");
  tenant_.host().GiveUp();
  LetTimePass();
  EXPECT_EQ(tenant_.Get("late"), "(absent)");
  EXPECT_EQ(tenant_.ShowCall("count"), "0");
}

TEST_F(AfterReplyTest, AKillEndsNoOtherTenantsCall) {
  // Kills without a pause, of short calls of two tenants in turns: each is told of at most one.
  tenant_.MustLoad(
      "export const f = () => { let x = 0; for (let i = 0; i < 2000; i++) x += i; "
      "return x; };");
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> hits{0};
  std::atomic<bool> wanted{false};
  std::thread killer([&] {
    while (!stop) {
      if (!wanted) continue;
      if (engine_.RequestKill()) {
        ++hits;
        wanted = false;
      }
    }
  });
  uint64_t killed = 0, done = 0;
  while (killed < 200 || done < 200) {
    wanted = true;
    for (const std::string& reply : {tenant_.ShowCall("f"), other_.ShowCall("f")}) {
      if (reply == "!ERR function was killed by FUNCTION KILL, its writes are undone") {
        ++killed;
      } else {
        ++done;
        ASSERT_TRUE(reply == "1999000" || reply == "\"other\"") << reply;
      }
    }
    ASSERT_LE(killed, hits + 1) << "a kill has ended two calls";
  }
  stop = true;
  killer.join();
  EXPECT_EQ(killed, hits);
  EXPECT_EQ(tenant_.ShowCall("f"), "1999000");
  EXPECT_EQ(other_.ShowCall("f"), "\"other\"");
}

}  // namespace
}  // namespace shredder::engine
