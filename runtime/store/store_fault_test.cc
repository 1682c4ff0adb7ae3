// Each way to write a key, transactions and their ends, stopped at each of their fault points: see
// store_sweep.h. The table's growth and shrinking: table_fault_test.cc.
#include "runtime/store/store_sweep.h"

namespace shredder::store {
namespace {

class StoreFaultTest : public testing::Test {
 protected:
  void SetUp() override { Make(4 * kMiB); }

  void Make(uint64_t quota_bytes) {
    store_ = NewStore(quota_bytes);
    store_->SetNow(1000);
    Set("plain", "one");
    Set("expiring", "two", Expiry::At(5000));
    Set("large", std::string(50'000, 'l'));
    Set("7", "seven");
    Set("8", "eight", Expiry::At(6000));
    sweep_.emplace(store_.get());
  }
  // One page of 256 slots, and a hash that is the integer.
  void MakeWithPlainHash() {
    store_ = NewStore(4 * kMiB);
    store_->header()->first_seed = 0;
    store_->header()->first_multiplier = 1;
    store_->header()->second_multiplier = 1;
    sweep_.emplace(store_.get());
  }
  // An integer whose home is the slot, one of many.
  static Key KeyAt(uint64_t slot, uint64_t number) { return Key::FromInteger(slot << 10 | number); }

  void Set(std::string_view key, std::string_view value, Expiry expiry = Expiry::None()) {
    EXPECT_EQ(store_->Set(KeyOf(key), value, expiry), WriteStatus::kOk);
  }
  void SweepSet(std::string_view key, std::string_view value, Expiry expiry = Expiry::None()) {
    sweep_->Change([&] { Set(key, value, expiry); });
    EXPECT_EQ(Value(*store_, key), value);
  }
  void SweepExpiry(std::string_view key, uint64_t unix_ms) {
    sweep_->Change(
        [&] { EXPECT_EQ(store_->SetExpiresAt(KeyOf(key), unix_ms), ExpiryStatus::kOk); });
  }
  // Leaves no room, not even for a small key.
  void FillUp() {
    for (const uint64_t bytes : {8000u, 8u}) {
      for (uint64_t i = bytes;
           store_->Set(Key::FromInteger(i), std::string(bytes, 'f')) == WriteStatus::kOk;) {
        i++;
      }
    }
    sweep_.emplace(store_.get());
  }
  const char* AddressOfValue(std::string_view key) const { return store_->Get(KeyOf(key))->data(); }
  uint64_t Records() const { return layout::UndoCount(store_->header()); }

  std::unique_ptr<Store> store_;
  std::optional<StoreSweep> sweep_;
};

// --- Single writes -------------------------------------------------------------------------------

TEST_F(StoreFaultTest, Insertions) {
  SweepSet("new", "value");
  SweepSet("new and expiring", "value", Expiry::At(2000));
  SweepSet("12", "value");
  SweepSet("13", "value", Expiry::At(2000));
  SweepSet("", "");
  SweepSet("new and large", std::string(40'000, 'n'));
  SweepSet("new and larger", std::string(kMiB, 'n'));
  EXPECT_EQ(store_->key_count(), 12u);
}

TEST_F(StoreFaultTest, OverwritesOfTheSameClassAndOfOthers) {
  SweepSet("plain", "ONE");
  SweepSet("plain", std::string(500, 'p'));
  SweepSet("7", "SEVEN");
  SweepSet("7", std::string(70'000, 'p'));
  SweepSet("7", "");
  SweepSet("large", std::string(60'000, 'L'));
  SweepSet("large", "small");
}

TEST_F(StoreFaultTest, OverwritesThatChangeTheExpiry) {
  const Expiry expiries[] = {Expiry::None(), Expiry::Keep(), Expiry::At(7000)};
  for (const Expiry first : expiries) {
    for (const Expiry second : expiries) {
      Set("plain", "again", first);
      sweep_.emplace(store_.get());
      SweepSet("plain", "and again", second);
    }
  }
  SweepSet("large", std::string(50'001, 'l'), Expiry::At(7000));
  SweepSet("large", std::string(50'002, 'l'));
}

TEST_F(StoreFaultTest, AnOverwriteThatHasRoomForOneOfTheTwoValues) {
  Make(kMiB);
  Set("large", std::string(600'000, 'l'));
  sweep_.emplace(store_.get());
  SweepSet("large", std::string(650'000, 'm'));
}

TEST_F(StoreFaultTest, WhatFreesPinnedValuesAndWhatFreesThemInTheEnd) {
  Make(16 * kMiB);
  Set("read", std::string(100'000, 'r'));
  Set("read too", std::string(200'000, 's'));
  sweep_.emplace(store_.get());
  auto pin = store_->PinValue(KeyOf("read"));
  const auto second = store_->PinValue(KeyOf("read too"));
  SweepSet("read", std::string(100'001, 'R'));
  sweep_->Change([&] {
    Open open(store_.get());
    EXPECT_TRUE(store_->Delete(KeyOf("read too")));
    Set("read", "short");
    open.Commit();
  });
  const uint64_t used = store_->used_bytes();
  pin.reset();
  SweepSet("plain", "ONE");
  EXPECT_LT(store_->used_bytes(), used - 100'000);
  EXPECT_EQ(second->view(), std::string(200'000, 's'));
  Set("third", std::string(150'000, 't'));
  sweep_.emplace(store_.get());
  const auto third = store_->PinValue(KeyOf("third"));
  sweep_->Change([&] { store_->Clear(); });
  EXPECT_EQ(second->view(), std::string(200'000, 's'));
  EXPECT_EQ(third->view(), std::string(150'000, 't'));
}

TEST_F(StoreFaultTest, ValuesThatAreReceivedInPlaceAndSuchAsAreGivenUp) {
  Make(16 * kMiB);
  const std::string text(100'000, 'r');
  for (const std::string_view key : {"new", "plain", "expiring", "13", "large", "new"}) {
    std::shared_ptr<ReservedValue> value;
    sweep_->Change([&] { value = store_->ReserveValue(KeyOf(key), text.size()); });
    std::copy(text.begin(), text.end(), value->rest().begin());
    value->Receive(text.size());
    sweep_->Change([&] {
      EXPECT_EQ(store_->SetReserved(KeyOf(key), value.get(), Expiry::At(7000)), WriteStatus::kOk);
    });
    EXPECT_EQ(Value(*store_, key), text);
  }
  sweep_->Change([&] { EXPECT_NE(store_->ReserveValue(KeyOf("new"), text.size()), nullptr); });
  sweep_->Change([&] { GiveBackUnneeded(store_.get()); });
}

TEST_F(StoreFaultTest, KeepingFreeMemoryAndGivingItBack) {
  FreeMemoryBudget budget(4 * kMiB / kPageBytes);
  store_->SetFreeMemoryBudget(&budget);
  SweepSet("large", std::string(kMiB, 'L'));
  SweepSet("large", std::string(kMiB, 'M'));
  SweepSet("large", "short");
  EXPECT_GT(budget.kept_pages(), kMiB / kPageBytes);
  GiveBackUnneeded(store_.get());
  sweep_->Change([&] { GiveBackUnneeded(store_.get()); });
  EXPECT_EQ(budget.kept_pages(), 0u);
  store_->SetFreeMemoryBudget(nullptr);
}

TEST_F(StoreFaultTest, AppendsInPlaceAndByMoving) {
  const auto append = [&](std::string_view key, std::string_view more) {
    sweep_->Change([&] { EXPECT_EQ(store_->Append(KeyOf(key), more), WriteStatus::kOk); });
  };
  for (const std::string_view key : {"plain", "expiring"}) {
    const char* at = AddressOfValue(key);
    append(key, "!");
    EXPECT_EQ(AddressOfValue(key), at);
    append(key, std::string(100, '+'));
    EXPECT_NE(AddressOfValue(key), at);
  }
  const char* at = AddressOfValue("large");
  append("large", std::string(100, '+'));
  EXPECT_EQ(AddressOfValue("large"), at);
  append("large", std::string(30'000, '+'));
  EXPECT_NE(AddressOfValue("large"), at);
  append("new", "value");
}

TEST_F(StoreFaultTest, ExpiriesFirstChangedClearedAndPast) {
  const char* at = AddressOfValue("plain");
  SweepExpiry("plain", 4000);
  EXPECT_NE(AddressOfValue("plain"), at) << "the first one makes a new entry";
  at = AddressOfValue("plain");
  SweepExpiry("plain", 4001);
  SweepExpiry("plain", 0);
  EXPECT_EQ(AddressOfValue("plain"), at) << "later ones change it in place";
  EXPECT_EQ(store_->ExpiresAt(KeyOf("plain")), 0u);
  SweepExpiry("plain", 5000);
  SweepExpiry("plain", 1);
  EXPECT_FALSE(store_->Has(KeyOf("plain")));
  at = AddressOfValue("large");
  SweepExpiry("large", 4000);
  EXPECT_EQ(AddressOfValue("large"), at);
  SweepExpiry("large", 999);
}

TEST_F(StoreFaultTest, Removals) {
  for (const std::string_view key : {"plain", "expiring", "large", "7", "8"}) {
    sweep_->Change([&] { EXPECT_TRUE(store_->Delete(KeyOf(key))); });
  }
  EXPECT_EQ(store_->key_count(), 0u);
}

TEST_F(StoreFaultTest, ARemovalThatShiftsSlotsAroundTheSegmentsEnd) {
  MakeWithPlainHash();
  for (uint64_t i = 0; i < 20; i++) store_->Set(KeyAt(250, i), std::to_string(i));
  sweep_.emplace(store_.get());
  const layout::Slot* last =
      FindSlot(store_->header(), KeyAt(250, 19), HashOf(*store_->header(), KeyAt(250, 19)));
  sweep_->Change([&] { EXPECT_TRUE(store_->Delete(KeyAt(250, 2))); });
  EXPECT_EQ(FindSlot(store_->header(), KeyAt(250, 19), HashOf(*store_->header(), KeyAt(250, 19))),
            last - 1);
  const auto slot = reinterpret_cast<const char*>(last) - AddressOf(store_->header(), 0);
  EXPECT_LT(slot % layout::kSegmentPageBytes, 14 * layout::kSlotBytes) << "it has wrapped around";
}

TEST_F(StoreFaultTest, ARemovalThatShiftsALongRun) {
  MakeWithPlainHash();
  constexpr uint64_t kRun = 60;
  store_->Set(KeyAt(0, 1), "goes");
  for (uint64_t i = 0; i < kRun; i++) store_->Set(KeyAt(i, 0), std::to_string(i));
  sweep_.emplace(store_.get());
  const uint64_t points = sweep_->Change([&] { EXPECT_TRUE(store_->Delete(KeyAt(0, 1))); });
  // Of each slot two journal entries and their count, and two words.
  EXPECT_GT(points, kRun * 5);
}

TEST_F(StoreFaultTest, AllInATableOfManyKeys) {
  Make(4 * kMiB);
  for (uint64_t i = 0; i < 300; i++) store_->Set(Key::FromInteger(i), std::to_string(i));
  sweep_.emplace(store_.get());
  SweepSet("1000", "new");
  SweepSet("100", std::string(300, 'o'));
  sweep_->Change([&] { EXPECT_TRUE(store_->Delete(KeyOf("200"))); });
}

TEST_F(StoreFaultTest, ClearsAtOnce) {
  for (uint64_t i = 0; i < 300; i++) store_->Set(Key::FromInteger(i), std::string(400, 'c'));
  sweep_.emplace(store_.get());
  sweep_->Change([&] { store_->Clear(); });
  EXPECT_EQ(store_->key_count(), 0u);
  SweepSet("after", "it");
}

TEST_F(StoreFaultTest, ReapsWhatHasExpired) {
  for (uint64_t i = 0; i < 60; i++) {
    store_->Set(Key::FromInteger(i), "v", i % 2 ? Expiry::At(1500) : Expiry::None());
  }
  store_->SetNow(2000);
  sweep_.emplace(store_.get());
  sweep_->Change([&] { EXPECT_EQ(store_->ReapExpired(10'000, 20), 20u); });
  sweep_->Change([&] { EXPECT_EQ(store_->ReapExpired(10'000, 20), 10u); });
}

// --- Refusals ------------------------------------------------------------------------------------

TEST_F(StoreFaultTest, WhatTheQuotaRefusesHasChangedNothing) {
  Make(kMiB);
  FillUp();
  const auto expect_refused = [&](const std::function<WriteStatus()>& write) {
    const auto before = AllKeys(store_.get());
    sweep_->Change([&] { EXPECT_EQ(write(), WriteStatus::kOutOfMemory); });
    EXPECT_EQ(AllKeys(store_.get()), before);
  };
  expect_refused([&] { return store_->Set(KeyOf("new"), "value"); });
  expect_refused([&] { return store_->Append(KeyOf("7"), std::string(1000, 'a')); });
  expect_refused([&] { return store_->Set(KeyOf("7"), std::string(100'000, 'a')); });
  sweep_->Change([&] {
    EXPECT_EQ(store_->SetExpiresAt(Key::FromInteger(9), 2000), ExpiryStatus::kOutOfMemory);
  });
}

// The entry has its block, and its record is there, when the segment has no room.
TEST_F(StoreFaultTest, AnInsertionThatTheSegmentHasNoRoomFor) {
  MakeWithPlainHash();
  uint64_t keys = 0;
  while (keys < 2000 && store_->Set(Key::FromInteger(keys), "v") == WriteStatus::kOk) keys++;
  ASSERT_EQ(keys, layout::kMaxSegmentSlots - 1);
  sweep_.emplace(store_.get());
  sweep_->Change(
      [&] { EXPECT_EQ(store_->Set(Key::FromInteger(keys), "v"), WriteStatus::kOutOfMemory); });
}

// --- Transactions --------------------------------------------------------------------------------

// Writes of all kinds, of which several meet the same keys.
void WriteAll(Store* store) {
  store->Set(KeyOf("plain"), "ONE");
  store->Set(KeyOf("plain"), "Two");
  store->Set(KeyOf("plain"), std::string(3000, 'p'));
  store->Set(KeyOf("expiring"), "TWO", Expiry::At(8000));
  store->Set(KeyOf("expiring"), "Two", Expiry::At(9000));
  store->Append(KeyOf("7"), "!");
  store->Append(KeyOf("7"), "?");
  store->Append(KeyOf("7"), std::string(100, '7'));
  store->SetExpiresAt(KeyOf("8"), 7000);
  store->SetExpiresAt(KeyOf("8"), 0);
  store->SetExpiresAt(KeyOf("7"), 7000);
  store->Set(KeyOf("new"), "key");
  store->Delete(KeyOf("new"));
  store->Set(KeyOf("new"), "again", Expiry::At(9000));
  store->Append(KeyOf("large"), "in place");
  store->Delete(KeyOf("large"));
  store->Set(KeyOf("large"), std::string(40'000, 'L'));
  store->Append(KeyOf("large"), "+");
  store->Delete(KeyOf("8"));
  store->Delete(KeyOf("absent"));
}

TEST_F(StoreFaultTest, ATransactionThatIsKept) {
  sweep_->Change([&] {
    Transaction transaction(store_.get());
    WriteAll(store_.get());
    transaction.Commit();
  });
  EXPECT_EQ(Value(*store_, "new"), "again");
}

TEST_F(StoreFaultTest, ATransactionThatIsUndone) {
  const auto before = AllKeys(store_.get());
  sweep_->Change([&] {
    const Transaction transaction(store_.get());
    WriteAll(store_.get());
  });
  EXPECT_EQ(AllKeys(store_.get()), before);
}

TEST_F(StoreFaultTest, EachWriteInATransaction) {
  std::optional<Open> transaction;
  sweep_->Change([&] { transaction.emplace(store_.get()); });
  SweepSet("plain", "ONE");
  const char* at = AddressOfValue("plain");
  const uint64_t records = Records();
  SweepSet("plain", "Two");
  SweepSet("expiring", "TWO", Expiry::At(8000));
  SweepSet("expiring", "Two", Expiry::At(9000));
  EXPECT_EQ(AddressOfValue("plain"), at) << "in place";
  EXPECT_EQ(Records(), records + 1);
  sweep_->Change([&] { store_->Append(KeyOf("7"), "!"); });
  sweep_->Change([&] { store_->Append(KeyOf("7"), "?"); });
  SweepExpiry("8", 7000);
  SweepExpiry("8", 0);
  SweepExpiry("8", 1);
  sweep_->Change([&] { transaction->Commit(); });
  EXPECT_EQ(Value(*store_, "7"), "seven!?");
}

TEST_F(StoreFaultTest, SavepointsKeptAndUndone) {
  sweep_->Change([&] {
    Transaction outermost(store_.get());
    WriteAll(store_.get());
    {
      Transaction kept(store_.get());
      store_->Set(KeyOf("plain"), "in a savepoint");
      store_->Append(KeyOf("large"), "!");
      store_->SetExpiresAt(KeyOf("new"), 9001);
      {
        const Transaction undone(store_.get());
        WriteAll(store_.get());
        store_->Set(KeyOf("plain"), "in a savepoint, undone");
        store_->Delete(KeyOf("plain"));
      }
      store_->Set(KeyOf("7"), "after what was undone");
      kept.Commit();
    }
    store_->Set(KeyOf("plain"), "in a savepoint!");
    {
      const Transaction undone(store_.get());
      store_->SetExpiresAt(KeyOf("new"), 9002);
      store_->SetExpiresAt(KeyOf("expiring"), 9002);
      store_->Append(KeyOf("plain"), "?");
      store_->Delete(KeyOf("7"));
    }
    outermost.Commit();
  });
  EXPECT_EQ(Value(*store_, "plain"), "in a savepoint!");
  EXPECT_EQ(Value(*store_, "7"), "after what was undone");
  EXPECT_EQ(store_->ExpiresAt(KeyOf("new")), 9001u);
}

TEST_F(StoreFaultTest, ATransactionWithMoreRecordsThanAreFree) {
  const layout::StoreHeader* header = store_->header();
  const auto write = [&](uint64_t from, uint64_t to) {
    for (; from < to; from++) store_->Set(Key::FromInteger(100 + from), "v");
  };
  const auto before = AllKeys(store_.get());
  for (const bool is_kept : {false, true}) {
    Open transaction(store_.get());
    write(0, layout::kFreeUndoRecords - 1);
    sweep_->Change([&] { write(layout::kFreeUndoRecords - 1, layout::kFreeUndoRecords + 2); });
    EXPECT_EQ(header->undo_capacity, layout::kFreeUndoRecords + UndoLog::kStepRecords);
    sweep_->Change([&] { is_kept ? transaction.Commit() : transaction.Rollback(); });
    EXPECT_EQ(AllKeys(store_.get()) == before, !is_kept);
    EXPECT_EQ(header->undo_capacity, layout::kFreeUndoRecords);
  }
}

TEST_F(StoreFaultTest, RecordsThatTheQuotaHasNoRoomFor) {
  Make(kMiB);
  FillUp();
  Open transaction(store_.get());
  const auto remove = [&](uint64_t from, uint64_t to) {
    for (; from < to; from++) EXPECT_TRUE(store_->Delete(Key::FromInteger(8000 + from)));
  };
  remove(0, layout::kFreeUndoRecords - 1);
  sweep_->Change([&] { remove(layout::kFreeUndoRecords - 1, layout::kFreeUndoRecords + 2); });
  EXPECT_EQ(store_->header()->undo_capacity, layout::kFreeUndoRecords + 2);
  EXPECT_GT(store_->used_bytes(), store_->quota_bytes());
  sweep_->Change([&] { transaction.Commit(); });
}

TEST_F(StoreFaultTest, ClearsInATransaction) {
  for (uint64_t i = 0; i < 20; i++) store_->Set(Key::FromInteger(i), "v");
  sweep_.emplace(store_.get());
  const auto before = AllKeys(store_.get());
  sweep_->Change([&] {
    const Transaction transaction(store_.get());
    store_->Clear();
    Set("new", "key");
  });
  EXPECT_EQ(AllKeys(store_.get()), before);
  sweep_->Change([&] {
    Transaction transaction(store_.get());
    store_->Clear();
    Set("new", "key");
    transaction.Commit();
  });
  EXPECT_EQ(store_->key_count(), 1u);
}

TEST_F(StoreFaultTest, AnInvocation) {
  sweep_->Change([&] {
    store_->BeginInvocation(true);
    {
      Transaction transaction(store_.get());
      Set("plain", "ONE");
      transaction.Commit();
    }
    store_->EndInvocation();
  });
}

}  // namespace
}  // namespace shredder::store
