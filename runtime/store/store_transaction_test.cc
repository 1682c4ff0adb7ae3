#include <random>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

class TransactionTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = NewStore(64 * kMiB);
    store_->SetNow(1000);
    Set("plain", "one");
    Set("expiring", "two", Expiry::At(5000));
    Set("expired", "three", Expiry::At(1001));
    Set("7", "seven");
    store_->SetNow(2000);
    before_ = Contents(*store_);
    expiring_before_ = store_->expiring_key_count();
    count_before_ = store_->key_count();
    transaction_.emplace(store_.get());
  }

  void Set(std::string_view key, std::string_view value, Expiry expiry = Expiry::None()) {
    ASSERT_EQ(store_->Set(KeyOf(key), value, expiry), WriteStatus::kOk);
  }

  void RollBackAndCompare() {
    EXPECT_EQ(store_->CheckInvariants(), "");
    transaction_->Rollback();
    EXPECT_FALSE(store_->in_transaction());
    EXPECT_EQ(Contents(*store_), before_);
    EXPECT_EQ(store_->key_count(), count_before_);
    EXPECT_EQ(store_->expiring_key_count(), expiring_before_);
    EXPECT_EQ(store_->CheckInvariants(), "");
  }

  std::unique_ptr<Store> store_;
  std::optional<Open> transaction_;
  std::map<std::string, Visible> before_;
  uint64_t expiring_before_ = 0;
  uint64_t count_before_ = 0;
};

TEST_F(TransactionTest, RollbackUndoesOverwritesWithTheirExpiry) {
  Set("plain", "ONE");
  Set("plain", std::string(5000, 'x'), Expiry::At(9000));
  Set("expiring", "TWO");
  Set("7", "");
  EXPECT_EQ(store_->ExpiresAt(KeyOf("plain")), 9000u);
  RollBackAndCompare();
}

TEST_F(TransactionTest, RollbackUndoesDeletesAndInsertions) {
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  Set("plain", "again");
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  EXPECT_TRUE(store_->Delete(KeyOf("expiring")));
  Set("new", "key", Expiry::At(3000));
  EXPECT_TRUE(store_->Delete(KeyOf("new")));
  Set("new", "key");
  RollBackAndCompare();
}

TEST_F(TransactionTest, RollbackUndoesChangesOfExpiry) {
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("plain"), 4000), ExpiryStatus::kOk);
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("plain"), 4001), ExpiryStatus::kOk);
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("expiring"), 0), ExpiryStatus::kOk);
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("7"), 1), ExpiryStatus::kOk);
  EXPECT_FALSE(store_->Has(KeyOf("7")));
  RollBackAndCompare();
}

TEST_F(TransactionTest, RollbackUndoesAppends) {
  for (int i = 0; i < 1000; i++) {
    EXPECT_EQ(store_->Append(KeyOf("expiring"), "more"), WriteStatus::kOk);
    EXPECT_EQ(store_->Append(KeyOf("new"), "more"), WriteStatus::kOk);
  }
  EXPECT_EQ(store_->ExpiresAt(KeyOf("expiring")), 5000u);
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("expiring"), 6000), ExpiryStatus::kOk);
  RollBackAndCompare();
}

TEST_F(TransactionTest, RollbackBringsBackEvenExpiredKeysAsTheyWere) {
  Set("expired", "fresh");
  EXPECT_EQ(Value(*store_, "expired"), "fresh");
  RollBackAndCompare();
  transaction_.emplace(store_.get());
  EXPECT_FALSE(store_->Delete(KeyOf("expired")));
  RollBackAndCompare();
}

