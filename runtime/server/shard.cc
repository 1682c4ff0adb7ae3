#include "runtime/server/shard.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>
#include <variant>

#include "runtime/control/process.h"
#include "runtime/engine/library_record.h"
#include "runtime/prefetch.h"

namespace shredder::server {
namespace {

// What one tick of the timer may do about expired keys.
constexpr size_t kMaxTenantsReapedPerTick = 8;
// Tenants that a tick looks at: of more, each has its turn after several ticks.
constexpr size_t kMaxTenantsVisitedPerTick = 2000;
constexpr uint64_t kMaxSlotsVisitedPerTenant = 20000;
constexpr uint64_t kMaxKeysReapedPerTenant = 2000;

constexpr uint64_t kGaugeIntervalMs = 1000;
// The timer's, while the shard is idle.
constexpr uint64_t kRestMs = 1000;

uint64_t ThreadCpuNs() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}
// A function that was deep, 1 MiB at most, leaves its pages in the stack. Only of a process's first
// thread is it known that nothing else lies there: the kernel keeps 128 MiB free below its stack.
[[gnu::noinline]] void TrimStack() {
  if (gettid() != getpid()) return;
  constexpr uintptr_t kPage = 4096;
  constexpr uintptr_t kNear = 4 * kPage;  // what this call and a signal's handler may need
  const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~(kPage - 1);
  madvise(reinterpret_cast<void*>(here - (1 << 20)), (1 << 20) - kNear, MADV_DONTNEED);
}

// What the stores of the shard keep of what was freed, all together: as much as 64 connections have
// of values of 16 MiB, or of 4 MiB where they are one tenant's; but of all shards no more than so
// large a part of the machine's memory. And how often what they have not needed meanwhile is to go
// back to the kernel.
constexpr uint64_t kMaxFreeMemoryBytes = 1 << 30;
constexpr uint64_t kMaxFreeMemoryBytesOfOne = 256 << 20;
constexpr uint64_t kFreeMemoryPart = 8;
constexpr uint64_t kGiveBackIntervalMs = 1000;
// Of each store in a tick, and at a time while there is nothing else to do.
constexpr uint64_t kGiveBackBytes = 16 << 20;
constexpr uint64_t kIdleGiveBackBytes = 2 << 20;
constexpr uint64_t kGiveBackQuietMs = 1;

uint64_t FreeMemoryPages(const config::ServerConfig& config, bool is_single) {
  const uint64_t shards = config.shards.value_or(std::thread::hardware_concurrency());
  const uint64_t bytes = is_single ? kMaxFreeMemoryBytesOfOne : kMaxFreeMemoryBytes;
  const auto pages = static_cast<uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0l));
  return std::min(bytes / layout::kPageBytes,
                  pages / kFreeMemoryPart / std::max(shards, uint64_t{1}));
}

// The same of the process's own heap.
constexpr uint64_t kMaxFreeHeapBytes = 2 << 20;

}  // namespace

ServerIdentity ServerIdentity::OfThisProcess(uint64_t now_ms) {
  ServerIdentity identity;
  identity.run_id = control::RandomRunId();
  identity.started_ms = now_ms;
  identity.process_id = getpid();
  return identity;
}

Shard::Shard(const config::ServerConfig& config, const Clock& clock, spdlog::logger& log,
             const ServerIdentity& identity, control::StatusPage* page)
    : config_(config),
      clock_(clock),
      log_(log),
      identity_(identity),
      page_(page),
      status_(page->shards[identity.shard]),
      free_memory_(FreeMemoryPages(config, identity.is_single)) {
  engine::EngineOptions options;
  options.heap_limit_mb = config.heap_limit_mb;
  options.idle_after_ms = config.idle_after_ms;
  options.callback_builtins = config.callback_builtins;
  // A tenant alone never needs another's next.
  if (identity.is_single) options.spares = 1;
  options.on_yield = [this] { OnYield(); };
  options.on_pause = [this] { OnDebugPause(); };
  engine_ = std::make_unique<engine::Engine>(std::move(options));
  if (!identity.is_single) memory_gauge_.emplace();
}

Shard::~Shard() = default;

// --- Tenants

