// What is served, and what waits, while an EXEC is under way: its functions and long commands give
// the other connections turns.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/server/tenancy_test_support.h"

namespace shredder::server {
namespace {

class ExecRunningTest : public RunningFunctionTest {
 protected:
  ExecRunningTest() {
    second_("AUTH red red-password");
    EXPECT_EQ(
        red_.Call({"FUNCTION", "LOAD",
                   "#!js name=writes\n"
                   "import { HTSet } from 'shredder:store';\n"
                   "const bytes = new Uint8Array([0x66]);\n"
                   "export function put(keys) { for (const key of keys) HTSet(key, bytes); }\n"
                   "export function putAndSpin(keys) { put(keys); for (;;) {} }\n"
                   "export function putAndFail(keys) { put(keys); throw new Error('no'); }"}),
        "$6 writes");
    EXPECT_EQ(
        blue_.Call({"FUNCTION", "LOAD", "#!js name=lib\nexport function hello() { return 'hi'; }"}),
        "$3 lib");
    loop_.turns = 0;
  }

  // Queues lines in a transaction of `client`.
  static void Queue(TestClient& client, const std::vector<std::string>& lines) {
    EXPECT_EQ(client("MULTI"), "+OK");
    for (const std::string& line : lines) EXPECT_EQ(client(line), "+QUEUED") << line;
  }
  void KillFunction() { server_.shard().RequestKill(); }

