// The supervisor's shards: how their processes begin, are watched, end and are replaced.
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/config/config_json.h"
#include "runtime/supervisor/authentication.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// A process that ends sooner than this after its start makes the pause before the next one longer.
constexpr uint64_t kQuickEndMs = 1000;
constexpr uint64_t kFirstPauseMs = 50;
constexpr uint64_t kLongestPauseMs = 5000;
constexpr uint64_t kCrashWindowNs = 60'000 * kNsPerMs;
constexpr uint64_t kLoadSampleMs = 1000;

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return fmt::format(
        "was ended by signal {} ({}){}", WTERMSIG(wait_status), sigabbrev_np(WTERMSIG(wait_status)),
        WTERMSIG(wait_status) == SIGSYS ? ": it made a system call that its sandbox does not allow"
                                        : "");
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

}  // namespace

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
  const auto load = [&](ShardIndex i) {
    const Shard& shard = shards_.at(i);
    return std::pair(shard.cpu_percent / kStepPercent, shard.tenant_count);
  };
  ShardIndex best = 0;
  for (ShardIndex i = 1; i < shard_count_; i++) {
    if (load(i) < load(best)) best = i;
  }
  return best;
}

// The tenant is the shard's from now on; kNoShard: nobody's.
void Supervisor::Assign(TenantRecord& record, ShardIndex index) {
  if (Shard* const before = FindShard(record.shard)) before->tenant_count--;
  record.shard = index;
  if (Shard* const after = FindShard(index)) after->tenant_count++;
}

// The same, of a tenant that no process has, with the memory that the shard's tenants must have.
// Empty, or one line that says why it is in a shard with others nevertheless.
std::string Supervisor::Settle(TenantRecord& record, ShardIndex index) {
  Shard& shard = *FindShard(index);
  shard.is_reserved = false;
  const std::string& name = record.config.name;
  if (!shard.is_single || GiveOwnMemory(name, &upkeep_.find(name)->second.place) ||
      !shard.is_sandboxed) {
    Assign(record, index);
    return {};
  }
  config::TenantConfig config = record.config;
  config.isolation = config::Isolation::kIsolate;
  directory_.SetConfig(record, std::move(config));
  Assign(record, LeastLoadedShard());
  return fmt::format(
      "tenant '{}': isolation is isolate, for its store gets no memory of its own; the "
      "log says why",
      name);
}

std::optional<ShardIndex> Supervisor::NewSingleShard(bool is_sandboxed) {
  for (ShardIndex index = shard_count_; index < control::kMaxShards; index++) {
    if (shards_.contains(index)) continue;
    AddShard(index, true).is_sandboxed = is_sandboxed;
    return index;
  }
  return std::nullopt;
}

std::string Supervisor::NoRoomForShard() {
  return fmt::format("there are {} shards, the most there can be", control::kMaxShards);
}

void Supervisor::StartShard(Shard& shard) {
  std::string error;
  const bool is_open = !shard.is_sandboxed || OpenSandboxed(shard, &error);
  control::Clear(&StatusOf(shard));
  shard.is_serving = false;
  shard.is_silent = false;
  shard.silence = {};
  shard.sampled_cpu_ns = 0;
  shard.pools.clear();
  shard.started_ns = control::MonotonicNs();
  if (is_open) shard.child = Child::Start(shard.index, shard.is_sandboxed, &error);
  if (!shard.child) {
    log_.error("shard {}: {}", shard.index, error);
    shard.failures++;
    shard.start_at_ns = control::MonotonicNs() + kLongestPauseMs * kNsPerMs;
    return;
  }
  control::Start start;
  start.shard = shard.index;
  start.accepts = !shard.is_single;
  start.is_sandboxed = shard.is_sandboxed;
  start.v8_flags = options_.command_line.v8_flags;
  start.server_config = ConfigForShards();
  start.run_id = run_id_;
  start.started_ms = started_ms_;
  start.supervisor_pid = getpid();
  start.unix_socket = options_.config.unix_socket;
  control::Message message = control::Pack(start);
  message.fds.push_back(net::DuplicateFd(shard.own_status ? shard.own_status->fd() : status_.fd()));
  if (start.accepts) {
    message.fds.push_back(net::DuplicateFd(tcp_.fd()));
    if (unix_.valid()) message.fds.push_back(net::DuplicateFd(unix_.fd()));
  }
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
  Place& place = upkeep_.find(record.config.name)->second.place;
  control::AddTenant add;
  add.config = ConfigForShard(record.config);
  add.pool = place.pool;
  add.slot = place.slot;
  // What a sandboxed process writes there hurts nobody else before another process maps it.
  add.is_suspect = place.is_suspect && !shard.is_sandboxed;
  place.is_suspect |= shard.is_sandboxed;
  control::Message message;
  std::string sources;
  for (const auto& [name, source] : record.libraries) {
    add.library_bytes.push_back(source->size());
    sources += *source;
  }
  message = control::Pack(add);
  message.bytes = std::move(sources);
  const int memory = place.pool >= 0 ? pools_.at(place.pool)->fd() : place.own.get();
  net::UniqueFd fd = net::DuplicateFd(memory);
  if (!fd.valid()) {
    log_.error("tenant '{}': no descriptor for its memory: {}; raise the limit of open files",
               record.config.name, std::strerror(errno));
    return;
  }
  control::Channel& channel = shard.child->channel();
  if (place.pool < 0) {
    message.fds.push_back(std::move(fd));
  } else if (shard.pools.insert(place.pool).second) {
    control::Message pool = control::Pack(control::AddPool{static_cast<uint32_t>(place.pool)});
    pool.fds.push_back(std::move(fd));
    channel.Send(std::move(pool));
  }
  channel.Send(std::move(message));
}

