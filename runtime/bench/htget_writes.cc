// htget's cases that write, in invocations of the table's batches of keys each, the native ones in
// transactions of as many.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runtime/bench/htget_cases.h"
#include "runtime/bench/javascript.h"
#include "runtime/store/transaction.h"

namespace shredder::bench {

namespace {

// Of the table's keys, one of so many at most is deleted at a time: no segment gets sparse enough
// to shrink.
constexpr uint64_t kKeysPerDeleted = 8;
// What counters start from: of as many digits as they end with.
constexpr uint64_t kFirstCount = 1'000'000'000;

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

class WriteBench {
 public:
  WriteBench(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows)
      : table_(table), plan_(plan), rows_(rows) {}

  void MeasureSet() {
    // Each repetition writes another number, which must be what every key has afterwards.
    double number = 0;
    Writer writer;
    writer.builtin = "HTSet";
    writer.loop = "set";
    writer.callback = "setByCallback";
    writer.begin = [&number] { return ++number; };
    writer.check = [this, &number](double) {
      MustEqual("HTSet", number * static_cast<double>(table_->lookups()))(
          table_->SumNatively<uint64_t>(FirstWord));
    };
    Measure(writer, [this, &number] {
      char value[kValueBytes] = {};
      const auto word = static_cast<uint32_t>(++number);
      std::memcpy(value, &word, sizeof word);
      return WriteAllNatively([&value](store::Store& store, const store::Key& key) {
        return store.Set(key, {value, kValueBytes}) == store::WriteStatus::kOk;
      });
    });
  }

  void MeasureAdd() {
    for (uint64_t n = 0; n < table_->key_count(); ++n) table_->Set(n, std::to_string(kFirstCount));
    Writer writer;
    writer.builtin = "HTAdd";
    writer.loop = "add";
    writer.callback = "addByCallback";
    writer.begin = [] { return 1; };
    writer.sample_argument = 0;
    double runs = 0;
    writer.check = [&runs](double) { ++runs; };
    Measure(writer, [this] { return WriteAllNatively(Increment); });
    // Each repetition of each case has added 1 for each occurrence of a key.
    const double added = SumOfCounts() - static_cast<double>(kFirstCount * table_->key_count());
    MustEqual("HTAdd", runs * static_cast<double>(table_->lookups()))(added);
  }

  // What is deleted has been written long before, and is put back while no time is taken: the
  // deletions find the caches as the other cases do.
  void MeasureDelete() {
    table_->Fill();
    table_->UseOrderOfDistinctKeys(
        std::clamp<uint64_t>(table_->key_count() / kKeysPerDeleted, 1, kBatchKeys));
    Writer writer;
    writer.builtin = "HTDelete";
    writer.loop = "remove";
    writer.callback = "removeByCallback";
    writer.begin = [this] {
      // A loop that was compiled has deleted the sample, the first batch.
      if (table_->store().key_count() != table_->key_count()) {
        Untimed([this] { PutBack(0, std::min(table_->batch_keys(), table_->lookups())); });
      }
      return 0;
    };
    writer.check = [this](double deleted) {
      MustEqual("HTDelete", static_cast<double>(table_->lookups()))(deleted);
      MustHoldKeys(table_->key_count());
    };
    writer.after_batch = [this](size_t from, size_t to) {
      Untimed([=, this] { PutBack(from, to); });
    };
    Measure(writer, [this, writer] {
      writer.begin();
      return SumBatches([&](size_t from, size_t to) {
        const double deleted = WriteNatively(
            from, to, [](store::Store& store, const store::Key& key) { return store.Delete(key); });
        writer.after_batch(from, to);
        return deleted;
      });
    });
  }

 private:
  // The sum of what `write_batch(from, to)` returns.
  template <typename WriteBatch>
  double SumBatches(const WriteBatch& write_batch) {
    double sum = 0;
    for (size_t from = 0; from < table_->lookups(); from += table_->batch_keys()) {
      sum += write_batch(from, std::min(from + table_->batch_keys(), table_->lookups()));
    }
    return sum;
  }

