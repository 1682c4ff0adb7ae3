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
// - prefetched: HTGetMany, some number of keys a call
#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"
#include "runtime/bench/harness.h"
#include "runtime/bench/javascript.h"
#include "runtime/bench/suites.h"
#include "runtime/engine/store_module.h"
#include "runtime/store/transaction.h"

namespace shredder::bench {

namespace {

constexpr size_t kValueBytes = 64;
// A value's first word, and the same number as a float64 behind it.
constexpr size_t kFloat64Index = 1;
// Words are Smis, as ids and counters mostly are: no case has to allocate a number.
constexpr uint32_t kMaxWord = (1u << 30) - 1;
// Keys of one invocation that writes, and of one call of HTGetMany.
constexpr size_t kBatchKeys = 4096;
// Of the table's keys, one of so many at most is deleted at a time: no segment gets sparse enough
// to shrink.
constexpr uint64_t kKeysPerDeleted = 8;
// What counters start from: of as many digits as they end with.
constexpr uint64_t kFirstCount = 1'000'000'000;

struct Plan {
  std::vector<uint64_t> sizes;
  std::vector<std::string> builtins;
  bool quick;

  // Where the table is far larger than the caches, so must be what one repetition touches.
  size_t LookupsAt(uint64_t key_count) const {
    if (quick) return key_count > 1'000 ? 300'000 : 100'000;
    return key_count > 1'000'000 ? 2'000'000 : 1'000'000;
  }
  int warm_ups() const { return 4; }
  int repetitions() const { return quick ? 5 : 11; }

  bool Has(std::string_view builtin) const {
    return std::find(builtins.begin(), builtins.end(), builtin) != builtins.end();
  }
};

// A builtin that reads, and the functions of js/htget_reads.js.
struct Reader {
  std::string builtin;
  std::string loop;
  std::string callback_number;  // empty: a number does not do
  std::string callback_buffer;  // empty: there is no need for a buffer
};

const std::vector<Reader>& Readers() {
  static const std::vector<Reader> readers = {
      {"HTGet", "get", "wordByNumber", "wordByBuffer"},
      {"HTHas", "has", "hasByNumber", ""},
      {"HTLength", "length", "", "lengthByBuffer"},
      {"HTGetUint32", "getUint32", "wordByNumber", "wordByBuffer"},
      {"HTGetFloat64", "getFloat64", "", "getFloat64ByBuffer"},
      {"HTView", "view", "", "viewByBuffer"},
  };
  return readers;
}

// The value's first word. The key is there, and does not expire.
uint64_t FirstWord(const layout::StoreHeader* header, const layout::Slot* slot,
                   uint64_t key_length) {
  uint32_t word;
  std::memcpy(&word, store::ValueIn(header, slot->value_word, key_length).data(), sizeof word);
  return word;
}

// One table: a number of keys of one kind.
class TableBench {
 public:
  TableBench(engine::Engine* engine, const Plan& plan, uint64_t key_count, bool integer_keys)
      : plan_(plan), key_count_(key_count), integer_keys_(integer_keys), tenant_(engine) {
    Fill();
    tenant_.Load("data", kHtgetDataJs);
    UseOrder(RandomOrder(), kBatchKeys);
  }

  nlohmann::json Run() {
    MeasureReads();
    if (plan_.Has("HTScan")) MeasureScan();
    if (plan_.Has("HTSet")) MeasureSet();
    if (plan_.Has("HTAdd")) MeasureAdd();
    if (plan_.Has("HTDelete")) MeasureDelete();
    return rows_;
  }

 private:
  // A case, what its row says, and the index of the case whose time is subtracted.
  struct Measured {
    std::string builtin;
    std::string name;
    size_t keys_per_call = 0;  // 0: one
    size_t empty_loop;
  };

  // The cases that are measured for their loops' own cost come first.
  static constexpr size_t kNativeLoop = 0;
  static constexpr size_t kJsLoop = 1;
  static constexpr size_t kLoops = 2;

  // A builtin that writes, and how its cases run.
  struct Writer {
    std::string builtin;
    std::string loop;               // a function of js/htget_writes.js
    std::string callback;           // another, which does the same by a C++ callback
    std::function<double()> begin;  // a repetition; the loop's argument
    std::function<void(double)> check;
    std::function<void(size_t from, size_t to)> after_batch;  // may be empty
    double sample_argument = 1;
  };

