#include "runtime/supervisor/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "runtime/config/config_json.h"
#include "runtime/control/process.h"
#include "runtime/store/store.h"
#include "runtime/supervisor/authentication.h"
#include "runtime/supervisor/heritage.h"
#include "runtime/supervisor/tenant_commands.h"

namespace shredder::supervisor {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// How often shards are looked at while nothing happens.
constexpr int kTickMs = 50;
// A process that ends sooner than this after its start makes the pause before the next one longer.
constexpr uint64_t kQuickEndMs = 1000;
constexpr uint64_t kFirstPauseMs = 50;
constexpr uint64_t kLongestPauseMs = 5000;
// A shard that is running nothing, and has said nothing for so long, is ended: a command may take
// some seconds.
constexpr uint64_t kIdleSilenceMs = 30'000;
// How long shards have to finish or refuse what they have, when the server stops.
constexpr uint64_t kStopMs = 4500;
constexpr uint64_t kCrashWindowNs = 60'000 * kNsPerMs;
constexpr uint64_t kLoadSampleMs = 1000;
// Connections that wait for a shard, or for a tenant that moves.
constexpr size_t kMaxWaitingConnections = 10'000;

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return fmt::format("was ended by signal {} ({})", WTERMSIG(wait_status),
                       sigabbrev_np(WTERMSIG(wait_status)));
  }
  return fmt::format("has exited with code {}", WEXITSTATUS(wait_status));
}

// Whether what ran may be the cause. A SIGKILL comes from outside: from an administrator, or from a
// kernel without memory.
bool IsCrash(int wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status) != 0;
  const int signal = WTERMSIG(wait_status);
  return signal != SIGKILL && signal != SIGTERM && signal != SIGINT;
}