void Shard::AddTenant(const config::TenantConfig& config, std::unique_ptr<store::Store> store,
                      const std::vector<std::string>& libraries) {
  auto tenant = std::make_unique<Tenant>(this);
  tenant->name = config.name;
  tenant->config = config;
  tenant->store = std::move(store);
  tenant->store->SetMemoryOwner(tenant.get());
  tenant->store->SetFreeMemoryBudget(&free_memory_);
  tenant->store->SetPause([this, held = tenant.get()] { OnPause(held); });
  tenant->watched_keys = std::make_unique<WatchedKeys>(tenant->store.get());
  tenant->functions = engine_->CreateHost(tenant->store.get());
  for (const std::string& bytes : libraries) {
    const std::optional<engine::LibraryInfo> library = engine::UnpackLibrary(bytes);
    if (!library || !tenant->functions->Restore(*library)) {
      log_.error("tenant '{}': a library that it had loaded is lost: its record is malformed",
                 tenant->name);
    }
  }
  Configure(tenant.get());
  tenant->stats.rate.Sample(0, clock_.NowMs());
  // It would wait while a function of one that was alone is stopped; others have no debugger.
  if (tenants_.size() == 1) tenants_.front()->functions->CloseDebugger();
  tenants_by_name_.emplace(tenant->name, tenant.get());
  CloseMoved(tenant->name);
  tenants_.push_back(std::move(tenant));
}

void Shard::Configure(Tenant* tenant) {
  tenant->deadline = config::DeadlineOf(tenant->config, config_);
  tenant->limits = config::LimitsOf(tenant->config, config_);
  const config::Limits& limits = tenant->limits;
  const uint64_t now_ms = clock_.NowMs();
  tenant->operations.Configure(limits.ops_per_second, now_ms);
  tenant->cpu.Configure(limits.cpu_ms_per_second == config::kUnlimited
                            ? config::kUnlimited
                            : limits.cpu_ms_per_second * 1'000'000,
                        now_ms);
  tenant->connection_bytes.limit = limits.connection_memory_bytes;
  std::string error;
  if (tenant->store->quota_bytes() != tenant->config.memory_bytes &&
      !tenant->store->SetQuota(tenant->config.memory_bytes, &error)) {
    log_.error("tenant '{}': its quota stays {} bytes: {}", tenant->name,
               tenant->store->quota_bytes(), error);
  }
  tenant->functions->SetLimits(HostLimitsOf(*tenant));
}

engine::HostLimits Shard::HostLimitsOf(const Tenant& tenant) const {
  engine::HostLimits limits;
  limits.deadline_ms = tenant.deadline.cpu_ms;
  limits.wall_deadline_ms = tenant.deadline.wall_ms;
  limits.load_deadline_ms = config_.load_deadline_ms;
  limits.load_wall_deadline_ms = config_.load_wall_deadline_ms;
  limits.heap_limit_mb = tenant.limits.heap_limit_mb;
  limits.shares_isolate = tenant.config.isolation == config::Isolation::kContext;
  limits.array_buffer_limit_mb = tenant.limits.array_buffer_limit_mb;
  limits.max_reply_bytes = tenant.limits.max_reply_bytes;
  limits.max_libraries = tenant.limits.max_libraries;
  limits.library_bytes = tenant.limits.library_memory_bytes;
  limits.wasm = tenant.limits.wasm;
  return limits;
}

bool Shard::OnNewMemory(const Tenant& tenant, int fd) {
  log_.debug("tenant '{}': its store gets memory of its own", tenant.name);
  has_left_slots_ = true;
  return authority_->OnMemoryMoved(tenant, fd);
}

void Shard::MakeRoom(Tenant* tenant) {
  std::string error;
  if (tenant->store->NeedsOwnMemory() && !tenant->store->MoveToOwnMemory(&error)) {
    log_.warn("tenant '{}': {}", tenant->name, error);
  }
}

void Shard::SetTenant(const config::TenantConfig& config) {
  Tenant* const tenant = FindTenant(config.name);
  if (tenant == nullptr) return;
  tenant->config = config;
  tenant->must_configure = true;
  ConfigureWaiting();
}

void Shard::SetConfig(const config::ServerConfig& config) {
  config_ = config;
  engine_->SetIdleAfter(config.idle_after_ms);
  for (const auto& tenant : tenants_) tenant->must_configure = true;
  ConfigureWaiting();
}

