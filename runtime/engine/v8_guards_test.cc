// Faults of V8 that are known to be exploited, and that patches of ours close: what met them must
// behave as the language says, interpreted and optimised. docs/security.md lists them.
#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

class V8GuardsTest : public TenantTest {};

// CVE-2023-3079. The store site has seen an arguments object by a name and an array that grows.
TEST_F(V8GuardsTest, ShowsNoHoleInAnArgumentsObjectThatGrows) {
  tenant_.MustLoad(R"(
const put = (target, key, value) => { target[key] = value; };
function grow() {
  const length = arguments.length;
  for (let i = 0; i < 10; i++) put(arguments, 'note', i);
  put([], 0, 'element');
  put(arguments, length, 'appended');
  const seen = [];
  for (let i = 0; i < 16; i++) {
    const value = arguments[length + i];
    seen.push(value === undefined ? 'undefined' : value);
  }
  return [seen, Object.keys(arguments), arguments.length];
}
export function f(_, [optimise]) {
  %PrepareFunctionForOptimization(put);
  const first = JSON.stringify(grow(1, 2));
  if (optimise === 'yes') %OptimizeFunctionOnNextCall(put);
  const second = JSON.stringify(grow(1, 2));
  return first === second ? first : [first, second];
})");
  std::string undefined;
  for (int i = 1; i < 16; ++i) undefined += ",\"undefined\"";
  const std::string expected = "\"[[\"appended\"" + undefined + R"(],["0","1","2","note"],2]")";
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"no"}), expected);
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"yes"}), expected);
}

// The same in optimised code, which takes its mode from all the maps that a site has seen.
TEST_F(V8GuardsTest, ShowsNoHoleWhereOptimisedCodeStoresToBoth) {
  tenant_.MustLoad(R"(
function argumentsOf() { return arguments; }
export function f() {
  // A function of its own each time: no store has been seen by its site.
  const seen = [];
  for (const length of [0, 1, 4, 17, 30]) {
    const put = (target, key, value) => { target[key] = value; };
    %PrepareFunctionForOptimization(put);
    const values = Array.from({length}, (_, i) => i);
    put(argumentsOf(...values), 'note', 1);
    put([], 0, 'element');
    put(argumentsOf(...values, 'last'), length, 'within');
    %OptimizeFunctionOnNextCall(put);
    const target = argumentsOf(...values);
    put(target, length, 'appended');
    for (let i = length + 1; i < length + 40; i++) if (target[i] !== undefined) seen.push([length, i]);
    seen.push(target[length]);
    put(target, 0, 'first');
    seen.push(target[0]);
  }
  return seen.join(' ');
})");
  std::string expected = "\"appended first";
  for (int i = 1; i < 5; ++i) expected += " appended first";
  EXPECT_EQ(tenant_.ShowCall("f"), expected + "\"");
}

// CVE-2023-4762. The same of a site that has seen names and an array, but no element of arguments.
TEST_F(V8GuardsTest, ShowsNoHoleWhereOptimisedCodeHasSeenNoElementOfArguments) {
  tenant_.MustLoad(R"(
class Named {}
function argumentsOf() { return arguments; }
function strictArgumentsOf() { 'use strict'; return arguments; }
export function f() {
  const seen = [];
  for (const of of [argumentsOf, strictArgumentsOf]) {
    for (const length of [0, 3]) {
      const put = (target, key, value) => { target[key] = value; };
      const values = Array.from({length}, (_, i) => i);
      %EnsureFeedbackVectorForFunction(put);
      put(new Named(), 'note', 1);
      put(of(...values), 'note', 1);
      put([], 0, 'element');
      %PrepareFunctionForOptimization(put);
      %OptimizeFunctionOnNextCall(put);
      const target = of(...values);
      put(target, length, 'appended');
      for (let i = length + 1; i < length + 40; i++) if (target[i] !== undefined) seen.push([length, i]);
      seen.push(target[length], target.length);
    }
  }
  return seen.join(' ');
})");
  EXPECT_EQ(tenant_.ShowCall("f"), R"("appended 0 appended 3 appended 0 appended 3")");
}

