#include "runtime/config/network_options.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/config/config_json.h"

namespace shredder::config {
namespace {

constexpr std::string_view kTenant = "[[tenant]]\nname = \"a\"\npassword = \"secret\"\n";

constexpr std::string_view kDpdk = R"([server]
network = "dpdk"
shards = 0
[dpdk]
device = "net_memif0,role=server,socket=/run/memif,socket-abstract=no"
address = "10.0.0.2/24"
)";

TEST(NetworkOptions, ANetworkCardIsReadWithEveryKey) {
  std::string error;
  const auto config = ParseConfig(std::string(kDpdk) + R"(address6 = "fd00::2"
gateway = "10.0.0.1"
core = 1
memory-mb = 512
mtu = 9000
vlan = 7
idle = "spin"
eal = ["--log-level=8", "--no-pci"]
)" + std::string(kTenant),
                                  "f.toml", &error);
  ASSERT_TRUE(config) << error;
  EXPECT_EQ(config->network, Network::kDpdk);
  const DpdkConfig& dpdk = config->dpdk;
  ASSERT_EQ(dpdk.ports.size(), 1u);
  const DpdkPort& port = dpdk.ports[0];
  EXPECT_EQ(port.device, "net_memif0,role=server,socket=/run/memif,socket-abstract=no");
  EXPECT_EQ(port.address, "10.0.0.2");
  EXPECT_EQ(port.prefix_bits, 24);
  EXPECT_EQ(port.address6, "fd00::2");
  EXPECT_EQ(port.core, 1u);
  EXPECT_EQ(PortOf(*config, 0), &port);
  EXPECT_EQ(PortOf(*config, 1), nullptr);
  EXPECT_EQ(dpdk.gateway, "10.0.0.1");
  EXPECT_EQ(dpdk.memory_mb, 512u);
  EXPECT_EQ(dpdk.mtu, 9000u);
  EXPECT_EQ(dpdk.vlan, 7u);
  EXPECT_TRUE(dpdk.spins);
  EXPECT_EQ(dpdk.eal, (std::vector<std::string>{"--log-level=8", "--no-pci"}));
  EXPECT_EQ(CheckNetwork(*config), "");
}

TEST(NetworkOptions, EachShardHasANetworkCardOfItsOwn) {
  std::string error;
  const auto config = ParseConfig(R"([server]
network = "dpdk"
shards = 2
[dpdk]
device = ["0000:03:00.0", "0000:03:00.1"]
address = ["10.0.0.2/24", "10.0.0.3/16"]
core = [2, 3]
gateway = "10.0.0.1"
)" + std::string(kTenant),
                                  "f.toml", &error);
  ASSERT_TRUE(config) << error;
  EXPECT_EQ(CheckNetwork(*config), "");
  ASSERT_EQ(config->dpdk.ports.size(), 2u);
  EXPECT_EQ(*PortOf(*config, 0), (DpdkPort{"0000:03:00.0", "10.0.0.2", 24, "", 2}));
  EXPECT_EQ(*PortOf(*config, 1), (DpdkPort{"0000:03:00.1", "10.0.0.3", 16, "", 3}));
  EXPECT_EQ(PortOf(*config, 2), nullptr);
  EXPECT_EQ(ServerFromJson(ToJson(*config)), config);
}

