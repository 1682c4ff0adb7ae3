// Gigabytes a second at which values are read in place, lookups included: all elements of all
// values, added up.
//
// Every case walks the same values in the same random order of their keys, and its sum is checked.
// The cases of one table take turns, repetition by repetition.
//
//   native         C++ over the table, scalar code, one accumulator or four
//   native-vector  the same, vectorised; beside native-memcpy, which copies each value, the ceiling
//   view           HTView, then getFloat64 or getUint32 in a loop of optimised JavaScript
//   view-break     the same, with a way out of the loop
//   view-down      the same, counting down
//   view-try       the same, in a try
//   copy           HTGet into a typed array, then the sum of that
#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtime/bench/harness.h"
#include "runtime/bench/javascript.h"
#include "runtime/bench/scan_scalar_loops.h"
#include "runtime/bench/suites.h"

namespace shredder::bench {

namespace {

// Data that a second-level cache holds, and data that no cache does.
constexpr size_t kCacheBytes = 256 << 10;
constexpr size_t kMemoryBytes = 256 << 20;
constexpr size_t kQuickMemoryBytes = 96 << 20;
// What one repetition reads at least.
constexpr size_t kRepetitionBytes = 128 << 20;
constexpr size_t kQuickRepetitionBytes = 32 << 20;

struct Element {
  const char* name;
  const char* loops;  // in the names of js/scan.js
};
constexpr Element kFloat64 = {"float64", "Float64"};
constexpr Element kUint32 = {"uint32", "Uint32"};

// Vectorised, a sum of float64 has to be taken in another order; what is summed here makes no
// difference of it.
double SumVectorized(std::string_view value, double) {
#pragma clang fp reassociate(on)
  double sum = 0;
  for (size_t at = 0; at < value.size(); at += sizeof(double)) {
    sum += ElementAt<double>(value.data() + at);
  }
  return sum;
}

uint32_t SumVectorized(std::string_view value, uint32_t) {
  uint32_t sum = 0;
  for (size_t at = 0; at < value.size(); at += sizeof(uint32_t)) {
    sum += ElementAt<uint32_t>(value.data() + at);
  }
  return sum;
}

class ScanBench {
 public:
  ScanBench(engine::Engine* engine, size_t value_bytes, bool in_cache, bool quick)
      : value_bytes_(value_bytes),
        in_cache_(in_cache),
        quick_(quick),
        tenant_(engine),
        header_(tenant_.store().header()) {
    const size_t memory_bytes = quick ? kQuickMemoryBytes : kMemoryBytes;
    const size_t wanted = in_cache ? kCacheBytes : memory_bytes;
    keys_.resize(std::max<size_t>(1, wanted / value_bytes));
    const size_t least = quick ? kQuickRepetitionBytes : kRepetitionBytes;
    passes_ = static_cast<int>(std::max<size_t>(1, least / data_bytes()));
    Fill();
    tenant_.Load("data", kScanDataJs);
    tenant_.Call("setup", {std::to_string(value_bytes)});
  }

  nlohmann::json Run() {
    cases_.push_back({"native-memcpy", [this] { return Copy(); }, {}, nullptr, {}});
    rows_.push_back({{"case", "native-memcpy"}, {"element", "bytes"}});
    Add<double>(kFloat64);
    Add<uint32_t>(kUint32);
    RunInTurns(&cases_, 3, quick_ ? 5 : 11);
    for (size_t i = 0; i < cases_.size(); ++i) {
      // Bytes a nanosecond are GB a second.
      const Spread ns = SpreadOf(cases_[i].ns);
      const double bytes = static_cast<double>(data_bytes()) * passes_;
      rows_[i].update({{"valueBytes", value_bytes_},
                       {"dataBytes", data_bytes()},
                       {"place", in_cache_ ? "cache" : "memory"},
                       {"medianGBps", bytes / ns.median},
                       {"minGBps", bytes / ns.max},
                       {"maxGBps", bytes / ns.min}});
    }
    return rows_;
  }

 private:
  size_t data_bytes() const { return keys_.size() * value_bytes_; }

