// How long single operations take while a table grows: keys go in one by one, with a lookup and an
// overwrite after each, and every operation is timed, in wall time and in this thread's CPU time.
//
// A machine that is shared adds pauses of its own, to CPU time as well. Two things tell them apart:
// the same is done again in further rounds, with the same seeds, and of each operation the shortest
// time counts ("least"); and lookups alone follow, as many as all operations of a round
// ("control").
//
//   growth_bench [KEYS [ROUNDS]]    50 million keys, 2 rounds unless given; needs 50 bytes a key
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/store/store.h"

namespace shredder::store {
namespace {

constexpr uint64_t kKeyBytes = 8;
constexpr uint64_t kValueBytes = 8;
constexpr uint64_t kFirstReportedKeys = 10'000;
constexpr int64_t kThresholdsNs[] = {1'000'000, 500'000, 100'000};
constexpr int64_t kLongNs = kThresholdsNs[2];
constexpr size_t kWorstPrinted = 10;

int64_t Now(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

struct Instant {
  int64_t wall_ns = Now(CLOCK_MONOTONIC);
  int64_t cpu_ns = Now(CLOCK_THREAD_CPUTIME_ID);
};

// What the table and the allocator did in an operation.
std::string Describe(const StoreEvents& before, const StoreEvents& after) {
  std::string text;
  const auto add = [&text](uint64_t count, const char* what) {
    if (count == 0) return;
    if (!text.empty()) text += ", ";
    text += what;
    if (count > 1) text += " x" + std::to_string(count);
  };
  add(after.segment_growths - before.segment_growths, "a segment grew");
  add(after.segment_splits - before.segment_splits, "a segment split");
  add(after.segment_shrinks - before.segment_shrinks, "a segment shrank");
  add(after.directory_doublings - before.directory_doublings, "the directory doubled");
  add(after.give_backs - before.give_backs, "memory given back");
  return text.empty() ? "none of the table's" : text;
}

class Timings {
 public:
  explicit Timings(const char* name) : name_(name) {}

  void StartRound() {
    is_first_round_ = number_ == 0;
    number_ = 0;
    next_long_ = 0;
  }

  void Add(uint64_t keys, const Instant& from, const Instant& to, const StoreEvents& before,
           const StoreEvents& after) {
    const int64_t wall_ns = to.wall_ns - from.wall_ns;
    const int64_t cpu_ns = to.cpu_ns - from.cpu_ns;
    number_++;
    wall_.Add(wall_ns);
    cpu_.Add(cpu_ns);
    if (is_first_round_) {
      if (cpu_ns <= kLongNs) return;
      long_.push_back({number_, cpu_ns, wall_ns, keys, Describe(before, after)});
    } else if (next_long_ < long_.size() && long_[next_long_].number == number_) {
      Operation& operation = long_[next_long_++];
      operation.cpu_ns = std::min(operation.cpu_ns, cpu_ns);
      operation.wall_ns = std::min(operation.wall_ns, wall_ns);
    }
  }

  static void PrintHeader() {
    std::printf("%-12s %12s  %-5s %9s %10s %8s %8s %8s\n", "operation", "count", "clock", "mean us",
                "max us", "> 1 ms", "> .5 ms", "> .1 ms");
  }
  void Print() const {
    if (number_ == 0) return;
    wall_.Print(name_, "wall");
    cpu_.Print("", "CPU");
    if (is_first_round_) return;
    Clock least;
    for (const Operation& operation : long_) least.Add(operation.cpu_ns);
    least.Print("", "least");
  }
  void PrintWorst() const {
    std::vector<Operation> worst = long_;
    std::sort(worst.begin(), worst.end(),
              [](const Operation& a, const Operation& b) { return a.cpu_ns > b.cpu_ns; });
    worst.resize(std::min(worst.size(), kWorstPrinted));
    if (worst.empty()) return;
    std::printf("\nThe longest of %s, the least of their times:\n", name_);
    for (const Operation& o : worst) {
      std::printf("  %8.1f us CPU, %8.1f us wall, at %11" PRIu64 " keys: %s\n",
                  static_cast<double>(o.cpu_ns) / 1e3, static_cast<double>(o.wall_ns) / 1e3, o.keys,
                  o.what.c_str());
    }
  }

 private:
  struct Clock {
    uint64_t count = 0;
    int64_t sum_ns = 0;
    int64_t max_ns = 0;
    std::array<uint64_t, std::size(kThresholdsNs)> over = {};

    void Add(int64_t ns) {
      count++;
      sum_ns += ns;
      max_ns = std::max(max_ns, ns);
      for (size_t i = 0; i < over.size(); i++) over[i] += ns > kThresholdsNs[i];
    }
    void Print(const char* name, const char* clock) const {
      const double mean_ns =
          count == 0 ? 0 : static_cast<double>(sum_ns) / static_cast<double>(count);
      std::printf("%-12s %12" PRIu64 "  %-5s %9.3f %10.1f %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
                  name, count, clock, mean_ns / 1e3, static_cast<double>(max_ns) / 1e3, over[0],
                  over[1], over[2]);
    }
  };
  // One that took longer than kLongNs in the first round, with the least of its times.
  struct Operation {
    uint64_t number;
    int64_t cpu_ns;
    int64_t wall_ns;
    uint64_t keys;
    std::string what;
  };

  const char* name_;
  bool is_first_round_ = true;
  uint64_t number_ = 0;
  Clock wall_;
  Clock cpu_;
  std::vector<Operation> long_;
  size_t next_long_ = 0;
};

// Bytes over those of key and value.
struct Memory {
  uint64_t keys = 0;
  double used_per_key = 0;
  double resident_per_key = 0;
};

Memory Measure(const Store& store, uint64_t empty_used, uint64_t empty_resident) {
  const uint64_t keys = store.key_count();
  const auto per_key = [keys](uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(keys) - (kKeyBytes + kValueBytes);
  };
  return {keys, per_key(store.used_bytes() - empty_used),
          per_key(store.resident_bytes() - empty_resident)};
}

void PrintMemory(const char* what, const Memory& memory) {
  std::printf("%-34s %11" PRIu64 " keys: %6.2f counted, %6.2f resident\n", what, memory.keys,
              memory.used_per_key, memory.resident_per_key);
}

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "growth_bench: %s\n", message.c_str());
  std::exit(1);
}

std::unique_ptr<Store> NewStore() {
  std::string error;
  // The same seeds in each round.
  auto store = Store::Create({.quota_bytes = 64ull << 30,
                              .random =
                                  [](std::span<uint8_t> buffer) {
                                    std::mt19937_64 generator(1);
                                    for (uint8_t& byte : buffer) {
                                      byte = static_cast<uint8_t>(generator());
                                    }
                                  }},
                             &error);
  if (store == nullptr) Fail(error);
  return store;
}

class Benchmark {
 public:
  explicit Benchmark(uint64_t keys) : keys_(keys) {}

