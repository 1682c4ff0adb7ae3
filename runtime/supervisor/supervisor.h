// The supervisor: owns the configuration, the directory of tenants, their stores' memory and the
// listening sockets, and keeps the shards running, each a process of its own. Knows no V8.
//
// Thread: one, the process's first.
#pragma once

#include <spdlog/logger.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/command_line.h"
#include "runtime/config/config.h"
#include "runtime/control/messages.h"
#include "runtime/control/status_page.h"
#include "runtime/net/socket.h"
#include "runtime/store/store_pool.h"
#include "runtime/supervisor/child.h"
#include "runtime/supervisor/log_relay.h"
#include "runtime/supervisor/silence.h"
#include "runtime/supervisor/tenant_control.h"
#include "runtime/supervisor/tenant_directory.h"

namespace shredder::supervisor {

// What a supervisor hands on to the executable that replaces it.
struct Heritage;

struct SupervisorOptions {
  config::CommandLine command_line;
  config::ServerConfig config;
  std::string banner;  // the versions, for the log
  // This program's command line, to start its successor with.
  std::vector<std::string> arguments;
};

class Supervisor final : public TenantControl {
 public:
  // Null with a one-line reason in *error. `heritage` is the predecessor's, or null.
  static std::unique_ptr<Supervisor> Create(SupervisorOptions options, spdlog::logger& log,
                                            Heritage* heritage, std::string* error);
  ~Supervisor() override;

  // Until SIGTERM or SIGINT; the process's exit code.
  int Run();

  const TenantDirectory& directory() const override { return directory_; }
  ShardIndex shard_count() const override { return shard_count_; }
  void Create(config::TenantConfig config, Done done) override;
  void Set(config::TenantConfig config, Done done) override;
  void Drop(std::string_view name, Done done) override;
  void Move(std::string_view name, std::optional<ShardIndex> shard, Done done) override;

 private:
  // Where a tenant's store is: a pool's slot, or memory of its own.
  struct Place {
    net::UniqueFd own;
    int64_t pool = -1;  // negative: none
    uint32_t slot = 0;
    bool is_suspect = false;  // a process that may have been hostile could write there
  };

  struct Shard {
    ShardIndex index = 0;
    bool is_single = false;
    // Of a tenant whose isolation is process: the code in its process may be hostile, and all that
    // comes from there is doubted (supervisor_sandboxed.cc).
    bool is_sandboxed = false;
    bool is_distrusted = false;  // killed for what it has done
    uint64_t closed_ns = 0;      // since when its channel is closed; 0: it is not
    std::optional<control::StatusMemory> own_status;  // of which other shards know nothing
    std::shared_ptr<spdlog::logger> log;
    LogRelay log_relay;
    std::unique_ptr<Child> child;  // null between two processes
    bool is_serving = false;
    uint64_t started_ns = 0;
    uint64_t start_at_ns = 0;  // where there is no child: when the next one is started
    int failures = 0;          // processes in a row that ended soon after their start
    bool is_silent = false;    // killed for it
    Silence silence;
    // CPU time of late, as a share of one core in percent.
    uint64_t sampled_cpu_ns = 0;
    uint64_t cpu_percent = 0;
    std::deque<control::Message> waiting;  // connections for the process that is to come
    uint64_t tenant_count = 0;
    std::set<int64_t> pools;   // that the process knows
    std::vector<Place> left;   // slots that stores have left, and the process may still look at
    bool is_reserved = false;  // for a tenant that is on its way to a shard of its own
  };

  // Of a tenant: what only the supervisor needs.
  struct Upkeep {
    Place place;
    std::deque<uint64_t> crashes_ns;  // of the last minute
    // While the tenant leaves its shard: where to, and what then. Absent: it is dropped.
    bool is_leaving = false;
    bool is_dropped = false;
    ShardIndex target = 0;
    std::vector<Done> done;
    std::deque<control::Message> waiting;  // its connections meanwhile
  };

  Supervisor(SupervisorOptions options, spdlog::logger& log, control::StatusMemory status);

  bool Open(Heritage* heritage, std::string* error);
  bool OpenListeners(std::string* error);
  // As JSON, without anybody's passwords: no shard needs them.
  std::string ConfigForShards() const;
  static std::string ConfigForShard(config::TenantConfig tenant);
  bool AddTenant(config::TenantConfig config, bool is_from_file, std::string* error);

  // --- Memory
  bool MakeStore(const config::TenantConfig& tenant, Place* place, std::string* error);
  bool TakeSlot(Place* place, std::string* error);
  void FreeSlot(const Place& place);
  void FreeLeft(Shard& shard);
  bool GiveOwnMemory(const std::string& tenant, Place* place);

  // --- Shards
  Shard& AddShard(ShardIndex index, bool is_single);
  Shard* FindShard(ShardIndex index);
  ShardIndex LeastLoadedShard() const;
  void Assign(TenantRecord& record, ShardIndex index);
  std::string Settle(TenantRecord& record, ShardIndex index);
  std::optional<ShardIndex> NewSingleShard(bool is_sandboxed);
  static std::string NoRoomForShard();
  void StartShard(Shard& shard);
  void SendTenant(Shard& shard, const TenantRecord& record);
  void OnEnd(Shard& shard, int wait_status);
  void TakeLastMessages(Shard& shard);
  void EndShard(Shard& shard);
  void CountCrash(Shard& shard, const std::string& tenant, const std::string& function);
  void RemoveEmptyShards();
  void CheckSilence(Shard& shard, uint64_t now_ns);
  void SampleLoad(uint64_t now_ns);
  void StopShards();

  // --- Sandboxed shards
  control::ShardStatus& StatusOf(const Shard& shard);
  bool OpenSandboxed(Shard& shard, std::string* error);
  bool RelayLog(Shard& shard);
  void RelayLastLines(Shard& shard);
  void ShareCounts();
  void CheckTrust(Shard& shard, uint64_t now_ns);
  void Distrust(Shard& shard, std::string_view why);
  std::string WhyImproper(const Shard& shard, const control::Message& message) const;

  // --- Messages
  void OnMessage(Shard& shard, control::Message message);
  void Forward(const control::HandOver& state, control::Message message);
  void OnReleased(std::string_view name, ShardIndex from);
  void BeginRelease(TenantRecord& record, Upkeep& upkeep);
  void BeginMove(TenantRecord& record, Upkeep& upkeep, ShardIndex target, Done done);
  void ChangeIsolation(TenantRecord& record, config::TenantConfig config, Done done);
  void SendOpenTenant();

  // --- Signals
  void OnSignal(int signal);
  void Reload();
  void Upgrade();

  void Turn(int timeout_ms);
  void Tick();

  SupervisorOptions options_;
  spdlog::logger& log_;
  control::StatusMemory status_;
  TenantDirectory directory_;
  std::map<std::string, Upkeep, std::less<>> upkeep_;
  std::map<int64_t, std::unique_ptr<store::StorePool>> pools_;
  ShardIndex shard_count_ = 0;
  std::map<ShardIndex, Shard> shards_;
  net::UniqueFd signals_;
  net::ListeningSocket tcp_;
  net::ListeningSocket unix_;
  std::string run_id_;
  uint64_t started_ms_ = 0;
  std::string executable_;
  bool stop_requested_ = false;
  bool is_stopping_ = false;  // the shards are to end, and no other is to take their place
  int exit_code_ = 0;
  bool has_served_ = false;  // a shard, once
  bool is_announced_ = false;
  uint64_t sampled_ns_ = 0;
};

}  // namespace shredder::supervisor
