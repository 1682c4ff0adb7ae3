// A store that moves to memory of its own, or whose quota changes, stopped at each fault point: see
// store_sweep.h. A successor looks where the memory's owner was told to, and else in the slot.
#include "runtime/store/fault_sweep.h"
#include "runtime/store/memory_copy.h"
#include "runtime/store/store_sweep.h"

namespace shredder::store {
namespace {

class StoreMoveFaultTest : public testing::Test {
 protected:
  void MakeInPool(uint64_t quota_bytes) {
    pool_ = NewPool(2);
    store_ = NewStore(pool_.get(), 1, quota_bytes);
    store_->SetMemoryOwner(&owner_);
    Fill();
    sweep_->LookIn([this] {
      return owner_.new_fd ? StoreHome{*owner_.new_fd, {}} : StoreHome{pool_->fd(), 1};
    });
  }
  void MakeOwn(uint64_t quota_bytes) {
    store_ = NewStore(quota_bytes);
    Fill();
  }
  void Fill() {
    store_->SetNow(1000);
    for (uint64_t i = 0; i < 300; i++) {
      store_->Set(Key::FromInteger(i), std::string(i, 'v'),
                  i % 5 == 0 ? Expiry::At(5000) : Expiry::None());
    }
    store_->Set(KeyOf("large"), std::string(100'000, 'l'));
    for (uint64_t i = 0; i < 300; i += 7) store_->Delete(Key::FromInteger(i));
    sweep_.emplace(store_.get());
  }
  void SweepQuota(uint64_t bytes) {
    std::string error;
    sweep_->Change([&] { EXPECT_TRUE(store_->SetQuota(bytes, &error)) << error; });
    EXPECT_EQ(store_->quota_bytes(), bytes);
  }
  void SweepWrites() {
    sweep_->Change([&] { store_->Set(KeyOf("after"), "it"); });
    sweep_->Change([&] { store_->Delete(KeyOf("after")); });
  }

  TestOwner owner_;
  std::unique_ptr<StorePool> pool_;
  std::unique_ptr<Store> store_;
  std::optional<StoreSweep> sweep_;
};

TEST_F(StoreMoveFaultTest, WritesInASlot) {
  MakeInPool(kGiB);
  SweepWrites();
  sweep_->Change([&] { store_->Clear(); });
  SweepWrites();
}

TEST_F(StoreMoveFaultTest, AMoveBetweenCommands) {
  MakeInPool(kGiB);
  std::string error;
  const uint64_t points =
      sweep_->Change([&] { EXPECT_TRUE(store_->MoveToOwnMemory(&error)) << error; });
  EXPECT_GE(points, 2u) << "before its owner is told, and after";
  EXPECT_FALSE(store_->is_pooled());
  SweepWrites();
}

TEST_F(StoreMoveFaultTest, AMoveThatTheOwnerRefuses) {
  MakeInPool(kGiB);
  owner_.refuses = true;
  std::string error;
  sweep_->Change([&] { EXPECT_FALSE(store_->MoveToOwnMemory(&error)); });
  EXPECT_TRUE(store_->is_pooled());
  SweepWrites();
}

TEST_F(StoreMoveFaultTest, AWriteThatMovesTheStore) {
  MakeInPool(kGiB);
  sweep_->LookOnlyAt([](uint64_t) { return true; });
  sweep_->Change([&] {
    EXPECT_EQ(store_->Set(KeyOf("huge"), std::string(81 * kMiB, 'h')), WriteStatus::kOk);
  });
  EXPECT_FALSE(store_->is_pooled());
  EXPECT_EQ(Value(*store_, "huge")->size(), 81 * kMiB);
}

TEST_F(StoreMoveFaultTest, ATransactionThatMovesTheStoreKeptAndUndone) {
  for (const bool is_kept : {false, true}) {
    owner_.new_fd.reset();
    MakeInPool(kGiB);
    sweep_->LookOnlyAt([](uint64_t point) { return point % 3 == 0; });
    sweep_->Change([&] {
      Transaction transaction(store_.get());
      for (uint64_t i = 0; i < 20; i++) store_->Set(Key::FromInteger(i), "written");
      store_->Delete(KeyOf("large"));
      EXPECT_EQ(store_->Set(KeyOf("huge"), std::string(81 * kMiB, 'h')), WriteStatus::kOk);
      EXPECT_FALSE(store_->is_pooled());
      store_->Append(Key::FromInteger(1), "!");
      if (is_kept) transaction.Commit();
    });
    EXPECT_EQ(store_->Has(KeyOf("large")), !is_kept);
  }
}

TEST_F(StoreMoveFaultTest, AQuotaThatIsRaisedAndLowered) {
  MakeOwn(kMiB);
  // With the chunk table in front, from there to behind the chunks, and from there on.
  for (const uint64_t mib : {2, 40, 64, 65, 100, 3, 200}) {
    SweepQuota(mib * kMiB);
    SweepWrites();
  }
}

TEST_F(StoreMoveFaultTest, AQuotaThatIsRaisedInASlot) {
  MakeInPool(kMiB);
  for (const uint64_t mib : {2, 16, 1024, 1}) {
    SweepQuota(mib * kMiB);
    SweepWrites();
  }
  EXPECT_TRUE(store_->is_pooled());
}

TEST_F(StoreMoveFaultTest, AQuotaThatIsRaisedAgainAfterAProcessHasEndedDoingIt) {
  MakeOwn(64 * kMiB);
  std::string error;
  const auto before = DigestOf(store_.get());
  for (uint64_t point = 1;; point++) {
    const MemoryCopy memory(store_->fd());
    auto found = Store::Attach(memory.fd(), true, &error);
    ASSERT_NE(found, nullptr) << error;
    const bool is_stopped = StopAt(point, [&] { found->SetQuota(100 * kMiB, &error); });
    found = Store::Attach(memory.fd(), true, &error);
    ASSERT_NE(found, nullptr) << error;
    EXPECT_TRUE(found->SetQuota(70 * kMiB, &error)) << error;
    EXPECT_TRUE(found->SetQuota(150 * kMiB, &error)) << error;
    EXPECT_EQ(found->CheckInvariants(), "");
    EXPECT_EQ(DigestOf(found.get()), before);
    EXPECT_EQ(found->Set(KeyOf("huge"), std::string(140 * kMiB, 'h')), WriteStatus::kOk);
    EXPECT_EQ(found->CheckInvariants(), "");
    if (!is_stopped) break;
  }
}

}  // namespace
}  // namespace shredder::store
