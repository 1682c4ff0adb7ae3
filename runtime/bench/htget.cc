// Nanoseconds that a builtin takes for one key, beside the store's own C++ and ordinary C++
// callbacks.
//
// Every case works on the same keys in the same random order, all of which are there, and its
// result is checked, so that no case can leave work out. The cases of one table take turns,
// repetition by repetition. Each case's own loop, which walks the keys and does nothing else, is
// measured in the same turns and subtracted.
//
// - native: the same in C++: the table's inline lookup, the value read in place; writes and scans
//   by Store's functions
// - inlined, called: a loop in optimised JavaScript, compiled with and without V8's flag
//   --shredder-inline
// - callback-number: DBGetNumber(key), a function template's callback that returns the value's
//   first word
// - callback-buffer: DBGet(key), which returns a copy as an ArrayBuffer
// - callback: DBSet, DBAdd and DBDelete, which do what HTSet, HTAdd and HTDelete do; HTScan, which
//   is a callback itself
// - wasm: a loop in WebAssembly, over what it imports
// - prefetched: HTGetMany, some number of keys a call
#include <string>
#include <vector>

#include "runtime/bench/harness.h"
#include "runtime/bench/htget_cases.h"
#include "runtime/bench/htget_table.h"
#include "runtime/bench/suites.h"

namespace shredder::bench {

const std::vector<std::string>& HtgetBuiltins() {
  static const std::vector<std::string> builtins = {
      "HTGet",       "HTHas", "HTLength", "HTGetUint32", "HTGetFloat64", "HTView",
      "HTGetString", "HTSet", "HTAdd",    "HTDelete",    "HTScan",       "HTGetMany"};
  return builtins;
}

nlohmann::json RunHtget(const HtgetOptions& options) {
  HtgetPlan plan{options.sizes, options.builtins, options.quick};
  if (plan.sizes.empty()) {
    plan.sizes = {1'000, 100'000, 1'000'000};
    if (!plan.quick) plan.sizes.push_back(10'000'000);
  }
  if (plan.builtins.empty()) {
    plan.builtins = plan.quick ? std::vector<std::string>{"HTGet", "HTGetUint32", "HTGetMany"}
                               : HtgetBuiltins();
  }
  engine::Engine engine(BenchEngineOptions());
  nlohmann::json rows = nlohmann::json::array();
  for (const bool integer_keys : {true, false}) {
    for (const uint64_t key_count : plan.sizes) {
      Note("htget: " + std::to_string(key_count) + (integer_keys ? " integer" : " string") +
           " keys");
      HtgetTable table(&engine, key_count, integer_keys, plan.LookupsAt(key_count));
      MeasureReads(&table, plan, &rows);
      MeasureScan(&table, plan, &rows);
      MeasureTexts(&table, plan, &rows);
      MeasureWrites(&table, plan, &rows);
    }
  }
  return rows;
}

}  // namespace shredder::bench
