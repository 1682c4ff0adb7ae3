// Several tenants on one shard: who gets in, what each sees, and what waits while a function runs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "runtime/server/command_table.h"
#include "runtime/server/tenancy_test_support.h"

namespace shredder::server {
namespace {

constexpr std::string_view kWrongPassword =
    "-WRONGPASS invalid username-password pair or user is disabled.";

// --- Authentication

TEST_F(TenancyTest, NothingBeforeAuth) {
  TestClient client(server_);
  for (const std::string_view command :
       {"PING", "GET k", "INFO", "CLIENT LIST", "FUNCTION LIST", "COMMAND", "CONFIG GET *",
        "SELECT 0", "DBSIZE", "FCALL f 0"}) {
    EXPECT_EQ(client(command), "-NOAUTH Authentication required.") << command;
  }
  EXPECT_TRUE(
      client("HELLO 3").starts_with("-NOAUTH HELLO must be called with the client already"));
  EXPECT_EQ(client("nope"), "-ERR unknown command 'nope', with args beginning with: ");
  EXPECT_EQ(client("AUTH red"), kWrongPassword);  // the user default, who is not here
}

TEST_F(TenancyTest, AuthAndHello) {
  TestClient client(server_);
  EXPECT_EQ(client("AUTH red red-password"), "+OK");
  EXPECT_EQ(client("GET k"), "$-1");
  EXPECT_EQ(client("RESET"), "+RESET");
  EXPECT_EQ(client("GET k"), "-NOAUTH Authentication required.");
  EXPECT_TRUE(client("HELLO 3 AUTH blue blue-password").starts_with("%7 "));
  EXPECT_EQ(client("GET k"), "_");
}

TEST_F(TenancyTest, WrongPasswordsAreDelayedAndThenEndTheConnection) {
  TestClient client(server_);
  std::string guesses;
  for (int i = 0; i < Session::kMaxAuthFailures; ++i) guesses += "AUTH red guess\r\n";
  client.Send(guesses);
  for (int failure = 1; failure < Session::kMaxAuthFailures; ++failure) {
    EXPECT_EQ(client.Receive(), kWrongPassword) << "one guess a pause";
    EXPECT_TRUE(client.paused());
    server_.clock.now_ms += failure * Session::kAuthDelayMs - 1;
    server_.shard().OnTimer();
    EXPECT_TRUE(client.paused());
    server_.clock.now_ms += 1;
    server_.shard().OnTimer();
    EXPECT_FALSE(client.paused());
    EXPECT_FALSE(client.closed());
    client.Serve();
  }
  EXPECT_EQ(client.Receive(), kWrongPassword);
  EXPECT_TRUE(client.closed());
}

TEST_F(TenancyTest, AnIdleShardRestsUntilSomethingIsDue) {
  TestLoop loop;
  server_.shard().Attach(&loop);
  const auto rest_after_tick = [&] {
    loop.rest_ms = 0;
    server_.clock.now_ms += Shard::kTimerIntervalMs;
    server_.shard().OnTimer();
    return loop.rest_ms;
  };
  // Isolates are made in store first, a few at a tick, and rates sink to 0.
  const auto is_resting_soon = [&] {
    for (int tick = 0; tick < 200; ++tick) {
      if (rest_after_tick() > 0) return true;
    }
    return false;
  };
  ASSERT_TRUE(is_resting_soon());
  EXPECT_EQ(rest_after_tick(), 1000u);
  TestClient client(server_);
  EXPECT_EQ(rest_after_tick(), 0u) << "it has to authenticate in time";
  EXPECT_EQ(client("AUTH red red-password"), "+OK");
  EXPECT_EQ(client("SET k v PX 1000"), "+OK");
  for (int tick = 0; tick < 4; ++tick) EXPECT_EQ(rest_after_tick(), 0u) << "a key expires";
  ASSERT_TRUE(is_resting_soon());
  // Nor longer than JavaScript may be idle.
  const uint64_t run_ms = server_.clock.now_ms;
  EXPECT_EQ(client.Call({"FUNCTION", "LOAD", "#!js name=l\nexport const f = () => 1;"}), "$1 l");
  ASSERT_TRUE(is_resting_soon());
  server_.clock.now_ms = run_ms + server_.shard().config().idle_after_ms - 700;
  EXPECT_EQ(rest_after_tick(), 600u);
}

TEST_F(TenancyTest, TheLogNamesTenantsButNoSecrets) {
  TestClient client(server_);
  client("AUTH red guessed-secret");
  server_.clock.now_ms += 1000;
  server_.shard().OnTimer();
  client("AUTH typed-secret x");
  const std::string log = server_.log_text();
  EXPECT_NE(log.find("wrong password for tenant 'red'"), std::string::npos) << log;
  EXPECT_NE(log.find("a tenant that does not exist"), std::string::npos) << log;
  EXPECT_EQ(log.find("secret"), std::string::npos) << log;
}

TEST_F(TenancyTest, UnauthenticatedRequestsAreSmall) {
  TestClient client(server_);
  client.Send("*3\r\n$4\r\nAUTH\r\n$3\r\nred\r\n$16385\r\n");
  EXPECT_EQ(client.Receive(), "-ERR Protocol error: unauthenticated bulk length");
  EXPECT_TRUE(client.closed());
}

// --- Isolation

TEST_F(TenancyTest, KeysAreApart) {
  red_("SET k red");
  EXPECT_EQ(blue_("GET k"), "$-1");
  blue_("SET k blue");
  EXPECT_EQ(red_("GET k"), "$3 red");
  EXPECT_EQ(blue_("KEYS *"), "*1 $1 k");
  EXPECT_EQ(blue_("FLUSHALL"), "+OK");
  EXPECT_EQ(red_("DBSIZE"), ":1");
}

TEST_F(TenancyTest, ClientsAreApart) {
  const std::string list = blue_("CLIENT LIST");
  EXPECT_EQ(list.find("user=red"), std::string::npos) << list;
  EXPECT_EQ(blue_("CLIENT LIST ID " + std::to_string(red_.id())), "$0 ");
  EXPECT_EQ(blue_("CLIENT KILL ID " + std::to_string(red_.id())), ":0");
  EXPECT_EQ(blue_("CLIENT KILL " + red_.address()), "-ERR No such client");
  EXPECT_EQ(blue_("CLIENT KILL USER red"), "-ERR No such user 'red'");
  EXPECT_EQ(blue_("CLIENT KILL TYPE normal"), ":0");
  EXPECT_FALSE(red_.closed());
}

TEST_F(TenancyTest, InfoIsTheTenantsOwn) {
  TestClient second_red(server_);
  second_red("AUTH red red-password");
  red_("MSET a 1 b 2");
  red_("GET a");
  const std::string info = blue_("INFO");
  EXPECT_NE(info.find("connected_clients:1 "), std::string::npos) << info;
  EXPECT_NE(info.find("keyspace_hits:0 "), std::string::npos) << info;
  EXPECT_EQ(info.find("db0:"), std::string::npos) << info;
  EXPECT_EQ(info.find("red"), info.find("redis_version")) << info;
}

TEST_F(TenancyTest, QuotasAreApartAndMsetIsAllOrNothing) {
  const std::string value(30000, 'x');
  std::string reply;
  int stored = 0;
  for (; stored < 100; ++stored) {
    reply = red_("SET k" + std::to_string(stored) + " " + value);
    if (reply != "+OK") break;
  }
  EXPECT_EQ(reply, "-OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_GT(stored, 20);
  EXPECT_EQ(red_("DBSIZE"), ":" + std::to_string(stored)) << "nothing is evicted";
  EXPECT_EQ(red_("SET k0 " + value + " GET NX").substr(0, 6), "$30000");
  EXPECT_EQ(blue_("SET k " + value), "+OK");

  red_("DEL k0");
  EXPECT_EQ(red_("MSET m1 " + value + " m2 " + value),
            "-OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(red_("EXISTS m1 m2"), ":0");
  EXPECT_EQ(red_("SET m1 " + value), "+OK");
}

// --- While a function runs

TEST_F(TenancyTest, OtherTenantsDataCommandsAreServed) {
  BeginRed();
  EXPECT_EQ(blue_("SET k v"), "+OK");
  EXPECT_EQ(blue_("GET k"), "$1 v");
  EXPECT_EQ(blue_("FUNCTION LIST"), "*0");
  EXPECT_EQ(blue_("FUNCTION KILL"), "-NOTBUSY No scripts in execution right now.");
  EXPECT_EQ(blue_("FUNCTION STATS").find("$1 f"), std::string::npos);
  EndRed();
}

TEST_F(TenancyTest, OtherTenantsFunctionsWaitForTheEngine) {
  BeginRed();
  blue_.Send("GET k\r\nFCALL f 0\r\nGET k\r\n");
  EXPECT_EQ(blue_.Receive(), "$-1");
  EXPECT_TRUE(blue_.paused());
  EXPECT_EQ(blue_.unread_bytes(), std::string("FCALL f 0\r\nGET k\r\n").size());
  server_.clock.now_ms += 60'000;
  server_.shard().OnYield();
  EXPECT_TRUE(blue_.paused()) << "BUSY concerns only the tenant that is busy";
  EndRed();
  EXPECT_FALSE(blue_.paused());
  blue_.Serve();
  EXPECT_EQ(blue_.Receive(), "-ERR Function not found $-1");
}

TEST_F(TenancyTest, TheTenantsOwnCommandsWaitAndThenGetBusy) {
  TestClient second(server_);
  second("AUTH red red-password");
  BeginRed();
  EXPECT_EQ(red_("PING"), "+PONG");
  EXPECT_EQ(red_("CLIENT ID"), ":1");
  EXPECT_EQ(red_("SELECT 0"), "+OK");
  EXPECT_EQ(
      red_("FUNCTION STATS"),
      "*4 $14 running_script *6 $4 name $1 f $7 command *3 $5 FCALL $1 f $1 0 $11 duration_ms "
      ":0 $7 engines *4 $2 js *4 $15 libraries_count :0 $15 functions_count :0 "
      "$4 wasm *4 $15 libraries_count :0 $15 functions_count :0");
  second.Send("SET k v\r\n");
  EXPECT_TRUE(second.paused());
  server_.clock.now_ms += 4999;
  server_.shard().OnYield();
  EXPECT_TRUE(second.paused());
  server_.clock.now_ms += 1;
  server_.shard().OnYield();
  EXPECT_FALSE(second.paused());
  second.Serve();
  constexpr std::string_view kBusy =
      "-BUSY Shredder is busy running a function. You can only call FUNCTION KILL.";
  EXPECT_EQ(second.Receive(), kBusy);
  EXPECT_EQ(red_("GET k"), kBusy);
  EXPECT_EQ(red_("AUTH red red-password"), "+OK");
  EXPECT_EQ(blue_("GET k"), "$-1");
  EndRed();
  EXPECT_EQ(red_("GET k"), "$-1") << "what got BUSY was not executed";
}

TEST_F(TenancyTest, AWaitingClientMayLeave) {
  BeginRed();
  {
    TestClient second(server_);
    second("AUTH red red-password");
    second.Send("GET k\r\n");
    EXPECT_TRUE(second.paused());
  }
  EndRed();
  EXPECT_EQ(red_("GET k"), "$-1");
}

TEST_F(TenancyTest, TimeStandsStillForTheRunningTenantAlone) {
  red_("SET k v PX 10");
  blue_("SET k v PX 10");
  BeginRed();
  server_.clock.now_ms += 20;
  red_("PING");
  server_.shard().OnTimer();
  EXPECT_EQ(blue_("GET k"), "$-1");
  EXPECT_EQ(server_.shard().FindTenant("red")->store->key_count(), 1u);
  EXPECT_TRUE(server_.shard().FindTenant("red")->store->Has(*store::Key::FromBytes("k")));
  EndRed();
  EXPECT_EQ(red_("GET k"), "$-1");
}

TEST_F(RunningFunctionTest, OthersAreServedUntilItEnds) {
  TestClient second(server_);
  second("AUTH red red-password");
  std::string other_tenants;
  std::string stats;
  loop_.on_turn = [&] {
    if (loop_.turns == 1) {
      other_tenants = blue_("SET k v");
      stats = second("FUNCTION STATS");
      second.Send("FCALL hello 0\r\n");
    } else if (loop_.turns == 3) {
      EXPECT_TRUE(second.paused());
      server_.shard().RequestKill();
    }
  };
  const std::string reply = red_("FCALL spin 0");
  EXPECT_TRUE(reply.starts_with("-ERR ")) << reply;
  EXPECT_EQ(loop_.turns, 3);
  EXPECT_EQ(other_tenants, "+OK");
  EXPECT_NE(stats.find("$4 spin"), std::string::npos) << stats;
  EXPECT_FALSE(second.paused()) << "the invocation has ended";
  second.Serve();
  EXPECT_EQ(second.Receive(), "$5 hello");
}

TEST_F(RunningFunctionTest, FunctionKillEndsIt) {
  TestClient second(server_);
  second("AUTH red red-password");
  std::string kill;
  loop_.on_turn = [&] { kill = second("FUNCTION KILL"); };
  const std::string reply = red_("FCALL spin 0");
  EXPECT_EQ(kill, "+OK");
  EXPECT_NE(reply.find("FUNCTION KILL"), std::string::npos) << reply;
  EXPECT_EQ(red_("FCALL hello 0"), "$5 hello");
}

TEST_F(RunningFunctionTest, AStopEndsItAndItsCallerIsTold) {
  loop_.on_turn = [&] { server_.shard().RequestStop(); };
  const std::string reply = red_("FCALL spin 0");
  EXPECT_TRUE(reply.starts_with("-ERR ")) << reply;
  EXPECT_EQ(loop_.stops, 1);
  EXPECT_EQ(loop_.turns, 1);
}

TEST_F(RunningFunctionTest, ItsCallerMayBeKilledMeanwhile) {
  TestClient second(server_);
  second("AUTH red red-password");
  loop_.on_turn = [&] {
    second(loop_.turns == 1 ? "CLIENT KILL ID " + std::to_string(red_.id()) : "FUNCTION KILL");
  };
  red_("FCALL spin 0");
  EXPECT_EQ(loop_.turns, 2);
  EXPECT_TRUE(red_.closed());
}

// The engine ends the process where the running tenant's store is written.
TEST_F(RunningFunctionTest, NothingWritesItsStoreMeanwhile) {
  red_("SET k v PX 10");
  blue_("SET k v PX 10");
  const store::Store& store = *server_.shard().FindTenant("red")->store;
  const store::Store& other_store = *server_.shard().FindTenant("blue")->store;
  const auto send = [&](std::string command, const Command& last_word) {
    for (int i = 1 + (command.find(' ') != std::string::npos); i < std::abs(last_word.arity); ++i) {
      command += " k";
    }
    TestClient second(server_);
    second("AUTH red red-password");
    const std::string reply = second(command);
    EXPECT_EQ(reply.find("BUSY ") != std::string::npos, !(last_word.flags & kAllowBusy))
        << command << ": " << reply;
    EXPECT_NE(reply, "") << command;
  };
  loop_.on_turn = [&] {
    if (loop_.turns > 1) return;
    // `k` has expired, and nobody waits any longer.
    server_.clock.now_ms += server_.shard().config().busy_reply_ms;
    server_.shard().OnTimer();
    for (const Command& command : AllCommands()) {
      if (command.handler) send(std::string(command.name), command);
      for (const Command& subcommand : command.subcommands) {
        send(std::string(command.name) + " " + std::string(subcommand.name), subcommand);
      }
    }
    EXPECT_EQ(blue_("GET k"), "$-1");
    EXPECT_EQ(store.key_count(), 1u);
    EXPECT_EQ(other_store.key_count(), 0u);
  };
  EXPECT_NE(red_("FCALL spin 0").find("FUNCTION KILL"), std::string::npos);
  EXPECT_EQ(loop_.turns, 1);
  EXPECT_EQ(red_("GET k"), "$-1");
  server_.shard().OnTimer();
  EXPECT_EQ(store.key_count(), 0u);
}

}  // namespace
}  // namespace shredder::server
