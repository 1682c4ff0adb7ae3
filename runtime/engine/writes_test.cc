// HTSet, HTDelete and HTAdd: random writes of one invocation against a model in JavaScript, kept or
// undone, while views show what they have always shown; and that the store is whole after each.
#include <algorithm>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

constexpr char kLibrary[] = R"js(
// A small generator (xorshift), so that a run is named by its seed.
function generator(seed) {
  let x = seed * 2654435761 >>> 0 || 1;
  return (below) => { x ^= x << 13; x >>>= 0; x ^= x >>> 17; x ^= x << 5; x >>>= 0; return x % below; };
}
const keys = [];
for (let i = 0; i < 40; i++) keys.push(i, 'key:' + i, 'a longer key, which is not flat: ' + i, 'é' + i);
const sizes = [0, 1, 4, 7, 8, 9, 16, 24, 40, 63, 64, 65, 100, 200, 500, 992, 1000, 1008, 1016, 1024, 1100, 3000];

function bytesOf(random) {
  const bytes = new Uint8Array(sizes[random(sizes.length)]);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random(256);
  return bytes;
}
const counters = ['0', '9', '-1', '99', '-100', '999999999999999', '-999999999999999', '9007199254740991',
                  '1000000000000000', '12x', '-', '', '007', '-0', '9223372036854775807'];
const ascii = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (bytes) => String.fromCharCode(...bytes);

function read(key) {
  const length = HTLength(key);
  if (length < 0) return undefined;
  const bytes = new Uint8Array(length);
  HTGet(key, bytes);
  return bytes;
}
const same = (a, b) => a === undefined || b === undefined ? a === b : a.length === b.length && a.every((x, i) => x === b[i]);

function add(model, key, delta) {
  const old = model.get(key);
  const number = old === undefined ? 0n : /^(0|-?[1-9][0-9]*)$/.test(text(old)) ? BigInt(text(old)) : undefined;
  if (number === undefined || BigInt.asIntN(64, number) !== number) return 'TypeError';
  const sum = number + BigInt(delta);
  if (sum > 9007199254740991n || sum < -9007199254740991n) return 'RangeError';
  model.set(key, ascii(String(sum)));
  return Number(sum);
}

export function work(_, [seed, steps, takesViews, fails]) {
  const random = generator(+seed);
  const model = new Map();
  for (const key of keys) { const bytes = read(key); if (bytes) model.set(key, bytes); }
  const views = [];
  for (let step = 0; step < steps; step++) {
    const key = keys[random(keys.length)];
    switch (random(takesViews === 'true' ? 6 : 5)) {
      case 0: case 1: {
        const bytes = random(4) === 0 ? ascii(counters[random(counters.length)]) : bytesOf(random);
        HTSet(key, bytes);
        model.set(key, bytes);
        break;
      }
      case 2: {
        const there = HTDelete(key);
        if (there !== model.delete(key)) return `step ${step}: HTDelete ${key} said ${there}`;
        break;
      }
      case 3: case 4: {
        const delta = [0, 1, -1, 17, 1000000, -2147483648, 2147483647, 9007199254740991, -3e9][random(9)];
        if (random(2)) { const n = counters[random(8)]; HTSet(key, ascii(n)); model.set(key, ascii(n)); }
        let got;
        try { got = HTAdd(key, delta); } catch (e) { got = e.name; }
        const expected = add(model, key, delta);
        if (!Object.is(got, expected)) return `step ${step}: HTAdd ${key} ${delta} said ${got}, not ${expected}`;
        break;
      }
      case 5: {
        const view = HTView(key);
        if ((view !== undefined) !== model.has(key)) return `step ${step}: HTView ${key}`;
        if (view) views.push([view, model.get(key), key]);
        break;
      }
    }
    if (!same(read(key), model.get(key))) return `step ${step}: ${key} holds ${read(key)}, not ${model.get(key)}`;
    if (step % 16 === 0) {
      for (const [view, bytes, of] of views) {
        if (view.byteLength !== bytes.length) return `step ${step}: a view of ${of} has changed its length`;
        for (let i = 0; i < bytes.length; i++) {
          if (view.getUint8(i) !== bytes[i]) return `step ${step}: a view of ${of} has changed at ${i}`;
        }
      }
    }
  }
  for (const key of keys) if (!same(read(key), model.get(key))) return `in the end ${key} is wrong`;
  if (fails === 'true') throw new Error('undone');
  return '';
}
)js";

class WritesTest : public TenantTest {
 protected:
  std::string Contents() {
    std::vector<std::string> keys;
    uint64_t cursor = 0;
    do {
      cursor =
          tenant_.store().Scan(cursor, 100, [&](std::string_view key) { keys.emplace_back(key); });
    } while (cursor != 0);
    std::sort(keys.begin(), keys.end());
    std::string all;
    for (const std::string& key : keys) all += key + "=" + tenant_.Get(key) + "\n";
    return all;
  }
};

TEST_F(WritesTest, RandomWritesAreWhatAModelSaysAndAreUndoneWhenTheInvocationFails) {
  tenant_.MustLoad(kLibrary);
  for (int seed = 1; seed <= 60; ++seed) {
    const bool fails = seed % 2 == 0;
    const std::string before = Contents();
    const std::string reply = tenant_.ShowCall(
        "work", {},
        {std::to_string(seed), "400", seed % 3 == 0 ? "true" : "false", fails ? "true" : "false"});
    if (fails) {
      ASSERT_THAT(reply, testing::StartsWith("!ERR Error: undone")) << "seed " << seed;
      ASSERT_EQ(Contents(), before) << "seed " << seed;
    } else {
      ASSERT_EQ(reply, "\"\"") << "seed " << seed;
    }
    ASSERT_EQ(tenant_.store().CheckInvariants(), "") << "seed " << seed;
    // Others write between the invocations: expiries, and values that functions then meet.
    tenant_.Set("key:" + std::to_string(seed % 40), std::string(seed, 'x'));
    tenant_.store().SetExpiresAt(store::KeyOf("key:" + std::to_string(seed % 7)),
                                 kNowMs + (seed % 3 == 0 ? 1000 : 0));
  }
}

TEST_F(WritesTest, AFullQuotaRefusesAWriteAndChangesNothing) {
  Tenant small(&engine_, 1 << 20);
  ASSERT_EQ(small.Load(R"js(
export function fill() {
  HTSet('viewed', new Uint8Array(1));
  // From now on no value is overwritten in place.
  HTView('viewed');
  let i = 0, error;
  try { for (;; i++) HTSet('k' + i % 50, new Uint8Array(900).fill(i)); } catch (e) { error = e; }
  const last = new Uint8Array(1);
  HTGet('k' + i % 50, last);
  return [error.message.slice(0, 3), i > 50, last[0] === ((i - 50) & 255)];
}
)js"),
            "\"lib\"");
  EXPECT_EQ(small.ShowCall("fill"), "[\"OOM\", true, true]");
  EXPECT_EQ(small.store().CheckInvariants(), "");
}

}  // namespace
}  // namespace shredder::engine
