// The TOML file.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "runtime/config/config.h"
#include "runtime/config/network_options.h"
#include "runtime/config/server_options.h"
#include "runtime/config/tenant_options.h"
#include "runtime/config/values.h"

namespace shredder::config {
namespace {

// One key that a table of the file may have: reads the node into the target, or says what is wrong.
template <typename Target>
struct FileKey {
  std::string_view name;
  std::string (*read)(const toml::node& node, Target* target);
};

template <auto Set, typename Target>
std::string ReadString(const toml::node& node, Target* target) {
  const toml::value<std::string>* value = node.as_string();
  return value ? Set(value->get(), target) : "must be a string, in quotes";
}

template <auto Set, typename Target>
std::string ReadInteger(const toml::node& node, Target* target) {
  const toml::value<int64_t>* value = node.as_integer();
  return value ? Set(value->get(), target) : "must be an integer, without quotes";
}

template <auto Member, typename Target>
std::string ReadBoolean(const toml::node& node, Target* target) {
  const toml::value<bool>* value = node.as_boolean();
  if (!value) return "must be true or false, without quotes";
  target->*Member = value->get();
  return {};
}

template <auto Add>
std::string ReadPasswords(const toml::node& node, TenantConfig* tenant) {
  if (node.is_string()) return ReadString<Add, TenantConfig>(node, tenant);
  const toml::array* array = node.as_array();
  if (!array || array->empty() || !array->is_homogeneous(toml::node_type::string)) {
    return "must be a string, or an array of one or two, in quotes";
  }
  for (const toml::node& element : *array) {
    const std::string problem = ReadString<Add, TenantConfig>(element, tenant);
    if (!problem.empty()) return problem;
  }
  return {};
}

template <auto Member, uint64_t min, uint64_t max, typename Target>
constexpr auto ReadCount = ReadInteger<SetCount<Member, min, max, Target>, Target>;

template <auto Member, typename Target>
constexpr auto ReadDeadline = ReadInteger<SetDeadline<Member, Target>, Target>;

template <auto Member, typename Target>
constexpr auto ReadWallDeadline = ReadInteger<SetWallDeadline<Member, Target>, Target>;

constexpr FileKey<ServerConfig> kServerKeys[] = {
    {"auth-timeout-ms", ReadCount<&ServerConfig::auth_timeout_ms, 100, 3'600'000, ServerConfig>},
    {"backend", ReadString<SetBackend, ServerConfig>},
    {"bind", ReadString<SetBind, ServerConfig>},
    {"busy-reply-ms", ReadCount<&ServerConfig::busy_reply_ms, 1, 3'600'000, ServerConfig>},
    {"callback-builtins", ReadBoolean<&ServerConfig::callback_builtins, ServerConfig>},
    {"core-dumps", ReadBoolean<&ServerConfig::core_dumps, ServerConfig>},
    {"deadline-ms", ReadDeadline<&ServerConfig::deadline_ms, ServerConfig>},
    {"heap-limit-mb", ReadCount<&ServerConfig::heap_limit_mb, 8, 4096, ServerConfig>},
    {"idle-after-ms", ReadCount<&ServerConfig::idle_after_ms, 100, 86'400'000, ServerConfig>},
    {"isolate-after-crashes",
     ReadCount<&ServerConfig::isolate_after_crashes, 0, 1000, ServerConfig>},
    {"load-deadline-ms", ReadDeadline<&ServerConfig::load_deadline_ms, ServerConfig>},
    {"load-wall-deadline-ms", ReadWallDeadline<&ServerConfig::load_wall_deadline_ms, ServerConfig>},
    {"log-level", ReadString<SetLogLevel, ServerConfig>},
    {"max-clients", ReadCount<&ServerConfig::max_clients, 1, 1'000'000, ServerConfig>},
    {"max-unauthenticated",
     ReadCount<&ServerConfig::max_unauthenticated, 1, 1'000'000, ServerConfig>},
    {"network", ReadString<SetNetwork, ServerConfig>},
    {"port", ReadInteger<SetPort, ServerConfig>},
    {"shard-silence-ms", ReadCount<&ServerConfig::shard_silence_ms, 10, 60'000, ServerConfig>},
    {"shards", ReadInteger<SetShards, ServerConfig>},
    {"unix-socket", ReadString<SetUnixSocket, ServerConfig>},
    {"wall-deadline-ms", ReadWallDeadline<&ServerConfig::wall_deadline_ms, ServerConfig>},
    {"wasm", ReadBoolean<&ServerConfig::wasm, ServerConfig>},
};

std::string ReadEal(const toml::node& node, DpdkConfig* dpdk) {
  const toml::array* const array = node.as_array();
  if (!array) return "must be an array of strings";
  for (const toml::node& element : *array) {
    const std::string problem = ReadString<AddDpdkEal, DpdkConfig>(element, dpdk);
    if (!problem.empty()) return problem;
  }
  return {};
}

// A value, or an array of one for each shard.
template <auto Read>
std::string ReadOfShards(const toml::node& node, DpdkConfig* dpdk) {
  const toml::array* const array = node.as_array();
  const size_t count = array ? array->size() : 1;
  if (count < 1 || count > kMaxShards) {
    return fmt::format("has {} values; give one for each shard, of 1 to {}", count, kMaxShards);
  }
  if (dpdk->ports.size() < count) dpdk->ports.resize(count);
  for (size_t i = 0; i < count; i++) {
    const std::string problem = Read(array ? *array->get(i) : node, &dpdk->ports[i]);
    if (!problem.empty()) return problem;
  }
  return {};
}

constexpr FileKey<DpdkConfig> kDpdkKeys[] = {
    {"address", ReadOfShards<ReadString<SetDpdkAddress, DpdkPort>>},
    {"address6", ReadOfShards<ReadString<SetDpdkAddress6, DpdkPort>>},
    {"core", ReadOfShards<ReadCount<&DpdkPort::core, 0, 1023, DpdkPort>>},
    {"device", ReadOfShards<ReadString<SetDpdkDevice, DpdkPort>>},
    {"eal", ReadEal},
    {"gateway", ReadString<SetDpdkGateway, DpdkConfig>},
    {"idle", ReadString<SetDpdkIdle, DpdkConfig>},
    {"memory-mb", ReadCount<&DpdkConfig::memory_mb, 64, 65'536, DpdkConfig>},
    {"mtu", ReadCount<&DpdkConfig::mtu, 1'280, 9'000, DpdkConfig>},
    {"vlan", ReadCount<&DpdkConfig::vlan, 1, 4'094, DpdkConfig>},
};

template <auto Member>
std::string ReadLimit(const toml::node& node, TenantConfig* tenant) {
  constexpr const TenantLimit& kLimit = LimitOf(Member);
  if constexpr (kLimit.is_size) {
    const toml::value<std::string>* text = node.as_string();
    if (!text) return "must be a string, in quotes";
    uint64_t bytes;
    std::string problem = SetSize(text->get(), kLimit.min, kLimit.max, &bytes);
    if (problem.empty()) tenant->*kLimit.member = bytes;
    return problem;
  } else {
    const toml::value<int64_t>* value = node.as_integer();
    return value ? SetTenantLimit(kLimit, value->get(), tenant)
                 : "must be an integer, without quotes";
  }
}

template <auto Member>
constexpr FileKey<TenantConfig> LimitKey() {
  return {LimitOf(Member).name, ReadLimit<Member>};
}

constexpr FileKey<TenantConfig> kTenantKeys[] = {
    {"admin", ReadBoolean<&TenantConfig::admin, TenantConfig>},
    LimitKey<&TenantConfig::array_buffer_limit_mb>(),
    LimitKey<&TenantConfig::connection_memory_bytes>(),
    LimitKey<&TenantConfig::cpu_ms_per_second>(),
    LimitKey<&TenantConfig::deadline_ms>(),
    LimitKey<&TenantConfig::heap_limit_mb>(),
    {"isolation", ReadString<SetTenantIsolation, TenantConfig>},
    LimitKey<&TenantConfig::library_memory_bytes>(),
    LimitKey<&TenantConfig::max_clients>(),
    LimitKey<&TenantConfig::max_in_flight>(),
    LimitKey<&TenantConfig::max_libraries>(),
    LimitKey<&TenantConfig::max_reply_bytes>(),
    {"memory", ReadString<SetTenantMemory, TenantConfig>},
    {"name", ReadString<SetTenantName, TenantConfig>},
    LimitKey<&TenantConfig::ops_per_second>(),
    {"over-limit", ReadString<SetTenantOverLimit, TenantConfig>},
    {"password", ReadPasswords<AddPassword>},
    {"password-sha256", ReadPasswords<AddPasswordSha256>},
    LimitKey<&TenantConfig::wall_deadline_ms>(),
    {"wasm", ReadBoolean<&TenantConfig::wasm, TenantConfig>},
};

class FileReader {
 public:
  FileReader(const std::string& path, std::string* error) : path_(path), error_(error) {}

  bool ReadRoot(const toml::table& root, ServerConfig* config) {
    for (const auto& [key, node] : root) {
      if (key.str() == "server") {
        if (!ReadServer(node, config)) return false;
      } else if (key.str() == "dpdk") {
        if (!ReadDpdk(node, config)) return false;
      } else if (key.str() == "tenant") {
        if (!ReadTenants(node, config)) return false;
      } else {
        return Fail(
            key.source(),
            fmt::format("unknown key '{}'; a file has [server], [dpdk] and [[tenant]]", key.str()));
      }
    }
    if (!config->tenants.empty()) return true;
    *error_ = fmt::format("{}: no tenant; add a [[tenant]] with a name and a password", path_);
    return false;
  }

 private:
  bool Fail(const toml::source_region& where, std::string_view what) {
    *error_ = fmt::format("{}:{}: {}", path_, where.begin.line, what);
    return false;
  }

  template <typename Target, size_t N>
  bool ReadTable(const toml::table& table, std::string_view title, const FileKey<Target> (&keys)[N],
                 Target* target) {
    for (const auto& [key, node] : table) {
      const auto* known =
          std::find_if(std::begin(keys), std::end(keys),
                       [&](const auto& candidate) { return candidate.name == key.str(); });
      if (known == std::end(keys)) {
        std::string names;
        for (const auto& candidate : keys) {
          names += fmt::format("{}{}", names.empty() ? "" : ", ", candidate.name);
        }
        return Fail(key.source(),
                    fmt::format("unknown key '{}.{}'; known are {}", title, key.str(), names));
      }
      const std::string problem = known->read(node, target);
      if (!problem.empty()) {
        return Fail(key.source(), fmt::format("{}.{} {}", title, key.str(), problem));
      }
    }
    return true;
  }

  bool ReadServer(const toml::node& node, ServerConfig* config) {
    const toml::table* table = node.as_table();
    if (!table) return Fail(node.source(), "server must be a table; write [server]");
    return ReadTable(*table, "server", kServerKeys, config);
  }

  bool ReadDpdk(const toml::node& node, ServerConfig* config) {
    const toml::table* table = node.as_table();
    if (!table) return Fail(node.source(), "dpdk must be a table; write [dpdk]");
    return ReadTable(*table, "dpdk", kDpdkKeys, &config->dpdk);
  }

  bool ReadTenants(const toml::node& node, ServerConfig* config) {
    const toml::array* array = node.as_array();
    if (!array) return Fail(node.source(), "tenant must be an array of tables; write [[tenant]]");
    if (array->size() > kMaxTenants) {
      return Fail(node.source(),
                  fmt::format("{} tenants; give at most {}", array->size(), kMaxTenants));
    }
    for (const toml::node& element : *array) {
      const toml::table* table = element.as_table();
      if (!table) return Fail(element.source(), "a tenant must be a table; write [[tenant]]");
      if (!ReadTenant(*table, config)) return false;
    }
    return true;
  }

  bool ReadTenant(const toml::table& table, ServerConfig* config) {
    TenantConfig tenant;
    if (!ReadTable(table, "tenant", kTenantKeys, &tenant)) return false;
    if (tenant.name.empty()) {
      return Fail(table.source(), "a tenant without a name; add name = \"...\"");
    }
    if (tenant.secrets.empty()) {
      return Fail(table.source(),
                  fmt::format("tenant '{}' has no password; add password = \"...\" or "
                              "password-sha256 = \"...\"",
                              tenant.name));
    }
    if (!names_.insert(tenant.name).second) {
      return Fail(table.source(),
                  fmt::format("tenant '{}' is there twice; rename or remove one", tenant.name));
    }
    for (const Secret& secret : tenant.secrets) {
      const auto [other, is_new] = owners_.emplace(secret, tenant.name);
      if (is_new) continue;
      return Fail(table.source(),
                  fmt::format("tenants '{}' and '{}' have the same password; give each its own",
                              other->second, tenant.name));
    }
    config->tenants.push_back(std::move(tenant));
    return true;
  }

  const std::string& path_;
  std::string* error_;
  std::unordered_set<std::string> names_;
  std::unordered_map<Secret, std::string, Secret::Hash> owners_;  // names of tenants
};

}  // namespace

std::optional<ServerConfig> ParseConfig(std::string_view text, const std::string& path,
                                        std::string* error) {
  toml::table root;
  try {
    root = toml::parse(text, path);
  } catch (const toml::parse_error& problem) {
    std::string what(problem.description());
    std::replace(what.begin(), what.end(), '\n', ' ');
    *error =
        fmt::format("{}:{}: {}; correct the TOML syntax", path, problem.source().begin.line, what);
    return std::nullopt;
  }
  ServerConfig config;
  if (!FileReader(path, error).ReadRoot(root, &config)) return std::nullopt;
  const std::string problem = CheckWallDeadlines(config);
  if (problem.empty()) return config;
  *error = fmt::format("{}: {}", path, problem);
  return std::nullopt;
}

}  // namespace shredder::config
