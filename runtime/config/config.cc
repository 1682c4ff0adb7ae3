#include "runtime/config/config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

#include "builtins-csa/layout/limits.h"
#include "runtime/engine/deadlines.h"

namespace shredder::config {
namespace {

constexpr uint64_t kMaxBusyReplyMs = 3'600'000;
constexpr uint64_t kMaxWallDeadlineMs = engine::DefaultWallDeadlineMs(engine::kMaxDeadlineMs);
constexpr size_t kMaxTenants = 1000;
constexpr size_t kMaxTenantNameLength = 63;
constexpr size_t kMaxPasswordLength = 1024;
constexpr std::streamsize kMaxFileBytes = 1 << 20;
constexpr size_t kMaxUnixPathLength = sizeof(sockaddr_un::sun_path) - 1;

// --- Values, wherever they come from. An empty string means valid, else what is wrong, and the
// remedy.

std::string CheckRange(int64_t value, uint64_t min, uint64_t max) {
  if (value >= 0 && static_cast<uint64_t>(value) >= min && static_cast<uint64_t>(value) <= max) {
    return {};
  }
  return fmt::format("is {}, out of range; give a number from {} to {}", value, min, max);
}

std::string SetBind(std::string_view text, ServerConfig* config) {
  const std::string address = text == "localhost" ? "127.0.0.1" : std::string(text);
  in6_addr parsed;
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1 &&
      inet_pton(AF_INET6, address.c_str(), &parsed) != 1) {
    return fmt::format("is '{}', not an IP address; give one such as 127.0.0.1 or ::1", text);
  }
  config->bind = address;
  return {};
}

std::string SetPort(int64_t value, ServerConfig* config) {
  std::string problem = CheckRange(value, 0, 65535);
  if (problem.empty()) config->port = static_cast<uint16_t>(value);
  return problem;
}

std::string SetUnixSocket(std::string_view text, ServerConfig* config) {
  if (text.empty() || text.size() > kMaxUnixPathLength ||
      text.find('\0') != std::string_view::npos) {
    return fmt::format("has {} bytes; give a path of 1 to {} bytes without NUL", text.size(),
                       kMaxUnixPathLength);
  }
  config->unix_socket = text;
  return {};
}

template <auto Member, uint64_t min, uint64_t max, typename Target>
std::string SetCount(int64_t value, Target* target) {
  std::string problem = CheckRange(value, min, max);
  if (problem.empty()) target->*Member = static_cast<uint64_t>(value);
  return problem;
}

template <auto Member, typename Target>
constexpr auto SetDeadline = SetCount<Member, 1, engine::kMaxDeadlineMs, Target>;

template <auto Member, typename Target>
constexpr auto SetWallDeadline = SetCount<Member, 1, kMaxWallDeadlineMs, Target>;

std::string SetLogLevel(std::string_view text, ServerConfig* config) {
  constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  if (std::find(std::begin(kLevels), std::end(kLevels), text) == std::end(kLevels)) {
    return fmt::format("is '{}', not a log level; give debug, info, warn or error", text);
  }
  config->log_level = text;
  return {};
}

std::string SetBackend(std::string_view text, ServerConfig* config) {
  if (text == "auto") {
    config->backend = net::Backend::kAuto;
  } else if (text == "io_uring") {
    config->backend = net::Backend::kIoUring;
  } else if (text == "epoll") {
    config->backend = net::Backend::kEpoll;
  } else {
    return fmt::format("is '{}', not a backend; give auto, io_uring or epoll", text);
  }
  return {};
}

std::string SetMemory(std::string_view text, uint64_t* memory_bytes) {
  const std::optional<uint64_t> bytes = ParseMemorySize(text);
  if (!bytes) return fmt::format("is '{}', not a size; give one such as \"256mb\"", text);
  if (*bytes < layout::kMinQuotaBytes || *bytes > layout::kMaxQuotaBytes) {
    return fmt::format("is '{}', out of range; give a size from {}mb to {}gb", text,
                       layout::kMinQuotaBytes >> 20, layout::kMaxQuotaBytes >> 30);
  }
  *memory_bytes = *bytes;
  return {};
}

std::string SetTenantName(std::string_view text, TenantConfig* tenant) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  const bool valid = !text.empty() && text.size() <= kMaxTenantNameLength &&
                     is_alphanumeric(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
                       return is_alphanumeric(c) || c == '_' || c == '-';
                     });
  if (!valid) {
    return fmt::format(
        "is '{}', not a tenant's name; give up to {} characters of a-z, 0-9, _ and -, the first a "
        "letter or a digit",
        text, kMaxTenantNameLength);
  }
  tenant->name = text;
  return {};
}

