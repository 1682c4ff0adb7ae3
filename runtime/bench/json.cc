// Microseconds that a function takes to read a JSON document, change it and write it back with its
// expiry kept, beside the same without the store: V8's parse and stringify alone.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "runtime/bench/harness.h"
#include "runtime/bench/javascript.h"
#include "runtime/bench/suites.h"

namespace shredder::bench {

namespace {

// All documents together, and what one repetition goes through at least.
constexpr size_t kDataBytes = 256 << 10;
constexpr size_t kRepetitionBytes = 8 << 20;
constexpr size_t kQuickRepetitionBytes = 2 << 20;

nlohmann::json Measure(engine::Engine* engine, size_t value_bytes, bool quick) {
  BenchTenant tenant(engine);
  const size_t count = std::max<size_t>(2, kDataBytes / value_bytes);
  const size_t repetition_bytes = quick ? kQuickRepetitionBytes : kRepetitionBytes;
  const auto rounds =
      static_cast<int>(std::max<size_t>(1, repetition_bytes / (count * value_bytes)));
  tenant.Load("data", kJsonDataJs);
  tenant.Call("setup", {std::to_string(value_bytes), std::to_string(count)});
  // Called, as the builtin does what optimised code leaves to it: these texts are long.
  std::vector<std::unique_ptr<CompiledLoop>> loops;
  std::vector<Case> cases;
  double expected = 0;
  for (const std::string name : {"alone", "stored"}) {
    loops.push_back(std::make_unique<CompiledLoop>(
        &tenant, LoopSource{name, kJsonJs, name, /*writes=*/true}, CompiledLoop::Lookups::kCalled));
    CompiledLoop* loop = loops.back().get();
    cases.push_back({name,
                     [loop, rounds] { return loop->RunAll(rounds); },
                     [name, &expected](double sum) {
                       if (expected == 0) expected = sum;
                       if (sum != expected) Fail("json, " + name + ": the texts are wrong");
                     },
                     loop,
                     {}});
  }
  RunInTurns(&cases, 3, quick ? 7 : 15);
  nlohmann::json rows = nlohmann::json::array();
  const double documents = static_cast<double>(count) * rounds;
  for (const Case& one : cases) {
    const Spread ns = SpreadOf(one.ns);
    const auto us = [documents](double nanoseconds) { return nanoseconds / documents / 1000; };
    rows.push_back({{"case", one.name},
                    {"valueBytes", value_bytes},
                    {"medianUs", us(ns.median)},
                    {"minUs", us(ns.min)},
                    {"maxUs", us(ns.max)}});
  }
  return rows;
}

}  // namespace

nlohmann::json RunJson(const JsonOptions& options) {
  std::vector<uint64_t> sizes = options.sizes;
  if (sizes.empty()) sizes = {1 << 10, 32 << 10, 1 << 20};
  engine::Engine engine(BenchEngineOptions());
  nlohmann::json rows = nlohmann::json::array();
  for (const uint64_t value_bytes : sizes) {
    Note("json: documents of " + std::to_string(value_bytes) + " bytes");
    for (nlohmann::json& row : Measure(&engine, value_bytes, options.quick)) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace shredder::bench