  void Run(uint64_t rounds) {
    for (uint64_t round = 0; round < rounds; round++) {
      store_ = NewStore();
      before_ = store_->events();
      for (Timings* timings :
           {&inserts_, &growths_, &splits_, &doublings_, &lookups_, &overwrites_}) {
        timings->StartRound();
      }
      Fill(round == 0);
    }
    Control();
    Print();
  }

 private:
  void Fill(bool measure_memory) {
    const uint64_t empty_used = store_->used_bytes();
    const uint64_t empty_resident = store_->resident_bytes();
    std::mt19937_64 random(1);
    uint64_t next_power = 1000;
    uint64_t next_sample = kFirstReportedKeys;
    for (uint64_t key = 0; key < keys_; key++) {
      const Key looked_up = Key::FromInteger(random() % (key + 1));
      const Key overwritten = Key::FromInteger(random() % (key + 1));
      char value[kValueBytes];
      std::memcpy(value, &key, sizeof value);
      const std::string_view bytes(value, sizeof value);

      const Instant start;
      if (store_->Set(Key::FromInteger(key), bytes) != WriteStatus::kOk) Fail("out of memory");
      const Instant inserted;
      const StoreEvents events = store_->events();
      if (!store_->Get(looked_up)) Fail("a key is lost");
      const Instant found;
      if (store_->Set(overwritten, bytes) != WriteStatus::kOk) Fail("out of memory");
      const Instant end;

      AddInsertion(start, inserted, events);
      lookups_.Add(key + 1, inserted, found, events, events);
      overwrites_.Add(key + 1, found, end, events, store_->events());
      before_ = store_->events();

      if (!measure_memory) continue;
      const bool is_power = key + 1 == next_power;
      if (!is_power && key + 1 != next_sample && key + 1 != keys_) continue;
      const Memory memory = Measure(*store_, empty_used, empty_resident);
      if (is_power || key + 1 == keys_) at_powers_.push_back(memory);
      if (is_power) next_power *= 10;
      if (key + 1 < kFirstReportedKeys) continue;
      next_sample = key + 1 + (key + 1) / 200;
      if (memory.used_per_key > most_used_.used_per_key) most_used_ = memory;
      if (memory.resident_per_key > most_resident_.resident_per_key) most_resident_ = memory;
    }
  }