std::string SetPassword(std::string_view text, TenantConfig* tenant) {
  if (text.empty()) return "is empty; give a long random one";
  if (text.size() > kMaxPasswordLength) {
    return fmt::format("has {} bytes; give at most {}", text.size(), kMaxPasswordLength);
  }
  tenant->secret = Secret::OfPassword(text);
  return {};
}

std::string SetPasswordSha256(std::string_view text, TenantConfig* tenant) {
  tenant->secret = Secret::FromHex(text);
  if (tenant->secret) return {};
  return "is not a SHA-256 digest; give its 64 hexadecimal digits";
}

bool IsLoopback(const std::string& address) {
  return address == "::1" || address.starts_with("127.");
}

// A run's CPU time must fit into its wall time.
std::string CheckWallDeadlines(const ServerConfig& config) {
  const auto check = [](std::string_view key, std::optional<uint64_t> wall_ms,
                        std::string_view cpu_key, uint64_t cpu_ms) -> std::string {
    if (!wall_ms || *wall_ms >= cpu_ms) return {};
    return fmt::format("{} is {}, less than {}, which is {}; give at least {}", key, *wall_ms,
                       cpu_key, cpu_ms, cpu_ms);
  };
  std::string problem =
      check("wall-deadline-ms", config.wall_deadline_ms, "deadline-ms", config.deadline_ms);
  if (problem.empty()) {
    problem = check("load-wall-deadline-ms", config.load_wall_deadline_ms, "load-deadline-ms",
                    config.load_deadline_ms);
  }
  for (const TenantConfig& tenant : config.tenants) {
    if (!problem.empty()) break;
    problem = check(fmt::format("tenant '{}': wall-deadline-ms", tenant.name),
                    tenant.wall_deadline_ms, "deadline-ms", DeadlineOf(tenant, config).cpu_ms);
  }
  return problem;
}

// --- The TOML file

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

std::string ReadCallbackBuiltins(const toml::node& node, ServerConfig* config) {
  const toml::value<bool>* value = node.as_boolean();
  if (!value) return "must be true or false, without quotes";
  config->callback_builtins = value->get();
  return {};
}

std::string SetTenantMemory(std::string_view text, TenantConfig* tenant) {
  return SetMemory(text, &tenant->memory_bytes);
}

template <auto Member, uint64_t min, uint64_t max, typename Target>
constexpr auto ReadCount = ReadInteger<SetCount<Member, min, max, Target>, Target>;

template <auto Member, typename Target>
constexpr auto ReadDeadline = ReadInteger<SetDeadline<Member, Target>, Target>;

template <auto Member, typename Target>
constexpr auto ReadWallDeadline = ReadInteger<SetWallDeadline<Member, Target>, Target>;

