#include "runtime/store/store_sweep.h"

#include <functional>
#include <optional>
#include <string_view>

#include "runtime/store/fault_sweep.h"
#include "runtime/store/memory_copy.h"

namespace shredder::store {

namespace {

// What a successor finds in a copy of the memory; in a pool with its slots.
struct Successor {
  std::unique_ptr<StorePool> pool;
  std::unique_ptr<Store> store;
};

// A copy of the memory where a successor would look for the store.
class HomeCopy {
 public:
  explicit HomeCopy(const StoreHome& home) : memory_(home.fd), slot_(home.slot) {}

  Successor Attach(bool check_everything) const {
    std::string error;
    Successor found;
    if (slot_) {
      found.pool = StorePool::Attach(memory_.fd(), &error);
      EXPECT_NE(found.pool, nullptr) << error;
      if (found.pool == nullptr) return found;
      found.store = Store::Attach(*found.pool, *slot_, check_everything, &error);
    } else {
      found.store = Store::Attach(memory_.fd(), check_everything, &error);
    }
    EXPECT_NE(found.store, nullptr) << error;
    return found;
  }

 private:
  const MemoryCopy memory_;
  const std::optional<uint32_t> slot_;
};

// Of the points of a long attach, so many are enough at a time.
constexpr uint64_t kMaxStops = 24;
constexpr uint64_t kFewStops = 3;

// What a successor finds after a few that are stopped, each twice as late as the one before.
Digest FoundAfterFew(const StoreHome& home, uint64_t number) {
  const HomeCopy memory(home);
  uint64_t n = 1 + number % 5;
  for (uint64_t i = 0; i < kFewStops && StopAt(n, [&] { memory.Attach(false); }); i++) n *= 2;
  const Successor found = memory.Attach(true);
  Store* const store = found.store.get();
  return store == nullptr ? Digest() : DigestOf(store);
}

uint64_t AttachPoints(const StoreHome& home) {
  const HomeCopy memory(home);
  return AtEachPoint([&] { memory.Attach(false); }, [](uint64_t) {});
}

// A few writes of each kind, after which the store is whole.
void Use(Store* store) {
  const auto key = [](uint64_t i) { return Key::FromInteger(1'000'000 + i); };
  for (uint64_t i = 0; i < 40; i++) {
    const Expiry expiry = i % 3 == 0 ? Expiry::At(store->now_ms() + 1000) : Expiry::None();
    store->Set(key(i), std::string(i * i, 'u'), expiry);
    store->Append(key(i / 2), "more");
    store->SetExpiresAt(key(i / 3), i % 2 == 0 ? 0 : store->now_ms() + i);
  }
  {
    Transaction transaction(store);
    for (uint64_t i = 0; i < 40; i++) {
      store->Set(key(i), "undone");
      store->Delete(key(i + 1));
    }
  }
  EXPECT_EQ(store->CheckInvariants(), "");
  for (uint64_t i = 0; i < 40; i++) store->Delete(key(i));
  EXPECT_EQ(store->CheckInvariants(), "");
}

// What a successor finds that is never stopped; it is used, too.
Digest FoundAtOnce(const StoreHome& home) {
  const HomeCopy memory(home);
  const Successor found = memory.Attach(true);
  Store* const store = found.store.get();
  if (store == nullptr) return {};
  EXPECT_FALSE(store->in_transaction());
  const Digest digest = DigestOf(store);
  Use(store);
  return digest;
}

// What the last one finds of many, each of which is stopped later than the one before: of a short
// attach at each of its points, of a long one at some of them, which vary with `number`.
Digest FoundAfterMany(const StoreHome& home, uint64_t number) {
  const HomeCopy memory(home);
  const uint64_t stride = 1 + AttachPoints(home) / kMaxStops;
  for (uint64_t n = 1 + number % stride; StopAt(n, [&] { memory.Attach(false); });) {
    n += stride;
  }
  const Successor found = memory.Attach(true);
  Store* const store = found.store.get();
  return store == nullptr ? Digest() : DigestOf(store);
}

// What the second one finds, where the first is stopped at a point of this number, or before.
Digest FoundAfterOne(const StoreHome& home, uint64_t number) {
  const HomeCopy memory(home);
  StopAt(number, [&] { memory.Attach(false); });
  const Successor found = memory.Attach(true);
  Store* const store = found.store.get();
  return store == nullptr ? Digest() : DigestOf(store);
}

}  // namespace

std::map<std::string, Visible> AllKeys(Store* store) {
  const uint64_t now_ms = store->now_ms();
  store->SetNow(0);
  auto keys = Contents(*store);
  store->SetNow(now_ms);
  return keys;
}

Digest DigestOf(Store* store) {
  const uint64_t now_ms = store->now_ms();
  store->SetNow(0);
  Digest digest;
  uint64_t cursor = 0;
  do {
    cursor = store->Scan(cursor, 1000, [&](std::string_view name) {
      const Key key = KeyOf(name);
      const std::hash<std::string_view> hash;
      const uint64_t words[] = {hash(name), hash(*store->Get(key)), *store->ExpiresAt(key)};
      digest.keys++;
      digest.hash += hash({reinterpret_cast<const char*>(words), sizeof words});
    });
  } while (cursor != 0);
  store->SetNow(now_ms);
  return digest;
}

void PrintTo(const Digest& digest, std::ostream* out) {
  *out << digest.keys << " keys with hash " << digest.hash;
}

uint64_t StoreSweep::Change(const std::function<void()>& change) {
  std::optional<Digest> changed;
  uint64_t changed_at = 0;
  const uint64_t points = AtEachPoint(change, [&](uint64_t point) {
    if (testing::Test::HasFailure()) return;
    const StoreHome home = home_ ? home_() : StoreHome{store_->fd(), {}};
    const bool is_large = is_looked_at_ != nullptr;
    if (is_large && !is_looked_at_(point)) return;
    const Digest found = is_large ? FoundAfterFew(home, point) : FoundAtOnce(home);
    if (!changed && found != kept_) {
      changed = found;
      changed_at = point;
    }
    const Digest& expected = changed ? *changed : kept_;
    EXPECT_EQ(found, expected) << "point " << point;
    if (is_large) return;
    EXPECT_EQ(FoundAfterMany(home, point), expected) << "point " << point;
    EXPECT_EQ(FoundAfterOne(home, 1 + point * 7 % AttachPoints(home)), expected)
        << "point " << point;
  });
  EXPECT_GT(points, 0u);
  if (!store_->in_transaction()) {
    const Digest kept = DigestOf(store_);
    if (changed) {
      EXPECT_EQ(*changed, kept) << "kept from point " << changed_at << " of " << points << " on";
    }
    kept_ = kept;
  } else {
    EXPECT_FALSE(changed) << "kept from point " << changed_at << " of " << points << " on";
  }
  EXPECT_EQ(store_->CheckInvariants(), "");
  return points;
}

}  // namespace shredder::store
