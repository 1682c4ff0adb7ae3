#include "runtime/supervisor/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "runtime/config/config_json.h"
#include "runtime/control/process.h"
#include "runtime/store/store.h"
#include "runtime/supervisor/authentication.h"
#include "runtime/supervisor/heritage.h"

namespace shredder::supervisor {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// How often shards are looked at while nothing happens.
constexpr int kTickMs = 50;
// How long shards have to finish or refuse what they have, when the server stops.
constexpr uint64_t kStopMs = 4500;

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, spdlog::logger& log, control::StatusMemory status)
    : options_(std::move(options)), log_(log), status_(std::move(status)) {}

Supervisor::~Supervisor() = default;

// --- Opening

std::unique_ptr<Supervisor> Supervisor::Create(SupervisorOptions options, spdlog::logger& log,
                                               Heritage* heritage, std::string* error) {
  std::optional<control::StatusMemory> status = control::StatusMemory::Create(error);
  if (!status) return nullptr;
  std::unique_ptr<Supervisor> supervisor(
      new Supervisor(std::move(options), log, std::move(*status)));
  if (!supervisor->Open(heritage, error)) return nullptr;
  return supervisor;
}

bool Supervisor::Open(Heritage* heritage, std::string* error) {
  executable_ = control::ExecutablePath();
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) sigaddset(&handled, signal);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  signals_ = net::UniqueFd(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) {
    *error = fmt::format("cannot take signals: signalfd: {}", std::strerror(errno));
    return false;
  }
  const config::ServerConfig& config = options_.config;
  shard_count_ = static_cast<ShardIndex>(
      config.shards.value_or(std::max(1u, std::thread::hardware_concurrency())));
  for (ShardIndex i = 0; i < shard_count_; i++) AddShard(i, false);
  if (heritage != nullptr) {
    run_id_ = heritage->run_id;
    started_ms_ = heritage->started_ms;
    status_.page().last_connection_id = heritage->last_connection_id;
    tcp_ = std::move(heritage->tcp);
    unix_ = std::move(heritage->unix_listener);
    for (const auto& [number, fd] : heritage->pools) {
      pools_[number] = store::StorePool::Attach(fd.get(), error);
      if (!pools_[number]) return false;
    }
    for (Heritage::Tenant& tenant : heritage->tenants) {
      const bool is_sandboxed = tenant.config.isolation == config::Isolation::kProcess;
      std::optional<ShardIndex> shard = LeastLoadedShard();
      if (is_sandboxed) {
        shard = NewSingleShard(true);
      } else if (tenant.is_single) {
        shard = NewSingleShard(false).value_or(*shard);
      }
      if (!shard) {
        log_.error("tenant '{}': {}, and its isolation is process: it is dropped with its data",
                   tenant.config.name, NoRoomForShard());
        continue;
      }
      TenantRecord& record =
          directory_.Add(std::move(tenant.config), kNoShard, tenant.is_from_file);
      for (const auto& [name, source] : tenant.libraries) {
        directory_.SetLibrary(record.config.name, name, *source);
      }
      Place& place = upkeep_[record.config.name].place;
      place.own = std::move(tenant.memory);
      place.pool = tenant.pool;
      place.slot = tenant.slot;
      place.is_suspect = tenant.is_suspect;
      if (place.pool >= 0) pools_.at(place.pool)->Take(place.slot);
      Settle(record, *shard);
    }
  } else {
    run_id_ = control::RandomRunId();
    started_ms_ = control::UnixMs();
    for (const config::TenantConfig& tenant : config.tenants) {
      if (!AddTenant(tenant, true, error)) return false;
    }
    const std::string& port_file = options_.command_line.port_file;
    if (!port_file.empty() && !control::CheckPortFile(port_file, error)) return false;
    if (!OpenListeners(error)) return false;
  }
  // The others once it serves, so that what no shard can do is said once.
  StartShard(shards_.at(0));
  return true;
}

std::string Supervisor::ConfigForShards() const {
  config::ServerConfig config = options_.config;
  config.shards = shard_count_;  // where the machine decides
  config.tenants.clear();
  return config::ToJson(config);
}

std::string Supervisor::ConfigForShard(config::TenantConfig tenant) {
  tenant.secrets.clear();
  return config::ToJson(tenant);
}

bool Supervisor::OpenListeners(std::string* error) {
  const config::ServerConfig& config = options_.config;
  tcp_ = net::ListeningSocket::OpenTcp(config.bind, config.port, error);
  if (!tcp_.valid()) return false;
  if (config.unix_socket.empty()) return true;
  unix_ = net::ListeningSocket::OpenUnix(config.unix_socket, error);
  return unix_.valid();
}