// Not while a function runs, whose limits they are.
void Shard::ConfigureWaiting() {
  if (running_) return;
  for (const auto& tenant : tenants_) {
    if (!tenant->must_configure || IsHeld(tenant.get())) continue;
    tenant->must_configure = false;
    Configure(tenant.get());
  }
}

void Shard::ReleaseTenant(std::string_view name) {
  Tenant* const tenant = FindTenant(name);
  if (tenant == nullptr) {
    authority_->OnReleased(name);
    return;
  }
  tenant->is_leaving = true;
  std::vector<Session*> own;
  for (const auto& [id, session] : sessions_) {
    if (session->tenant() == tenant) own.push_back(session.get());
  }
  for (Session* session : own) session->Kill();
  if (IsRunning(tenant)) RequestKill();
  ReleaseLeaving();
}

void Shard::ReleaseLeaving() {
  if (running_) return;
  for (size_t i = 0; i < tenants_.size();) {
    Tenant* const tenant = tenants_[i].get();
    const bool has_sessions =
        tenant->is_leaving &&
        std::any_of(sessions_.begin(), sessions_.end(),
                    [&](const auto& entry) { return entry.second->tenant() == tenant; });
    if (!tenant->is_leaving || has_sessions || IsHeld(tenant)) {
      ++i;
      continue;
    }
    const std::string name = tenant->name;
    if (last_run_tenant_ == tenant) last_run_tenant_ = nullptr;
    turns_.Forget(&tenant->turn_share);
    tenants_by_name_.erase(tenant->name);
    tenants_.erase(tenants_.begin() + static_cast<ptrdiff_t>(i));
    authority_->OnReleased(name);
  }
}

// --- Connections

bool Shard::Admit() {
  if (!open_tenant_.empty()) return HasRoomForClient();
  // Each shard has its part of them, so that none closes one that has just come because others have
  // many.
  const uint64_t shards = std::max<uint64_t>(1, config_.shards.value_or(1));
  if (unauthenticated_.size() < std::max<uint64_t>(1, config_.max_unauthenticated / shards)) {
    return true;
  }
  // Room is made by the one that has had the longest time to authenticate.
  Session* const oldest = sessions_.find(*unauthenticated_.begin())->second.get();
  log_.debug("{}: closed, as too many connections have not authenticated", oldest->address());
  // Others that are accepted in this turn make room by others.
  unauthenticated_.erase(oldest->id());
  oldest->Kill();
  return true;
}

void Shard::CloseMoved(std::string_view tenant) {
  std::vector<Session*> moved;
  for (const uint64_t id : unauthenticated_) {
    Session* const session = sessions_.find(id)->second.get();
    if (session->moved_tenant() == tenant) moved.push_back(session);
  }
  for (Session* session : moved) session->Kill();
}

uint64_t Shard::NextConnectionId() { return page_->last_connection_id.fetch_add(1) + 1; }

void Shard::CountAuthenticated(Session& session, bool is_authenticated) {
  if (is_authenticated) {
    unauthenticated_.erase(session.id());
    status_.clients.fetch_add(1, std::memory_order_relaxed);
  } else {
    status_.clients.fetch_sub(1, std::memory_order_relaxed);
    unauthenticated_.insert(session.id());
  }
  status_.unauthenticated.store(static_cast<uint32_t>(unauthenticated_.size()),
                                std::memory_order_relaxed);
}

void Shard::CloseLateSessions(uint64_t now_ms) {
  std::vector<Session*> late;
  for (const uint64_t id : unauthenticated_) {
    Session* const session = sessions_.find(id)->second.get();
    if (now_ms - session->unauthenticated_since_ms() >= config_.auth_timeout_ms) {
      late.push_back(session);
    }
  }
  for (Session* session : late) {
    log_.debug("{}: closed, as it has not authenticated in time", session->address());
    session->Kill();
  }
}

void Shard::Attach(net::EventLoop* loop) {
  loop_ = loop;
  loop->SetTimer(kTimerIntervalMs, [this] { OnTimer(); });
  loop->SetTurnEnd([this] { OnTurnEnd(); });
  loop->SetIdle([this](uint64_t quiet_ms) { return DoIdleWork(quiet_ms); });
}