TEST(NetworkOptions, ABadNetworkCardIsRefusedWithItsLine) {
  struct Case {
    std::string_view line;
    std::string_view error;
  };
  constexpr Case kCases[] = {
      {"device = \"\"", "f.toml:2: dpdk.device has 0 bytes; give a line of 1 to 1024"},
      {"device = \"a\\nb\"", "f.toml:2: dpdk.device has 3 bytes; give a line"},
      {"address = \"10.0.0.2\"", "f.toml:2: dpdk.address is '10.0.0.2', not an IPv4 address and "},
      {"address = \"10.0.0.2/32\"", "f.toml:2: dpdk.address is '10.0.0.2/32', not"},
      {"address = \"10.0.0.2/8x\"", "f.toml:2: dpdk.address is '10.0.0.2/8x', not"},
      {"address = \"fd00::2/64\"", "f.toml:2: dpdk.address is 'fd00::2/64', not"},
      {"address6 = \"10.0.0.2\"", "f.toml:2: dpdk.address6 is '10.0.0.2', not an IPv6 address"},
      {"gateway = \"x\"", "f.toml:2: dpdk.gateway is 'x', not an IPv4 address; give one such as"},
      {"core = -1", "f.toml:2: dpdk.core is -1, out of range"},
      {"mtu = 1279", "f.toml:2: dpdk.mtu is 1279, out of range; give a number from 1280 to 9000"},
      {"vlan = 4095", "f.toml:2: dpdk.vlan is 4095, out of range"},
      {"memory-mb = 1", "f.toml:2: dpdk.memory-mb is 1, out of range"},
      {"idle = \"doze\"", "f.toml:2: dpdk.idle is 'doze'; give sleep or spin"},
      {"eal = \"-l 1\"", "f.toml:2: dpdk.eal must be an array of strings"},
      {"eal = [1]", "f.toml:2: dpdk.eal must be a string, in quotes"},
      {"device = []", "f.toml:2: dpdk.device has 0 values; give one for each shard, of 1 to 64"},
      {"device = [\"a\", 1]", "f.toml:2: dpdk.device must be a string, in quotes"},
      {"address = [\"10.0.0.2/24\", \"x\"]", "f.toml:2: dpdk.address is 'x', not an IPv4"},
      {"core = [1, 2000]", "f.toml:2: dpdk.core is 2000, out of range"},
      {"queue = 1", "f.toml:2: unknown key 'dpdk.queue'; known are address, address6, core, "},
  };
  for (const Case& c : kCases) {
    std::string error;
    EXPECT_FALSE(ParseConfig("[dpdk]\n" + std::string(c.line) + "\n" + std::string(kTenant),
                             "f.toml", &error));
    EXPECT_TRUE(error.starts_with(c.error)) << c.line << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(NetworkOptions, ANetworkCardTakesAPortAndADeviceAndAnAddressForEachProcess) {
  std::string error;
  auto config = ParseConfig(std::string(kDpdk) + std::string(kTenant), "f.toml", &error);
  ASSERT_TRUE(config) << error;
  const auto problem_with = [&](auto change) {
    ServerConfig changed = *config;
    change(changed);
    return CheckNetwork(changed);
  };
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.dpdk.ports.clear(); }),
            "network is dpdk, and [dpdk] device is given 0 times, not 1, once for each process; "
            "give one such as 0000:03:00.1");
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.dpdk.ports[0].address.clear(); }),
            "network is dpdk, and [dpdk] address is given 0 times, not 1, once for each process; "
            "give one such as 10.0.0.2/24");
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.shards = 3; }),
            "network is dpdk, and [dpdk] device is given 1 times, not 3, once for each process; "
            "give one such as 0000:03:00.1");
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.dpdk.ports.push_back({.core = 1}); }),
            "network is dpdk, and [dpdk] core or address6 is given more often than device");
  EXPECT_EQ(problem_with([](ServerConfig& c) {
              c.shards = 2;
              c.dpdk.ports.push_back({.device = "other", .address = "10.0.0.2"});
            }),
            "network is dpdk, and shards 0 and 1 both have 10.0.0.2; give each its own device and "
            "addresses");
  const auto two_with_cores = [&](std::optional<uint64_t> a, std::optional<uint64_t> b) {
    return problem_with([&](ServerConfig& c) {
      c.shards = 2;
      c.dpdk.ports[0].core = a;
      c.dpdk.ports.push_back({.device = "other", .address = "10.0.0.3", .core = b});
    });
  };
  EXPECT_EQ(two_with_cores(1, 2), "");
  EXPECT_EQ(two_with_cores(1, std::nullopt),
            "network is dpdk, and [dpdk] core is given 1 times, not 2, once for each process; give "
            "one such as 2");
  EXPECT_EQ(two_with_cores(1, 1),
            "network is dpdk, and shards 0 and 1 both have core 1; give each its own");
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.port = 0; }),
            "network is dpdk, and port is 0; give the port that clients know");
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.shards.reset(); }),
            "network is dpdk, and nothing says of how many shards; give shards, 0 for one process");
  EXPECT_EQ(problem_with([](ServerConfig& c) { c.network = Network::kKernel, c.shards = 2; }), "");
}

}  // namespace
}  // namespace shredder::config