  size_t lookups() const { return integers_.size(); }
  std::string NameOf(uint64_t n) const {
    const std::string digits = std::to_string(n);
    return "key:" + std::string(12 - digits.size(), '0') + digits;
  }

  void Fill() {
    std::mt19937_64 random(1);
    words_.resize(key_count_);
    for (uint64_t n = 0; n < key_count_; ++n) {
      words_[n] = static_cast<uint32_t>(random()) & kMaxWord;
      SetToItsWord(n);
    }
  }

  void SetToItsWord(uint64_t n) {
    char value[kValueBytes] = {};
    const double number = words_[n];
    std::memcpy(value, &words_[n], sizeof(uint32_t));
    std::memcpy(value + kFloat64Index * sizeof number, &number, sizeof number);
    SetNumbered(n, {value, kValueBytes});
  }

  void SetNumbered(uint64_t n, std::string_view value) {
    tenant_.Set(integer_keys_ ? store::Key::FromInteger(n) : *store::Key::FromBytes(NameOf(n)),
                value);
  }

  std::vector<uint32_t> RandomOrder() const {
    std::mt19937_64 random(2);
    std::uniform_int_distribution<uint32_t> pick(0, static_cast<uint32_t>(key_count_ - 1));
    std::vector<uint32_t> order(plan_.LookupsAt(key_count_));
    for (uint32_t& n : order) n = pick(random);
    return order;
  }

  // No batch has a key twice.
  std::vector<uint32_t> OrderOfDistinctKeys(size_t batch_keys) const {
    std::mt19937_64 random(3);
    std::vector<uint32_t> all(key_count_);
    std::iota(all.begin(), all.end(), 0);
    std::vector<uint32_t> order;
    while (order.size() < plan_.LookupsAt(key_count_)) {
      // A shuffle that stops after as many.
      for (size_t i = 0; i < batch_keys; ++i) {
        std::uniform_int_distribution<size_t> pick(i, all.size() - 1);
        std::swap(all[i], all[pick(random)]);
        order.push_back(all[i]);
      }
    }
    order.resize(plan_.LookupsAt(key_count_));
    return order;
  }

  // From here on, C++'s loops and JavaScript's use the keys in this order.
  void UseOrder(std::vector<uint32_t> order, size_t batch_keys) {
    integers_ = std::move(order);
    batch_keys_ = batch_keys;
    expected_sum_ = expected_loop_ = 0;
    for (const uint32_t n : integers_) {
      expected_sum_ += words_[n];
      expected_loop_ += n;
    }
    if (!integer_keys_) NameIntegers();
    const store::Key key = *store::Key::FromBytes("order");
    tenant_.Set(key, std::string_view(reinterpret_cast<const char*>(integers_.data()),
                                      integers_.size() * sizeof(uint32_t)));
    tenant_.Call("setup", {integer_keys_ ? "integer" : "string", std::to_string(batch_keys_)});
    tenant_.store().Delete(key);
  }

  // The strings' bytes lie in memory in the order of their use.
  void NameIntegers() {
    string_bytes_.clear();
    strings_.clear();
    for (const uint32_t n : integers_) string_bytes_ += NameOf(n);
    const size_t length = string_bytes_.size() / lookups();
    for (size_t i = 0; i < lookups(); ++i) {
      strings_.push_back(std::string_view(string_bytes_).substr(i * length, length));
    }
  }

  // The sum of `visit(header, slot, key length)` over all keys.
  template <typename Sum, typename Visit>
  double SumNatively(const Visit& visit) const {
    const layout::StoreHeader* header = header_;
    Sum sum = 0;
    if (integer_keys_) {
      for (const uint32_t key : integers_) {
        const layout::Slot* slot =
            store::FindIntegerSlot(header, key, layout::HashInteger(*header, key));
        if (slot != nullptr) sum += visit(header, slot, uint64_t{0});
      }
    } else {
      for (const std::string_view key : strings_) {
        const layout::Slot* slot =
            store::FindBytesSlot(header, key, layout::HashBytes(*header, key.data(), key.size()));
        if (slot != nullptr) sum += visit(header, slot, static_cast<uint64_t>(key.size()));
      }
    }
    return static_cast<double>(sum);
  }

