#include "runtime/store/store.h"

#include <sys/mman.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

TEST(Store, RefusesAQuotaOutOfItsRange) {
  for (const uint64_t quota : {uint64_t{0}, kMiB - 1, 64 * kGiB + 1, ~uint64_t{0}}) {
    std::string error;
    EXPECT_EQ(Store::Create({.quota_bytes = quota, .random = {}}, &error), nullptr);
    EXPECT_NE(error.find(std::to_string(quota)), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST(Store, AcceptsTheSmallestAndTheLargestQuota) {
  for (const uint64_t quota : {kMiB, 64 * kGiB}) {
    const auto store = NewStore(quota);
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(store->quota_bytes(), quota);
    EXPECT_EQ(store->Set(KeyOf("a"), "1"), WriteStatus::kOk);
    EXPECT_EQ(Value(*store, "a"), "1");
  }
}

TEST(Store, SeedsDifferFromStoreToStore) {
  std::set<uint64_t> seeds;
  for (int i = 0; i < 100; i++) {
    std::string error;
    const auto store = Store::Create({.quota_bytes = kMiB, .random = {}}, &error);
    ASSERT_NE(store, nullptr) << error;
    const layout::StoreHeader* header = store->header();
    EXPECT_EQ(header->first_multiplier % 2, 1u);
    EXPECT_EQ(header->second_multiplier % 2, 1u);
    for (const uint64_t seed : {header->first_seed, header->first_multiplier, header->second_seed,
                                header->second_multiplier}) {
      EXPECT_TRUE(seeds.insert(seed).second);
    }
  }
}

TEST(Store, SetsGetsOverwritesAndDeletes) {
  const auto store = NewStore(16 * kMiB);
  const std::string binary("\0\xff\r\n\0", 5);
  const std::string keys[] = {"",
                              "0",
                              "42",
                              "042",
                              "9007199254740991",
                              "9007199254740992",
                              "k",
                              "12345678",
                              "1234567x",
                              "123456789012345x",
                              binary,
                              std::string(layout::kMaxKeyBytes, 'k'),
                              std::string(layout::kMaxKeyBytes - 1, 'k')};
  for (const std::string& key : keys) {
    EXPECT_EQ(Value(*store, key), std::nullopt);
    EXPECT_FALSE(store->Has(KeyOf(key)));
    EXPECT_FALSE(store->Delete(KeyOf(key)));
  }
  for (const std::string& key : keys) {
    ASSERT_EQ(store->Set(KeyOf(key), "of " + key), WriteStatus::kOk);
  }
  EXPECT_EQ(store->key_count(), std::size(keys));
  for (const std::string& key : keys) EXPECT_EQ(Value(*store, key), "of " + key);
  for (const std::string& value : {std::string(), binary, std::string(100'000, 'v')}) {
    for (const std::string& key : keys) {
      ASSERT_EQ(store->Set(KeyOf(key), value), WriteStatus::kOk);
      ASSERT_EQ(Value(*store, key), value);
    }
    EXPECT_EQ(store->key_count(), std::size(keys));
    EXPECT_EQ(store->CheckInvariants(), "");
  }
  for (const std::string& key : keys) {
    EXPECT_TRUE(store->Delete(KeyOf(key)));
    EXPECT_FALSE(store->Has(KeyOf(key)));
  }
  EXPECT_EQ(store->key_count(), 0u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, AnIntegerAndItsDecimalFormAreOneKey) {
  const auto store = NewStore(kMiB);
  store->Set(Key::FromInteger(42), "x");
  EXPECT_EQ(Value(*store, "42"), "x");
  EXPECT_EQ(Value(*store, "042"), std::nullopt);
  store->Set(KeyOf("9007199254740991"), "y");
  EXPECT_EQ(store->Get(Key::FromInteger(layout::kMaxIntegerKey)), "y");
}

TEST(Store, AValueMayBeSetFromItsOwnStore) {
  const auto store = NewStore(64 * kMiB);
  std::string long_value;
  for (int i = 0; i < 10'000; i++) long_value += std::to_string(i);
  store->Set(KeyOf("a"), long_value);
  // In place, moved by one; shorter; longer by itself; from another key.
  store->Set(KeyOf("a"), store->Get(KeyOf("a"))->substr(1));
  EXPECT_EQ(Value(*store, "a"), long_value.substr(1));
  store->Set(KeyOf("a"), store->Get(KeyOf("a"))->substr(9, 100));
  EXPECT_EQ(Value(*store, "a"), long_value.substr(10, 100));
  store->Append(KeyOf("a"), *store->Get(KeyOf("a")));
  EXPECT_EQ(Value(*store, "a"), long_value.substr(10, 100) + long_value.substr(10, 100));
  store->Append(KeyOf("a"), *store->Get(KeyOf("a")));
  EXPECT_EQ(Value(*store, "a")->size(), 400u);
  EXPECT_EQ(Value(*store, "a")->substr(200), Value(*store, "a")->substr(0, 200));
  store->Set(KeyOf("b"), *store->Get(KeyOf("a")));
  EXPECT_EQ(Value(*store, "b"), Value(*store, "a"));
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, SetOfTheSameSizeNeedsNoMemory) {
  const auto store = NewStore(kMiB);
  int keys = 0;
  while (store->Set(Key::FromInteger(keys), std::string(1000, 'a')) == WriteStatus::kOk) keys++;
  const uint64_t used = store->used_bytes();
  for (int i = 0; i < keys; i++) {
    ASSERT_EQ(store->Set(Key::FromInteger(i), std::string(990, 'b')), WriteStatus::kOk);
  }
  EXPECT_EQ(store->used_bytes(), used);
  EXPECT_EQ(Value(*store, "0"), std::string(990, 'b'));
}

TEST(Store, OverTheQuotaNothingChanges) {
  const auto store = NewStore(kMiB);
  std::map<std::string, Visible> expected;
  for (int i = 0;; i++) {
    const std::string key = i % 2 ? std::to_string(i) : "key:" + std::to_string(i);
    const std::string value(static_cast<size_t>(i % 300), 'v');
    const uint64_t used = store->used_bytes();
    if (store->Set(KeyOf(key), value) != WriteStatus::kOk) {
      EXPECT_EQ(store->used_bytes(), used);
      break;
    }
    expected[key] = {value, 0};
  }
  EXPECT_GT(expected.size(), 3000u);
  EXPECT_LE(store->used_bytes(), store->quota_bytes());
  EXPECT_EQ(store->Set(KeyOf("1"), std::string(kMiB, 'x')), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->Append(KeyOf("1"), std::string(kMiB, 'x')), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->Append(KeyOf("new"), std::string(kMiB, 'x')), WriteStatus::kOutOfMemory);
  EXPECT_EQ(Contents(*store), expected);
  EXPECT_EQ(store->CheckInvariants(), "");
  // Deleting makes room again.
  for (int i = 0; i < 100; i++) store->Delete(Key::FromInteger(2 * i + 1));
  EXPECT_EQ(store->Set(KeyOf("1"), std::string(5000, 'x')), WriteStatus::kOk);
}

TEST(Store, RefusesAValueThatIsTooLong) {
  const auto store = NewStore(2 * kGiB);
  store->Set(KeyOf("a"), "1");
  // Never read: its length alone refuses it.
  const std::string_view too_long("", layout::kMaxValueBytes + 1);
  EXPECT_EQ(store->Set(KeyOf("a"), too_long), WriteStatus::kValueTooLong);
  EXPECT_EQ(store->Append(KeyOf("a"), too_long.substr(1)), WriteStatus::kValueTooLong);
  EXPECT_EQ(Value(*store, "a"), "1");
}

TEST(Store, SetRangeWritesOverAPartAndFillsWithZeros) {
  const auto store = NewStore(16 * kMiB);
  store->SetNow(1000);
  for (const size_t length : {size_t{10}, size_t{300}, size_t{5000}, size_t{1} << 20}) {
    const Key key = Key::FromInteger(length);
    uint64_t new_length = 0;
    EXPECT_EQ(store->SetRange(key, length, "end", &new_length), WriteStatus::kOk);
    EXPECT_EQ(new_length, length + 3);
    std::string expected = std::string(length, '\0') + "end";
    EXPECT_EQ(store->Get(key), expected);
    EXPECT_EQ(store->SetExpiresAt(key, 2000), ExpiryStatus::kOk);
    EXPECT_EQ(store->SetRange(key, 2, "part", &new_length), WriteStatus::kOk);
    EXPECT_EQ(new_length, length + 3);
    EXPECT_EQ(store->Get(key), expected.replace(2, 4, "part"));
    EXPECT_EQ(store->ExpiresAt(key), 2000u);
    {
      const Transaction undone(store.get());
      EXPECT_EQ(store->SetRange(key, length + 1, "longer", &new_length), WriteStatus::kOk);
      EXPECT_EQ(new_length, length + 7);
    }
    EXPECT_EQ(store->Get(key), expected);
    EXPECT_EQ(store->SetRange(key, layout::kMaxValueBytes, "x", &new_length),
              WriteStatus::kValueTooLong);
    EXPECT_EQ(store->SetRange(key, 32 * kMiB, "x", &new_length), WriteStatus::kOutOfMemory);
    EXPECT_EQ(store->Get(key), expected);
  }
  store->SetNow(3000);
  uint64_t new_length = 0;
  EXPECT_EQ(store->SetRange(Key::FromInteger(10), 1, "new", &new_length), WriteStatus::kOk);
  EXPECT_EQ(store->Get(Key::FromInteger(10)), std::string_view("\0new", 4));
  EXPECT_EQ(store->ExpiresAt(Key::FromInteger(10)), 0u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, ALongCallPausesAndAShortOneDoesNot) {
  constexpr uint64_t kKeys = 2000;
  const auto store = NewStore(64 * kMiB);
  uint64_t pauses = 0;
  store->SetPause([&] { pauses++; });
  const auto paused = [&] { return std::exchange(pauses, 0) > 0; };
  for (uint64_t i = 0; i < kKeys; i++) store->Set(Key::FromInteger(i), "value");
  for (uint64_t i = 0; i < kKeys; i++) store->Delete(Key::FromInteger(i));
  EXPECT_FALSE(paused());

  for (uint64_t i = 0; i < kKeys; i++) store->Set(Key::FromInteger(i), "value");
  {
    Transaction transaction(store.get());
    for (uint64_t i = 0; i < kKeys; i++) store->Set(Key::FromInteger(i), "other");
    EXPECT_FALSE(paused());
    transaction.Commit();
    EXPECT_TRUE(paused()) << "keeping";
  }
  {
    Transaction transaction(store.get());
    store->Clear();
    EXPECT_TRUE(paused()) << "deleting all";
  }
  EXPECT_TRUE(paused()) << "undoing";
  EXPECT_EQ(store->key_count(), kKeys);
  const std::string large(4 * kMiB, 'x');
  store->Set(Key::FromInteger(kKeys), large);
  EXPECT_TRUE(paused()) << "a large value";
  store->Append(Key::FromInteger(kKeys), large);
  EXPECT_TRUE(paused()) << "more of it";
  store->Delete(Key::FromInteger(kKeys));
  EXPECT_TRUE(paused()) << "giving its memory back";
  store->Set(Key::FromInteger(kKeys), large);
  EXPECT_TRUE(paused());
  store->Clear();
  EXPECT_TRUE(paused()) << "giving all memory back";
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, WhileAFunctionsCodeRunsNothingPauses) {
  const auto store = NewStore(64 * kMiB);
  uint64_t pauses = 0;
  store->SetPause([&] { pauses++; });
  store->BeginInvocation(true);
  {
    Transaction transaction(store.get());
    store->Set(Key::FromInteger(1), std::string(4 * kMiB, 'x'));
    store->Delete(Key::FromInteger(1));
    EXPECT_EQ(pauses, 0u);
    transaction.Commit();
  }
  EXPECT_GT(pauses, 0u) << "its code has ended";
  store->EndInvocation();
}

TEST(Store, AppendsInAmortisedConstantTime) {
  const auto store = NewStore(64 * kMiB);
  std::string expected;
  uint64_t moves = 0;
  const char* at = nullptr;
  for (int i = 0; i < 200'000; i++) {
    const std::string piece = std::to_string(i);
    ASSERT_EQ(store->Append(KeyOf("log"), piece), WriteStatus::kOk);
    expected += piece;
    const char* now_at = store->Get(KeyOf("log"))->data();
    moves += now_at != at;
    at = now_at;
  }
  EXPECT_EQ(Value(*store, "log"), expected);
  EXPECT_LT(moves, 60u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, AppendUsesTheQuotaToItsEnd) {
  const auto store = NewStore(kMiB);
  store->Append(KeyOf("log"), std::string(300'000, 'a'));
  // One and a half times as much does not fit beside the old value; as much as is needed does.
  EXPECT_EQ(store->Append(KeyOf("log"), std::string(300'000, 'b')), WriteStatus::kOk);
  EXPECT_EQ(Value(*store, "log"), std::string(300'000, 'a') + std::string(300'000, 'b'));
}

TEST(Store, ExpiresByItsClock) {
  const auto store = NewStore(kMiB);
  store->SetNow(1000);
  store->Set(KeyOf("a"), "1", Expiry::At(2000));
  store->Set(KeyOf("b"), "2");
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 2000u);
  EXPECT_EQ(store->ExpiresAt(KeyOf("b")), 0u);
  EXPECT_EQ(store->ExpiresAt(KeyOf("c")), std::nullopt);
  EXPECT_EQ(store->expiring_key_count(), 1u);
  store->SetNow(1999);
  EXPECT_EQ(Value(*store, "a"), "1");
  store->SetNow(2000);
  EXPECT_EQ(Value(*store, "a"), std::nullopt);
  EXPECT_FALSE(store->Has(KeyOf("a")));
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), std::nullopt);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("a"), 9000), ExpiryStatus::kAbsent);
  EXPECT_EQ(store->key_count(), 2u) << "reads do not remove";
  EXPECT_EQ(Contents(*store).size(), 1u);
  EXPECT_FALSE(store->Delete(KeyOf("a")));
  EXPECT_EQ(store->key_count(), 1u) << "deleting an expired key frees its memory";
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, SetTreatsAnExpiredKeyAsAbsent) {
  const auto store = NewStore(kMiB);
  store->SetNow(1000);
  store->Set(KeyOf("a"), "1", Expiry::At(2000));
  store->Set(KeyOf("a"), "2", Expiry::Keep());
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 2000u);
  store->Set(KeyOf("a"), std::string(500, 'x'), Expiry::Keep());
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 2000u);
  store->SetNow(3000);
  store->Set(KeyOf("a"), "3", Expiry::Keep());
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 0u);
  EXPECT_EQ(store->expiring_key_count(), 0u);
  store->Set(KeyOf("a"), "4", Expiry::At(3001));
  store->Set(KeyOf("a"), "5");
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 0u);
  store->Set(KeyOf("b"), "6", Expiry::At(3001));
  store->SetNow(3001);
  store->Append(KeyOf("b"), "7");
  EXPECT_EQ(Value(*store, "b"), "7");
  EXPECT_EQ(store->ExpiresAt(KeyOf("b")), 0u);
  store->Set(KeyOf("c"), "8", Expiry::At(5));
  EXPECT_EQ(Value(*store, "c"), std::nullopt);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, AnExpiryTakesEightBytesOnlyWhereThereIsOne) {
  const auto store = NewStore(kMiB);
  const auto bytes_of = [&](std::string_view key, size_t value_bytes, Expiry expiry) {
    const uint64_t before = store->used_bytes();
    EXPECT_EQ(store->Set(KeyOf(key), std::string(value_bytes, 'v'), expiry), WriteStatus::kOk);
    const uint64_t bytes = store->used_bytes() - before;
    EXPECT_EQ(Value(*store, key), std::string(value_bytes, 'v'));
    EXPECT_TRUE(store->Delete(KeyOf(key)));
    return bytes;
  };
  for (const std::string_view key : {"7", "12345678x"}) {
    const uint64_t padded = key == "7" ? 0 : 16;
    EXPECT_EQ(bytes_of(key, 8, Expiry::None()), padded + 16);
    EXPECT_EQ(bytes_of(key, 9, Expiry::None()), padded + 32);
    EXPECT_EQ(bytes_of(key, 8, Expiry::At(1)), padded + 32);
    EXPECT_EQ(bytes_of(key, 16, Expiry::At(1)), padded + 32);
  }
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, TheFirstExpiryMakesANewEntryAndLaterOnesDoNot) {
  const auto store = NewStore(16 * kMiB);
  store->SetNow(1000);
  for (const std::string_view key : {"7", "some:key"}) {
    const std::string value(100, 'v');
    store->Set(KeyOf(key), value);
    const char* at = store->Get(KeyOf(key))->data();
    EXPECT_EQ(store->SetExpiresAt(KeyOf(key), 0), ExpiryStatus::kOk);
    EXPECT_EQ(store->Get(KeyOf(key))->data(), at) << "there was no expiry to clear";
    EXPECT_EQ(store->SetExpiresAt(KeyOf(key), 2000), ExpiryStatus::kOk);
    EXPECT_NE(store->Get(KeyOf(key))->data(), at);
    at = store->Get(KeyOf(key))->data();
    for (const uint64_t unix_ms : {3000, 0, 4000, 0}) {
      EXPECT_EQ(store->SetExpiresAt(KeyOf(key), unix_ms), ExpiryStatus::kOk);
      EXPECT_EQ(store->Get(KeyOf(key))->data(), at);
      EXPECT_EQ(Value(*store, key), value);
      EXPECT_EQ(store->ExpiresAt(KeyOf(key)), unix_ms);
      EXPECT_EQ(store->expiring_key_count(), unix_ms == 0 ? 0u : 1u);
    }
    EXPECT_EQ(store->CheckInvariants(), "");
  }
}

TEST(Store, AnExpiryOfALargeValueCopiesNothing) {
  const auto store = NewStore(16 * kMiB);
  for (const size_t bytes : {4088u, 4096u, 100'000u}) {
    for (const std::string_view key : {"7", "some:key"}) {
      store->Set(KeyOf(key), std::string(bytes, 'v'));
      const char* at = store->Get(KeyOf(key))->data();
      EXPECT_EQ(store->SetExpiresAt(KeyOf(key), 2000), ExpiryStatus::kOk);
      EXPECT_EQ(store->Get(KeyOf(key))->data(), at);
    }
  }
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, AnExpiryThatNeedsMemoryIsRefusedOverTheQuota) {
  const auto store = NewStore(kMiB);
  store->SetNow(1000);
  store->Set(KeyOf("expiring"), std::string(500, 'v'), Expiry::At(5000));
  // An entry that fills its block, so that one with an expiry takes a larger one.
  store->Set(KeyOf("plain"), std::string(496, 'v'));
  for (uint64_t i = 0; store->Set(Key::FromInteger(i), "12345678") == WriteStatus::kOk; i++) {
  }
  const auto before = Contents(*store);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("plain"), 2000), ExpiryStatus::kOutOfMemory);
  EXPECT_EQ(Contents(*store), before);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("expiring"), 6000), ExpiryStatus::kOk);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("expiring"), 0), ExpiryStatus::kOk);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("plain"), 1), ExpiryStatus::kOk) << "a time that is past";
  EXPECT_FALSE(store->Has(KeyOf("plain")));
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, OverwritingKeepsOrDropsTheExpiryWhereverItsWordIs) {
  const auto store = NewStore(kMiB);
  store->SetNow(1000);
  const Expiry expiries[] = {Expiry::None(), Expiry::Keep(), Expiry::At(5000)};
  for (const Expiry first : expiries) {
    for (const Expiry second : expiries) {
      for (const size_t bytes : {8u, 16u, 200u}) {
        store->Set(KeyOf("k"), "12345678", first);
        const uint64_t kept = *store->ExpiresAt(KeyOf("k"));
        store->Set(KeyOf("k"), std::string(bytes, 'w'), second);
        EXPECT_EQ(Value(*store, "k"), std::string(bytes, 'w'));
        EXPECT_EQ(store->ExpiresAt(KeyOf("k")), second.kind == Expiry::Kind::kAt     ? 5000
                                                : second.kind == Expiry::Kind::kKeep ? kept
                                                                                     : 0);
        EXPECT_EQ(store->CheckInvariants(), "");
        store->Delete(KeyOf("k"));
      }
    }
  }
}

