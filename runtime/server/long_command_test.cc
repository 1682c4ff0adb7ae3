// What is served, and what waits, while a command that takes long is under way.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/server/tenancy_test_support.h"

namespace shredder::server {
namespace {

constexpr int kKeys = 4000;

config::ServerConfig LargeTenants() {
  config::ServerConfig config = TwoTenants();
  for (config::TenantConfig& tenant : config.tenants) tenant.memory_bytes = 64 << 20;
  return config;
}

class LongCommandTest : public testing::Test {
 protected:
  LongCommandTest() {
    server_.shard().Attach(&loop_);
    red_("AUTH red red-password");
    second_("AUTH red red-password");
    blue_("AUTH blue blue-password");
    EXPECT_EQ(red_(ManyKeys("MSET", " v")), "+OK");
    // From here on each look at the clock finds that a turn is due.
    server_.clock.step_ms = 5;
  }

  static std::string ManyKeys(std::string command, std::string_view behind_each = "") {
    for (int i = 0; i < kKeys; ++i) {
      command += " k" + std::to_string(i);
      command += behind_each;
    }
    return command;
  }

  // The reply to `line`, whose command gives turns: in each of them another tenant is served, and
  // the same one's other session waits, to find `seen` afterwards.
  std::string Long(const std::string& line, std::string_view seen) {
    loop_.turns = 0;
    loop_.on_turn = [&] {
      EXPECT_EQ(blue_("PING"), "+PONG");
      EXPECT_EQ(blue_("INCR n"), ":" + std::to_string(++blue_count_));
      if (loop_.turns == 1) second_.Send("MGET k0 k3999\r\n");
      second_.Serve();
      EXPECT_TRUE(second_.paused());
    };
    red_.Send(line + "\r\n");
    loop_.on_turn = nullptr;
    EXPECT_GT(loop_.turns, 1) << line.substr(0, 20);
    EXPECT_FALSE(second_.paused());
    second_.Serve();
    EXPECT_EQ(second_.Receive(), seen);
    return red_.Receive();
  }

