#include "runtime/config/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "runtime/config/command_line.h"
#include "runtime/config/tenant_options.h"
#include "runtime/config/values.h"

namespace shredder::config {
namespace {

constexpr std::string_view kTenant = "[[tenant]]\nname = \"a\"\npassword = \"secret\"\n";

std::string ErrorOf(std::string_view text) {
  std::string error;
  EXPECT_FALSE(ParseConfig(text, "f.toml", &error).has_value()) << text;
  return error;
}

TEST(Config, ReadsEveryKey) {
  std::string error;
  const auto config = ParseConfig(R"([server]
bind = "::1"
port = 0
unix-socket = "/tmp/s"
max-clients = 7
backend = "epoll"
log-level = "warn"
deadline-ms = 1
wall-deadline-ms = 72000000
load-deadline-ms = 2
load-wall-deadline-ms = 2
heap-limit-mb = 8
idle-after-ms = 100
busy-reply-ms = 3
shards = 0
shard-silence-ms = 10
auth-timeout-ms = 100
max-unauthenticated = 1000000
isolate-after-crashes = 0
core-dumps = true
callback-builtins = true

[[tenant]]
name = "a"
password = "secret"
memory = "256mb"
deadline-ms = 9
wall-deadline-ms = 10
isolation = "process"

[[tenant]]
name = "0_b-c"
password-sha256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
admin = true
)",
                                  "f.toml", &error);
  ASSERT_TRUE(config) << error;
  EXPECT_EQ(config->bind, "::1");
  EXPECT_EQ(config->port, 0);
  EXPECT_EQ(config->unix_socket, "/tmp/s");
  EXPECT_EQ(config->max_clients, 7u);
  EXPECT_EQ(config->backend, net::Backend::kEpoll);
  EXPECT_EQ(config->log_level, "warn");
  EXPECT_EQ(config->deadline_ms, 1u);
  EXPECT_EQ(config->wall_deadline_ms, 72'000'000u);
  EXPECT_EQ(config->load_deadline_ms, 2u);
  EXPECT_EQ(config->load_wall_deadline_ms, 2u);
  EXPECT_EQ(config->heap_limit_mb, 8u);
  EXPECT_EQ(config->idle_after_ms, 100u);
  EXPECT_EQ(config->busy_reply_ms, 3u);
  EXPECT_EQ(config->shards, 0u);
  EXPECT_EQ(config->shard_silence_ms, 10u);
  EXPECT_EQ(config->auth_timeout_ms, 100u);
  EXPECT_EQ(config->max_unauthenticated, 1'000'000u);
  EXPECT_EQ(config->isolate_after_crashes, 0u);
  EXPECT_TRUE(config->core_dumps);
  EXPECT_TRUE(config->callback_builtins);
  ASSERT_EQ(config->tenants.size(), 2u);
  EXPECT_EQ(config->tenants[0].memory_bytes, 256u << 20);
  EXPECT_EQ(config->tenants[0].deadline_ms, 9u);
  EXPECT_EQ(config->tenants[0].wall_deadline_ms, 10u);
  EXPECT_EQ(config->tenants[0].secrets, Secrets{Secret::OfPassword("secret")});
  EXPECT_FALSE(config->tenants[0].admin);
  EXPECT_EQ(config->tenants[1].name, "0_b-c");
  EXPECT_EQ(config->tenants[1].memory_bytes, 1u << 30);
  EXPECT_FALSE(config->tenants[1].deadline_ms.has_value());
  EXPECT_FALSE(config->tenants[1].wall_deadline_ms.has_value());
  EXPECT_EQ(config->tenants[1].secrets, Secrets{Secret::OfPassword("test")});
  EXPECT_TRUE(config->tenants[1].admin);
}

TEST(Config, ATenantMayHaveTwoPasswordsOfAnyKind) {
  const std::string hex = Secret::OfPassword("y").Hex();
  const Secrets both = {Secret::OfPassword("x"), Secret::OfPassword("y")};
  for (const std::string& passwords :
       {std::string("password = [\"x\", \"y\"]\n"),
        "password = \"x\"\npassword-sha256 = \"" + hex + "\"\n",
        "password = [\"x\"]\npassword-sha256 = [\"" + hex + "\"]\n"}) {
    std::string error;
    const auto config = ParseConfig("[[tenant]]\nname = \"a\"\n" + passwords, "f.toml", &error);
    ASSERT_TRUE(config) << error;
    EXPECT_EQ(config->tenants[0].secrets, both) << passwords;
  }
}

TEST(Config, ASecretIsAcceptedWhicheverItIs) {
  TenantConfig tenant;
  EXPECT_TRUE(tenant.Accepts(Secret::OfPassword("x")));
  tenant.secrets = {Secret::OfPassword("x")};
  EXPECT_TRUE(tenant.Accepts(Secret::OfPassword("x")));
  EXPECT_FALSE(tenant.Accepts(Secret::OfPassword("y")));
  tenant.secrets.push_back(Secret::OfPassword("y"));
  EXPECT_TRUE(tenant.Accepts(Secret::OfPassword("x")));
  EXPECT_TRUE(tenant.Accepts(Secret::OfPassword("y")));
  EXPECT_FALSE(tenant.Accepts(Secret::OfPassword("z")));
  EXPECT_FALSE(Accepts({Secret::Unmatchable()}, Secret::OfPassword("")));
}

TEST(Config, AsManyTenantsAsThereMayBe) {
  std::string text;
  for (size_t i = 0; i < kMaxTenants; ++i) {
    text += "[[tenant]]\nname = \"t" + std::to_string(i) + "\"\npassword = \"p" +
            std::to_string(i) + "\"\n";
  }
  std::string error;
  const auto config = ParseConfig(text, "f.toml", &error);
  ASSERT_TRUE(config) << error;
  EXPECT_EQ(config->tenants.size(), kMaxTenants);
  EXPECT_EQ(ErrorOf(text + "[[tenant]]\nname = \"a\"\npassword = \"b\"\n"),
            "f.toml:1: 100001 tenants; give at most 100000");
}

TEST(Config, ATenantAloneIsEnough) {
  std::string error;
  const auto config = ParseConfig(kTenant, "f.toml", &error);
  ASSERT_TRUE(config) << error;
  EXPECT_EQ(config->bind, "127.0.0.1");
  EXPECT_EQ(config->port, 7379);
  EXPECT_EQ(config->deadline_ms, 50u);
}

// Each bad line in an otherwise good file is refused, with its place and what to write instead.
TEST(Config, RefusesEveryBadValue) {
  struct Case {
    std::string_view line;
    std::string_view error;
  };
  constexpr Case kServerCases[] = {
      {"port = 65536",
       "f.toml:2: server.port is 65536, out of range; give a number from 0 to 65535"},
      {"port = -1", "f.toml:2: server.port is -1, out of range; give a number from 0 to 65535"},
      {"port = \"7379\"", "f.toml:2: server.port must be an integer, without quotes"},
      {"port = 1.5", "f.toml:2: server.port must be an integer, without quotes"},
      {"port = true", "f.toml:2: server.port must be an integer, without quotes"},
      {"bind = 1", "f.toml:2: server.bind must be a string, in quotes"},
      {"bind = \"\"", "f.toml:2: server.bind is '', not an IP address"},
      {"bind = \"example.com\"", "f.toml:2: server.bind is 'example.com', not an IP address"},
      {"bind = \"127.0.0.256\"", "f.toml:2: server.bind is '127.0.0.256', not an IP address"},
      {"unix-socket = \"\"", "f.toml:2: server.unix-socket has 0 bytes"},
      {"unix-socket = \"a\\u0000b\"", "f.toml:2: server.unix-socket has 3 bytes"},
      {"max-clients = 0", "f.toml:2: server.max-clients is 0, out of range"},
      {"max-clients = 1000001", "f.toml:2: server.max-clients is 1000001, out of range"},
      {"backend = \"kqueue\"", "f.toml:2: server.backend is 'kqueue', not a backend"},
      {"log-level = \"loud\"", "f.toml:2: server.log-level is 'loud', not a log level"},
      {"log-level = 1", "f.toml:2: server.log-level must be a string"},
      {"deadline-ms = 0", "f.toml:2: server.deadline-ms is 0, out of range"},
      {"deadline-ms = 3600001", "f.toml:2: server.deadline-ms is 3600001, out of range"},
      {"wall-deadline-ms = 0", "f.toml:2: server.wall-deadline-ms is 0, out of range"},
      {"wall-deadline-ms = 72000001",
       "f.toml:2: server.wall-deadline-ms is 72000001, out of range; give a number from 1 to "
       "72000000"},
      {"wall-deadline-ms = 49",
       "f.toml: wall-deadline-ms is 49, less than deadline-ms, which is 50; give at least 50"},
      {"load-deadline-ms = 0", "f.toml:2: server.load-deadline-ms is 0, out of range"},
      {"load-wall-deadline-ms = 0", "f.toml:2: server.load-wall-deadline-ms is 0, out of range"},
      {"load-wall-deadline-ms = 499",
       "f.toml: load-wall-deadline-ms is 499, less than load-deadline-ms, which is 500; give"},
      {"heap-limit-mb = 7", "f.toml:2: server.heap-limit-mb is 7, out of range"},
      {"heap-limit-mb = 4097", "f.toml:2: server.heap-limit-mb is 4097, out of range"},
      {"busy-reply-ms = 0", "f.toml:2: server.busy-reply-ms is 0, out of range"},
      {"shards = -1", "f.toml:2: server.shards is -1, out of range; give a number from 0 to 64"},
      {"shards = 65", "f.toml:2: server.shards is 65, out of range"},
      {"shard-silence-ms = 9", "f.toml:2: server.shard-silence-ms is 9, out of range"},
      {"shard-silence-ms = 60001", "f.toml:2: server.shard-silence-ms is 60001, out of range"},
      {"auth-timeout-ms = 99", "f.toml:2: server.auth-timeout-ms is 99, out of range"},
      {"max-unauthenticated = 0", "f.toml:2: server.max-unauthenticated is 0, out of range"},
      {"isolate-after-crashes = 1001", "f.toml:2: server.isolate-after-crashes is 1001, out of"},
      {"core-dumps = 1", "f.toml:2: server.core-dumps must be true or false"},
      {"callback-builtins = 1", "f.toml:2: server.callback-builtins must be true or false"},
      {"callback-builtins = \"true\"", "f.toml:2: server.callback-builtins must be true or false"},
      {"prot = 1", "f.toml:2: unknown key 'server.prot'; known are auth-timeout-ms,"},
      {"Port = 1", "f.toml:2: unknown key 'server.Port'"},
      {"port = [1]", "f.toml:2: server.port must be an integer"},
      {"[server.tls]", "f.toml:2: unknown key 'server.tls'"},
      {"port = 1\nport = 2", "f.toml:3: "},
      {"port =", "f.toml:2: "},
      {"port = 99999999999999999999", "f.toml:2: "},
  };
  for (const Case& c : kServerCases) {
    const std::string error =
        ErrorOf("[server]\n" + std::string(c.line) + "\n" + std::string(kTenant));
    EXPECT_TRUE(error.starts_with(c.error)) << c.line << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  constexpr Case kTenantCases[] = {
      {"memory = \"1023kb\"", "f.toml:4: tenant.memory is '1023kb', out of range"},
      {"memory = \"65gb\"", "f.toml:4: tenant.memory is '65gb', out of range"},
      {"memory = \"many\"", "f.toml:4: tenant.memory is 'many', not a size"},
      {"memory = \"256 mb\"", "f.toml:4: tenant.memory is '256 mb', not a size"},
      {"memory = \"-1mb\"", "f.toml:4: tenant.memory is '-1mb', not a size"},
      {"memory = \"99999999999999999gb\"", "f.toml:4: tenant.memory is '99999999999999999gb', not"},
      {"memory = 1", "f.toml:4: tenant.memory must be a string"},
      {"deadline-ms = 0", "f.toml:4: tenant.deadline-ms is 0, out of range"},
      {"wall-deadline-ms = 0", "f.toml:4: tenant.wall-deadline-ms is 0, out of range"},
      {"wall-deadline-ms = 49",
       "f.toml: tenant 'a': wall-deadline-ms is 49, less than deadline-ms, which is 50; give"},
      {"deadline-ms = 60\nwall-deadline-ms = 59",
       "f.toml: tenant 'a': wall-deadline-ms is 59, less than deadline-ms, which is 60; give"},
      {"isolation = \"thread\"",
       "f.toml:4: tenant.isolation is 'thread', not an isolation; give context, isolate or "
       "process"},
      {"isolation = \"Process\"", "f.toml:4: tenant.isolation is 'Process', not an isolation"},
      {"isolation = true", "f.toml:4: tenant.isolation must be a string, in quotes"},
      {"quota = 1", "f.toml:4: unknown key 'tenant.quota'; known are admin, array-"},
      {"ops-per-second = 0", "f.toml:4: tenant.ops-per-second is 0, out of range"},
      {"cpu-ms-per-second = 1001", "f.toml:4: tenant.cpu-ms-per-second is 1001, out of range"},
      {"max-reply = 65536", "f.toml:4: tenant.max-reply must be a string, in quotes"},
      {"max-clients = \"5\"", "f.toml:4: tenant.max-clients must be an integer, without quotes"},
      {"over-limit = \"no\"", "f.toml:4: tenant.over-limit is 'no'; give wait or refuse"},
      {"password-sha256 = \"00\"", "f.toml:4: tenant.password-sha256 is not a SHA-256 digest"},
      {"admin = \"yes\"", "f.toml:4: tenant.admin must be true or false, without quotes"},
      {"password-sha256 = []", "f.toml:4: tenant.password-sha256 must be a string, or an array"},
      {"password-sha256 = [1]", "f.toml:4: tenant.password-sha256 must be a string, or an array"},
      {"[[tenant]]\nname = \"b\"\npassword = [\"x\", \"x\"]",
       "f.toml:6: tenant.password has a password that is there already; remove one"},
      {"[[tenant]]\nname = \"b\"\npassword = [\"x\", \"y\", \"z\"]",
       "f.toml:6: tenant.password is one password too many; give at most 2, of both kinds"},
      {"[[tenant]]\nname = \"b\"\npassword = [\"x\", \"secret\"]",
       "f.toml:4: tenants 'a' and 'b' have the same password; give each its own"},
      {"[[tenant]]\nname = \"b\"", "f.toml:4: tenant 'b' has no password; add"},
      {"[[tenant]]\npassword = \"x\"", "f.toml:4: a tenant without a name; add"},
      {"[[tenant]]\nname = \"a\"\npassword = \"x\"", "f.toml:4: tenant 'a' is there twice"},
      {"[[tenant]]\nname = \"b\"\npassword = \"secret\"",
       "f.toml:4: tenants 'a' and 'b' have the same password; give each its own"},
      {"[[tenant]]\nname = \"b\"\npassword = \"\"", "f.toml:6: tenant.password is empty"},
      {"[[tenant]]\nname = \"\"\npassword = \"x\"", "f.toml:5: tenant.name is '', not a tenant's"},
      {"[[tenant]]\nname = \"B\"\npassword = \"x\"",
       "f.toml:5: tenant.name is 'B', not a tenant's"},
      {"[[tenant]]\nname = \"-b\"\npassword = \"x\"", "f.toml:5: tenant.name is '-b', not"},
      {"[[tenant]]\nname = \"b c\"\npassword = \"x\"", "f.toml:5: tenant.name is 'b c', not"},
      {"[other]", "f.toml:4: unknown key 'other'; a file has [server], [dpdk] and [[tenant]]"},
  };
  for (const Case& c : kTenantCases) {
    const std::string error = ErrorOf(std::string(kTenant) + std::string(c.line) + "\n");
    EXPECT_TRUE(error.starts_with(c.error)) << c.line << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  EXPECT_TRUE(ErrorOf("[[tenant]]\nname = \"" + std::string(64, 'a') + "\"\npassword = \"x\"\n")
                  .starts_with("f.toml:2: tenant.name is"));
  EXPECT_EQ(ErrorOf("[server]\nport = 1\n"),
            "f.toml: no tenant; add a [[tenant]] with a name and a password");
  EXPECT_EQ(ErrorOf(""), "f.toml: no tenant; add a [[tenant]] with a name and a password");
  EXPECT_EQ(ErrorOf("server = 1\n"), "f.toml:1: server must be a table; write [server]");
  EXPECT_EQ(ErrorOf("[tenant]\nname = \"a\"\n"),
            "f.toml:1: tenant must be an array of tables; write [[tenant]]");
}

TEST(Config, ATenantsDeadlineIsItsOwnOrTheServers) {
  struct Case {
    std::optional<uint64_t> cpu_ms;
    std::optional<uint64_t> wall_ms;
    Deadline deadline;
  };
  ServerConfig server;
  server.deadline_ms = 10;
  for (const Case& c : {Case{{}, {}, {10, 200}}, Case{30, {}, {30, 600}}, Case{{}, 40, {10, 40}},
                        Case{30, 40, {30, 40}}}) {
    TenantConfig tenant;
    tenant.deadline_ms = c.cpu_ms;
    tenant.wall_deadline_ms = c.wall_ms;
    EXPECT_EQ(DeadlineOf(tenant, server), c.deadline);
  }
  server.wall_deadline_ms = 50;
  EXPECT_EQ(DeadlineOf({}, server), (Deadline{10, 50}));
  TenantConfig tenant;
  tenant.deadline_ms = 100;
  EXPECT_EQ(DeadlineOf(tenant, server), (Deadline{100, 2000}));
}

// Whatever byte of a good file is lost, the result is a configuration or one line, never a crash.
TEST(Config, SurvivesLosingAnyByte) {
  const std::string good =
      "[server]\nport = 1234\nbind = \"127.0.0.1\"\n" + std::string(kTenant) + "memory = \"2mb\"\n";
  std::string error;
  ASSERT_TRUE(ParseConfig(good, "f.toml", &error)) << error;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string mutated = good;
    mutated.erase(i, 1);
    error.clear();
    if (!ParseConfig(mutated, "f.toml", &error)) {
      EXPECT_TRUE(error.starts_with("f.toml:")) << mutated;
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    }
  }
}

TEST(Config, MemorySizes) {
  EXPECT_EQ(ParseMemorySize("1"), 1u);
  EXPECT_EQ(ParseMemorySize("2kb"), 2048u);
  EXPECT_EQ(ParseMemorySize("3MB"), 3u << 20);
  EXPECT_EQ(ParseMemorySize("4Gb"), 4ull << 30);
  for (const std::string_view bad : {"", "mb", "1m", "1.5gb", "+1", " 1", "1 ", "0x10",
                                     "18446744073709551616", "17179869184gb"}) {
    EXPECT_FALSE(ParseMemorySize(bad).has_value()) << bad;
  }
}

TEST(Config, WithoutAFileOnlyLoopback) {
  ConfigOverrides overrides;
  std::string error;
  for (const std::string_view address : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) {
    overrides.bind = address;
    EXPECT_TRUE(LoadConfig("", overrides, &error)) << error;
  }
  for (const std::string_view address : {"0.0.0.0", "::", "192.168.1.1"}) {
    overrides.bind = address;
    EXPECT_FALSE(LoadConfig("", overrides, &error));
    EXPECT_NE(error.find("--config FILE"), std::string::npos) << error;
  }
}

TEST(TenantOptions, AreReadFromText) {
  TenantConfig tenant;
  EXPECT_EQ(SetTenantOption("memory", "2mb", &tenant), "");
  EXPECT_EQ(SetTenantOption("deadline-ms", "7", &tenant), "");
  EXPECT_EQ(SetTenantOption("wall-deadline-ms", "8", &tenant), "");
  EXPECT_EQ(SetTenantOption("isolation", "process", &tenant), "");
  EXPECT_EQ(SetTenantOption("password", "x", &tenant), "");
  EXPECT_EQ(SetTenantOption("password-sha256", Secret::OfPassword("y").Hex(), &tenant), "");
  TenantConfig expected;
  expected.memory_bytes = 2 << 20;
  expected.deadline_ms = 7;
  expected.wall_deadline_ms = 8;
  expected.isolation = Isolation::kProcess;
  expected.secrets = {Secret::OfPassword("x"), Secret::OfPassword("y")};
  EXPECT_EQ(tenant, expected);
  for (const std::string_view bad : {"", "1.5", "0x1", "+1", " 1", "1 ", "9223372036854775808"}) {
    EXPECT_EQ(
        SetTenantOption("deadline-ms", bad, &tenant),
        "is '" + std::string(bad) + "', not an integer; give one from 1 to 3600000, or default");
  }
  EXPECT_EQ(SetTenantOption("deadline-ms", "default", &tenant), "");
  EXPECT_FALSE(tenant.deadline_ms);
  EXPECT_EQ(SetTenantOption("deadline-ms", "7", &tenant), "");
  EXPECT_EQ(SetTenantOption("deadline-ms", "0", &tenant),
            "is 0, out of range; give a number from 1 to 3600000");
  for (const std::string_view text : {"true", "false", "default"}) {
    EXPECT_EQ(SetTenantOption("wasm", text, &tenant), "");
    EXPECT_EQ(tenant.wasm, text == "default" ? std::nullopt : std::optional(text == "true"));
  }
  EXPECT_EQ(SetTenantOption("wasm", "yes", &tenant), "is 'yes'; give true, false or default");
  EXPECT_EQ(SetTenantOption("password", "z", &tenant),
            "is one password too many; give at most 2, of both kinds together");
  for (const std::string_view option : {"admin", "name", "quota", "MEMORY", ""}) {
    EXPECT_EQ(SetTenantOption(option, "true", &tenant),
              "is no option of a tenant; give one of array-buffer-limit-mb, connection-memory, "
              "cpu-ms-per-second, deadline-ms, heap-limit-mb, isolation, library-memory, "
              "max-clients, max-in-flight, max-libraries, max-reply, memory, ops-per-second, "
              "over-limit, password, password-sha256, wall-deadline-ms, wasm");
  }
  EXPECT_EQ(SetTenantOption("memory", std::string(1000, 'x'), &tenant),
            "is '" + std::string(128, 'x') + "', not a size; give one such as \"256mb\"");
  EXPECT_EQ(tenant, expected);
}

TEST(TenantOptions, TakeEachLimitInItsRange) {
  for (const TenantLimit& limit : kTenantLimits) {
    TenantConfig tenant;
    const std::string name(limit.name);
    for (const uint64_t value : {limit.min, limit.max}) {
      EXPECT_EQ(SetTenantOption(name, std::to_string(value), &tenant), "") << name;
      EXPECT_EQ(tenant.*limit.member, value) << name;
    }
    for (const uint64_t value : {limit.min - 1, limit.max + 1}) {
      EXPECT_NE(SetTenantOption(name, std::to_string(value), &tenant).find("out of range; give a"),
                std::string::npos)
          << name;
      EXPECT_EQ(tenant.*limit.member, limit.max) << name;
    }
    EXPECT_EQ(SetTenantOption(name, "default", &tenant), "") << name;
    EXPECT_FALSE(tenant.*limit.member) << name;
  }
  TenantConfig tenant;
  EXPECT_EQ(SetTenantOption("connection-memory", "8mb", &tenant), "");
  EXPECT_EQ(tenant.connection_memory_bytes, 8u << 20);
  EXPECT_EQ(SetTenantOption("connection-memory", "8kb", &tenant),
            "is '8kb', out of range; give a size from 1mb to 64gb");
  EXPECT_EQ(SetTenantOption("over-limit", "refuse", &tenant), "");
  EXPECT_EQ(tenant.over_limit, OverLimit::kRefuse);
  EXPECT_EQ(SetTenantOption("over-limit", "drop", &tenant), "is 'drop'; give wait or refuse");
}

TEST(TenantLimits, AreTheServersOrFollowTheQuotaWhereTheyAreAbsent) {
  TenantConfig tenant;
  ServerConfig server;
  server.heap_limit_mb = 32;
  server.max_clients = 7;
  tenant.memory_bytes = 256 << 20;
  Limits limits = LimitsOf(tenant, server);
  EXPECT_EQ(limits.heap_limit_mb, 32u);
  EXPECT_EQ(limits.array_buffer_limit_mb, 32u);
  EXPECT_EQ(limits.max_clients, 7u);
  EXPECT_EQ(limits.ops_per_second, kUnlimited);
  EXPECT_EQ(limits.cpu_ms_per_second, kUnlimited);
  EXPECT_EQ(limits.connection_memory_bytes, 256u << 20);
  EXPECT_EQ(limits.max_reply_bytes, 256u << 20);
  tenant.memory_bytes = 1 << 20;
  tenant.heap_limit_mb = 8;
  limits = LimitsOf(tenant, server);
  EXPECT_EQ(limits.connection_memory_bytes, 128u << 20);
  EXPECT_EQ(limits.heap_limit_mb, 8u);
  EXPECT_EQ(limits.array_buffer_limit_mb, 8u);
}

TEST(TenantLimits, HaveWebAssemblyUnlessTheServerHasNoneOrHostileCodeIsExpected) {
  TenantConfig tenant;
  ServerConfig server;
  EXPECT_TRUE(LimitsOf(tenant, server).wasm);
  tenant.isolation = Isolation::kProcess;
  EXPECT_FALSE(LimitsOf(tenant, server).wasm);
  tenant.wasm = true;
  EXPECT_TRUE(LimitsOf(tenant, server).wasm);
  server.wasm = false;
  EXPECT_FALSE(LimitsOf(tenant, server).wasm);
}

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "shredder_config_test_" + std::to_string(getpid()) + ".toml";
  }
  void TearDown() override { std::remove(path_.c_str()); }
  void Write(std::string_view text) { std::ofstream(path_) << text; }