uint16_t Shard::tcp_port() const { return loop_ ? loop_->bound_port() : 0; }

Tenant* Shard::FindTenant(std::string_view name) {
  const auto found = tenants_by_name_.find(name);
  return found == tenants_by_name_.end() ? nullptr : found->second;
}

void Shard::OnOpen(net::Connection& connection) {
  // A connection that was handed over brings its session's state.
  const std::unique_ptr<control::HandOver> state(
      static_cast<control::HandOver*>(connection.user_data()));
  const auto [at, is_new] =
      sessions_.emplace(connection.id(), std::make_unique<Session>(connection, *this));
  Session* const session = at->second.get();
  connection.set_user_data(session);
  unauthenticated_.insert(connection.id());
  session->Begin(state.get());
  status_.unauthenticated.store(static_cast<uint32_t>(unauthenticated_.size()),
                                std::memory_order_relaxed);
  log_.debug("{}: connected", connection.peer_address());
}

void Shard::Adopt(control::HandOver state, net::UniqueFd fd, std::string_view bytes) {
  net::ReleasedConnection released;
  released.id = state.id;
  released.peer = state.peer;
  released.fd = std::move(fd);
  const size_t unread = std::min<size_t>(state.unread_bytes, bytes.size());
  released.unread = bytes.substr(0, unread);
  released.unsent = bytes.substr(unread);
  loop_->Adopt(std::move(released), this, new control::HandOver(std::move(state)));
}

void Shard::OnReleased(net::Connection& connection, net::ReleasedConnection released) {
  auto* const session = static_cast<Session*>(connection.user_data());
  control::HandOver state = session->State();
  state.id = released.id;
  state.peer = std::move(released.peer);
  state.unread_bytes = released.unread.size();
  Forget(*session);
  authority_->HandOver(std::move(state), std::move(released.fd), released.unread + released.unsent);
}

void Shard::OnAnswer(const control::AuthenticationAnswer& answer) {
  const auto at = sessions_.find(answer.connection);
  if (at != sessions_.end()) at->second->OnAnswer(answer);
}

void Shard::OnTenantReply(uint64_t connection, std::string reply) {
  const auto at = sessions_.find(connection);
  if (at != sessions_.end()) at->second->OnTenantReply(std::move(reply));
}

size_t Shard::OnData(net::Connection& connection, std::string_view unread) {
  auto* const session = static_cast<Session*>(connection.user_data());
  Tenant* const tenant = session->tenant();
  if (tenant == nullptr) return session->OnData(unread);
  if (turns_.MustWait(tenant->turn_share)) [[unlikely]] {
    turns_.Defer(&tenant->turn_share, &connection);
    return 0;
  }
  if (turns_.is_contended() || tenant->cpu.is_limited()) {
    return ServeMeasured(session, tenant, unread);
  }
  const size_t consumed = session->OnData(unread);
  if (session->tenant() == tenant) {
    turns_.Served(&tenant->turn_share, session->last_request_ms());
  }
  return consumed;
}

static_assert(net::ConnectionHandler::kPrefetchSteps == 2 + engine::FunctionHost::kPrefetchSteps);
bool Shard::Prefetch(const net::Connection& connection, size_t step) const {
  const auto* const session = static_cast<const Session*>(connection.user_data());
  if (session == nullptr) return false;
  if (step == 0) {
    session->Prefetch();
    return true;
  }
  const Tenant* const tenant = session->tenant();
  if (tenant == nullptr) return false;
  if (step == 1) {
    PrefetchBytes(tenant, sizeof(Tenant));
    return true;
  }
  tenant->store->Prefetch(step - 2);
  const bool calls = session->LastUsedEngine();
  if (calls) tenant->functions->Prefetch(step - 2);
  return calls || step - 2 < store::Store::kPrefetchSteps - 1;
}

bool Shard::TouchesMuch(const net::Connection& connection) const {
  const auto* const session = static_cast<const Session*>(connection.user_data());
  return session != nullptr && session->LastUsedEngine();
}

