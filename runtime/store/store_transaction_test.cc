#include <random>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

class Transaction : public testing::Test {
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
    store_->Begin();
  }

  void Set(std::string_view key, std::string_view value, Expiry expiry = Expiry::None()) {
    ASSERT_EQ(store_->Set(KeyOf(key), value, expiry), WriteStatus::kOk);
  }

  void RollBackAndCompare() {
    EXPECT_EQ(store_->CheckInvariants(), "");
    store_->Rollback();
    EXPECT_FALSE(store_->in_transaction());
    EXPECT_EQ(Contents(*store_), before_);
    EXPECT_EQ(store_->key_count(), count_before_);
    EXPECT_EQ(store_->expiring_key_count(), expiring_before_);
    EXPECT_EQ(store_->CheckInvariants(), "");
  }

  std::unique_ptr<Store> store_;
  std::map<std::string, Visible> before_;
  uint64_t expiring_before_ = 0;
  uint64_t count_before_ = 0;
};

TEST_F(Transaction, RollbackUndoesOverwritesWithTheirExpiry) {
  Set("plain", "ONE");
  Set("plain", std::string(5000, 'x'), Expiry::At(9000));
  Set("expiring", "TWO");
  Set("7", "");
  EXPECT_EQ(store_->ExpiresAt(KeyOf("plain")), 9000u);
  RollBackAndCompare();
}

TEST_F(Transaction, RollbackUndoesDeletesAndInsertions) {
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  Set("plain", "again");
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  EXPECT_TRUE(store_->Delete(KeyOf("expiring")));
  Set("new", "key", Expiry::At(3000));
  EXPECT_TRUE(store_->Delete(KeyOf("new")));
  Set("new", "key");
  RollBackAndCompare();
}

TEST_F(Transaction, RollbackUndoesChangesOfExpiry) {
  EXPECT_TRUE(store_->SetExpiresAt(KeyOf("plain"), 4000));
  EXPECT_TRUE(store_->SetExpiresAt(KeyOf("plain"), 4001));
  EXPECT_TRUE(store_->SetExpiresAt(KeyOf("expiring"), 0));
  EXPECT_TRUE(store_->SetExpiresAt(KeyOf("7"), 1));
  EXPECT_FALSE(store_->Has(KeyOf("7")));
  RollBackAndCompare();
}

TEST_F(Transaction, RollbackUndoesAppends) {
  for (int i = 0; i < 1000; i++) {
    EXPECT_EQ(store_->Append(KeyOf("expiring"), "more"), WriteStatus::kOk);
    EXPECT_EQ(store_->Append(KeyOf("new"), "more"), WriteStatus::kOk);
  }
  EXPECT_EQ(store_->ExpiresAt(KeyOf("expiring")), 5000u);
  EXPECT_TRUE(store_->SetExpiresAt(KeyOf("expiring"), 6000));
  RollBackAndCompare();
}

TEST_F(Transaction, RollbackBringsBackEvenExpiredKeysAsTheyWere) {
  Set("expired", "fresh");
  EXPECT_EQ(Value(*store_, "expired"), "fresh");
  RollBackAndCompare();
  store_->Begin();
  EXPECT_FALSE(store_->Delete(KeyOf("expired")));
  RollBackAndCompare();
}

