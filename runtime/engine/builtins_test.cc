// The differential test: what the builtins answer is what Store::Get answers, over random writes,
// every kind and representation of key, growth and expiry; and the header's counter proves that the
// builtins answered alone.
#include <cstring>

#include "runtime/engine/builtins_test_support.h"

namespace shredder::engine {
namespace {

// Of so many lookups, those that optimised code did itself are not counted; without those, each is.
void ExpectAnsweredAlone(uint64_t counted, uint64_t lookups) {
  if (InlinesLookups()) {
    EXPECT_LE(counted, lookups);
  } else {
    EXPECT_EQ(counted, lookups);
  }
}

constexpr char kLibrary[] = R"js(
const elements = [0, 1, 2, 7, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1];

// What every builtin answers for every form of each key: `calls` lookups, `wrong` answers that
// differ from those for the first form, and `values`, the bytes read for the first form, null where
// the key is absent.
export function check(keys) {
  let calls = 0;
  const wrong = [], values = [];
  const expect = (what, key, actual, expected) => {
    calls++;
    if (Object.is(actual, expected)) return;
    wrong.push(`${what} ${key.slice(0, 40)}: ${actual}, not ${expected}`);
  };
  for (const key of keys) {
    const length = HTLength(key);
    const value = new Uint8Array(Math.max(length, 0));
    const copy = new Uint8Array(value.length);
    expect('first HTGet', key, HTGet(key, value), length);
    calls++;
    values.push(length < 0 ? null : value);
    const view = new DataView(value.buffer);
    const all = forms(key);
    for (const form in all) {
      const k = all[form];
      expect(`HTLength ${form}`, key, HTLength(k), length);
      expect(`HTHas ${form}`, key, HTHas(k), length >= 0);
      expect(`HTGet ${form}`, key, HTGet(k, copy.fill(0)), length);
      if (length < 65536 && copy.some((byte, i) => byte !== value[i])) {
        wrong.push(`bytes ${form} ${key}`);
      }
      for (const i of elements) {
        expect(`HTGetUint32 ${form} ${i}`, key, HTGetUint32(k, i),
               4 * i + 4 <= length ? view.getUint32(4 * i, true) : undefined);
        expect(`HTGetFloat64 ${form} ${i}`, key, HTGetFloat64(k, i),
               8 * i + 8 <= length ? view.getFloat64(8 * i, true) : undefined);
      }
    }
  }
  return [calls, wrong.slice(0, 10).join('; '), values];
}

// Writes each key: args[i] is the value, a character a byte, or none where it begins with '-'.
export function write(keys, args) {
  keys.forEach((key, i) => {
    if (args[i][0] === '-') HTDelete(key);
    else HTSet(key, Uint8Array.from(args[i].slice(1), (c) => c.charCodeAt(0)));
  });
}

// Reads the values of the keys 0 to 300, as long as their number and of bytes i * 7 + their number,
// into buffers of every kind: the first mistake, or an empty string.
export function buffers(_, [first, last]) {
  const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array,
                 Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array,
                 DataView, ArrayBuffer];
  const sizes = [0, 1, 2, 7, 8, 9, 16, 31, 33, 63, 64, 65, 127, 248, 255, 256, 257, 300, 320];
  for (let length = +first; length <= +last; length++) {
    for (const Kind of kinds) {
      const step = Kind.BYTES_PER_ELEMENT ?? 1;
      for (const size of sizes) {
        if (size % step !== 0) continue;
        // Its own memory, which is in V8's heap up to 64 bytes; then a part of a larger buffer.
        const own = Kind === DataView ? new DataView(new ArrayBuffer(size)) : new Kind(size / step);
        let mistake = read(length, own, size, 0, 0);
        if (mistake === '' && Kind !== ArrayBuffer) {
          const offset = step === 1 ? 1 + size % 8 : step;
          const memory = new Uint8Array(size + 32).fill(0xa5);
          const part = new Kind(memory.buffer, offset, size / step);
          mistake = read(length, part, size, offset, 0xa5);
        }
        if (mistake !== '') return `${Kind.name} of ${size}, value of ${length}: ${mistake}`;
      }
    }
  }
  return '';
}

function read(length, into, size, offset, canary) {
  const answer = HTGet(length, into);
  if (answer !== length) return `answered ${answer}`;
  // Only now: a typed array's own memory leaves V8's heap when its buffer is asked for.
  const memory = new Uint8Array(into instanceof ArrayBuffer ? into : into.buffer);
  for (let i = 0; i < memory.length; i++) {
    const at = i - offset;
    const inside = at >= 0 && at < size && at < length;
    const expected = inside ? (at * 7 + length) & 0xff : canary;
    if (memory[i] !== expected) return `byte ${at} is ${memory[i]}`;
  }
  return '';
}

// Sums the first words of the values of the keys `name(i)`, in a loop that is optimised.
function loop(name, n) {
  const into = new Uint32Array(4);
  let sum = 0, missing = 0;
  for (let i = 0; i < n; i++) {
    const key = name(i);
    if (HTGet(key, into) < 0) {
      missing++;
      continue;
    }
    sum += into[0];
    if (!HTHas(key) || HTLength(key) !== 16) return 'length differs at ' + i;
    if (HTGetUint32(key, 0) !== into[0]) return 'integer differs at ' + i;
    if (HTGetFloat64(key, 1) !== i) return 'float differs at ' + i;
  }
  return [sum, missing];
}
const names = {integer: (i) => i, double: (i) => i + 2 ** 40, string: (i) => 'key:' + i};

export function loops(_, [kind, n]) {
  %PrepareFunctionForOptimization(loop);
  loop(names[kind], 10);
  loop(names[kind], 10);
  %OptimizeFunctionOnNextCall(loop);
  const result = loop(names[kind], +n);
  return result;
}
export const isOptimised = () => (%GetOptimizationStatus(loop) & 64) !== 0;

// Whether a number of any bit pattern is a number in an array.
export function nans(_, [n]) {
  const numbers = [0.5, 1.5];
  function put(i) { numbers[i] = HTGetFloat64('nans', i); }
  %PrepareFunctionForOptimization(put);
  for (let i = 0; i < +n; i++) {
    if (i === 20) %OptimizeFunctionOnNextCall(put);
    put(i);
  }
  const float64 = Float64Array.from(numbers);
  return numbers.length === +n && Object.keys(numbers).length === +n &&
      numbers.every((x) => Number.isNaN(x)) && float64.every((x) => x !== x);
}
)js";

