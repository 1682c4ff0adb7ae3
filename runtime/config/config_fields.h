// Every field of the configuration by its name in the file, for what must not forget one: a new
// field does not compile before it is here.
#pragma once

#include "runtime/config/config.h"

namespace shredder::config {

// When a running server follows a change of a setting.
enum class TakesEffect { kAtOnce, kAtRestart };

// Calls visit(name, field, takes_effect) for each field of a ServerConfig, const or not, but the
// tenants.
template <typename Config, typename Visitor>
void VisitServerFields(Config& config, const Visitor& visit) {
  using enum TakesEffect;
  auto& [bind, port, unix_socket, network, dpdk, max_clients, max_unauthenticated, auth_timeout_ms,
         backend, shards, shard_silence_ms, isolate_after_crashes, core_dumps, log_level,
         deadline_ms, wall_deadline_ms, load_deadline_ms, load_wall_deadline_ms, heap_limit_mb,
         idle_after_ms, busy_reply_ms, callback_builtins, wasm, tenants] = config;
  visit("bind", bind, kAtRestart);
  visit("port", port, kAtRestart);
  visit("unix-socket", unix_socket, kAtRestart);
  visit("network", network, kAtRestart);
  visit("dpdk", dpdk, kAtRestart);
  visit("max-clients", max_clients, kAtOnce);
  visit("max-unauthenticated", max_unauthenticated, kAtOnce);
  visit("auth-timeout-ms", auth_timeout_ms, kAtOnce);
  visit("backend", backend, kAtRestart);
  visit("shards", shards, kAtRestart);
  visit("shard-silence-ms", shard_silence_ms, kAtOnce);
  visit("isolate-after-crashes", isolate_after_crashes, kAtOnce);
  visit("core-dumps", core_dumps, kAtOnce);
  visit("log-level", log_level, kAtOnce);
  visit("deadline-ms", deadline_ms, kAtOnce);
  visit("wall-deadline-ms", wall_deadline_ms, kAtOnce);
  visit("load-deadline-ms", load_deadline_ms, kAtOnce);
  visit("load-wall-deadline-ms", load_wall_deadline_ms, kAtOnce);
  visit("heap-limit-mb", heap_limit_mb, kAtRestart);
  visit("idle-after-ms", idle_after_ms, kAtOnce);
  visit("busy-reply-ms", busy_reply_ms, kAtOnce);
  visit("callback-builtins", callback_builtins, kAtRestart);
  visit("wasm", wasm, kAtOnce);
}

// Calls visit(name, field) for each field of a DpdkConfig, const or not.
template <typename Config, typename Visitor>
void VisitDpdkFields(Config& config, const Visitor& visit) {
  auto& [ports, gateway, memory_mb, mtu, vlan, spins, eal] = config;
  visit("ports", ports);
  visit("gateway", gateway);
  visit("memory-mb", memory_mb);
  visit("mtu", mtu);
  visit("vlan", vlan);
  visit("spins", spins);
  visit("eal", eal);
}

// Calls visit(name, field) for each field of a DpdkPort, const or not.
template <typename Config, typename Visitor>
void VisitDpdkPortFields(Config& config, const Visitor& visit) {
  auto& [device, address, prefix_bits, address6, core] = config;
  visit("device", device);
  visit("address", address);
  visit("prefix-bits", prefix_bits);
  visit("address6", address6);
  visit("core", core);
}

// Calls visit(name, field) for each field of a TenantConfig, const or not.
template <typename Config, typename Visitor>
void VisitTenantFields(Config& config, const Visitor& visit) {
  auto& [name, secrets, memory_bytes, deadline_ms, wall_deadline_ms, isolation, cpu_ms_per_second,
         ops_per_second, over_limit, max_clients, max_in_flight, connection_memory_bytes,
         max_reply_bytes, heap_limit_mb, array_buffer_limit_mb, max_libraries, library_memory_bytes,
         wasm, admin] = config;
  visit("name", name);
  visit("secrets", secrets);
  visit("memory", memory_bytes);
  visit("deadline-ms", deadline_ms);
  visit("wall-deadline-ms", wall_deadline_ms);
  visit("isolation", isolation);
  visit("cpu-ms-per-second", cpu_ms_per_second);
  visit("ops-per-second", ops_per_second);
  visit("over-limit", over_limit);
  visit("max-clients", max_clients);
  visit("max-in-flight", max_in_flight);
  visit("connection-memory", connection_memory_bytes);
  visit("max-reply", max_reply_bytes);
  visit("heap-limit-mb", heap_limit_mb);
  visit("array-buffer-limit-mb", array_buffer_limit_mb);
  visit("max-libraries", max_libraries);
  visit("library-memory", library_memory_bytes);
  visit("wasm", wasm);
  visit("admin", admin);
}

}  // namespace shredder::config
