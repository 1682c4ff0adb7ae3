// WATCH and UNWATCH: what makes an EXEC fail, and what does not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/server/tenancy_test_support.h"

namespace shredder::server {
namespace {

constexpr std::string_view kExecuted = "*1 +PONG";
constexpr std::string_view kNotExecuted = "*-1";

class WatchTest : public testing::Test {
 protected:
  std::string Exec() {
    client_.Send("MULTI\r\nPING\r\n");
    EXPECT_EQ(client_.Receive(), "+OK +QUEUED");
    return client_("EXEC");
  }

  TestServer server_;
  TestClient client_{server_};
  TestClient other_{server_};
};

#define EXPECT_REPLY(command, reply) EXPECT_EQ(client_(command), reply) << command

// Each with the key's state at WATCH.
struct Case {
  std::string before;
  std::string change;
};

// By another connection, by the own one, and by a transaction.
TEST_F(WatchTest, EveryChangeOfTheKeyIsOne) {
  // An integer key, a string that looks like one, and an ordinary one.
  for (const std::string key : {"k", "42", "042"}) {
    for (const auto& [before, change] : std::vector<Case>{
             {"SET k v", "SET k v"},
             {"SET k v", "SET k w"},
             {"DEL k", "SET k v"},
             {"DEL k", "SETNX k v"},
             {"SET k v", "DEL k"},
             {"SET k v", "UNLINK x k"},
             {"SET k v", "GETDEL k"},
             {"SET k v", "GETSET k v"},
             {"SET k v", "SET k w XX GET"},
             {"SET k v", "SETEX k 10 v"},
             {"SET k v", "APPEND k w"},
             {"DEL k", "APPEND k ''"},
             {"SET k v", "SETRANGE k 0 v"},
             {"SET k 1", "INCR k"},
             {"SET k 1", "INCRBY k 0"},
             {"DEL k", "DECR k"},
             {"SET k v", "MSET x 1 k v"},
             {"SET k v", "EXPIRE k 10"},
             {"SET k v EX 10", "EXPIRE k 10"},
             {"SET k v", "EXPIRE k -1"},
             {"SET k v EX 10", "PERSIST k"},
             {"SET k v", "GETEX k EX 10"},
             {"SET k v EX 10", "GETEX k PERSIST"},
             {"SET k v", "FLUSHALL"},
             {"SET k v", "FLUSHDB ASYNC"},
         }) {
      const auto named = [&](std::string line) {
        for (size_t i = 0; (i = line.find(" k", i)) != std::string::npos; i += key.size()) {
          line.replace(++i, 1, key);
        }
        return line;
      };
      for (const std::string how : {"other", "own", "other's EXEC"}) {
        SCOPED_TRACE(named(before) + ", " + named(change) + ", " + how);
        other_("DEL " + key);
        other_(named(before));
        EXPECT_REPLY(named("WATCH y k z"), "+OK");
        if (how == "own") {
          client_(named(change));
        } else {
          if (how != "other") other_("MULTI");
          EXPECT_FALSE(other_(named(change)).starts_with("-"));
          if (how != "other") EXPECT_TRUE(other_("EXEC").starts_with("*1 "));
        }
        EXPECT_EQ(Exec(), kNotExecuted);
        EXPECT_EQ(Exec(), kExecuted);
      }
    }
  }
}

TEST_F(WatchTest, WhatChangesNothingIsNoChange) {
  const std::string large = std::string(5000, 'v');
  for (const auto& [before, change] : std::vector<Case>{
           {"SET k v", "GET k"},
           {"SET k v", "SET l v"},
           {"DEL k", "DEL k"},
           {"DEL k", "GETDEL k"},
           {"SET k v", "SETNX k w"},
           {"SET k v", "SET k w NX"},
           {"DEL k", "SET k w XX"},
           {"SET k v", "APPEND k ''"},
           {"SET k v", "SETRANGE k 9 ''"},
           {"SET k v", "INCR k"},
           {"SET k v", "EXPIRE k 10 XX"},
           {"SET k v", "EXPIRE k x"},
           {"DEL k", "EXPIRE k 10"},
           {"SET k v", "PERSIST k"},
           {"SET k " + large, "PERSIST k"},
           {"SET k v", "GETEX k"},
           {"SET k " + large, "GETEX k PERSIST"},
           {"DEL k", "FLUSHALL"},
           {"DEL k", "FLUSHDB"},
       }) {
    for (const bool in_transaction : {false, true}) {
      SCOPED_TRACE(before.substr(0, 20) + ", " + change);
      other_("DEL k");
      other_(before);
      EXPECT_REPLY("WATCH k", "+OK");
      if (in_transaction) other_("MULTI");
      other_(change);
      if (in_transaction) EXPECT_TRUE(other_("EXEC").starts_with("*1 "));
      EXPECT_EQ(Exec(), kExecuted);
    }
  }
}

TEST_F(WatchTest, WhatIsUndoneIsNoChange) {
  config::ServerConfig config = config::DefaultConfig();
  config.tenants.front().memory_bytes = 1 << 20;
  TestServer server(config);
  TestClient client(server);
  const std::string value(600'000, 'x');
  for (const bool in_transaction : {false, true}) {
    client("WATCH a");
    if (in_transaction) client("MULTI");
    TestClient other(server);
    if (in_transaction) other("MULTI");
    other.Call({"MSET", "a", value, "b", value});
    EXPECT_EQ(
        other(in_transaction ? "EXEC" : "EXISTS a b"),
        in_transaction ? "*1 -OOM command not allowed when used memory > 'maxmemory'." : ":0");
    if (!in_transaction) client("MULTI");
    EXPECT_EQ(client("EXEC"), "*0");
  }
}

TEST_F(WatchTest, AKeyThatIsMadeAndDeletedInOneTransactionHasChanged) {
  client_("WATCH k");
  other_.Send("MULTI\r\nSET k v\r\nDEL k\r\nEXEC\r\n");
  EXPECT_EQ(Exec(), kNotExecuted);
}

// --- Expiry

TEST_F(WatchTest, AKeyThatHasExpiredHasChanged) {
  for (const bool is_reaped : {false, true}) {
    client_("SET k v PX 10");
    client_("WATCH k");
    server_.clock.now_ms += 9;
    EXPECT_EQ(Exec(), kExecuted) << "not yet";
    client_("WATCH k");
    server_.clock.now_ms += 1;
    if (is_reaped) server_.shard().OnTimer();
    EXPECT_EQ(Exec(), kNotExecuted);
  }
}

TEST_F(WatchTest, AKeyThatHadExpiredBeforeHasNot) {
  for (const std::string change : {"timer", "EXISTS k", "DEL k", "FLUSHDB", "FLUSHALL"}) {
    client_("SET k v PX 10");
    server_.clock.now_ms += 10;
    client_("WATCH k");
    if (change == "timer") {
      server_.shard().OnTimer();
    } else {
      other_(change);
    }
    EXPECT_EQ(Exec(), kExecuted) << change;
  }
  client_("SET k v PX 10");
  server_.clock.now_ms += 10;
  client_("WATCH k");
  other_("SET k v");
  EXPECT_EQ(Exec(), kNotExecuted);
}

// --- The end of a watch

TEST_F(WatchTest, ItEndsInManyWays) {
  for (const std::string end : {"UNWATCH", "EXEC", "DISCARD", "RESET", "failed EXEC"}) {
    client_("SET k v");
    client_("WATCH k");
    client_("SET k v");
    if (end == "EXEC") {
      EXPECT_EQ(Exec(), kNotExecuted);
    } else if (end == "failed EXEC") {
      client_.Send("MULTI\r\nNOSUCH\r\nEXEC\r\n");
      EXPECT_TRUE(client_.Receive().ends_with("because of previous errors."));
    } else {
      if (end == "DISCARD") client_("MULTI");
      client_(end);
    }
    EXPECT_EQ(Exec(), kExecuted) << end;
    other_("SET k v");
    EXPECT_EQ(Exec(), kExecuted) << end;
  }
}

TEST_F(WatchTest, UnwatchInATransactionIsTooLate) {
  client_("WATCH k");
  client_("SET k v");
  client_.Send("MULTI\r\nUNWATCH\r\nEXEC\r\n");
  EXPECT_EQ(client_.Receive(), "+OK +QUEUED *-1");
}

TEST_F(WatchTest, UnwatchWithoutWatch) { EXPECT_REPLY("UNWATCH", "+OK"); }

TEST_F(WatchTest, ATouchedSessionStaysSoWhateverItWatchesFurther) {
  client_("WATCH a");
  other_("SET a 1");
  EXPECT_REPLY("WATCH b", "+OK");
  EXPECT_EQ(Exec(), kNotExecuted);
}

TEST_F(WatchTest, OfSeveralWatchersThoseOfTheKeyAreTouched) {
  TestClient third(server_);
  client_("WATCH a b");
  other_("WATCH b");
  third("WATCH a");
  third("UNWATCH");
  third("SET a 1");
  EXPECT_EQ(other_("MULTI"), "+OK");
  EXPECT_EQ(other_("EXEC"), "*0");
  EXPECT_EQ(Exec(), kNotExecuted);
}

TEST_F(WatchTest, AWatcherMayLeave) {
  {
    TestClient third(server_);
    third("WATCH a b");
    other_("WATCH b");
  }
  client_("MSET a 1 b 2");
  other_("MULTI");
  EXPECT_EQ(other_("EXEC"), kNotExecuted);
}

TEST_F(WatchTest, TheReplyOfAFailedExecIsNullInRESP3) {
  client_("HELLO 3");
  client_("WATCH k");
  client_("SET k v");
  EXPECT_EQ(Exec(), "_");
}

// --- Bounds

TEST_F(WatchTest, TheNumberOfKeysIsBounded) {
  std::string keys;
  for (size_t i = 1; i < Watcher::kMaxKeys; ++i) keys += " " + std::to_string(i);
  client_("SET k v");
  EXPECT_REPLY("WATCH" + keys, "+OK");
  EXPECT_REPLY("WATCH 1", "+OK");
  EXPECT_REPLY("WATCH a k", "-ERR more than 10000 watched keys, or 16777216 bytes of them");
  EXPECT_REPLY("SET k w", "+OK");
  EXPECT_EQ(Exec(), kExecuted) << "of the refused WATCH no key is watched";
  EXPECT_REPLY("WATCH" + keys, "+OK");
  EXPECT_REPLY("WATCH k", "+OK");
  EXPECT_REPLY("SET k w", "+OK");
  EXPECT_EQ(Exec(), kNotExecuted);
}

TEST_F(WatchTest, TheBytesOfKeysAreBounded) {
  const std::string padding(65533, 'k');
  for (int i = 100; i < 356; ++i) {
    EXPECT_EQ(client_.Call({"WATCH", padding + std::to_string(i)}), "+OK");
  }
  EXPECT_REPLY("WATCH k", "-ERR more than 10000 watched keys, or 16777216 bytes of them");
  EXPECT_REPLY("UNWATCH", "+OK");
  EXPECT_REPLY("WATCH k", "+OK");
}

// --- Tenants

TEST_F(TenancyTest, WatchesAreOfOneTenant) {
  red_("WATCH k");
  blue_("SET k v");
  red_("MULTI");
  EXPECT_EQ(red_("EXEC"), "*0");

  red_("WATCH k");
  TestClient second(server_);
  second("AUTH red red-password");
  second("SET k v");
  EXPECT_EQ(red_("AUTH red red-password"), "+OK") << "which changes nothing";
  red_("MULTI");
  EXPECT_EQ(red_("EXEC"), kNotExecuted);

  red_("WATCH k");
  second("SET k v");
  EXPECT_EQ(red_("AUTH blue blue-password"), "+OK");
  red_("MULTI");
  EXPECT_EQ(red_("EXEC"), "*0");
}

TEST_F(TenancyTest, NothingOfATransactionBeforeAuth) {
  TestClient client(server_);
  for (const std::string_view command : {"MULTI", "DISCARD", "WATCH k", "UNWATCH"}) {
    EXPECT_EQ(client(command), "-NOAUTH Authentication required.") << command;
  }
  EXPECT_EQ(client("EXEC"),
            "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.");
}

}  // namespace
}  // namespace shredder::server