net::UniqueFd Duplicate(int fd) { return net::UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

std::vector<std::string_view> Split(std::string_view bytes, const std::vector<uint64_t>& lengths) {
  std::vector<std::string_view> parts;
  size_t at = 0;
  for (const uint64_t length : lengths) {
    if (length > bytes.size() - at) break;
    parts.push_back(bytes.substr(at, length));
    at += length;
  }
  return parts;
}

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
    for (Heritage::Tenant& tenant : heritage->tenants) {
      TenantRecord& record = directory_.Add(std::move(tenant.config), 0, tenant.is_from_file);
      record.libraries = std::move(tenant.libraries);
      record.shard =
          tenant.is_single ? NewSingleShard().value_or(LeastLoadedShard()) : LeastLoadedShard();
      upkeep_[record.config.name].memory = std::move(tenant.memory);
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
  for (auto& [index, shard] : shards_) {
    StartShard(shard);
  }
  return true;
}

bool Supervisor::OpenListeners(std::string* error) {
  const config::ServerConfig& config = options_.config;
  tcp_ = net::ListeningSocket::OpenTcp(config.bind, config.port, error);
  if (!tcp_.valid()) return false;
  if (config.unix_socket.empty()) return true;
  unix_ = net::ListeningSocket::OpenUnix(config.unix_socket, error);
  return unix_.valid();
}

bool Supervisor::AddTenant(config::TenantConfig config, bool is_from_file, std::string* error) {
  store::StoreOptions options;
  options.quota_bytes = config.memory_bytes;
  std::string reason;
  const std::unique_ptr<store::Store> store = store::Store::Create(options, &reason);
  if (!store) {
    *error = fmt::format("tenant '{}': {}", config.name, reason);
    return false;
  }
  Upkeep upkeep;
  upkeep.memory = Duplicate(store->fd());
  if (!upkeep.memory.valid()) {
    *error = fmt::format(
        "tenant '{}': no descriptor for its memory: {}; raise the limit of open "
        "files",
        config.name, std::strerror(errno));
    return false;
  }
  const std::string name = config.name;
  directory_.Add(std::move(config), LeastLoadedShard(), is_from_file);
  upkeep_[name] = std::move(upkeep);
  return true;
}

// --- Shards

Supervisor::Shard& Supervisor::AddShard(ShardIndex index, bool is_single) {
  Shard& shard = shards_[index];
  shard.index = index;
  shard.is_single = is_single;
  control::StatusPage& page = status_.page();
  page.shard_count = std::max(page.shard_count.load(), index + 1);
  control::Clear(&page.shards[index]);
  return shard;
}

Supervisor::Shard* Supervisor::FindShard(ShardIndex index) {
  const auto at = shards_.find(index);
  return at == shards_.end() ? nullptr : &at->second;
}

// By CPU time of late, in steps that noise does not pass, and then by how many tenants it has.
ShardIndex Supervisor::LeastLoadedShard() const {
  constexpr uint64_t kStepPercent = 20;
  std::vector<uint64_t> tenants(shard_count_);
  for (const auto& [name, record] : directory_.tenants()) {
    if (record.shard < shard_count_) tenants[record.shard]++;
  }
  ShardIndex best = 0;
  const auto load = [&](ShardIndex i) {
    return std::pair(shards_.at(i).cpu_percent / kStepPercent, tenants[i]);
  };
  for (ShardIndex i = 1; i < shard_count_; i++) {
    if (load(i) < load(best)) best = i;
  }
  return best;
}

std::optional<ShardIndex> Supervisor::NewSingleShard() {
  for (ShardIndex index = shard_count_; index < control::kMaxShards; index++) {
    if (shards_.contains(index)) continue;
    AddShard(index, true);
    return index;
  }
  return std::nullopt;
}

void Supervisor::StartShard(Shard& shard) {
  control::Clear(&status_.page().shards[shard.index]);
  shard.is_serving = false;
  shard.is_silent = false;
  shard.seen_run_ns = 0;
  shard.sampled_cpu_ns = 0;
  shard.started_ns = control::MonotonicNs();
  std::string error;
  shard.child = Child::Start(shard.index, &error);
  if (!shard.child) {
    log_.error("shard {}: {}", shard.index, error);
    shard.failures++;
    shard.start_at_ns = control::MonotonicNs() + kLongestPauseMs * kNsPerMs;
    return;
  }
  control::Start start;
  start.shard = shard.index;
  start.accepts = !shard.is_single;
  start.v8_flags = options_.command_line.v8_flags;
  start.server_config = config::ToJson(options_.config);
  start.run_id = run_id_;
  start.started_ms = started_ms_;
  start.supervisor_pid = getpid();
  start.unix_socket = options_.config.unix_socket;
  control::Message message = control::Pack(start);
  message.fds.push_back(Duplicate(status_.fd()));
  message.fds.push_back(Duplicate(tcp_.fd()));
  if (unix_.valid()) message.fds.push_back(Duplicate(unix_.fd()));
  control::Channel& channel = shard.child->channel();
  channel.Send(std::move(message));
  channel.Send(control::Pack(control::OpenTenant{OpenTenant(directory_)}));
  for (const auto& [name, record] : directory_.tenants()) {
    if (record.shard == shard.index && !upkeep_.find(name)->second.is_leaving) {
      SendTenant(shard, record);
    }
  }
  channel.Send(control::Pack(control::Serve{}));
}

void Supervisor::SendTenant(Shard& shard, const TenantRecord& record) {
  if (!shard.child) return;
  control::AddTenant add;
  add.config = config::ToJson(record.config);
  control::Message message;
  std::string sources;
  for (const auto& [name, source] : record.libraries) {
    add.library_bytes.push_back(source->size());
    sources += *source;
  }
  message = control::Pack(add);
  message.bytes = std::move(sources);
  message.fds.push_back(Duplicate(upkeep_.find(record.config.name)->second.memory.get()));
  if (!message.fds.back().valid()) {
    log_.error("tenant '{}': no descriptor for its memory: {}; raise the limit of open files",
               record.config.name, std::strerror(errno));
    return;
  }
  shard.child->channel().Send(std::move(message));
}

void Supervisor::OnEnd(Shard& shard, int wait_status) {
  // What it had said before it ended is true.
  control::Channel& channel = shard.child->channel();
  while (std::optional<control::Message> message = channel.Receive()) {
    OnMessage(shard, std::move(*message));
  }
  const uint64_t now_ns = control::MonotonicNs();
  const control::ShardStatus& status = status_.page().shards[shard.index];
  const bool was_running = status.running_since_ns.load() != 0;
  const std::string tenant = was_running ? status.tenant.Get() : std::string();
  const std::string function = was_running ? status.function.Get() : std::string();
  const pid_t pid = shard.child->pid();
  shard.child.reset();
  shard.is_serving = false;
  control::Clear(&status_.page().shards[shard.index]);
  if (is_stopping_) return;

  log_.error("shard {} (process {}) {}{}", shard.index, pid,
             shard.is_silent ? "was silent, and " : "", DescribeEnd(wait_status));
  if (was_running) {
    log_.error("shard {}: tenant '{}' was running '{}'", shard.index, tenant, function);
    if (shard.is_silent || IsCrash(wait_status)) CountCrash(shard, tenant, function);
  }
  const bool was_quick = now_ns - shard.started_ns < kQuickEndMs * kNsPerMs;
  shard.failures = was_quick ? shard.failures + 1 : 0;
  const uint64_t pause_ms =
      shard.failures <= 1
          ? 0
          : std::min(kLongestPauseMs, kFirstPauseMs << std::min(shard.failures - 2, 10));
  shard.start_at_ns = now_ns + pause_ms * kNsPerMs;
  // What it was to let go is gone.
  std::vector<std::string> leaving;
  for (const auto& [name, record] : directory_.tenants()) {
    if (record.shard == shard.index && upkeep_.find(name)->second.is_leaving) {
      leaving.push_back(name);
    }
  }
  for (const std::string& name : leaving) OnReleased(name, shard.index);
  if (pause_ms == 0) StartShard(shard);
}

void Supervisor::CountCrash(Shard& shard, const std::string& tenant, const std::string& function) {
  TenantRecord* const record = directory_.Find(tenant);
  const uint64_t limit = options_.config.isolate_after_crashes;
  if (record == nullptr || record->shard != shard.index || shard.is_single || limit == 0) return;
  std::deque<uint64_t>& crashes = upkeep_.find(tenant)->second.crashes_ns;
  const uint64_t now_ns = control::MonotonicNs();
  crashes.push_back(now_ns);
  while (now_ns - crashes.front() > kCrashWindowNs) crashes.pop_front();
  if (crashes.size() < limit) return;
  const std::optional<ShardIndex> own = NewSingleShard();
  if (!own) {
    log_.error(
        "tenant '{}' has ended its shard {} times in a minute, last by '{}', and there is no "
        "room for one more shard",
        tenant, crashes.size(), function);
    return;
  }
  log_.warn(
      "tenant '{}' has ended its shard {} times in a minute, last by '{}': it has shard {} for "
      "itself from now on; TENANT MOVE {} {} moves it back",
      tenant, crashes.size(), function, *own, tenant, shard.index);
  crashes.clear();
  record->shard = *own;
  StartShard(*FindShard(*own));
}

void Supervisor::RemoveEmptyShards() {
  for (auto at = shards_.begin(); at != shards_.end();) {
    Shard& shard = at->second;
    const bool is_empty =
        shard.is_single &&
        std::none_of(
            directory_.tenants().begin(), directory_.tenants().end(), [&](const auto& entry) {
              const Upkeep& upkeep = upkeep_.find(entry.first)->second;
              return entry.second.shard == shard.index ||
                     (upkeep.is_leaving && !upkeep.is_dropped && upkeep.target == shard.index);
            });
    if (!is_empty) {
      ++at;
      continue;
    }
    shard.child.reset();
    control::Clear(&status_.page().shards[shard.index]);
    at = shards_.erase(at);
  }
}

// Ends a shard whose run has passed its deadlines without a sign that anything could stop it.
void Supervisor::CheckSilence(Shard& shard, uint64_t now_ns) {
  if (!shard.child || !shard.is_serving || shard.is_silent) return;
  const control::ShardStatus& status = status_.page().shards[shard.index];
  const uint64_t run_ns = status.running_since_ns.load(std::memory_order_acquire);
  const uint64_t heartbeat_ns = status.heartbeat_ns.load(std::memory_order_relaxed);
  const uint64_t silent_ns = now_ns > heartbeat_ns ? now_ns - heartbeat_ns : 0;
  const uint64_t silence_ns = options_.config.shard_silence_ms * kNsPerMs;
  if (run_ns == 0) {
    shard.seen_run_ns = 0;
    if (silent_ns < std::max(kIdleSilenceMs * kNsPerMs, silence_ns)) return;
  } else {
    const std::optional<uint64_t> cpu_ns = control::ProcessCpuNs(shard.child->pid());
    if (!cpu_ns) return;
    if (shard.seen_run_ns != run_ns) {
      shard.seen_run_ns = run_ns;
      shard.seen_run_cpu_ns = *cpu_ns;
    }
    if (silent_ns < silence_ns) return;
    const uint64_t cpu_limit_ns = status.cpu_deadline_ms.load() * kNsPerMs + silence_ns;
    const uint64_t wall_limit_ns = status.wall_deadline_ms.load() * kNsPerMs + silence_ns;
    if (*cpu_ns - shard.seen_run_cpu_ns < cpu_limit_ns && now_ns - run_ns < wall_limit_ns) return;
  }
  log_.error("shard {}: silent for {} ms; it is ended", shard.index, silent_ns / kNsPerMs);
  shard.is_silent = true;
  shard.child->Signal(SIGKILL);
}

void Supervisor::SampleLoad(uint64_t now_ns) {
  const uint64_t passed_ns = now_ns - sampled_ns_;
  if (passed_ns < kLoadSampleMs * kNsPerMs) return;
  sampled_ns_ = now_ns;
  for (auto& [index, shard] : shards_) {
    if (!shard.child) continue;
    const uint64_t cpu_ns = control::ProcessCpuNs(shard.child->pid()).value_or(0);
    const uint64_t used_ns = cpu_ns > shard.sampled_cpu_ns ? cpu_ns - shard.sampled_cpu_ns : 0;
    shard.sampled_cpu_ns = cpu_ns;
    shard.cpu_percent = (3 * shard.cpu_percent + used_ns * 100 / passed_ns) / 4;
  }
}

// --- Messages

void Supervisor::OnMessage(Shard& shard, control::Message message) {
  const std::string& kind = message.kind;
  if (kind == control::Serving::kKind) {
    shard.is_serving = true;
    log_.info("shard {}: serving, process {}, after {} ms", shard.index, shard.child->pid(),
              (control::MonotonicNs() - shard.started_ns) / kNsPerMs);
    for (control::Message& waiting : std::exchange(shard.waiting, {})) {
      shard.child->channel().Send(std::move(waiting));
    }
  } else if (kind == control::Authentication::kKind) {
    if (const auto asked = control::Unpack<control::Authentication>(message)) {
      shard.child->channel().Send(
          control::Pack(Authenticate(directory_, asked->connection, asked->tenant, asked->digest)));
    }
  } else if (kind == control::LibraryChanged::kKind) {
    const auto changed = control::Unpack<control::LibraryChanged>(message);
    const TenantRecord* const record = changed ? directory_.Find(changed->tenant) : nullptr;
    if (record == nullptr || record->shard != shard.index) return;
    std::optional<std::string_view> source;
    if (!message.bytes.empty()) source = message.bytes;
    directory_.SetLibrary(changed->tenant, changed->library, source);
  } else if (kind == control::HandOver::kKind) {
    if (auto state = control::Unpack<control::HandOver>(message)) {
      Forward(std::move(*state), std::move(message));
    }
  } else if (kind == control::Released::kKind) {
    if (const auto released = control::Unpack<control::Released>(message)) {
      OnReleased(released->name, shard.index);
    }
  } else if (kind == control::TenantCommand::kKind) {
    const auto command = control::Unpack<control::TenantCommand>(message);
    if (!command) return;
    const TenantRecord* const caller = directory_.Find(command->tenant);
    const auto answer = [this, index = shard.index,
                         connection = command->connection](std::string reply) {
      Shard* const asker = FindShard(index);
      if (asker == nullptr || !asker->child) return;
      control::Message packed = control::Pack(control::TenantReply{connection});
      packed.bytes = std::move(reply);
      asker->child->channel().Send(std::move(packed));
    };
    if (caller == nullptr || !caller->config.admin) {
      answer("-NOPERM this user has no permissions to run the 'tenant' command\r\n");
      return;
    }
    const std::vector<std::string_view> args = Split(message.bytes, command->argument_bytes);
    ExecuteTenantCommand(args, static_cast<resp::Protocol>(command->protocol), *this,
                         options_.config, answer);
  } else {
    log_.error("shard {}: a message of a kind that is not known: {}", shard.index, kind);
  }
}

// To where the tenant is now. A connection that nobody may have closes with its descriptor.
void Supervisor::Forward(control::HandOver state, control::Message message) {
  const auto record_at = directory_.tenants().find(state.tenant);
  if (record_at == directory_.tenants().end() || message.fds.empty()) return;
  const TenantRecord& record = record_at->second;
  const config::Secret digest = config::Secret::FromHex(state.right_digest.value_or(""))
                                    .value_or(config::Secret::Unmatchable());
  if (!record.config.Accepts(digest)) return;
  Upkeep& upkeep = upkeep_.find(state.tenant)->second;
  Shard* const shard = FindShard(record.shard);
  std::deque<control::Message>* queue = nullptr;
  if (upkeep.is_leaving) {
    queue = &upkeep.waiting;
  } else if (!shard->is_serving) {
    queue = &shard->waiting;
  }
  if (queue == nullptr) {
    shard->child->channel().Send(std::move(message));
  } else if (queue->size() < kMaxWaitingConnections) {
    queue->push_back(std::move(message));
  }
}

void Supervisor::SendOpenTenant() {
  for (auto& [index, shard] : shards_) {
    if (shard.child) {
      shard.child->channel().Send(control::Pack(control::OpenTenant{OpenTenant(directory_)}));
    }
  }
}

// --- TenantControl

void Supervisor::Create(config::TenantConfig config, Done done) {
  std::string error;
  const std::string name = config.name;
  if (!AddTenant(std::move(config), false, &error)) {
    done(std::move(error));
    return;
  }
  const TenantRecord& record = *directory_.Find(name);
  SendTenant(*FindShard(record.shard), record);
  log_.info("tenant '{}' is made, on shard {}", name, record.shard);
  done({});
}

void Supervisor::Set(config::TenantConfig config, Done done) {
  TenantRecord& record = *directory_.Find(config.name);
  directory_.SetConfig(record, std::move(config));
  Shard* const shard = FindShard(record.shard);
  if (shard->child) {
    shard->child->channel().Send(control::Pack(control::SetTenant{config::ToJson(record.config)}));
  }
  done({});
}

void Supervisor::BeginRelease(TenantRecord& record, Upkeep& upkeep) {
  const std::string name = record.config.name;
  if (std::exchange(upkeep.is_leaving, true)) return;
  Shard* const shard = FindShard(record.shard);
  if (shard->child) {
    shard->child->channel().Send(control::Pack(control::ReleaseTenant{name}));
  } else {
    OnReleased(name, record.shard);
  }
}

void Supervisor::Drop(std::string_view name, Done done) {
  TenantRecord& record = *directory_.Find(name);
  Upkeep& upkeep = upkeep_.find(name)->second;
  upkeep.is_dropped = true;
  upkeep.done.push_back(std::move(done));
  BeginRelease(record, upkeep);
}

void Supervisor::Move(std::string_view name, std::optional<ShardIndex> target, Done done) {
  TenantRecord& record = *directory_.Find(name);
  Upkeep& upkeep = upkeep_.find(name)->second;
  if (upkeep.is_leaving) {
    done(fmt::format("tenant '{}' is being moved or dropped; try again", name));
    return;
  }
  if (target && *target >= shard_count_) {
    done(fmt::format("there is no shard {}; give one from 0 to {}, or OWN", *target,
                     shard_count_ - 1));
    return;
  }
  Shard* const from = FindShard(record.shard);
  if (target ? record.shard == *target : from->is_single) {
    done({});
    return;
  }
  if (!target) {
    target = NewSingleShard();
    if (!target) {
      done(fmt::format("there are {} shards, the most there can be", control::kMaxShards));
      return;
    }
  }
  upkeep.target = *target;
  upkeep.crashes_ns.clear();
  upkeep.done.push_back(std::move(done));
  BeginRelease(record, upkeep);
}

void Supervisor::OnReleased(std::string_view name, ShardIndex from) {
  TenantRecord* const record = directory_.Find(name);
  const auto at = upkeep_.find(name);
  if (record == nullptr || !at->second.is_leaving || record->shard != from) return;
  Upkeep& upkeep = at->second;
  const std::vector<Done> done = std::exchange(upkeep.done, {});
  std::deque<control::Message> waiting = std::exchange(upkeep.waiting, {});
  upkeep.is_leaving = false;
  if (upkeep.is_dropped) {
    log_.info("tenant '{}' is dropped", name);
    const std::string kept(name);
    directory_.Remove(kept);
    upkeep_.erase(at);
  } else {
    record->shard = upkeep.target;
    Shard& shard = *FindShard(record->shard);
    log_.info("tenant '{}' is moved from shard {} to shard {}", name, from, record->shard);
    // A process that starts later gets all tenants of the shard.
    if (shard.child) {
      SendTenant(shard, *record);
    } else {
      StartShard(shard);
    }
    for (control::Message& message : waiting) {
      if (auto state = control::Unpack<control::HandOver>(message)) {
        Forward(std::move(*state), std::move(message));
      }
    }
  }
  for (const Done& one : done) one({});
}

// --- Running

void Supervisor::Tick() {
  const uint64_t now_ns = control::MonotonicNs();
  for (auto& [index, shard] : shards_) {
    if (!shard.child) {
      if (now_ns >= shard.start_at_ns && !is_stopping_) StartShard(shard);
      continue;
    }
    CheckSilence(shard, now_ns);
  }
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
  }
  if (poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  for (size_t i = 0; i < indices.size(); i++) {
    Shard* const shard = FindShard(indices[i]);
    if (shard == nullptr || !shard->child) continue;
    if (polled[2 + 2 * i].revents & POLLOUT) shard->child->channel().Flush();
    if (polled[2 + 2 * i].revents & (POLLIN | POLLHUP)) {
      // Some at a time, so that every shard gets its turn.
      for (int left = 256; left > 0; left--) {
        std::optional<control::Message> message = shard->child->channel().Receive();
        if (!message) break;
        OnMessage(*shard, std::move(*message));
      }
    }
    int wait_status = 0;
    if (polled[1 + 2 * i].revents != 0 && shard->child->HasEnded(&wait_status)) {
      OnEnd(*shard, wait_status);
    }
  }
  signalfd_siginfo signal;
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    OnSignal(static_cast<int>(signal.ssi_signo));
  }
}

int Supervisor::Run() {
  log_.info("{}, {} shard{}", options_.banner, shard_count_, shard_count_ == 1 ? "" : "s");
  while (!is_stopping_) {
    Turn(kTickMs);
    Tick();
  }
  StopShards();
  log_.info("stopped by a signal");
  return 0;
}

// True where all have ended of themselves in time.
bool Supervisor::StopShards() {
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
  const bool all_ended = !any_left();
  for (auto& [index, shard] : shards_) {
    if (!shard.child) continue;
    log_.warn("shard {}: not finished in {} ms; it is ended", index, kStopMs);
    shard.child.reset();
    shard.is_serving = false;
    control::Clear(&status_.page().shards[index]);
  }
  return all_ended;
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
      is_stopping_ = true;
  }
}

}  // namespace shredder::supervisor