// CVE-2024-0519.
TEST_F(V8GuardsTest, LeavesNoRoomThatItsMapKnowsNothingOfWhenAPropertyIsDeleted) {
  tenant_.MustLoad(R"(
const add = (o, value) => { o.late = value; o.later = -value; return o; };
const make = (count) => {
  const o = {};
  for (let i = 0; i < count; i++) o['p' + i] = i;
  return o;
};
const sum = (o) => { let sum = 0; for (const key in o) sum += o[key]; return sum; };
export function f(_, [optimise]) {
  const wrong = [];
  for (let count = 0; count < 24; count++) {
    const expected = count * (count - 1) / 2;
    for (let round = 0; round < 8; round++) {
      %PrepareFunctionForOptimization(add);
      add(make(count), 1);
      if (optimise === 'yes') %OptimizeFunctionOnNextCall(add);
      const o = add(make(count), round);
      delete o.later;
      if (sum(o) !== expected + round || 'later' in o) wrong.push([count, round, 'deleted']);
      delete o.late;
      add(o, 7);
      if (sum(o) !== expected || o.late !== 7 || o.later !== -7) wrong.push([count, round, 'added']);
    }
  }
  return wrong;
}
export function representation() {
  const o = make(9);
  const before = %HasFastProperties(o);
  delete o.p8;
  return [before, %HasFastProperties(o)];
})");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"no"}), "[]");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"yes"}), "[]");
  EXPECT_EQ(tenant_.ShowCall("representation"), "[true, false]");
}

// CVE-2024-5274. A function is compiled again from what the parser has kept of it, its inner
// functions are not.
TEST_F(V8GuardsTest, LaysOutAContextAlikeWhenAFunctionIsCompiledAgain) {
  tenant_.MustLoad(R"(
const outer = function () {
  let first = 'first', second = 'second';
  function read() { return [first, second]; }
  function write() { first = 'written'; }
  (parameter = class { static { this; } }) => {};
  return {read, write};
};
export function f() {
  const call = () => {
    const {read, write} = outer();
    write();
    return [read, read()];
  };
  const [read, before] = call();
  %ForceFlush(outer);
  const [, after] = call();
  return [before, after, read()];
}
const make = function () { return (made = class { static { this.it = this; } }) => made; };
export const own = () => make.call({it: 'not this'})().it.name;
)");
  EXPECT_EQ(tenant_.ShowCall("f"),
            R"([["written", "second"], ["written", "second"], ["written", "second"]])");
  EXPECT_EQ(tenant_.ShowCall("own"), "\"made\"");
}

// CVE-2025-13223. The fifth property of a literal is the first in the property array, and each
// third after it finds the array full.
constexpr char kExtend[] = R"(
const extend = (pointer, double, small, any, turn) => {
  const o = {a: 0, b: 0, c: 0, d: 0};
  if (turn) o.pointer = pointer; else o.pointer = double;
  o.double = double;
  o.small = small;
  o.any = any;
  o.double2 = double + 1;
  o.pointer2 = pointer;
  o.more = turn;
  o.last = pointer;
  return o;
};
const show = (o) => Object.keys(o).slice(4).map((key) => {
  const value = o[key];
  return typeof value === 'object' ? value.id : String(value);
}).join(' ');
// A number in a box, integral or not.
const boxed = (value) => { const box = [value, 0.5]; return box[0]; };
const thing = {id: 'thing'};
)";

