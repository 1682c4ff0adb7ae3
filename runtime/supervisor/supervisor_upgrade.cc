// SIGUSR2: another executable takes this one's place, on the same memory.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "runtime/control/process.h"
#include "runtime/supervisor/heritage.h"
#include "runtime/supervisor/supervisor.h"

extern char** environ;

namespace shredder::supervisor {

namespace {

// Whether the program runs at all: it is asked for its version.
bool Runs(const std::string& executable) {
  std::string name = executable;
  std::string argument = "--version";
  char* const argv[] = {name.data(), argument.data(), nullptr};
  pid_t pid;
  if (posix_spawn(&pid, executable.c_str(), nullptr, nullptr, argv, environ) != 0) return false;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

void Supervisor::Upgrade() {
  if (is_stopping_) return;
  std::string error;
  if (executable_.empty() || !Runs(executable_)) {
    log_.error("SIGUSR2: {} does not run; the server goes on as it is", executable_);
    return;
  }
  if (!config::LoadConfig(options_.command_line.config_path, options_.command_line.overrides,
                          &error)) {
    log_.error("SIGUSR2: {}; the server goes on as it is", error);
    return;
  }
  log_.info("SIGUSR2: {} takes over", executable_);
  // Their clients are answered, or told to come again by a connection that closes.
  StopShards();
  if (stop_requested_) return;
  Heritage heritage;
  heritage.config = options_.config;
  heritage.run_id = run_id_;
  heritage.started_ms = started_ms_;
  heritage.last_connection_id = status_.page().last_connection_id;
  heritage.tcp = std::move(tcp_);
  heritage.unix_listener = std::move(unix_);
  for (const auto& [number, pool] : pools_) {
    heritage.pools.emplace(number, net::DuplicateFd(pool->fd()));
  }
  for (const auto& [name, record] : directory_.tenants()) {
    Upkeep& upkeep = upkeep_.find(name)->second;
    if (upkeep.is_dropped) continue;
    Heritage::Tenant& tenant = heritage.tenants.emplace_back();
    tenant.config = record.config;
    tenant.is_from_file = record.is_from_file;
    const ShardIndex shard = upkeep.is_leaving ? upkeep.target : record.shard;
    tenant.is_single = shard >= shard_count_;
    tenant.libraries = record.libraries;
    tenant.memory = std::move(upkeep.place.own);
    tenant.pool = upkeep.place.pool;
    tenant.slot = upkeep.place.slot;
    tenant.is_suspect = upkeep.place.is_suspect;
  }
  const int fd = WriteHeritage(heritage, &error);
  if (fd >= 0) {
    setenv(kHeritageVariable, std::to_string(fd).c_str(), 1);
    std::vector<char*> argv;
    for (std::string& argument : options_.arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(executable_.c_str(), argv.data());
    error = fmt::format("{}: {}", executable_, std::strerror(errno));
    unsetenv(kHeritageVariable);
    close(fd);
    KeepFromExec(heritage);
  }
  log_.error("SIGUSR2: {}; the server goes on as it is", error);
  tcp_ = std::move(heritage.tcp);
  unix_ = std::move(heritage.unix_listener);
  for (Heritage::Tenant& tenant : heritage.tenants) {
    upkeep_.find(tenant.config.name)->second.place.own = std::move(tenant.memory);
  }
  is_stopping_ = false;
  for (auto& [index, shard] : shards_) StartShard(shard);
}

}  // namespace shredder::supervisor