size_t Shard::ServeMeasured(Session* session, Tenant* tenant, std::string_view unread) {
  const bool measures_cpu = tenant->cpu.is_limited();
  const uint64_t others_ns = others_ns_;
  const uint64_t others_cpu_ns = others_cpu_ns_;
  const uint64_t start_ns = control::MonotonicNs();
  const uint64_t start_cpu_ns = measures_cpu ? ThreadCpuNs() : 0;
  cpu_measurements_ += measures_cpu;
  const size_t consumed = session->OnData(unread);
  cpu_measurements_ -= measures_cpu;
  // It may have become another one's, and the tenant may be gone.
  if (session->tenant() != tenant) return consumed;
  turns_.Served(&tenant->turn_share, session->last_request_ms());
  const uint64_t ns = control::MonotonicNs() - start_ns - (others_ns_ - others_ns);
  turns_.Charge(&tenant->turn_share, static_cast<int64_t>(ns));
  if (measures_cpu) {
    tenant->cpu.Take(ThreadCpuNs() - start_cpu_ns - (others_cpu_ns_ - others_cpu_ns));
  }
  return consumed;
}

void Shard::ServeOthers() {
  if (loop_ == nullptr) return;
  const uint64_t start_ns = control::MonotonicNs();
  const uint64_t start_cpu_ns = cpu_measurements_ > 0 ? ThreadCpuNs() : 0;
  // What is measured inside must not be taken off twice.
  const uint64_t others_ns = others_ns_;
  const uint64_t others_cpu_ns = others_cpu_ns_;
  loop_->PollOnce();
  others_ns_ = others_ns + control::MonotonicNs() - start_ns;
  if (cpu_measurements_ > 0) others_cpu_ns_ = others_cpu_ns + ThreadCpuNs() - start_cpu_ns;
}

void Shard::OnClose(net::Connection& connection) {
  log_.debug("{}: closed", connection.peer_address());
  Forget(*static_cast<Session*>(connection.user_data()));
}

void Shard::Forget(Session& session) {
  std::erase(waiting_, &session);
  std::erase_if(delayed_, [&](const Delayed& delayed) { return delayed.session == &session; });
  if (Tenant* const tenant = session.tenant()) {
    turns_.Forget(&tenant->turn_share, &session.connection());
  }
  session.Leave();
  unauthenticated_.erase(session.id());
  status_.unauthenticated.store(static_cast<uint32_t>(unauthenticated_.size()),
                                std::memory_order_relaxed);
  sessions_.erase(session.id());
}

// --- Turns

// The supervisor ends a shard whose heart has stopped.
void Shard::Beat() {
  status_.heartbeat_ns.store(control::MonotonicNs(), std::memory_order_relaxed);
}

void Shard::OnTimer() {
  const uint64_t now_ms = clock_.NowMs();
  Beat();
  CloseLateSessions(now_ms);
  ConfigureWaiting();
  ReleaseLeaving();
  if (std::exchange(has_left_slots_, false)) authority_->OnSlotsLeft();
  ResumeDelayed(now_ms);
  turns_.Tick(now_ms);
  ReapExpired();
  SampleRates(now_ms);
  GiveBackUnneeded(now_ms);
  if (memory_gauge_ && now_ms - gauged_ms_ >= kGaugeIntervalMs) {
    gauged_ms_ = now_ms;
    is_memory_short_ = memory_gauge_->IsShort();
    free_memory_.SetClosed(is_memory_short_);
  }
  if (running_) return;
  const uint64_t engine_due_ms = engine_->Tick(now_ms, is_memory_short_);
  if (loop_ != nullptr && engine_due_ms > now_ms + kTimerIntervalMs && IsIdle()) {
    loop_->RestTimer(std::min(kRestMs, engine_due_ms - now_ms));
  }
}

bool Shard::IsIdle() const {
  // Those of many tenants would take long to look at.
  return unauthenticated_.empty() && delayed_.empty() && !turns_.is_contended() &&
         tenants_.size() <= kMaxTenantsVisitedPerTick &&
         std::all_of(tenants_.begin(), tenants_.end(), [this](const auto& tenant) {
           return !tenant->must_configure && !tenant->is_leaving && !IsHeld(tenant.get()) &&
                  tenant->store->expiring_key_count() == 0 && !tenant->store->gives_back() &&
                  tenant->stats.rate.per_second() == 0;
         });
}

