// Random operations on a store and on a model of it (an std::unordered_map and a clock), compared
// after each; growth, shrinking, expiry, transactions and refused allocations included. A failure
// names its seed and replays from it.
#include <random>
#include <unordered_map>
#include <vector>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

struct Parameters {
  uint64_t seed;
  uint64_t quota_bytes;
  uint64_t key_space;
  uint64_t max_value_log2;
  int steps;
};

void PrintTo(const Parameters& p, std::ostream* out) {
  *out << "seed " << p.seed << ", quota " << p.quota_bytes << ", keys " << p.key_space;
}

class StoreModel : public testing::TestWithParam<Parameters> {
 protected:
  using Model = std::unordered_map<std::string, Visible>;

  void SetUp() override {
    random_.seed(GetParam().seed);
    store_ = NewStore(GetParam().quota_bytes, GetParam().seed);
    store_->SetNow(now_);
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  std::string RandomKey() {
    const uint64_t i = Below(GetParam().key_space);
    switch (i % 4) {
      case 0:
        return std::to_string(i);
      case 1:
        return "name:" + std::to_string(i);
      case 2:
        return std::string(i % 97, 'p') + std::to_string(i) + "x";
      default:
        return i == 3 ? "" : "0" + std::to_string(i);
    }
  }

  std::string RandomValue() {
    std::string value(Below(1ull << Below(GetParam().max_value_log2 + 1)), '\0');
    const auto first = static_cast<char>(random_());
    for (size_t i = 0; i < value.size(); i++) value[i] = static_cast<char>(first + i / 7);
    return value;
  }

  // The model's entry where it has not expired.
  const Visible* Live(const std::string& key) const {
    const auto found = model_.find(key);
    if (found == model_.end()) return nullptr;
    const uint64_t at = found->second.expires_at_ms;
    return at != 0 && at <= now_ ? nullptr : &found->second;
  }

  void CompareKey(const std::string& key) {
    const Visible* expected = Live(key);
    const auto value = store_->Get(KeyOf(key));
    ASSERT_EQ(value.has_value(), expected != nullptr) << key;
    ASSERT_EQ(store_->Has(KeyOf(key)), expected != nullptr);
    const auto expires_at_ms = store_->ExpiresAt(KeyOf(key));
    ASSERT_EQ(expires_at_ms.has_value(), expected != nullptr);
    if (expected == nullptr) return;
    ASSERT_TRUE(*value == expected->value) << key;
    ASSERT_EQ(*expires_at_ms, expected->expires_at_ms) << key;
  }

  void CompareAll() {
    ASSERT_EQ(store_->CheckInvariants(), "");
    const auto contents = Contents(*store_);
    uint64_t live = 0;
    for (const auto& [key, expected] : model_) {
      if (Live(key) == nullptr) continue;
      live++;
      const auto found = contents.find(key);
      ASSERT_NE(found, contents.end()) << key;
      ASSERT_TRUE(found->second == expected) << key;
    }
    ASSERT_EQ(contents.size(), live);
  }

  void Step() {
    const std::string key = RandomKey();
    const uint64_t kind = Below(100);
    if (kind < 45) {
      const std::string value = RandomValue();
      Expiry expiry = Expiry::None();
      uint64_t at = 0;
      if (Below(4) == 0) {
        expiry = Expiry::At(at = now_ + Below(200));
      } else if (Below(4) == 0) {
        expiry = Expiry::Keep();
        if (const Visible* old = Live(key)) at = old->expires_at_ms;
      }
      Record(store_->Set(KeyOf(key), value, expiry), key, {value, at});
    } else if (kind < 55) {
      const std::string more = RandomValue();
      Visible expected{"", 0};
      if (const Visible* old = Live(key)) expected = *old;
      expected.value += more;
      Record(store_->Append(KeyOf(key), more), key, expected);
    } else if (kind < 60) {
      const std::string from = RandomKey();
      const auto value = store_->Get(KeyOf(from));
      if (!value) return;
      Record(store_->Set(KeyOf(key), *value), key, {Live(from)->value, 0});
    } else if (kind < delete_until_) {
      const bool was_live = Live(key) != nullptr;
      ASSERT_EQ(store_->Delete(KeyOf(key)), was_live) << key;
      model_.erase(key);
    } else if (kind < 90) {
      const uint64_t at = Below(3) == 0 ? 0 : now_ - 5 + Below(300);
      const bool was_live = Live(key) != nullptr;
      const ExpiryStatus status = store_->SetExpiresAt(KeyOf(key), at);
      ASSERT_EQ(status == ExpiryStatus::kAbsent, !was_live) << key;
      if (status == ExpiryStatus::kOutOfMemory) {
        ASSERT_GT(at, now_) << "neither deleting a key nor clearing its expiry is refused";
        refused_expiries_++;
      } else if (was_live && at != 0 && at <= now_) {
        model_.erase(key);
      } else if (was_live) {
        model_[key].expires_at_ms = at;
      }
    } else if (kind < 93) {
      store_->SetNow(now_ += Below(10));
    } else if (kind < 95 && !store_->in_transaction()) {
      store_->ReapExpired(Below(3000), Below(100));
    } else if (kind == 99) {
      ChangeTransaction();
    }
    CompareKey(key);
  }

  void Record(WriteStatus status, const std::string& key, Visible expected) {
    if (status == WriteStatus::kOk) {
      model_[key] = std::move(expected);
    } else {
      ASSERT_EQ(status, WriteStatus::kOutOfMemory);
      refused_++;
    }
  }

  void ChangeTransaction() {
    if (!store_->in_transaction()) {
      store_->BeginInvocation(true);
      if (Below(2) == 0) store_->header()->view_invocation = store_->header()->invocation;
      transaction_.emplace(store_.get());
      at_begin_ = model_;
    } else if (Below(2) == 0) {
      transaction_->Commit();
    } else {
      transaction_->Rollback();
      model_ = at_begin_;
      rollbacks_++;
    }
    if (!store_->in_transaction()) store_->EndInvocation();
  }

  std::mt19937_64 random_;
  std::unique_ptr<Store> store_;
  std::optional<Open> transaction_;
  Model model_;
  Model at_begin_;
  uint64_t now_ = 1'000'000;
  uint64_t delete_until_ = 75;
  uint64_t refused_ = 0;
  uint64_t refused_expiries_ = 0;
  uint64_t rollbacks_ = 0;
};

TEST_P(StoreModel, BehavesAsTheModelDoes) {
  uint64_t largest = 0;
  for (int step = 0; step < GetParam().steps; step++) {
    // In turns, few deletes and many.
    delete_until_ = step / 5000 % 2 == 0 ? 63 : 88;
    Step();
    if (HasFatalFailure()) FAIL() << "at step " << step;
    largest = std::max(largest, store_->key_count());
    if (step % 2500 == 0) CompareAll();
    if (HasFatalFailure()) FAIL() << "at step " << step;
    if (step % 20'000 == 19'999) {
      if (store_->in_transaction()) transaction_->Rollback();
      store_->Clear();
      model_.clear();
    }
  }
  if (store_->in_transaction()) transaction_->Commit();
  CompareAll();
  EXPECT_GT(rollbacks_, 10u);
  EXPECT_GT(largest, std::min<uint64_t>(GetParam().key_space / 8, 1000));
  EXPECT_TRUE(GetParam().quota_bytes > kMiB || refused_ > 100) << "the quota was never reached";
  EXPECT_TRUE(GetParam().quota_bytes > kMiB || refused_expiries_ > 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, StoreModel,
                         testing::Values(Parameters{1, kMiB, 20'000, 12, 60'000},
                                         Parameters{2, kMiB, 500, 17, 60'000},
                                         Parameters{3, kMiB, 100'000, 11, 60'000},
                                         Parameters{4, 256 * kMiB, 20'000, 10, 60'000},
                                         Parameters{5, 256 * kMiB, 300, 18, 20'000},
                                         Parameters{6, 256 * kMiB, 200'000, 5, 100'000}));

}  // namespace
}  // namespace shredder::store