class BuiltinsTest : public TenantTest, public testing::WithParamInterface<uint64_t> {
 protected:
  BuiltinsTest() { tenant_.MustLoad(std::string(kKeyForms) + kLibrary); }

  // What the builtins say of the keys is what the store says, and the counter grows by every lookup
  // of an ASCII key and by none of the others.
  void Check(const std::vector<std::string>& keys) {
    for (const bool ascii : {true, false}) {
      std::vector<std::string> some;
      for (const std::string& key : keys) {
        if (IsAscii(key) == ascii) some.push_back(key);
      }
      const uint64_t before = tenant_.builtin_lookups();
      const Value reply = tenant_.Call("check", some);
      ASSERT_TRUE(std::holds_alternative<Array>(reply.data)) << Show(reply);
      const std::vector<Value>& parts = std::get<Array>(reply.data).items;
      ASSERT_EQ(Show(parts[1]), "\"\"");
      const auto calls = static_cast<uint64_t>(std::get<double>(parts[0].data));
      EXPECT_GE(calls, some.size() * 100);
      ExpectAnsweredAlone(tenant_.builtin_lookups() - before, ascii ? calls : 0);
      const std::vector<Value>& values = std::get<Array>(parts[2].data).items;
      ASSERT_EQ(values.size(), some.size());
      for (size_t i = 0; i < some.size(); ++i) {
        const auto expected = tenant_.store().Get(store::KeyOf(some[i]));
        const Bytes* actual = std::get_if<Bytes>(&values[i].data);
        ASSERT_EQ(actual != nullptr, expected.has_value()) << some[i].substr(0, 100);
        if (expected) {
          ASSERT_TRUE(actual->bytes == *expected) << some[i].substr(0, 100);
        }
      }
    }
  }
};