// What it had said before it ended is true.
void Supervisor::TakeLastMessages(Shard& shard) {
  control::Channel& channel = shard.child->channel();
  while (std::optional<control::Message> message = channel.Receive()) {
    OnMessage(shard, std::move(*message));
  }
}

// At once, and for good: a shard whose code may be hostile is not asked to let its tenant go, for
// nothing would make it.
void Supervisor::EndShard(Shard& shard) {
  if (!shard.child) return;
  shard.child->End();
  TakeLastMessages(shard);
  if (shard.is_sandboxed) RelayLastLines(shard);
  shard.child.reset();
  shard.is_serving = false;
  control::Clear(&StatusOf(shard));
}

void Supervisor::OnEnd(Shard& shard, int wait_status) {
  TakeLastMessages(shard);
  if (shard.is_sandboxed) RelayLastLines(shard);
  const uint64_t now_ns = control::MonotonicNs();
  const control::ShardStatus& status = StatusOf(shard);
  const bool was_running = status.running_since_ns.load() != 0;
  const std::string tenant = was_running ? Printable(status.tenant.Get()) : std::string();
  const std::string function = was_running ? Printable(status.function.Get()) : std::string();
  const pid_t pid = shard.child->pid();
  shard.child.reset();
  const bool was_serving = std::exchange(shard.is_serving, false);
  control::Clear(&StatusOf(shard));
  FreeLeft(shard);
  if (is_stopping_) return;
  if ((!has_served_ || (!is_announced_ && !was_serving && !shard.is_single)) &&
      WIFEXITED(wait_status)) {
    // It has said why, and would say so again.
    exit_code_ = 1;
    stop_requested_ = true;
    return;
  }

  log_.error("shard {} (process {}) {}{}", shard.index, pid,
             shard.is_silent ? "was silent, and " : "", DescribeEnd(wait_status));
  if (was_running) {
    log_.error("shard {}: tenant '{}' was running '{}'", shard.index, tenant, function);
    if (shard.is_silent || IsCrash(wait_status)) CountCrash(shard, tenant, function);
  }
  // Who is killed from outside while serving may be served again at once.
  const bool is_own_end =
      !was_serving || shard.is_silent || shard.is_distrusted || IsCrash(wait_status);
  const bool was_quick = is_own_end && now_ns - shard.started_ns < kQuickEndMs * kNsPerMs;
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
  const std::optional<ShardIndex> own = NewSingleShard(false);
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
  Assign(*record, *own);
  GiveOwnMemory(tenant, &upkeep_.find(tenant)->second.place);
  StartShard(*FindShard(*own));
}

// Shards of single tenants that have left.
void Supervisor::RemoveEmptyShards() {
  for (auto at = shards_.begin(); at != shards_.end();) {
    Shard& shard = at->second;
    if (!shard.is_single || shard.tenant_count > 0 || shard.is_reserved) {
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
  if (!shard.child || !shard.is_serving || shard.is_silent || shard.is_distrusted) return;
  const std::optional<uint64_t> cpu_ns = control::ProcessCpuNs(shard.child->pid());
  if (!cpu_ns) return;
  const std::optional<uint64_t> silent_ns =
      shard.silence.TooLong(StatusOf(shard), now_ns, *cpu_ns, options_.config.shard_silence_ms);
  if (!silent_ns) return;
  log_.error("shard {}: silent for {} ms; it is ended", shard.index, *silent_ns / kNsPerMs);
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

}  // namespace shredder::supervisor
