// What administrators do to tenants.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "runtime/config/config_json.h"
#include "runtime/store/store.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

bool Supervisor::AddTenant(config::TenantConfig config, bool is_from_file, std::string* error) {
  store::StoreOptions options;
  options.quota_bytes = config.memory_bytes;
  std::string reason;
  Upkeep upkeep;
  const bool has_slot = TakeSlot(&upkeep.place, &reason);
  if (!has_slot ||
      !store::Store::Create(options, *pools_.at(upkeep.place.pool), upkeep.place.slot, &reason)) {
    if (has_slot) FreeSlot(upkeep.place);
    *error = fmt::format("tenant '{}': {}", config.name, reason);
    return false;
  }
  const std::string name = config.name;
  TenantRecord& record = directory_.Add(std::move(config), kNoShard, is_from_file);
  upkeep_[name] = std::move(upkeep);
  Assign(record, LeastLoadedShard());
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
    FindShard(*target)->is_reserved = true;
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
    // It was on its way to a shard of its own.
    if (Shard* const target = FindShard(upkeep.target)) target->is_reserved = false;
    log_.info("tenant '{}' is dropped", name);
    const std::string kept(name);
    Assign(*record, kNoShard);
    if (upkeep.place.pool >= 0) FreeSlot(upkeep.place);
    directory_.Remove(kept);
    upkeep_.erase(at);
  } else {
    Assign(*record, upkeep.target);
    Shard& shard = *FindShard(record->shard);
    shard.is_reserved = false;
    if (shard.is_single) GiveOwnMemory(record->config.name, &upkeep.place);
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

}  // namespace shredder::supervisor
