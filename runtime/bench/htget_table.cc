#include "runtime/bench/htget_table.h"

#include <numeric>
#include <random>
#include <utility>

#include "runtime/bench/javascript.h"

namespace shredder::bench {

namespace {

// Words are Smis, as ids and counters mostly are: no case has to allocate a number.
constexpr uint32_t kMaxWord = (1u << 30) - 1;

}  // namespace

HtgetTable::HtgetTable(engine::Engine* engine, uint64_t key_count, bool integer_keys,
                       size_t lookups)
    : key_count_(key_count), integer_keys_(integer_keys), lookups_(lookups), tenant_(engine) {
  Fill();
  tenant_.Load("data", kHtgetDataJs);
  UseRandomOrder(kBatchKeys);
}

std::string HtgetTable::NameOf(uint64_t n) const {
  const std::string digits = std::to_string(n);
  return "key:" + std::string(12 - digits.size(), '0') + digits;
}

void HtgetTable::Fill() {
  std::mt19937_64 random(1);
  words_.resize(key_count_);
  for (uint64_t n = 0; n < key_count_; ++n) {
    words_[n] = static_cast<uint32_t>(random()) & kMaxWord;
    SetToItsWord(n);
  }
}

void HtgetTable::SetToItsWord(uint64_t n) {
  char value[kValueBytes] = {};
  const double number = words_[n];
  std::memcpy(value, &words_[n], sizeof(uint32_t));
  std::memcpy(value + kFloat64Index * sizeof number, &number, sizeof number);
  Set(n, {value, kValueBytes});
}

void HtgetTable::Set(uint64_t n, std::string_view value) {
  tenant_.Set(integer_keys_ ? store::Key::FromInteger(n) : *store::Key::FromBytes(NameOf(n)),
              value);
}

std::optional<std::string_view> HtgetTable::Get(uint64_t n) const {
  return store().Get(integer_keys_ ? store::Key::FromInteger(n)
                                   : *store::Key::FromBytes(NameOf(n)));
}

void HtgetTable::UseRandomOrder(size_t batch_keys) {
  std::mt19937_64 random(2);
  std::uniform_int_distribution<uint32_t> pick(0, static_cast<uint32_t>(key_count_ - 1));
  std::vector<uint32_t> order(lookups_);
  for (uint32_t& n : order) n = pick(random);
  UseOrder(std::move(order), batch_keys);
}

void HtgetTable::UseOrderOfDistinctKeys(size_t batch_keys) {
  std::mt19937_64 random(3);
  std::vector<uint32_t> all(key_count_);
  std::iota(all.begin(), all.end(), 0);
  std::vector<uint32_t> order;
  while (order.size() < lookups_) {
    // A shuffle that stops after as many.
    for (size_t i = 0; i < batch_keys; ++i) {
      std::uniform_int_distribution<size_t> pick(i, all.size() - 1);
      std::swap(all[i], all[pick(random)]);
      order.push_back(all[i]);
    }
  }
  order.resize(lookups_);
  UseOrder(std::move(order), batch_keys);
}

void HtgetTable::UseOrder(std::vector<uint32_t> order, size_t batch_keys) {
  integers_ = std::move(order);
  batch_keys_ = batch_keys;
  sum_of_words_ = sum_of_integers_ = 0;
  for (const uint32_t n : integers_) {
    sum_of_words_ += words_[n];
    sum_of_integers_ += n;
  }
  if (!integer_keys_) NameIntegers();
  const store::Key key = *store::Key::FromBytes("order");
  tenant_.Set(key, std::string_view(reinterpret_cast<const char*>(integers_.data()),
                                    integers_.size() * sizeof(uint32_t)));
  tenant_.Call("setup", {integer_keys_ ? "integer" : "string", std::to_string(batch_keys_)});
  store().Delete(key);
}

void HtgetTable::NameIntegers() {
  string_bytes_.clear();
  strings_.clear();
  for (const uint32_t n : integers_) string_bytes_ += NameOf(n);
  const size_t length = string_bytes_.size() / lookups_;
  for (size_t i = 0; i < lookups_; ++i) {
    strings_.push_back(std::string_view(string_bytes_).substr(i * length, length));
  }
}

CompiledLoop* HtgetTable::Compile(const LoopSource& source, CompiledLoop::Lookups lookups) {
  loops_.push_back(std::make_unique<CompiledLoop>(&tenant_, source, lookups));
  return loops_.back().get();
}

// As scalar as JavaScript's.
double HtgetTable::WalkNatively() const {
  uint64_t sum = 0;
  if (integer_keys_) {
#pragma clang loop vectorize(disable)
    for (const uint32_t n : integers_) sum += n;
  } else {
    for (const std::string_view key : strings_) sum += static_cast<uint8_t>(key.front());
  }
  return static_cast<double>(sum);
}

LoopSource HtgetTable::WalkingLoop(const std::string& name) const {
  return {name, kHtgetWalkJs, integer_keys_ ? "walkIntegers" : "walkStrings"};
}

double HtgetTable::walked_sum() const {
  const uint64_t sum = integer_keys_ ? sum_of_integers_ : string_bytes_.size();
  return static_cast<int32_t>(static_cast<uint32_t>(sum));
}

}  // namespace shredder::bench