  double ReadNatively(const std::string& builtin) const {
    if (builtin == "HTHas") {
      return SumNatively<uint64_t>([](auto*, auto*, uint64_t) { return 1; });
    }
    if (builtin == "HTLength") {
      return SumNatively<uint64_t>(
          [](auto*, auto* slot, uint64_t) { return store::ValueLength(slot->value_word); });
    }
    if (builtin == "HTGetFloat64") {
      return SumNatively<double>([](auto* header, auto* slot, uint64_t key_length) {
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
      return SumNatively<uint64_t>([&buffer](auto* header, auto* slot, uint64_t key_length) {
        std::memcpy(&buffer, store::ValueIn(header, slot->value_word, key_length).data(),
                    kValueBytes);
        // The whole copy is wanted, not the first word alone.
        asm volatile("" : "+m"(buffer));
        return buffer.words[0];
      });
    }
    return SumNatively<uint64_t>(FirstWord);
  }

  // What HTGetMany does, key by key.
  double GatherNatively(std::vector<uint32_t>* out) const {
    const layout::StoreHeader* header = header_;
    uint32_t* next = out->data();
    uint64_t sum = 0;
    for (const uint32_t key : integers_) {
      const layout::Slot* slot =
          store::FindIntegerSlot(header, key, layout::HashInteger(*header, key));
      if (slot != nullptr) sum += * next = static_cast<uint32_t>(FirstWord(header, slot, 0));
      ++next;
    }
    return static_cast<double>(sum);
  }

  // As scalar as JavaScript's.
  double WalkNatively() const {
    uint64_t sum = 0;
    if (integer_keys_) {
#pragma clang loop vectorize(disable)
      for (const uint32_t n : integers_) sum += n;
    } else {
      for (const std::string_view key : strings_) sum += static_cast<uint8_t>(key.front());
    }
    return static_cast<double>(sum);
  }

  double ExpectedOf(const std::string& builtin) const {
    if (builtin == "HTHas") return static_cast<double>(lookups());
    if (builtin == "HTLength") return static_cast<double>(lookups() * kValueBytes);
    return static_cast<double>(expected_sum_);
  }

  CompiledLoop* AddLoop(const LoopSource& source, CompiledLoop::Lookups lookups) {
    loops_.push_back(std::make_unique<CompiledLoop>(&tenant_, source, lookups));
    return loops_.back().get();
  }

  // A case that runs over all keys in one invocation.
  size_t AddLoopCase(std::vector<Case>* cases, const LoopSource& source,
                     CompiledLoop::Lookups lookups, std::function<void(double)> check,
                     double argument = 0) {
    CompiledLoop* loop = AddLoop(source, lookups);
    cases->push_back({source.name,
                      [loop, argument] { return loop->RunAll(argument); },
                      std::move(check),
                      loop,
                      {}});
    return cases->size() - 1;
  }

  std::function<void(double)> MustEqual(const std::string& name, double expected) const {
    return [=](double result) {
      if (result != expected) {
        Fail(name + " gave " + std::to_string(result) + ", but " + std::to_string(expected) +
             " is right");
      }
    };
  }

  LoopSource EmptyLoop(const std::string& name) const {
    return {name, kHtgetWalkJs, integer_keys_ ? "walkIntegers" : "walkStrings"};
  }

  std::function<void(double)> MustWalkAll() const {
    const uint64_t sum = integer_keys_ ? expected_loop_ : string_bytes_.size();
    return MustEqual("the empty loop", static_cast<int32_t>(static_cast<uint32_t>(sum)));
  }

  void MeasureReads() {
    std::vector<Case> cases;
    std::vector<Measured> measured;
    cases.push_back({"the empty native loop", [this] { return WalkNatively(); }, {}, nullptr, {}});
    AddLoopCase(&cases, EmptyLoop("walk"), CompiledLoop::Lookups::kCalled, MustWalkAll());

    for (const Reader& reader : Readers()) {
      const std::string& builtin = reader.builtin;
      if (!plan_.Has(builtin)) continue;
      const double expected = ExpectedOf(builtin);
      cases.push_back({builtin + ", native",
                       [this, builtin] { return ReadNatively(builtin); },
                       MustEqual(builtin + ", native", expected),
                       nullptr,
                       {}});
      measured.push_back({builtin, "native", 0, kNativeLoop});
      const auto add = [&](const std::string& name, const std::string& function,
                           CompiledLoop::Lookups lookups) {
        std::string library = builtin + "_" + name;
        std::replace(library.begin(), library.end(), '-', '_');
        AddLoopCase(&cases, {library, kHtgetReadsJs, function}, lookups,
                    MustEqual(library, expected));
        measured.push_back({builtin, name, 0, kJsLoop});
      };
      if (CanInline()) add("inlined", reader.loop, CompiledLoop::Lookups::kInlined);
      add("called", reader.loop, CompiledLoop::Lookups::kCalled);
      if (!reader.callback_number.empty()) {
        add("callback-number", reader.callback_number, CompiledLoop::Lookups::kCalled);
      }
      if (!reader.callback_buffer.empty()) {
        add("callback-buffer", reader.callback_buffer, CompiledLoop::Lookups::kCalled);
      }
    }

    std::vector<uint32_t> gathered;
    if (integer_keys_ && plan_.Has("HTGetMany")) {
      gathered.resize(lookups());
      const double expected = static_cast<double>(expected_sum_);
      cases.push_back({"HTGetMany, native",
                       [this, &gathered] { return GatherNatively(&gathered); },
                       MustEqual("HTGetMany, native", expected),
                       nullptr,
                       {}});
      measured.push_back({"HTGetMany", "native", 0, kNativeLoop});
      for (const size_t keys_per_call : {kBatchKeys, lookups()}) {
        const std::string name = "HTGetMany_" + std::to_string(keys_per_call);
        AddLoopCase(&cases, {name, kHtgetManyJs, "gather", false, kBatchKeys},
                    CompiledLoop::Lookups::kInlined, MustEqual(name, expected),
                    static_cast<double>(keys_per_call));
        measured.push_back({"HTGetMany", "prefetched", keys_per_call, kJsLoop});
      }
    }
    if (!measured.empty()) Measure(&cases, measured, lookups());
  }

  // Calls of Store::Scan that a whole scan takes; adds the keys that are seen.
  uint64_t ScanNatively(uint64_t* seen) const {
    uint64_t steps = 0;
    uint64_t cursor = 0;
    do {
      cursor =
          tenant_.store().Scan(cursor, engine::kKeysPerScan, [seen](std::string_view) { ++*seen; });
      ++steps;
    } while (cursor != 0);
    return steps;
  }

  // Whole scans, as many as visit as many keys as other cases look up, but one at least.
  void MeasureScan() {
    const uint64_t scans = std::max<uint64_t>(1, lookups() / key_count_);
    uint64_t seen = 0;
    const uint64_t steps = scans * ScanNatively(&seen);
    const auto check = MustEqual("HTScan", static_cast<double>(scans * key_count_));
    std::vector<Case> cases;
    cases.push_back({"the native loop without scans",
                     [steps] {
                       for (uint64_t i = 0; i < steps; ++i) asm volatile("");
                       return 0;
                     },
                     {},
                     nullptr,
                     {}});
    const auto add = [&](const std::string& function, std::function<void(double)> check_one) {
      AddLoopCase(&cases, {function, kHtgetScanJs, function, false, /*sample_argument=*/100},
                  CompiledLoop::Lookups::kCalled, std::move(check_one), static_cast<double>(steps));
    };
    add("scanNothing", MustEqual("the loop without scans", 0));
    cases.push_back({"HTScan, native",
                     [this, scans] {
                       uint64_t keys = 0;
                       for (uint64_t i = 0; i < scans; ++i) ScanNatively(&keys);
                       return static_cast<double>(keys);
                     },
                     check,
                     nullptr,
                     {}});
    add("scan", check);
    Measure(&cases, {{"HTScan", "native", 0, kNativeLoop}, {"HTScan", "callback", 0, kJsLoop}},
            scans * key_count_);
  }

  // Cases that write run in invocations of batch_keys_ keys each, the native one in transactions of
  // as many. The sum of what `write_batch(from, to)` returns.
  template <typename WriteBatch>
  double SumBatches(const WriteBatch& write_batch) {
    double sum = 0;
    for (size_t from = 0; from < lookups(); from += batch_keys_) {
      sum += write_batch(from, std::min(from + batch_keys_, lookups()));
    }
    return sum;
  }

  template <typename Write>
  double WriteNatively(size_t from, size_t to, const Write& write) {
    store::Store& store = tenant_.store();
    double sum = 0;
    store::Transaction transaction(&store);
    for (size_t i = from; i < to; ++i) {
      sum += write(store, integer_keys_ ? store::Key::FromInteger(integers_[i])
                                        : *store::Key::FromBytes(strings_[i]));
    }
    transaction.Commit();
    return sum;
  }

  template <typename Write>
  double WriteAllNatively(const Write& write) {
    return SumBatches([&](size_t from, size_t to) { return WriteNatively(from, to, write); });
  }

  void AddBatchCase(std::vector<Case>* cases, const std::string& name, const LoopSource& source,
                    const Writer& writer) {
    CompiledLoop* loop = AddLoop(source, CompiledLoop::Lookups::kCalled);
    cases->push_back({name,
                      [this, loop, writer] {
                        const double argument = writer.begin();
                        return SumBatches([&](size_t from, size_t to) {
                          const double sum = loop->RunBatch(from / batch_keys_, argument);
                          if (writer.after_batch) writer.after_batch(from, to);
                          return sum;
                        });
                      },
                      writer.check,
                      loop,
                      {}});
  }

  // The loops' own cost, transactions and invocations included.
  void AddEmptyBatchCases(std::vector<Case>* cases, const std::string& name) {
    cases->push_back(
        {"empty native transactions",
         [this] { return WriteAllNatively([](auto&, const store::Key&) { return 1; }); },
         {},
         nullptr,
         {}});
    LoopSource source = EmptyLoop(name);
    source.writes = true;
    Writer nothing;
    nothing.begin = [] { return 0; };
    AddBatchCase(cases, name, source, nothing);
  }

  // `native` is one repetition of the same in C++.
  void MeasureWriter(const Writer& writer, std::function<double()> native) {
    const std::string& builtin = writer.builtin;
    std::vector<Case> cases;
    AddEmptyBatchCases(&cases, "empty_" + builtin);
    cases.push_back({builtin + ", native", std::move(native), writer.check, nullptr, {}});
    const auto add = [&](const std::string& name, const std::string& function) {
      AddBatchCase(&cases, builtin + ", " + name,
                   {builtin + "_" + name, kHtgetWritesJs, function, true, writer.sample_argument},
                   writer);
    };
    add("called", writer.loop);
    add("callback", writer.callback);
    Measure(&cases,
            {{builtin, "native", 0, kNativeLoop},
             {builtin, "called", 0, kJsLoop},
             {builtin, "callback", 0, kJsLoop}},
            lookups());
  }

  void MeasureSet() {
    // Each repetition writes another number, which must be what every key has afterwards.
    double number = 0;
    Writer writer;
    writer.builtin = "HTSet";
    writer.loop = "set";
    writer.callback = "setByCallback";
    writer.begin = [&number] { return ++number; };
    writer.check = [this, &number](double) {
      MustEqual("HTSet", number * static_cast<double>(lookups()))(SumNatively<uint64_t>(FirstWord));
    };
    MeasureWriter(writer, [this, &number] {
      char value[kValueBytes] = {};
      const auto word = static_cast<uint32_t>(++number);
      std::memcpy(value, &word, sizeof word);
      return WriteAllNatively([&value](store::Store& store, const store::Key& key) {
        return store.Set(key, {value, kValueBytes}) == store::WriteStatus::kOk;
      });
    });
  }

  // As INCRBY does it.
  static double Increment(store::Store& store, const store::Key& key) {
    uint64_t count = 0;
    if (const auto text = store.Get(key)) {
      std::from_chars(text->data(), text->data() + text->size(), count);
    }
    char digits[20];
    const auto [end, status] = std::to_chars(digits, digits + sizeof digits, ++count);
    store.Set(key, std::string_view(digits, end), store::Expiry::Keep());
    return static_cast<double>(count);
  }

  void MeasureAdd() {
    for (uint64_t n = 0; n < key_count_; ++n) SetNumbered(n, std::to_string(kFirstCount));
    Writer writer;
    writer.builtin = "HTAdd";
    writer.loop = "add";
    writer.callback = "addByCallback";
    writer.begin = [] { return 1; };
    writer.sample_argument = 0;
    double runs = 0;
    writer.check = [&runs](double) { ++runs; };
    MeasureWriter(writer, [this] { return WriteAllNatively(Increment); });
    // Each repetition of each case has added 1 for each occurrence of a key.
    const double added = SumOfCounts() - static_cast<double>(kFirstCount * key_count_);
    MustEqual("HTAdd", runs * static_cast<double>(lookups()))(added);
  }

  double SumOfCounts() const {
    uint64_t sum = 0;
    for (uint64_t n = 0; n < key_count_; ++n) {
      const std::string name = NameOf(n);
      const auto text = tenant_.store().Get(integer_keys_ ? store::Key::FromInteger(n)
                                                          : *store::Key::FromBytes(name));
      uint64_t count = 0;
      if (text) std::from_chars(text->data(), text->data() + text->size(), count);
      sum += count;
    }
    return static_cast<double>(sum);
  }

  void MustHoldKeys(uint64_t count) const {
    MustEqual("the table's number of keys",
              static_cast<double>(count))(static_cast<double>(tenant_.store().key_count()));
  }

  // A batch that was deleted, and nothing else.
  void PutBack(size_t from, size_t to) {
    MustHoldKeys(key_count_ - (to - from));
    for (size_t i = from; i < to; ++i) SetToItsWord(integers_[i]);
  }

  // What is deleted has been written long before, and is put back while no time is taken: the
  // deletions find the caches as the other cases do.
  void MeasureDelete() {
    Fill();
    const uint64_t batch_keys = std::clamp<uint64_t>(key_count_ / kKeysPerDeleted, 1, kBatchKeys);
    UseOrder(OrderOfDistinctKeys(batch_keys), batch_keys);
    Writer writer;
    writer.builtin = "HTDelete";
    writer.loop = "remove";
    writer.callback = "removeByCallback";
    writer.begin = [this] {
      // A loop that was compiled has deleted the sample, the first batch.
      if (tenant_.store().key_count() != key_count_) {
        Untimed([this] { PutBack(0, std::min(batch_keys_, lookups())); });
      }
      return 0;
    };
    writer.check = [this](double deleted) {
      MustEqual("HTDelete", static_cast<double>(lookups()))(deleted);
      MustHoldKeys(key_count_);
    };
    writer.after_batch = [this](size_t from, size_t to) {
      Untimed([=, this] { PutBack(from, to); });
    };
    MeasureWriter(writer, [this, writer] {
      writer.begin();
      return SumBatches([&](size_t from, size_t to) {
        const double deleted = WriteNatively(
            from, to, [](store::Store& store, const store::Key& key) { return store.Delete(key); });
        writer.after_batch(from, to);
        return deleted;
      });
    });
  }

  // Runs the cases, the loops' own first and then those of `measured`, and adds the latter's rows.
  // A repetition of each works on so many keys.
  void Measure(std::vector<Case>* cases, const std::vector<Measured>& measured, uint64_t keys) {
    RunInTurns(cases, plan_.warm_ups(), plan_.repetitions());
    const auto per_key = [keys](double ns) { return ns / static_cast<double>(keys); };
    for (size_t i = 0; i < measured.size(); ++i) {
      const Measured& one = measured[i];
      const Spread spread = SpreadOf((*cases)[kLoops + i].ns);
      const double loop_ns = per_key(SpreadOf((*cases)[one.empty_loop].ns).median);
      nlohmann::json row = {{"builtin", one.builtin},
                            {"case", one.name},
                            {"keys", key_count_},
                            {"keyKind", integer_keys_ ? "integer" : "string"},
                            {"medianNs", per_key(spread.median) - loop_ns},
                            {"minNs", per_key(spread.min) - loop_ns},
                            {"maxNs", per_key(spread.max) - loop_ns},
                            {"loopNs", loop_ns}};
      if (one.keys_per_call != 0) row["keysPerCall"] = one.keys_per_call;
      rows_.push_back(row);
    }
  }

  const Plan& plan_;
  const uint64_t key_count_;
  const bool integer_keys_;
  BenchTenant tenant_;
  const layout::StoreHeader* header_ = tenant_.store().header();
  std::vector<std::unique_ptr<CompiledLoop>> loops_;
  std::vector<uint32_t> words_;
  uint64_t expected_sum_ = 0;
  uint64_t expected_loop_ = 0;
  std::vector<uint32_t> integers_;
  size_t batch_keys_ = 0;
  std::string string_bytes_;
  std::vector<std::string_view> strings_;
  nlohmann::json rows_ = nlohmann::json::array();
};

}  // namespace

const std::vector<std::string>& HtgetBuiltins() {
  static const std::vector<std::string> builtins = {
      "HTGet", "HTHas", "HTLength", "HTGetUint32", "HTGetFloat64", "HTView",
      "HTSet", "HTAdd", "HTDelete", "HTScan",      "HTGetMany"};
  return builtins;
}

nlohmann::json RunHtget(const HtgetOptions& options) {
  Plan plan{options.sizes, options.builtins, options.quick};
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
      for (nlohmann::json& row : TableBench(&engine, plan, key_count, integer_keys).Run()) {
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace shredder::bench