  // Values are whole numbers as float64, whose sums are exact in any order.
  void Fill() {
    std::mt19937_64 random(1);
    std::vector<double> numbers(value_bytes_ / sizeof(double));
    std::iota(keys_.begin(), keys_.end(), 0);
    for (const uint32_t key : keys_) {
      for (double& number : numbers) number = static_cast<double>(random() & 0xfffff);
      tenant_.Set(store::Key::FromInteger(key),
                  std::string_view(reinterpret_cast<const char*>(numbers.data()), value_bytes_));
    }
    std::shuffle(keys_.begin(), keys_.end(), random);
    tenant_.Set(*store::Key::FromBytes("order"),
                std::string_view(reinterpret_cast<const char*>(keys_.data()),
                                 keys_.size() * sizeof(uint32_t)));
  }

  double Copy() {
    buffer_.resize(value_bytes_);
    VisitValues(header_, keys_, passes_, [this](std::string_view value) {
      std::memcpy(buffer_.data(), value.data(), value.size());
      asm volatile("" : : "r"(buffer_.data()) : "memory");
    });
    return 0;
  }

  template <typename Number>
  double SumVectorizedValues() const {
    Number sum = 0;
    VisitValues(header_, keys_, passes_,
                [&sum](std::string_view value) { sum += SumVectorized(value, Number{}); });
    return sum;
  }

  template <typename Number>
  void Add(const Element& element) {
    const double expected = SumScalar<Number>(header_, keys_, passes_, 1);
    const std::string element_name = element.name;
    const auto add = [&](const std::string& name, int accumulators, std::function<double()> run,
                         CompiledLoop* loop) {
      const std::string full_name =
          name + ", " + element_name + ", values of " + std::to_string(value_bytes_) + " bytes";
      cases_.push_back({full_name,
                        std::move(run),
                        [full_name, expected](double sum) {
                          if (sum != expected) Fail(full_name + ": the sum is wrong");
                        },
                        loop,
                        {}});
      nlohmann::json row = {{"case", name}, {"element", element_name}};
      if (accumulators != 0) row["accumulators"] = accumulators;
      rows_.push_back(row);
    };
    add("native-vector", 0, [this] { return SumVectorizedValues<Number>(); }, nullptr);
    for (const int accumulators : {1, 4}) {
      add(
          "native", accumulators,
          [this, accumulators] {
            return static_cast<double>(SumScalar<Number>(header_, keys_, passes_, accumulators));
          },
          nullptr);
      const std::string suffix = element.loops + ("By" + std::to_string(accumulators));
      const auto add_loop = [&](const std::string& name, const std::string& function) {
        CompiledLoop* loop = AddLoop(function + suffix);
        add(name, accumulators, [this, loop] { return loop->RunAll(passes_); }, loop);
      };
      add_loop("view", "view");
      add_loop("copy", "copy");
      if (accumulators != 1 || !std::is_same_v<Number, uint32_t>) continue;
      add_loop("view-break", "viewBreak");
      add_loop("view-down", "viewDown");
      add_loop("view-try", "viewTry");
    }
  }

  CompiledLoop* AddLoop(const std::string& function) {
    loops_.push_back(std::make_unique<CompiledLoop>(
        &tenant_, LoopSource{function, kScanJs, function}, CompiledLoop::Lookups::kInlined));
    return loops_.back().get();
  }

  const size_t value_bytes_;
  const bool in_cache_;
  const bool quick_;
  BenchTenant tenant_;
  const layout::StoreHeader* header_;
  std::vector<uint32_t> keys_;
  int passes_ = 1;
  std::vector<char> buffer_;
  std::vector<std::unique_ptr<CompiledLoop>> loops_;
  std::vector<Case> cases_;
  nlohmann::json rows_ = nlohmann::json::array();
};

}  // namespace

nlohmann::json RunScan(const ScanOptions& options) {
  std::vector<uint64_t> sizes = options.sizes;
  if (sizes.empty()) sizes = {64, 1 << 10, 64 << 10, 1 << 20};
  engine::Engine engine(BenchEngineOptions());
  nlohmann::json rows = nlohmann::json::array();
  for (const uint64_t value_bytes : sizes) {
    for (const bool in_cache : {true, false}) {
      Note("scan: values of " + std::to_string(value_bytes) + " bytes in " +
           (in_cache ? "cache" : "memory"));
      ScanBench bench(&engine, value_bytes, in_cache, options.quick);
      for (nlohmann::json& row : bench.Run()) rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace shredder::bench
