#include "runtime/server/fair_turns.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "runtime/server/test_client.h"

namespace shredder::server {
namespace {

constexpr int64_t kMs = 1'000'000;

// A tenant whose connections always have a request, each of which takes so long.
struct Tenant {
  Tenant(int connection_count, int64_t request_ns) : cost_ns(request_ns) {
    for (int i = 0; i < connection_count; ++i) {
      connections.push_back(std::make_unique<TestConnection>(i, "test"));
    }
  }
  const int64_t cost_ns;
  std::vector<std::unique_ptr<TestConnection>> connections;
  TurnShare share;
  int64_t used_ns = 0;
};

class FairTurnsTest : public testing::Test {
 protected:
  // One turn of the loop: each connection that is not deferred is served.
  void Turn(std::initializer_list<Tenant*> tenants) {
    for (Tenant* tenant : tenants) {
      for (const auto& connection : tenant->connections) {
        if (connection->deferred) continue;
        if (turns_.MustWait(tenant->share)) {
          turns_.Defer(&tenant->share, connection.get());
          continue;
        }
        now_ns_ += tenant->cost_ns;
        tenant->used_ns += tenant->cost_ns;
        turns_.Served(&tenant->share, NowMs());
        turns_.Charge(&tenant->share, tenant->cost_ns);
      }
    }
    turns_.EndTurn();
  }
  uint64_t NowMs() const { return static_cast<uint64_t>(now_ns_ / kMs); }

  int64_t now_ns_ = 1'000'000 * kMs;
  FairTurns turns_;
};

TEST_F(FairTurnsTest, MeasuresNothingForOneTenant) {
  Tenant only(10, kMs);
  for (int i = 0; i < 100; ++i) Turn({&only});
  EXPECT_FALSE(turns_.is_contended());
}

TEST_F(FairTurnsTest, GiveTwoTenantsTheSameTimeWhateverTheirConnections) {
  Tenant many(100, kMs / 10);
  Tenant few(2, kMs / 10);
  for (int i = 0; i < 5000; ++i) Turn({&many, &few});
  // The few use all that they can: two requests a turn.
  EXPECT_NEAR(static_cast<double>(few.used_ns), 5000. * 2 * kMs / 10, 2. * kMs);
  // The many get a quantum of each turn, and not ten.
  EXPECT_NEAR(static_cast<double>(many.used_ns), 5000. * kMs, 20. * kMs);
}

TEST_F(FairTurnsTest, GiveTwoTenantsTheSameTimeWhateverTheirRequestsTake) {
  Tenant slow(50, 50 * kMs);
  Tenant quick(50, kMs / 20);
  for (int i = 0; i < 10'000; ++i) Turn({&slow, &quick});
  // From when it is known that there are two.
  slow.used_ns = quick.used_ns = 0;
  for (int i = 0; i < 10'000; ++i) Turn({&slow, &quick});
  EXPECT_NEAR(static_cast<double>(slow.used_ns) / static_cast<double>(quick.used_ns), 1, 0.02);
}

TEST_F(FairTurnsTest, GivesADeferredTenantItsTurnAtOnceWhereNobodyElseHasAny) {
  Tenant slow(3, 50 * kMs);
  Tenant quick(1, kMs / 20);
  Turn({&slow, &quick});
  Turn({&slow, &quick});
  ASSERT_TRUE(turns_.is_contended());
  const int64_t used_ns = slow.used_ns;
  // One turn in which nobody is served, and then it is.
  for (int i = 0; i < 4; ++i) Turn({&slow});
  EXPECT_GE(slow.used_ns, used_ns + 50 * kMs);
}

TEST_F(FairTurnsTest, EndsAContentionThatIsOver) {
  Tenant red(1, kMs);
  Tenant blue(1, kMs);
  Turn({&red, &blue});
  Turn({&red, &blue});
  ASSERT_TRUE(turns_.is_contended());
  turns_.Tick(NowMs());
  EXPECT_TRUE(turns_.is_contended());
  for (int i = 0; i < 200; ++i) {
    Turn({&red});
    turns_.Tick(NowMs());
  }
  EXPECT_FALSE(turns_.is_contended());
  EXPECT_FALSE(turns_.MustWait(red.share));
}

TEST_F(FairTurnsTest, ForgetsATenantAndAConnectionThatGo) {
  auto slow = std::make_unique<Tenant>(2, 50 * kMs);
  Tenant quick(1, kMs / 20);
  Turn({slow.get(), &quick});
  Turn({slow.get(), &quick});
  Turn({slow.get(), &quick});
  ASSERT_FALSE(slow->share.deferred.empty());
  for (const auto& connection : slow->connections) {
    turns_.Forget(&slow->share, connection.get());
  }
  EXPECT_TRUE(slow->share.deferred.empty());
  turns_.Forget(&slow->share);
  slow.reset();
  for (int i = 0; i < 10; ++i) Turn({&quick});
  EXPECT_GT(quick.used_ns, 0);
}

}  // namespace
}  // namespace shredder::server