  std::string path_;
  std::string error_;
};

TEST_F(ConfigFile, FlagsOverrideTheFile) {
  Write("[server]\nport = 1\ndeadline-ms = 2\n" + std::string(kTenant));
  ConfigOverrides overrides;
  overrides.port = 3;
  overrides.bind = "0.0.0.0";
  overrides.backend = "io_uring";
  const auto config = LoadConfig(path_, overrides, &error_);
  ASSERT_TRUE(config) << error_;
  EXPECT_EQ(config->port, 3);
  EXPECT_EQ(config->deadline_ms, 2u);
  EXPECT_EQ(config->bind, "0.0.0.0");
  EXPECT_EQ(config->backend, net::Backend::kIoUring);
}

TEST_F(ConfigFile, ATenantInAProcessOfItsOwnNeedsShards) {
  const std::string tenant = std::string(kTenant) + "isolation = \"process\"\n";
  Write("[server]\nshards = 0\n" + tenant);
  const std::string error =
      "tenant 'a': isolation is process, which takes a shard of its own, and with shards = 0 "
      "everything is one process; give shards = 1 or more, or isolation = \"isolate\"";
  EXPECT_FALSE(LoadConfig(path_, {}, &error_));
  EXPECT_EQ(error_, error);
  ConfigOverrides overrides;
  overrides.shards = 1;
  EXPECT_TRUE(LoadConfig(path_, overrides, &error_)) << error_;
  Write(tenant);
  EXPECT_TRUE(LoadConfig(path_, {}, &error_)) << error_;
  overrides.shards = 0;
  EXPECT_FALSE(LoadConfig(path_, overrides, &error_));
  EXPECT_EQ(error_, error);
}

