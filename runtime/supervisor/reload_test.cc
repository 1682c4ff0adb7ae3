#include "runtime/supervisor/reload.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace shredder::supervisor {
namespace {

using Names = std::vector<std::string>;

config::TenantConfig Tenant(const std::string& name, const std::string& password) {
  config::TenantConfig config;
  config.name = name;
  config.secrets = {config::Secret::OfPassword(password)};
  return config;
}

// A server with the file's tenants `red` and `blue`, and `green`, which a command has made.
class ReloadTest : public testing::Test {
 protected:
  ReloadTest() {
    current_.tenants = {Tenant("red", "r"), Tenant("blue", "b")};
    for (const config::TenantConfig& tenant : current_.tenants) directory_.Add(tenant, 0, true);
    directory_.Add(Tenant("green", "g"), 0, false);
    next_ = current_;
  }

  Reload Plan() {
    std::string error;
    const std::optional<Reload> reload = PlanReload(current_, next_, directory_, &error);
    EXPECT_TRUE(reload) << error;
    return reload.value_or(Reload());
  }
  std::string Refusal() {
    std::string error;
    EXPECT_FALSE(PlanReload(current_, next_, directory_, &error));
    return error;
  }

  config::ServerConfig current_;
  config::ServerConfig next_;
  TenantDirectory directory_;
};

TEST_F(ReloadTest, TheSameFileChangesNothing) {
  const Reload reload = Plan();
  EXPECT_TRUE(reload.added.empty());
  EXPECT_TRUE(reload.changed.empty());
  EXPECT_TRUE(reload.removed.empty());
  EXPECT_TRUE(reload.server_changed.empty());
  EXPECT_TRUE(reload.needs_restart.empty());
  EXPECT_EQ(reload.server, current_);
}

TEST_F(ReloadTest, TenantsAreAddedChangedAndRemoved) {
  next_.tenants = {Tenant("blue", "b"), Tenant("yellow", "y")};
  next_.tenants[0].memory_bytes = 2 << 20;
  const Reload reload = Plan();
  EXPECT_EQ(reload.added, std::vector{next_.tenants[1]});
  EXPECT_EQ(reload.changed, std::vector{next_.tenants[0]});
  EXPECT_EQ(reload.removed, Names{"red"});
  EXPECT_EQ(reload.server.tenants, next_.tenants);
}

TEST_F(ReloadTest, TwoTenantsMayExchangeTheirPasswords) {
  std::swap(next_.tenants[0].secrets, next_.tenants[1].secrets);
  EXPECT_EQ(Plan().changed, next_.tenants);
}

TEST_F(ReloadTest, ATenantThatACommandHasMadeIsNotTakenOver) {
  next_.tenants.push_back(Tenant("green", "another"));
  EXPECT_EQ(Refusal(),
            "tenant 'green' is there already, made by TENANT CREATE; rename the file's, or TENANT "
            "DROP the other");
}

TEST_F(ReloadTest, APasswordThatACommandHasGivenIsRefused) {
  next_.tenants.push_back(Tenant("yellow", "g"));
  EXPECT_EQ(Refusal(),
            "the file's tenant 'yellow' has the password of tenant 'green', which TENANT CREATE "
            "has made; give each its own");
}

TEST_F(ReloadTest, ADeadlineMustFitIntoWhatCommandsHaveSet) {
  config::TenantConfig green = Tenant("green", "g");
  green.wall_deadline_ms = 60;
  directory_.SetConfig(*directory_.Find("green"), green);
  next_.deadline_ms = 61;
  EXPECT_EQ(Refusal(),
            "tenant 'green': wall-deadline-ms is 60, less than deadline-ms, which is 61; give at "
            "least 61");
}

TEST_F(ReloadTest, CommandsTenantsCountBesidesTheFiles) {
  next_.tenants.resize(config::kMaxTenants);
  for (size_t i = 0; i < next_.tenants.size(); ++i) next_.tenants[i].name = std::to_string(i);
  EXPECT_EQ(Refusal(),
            "there would be 100001 tenants; TENANT DROP some, 100000 are the most there can be");
  next_.tenants.pop_back();
  EXPECT_EQ(Plan().added.size(), config::kMaxTenants - 1);
}

TEST_F(ReloadTest, ASettingTakesEffectOrWaitsForARestart) {
  next_.bind = "::1";
  next_.port = 1;
  next_.unix_socket = "/s";
  next_.backend = net::Backend::kEpoll;
  next_.shards = 4;
  next_.heap_limit_mb = 8;
  next_.callback_builtins = true;
  next_.deadline_ms = 49;
  next_.wall_deadline_ms = 2000;
  next_.busy_reply_ms = 1;
  next_.max_clients = 2;
  next_.log_level = "warn";
  const Reload reload = Plan();
  EXPECT_EQ(reload.needs_restart, (Names{"bind", "port", "unix-socket", "backend", "shards",
                                         "heap-limit-mb", "callback-builtins"}));
  EXPECT_EQ(reload.server_changed, (Names{"max-clients", "log-level", "deadline-ms",
                                          "wall-deadline-ms", "busy-reply-ms"}));
  config::ServerConfig server = current_;
  server.deadline_ms = 49;
  server.wall_deadline_ms = 2000;
  server.busy_reply_ms = 1;
  server.max_clients = 2;
  server.log_level = "warn";
  EXPECT_EQ(reload.server, server);
}

TEST_F(ReloadTest, EverySettingIsLookedAt) {
  next_.auth_timeout_ms = 1;
  next_.core_dumps = true;
  next_.idle_after_ms = 1;
  next_.isolate_after_crashes = 1;
  next_.load_deadline_ms = 1;
  next_.load_wall_deadline_ms = 1;
  next_.max_unauthenticated = 1;
  next_.shard_silence_ms = 1;
  EXPECT_EQ(
      Plan().server_changed,
      (Names{"max-unauthenticated", "auth-timeout-ms", "shard-silence-ms", "isolate-after-crashes",
             "core-dumps", "load-deadline-ms", "load-wall-deadline-ms", "idle-after-ms"}));
  EXPECT_EQ(Plan().server, next_);
}

}  // namespace
}  // namespace shredder::supervisor
