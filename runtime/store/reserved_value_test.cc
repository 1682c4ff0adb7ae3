// Values that are received where they will lie.
#include "runtime/store/reserved_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
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

void Write(ReservedValue& value, std::string_view text) {
  ASSERT_GE(value.rest().size(), text.size());
  std::copy(text.begin(), text.end(), value.rest().begin());
  value.Receive(text.size());
}

class ReservedValueTest : public testing::Test {
 protected:
  void SetUp() override { store_->SetNow(1000); }
  std::shared_ptr<ReservedValue> Reserve(std::string_view key, const std::string& text) {
    auto value = store_->ReserveValue(KeyOf(key), text.size());
    EXPECT_NE(value, nullptr);
    if (value != nullptr) Write(*value, text);
    EXPECT_EQ(store_->CheckInvariants(), "");
    return value;
  }
  WriteStatus Set(std::string_view key, ReservedValue& value, Expiry expiry = Expiry::None()) {
    const WriteStatus status = store_->SetReserved(KeyOf(key), &value, expiry);
    EXPECT_EQ(store_->CheckInvariants(), "");
    return status;
  }

  std::unique_ptr<Store> store_ = NewStore(64 * kMiB);
  const std::string text_ = Text(3 * kMiB + 123);
};

TEST_F(ReservedValueTest, BecomesTheValueWhereItWasWritten) {
  for (const std::string_view key : {"new", "", "a longer key", "17"}) {
    const auto value = Reserve(key, text_);
    const char* const place = value->received().data();
    EXPECT_FALSE(store_->Has(KeyOf(key)));
    EXPECT_EQ(Set(key, *value), WriteStatus::kOk);
    EXPECT_TRUE(value->received().empty());
    EXPECT_EQ(store_->Get(KeyOf(key))->data(), place);
    EXPECT_TRUE(Value(*store_, key) == text_);
  }
  EXPECT_EQ(store_->key_count(), 4u);
}

TEST_F(ReservedValueTest, ReplacesAsSetDoesWithEachExpiry) {
  const std::pair<Expiry, uint64_t> cases[] = {
      {Expiry::None(), 0}, {Expiry::Keep(), 5000}, {Expiry::At(7000), 7000}};
  for (const auto& [expiry, expected] : cases) {
    for (const std::string& old : {std::string("short"), text_}) {
      ASSERT_EQ(store_->Set(KeyOf("k"), old, Expiry::At(5000)), WriteStatus::kOk);
      const auto value = Reserve("k", text_);
      EXPECT_EQ(Set("k", *value, expiry), WriteStatus::kOk);
      EXPECT_EQ(store_->ExpiresAt(KeyOf("k")), expected);
      EXPECT_TRUE(Value(*store_, "k") == text_);
    }
  }
  EXPECT_EQ(store_->expiring_key_count(), 1u);
}