TEST_F(ConfigFile, FlagsAndTheFilesDeadlinesMustAgree) {
  Write("[server]\nwall-deadline-ms = 100\n" + std::string(kTenant) + "wall-deadline-ms = 200\n");
  ConfigOverrides overrides;
  overrides.deadline_ms = 101;
  EXPECT_FALSE(LoadConfig(path_, overrides, &error_));
  EXPECT_EQ(error_,
            "wall-deadline-ms is 100, less than deadline-ms, which is 101; give at least 101");
  overrides.deadline_ms = 201;
  overrides.wall_deadline_ms = 300;
  EXPECT_FALSE(LoadConfig(path_, overrides, &error_));
  EXPECT_EQ(error_,
            "tenant 'a': wall-deadline-ms is 200, less than deadline-ms, which is 201; give at "
            "least 201");
  overrides.deadline_ms = 200;
  overrides.load_deadline_ms = 7;
  overrides.load_wall_deadline_ms = 8;
  const auto config = LoadConfig(path_, overrides, &error_);
  ASSERT_TRUE(config) << error_;
  EXPECT_EQ(config->deadline_ms, 200u);
  EXPECT_EQ(config->wall_deadline_ms, 300u);
  EXPECT_EQ(config->load_deadline_ms, 7u);
  EXPECT_EQ(config->load_wall_deadline_ms, 8u);
}

