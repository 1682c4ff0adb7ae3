// A quota that changes while a store lives.
#include <sys/stat.h>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

void SetQuota(Store* store, uint64_t bytes) {
  std::string error;
  EXPECT_TRUE(store->SetQuota(bytes, &error)) << error;
  EXPECT_EQ(store->quota_bytes(), bytes);
  EXPECT_EQ(store->CheckInvariants(), "");
}

// Writes values of this size until one is refused; returns the next key.
uint64_t FillUp(Store* store, uint64_t first_key, uint64_t bytes) {
  uint64_t key = first_key;
  while (store->Set(Key::FromInteger(key), std::string(bytes, 'f')) == WriteStatus::kOk) key++;
  return key;
}

void ExpectSameAfterAttach(const Store& store) {
  std::string error;
  const auto found = Store::Attach(store.fd(), true, &error);
  ASSERT_NE(found, nullptr) << error;
  EXPECT_EQ(found->quota_bytes(), store.quota_bytes());
  EXPECT_EQ(Contents(*found), Contents(store));
}

TEST(StoreQuota, IsRaisedStepByStepAndUsedUpEachTime) {
  const auto store = NewStore(kMiB);
  uint64_t keys = 0;
  for (const uint64_t mib : {1, 2, 3, 20, 50, 51, 64, 65, 200}) {
    SetQuota(store.get(), mib * kMiB);
    keys = FillUp(store.get(), keys, 1000);
    EXPECT_GE(store->used_bytes(), mib * kMiB - 8 * 1024);
    EXPECT_EQ(store->CheckInvariants(), "");
  }
  EXPECT_EQ(store->key_count(), keys);
  ExpectSameAfterAttach(*store);
}

TEST(StoreQuota, ALoweredOneRefusesWritesUntilWhatIsThereFits) {
  const auto store = NewStore(8 * kMiB);
  const uint64_t keys = FillUp(store.get(), 0, 1000);
  SetQuota(store.get(), 2 * kMiB);
  EXPECT_EQ(store->key_count(), keys);
  EXPECT_EQ(store->Set(KeyOf("new"), "value"), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->Set(Key::FromInteger(1), std::string(999, 'o')), WriteStatus::kOutOfMemory);
  ExpectSameAfterAttach(*store);
  {
    Transaction transaction(store.get());
    for (uint64_t i = 0; i < keys; i++) EXPECT_TRUE(store->Delete(Key::FromInteger(i)));
  }
  EXPECT_EQ(store->key_count(), keys) << "undone";
  for (uint64_t i = 0; store->used_bytes() > kMiB; i++) store->Delete(Key::FromInteger(i));
  EXPECT_EQ(store->Set(KeyOf("new"), "value"), WriteStatus::kOk);
  EXPECT_EQ(store->CheckInvariants(), "");
  SetQuota(store.get(), 16 * kMiB);
  FillUp(store.get(), keys, 1000);
  EXPECT_GE(store->used_bytes(), 15 * kMiB);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(StoreQuota, TheLargestOneCanFollowTheSmallest) {
  const auto store = NewStore(kMiB);
  store->Set(KeyOf("key"), "value");
  for (const uint64_t bytes : {64 * kGiB - kMiB, 64 * kGiB, kMiB, 64 * kGiB}) {
    SetQuota(store.get(), bytes);
    EXPECT_EQ(Value(*store, "key"), "value");
    ExpectSameAfterAttach(*store);
  }
  EXPECT_LT(store->resident_bytes(), kMiB);
}

TEST(StoreQuota, OutOfItsRangeIsRefusedInOneLine) {
  const auto store = NewStore(kMiB);
  for (const uint64_t bytes : {uint64_t{0}, kMiB - 1, 64 * kGiB + 1, ~uint64_t{0}}) {
    std::string error;
    EXPECT_FALSE(store->SetQuota(bytes, &error));
    EXPECT_EQ(error, "a store's quota of " + std::to_string(bytes) +
                         " bytes is out of range; give 1 MiB to 64 GiB");
    EXPECT_EQ(store->quota_bytes(), kMiB);
  }
}

TEST(StoreQuota, ANewBaseIsToldAndTheOldOneIsNot) {
  const auto store = NewStore(kMiB);
  TestOwner owner;
  store->SetMemoryOwner(&owner);
  int told = 0;
  for (const uint64_t mib : {100, 1000, 50, 2000}) {
    const layout::StoreHeader* base = store->header();
    SetQuota(store.get(), mib * kMiB);
    told += store->header() != base;
    EXPECT_EQ(owner.new_bases, told);
  }
  EXPECT_EQ(owner.new_fd, std::nullopt) << "the descriptor stays";
}

TEST(StoreQuota, IsRaisedInASlotAsFarAsItGoesAndBeyondWithMemoryOfItsOwn) {
  const auto pool = NewPool(2);
  const auto store = NewStore(pool.get(), 0, kMiB);
  TestOwner owner;
  store->SetMemoryOwner(&owner);
  uint64_t keys = 0;
  for (const uint64_t mib : {2, 16, 31}) {
    SetQuota(store.get(), mib * kMiB);
    keys = FillUp(store.get(), keys, 1000);
    EXPECT_GE(store->used_bytes(), mib * kMiB - 8 * 1024);
    EXPECT_FALSE(store->NeedsOwnMemory());
  }
  EXPECT_EQ(owner.new_bases, 0);
  SetQuota(store.get(), 100 * kMiB);
  EXPECT_TRUE(store->is_pooled());
  EXPECT_TRUE(store->NeedsOwnMemory());
  FillUp(store.get(), keys, 1000);
  EXPECT_FALSE(store->is_pooled());
  EXPECT_GE(store->used_bytes(), 100 * kMiB - 8 * 1024);
  EXPECT_EQ(store->CheckInvariants(), "");
  ExpectSameAfterAttach(*store);
  SetQuota(store.get(), kMiB);
  SetQuota(store.get(), kGiB);
  EXPECT_EQ(store->CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::store