TEST_F(ReservedValueTest, CountsUntilItIsGivenUp) {
  const uint64_t before = store_->used_bytes();
  auto value = Reserve("k", text_);
  EXPECT_GE(store_->used_bytes(), before + text_.size());
  value.reset();
  EXPECT_TRUE(store_->keeps_free_memory());
  GiveBackUnneeded(store_.get());
  EXPECT_EQ(store_->used_bytes(), before);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(ReservedValueTest, ThatWasGivenUpMakesRoomForTheNextOne) {
  for (int i = 0; i < 100; i++) EXPECT_NE(Reserve("k", Text(20 * kMiB)), nullptr) << i;
}

TEST_F(ReservedValueTest, OfAnotherKeyIsCopied) {
  for (const std::string_view key : {"l", "kk", "17"}) {
    const auto value = Reserve("k", text_);
    EXPECT_EQ(Set(key, *value), WriteStatus::kOk);
    EXPECT_TRUE(Value(*store_, key) == text_);
    EXPECT_FALSE(store_->Has(KeyOf("k")));
  }
}

TEST_F(ReservedValueTest, IsNotHadWhereSetHasTheLastWord) {
  const auto reserve = [&](uint64_t bytes) { return store_->ReserveValue(KeyOf("k"), bytes); };
  EXPECT_EQ(reserve(Store::kMinPinnedBytes - 1), nullptr);
  EXPECT_EQ(reserve(layout::kMaxValueBytes + 1), nullptr);
  EXPECT_EQ(reserve(~0ull), nullptr);
  EXPECT_EQ(reserve(33 * kMiB), nullptr);
  {
    const auto value = reserve(20 * kMiB);
    EXPECT_NE(value, nullptr);
    EXPECT_EQ(reserve(13 * kMiB), nullptr);
    EXPECT_NE(reserve(11 * kMiB), nullptr);
  }
  GiveBackUnneeded(store_.get());
  {
    const Open open(store_.get());
    EXPECT_EQ(reserve(kMiB), nullptr);
  }
  store_->BeginInvocation(false);
  EXPECT_EQ(reserve(kMiB), nullptr);
  store_->EndInvocation();
  {
    const Store::ReadOnlyScope scope(store_.get());
    EXPECT_EQ(reserve(kMiB), nullptr);
  }
  std::vector<std::shared_ptr<ReservedValue>> values;
  for (int i = 0; i < 200; i++) {
    values.push_back(reserve(Store::kMinPinnedBytes));
    EXPECT_NE(values.back(), nullptr);
  }
  EXPECT_EQ(store_->CheckInvariants(), "");
}

TEST_F(ReservedValueTest, OutlivesWhatBecomesOfTheStoreMeanwhile) {
  const auto pool = NewPool(1);
  TestOwner owner;
  store_ = NewStore(pool.get(), 0, 64 * kMiB);
  store_->SetMemoryOwner(&owner);
  store_->SetNow(1000);
  auto value = Reserve("k", text_);
  std::string error;
  ASSERT_TRUE(store_->MoveToOwnMemory(&error)) << error;
  EXPECT_TRUE(value->received() == text_);
  ASSERT_TRUE(store_->SetQuota(kGiB, &error)) << error;
  EXPECT_EQ(Set("k", *value), WriteStatus::kOk);
  EXPECT_TRUE(Value(*store_, "k") == text_);

  value = Reserve("k", text_);
  store_->Clear();
  EXPECT_EQ(store_->CheckInvariants(), "");
  EXPECT_EQ(Set("k", *value), WriteStatus::kOk);
  EXPECT_TRUE(Value(*store_, "k") == text_);

  value = Reserve("k", text_);
  store_.reset();
  EXPECT_TRUE(value->received() == text_);
}

TEST_F(ReservedValueTest, KeepsWhatIsReceivedWhileTheStoreIsClearedOrMoves) {
  const std::string text = Text(8 * kMiB);
  const auto pool = NewPool(2);
  TestOwner owner;
  for (const bool moves : {false, true}) {
    store_ = NewStore(pool.get(), moves ? 1 : 0, 64 * kMiB);
    store_->SetMemoryOwner(&owner);
    const auto value = store_->ReserveValue(KeyOf("k"), text.size());
    ASSERT_NE(value, nullptr);
    // The shard serves the one who sends the value before, and in the pauses of others' calls.
    size_t received = 0;
    const auto receive = [&](size_t bytes) {
      const size_t size = std::min(bytes, text.size() - received);
      Write(*value, std::string_view(text).substr(received, size));
      received += size;
    };
    receive(5 * kMiB);
    store_->SetPause([&] { receive(kMiB / 8); });
    if (moves) {
      std::string error;
      ASSERT_TRUE(store_->MoveToOwnMemory(&error)) << error;
    } else {
      store_->Clear();
    }
    EXPECT_GT(received, 5 * kMiB);
    store_->SetPause(nullptr);
    EXPECT_EQ(value->own_bytes(), 0u);
    receive(text.size());
    EXPECT_TRUE(value->received() == text) << moves;
    EXPECT_EQ(Set("k", *value), WriteStatus::kOk);
    EXPECT_TRUE(Value(*store_, "k") == text) << moves;
    store_.reset();
  }
}

TEST_F(ReservedValueTest, ThatATransactionUndoesLeavesTheOldOne) {
  ASSERT_EQ(store_->Set(KeyOf("k"), "old"), WriteStatus::kOk);
  const uint64_t before = store_->used_bytes();
  auto value = Reserve("k", text_);
  {
    Open open(store_.get());
    EXPECT_EQ(store_->SetReserved(KeyOf("k"), value.get(), Expiry::None()), WriteStatus::kOk);
    EXPECT_TRUE(Value(*store_, "k") == text_);
  }
  EXPECT_EQ(Value(*store_, "k"), "old");
  value.reset();
  GiveBackUnneeded(store_.get());
  EXPECT_EQ(store_->used_bytes(), before);
  EXPECT_EQ(store_->CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::store
