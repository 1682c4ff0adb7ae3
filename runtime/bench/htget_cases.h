// The cases that one comparison of htget sets side by side, and the rows that come of them. What
// is measured of a table: reads, scans and writes.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/bench/harness.h"
#include "runtime/bench/htget_table.h"

namespace shredder::bench {

// What of htget is to be run.
struct HtgetPlan {
  std::vector<uint64_t> sizes;
  std::vector<std::string> builtins;
  bool quick;

  bool Has(std::string_view builtin) const;
  // Of one repetition.
  size_t LookupsAt(uint64_t key_count) const;
  int warm_ups() const { return 4; }
  int repetitions() const { return quick ? 5 : 11; }
};

class HtgetCases {
 public:
  // The loops that do nothing but to visit the keys, in C++ and in JavaScript; what the one of the
  // same language takes is taken off each case.
  HtgetCases(Case native_loop, Case js_loop);

  void Add(const std::string& builtin, const std::string& name, Case one, size_t keys_per_call = 1);
  bool empty() const { return added_.empty(); }

  // Runs all of them in turns, and adds the rows. A repetition of each works on so many keys.
  void Measure(const HtgetTable& table, const HtgetPlan& plan, uint64_t keys, nlohmann::json* rows);

 private:
  struct Added {
    std::string builtin;
    std::string name;
    size_t keys_per_call;
  };

  std::vector<Case> cases_;  // the two loops, then those that were added
  std::vector<Added> added_;
};

// For a case's check: ends the process where the result is another.
std::function<void(double)> MustEqual(const std::string& name, double expected);

// A case in C++.
Case NativeCase(const std::string& name, std::function<double()> run,
                std::function<void(double)> check = {});
// A case in JavaScript that visits all keys in one invocation.
Case LoopCase(const std::string& name, CompiledLoop* loop, std::function<void(double)> check,
              double argument = 0);

// The loop of a builtin in WebAssembly: a function of js/htget_wasm.js that sums the values' words.
void AddWasm(HtgetTable* table, const std::string& builtin, const std::string& function,
             HtgetCases* cases);

void MeasureReads(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows);
void MeasureScan(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows);
void MeasureTexts(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows);
// Leaves other values in the table, and another order.
void MeasureWrites(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows);

}  // namespace shredder::bench
