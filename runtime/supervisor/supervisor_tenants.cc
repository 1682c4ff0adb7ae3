// What administrators do to tenants.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "runtime/config/config_json.h"
#include "runtime/store/store.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

namespace {

std::string IsLeaving(std::string_view tenant) {
  return fmt::format("tenant '{}' is being moved or dropped; try again", tenant);
}

}  // namespace

bool Supervisor::AddTenant(config::TenantConfig config, bool is_from_file, std::string* error) {
  std::string reason;
  Upkeep upkeep;
  if (!MakeStore(config, &upkeep.place, &reason)) {
    *error = fmt::format("tenant '{}': {}", config.name, reason);
    return false;
  }
  const bool is_sandboxed = config.isolation == config::Isolation::kProcess;
  const std::optional<ShardIndex> shard = is_sandboxed ? NewSingleShard(true) : LeastLoadedShard();
  if (!shard) {
    *error = fmt::format("tenant '{}': {}", config.name, NoRoomForShard());
    return false;
  }
  const std::string name = config.name;
  TenantRecord& record = directory_.Add(std::move(config), kNoShard, is_from_file);
  upkeep_[name] = std::move(upkeep);
  Assign(record, *shard);
  return true;
}

void Supervisor::Create(config::TenantConfig config, Done done) {
  std::string error;
  const std::string name = config.name;
  if (!AddTenant(std::move(config), false, &error)) {
    done(std::move(error));
    return;
  }
  const TenantRecord& record = *directory_.Find(name);
  Shard& shard = *FindShard(record.shard);
  if (shard.is_single) {
    StartShard(shard);
  } else {
    SendTenant(shard, record);
  }
  log_.info("tenant '{}' is made, on shard {}", name, record.shard);
  done({});
}

void Supervisor::Set(config::TenantConfig config, Done done) {
  TenantRecord& record = *directory_.Find(config.name);
  if ((config.isolation == config::Isolation::kProcess) !=
      (record.config.isolation == config::Isolation::kProcess)) {
    ChangeIsolation(record, std::move(config), std::move(done));
    return;
  }
  directory_.SetConfig(record, std::move(config));
  Shard* const shard = FindShard(record.shard);
  if (shard->child) {
    shard->child->channel().Send(control::Pack(control::SetTenant{ConfigForShard(record.config)}));
  }
  done({});
}

// With its other options: to a shard of its own, or to one that it shares.
void Supervisor::ChangeIsolation(TenantRecord& record, config::TenantConfig config, Done done) {
  Upkeep& upkeep = upkeep_.find(config.name)->second;
  if (upkeep.is_leaving) {
    done(IsLeaving(config.name));
    return;
  }
  const bool is_sandboxed = config.isolation == config::Isolation::kProcess;
  const std::optional<ShardIndex> target = is_sandboxed ? NewSingleShard(true) : LeastLoadedShard();
  if (!target) {
    done(NoRoomForShard());
    return;
  }
  directory_.SetConfig(record, std::move(config));
  BeginMove(record, upkeep, *target, std::move(done));
}

void Supervisor::BeginMove(TenantRecord& record, Upkeep& upkeep, ShardIndex target, Done done) {
  Shard& shard = *FindShard(target);
  shard.is_reserved = shard.is_single;
  upkeep.target = target;
  upkeep.crashes_ns.clear();
  upkeep.done.push_back(std::move(done));
  BeginRelease(record, upkeep);
}

void Supervisor::BeginRelease(TenantRecord& record, Upkeep& upkeep) {
  const std::string name = record.config.name;
  if (std::exchange(upkeep.is_leaving, true)) return;
  Shard& shard = *FindShard(record.shard);
  if (shard.is_sandboxed) EndShard(shard);
  if (shard.child) {
    shard.child->channel().Send(control::Pack(control::ReleaseTenant{name}));
  } else {
    OnReleased(name, shard.index);
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
    done(IsLeaving(name));
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
  if (!target) target = NewSingleShard(false);
  if (!target) {
    done(NoRoomForShard());
    return;
  }
  BeginMove(record, upkeep, *target, std::move(done));
}

void Supervisor::OnReleased(std::string_view name, ShardIndex from) {
  TenantRecord* const record = directory_.Find(name);
  const auto at = upkeep_.find(name);
  if (record == nullptr || !at->second.is_leaving || record->shard != from) return;
  Upkeep& upkeep = at->second;
  const std::vector<Done> done = std::exchange(upkeep.done, {});
  std::string error;
  std::deque<control::Message> waiting = std::exchange(upkeep.waiting, {});
  upkeep.is_leaving = false;
  if (upkeep.is_dropped) {
    // It was on its way to a shard of its own.
    if (Shard* const target = FindShard(upkeep.target)) target->is_reserved = false;
    log_.info("tenant '{}' is dropped", name);
    const std::string kept(name);
    Assign(*record, kNoShard);
    if (upkeep.place.pool >= 0) FreeSlot(upkeep.place);
    directory_.Remove(kept);
    upkeep_.erase(at);
  } else {
    error = Settle(*record, upkeep.target);
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
        Forward(*state, std::move(message));
      }
    }
  }
  for (const Done& one : done) one(error);
}

}  // namespace shredder::supervisor
