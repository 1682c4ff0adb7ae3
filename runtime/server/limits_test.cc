// A tenant's limits, as one line of RESP each.
#include <gtest/gtest.h>

#include <string>

#include "runtime/server/tenancy_test_support.h"

namespace shredder::server {
namespace {

// `red` has the limits, `blue` has none.
class LimitsTest : public TenancyTest {
 protected:
  void Limit(const std::function<void(config::TenantConfig*)>& set) {
    config::TenantConfig config = server_.shard().FindTenant("red")->config;
    set(&config);
    server_.shard().SetTenant(config);
  }
  Tenant& red_tenant() { return *server_.shard().FindTenant("red"); }
  // As the timer would, so much later.
  void After(uint64_t ms) {
    server_.clock.now_ms += ms;
    server_.shard().OnTimer();
  }
};

TEST_F(LimitsTest, RefusesOperationsOverTheirBudgetAndServesThemAgainWithTime) {
  Limit([](config::TenantConfig* config) {
    config->ops_per_second = 10;
    config->over_limit = config::OverLimit::kRefuse;
  });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(red_("SET k v"), "+OK") << i;
  EXPECT_EQ(red_("SET k w"),
            "-THROTTLED the tenant has used its 10 operations a second; try again in 100 ms");
  EXPECT_EQ(blue_("SET k v"), "+OK");
  After(100);
  EXPECT_EQ(red_("GET k"), "$1 v");
  EXPECT_TRUE(red_("GET k").starts_with("-THROTTLED"));
  EXPECT_TRUE(red_("PING").starts_with("-THROTTLED"));
  // What ends a function or the session is always served.
  EXPECT_EQ(red_("FUNCTION KILL"), "-NOTBUSY No scripts in execution right now.");
  EXPECT_EQ(red_("AUTH red red-password"), "+OK");
  EXPECT_EQ(red_tenant().stats.throttled, 3u);
}

TEST_F(LimitsTest, LetsOperationsOverTheirBudgetWait) {
  Limit([](config::TenantConfig* config) { config->ops_per_second = 10; });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(red_("SET k v"), "+OK") << i;
  EXPECT_EQ(red_("SET k w"), "");
  EXPECT_TRUE(red_.paused());
  EXPECT_EQ(blue_("SET k v"), "+OK");
  After(50);
  EXPECT_TRUE(red_.paused());
  After(50);
  EXPECT_FALSE(red_.paused());
  red_.Serve();
  EXPECT_EQ(red_.Receive(), "+OK");
  EXPECT_EQ(red_tenant().in_flight, 0u);
}

TEST_F(LimitsTest, AbortsATransactionThatIsOverTheBudget) {
  Limit([](config::TenantConfig* config) {
    config->ops_per_second = 3;
    config->over_limit = config::OverLimit::kRefuse;
  });
  EXPECT_EQ(red_("MULTI"), "+OK");
  EXPECT_EQ(red_("SET a 1"), "+QUEUED");
  EXPECT_EQ(red_("SET b 1"), "+QUEUED");
  EXPECT_TRUE(red_("SET c 1").starts_with("-THROTTLED"));
  After(1000);
  EXPECT_EQ(red_("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(red_("EXISTS a"), ":0");
}

TEST_F(LimitsTest, RefusesCallsOverTheBudgetOfCpuTime) {
  ASSERT_EQ(red_.Call({"FUNCTION", "LOAD",
                       "#!js name=l\nexport function burn(keys, args) {\n"
                       "  let x = 0;\n"
                       "  for (let i = 0; i < 2e8; i++) x += i % 7;\n"
                       "  return x > 0;\n}"}),
            "$1 l");
  Limit([](config::TenantConfig* config) {
    config->cpu_ms_per_second = 1;
    config->over_limit = config::OverLimit::kRefuse;
  });
  // Takes far more than a millisecond anywhere, which is not known before it has run.
  EXPECT_EQ(red_("FCALL burn 0"), ":1");
  const std::string refused = red_("GET k");
  EXPECT_TRUE(refused.starts_with(
      "-THROTTLED the tenant has used its 1 ms of CPU time a second; try again"))
      << refused;
  EXPECT_EQ(blue_("GET k"), "$-1");
  After(1'000'000);
  EXPECT_EQ(red_("GET k"), "$-1");
}

TEST_F(LimitsTest, BoundTheTenantsConnections) {
  Limit([](config::TenantConfig* config) { config->max_clients = 2; });
  TestClient second{server_};
  EXPECT_EQ(second("AUTH red red-password"), "+OK");
  TestClient third{server_};
  EXPECT_EQ(third("AUTH red red-password"), "-ERR max number of clients reached");
  EXPECT_TRUE(third.closed());
  TestClient other{server_};
  EXPECT_EQ(other("AUTH blue blue-password"), "+OK");
  EXPECT_NE(red_("INFO clients").find("connected_clients:2 maxclients:2 "), std::string::npos);
}

TEST_F(LimitsTest, BoundTheRequestsThatWait) {
  Limit([](config::TenantConfig* config) { config->max_in_flight = 1; });
  TestClient second{server_};
  EXPECT_EQ(second("AUTH red red-password"), "+OK");
  BeginRed();
  EXPECT_EQ(red_("GET k"), "");
  EXPECT_EQ(second("GET k"),
            "-THROTTLED 1 requests of the tenant wait already, and 1 may; wait for a reply first");
  EndRed();
  red_.Serve();
  EXPECT_EQ(red_.Receive(), "$-1");
  EXPECT_EQ(second("GET k"), "$-1");
}

TEST_F(LimitsTest, BoundAReply) {
  Limit([](config::TenantConfig* config) {
    config->memory_bytes = 16 << 20;
    config->max_reply_bytes = 100'000;
  });
  const std::string value(90'000, 'x');
  EXPECT_EQ(red_.Call({"SET", "k", value}), "+OK");
  EXPECT_EQ(red_("STRLEN k"), ":90000");
  EXPECT_EQ(red_("GET k"), "$90000 " + value);
  EXPECT_EQ(red_.Call({"APPEND", "k", value}), ":180000");
  EXPECT_EQ(red_("GET k"), "-ERR reply is longer than 100000 bytes; ask for less at a time");
  EXPECT_EQ(red_("GETDEL k"), "-ERR reply is longer than 100000 bytes; ask for less at a time");
  EXPECT_EQ(red_("GETEX k EX 1000"),
            "-ERR reply is longer than 100000 bytes; ask for less at a time");
  EXPECT_EQ(red_("TTL k"), ":-1");
  EXPECT_EQ(red_("SET k v GET"), "-ERR reply is longer than 100000 bytes; ask for less at a time");
  EXPECT_EQ(red_("GETRANGE k 0 9"), "$10 xxxxxxxxxx");
  EXPECT_EQ(red_("MGET k k"), "-ERR reply is longer than 100000 bytes; ask for less at a time");
}

TEST_F(LimitsTest, HoldFunctionsToo) {
  Limit([](config::TenantConfig* config) {
    config->max_reply_bytes = 100 << 10;
    config->max_libraries = 1;
    config->library_memory_bytes = 64 << 10;
    config->heap_limit_mb = 16;
    config->array_buffer_limit_mb = 1;
  });
  EXPECT_EQ(red_.Call({"FUNCTION", "LOAD",
                       "#!js name=a\n"
                       "export const text = (keys, args) => 'x'.repeat(Number(args[0]));\n"
                       "export const buffer = (keys, args) =>\n"
                       "  new ArrayBuffer(Number(args[0])).byteLength;"}),
            "$1 a");
  EXPECT_EQ(red_.Call({"FUNCTION", "LOAD", "#!js name=b\nexport const g = () => 1;"}),
            "-ERR the tenant has 1 libraries, and may have 1; delete one first");
  EXPECT_EQ(red_.Call({"FUNCTION", "LOAD", "REPLACE",
                       "#!js name=a\nexport const h = () => 1; //" + std::string(70'000, 'x')}),
            "-ERR the tenant's libraries would be larger than 64 KiB together; delete one first");
  EXPECT_EQ(red_("FCALL text 0 90000").size(), 90'007u);
  EXPECT_EQ(red_("FCALL text 0 110000"), "-ERR TypeError: a reply is larger than 100 KiB");
  EXPECT_EQ(red_("FCALL buffer 0 900000"), "$6 900000");
  EXPECT_TRUE(red_("FCALL buffer 0 1100000").starts_with("-ERR RangeError: "));
}

}  // namespace
}  // namespace shredder::server
