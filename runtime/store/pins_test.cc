// Values that are read while the store goes on.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/store/store.h"
#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

std::string Text(size_t bytes, char first = 'a') {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; i++) text[i] = static_cast<char>(first + i % 23);
  return text;
}

constexpr size_t kBytes = 3 * kMiB + 123;

class PinsTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = NewStore(kGiB);
    store_->SetNow(1000);
    ASSERT_EQ(store_->Set(KeyOf("k"), Text(kBytes)), WriteStatus::kOk);
    pin_ = store_->PinValue(KeyOf("k"));
    ASSERT_NE(pin_, nullptr);
    EXPECT_EQ(pin_->view(), Text(kBytes));
  }
  // What was pinned is as it was, wherever new values go; it counts until it is let go of.
  void ExpectKept() {
    for (int i = 0; i < 8; i++) {
      ASSERT_EQ(store_->Set(KeyOf("other" + std::to_string(i)), Text(kBytes, 'Z')),
                WriteStatus::kOk);
    }
    EXPECT_TRUE(pin_->view() == Text(kBytes));
    EXPECT_EQ(store_->CheckInvariants(), "");
    const uint64_t used = store_->used_bytes();
    pin_.reset();
    store_->Delete(KeyOf("none"));
    EXPECT_LE(store_->used_bytes(), used - kBytes);
    EXPECT_EQ(store_->CheckInvariants(), "");
  }

  std::unique_ptr<Store> store_;
  std::shared_ptr<const Pin> pin_;
};

TEST_F(PinsTest, OverwritingLeavesThePinnedBytes) {
  ASSERT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'B')), WriteStatus::kOk);
  EXPECT_EQ(Value(*store_, "k"), Text(kBytes, 'B'));
  ExpectKept();
}

TEST_F(PinsTest, DeletingLeavesThePinnedBytes) {
  EXPECT_TRUE(store_->Delete(KeyOf("k")));
  EXPECT_EQ(store_->key_count(), 0u);
  ExpectKept();
}

TEST_F(PinsTest, WritingARangeLeavesThePinnedBytes) {
  uint64_t length;
  ASSERT_EQ(store_->SetRange(KeyOf("k"), 10, "XYZ", &length), WriteStatus::kOk);
  ExpectKept();
}

TEST_F(PinsTest, AppendingLeavesThePinnedBytes) {
  // In place first, then into a block with room, and there.
  for (int i = 0; i < 6; i++) {
    ASSERT_EQ(store_->Append(KeyOf("k"), Text(1000, 'C')), WriteStatus::kOk);
    const auto longer = store_->PinValue(KeyOf("k"));
    EXPECT_EQ(longer->view().size(), kBytes + (i + 1) * 1000);
    EXPECT_TRUE(pin_->view() == Text(kBytes));
  }
  ExpectKept();
}

TEST_F(PinsTest, ExpiryLeavesThePinnedBytes) {
  ASSERT_EQ(store_->SetExpiresAt(KeyOf("k"), 2000), ExpiryStatus::kOk);
  store_->SetNow(3000);
  EXPECT_EQ(store_->PinValue(KeyOf("k")), nullptr);
  EXPECT_EQ(store_->ReapExpired(10000, 10000), 1u);
  ExpectKept();
}

TEST_F(PinsTest, ATransactionLeavesThePinnedBytesWhetherItIsKeptOrNot) {
  for (const bool is_kept : {false, true}) {
    Open open(store_.get());
    EXPECT_EQ(store_->PinValue(KeyOf("k")), nullptr);
    ASSERT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'D')), WriteStatus::kOk);
    ASSERT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'E')), WriteStatus::kOk);
    EXPECT_TRUE(store_->Delete(KeyOf("k")));
    EXPECT_TRUE(pin_->view() == Text(kBytes));
    if (is_kept) {
      open.Commit();
      EXPECT_FALSE(store_->Has(KeyOf("k")));
    } else {
      open.Rollback();
      EXPECT_EQ(store_->PinValue(KeyOf("k")), pin_);
    }
  }
  ExpectKept();
}

