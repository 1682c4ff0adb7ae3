// MULTI, EXEC and DISCARD, as sessions of the default tenant's clients.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/server/command_table.h"
#include "runtime/server/queued_commands.h"
#include "runtime/server/test_client.h"

namespace shredder::server {
namespace {

constexpr std::string_view kAborted =
    "-EXECABORT Transaction discarded because of previous errors.";

class TransactionTest : public testing::Test {
 protected:
  TestServer server_;
  TestClient client_{server_};
  TestClient other_{server_};
};

#define EXPECT_REPLY(command, reply) EXPECT_EQ(client_(command), reply) << command

TEST_F(TransactionTest, WhatIsQueuedIsExecutedByExec) {
  EXPECT_REPLY("MULTI", "+OK");
  EXPECT_REPLY("SET k v", "+QUEUED");
  EXPECT_REPLY("GET k", "+QUEUED");
  EXPECT_EQ(other_("GET k"), "$-1");
  EXPECT_REPLY("EXEC", "*2 +OK $1 v");
  EXPECT_EQ(other_("GET k"), "$1 v");
  EXPECT_REPLY("GET k", "$1 v");
}

TEST_F(TransactionTest, NothingQueuedIsAnEmptyArray) {
  client_("MULTI");
  EXPECT_REPLY("EXEC", "*0");
}

TEST_F(TransactionTest, DiscardForgetsWhatIsQueued) {
  client_.Send("MULTI\r\nSET k v\r\nDISCARD\r\nGET k\r\n");
  EXPECT_EQ(client_.Receive(), "+OK +QUEUED +OK $-1");
  EXPECT_REPLY("EXEC", "-ERR EXEC without MULTI");
}

TEST_F(TransactionTest, OutsideOfATransactionTheresNothingToEnd) {
  EXPECT_REPLY("EXEC", "-ERR EXEC without MULTI");
  EXPECT_REPLY("DISCARD", "-ERR DISCARD without MULTI");
}

TEST_F(TransactionTest, ATransactionMayBeSplitAtEveryByte) {
  const std::string requests =
      "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n"
      "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n";
  for (size_t split = 0; split < requests.size(); ++split) {
    client_.Send(requests.substr(0, split));
    client_.Send(requests.substr(split));
    EXPECT_EQ(client_.Receive(), "+OK +QUEUED +QUEUED *2 +OK $4 a b") << split;
  }
  for (const char byte : requests) client_.Send(std::string(1, byte));
  EXPECT_EQ(client_.Receive(), "+OK +QUEUED +QUEUED *2 +OK $4 a b");
}

TEST_F(TransactionTest, ATurnMayEndInsideATransaction) {
  for (size_t before = 990; before <= 1000; ++before) {
    std::string requests;
    std::string replies;
    for (size_t i = 0; i < before; ++i) {
      requests += "PING\r\n";
      replies += "+PONG ";
    }
    client_.Send(requests + "MULTI\r\nINCR n\r\nINCR n\r\nINCR n\r\nDECRBY n 3\r\nEXEC\r\n");
    EXPECT_EQ(client_.Receive(), replies + "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 :1 :2 :3 :0");
  }
}

TEST_F(TransactionTest, TheReplyMayBeLongerThanATurns) {
  const std::string value(60000, 'x');
  client_("SET k " + value);
  std::string requests = "MULTI\r\n";
  std::string replies = "*40";
  for (int i = 0; i < 40; ++i) {
    requests += "GET k\r\n";
    replies += " $60000 " + value;
  }
  client_.Send(requests);
  client_.Receive();
  EXPECT_REPLY("EXEC", replies);
  EXPECT_REPLY("PING", "+PONG");
}

// --- Errors

TEST_F(TransactionTest, ACommandThatFailsDoesNotStopTheRest) {
  client_.Send("MULTI\r\nSET a x\r\nINCR a\r\nSET b y\r\nEXEC\r\n");
  EXPECT_EQ(client_.Receive(),
            "+OK +QUEUED +QUEUED +QUEUED *3 +OK -ERR value is not an integer or out of range +OK");
  EXPECT_REPLY("MGET a b", "*2 $1 x $1 y");
}

TEST_F(TransactionTest, ARefusedCommandAbortsTheTransaction) {
  const std::string long_key(65537, 'k');
  const std::vector<std::function<std::string()>> refused = {
      [&] { return client_("NOSUCH"); },
      [&] { return client_("GET"); },
      [&] { return client_("GET a b"); },
      [&] { return client_("CLIENT"); },
      [&] { return client_("CLIENT NOSUCH"); },
      [&] { return client_("MULTI x"); },
      [&] { return client_("WATCH"); },
      [&] { return client_.Call({"GET", long_key}); },
      [&] { return client_.Call({"WATCH", "k", long_key}); },
      [&] { return client_("AUTH default x"); },
      [&] { return client_("HELLO 3 AUTH default x"); },
      [&] { return client_("HELLO 2 SETNAME me AUTH default x"); },
  };
  for (const auto& request : refused) {
    client_.Send("MULTI\r\nSET k v\r\n");
    client_.Receive();
    const std::string reply = request();
    EXPECT_TRUE(reply.starts_with("-ERR ")) << reply;
    EXPECT_EQ(client_("SET k v"), "+QUEUED") << reply;
    EXPECT_EQ(client_("EXEC"), kAborted) << reply;
    EXPECT_EQ(client_("EXISTS k"), ":0") << reply;
  }
  client_("MULTI");
  EXPECT_REPLY("AUTH default x", "-ERR Command not allowed inside a transaction");
  EXPECT_REPLY("DISCARD", "+OK");
}

TEST_F(TransactionTest, WhatIsOutOfPlaceDoesNotAbort) {
  client_("MULTI");
  EXPECT_REPLY("MULTI", "-ERR MULTI calls can not be nested");
  EXPECT_REPLY("WATCH k", "-ERR WATCH inside MULTI is not allowed");
  EXPECT_REPLY("SET k v", "+QUEUED");
  EXPECT_REPLY("EXEC", "*1 +OK");
}

TEST_F(TransactionTest, ARefusedExecEndsTheTransaction) {
  constexpr std::string_view kReply =
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
  EXPECT_REPLY("EXEC now", kReply);
  client_("MULTI");
  client_("SET k v");
  EXPECT_REPLY("EXEC now", kReply);
  EXPECT_REPLY("EXEC", "-ERR EXEC without MULTI");
  EXPECT_REPLY("EXISTS k", ":0");
}

TEST_F(TransactionTest, AWriteThatIsRefusedHalfWayLeavesNothingAndTheRestStays) {
  config::ServerConfig config = config::DefaultConfig();
  config.tenants.front().memory_bytes = 1 << 20;
  TestServer server(config);
  TestClient client(server);
  const std::string value(600'000, 'x');
  const std::string mset = "*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$600000\r\n" + value +
                           "\r\n$1\r\nb\r\n$600000\r\n" + value + "\r\n";
  constexpr std::string_view kOom = "-OOM command not allowed when used memory > 'maxmemory'.";
  client.Send(mset);
  EXPECT_EQ(client.Receive(), kOom);
  EXPECT_EQ(client("EXISTS a b"), ":0");
  client.Send("MULTI\r\nSET before 1\r\n" + mset + "SET after 1\r\nEXEC\r\n");
  EXPECT_EQ(client.Receive(), "+OK +QUEUED +QUEUED +QUEUED *3 +OK " + std::string(kOom) + " +OK");
  EXPECT_EQ(client("EXISTS a b before after"), ":2");
}

// --- Other commands of the connection

TEST_F(TransactionTest, QuitAndResetAreExecutedAtOnce) {
  client_.Send("MULTI\r\nSET k v\r\nRESET\r\nEXEC\r\n");
  EXPECT_EQ(client_.Receive(), "+OK +QUEUED +RESET -ERR EXEC without MULTI");
  client_.Send("MULTI\r\nSET k v\r\nQUIT\r\n");
  EXPECT_EQ(client_.Receive(), "+OK +QUEUED +OK");
  EXPECT_TRUE(client_.closed());
  EXPECT_EQ(other_("EXISTS k"), ":0");
}

TEST_F(TransactionTest, AClientThatLeavesDiscards) {
  {
    TestClient client(server_);
    client.Send("WATCH w\r\nMULTI\r\nSET k v\r\n");
  }
  EXPECT_REPLY("SET w 1", "+OK");
  EXPECT_REPLY("EXISTS k", ":0");
}

TEST_F(TransactionTest, HelloChangesTheProtocolOfWhatFollows) {
  client_.Send("MULTI\r\nGET k\r\nHELLO 3\r\nGET k\r\nEXEC\r\n");
  const std::string reply = client_.Receive();
  EXPECT_TRUE(reply.starts_with("+OK +QUEUED +QUEUED +QUEUED *3 $-1 %7 ")) << reply;
  EXPECT_TRUE(reply.ends_with(" *0 _")) << reply;
  client_("MULTI");
  EXPECT_TRUE(client_("HELLO 2 SETNAME auth") == "+QUEUED");
  EXPECT_TRUE(client_("EXEC").starts_with("*1 *14 "));
  EXPECT_REPLY("CLIENT GETNAME", "$4 auth");
}

TEST_F(TransactionTest, ClientListShowsIt) {
  const auto line = [&] { return other_("CLIENT LIST ID " + std::to_string(client_.id())); };
  const auto has = [&](std::string_view text) { return line().find(text) != std::string::npos; };
  EXPECT_TRUE(has(" flags=N ") && has(" multi=-1 watch=0 ")) << line();
  client_("WATCH a b a");
  EXPECT_TRUE(has(" flags=N ") && has(" multi=-1 watch=2 ")) << line();
  client_("MULTI");
  client_("PING");
  EXPECT_TRUE(has(" flags=x ") && has(" multi=1 watch=2 cmd=ping ")) << line();
  other_("SET b 1");
  EXPECT_TRUE(has(" flags=xd ")) << line();
  client_("NOSUCH");
  EXPECT_TRUE(has(" multi=1 ")) << line();
  client_("DISCARD");
  EXPECT_TRUE(has(" flags=N ") && has(" multi=-1 watch=0 cmd=discard ")) << line();
  client_.Send("MULTI\r\nCLIENT INFO\r\nEXEC\r\n");
  const std::string own = client_.Receive();
  EXPECT_NE(own.find(" flags=x db=0 sub=0 psub=0 ssub=0 multi=1 watch=0 cmd=exec "),
            std::string::npos)
      << own;
}

TEST_F(TransactionTest, AClientMayKillItselfInItsTransaction) {
  client_.Send("MULTI\r\nSET k v\r\nCLIENT KILL ID " + std::to_string(client_.id()) +
               " SKIPME no\r\nSET l v\r\nEXEC\r\nSET m v\r\n");
  EXPECT_EQ(client_.Receive(), "+OK +QUEUED +QUEUED +QUEUED *3 +OK :1 +OK");
  EXPECT_TRUE(client_.closed());
  EXPECT_EQ(other_("EXISTS k l m"), ":2");
}

TEST_F(TransactionTest, CommandsAreCountedWhenTheyAreExecuted) {
  client_.Send("MULTI\r\nPING\r\nPING\r\nDISCARD\r\nMULTI\r\nPING\r\nPING\r\nEXEC\r\n");
  client_.Receive();
  // MULTI, DISCARD, MULTI, EXEC, two PINGs, INFO.
  EXPECT_NE(client_("INFO stats").find("total_commands_processed:7 "), std::string::npos);
}

TEST_F(TransactionTest, TimeStandsStillWhileItIsExecuted) {
  server_.clock.step_ms = 100;
  client_.Send("MULTI\r\nSET k v PX 1\r\nSCAN 0\r\nGET k\r\nPTTL k\r\nEXEC\r\nGET k\r\n");
  EXPECT_EQ(client_.Receive(),
            "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 +OK *2 $1 0 *1 $1 k $1 v :1 $-1");
}

// --- Bounds

TEST_F(TransactionTest, TheNumberOfCommandsIsBounded) {
  std::string requests = "MULTI\r\n";
  for (size_t i = 0; i < QueuedCommands::kMaxCommands; ++i) requests += "INCR n\r\n";
  client_.Send(requests);
  client_.Receive();
  client_.Send("EXEC\r\n");
  EXPECT_TRUE(client_.Receive().starts_with("*100000 :1 :2 :3 "));
  client_.Send(requests);
  client_.Receive();
  EXPECT_REPLY("INCR n", "-ERR transaction has more than 100000 commands; split it");
  EXPECT_REPLY("INCR n", "+QUEUED");
  EXPECT_REPLY("EXEC", kAborted);
  EXPECT_REPLY("GET n", "$6 100000");
}

TEST(QueuedCommands, BytesAreBounded) {
  constexpr size_t kLarge = QueuedCommands::kMaxBytes / 2;
  // Zeros that no memory is used for before they are written.
  const std::unique_ptr<char, decltype(&std::free)> zeros(
      static_cast<char*>(std::calloc(kLarge, 1)), std::free);
  const Command& command = *FindCommand("SET");
  const std::string_view args[] = {"SET", "k", {zeros.get(), kLarge}};
  QueuedCommands queued;
  size_t piece_bytes = 0;
  const auto on_piece = [&](size_t bytes) { piece_bytes += bytes; };
  EXPECT_EQ(queued.Add(command, args, on_piece), QueuedCommands::Status::kOk);
  EXPECT_EQ(queued.Add(command, args, on_piece), QueuedCommands::Status::kTooLarge);
  EXPECT_EQ(queued.count(), 1u);
  EXPECT_EQ(piece_bytes, kLarge) << "but for what is less than a piece";
  const std::string_view small[] = {"GET", "k"};
  EXPECT_EQ(queued.Add(command, small, on_piece), QueuedCommands::Status::kOk);
  queued.Abort();
  EXPECT_TRUE(queued.items().empty());
  EXPECT_EQ(queued.count(), 2u);
  EXPECT_EQ(queued.Add(command, args, on_piece), QueuedCommands::Status::kOk)
      << "which keeps nothing";
  EXPECT_TRUE(queued.items().empty());
}

TEST_F(TransactionTest, AReplyThatIsTooLongUndoesAll) {
  EXPECT_EQ(client_.Call({"SET", "k", std::string(64 << 20, 'x')}), "+OK");
  std::string requests = "MULTI\r\nSET a 1\r\n";
  for (int i = 0; i < 9; ++i) requests += "GET k\r\n";
  client_.Send(requests);
  client_.Receive();
  EXPECT_REPLY("EXEC",
               "-EXECABORT Transaction discarded because its reply is longer than 536870912 "
               "bytes; ask for less at a time");
  EXPECT_REPLY("EXISTS a k", ":1");
  EXPECT_REPLY("EXEC", "-ERR EXEC without MULTI");
}

TEST_F(TransactionTest, AStopUndoesAll) {
  client_.Send("MSET a 1 b 2\r\nMULTI\r\nSET a 3\r\nFLUSHALL\r\nSET c 3\r\n");
  client_.Receive();
  server_.shard().RequestStop();
  EXPECT_REPLY("EXEC", "-EXECABORT Transaction discarded because the server is shutting down");
  EXPECT_REPLY("MGET a b c", "*3 $1 1 $1 2 $-1");
}

}  // namespace
}  // namespace shredder::server