void Shard::SampleRates(uint64_t now_ms) {
  for (size_t left = std::min(tenants_.size(), kMaxTenantsVisitedPerTick); left > 0; --left) {
    next_to_sample_ = next_to_sample_ + 1 < tenants_.size() ? next_to_sample_ + 1 : 0;
    tenants_[next_to_sample_]->stats.rate.Sample(tenants_[next_to_sample_]->stats.commands, now_ms);
  }
}

void Shard::GiveBackUnneeded(uint64_t now_ms) {
  if (now_ms - gave_back_ms_ >= kGiveBackIntervalMs) {
    gave_back_ms_ = now_ms;
    TrimHeap();
    NoteUnneeded();
  } else if (is_memory_short_) {
    NoteUnneeded();
  }
  if (GiveBackFromStores(kGiveBackBytes, Session::kMaxTurnMs) && loop_ != nullptr) {
    loop_->WantIdle(kGiveBackQuietMs);
  }
}

// Isolates are made at once, for the next one may be asked for at once.
std::optional<uint64_t> Shard::DoIdleWork(uint64_t quiet_ms) {
  if (!is_memory_short_ && engine_->AddSpare()) return 0;
  if (free_memory_.kept_pages() == 0) return std::nullopt;
  if (quiet_ms >= kGiveBackQuietMs && !GiveBackFromStores(kIdleGiveBackBytes, 0))
    return std::nullopt;
  return kGiveBackQuietMs;
}

bool Shard::GiveBackFromStores(uint64_t bytes_of_each, uint64_t max_ms) {
  if (free_memory_.kept_pages() == 0) return false;
  bool has_given_back = false;
  const uint64_t started_ms = clock_.NowMs();
  for (size_t left = std::min(tenants_.size(), kMaxTenantsVisitedPerTick); left > 0; --left) {
    next_to_give_back_ = next_to_give_back_ + 1 < tenants_.size() ? next_to_give_back_ + 1 : 0;
    Tenant& tenant = *tenants_[next_to_give_back_];
    if (!tenant.store->gives_back() || IsHeld(&tenant)) continue;
    tending_ = &tenant;
    tenant.store->SetNow(clock_.NowMs());
    tenant.store->GiveBack(bytes_of_each);
    tending_ = nullptr;
    has_given_back = true;
    if (clock_.NowMs() - started_ms >= max_ms) break;
  }
  ResumeUnheld();
  return has_given_back;
}

void Shard::NoteUnneeded() {
  for (size_t left = std::min(tenants_.size(), kMaxTenantsVisitedPerTick); left > 0; --left) {
    next_to_note_ = next_to_note_ + 1 < tenants_.size() ? next_to_note_ + 1 : 0;
    Tenant& tenant = *tenants_[next_to_note_];
    if (!tenant.store->keeps_free_memory() || IsHeld(&tenant)) continue;
    tending_ = &tenant;
    tenant.store->SetNow(clock_.NowMs());
    tenant.store->NoteUnneeded();
    tending_ = nullptr;
  }
  ResumeUnheld();
}

void Shard::TrimHeap() {
  // The allocator gives back by itself what is free at its heap's end alone. What it has given back
  // it still counts as free.
  const uint64_t free_bytes = mallinfo2().fordblks;
  trimmed_bytes_ = std::min(trimmed_bytes_, free_bytes);
  // Nor does it tell whether that has been used since, and is free again.
  const bool was_idle = std::exchange(is_idle_, IsIdle());
  if (is_idle_) {
    if (loop_ != nullptr) loop_->TrimBuffers();
    TrimStack();
  }
  if (free_bytes - trimmed_bytes_ > kMaxFreeHeapBytes || (is_idle_ && !was_idle)) {
    malloc_trim(0);
    trimmed_bytes_ = free_bytes;
  }
}