  TestClient second_{server_};
};

constexpr std::string_view kKilled =
    "-ERR function was killed by FUNCTION KILL, its writes are undone";

TEST_F(ExecRunningTest, WhatAFunctionHasWrittenIsPartOfTheTransaction) {
  Queue(red_, {"SET a 1", "FCALL put 2 b c", "FCALL putAndFail 2 a d", "MGET a b c d"});
  const std::string reply = red_("EXEC");
  EXPECT_TRUE(reply.starts_with("*4 +OK $-1 -ERR Error: no ")) << reply;
  EXPECT_TRUE(reply.ends_with(" *4 $1 1 $1 f $1 f $-1")) << reply;
}

TEST_F(ExecRunningTest, WhileItsFunctionRunsOtherTenantsAreServedAndItsOwnWaits) {
  Queue(red_, {"SET k 1", "FCALL putAndSpin 1 f", "INCR k"});
  loop_.on_turn = [&] {
    if (loop_.turns == 1) {
      EXPECT_EQ(blue_("SET k v"), "+OK");
      EXPECT_NE(second_("FUNCTION STATS").find("$10 putAndSpin $7 command *4 $5 FCALL "),
                std::string::npos);
      EXPECT_EQ(second_("PING"), "+PONG");
      EXPECT_EQ(second_("MULTI"), "+OK");
      second_.Send("GET k\r\nEXEC\r\n");
      blue_.Send("FCALL hello 0\r\n");
    }
    second_.Serve();
    blue_.Serve();
    EXPECT_TRUE(second_.paused());
    EXPECT_TRUE(blue_.paused());
    if (loop_.turns == 3) KillFunction();
  };
  EXPECT_EQ(red_("EXEC"), "*3 +OK " + std::string(kKilled) + " :2");
  EXPECT_EQ(loop_.turns, 3);
  second_.Serve();
  EXPECT_EQ(second_.Receive(), "+QUEUED *1 $1 2");
  blue_.Serve();
  EXPECT_EQ(blue_.Receive(), "$2 hi");
  EXPECT_EQ(red_("EXISTS f"), ":0");
}

TEST_F(ExecRunningTest, BetweenTwoOfItsFunctionsNobodyOfItsTenantGetsIn) {
  red_("SET k 1");
  Queue(red_, {"INCR k", "FCALL spin 0", "INCR k", "FCALL spin 0", "INCR k"});
  loop_.on_turn = [&] {
    if (loop_.turns == 1) {
      second_.Send("INCRBY k 100\r\n");
      blue_.Send("FCALL hello 0\r\n");
    }
    // As the loop would, had it been told to go on with them.
    second_.Serve();
    blue_.Serve();
    EXPECT_TRUE(second_.paused());
    EXPECT_TRUE(blue_.paused());
    if (loop_.turns % 3 == 0) KillFunction();
  };
  EXPECT_EQ(red_("EXEC"), "*5 :2 " + std::string(kKilled) + " :3 " + std::string(kKilled) + " :4");
  EXPECT_EQ(loop_.turns, 6);
  EXPECT_FALSE(second_.paused());
  second_.Serve();
  EXPECT_EQ(second_.Receive(), ":104");
  blue_.Serve();
  EXPECT_EQ(blue_.Receive(), "$2 hi");
}

TEST_F(ExecRunningTest, FunctionKillEndsTheFunctionAndNotTheTransaction) {
  Queue(red_, {"SET k v", "FCALL spin 0", "FUNCTION KILL", "GET k"});
  loop_.on_turn = [&] { EXPECT_EQ(second_("FUNCTION KILL"), "+OK"); };
  EXPECT_EQ(red_("EXEC"),
            "*4 +OK " + std::string(kKilled) + " -NOTBUSY No scripts in execution right now. $1 v");
}

TEST_F(ExecRunningTest, ItsClientMayBeKilledMeanwhile) {
  Queue(red_, {"SET k v", "FCALL spin 0", "SET l v"});
  loop_.on_turn = [&] {
    second_(loop_.turns == 1 ? "CLIENT KILL ID " + std::to_string(red_.id()) : "FUNCTION KILL");
  };
  red_("EXEC");
  EXPECT_TRUE(red_.closed());
  EXPECT_EQ(second_("EXISTS k l"), ":2");
}

TEST_F(ExecRunningTest, AStopEndsItAndUndoesAll) {
  Queue(red_, {"SET k v", "FCALL spin 0", "SET l v"});
  loop_.on_turn = [&] { server_.shard().RequestStop(); };
  EXPECT_EQ(red_("EXEC"), "-EXECABORT Transaction discarded because the server is shutting down");
  EXPECT_EQ(red_("EXISTS k l"), ":0");
}

TEST_F(ExecRunningTest, TimeStandsStillForItsTenantFromBeginningToEnd) {
  red_("SET k v PX 10");
  Queue(red_, {"SET l v PX 10", "FCALL spin 0", "FCALL spin 0", "MGET k l"});
  loop_.on_turn = [&] {
    server_.clock.now_ms += 20;
    second_("PING");
    server_.shard().OnTimer();
    KillFunction();
  };
  EXPECT_TRUE(red_("EXEC").ends_with(" *2 $1 v $1 v"));
  EXPECT_EQ(loop_.turns, 4) << "in each function, and after it";
  EXPECT_EQ(red_("MGET k l"), "*2 $-1 $-1");
}

TEST_F(ExecRunningTest, AWatchEndsWithASessionThatLeavesMeanwhile) {
  auto third = std::make_unique<TestClient>(server_);
  (*third)("AUTH red red-password");
  (*third)("WATCH k");
  second_("WATCH k");
  Queue(red_, {"SET k v", "FCALL spin 0"});
  loop_.on_turn = [&] {
    third.reset();
    EXPECT_EQ(second_("UNWATCH"), "+OK");
    KillFunction();
  };
  EXPECT_TRUE(red_("EXEC").starts_with("*2 +OK "));
  second_("MULTI");
  EXPECT_EQ(second_("EXEC"), "*0");
}

// --- BUSY

constexpr std::string_view kBusy =
    "BUSY Shredder is busy running a function. You can only call FUNCTION KILL.";

TEST_F(ExecRunningTest, ItsTenantIsBusyFromTheTransactionsBeginningOn) {
  Queue(red_, {"FCALL spin 0", "FCALL spin 0"});
  loop_.on_turn = [&] {
    if (loop_.turns == 1) {
      second_.Send("GET k\r\n");
      server_.clock.now_ms += 4000;
      KillFunction();
    } else if (loop_.turns == 2) {
      EXPECT_TRUE(second_.paused());
      server_.clock.now_ms += 1000;
    } else {
      EXPECT_FALSE(second_.paused());
      second_.Serve();
      EXPECT_EQ(second_.Receive(), "-" + std::string(kBusy));
      KillFunction();
    }
  };
  red_("EXEC");
  EXPECT_EQ(loop_.turns, 3);
}

TEST_F(ExecRunningTest, WhatWouldBeQueuedGetsBusyAndThenExecFails) {
  BeginRed();
  server_.clock.now_ms += 5000;
  EXPECT_EQ(second_("MULTI"), "+OK");
  EXPECT_EQ(second_("INCR k"), "-" + std::string(kBusy));
  EndRed();
  EXPECT_EQ(second_("INCR k"), "+QUEUED");
  EXPECT_EQ(second_("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(second_("EXISTS k"), ":0");
}

TEST_F(ExecRunningTest, AnExecThatGetsBusyEndsItsTransaction) {
  Queue(second_, {"INCR k"});
  BeginRed();
  server_.clock.now_ms += 5000;
  EXPECT_EQ(second_("EXEC"), "-EXECABORT Transaction discarded because of: " + std::string(kBusy));
  EndRed();
  EXPECT_EQ(second_("EXEC"), "-ERR EXEC without MULTI");
  EXPECT_EQ(second_("EXISTS k"), ":0");
}

TEST_F(ExecRunningTest, AnExecWaitsForItsTenantsFunction) {
  second_("WATCH w");
  Queue(second_, {"INCR k", "INCR k"});
  BeginRed();
  second_.Send("EXEC\r\n");
  EXPECT_TRUE(second_.paused());
  EndRed();
  EXPECT_FALSE(second_.paused());
  second_.Serve();
  EXPECT_EQ(second_.Receive(), "*2 :1 :2");
}

// --- The engine

TEST_F(ExecRunningTest, AnExecWithAFunctionWaitsForAnotherTenantsFunction) {
  BeginRed();
  Queue(blue_, {"SET k v", "GET k"});
  EXPECT_EQ(blue_("EXEC"), "*2 +OK $1 v") << "it needs no engine";
  Queue(blue_, {"INCR n", "FCALL hello 0"});
  blue_.Send("EXEC\r\nGET n\r\n");
  EXPECT_TRUE(blue_.paused());
  EXPECT_EQ(blue_.unread_bytes(), std::string("EXEC\r\nGET n\r\n").size());
  EndRed();
  EXPECT_FALSE(blue_.paused());
  blue_.Serve();
  EXPECT_EQ(blue_.Receive(), "*2 :1 $2 hi $1 1");
}

TEST_F(ExecRunningTest, BetweenTwoFunctionsAnotherTenantsFunctionHasATurn) {
  Queue(red_, {"SET k 1", "FCALL spin 0", "FCALL spin 0", "GET k"});
  std::vector<std::string> seen;
  loop_.on_turn = [&] {
    if (loop_.turns == 1) {
      blue_.Send("FCALL hello 0\r\n");
      second_.Send("SET k 2\r\n");
      server_.clock.now_ms += 5;
    }
    second_.Serve();
    blue_.Serve();
    seen.push_back(blue_.Receive());
    KillFunction();
  };
  EXPECT_TRUE(red_("EXEC").ends_with(" $1 1"));
  EXPECT_EQ(seen, (std::vector<std::string>{"", "$2 hi", ""}))
      << "in the first function, after it, in the second";
  second_.Serve();
  EXPECT_EQ(second_.Receive(), "+OK");
}

// --- Long transactions without a function

TEST_F(ExecRunningTest, WithoutAFunctionALongTransactionGivesTurnsToo) {
  Queue(red_, {"INCR n", "SCAN 0", "SCAN 0", "INCR n"});
  server_.clock.step_ms = 5;
  int own = 0;
  loop_.on_turn = [&] {
    EXPECT_EQ(blue_("INCR n"), ":" + std::to_string(loop_.turns));
    EXPECT_EQ(blue_("FCALL hello 0"), "$2 hi");
    if (loop_.turns == 1) second_.Send("INCR n\r\n");
    second_.Serve();
    own += !second_.paused();
  };
  EXPECT_TRUE(red_("EXEC").ends_with(" :2"));
  EXPECT_EQ(loop_.turns, 2);
  EXPECT_EQ(own, 0);
  second_.Serve();
  EXPECT_EQ(second_.Receive(), ":3");
}

TEST_F(ExecRunningTest, WithoutAFunctionItsTenantIsBusyToo) {
  Queue(red_, {"SCAN 0", "SCAN 0"});
  loop_.on_turn = [&] {
    if (loop_.turns == 1) return second_.Send("GET k\r\n");
    EXPECT_FALSE(second_.paused());
    second_.Serve();
    EXPECT_EQ(second_.Receive(), "-BUSY Shredder is busy running a transaction.");
  };
  server_.clock.step_ms = 2500;
  red_("EXEC");
  EXPECT_EQ(loop_.turns, 2);
}

TEST_F(ExecRunningTest, ALongTransactionOfManySmallCommandsGivesTurns) {
  Queue(red_, std::vector<std::string>(2500, "INCR n"));
  server_.clock.step_ms = 5;
  loop_.on_turn = [&] { EXPECT_EQ(blue_("GET k"), "$-1"); };
  EXPECT_TRUE(red_("EXEC").ends_with(" :2500"));
  EXPECT_EQ(loop_.turns, 2);
}

TEST(ExecNesting, IsBoundedAndWhatWouldGoBeyondWaits) {
  constexpr int kTenants = 40;
  config::ServerConfig config = TwoTenants();
  const config::TenantConfig like = config.tenants.front();
  config.tenants.clear();
  for (int i = 0; i < kTenants; ++i) {
    config::TenantConfig& tenant = config.tenants.emplace_back(like);
    tenant.name = "t" + std::to_string(i);
    tenant.secrets = {config::Secret::OfPassword(tenant.name)};
  }
  TestServer server(config);
  TestLoop loop;
  server.shard().Attach(&loop);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < kTenants; ++i) {
    clients.push_back(std::make_unique<TestClient>(server));
    const std::string name = "t" + std::to_string(i);
    EXPECT_EQ((*clients.back())("AUTH " + name + " " + name), "+OK");
    clients.back()->Send("MULTI\r\nINCR n\r\nSCAN 0\r\nINCR n\r\n");
    clients.back()->Receive();
  }
  server.clock.step_ms = 5;
  int begun = 0;
  int depth = 0;
  int deepest = 0;
  std::vector<TestClient*> waiting;
  constexpr std::string_view kDone = "*3 :1 *2 $1 0 *1 $1 n :2 +PONG";
  loop.on_turn = [&] {
    deepest = std::max(deepest, ++depth);
    if (begun < kTenants) {
      TestClient& client = *clients[begun++];
      client.Send("EXEC\r\nPING\r\n");
      EXPECT_EQ(client.paused(), depth == 16);
      if (client.paused()) {
        waiting.push_back(&client);
      } else {
        EXPECT_EQ(client.Receive(), kDone);
      }
    }
    --depth;
  };
  while (begun < kTenants) {
    TestClient& client = *clients[begun++];
    client.Send("EXEC\r\nPING\r\n");
    EXPECT_EQ(client.Receive(), kDone);
  }
  EXPECT_EQ(deepest, 16);
  ASSERT_FALSE(waiting.empty());
  for (TestClient* client : waiting) {
    EXPECT_FALSE(client->paused());
    client->Serve();
    EXPECT_EQ(client->Receive(), kDone);
  }
}

}  // namespace
}  // namespace shredder::server
