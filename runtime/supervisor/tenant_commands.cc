#include "runtime/supervisor/tenant_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/config/tenant_options.h"
#include "runtime/config/values.h"
#include "runtime/resp/glob.h"
#include "runtime/resp/letter_case.h"
#include "runtime/resp/number.h"

namespace shredder::supervisor {
namespace {

using resp::EqualsIgnoringCase;

// The bounds of what one LIST does: names, and the steps of matching each.
constexpr int64_t kMaxListCount = 10'000;
constexpr size_t kMaxPatternBytes = 1024;

struct Request {
  std::span<const std::string_view> args;
  resp::Protocol protocol;
  TenantControl& control;
  const config::ServerConfig& server;
  std::function<void(std::string reply)> done;

  void Fail(std::string_view what) const {
    std::string reply;
    resp::ReplyWriter(&reply).Error(fmt::format("ERR {}", what));
    done(std::move(reply));
  }

  // Replies for TenantControl.
  TenantControl::Done Finish() const {
    return [done = done](const std::string& error) {
      std::string reply;
      resp::ReplyWriter writer(&reply);
      if (error.empty()) {
        writer.Ok();
      } else {
        writer.Error(fmt::format("ERR {}", error));
      }
      done(std::move(reply));
    };
  }
};

// The tenant that args[2] names; or replies that there is none.
const TenantRecord* FindTenant(const Request& request) {
  const TenantRecord* record = request.control.directory().Find(request.args[2]);
  if (!record) {
    request.Fail(fmt::format("no tenant '{}'; TENANT LIST 0 has their names",
                             config::Quotable(request.args[2])));
  }
  return record;
}

// The same, of those that commands have made.
const TenantRecord* FindOwn(const Request& request) {
  const TenantRecord* record = FindTenant(request);
  if (!record || !record->is_from_file) return record;
  request.Fail(
      fmt::format("tenant '{}' is in the configuration file; change it there, and send the server "
                  "SIGHUP",
                  record->config.name));
  return nullptr;
}

std::string LowerCase(std::string_view text) {
  std::string lower(config::Quotable(text));
  std::transform(lower.begin(), lower.end(), lower.begin(), resp::LowerCase);
  return lower;
}

// A password more, in the place of the oldest where there are as many as there may be.
std::string ReplaceOldest(std::string_view option, std::string_view password,
                          config::TenantConfig* tenant) {
  config::TenantConfig added;
  const std::string problem = config::SetTenantOption(option, password, &added);
  if (!problem.empty()) return problem;
  config::Secrets& secrets = tenant->secrets;
  std::erase(secrets, added.secrets.front());  // a command that is sent again adds nothing
  if (secrets.size() == config::kMaxSecrets) secrets.erase(secrets.begin());
  secrets.push_back(added.secrets.front());
  return {};
}

std::string SetOption(std::string_view option, std::string_view value, bool is_new,
                      config::TenantConfig* tenant) {
  constexpr std::string_view kOnly = "only-";
  const bool is_password = option == "password" || option == "password-sha256";
  if (is_new || (!is_password && !option.starts_with(kOnly))) {
    return config::SetTenantOption(option, value, tenant);
  }
  if (is_password) return ReplaceOldest(option, value, tenant);
  option.remove_prefix(kOnly.size());
  if (option != "password" && option != "password-sha256") {
    return "is no option; give PASSWORD or PASSWORD-SHA256 behind ONLY-";
  }
  tenant->secrets.clear();
  return config::SetTenantOption(option, value, tenant);
}

// Reads the options from args[3] on into *tenant, and checks all of it; or replies what is wrong.
bool ReadOptions(const Request& request, bool is_new, config::TenantConfig* tenant) {
  const auto args = request.args;
  for (size_t i = 3; i < args.size(); i += 2) {
    const std::string option = LowerCase(args[i]);
    const std::string problem = i + 1 < args.size() ? SetOption(option, args[i + 1], is_new, tenant)
                                                    : "has no value; give one behind it";
    if (!problem.empty()) {
      request.Fail(fmt::format("{} {}", option, problem));
      return false;
    }
  }
  if (tenant->secrets.empty()) {
    request.Fail(
        fmt::format("tenant '{}' has no password; add PASSWORD password or PASSWORD-SHA256 digest",
                    tenant->name));
    return false;
  }
  for (const std::string& problem :
       {config::CheckWallDeadline(*tenant, request.server),
        config::CheckIsolation(*tenant, request.control.shard_count())}) {
    if (problem.empty()) continue;
    request.Fail(problem);
    return false;
  }
  for (const config::Secret& secret : tenant->secrets) {
    const TenantRecord* other = request.control.directory().FindOther(tenant->name, secret);
    if (!other) continue;
    request.Fail(fmt::format("tenants '{}' and '{}' would have the same password; give another one",
                             other->config.name, tenant->name));
    return false;
  }
  return true;
}

void Create(const Request& request) {
  const TenantDirectory& directory = request.control.directory();
  config::TenantConfig tenant;
  const std::string problem = config::SetTenantName(request.args[2], &tenant);
  if (!problem.empty()) {
    request.Fail(fmt::format("the name {}", problem));
    return;
  }
  if (directory.Find(tenant.name)) {
    request.Fail(fmt::format("tenant '{}' is there already; TENANT SET changes it", tenant.name));
    return;
  }
  if (directory.tenants().size() >= config::kMaxTenants) {
    request.Fail(fmt::format("there are {} tenants, the most there can be; drop one",
                             directory.tenants().size()));
    return;
  }
  if (!ReadOptions(request, /*is_new=*/true, &tenant)) return;
  request.control.Create(std::move(tenant), request.Finish());
}

void Set(const Request& request) {
  const TenantRecord* record = FindOwn(request);
  if (!record) return;
  config::TenantConfig tenant = record->config;
  if (!ReadOptions(request, /*is_new=*/false, &tenant)) return;
  request.control.Set(std::move(tenant), request.Finish());
}

void Get(const Request& request) {
  const TenantRecord* record = FindTenant(request);
  if (!record) return;
  const config::TenantConfig& tenant = record->config;
  const config::Deadline deadline = config::DeadlineOf(tenant, request.server);
  const config::Limits limits = config::LimitsOf(tenant, request.server);
  std::string reply;
  resp::ReplyWriter writer(&reply, request.protocol);
  const auto number = [&writer](std::string_view key, uint64_t value) {
    writer.Bulk(key);
    writer.Integer(static_cast<int64_t>(value));
  };
  const auto limit = [&](std::string_view key, uint64_t value) {
    if (value != config::kUnlimited) return number(key, value);
    writer.Bulk(key);
    writer.Bulk("none");
  };
  writer.Map(22);
  writer.Bulk("name");
  writer.Bulk(tenant.name);
  number("memory", tenant.memory_bytes);
  number("deadline-ms", deadline.cpu_ms);
  number("wall-deadline-ms", deadline.wall_ms);
  writer.Bulk("isolation");
  writer.Bulk(config::NameOf(tenant.isolation));
  limit("cpu-ms-per-second", limits.cpu_ms_per_second);
  limit("ops-per-second", limits.ops_per_second);
  writer.Bulk("over-limit");
  writer.Bulk(config::NameOf(tenant.over_limit));
  limit("max-clients", limits.max_clients);
  limit("max-in-flight", limits.max_in_flight);
  limit("connection-memory", limits.connection_memory_bytes);
  limit("max-reply", limits.max_reply_bytes);
  limit("heap-limit-mb", limits.heap_limit_mb);
  limit("array-buffer-limit-mb", limits.array_buffer_limit_mb);
  limit("max-libraries", limits.max_libraries);
  limit("library-memory", limits.library_memory_bytes);
  writer.Bulk("wasm");
  writer.Boolean(limits.wasm);
  number("passwords", tenant.secrets.size());
  number("shard", record->shard);
  writer.Bulk("admin");
  writer.Boolean(tenant.admin);
  writer.Bulk("source");
  writer.Bulk(record->is_from_file ? "file" : "command");
  writer.Bulk("libraries");
  writer.Array(record->libraries.size());
  for (const auto& [name, source] : record->libraries) writer.Bulk(name);
  request.done(std::move(reply));
}

struct ListOptions {
  std::string_view pattern = "*";
  std::optional<config::Isolation> isolation;  // of those alone that have this one
  int64_t count = 10;
};

bool ReadListOptions(const Request& request, ListOptions* options) {
  const auto args = request.args;
  for (size_t i = 3; i < args.size(); i += 2) {
    const bool is_match = EqualsIgnoringCase(args[i], "match");
    const bool is_isolation = EqualsIgnoringCase(args[i], "isolation");
    if ((!is_match && !is_isolation && !EqualsIgnoringCase(args[i], "count")) ||
        i + 1 == args.size()) {
      request.Fail(
          "syntax error; give TENANT LIST cursor [MATCH pattern] [ISOLATION name] [COUNT n]");
      return false;
    }
    if (is_isolation) {
      config::TenantConfig wanted;
      const std::string problem = config::SetTenantIsolation(args[i + 1], &wanted);
      if (!problem.empty()) {
        request.Fail(fmt::format("isolation {}", problem));
        return false;
      }
      options->isolation = wanted.isolation;
    } else if (is_match) {
      options->pattern = args[i + 1];
      if (options->pattern.size() > kMaxPatternBytes) {
        request.Fail(fmt::format("the pattern has {} bytes; give at most {}",
                                 options->pattern.size(), kMaxPatternBytes));
        return false;
      }
    } else if (!resp::ParseInteger(args[i + 1], &options->count) || options->count < 1) {
      request.Fail(fmt::format("count is '{}', out of range; give a number from 1 to {}",
                               config::Quotable(args[i + 1]), kMaxListCount));
      return false;
    }
  }
  options->count = std::min(options->count, kMaxListCount);
  return true;
}

void List(const Request& request) {
  uint64_t cursor;
  if (!resp::ParseUnsigned(request.args[2], &cursor)) {
    request.Fail("invalid cursor; give 0, or the one of the reply before");
    return;
  }
  ListOptions options;
  if (!ReadListOptions(request, &options)) return;
  const std::optional<resp::Glob> pattern = resp::Glob::Compile(options.pattern);
  if (!pattern) {
    request.Fail(fmt::format("pattern is longer than {} bytes; give a shorter one",
                             resp::Glob::kMaxPatternBytes));
    return;
  }
  std::string names;
  size_t found = 0;
  resp::ReplyWriter name_writer(&names, request.protocol);
  const uint64_t next = request.control.directory().Scan(
      cursor, static_cast<uint64_t>(options.count), [&](const TenantRecord& record) {
        if (options.isolation && record.config.isolation != *options.isolation) return;
        if (!pattern->Matches(record.config.name)) return;
        name_writer.Bulk(record.config.name);
        ++found;
      });
  std::string reply;
  resp::ReplyWriter writer(&reply, request.protocol);
  writer.Array(2);
  writer.Bulk(std::to_string(next));
  writer.Array(found);
  reply.append(names);
  request.done(std::move(reply));
}

void Drop(const Request& request) {
  const TenantRecord* record = FindOwn(request);
  if (record) request.control.Drop(record->config.name, request.Finish());
}

void Move(const Request& request) {
  const TenantRecord* record = FindTenant(request);
  if (!record) return;
  const ShardIndex shards = request.control.shard_count();
  if (shards == 0) {
    request.Fail("there are no shards; start the server with --shards");
    return;
  }
  std::optional<ShardIndex> target;
  const std::string_view text = request.args[3];
  if (!EqualsIgnoringCase(text, "own")) {
    uint64_t index;
    if (!resp::ParseUnsigned(text, &index) || index >= shards) {
      request.Fail(fmt::format("there is no shard '{}'; give a number from 0 to {}, or OWN",
                               config::Quotable(text), shards - 1));
      return;
    }
    target = static_cast<ShardIndex>(index);
  }
  if (target && record->config.isolation == config::Isolation::kProcess) {
    request.Fail(fmt::format(
        "tenant '{}' has isolation process, and with it a shard of its own; {}",
        record->config.name,
        record->is_from_file
            ? "change isolation in the configuration file, and send the server SIGHUP"
            : fmt::format("TENANT SET {} ISOLATION isolate ends that", record->config.name)));
    return;
  }
  request.control.Move(record->config.name, target, request.Finish());
}

void Help(const Request& request);

struct Subcommand {
  std::string_view name;
  int arity;  // as of server::Command
  void (*execute)(const Request& request);
  std::string_view usage;
  std::string_view summary;
};

constexpr Subcommand kSubcommands[] = {
    {"create", -3, Create,
     "CREATE name PASSWORD password | PASSWORD-SHA256 digest [MEMORY size] [DEADLINE-MS ms] "
     "[WALL-DEADLINE-MS ms] [ISOLATION context | isolate | process]",
     "Makes a tenant. Two passwords are valid at once."},
    {"drop", 3, Drop, "DROP name",
     "Closes a tenant's connections; its data and libraries are gone."},
    {"get", 3, Get, "GET name", "What a tenant's options are, and where it is."},
    {"help", 2, Help, "HELP", "Prints this help."},
    {"list", -3, List,
     "LIST cursor [MATCH pattern] [ISOLATION context | isolate | process] [COUNT n]",
     "The next cursor, and names; as of SCAN."},
    {"move", 4, Move, "MOVE name shard | OWN",
     "Moves a tenant to a shard, or to one of its own; closes its connections."},
    {"set", -5, Set,
     "SET name [PASSWORD password | PASSWORD-SHA256 digest | ONLY-PASSWORD password | "
     "ONLY-PASSWORD-SHA256 digest] [MEMORY size] [DEADLINE-MS ms] [WALL-DEADLINE-MS ms] "
     "[ISOLATION context | isolate | process]",
     "Changes options. A password is added, and the newest of the others stays, without ONLY."},
};

void Help(const Request& request) {
  std::string reply;
  resp::ReplyWriter writer(&reply, request.protocol);
  writer.Array(1 + 2 * std::size(kSubcommands));
  writer.SimpleString("TENANT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const Subcommand& subcommand : kSubcommands) {
    writer.SimpleString(subcommand.usage);
    writer.SimpleString(fmt::format("    {}", subcommand.summary));
  }
  request.done(std::move(reply));
}

bool ArityAllows(int arity, size_t count) {
  return arity >= 0 ? count == static_cast<size_t>(arity) : count >= static_cast<size_t>(-arity);
}

}  // namespace

void ExecuteTenantCommand(std::span<const std::string_view> args, resp::Protocol protocol,
                          TenantControl& control, const config::ServerConfig& server,
                          std::function<void(std::string reply)> done) {
  const Request request{args, protocol, control, server, std::move(done)};
  if (args.size() < 2) {
    request.Fail("wrong number of arguments for 'tenant' command");
    return;
  }
  for (const Subcommand& subcommand : kSubcommands) {
    if (!EqualsIgnoringCase(args[1], subcommand.name)) continue;
    if (ArityAllows(subcommand.arity, args.size())) {
      subcommand.execute(request);
    } else {
      request.Fail(fmt::format("wrong number of arguments for 'tenant|{}' command; give TENANT {}",
                               subcommand.name, subcommand.usage));
    }
    return;
  }
  request.Fail(fmt::format("unknown subcommand '{}'. Try TENANT HELP.", config::Quotable(args[1])));
}

}  // namespace shredder::supervisor