TEST_F(V8GuardsTest, CopiesPropertyArraysByTheRepresentationOfFields) {
  tenant_.MustLoad(std::string(kExtend) + R"(
export function f(_, [optimise]) {
  %PrepareFunctionForOptimization(extend);
  for (let i = 0; i < 4; i++) {
    extend(thing, 0.5, 1, 'text', true);
    extend(thing, 0.5, 1, i, true);
  }
  if (optimise === 'yes') %OptimizeFunctionOnNextCall(extend);
  const made = [];
  for (const number of [0.5, 1, -1, 2 ** 30, 2 ** 31, 0, -0, NaN]) {
    made.push(extend(thing, boxed(number), 1, number, true));
    made.push(extend(thing, boxed(number), 1, number, false));
    made.push(extend(number, number, 1, thing, true));
  }
  // What fields hold changes in place, under objects that exist and code that made them.
  made.push(extend(1, 2, thing, 0.5, 'turn'));
  return made.map(show).join('; ');
})");
  std::string expected;
  const auto add = [&expected](const std::string& text) {
    expected += (expected.empty() ? "" : "; ") + text;
  };
  const struct {
    const char* number;
    const char* next;
  } kNumbers[] = {{"0.5", "1.5"},
                  {"1", "2"},
                  {"-1", "0"},
                  {"1073741824", "1073741825"},
                  {"2147483648", "2147483649"},
                  {"0", "1"},
                  {"0", "1"},
                  {"NaN", "NaN"}};
  for (const auto& [number, next] : kNumbers) {
    const std::string n = number, m = next;
    add("thing " + n + " 1 " + n + " " + m + " thing true thing");
    add(n + " " + n + " 1 " + n + " " + m + " thing false thing");
    add(n + " " + n + " 1 thing " + m + " " + n + " true " + n);
  }
  add("1 2 thing 0.5 3 1 turn 1");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"no"}), "\"" + expected + "\"");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"yes"}), "\"" + expected + "\"");
}

// Code that copies a field as a pointer is thrown away when the field comes to hold anything.
TEST_F(V8GuardsTest, DependsOnTheRepresentationOfTheFieldsThatItCopies) {
  tenant_.MustLoad(R"(
const add = (o) => { o.added = 1; return o; };
const make = (value) => {
  const o = {a: 0, b: 0, c: 0, d: 0};
  o.e = value;
  o.f = value;
  o.g = value;
  return o;
};
const optimised = () => (%GetOptimizationStatus(add) & 16) !== 0;
export function f() {
  const thing = {id: 1};
  %PrepareFunctionForOptimization(add);
  add(make(thing));
  add(make(thing));
  %OptimizeFunctionOnNextCall(add);
  add(make(thing));
  const before = optimised();
  // The maps stay as they are; what their fields may hold does not.
  const number = make(1);
  const after = optimised();
  const o = add(number);
  return [before, after, o.e + o.f + o.g, o.added];
})");
  EXPECT_EQ(tenant_.ShowCall("f"), "[true, false, 3, 1]");
}

// CVE-2024-7965, which arm64 alone shows. Two phis of nested loops, each an input of the other, and
// of one a value whose upper half is not zero.
TEST_F(V8GuardsTest, ExtendsPhisOfNestedLoopsToSixtyFourBits) {
  tenant_.MustLoad(R"(
const walk = (bytes, rounds, depth, negative) => {
  let a = 0, b = 0, sum = 0;
  for (let i = 0; i < rounds; i++) {
    for (let j = 0; j < depth; j++) {
      if (bytes[j] > 100) b = a; else a = b;
      if (bytes[j] === 7) a = negative ? -1 : 5;
    }
    sum += (b >>> 0) + (a >>> 0);
    const at = bytes[(b >>> 0)];
    sum += at === undefined ? 0.25 : at;
    if (bytes[i] === 9) a = bytes[i + 1] - 300;
  }
  return sum;
};
export function f(_, [optimise]) {
  const inputs = [];
  let state = 1;
  for (let n = 0; n < 40; n++) {
    const bytes = new Uint8Array(12);
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      bytes[i] = [7, 9, 101, 200, 3, 150][(state >>> 16) % 6];
    }
    inputs.push(bytes);
  }
  %PrepareFunctionForOptimization(walk);
  const all = () => inputs.map((bytes, i) => walk(bytes, 11, 12, i % 2 === 1)).join(' ');
  let result = all();
  if (optimise === 'yes') {
    %OptimizeFunctionOnNextCall(walk);
    result = all();
    result = all();
  }
  return result;
})");
  EXPECT_EQ(tenant_.ShowCall("f", {}, {"yes"}), tenant_.ShowCall("f", {}, {"no"}));
}

}  // namespace
}  // namespace shredder::engine