TEST(Store, ChangesExpiryInPlace) {
  const auto store = NewStore(kMiB);
  store->SetNow(1000);
  store->Set(KeyOf("a"), "1");
  EXPECT_EQ(store->SetExpiresAt(KeyOf("a"), 1001), ExpiryStatus::kOk);
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 1001u);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("a"), 5000), ExpiryStatus::kOk);
  EXPECT_EQ(store->expiring_key_count(), 1u);
  store->Append(KeyOf("a"), std::string(1000, '2'));
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 5000u);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("a"), 0), ExpiryStatus::kOk);
  EXPECT_EQ(store->ExpiresAt(KeyOf("a")), 0u);
  EXPECT_EQ(store->expiring_key_count(), 0u);
  EXPECT_EQ(store->SetExpiresAt(KeyOf("a"), 1000), ExpiryStatus::kOk) << "now is not after now";
  EXPECT_FALSE(store->Has(KeyOf("a")));
  EXPECT_EQ(store->key_count(), 0u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, ReapsExpiredKeysInBoundedSteps) {
  const auto store = NewStore(64 * kMiB);
  for (uint64_t i = 0; i < 20'000; i++) {
    store->Set(Key::FromInteger(i), "v", i % 2 ? Expiry::At(100 + i) : Expiry::None());
  }
  store->SetNow(10'100);
  EXPECT_EQ(store->ReapExpired(0, 1000), 0u);
  EXPECT_EQ(store->ReapExpired(1000, 0), 0u);
  EXPECT_LE(store->ReapExpired(10, 1000), 10u);
  uint64_t removed = 20'000 - store->key_count();
  int calls = 0;
  for (; removed < 5'000 && calls < 10'000; calls++) {
    const uint64_t now_removed = store->ReapExpired(500, 20);
    EXPECT_LE(now_removed, 20u);
    removed += now_removed;
  }
  EXPECT_EQ(removed, 5'000u);
  EXPECT_EQ(store->key_count(), 15'000u);
  EXPECT_EQ(store->expiring_key_count(), 5'000u);
  EXPECT_EQ(store->CheckInvariants(), "");
  for (uint64_t i = 0; i < 20'000; i++) {
    ASSERT_EQ(store->Has(Key::FromInteger(i)), i % 2 == 0 || 100 + i > 10'100) << i;
  }
  store->SetNow(~0ull);
  EXPECT_EQ(store->ReapExpired(~0ull, ~0ull), 5'000u) << "one call may go all the way round";
  EXPECT_EQ(store->expiring_key_count(), 0u);
  EXPECT_EQ(store->ReapExpired(~0ull, ~0ull), 0u);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, HoldsValuesOfManyMegabytes) {
  const auto store = NewStore(300 * kMiB);
  const std::string base = [] {
    std::string bytes(64 * kMiB, '\0');
    for (size_t i = 0; i < bytes.size(); i += 4096) bytes[i] = static_cast<char>(i >> 12);
    return bytes;
  }();
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_EQ(store->Set(KeyOf(key), base), WriteStatus::kOk);
  }
  EXPECT_EQ(store->Set(KeyOf("e"), base), WriteStatus::kOutOfMemory);
  EXPECT_EQ(store->Set(KeyOf("a"), std::string(120 * kMiB, 'x')), WriteStatus::kOutOfMemory);
  // The old value need not have room beside the new one, though it stays until that is written.
  EXPECT_EQ(store->Set(KeyOf("a"), std::string(50 * kMiB, 'x')), WriteStatus::kOk);
  EXPECT_TRUE(store->Delete(KeyOf("b")));
  EXPECT_TRUE(store->Get(KeyOf("c")) == base && store->Get(KeyOf("d")) == base);
  EXPECT_EQ(store->CheckInvariants(), "");
  for (const char* key : {"a", "c", "d"}) EXPECT_TRUE(store->Delete(KeyOf(key)));
  EXPECT_LT(store->resident_bytes(), kMiB);
}

TEST(Store, HoldsAValueOfTheGreatestLengthAndOverwritesIt) {
  const auto store = NewStore(1100 * kMiB);
  // Pages that are never written cost the test no memory of its own.
  void* source = mmap(nullptr, layout::kMaxValueBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(source, MAP_FAILED);
  char* bytes = static_cast<char*>(source);
  bytes[0] = 'a';
  bytes[layout::kMaxValueBytes / 2] = 'm';
  bytes[layout::kMaxValueBytes - 1] = 'z';
  const std::string_view value(bytes, layout::kMaxValueBytes);
  ASSERT_EQ(store->Set(KeyOf("huge"), value), WriteStatus::kOk);
  EXPECT_EQ(store->Append(KeyOf("huge"), "x"), WriteStatus::kValueTooLong);
  // Within a transaction the old value stays beside the new one; that much the arena must hold. So
  // would the new one beside a third, as there is a view of it.
  Open transaction(store.get());
  ASSERT_EQ(store->Set(KeyOf("huge"), store->Get(KeyOf("huge"))->substr(1)), WriteStatus::kOk);
  store->header()->view_invocation = store->header()->invocation;
  EXPECT_EQ(store->Set(KeyOf("huge"), value), WriteStatus::kOutOfMemory);
  transaction.Commit();
  const std::string_view stored = *store->Get(KeyOf("huge"));
  ASSERT_EQ(stored.size(), layout::kMaxValueBytes - 1);
  EXPECT_EQ(stored[layout::kMaxValueBytes / 2 - 1], 'm');
  EXPECT_EQ(stored.back(), 'z');
  munmap(source, layout::kMaxValueBytes);
  EXPECT_LT(store->resident_bytes(), layout::kMaxValueBytes + kMiB);
  EXPECT_TRUE(store->Delete(KeyOf("huge")));
  EXPECT_LT(store->resident_bytes(), kMiB);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, AnEmptyStoreCostsLittleMemory) {
  const auto store = NewStore(kGiB);
  EXPECT_LE(store->resident_bytes(), 16u * 1024);
  for (uint64_t i = 0; i < 10; i++) {
    store->Get(Key::FromInteger(i));
    store->Set(Key::FromInteger(i), "tiny");
  }
  EXPECT_LE(store->resident_bytes(), 64u * 1024);
}

TEST(Store, ClearGivesTheMemoryBackAndKeepsTheHeader) {
  const auto store = NewStore(256 * kMiB);
  layout::StoreHeader* header = store->header();
  const uint64_t empty_bytes = store->used_bytes();
  const uint64_t seed = header->second_seed;
  header->builtin_lookups = 17;
  store->SetNow(77);
  for (int round = 0; round < 2; round++) {
    for (uint64_t i = 0; i < 50'000; i++) {
      ASSERT_EQ(store->Set(Key::FromInteger(i), std::string(1000, 'v'), Expiry::At(100)),
                WriteStatus::kOk);
    }
    EXPECT_GT(store->resident_bytes(), 50 * kMiB);
    store->Clear();
    EXPECT_LE(store->resident_bytes(), 64u * 1024);
    EXPECT_EQ(store->used_bytes(), empty_bytes);
    EXPECT_EQ(store->key_count(), 0u);
    EXPECT_EQ(store->expiring_key_count(), 0u);
    EXPECT_EQ(store->header(), header);
    EXPECT_EQ(header->magic, layout::kStoreMagic);
    EXPECT_EQ(header->second_seed, seed);
    EXPECT_EQ(header->builtin_lookups, 17u);
    EXPECT_EQ(store->now_ms(), 77u);
    EXPECT_FALSE(store->Has(Key::FromInteger(1)));
    EXPECT_EQ(store->CheckInvariants(), "");
  }
}

TEST(StoreDeathTest, WhileItIsOnlyReadAWriteEndsTheProcess) {
  const auto store = NewStore(kMiB);
  store->SetNow(100);
  store->Set(KeyOf("k"), "v");
  store->Set(KeyOf("expired"), "v", Expiry::At(100));
  // All that is not const, whether it would change anything or not.
  const std::pair<const char*, std::function<void()>> writes[] = {
      {"SetNow", [&] { store->SetNow(100); }},
      {"Set", [&] { store->Set(KeyOf("k"), "v"); }},
      {"Append", [&] { store->Append(KeyOf("k"), ""); }},
      {"Delete", [&] { store->Delete(KeyOf("absent")); }},
      {"SetExpiresAt", [&] { store->SetExpiresAt(KeyOf("absent"), 0); }},
      {"ReapExpired", [&] { store->ReapExpired(1, 1); }},
      {"Clear", [&] { store->Clear(); }},
      {"BeginInvocation", [&] { store->BeginInvocation(false); }},
      {"EndInvocation", [&] { store->EndInvocation(); }},
      {"Transaction", [&] { const Transaction transaction(store.get()); }},
  };
  {
    const Store::ReadOnlyScope outer(store.get());
    const Store::ReadOnlyScope inner(store.get());
    for (const auto& [name, write] : writes) {
      EXPECT_DEATH(write(), "^shredder: a store was written while it may only be read\n$") << name;
    }
    // Reads leave what has expired where it is.
    EXPECT_EQ(Value(*store, "expired"), std::nullopt);
    EXPECT_FALSE(store->Has(KeyOf("expired")));
    EXPECT_EQ(store->ExpiresAt(KeyOf("expired")), std::nullopt);
    EXPECT_EQ(Contents(*store), (std::map<std::string, Visible>{{"k", {"v", 0}}}));
    EXPECT_EQ(store->key_count(), 2u);
  }
  EXPECT_EQ(store->ReapExpired(~0ull, ~0ull), 1u);
  EXPECT_TRUE(store->Delete(KeyOf("k")));
}

TEST(Store, MemoryOfDeletedKeysServesValuesOfAnotherSize) {
  const auto store = NewStore(32 * kMiB);
  const uint64_t empty_bytes = store->used_bytes();
  uint64_t small_keys = 0;
  while (store->Set(Key::FromInteger(small_keys), std::string(100, 's')) == WriteStatus::kOk) {
    small_keys++;
  }
  for (uint64_t i = 0; i < small_keys; i++) ASSERT_TRUE(store->Delete(Key::FromInteger(i)));
  EXPECT_EQ(store->CheckInvariants(), "");
  // The table has shrunk as well, almost to its first two segments.
  EXPECT_LT(store->used_bytes(), empty_bytes + kMiB);
  EXPECT_LT(store->resident_bytes(), 2 * kMiB);
  uint64_t large_keys = 0;
  while (store->Set(Key::FromInteger(large_keys), std::string(1000, 'l')) == WriteStatus::kOk) {
    large_keys++;
  }
  EXPECT_GT(large_keys * 1000, 28 * kMiB);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, ARandomHalfDeletedLeavesRoomForAnotherSize) {
  const auto store = NewStore(32 * kMiB);
  uint64_t keys = 0;
  while (store->Set(Key::FromInteger(keys), std::string(100, 's')) == WriteStatus::kOk) keys++;
  std::mt19937_64 random(1);
  uint64_t deleted = 0;
  for (uint64_t i = 0; i < keys; i++) {
    if (random() % 2) deleted += store->Delete(Key::FromInteger(i));
  }
  const uint64_t room = store->quota_bytes() - store->used_bytes();
  EXPECT_GT(room, deleted * 112);
  uint64_t written = 0;
  for (uint64_t i = 0;
       store->Set(Key::FromInteger(keys + i), std::string(1000, 'l')) == WriteStatus::kOk; i++) {
    written += 1000;
  }
  EXPECT_GT(written, room * 8 / 10);
  EXPECT_EQ(store->CheckInvariants(), "");
}

TEST(Store, GrowsWithoutALongPauseAndStaysDense) {
  const auto store = NewStore(kGiB);
  // This thread's own time: the machine may take the processor away.
  const auto now_ns = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  };
  int64_t longest_ns = 0;
  int64_t before_ns = now_ns();
  constexpr uint64_t kKeys = 400'000;
  for (uint64_t i = 0; i < kKeys; i++) {
    ASSERT_EQ(store->Set(Key::FromInteger(i), "12345678"), WriteStatus::kOk);
    const int64_t after_ns = now_ns();
    longest_ns = std::max(longest_ns, after_ns - before_ns);
    before_ns = after_ns;
  }
  // A split takes microseconds; a rehash of so many keys would take tens of milliseconds.
  EXPECT_LT(longest_ns, 10'000'000);
  // 32 bytes an entry; the table takes 16 a slot, at a load between a third and three quarters.
  EXPECT_LT(store->used_bytes(), kKeys * (32 + 48));
  for (uint64_t i = 0; i < kKeys; i++) ASSERT_TRUE(store->Has(Key::FromInteger(i)));
  EXPECT_FALSE(store->Has(Key::FromInteger(kKeys)));
}

// The directory word of hash 0, which grows and splits in the tests below.
uint64_t FirstDirectoryWord(const Store& store) { return DirectoryWordOf(store.header(), 0); }

TEST(Store, ASegmentGrowsByPagesAndThenSplitsIntoTwoOfThree) {
  const auto store = NewStore(64 * kMiB);
  std::vector<std::pair<int, uint64_t>> seen;  // depth and pages
  for (uint64_t i = 0; i < 10'000; i++) {
    const uint64_t word = FirstDirectoryWord(*store);
    const std::pair now(layout::SegmentDepth(word), layout::SegmentPages(word));
    if (seen.empty() || seen.back() != now) {
      seen.push_back(now);
      ASSERT_EQ(store->CheckInvariants(), "");
    }
    ASSERT_EQ(store->Set(Key::FromInteger(i), "12345678"), WriteStatus::kOk);
  }
  const std::vector<std::pair<int, uint64_t>> expected = {{1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 3},
                                                          {2, 4}, {3, 3}, {3, 4}, {4, 3}};
  ASSERT_GE(seen.size(), expected.size());
  seen.resize(expected.size());
  EXPECT_EQ(seen, expected);
}

TEST(Store, ASegmentShrinksAndMergesAsItsKeysGo) {
  const auto store = NewStore(64 * kMiB);
  const uint64_t empty_bytes = store->used_bytes();
  constexpr uint64_t kKeys = 20'000;
  for (uint64_t i = 0; i < kKeys; i++) store->Set(Key::FromInteger(i), "12345678");
  for (uint64_t left = kKeys; left > 0; left--) {
    ASSERT_TRUE(store->Delete(Key::FromInteger(left - 1)));
    // Entries of 16 bytes, slots of 16 at a load of a fifth at least, and what is not yet looked
    // at.
    ASSERT_LT(store->used_bytes(), empty_bytes + left * (16 + 80) + 32'768) << left;
    if (left % 1000 == 0) ASSERT_EQ(store->CheckInvariants(), "");
  }
  const uint64_t word = FirstDirectoryWord(*store);
  EXPECT_EQ(layout::SegmentDepth(word), 1);
  EXPECT_EQ(layout::SegmentPages(word), 1u);
  EXPECT_EQ(store->header()->directory_shift, 63u);
}

// One key to each slot: no insertion ends up far from home, and only the last slot stops them.
TEST(Store, KeepsASlotOfEachSegmentEmpty) {
  const auto store = NewStore(16 * kMiB);
  store->header()->first_seed = 0;
  store->header()->first_multiplier = 1;
  store->header()->second_multiplier = 1;  // the hash is the key
  const auto pages = [&] { return layout::SegmentPages(FirstDirectoryWord(*store)); };
  // The key whose home is slot i of so many, in the middle of the hashes of which that is true.
  const auto key_of = [](uint64_t i, uint64_t slots) {
    const uint64_t home_hash = ((2 * i + 1) << layout::kHomeHashBits) / (2 * slots);
    return Key::FromInteger(home_hash << layout::kHomeHashShift);
  };
  constexpr uint64_t kSlots = layout::kSlotsPerPage;
  for (uint64_t i = 0; i < kSlots; i++) {
    ASSERT_EQ(pages(), 1u) << i;
    ASSERT_EQ(store->Set(key_of(i, kSlots), "v"), WriteStatus::kOk);
  }
  EXPECT_EQ(pages(), 2u) << "the last slot of a page stays empty";
  // These are now the keys of slots 2, 6, 10, ... of four pages; all others follow.
  static_assert(layout::kMaxSegmentSlots == 4 * kSlots);
  for (uint64_t i = 0; i < layout::kMaxSegmentSlots - 1; i++) {
    if (i % 4 != 2) {
      ASSERT_EQ(store->Set(key_of(i, 4 * kSlots), "v"), WriteStatus::kOk) << i;
    }
  }
  EXPECT_EQ(pages(), 4u);
  EXPECT_EQ(store->key_count(), layout::kMaxSegmentSlots - 1);
  EXPECT_EQ(store->Set(key_of(4 * kSlots - 1, 4 * kSlots), "v"), WriteStatus::kOutOfMemory);
  EXPECT_FALSE(store->Has(key_of(4 * kSlots - 1, 4 * kSlots))) << "and the lookup has ended";
  EXPECT_EQ(store->Set(key_of(0, 4 * kSlots), "w"), WriteStatus::kOk) << "an overwrite";
  EXPECT_EQ(store->CheckInvariants(), "");
}

// A hash that sends every key to few places must cost time, not correctness: a tenant cannot choose
// the seeds, but the table must not rely on it.
TEST(Store, SurvivesAHashThatSpreadsNothing) {
  const auto store = NewStore(16 * kMiB);
  store->header()->first_seed = 0;
  store->header()->first_multiplier = 1;
  store->header()->second_multiplier = 1;
  uint64_t keys = 0;
  while (keys < 5000 && store->Set(Key::FromInteger(keys), "v") == WriteStatus::kOk) keys++;
  EXPECT_EQ(keys, layout::kMaxSegmentSlots - 1) << "one segment but for a slot, then a refusal";
  EXPECT_LT(store->used_bytes(), kMiB) << "and no directory grown in vain";
  EXPECT_EQ(store->CheckInvariants(), "");
  for (uint64_t i = 0; i < keys; i++) ASSERT_TRUE(store->Has(Key::FromInteger(i)));
  for (uint64_t i = 0; i < keys; i++) ASSERT_TRUE(store->Delete(Key::FromInteger(i)));
  EXPECT_EQ(store->CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::store
