// Shared by the store's tests: stores with reproducible seeds, and short forms for keys.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "runtime/store/store.h"
#include "runtime/store/transaction.h"

namespace shredder::store {

inline constexpr uint64_t kMiB = 1ull << 20;
inline constexpr uint64_t kGiB = 1ull << 30;

inline StoreOptions TestOptions(uint64_t quota_bytes, uint64_t seed) {
  return {.quota_bytes = quota_bytes, .random = [seed](std::span<uint8_t> buffer) {
            std::mt19937_64 generator(seed);
            for (uint8_t& byte : buffer) byte = static_cast<uint8_t>(generator());
          }};
}

inline std::unique_ptr<Store> NewStore(uint64_t quota_bytes, uint64_t seed = 1) {
  std::string error;
  auto store = Store::Create(TestOptions(quota_bytes, seed), &error);
  EXPECT_NE(store, nullptr) << error;
  EXPECT_EQ(error, "");
  return store;
}

inline std::unique_ptr<StorePool> NewPool(uint32_t slots) {
  std::string error;
  auto pool = StorePool::Create(slots, &error);
  EXPECT_NE(pool, nullptr) << error;
  return pool;
}

inline std::unique_ptr<Store> NewStore(StorePool* pool, uint32_t slot, uint64_t quota_bytes,
                                       uint64_t seed = 1) {
  std::string error;
  EXPECT_TRUE(pool->Take(slot));
  auto store = Store::Create(TestOptions(quota_bytes, seed), *pool, slot, &error);
  EXPECT_NE(store, nullptr) << error;
  return store;
}

// Remembers what it was told.
class TestOwner : public MemoryOwner {
 public:
  bool OnNewMemory(int fd) override {
    if (refuses) return false;
    new_fd = fd;
    return true;
  }
  void OnNewBase() override { new_bases++; }

  bool refuses = false;
  std::optional<int> new_fd;
  int new_bases = 0;
};

// `bytes` must outlive the key.
inline Key KeyOf(std::string_view bytes) { return Key::FromBytes(bytes).value(); }

inline std::optional<std::string> Value(const Store& store, std::string_view key) {
  const auto value = store.Get(KeyOf(key));
  if (!value) return std::nullopt;
  return std::string(*value);
}

// A transaction that a test begins and ends where it likes.
class Open {
 public:
  explicit Open(Store* store) : transaction_(std::in_place, store) {}
  void Commit() {
    transaction_->Commit();
    transaction_.reset();
  }
  void Rollback() { transaction_.reset(); }

 private:
  std::optional<Transaction> transaction_;
};

// Everything a client can see of a live key.
struct Visible {
  std::string value;
  uint64_t expires_at_ms;
  bool operator==(const Visible&) const = default;
};

// All live keys of the store, gathered by Scan and Get.
inline std::map<std::string, Visible> Contents(const Store& store) {
  std::map<std::string, Visible> contents;
  uint64_t cursor = 0;
  do {
    cursor = store.Scan(cursor, 1000, [&](std::string_view key) {
      const auto value = store.Get(KeyOf(key));
      const auto expires_at_ms = store.ExpiresAt(KeyOf(key));
      ASSERT_TRUE(value && expires_at_ms) << key;
      const bool is_new =
          contents.emplace(std::string(key), Visible{std::string(*value), *expires_at_ms}).second;
      ASSERT_TRUE(is_new) << "visited twice though nothing was written: " << key;
    });
  } while (cursor != 0);
  return contents;
}

// What the store has not needed since the last call, all of it.
inline void GiveBackUnneeded(Store* store) {
  store->NoteUnneeded();
  while (store->gives_back()) store->GiveBack(16 << 20);
}

}  // namespace shredder::store
