#include "runtime/bench/htget_cases.h"

#include <algorithm>
#include <utility>

namespace shredder::bench {

namespace {

constexpr size_t kNativeLoop = 0;
constexpr size_t kJsLoop = 1;
constexpr size_t kLoops = 2;

}  // namespace

bool HtgetPlan::Has(std::string_view builtin) const {
  return std::find(builtins.begin(), builtins.end(), builtin) != builtins.end();
}

// Where the table is far larger than the caches, so must be what one repetition touches.
size_t HtgetPlan::LookupsAt(uint64_t key_count) const {
  if (quick) return key_count > 1'000 ? 300'000 : 100'000;
  return key_count > 1'000'000 ? 2'000'000 : 1'000'000;
}

HtgetCases::HtgetCases(Case native_loop, Case js_loop)
    : cases_{std::move(native_loop), std::move(js_loop)} {}

void HtgetCases::Add(const std::string& builtin, const std::string& name, Case one,
                     size_t keys_per_call) {
  cases_.push_back(std::move(one));
  added_.push_back({builtin, name, keys_per_call});
}

void HtgetCases::Measure(const HtgetTable& table, const HtgetPlan& plan, uint64_t keys,
                         nlohmann::json* rows) {
  RunInTurns(&cases_, plan.warm_ups(), plan.repetitions());
  const auto per_key = [keys](double ns) { return ns / static_cast<double>(keys); };
  for (size_t i = 0; i < added_.size(); ++i) {
    const Added& added = added_[i];
    const Case& one = cases_[kLoops + i];
    const Case& empty_loop = cases_[one.loop == nullptr ? kNativeLoop : kJsLoop];
    const Spread spread = SpreadOf(one.ns);
    const double loop_ns = per_key(SpreadOf(empty_loop.ns).median);
    nlohmann::json row = {{"builtin", added.builtin},
                          {"case", added.name},
                          {"keys", table.key_count()},
                          {"keyKind", table.integer_keys() ? "integer" : "string"},
                          {"medianNs", per_key(spread.median) - loop_ns},
                          {"minNs", per_key(spread.min) - loop_ns},
                          {"maxNs", per_key(spread.max) - loop_ns},
                          {"loopNs", loop_ns}};
    if (added.keys_per_call != 1) row["keysPerCall"] = added.keys_per_call;
    rows->push_back(std::move(row));
  }
}

std::function<void(double)> MustEqual(const std::string& name, double expected) {
  return [=](double result) {
    if (result != expected) {
      Fail(name + " gave " + std::to_string(result) + ", but " + std::to_string(expected) +
           " is right");
    }
  };
}

Case NativeCase(const std::string& name, std::function<double()> run,
                std::function<void(double)> check) {
  return {name, std::move(run), std::move(check), nullptr, {}};
}

Case LoopCase(const std::string& name, CompiledLoop* loop, std::function<void(double)> check,
              double argument) {
  return {name, [loop, argument] { return loop->RunAll(argument); }, std::move(check), loop, {}};
}

}  // namespace shredder::bench