TEST_F(ConfigFile, MemoryFlagIsTheDefaultTenants) {
  ConfigOverrides overrides;
  overrides.memory = "2mb";
  const auto config = LoadConfig("", overrides, &error_);
  ASSERT_TRUE(config) << error_;
  EXPECT_EQ(config->tenants[0].memory_bytes, 2u << 20);
  Write(kTenant);
  EXPECT_FALSE(LoadConfig(path_, overrides, &error_));
  EXPECT_EQ(error_,
            "--memory needs a tenant named 'default'; set memory in the [[tenant]] tables of the "
            "file");
}

TEST_F(ConfigFile, BadFlagsAreNamed) {
  ConfigOverrides overrides;
  overrides.port = 65536;
  EXPECT_FALSE(LoadConfig("", overrides, &error_));
  EXPECT_EQ(error_, "--port is 65536, out of range; give a number from 0 to 65535");
  overrides.port.reset();
  overrides.load_wall_deadline_ms = 72'000'001;
  EXPECT_FALSE(LoadConfig("", overrides, &error_));
  EXPECT_EQ(error_,
            "--load-wall-deadline-ms is 72000001, out of range; give a number from 1 to 72000000");
  overrides.load_wall_deadline_ms.reset();
  overrides.shards = 65;
  EXPECT_FALSE(LoadConfig("", overrides, &error_));
  EXPECT_EQ(error_, "--shards is 65, out of range; give a number from 0 to 64");
}

