// INFO: the server, as far as the caller's tenant may know it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>

#include "runtime/config/version.h"
#include "runtime/net/bypass/bypass_loop.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

bool IsCluster(const Request& request) {
  return request.shard.IsCluster(request.session.connection());
}

void Line(std::string* out, std::string_view name, const auto& value) {
  fmt::format_to(std::back_inserter(*out), "{}:{}\r\n", name, value);
}

// As Redis's bytesToHuman: "1.50M".
std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto scaled = static_cast<double>(bytes) / 1024;
  for (const char unit : {'K', 'M'}) {
    if (scaled < 1024) return fmt::format("{:.2f}{}", scaled, unit);
    scaled /= 1024;
  }
  return fmt::format("{:.2f}G", scaled);
}

void Server(const Request& request, std::string* out) {
  const uint64_t uptime_seconds =
      (request.shard.clock().NowMs() - request.shard.identity().started_ms) / 1000;
  Line(out, "redis_version", config::kRedisVersion);
  Line(out, "shredder_version", config::kShredderVersion);
  Line(out, "v8_version", engine::Engine::V8Version());
  Line(out, "redis_mode", IsCluster(request) ? "cluster" : "standalone");
  Line(out, "os", "Linux");
  Line(out, "arch_bits", 64);
  Line(out, "process_id", request.shard.identity().process_id);
  Line(out, "run_id", request.shard.identity().run_id);
  Line(out, "tcp_port", request.shard.tcp_port());
  Line(out, "uptime_in_seconds", uptime_seconds);
  Line(out, "uptime_in_days", uptime_seconds / 86400);
  Line(out, "shard", request.shard.identity().shard);
  Line(out, "shard_process_id", getpid());
  Line(out, "shard_is_single", request.shard.identity().is_single ? 1 : 0);
  if (request.tenant == nullptr) return;
  Line(out, "isolation", config::NameOf(request.tenant->config.isolation));
}

void Clients(const Request& request, std::string* out) {
  const Tenant& tenant = *request.tenant;
  Line(out, "connected_clients", tenant.clients);
  Line(out, "maxclients", tenant.limits.max_clients);
  Line(out, "blocked_clients", tenant.in_flight);
  Line(out, "clients_closed_for_connection_memory", tenant.connection_bytes.closed);
}

void Memory(const Request& request, std::string* out) {
  const uint64_t used = request.store().used_bytes();
  const uint64_t quota = request.store().quota_bytes();
  const engine::FunctionHost& functions = *request.tenant->functions;
  Line(out, "used_memory", used);
  Line(out, "used_memory_human", HumanBytes(used));
  Line(out, "maxmemory", quota);
  Line(out, "maxmemory_human", HumanBytes(quota));
  Line(out, "maxmemory_policy", "noeviction");
  Line(out, "mem_clients_normal", request.tenant->connection_bytes.bytes);
  Line(out, "connection_memory", request.tenant->limits.connection_memory_bytes);
  Line(out, "used_memory_vm_functions", functions.heap_used_bytes());
  Line(out, "number_of_libraries", functions.library_count());
  Line(out, "number_of_functions", functions.function_count());
}

void Persistence(const Request&, std::string* out) { Line(out, "loading", 0); }

void Stats(const Request& request, std::string* out) {
  const TenantStats& stats = request.tenant->stats;
  Line(out, "total_connections_received", stats.connections);
  Line(out, "total_commands_processed", stats.commands);
  Line(out, "instantaneous_ops_per_sec", stats.rate.per_second());
  Line(out, "expired_keys", stats.expired_keys);
  Line(out, "evicted_keys", 0);
  Line(out, "keyspace_hits", stats.hits);
  Line(out, "keyspace_misses", stats.misses);
  Line(out, "throttled_commands", stats.throttled);
}

void Replication(const Request&, std::string* out) {
  Line(out, "role", "master");
  Line(out, "connected_slaves", 0);
}

void Cluster(const Request& request, std::string* out) {
  Line(out, "cluster_enabled", IsCluster(request) ? 1 : 0);
}

