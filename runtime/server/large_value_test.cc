// Large values: replies that are sent from where they lie, and writes that are received there.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/server/tenancy_test_support.h"
#include "runtime/server/test_client.h"

namespace shredder::server {
namespace {

class LargeValueTest : public testing::Test {
 protected:
  static std::string Text(size_t bytes, char first) {
    std::string text(bytes, '\0');
    for (size_t i = 0; i < bytes; i++) text[i] = static_cast<char>(first + i % 26);
    return text;
  }
  static std::string BulkOf(const std::string& text) {
    return "$" + std::to_string(text.size()) + " " + text;
  }

  const std::string old_ = Text(300'000, 'A');
  const std::string new_ = Text(300'000, 'a');
  TestServer server_;
  TestLoop loop_;  // before the clients: a shard that knows it may tell it of them
  TestClient reader_{server_};
  TestClient writer_{server_};
};

TEST_F(LargeValueTest, RepliesStayAsTheyWereWhateverBecomesOfTheKey) {
  const std::vector<std::vector<std::string_view>> writes = {
      {"SET", "k", new_},           {"SET", "k", "short"}, {"APPEND", "k", new_},
      {"SETRANGE", "k", "5", new_}, {"DEL", "k"},          {"GETDEL", "k"},
      {"EXPIRE", "k", "-1"},        {"FLUSHALL"},
  };
  for (const auto& write : writes) {
    ASSERT_EQ(writer_.Call({"SET", "k", old_}), "+OK");
    reader_.Send("GET k\r\nGETRANGE k 100000 199999\r\nSTRLEN k\r\n");
    std::string request = "*" + std::to_string(write.size()) + "\r\n";
    for (const std::string_view arg : write) {
      request += "$" + std::to_string(arg.size()) + "\r\n" + std::string(arg) + "\r\n";
    }
    writer_.Send(request);
    EXPECT_NE(writer_.Receive()[0], '-') << write[0];
    // Into the memory that was freed.
    for (const char* key : {"x", "y", "z"}) {
      ASSERT_EQ(writer_.Call({"SET", key, Text(300'000, '0')}), "+OK");
    }
    EXPECT_TRUE(reader_.Receive() ==
                BulkOf(old_) + " " + BulkOf(old_.substr(100'000, 100'000)) + " :300000")
        << write[0];
  }
}

TEST_F(LargeValueTest, AnExecRepliesWhatItsCommandsHaveSeen) {
  ASSERT_EQ(writer_.Call({"SET", "k", old_}), "+OK");
  writer_("MULTI");
  writer_.Call({"GET", "k"});
  writer_.Call({"SET", "k", new_});
  writer_.Call({"GET", "k"});
  writer_("DEL k");
  EXPECT_TRUE(writer_("EXEC") == "*4 " + BulkOf(old_) + " +OK " + BulkOf(new_) + " :1");
}

TEST_F(LargeValueTest, WhatIsBeingSentCountsAsTheTenantsUntilItIsSent) {
  Tenant& tenant = *server_.shard().FindTenant("default");
  const uint64_t empty = tenant.store->used_bytes();
  for (const auto& [read, remove] :
       {std::pair("GET k\r\n", "DEL k"), {"GETDEL k\r\n", "DEL k"}, {"GET k\r\n", "FLUSHALL"}}) {
    ASSERT_EQ(writer_.Call({"SET", "k", old_}), "+OK");
    reader_.Send(read);
    writer_(remove);
    EXPECT_EQ(writer_("EXISTS k"), ":0");
    EXPECT_GT(tenant.store->used_bytes(), empty + old_.size()) << read << remove;
    EXPECT_TRUE(reader_.Receive() == BulkOf(old_));
    EXPECT_EQ(writer_("DEL k"), ":0");
    EXPECT_EQ(tenant.store->used_bytes(), empty) << read << remove;
  }
}

TEST_F(LargeValueTest, WhatWasSentOfAnIdleTenantIsFreedByTheTimer) {
  Tenant& tenant = *server_.shard().FindTenant("default");
  const uint64_t empty = tenant.store->used_bytes();
  ASSERT_EQ(writer_.Call({"SET", "k", old_}), "+OK");
  reader_.Send("GET k\r\n");
  EXPECT_EQ(writer_("DEL k"), ":1");
  EXPECT_TRUE(reader_.Receive() == BulkOf(old_));
  for (int i = 0; i < 3; ++i) {
    server_.clock.now_ms += 1000;
    server_.shard().OnTimer();
  }
  EXPECT_EQ(tenant.store->used_bytes(), empty);
  EXPECT_FALSE(tenant.store->keeps_free_memory());
}

TEST_F(LargeValueTest, MemoryThatNothingNeedsGoesBackWhileThereIsNothingElseToDo) {
  server_.shard().Attach(&loop_);
  const store::Store& store = *server_.shard().FindTenant("default")->store;
  for (const char* key : {"a", "b"})
    ASSERT_EQ(writer_.Call({"SET", key, Text(30 << 20, 'a')}), "+OK");
  EXPECT_EQ(writer_("DEL a b"), ":2");
  EXPECT_GT(store.resident_bytes(), 60ull << 20);
  const auto tick = [&] {
    server_.clock.now_ms += 1000;
    server_.shard().OnTimer();
  };
  tick();
  EXPECT_FALSE(loop_.wants_idle);
  // A tick gives back a part of it, the idle loop the rest.
  tick();
  EXPECT_GT(store.resident_bytes(), 40ull << 20);
  EXPECT_TRUE(loop_.wants_idle);
  int pieces = 0;
  // Isolates at once, memory after a quiet millisecond.
  std::optional<uint64_t> quiet_ms = 0;
  while (quiet_ms == 0u) quiet_ms = loop_.idle(0);
  EXPECT_EQ(quiet_ms, 1u);
  EXPECT_GT(store.resident_bytes(), 40ull << 20);
  while (loop_.idle(1)) ++pieces;
  EXPECT_GT(pieces, 15);
  EXPECT_LT(store.resident_bytes(), 1ull << 20);
  // And the loop's own, where the shard is idle.
  loop_.trims = 0;
  for (int i = 0; i < 10; ++i) tick();
  EXPECT_GT(loop_.trims, 0);
  EXPECT_EQ(writer_.Call({"SET", "a", Text(30 << 20, 'b')}), "+OK");
  EXPECT_EQ(store.CheckInvariants(), "");
}

TEST_F(LargeValueTest, RequestsWaitForMemoryThatIsGivenBackHoweverLongTheTenantWasIdle) {
  server_.shard().Attach(&loop_);
  ASSERT_EQ(writer_.Call({"SET", "a", Text(30 << 20, 'a')}), "+OK");
  EXPECT_EQ(writer_("DEL a"), ":1");
  const auto tick = [&] {
    server_.clock.now_ms += 60'000;
    server_.shard().OnTimer();
  };
  tick();
  loop_.turns = 0;
  loop_.on_turn = [&] {
    if (loop_.turns > 1) return;
    writer_.Send("EXISTS a\r\n");
    EXPECT_TRUE(writer_.paused());
  };
  tick();
  EXPECT_GT(loop_.turns, 0);
  EXPECT_FALSE(writer_.paused());
  writer_.Serve();
  EXPECT_EQ(writer_.Receive(), ":0");
}

// --- Writes --------------------------------------------------------------------------------------

class LargeWriteTest : public LargeValueTest {
 protected:
  using Args = std::vector<std::string>;

  static std::string RequestOf(const Args& args) {
    std::string request = "*" + std::to_string(args.size()) + "\r\n";
    for (const std::string& arg : args) {
      request += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
    }
    return request;
  }
  // Sends the first part of the request, up to the middle of its large value; and the rest, which
  // is to be replied to.
  void Begin(const Args& args) {
    request_ = RequestOf(args);
    sent_ = request_.size() / 2;
    writer_.Send(request_.substr(0, sent_));
    EXPECT_EQ(writer_.Receive(), "");
    EXPECT_LT(writer_.unread_bytes(), 200u) << args[0];
  }
  std::string End() {
    writer_.Send(request_.substr(sent_));
    return writer_.Receive();
  }
  std::string Set(const Args& args) {
    Begin(args);
    return End();
  }
  std::string Get(std::string_view key) { return reader_.Call({"GET", key}); }
  store::Store& store() { return *server_.shard().FindTenant("default")->store; }

  std::string request_;
  size_t sent_ = 0;
};

TEST_F(LargeWriteTest, EachCommandThatSetsAValueReceivesItInPlaceAndRepliesAsEver) {
  const std::string expected = BulkOf(new_);
  EXPECT_EQ(Set({"SET", "k", new_}), "+OK");
  EXPECT_TRUE(Get("k") == expected);
  EXPECT_EQ(Set({"set", "17", new_, "EX", "100"}), "+OK");
  EXPECT_TRUE(Get("17") == expected);
  EXPECT_EQ(reader_("TTL 17"), ":100");
  EXPECT_EQ(Set({"SET", "17", new_, "KEEPTTL"}), "+OK");
  EXPECT_EQ(reader_("TTL 17"), ":100");
  EXPECT_EQ(Set({"SETEX", "k", "50", new_}), "+OK");
  EXPECT_EQ(reader_("TTL k"), ":50");
  EXPECT_EQ(Set({"PSETEX", "k", "60000", new_}), "+OK");
  EXPECT_EQ(reader_("TTL k"), ":60");
  EXPECT_EQ(Set({"SETNX", "n", new_}), ":1");
  EXPECT_TRUE(Get("n") == expected);
  EXPECT_EQ(Set({"SETNX", "n", old_}), ":0");
  EXPECT_TRUE(Get("n") == expected);
  EXPECT_TRUE(Set({"GETSET", "n", old_}) == expected);
  EXPECT_TRUE(Set({"SET", "n", new_, "XX", "GET"}) == BulkOf(old_));
  EXPECT_EQ(Set({"SET", "n", old_, "NX"}), "$-1");
  EXPECT_EQ(Set({"SET", "absent", old_, "XX"}), "$-1");
  EXPECT_TRUE(Get("n") == expected);
  EXPECT_EQ(Set({"SET", "n", old_, "SOON"}), "-ERR syntax error");
  EXPECT_EQ(Set({"SET", "n", old_, "EX", "never"}), "-ERR value is not an integer or out of range");
  EXPECT_EQ(Set({"SETEX", "n", "-1", old_}), "-ERR invalid expire time in 'setex' command");
  EXPECT_TRUE(Get("n") == expected);
  EXPECT_EQ(store().CheckInvariants(), "");
}

TEST_F(LargeWriteTest, WhatOthersDoMeanwhileHappensBeforeIt) {
  for (const char* other : {"SET k short", "DEL k", "FLUSHALL", "EXPIRE k 10", "APPEND k more"}) {
    ASSERT_EQ(reader_.Call({"SET", "k", old_}), "+OK");
    Begin({"SET", "k", new_});
    EXPECT_NE(reader_(other)[0], '-') << other;
    EXPECT_EQ(End(), "+OK");
    EXPECT_TRUE(Get("k") == BulkOf(new_)) << other;
    EXPECT_EQ(reader_("TTL k"), ":-1");
    EXPECT_EQ(store().CheckInvariants(), "");
  }
}

TEST_F(LargeWriteTest, RequestsBeforeAndBehindAreServedInTheirOrder) {
  const std::string stream = "ECHO one\r\n" + RequestOf({"SET", "k", new_}) + "STRLEN k\r\n" +
                             RequestOf({"SET", "k", old_ + old_}) + "STRLEN k\r\nECHO two\r\n";
  for (size_t piece = 10'007; piece < stream.size(); piece += 30'011) {
    for (size_t at = 0; at < stream.size(); at += piece) writer_.Send(stream.substr(at, piece));
    EXPECT_EQ(writer_.Receive(), "$3 one +OK :300000 +OK :600000 $3 two");
  }
}

TEST_F(LargeWriteTest, InATransactionAndOtherCommandsAreAsEver) {
  EXPECT_EQ(writer_("MULTI"), "+OK");
  const std::string request = RequestOf({"SET", "k", new_});
  writer_.Send(request.substr(0, 100'000));
  writer_.Send(request.substr(100'000));
  EXPECT_EQ(writer_.Receive(), "+QUEUED");
  EXPECT_EQ(writer_("EXEC"), "*1 +OK");
  EXPECT_TRUE(Get("k") == BulkOf(new_));
  for (const Args& args :
       {Args{"APPEND", "k", new_}, Args{"MSET", "k", new_, "l", old_},
        Args{"SETRANGE", "k", "0", old_}, Args{"ECHO", new_}, Args{"NOSUCH", "k", new_}}) {
    const std::string stream = RequestOf(args);
    writer_.Send(stream.substr(0, 100'000));
    EXPECT_EQ(writer_.unread_bytes(), 100'000u);
    writer_.Send(stream.substr(100'000));
    EXPECT_NE(writer_.Receive(), "") << args[0];
  }
}

TEST_F(LargeWriteTest, ThatIsNeverSentGivesItsMemoryBack) {
  const uint64_t empty = store().used_bytes();
  {
    TestClient client(server_);
    client.Send(RequestOf({"SET", "k", new_}).substr(0, 100'000));
    EXPECT_GT(store().used_bytes(), empty + new_.size());
  }
  for (int i = 0; i < 3; ++i) {
    server_.clock.now_ms += 1000;
    server_.shard().OnTimer();
  }
  EXPECT_EQ(store().used_bytes(), empty);
}

TEST_F(LargeWriteTest, WatchSeesIt) {
  reader_("WATCH k");
  EXPECT_EQ(Set({"SET", "k", new_}), "+OK");
  reader_("MULTI");
  reader_("PING");
  EXPECT_EQ(reader_("EXEC"), "*-1");
}

}  // namespace
}  // namespace shredder::server
