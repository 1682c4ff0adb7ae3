// Nanoseconds a native lookup takes, the loop included: integer and string keys in random order,
// 64-byte values, the sum of each value's first word. The baseline that the builtins are measured
// against.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"
#include "runtime/store/store.h"

namespace shredder::store {
namespace {

constexpr uint64_t kValueBytes = 64;

std::unique_ptr<Store> NewStore() {
  std::string error;
  auto store = Store::Create({.quota_bytes = 4ull << 30, .random = {}}, &error);
  if (store == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    std::abort();
  }
  return store;
}

// The order of lookups; insertions are in ascending order, so that neighbouring lookups share no
// memory.
std::vector<uint32_t> ShuffledKeys(uint32_t count) {
  std::vector<uint32_t> keys(count);
  std::iota(keys.begin(), keys.end(), 0);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(1));
  return keys;
}

std::string ValueOf(uint64_t key) {
  std::string value(kValueBytes, '\0');
  std::memcpy(value.data(), &key, sizeof key);
  return value;
}

std::string NameOf(uint32_t key) { return "user:" + std::to_string(key); }

void IntegerLookup(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto store = NewStore();
  const std::vector<uint32_t> keys = ShuffledKeys(count);
  for (uint32_t key = 0; key < count; key++) store->Set(Key::FromInteger(key), ValueOf(key));
  uint64_t sum = 0;
  size_t next = 0;
  for (auto _ : state) {
    const auto value = store->Get(Key::FromInteger(keys[next]));
    uint64_t word = 0;
    if (value) std::memcpy(&word, value->data(), sizeof word);
    sum += word;
    if (++next == keys.size()) next = 0;
  }
  benchmark::DoNotOptimize(sum);
  state.counters["bytes/key"] =
      static_cast<double>(store->used_bytes()) / static_cast<double>(count);
}
BENCHMARK(IntegerLookup)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

void StringLookup(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto store = NewStore();
  std::vector<std::string> names;
  for (const uint32_t key : ShuffledKeys(count)) names.push_back(NameOf(key));
  for (uint32_t key = 0; key < count; key++) {
    const std::string name = NameOf(key);
    store->Set(*Key::FromBytes(name), ValueOf(key));
  }
  uint64_t sum = 0;
  size_t next = 0;
  for (auto _ : state) {
    const auto value = store->Get(*Key::FromBytes(names[next]));
    uint64_t word = 0;
    if (value) std::memcpy(&word, value->data(), sizeof word);
    sum += word;
    if (++next == names.size()) next = 0;
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(StringLookup)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

// The same key set, overwritten in random order with values of the same size.
void IntegerOverwrite(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto store = NewStore();
  const std::vector<uint32_t> keys = ShuffledKeys(count);
  const std::string value = ValueOf(1);
  for (uint32_t key = 0; key < count; key++) store->Set(Key::FromInteger(key), value);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store->Set(Key::FromInteger(keys[next]), value));
    if (++next == keys.size()) next = 0;
  }
}
BENCHMARK(IntegerOverwrite)->Arg(1'000)->Arg(1'000'000);

// Insertion into a growing table, splits included; the longest single insertion is what a shard may
// stall for.
void IntegerInsert(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const std::vector<uint32_t> keys = ShuffledKeys(count);
  const std::string value = ValueOf(1);
  for (auto _ : state) {
    state.PauseTiming();
    auto store = NewStore();
    state.ResumeTiming();
    for (const uint32_t key : keys) store->Set(Key::FromInteger(key), value);
    state.PauseTiming();
    store.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * count);
}
BENCHMARK(IntegerInsert)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shredder::store
