// htget's cases that read: lookups key by key, HTGetMany, scans, and values as texts.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/bench/htget_cases.h"
#include "runtime/bench/javascript.h"
#include "runtime/engine/store_callbacks.h"

namespace shredder::bench {

namespace {

// A builtin that reads, and the functions of js/htget_reads.js.
struct Reader {
  std::string builtin;
  std::string loop;
  std::string callback_number;  // empty: a number does not do
  std::string callback_buffer;  // empty: there is no need for a buffer
  std::string wasm = "";        // of js/htget_wasm.js; empty: not measured
};

const std::vector<Reader>& Readers() {
  static const std::vector<Reader> readers = {
      {"HTGet", "get", "wordByNumber", "wordByBuffer", "get"},
      {"HTHas", "has", "hasByNumber", ""},
      {"HTLength", "length", "", "lengthByBuffer"},
      {"HTGetUint32", "getUint32", "wordByNumber", "wordByBuffer", "getUint32"},
      {"HTGetFloat64", "getFloat64", "", "getFloat64ByBuffer"},
      {"HTView", "view", "", "viewByBuffer"},
  };
  return readers;
}

double ReadNatively(const HtgetTable& table, const std::string& builtin) {
  if (builtin == "HTHas") {
    return table.SumNatively<uint64_t>([](auto*, auto*, uint64_t) { return 1; });
  }
  if (builtin == "HTLength") {
    return table.SumNatively<uint64_t>(
        [](auto*, auto* slot, uint64_t) { return store::ValueLength(slot->value_word); });
  }
  if (builtin == "HTGetFloat64") {
    return table.SumNatively<double>([](auto* header, auto* slot, uint64_t key_length) {
      double number;
      std::memcpy(&number,
                  store::ValueIn(header, slot->value_word, key_length).data() +
                      kFloat64Index * sizeof number,
                  sizeof number);
      return number;
    });
  }
  if (builtin == "HTGet") {
    struct Buffer {
      uint32_t words[kValueBytes / sizeof(uint32_t)];
    } buffer;
    return table.SumNatively<uint64_t>([&buffer](auto* header, auto* slot, uint64_t key_length) {
      std::memcpy(&buffer, store::ValueIn(header, slot->value_word, key_length).data(),
                  kValueBytes);
      // The whole copy is wanted, not the first word alone.
      asm volatile("" : "+m"(buffer));
      return buffer.words[0];
    });
  }
  return table.SumNatively<uint64_t>(FirstWord);
}

double ExpectedOf(const HtgetTable& table, const std::string& builtin) {
  if (builtin == "HTHas") return static_cast<double>(table.lookups());
  if (builtin == "HTLength") return static_cast<double>(table.lookups() * kValueBytes);
  return static_cast<double>(table.sum_of_words());
}

void AddReader(HtgetTable* table, const Reader& reader, HtgetCases* cases) {
  const std::string& builtin = reader.builtin;
  const double expected = ExpectedOf(*table, builtin);
  const std::string native = builtin + ", native";
  cases->Add(builtin, "native",
             NativeCase(
                 native, [table, builtin] { return ReadNatively(*table, builtin); },
                 MustEqual(native, expected)));
  const auto add = [&](const std::string& name, const std::string& function,
                       CompiledLoop::Lookups lookups) {
    std::string library = builtin + "_" + name;
    std::replace(library.begin(), library.end(), '-', '_');
    CompiledLoop* loop = table->Compile({library, kHtgetReadsJs, function}, lookups);
    cases->Add(builtin, name, LoopCase(library, loop, MustEqual(library, expected)));
  };
  if (CanInline()) add("inlined", reader.loop, CompiledLoop::Lookups::kInlined);
  add("called", reader.loop, CompiledLoop::Lookups::kCalled);
  if (!reader.wasm.empty() && table->integer_keys()) AddWasm(table, builtin, reader.wasm, cases);
  if (!reader.callback_number.empty()) {
    add("callback-number", reader.callback_number, CompiledLoop::Lookups::kCalled);
  }
  if (!reader.callback_buffer.empty()) {
    add("callback-buffer", reader.callback_buffer, CompiledLoop::Lookups::kCalled);
  }
}

// What HTGetMany does, key by key.
double GatherNatively(const HtgetTable& table, std::vector<uint32_t>* out) {
  const layout::StoreHeader* header = table.header();
  uint32_t* next = out->data();
  uint64_t sum = 0;
  for (const uint32_t key : table.integers()) {
    const layout::Slot* slot =
        store::FindIntegerSlot(header, key, layout::HashInteger(*header, key));
    if (slot != nullptr) sum += * next = static_cast<uint32_t>(FirstWord(header, slot, 0));
    ++next;
  }
  return static_cast<double>(sum);
}

// `gathered` must live as long as the cases.
void AddGathering(HtgetTable* table, std::vector<uint32_t>* gathered, HtgetCases* cases) {
  const std::string builtin = "HTGetMany";
  const double expected = static_cast<double>(table->sum_of_words());
  const std::string native = builtin + ", native";
  gathered->resize(table->lookups());
  cases->Add(builtin, "native",
             NativeCase(
                 native, [table, gathered] { return GatherNatively(*table, gathered); },
                 MustEqual(native, expected)));
  for (const size_t keys_per_call : {kBatchKeys, table->lookups()}) {
    const std::string library = builtin + "_" + std::to_string(keys_per_call);
    CompiledLoop* loop = table->Compile({library, kHtgetManyJs, "gather", false, kBatchKeys},
                                        CompiledLoop::Lookups::kInlined);
    cases->Add(
        builtin, "prefetched",
        LoopCase(library, loop, MustEqual(library, expected), static_cast<double>(keys_per_call)),
        keys_per_call);
  }
}

// Calls of Store::Scan that a whole scan takes; adds the keys that are seen.
uint64_t ScanNatively(const HtgetTable& table, uint64_t* seen) {
  uint64_t steps = 0;
  uint64_t cursor = 0;
  do {
    cursor =
        table.store().Scan(cursor, engine::kKeysPerScan, [seen](std::string_view) { ++*seen; });
    ++steps;
  } while (cursor != 0);
  return steps;
}

constexpr size_t kTextBytes = 16;

// A text's length and last character. Each is made in fresh memory, one behind the other, as V8
// makes strings; of which there is as much as V8's young generation begins with.
double ReadTextsNatively(const HtgetTable& table, std::vector<char>* memory) {
  size_t at = 0;
  return table.SumNatively<uint64_t>([&](auto* header, auto* slot, uint64_t key_length) {
    const std::string_view value = store::ValueIn(header, slot->value_word, key_length);
    if (memory->size() - at < value.size()) at = 0;
    char* const text = memory->data() + at;
    std::memcpy(text, value.data(), value.size());
    at += value.size();
    // The whole copy is wanted.
    asm volatile("" : : "r"(text) : "memory");
    return value.size() + static_cast<uint8_t>(text[kTextBytes - 1]);
  });
}

}  // namespace

void MeasureReads(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows) {
  CompiledLoop* walk = table->Compile(table->WalkingLoop("walk"), CompiledLoop::Lookups::kCalled);
  HtgetCases cases(NativeCase("the empty native loop", [table] { return table->WalkNatively(); }),
                   LoopCase("walk", walk, MustEqual("the empty loop", table->walked_sum())));
  for (const Reader& reader : Readers()) {
    if (plan.Has(reader.builtin)) AddReader(table, reader, &cases);
  }
  std::vector<uint32_t> gathered;
  if (table->integer_keys() && plan.Has("HTGetMany")) AddGathering(table, &gathered, &cases);
  if (!cases.empty()) cases.Measure(*table, plan, table->lookups(), rows);
}

// The table's values are texts meanwhile.
void MeasureTexts(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows) {
  const std::string builtin = "HTGetString";
  if (!plan.Has(builtin)) return;
  for (uint64_t n = 0; n < table->key_count(); ++n) {
    const std::string digits = std::to_string(n);
    table->Set(n, std::string(kTextBytes - digits.size(), '0') + digits);
  }
  std::vector<char> memory(1 << 20);
  const auto check = MustEqual(builtin, ReadTextsNatively(*table, &memory));
  CompiledLoop* walk =
      table->Compile(table->WalkingLoop("walk_texts"), CompiledLoop::Lookups::kCalled);
  HtgetCases cases(NativeCase("the empty native loop", [table] { return table->WalkNatively(); }),
                   LoopCase("walk_texts", walk, MustEqual("the empty loop", table->walked_sum())));
  cases.Add(builtin, "native",
            NativeCase(
                builtin + ", native",
                [table, &memory] { return ReadTextsNatively(*table, &memory); }, check));
  const auto add = [&](const std::string& name, CompiledLoop::Lookups lookups) {
    const std::string library = builtin + "_" + name;
    cases.Add(builtin, name,
              LoopCase(library, table->Compile({library, kHtgetReadsJs, "text"}, lookups), check));
  };
  if (CanInline()) add("inlined", CompiledLoop::Lookups::kInlined);
  add("called", CompiledLoop::Lookups::kCalled);
  cases.Measure(*table, plan, table->lookups(), rows);
  table->Fill();
}

// Whole scans, as many as visit as many keys as other cases look up, but one at least.
void MeasureScan(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows) {
  if (!plan.Has("HTScan")) return;
  const uint64_t scans = std::max<uint64_t>(1, table->lookups() / table->key_count());
  uint64_t seen = 0;
  const uint64_t steps = scans * ScanNatively(*table, &seen);
  const uint64_t keys = scans * table->key_count();
  const auto check = MustEqual("HTScan", static_cast<double>(keys));
  const auto js_case = [&](const std::string& function, std::function<void(double)> check_one) {
    CompiledLoop* loop =
        table->Compile({function, kHtgetScanJs, function, false, /*sample_argument=*/100},
                       CompiledLoop::Lookups::kCalled);
    return LoopCase(function, loop, std::move(check_one), static_cast<double>(steps));
  };
  HtgetCases cases(NativeCase("the native loop without scans",
                              [steps] {
                                for (uint64_t i = 0; i < steps; ++i) asm volatile("");
                                return 0;
                              }),
                   js_case("scanNothing", MustEqual("the loop without scans", 0)));
  cases.Add("HTScan", "native",
            NativeCase(
                "HTScan, native",
                [table, scans] {
                  uint64_t visited = 0;
                  for (uint64_t i = 0; i < scans; ++i) ScanNatively(*table, &visited);
                  return static_cast<double>(visited);
                },
                check));
  cases.Add("HTScan", "callback", js_case("scan", check));
  cases.Measure(*table, plan, keys, rows);
}

}  // namespace shredder::bench