class BuiltinsModelTest : public BuiltinsTest {
 protected:
  BuiltinsModelTest() : model_(&tenant_.store(), GetParam()) {}

  // Some writes by HTSet and HTDelete in one invocation.
  void WriteThere() {
    std::vector<std::string> keys, args;
    for (int i = 0; i < 100; ++i) {
      keys.push_back(model_.RandomKey());
      if (model_.Below(4) == 0) {
        model_.Delete(keys.back());
        args.push_back("-");
      } else {
        std::string value = model_.RandomValue().substr(0, 5'000);
        args.push_back("=" + AsCharacters(value));
        model_.Set(keys.back(), std::move(value));
      }
    }
    ASSERT_EQ(tenant_.ShowCall("write", keys, args), "null");
  }

  StoreModel model_;
};

TEST_P(BuiltinsModelTest, AnswerWhatTheStoreAnswers) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  for (int batch = 0; batch < 8; ++batch) {
    for (int i = 0; i < 4'000; ++i) model_.WriteToStore(model_.RandomKey());
    WriteThere();
    model_.PassTime(40);
    std::vector<std::string> keys;
    for (int i = 0; i < 60; ++i) keys.push_back(model_.RandomKey());
    model_.CompareWithStore(keys);
    Check(keys);
    if (HasFatalFailure()) return;
  }
  model_.CompareWithStore(SpecialKeys());
  Check(SpecialKeys());
  EXPECT_EQ(tenant_.store().CheckInvariants(), "");
  // It has grown through splits of segments and doublings of the directory.
  EXPECT_GT(tenant_.store().key_count(), 10'000u);
  EXPECT_LE(tenant_.store().header()->directory_shift, 64u - 4);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BuiltinsModelTest, testing::Values(1, 2, 3));

TEST_F(BuiltinsTest, AnswerForEveryKeyWhileTheTableGrows) {
  // After every few keys, so that each state of a splitting segment and a doubling directory is
  // seen.
  int checks = 0;
  for (uint64_t i = 0; i < 8'000; ++i) {
    tenant_.Set(KeyText(i), std::to_string(i));
    if (i % 1'000 != 999) continue;
    std::vector<std::string> keys;
    for (uint64_t j = i % 97; j <= i + 100; j += 97) keys.push_back(KeyText(j));
    Check(keys);
    ++checks;
  }
  EXPECT_EQ(checks, 8);
}

TEST_F(BuiltinsTest, AnswerForKeysThatExpireUnderTheirClock) {
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 48; ++i) {
    keys.push_back(KeyText(i));
    ASSERT_EQ(
        tenant_.store().Set(store::KeyOf(keys.back()), "value", store::Expiry::At(kNowMs + 1 + i)),
        store::WriteStatus::kOk);
  }
  for (const uint64_t later : {0, 1, 2, 20, 47, 48, 100}) {
    tenant_.store().SetNow(kNowMs + later);
    Check(keys);
  }
  // Back in time they are there again: nothing was removed by reading.
  tenant_.store().SetNow(kNowMs);
  EXPECT_EQ(tenant_.store().Get(store::KeyOf(keys[0])), "value");
  Check(keys);
}

TEST_F(BuiltinsTest, CopyIntoBuffersOfEveryKind) {
  for (int length = 0; length <= 300; ++length) {
    std::string value(static_cast<size_t>(length), '\0');
    for (int i = 0; i < length; ++i) {
      value[static_cast<size_t>(i)] = static_cast<char>(i * 7 + length);
    }
    tenant_.Set(std::to_string(length), value);
  }
  EXPECT_EQ(tenant_.ShowCall("buffers", {}, {"0", "300"}), "\"\"");
}

TEST_F(BuiltinsTest, CopyLargeValues) {
  std::string large(5 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  tenant_.Set("large", large);
  tenant_.MustLoad(
      "export const get = (_, [size, from]) => { const b = new Uint8Array(+size + 1).fill(7); "
      "const n = HTGet('large', b.subarray(0, +size)); return [n, b.subarray(+from)]; };");
  EXPECT_EQ(tenant_.ShowCall("get", {}, {"5242880", "5242870"}),
            "[5242880, \"" + large.substr(5'242'870) + "\7\"]");
  EXPECT_EQ(tenant_.ShowCall("get", {}, {"1000003", "999999"}),
            "[5242880, \"" + large.substr(999'999, 4) + "\7\"]");
  EXPECT_EQ(tenant_.ShowCall("get", {}, {"6000000", "5999999"}), "[5242880, \"\7\7\"]");
}

TEST_F(BuiltinsTest, AnswerFromOptimisedLoops) {
  constexpr uint64_t kLookups = 100'000;
  std::mt19937_64 random(7);
  const struct {
    const char* kind;
    std::string (*name)(uint64_t);
  } kinds[] = {
      {"integer", [](uint64_t i) { return std::to_string(i); }},
      {"double", [](uint64_t i) { return std::to_string(i + (1ull << 40)); }},
      {"string", [](uint64_t i) { return "key:" + std::to_string(i); }},
  };
  for (const auto& [kind, name] : kinds) {
    double sum = 0;
    uint64_t missing = 0;
    for (uint64_t i = 0; i < kLookups; ++i) {
      if (i % 10 == 9) {
        ++missing;
        continue;
      }
      const auto word = static_cast<uint32_t>(random());
      const auto number = static_cast<double>(i);
      std::string value(16, '\0');
      std::memcpy(value.data(), &word, sizeof word);
      std::memcpy(value.data() + 8, &number, sizeof number);
      tenant_.Set(name(i), value);
      sum += word;
    }
    const uint64_t before = tenant_.builtin_lookups();
    EXPECT_EQ(tenant_.ShowCall("loops", {}, {kind, std::to_string(kLookups)}),
              "[" + Show(Value{sum}) + ", " + std::to_string(missing) + "]")
        << kind;
    // Five lookups for each key that is there, one for each that is missing; the two times ten of
    // the warm-up as well.
    ExpectAnsweredAlone(tenant_.builtin_lookups() - before,
                        (kLookups - missing) * 5 + missing + 2 * (9 * 5 + 1));
    EXPECT_EQ(tenant_.ShowCall("isOptimised"), "true") << kind;
  }
}

TEST_F(BuiltinsTest, ReadNumbersOfAnyBitPattern) {
  std::vector<uint64_t> patterns = {0xFFF7FFFF'FFF7FFFF,  // V8's hole in an array of doubles
                                    0x7FF7FFFF'FFF7FFFF, 0x7FF00000'00000001, 0x7FF80000'00000000,
                                    0xFFF80000'00000000, 0xFFF00000'00000001, 0x7FFFFFFF'FFFFFFFF,
                                    0xFFFFFFFF'FFFFFFFF, 0xFFF7FFFF'FFFFFFFF, 0x7FF4DEAD'BEEF0000};
  while (patterns.size() < 1'000) patterns.push_back(patterns[patterns.size() % 10]);
  tenant_.Set("nans", std::string(reinterpret_cast<const char*>(patterns.data()),
                                  patterns.size() * sizeof(uint64_t)));
  EXPECT_EQ(tenant_.ShowCall("nans", {}, {"1000"}), "true");
}

TEST_F(BuiltinsTest, SeeTheirOwnInvocationsWrites) {
  tenant_.MustLoad(
      "export function f() { const b = new Uint8Array(8); let n = 0;\n"
      "  for (let i = 0; i < 20_000; i++) {\n"
      "    HTSet(i % 5000, new Uint32Array([i]));\n"
      "    if (HTGetUint32(i % 5000, 0) !== i || HTGet(String(i % 5000), b) !== 4) return 'lost';\n"
      "    if (i % 3 === 0) { HTDelete('' + i % 5000); if (HTHas(i % 5000)) return 'there'; n++; "
      "}\n"
      "  }\n"
      "  return n; }");
  EXPECT_EQ(tenant_.ShowCall("f"), "6667");
  EXPECT_EQ(tenant_.store().CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::engine
