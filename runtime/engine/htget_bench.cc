// Microbenchmark of lookups: the store's own C++, the CSA builtin HTGet, and ordinary C++ callbacks. `shredder bench htget`
// runs this program and shows what it prints.
//
// Every case looks up the same keys in the same random order, every one of which is there, and adds up the first uint32 of the
// 64-byte values; the sums are compared, so no case can leave work out. The cases of one table take turns,
// repetition by repetition, and each case's own empty loop (which walks the keys without a lookup) is measured in the same
// turns and subtracted.
//
//   native           FindIntegerSlot / FindBytesSlot in C++, the word read in place
//   csa              HTGet(key, into), which copies the 64 bytes, then into[0]
//   callback-number  DBGetNumber(key), a function template's callback
//   callback-buffer  new Uint32Array(DBGet(key))[0]

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "runtime/engine/engine.h"
#include "runtime/store/store.h"
#include "runtime/store/table_lookup.h"

namespace shredder::engine {
namespace {

constexpr size_t kValueBytes = 64;
constexpr uint64_t kQuotaBytes = 4ull << 30;

constexpr char kLibrary[] = R"js(#!js name=bench
import { DBGet, DBGetNumber, HTGet, HTLength } from 'shredder:store';

let keys;
const into = new Uint32Array(16);

// The keys in the order of their lookups: the numbers themselves, or a string of each.
export function setup(_, [kind]) {
  const order = new Uint32Array(HTLength('order') / 4);
  HTGet('order', order);
  if (kind === 'integer') {
    keys = Array.from(order);
    return;
  }
  const strings = new Map();
  keys = Array.from(order, (n) => {
    let string = strings.get(n);
    if (string === undefined) strings.set(n, (string = 'key:' + n));
    return string;
  });
}

export function loopInteger() {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += keys[i];
  return sum;
}

export function loopString() {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += keys[i].length;
  return sum;
}

export function csa() {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    HTGet(keys[i], into);
    sum += into[0];
  }
  return sum;
}

export function callbackNumber() {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += DBGetNumber(keys[i]);
  return sum;
}

export function callbackBuffer() {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += new Uint32Array(DBGet(keys[i]))[0];
  return sum;
}
)js";

struct Options {
  std::vector<uint64_t> key_counts;
  size_t lookups = 0;
  int warm_ups = 0;
  int repetitions = 0;
};

[[noreturn]] void Fail(const std::string& message) {
  std::cerr << "shredder-bench: " << message << "\n";
  std::exit(1);
}

// What a case or a loop returned, and the time that it took.
struct Measured {
  double sum;
  double ns_per_lookup;
};

struct Case {
  std::string name;
  std::string loop;  // whose time is subtracted
  std::function<double()> run;
  std::vector<double> ns;
};

class TableBench {
 public:
  TableBench(Engine* engine, const Options& options, uint64_t key_count, bool integer_keys)
      : options_(options), key_count_(key_count), integer_keys_(integer_keys) {
    std::string error;
    store::StoreOptions store_options;
    store_options.quota_bytes = kQuotaBytes;
    store_ = store::Store::Create(store_options, &error);
    if (store_ == nullptr) Fail(error);
    store_->SetNow(1);
    Fill();
    host_ = engine->CreateHost(store_.get());
    Check(host_->Load(kLibrary, false));
    CallFunction("setup", {integer_keys_ ? "integer" : "string"});
  }

  nlohmann::json Run() {
    std::vector<Case> cases;
    const std::string js_loop = integer_keys_ ? "loopInteger" : "loopString";
    cases.push_back({"native-loop", "", [this] { return NativeLoop(); }, {}});
    cases.push_back({"js-loop", "", [this, js_loop] { return CallFunction(js_loop, {}); }, {}});
    cases.push_back({"native", "native-loop", [this] { return Native(); }, {}});
    cases.push_back({"csa", "js-loop", [this] { return CallFunction("csa", {}); }, {}});
    cases.push_back(
        {"callback-number", "js-loop", [this] { return CallFunction("callbackNumber", {}); }, {}});
    cases.push_back(
        {"callback-buffer", "js-loop", [this] { return CallFunction("callbackBuffer", {}); }, {}});
    for (int turn = -options_.warm_ups; turn < options_.repetitions; ++turn) {
      for (Case& one : cases) {
        const Measured measured = Measure(one);
        if (!one.loop.empty() && measured.sum != expected_sum_) {
          Fail(one.name + " added up other values than were stored");
        }
        if (turn >= 0) one.ns.push_back(measured.ns_per_lookup);
      }
    }
    nlohmann::json rows = nlohmann::json::array();
    for (const Case& one : cases) {
      if (one.loop.empty()) continue;
      const auto loop = std::find_if(cases.begin(), cases.end(),
                                     [&](const Case& other) { return other.name == one.loop; });
      const double loop_ns = Median(loop->ns);
      const auto [min, max] = std::minmax_element(one.ns.begin(), one.ns.end());
      rows.push_back({{"case", one.name},
                      {"keys", key_count_},
                      {"keyKind", integer_keys_ ? "integer" : "string"},
                      {"medianNs", Median(one.ns) - loop_ns},
                      {"minNs", *min - loop_ns},
                      {"maxNs", *max - loop_ns},
                      {"loopNs", loop_ns}});
    }
    return rows;
  }

