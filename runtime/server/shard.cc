#include "runtime/server/shard.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

namespace shredder::server {
namespace {

// What one tick of the timer may do about expired keys.
constexpr size_t kMaxTenantsReapedPerTick = 8;
constexpr uint64_t kMaxSlotsVisitedPerTenant = 20000;
constexpr uint64_t kMaxKeysReapedPerTenant = 2000;

// EXECs of so many tenants may be under way at once, each inside a turn that another has given:
// each takes a piece of the stack, which V8 needs too.
constexpr int kMaxNestedExecYields = 16;

// 40 hexadecimal digits, as Redis's run_id.
std::string RandomRunId() {
  std::array<unsigned char, 20> bytes;
  std::string id;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) bytes.fill(0);
  for (const unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

}  // namespace

Shard::Shard(const config::ServerConfig& config, const Clock& clock, spdlog::logger& log)
    : config_(config),
      clock_(clock),
      log_(log),
      run_id_(RandomRunId()),
      started_ms_(clock.NowMs()),
      last_timer_ms_(started_ms_) {}

Shard::~Shard() = default;

std::unique_ptr<Shard> Shard::Create(const config::ServerConfig& config, const Clock& clock,
                                     spdlog::logger& log, std::string* error) {
  std::unique_ptr<Shard> shard(new Shard(config, clock, log));
  if (!shard->CreateTenants(error)) return nullptr;
  return shard;
}

bool Shard::CreateTenants(std::string* error) {
  for (const config::TenantConfig& tenant_config : config_.tenants) {
    auto tenant = std::make_unique<Tenant>();
    tenant->name = tenant_config.name;
    tenant->secrets = tenant_config.secrets;
    store::StoreOptions options;
    options.quota_bytes = tenant_config.memory_bytes;
    std::string reason;
    tenant->store = store::Store::Create(options, &reason);
    if (!tenant->store) {
      *error = fmt::format("tenant '{}': {}", tenant->name, reason);
      return false;
    }
    tenant->watched_keys = std::make_unique<WatchedKeys>(tenant->store.get());
    tenant->engine = EngineFor(config::DeadlineOf(tenant_config, config_));
    tenant->functions = tenant->engine->CreateHost(tenant->store.get());
    tenants_by_name_.emplace(tenant->name, tenant.get());
    tenants_.push_back(std::move(tenant));
  }
  return true;
}

engine::Engine* Shard::EngineFor(const config::Deadline& deadline) {
  std::unique_ptr<engine::Engine>& engine = engines_[deadline];
  if (!engine) {
    engine::EngineOptions options;
    options.deadline_ms = deadline.cpu_ms;
    options.wall_deadline_ms = deadline.wall_ms;
    options.load_deadline_ms = config_.load_deadline_ms;
    options.load_wall_deadline_ms = config_.load_wall_deadline_ms;
    options.heap_limit_mb = config_.heap_limit_mb;
    options.callback_builtins = config_.callback_builtins;
    options.on_yield = [this] { OnYield(); };
    engine = std::make_unique<engine::Engine>(std::move(options));
  }
  return engine.get();
}

void Shard::Attach(net::EventLoop* loop) {
  loop_ = loop;
  loop->SetTimer(kTimerIntervalMs, [this] { OnTimer(); });
}

uint16_t Shard::tcp_port() const { return loop_ ? loop_->bound_port() : 0; }

Tenant* Shard::FindTenant(std::string_view name) {
  const auto found = tenants_by_name_.find(name);
  return found == tenants_by_name_.end() ? nullptr : found->second;
}

void Shard::OnOpen(net::Connection& connection) {
  auto session = std::make_unique<Session>(connection, *this);
  connection.set_user_data(session.get());
  sessions_.emplace(connection.id(), std::move(session));
  log_.debug("{}: connected", connection.peer_address());
}

size_t Shard::OnData(net::Connection& connection, std::string_view unread) {
  return static_cast<Session*>(connection.user_data())->OnData(unread);
}

void Shard::OnClose(net::Connection& connection) {
  auto* session = static_cast<Session*>(connection.user_data());
  std::erase(waiting_, session);
  std::erase_if(delayed_, [session](const Delayed& delayed) { return delayed.session == session; });
  sessions_.erase(connection.id());
  log_.debug("{}: closed", connection.peer_address());
}

void Shard::OnTimer() {
  const uint64_t now_ms = clock_.NowMs();
  ResumeDelayed(now_ms);
  ReapExpired();
  if (now_ms == last_timer_ms_) return;
  for (const auto& tenant : tenants_) {
    tenant->stats.rate.Sample(tenant->stats.commands, now_ms - last_timer_ms_);
  }
  last_timer_ms_ = now_ms;
}

void Shard::ReapExpired() {
  size_t reaped_tenants = 0;
  for (size_t i = 0; i < tenants_.size() && reaped_tenants < kMaxTenantsReapedPerTick; ++i) {
    Tenant& tenant = *tenants_[next_to_reap_];
    next_to_reap_ = (next_to_reap_ + 1) % tenants_.size();
    if (IsHeld(&tenant) || tenant.store->expiring_key_count() == 0) continue;
    tenant.store->SetNow(clock_.NowMs());
    tenant.stats.expired_keys +=
        tenant.store->ReapExpired(kMaxSlotsVisitedPerTenant, kMaxKeysReapedPerTenant);
    ++reaped_tenants;
  }
}

bool Shard::IsBusy(const Tenant& tenant) const {
  if (!IsHeld(&tenant)) return false;
  const uint64_t since_ms = tenant.exec_started_ms ? *tenant.exec_started_ms : running_->started_ms;
  return clock_.NowMs() - since_ms >= config_.busy_reply_ms;
}

void Shard::BeginRunning(const RunningCommand& command) { running_ = command; }

void Shard::EndRunning() {
  running_.reset();
  ResumeWaiting([this](const Session& session) { return !IsHeld(session.tenant()); });
}

void Shard::BeginExec(Tenant* tenant) { tenant->exec_started_ms = clock_.NowMs(); }

void Shard::EndExec(Tenant* tenant) {
  tenant->exec_started_ms.reset();
  ResumeWaiting([tenant](const Session& session) { return session.tenant() == tenant; });
}

void Shard::OnYield() {
  if (stop_requested()) {
    running_->tenant->engine->RequestKill();
    return;
  }
  ResumeBusy();
  if (loop_) loop_->PollOnce();
}

void Shard::YieldFromExec() {
  if (nested_exec_yields_ == kMaxNestedExecYields) return;
  ResumeBusy();
  ++nested_exec_yields_;
  if (loop_) loop_->PollOnce();
  --nested_exec_yields_;
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
