#include "runtime/supervisor/heritage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "builtins-csa/layout/table_layout.h"
#include "runtime/config/config_json.h"

namespace shredder::supervisor {

namespace {

using Json = nlohmann::json;

// What the file begins with: another layout gets another number.
constexpr int kVersion = 3;

void SetCloseOnExec(int fd, bool closes) {
  if (fd >= 0) fcntl(fd, F_SETFD, closes ? FD_CLOEXEC : 0);
}

void SetAllCloseOnExec(const Heritage& heritage, bool closes) {
  SetCloseOnExec(heritage.tcp.fd(), closes);
  SetCloseOnExec(heritage.unix_listener.fd(), closes);
  for (const auto& [number, pool] : heritage.pools) SetCloseOnExec(pool.get(), closes);
  for (const Heritage::Tenant& tenant : heritage.tenants) {
    SetCloseOnExec(tenant.memory.get(), closes);
  }
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

net::ListeningSocket Adopt(int fd, std::string* error) {
  if (fd < 0) return {};
  SetCloseOnExec(fd, true);
  return net::ListeningSocket::Adopt(net::UniqueFd(fd), error);
}

}  // namespace

std::string HandoverFormat() {
  char magic[sizeof layout::kStoreMagic];
  std::memcpy(magic, &layout::kStoreMagic, sizeof magic);
  return fmt::format("{}.{}", std::string_view(magic, sizeof magic), kVersion);
}

int WriteHeritage(const Heritage& heritage, std::string* error) {
  // Sources once each, whoever has loaded them.
  std::unordered_map<const std::string*, size_t> source_numbers;
  Json source_bytes = Json::array();
  std::string sources;
  Json tenants = Json::array();
  for (const Heritage::Tenant& tenant : heritage.tenants) {
    Json libraries = Json::object();
    for (const auto& [name, source] : tenant.libraries) {
      const auto [at, is_new] = source_numbers.emplace(source.get(), source_numbers.size());
      if (is_new) {
        source_bytes.push_back(source->size());
        sources += *source;
      }
      libraries[name] = at->second;
    }
    tenants.push_back({{"config", config::ToJson(tenant.config)},
                       {"is_from_file", tenant.is_from_file},
                       {"is_single", tenant.is_single},
                       {"libraries", std::move(libraries)},
                       {"memory", tenant.memory.get()},
                       {"pool", tenant.pool},
                       {"slot", tenant.slot},
                       {"is_suspect", tenant.is_suspect}});
  }
  Json pools = Json::array();
  for (const auto& [number, pool] : heritage.pools) pools.push_back({number, pool.get()});
  const Json root = {{"version", kVersion},
                     {"config", config::ToJson(heritage.config)},
                     {"run_id", heritage.run_id},
                     {"started_ms", heritage.started_ms},
                     {"last_connection_id", heritage.last_connection_id},
                     {"tcp", heritage.tcp.fd()},
                     {"unix", heritage.unix_listener.fd()},
                     {"pools", std::move(pools)},
                     {"tenants", std::move(tenants)},
                     {"source_bytes", std::move(source_bytes)}};
  const std::string text = root.dump(-1, ' ', false, Json::error_handler_t::replace);
  const uint64_t text_bytes = text.size();
  net::UniqueFd fd(memfd_create("shredder-heritage", 0));
  if (!fd.valid() ||
      !WriteAll(fd.get(), {reinterpret_cast<const char*>(&text_bytes), sizeof text_bytes}) ||
      !WriteAll(fd.get(), text) || !WriteAll(fd.get(), sources)) {
    *error = fmt::format("cannot write what is handed on: {}", std::strerror(errno));
    return -1;
  }
  SetAllCloseOnExec(heritage, false);
  return fd.Release();
}

void KeepFromExec(const Heritage& heritage) { SetAllCloseOnExec(heritage, true); }

bool ReadHeritage(int descriptor, Heritage* heritage, std::string* error) {
  const net::UniqueFd fd(descriptor);
  SetCloseOnExec(descriptor, true);
  struct stat status;
  std::string bytes;
  if (fstat(descriptor, &status) == 0) bytes.resize(static_cast<size_t>(status.st_size));
  uint64_t text_bytes = 0;
  if (bytes.size() >= sizeof text_bytes &&
      pread(descriptor, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) {
    std::memcpy(&text_bytes, bytes.data(), sizeof text_bytes);
  }
  if (text_bytes == 0 || text_bytes > bytes.size() - sizeof text_bytes) {
    *error = fmt::format("{}: descriptor {} is nothing that was handed on", kHeritageVariable,
                         descriptor);
    return false;
  }
  try {
    const Json root =
        Json::parse(bytes.begin() + sizeof text_bytes,
                    bytes.begin() + static_cast<ptrdiff_t>(sizeof text_bytes + text_bytes));
    if (root.at("version") != kVersion) {
      *error = "what the running server hands on is of another version; restart it";
      return false;
    }
    std::vector<std::shared_ptr<const std::string>> sources;
    size_t at = sizeof text_bytes + text_bytes;
    for (const uint64_t length : root.at("source_bytes").get<std::vector<uint64_t>>()) {
      sources.push_back(std::make_shared<const std::string>(bytes.substr(at, length)));
      at += length;
    }
    heritage->config = config::ServerFromJson(root.at("config").get<std::string>()).value();
    root.at("run_id").get_to(heritage->run_id);
    root.at("started_ms").get_to(heritage->started_ms);
    root.at("last_connection_id").get_to(heritage->last_connection_id);
    heritage->tcp = Adopt(root.at("tcp"), error);
    heritage->unix_listener = Adopt(root.at("unix"), error);
    for (const auto& [number, pool] :
         root.at("pools").get<std::vector<std::pair<int64_t, int>>>()) {
      heritage->pools.emplace(number, pool);
      SetCloseOnExec(pool, true);
    }
    for (const Json& entry : root.at("tenants")) {
      Heritage::Tenant& tenant = heritage->tenants.emplace_back();
      tenant.config = config::TenantFromJson(entry.at("config").get<std::string>()).value();
      entry.at("is_from_file").get_to(tenant.is_from_file);
      entry.at("is_single").get_to(tenant.is_single);
      for (const auto& [name, number] : entry.at("libraries").items()) {
        tenant.libraries[name] = sources.at(number);
      }
      tenant.memory = net::UniqueFd(entry.at("memory"));
      entry.at("pool").get_to(tenant.pool);
      entry.at("slot").get_to(tenant.slot);
      entry.at("is_suspect").get_to(tenant.is_suspect);
      SetCloseOnExec(tenant.memory.get(), true);
    }
  } catch (const std::exception& problem) {
    *error = fmt::format("what the running server hands on makes no sense: {}", problem.what());
    return false;
  }
  return heritage->tcp.valid();
}

}  // namespace shredder::supervisor
