// The commands, as sessions of the default tenant's clients. Replies follow Redis 7.0.
#include <gtest/gtest.h>

#include <string>

#include "runtime/server/test_client.h"

namespace shredder::server {
namespace {

constexpr std::string_view kNotAnInteger = "-ERR value is not an integer or out of range";
constexpr std::string_view kSyntaxError = "-ERR syntax error";

class SessionTest : public testing::Test {
 protected:
  TestServer server_;
  TestClient client_{server_};
};

// Sends a command and expects its reply, line by line as in a transcript.
#define EXPECT_REPLY(command, reply) EXPECT_EQ(client_(command), reply) << command

// --- The connection

TEST_F(SessionTest, PingEchoSelect) {
  EXPECT_REPLY("PING", "+PONG");
  EXPECT_REPLY("ping hello", "$5 hello");
  EXPECT_REPLY("PING a b", "-ERR wrong number of arguments for 'ping' command");
  EXPECT_REPLY("ECHO \"a b\"", "$3 a b");
  EXPECT_REPLY("ECHO", "-ERR wrong number of arguments for 'echo' command");
  EXPECT_REPLY("SELECT 0", "+OK");
  EXPECT_REPLY("SELECT 1", "-ERR DB index is out of range");
  EXPECT_REPLY("SELECT x", kNotAnInteger);
}

TEST_F(SessionTest, HelloDescribesTheServerInTheOrderThatClientsExpect) {
  EXPECT_REPLY("HELLO 2",
               "*14 $6 server $5 redis $7 version $6 7.0.15 $5 proto :2 $2 id :1 $4 mode $10 "
               "standalone $4 role $6 master $7 modules *0");
  EXPECT_REPLY("HELLO 3",
               "%7 $6 server $5 redis $7 version $6 7.0.15 $5 proto :3 $2 id :1 $4 mode $10 "
               "standalone $4 role $6 master $7 modules *0");
  EXPECT_REPLY("GET missing", "_");
  EXPECT_TRUE(client_("HELLO").starts_with("%7 "));
  EXPECT_REPLY("HELLO 4", "-NOPROTO unsupported protocol version");
  EXPECT_REPLY("HELLO 1", "-NOPROTO unsupported protocol version");
  EXPECT_REPLY("HELLO x", "-ERR Protocol version is not an integer or out of range");
  EXPECT_REPLY("HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'");
  EXPECT_REPLY("HELLO 3 AUTH x", "-ERR Syntax error in HELLO option 'AUTH'");
  EXPECT_REPLY("HELLO 3 SETNAME \"a b\"",
               "-ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_TRUE(client_("HELLO 2 AUTH default any SETNAME me").starts_with("*14 "));
  EXPECT_REPLY("CLIENT GETNAME", "$2 me");
}

TEST_F(SessionTest, AuthWithoutPasswords) {
  EXPECT_REPLY("AUTH x",
               "-ERR AUTH <password> called without any password configured for the default user. "
               "Are you sure your configuration is correct?");
  EXPECT_REPLY("AUTH default x", "+OK");
  EXPECT_REPLY("AUTH", "-ERR wrong number of arguments for 'auth' command");
  EXPECT_REPLY("AUTH a b c", kSyntaxError);
}

TEST_F(SessionTest, QuitClosesAfterItsReply) {
  client_.Send("QUIT\r\nPING\r\n");
  EXPECT_EQ(client_.Receive(), "+OK");
  EXPECT_TRUE(client_.closed());
}

TEST_F(SessionTest, ResetForgetsTheClient) {
  client_("HELLO 3 SETNAME me");
  EXPECT_REPLY("RESET", "+RESET");
  EXPECT_REPLY("CLIENT GETNAME", "$-1");
}

TEST_F(SessionTest, UnknownCommandsAreQuoted) {
  EXPECT_REPLY("foo", "-ERR unknown command 'foo', with args beginning with: ");
  EXPECT_REPLY("foo 'a\"b' \"x\\ny\"",
               "-ERR unknown command 'foo', with args beginning with: 'a\"b' 'x y' ");
  EXPECT_REPLY("EVAL", "-ERR unknown command 'EVAL', with args beginning with: ");
  EXPECT_REPLY(std::string(200, 'a') + " b", "-ERR unknown command '" + std::string(128, 'a') +
                                                 "', with args beginning with: 'b' ");
  EXPECT_REPLY(
      "foo " + std::string(200, 'a') + " b",
      "-ERR unknown command 'foo', with args beginning with: '" + std::string(128, 'a') + "' ");
  EXPECT_REPLY("client foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.");
  EXPECT_REPLY("FUNCTION DUMP", "-ERR unknown subcommand 'DUMP'. Try FUNCTION HELP.");
  EXPECT_REPLY("client", "-ERR wrong number of arguments for 'client' command");
  EXPECT_REPLY("client id x", "-ERR wrong number of arguments for 'client|id' command");
  EXPECT_REPLY("GET", "-ERR wrong number of arguments for 'get' command");
  EXPECT_REPLY("get a b", "-ERR wrong number of arguments for 'get' command");
}

TEST_F(SessionTest, AProtocolErrorClosesTheConnection) {
  client_.Send("PING\r\n*1\r\nPING\r\nPING\r\n");
  EXPECT_EQ(client_.Receive(), "+PONG -ERR Protocol error: expected '$', got 'P'");
  EXPECT_TRUE(client_.closed());
}

TEST_F(SessionTest, HttpClosesTheConnectionBeforeWhatFollowsIt) {
  for (const std::string_view first : {"POST / HTTP/1.1", "host: localhost"}) {
    TestClient page(server_);
    page.Send(std::string(first) + "\r\nSET k v\r\n");
    EXPECT_EQ(page.Receive(), "");
    EXPECT_TRUE(page.closed());
  }
  EXPECT_REPLY("EXISTS k", ":0");
}

TEST_F(SessionTest, ARequestSplitAtEveryByteIsTheSame) {
  const std::string request = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n";
  for (size_t split = 1; split < request.size(); ++split) {
    client_.Send(request.substr(0, split));
    EXPECT_EQ(client_.Receive(), "") << split;
    client_.Send(request.substr(split));
    EXPECT_EQ(client_.Receive(), "+OK") << split;
  }
}

TEST_F(SessionTest, PartsOfRequestsOfManySessionsDoNotMix) {
  const std::vector<std::string> requests = {"PING\r\n", "ECHO \"a b\"\r\n", "*1\r\n$4\r\nPING\r\n",
                                             "*2\r\n$4\r\nECHO\r\n$3\r\nc d\r\n",
                                             "\r\n*-1\r\nECHO e\r\n"};
  const std::vector<std::string> replies = {"+PONG", "$3 a b", "+PONG", "$3 c d", "$1 e"};
  // More than are kept for the next requests.
  constexpr size_t kClients = 40;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < kClients; ++i) clients.push_back(std::make_unique<TestClient>(server_));
  for (size_t piece = 1; piece < 7; ++piece) {
    for (size_t at = 0; at < 32; at += piece) {
      for (size_t i = 0; i < kClients; ++i) {
        const std::string& request = requests[i % requests.size()];
        if (at >= request.size()) continue;
        clients[i]->Send(std::string_view(request).substr(at, piece));
        const bool is_whole = at + piece >= request.size();
        EXPECT_EQ(clients[i]->Receive(), is_whole ? replies[i % replies.size()] : "") << i;
      }
      EXPECT_REPLY("PING", "+PONG");
    }
  }
}

TEST_F(SessionTest, OneTurnIsBoundedByRequests) {
  std::string requests;
  for (int i = 0; i < 2500; ++i) requests += "PING\r\n";
  client_.Send(requests);
  EXPECT_EQ(client_.Receive().size(), 2500 * 6 - 1);

  TestConnection connection(99, "x");
  server_.shard().OnOpen(connection);
  EXPECT_EQ(server_.shard().OnData(connection, requests), 1000 * 6u);
  server_.shard().OnClose(connection);
}

TEST_F(SessionTest, OneTurnIsBoundedByReplyBytes) {
  client_("SET k " + std::string(60000, 'x'));
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET k\r\n";
  TestConnection connection(99, "x");
  server_.shard().OnOpen(connection);
  const size_t consumed = server_.shard().OnData(connection, requests);
  EXPECT_LT(consumed, 20 * 7u);
  EXPECT_LT(connection.output().size(), (1u << 20) + 61000);
  server_.shard().OnClose(connection);
}

// --- CLIENT

TEST_F(SessionTest, ClientNames) {
  EXPECT_REPLY("CLIENT ID", ":1");
  EXPECT_REPLY("CLIENT GETNAME", "$-1");
  EXPECT_REPLY("CLIENT SETNAME me", "+OK");
  EXPECT_REPLY("CLIENT GETNAME", "$2 me");
  EXPECT_REPLY("CLIENT SETNAME 'a b'",
               "-ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_REPLY("CLIENT SETNAME ''", "+OK");
  EXPECT_REPLY("CLIENT GETNAME", "$-1");
  EXPECT_REPLY("CLIENT SETINFO LIB-NAME ioredis", "+OK");
  EXPECT_REPLY("CLIENT SETINFO lib-ver 6.0.0", "+OK");
  EXPECT_REPLY("CLIENT SETINFO LIB-VER '6 0'",
               "-ERR lib-ver cannot contain spaces, newlines or special characters.");
  EXPECT_REPLY("CLIENT SETINFO FOO x", "-ERR Unrecognized option 'FOO'");
  EXPECT_REPLY("CLIENT NO-EVICT on", "+OK");
  EXPECT_REPLY("CLIENT NO-TOUCH maybe", kSyntaxError);
}

TEST_F(SessionTest, ClientInfoAndList) {
  client_("CLIENT SETNAME me");
  client_("CLIENT SETINFO LIB-NAME l");
  server_.clock.now_ms += 2500;
  const std::string info = client_("CLIENT INFO");
  EXPECT_NE(info.find("id=1 addr=127.0.0.1:40001 name=me age=2 idle=0 flags=N db=0"),
            std::string::npos)
      << info;
  EXPECT_NE(info.find("cmd=client|info user=default resp=2 lib-name=l lib-ver="), std::string::npos)
      << info;
  TestClient other(server_);
  const std::string list = client_("CLIENT LIST");
  EXPECT_NE(list.find("id=1 "), std::string::npos);
  EXPECT_NE(list.find("id=2 "), std::string::npos);
  EXPECT_NE(list.find("cmd=NULL"), std::string::npos);
  EXPECT_EQ(client_("CLIENT LIST ID 2").find("id=1 "), std::string::npos);
  EXPECT_REPLY("CLIENT LIST TYPE pubsub", "$0 ");
  EXPECT_REPLY("CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'");
  EXPECT_REPLY("CLIENT LIST foo", kSyntaxError);
}

TEST_F(SessionTest, ClientKill) {
  TestClient second(server_);
  TestClient third(server_);
  EXPECT_REPLY("CLIENT KILL 1.2.3.4:5", "-ERR No such client");
  EXPECT_EQ(client_("CLIENT KILL " + second.address()), "+OK");
  EXPECT_TRUE(second.closed());
  EXPECT_REPLY("CLIENT KILL ID 0", "-ERR client-id should be greater than 0");
  EXPECT_REPLY("CLIENT KILL ID 99", ":0");
  EXPECT_EQ(client_("CLIENT KILL ID " + std::to_string(third.id()) + " SKIPME yes"), ":1");
  EXPECT_TRUE(third.closed());
  EXPECT_REPLY("CLIENT KILL USER nobody", "-ERR No such user 'nobody'");
  EXPECT_REPLY("CLIENT KILL ID 1 SKIPME no", ":1");
  EXPECT_TRUE(client_.closed());
}

// --- Strings

TEST_F(SessionTest, SetAndGet) {
  EXPECT_REPLY("GET k", "$-1");
  EXPECT_REPLY("SET k hello", "+OK");
  EXPECT_REPLY("GET k", "$5 hello");
  EXPECT_REPLY("SET k ''", "+OK");
  EXPECT_REPLY("GET k", "$0 ");
  EXPECT_REPLY("SET 42 integer", "+OK");
  EXPECT_REPLY("GET 42", "$7 integer");
  EXPECT_REPLY("GET 042", "$-1");
}

TEST_F(SessionTest, SetOptions) {
  EXPECT_REPLY("SET k 1 NX", "+OK");
  EXPECT_REPLY("SET k 2 NX", "$-1");
  EXPECT_REPLY("SET k 3 XX", "+OK");
  EXPECT_REPLY("SET no 3 XX", "$-1");
  EXPECT_REPLY("SET k 4 GET", "$1 3");
  EXPECT_REPLY("SET k2 4 GET", "$-1");
  EXPECT_REPLY("SET k2 5 NX GET", "$1 4");
  EXPECT_REPLY("SET k3 5 NX GET", "$-1");
  EXPECT_REPLY("GET k3", "$1 5");
  EXPECT_REPLY("SET k4 5 XX GET", "$-1");
  EXPECT_REPLY("GET k4", "$-1");
  EXPECT_REPLY("SET k 1 EX 10", "+OK");
  EXPECT_REPLY("TTL k", ":10");
  EXPECT_REPLY("SET k 1 KEEPTTL", "+OK");
  EXPECT_REPLY("TTL k", ":10");
  EXPECT_REPLY("SET k 1", "+OK");
  EXPECT_REPLY("TTL k", ":-1");
  EXPECT_REPLY("SET k 1 PXAT 1700000005000", "+OK");
  EXPECT_REPLY("PTTL k", ":5000");
  EXPECT_REPLY("SET k 1 EXAT 1", "+OK");
  EXPECT_REPLY("GET k", "$-1");
}

TEST_F(SessionTest, SetErrors) {
  constexpr std::string_view kInvalid = "-ERR invalid expire time in 'set' command";
  EXPECT_REPLY("SET k 1 EX 0", kInvalid);
  EXPECT_REPLY("SET k 1 PX -1", kInvalid);
  EXPECT_REPLY("SET k 1 EX 9223372036854775807", kInvalid);
  EXPECT_REPLY("SET k 1 PX 9223372036854775807", kInvalid);
  EXPECT_REPLY("SET k 1 EX x", kNotAnInteger);
  EXPECT_REPLY("SET k 1 EX", kSyntaxError);
  EXPECT_REPLY("SET k 1 NX XX", kSyntaxError);
  EXPECT_REPLY("SET k 1 EX 1 PX 1", kSyntaxError);
  EXPECT_REPLY("SET k 1 EX 1 KEEPTTL", kSyntaxError);
  EXPECT_REPLY("SET k 1 PERSIST", kSyntaxError);
  EXPECT_REPLY("SET k 1 FOO", kSyntaxError);
  EXPECT_REPLY("EXISTS k", ":0");
}

TEST_F(SessionTest, SetVariants) {
  EXPECT_REPLY("SETEX k 10 v", "+OK");
  EXPECT_REPLY("TTL k", ":10");
  EXPECT_REPLY("SETEX k 0 v", "-ERR invalid expire time in 'setex' command");
  EXPECT_REPLY("PSETEX k 1500 v", "+OK");
  EXPECT_REPLY("PTTL k", ":1500");
  EXPECT_REPLY("TTL k", ":2");
  EXPECT_REPLY("PSETEX k 0 v", "-ERR invalid expire time in 'psetex' command");
  EXPECT_REPLY("SETNX k w", ":0");
  EXPECT_REPLY("SETNX n w", ":1");
  EXPECT_REPLY("GETSET n x", "$1 w");
  EXPECT_REPLY("GETSET m x", "$-1");
  EXPECT_REPLY("GETDEL m", "$1 x");
  EXPECT_REPLY("GETDEL m", "$-1");
}

TEST_F(SessionTest, GetEx) {
  EXPECT_REPLY("GETEX k EX 10", "$-1");
  client_("SET k v");
  EXPECT_REPLY("GETEX k EX 10", "$1 v");
  EXPECT_REPLY("TTL k", ":10");
  EXPECT_REPLY("GETEX k", "$1 v");
  EXPECT_REPLY("TTL k", ":10");
  EXPECT_REPLY("GETEX k PERSIST", "$1 v");
  EXPECT_REPLY("TTL k", ":-1");
  EXPECT_REPLY("GETEX k EX 0", "-ERR invalid expire time in 'getex' command");
  EXPECT_REPLY("GETEX k PERSIST EX 1", kSyntaxError);
  EXPECT_REPLY("GETEX k EXAT 1", "$1 v");
  EXPECT_REPLY("GET k", "$-1");
}

TEST_F(SessionTest, MgetAndMset) {
  EXPECT_REPLY("MSET a 1 b 2 a 3", "+OK");
  EXPECT_REPLY("MGET a nope b", "*3 $1 3 $-1 $1 2");
  EXPECT_REPLY("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command");
  EXPECT_REPLY("MGET", "-ERR wrong number of arguments for 'mget' command");
}

TEST_F(SessionTest, AReplyIsBounded) {
  EXPECT_EQ(client_.Call({"SET", "k", std::string(64 << 20, 'x')}), "+OK");
  EXPECT_REPLY("MGET k k k k k k k k k",
               "-ERR reply is longer than 536870912 bytes; ask for less at a time");
  EXPECT_EQ(client_("MGET k k").size(),
            std::string("*2 $67108864  $67108864 ").size() + (128 << 20));
  EXPECT_REPLY("PING", "+PONG");
}

TEST_F(SessionTest, Ranges) {
  client_("SET k 'Hello world'");
  EXPECT_REPLY("STRLEN k", ":11");
  EXPECT_REPLY("STRLEN no", ":0");
  EXPECT_REPLY("GETRANGE k 0 4", "$5 Hello");
  EXPECT_REPLY("GETRANGE k -5 -1", "$5 world");
  EXPECT_REPLY("GETRANGE k -100 2", "$3 Hel");
  EXPECT_REPLY("GETRANGE k 0 -100", "$1 H");
  EXPECT_REPLY("GETRANGE k -3 -5", "$0 ");
  EXPECT_REPLY("GETRANGE k 3 1", "$0 ");
  EXPECT_REPLY("GETRANGE k 20 30", "$0 ");
  EXPECT_REPLY("GETRANGE k -9223372036854775808 9223372036854775807", "$11 Hello world");
  EXPECT_REPLY("GETRANGE no 0 -1", "$0 ");
  EXPECT_REPLY("GETRANGE k 0 x", kNotAnInteger);
  EXPECT_REPLY("SETRANGE k 6 Redis", ":11");
  EXPECT_REPLY("GET k", "$11 Hello Redis");
  EXPECT_REPLY("SETRANGE z 2 x", ":3");
  EXPECT_EQ(client_("GET z"), std::string("$3 \0\0x", 6));
  EXPECT_REPLY("SETRANGE no 5 ''", ":0");
  EXPECT_REPLY("EXISTS no", ":0");
  EXPECT_REPLY("SETRANGE k -1 x", "-ERR offset is out of range");
  EXPECT_REPLY("SETRANGE k 536870912 x",
               "-ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  EXPECT_REPLY("APPEND k !", ":12");
  EXPECT_REPLY("APPEND new ab", ":2");
  EXPECT_REPLY("GET new", "$2 ab");
}

TEST_F(SessionTest, Counters) {
  EXPECT_REPLY("INCR n", ":1");
  EXPECT_REPLY("INCRBY n 10", ":11");
  EXPECT_REPLY("DECR n", ":10");
  EXPECT_REPLY("DECRBY n 15", ":-5");
  EXPECT_REPLY("GET n", "$2 -5");
  EXPECT_REPLY("INCRBY n x", kNotAnInteger);
  EXPECT_REPLY("DECRBY n -9223372036854775808", "-ERR decrement would overflow");
  client_("SET n 9223372036854775807 EX 10");
  EXPECT_REPLY("INCR n", "-ERR increment or decrement would overflow");
  EXPECT_REPLY("DECR n", ":9223372036854775806");
  EXPECT_REPLY("TTL n", ":10");
  for (const std::string_view text : {"abc", "01", "-0", "' 1'", "1.0", "9223372036854775808"}) {
    client_("SET n " + std::string(text));
    EXPECT_REPLY("INCR n", kNotAnInteger);
  }
}

// --- Keys and expiry

TEST_F(SessionTest, KeyCommands) {
  client_("MSET a 1 b 2 c 3");
  EXPECT_REPLY("EXISTS a b a nope", ":3");
  EXPECT_REPLY("TYPE a", "+string");
  EXPECT_REPLY("TYPE nope", "+none");
  EXPECT_REPLY("DBSIZE", ":3");
  EXPECT_REPLY("DEL a a nope", ":1");
  EXPECT_REPLY("UNLINK b", ":1");
  EXPECT_REPLY("FLUSHDB foo", kSyntaxError);
  EXPECT_REPLY("FLUSHDB ASYNC", "+OK");
  EXPECT_REPLY("DBSIZE", ":0");
  client_("SET a 1");
  EXPECT_REPLY("FLUSHALL", "+OK");
  EXPECT_REPLY("DBSIZE", ":0");
}

TEST_F(SessionTest, ExpiryIsToTheMillisecond) {
  client_("SET k v PX 100");
  server_.clock.now_ms += 99;
  EXPECT_REPLY("GET k", "$1 v");
  EXPECT_REPLY("PTTL k", ":1");
  server_.clock.now_ms += 1;
  EXPECT_REPLY("GET k", "$-1");
  EXPECT_REPLY("PTTL k", ":-2");
}

TEST_F(SessionTest, TimesToLive) {
  EXPECT_REPLY("TTL k", ":-2");
  EXPECT_REPLY("EXPIRETIME k", ":-2");
  EXPECT_REPLY("EXPIRE k 10", ":0");
  client_("SET k v");
  EXPECT_REPLY("TTL k", ":-1");
  EXPECT_REPLY("PEXPIRETIME k", ":-1");
  EXPECT_REPLY("EXPIRE k 10", ":1");
  EXPECT_REPLY("TTL k", ":10");
  EXPECT_REPLY("EXPIRETIME k", ":1700000010");
  EXPECT_REPLY("PEXPIRETIME k", ":1700000010000");
  EXPECT_REPLY("PEXPIRE k 1400", ":1");
  EXPECT_REPLY("TTL k", ":1");
  EXPECT_REPLY("EXPIREAT k 1700000100", ":1");
  EXPECT_REPLY("TTL k", ":100");
  EXPECT_REPLY("PEXPIREAT k 1700000000250", ":1");
  EXPECT_REPLY("PTTL k", ":250");
  EXPECT_REPLY("PERSIST k", ":1");
  EXPECT_REPLY("PERSIST k", ":0");
  EXPECT_REPLY("EXPIRE k -1", ":1");
  EXPECT_REPLY("EXISTS k", ":0");
}

TEST_F(SessionTest, ExpireConditions) {
  client_("SET k v");
  EXPECT_REPLY("EXPIRE k 100 GT", ":0");
  EXPECT_REPLY("EXPIRE k 100 XX", ":0");
  EXPECT_REPLY("EXPIRE k 100 LT", ":1");
  EXPECT_REPLY("EXPIRE k 50 GT", ":0");
  EXPECT_REPLY("EXPIRE k 200 GT", ":1");
  EXPECT_REPLY("EXPIRE k 300 LT", ":0");
  EXPECT_REPLY("EXPIRE k 100 NX", ":0");
  EXPECT_REPLY("EXPIRE k 100 xx lt", ":1");
  EXPECT_REPLY("TTL k", ":100");
  EXPECT_REPLY("EXPIRE k 1 NX XX",
               "-ERR NX and XX, GT or LT options at the same time are not compatible");
  EXPECT_REPLY("EXPIRE k 1 GT LT", "-ERR GT and LT options at the same time are not compatible");
  EXPECT_REPLY("EXPIRE k 1 ZZ", "-ERR Unsupported option ZZ");
  EXPECT_REPLY("EXPIRE k x", kNotAnInteger);
  EXPECT_REPLY("EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command");
  EXPECT_REPLY("PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command");
  EXPECT_REPLY("EXPIREAT k 9223372036854775807", "-ERR invalid expire time in 'expireat' command");
}

TEST_F(SessionTest, TheTimerRemovesExpiredKeys) {
  for (int i = 0; i < 100; ++i) client_("SET k" + std::to_string(i) + " v PX 10");
  server_.clock.now_ms += 10;
  EXPECT_REPLY("DBSIZE", ":100");
  for (int i = 0; i < 10; ++i) server_.shard().OnTimer();
  EXPECT_REPLY("DBSIZE", ":0");
  EXPECT_NE(client_("INFO stats").find("expired_keys:100"), std::string::npos);
}

TEST_F(SessionTest, KeysOf65536BytesAndNoMore) {
  const std::string fits(65536, 'k');
  const std::string too_long = fits + "k";
  constexpr std::string_view kError = "-ERR key is longer than 65536 bytes";
  EXPECT_EQ(client_.Call({"SET", fits, "v"}), "+OK");
  EXPECT_EQ(client_.Call({"GET", fits}), "$1 v");
  EXPECT_EQ(client_.Call({"GET", too_long}), kError);
  EXPECT_EQ(client_.Call({"DEL", fits, too_long}), kError);
  EXPECT_EQ(client_.Call({"MGET", "a", "b", too_long}), kError);
  EXPECT_EQ(client_.Call({"MSET", "a", too_long, too_long, "b"}), kError);
  EXPECT_REPLY("DBSIZE", ":1");
}

// --- KEYS and SCAN

TEST_F(SessionTest, KeysMatchesPatterns) {
  client_("MSET user:1 a user:2 b 42 c");
  EXPECT_REPLY("KEYS 4*", "*1 $2 42");
  EXPECT_TRUE(client_("KEYS *").starts_with("*3 "));
  EXPECT_TRUE(client_("KEYS user:[12]").starts_with("*2 "));
  EXPECT_REPLY("KEYS nope*", "*0");
}

TEST_F(SessionTest, ScanVisitsEveryKey) {
  for (int i = 0; i < 500; ++i) client_("SET " + std::to_string(i) + " v");
  std::vector<bool> seen(500);
  std::string cursor = "0";
  int calls = 0;
  do {
    // *2 $<n> <cursor> *<m> $<n> <key> ...
    std::istringstream reply(client_("SCAN " + cursor + " COUNT 50"));
    std::string word;
    reply >> word >> word >> cursor >> word;
    while (reply >> word >> word) seen[std::stoul(word)] = true;
    ++calls;
  } while (cursor != "0" && calls < 1000);
  EXPECT_GT(calls, 2);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 500);
}

TEST_F(SessionTest, ScanOptions) {
  client_("SET a v");
  EXPECT_REPLY("SCAN 0 COUNT 1000", "*2 $1 0 *1 $1 a");
  EXPECT_REPLY("SCAN 0 MATCH b* COUNT 1000", "*2 $1 0 *0");
  EXPECT_REPLY("SCAN 0 TYPE string COUNT 1000", "*2 $1 0 *1 $1 a");
  EXPECT_REPLY("SCAN 0 TYPE list COUNT 1000", "*2 $1 0 *0");
  EXPECT_REPLY("SCAN 18446744073709551615", "*2 $1 0 *0");
  EXPECT_REPLY("SCAN x", "-ERR invalid cursor");
  EXPECT_REPLY("SCAN 0 COUNT 0", kSyntaxError);
  EXPECT_REPLY("SCAN 0 COUNT x", kNotAnInteger);
  EXPECT_REPLY("SCAN 0 MATCH", kSyntaxError);
  EXPECT_REPLY("SCAN 0 FOO x", kSyntaxError);
}

// --- The server

TEST_F(SessionTest, ConfigAnswersWhatToolsAsk) {
  EXPECT_REPLY("CONFIG GET save", "*2 $4 save $0 ");
  EXPECT_REPLY("CONFIG GET appendonly", "*2 $10 appendonly $2 no");
  EXPECT_REPLY("CONFIG GET max*",
               "*6 $10 maxclients $5 10000 $9 maxmemory $10 1073741824 $16 "
               "maxmemory-policy $10 noeviction");
  EXPECT_REPLY("CONFIG GET nope", "*0");
  EXPECT_REPLY("CONFIG SET save ''", "+OK");
  EXPECT_REPLY("CONFIG SET maxmemory 1",
               "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - can't set "
               "immutable config");
  EXPECT_REPLY("CONFIG SET foo 1",
               "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
  client_("HELLO 3");
  EXPECT_REPLY("CONFIG GET save", "%1 $4 save $0 ");
}

TEST_F(SessionTest, InfoHasWhatClientsLookFor) {
  client_("SET k v EX 10");
  client_("GET k");
  client_("GET nope");
  const std::string info = client_("INFO");
  for (const std::string_view line : {"# Server",
                                      "redis_version:7.0.15",
                                      "shredder_version:",
                                      "v8_version:",
                                      "redis_mode:standalone",
                                      "run_id:",
                                      "connected_clients:1",
                                      "used_memory:",
                                      "maxmemory:1073741824",
                                      "number_of_libraries:0",
                                      "number_of_functions:0",
                                      "loading:0",
                                      "total_commands_processed:4",
                                      "instantaneous_ops_per_sec:",
                                      "keyspace_hits:1",
                                      "keyspace_misses:1",
                                      "role:master",
                                      "connected_slaves:0",
                                      "cluster_enabled:0",
                                      "db0:keys=1,expires=1,avg_ttl=0"}) {
    EXPECT_NE(info.find(line), std::string::npos) << line;
  }
  EXPECT_REPLY("INFO nosuchsection", "$0 ");
  EXPECT_REPLY("INFO cluster", "$30 # Cluster cluster_enabled:0 ");
  client_("HELLO 3");
  EXPECT_REPLY("INFO cluster", "=34 txt:# Cluster cluster_enabled:0 ");
}

TEST_F(SessionTest, OperationsPerSecond) {
  for (int tick = 0; tick < 16; ++tick) {
    for (int i = 0; i < 10; ++i) client_("PING");
    server_.clock.now_ms += 100;
    server_.shard().OnTimer();
  }
  EXPECT_NE(client_("INFO stats").find("instantaneous_ops_per_sec:100 "), std::string::npos);
}

TEST_F(SessionTest, CommandDescribesTheTable) {
  EXPECT_REPLY(
      "COMMAND INFO get nope",
      "*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 $5 "
      "flags *2 +RO +access $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 "
      "find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0 "
      "$-1");
  EXPECT_REPLY(
      "COMMAND DOCS dbsize",
      "*2 $6 dbsize *8 $7 summary $23 Count the tenant's keys $5 since $5 1.0.0 $5 group $6 "
      "server $10 complexity $4 O(1)");
  EXPECT_REPLY("COMMAND DOCS nope", "*0");
  const std::string count = client_("COMMAND COUNT").substr(1);
  EXPECT_TRUE(client_("COMMAND").starts_with("*" + count + " *10 "));
  EXPECT_TRUE(
      client_("COMMAND DOCS").starts_with("*" + std::to_string(2 * std::stoi(count)) + " "));
  EXPECT_REPLY("COMMAND LIST FILTERBY PATTERN *client|i*", "*2 $9 client|id $11 client|info");
  EXPECT_REPLY("COMMAND LIST FILTERBY MODULE x", "*0");
  EXPECT_REPLY("COMMAND LIST FOO", kSyntaxError);
  EXPECT_REPLY("COMMAND GETKEYS MSET a 1 b 2", "*2 $1 a $1 b");
  EXPECT_REPLY("COMMAND GETKEYS FCALL f 2 a b c", "*2 $1 a $1 b");
  EXPECT_REPLY("COMMAND GETKEYS FCALL f 9 a b c", "*0");
  EXPECT_REPLY("COMMAND GETKEYS PING x", "-ERR The command has no key arguments");
  EXPECT_REPLY("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command");
  EXPECT_REPLY("COMMAND GETKEYS foo x", "-ERR Invalid command specified");
  EXPECT_TRUE(client_("FUNCTION HELP").find("+LOAD +    Load a library.") != std::string::npos);
}

// --- Functions, as far as they need no library

TEST_F(SessionTest, FunctionsWithoutLibraries) {
  EXPECT_REPLY("FCALL f 0", "-ERR Function not found");
  EXPECT_REPLY("FCALL_RO f 0", "-ERR Function not found");
  EXPECT_REPLY("FCALL f", "-ERR wrong number of arguments for 'fcall' command");
  EXPECT_REPLY("FUNCTION LIST", "*0");
  EXPECT_REPLY("FUNCTION LIST FOO", "-ERR Unknown argument FOO");
  EXPECT_REPLY("FUNCTION LIST LIBRARYNAME", "-ERR library name argument was not given");
  EXPECT_REPLY("FUNCTION DELETE nope", "-ERR Library not found");
  EXPECT_REPLY("FUNCTION FLUSH FOO", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  EXPECT_REPLY("FUNCTION FLUSH SYNC", "+OK");
  EXPECT_REPLY("FUNCTION LOAD FOO code", "-ERR Unknown option given: FOO");
  EXPECT_REPLY("FUNCTION KILL", "-NOTBUSY No scripts in execution right now.");
  EXPECT_REPLY("FUNCTION STATS",
               "*4 $14 running_script $-1 $7 engines *4 $2 js *4 $15 libraries_count :0 $15 "
               "functions_count :0 $4 wasm *4 $15 libraries_count :0 $15 functions_count :0");
}

TEST_F(SessionTest, FcallReadsItsKeyCountAsRedisDoes) {
  ASSERT_EQ(client_.Call({"FUNCTION", "LOAD",
                          "#!js name=lib\n"
                          "export function count(keys, args) { return keys.length; }"}),
            "$3 lib");
  EXPECT_REPLY("FCALL count 2 a b c", "$1 2");
  EXPECT_REPLY("FCALL count x", "-ERR Bad number of keys provided");
  EXPECT_REPLY("FCALL count 2 a", "-ERR Number of keys can't be greater than number of args");
  EXPECT_REPLY("FCALL count -1", "-ERR Number of keys can't be negative");
  EXPECT_REPLY("FCALL_RO count 0",
               "-ERR Can not execute a script with write flag using *_ro command.");
  EXPECT_EQ(client_.Call({"FCALL", "count", "1", std::string(65537, 'k')}),
            "-ERR key is longer than 65536 bytes");
}

}  // namespace
}  // namespace shredder::server
