#include "runtime/server/watched_keys.h"

#include <algorithm>

namespace shredder::server {

WatchedKeys::Map::value_type* WatchedKeys::Add(std::string_view name, Watcher* watcher) {
  const store::Key key = *store::Key::FromBytes(name);
  const bool is_live = store_->Has(key);
  // An expired key goes now, so that its removal is no change to who has begun to watch it dead.
  if (!is_live) store_->Delete(key);
  if (keys_.empty()) store_->SetObserver(this);
  auto found = keys_.find(name);
  if (found == keys_.end()) found = keys_.emplace(name, Watchers()).first;
  return found->second.emplace(watcher, is_live).second ? &*found : nullptr;
}

void WatchedKeys::Remove(Map::value_type* entry, Watcher* watcher) {
  entry->second.erase(watcher);
  if (!entry->second.empty()) return;
  keys_.erase(keys_.find(entry->first));
  if (keys_.empty()) store_->SetObserver(nullptr);
}

void WatchedKeys::OnChange(const store::Change& change) {
  const auto found = keys_.find(change.key);
  if (found == keys_.end()) return;
  for (const auto& [watcher, was_live] : found->second) watcher->touched_ = true;
}

// A key that was not live when its watch began has been written since, or is not there.
void WatchedKeys::OnClear() {
  for (const auto& [key, watchers] : keys_) {
    for (const auto& [watcher, was_live] : watchers) watcher->touched_ |= was_live;
  }
}

bool Watcher::Watch(WatchedKeys* tenant_keys, std::span<const std::string_view> keys) {
  // Its transaction will not be executed whatever becomes of further keys.
  if (touched_) return true;
  size_t key_bytes = key_bytes_;
  for (const std::string_view key : keys) key_bytes += key.size();
  if (keys.size() > kMaxKeys - entries_.size() || key_bytes > kMaxKeyBytes) return false;
  tenant_keys_ = tenant_keys;
  for (const std::string_view key : keys) {
    WatchedKeys::Map::value_type* const entry = tenant_keys->Add(key, this);
    if (entry == nullptr) continue;
    entries_.push_back(entry);
    key_bytes_ += key.size();
  }
  return true;
}

void Watcher::Unwatch() {
  for (WatchedKeys::Map::value_type* const entry : entries_) tenant_keys_->Remove(entry, this);
  std::vector<WatchedKeys::Map::value_type*>().swap(entries_);
  key_bytes_ = 0;
  touched_ = false;
}

bool Watcher::HasExpired() {
  return std::any_of(entries_.begin(), entries_.end(), [this](const auto* entry) {
    const auto& [key, watchers] = *entry;
    return watchers.at(this) && !tenant_keys_->store_->Has(*store::Key::FromBytes(key));
  });
}

}  // namespace shredder::server