TEST_F(PinsTest, ClearingLeavesThePinnedBytesWhereTheyAre) {
  ASSERT_EQ(store_->Set(KeyOf("other"), Text(kBytes, 'O')), WriteStatus::kOk);
  const auto other = store_->PinValue(KeyOf("other"));
  ASSERT_EQ(store_->Set(KeyOf("between"), Text(kBytes, 'B')), WriteStatus::kOk);
  ASSERT_EQ(store_->Set(KeyOf("last"), Text(kBytes, 'L')), WriteStatus::kOk);
  auto last = store_->PinValue(KeyOf("last"));
  const char* const place = pin_->view().data();
  for (int i = 0; i < 2; i++) {
    store_->Clear();
    EXPECT_EQ(store_->key_count(), 0u);
    EXPECT_EQ(store_->CheckInvariants(), "");
    EXPECT_LT(store_->used_bytes(), 3 * kBytes + kMiB);
    EXPECT_EQ(pin_->view().data(), place);
    EXPECT_TRUE(pin_->view() == Text(kBytes));
    EXPECT_TRUE(other->view() == Text(kBytes, 'O'));
    EXPECT_TRUE(last->view() == Text(kBytes, 'L'));
  }
  EXPECT_LT(store_->resident_bytes(), 3 * kBytes + kMiB);
  last.reset();
  ExpectKept();
}

TEST_F(PinsTest, ClearingAStoreThatPinnedBytesFillLeavesAnEmptyTableThatCanBeWritten) {
  std::string error;
  for (const uint64_t quota : {4 * kMiB, kMinQuotaBytes}) {
    ASSERT_TRUE(store_->SetQuota(quota, &error)) << error;
    store_->Clear();
    EXPECT_EQ(store_->Set(KeyOf("l"), Text(kBytes)), WriteStatus::kOutOfMemory);
    EXPECT_EQ(store_->CheckInvariants(), "");
  }
  pin_.reset();
  EXPECT_EQ(store_->Set(KeyOf("l"), Text(1000)), WriteStatus::kOk);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(PinsTest, WhatIsLetGoOfWhileTheStoreIsClearedIsFreed) {
  store_->SetPause([&] { pin_.reset(); });
  ASSERT_EQ(store_->Set(KeyOf("other"), Text(8 * kMiB)), WriteStatus::kOk);
  store_->Clear();
  store_->SetPause(nullptr);
  EXPECT_EQ(pin_, nullptr);
  store_->Delete(KeyOf("none"));
  EXPECT_LT(store_->used_bytes(), kMiB);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(PinsTest, ClearingForgetsWhatWasToBeFreed) {
  ASSERT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'F')), WriteStatus::kOk);
  const auto second = store_->PinValue(KeyOf("k"));
  ASSERT_EQ(store_->Set(KeyOf("k"), "short"), WriteStatus::kOk);
  pin_.reset();
  store_->Clear();
  EXPECT_TRUE(second->view() == Text(kBytes, 'F'));
  ASSERT_EQ(store_->Set(KeyOf("k"), "short"), WriteStatus::kOk);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(PinsTest, TheBytesOutliveTheStore) {
  store_.reset();
  EXPECT_TRUE(pin_->view() == Text(kBytes));
}

TEST_F(PinsTest, ALargerQuotaMayMoveThePinnedBytes) {
  std::string error;
  ASSERT_TRUE(store_->SetQuota(8 * kGiB, &error)) << error;
  EXPECT_TRUE(pin_->view() == Text(kBytes));
  ASSERT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'G')), WriteStatus::kOk);
  ExpectKept();
}

