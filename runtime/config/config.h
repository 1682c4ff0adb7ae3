// What shredderd runs with: the defaults, changed by a TOML file and then by command-line flags.
// Everything is checked here, before anything starts; an error is one line that says where, what is
// wrong, and what to write instead.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/secret.h"
#include "runtime/net/event_loop.h"

namespace shredder::config {

inline constexpr std::string_view kDefaultTenantName = "default";

inline constexpr size_t kMaxTenants = 100'000;

// How far a tenant is kept from the others. Processes tell each other the numbers, and one of them
// may be of another version: a new strength comes last.
enum class Isolation {
  kIsolate,  // a V8 isolate of its own, in a shard that it shares with other tenants
  kProcess,  // a shard of its own, which is locked up and maps no other tenant's memory
  kContext,  // a V8 context of its own, in an isolate that it shares with others of the shard
};

std::string_view NameOf(Isolation isolation);  // as the file has it

// What becomes of a request of a tenant that has used up its budget of operations or CPU time.
enum class OverLimit {
  kWait,    // it is served once there is budget again; the connection's requests wait behind it
  kRefuse,  // it gets the error THROTTLED
};

std::string_view NameOf(OverLimit over_limit);  // as the file has it

struct TenantConfig {
  std::string name;
  Secrets secrets;  // none: any password is accepted, and none is asked for
  uint64_t memory_bytes = 1ull << 30;
  // The server's where both are absent; see DeadlineOf.
  std::optional<uint64_t> deadline_ms;
  std::optional<uint64_t> wall_deadline_ms;
  Isolation isolation = Isolation::kIsolate;
  // docs/limits.md says what each counts, and what happens beyond it. Absent: LimitsOf has what
  // holds.
  std::optional<uint64_t> cpu_ms_per_second;
  std::optional<uint64_t> ops_per_second;
  OverLimit over_limit = OverLimit::kWait;
  std::optional<uint64_t> max_clients;
  std::optional<uint64_t> max_in_flight;
  std::optional<uint64_t> connection_memory_bytes;
  std::optional<uint64_t> max_reply_bytes;
  std::optional<uint64_t> heap_limit_mb;
  std::optional<uint64_t> array_buffer_limit_mb;
  std::optional<uint64_t> max_libraries;
  std::optional<uint64_t> library_memory_bytes;
  std::optional<bool> wasm;  // absent: unless its isolation is process
  bool admin = false;        // may create, change and drop tenants

  bool Accepts(const Secret& guess) const { return config::Accepts(secrets, guess); }
  bool operator==(const TenantConfig&) const = default;
};

enum class Network { kKernel, kDpdk };

inline constexpr uint64_t kMaxShards = 64;  // that a configuration can ask for

// The network card that a process has to itself (net/bypass/).
struct DpdkPort {
  std::string device;  // a PCI address, or a virtual device of DPDK's with its arguments
  std::string address;
  uint16_t prefix_bits = 24;     // of the address's network
  std::string address6;          // in a network of 64 bits; empty: none
  std::optional<uint64_t> core;  // that polls; none: as it comes

  bool operator==(const DpdkPort&) const = default;
};

// The cards of a server; docs/kernel-bypass.md.
struct DpdkConfig {
  std::vector<DpdkPort> ports;  // of the shards, in their order; one where one process is all
  std::string gateway;          // empty: none
  uint64_t memory_mb = 256;
  uint64_t mtu = 1500;
  std::optional<uint64_t> vlan;
  bool spins = false;            // while nothing happens, instead of sleeping a little
  std::vector<std::string> eal;  // more arguments of DPDK's environment layer