  TestServer server_{LargeTenants()};
  TestLoop loop_;  // before the clients: the shard knows it, and it goes after them
  TestClient red_{server_};
  TestClient second_{server_};
  TestClient blue_{server_};
  int blue_count_ = 0;
};

constexpr std::string_view kBoth = "*2 $1 v $1 v";
constexpr std::string_view kNone = "*2 $-1 $-1";

TEST_F(LongCommandTest, OthersAreServedDuringKeysAndScanAndItsTenantWaits) {
  EXPECT_TRUE(Long("KEYS *", kBoth).starts_with("*4000 "));
  EXPECT_EQ(Long("KEYS zzz*", kBoth), "*0");
  EXPECT_TRUE(Long("SCAN 0 COUNT 65536", kBoth).starts_with("*2 $1 0 *4000 "));
}

TEST_F(LongCommandTest, OthersAreServedDuringCommandsOfManyKeysAndItsTenantSeesAllOfThem) {
  EXPECT_TRUE(Long(ManyKeys("MGET"), kBoth).starts_with("*4000 $1 v "));
  EXPECT_EQ(Long(ManyKeys("EXISTS"), kBoth), ":4000");
  EXPECT_EQ(Long(ManyKeys("MSET", " w"), "*2 $1 w $1 w"), "+OK");
  EXPECT_EQ(Long(ManyKeys("DEL"), kNone), ":4000");
}

TEST_F(LongCommandTest, OthersAreServedWhileLargeValuesAreMadeReadAndFreed) {
  EXPECT_EQ(Long("SETRANGE k0 8388608 x", "*2 $8388609 v" + std::string(8388607, '\0') + "x $1 v"),
            ":8388609");
  // A reply that is copied; GET sends the value from where it lies.
  EXPECT_EQ(Long("GETEX k0", "*2 $8388609 v" + std::string(8388607, '\0') + "x $1 v").size(),
            9 + 8388609u);
  // So that what is freed goes back to the kernel at once.
  server_.shard().FindTenant("red")->store->SetFreeMemoryBudget(nullptr);
  EXPECT_EQ(Long("DEL k0", "*2 $-1 $1 v"), ":1");
}

TEST_F(LongCommandTest, OthersAreServedDuringFlushAllAlsoInExec) {
  red_("MULTI");
  red_("FLUSHALL");
  EXPECT_EQ(Long("EXEC", kNone), "*1 +OK");
  red_("SETRANGE k 8388608 x");
  EXPECT_EQ(Long("FLUSHALL", kNone), "+OK");
}

TEST_F(LongCommandTest, KeysInExecGivesTurnsAndTheTransactionStaysWhole) {
  red_("MULTI");
  red_("SET k0 w");
  red_("KEYS *");
  red_("SET k3999 w");
  EXPECT_TRUE(Long("EXEC", "*2 $1 w $1 w").starts_with("*3 +OK *4000 "));
}

TEST_F(LongCommandTest, OthersAreServedWhileALongTransactionIsUndone) {
  red_("MULTI");
  red_("FLUSHALL");
  int turns_before_stop = 0;
  loop_.on_turn = [&] {
    EXPECT_EQ(blue_("PING"), "+PONG");
    if (loop_.turns == 3) {
      server_.shard().RequestStop();
      turns_before_stop = loop_.turns;
    }
  };
  EXPECT_EQ(red_("EXEC"), "-EXECABORT Transaction discarded because the server is shutting down");
  EXPECT_EQ(turns_before_stop, 3);
  EXPECT_EQ(server_.shard().FindTenant("red")->store->key_count(), 4000u);
  EXPECT_EQ(server_.shard().FindTenant("red")->store->CheckInvariants(), "");
}

TEST_F(LongCommandTest, AStopEndsWhatCanBeRefusedAndNothingOfItIsKept) {
  for (const std::string& line :
       {std::string("KEYS *"), std::string("SCAN 0 COUNT 65536"), ManyKeys("MGET"),
        ManyKeys("EXISTS"), ManyKeys("MSET", " w"), ManyKeys("DEL")}) {
    TestServer server(LargeTenants());
    TestLoop loop;
    server.shard().Attach(&loop);
    TestClient red(server);
    red("AUTH red red-password");
    red(ManyKeys("MSET", " v"));
    server.clock.step_ms = 5;
    loop.turns = 0;
    loop.on_turn = [&] { server.shard().RequestStop(); };
    EXPECT_EQ(red(line), "-ERR the server is shutting down") << line.substr(0, 20);
    EXPECT_EQ(loop.turns, 1) << line.substr(0, 20);
    EXPECT_EQ(red("MGET k0 k3999"), kBoth) << line.substr(0, 20);
  }
}

TEST_F(LongCommandTest, FlushAllIsFinishedWhenTheServerStops) {
  red_("SETRANGE k 8388608 x");
  loop_.on_turn = [&] { server_.shard().RequestStop(); };
  EXPECT_EQ(red_("FLUSHALL"), "+OK");
  EXPECT_EQ(red_("DBSIZE"), ":0");
}

TEST_F(LongCommandTest, ItIsFinishedWhereItsClientIsClosedMeanwhile) {
  loop_.on_turn = [&] { second_("CLIENT KILL ID " + std::to_string(red_.id())); };
  red_(ManyKeys("DEL"));
  EXPECT_TRUE(red_.closed());
  EXPECT_EQ(second_("DBSIZE"), ":0");
}

TEST_F(LongCommandTest, ItsTenantIsNotLetGoBeforeItsEnd) {
  loop_.on_turn = [&] {
    server_.shard().ReleaseTenant("red");
    server_.shard().OnTimer();
    EXPECT_NE(server_.shard().FindTenant("red"), nullptr);
  };
  EXPECT_TRUE(red_("KEYS *").starts_with("*4000 "));
  EXPECT_TRUE(red_.closed());
}

TEST_F(LongCommandTest, TimeStandsStillForItsTenant) {
  red_("SET gone v PX 1000");
  const uint64_t before = server_.shard().FindTenant("red")->store->now_ms();
  loop_.on_turn = [&] {
    server_.clock.now_ms += 2000;
    second_("PING");
    server_.shard().OnTimer();
    EXPECT_LT(server_.shard().FindTenant("red")->store->now_ms(), before + 1000);
  };
  EXPECT_TRUE(red_("KEYS *").starts_with("*4001 "));
  loop_.on_turn = nullptr;
  EXPECT_TRUE(red_("KEYS *").starts_with("*4000 "));
}

TEST_F(LongCommandTest, ItsTenantGetsBusyOnceItHasTakenLong) {
  std::string busy;
  loop_.on_turn = [&] {
    if (loop_.turns == 1) {
      second_.Send("GET k0\r\n");
      EXPECT_TRUE(second_.paused());
      server_.clock.now_ms += 5000;
    } else if (loop_.turns == 2) {
      second_.Serve();
      busy = second_.Receive();
    }
  };
  loop_.turns = 0;
  red_("KEYS *");
  EXPECT_EQ(busy, "-BUSY Shredder is busy running a command.");
  EXPECT_EQ(second_("GET k0"), "$1 v");
}

TEST_F(LongCommandTest, ItsTenantsLargeValuesWaitInTheKernelUntilTheyCanBeReceivedInPlace) {
  const std::string value(100'000, 'x');
  const std::string set = "*3\r\n$3\r\nSET\r\n$1\r\nv\r\n$100000\r\n" + value + "\r\n";
  for (const bool is_busy : {false, true}) {
    std::string busy;
    loop_.turns = 0;
    loop_.on_turn = [&] {
      if (loop_.turns == 1) {
        second_.Send(set.substr(0, 1000));
        EXPECT_TRUE(second_.paused());
        if (is_busy) server_.clock.now_ms += 5000;
      } else if (loop_.turns == 2 && is_busy) {
        second_.Serve();
        EXPECT_FALSE(second_.paused());
        second_.Send(set.substr(1000));
        busy = second_.Receive();
      }
    };
    red_("KEYS *");
    loop_.on_turn = nullptr;
    EXPECT_FALSE(second_.paused());
    if (is_busy) {
      EXPECT_EQ(busy, "-BUSY Shredder is busy running a command.");
      EXPECT_EQ(second_("STRLEN v"), ":0");
      continue;
    }
    second_.Serve();
    EXPECT_LT(second_.unread_bytes(), 100u);
    second_.Send(set.substr(1000));
    EXPECT_EQ(second_.Receive(), "+OK");
    EXPECT_EQ(second_("GETDEL v"), "$100000 " + value);
  }
}

TEST_F(LongCommandTest, WhatItHasRepliedIsNotSentBeforeAllOfIt) {
  std::vector<std::string> seen;
  loop_.on_turn = [&] { seen.push_back(red_.Receive()); };
  red_.Send("PING\r\n" + ManyKeys("MGET") + "\r\n");
  EXPECT_EQ(seen, std::vector<std::string>(seen.size(), ""));
  EXPECT_FALSE(seen.empty());
  EXPECT_TRUE(red_.Receive().starts_with("+PONG *4000 $1 v "));
}

TEST_F(LongCommandTest, ItsKeysExpireInPiecesToo) {
  server_.clock.step_ms = 0;
  for (int i = 0; i < kKeys; ++i) red_("PEXPIRE k" + std::to_string(i) + " 10");
  server_.clock.now_ms += 100;
  int own = 0;
  loop_.turns = 0;
  loop_.on_turn = [&] {
    EXPECT_EQ(blue_("PING"), "+PONG");
    if (loop_.turns == 1) second_.Send("DBSIZE\r\n");
    second_.Serve();
    own += !second_.paused();
  };
  server_.shard().OnTimer();
  loop_.on_turn = nullptr;
  EXPECT_GT(loop_.turns, 0);
  EXPECT_EQ(own, 0);
  second_.Serve();
  EXPECT_EQ(second_.Receive(), ":2000");
}

TEST_F(LongCommandTest, APatternIsBoundedInLength) {
  const std::string longest(4096, 'k');
  EXPECT_EQ(red_("KEYS " + longest), "*0");
  for (const std::string_view command :
       {"KEYS k", "SCAN 0 MATCH k", "CONFIG GET k", "COMMAND LIST FILTERBY PATTERN k",
        "FUNCTION LIST LIBRARYNAME k"}) {
    EXPECT_EQ(red_(std::string(command) + longest), "-ERR pattern is longer than 4096 bytes")
        << command;
  }
}

TEST_F(LongCommandTest, ShortCommandsDoNotLookAtTheClock) {
  red_("GET k0");
  const uint64_t before = server_.clock.now_ms;
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "SET k1 v\r\nGET k1\r\nDEL k2 k3\r\nMGET k1 k2\r\n";
  red_.Send(requests);
  EXPECT_EQ(server_.clock.now_ms, before + 5) << "once, at the turn's beginning";
}

}  // namespace
}  // namespace shredder::server
