// Clients that come over a network card to a shard that has not their tenant.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "runtime/config/network_options.h"
#include "runtime/server/hash_slot.h"
#include "runtime/server/tenancy_test_support.h"

namespace shredder::server {
namespace {

// Each password is its tenant's name.
class TestDirectory final : public Authority {
 public:
  std::optional<control::AuthenticationAnswer> Authenticate(uint64_t connection,
                                                            std::string_view tenant,
                                                            std::string_view digest) override {
    control::AuthenticationAnswer answer{.connection = connection, .is_known = true};
    answer.tenant = tenant;
    answer.is_right = digest == config::Secret::OfPassword(tenant).Hex();
    answer.shard = shard;
    return answer;
  }
  std::optional<std::string> ExecuteTenantCommand(uint64_t, const Tenant&, resp::Protocol,
                                                  std::span<const std::string_view>) override {
    return "-ERR\r\n";
  }
  void OnLibraryChanged(const Tenant&, std::string_view, std::optional<std::string_view>) override {
  }
  bool OnMemoryMoved(const Tenant&, int) override { return true; }
  void OnSlotsLeft() override {}
  void HandOver(control::HandOver, net::UniqueFd, std::string) override {}
  void OnReleased(std::string_view) override {}

  uint32_t shard = 1;  // that has all tenants but red
};

config::ServerConfig TwoCards() {
  config::ServerConfig config;
  config.tenants.emplace_back().name = "red";
  config.tenants[0].secrets = {config::Secret::OfPassword("red")};
  config.network = config::Network::kDpdk;
  config.shards = 2;
  config.dpdk.ports = {{.device = "a", .address = "10.0.0.2"},
                       {.device = "b", .address = "10.0.0.3", .address6 = "fd00::3"}};
  return config;
}

class MovedTest : public testing::Test {
 protected:
  MovedTest() {
    server_.shard().set_authority(&directory_);
    client_.set_releasable(false);
  }

