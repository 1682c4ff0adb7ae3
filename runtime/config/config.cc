#include "runtime/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "runtime/config/network_options.h"
#include "runtime/config/server_options.h"
#include "runtime/config/values.h"

namespace shredder::config {
namespace {

constexpr size_t kMaxFileBytes = 64 << 20;
constexpr std::streamsize kBytesPerRead = 1 << 16;

bool IsLoopback(const std::string& address) {
  return address == "::1" || address.starts_with("127.");
}

std::string CheckFits(std::string_view wall_key, std::optional<uint64_t> wall_ms,
                      std::string_view cpu_key, uint64_t cpu_ms) {
  if (!wall_ms || *wall_ms >= cpu_ms) return {};
  return fmt::format("{} is {}, less than {}, which is {}; give at least {}", wall_key, *wall_ms,
                     cpu_key, cpu_ms, cpu_ms);
}

bool ReadFile(const std::string& path, std::string* text, std::string* error) {
  std::ifstream file(path, std::ios::binary);
  while (file && text->size() <= kMaxFileBytes) {
    const size_t size = text->size();
    text->resize(size + kBytesPerRead);
    file.read(text->data() + size, kBytesPerRead);
    text->resize(size + static_cast<size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    *error = fmt::format("{}: cannot be read; check the path and its permissions", path);
    return false;
  }
  if (text->size() > kMaxFileBytes) {
    *error = fmt::format("{}: longer than {} bytes; give a shredderd configuration file", path,
                         kMaxFileBytes);
    return false;
  }
  return true;
}

std::string SetDefaultTenantMemory(std::string_view text, ServerConfig* config) {
  for (TenantConfig& tenant : config->tenants) {
    if (tenant.name == kDefaultTenantName) return SetMemory(text, &tenant.memory_bytes);
  }
  return "needs a tenant named 'default'; set memory in the [[tenant]] tables of the file";
}

bool ApplyOverrides(const ConfigOverrides& overrides, ServerConfig* config, std::string* error) {
  const auto valid = [error](std::string_view flag, const std::string& problem) {
    if (problem.empty()) return true;
    *error = fmt::format("{} {}", flag, problem);
    return false;
  };
  if (overrides.bind && !valid("--bind", SetBind(*overrides.bind, config))) return false;
  if (overrides.port && !valid("--port", SetPort(*overrides.port, config))) return false;
  if (overrides.unix_socket &&
      !valid("--unix-socket", SetUnixSocket(*overrides.unix_socket, config))) {
    return false;
  }
  const auto set = [&](std::string_view flag, std::optional<int64_t> value, auto setter) {
    return !value || valid(flag, setter(*value, config));
  };
  if (!set("--deadline-ms", overrides.deadline_ms,
           SetDeadline<&ServerConfig::deadline_ms, ServerConfig>) ||
      !set("--wall-deadline-ms", overrides.wall_deadline_ms,
           SetWallDeadline<&ServerConfig::wall_deadline_ms, ServerConfig>) ||
      !set("--load-deadline-ms", overrides.load_deadline_ms,
           SetDeadline<&ServerConfig::load_deadline_ms, ServerConfig>) ||
      !set("--load-wall-deadline-ms", overrides.load_wall_deadline_ms,
           SetWallDeadline<&ServerConfig::load_wall_deadline_ms, ServerConfig>) ||
      !set("--shards", overrides.shards, SetShards)) {
    return false;
  }
  if (overrides.memory && !valid("--memory", SetDefaultTenantMemory(*overrides.memory, config))) {
    return false;
  }
  if (overrides.log_level && !valid("--log-level", SetLogLevel(*overrides.log_level, config))) {
    return false;
  }
  if (overrides.backend && !valid("--backend", SetBackend(*overrides.backend, config))) {
    return false;
  }
  if (overrides.callback_builtins) config->callback_builtins = true;
  return true;
}

}  // namespace

Deadline DeadlineOf(const TenantConfig& tenant, const ServerConfig& server) {
  const uint64_t cpu_ms = tenant.deadline_ms.value_or(server.deadline_ms);
  const uint64_t default_ms = engine::DefaultWallDeadlineMs(cpu_ms);
  if (tenant.deadline_ms) return {cpu_ms, tenant.wall_deadline_ms.value_or(default_ms)};
  return {cpu_ms, tenant.wall_deadline_ms.value_or(server.wall_deadline_ms.value_or(default_ms))};
}

std::string_view NameOf(Isolation isolation) {
  switch (isolation) {
    case Isolation::kContext:
      return "context";
    case Isolation::kIsolate:
      return "isolate";
    case Isolation::kProcess:
      return "process";
  }
  return {};
}

std::string_view NameOf(OverLimit over_limit) {
  return over_limit == OverLimit::kRefuse ? "refuse" : "wait";
}

Limits LimitsOf(const TenantConfig& tenant, const ServerConfig& server) {
  constexpr uint64_t kMinConnectionMemory = 128ull << 20;
  constexpr uint64_t kMaxReply = 512ull << 20;
  Limits limits;
  limits.cpu_ms_per_second = tenant.cpu_ms_per_second.value_or(kUnlimited);
  limits.ops_per_second = tenant.ops_per_second.value_or(kUnlimited);
  limits.max_clients = tenant.max_clients.value_or(server.max_clients);
  limits.max_in_flight = tenant.max_in_flight.value_or(kUnlimited);
  limits.connection_memory_bytes = tenant.connection_memory_bytes.value_or(
      std::max<uint64_t>(tenant.memory_bytes, kMinConnectionMemory));
  limits.max_reply_bytes =
      tenant.max_reply_bytes.value_or(std::min(limits.connection_memory_bytes, kMaxReply));
  limits.heap_limit_mb = tenant.heap_limit_mb.value_or(server.heap_limit_mb);
  limits.array_buffer_limit_mb = tenant.array_buffer_limit_mb.value_or(limits.heap_limit_mb);
  limits.max_libraries = tenant.max_libraries.value_or(256);
  limits.library_memory_bytes = tenant.library_memory_bytes.value_or(64ull << 20);
  limits.wasm = server.wasm && tenant.wasm.value_or(tenant.isolation != Isolation::kProcess);
  return limits;
}

std::string CheckIsolation(const TenantConfig& tenant, uint64_t shards) {
  if (tenant.isolation != Isolation::kProcess || shards > 0) return {};
  return fmt::format(
      "tenant '{}': isolation is process, which takes a shard of its own, and with shards = 0 "
      "everything is one process; give shards = 1 or more, or isolation = \"isolate\"",
      tenant.name);
}

std::string CheckWallDeadlines(const ServerConfig& config) {
  std::string problem =
      CheckFits("wall-deadline-ms", config.wall_deadline_ms, "deadline-ms", config.deadline_ms);
  if (!problem.empty()) return problem;
  problem = CheckFits("load-wall-deadline-ms", config.load_wall_deadline_ms, "load-deadline-ms",
                      config.load_deadline_ms);
  if (!problem.empty()) return problem;
  for (const TenantConfig& tenant : config.tenants) {
    problem = CheckWallDeadline(tenant, config);
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string CheckWallDeadline(const TenantConfig& tenant, const ServerConfig& server) {
  std::string problem = CheckFits("wall-deadline-ms", tenant.wall_deadline_ms, "deadline-ms",
                                  DeadlineOf(tenant, server).cpu_ms);
  return problem.empty() ? problem : fmt::format("tenant '{}': {}", tenant.name, problem);
}

ServerConfig DefaultConfig() {
  ServerConfig config;
  config.tenants.emplace_back().name = kDefaultTenantName;
  return config;
}

std::optional<ServerConfig> LoadConfig(const std::string& path, const ConfigOverrides& overrides,
                                       std::string* error) {
  ServerConfig config = DefaultConfig();
  if (!path.empty()) {
    std::string text;
    if (!ReadFile(path, &text, error)) return std::nullopt;
    std::optional<ServerConfig> parsed = ParseConfig(text, path, error);
    if (!parsed) return std::nullopt;
    config = std::move(*parsed);
  }
  if (!ApplyOverrides(overrides, &config, error)) return std::nullopt;
  *error = CheckWallDeadlines(config);
  if (!error->empty()) return std::nullopt;
  *error = CheckNetwork(config);
  if (!error->empty()) return std::nullopt;
  for (const TenantConfig& tenant : config.tenants) {
    *error = CheckIsolation(tenant, config.shards.value_or(1));
    if (!error->empty()) return std::nullopt;
  }
  if (path.empty() && !IsLoopback(config.bind)) {
    *error = fmt::format(
        "--bind {}: without a configuration file there is no password, so only loopback is "
        "allowed; "
        "give --config FILE with a [[tenant]] that has a password",
        config.bind);
    return std::nullopt;
  }
  return config;
}

}  // namespace shredder::config
