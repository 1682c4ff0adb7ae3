// The table that htget measures over: keys of one kind, values of 64 bytes, and an order in which
// the loops in C++ and in JavaScript visit the keys, all of which are there.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"
#include "runtime/bench/harness.h"

namespace shredder::bench {

inline constexpr size_t kValueBytes = 64;
// A value's first word, and the same number as a float64 behind it.
inline constexpr size_t kFloat64Index = 1;
// Keys of one invocation that writes, and of one call of HTGetMany.
inline constexpr size_t kBatchKeys = 4096;

class HtgetTable {
 public:
  // An order has `lookups` keys.
  HtgetTable(engine::Engine* engine, uint64_t key_count, bool integer_keys, size_t lookups);

  store::Store& store() const { return tenant_.store(); }
  const layout::StoreHeader* header() const { return header_; }
  uint64_t key_count() const { return key_count_; }
  bool integer_keys() const { return integer_keys_; }

  // Sets each key to its value: a word of its own, and the same number as a float64.
  void Fill();
  // One key, by its number from 0 on.
  void SetToItsWord(uint64_t n);
  void Set(uint64_t n, std::string_view value);
  std::optional<std::string_view> Get(uint64_t n) const;

  // From here on, C++'s loops and JavaScript's visit the keys in this order; the latter's batches
  // have `batch_keys` keys. What is random is so in the same way each time.
  void UseRandomOrder(size_t batch_keys);
  void UseOrderOfDistinctKeys(size_t batch_keys);  // no batch has a key twice
  size_t batch_keys() const { return batch_keys_; }

  // The keys in their order: their numbers, and where keys are strings, those, whose bytes lie in
  // memory in the order of their use.
  size_t lookups() const { return lookups_; }
  std::span<const uint32_t> integers() const { return integers_; }
  std::span<const std::string_view> strings() const { return strings_; }
  store::Key KeyAt(size_t i) const {
    return integer_keys_ ? store::Key::FromInteger(integers_[i])
                         : *store::Key::FromBytes(strings_[i]);
  }
  uint64_t sum_of_words() const { return sum_of_words_; }

  // A loop that belongs to the table, compiled.
  CompiledLoop* Compile(const LoopSource& source, CompiledLoop::Lookups lookups);

  // The loop that visits the keys and does nothing else, in C++ and in JavaScript, and what the
  // latter gives.
  double WalkNatively() const;
  LoopSource WalkingLoop(const std::string& name) const;
  double walked_sum() const;

  // The sum of `visit(header, slot, key length)` over the keys.
  template <typename Sum, typename Visit>
  double SumNatively(const Visit& visit) const;

 private:
  std::string NameOf(uint64_t n) const;
  void UseOrder(std::vector<uint32_t> order, size_t batch_keys);
  void NameIntegers();

  const uint64_t key_count_;
  const bool integer_keys_;
  const size_t lookups_;
  BenchTenant tenant_;
  const layout::StoreHeader* header_ = tenant_.store().header();
  std::vector<std::unique_ptr<CompiledLoop>> loops_;
  std::vector<uint32_t> words_;
  std::vector<uint32_t> integers_;
  size_t batch_keys_ = 0;
  uint64_t sum_of_words_ = 0;
  uint64_t sum_of_integers_ = 0;
  std::string string_bytes_;
  std::vector<std::string_view> strings_;
};

// The value's first word. The key is there, and does not expire.
inline uint64_t FirstWord(const layout::StoreHeader* header, const layout::Slot* slot,
                          uint64_t key_length) {
  uint32_t word;
  std::memcpy(&word, store::ValueIn(header, slot->value_word, key_length).data(), sizeof word);
  return word;
}

template <typename Sum, typename Visit>
double HtgetTable::SumNatively(const Visit& visit) const {
  const layout::StoreHeader* header = header_;
  Sum sum = 0;
  if (integer_keys_) {
    for (const uint32_t key : integers_) {
      const layout::Slot* slot =
          store::FindIntegerSlot(header, key, layout::HashInteger(*header, key));
      if (slot != nullptr) sum += visit(header, slot, uint64_t{0});
    }
  } else {
    for (const std::string_view key : strings_) {
      const layout::Slot* slot =
          store::FindBytesSlot(header, key, layout::HashBytes(*header, key.data(), key.size()));
      if (slot != nullptr) sum += visit(header, slot, static_cast<uint64_t>(key.size()));
    }
  }
  return static_cast<double>(sum);
}

}  // namespace shredder::bench
