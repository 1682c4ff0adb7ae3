// Replies that are sent from where a large value lies.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  ASSERT_EQ(writer_.Call({"SET", "k", old_}), "+OK");
  reader_.Send("GET k\r\n");
  EXPECT_EQ(writer_("DEL k"), ":1");
  EXPECT_GT(tenant.store->used_bytes(), empty + old_.size());
  EXPECT_TRUE(reader_.Receive() == BulkOf(old_));
  EXPECT_EQ(writer_("DEL k"), ":0");
  EXPECT_EQ(tenant.store->used_bytes(), empty);
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

}  // namespace
}  // namespace shredder::server