TEST_F(Transaction, CommitKeepsTheWritesAndFreesWhatTheyReplaced) {
  Set("plain", "ONE");
  Set("plain", "One");
  store_->Append(KeyOf("7"), std::string(1000, '7'));
  store_->SetExpiresAt(KeyOf("expiring"), 0);
  store_->Delete(KeyOf("expired"));
  const uint64_t used = store_->used_bytes();
  store_->Commit();
  EXPECT_LT(store_->used_bytes(), used);
  EXPECT_EQ(Value(*store_, "plain"), "One");
  EXPECT_EQ(Value(*store_, "7"), "seven" + std::string(1000, '7'));
  EXPECT_EQ(store_->ExpiresAt(KeyOf("expiring")), 0u);
  EXPECT_EQ(store_->key_count(), 3u);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(Transaction, WhatWasOverwrittenKeepsItsBytesUntilTheEnd) {
  const std::string_view plain = *store_->Get(KeyOf("plain"));
  Set("plain", "ONE");
  const std::string_view intermediate = *store_->Get(KeyOf("plain"));
  Set("plain", "Two");
  store_->Delete(KeyOf("plain"));
  for (int i = 0; i < 1000; i++) Set("other:" + std::to_string(i), "xxx");
  EXPECT_EQ(plain, "one");
  EXPECT_EQ(intermediate, "ONE");
  RollBackAndCompare();
}

TEST_F(Transaction, AnEmptyOneChangesNothing) {
  const uint64_t used = store_->used_bytes();
  RollBackAndCompare();
  store_->Begin();
  EXPECT_TRUE(store_->in_transaction());
  store_->Commit();
  EXPECT_EQ(store_->used_bytes(), used);
}

TEST_F(Transaction, RollbackSurvivesSplitsAndGivesTheirMemoryBack) {
  const uint64_t used = store_->used_bytes();
  for (int i = 0; i < 100'000; i++) Set("new:" + std::to_string(i), "value");
  EXPECT_TRUE(store_->Delete(KeyOf("plain")));
  RollBackAndCompare();
  EXPECT_LT(store_->used_bytes(), used + kMiB / 2);
}

TEST_F(Transaction, RollbackRestoresALargeTableThatWasEmptied) {
  store_->Commit();
  for (int i = 0; i < 50'000; i++) Set("key:" + std::to_string(i), std::to_string(i));
  before_ = Contents(*store_);
  count_before_ = store_->key_count();
  store_->Begin();
  for (int i = 0; i < 50'000; i++) {
    ASSERT_TRUE(store_->Delete(KeyOf("key:" + std::to_string(i))));
  }
  for (int i = 0; i < 50'000; i++) Set("other:" + std::to_string(i), "value");
  RollBackAndCompare();
}

TEST(TransactionAtTheQuota, RecordsAndOldValuesCountAndRollbackStillWorks) {
  const auto store = NewStore(kMiB);
  for (uint64_t i = 0; i < 500; i++) store->Set(Key::FromInteger(i), std::string(900, 'v'));
  const auto before = Contents(*store);
  const uint64_t used = store->used_bytes();
  store->Begin();
  // The same key again and again: each old value stays.
  uint64_t writes = 0;
  while (store->Set(KeyOf("1"), std::string(900, 'w')) == WriteStatus::kOk) writes++;
  EXPECT_LT(writes, (kMiB - used) / 900);
  // Deleting is not refused, and cannot be what makes a rollback fail.
  for (uint64_t i = 0; i < 500; i++) EXPECT_TRUE(store->Delete(Key::FromInteger(i)));
  EXPECT_EQ(store->Append(KeyOf("2"), "x"), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->CheckInvariants(), "");
  store->Rollback();
  EXPECT_EQ(Contents(*store), before);
  // Less where segments have merged.
  EXPECT_LE(store->used_bytes(), used);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(TransactionAtTheQuota, RepeatedChangesInPlaceTakeOneRecord) {
  const auto store = NewStore(kMiB);
  store->Set(KeyOf("a"), "1");
  store->Set(KeyOf("b"), "1");
  const uint64_t used = store->used_bytes();
  store->Begin();
  for (uint64_t i = 1; i < 100'000; i++) {
    ASSERT_TRUE(store->SetExpiresAt(KeyOf("a"), i));
    ASSERT_TRUE(store->SetExpiresAt(KeyOf("b"), i));
  }
  EXPECT_EQ(store->used_bytes(), used + 2 * 64);
  store->Rollback();
  EXPECT_EQ(store->used_bytes(), used);
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 0u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::store
