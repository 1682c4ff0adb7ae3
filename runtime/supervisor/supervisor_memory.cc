// The memory of the tenants' stores: small ones in pools that shards share, large ones and those of
// tenants with a shard of their own in memory of their own.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "runtime/store/store.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

// For a tenant that is new.
bool Supervisor::MakeStore(const config::TenantConfig& tenant, Place* place, std::string* error) {
  store::StoreOptions options;
  options.quota_bytes = tenant.memory_bytes;
  if (tenant.isolation == config::Isolation::kProcess) {
    const std::unique_ptr<store::Store> store = store::Store::Create(options, error);
    if (!store) return false;
    place->own = net::DuplicateFd(store->fd());
    if (!place->own.valid()) *error = fmt::format("no descriptor: {}", std::strerror(errno));
    return place->own.valid();
  }
  if (!TakeSlot(place, error)) return false;
  if (store::Store::Create(options, *pools_.at(place->pool), place->slot, error)) return true;
  FreeSlot(*place);
  return false;
}

bool Supervisor::TakeSlot(Place* place, std::string* error) {
  for (const auto& [number, pool] : pools_) {
    if (pool->free_slots() == 0) continue;
    if (const std::optional<uint32_t> slot = pool->Allocate()) {
      place->pool = number;
      place->slot = *slot;
      return true;
    }
  }
  std::unique_ptr<store::StorePool> pool =
      store::StorePool::Create(store::StorePool::kMaxSlots, error);
  if (!pool) return false;
  place->pool = pools_.empty() ? 0 : pools_.rbegin()->first + 1;
  place->slot = pool->Allocate().value();
  pools_.emplace(place->pool, std::move(pool));
  return true;
}

void Supervisor::FreeSlot(const Place& place) {
  if (!pools_.at(place.pool)->Free(place.slot)) {
    log_.error("slot {} of pool {} cannot be freed; its memory stays in use", place.slot,
               place.pool);
  }
}

// What stores have left, once no process looks at it.
void Supervisor::FreeLeft(Shard& shard) {
  for (const Place& place : shard.left) FreeSlot(place);
  shard.left.clear();
}

// While no process has the tenant. A process of its own must map nothing of others.
bool Supervisor::GiveOwnMemory(const std::string& tenant, Place* place) {
  if (place->pool < 0) return true;
  std::string error;
  net::UniqueFd own;
  {
    const std::unique_ptr<store::Store> store =
        store::Store::Attach(*pools_.at(place->pool), place->slot, false, &error);
    if (store && store->MoveToOwnMemory(&error)) {
      own = net::DuplicateFd(store->fd());
      if (!own.valid()) error = fmt::format("no descriptor: {}", std::strerror(errno));
    }
  }
  if (!own.valid()) {
    log_.error("tenant '{}': its store stays where others are: {}", tenant, error);
    return false;
  }
  FreeSlot(*place);
  *place = Place();
  place->own = std::move(own);
  return true;
}

}  // namespace shredder::supervisor
