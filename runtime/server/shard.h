// A shard: its tenants, their engine, and the sessions of their clients, on one thread. Shares
// nothing with another shard.
//
// Thread: the loop's; RequestStop apart.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/control/status_page.h"
#include "runtime/engine/engine.h"
#include "runtime/net/event_loop.h"
#include "runtime/resp/request_parser_pool.h"
#include "runtime/server/authority.h"
#include "runtime/server/clock.h"
#include "runtime/server/fair_turns.h"
#include "runtime/server/memory_gauge.h"
#include "runtime/server/session.h"
#include "runtime/server/tenant.h"
#include "runtime/store/free_memory.h"

namespace shredder::net {
class BypassLoop;
}

namespace shredder::server {

// The invocation (or load) that runs now.
struct RunningCommand {
  const Tenant* tenant;
  std::string_view function;
  std::span<const std::string_view> args;  // the whole command
  uint64_t started_ms;
  config::Deadline deadline;
};

// The server that a shard is a part of.
struct ServerIdentity {
  std::string run_id;  // 40 hexadecimal digits, as Redis's
  uint64_t started_ms = 0;
  int32_t process_id = 0;  // the supervisor's
  uint32_t shard = 0;      // the shard's index
  bool is_single = false;  // of one tenant alone
  static ServerIdentity OfThisProcess(uint64_t now_ms);
};

class Shard : public net::ConnectionHandler {
 public:
  static constexpr uint64_t kTimerIntervalMs = 100;
  static constexpr std::chrono::milliseconds kDebugPause{1};

  // Without tenants. `clock`, `log` and `page` must outlive the shard.
  Shard(const config::ServerConfig& config, const Clock& clock, spdlog::logger& log,
        const ServerIdentity& identity, control::StatusPage* page);
  ~Shard() override;

  // Whom the shard asks and tells; first of all, and outlives the shard's sessions.
  void set_authority(Authority* authority) { authority_ = authority; }
  Authority& authority() const { return *authority_; }

  // The loop that serves the shard's connections: sets its timer, and lets it turn while a function
  // runs. The loop must be destroyed before the shard.
  void Attach(net::EventLoop* loop);

  // Whether a client that came so has to find its tenant's shard itself: over the network card that
  // each shard has.
  bool IsCluster(const net::Connection& connection) const {
    return !connection.IsReleasable() && config_.shards.value_or(0) > 0;
  }

  // The loop, where it is one over a network card of the process's own: for INFO.
  void set_bypass(const net::BypassLoop* bypass) { bypass_ = bypass; }
  const net::BypassLoop* bypass() const { return bypass_; }

  void OnOpen(net::Connection& connection) override;
  size_t OnData(net::Connection& connection, std::string_view unread) override;
  bool Prefetch(const net::Connection& connection, size_t step) const override;
  bool TouchesMuch(const net::Connection& connection) const override;
  void OnClose(net::Connection& connection) override;
  void OnReleased(net::Connection& connection, net::ReleasedConnection released) override;

  // Whether one more connection may be accepted: event_loop.h.
  bool Admit();
  uint64_t NextConnectionId();
  // The most connections that the loop may have: how many there are is checked here.
  static constexpr size_t kMaxLoopConnections = 2'000'000;

  // The tenant is this shard's from now on, with its libraries (library_record.h).
  void AddTenant(const config::TenantConfig& config, std::unique_ptr<store::Store> store,
                 const std::vector<std::string>& libraries);
  // The tenant of that name gets another configuration; nothing where there is none.
  void SetTenant(const config::TenantConfig& config);
  // Closes the tenant's connections, and lets it go once nothing of it is under way: the authority
  // is told then.
  void ReleaseTenant(std::string_view name);
  // Whose connections need no password; empty: none. It may be another shard's.
  void SetOpenTenant(std::string_view name) { open_tenant_ = name; }
  const std::string& open_tenant() const { return open_tenant_; }
  // Settings that can change while the server runs.
  void SetConfig(const config::ServerConfig& config);