  template <typename Write>
  double WriteNatively(size_t from, size_t to, const Write& write) {
    store::Store& store = table_->store();
    double sum = 0;
    store::Transaction transaction(&store);
    for (size_t i = from; i < to; ++i) sum += write(store, table_->KeyAt(i));
    transaction.Commit();
    return sum;
  }

  template <typename Write>
  double WriteAllNatively(const Write& write) {
    return SumBatches([&](size_t from, size_t to) { return WriteNatively(from, to, write); });
  }

  // A case in JavaScript that does so in batches.
  Case BatchCase(const std::string& name, const LoopSource& source, const Writer& writer) {
    CompiledLoop* loop = table_->Compile(source, CompiledLoop::Lookups::kCalled);
    return {name,
            [this, loop, writer] {
              const double argument = writer.begin();
              return SumBatches([&](size_t from, size_t to) {
                const double sum = loop->RunBatch(from / table_->batch_keys(), argument);
                if (writer.after_batch) writer.after_batch(from, to);
                return sum;
              });
            },
            writer.check,
            loop,
            {}};
  }

  // The loop's own cost, transactions and invocations included.
  Case EmptyBatchCase(const std::string& name) {
    LoopSource source = table_->WalkingLoop(name);
    source.writes = true;
    Writer nothing;
    nothing.begin = [] { return 0; };
    return BatchCase(name, source, nothing);
  }

  // `native` is one repetition of the same in C++.
  void Measure(const Writer& writer, std::function<double()> native) {
    const std::string& builtin = writer.builtin;
    HtgetCases cases(
        NativeCase("empty native transactions",
                   [this] { return WriteAllNatively([](auto&, const store::Key&) { return 1; }); }),
        EmptyBatchCase("empty_" + builtin));
    cases.Add(builtin, "native", NativeCase(builtin + ", native", std::move(native), writer.check));
    const auto add = [&](const std::string& name, const std::string& function) {
      cases.Add(
          builtin, name,
          BatchCase(builtin + ", " + name,
                    {builtin + "_" + name, kHtgetWritesJs, function, true, writer.sample_argument},
                    writer));
    };
    add("called", writer.loop);
    add("callback", writer.callback);
    cases.Measure(*table_, plan_, table_->lookups(), rows_);
  }

  static double Increment(store::Store& store, const store::Key& key) {
    using Limits = std::numeric_limits<int64_t>;
    int64_t count = 0;
    store.AddToCounter(key, 1, Limits::min(), Limits::max(), &count);
    return static_cast<double>(count);
  }

  double SumOfCounts() const {
    uint64_t sum = 0;
    for (uint64_t n = 0; n < table_->key_count(); ++n) {
      const auto text = table_->Get(n);
      uint64_t count = 0;
      if (text) std::from_chars(text->data(), text->data() + text->size(), count);
      sum += count;
    }
    return static_cast<double>(sum);
  }

  void MustHoldKeys(uint64_t count) const {
    MustEqual("the table's number of keys",
              static_cast<double>(count))(static_cast<double>(table_->store().key_count()));
  }

  // A batch that was deleted, and nothing else.
  void PutBack(size_t from, size_t to) {
    MustHoldKeys(table_->key_count() - (to - from));
    for (size_t i = from; i < to; ++i) table_->SetToItsWord(table_->integers()[i]);
  }

  HtgetTable* const table_;
  const HtgetPlan& plan_;
  nlohmann::json* const rows_;
};

}  // namespace

void MeasureWrites(HtgetTable* table, const HtgetPlan& plan, nlohmann::json* rows) {
  WriteBench bench(table, plan, rows);
  if (plan.Has("HTSet")) bench.MeasureSet();
  if (plan.Has("HTAdd")) bench.MeasureAdd();
  if (plan.Has("HTDelete")) bench.MeasureDelete();
}

}  // namespace shredder::bench