TEST(PinsInAPoolTest, MovingToOwnMemoryLeavesThePinnedBytes) {
  const auto pool = NewPool(1);
  auto store = NewStore(pool.get(), 0, kGiB);
  ASSERT_EQ(store->Set(KeyOf("k"), Text(kBytes)), WriteStatus::kOk);
  ASSERT_EQ(store->Set(KeyOf("l"), Text(kBytes, 'L')), WriteStatus::kOk);
  const auto pin = store->PinValue(KeyOf("k"));
  const auto other = store->PinValue(KeyOf("l"));
  EXPECT_TRUE(store->Delete(KeyOf("k")));
  std::string error;
  ASSERT_TRUE(store->MoveToOwnMemory(&error)) << error;
  ASSERT_TRUE(pool->MemoryOf(0).PunchHole(0, 32 * kMiB));
  EXPECT_TRUE(pin->view() == Text(kBytes));
  EXPECT_TRUE(other->view() == Text(kBytes, 'L'));
  EXPECT_TRUE(store->Delete(KeyOf("l")));
  EXPECT_TRUE(other->view() == Text(kBytes, 'L'));
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST_F(PinsTest, ManyReadersOfOneValueShareItAndTheLastOneFreesIt) {
  std::vector<std::shared_ptr<const Pin>> readers(100, store_->PinValue(KeyOf("k")));
  EXPECT_EQ(readers[0], pin_);
  const uint64_t used = store_->used_bytes();
  EXPECT_TRUE(store_->Delete(KeyOf("k")));
  EXPECT_EQ(store_->used_bytes(), used);
  pin_.reset();
  readers.resize(1);
  store_->Delete(KeyOf("none"));
  EXPECT_EQ(store_->used_bytes(), used);
  EXPECT_TRUE(readers[0]->view() == Text(kBytes));
  readers.clear();
  EXPECT_TRUE(store_->keeps_free_memory());
  GiveBackUnneeded(store_.get());
  EXPECT_LT(store_->used_bytes(), kMiB);
}

TEST_F(PinsTest, AnyNumberIsLeftWhereItIsAndCounts) {
  constexpr int kCount = 1000;
  std::vector<std::shared_ptr<const Pin>> pins;
  std::vector<const char*> places;
  for (int i = 0; i < kCount; i++) {
    const std::string key = "n" + std::to_string(i);
    ASSERT_EQ(store_->Set(KeyOf(key), Text(100'000, static_cast<char>(i))), WriteStatus::kOk);
    pins.push_back(store_->PinValue(KeyOf(key)));
    places.push_back(pins.back()->view().data());
  }
  const uint64_t used = store_->used_bytes();
  for (int i = 0; i < kCount; i++) {
    EXPECT_TRUE(store_->Delete(KeyOf("n" + std::to_string(i))));
  }
  EXPECT_GT(store_->used_bytes(), used - kMiB);
  EXPECT_EQ(store_->CheckInvariants(), "");
  for (int i = 0; i < kCount; i++) {
    EXPECT_EQ(pins[i]->view().data(), places[i]);
    EXPECT_TRUE(pins[i]->view() == Text(100'000, static_cast<char>(i))) << i;
  }
  // In any order.
  for (int i = 0; i < kCount; i++) {
    pins[i * 7 % kCount].reset();
    if (i % 100 == 0) store_->Delete(KeyOf("none"));
  }
  GiveBackUnneeded(store_.get());
  EXPECT_EQ(store_->CheckInvariants(), "");
  EXPECT_LT(store_->used_bytes(), kBytes + kMiB);
}

TEST_F(PinsTest, ShortValuesAreNotPinned) {
  ASSERT_EQ(store_->Set(KeyOf("k"), Text(Store::kMinPinnedBytes - 1)), WriteStatus::kOk);
  EXPECT_EQ(store_->PinValue(KeyOf("k")), nullptr);
  ASSERT_EQ(store_->Set(KeyOf("k"), Text(Store::kMinPinnedBytes)), WriteStatus::kOk);
  EXPECT_NE(store_->PinValue(KeyOf("k")), nullptr);
  EXPECT_EQ(store_->PinValue(KeyOf("none")), nullptr);
}

TEST_F(PinsTest, WhoAttachesTheStoreFreesWhatWasRead) {
  EXPECT_TRUE(store_->Delete(KeyOf("k")));
  EXPECT_GT(store_->used_bytes(), kBytes);
  std::string error;
  const auto successor = Store::Attach(store_->fd(), true, &error);
  ASSERT_NE(successor, nullptr) << error;
  EXPECT_LT(successor->used_bytes(), kMiB);
  EXPECT_EQ(successor->CheckInvariants(), "");
}

TEST_F(PinsTest, APinnedValueLeavesNoRoomForTheOneThatReplacesIt) {
  std::string error;
  ASSERT_TRUE(store_->SetQuota(5 * kMiB, &error)) << error;
  EXPECT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'N')), WriteStatus::kOutOfMemory);
  EXPECT_EQ(Value(*store_, "k"), Text(kBytes));
  pin_.reset();
  EXPECT_EQ(store_->Set(KeyOf("k"), Text(kBytes, 'N')), WriteStatus::kOk);
}

TEST_F(PinsTest, AQuotaThatPinnedBytesFillRefusesWritesUntilTheyAreSent) {
  std::string error;
  ASSERT_TRUE(store_->SetQuota(5 * kMiB, &error)) << error;
  EXPECT_TRUE(store_->Delete(KeyOf("k")));
  EXPECT_EQ(store_->Set(KeyOf("l"), Text(kBytes)), WriteStatus::kOutOfMemory);
  pin_.reset();
  EXPECT_EQ(store_->Set(KeyOf("l"), Text(kBytes)), WriteStatus::kOk);
}

// ---- What the stores of a process keep

TEST(FreeMemoryTest, AnOverwriteNeedsNoFreshMemoryWithinTheBudget) {
  FreeMemoryBudget budget(8 * kMiB / layout::kPageBytes);
  const auto store = NewStore(kGiB);
  store->SetFreeMemoryBudget(&budget);
  for (int i = 0; i < 3; i++) ASSERT_EQ(store->Set(KeyOf("k"), Text(kBytes)), WriteStatus::kOk);
  const uint64_t give_backs = store->events().give_backs;
  for (int i = 0; i < 20; i++) ASSERT_EQ(store->Set(KeyOf("k"), Text(kBytes)), WriteStatus::kOk);
  EXPECT_EQ(store->events().give_backs, give_backs);
  EXPECT_GT(budget.kept_pages(), kBytes / layout::kPageBytes - 100);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(FreeMemoryTest, StoresShareTheBudgetAndWhatIsBeyondItGoesBack) {
  FreeMemoryBudget budget(4 * kMiB / layout::kPageBytes);
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 4; i++) {
    stores.push_back(NewStore(kGiB));
    stores.back()->SetFreeMemoryBudget(&budget);
    ASSERT_EQ(stores.back()->Set(KeyOf("k"), Text(kBytes)), WriteStatus::kOk);
    EXPECT_TRUE(stores.back()->Delete(KeyOf("k")));
    EXPECT_LE(budget.kept_pages(), 4 * kMiB / layout::kPageBytes);
  }
  EXPECT_GT(stores[0]->resident_bytes(), kBytes);
  EXPECT_LT(stores[1]->resident_bytes(), kMiB);
  stores[0].reset();
  EXPECT_EQ(budget.kept_pages(), 0u);
}

TEST(FreeMemoryTest, WhatNothingHasNeededSinceTheLastCallIsGivenBack) {
  FreeMemoryBudget budget(32 * kMiB / layout::kPageBytes);
  const auto store = NewStore(kGiB);
  store->SetFreeMemoryBudget(&budget);
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_EQ(store->Set(KeyOf(key), Text(kBytes)), WriteStatus::kOk);
  }
  for (const char* key : {"a", "c", "d"}) EXPECT_TRUE(store->Delete(KeyOf(key)));
  EXPECT_GT(store->resident_bytes(), 4 * kBytes);
  EXPECT_TRUE(store->keeps_free_memory());
  // All of it was in use since the last call, before it was freed.
  GiveBackUnneeded(store.get());
  EXPECT_GT(store->resident_bytes(), 4 * kBytes);
  // One block of it is needed now and then.
  ASSERT_EQ(store->Set(KeyOf("b"), Text(kBytes)), WriteStatus::kOk);
  GiveBackUnneeded(store.get());
  EXPECT_LT(store->resident_bytes(), 3 * kBytes);
  EXPECT_GT(store->resident_bytes(), 2 * kBytes);
  for (int i = 0; i < 3; i++) GiveBackUnneeded(store.get());
  EXPECT_LT(store->resident_bytes(), kBytes + kMiB);
  EXPECT_FALSE(store->keeps_free_memory());
  EXPECT_EQ(Value(*store, "b"), Text(kBytes));
  EXPECT_EQ(store->CheckInvariants(), "");
}

// Stores with a budget of 1 GiB that have kept so much, of values that were set and deleted.
class MuchFreeMemoryTest : public testing::Test {
 protected:
  void Keep(uint64_t bytes, int values = 1) {
    for (int i = 0; i < values; i++) Set(std::to_string(i), bytes / values);
    for (int i = 0; i < values; i++) EXPECT_TRUE(store_->Delete(KeyOf(std::to_string(i))));
  }
  void Set(std::string_view key, uint64_t bytes) {
    ASSERT_EQ(store_->Set(KeyOf(key), Text(bytes)), WriteStatus::kOk);
  }
  void EndSecond() { GiveBackUnneeded(store_.get()); }

  FreeMemoryBudget budget_{kGiB / layout::kPageBytes};
  const std::unique_ptr<Store> store_ = [this] {
    auto store = NewStore(4 * kGiB);
    store->SetFreeMemoryBudget(&budget_);
    return store;
  }();
};

TEST_F(MuchFreeMemoryTest, IsGivenBackByAsManyCallsAsItTakes) {
  Keep(100 * kMiB);
  store_->NoteUnneeded();
  EXPECT_FALSE(store_->gives_back());
  store_->NoteUnneeded();
  int calls = 0;
  for (; store_->gives_back(); calls++) {
    EXPECT_GT(store_->resident_bytes() + 18 * kMiB * calls, 100 * kMiB);
    store_->GiveBack(16 << 20);
  }
  EXPECT_EQ(calls, 7);
  EXPECT_LT(store_->resident_bytes(), kMiB);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(MuchFreeMemoryTest, IsGivenBackThoughItIsMoreThanOneCallCouldSearch) {
  Keep(700 * kMiB, 7);
  EXPECT_GT(store_->resident_bytes(), 700 * kMiB);
  for (int i = 0; i < 2; i++) EndSecond();
  EXPECT_LT(store_->resident_bytes(), kMiB);
  EXPECT_EQ(budget_.kept_pages(), 0u);
  // What has been given back reads as zeros, and is used again.
  Keep(200 * kMiB, 2);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(MuchFreeMemoryTest, IsGivenBackBehindALongRunThatHasNone) {
  // Beyond the budget, so that it goes back at once; and a shorter run that is kept.
  Set("long", 400 * kMiB);
  Set("between", 100'000);
  Set("short", 50 * kMiB);
  Set("last", 100'000);
  {
    FreeMemoryBudget none(0);
    store_->SetFreeMemoryBudget(&none);
    EXPECT_TRUE(store_->Delete(KeyOf("long")));
    store_->SetFreeMemoryBudget(&budget_);
  }
  EXPECT_TRUE(store_->Delete(KeyOf("short")));
  EXPECT_GT(store_->resident_bytes(), 50 * kMiB);
  for (int i = 0; i < 2; i++) EndSecond();
  EXPECT_LT(store_->resident_bytes(), kMiB);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(MuchFreeMemoryTest, IsNotGivenBackWhereItIsNeededAfterAll) {
  Keep(100 * kMiB);
  store_->NoteUnneeded();
  store_->NoteUnneeded();
  store_->GiveBack(16 << 20);
  Keep(50 * kMiB);
  while (store_->gives_back()) store_->GiveBack(16 << 20);
  EXPECT_GE(store_->resident_bytes(), 50 * kMiB);
  EXPECT_LT(store_->resident_bytes(), 52 * kMiB);
  // In this second, too, as it was needed in the one before.
  EndSecond();
  EXPECT_GE(store_->resident_bytes(), 49 * kMiB);
  EndSecond();
  EXPECT_LT(store_->resident_bytes(), kMiB);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(MuchFreeMemoryTest, IsNoMoreToBeGivenBackOnceTheStoreIsClearedOrNeedsAllOfIt) {
  for (const bool is_cleared : {true, false}) {
    Keep(100 * kMiB);
    store_->NoteUnneeded();
    store_->NoteUnneeded();
    EXPECT_TRUE(store_->gives_back());
    if (is_cleared) {
      store_->Clear();
    } else {
      Set("k", 110 * kMiB);
    }
    EXPECT_FALSE(store_->gives_back());
  }
}

TEST_F(MuchFreeMemoryTest, IsNotKeptWhileTheBudgetIsClosed) {
  budget_.SetClosed(true);
  Keep(100 * kMiB);
  EXPECT_LT(store_->resident_bytes(), kMiB);
  budget_.SetClosed(false);
  Keep(100 * kMiB);
  EXPECT_GT(store_->resident_bytes(), 100 * kMiB);
}

TEST(FreeMemoryTest, AnAttachedStoreBringsWhatItsPredecessorKept) {
  FreeMemoryBudget budget(8 * kMiB / layout::kPageBytes);
  const auto store = NewStore(kGiB);
  store->SetFreeMemoryBudget(&budget);
  ASSERT_EQ(store->Set(KeyOf("k"), Text(kBytes)), WriteStatus::kOk);
  EXPECT_TRUE(store->Delete(KeyOf("k")));
  std::string error;
  const auto successor = Store::Attach(store->fd(), true, &error);
  ASSERT_NE(successor, nullptr) << error;
  FreeMemoryBudget none(0);
  successor->SetFreeMemoryBudget(&none);
  EXPECT_GT(none.kept_pages(), 0u);
  EXPECT_FALSE(none.Allows(0));
  for (int i = 0; i < 3; i++) GiveBackUnneeded(successor.get());
  EXPECT_EQ(none.kept_pages(), 0u);
  EXPECT_LT(successor->resident_bytes(), kMiB);
}

}  // namespace
}  // namespace shredder::store