 private:
  void Fill() {
    std::mt19937_64 random(1);
    std::string value(kValueBytes, '\0');
    std::vector<uint32_t> words(key_count_);
    for (uint64_t i = 0; i < key_count_; ++i) {
      words[i] = static_cast<uint32_t>(random());
      std::memcpy(value.data(), &words[i], sizeof(uint32_t));
      Set(integer_keys_ ? std::to_string(i) : "key:" + std::to_string(i), value);
    }
    std::uniform_int_distribution<uint32_t> pick(0, static_cast<uint32_t>(key_count_ - 1));
    std::vector<uint32_t> order(options_.lookups);
    for (uint32_t& n : order) {
      n = pick(random);
      expected_sum_ += words[n];
    }
    Set("order", std::string_view(reinterpret_cast<const char*>(order.data()),
                                  order.size() * sizeof(uint32_t)));
    // Strings lie in memory in the order of their use, as they do in JavaScript's heap.
    for (const uint32_t n : order) {
      if (!integer_keys_) strings_.push_back("key:" + std::to_string(n));
    }
    integers_ = std::move(order);
  }

  void Set(std::string_view key, std::string_view value) {
    if (store_->Set(*store::Key::FromBytes(key), value) != store::WriteStatus::kOk) {
      Fail("the store's memory is used up");
    }
  }

  static double FirstWord(const layout::StoreHeader* header, const layout::Slot* slot,
                          uint64_t key_length) {
    uint32_t word;
    std::memcpy(&word, store::ValueIn(header, slot->value_word, key_length).data(), sizeof word);
    return word;
  }

  double Native() const {
    const layout::StoreHeader* header = store_->header();
    double sum = 0;
    if (integer_keys_) {
      for (const uint32_t n : integers_) {
        sum += FirstWord(header,
                         store::FindIntegerSlot(header, n, layout::HashInteger(*header, n)), 0);
      }
    } else {
      for (const std::string& key : strings_) {
        sum += FirstWord(header,
                         store::FindBytesSlot(header, key,
                                              layout::HashBytes(*header, key.data(), key.size())),
                         key.size());
      }
    }
    return sum;
  }

  double NativeLoop() const {
    double sum = 0;
    if (integer_keys_) {
      for (const uint32_t n : integers_) sum += n;
    } else {
      for (const std::string& key : strings_) sum += key.front();
    }
    return sum;
  }

  static Value Check(Value value) {
    if (const Error* error = std::get_if<Error>(&value.data)) Fail(error->message);
    return value;
  }

  double CallFunction(const std::string& name, const std::vector<std::string_view>& args) {
    const Value value = Check(host_->Call(name, {}, args, false));
    const double* number = std::get_if<double>(&value.data);
    return number == nullptr ? 0 : *number;
  }

  Measured Measure(const Case& one) const {
    const auto start = std::chrono::steady_clock::now();
    const double sum = one.run();
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    return {sum, elapsed.count() / static_cast<double>(options_.lookups)};
  }

  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  }

  const Options& options_;
  const uint64_t key_count_;
  const bool integer_keys_;
  double expected_sum_ = 0;
  std::vector<uint32_t> integers_;
  std::vector<std::string> strings_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<FunctionHost> host_;
};

int Main(int argc, char** argv) {
  CLI::App app("Shredder's microbenchmarks");
  app.require_subcommand(1);
  CLI::App* htget = app.add_subcommand("htget", "lookups: native, CSA builtin, C++ callbacks");
  bool quick = false;
  htget->add_flag("--quick", quick, "fewer lookups and repetitions: under 40 seconds in all");
  CLI11_PARSE(app, argc, argv);

  Options options;
  options.key_counts = {1'000, 100'000, 1'000'000};
  options.lookups = quick ? 200'000 : 1'000'000;
  options.warm_ups = quick ? 2 : 3;
  options.repetitions = quick ? 7 : 15;

  std::string error;
  if (!Engine::InitializeProcess({}, &error)) Fail(error);
  EngineOptions engine_options;
  engine_options.deadline_ms = 3'600'000;
  engine_options.load_deadline_ms = 3'600'000;
  engine_options.heap_limit_mb = 2048;
  engine_options.callback_builtins = true;
  Engine engine(engine_options);

  nlohmann::json rows = nlohmann::json::array();
  for (const bool integer_keys : {true, false}) {
    for (const uint64_t key_count : options.key_counts) {
      std::cerr << "htget: " << key_count << (integer_keys ? " integer" : " string") << " keys\n";
      for (const nlohmann::json& row : TableBench(&engine, options, key_count, integer_keys).Run()) {
        rows.push_back(row);
      }
    }
  }
  std::cout << nlohmann::json{{"v8", Engine::V8Version()}, {"rows", rows}}.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace shredder::engine

int main(int argc, char** argv) { return shredder::engine::Main(argc, argv); }
