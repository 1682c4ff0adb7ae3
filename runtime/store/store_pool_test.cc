// Stores in a pool's slots: that they are apart, what they cost, and how they move to memory of
// their own.
//
//   SHREDDER_TEST_STORES=N    so many in one process, in place of kManyStores; prints what they
//   take
#include "runtime/store/store_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

constexpr uint64_t kManyStores = 2000;
constexpr uint64_t kCapacity = kMaxSlotChunks * kChunkBytes;

uint64_t Descriptors() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<uint64_t>(std::distance(begin(files), end(files)));
}

struct Mappings {
  uint64_t count = 0;
  uint64_t bytes = 0;
};
Mappings MappingsNow() {
  Mappings found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line); found.count++) {
    uint64_t from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
      found.bytes += to - from;
  }
  return found;
}

// Of /proc/self/status, in bytes.
uint64_t StatusOf(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

std::unique_ptr<Store> AttachIn(const StorePool& pool, uint32_t slot) {
  std::string error;
  auto store = Store::Attach(pool, slot, true, &error);
  EXPECT_NE(store, nullptr) << error;
  return store;
}

// --- Slots ---------------------------------------------------------------------------------------

TEST(StorePool, GivesOutEachSlotOnce) {
  const auto pool = NewPool(3);
  EXPECT_EQ(pool->slot_count(), 3u);
  EXPECT_TRUE(pool->Take(1));
  EXPECT_FALSE(pool->Take(1));
  EXPECT_FALSE(pool->Take(3));
  EXPECT_EQ(pool->Allocate(), 0u);
  EXPECT_EQ(pool->Allocate(), 2u);
  EXPECT_EQ(pool->Allocate(), std::nullopt);
  EXPECT_EQ(pool->free_slots(), 0u);
  EXPECT_TRUE(pool->Free(1));
  EXPECT_EQ(pool->free_slots(), 1u);
  EXPECT_EQ(pool->Allocate(), 1u);
}

TEST(StorePool, SaysWhyItCannotBeMade) {
  std::string error;
  EXPECT_EQ(StorePool::Create(0, &error), nullptr);
  EXPECT_EQ(error, "a pool of 0 slots is out of range; give 1 to 4096");
  EXPECT_EQ(StorePool::Create(4097, &error), nullptr);
  EXPECT_EQ(error, "a pool of 4097 slots is out of range; give 1 to 4096");
  EXPECT_EQ(StorePool::Attach(NewStore(kMiB)->fd(), &error), nullptr);
  EXPECT_EQ(error.find("not a pool of stores: "), 0u) << error;
  EXPECT_EQ(StorePool::Attach(-1, &error), nullptr);
  EXPECT_EQ(error, "not a store: its file may shrink, as no store's may");
}

TEST(StorePool, AStoreInASlotIsFoundByWhoAttachesThePool) {
  const auto pool = NewPool(2);
  NewStore(pool.get(), 0, kGiB)->Set(KeyOf("of"), "the first");
  {
    const auto store = NewStore(pool.get(), 1, kGiB);
    EXPECT_TRUE(store->is_pooled());
    EXPECT_EQ(store->fd(), -1);
    store->Set(KeyOf("of"), "the second");
  }
  std::string error;
  const auto again = StorePool::Attach(pool->fd(), &error);
  ASSERT_NE(again, nullptr) << error;
  EXPECT_EQ(again->slot_count(), 2u);
  EXPECT_EQ(Value(*AttachIn(*again, 0), "of"), "the first");
  EXPECT_EQ(Value(*AttachIn(*again, 1), "of"), "the second");
}

TEST(StorePool, ASlotThatHoldsNoStoreIsRefused) {
  const auto pool = NewPool(2);
  NewStore(pool.get(), 0, kMiB);
  std::string error;
  EXPECT_EQ(Store::Attach(*pool, 1, true, &error), nullptr);
  EXPECT_EQ(error.find("not a store of this version: it begins with 0 "), 0u) << error;
}

TEST(StorePool, WhatAStoreWritesClearsAndCountsStaysInItsSlot) {
  const auto pool = NewPool(3);
  const auto before = NewStore(pool.get(), 0, kGiB);
  const auto store = NewStore(pool.get(), 1, kGiB);
  const auto after = NewStore(pool.get(), 2, kGiB);
  for (Store* neighbour : {before.get(), after.get()}) neighbour->Set(KeyOf("key"), "theirs");
  const uint64_t resident_before = before->resident_bytes();
  const uint64_t resident_after = after->resident_bytes();
  const uint64_t empty = store->resident_bytes();
  EXPECT_LT(empty, 128u * 1024);
  uint64_t keys = 0;
  while (store->Set(Key::FromInteger(keys), std::string(20'000, 'm')) == WriteStatus::kOk) keys++;
  EXPECT_GT(keys * 20'000, kCapacity * 7 / 10);
  EXPECT_LE(store->resident_bytes(), kCapacity + kMiB);
  EXPECT_GE(store->resident_bytes(), keys * 20'000);
  {
    Transaction transaction(store.get());
    for (uint64_t i = 0; i < keys; i += 2) store->Delete(Key::FromInteger(i));
    transaction.Commit();
  }
  EXPECT_EQ(store->CheckInvariants(), "");
  store->Clear();
  EXPECT_EQ(store->resident_bytes(), empty);
  EXPECT_EQ(before->resident_bytes(), resident_before);
  EXPECT_EQ(after->resident_bytes(), resident_after);
  for (const Store* neighbour : {before.get(), after.get()}) {
    EXPECT_EQ(Value(*neighbour, "key"), "theirs");
    EXPECT_EQ(neighbour->CheckInvariants(), "");
  }
}

TEST(StorePool, AFreedSlotGivesItsMemoryBackAndShowsNothingOfIt) {
  const auto pool = NewPool(1);
  {
    const auto store = NewStore(pool.get(), 0, kGiB);
    store->Set(KeyOf("secret"), std::string(kMiB, 's'));
    EXPECT_GT(pool->MemoryOf(0).ResidentBytes(), kMiB);
  }
  ASSERT_TRUE(pool->Free(0));
  EXPECT_EQ(pool->MemoryOf(0).ResidentBytes(), 0u);
  const auto next = NewStore(pool.get(), 0, kGiB, 2);
  EXPECT_EQ(next->key_count(), 0u);
  EXPECT_EQ(next->CheckInvariants(), "");
}

TEST(StorePool, AStoreIsMadeInASlotThatWasLeftAsItWas) {
  const auto pool = NewPool(1);
  NewStore(pool.get(), 0, kGiB)->Set(KeyOf("secret"), std::string(kMiB, 's'));
  std::string error;
  const auto next = Store::Create(TestOptions(kGiB, 2), *pool, 0, &error);
  ASSERT_NE(next, nullptr) << error;
  EXPECT_EQ(next->key_count(), 0u);
  EXPECT_EQ(next->CheckInvariants(), "");
  EXPECT_LT(next->resident_bytes(), kMiB);
}

TEST(StorePool, ManyStoresTakeNeitherDescriptorsNorMappings) {
  const char* text = std::getenv("SHREDDER_TEST_STORES");
  const uint64_t count = text == nullptr ? kManyStores : std::strtoull(text, nullptr, 10);
  constexpr uint32_t kSlots = 1000;
  const uint64_t pools_needed = (count + kSlots - 1) / kSlots;
  const uint64_t descriptors = Descriptors();
  const Mappings mappings = MappingsNow();
  const uint64_t tables = StatusOf("VmPTE");
  const uint64_t process = StatusOf("RssAnon");

  std::vector<std::unique_ptr<StorePool>> pools;
  std::vector<std::unique_ptr<Store>> stores;
  const auto value = [](uint64_t i) { return "of store " + std::to_string(i); };
  for (uint64_t i = 0; i < count; i++) {
    if (i % kSlots == 0) pools.push_back(NewPool(kSlots));
    stores.push_back(NewStore(pools.back().get(), i % kSlots, kGiB, i));
    ASSERT_EQ(stores.back()->Set(KeyOf("key"), value(i)), WriteStatus::kOk);
  }
  EXPECT_LE(Descriptors() - descriptors, pools_needed);
  // And the process's own memory, which grows by a few.
  const Mappings mapped = MappingsNow();
  EXPECT_LE(mapped.count - mappings.count, pools_needed + 20);
  EXPECT_LE(mapped.bytes - mappings.bytes,
            pools_needed * kSlots * kSlotBytes + 64 * kMiB + count * 4096);
  uint64_t resident = 0;
  for (const auto& store : stores) resident += store->resident_bytes();
  EXPECT_LE(resident / count, 64u * 1024);
  std::printf("%" PRIu64 " stores: %" PRIu64 " descriptors, %" PRIu64
              " mappings, %.2f TiB of "
              "addresses; each %" PRIu64 " bytes of its pool, %" PRIu64 " of page tables, %" PRIu64
              " of the process\n",
              count, Descriptors() - descriptors, mapped.count - mappings.count,
              static_cast<double>(mapped.bytes - mappings.bytes) / (1ull << 40), resident / count,
              (StatusOf("VmPTE") - tables) / count, (StatusOf("RssAnon") - process) / count);

  stores.clear();
  for (uint64_t i = 0; i < count; i++) {
    std::string error;
    stores.push_back(Store::Attach(*pools[i / kSlots], i % kSlots, false, &error));
    ASSERT_NE(stores.back(), nullptr) << error;
    ASSERT_EQ(Value(*stores.back(), "key"), value(i));
  }
  EXPECT_LE(Descriptors() - descriptors, pools_needed);
}

// --- Moving --------------------------------------------------------------------------------------

class PooledStore : public testing::Test {
 protected:
  void SetUp() override { Make(kGiB); }
  void Make(uint64_t quota_bytes) {
    pool_ = NewPool(2);
    store_ = NewStore(pool_.get(), 0, quota_bytes);
    store_->SetMemoryOwner(&owner_);
    store_->SetNow(1000);
    Set("plain", "one");
    Set("expiring", "two", Expiry::At(5000));
    Set("large", std::string(100'000, 'l'));
  }
  void Set(std::string_view key, std::string_view value, Expiry expiry = Expiry::None()) {
    EXPECT_EQ(store_->Set(KeyOf(key), value, expiry), WriteStatus::kOk);
  }
  // Until the slot is as full as values of this size make it, in an invocation.
  uint64_t FillUp(uint64_t bytes) {
    store_->BeginInvocation(true);
    uint64_t keys = 0;
    while (store_->Set(Key::FromInteger(keys), std::string(bytes, 'f')) == WriteStatus::kOk) keys++;
    store_->EndInvocation();
    EXPECT_TRUE(store_->is_pooled());
    return keys;
  }
  void ExpectMoved(int times = 1) {
    EXPECT_FALSE(store_->is_pooled());
    EXPECT_EQ(owner_.new_fd, store_->fd());
    EXPECT_EQ(owner_.new_bases, times);
    EXPECT_FALSE(store_->NeedsOwnMemory());
    EXPECT_EQ(store_->CheckInvariants(), "");
    // Nothing is read or written there any more.
    EXPECT_TRUE(pool_->Free(0));
    EXPECT_EQ(store_->CheckInvariants(), "");
    std::string error;
    const auto found = Store::Attach(store_->fd(), true, &error);
    ASSERT_NE(found, nullptr) << error;
    EXPECT_EQ(Contents(*found), Contents(*store_));
  }

  TestOwner owner_;
  std::unique_ptr<StorePool> pool_;
  std::unique_ptr<Store> store_;
};

TEST_F(PooledStore, MovesBetweenCommandsWithAllThatItHolds) {
  for (uint64_t i = 0; i < 20'000; i++) store_->Set(Key::FromInteger(i), std::to_string(i));
  for (uint64_t i = 0; i < 20'000; i += 3) store_->Delete(Key::FromInteger(i));
  const auto before = Contents(*store_);
  const uint64_t used = store_->used_bytes();
  const uint64_t resident = store_->resident_bytes();
  const layout::StoreHeader* base = store_->header();
  std::string error;
  ASSERT_TRUE(store_->MoveToOwnMemory(&error)) << error;
  EXPECT_NE(store_->header(), base);
  EXPECT_EQ(Contents(*store_), before);
  EXPECT_EQ(store_->used_bytes(), used);
  EXPECT_EQ(store_->now_ms(), 1000u);
  EXPECT_LE(store_->resident_bytes(), resident + 4 * kPageBytes);
  ExpectMoved();
  Set("plain", "after");
  store_->Clear();
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(PooledStore, SaysThatItNeedsItsOwnMemoryBeforeItsSlotIsFull) {
  EXPECT_FALSE(store_->NeedsOwnMemory());
  uint64_t keys = 0;
  while (!store_->NeedsOwnMemory()) {
    ASSERT_EQ(store_->Set(Key::FromInteger(keys++), std::string(10'000, 'n')), WriteStatus::kOk);
  }
  EXPECT_GT(keys * 10'000, Store::kMaxPooledBytes / 2);
  EXPECT_TRUE(store_->is_pooled());
  store_->BeginInvocation(true);
  for (uint64_t i = 0; i < 60; i++) {
    EXPECT_EQ(store_->Set(Key::FromInteger(keys++), std::string(kMiB, 'n')), WriteStatus::kOk);
  }
  store_->EndInvocation();
}

TEST_F(PooledStore, NeverNeedsItsOwnMemoryWhereTheSlotHoldsWhatTheQuotaAsksFor) {
  Make(16 * kMiB);
  uint64_t keys = 0;
  while (store_->Set(Key::FromInteger(keys), std::string(1000, 'n')) == WriteStatus::kOk) keys++;
  EXPECT_GT(keys * 1000, 14 * kMiB);
  EXPECT_FALSE(store_->NeedsOwnMemory());
  EXPECT_TRUE(store_->is_pooled());
}

TEST_F(PooledStore, ACommandThatNeedsMoreRoomThanTheSlotHasMovesIt) {
  const std::string value(100 * kMiB, 'v');
  Set("huge", value);
  EXPECT_EQ(Value(*store_, "huge"), value);
  EXPECT_EQ(Value(*store_, "plain"), "one");
  ExpectMoved();
}

TEST_F(PooledStore, CommandsMoveItWhateverTheyWrite) {
  const auto append = [&] { return store_->Append(KeyOf("plain"), std::string(90 * kMiB, 'a')); };
  EXPECT_EQ(append(), WriteStatus::kOk);
  EXPECT_EQ(Value(*store_, "plain")->size(), 90 * kMiB + 3);
  ExpectMoved();

  Make(kGiB);
  EXPECT_EQ(store_->Append(KeyOf("new"), std::string(90 * kMiB, 'a')), WriteStatus::kOk);
  ExpectMoved(2);

  Make(kGiB);
  const uint64_t keys = FillUp(1000);
  uint64_t expiring = 0;
  while (store_->is_pooled() && expiring < keys) {
    EXPECT_EQ(store_->SetExpiresAt(Key::FromInteger(expiring++), 5000), ExpiryStatus::kOk);
  }
  ExpectMoved(3);
}

TEST_F(PooledStore, ArgumentsOfTheWriteThatMovesItMayLieInTheSlot) {
  const std::string large(30 * kMiB, 'L');
  Set("large", large);
  const std::string_view in_slot = *store_->Get(KeyOf("large"));
  Set("copy", in_slot);
  ASSERT_TRUE(store_->is_pooled());
  EXPECT_EQ(store_->Append(KeyOf("copy"), *store_->Get(KeyOf("large"))), WriteStatus::kOk);
  EXPECT_EQ(Value(*store_, "copy"), large + large);
  ExpectMoved();
}

TEST_F(PooledStore, WhatAnInvocationCannotBeGivenItGetsOnceTheStoreHasMoved) {
  const std::string value(90 * kMiB, 'v');
  const layout::StoreHeader* base = store_->header();
  const auto before = Contents(*store_);
  store_->BeginInvocation(true);
  {
    Transaction transaction(store_.get());
    Set("plain", "written");
    EXPECT_EQ(store_->Set(KeyOf("huge"), value), WriteStatus::kOutOfMemory);
  }
  store_->EndInvocation();
  EXPECT_EQ(store_->header(), base);
  EXPECT_EQ(Contents(*store_), before);
  EXPECT_TRUE(store_->NeedsOwnMemory());
  std::string error;
  ASSERT_TRUE(store_->MoveToOwnMemory(&error)) << error;
  store_->BeginInvocation(true);
  Set("huge", value);
  store_->EndInvocation();
  ExpectMoved();
}

TEST_F(PooledStore, MovesInTheMiddleOfATransactionThatIsThenUndone) {
  const auto before = Contents(*store_);
  {
    Transaction transaction(store_.get());
    for (uint64_t i = 0; i < 5000; i++) Set(std::to_string(i), "new");
    store_->Append(KeyOf("large"), "more");
    store_->Delete(KeyOf("plain"));
    {
      Transaction savepoint(store_.get());
      Set("huge", std::string(100 * kMiB, 'v'));
      EXPECT_FALSE(store_->is_pooled());
      Set("expiring", "changed");
      EXPECT_EQ(store_->CheckInvariants(), "");
    }
    EXPECT_EQ(Value(*store_, "expiring"), "two");
    EXPECT_EQ(Value(*store_, "4999"), "new");
  }
  EXPECT_EQ(Contents(*store_), before);
  ExpectMoved();
}

TEST_F(PooledStore, MovesInTheMiddleOfATransactionThatIsThenKept) {
  Transaction transaction(store_.get());
  Set("plain", "ONE");
  Set("huge", std::string(100 * kMiB, 'v'));
  Set("plain", "and one");
  transaction.Commit();
  EXPECT_EQ(Value(*store_, "plain"), "and one");
  ExpectMoved();
}

TEST_F(PooledStore, StaysWhereItIsWhereItsOwnerRefuses) {
  owner_.refuses = true;
  const auto before = Contents(*store_);
  EXPECT_EQ(store_->Set(KeyOf("huge"), std::string(90 * kMiB, 'v')), WriteStatus::kOutOfMemory);
  std::string error;
  EXPECT_FALSE(store_->MoveToOwnMemory(&error));
  EXPECT_EQ(error, "a store's move to memory of its own was refused by the memory's owner");
  EXPECT_TRUE(store_->is_pooled());
  EXPECT_EQ(owner_.new_bases, 0);
  EXPECT_EQ(Contents(*store_), before);
  owner_.refuses = false;
  Set("huge", std::string(90 * kMiB, 'v'));
  ExpectMoved();
}

TEST_F(PooledStore, IsNotMovedByWritesWhereNobodyWouldHear) {
  store_->SetMemoryOwner(nullptr);
  EXPECT_EQ(store_->Set(KeyOf("huge"), std::string(90 * kMiB, 'v')), WriteStatus::kOutOfMemory);
  EXPECT_TRUE(store_->is_pooled());
  EXPECT_TRUE(store_->NeedsOwnMemory());
}

TEST_F(PooledStore, IsNotMovedByWhatTheQuotaRefuses) {
  Make(48 * kMiB);
  EXPECT_EQ(store_->Set(KeyOf("huge"), std::string(50 * kMiB, 'v')), WriteStatus::kOutOfMemory);
  EXPECT_TRUE(store_->is_pooled());
  EXPECT_FALSE(store_->NeedsOwnMemory());
}

TEST_F(PooledStore, EachKeyOfAFullSlotCanBeDeletedInOneInvocationAndComeBack) {
  const uint64_t keys = FillUp(8);
  EXPECT_GT(keys, 1'000'000u);
  store_->BeginInvocation(true);
  {
    const Transaction transaction(store_.get());
    for (uint64_t i = 0; i < keys; i++) ASSERT_TRUE(store_->Delete(Key::FromInteger(i)));
  }
  EXPECT_EQ(store_->key_count(), keys + 3);
  {
    Transaction transaction(store_.get());
    for (uint64_t i = 0; i < keys; i++) ASSERT_TRUE(store_->Delete(Key::FromInteger(i)));
    transaction.Commit();
  }
  store_->EndInvocation();
  EXPECT_EQ(store_->key_count(), 3u);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

// Savepoints make a record of each change of an expiry, again and again.
TEST_F(PooledStore, UndoRecordsFillHalfOfTheirRangeAndLeaveTheRestToRemovals) {
  store_->BeginInvocation(true);
  Transaction transaction(store_.get());
  uint64_t changes = 0;
  ExpiryStatus status = ExpiryStatus::kOk;
  for (; status == ExpiryStatus::kOk; changes++) {
    Transaction savepoint(store_.get());
    status = store_->SetExpiresAt(KeyOf("expiring"), 6000 + changes);
    savepoint.Commit();
  }
  EXPECT_EQ(status, ExpiryStatus::kOutOfMemory);
  EXPECT_GE(changes * sizeof(layout::UndoRecord), kCapacity);
  EXPECT_LE(changes * sizeof(layout::UndoRecord), kCapacity + 2 * kMiB);
  EXPECT_TRUE(store_->Delete(KeyOf("expiring")));
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  transaction.Commit();
  store_->EndInvocation();
  EXPECT_EQ(store_->key_count(), 1u);
  EXPECT_TRUE(store_->NeedsOwnMemory());
  EXPECT_EQ(store_->CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::store