  TestDirectory directory_;
  TestServer server_{TwoCards()};
  TestClient client_{server_};
};

TEST_F(MovedTest, WhoseTenantIsOnAnotherShardIsToldWhere) {
  EXPECT_EQ(client_("CLUSTER SLOTS"), "-NOAUTH Authentication required.");
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  EXPECT_EQ(client_("GET foo"), "-MOVED 12182 10.0.0.3:7379");
  EXPECT_EQ(client_("SET {bar}x v"), "-MOVED 5061 10.0.0.3:7379");
  EXPECT_EQ(client_("FCALL f 2 foo bar"), "-MOVED 12182 10.0.0.3:7379");
  EXPECT_EQ(client_("FCALL f 3 foo bar"), "-MOVED 0 10.0.0.3:7379");
  EXPECT_EQ(client_("DBSIZE"), "-MOVED 0 10.0.0.3:7379");
  EXPECT_EQ(client_("MULTI"), "-MOVED 0 10.0.0.3:7379");
  EXPECT_EQ(client_("CLIENT LIST"), "-MOVED 0 10.0.0.3:7379");
  EXPECT_EQ(client_("GET"), "-ERR wrong number of arguments for 'get' command");
}

TEST_F(MovedTest, ItsClusterIsTheShardThatHasItsTenant) {
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  const std::string own = client_("CLUSTER MYID").substr(4);
  EXPECT_EQ(own.size(), 40u);
  EXPECT_TRUE(own.ends_with("0000")) << own;
  const std::string id = own.substr(0, 36) + "0001";
  EXPECT_EQ(client_("CLUSTER SLOTS"), "*1 *3 :0 :16383 *4 $8 10.0.0.3 :7379 $40 " + id + " *0");
  EXPECT_EQ(client_("CLUSTER KEYSLOT foo"), ":12182");
  const std::string nodes = client_("CLUSTER NODES");
  EXPECT_NE(nodes.find(own + " 10.0.0.2:7379@0 myself,master - 0 0 0 connected"), std::string::npos)
      << nodes;
  EXPECT_NE(nodes.find(id + " 10.0.0.3:7379@0 master - 0 0 0 connected 0-16383"), std::string::npos)
      << nodes;
  const std::string info = client_("CLUSTER INFO");
  EXPECT_NE(info.find("cluster_state:ok"), std::string::npos) << info;
  EXPECT_NE(info.find("cluster_known_nodes:2"), std::string::npos) << info;
  EXPECT_EQ(client_("CLUSTER SHARDS"),
            "*1 *4 $5 slots *2 :0 :16383 $5 nodes *1 *14 $2 id $40 " + id +
                " $4 port :7379 $2 ip $8 10.0.0.3 $8 endpoint $8 10.0.0.3 $4 role $6 master $18 "
                "replication-offset :0 $6 health $6 online");
}

TEST_F(MovedTest, WhoComesByAnIp6AddressIsToldOneWhereThereIsOne) {
  TestClient client(server_, "[fd00::9]");
  client.set_releasable(false);
  EXPECT_EQ(client("AUTH blue blue"), "+OK");
  EXPECT_EQ(client("GET foo"), "-MOVED 12182 fd00::3:7379");
  EXPECT_TRUE(client("CLUSTER SLOTS").starts_with("*1 *3 :0 :16383 *4 $7 fd00::3 :7379 "));
  EXPECT_NE(client("CLUSTER NODES").find(" 10.0.0.2:7379@0 myself"), std::string::npos);
}

TEST_F(MovedTest, ATenantThatComesFindsNobodyWhoWasToldToGo) {
  TestClient other(server_);
  other.set_releasable(false);
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  EXPECT_EQ(other("AUTH green green"), "+OK");
  config::TenantConfig blue;
  blue.name = "blue";
  std::string error;
  server_.shard().AddTenant(blue, store::Store::Create({}, &error), {});
  EXPECT_TRUE(client_.closed());
  EXPECT_FALSE(other.closed());
  directory_.shard = 0;
  TestClient again(server_);
  again.set_releasable(false);
  EXPECT_EQ(again("AUTH blue blue"), "+OK");
  EXPECT_EQ(again("GET foo"), "$-1");
}

TEST_F(MovedTest, OnItsOwnShardItsClusterIsThatOne) {
  EXPECT_EQ(client_("AUTH red red"), "+OK");
  EXPECT_EQ(client_("GET foo"), "$-1");
  EXPECT_TRUE(client_("CLUSTER SLOTS").starts_with("*1 *3 :0 :16383 *4 $8 10.0.0.2 :7379 "));
  EXPECT_NE(client_("CLUSTER NODES").find(" myself,master "), std::string::npos);
  EXPECT_NE(client_("INFO server").find("redis_mode:cluster"), std::string::npos);
}

TEST_F(MovedTest, WhatClientsSayFirstIsServedWithoutATenant) {
  EXPECT_TRUE(client_("HELLO 3 AUTH blue blue SETNAME me").starts_with("%7 "));
  EXPECT_EQ(client_("CLIENT GETNAME"), "$2 me");
  EXPECT_EQ(client_("CLIENT SETINFO LIB-NAME x"), "+OK");
  EXPECT_TRUE(client_("CLIENT ID").starts_with(":"));
  EXPECT_EQ(client_("PING"), "+PONG");
  EXPECT_EQ(client_("ECHO a"), "$1 a");
  EXPECT_EQ(client_("SELECT 0"), "+OK");
  const std::string info = client_("INFO");
  EXPECT_NE(info.find("cluster_enabled:1"), std::string::npos) << info;
  EXPECT_EQ(info.find("# Memory"), std::string::npos) << info;
  EXPECT_EQ(info.find("isolation"), std::string::npos) << info;
}

TEST_F(MovedTest, ItMayBecomeAnotherTenantsAndNobodysAgain) {
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  EXPECT_EQ(client_("AUTH blue guess"),
            "-WRONGPASS invalid username-password pair or user is disabled.");
  server_.clock.now_ms += 1000;
  server_.shard().OnTimer();
  EXPECT_EQ(client_("GET foo"), "-MOVED 12182 10.0.0.3:7379");
  EXPECT_EQ(client_("AUTH red red"), "+OK");
  EXPECT_EQ(client_("GET foo"), "$-1");
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  EXPECT_EQ(client_("GET foo"), "-MOVED 12182 10.0.0.3:7379");
  EXPECT_EQ(client_("RESET"), "+RESET");
  EXPECT_EQ(client_("GET foo"), "-NOAUTH Authentication required.");
  EXPECT_EQ(client_("CLUSTER SLOTS"), "-NOAUTH Authentication required.");
}

TEST_F(MovedTest, ItHasAsLongAsWhoHasNotAuthenticatedAndALargeRequestEndsIt) {
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  TestClient other(server_);
  other.set_releasable(false);
  EXPECT_EQ(other("AUTH blue blue"), "+OK");
  other.Send("*2\r\n$3\r\nGET\r\n$16385\r\n");
  EXPECT_EQ(other.Receive(), "-MOVED 0 10.0.0.3:7379");
  EXPECT_TRUE(other.closed());
  server_.clock.now_ms += server_.shard().config().auth_timeout_ms;
  server_.shard().OnTimer();
  EXPECT_TRUE(client_.closed());
}

TEST_F(MovedTest, ATenantOfNoNetworkCardOrOnItsWayIsAnError) {
  directory_.shard = 2;
  EXPECT_EQ(client_("AUTH blue blue"),
            "-ERR the tenant's process has no network card; connect over the kernel's network");
  directory_.shard = 0;
  EXPECT_EQ(client_("AUTH blue blue"),
            "-TRYAGAIN the tenant is on its way to another shard; authenticate again");
  EXPECT_EQ(client_("GET foo"), "-NOAUTH Authentication required.");
  directory_.shard = 1;
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
}

TEST_F(MovedTest, ItWaitsForNobodysCommand) {
  TestLoop loop;
  server_.shard().Attach(&loop);
  Tenant* const red = server_.shard().FindTenant("red");
  const uint64_t since_ms = server_.clock.now_ms - server_.shard().config().busy_reply_ms;
  EXPECT_EQ(client_("AUTH blue blue"), "+OK");
  std::string echo;
  loop.on_turn = [&] {
    if (!server_.shard().IsFull()) return server_.shard().GiveTurn(red, since_ms);
    echo = client_("ECHO a");
  };
  server_.shard().GiveTurn(red, since_ms);
  EXPECT_EQ(echo, "$1 a");
}

TEST_F(MovedTest, OverTheKernelsNetworkThereIsNoCluster) {
  TestClient kernel(server_);
  EXPECT_EQ(kernel("AUTH red red"), "+OK");
  for (const std::string_view command :
       {"CLUSTER SLOTS", "CLUSTER INFO", "CLUSTER KEYSLOT a", "CLUSTER MYID"}) {
    EXPECT_EQ(kernel(command), "-ERR This instance has cluster support disabled") << command;
  }
  EXPECT_NE(kernel("INFO").find("cluster_enabled:0"), std::string::npos);
}

}  // namespace
}  // namespace shredder::server