  void AddInsertion(const Instant& from, const Instant& to, const StoreEvents& after) {
    const auto add = [&](Timings& timings) {
      timings.Add(store_->key_count(), from, to, before_, after);
    };
    add(inserts_);
    if (after.segment_growths != before_.segment_growths) add(growths_);
    if (after.segment_splits != before_.segment_splits) add(splits_);
    if (after.directory_doublings != before_.directory_doublings) add(doublings_);
  }

  void Control() {
    std::mt19937_64 random(2);
    const StoreEvents events = store_->events();
    for (uint64_t i = 0; i < 3 * keys_; i++) {
      const Key key = Key::FromInteger(random() % keys_);
      const Instant start;
      if (!store_->Get(key)) Fail("a key is lost");
      control_.Add(keys_, start, Instant(), events, events);
    }
  }

  void Print() const {
    Timings::PrintHeader();
    for (const Timings* timings :
         {&inserts_, &growths_, &splits_, &doublings_, &lookups_, &overwrites_, &control_}) {
      timings->Print();
    }
    for (const Timings* timings : {&inserts_, &doublings_, &lookups_, &overwrites_, &control_}) {
      timings->PrintWorst();
    }
    std::printf("\nBytes per key over the %" PRIu64 " of key and value:\n",
                kKeyBytes + kValueBytes);
    for (const Memory& memory : at_powers_) PrintMemory("", memory);
    if (most_used_.keys == 0) return;
    PrintMemory("most counted, from 10,000 keys on", most_used_);
    PrintMemory("most resident", most_resident_);
  }

  const uint64_t keys_;
  std::unique_ptr<Store> store_;
  StoreEvents before_ = {};
  Timings inserts_{"insertion"};
  // Of the insertions, those with a step of growth.
  Timings growths_{"- grew"};
  Timings splits_{"- split"};
  Timings doublings_{"- doubled"};
  Timings lookups_{"lookup"};
  Timings overwrites_{"overwrite"};
  Timings control_{"control"};
  std::vector<Memory> at_powers_;
  Memory most_used_;
  Memory most_resident_;
};

// 0 where the text is no number.
uint64_t ParseNumber(const char* text) {
  char* end = nullptr;
  const uint64_t number = std::strtoull(text, &end, 10);
  return *text == '-' || *end != '\0' ? 0 : number;
}

}  // namespace
}  // namespace shredder::store

int main(int argc, char** argv) {
  using shredder::store::ParseNumber;
  const uint64_t keys = argc > 1 ? ParseNumber(argv[1]) : 50'000'000;
  const uint64_t rounds = argc > 2 ? ParseNumber(argv[2]) : 2;
  if (argc > 3 || keys == 0 || rounds == 0) {
    std::fprintf(stderr, "usage: growth_bench [KEYS [ROUNDS]]\n");
    return 2;
  }
  shredder::store::Benchmark(keys).Run(rounds);
}