constexpr FileKey<ServerConfig> kServerKeys[] = {
    {"backend", ReadString<SetBackend, ServerConfig>},
    {"bind", ReadString<SetBind, ServerConfig>},
    {"busy-reply-ms", ReadCount<&ServerConfig::busy_reply_ms, 1, kMaxBusyReplyMs, ServerConfig>},
    {"callback-builtins", ReadCallbackBuiltins},
    {"deadline-ms", ReadDeadline<&ServerConfig::deadline_ms, ServerConfig>},
    {"heap-limit-mb", ReadCount<&ServerConfig::heap_limit_mb, 8, 4096, ServerConfig>},
    {"load-deadline-ms", ReadDeadline<&ServerConfig::load_deadline_ms, ServerConfig>},
    {"load-wall-deadline-ms", ReadWallDeadline<&ServerConfig::load_wall_deadline_ms, ServerConfig>},
    {"log-level", ReadString<SetLogLevel, ServerConfig>},
    {"max-clients", ReadCount<&ServerConfig::max_clients, 1, 1'000'000, ServerConfig>},
    {"port", ReadInteger<SetPort, ServerConfig>},
    {"unix-socket", ReadString<SetUnixSocket, ServerConfig>},
    {"wall-deadline-ms", ReadWallDeadline<&ServerConfig::wall_deadline_ms, ServerConfig>},
};

constexpr FileKey<TenantConfig> kTenantKeys[] = {
    {"deadline-ms", ReadDeadline<&TenantConfig::deadline_ms, TenantConfig>},
    {"memory", ReadString<SetTenantMemory, TenantConfig>},
    {"name", ReadString<SetTenantName, TenantConfig>},
    {"password", ReadString<SetPassword, TenantConfig>},
    {"password-sha256", ReadString<SetPasswordSha256, TenantConfig>},
    {"wall-deadline-ms", ReadWallDeadline<&TenantConfig::wall_deadline_ms, TenantConfig>},
};

class FileReader {
 public:
  FileReader(const std::string& path, std::string* error) : path_(path), error_(error) {}

  bool ReadRoot(const toml::table& root, ServerConfig* config) {
    for (const auto& [key, node] : root) {
      if (key.str() == "server") {
        if (!ReadServer(node, config)) return false;
      } else if (key.str() == "tenant") {
        if (!ReadTenants(node, config)) return false;
      } else {
        return Fail(key.source(),
                    fmt::format("unknown key '{}'; a file has [server] and [[tenant]]", key.str()));
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
    if (table.contains("password") && table.contains("password-sha256")) {
      return Fail(table.source(),
                  fmt::format("tenant '{}' has both password and password-sha256; remove one",
                              tenant.name));
    }
    if (!tenant.secret) {
      return Fail(table.source(),
                  fmt::format("tenant '{}' has no password; add password = \"...\" or "
                              "password-sha256 = \"...\"",
                              tenant.name));
    }
    for (const TenantConfig& other : config->tenants) {
      if (other.name == tenant.name) {
        return Fail(table.source(),
                    fmt::format("tenant '{}' is there twice; rename or remove one", tenant.name));
      }
      if (other.secret->Equals(*tenant.secret)) {
        return Fail(table.source(),
                    fmt::format("tenants '{}' and '{}' have the same password; give each its own",
                                other.name, tenant.name));
      }
    }
    config->tenants.push_back(std::move(tenant));
    return true;
  }

  const std::string& path_;
  std::string* error_;
};

bool ReadFile(const std::string& path, std::string* text, std::string* error) {
  std::ifstream file(path, std::ios::binary);
  text->resize(kMaxFileBytes + 1);
  if (file) file.read(text->data(), kMaxFileBytes + 1);
  if (!file.is_open() || file.bad()) {
    *error = fmt::format("{}: cannot be read; check the path and its permissions", path);
    return false;
  }
  if (file.gcount() > kMaxFileBytes) {
    *error = fmt::format("{}: longer than {} bytes; give a shredderd configuration file", path,
                         kMaxFileBytes);
    return false;
  }
  text->resize(static_cast<size_t>(file.gcount()));
  return true;
}

// --- Command-line flags

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
           SetWallDeadline<&ServerConfig::load_wall_deadline_ms, ServerConfig>)) {
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

std::optional<uint64_t> ParseMemorySize(std::string_view text) {
  uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc()) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  int shift = 0;
  if (unit == "kb") {
    shift = 10;
  } else if (unit == "mb") {
    shift = 20;
  } else if (unit == "gb") {
    shift = 30;
  } else if (!unit.empty()) {
    return std::nullopt;
  }
  if (number > UINT64_MAX >> shift) return std::nullopt;
  return number << shift;
}

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