  // Answers of the authority; nothing happens where the connection is gone.
  void OnAnswer(const control::AuthenticationAnswer& answer);
  void OnTenantReply(uint64_t connection, std::string reply);
  // A connection that another process has handed over.
  void Adopt(control::HandOver state, net::UniqueFd fd, std::string_view bytes);

  // Of the tenant's store: it leaves its slot for the memory of `fd`.
  bool OnNewMemory(const Tenant& tenant, int fd);
  // Before an invocation: a store that is soon too large for its pool gets memory of its own, which
  // cannot be done while code runs that knows where it is.
  void MakeRoom(Tenant* tenant);
  // Terminates the invocation that runs; false where none does.
  bool RequestKill() { return engine_->RequestKill(); }

  // Every kTimerIntervalMs, or every second while nothing happens and nothing is due: removes
  // expired keys, lets delayed sessions go on.
  void OnTimer();
  // From inside an invocation: serves the other connections.
  void OnYield();
  // From inside one that a debugger has paused: does so, and waits a little.
  void OnDebugPause();
  // At the end of each turn of the loop.
  void OnTurnEnd() {
    turns_.EndTurn();
    if (engine_->TakeSpareWish() && loop_ != nullptr) loop_->WantIdle(0);
  }
  // Stops the loop, and terminates the invocation that runs. Async-signal-safe.
  void RequestStop();

  const config::ServerConfig& config() const { return config_; }
  const Clock& clock() const { return clock_; }
  spdlog::logger& log() const { return log_; }
  const ServerIdentity& identity() const { return identity_; }
  uint16_t tcp_port() const;

  // Whether nobody waits while a tenant's function is stopped.
  bool HasOneTenant() const { return tenants_.size() == 1; }
  // Null where there is none of that name.
  Tenant* FindTenant(std::string_view name);
  // The session counts as one of an authenticated client from now on, or no longer.
  void CountAuthenticated(Session& session, bool is_authenticated);
  // Whether one more may be, of any tenant.
  bool HasRoomForClient() const { return page_->clients() < config_.max_clients; }

  // For sessions that receive a request.
  resp::RequestParserPool& parsers() { return parsers_; }

  // By connection id.
  const std::map<uint64_t, std::unique_ptr<Session>>& sessions() const { return sessions_; }

  // The command that runs JavaScript now, seen from OnYield; null where none does.
  const RunningCommand* running() const { return running_ ? &*running_ : nullptr; }
  bool IsRunning(const Tenant* tenant) const { return running_ && running_->tenant == tenant; }
  void BeginRunning(const RunningCommand& command);
  void EndRunning();  // lets the sessions go on that have waited for it

  // Around an EXEC of the tenant, whose functions run as any others in it.
  void BeginExec(Tenant* tenant);
  void EndExec(Tenant* tenant);  // lets the sessions go on that have waited for it
  // From inside a command of the tenant that has been under way since then: serves the other
  // connections, while the tenant is held.
  void GiveTurn(Tenant* tenant, uint64_t since_ms);
  // After such a command: lets the sessions go on that have waited for it.
  void ResumeUnheld();
  // So many commands have given turns in which another one began that no more may begin.
  bool IsFull() const { return nested_turns_ == kMaxNestedTurns; }

  // A function, an EXEC, or another command that gives turns, is under way for the tenant: its
  // store is nobody else's.
  bool IsHeld(const Tenant* tenant) const { return tenant && (tenant->hold || IsRunning(tenant)); }
  // It has been so for longer than config().busy_reply_ms.
  bool IsBusy(const Tenant& tenant) const;
  bool stop_requested() const { return stop_requested_.load(std::memory_order_relaxed); }

  // The session whose request is being executed, of several that which the others wait for; null
  // where there is none. Returns the one before.
  Session* SetExecuting(Session* session) { return std::exchange(executing_, session); }

  // The session has paused until its tenant or the engine is free, or until a time.
  void AddWaiting(Session* session) { waiting_.push_back(session); }
  void AddDelayed(Session* session, uint64_t until_ms);

 private:
  struct Delayed {
    Session* session;
    uint64_t until_ms;
  };