  bool operator==(const DpdkConfig&) const = default;
};

struct ServerConfig {
  std::string bind = "127.0.0.1";      // an IPv4 or IPv6 address
  uint16_t port = 7379;                // 0: any free one
  std::string unix_socket;             // a path; none where empty
  Network network = Network::kKernel;  // what `bind` names goes on beside another one
  DpdkConfig dpdk;
  uint64_t max_clients = 10000;
  uint64_t max_unauthenticated = 1000;  // besides
  uint64_t auth_timeout_ms = 10000;     // a peer that has not authenticated by then is closed
  net::Backend backend = net::Backend::kAuto;
  std::optional<uint64_t> shards;   // none: one a core; 0: everything in one process
  uint64_t shard_silence_ms = 250;  // beyond a running call's deadline, then the shard is killed
  // A tenant whose code has ended its shard so often within a minute gets one of its own; 0: never.
  uint64_t isolate_after_crashes = 3;
  bool core_dumps = false;
  std::string log_level = "info";  // debug, info, warn or error
  // As in engine::EngineOptions.
  uint64_t deadline_ms = 50;
  std::optional<uint64_t> wall_deadline_ms;
  uint64_t load_deadline_ms = 500;
  std::optional<uint64_t> load_wall_deadline_ms;
  uint64_t heap_limit_mb = 64;
  uint64_t idle_after_ms = 10'000;  // a tenant's JavaScript that has not run for so long goes
  uint64_t busy_reply_ms = 5000;  // a tenant's clients get BUSY once its function has run that long
  bool callback_builtins = false;
  bool wasm = true;  // false: no tenant has WebAssembly, whatever it says
  std::vector<TenantConfig> tenants;

  bool operator==(const ServerConfig&) const = default;
};

// How long an invocation may take.
struct Deadline {
  uint64_t cpu_ms;
  uint64_t wall_ms;
  auto operator<=>(const Deadline&) const = default;
};

// The tenant's deadline. A deadline of CPU time brings the default wall time with it: only a tenant
// without one of its own has the server's wall time.
Deadline DeadlineOf(const TenantConfig& tenant, const ServerConfig& server);

// A tenant's limits, each as it holds.
struct Limits {
  uint64_t cpu_ms_per_second;  // kUnlimited: none
  uint64_t ops_per_second;     // kUnlimited: none
  uint64_t max_clients;
  uint64_t max_in_flight;  // kUnlimited: none
  uint64_t connection_memory_bytes;
  uint64_t max_reply_bytes;
  uint64_t heap_limit_mb;
  uint64_t array_buffer_limit_mb;
  uint64_t max_libraries;
  uint64_t library_memory_bytes;
  bool wasm;
};
inline constexpr uint64_t kUnlimited = UINT64_MAX;
inline constexpr uint64_t kMinMaxReplyBytes = 64 << 10;

Limits LimitsOf(const TenantConfig& tenant, const ServerConfig& server);

// Empty where each run's CPU time fits into its wall time, else what does not, and the remedy.
std::string CheckWallDeadlines(const ServerConfig& config);
std::string CheckWallDeadline(const TenantConfig& tenant, const ServerConfig& server);

// The same for a tenant's isolation, where there are so many shards that serve several tenants.
std::string CheckIsolation(const TenantConfig& tenant, uint64_t shards);

// Command-line flags that change the configuration; absent ones leave it as it is.
struct ConfigOverrides {
  std::optional<std::string> bind;
  std::optional<int64_t> port;
  std::optional<std::string> unix_socket;
  std::optional<int64_t> deadline_ms;
  std::optional<int64_t> wall_deadline_ms;
  std::optional<int64_t> load_deadline_ms;
  std::optional<int64_t> load_wall_deadline_ms;
  std::optional<std::string> memory;  // of the tenant `default`
  std::optional<std::string> log_level;
  std::optional<std::string> backend;
  std::optional<int64_t> shards;
  bool callback_builtins = false;
};

// The configuration in `text`, the content of the file `path` (for messages). Nothing, and a
// one-line reason in *error, where it is not valid.
std::optional<ServerConfig> ParseConfig(std::string_view text, const std::string& path,
                                        std::string* error);

// Without a file: one tenant, `default`, without a password, on loopback only.
ServerConfig DefaultConfig();

// The file's configuration (the default one where `path` is empty) with the overrides applied.
std::optional<ServerConfig> LoadConfig(const std::string& path, const ConfigOverrides& overrides,
                                       std::string* error);

}  // namespace shredder::config