TEST_F(ConfigFile, AMissingOrHugeFileIsRefused) {
  EXPECT_FALSE(LoadConfig(path_, {}, &error_));
  EXPECT_EQ(error_, path_ + ": cannot be read; check the path and its permissions");
  EXPECT_FALSE(LoadConfig(testing::TempDir(), {}, &error_));
  EXPECT_EQ(error_, testing::TempDir() + ": cannot be read; check the path and its permissions");
  Write(std::string((64 << 20) + 1, '#'));
  EXPECT_FALSE(LoadConfig(path_, {}, &error_));
  EXPECT_NE(error_.find("longer than 67108864 bytes"), std::string::npos) << error_;
}

TEST(CommandLineTest, ReadsFlags) {
  const char* argv[] = {"shredderd",
                        "--port",
                        "0",
                        "--v8-flags",
                        "--max-lazy  --trace-opt",
                        "--enable-callbacks",
                        "--port-file=p",
                        "--deadline-ms=1",
                        "--wall-deadline-ms=2",
                        "--load-deadline-ms=3",
                        "--load-wall-deadline-ms=4",
                        "--shards=5"};
  CommandLine command_line;
  std::string message;
  ASSERT_EQ(ParseCommandLine(std::size(argv), argv, &command_line, &message),
            CommandLineResult::kRun)
      << message;
  EXPECT_EQ(command_line.overrides.port, 0);
  EXPECT_TRUE(command_line.overrides.callback_builtins);
  EXPECT_EQ(command_line.overrides.deadline_ms, 1);
  EXPECT_EQ(command_line.overrides.wall_deadline_ms, 2);
  EXPECT_EQ(command_line.overrides.load_deadline_ms, 3);
  EXPECT_EQ(command_line.overrides.load_wall_deadline_ms, 4);
  EXPECT_EQ(command_line.overrides.shards, 5);
  EXPECT_EQ(command_line.v8_flags, (std::vector<std::string>{"--max-lazy", "--trace-opt"}));
  EXPECT_EQ(command_line.port_file, "p");
}

TEST(CommandLineTest, RefusesWhatItDoesNotKnowInOneLine) {
  for (const std::initializer_list<const char*> bad :
       {std::initializer_list<const char*>{"shredderd", "--prot", "1"},
        {"shredderd", "--port", "x"},
        {"shredderd", "--port"},
        {"shredderd", "extra"}}) {
    CommandLine command_line;
    std::string message;
    EXPECT_EQ(ParseCommandLine(static_cast<int>(bad.size()), bad.begin(), &command_line, &message),
              CommandLineResult::kError);
    EXPECT_NE(message.find("; see shredderd --help"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace shredder::config