  engine::HostLimits HostLimitsOf(const Tenant& tenant) const;
  // Serves a connection of the tenant, and takes note of the time that it takes.
  size_t ServeMeasured(Session* session, Tenant* tenant, std::string_view unread);
  // Serves the other connections, from inside one's request.
  void ServeOthers();
  // The tenant's limits, as its configuration and the server's have them.
  void Configure(Tenant* tenant);
  void ConfigureWaiting();
  void ReleaseLeaving();
  void Forget(Session& session);
  void CloseLateSessions(uint64_t now_ms);
  // Those that were told to find the tenant elsewhere, which is here now.
  void CloseMoved(std::string_view tenant);
  void Beat();
  // Whether the timer has nothing to do that cannot wait for a second.
  bool IsIdle() const;
  void ResumeDelayed(uint64_t now_ms);
  void ResumeWaiting(const std::function<bool(const Session& session)>& is_due);
  void ResumeBusy();
  void ReapExpired();
  // In the middle of a long call of the tenant's store.
  void OnPause(Tenant* tenant);
  void SampleRates(uint64_t now_ms);
  // Of the stores, and of this process's own heap.
  void GiveBackUnneeded(uint64_t now_ms);
  // A piece of what can wait, once nothing has happened for so long; how long nothing is to happen
  // before the next one, if there is more.
  std::optional<uint64_t> DoIdleWork(uint64_t quiet_ms);
  // From one store at least where one has what is to be given back, from more until `max_ms` have
  // passed; whether any had.
  bool GiveBackFromStores(uint64_t bytes_of_each, uint64_t max_ms);
  void NoteUnneeded();
  void TrimHeap();

  config::ServerConfig config_;
  const Clock& clock_;
  spdlog::logger& log_;
  const ServerIdentity identity_;
  control::StatusPage* const page_;
  control::ShardStatus& status_;
  Authority* authority_ = nullptr;
  std::string open_tenant_;
  net::EventLoop* loop_ = nullptr;
  const net::BypassLoop* bypass_ = nullptr;
  std::atomic<bool> stop_requested_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free, "RequestStop is called by signal handlers");

  std::unique_ptr<engine::Engine> engine_;  // outlives the tenants
  // None where the shard has one tenant, which would only give up its own: such a process may have
  // to do without any file.
  std::optional<MemoryGauge> memory_gauge_;
  uint64_t gauged_ms_ = 0;
  bool is_memory_short_ = false;
  store::FreeMemoryBudget free_memory_;  // of the tenants' stores
  uint64_t gave_back_ms_ = 0;
  uint64_t trimmed_bytes_ = 0;  // of the heap that is free, what is not resident at least
  bool is_idle_ = false;        // when memory was last given back
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::unordered_map<std::string_view, Tenant*> tenants_by_name_;
  resp::RequestParserPool parsers_;
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  // Ids of the sessions that have not authenticated, which are those of the longest ago first.
  std::set<uint64_t> unauthenticated_;
  std::optional<RunningCommand> running_;
  // What status_ names.
  const Tenant* last_run_tenant_ = nullptr;
  std::string last_run_function_;
  std::vector<Session*> waiting_;
  std::vector<Delayed> delayed_;
  bool has_left_slots_ = false;  // that the authority has not been told of
  Session* executing_ = nullptr;
  FairTurns turns_;
  // Time that requests have spent in ServeOthers: others' time. Of CPU time only while
  // cpu_measurements_ of requests are under way.
  uint64_t others_ns_ = 0;
  uint64_t others_cpu_ns_ = 0;
  int cpu_measurements_ = 0;
  Tenant* tending_ = nullptr;  // whose expired keys are being removed, or memory given back
  // Commands of so many tenants may be under way at once, each inside a turn that another has
  // given: each takes a piece of the stack, which V8 needs too.
  static constexpr int kMaxNestedTurns = 16;
  int nested_turns_ = 0;
  size_t next_to_reap_ = 0;
  size_t next_to_sample_ = 0;
  size_t next_to_note_ = 0;
  size_t next_to_give_back_ = 0;
};

}  // namespace shredder::server
