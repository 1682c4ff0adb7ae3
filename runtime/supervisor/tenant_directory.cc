#include "runtime/supervisor/tenant_directory.h"

#include <cassert>
#include <utility>

namespace shredder::supervisor {
namespace {

// FNV-1a's 64 bits mixed down to 53, which a JavaScript number holds; never 0, the cursor of the
// beginning and the end. The same in every process, so that a cursor outlives the one that gave it.
uint64_t PositionOf(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15;
  return hash >> 11 | 1;
}

}  // namespace

TenantRecord* TenantDirectory::Find(std::string_view name) {
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : &found->second;
}

const TenantRecord* TenantDirectory::Find(std::string_view name) const {
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : &found->second;
}

TenantRecord& TenantDirectory::Add(config::TenantConfig config, ShardIndex shard,
                                   bool is_from_file) {
  const std::string name = config.name;
  const auto [added, is_new] = tenants_.try_emplace(name);
  assert(is_new);
  TenantRecord& record = added->second;
  record.config = std::move(config);
  record.shard = shard;
  record.is_from_file = is_from_file;
  positions_.emplace(PositionOf(name), &record);
  IndexSecrets(record);
  return record;
}

void TenantDirectory::SetConfig(TenantRecord& record, config::TenantConfig config) {
  assert(config.name == record.config.name);
  ForgetSecrets(record);
  record.config = std::move(config);
  IndexSecrets(record);
}

void TenantDirectory::Remove(std::string_view name) {
  const auto found = tenants_.find(name);
  assert(found != tenants_.end());
  TenantRecord& record = found->second;
  ForgetSecrets(record);
  for (auto& [library, source] : record.libraries) Release(std::move(source));
  const auto [first, last] = positions_.equal_range(PositionOf(name));
  for (auto at = first; at != last; ++at) {
    if (at->second != &record) continue;
    positions_.erase(at);
    break;
  }
  tenants_.erase(found);
}

void TenantDirectory::SetLibrary(std::string_view tenant, std::string_view library,
                                 std::optional<std::string_view> source) {
  TenantRecord* const record = Find(tenant);
  if (!record) return;
  const auto found = record->libraries.find(library);
  Source old;
  if (found != record->libraries.end()) old = found->second;
  if (source) {
    record->libraries.insert_or_assign(std::string(library), Share(*source));
  } else if (found != record->libraries.end()) {
    record->libraries.erase(found);
  }
  if (old) Release(std::move(old));
}

const TenantRecord* TenantDirectory::FindOther(std::string_view name,
                                               const config::Secret& secret) const {
  const auto [first, last] = secrets_.equal_range(secret);
  for (auto at = first; at != last; ++at) {
    if (at->second->config.name != name) return at->second;
  }
  return nullptr;
}

uint64_t TenantDirectory::Scan(uint64_t cursor, uint64_t count,
                               const std::function<void(const TenantRecord&)>& visit) const {
  auto at = positions_.lower_bound(cursor);
  uint64_t last_position = 0;
  for (; at != positions_.end(); ++at) {
    // Those of one position are not divided.
    if (count == 0 && at->first != last_position) return at->first;
    visit(*at->second);
    last_position = at->first;
    if (count > 0) --count;
  }
  return 0;
}

TenantDirectory::Source TenantDirectory::Share(std::string_view source) {
  const auto found = sources_.find(source);
  if (found != sources_.end()) return *found;
  return *sources_.insert(std::make_shared<const std::string>(source)).first;
}

void TenantDirectory::Release(Source source) {
  const auto found = sources_.find(source);
  if (found == sources_.end() || *found != source) return;
  source.reset();
  if (found->use_count() == 1) sources_.erase(found);
}

void TenantDirectory::IndexSecrets(const TenantRecord& record) {
  for (const config::Secret& secret : record.config.secrets) secrets_.emplace(secret, &record);
}

void TenantDirectory::ForgetSecrets(const TenantRecord& record) {
  for (const config::Secret& secret : record.config.secrets) {
    const auto [first, last] = secrets_.equal_range(secret);
    for (auto at = first; at != last; ++at) {
      if (at->second != &record) continue;
      secrets_.erase(at);
      break;
    }
  }
}

}  // namespace shredder::supervisor
