// SIGUSR2: another executable takes this one's place, on the same memory.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "runtime/control/process.h"
#include "runtime/control/status_page.h"
#include "runtime/supervisor/heritage.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

namespace {

// Clients wait meanwhile who want to authenticate.
constexpr uint64_t kMaxAnswerMs = 5'000;

// What the program writes when it is asked what it takes over; nothing where it does not run, or
// does not say and end within kMaxAnswerMs and in as many bytes as an answer may have.
std::string AskForHandoverFormat(const std::string& executable) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  const net::UniqueFd output(ends[0]);
  net::UniqueFd input(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
  std::string name = executable;
  std::string argument = kHandoverArgument;
  char* const argv[] = {name.data(), argument.data(), nullptr};
  pid_t pid;
  const int failure = posix_spawn(&pid, executable.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return {};
  input = {};
  const uint64_t until_ns = control::MonotonicNs() + kMaxAnswerMs * 1'000'000;
  const auto left_ms = [until_ns] {
    const uint64_t now_ns = control::MonotonicNs();
    return now_ns < until_ns ? static_cast<int>((until_ns - now_ns) / 1'000'000) : 0;
  };
  char answer[256];
  size_t length = 0;
  bool is_whole = false;
  while (length < sizeof answer) {
    pollfd readable = {.fd = output.get(), .events = POLLIN, .revents = 0};
    const int ready = poll(&readable, 1, left_ms());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    const ssize_t got = read(output.get(), answer + length, sizeof answer - length);
    if (got < 0 && errno == EINTR) continue;
    is_whole = got == 0;
    if (got <= 0) break;
    length += static_cast<size_t>(got);
  }
  int status = 0;
  bool is_over = false;
  // It may close its output and run on.
  while (is_whole && !is_over && left_ms() > 0) {
    is_over = waitpid(pid, &status, WNOHANG) == pid;
    if (!is_over) poll(nullptr, 0, 1);
  }
  if (!is_over) {
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return {};
  return std::string(answer, length);
}

}  // namespace

void Supervisor::Upgrade() {
  if (is_stopping_) return;
  std::string error;
  const std::string format = executable_.empty() ? "" : AskForHandoverFormat(executable_);
  if (format.empty()) {
    log_.error(
        "SIGUSR2: {} does not run, or takes over no running server; the server goes on as it is",
        executable_);
    return;
  }
  if (format != HandoverFormat() + "\n") {
    log_.error(
        "SIGUSR2: {} has stores of another format than {}, and the data would be lost; restart the "
        "server where they need not be kept; it goes on as it is",
        executable_, HandoverFormat());
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