// --- Running

void Supervisor::Tick() {
  const uint64_t now_ns = control::MonotonicNs();
  for (auto& [index, shard] : shards_) {
    if (!shard.child) {
      // One that is reserved begins with its tenant.
      if (now_ns >= shard.start_at_ns && (has_served_ || index == 0) && !is_stopping_ &&
          !shard.is_reserved) {
        StartShard(shard);
      }
      continue;
    }
    CheckTrust(shard, now_ns);
    CheckSilence(shard, now_ns);
  }
  ShareCounts();
  SampleLoad(now_ns);
  if (!is_stopping_) RemoveEmptyShards();
  if (is_announced_ || is_stopping_) return;
  for (const auto& [index, shard] : shards_) {
    if (!shard.is_serving) return;
  }
  is_announced_ = true;
  std::string error;
  if (!options_.command_line.port_file.empty() &&
      !control::WritePortFile(options_.command_line.port_file, tcp_.port(), &error)) {
    log_.error("{}", error);
  }
  log_.info("{}:{}: ready to accept connections", options_.config.bind, tcp_.port());
  if (unix_.valid()) {
    log_.info("{}: ready to accept connections", options_.config.unix_socket);
  }
}

void Supervisor::Turn(int timeout_ms) {
  std::vector<pollfd> polled;
  polled.push_back({.fd = signals_.get(), .events = POLLIN, .revents = 0});
  std::vector<ShardIndex> indices;
  for (auto& [index, shard] : shards_) {
    if (!shard.child) continue;
    control::Channel& channel = shard.child->channel();
    indices.push_back(index);
    polled.push_back({.fd = shard.child->pidfd(), .events = POLLIN, .revents = 0});
    const short events = static_cast<short>(POLLIN | (channel.has_unsent() ? POLLOUT : 0));
    polled.push_back({.fd = channel.open() ? channel.fd() : -1, .events = events, .revents = 0});
    polled.push_back({.fd = shard.child->log_fd(), .events = POLLIN, .revents = 0});
  }
  if (poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  for (size_t i = 0; i < indices.size(); i++) {
    Shard* const shard = FindShard(indices[i]);
    if (shard == nullptr || !shard->child) continue;
    const pollfd* const own = &polled[1 + 3 * i];  // its end, its channel, its log
    if (own[2].revents & (POLLIN | POLLHUP)) RelayLog(*shard);
    if (own[1].revents & POLLOUT) shard->child->channel().Flush();
    if (own[1].revents & (POLLIN | POLLHUP)) {
      // Some at a time, so that every shard gets its turn.
      for (int left = 256; left > 0; left--) {
        std::optional<control::Message> message = shard->child->channel().Receive();
        if (!message) break;
        OnMessage(*shard, std::move(*message));
      }
    }
    int wait_status = 0;
    if (own[0].revents != 0 && shard->child->HasEnded(&wait_status)) {
      OnEnd(*shard, wait_status);
    }
  }
  signalfd_siginfo signal;
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    OnSignal(static_cast<int>(signal.ssi_signo));
  }
}

int Supervisor::Run() {
  while (!stop_requested_) {
    Turn(kTickMs);
    Tick();
  }
  StopShards();
  if (exit_code_ == 0) log_.info("stopped by a signal");
  return exit_code_;
}

void Supervisor::StopShards() {
  is_stopping_ = true;
  for (auto& [index, shard] : shards_) {
    if (shard.child) shard.child->Signal(SIGTERM);
  }
  const uint64_t until_ns = control::MonotonicNs() + kStopMs * kNsPerMs;
  const auto any_left = [this] {
    return std::any_of(shards_.begin(), shards_.end(),
                       [](const auto& entry) { return entry.second.child != nullptr; });
  };
  while (any_left() && control::MonotonicNs() < until_ns) Turn(kTickMs);
  for (auto& [index, shard] : shards_) {
    if (!shard.child) continue;
    log_.warn("shard {}: not finished in {} ms; it is ended", index, kStopMs);
    shard.child.reset();
    shard.is_serving = false;
    control::Clear(&StatusOf(shard));
  }
}

void Supervisor::OnSignal(int signal) {
  switch (signal) {
    case SIGHUP:
      Reload();
      break;
    case SIGUSR2:
      Upgrade();
      break;
    default:
      stop_requested_ = true;
  }
}

}  // namespace shredder::supervisor