TEST_F(TransactionTest, CommitKeepsTheWritesAndFreesWhatTheyReplaced) {
  Set("plain", "ONE");
  Set("plain", "One");
  store_->Append(KeyOf("7"), std::string(1000, '7'));
  store_->SetExpiresAt(KeyOf("expiring"), 0);
  store_->Delete(KeyOf("expired"));
  const uint64_t used = store_->used_bytes();
  transaction_->Commit();
  EXPECT_LT(store_->used_bytes(), used);
  EXPECT_EQ(Value(*store_, "plain"), "One");
  EXPECT_EQ(Value(*store_, "7"), "seven" + std::string(1000, '7'));
  EXPECT_EQ(store_->ExpiresAt(KeyOf("expiring")), 0u);
  EXPECT_EQ(store_->key_count(), 3u);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(TransactionTest, WhatAViewMayShowKeepsItsBytesUntilTheEnd) {
  store_->BeginInvocation(true);
  const std::string_view plain = *store_->Get(KeyOf("plain"));
  Set("plain", "ONE");
  const std::string_view intermediate = *store_->Get(KeyOf("plain"));
  store_->header()->view_invocation = store_->header()->invocation;
  Set("plain", "Two");
  store_->Delete(KeyOf("plain"));
  for (int i = 0; i < 1000; i++) Set("other:" + std::to_string(i), "xxx");
  EXPECT_EQ(plain, "one");
  EXPECT_EQ(intermediate, "ONE");
  RollBackAndCompare();
  store_->EndInvocation();
}

TEST_F(TransactionTest, CommitKeepsTheFirstExpiryOfAKey) {
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("plain"), 4000), ExpiryStatus::kOk);
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("7"), 4001), ExpiryStatus::kOk);
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("7"), 0), ExpiryStatus::kOk);
  transaction_->Commit();
  EXPECT_EQ(store_->ExpiresAt(KeyOf("plain")), 4000u);
  EXPECT_EQ(Value(*store_, "plain"), "one");
  EXPECT_EQ(store_->ExpiresAt(KeyOf("7")), 0u);
  EXPECT_EQ(store_->expiring_key_count(), expiring_before_ + 1);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(TransactionTest, OverwritesWhatItHasWrittenInPlace) {
  Set("plain", "ONE");
  Set("new", "key");
  const char* plain = store_->Get(KeyOf("plain"))->data();
  const uint64_t used = store_->used_bytes();
  const uint64_t records = layout::UndoCount(store_->header());
  for (int i = 0; i < 1000; i++) {
    Set("plain", std::to_string(i));
    Set("new", std::to_string(i));
  }
  EXPECT_EQ(store_->Get(KeyOf("plain"))->data(), plain);
  EXPECT_EQ(store_->used_bytes(), used);
  EXPECT_EQ(layout::UndoCount(store_->header()), records);
  EXPECT_EQ(Value(*store_, "new"), "999");
  RollBackAndCompare();
}

TEST_F(TransactionTest, OverwritesNothingInPlaceThatAViewMayShow) {
  store_->BeginInvocation(true);
  Set("plain", "ONE");
  store_->header()->view_invocation = store_->header()->invocation;
  const std::string_view viewed = *store_->Get(KeyOf("plain"));
  Set("plain", "two");
  EXPECT_NE(store_->Get(KeyOf("plain"))->data(), viewed.data());
  EXPECT_EQ(viewed, "ONE");
  store_->Append(KeyOf("plain"), "!");
  const std::string_view longer = *store_->Get(KeyOf("plain"));
  Set("plain", "2222");
  EXPECT_EQ(longer, "two!");
  store_->EndInvocation();
  store_->BeginInvocation(true);
  const char* at = store_->Get(KeyOf("plain"))->data();
  Set("plain", "four");
  EXPECT_EQ(store_->Get(KeyOf("plain"))->data(), at) << "the next invocation has made no view";
  store_->EndInvocation();
  RollBackAndCompare();
}

TEST_F(TransactionTest, OverwritesNothingInPlaceThatItHasNotWritten) {
  const std::string_view old = *store_->Get(KeyOf("expiring"));
  // Changes of the entry in place, which leave the value as it is.
  EXPECT_EQ(store_->SetExpiresAt(KeyOf("expiring"), 6000), ExpiryStatus::kOk);
  EXPECT_EQ(store_->Append(KeyOf("expiring"), "!"), WriteStatus::kOk);
  EXPECT_EQ(store_->Get(KeyOf("expiring"))->data(), old.data());
  Set("expiring", "2wo!", Expiry::Keep());
  EXPECT_EQ(old, "two");
  EXPECT_EQ(store_->ExpiresAt(KeyOf("expiring")), 6000u);
  RollBackAndCompare();
}

TEST_F(TransactionTest, AnInvocationHasANumberOfItsOwn) {
  const layout::StoreHeader* header = store_->header();
  const uint64_t before = header->invocation;
  EXPECT_EQ(before % 2, 0u);
  EXPECT_NE(before, header->view_invocation);
  EXPECT_EQ(header->writable, 0u);
  for (const bool writable : {true, false}) {
    store_->BeginInvocation(writable);
    const uint64_t during = header->invocation;
    EXPECT_EQ(header->writable, writable ? 1u : 0u);
    store_->EndInvocation();
    EXPECT_EQ(header->writable, 0u);
    EXPECT_EQ(during % 2 + header->invocation % 2, 0u);
    EXPECT_LT(before, during);
    EXPECT_LT(during, header->invocation);
  }
}

