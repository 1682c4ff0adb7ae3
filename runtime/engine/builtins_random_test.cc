// Random calls of the builtins from functions that V8 interprets, optimises and deoptimises,
// between writes, expiry, growth and garbage. Each answer is compared with a model of the store.
//
// SHREDDER_TEST_CALLS is the number of calls, SHREDDER_TEST_SEED the seed; a failure names both the
// seed and the call.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <optional>

#include "runtime/engine/builtins_random_answers.h"
#include "runtime/engine/builtins_random_program.h"
#include "runtime/engine/builtins_test_support.h"

namespace shredder::engine {
namespace {

std::string Replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

class BuiltinsRandomTest : public TenantTest {
 protected:
  static constexpr size_t kSites = 48;
  static constexpr size_t kForms = 15;
  static constexpr uint64_t kHotKeys = 200;
  static constexpr uint64_t kBufferKinds[] = {1, 1, 1, 2, 4, 4, 8, 8, 1, 1};
  static constexpr size_t kArrayBuffer = std::size(kBufferKinds) - 1;
  // How a count makes keys of its counter.
  static constexpr const char* kCountKeys[] = {"i", "i + 2 ** 40", "'key:' + i", "String(i)"};
  // What the getters of a view read, by their numbers in the program; after them comes byteLength.
  static constexpr std::string (*kGetters[])(const std::string& bytes, uint64_t offset,
                                             bool is_little) = {
      ElementOfBytes<int8_t>,   ElementOfBytes<uint8_t>, ElementOfBytes<int16_t>,
      ElementOfBytes<uint16_t>, ElementOfBytes<int32_t>, ElementOfBytes<uint32_t>,
      ElementOfBytes<float>,    ElementOfBytes<double>,  ElementOfBytes<int64_t>,
      ElementOfBytes<uint64_t>};

  // A place in the code that calls a builtin.
  struct Site {
    const Builtin* builtin;
    // Keys mostly come in one form, which the optimiser relies on.
    size_t form;
    // Where the key is a constant of the code.
    std::optional<std::string> constant;
  };

