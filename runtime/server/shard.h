// A shard: its tenants, their engine, and the sessions of their clients, on one thread. Shares
// nothing with another shard.
//
// Thread: the loop's; RequestStop apart.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/engine/engine.h"
#include "runtime/net/event_loop.h"
#include "runtime/server/clock.h"
#include "runtime/server/session.h"
#include "runtime/server/tenant.h"

namespace shredder::server {

// The invocation (or load) that runs now.
struct RunningCommand {
  const Tenant* tenant;
  std::string_view function;
  std::span<const std::string_view> args;  // the whole command
  uint64_t started_ms;
};

class Shard : public net::ConnectionHandler {
 public:
  static constexpr uint64_t kTimerIntervalMs = 100;

  // Null with a one-line reason in *error. `clock` and `log` must outlive the shard.
  static std::unique_ptr<Shard> Create(const config::ServerConfig& config, const Clock& clock,
                                       spdlog::logger& log, std::string* error);
  ~Shard() override;

  // The loop that serves the shard's connections: sets its timer, and lets it turn while a function
  // runs. The loop must be destroyed before the shard.
  void Attach(net::EventLoop* loop);

  void OnOpen(net::Connection& connection) override;
  size_t OnData(net::Connection& connection, std::string_view unread) override;
  void OnClose(net::Connection& connection) override;

  // Every kTimerIntervalMs: removes expired keys, lets delayed sessions go on.
  void OnTimer();
  // From inside an invocation: serves the other connections.
  void OnYield();
  // Stops the loop, and terminates the invocation that runs. Async-signal-safe.
  void RequestStop();

  const config::ServerConfig& config() const { return config_; }
  const Clock& clock() const { return clock_; }
  spdlog::logger& log() const { return log_; }
  const std::string& run_id() const { return run_id_; }
  uint64_t started_ms() const { return started_ms_; }
  uint16_t tcp_port() const;

  // Null where there is none of that name.
  Tenant* FindTenant(std::string_view name);
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
  // From inside an EXEC, between two of its commands: serves the other connections.
  void YieldFromExec();

  // A function or an EXEC of the tenant is under way: its store is nobody else's.
  bool IsHeld(const Tenant* tenant) const {
    return tenant && (tenant->exec_started_ms || IsRunning(tenant));
  }
  // It has been so for longer than config().busy_reply_ms.
  bool IsBusy(const Tenant& tenant) const;
  bool stop_requested() const { return stop_requested_.load(std::memory_order_relaxed); }

  // The session has paused until its tenant or the engine is free, or until a time.
  void AddWaiting(Session* session) { waiting_.push_back(session); }
  void AddDelayed(Session* session, uint64_t until_ms);

 private:
  struct Delayed {
    Session* session;
    uint64_t until_ms;
  };

  Shard(const config::ServerConfig& config, const Clock& clock, spdlog::logger& log);
  bool CreateTenants(std::string* error);
  engine::Engine* EngineFor(const config::Deadline& deadline);
  void ResumeDelayed(uint64_t now_ms);
  void ResumeWaiting(const std::function<bool(const Session& session)>& is_due);
  void ResumeBusy();
  void ReapExpired();

  const config::ServerConfig config_;
  const Clock& clock_;
  spdlog::logger& log_;
  const std::string run_id_;
  const uint64_t started_ms_;
  net::EventLoop* loop_ = nullptr;
  std::atomic<bool> stop_requested_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free, "RequestStop is called by signal handlers");

  // An engine has one deadline, so there is one for each deadline that a tenant has. They outlive
  // the tenants.
  std::map<config::Deadline, std::unique_ptr<engine::Engine>> engines_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::unordered_map<std::string_view, Tenant*> tenants_by_name_;
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  std::optional<RunningCommand> running_;
  std::vector<Session*> waiting_;
  std::vector<Delayed> delayed_;
  int nested_exec_yields_ = 0;
  size_t next_to_reap_ = 0;
  uint64_t last_timer_ms_;
};

}  // namespace shredder::server