TEST_F(TransactionTest, TheUndoLogGrowsWithoutBoundAndGivesItsMemoryBack) {
  transaction_->Rollback();
  for (uint64_t i = 0; i < 200'000; i++) store_->Set(Key::FromInteger(i), "12345678");
  before_ = Contents(*store_);
  count_before_ = store_->key_count();
  const uint64_t used = store_->used_bytes();
  const uint64_t resident = store_->resident_bytes();
  transaction_.emplace(store_.get());
  for (uint64_t i = 0; i < 200'000; i++) {
    ASSERT_TRUE(store_->Delete(Key::FromInteger(i)));
    ASSERT_LE(layout::UndoCount(store_->header()), store_->header()->undo_capacity);
  }
  EXPECT_EQ(layout::UndoCount(store_->header()), 200'000u);
  const uint64_t charged = (200'000 - layout::kFreeUndoRecords) * sizeof(layout::UndoRecord);
  EXPECT_GE(store_->used_bytes(), used + charged);
  EXPECT_LE(store_->used_bytes(),
            used + charged + UndoLog::kMaxStepRecords * sizeof(layout::UndoRecord));
  EXPECT_GE(store_->resident_bytes() + kPageBytes, resident + charged);
  transaction_->Rollback();
  EXPECT_EQ(Contents(*store_), before_);
  EXPECT_LE(store_->used_bytes(), used);
  EXPECT_LE(store_->resident_bytes(), resident + 64 * 1024);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(TransactionTest, AnEmptyOneChangesNothing) {
  RollBackAndCompare();
  const uint64_t used = store_->used_bytes();
  transaction_.emplace(store_.get());
  EXPECT_TRUE(store_->in_transaction());
  transaction_->Commit();
  EXPECT_EQ(store_->used_bytes(), used);
}

TEST_F(TransactionTest, RollbackSurvivesSplitsAndGivesTheirMemoryBack) {
  const uint64_t used = store_->used_bytes();
  for (int i = 0; i < 100'000; i++) Set("new:" + std::to_string(i), "value");
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  RollBackAndCompare();
  EXPECT_LT(store_->used_bytes(), used + kMiB / 2);
}

TEST_F(TransactionTest, RollbackRestoresALargeTableThatWasEmptied) {
  transaction_->Commit();
  for (int i = 0; i < 50'000; i++) Set("key:" + std::to_string(i), std::to_string(i));
  before_ = Contents(*store_);
  count_before_ = store_->key_count();
  transaction_.emplace(store_.get());
  for (int i = 0; i < 50'000; i++) {
    ASSERT_TRUE(store_->Delete(KeyOf("key:" + std::to_string(i))));
  }
  for (int i = 0; i < 50'000; i++) Set("other:" + std::to_string(i), "value");
  RollBackAndCompare();
}

// All of a crowded segment's keys go, others make it split, and all come back into one of its
// halves.
TEST(TransactionAndSplits, ASplitLeavesRoomForAllKeysThatTheTransactionHasRemoved) {
  const auto store = NewStore(16 * kMiB);
  store->header()->first_seed = 0;
  store->header()->first_multiplier = 1;
  // The hash's upper bits are the key's lower ones, and its lower bits are those themselves.
  store->header()->second_multiplier = (1ull << 40) + 1;
  constexpr uint64_t kUpperHalf = 1 << 22;
  constexpr uint64_t kKeys = 900;
  const auto upper_key = [](uint64_t i) {
    const uint64_t home_hash = (i << layout::kHomeHashBits) / kKeys;
    return Key::FromInteger(kUpperHalf | home_hash << layout::kHomeHashShift);
  };
  const auto depth = [&] {
    return layout::SegmentDepth(
        DirectoryWordOf(store->header(), HashOf(*store->header(), upper_key(0))));
  };
  for (uint64_t i = 0; i < kKeys; i++) {
    ASSERT_EQ(store->Set(upper_key(i), "v"), WriteStatus::kOk) << i;
  }
  ASSERT_EQ(depth(), 1);
  const auto before = Contents(*store);
  Open transaction(store.get());
  for (uint64_t i = 0; i < kKeys; i++) ASSERT_TRUE(store->Delete(upper_key(i)));
  // Keys with one home, which two bits below it and four above it tell apart.
  for (uint64_t i = 0; i < 64 && depth() == 1; i++) {
    const uint64_t key = (i & 3) | (i >> 2) << 18 | (i == 0 ? kUpperHalf : 0);
    ASSERT_EQ(store->Set(Key::FromInteger(key), "w"), WriteStatus::kOk);
  }
  ASSERT_EQ(depth(), 2) << "the segment has not split";
  EXPECT_EQ(store->CheckInvariants(), "");
  transaction.Rollback();
  EXPECT_EQ(Contents(*store), before);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(TransactionAtTheQuota, ChangesEveryKeyAndRemovesItThoughThereIsNoRoom) {
  const auto store = NewStore(kMiB);
  uint64_t keys = 0;
  // Entries with a byte to spare, for a change in place.
  while (store->Set(Key::FromInteger(keys), "1234567") == WriteStatus::kOk) keys++;
  const auto before = Contents(*store);
  Open transaction(store.get());
  uint64_t appended = 0;
  while (appended < keys && store->Append(Key::FromInteger(appended), "8") == WriteStatus::kOk) {
    appended++;
  }
  for (uint64_t i = 0; i < keys; i++) ASSERT_TRUE(store->Delete(Key::FromInteger(i)));
  EXPECT_EQ(layout::UndoCount(store->header()), keys + appended);
  EXPECT_GT(store->used_bytes(), store->quota_bytes());
  EXPECT_EQ(store->Set(KeyOf("0"), ""), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->CheckInvariants(), "");
  transaction.Rollback();
  EXPECT_EQ(Contents(*store), before);
  EXPECT_LE(store->used_bytes(), store->quota_bytes());
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(TransactionAtTheQuota, RecordsAndOldValuesCountAndRollbackStillWorks) {
  const auto store = NewStore(kMiB);
  for (uint64_t i = 0; i < 500; i++) store->Set(Key::FromInteger(i), std::string(900, 'v'));
  const auto before = Contents(*store);
  const uint64_t used = store->used_bytes();
  Open transaction(store.get());
  // The same key again and again: as a view was made, each old value stays.
  store->header()->view_invocation = store->header()->invocation;
  uint64_t writes = 0;
  while (store->Set(KeyOf("1"), std::string(900, 'w')) == WriteStatus::kOk) writes++;
  EXPECT_LT(writes, (kMiB - used) / 900);
  // Deleting is not refused, and cannot be what makes a rollback fail.
  for (uint64_t i = 0; i < 500; i++) EXPECT_TRUE(store->Delete(Key::FromInteger(i)));
  EXPECT_EQ(store->Append(KeyOf("2"), "x"), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->CheckInvariants(), "");
  transaction.Rollback();
  EXPECT_EQ(Contents(*store), before);
  // Less where segments have merged.
  EXPECT_LE(store->used_bytes(), used);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(TransactionAtTheQuota, RepeatedChangesInPlaceTakeOneRecordWhichCostsNothing) {
  const auto store = NewStore(kMiB);
  store->Set(KeyOf("a"), "1", Expiry::At(1'000'000));
  store->Set(KeyOf("b"), "1", Expiry::At(1'000'000));
  const uint64_t used = store->used_bytes();
  Open transaction(store.get());
  for (uint64_t i = 1; i < 100'000; i++) {
    ASSERT_EQ(store->SetExpiresAt(KeyOf("a"), i), ExpiryStatus::kOk);
    ASSERT_EQ(store->SetExpiresAt(KeyOf("b"), i), ExpiryStatus::kOk);
  }
  EXPECT_EQ(layout::UndoCount(store->header()), 2u);
  EXPECT_EQ(store->used_bytes(), used);
  transaction.Rollback();
  EXPECT_EQ(store->used_bytes(), used);
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 1'000'000u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

// Each savepoint may change each expiry once more, and record it.
TEST(TransactionAtTheQuota, SavepointsWithoutEndLeaveRoomToRemoveEveryKey) {
  const auto store = NewStore(kMiB);
  constexpr uint64_t kKeys = 1000;
  for (uint64_t i = 0; i < kKeys; i++) store->Set(Key::FromInteger(i), "1", Expiry::At(1'000'000));
  const auto before = Contents(*store);
  Open transaction(store.get());
  const auto change_all = [&] {
    Transaction savepoint(store.get());
    for (uint64_t i = 0; i < kKeys; i++) {
      if (store->SetExpiresAt(Key::FromInteger(i), 2'000'000 + i) != ExpiryStatus::kOk)
        return false;
    }
    savepoint.Commit();
    return true;
  };
  uint64_t savepoints = 0;
  while (savepoints < 1000 && change_all()) savepoints++;
  EXPECT_GT(savepoints, 10u);
  EXPECT_LT(savepoints, 1000u) << "refused in the end";
  EXPECT_EQ(store->ExpiresAt(Key::FromInteger(7)), 2'000'007u);
  for (uint64_t i = 0; i < kKeys; i++) ASSERT_TRUE(store->Delete(Key::FromInteger(i)));
  EXPECT_EQ(store->CheckInvariants(), "");
  transaction.Rollback();
  EXPECT_EQ(Contents(*store), before);
  EXPECT_EQ(store->CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::store
