#include "runtime/store/store_sweep.h"

#include <functional>
#include <optional>
#include <string_view>

#include "runtime/store/fault_sweep.h"
#include "runtime/store/memory_copy.h"

namespace shredder::store {

namespace {

std::unique_ptr<Store> Attach(int fd, bool check_everything) {
  std::string error;
  auto store = Store::Attach(fd, check_everything, &error);
  EXPECT_NE(store, nullptr) << error;
  return store;
}

// Of the points of a long attach, so many are enough at a time.
constexpr uint64_t kMaxStops = 24;
constexpr uint64_t kFewStops = 3;

// What a successor finds after a few that are stopped, each twice as late as the one before.
Digest FoundAfterFew(int fd, uint64_t number) {
  const MemoryCopy memory(fd);
  uint64_t n = 1 + number % 5;
  for (uint64_t i = 0; i < kFewStops && StopAt(n, [&] { Attach(memory.fd(), false); }); i++) n *= 2;
  const auto store = Attach(memory.fd(), true);
  return store == nullptr ? Digest() : DigestOf(store.get());
}

uint64_t AttachPoints(int fd) {
  const MemoryCopy memory(fd);
  return AtEachPoint([&] { Attach(memory.fd(), false); }, [](uint64_t) {});
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
Digest FoundAtOnce(int fd) {
  const MemoryCopy memory(fd);
  const auto store = Attach(memory.fd(), true);
  if (store == nullptr) return {};
  EXPECT_FALSE(store->in_transaction());
  const Digest found = DigestOf(store.get());
  Use(store.get());
  return found;
}

// What the last one finds of many, each of which is stopped later than the one before: of a short
// attach at each of its points, of a long one at some of them, which vary with `number`.
Digest FoundAfterMany(int fd, uint64_t number) {
  const MemoryCopy memory(fd);
  const uint64_t stride = 1 + AttachPoints(fd) / kMaxStops;
  for (uint64_t n = 1 + number % stride; StopAt(n, [&] { Attach(memory.fd(), false); });) {
    n += stride;
  }
  const auto store = Attach(memory.fd(), true);
  return store == nullptr ? Digest() : DigestOf(store.get());
}

// What the second one finds, where the first is stopped at a point of this number, or before.
Digest FoundAfterOne(int fd, uint64_t number) {
  const MemoryCopy memory(fd);
  StopAt(number, [&] { Attach(memory.fd(), false); });
  const auto store = Attach(memory.fd(), true);
  return store == nullptr ? Digest() : DigestOf(store.get());
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
    const int fd = store_->fd();
    const bool is_large = is_looked_at_ != nullptr;
    if (is_large && !is_looked_at_(point)) return;
    const Digest found = is_large ? FoundAfterFew(fd, point) : FoundAtOnce(fd);
    if (!changed && found != kept_) {
      changed = found;
      changed_at = point;
    }
    const Digest& expected = changed ? *changed : kept_;
    EXPECT_EQ(found, expected) << "point " << point;
    if (is_large) return;
    EXPECT_EQ(FoundAfterMany(fd, point), expected) << "point " << point;
    EXPECT_EQ(FoundAfterOne(fd, 1 + point * 7 % AttachPoints(fd)), expected) << "point " << point;
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
