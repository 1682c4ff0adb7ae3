#include "runtime/store/store_sweep.h"

#include <optional>
#include <utility>

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
std::map<std::string, Visible> FoundAtOnce(int fd) {
  const MemoryCopy memory(fd);
  const auto store = Attach(memory.fd(), true);
  if (store == nullptr) return {};
  EXPECT_FALSE(store->in_transaction());
  auto keys = AllKeys(store.get());
  Use(store.get());
  return keys;
}

// What the last one finds of many, each of which is stopped later than the one before: of a short
// attach at each of its points, of a long one at some of them, which vary with `number`.
std::map<std::string, Visible> FoundAfterMany(int fd, uint64_t number) {
  const MemoryCopy memory(fd);
  const uint64_t stride = 1 + AttachPoints(fd) / kMaxStops;
  for (uint64_t n = 1 + number % stride; StopAt(n, [&] { Attach(memory.fd(), false); });) {
    n += stride;
  }
  const auto store = Attach(memory.fd(), true);
  return store == nullptr ? std::map<std::string, Visible>() : AllKeys(store.get());
}

// What the second one finds, where the first is stopped at a point of this number, or before.
std::map<std::string, Visible> FoundAfterOne(int fd, uint64_t number) {
  const MemoryCopy memory(fd);
  StopAt(number, [&] { Attach(memory.fd(), false); });
  const auto store = Attach(memory.fd(), true);
  return store == nullptr ? std::map<std::string, Visible>() : AllKeys(store.get());
}

}  // namespace

std::map<std::string, Visible> AllKeys(Store* store) {
  const uint64_t now_ms = store->now_ms();
  store->SetNow(0);
  auto keys = Contents(*store);
  store->SetNow(now_ms);
  return keys;
}

uint64_t StoreSweep::Change(const std::function<void()>& change) {
  std::optional<Keys> changed;
  uint64_t changed_at = 0;
  const uint64_t points = AtEachPoint(change, [&](uint64_t point) {
    if (testing::Test::HasFailure()) return;
    const int fd = store_->fd();
    const Keys found = FoundAtOnce(fd);
    if (!changed && found != kept_) {
      changed = found;
      changed_at = point;
    }
    const Keys& expected = changed ? *changed : kept_;
    EXPECT_EQ(found, expected) << "point " << point;
    EXPECT_EQ(FoundAfterMany(fd, point), expected) << "point " << point;
    EXPECT_EQ(FoundAfterOne(fd, 1 + point * 7 % AttachPoints(fd)), expected) << "point " << point;
  });
  EXPECT_GT(points, 0u);
  if (!store_->in_transaction()) {
    Keys kept = AllKeys(store_);
    if (changed) {
      EXPECT_EQ(*changed, kept) << "kept from point " << changed_at << " of " << points << " on";
    }
    kept_ = std::move(kept);
  } else {
    EXPECT_FALSE(changed) << "kept from point " << changed_at << " of " << points << " on";
  }
  EXPECT_EQ(store_->CheckInvariants(), "");
  return points;
}

}  // namespace shredder::store