// What goes over a network card is all tenants'.
void Network(const Request& request, std::string* out) {
  const net::BypassLoop* const bypass = request.shard.bypass();
  Line(out, "network", bypass == nullptr ? "kernel" : "dpdk");
  if (bypass == nullptr) return;
  if (!request.tenant->config.admin && !request.shard.HasOneTenant()) return;
  const net::BypassCounters counters = bypass->counters();
  const net::lwip::DeviceCounters& device = counters.device;
  const uint64_t packets = device.received + device.sent;
  Line(out, "network_device", bypass->backend_note());
  Line(out, "network_packets_received", device.received);
  Line(out, "network_bytes_received", device.received_bytes);
  Line(out, "network_packets_sent", device.sent);
  Line(out, "network_bytes_sent", device.sent_bytes);
  Line(out, "network_dropped_ring_full", device.missed);
  Line(out, "network_dropped_without_buffer", device.without_buffer);
  Line(out, "network_dropped_damaged", device.damaged);
  Line(out, "network_dropped_by_stack", counters.dropped);
  Line(out, "network_unsent", device.unsent);
  Line(out, "network_stack_out_of_memory", counters.out_of_memory);
  Line(out, "network_stack_bytes", counters.stack_bytes);
  Line(out, "network_retransmitted", counters.retransmitted);
  Line(out, "network_half_open", counters.half_open);
  Line(out, "network_time_wait", counters.time_wait);
  Line(out, "network_polls_busy", counters.busy_polls);
  Line(out, "network_polls_idle", counters.idle_polls);
  Line(out, "network_busy_us", counters.busy_ns / 1000);
  Line(out, "network_ns_per_packet", packets == 0 ? 0 : counters.busy_ns / packets);
}

void Keyspace(const Request& request, std::string* out) {
  const uint64_t keys = request.store().key_count();
  if (keys == 0) return;
  Line(out, "db0",
       fmt::format("keys={},expires={},avg_ttl=0", keys, request.store().expiring_key_count()));
}

struct Section {
  std::string_view name;
  std::string_view title;
  bool is_of_tenant;  // about it: left out where the client's tenant is on another shard
  void (*write)(const Request& request, std::string* out);
};
constexpr Section kSections[] = {
    {"server", "Server", false, Server},      {"clients", "Clients", true, Clients},
    {"memory", "Memory", true, Memory},       {"persistence", "Persistence", false, Persistence},
    {"stats", "Stats", true, Stats},          {"replication", "Replication", false, Replication},
    {"cluster", "Cluster", false, Cluster},   {"network", "Network", true, Network},
    {"keyspace", "Keyspace", true, Keyspace},
};

// Which of kSections are asked for; nothing where the server is stopping.
std::optional<std::array<bool, std::size(kSections)>> WantedSections(const Request& request) {
  std::array<bool, std::size(kSections)> wanted{};
  const auto names = request.args.subspan(1);
  if (names.empty()) wanted.fill(true);
  for (const std::string_view name : names) {
    const bool is_all = EqualsIgnoringCase(name, "all") || EqualsIgnoringCase(name, "default") ||
                        EqualsIgnoringCase(name, "everything");
    for (size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] = wanted[i] || is_all || EqualsIgnoringCase(name, kSections[i].name);
    }
    if (!request.session.Step()) return std::nullopt;
  }
  return wanted;
}

}  // namespace

void HandleInfo(Request& request) {
  const auto wanted = WantedSections(request);
  if (!wanted) return request.reply.Error(kShuttingDown);
  std::string text;
  for (size_t i = 0; i < wanted->size(); ++i) {
    if (!(*wanted)[i]) continue;
    const Section& section = kSections[i];
    if (section.is_of_tenant && request.tenant == nullptr) continue;
    if (!text.empty()) text += "\r\n";
    fmt::format_to(std::back_inserter(text), "# {}\r\n", section.title);
    section.write(request, &text);
  }
  request.reply.Verbatim(text);
}

}  // namespace shredder::server