void Shard::ReapExpired() {
  const uint64_t started_ms = clock_.NowMs();
  size_t reaped_tenants = 0;
  size_t left = std::min(tenants_.size(), kMaxTenantsVisitedPerTick);
  for (; left > 0 && reaped_tenants < kMaxTenantsReapedPerTick; --left) {
    next_to_reap_ = next_to_reap_ + 1 < tenants_.size() ? next_to_reap_ + 1 : 0;
    Tenant& tenant = *tenants_[next_to_reap_];
    if (IsHeld(&tenant) || tenant.store->expiring_key_count() == 0) continue;
    const uint64_t now_ms = clock_.NowMs();
    if (now_ms - started_ms >= Session::kMaxTurnMs) break;
    tenant.store->SetNow(now_ms);
    tending_ = &tenant;
    tenant.stats.expired_keys +=
        tenant.store->ReapExpired(kMaxSlotsVisitedPerTenant, kMaxKeysReapedPerTenant);
    tending_ = nullptr;
    ++reaped_tenants;
  }
  ResumeUnheld();
}

bool Shard::IsBusy(const Tenant& tenant) const {
  if (!IsHeld(&tenant)) return false;
  const uint64_t since_ms = tenant.hold ? tenant.hold->since_ms : running_->started_ms;
  return clock_.NowMs() - since_ms >= config_.busy_reply_ms;
}

void Shard::BeginRunning(const RunningCommand& command) {
  running_ = command;
  const config::Deadline& deadline = command.deadline;
  if (command.tenant != last_run_tenant_) status_.tenant.Set(command.tenant->name);
  last_run_tenant_ = command.tenant;
  if (command.function != last_run_function_) {
    last_run_function_ = command.function.substr(0, control::kMaxNameBytes);
    status_.function.Set(last_run_function_);
  }
  status_.cpu_deadline_ms.store(deadline.cpu_ms, std::memory_order_relaxed);
  status_.wall_deadline_ms.store(deadline.wall_ms, std::memory_order_relaxed);
  status_.running_since_ns.store(control::MonotonicNs(), std::memory_order_release);
}

void Shard::EndRunning() {
  running_.reset();
  status_.running_since_ns.store(0, std::memory_order_release);
  ResumeUnheld();
}

void Shard::BeginExec(Tenant* tenant) { tenant->hold = {clock_.NowMs(), true}; }

void Shard::EndExec(Tenant* tenant) {
  tenant->hold.reset();
  ResumeUnheld();
}

void Shard::OnYield() {
  Beat();
  if (stop_requested()) {
    RequestKill();
    return;
  }
  ResumeBusy();
  ServeOthers();
}

void Shard::OnDebugPause() {
  OnYield();
  // The loop has no wait that ends where a debugger wants one to.
  std::this_thread::sleep_for(kDebugPause);
}

void Shard::GiveTurn(Tenant* tenant, uint64_t since_ms) {
  if (IsFull()) return;
  Beat();
  const bool was_held = IsHeld(tenant);
  if (!was_held) tenant->hold = {since_ms, false};
  ResumeBusy();
  ++nested_turns_;
  ServeOthers();
  --nested_turns_;
  if (!was_held) tenant->hold.reset();
}

void Shard::OnPause(Tenant* tenant) {
  if (executing_ != nullptr && executing_->tenant() == tenant) {
    executing_->YieldIfDue();
  } else if (tending_ == tenant) {
    GiveTurn(tenant, tenant->store->now_ms());
  }
}

void Shard::ResumeWaiting(const std::function<bool(const Session& session)>& is_due) {
  std::vector<Session*> due;
  std::erase_if(waiting_, [&](Session* session) {
    if (!is_due(*session)) return false;
    due.push_back(session);
    return true;
  });
  for (Session* session : due) session->Resume();
}

void Shard::ResumeUnheld() {
  ResumeWaiting([this](const Session& session) { return !IsHeld(session.tenant()); });
}

// What waits for a tenant that is busy is to get BUSY now.
void Shard::ResumeBusy() {
  ResumeWaiting([this](const Session& session) { return IsBusy(*session.tenant()); });
}

void Shard::RequestStop() {
  stop_requested_.store(true, std::memory_order_relaxed);
  if (loop_) loop_->Stop();
}

void Shard::AddDelayed(Session* session, uint64_t until_ms) {
  delayed_.push_back({session, until_ms});
}

void Shard::ResumeDelayed(uint64_t now_ms) {
  std::vector<Session*> due;
  std::erase_if(delayed_, [&](const Delayed& delayed) {
    if (delayed.until_ms > now_ms) return false;
    due.push_back(delayed.session);
    return true;
  });
  for (Session* session : due) session->Resume();
}

}  // namespace shredder::server
