// WATCH: which sessions are to hear of changes of which keys of a tenant.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"
#include "runtime/store/change_observer.h"
#include "runtime/store/store.h"

namespace shredder::server {

class Watcher;

// The watched keys of a tenant. Observes the store while there are any.
class WatchedKeys final : private store::ChangeObserver {
 public:
  // The store must outlive it.
  explicit WatchedKeys(store::Store* store) : store_(store), keys_(0, Hash{store}) {}
  WatchedKeys(const WatchedKeys&) = delete;
  WatchedKeys& operator=(const WatchedKeys&) = delete;

 private:
  friend class Watcher;

  // The store's own hash: nobody outside can choose keys that collide.
  struct Hash {
    using is_transparent = void;
    const store::Store* seeded;
    size_t operator()(std::string_view key) const {
      return store::HashOf(*seeded->header(), *store::Key::FromBytes(key));
    }
  };
  // A key's watchers, and whether it was live when each of them began.
  using Watchers = std::unordered_map<Watcher*, bool>;
  using Map = std::unordered_map<std::string, Watchers, Hash, std::equal_to<>>;

  // The key's entry, which stays where it is until its last watcher is removed; null where the
  // watcher had it already.
  Map::value_type* Add(std::string_view key, Watcher* watcher);
  void Remove(Map::value_type* entry, Watcher* watcher);

  void OnChange(const store::Change& change) override;
  void OnClear() override;

  store::Store* const store_;
  Map keys_;
};

// The keys that one session watches.
class Watcher {
 public:
  // Bounds on what a session watches at a time.
  static constexpr size_t kMaxKeys = 10'000;
  static constexpr size_t kMaxKeyBytes = 16 << 20;

  Watcher() = default;
  ~Watcher() { Unwatch(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Watches `keys` too, each at most as long as a key may be; all watched keys of a watcher are of
  // one tenant. False, and nothing has changed, where that would go over a bound. No function of
  // the tenant may be running.
  bool Watch(WatchedKeys* tenant_keys, std::span<const std::string_view> keys);
  // Forgets the keys, and that they were touched.
  void Unwatch();

  // A watched key has been written or deleted since.
  bool touched() const { return touched_; }
  // A watched key was live when its watch began, and is not any more.
  bool HasExpired();
  size_t key_count() const { return entries_.size(); }

 private:
  friend class WatchedKeys;

  WatchedKeys* tenant_keys_ = nullptr;  // of entries_
  std::vector<WatchedKeys::Map::value_type*> entries_;
  size_t key_bytes_ = 0;
  bool touched_ = false;
};

}  // namespace shredder::server