  BuiltinsRandomTest()
      : TenantTest(MorePatient()),
        seed_(NumberFromEnvironment("SHREDDER_TEST_SEED", 20'260)),
        model_(&tenant_.store(), seed_) {}

  // Some of V8's flags make everything slow by far.
  static EngineOptions MorePatient() {
    EngineOptions options = Patient();
    options.deadline_ms = 3'600'000;
    options.load_deadline_ms = 3'600'000;
    return options;
  }

  bool OneIn(uint64_t n) { return model_.Below(n) == 0; }
  template <typename T, size_t kSize>
  const T& OneOf(const T (&items)[kSize]) {
    return items[model_.Below(kSize)];
  }

  // Half of the calls and writes are for few keys, which are mostly there.
  std::string RandomKey() {
    return OneIn(2) ? KeyText(model_.Below(kHotKeys)) : model_.RandomKey();
  }

  // Loads new code for all sites.
  void LoadSites() {
    sites_.clear();
    std::string code = std::string(kKeyForms) + "const bad = [";
    for (const Bad& bad : kBadKeys) code += std::string(bad.code) + ", ";
    for (const Bad& bad : kBadIndexes) code += std::string(bad.code) + ", ";
    for (const Bad& bad : kBadBuffers) code += std::string(bad.code) + ", ";
    for (const Bad& bad : kBadTexts) code += std::string(bad.code) + ", ";
    for (const Bad& bad : kBadDeltas) code += std::string(bad.code) + ", ";
    for (const OddOffset& odd : kOddOffsets) code += std::string(odd.bad.code) + ", ";
    code += "];\nconst refused = [\n";
    for (const Bad& bad : kRefused) {
      code += "  [" + Quoted(bad.code) + ", () => " + bad.code + ", '" + bad.thrown + "'],\n";
    }
    code += "];\nconst sites = [\n";
    for (size_t i = 0; i < kSites; ++i) {
      Site site{&Builtins()[model_.Below(Builtins().size())], model_.Below(kForms), std::nullopt};
      std::string constant;
      if (OneIn(8)) {
        site.constant = KeyText(model_.Below(kHotKeys));
        // A number where it may be one.
        const bool integer = store::KeyOf(*site.constant).is_integer() && OneIn(2);
        constant = "k = " + (integer ? *site.constant : Quoted(*site.constant)) + "; ";
      }
      const Use& use = OneOf(kUses);
      const std::string body =
          constant + Replaced(use.code, "$", std::string("(") + site.builtin->code + ")");
      code += "(() => {\n  const call = (k, a) => { " + body + " };\n" +
              "  const loop = (ks, as, kindOf) => { const out = [];\n" +
              "    for (let i = 0; i < ks.length; i++) {\n" +
              "      try { out.push(call(ks[i], as[i])); } catch (e) { out.push(kindOf(e)); } }\n" +
              "    return out; };\n  const counts = [";
      for (const char* key : kCountKeys) {
        code += std::string("(first, n, a, kindOf) => { const out = [];\n") +
                "    for (let i = first; i < first + n; i++) {\n      try { out.push(call(" + key +
                ", a)); } catch (e) { out.push(kindOf(e)); } }\n    return out; },\n    ";
      }
      code += "];\n  return {call, loop, counts, use: " + std::string(use.function) +
              ", text: " + Quoted(body) + "};\n})(),\n";
      sites_.push_back(std::move(site));
    }
    tenant_.MustLoad(code + "];\nfor (const site of sites) %NeverOptimizeFunction(site.use);\n" +
                     kRunner);
  }

  // Where each table begins in the library's `bad`.
  static constexpr size_t kFirstBadIndex = std::size(kBadKeys);
  static constexpr size_t kFirstBadBuffer = kFirstBadIndex + std::size(kBadIndexes);
  static constexpr size_t kFirstBadText = kFirstBadBuffer + std::size(kBadBuffers);
  static constexpr size_t kFirstBadDelta = kFirstBadText + std::size(kBadTexts);
  static constexpr size_t kFirstOddOffset = kFirstBadDelta + std::size(kBadDeltas);
  static std::string BadArgument(size_t i) { return "{\"bad\":" + std::to_string(i) + "}"; }

  // One call: the arguments as JSON, and what must come of it.
  struct Call {
    std::string key;
    std::string argument = "0";
    std::string answer;
    std::string memory = "null";
  };

  Call RandomCall(const Site& site) {
    Call call;
    const uint64_t bad = model_.Below(40);
    char thrown = 0;
    const auto refuse = [&](const auto& table, size_t base) {
      const size_t i = model_.Below(std::size(table));
      thrown = table[i].thrown;
      return BadArgument(base + i);
    };
    std::string key = site.constant ? *site.constant : RandomKey();
    // The longest take long, and are few all the same.
    if (key.size() > 1'000 && !OneIn(50)) key = "0";
    if (bad == 0 && !site.constant) {
      call.key = refuse(kBadKeys, 0);
    } else if (bad == 1 && !site.constant) {
      key = "0";
      call.key = "-0";
    } else {
      const size_t form = OneIn(8) ? model_.Below(kForms) : site.form;
      call.key = "{\"key\":" + Quoted(key) + ",\"form\":" + std::to_string(form) + "}";
    }

    Arguments with;
    std::optional<Buffer> buffer;
    switch (site.builtin->second) {
      case Builtin::Second::kNone:
        break;
      case Builtin::Second::kIndex:
        if (bad == 2) {
          call.argument = refuse(kBadIndexes, kFirstBadIndex);
        } else {
          with.number = RandomIndex();
          call.argument = NumberArgument(static_cast<int64_t>(with.number));
        }
        break;
      case Builtin::Second::kBuffer:
        if (bad == 2) {
          call.argument = refuse(kBadBuffers, kFirstBadBuffer);
        } else {
          buffer = RandomBuffer(&call.argument);
          with.buffer = &*buffer;
        }
        break;
      case Builtin::Second::kText:
        if (bad == 2) {
          call.argument = refuse(kBadTexts, kFirstBadText);
        } else {
          with.text = RandomText(&call.argument);
        }
        break;
      case Builtin::Second::kOffset:
        if (bad < 4) {
          const size_t i = model_.Below(std::size(kOddOffsets));
          call.argument = BadArgument(kFirstOddOffset + i);
          with.number = kOddOffsets[i].offset;
          with.thrown = kOddOffsets[i].bad.thrown;
        } else {
          with.number = OneIn(20) ? RandomIndex() : model_.Below(60);
          call.argument = NumberArgument(static_cast<int64_t>(with.number));
        }
        break;
      case Builtin::Second::kDelta:
        if (bad == 2) {
          call.argument = refuse(kBadDeltas, kFirstBadDelta);
        } else {
          with.delta = RandomDelta();
          call.argument = NumberArgument(with.delta);
        }
        break;
    }
    call.answer = thrown != 0 ? Throws(thrown) : site.builtin->answer(model_, key, with);
    if (buffer) call.memory = std::to_string(Digest(buffer->memory));
    return call;
  }

  // A number as a small integer, where it may be one, or not.
  std::string NumberArgument(int64_t number) {
    return OneIn(4) ? Float64(static_cast<double>(number)) : Integer(number);
  }

  int64_t RandomDelta() {
    const int64_t size = OneIn(10)  ? kMaxSafeInteger - static_cast<int64_t>(model_.Below(3))
                         : OneIn(4) ? static_cast<int64_t>(model_.Below(1ull << 53))
                                    : static_cast<int64_t>(model_.Below(1'000));
    return OneIn(2) ? -size : size;
  }

  uint64_t RandomIndex() {
    switch (model_.Below(8)) {
      case 0:
        return (1ull << 53) - 1 - model_.Below(3);
      case 1:
        return (1ull << (28 + model_.Below(25))) + model_.Below(3) - 1;
      default:
        return model_.Below(50);
    }
  }

  Buffer RandomBuffer(std::string* json) {
    const size_t kind = model_.Below(std::size(kBufferKinds));
    const uint64_t step = kBufferKinds[kind];
    const std::string value = model_.RandomValue().substr(0, OneIn(10) ? 5'000 : 80);
    const std::string bytes = value.substr(0, value.size() / step * step);
    const bool whole = kind == kArrayBuffer || OneIn(2);
    const size_t offset = whole ? 0 : step * model_.Below(16);
    *json = "{\"kind\":" + std::to_string(kind) +
            ",\"offset\":" + (whole ? "-1" : std::to_string(offset)) +
            ",\"bytes\":" + Quoted(AsCharacters(bytes)) + "}";
    Buffer buffer{bytes, offset, bytes.size()};
    if (!whole) {
      buffer.memory = std::string(offset, '\xa5') + bytes + std::string(8, '\xa5');
    }
    return buffer;
  }

  std::string RandomText(std::string* json) {
    const std::string text = model_.RandomText();
    // Numbers are forms of keys alone.
    const uint64_t form = OneIn(2) ? 0 : 3 + model_.Below(kForms - 3);
    *json = "{\"key\":" + Quoted(text) + ",\"form\":" + std::to_string(form) + "}";
    return text;
  }

  // Adds one step; returns its number of calls.
  uint64_t AddStep(std::vector<std::string>* steps) {
    const size_t index = model_.Below(kSites);
    const Site& site = sites_[index];
    const std::string number = std::to_string(index);
    const auto add = [&](const char* name, uint64_t calls, std::vector<std::string> operands) {
      operands.insert(operands.begin(), {std::string("\"") + name + "\"", std::to_string(calls)});
      steps->push_back(Join(operands));
      return calls;
    };
    const uint64_t kind = model_.Below(100);
    if (kind < 2) return add("optimise", 0, {number, OneIn(2) ? "0" : "1"});
    if (kind < 3) return add("deoptimise", 0, {number});
    if (kind < 5) return add("garbage", 0, {std::to_string(model_.Below(200))});
    if (kind < 6) return add("fillNewSpace", 0, {});
    if (kind < 8) return AddHold(add);
    if (kind < 12 && !held_.empty()) return AddLook(add);
    if (kind < 13) {
      return add("stale", 1,
                 {std::to_string(model_.Below(1'000)),
                  std::to_string(model_.Below(std::size(kGetters) + 1))});
    }
    if (kind < 14) return OneIn(2) ? AddMany(add) : AddManyKeys(add);
    if (kind < 15) return add("refuse", 1, {std::to_string(model_.Below(std::size(kRefused)))});
    if (kind < 16) return add("scan", 1, {std::to_string(model_.Below(20)), "[]"});
    if (kind < 26) return AddLoop(site, number, add);
    if (kind < 30 && !site.constant) return AddCount(site, number, add);
    const Call call = RandomCall(site);
    return add("call", 1, {number, call.key, call.argument, call.answer, call.memory});
  }

  template <typename Add>
  uint64_t AddLoop(const Site& site, const std::string& number, const Add& add) {
    const uint64_t count = 1 + model_.Below(30);
    std::vector<std::string> keys, arguments, answers, memories;
    for (uint64_t i = 0; i < count; ++i) {
      const Call call = RandomCall(site);
      keys.push_back(call.key);
      arguments.push_back(call.argument);
      answers.push_back(call.answer);
      memories.push_back(call.memory);
    }
    return add("loop", count, {number, Join(keys), Join(arguments), Join(answers), Join(memories)});
  }

  template <typename Add>
  uint64_t AddCount(const Site& site, const std::string& number, const Add& add) {
    const uint64_t count = 1 + model_.Below(200);
    const uint64_t first = model_.Below(500);
    const size_t form = model_.Below(std::size(kCountKeys));
    std::string argument = "0";
    Arguments with;
    std::optional<Buffer> buffer;
    switch (site.builtin->second) {
      case Builtin::Second::kNone:
        break;
      case Builtin::Second::kIndex:
      case Builtin::Second::kOffset:
        with.number = model_.Below(40);
        argument = std::to_string(with.number);
        break;
      case Builtin::Second::kBuffer:
        buffer = RandomBuffer(&argument);
        with.buffer = &*buffer;
        break;
      case Builtin::Second::kText:
        with.text = RandomText(&argument);
        break;
      case Builtin::Second::kDelta:
        with.delta = RandomDelta();
        argument = NumberArgument(with.delta);
        break;
    }
    std::vector<std::string> answers;
    for (uint64_t i = first; i < first + count; ++i) {
      const std::string key = form == 1   ? std::to_string(i + (1ull << 40))
                              : form == 2 ? "key:" + std::to_string(i)
                                          : std::to_string(i);
      answers.push_back(site.builtin->answer(model_, key, with));
    }
    return add("count", count,
               {number, std::to_string(form), std::to_string(first), argument, Join(answers),
                buffer ? std::to_string(Digest(buffer->memory)) : "null"});
  }

  std::string KeyArgument(const std::string& key) {
    return "{\"key\":" + Quoted(key) + ",\"form\":" + std::to_string(model_.Below(kForms)) + "}";
  }

  template <typename Add>
  uint64_t AddHold(const Add& add) {
    const std::string key = KeyText(model_.Below(kHotKeys));
    const std::string* value = model_.Get(key);
    if (value != nullptr) held_.push_back(*value);
    return add("hold", 1, {KeyArgument(key), Boolean(value != nullptr)});
  }

  template <typename Add>
  uint64_t AddLook(const Add& add) {
    const size_t i = model_.Below(held_.size());
    const std::string& bytes = held_[i];
    const size_t getter = model_.Below(std::size(kGetters) + 1);
    const uint64_t offset = OneIn(2) ? model_.Below(bytes.size() + 10) : model_.Below(20);
    const bool is_little = OneIn(2);
    const std::string answer = getter < std::size(kGetters)
                                   ? kGetters[getter](bytes, offset, is_little)
                                   : Integer(static_cast<int64_t>(bytes.size()));
    return add("look", 1,
               {std::to_string(i), std::to_string(getter), std::to_string(offset),
                Boolean(is_little), answer});
  }

  template <typename Add>
  uint64_t AddMany(const Add& add) {
    const bool is_float64 = OneIn(2);
    const uint64_t field = OneIn(10) ? RandomIndex() : model_.Below(12);
    const uint64_t count = OneIn(20) ? model_.Below(500) : model_.Below(40);
    uint64_t found = 0;
    std::vector<std::string> keys, answers;
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t number = OneIn(8)   ? model_.Bits() >> 32
                              : OneIn(4) ? (1ull << (31 + model_.Below(2))) - 100 + model_.Below(20)
                                         : model_.Below(kHotKeys);
      const std::string key = std::to_string(number);
      keys.push_back(key);
      std::string answer = "7";
      if (is_float64) {
        if (const auto element = Element<double>(model_, key, field)) {
          answer = Float64(*element);
          ++found;
        }
      } else if (const auto element = Element<uint32_t>(model_, key, field)) {
        answer = Integer(*element);
        ++found;
      }
      answers.push_back(answer);
    }
    return add(
        "many", count + 1,
        {is_float64 ? "1" : "0", std::to_string(field), Join(keys), std::to_string(model_.Below(5)),
         std::to_string(model_.Below(3)), std::to_string(found), Join(answers)});
  }

  template <typename Add>
  uint64_t AddManyKeys(const Add& add) {
    const bool is_float64 = OneIn(2);
    const uint64_t field = OneIn(10) ? RandomIndex() : model_.Below(12);
    const uint64_t count = OneIn(20) ? model_.Below(200) : model_.Below(40);
    uint64_t found = 0;
    std::vector<std::string> keys, answers, sums;
    for (uint64_t i = 0; i < count; ++i) {
      std::string key = RandomKey();
      if (key.size() > 1'000 && !OneIn(50)) key = "0";
      keys.push_back(KeyArgument(key));
      std::string answer = "7";
      if (is_float64) {
        if (const auto element = Element<double>(model_, key, field)) answer = Float64(*element);
      } else if (const auto element = Element<uint32_t>(model_, key, field)) {
        answer = Integer(*element);
      }
      const std::string* value = model_.Get(key);
      const uint64_t bytes = is_float64 ? sizeof(double) : sizeof(uint32_t);
      if (value != nullptr && field < value->size() / bytes) ++found;
      answers.push_back(answer);
      int64_t sum = value == nullptr ? -1 : 0;
      if (value != nullptr) {
        for (const char c : *value) sum += static_cast<uint8_t>(c);
      }
      sums.push_back(Integer(sum));
    }
    return add("manyKeys", 2 * count + 2,
               {is_float64 ? "1" : "0", std::to_string(field), Join(keys), std::to_string(found),
                Join(answers), Join(sums)});
  }

  // Keys that are there now, as HTScan reports them: the hot ones, and some of the others.
  std::vector<std::string> SomeLiveKeys() {
    std::vector<std::string> keys;
    for (uint64_t i = 0; i < kHotKeys; ++i) keys.push_back(KeyText(i));
    for (int i = 0; i < 200; ++i) keys.push_back(model_.RandomKey());
    std::erase_if(keys, [this](const std::string& key) { return model_.Get(key) == nullptr; });
    return keys;
  }

  // One invocation of some steps, kept or undone; returns its number of calls.
  uint64_t Run(uint64_t first) {
    constexpr int kSteps = 150;
    const bool fails = OneIn(6);
    model_.Begin();
    held_.clear();
    std::vector<std::string> scanned;
    if (OneIn(4)) scanned = SomeLiveKeys();
    std::vector<std::string> steps;
    uint64_t calls = 0;
    for (int i = 0; i < kSteps; ++i) calls += AddStep(&steps);
    std::erase_if(scanned,
                  [this](const std::string& key) { return model_.deleted().contains(key); });
    if (!scanned.empty()) {
      for (std::string& key : scanned) {
        const bool integer = store::KeyOf(key).is_integer();
        key = integer ? key : Quoted(key);
      }
      steps.push_back(Join({"\"scan\"", "1", "0", Join(scanned)}));
    }
    const std::string reply =
        tenant_.ShowCall("run", {}, {Join(steps), std::to_string(first), fails ? "fails" : ""});
    if (fails) {
      model_.Rollback();
      EXPECT_THAT(reply, testing::HasSubstr("undone"));
    } else {
      model_.Commit();
      EXPECT_EQ(reply, "null");
    }
    EXPECT_EQ(tenant_.ShowCall("report"), "\"\"");
    return calls;
  }

  const uint64_t seed_;
  StoreModel model_;
  std::vector<Site> sites_;
  // What the views show that are held in the invocation that is being made.
  std::vector<std::string> held_;
};

TEST_F(BuiltinsRandomTest, AnswerRandomCallsAsTheModelDoes) {
  constexpr int kRunsOfALibrary = 12;
  const uint64_t calls = NumberFromEnvironment("SHREDDER_TEST_CALLS", 50'000);
  RecordProperty("calls", std::to_string(calls));
  SCOPED_TRACE("SHREDDER_TEST_SEED=" + std::to_string(seed_));
  std::printf("SHREDDER_TEST_SEED=%llu SHREDDER_TEST_CALLS=%llu\n",
              static_cast<unsigned long long>(seed_), static_cast<unsigned long long>(calls));
  uint64_t done = 0;
  for (int run = 0; done < calls; ++run) {
    if (run % kRunsOfALibrary == 0) LoadSites();
    for (int i = 0; i < 300; ++i) model_.WriteToStore(RandomKey());
    model_.PassTime(40);
    done += Run(done);
    if (HasFailure()) return;
  }
  model_.CompareAllWithStore();
  EXPECT_EQ(tenant_.store().CheckInvariants(), "");
  // What optimised code looks up itself is not counted.
  if (!InlinesLookups()) {
    EXPECT_GT(tenant_.builtin_lookups(), calls / 4);
  }
}

}  // namespace
}  // namespace shredder::engine
