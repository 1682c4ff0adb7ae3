// The deadline ends what V8's own builtins do, however long a function has them run: over the
// length of an array-like, the count of a repetition, iterators that never end, text as large as
// the heap lets it be.
//
// One allocation larger than the heap is for huge_allocation_test.cc. Each case's overrun, the
// CPU time beyond its deadline, is a property of its test: see --gtest_output=json.
#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

constexpr std::chrono::milliseconds kDeadline{50};
constexpr char kDeadlineError[] =
    "!ERR function was terminated after its deadline of 50 ms of CPU time, its writes are undone";

// Ends the process where a case does not end, and says which.
class HangGuard {
 public:
  explicit HangGuard(std::string name)
      : name_(std::move(name)), thread_([this] {
          std::unique_lock lock(mutex_);
          if (done_.wait_for(lock, std::chrono::minutes(3), [this] { return is_done_; })) return;
          std::fprintf(stderr, "%s: the call has not ended three minutes after its start\n",
                       name_.c_str());
          std::abort();
        }) {}
  ~HangGuard() {
    {
      std::lock_guard lock(mutex_);
      is_done_ = true;
    }
    done_.notify_one();
    thread_.join();
  }

 private:
  const std::string name_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::thread thread_;
};

enum class Ends {
  kNever,  // by itself: only the deadline can
  kMaybe,  // within the deadline or not, with a result or an error, on this machine or another
};

struct Case {
  std::string name;
  std::string setup;  // the library's top level, which has time
  std::string body;   // the function's
  Ends ends = Ends::kMaybe;
};

struct Receiver {
  const char* name;
  const char* code;
};

// Of elements there is none, or one.
constexpr Receiver kReceivers[] = {
    {"array-like of 2**53 - 2", "({length: 2 ** 53 - 2})"},
    {"array-like of 2**32 - 1", "({length: 2 ** 32 - 1})"},
    {"sparse array", "Object.assign([], {5: 5, length: 2 ** 32 - 1})"},
    {"Proxy", "new Proxy({length: 2 ** 53 - 2}, {})"},
    {"array-like that inherits", "({length: 2 ** 53 - 2, __proto__: new Proxy({}, {})})"},
};

// Calls on a receiver, named by what is called; callbacks are builtins, for a call of JavaScript
// looks for interrupts.
constexpr const char* kArrayCalls[] = {
    "at(-1)",
    "concat(o)",
    "copyWithin(1, 0)",
    "copyWithin(0, 1)",
    "entries().next()",
    "every(Math.exp)",
    "fill(0)",
    "filter(Math.abs)",
    "find(Math.abs)",
    "findIndex(Math.abs)",
    "findLast(Math.abs)",
    "findLastIndex(Math.abs)",
    "flat(Infinity)",
    "flatMap(Math.abs)",
    "forEach(Math.abs)",
    "includes(1)",
    "indexOf(1)",
    "join('')",
    "lastIndexOf(1)",
    "map(Math.abs)",
    "pop()",
    "push(1)",
    "reduce(Math.min)",
    "reduceRight(Math.min, 0)",
    "reverse()",
    "shift()",
    "slice(0)",
    "slice(-(2 ** 32 - 1))",
    "some(Math.abs)",
    "splice(0, 1)",
    "splice(0, 2 ** 32 - 1)",
    "splice(0, 0, 1)",
    "toLocaleString()",
    "toReversed()",
    "toSpliced(0, 1)",
    "toString()",
    "unshift(1)",
    "with(0, 1)",
};

// Those that must find nothing, or nothing more, up to 2**53.
constexpr const char* kEndlessOnArrayLikes[] = {
    "copyWithin(1, 0)",
    "copyWithin(0, 1)",
    "every(Math.exp)",
    "find(Math.abs)",
    "findIndex(Math.abs)",
    "findLast(Math.abs)",
    "findLastIndex(Math.abs)",
    "forEach(Math.abs)",
    "includes(1)",
    "indexOf(1)",
    "lastIndexOf(1)",
    "reduceRight(Math.min, 0)",
    "reverse()",
    "shift()",
    "some(Math.abs)",
    "splice(0, 1)",
};

const Case kCases[] = {
    // --- Array-likes as arguments --------------------------------------------------------------
    {"Array.from(array-like)", "", "Array.from({length: 2 ** 32 - 1});"},
    {"Array.from(array-like, builtin)", "", "Array.from({length: 2 ** 32 - 1}, Math.abs);"},
    {"Array.from of another constructor", "", "Array.from.call(Object, {length: 2 ** 53 - 1});"},
    {"Array.from into a Proxy", "",
     "Array.from.call(function () { return new Proxy({}, {defineProperty: Object.is.bind(0, 1, 1)})"
     "; }, {length: 2 ** 31 - 1});",
     Ends::kNever},
    {"Array.from(array, its own push)", "",
     "const a = [1]; Array.from(a, Array.prototype.push.bind(a));", Ends::kNever},
    {"Array.of.apply", "", "Array.of.apply(null, {length: 2 ** 22});"},
    {"Array.apply", "", "Array.apply(null, {length: 2 ** 22});"},
    {"Function.prototype.apply", "", "Math.max.apply(null, {length: 2 ** 22});"},
    {"Function.prototype.apply of a sparse array", "",
     "const a = []; a[2 ** 22] = 1; Math.max.apply(null, a);"},
    {"Reflect.apply", "", "Reflect.apply(Math.max, null, {length: 2 ** 22});"},
    {"Reflect.apply of a Proxy", "",
     "Reflect.apply(Math.max, null, new Proxy({length: 2 ** 22}, {}));"},
    {"Reflect.construct", "", "Reflect.construct(Array, {length: 2 ** 22});"},
    {"concat of a spreadable array-like", "",
     "[].concat({length: 2 ** 32 - 1, [Symbol.isConcatSpreadable]: true});"},
    {"concat of a spreadable Proxy", "",
     "[].concat(new Proxy({length: 2 ** 32 - 1, [Symbol.isConcatSpreadable]: true}, {}));"},
    {"concat of sparse arrays", "const a = Object.assign([], {5: 5, length: 2 ** 31});",
     "a.concat(a, a, a);"},
    {"concat of holes", "const a = [1.5]; a[2 ** 20] = 2.5; const p = [1]; p.__proto__ = [0];",
     "p.concat(a, a, a);"},
    {"concat of a sparse array of many elements",
     "const a = []; for (let i = 0; i < 2 ** 17; i++) a[i * 9999] = i;", "a.concat(a);"},
    {"String.raw", "", "String.raw({raw: {length: 2 ** 53 - 1}});"},
    {"String.raw of empty strings", "",
     "String.raw({raw: new Proxy({length: 2 ** 53 - 1}, {get: Reflect.get.bind(null, {x: {length: "
     "2 ** 32 - 1, toString: String}}, 'x')})});"},
    {"String.raw of a sparse array", "",
     "String.raw({raw: Object.assign([], {length: 2 ** 32 - 1})});"},
    {"flat of many nested arrays", "let a = [1]; for (let i = 0; i < 20; i++) a = [a, a];",
     "a.flat(Infinity);"},
    {"flat of nested array-likes", "const a = Object.assign([], {length: 2 ** 32 - 1});",
     "[a, a].flat();", Ends::kNever},
    {"join of nested arrays", "let a = [1]; for (let i = 0; i < 22; i++) a = [a, a];", "a.join();"},
    {"join of numbers", "const a = new Array(2 ** 21).fill(1.1);", "a.join('');"},
    {"includes of sloppy arguments", "const f2 = new Array(10);",
     "return (function () { return Array.prototype.includes.call({__proto__: null, length: 2 ** 53 "
     "- 1}, 1); })();",
     Ends::kNever},
    {"includes of a dictionary that has accessors", "",
     "const a = Object.defineProperty([], 2 ** 32 - 3, {get: Math.random}); a.includes(2);"},
    {"indexOf of a dictionary that has accessors", "",
     "const a = Object.defineProperty([], 2 ** 32 - 3, {get: Math.random}); a.indexOf(2);"},
    {"includes of undefined in a full dictionary",
     "const a = []; for (let i = 0; i < 2 ** 18; i++) Object.defineProperty(a, i, {value: i, "
     "configurable: true});",
     "for (;;) a.includes(undefined);", Ends::kNever},
    {"fill of a sparse array", "", "Object.assign([], {length: 2 ** 32 - 1}).fill(0);"},
    // Longer ones end the process: the copy that is sorted is allocated at once.
    {"sort of an array-like", "", "Array.prototype.sort.call({length: 2 ** 22});"},
    {"sort of a Proxy by a builtin", "",
     "Array.prototype.sort.call(new Proxy({length: 2 ** 22}, {get: Reflect.get.bind(null, {x: 2 ** "
     "22}, 'x'), has: Object.is.bind(0, 1, 1), set: Object.is.bind(0, 1, 1)}), Math.max);"},
    {"toSorted of an array-like", "", "Array.prototype.toSorted.call({length: 2 ** 22});"},
    {"sort of a sparse array", "", "Object.assign([], {5: 5, length: 2 ** 32 - 1}).sort();"},
    {"toSorted of a sparse array", "", "Object.assign([], {5: 5, length: 2 ** 22}).toSorted();"},
    {"sort of numbers", "const a = Array.from({length: 2 ** 20}, Math.random);", "a.sort();"},
    {"sort by a builtin", "const a = Array.from({length: 2 ** 20}, Math.random);",
     "a.sort(Math.max);"},
    {"sort of long strings",
     "const s = 'x'.repeat(2 ** 20); const a = Array.from({length: 20}, (_, i) => s + i);",
     "for (;;) a.toSorted();", Ends::kNever},
    {"sort of a holey array", "const a = new Array(2 ** 21).fill('b'); a.length += 5;",
     "a.sort();"},
    {"toSorted by a builtin", "const a = Array.from({length: 2 ** 20}, Math.random);",
     "a.toSorted(Math.max);"},
    {"reduce of a large array", "const a = new Array(2 ** 21).fill(1);",
     "for (;;) a.reduce(Math.max);", Ends::kNever},
    {"methods of a large array", "const a = new Array(2 ** 21).fill(1.5);",
     "for (;;) { a.forEach(Math.abs); a.every(Math.abs); a.map(Math.abs); a.filter(Math.abs); "
     "a.includes(2); a.indexOf(2); a.lastIndexOf(2); a.find(Math.log); }"},
    {"splice of a large array", "const a = new Array(2 ** 21).fill(1.5);",
     "for (;;) { a.splice(5, 1, 1, 2); a.splice(5, 1); }", Ends::kNever},
    {"shift of a large array", "const a = new Array(2 ** 21).fill(1.5);",
     "for (;;) { a.push(a.shift()); }", Ends::kNever},
    {"unshift of a large array", "const a = new Array(2 ** 20).fill(1.5);",
     "for (;;) { a.unshift(1); a.pop(); }", Ends::kNever},

    // --- Iterators that never end --------------------------------------------------------------
    {"Array.from(iterator)", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Array.from(k());"},
    {"Array.from(iterator) into a Proxy",
     "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Array.from.call(function () { return new Proxy({}, {defineProperty: Object.is.bind(0, 1, 1)})"
     "; }, k());",
     Ends::kNever},
    {"spread of an iterator", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "[...k()];"},
    {"rest of an iterator", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "const [...rest] = k();"},
    {"spread into a call", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Math.max(...k());"},
    {"spread into a constructor",
     "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});", "new Array(...k());"},
    {"new Set(iterator)", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "new Set(k());"},
    {"new Set(iterator of one value)",
     "const k = () => Array.prototype.values.call({length: 2 ** 53 - 1});", "new Set(k());",
     Ends::kNever},
    {"new Map(iterator)", "const e = () => Array.prototype.entries.call({length: 2 ** 53 - 1});",
     "new Map(e());"},
    {"new Map with a builtin set",
     "const e = () => Array.prototype.entries.call({length: 2 ** 53 - 1});",
     "const set = Map.prototype.set; Map.prototype.set = Math.abs; try { new Map(e()); } finally { "
     "Map.prototype.set = set; }",
     Ends::kNever},
    {"new WeakSet(iterator)", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "new WeakSet(k());"},
    {"new WeakMap with a builtin set",
     "const e = () => Array.prototype.entries.call({length: 2 ** 53 - 1});",
     "WeakMap.prototype.set = Math.abs; new WeakMap(e());", Ends::kNever},
    {"Object.fromEntries(iterator)",
     "const e = () => Array.prototype.entries.call({length: 2 ** 53 - 1});",
     "Object.fromEntries(e());"},
    {"new Uint8Array(iterator)",
     "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});", "new Uint8Array(k());"},
    {"Uint8Array.from(iterator)",
     "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Uint8Array.from(k(), Math.abs);"},
    {"new AggregateError(iterator)",
     "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "new AggregateError(k());"},
    {"Promise.all", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Promise.all(k());"},
    {"Promise.allSettled", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Promise.allSettled(k());"},
    {"Promise.any", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Promise.any(k());"},
    {"Promise.race", "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1});",
     "Promise.race(k());"},
    {"Promise.race of a builtin then",
     "const k = () => Array.prototype.keys.call({length: 2 ** 53 - 1}); const resolve = "
     "Reflect.get.bind(null, {x: {then: Math.abs}}, 'x');",
     "class P extends Promise {} P.resolve = resolve; P.race(k());", Ends::kNever},

    // --- Microtasks that run builtins only -----------------------------------------------------
    {"thenable whose then is a builtin", "",
     "const t = {}; t.then = Array.prototype.forEach.bind([t]); return Promise.resolve(t);",
     Ends::kNever},
    {"thenable left over", "",
     "const t = {}; t.then = Array.prototype.forEach.bind([t]); Promise.resolve(t);", Ends::kNever},
    {"many reactions", "", "const p = Promise.resolve(1); for (;;) p.then(Math.abs);"},

    // --- Keys ----------------------------------------------------------------------------------
    {"Object.keys of a large array", "const a = new Array(2 ** 20).fill(1);",
     "for (;;) Object.keys(a);", Ends::kNever},
    {"Object.keys of a typed array", "const a = new Uint8Array(2 ** 20);",
     "for (;;) Object.keys(a);", Ends::kNever},
    {"Object.keys of a large typed array", "const a = new Uint8Array(2 ** 22);", "Object.keys(a);"},
    {"Object.keys of a string", "const s = 'x'.repeat(2 ** 20);", "for (;;) Object.keys(s);",
     Ends::kNever},
    {"Object.keys of a long string", "const s = 'x'.repeat(2 ** 22);", "Object.keys(s);"},
    {"Object.getOwnPropertyNames", "const a = new Array(2 ** 21).fill(1);",
     "Object.getOwnPropertyNames(a);"},
    {"Object.getOwnPropertyDescriptors of an array", "const a = new Array(2 ** 20).fill(1);",
     "Object.getOwnPropertyDescriptors(a);"},
    {"Object.getOwnPropertyDescriptors of a string", "const s = 'x'.repeat(2 ** 19);",
     "Object.getOwnPropertyDescriptors(s);"},
    {"Object.values of an array", "const a = new Array(2 ** 20).fill(1);",
     "for (;;) Object.values(a);", Ends::kNever},
    {"Object.entries of an array", "const a = new Array(2 ** 20).fill(1);", "Object.entries(a);"},
    {"Object.entries of doubles", "const a = new Array(2 ** 20).fill(1.5);", "Object.entries(a);"},
    {"Object.entries of a typed array", "const a = new Uint8Array(2 ** 20);", "Object.entries(a);"},
    {"Object.entries of a string", "const s = 'x'.repeat(2 ** 20);", "Object.entries(s);"},
    {"Object.values of a sparse array",
     "const a = []; for (let i = 0; i < 2 ** 18; i++) a[i * 9999] = i;", "Object.values(a);"},
    {"Object.values of a Proxy", "const p = new Proxy(new Array(2 ** 18).fill(1), {});",
     "Object.values(p);"},
    {"Object.entries of a large object",
     "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = i;",
     "for (;;) Object.entries(o);", Ends::kNever},
    {"Object.assign of an array", "const a = new Array(2 ** 20).fill(1);", "Object.assign({}, a);"},
    {"Object.assign of a string", "const s = 'x'.repeat(2 ** 20);", "Object.assign({}, s);"},
    {"Object.assign of a sparse array",
     "const a = []; for (let i = 0; i < 2 ** 18; i++) a[i * 9999] = i;", "Object.assign({}, a);"},
    {"Object.assign of a Proxy", "const p = new Proxy(new Array(2 ** 18).fill(1), {});",
     "for (;;) Object.assign({}, p);", Ends::kNever},
    {"spread of a large object", "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = i;",
     "for (;;) ({...o});", Ends::kNever},
    {"spread of an array into an object", "const a = new Array(2 ** 20).fill(1);", "({...a});"},
    {"Object.defineProperties",
     "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = {value: i};",
     "for (;;) Object.defineProperties({}, o);", Ends::kNever},
    {"Object.create", "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = {value: i};",
     "for (;;) Object.create(null, o);", Ends::kNever},
    {"Object.freeze of a large object",
     "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = i;",
     "for (;;) Object.isFrozen(Object.freeze({...o}));", Ends::kNever},
    {"Object.freeze of a Proxy", "const p = new Proxy(new Array(2 ** 18).fill(1), {});",
     "Object.freeze(p);"},
    {"Object.isSealed of a Proxy",
     "const p = new Proxy(Object.freeze(new Array(2 ** 18).fill(1)), {});",
     "for (;;) Object.isSealed(p);", Ends::kNever},
    {"Object.fromEntries of an array",
     "const a = Array.from({length: 2 ** 18}, (_, i) => ['k' + i, i]);", "Object.fromEntries(a);"},
    {"Reflect.ownKeys of a Proxy",
     "const keys = Array.from({length: 2 ** 18}, (_, i) => 'k' + i); const p = new Proxy({}, "
     "{ownKeys: Reflect.get.bind(null, {keys}, 'keys')});",
     "for (;;) Reflect.ownKeys(p);", Ends::kNever},
    {"Object.keys of a Proxy",
     "const keys = Array.from({length: 2 ** 18}, (_, i) => 'k' + i); const p = new Proxy({}, "
     "{ownKeys: Reflect.get.bind(null, {keys}, 'keys')});",
     "for (;;) Object.keys(p);", Ends::kNever},
    {"for-in of a large object", "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = i;",
     "for (;;) for (const k in {__proto__: o});", Ends::kNever},
    {"for-in of many prototypes",
     "let o = {}; for (let i = 0; i < 2 ** 12; i++) { o = Object.create(o); o['k' + i] = i; }",
     "for (const k in o);"},
    {"lookup through many prototypes",
     "let o = {}; for (let i = 0; i < 2 ** 14; i++) o = Object.create(o);", "for (;;) o.nothing;",
     Ends::kNever},
    {"includes through many prototypes",
     "let o = {length: 2 ** 53 - 1}; for (let i = 0; i < 2 ** 14; i++) o = Object.create(o);",
     "Array.prototype.includes.call(o, 1);", Ends::kNever},
    {"instanceof along many prototypes",
     "let o = {}; for (let i = 0; i < 2 ** 14; i++) o = Object.create(o);",
     "for (;;) o instanceof Array;", Ends::kNever},
    {"isPrototypeOf along a Proxy that is its own prototype",
     "const p = new Proxy({}, {getPrototypeOf: (t) => p});",
     "Object.prototype.isPrototypeOf.call({}, p);"},
    {"call of a function bound many times",
     "let f2 = Math.abs; for (let i = 0; i < 2 ** 18; i++) f2 = f2.bind(null);", "for (;;) f2();"},
    {"delete of many elements", "const a = Object.assign([], {[2 ** 31]: 1});",
     "for (;;) { a[2 ** 31] = 1; a.length = 0; }", Ends::kNever},

    // --- Typed arrays --------------------------------------------------------------------------
    {"new Uint8Array(array-like)", "", "new Uint8Array({length: 2 ** 25});"},
    {"new Float64Array(array-like)", "", "new Float64Array({length: 2 ** 22});"},
    {"new BigInt64Array(array-like)", "",
     "new BigInt64Array(new Proxy({length: 2 ** 22}, {get: Reflect.get.bind(null, {x: 1n}, "
     "'x')}));"},
    {"new Uint8Array(sparse array)", "", "new Uint8Array(Object.assign([], {length: 2 ** 25}));"},
    {"new Uint8Array(Proxy)", "", "new Uint8Array(new Proxy({length: 2 ** 25}, {}));"},
    {"Uint8Array.from(array-like)", "", "Uint8Array.from({length: 2 ** 25});"},
    {"Uint8Array.from(array-like, builtin)", "", "Uint8Array.from({length: 2 ** 25}, Math.abs);"},
    {"set of an array-like", "const a = new Uint8Array(2 ** 25);", "a.set({length: 2 ** 25});"},
    {"set of strings", "const a = new Uint8Array(2 ** 21), b = new Array(2 ** 21).fill('12');",
     "a.set(b);"},
    {"set of another type", "const a = new Float64Array(2 ** 22), b = new Uint8Array(2 ** 22);",
     "for (;;) { a.set(b); b.set(a); }", Ends::kNever},
    {"typed every", "const a = new Uint8Array(2 ** 25);", "a.every(Math.exp);"},
    {"typed filter", "const a = new Uint8Array(2 ** 25);", "a.filter(Math.abs);"},
    {"typed find", "const a = new Uint8Array(2 ** 25);", "a.find(Math.abs);"},
    {"typed findIndex", "const a = new Uint8Array(2 ** 25);", "a.findIndex(Math.abs);"},
    {"typed findLast", "const a = new Uint8Array(2 ** 25);", "a.findLast(Math.abs);"},
    {"typed findLastIndex", "const a = new Uint8Array(2 ** 25);", "a.findLastIndex(Math.abs);"},
    {"typed forEach", "const a = new Uint8Array(2 ** 25);", "a.forEach(Math.abs);"},
    {"typed map", "const a = new Uint8Array(2 ** 24);", "a.map(Math.abs);"},
    {"typed reduce", "const a = new Uint8Array(2 ** 25);", "a.reduce(Math.max);"},
    {"typed reduceRight", "const a = new Uint8Array(2 ** 25);", "a.reduceRight(Math.max);"},
    {"typed some", "const a = new Uint8Array(2 ** 25);", "a.some(Math.abs);"},
    {"typed join", "const a = new Uint8Array(2 ** 21);", "a.join('');"},
    {"typed toString", "const a = new Float64Array(2 ** 18).fill(0.1);", "for (;;) a.toString();",
     Ends::kNever},
    {"typed toLocaleString", "const a = new Uint8Array(2 ** 20);", "a.toLocaleString();"},
    {"typed toReversed", "const a = new Uint8Array(2 ** 24);", "a.toReversed();"},
    {"typed toReversed of bigints", "const a = new BigInt64Array(2 ** 21);", "a.toReversed();"},
    {"typed with", "const a = new Uint8Array(2 ** 24);", "for (;;) a.with(0, 1);", Ends::kNever},
    {"typed fill", "const a = new Float64Array(2 ** 22);", "for (;;) a.fill(1.5);", Ends::kNever},
    {"typed includes", "const a = new Uint8Array(2 ** 25);", "for (;;) a.includes(1);",
     Ends::kNever},
    {"typed indexOf", "const a = new Float32Array(2 ** 23);", "for (;;) a.indexOf(1);",
     Ends::kNever},
    {"typed lastIndexOf", "const a = new Uint16Array(2 ** 24);", "for (;;) a.lastIndexOf(1);",
     Ends::kNever},
    {"typed reverse", "const a = new Uint8Array(2 ** 25);", "for (;;) a.reverse();", Ends::kNever},
    {"typed slice", "const a = new Uint8Array(2 ** 24);", "for (;;) a.slice();"},
    {"typed copyWithin", "const a = new Uint8Array(2 ** 25);", "for (;;) a.copyWithin(1, 0);",
     Ends::kNever},
    {"typed sort of bytes",
     "const a = new Uint8Array(2 ** 25); for (let i = 0; i < a.length; i++) a[i] = i * 7919 >> 3;",
     "a.sort();"},
    {"typed sort of doubles", "const a = Float64Array.from({length: 2 ** 22}, Math.random);",
     "a.sort();"},
    {"typed sort of doubles in reverse",
     "const a = Float64Array.from({length: 2 ** 22}, (_, i) => "
     "-i);",
     "a.sort();"},
    {"typed sort of bigints",
     "const a = new BigInt64Array(2 ** 21); for (let i = 0; i < a.length; i++) a[i] = BigInt(i * "
     "7919 % 65537);",
     "a.sort();"},
    {"typed toSorted", "const a = Float32Array.from({length: 2 ** 22}, Math.random);",
     "a.toSorted();"},
    {"typed sort by a builtin", "const a = Float32Array.from({length: 2 ** 20}, Math.random);",
     "a.sort(Math.max);"},
    {"typed array into an array", "const a = new Uint8Array(2 ** 21);", "Array.from(a);"},
    {"typed array spread", "const a = new Uint8Array(2 ** 21);", "[...a];"},
    {"ArrayBuffer slice", "const a = new ArrayBuffer(2 ** 24);", "for (;;) a.slice();"},

    // --- Strings -------------------------------------------------------------------------------
    // A pattern that matches all but its first character everywhere.
    {"indexOf that all but matches",
     "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20);", "s.indexOf(p);"},
    {"indexOf of two-byte strings",
     "const s = '\\u0101'.repeat(2 ** 22), p = 'b' + '\\u0101'.repeat(2 ** 20);", "s.indexOf(p);"},
    {"indexOf of a short pattern", "const s = 'a'.repeat(2 ** 23), p = 'aaaaab';",
     "for (;;) s.indexOf(p);", Ends::kNever},
    {"indexOf in optimised code",
     "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20); const find = (s, p) => "
     "s.indexOf(p); %PrepareFunctionForOptimization(find); find('abc', 'c'); find('abc', 'd'); "
     "%OptimizeFunctionOnNextCall(find); find('abc', 'd');",
     "find(s, p);"},
    {"includes in optimised code",
     "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20); const find = (s, p) => "
     "s.includes(p, 1); %PrepareFunctionForOptimization(find); find('abc', 'c'); find('abc', 'd'); "
     "%OptimizeFunctionOnNextCall(find); find('abc', 'd');",
     "find(s, p);"},
    {"includes that all but matches",
     "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20);", "s.includes(p);"},
    {"lastIndexOf that all but matches",
     "const s = 'a'.repeat(2 ** 23), p = 'a'.repeat(2 ** 20) + 'b';", "s.lastIndexOf(p);"},
    {"split that all but matches", "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20);",
     "s.split(p);"},
    {"replace that all but matches",
     "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20);", "s.replace(p, 'x');"},
    {"replaceAll that all but matches",
     "const s = 'a'.repeat(2 ** 23), p = 'b' + 'a'.repeat(2 ** 20);", "s.replaceAll(p, 'x');"},
    {"test of a literal that all but matches",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16));", "r.test(s);"},
    {"exec of a literal that all but matches",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16));", "r.exec(s);"},
    {"match of a literal that all but matches",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16), 'g');",
     "s.match(r);"},
    {"search of a literal that all but matches",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16));", "s.search(r);"},
    {"split by a literal that all but matches",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16));", "s.split(r);"},
    {"replace of a literal that all but matches",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16), 'g');",
     "s.replace(r, '');"},
    {"replace of a literal that all but matches by a builtin",
     "const s = 'a'.repeat(2 ** 23), r = new RegExp('b' + 'a'.repeat(2 ** 16), 'g');",
     "s.replace(r, String);"},
    {"matchAll", "const s = 'a'.repeat(2 ** 21);", "[...s.matchAll(/a/g)];"},
    {"match of every character", "const s = 'a'.repeat(2 ** 21);", "s.match(/a/g);"},
    {"match of every class", "const s = 'a'.repeat(2 ** 21);", "s.match(/[ab]/g);"},
    {"match of nothing, often", "const s = 'a'.repeat(2 ** 21);", "s.match(/(?:)/gu);"},
    {"replace of every character", "const s = 'a'.repeat(2 ** 22);",
     "for (;;) s.replace(/a/g, 'bc');", Ends::kNever},
    {"replace of every class", "const s = 'a'.repeat(2 ** 22);", "s.replace(/[ab]/g, 'bc');"},
    {"replace with captures", "const s = 'a'.repeat(2 ** 21);", "s.replace(/(a)/g, '$1$1');"},
    {"replace with a prefix", "const s = 'a'.repeat(2 ** 16);", "s.replace(/a/g, '$`');"},
    {"replace by nothing", "const s = 'a'.repeat(2 ** 23);", "for (;;) s.replace(/[ab]/g, '');",
     Ends::kNever},
    {"replace by a builtin", "const s = 'a'.repeat(2 ** 20);", "s.replace(/[ab]/g, String);"},
    {"replace by a builtin, with captures", "const s = 'a'.repeat(2 ** 18);",
     "s.replace(/(a)/g, String);"},
    {"replaceAll of every character", "const s = 'a'.repeat(2 ** 21);", "s.replaceAll('a', 'b');"},
    {"replaceAll by a builtin", "const s = 'a'.repeat(2 ** 21);", "s.replaceAll('a', String);"},
    {"replaceAll of nothing", "const s = 'a'.repeat(2 ** 21);", "s.replaceAll('', 'b');"},
    {"split by every character", "const s = 'a,'.repeat(2 ** 20);", "s.split(',');"},
    {"split by pairs", "const s = 'abc'.repeat(2 ** 20);", "s.split('bc');"},
    {"split by nothing", "const s = 'a'.repeat(2 ** 21);", "s.split('');"},
    {"split of two-byte text", "const s = '\\u0101'.repeat(2 ** 21);", "s.split('');"},
    {"split by a regular expression", "const s = 'a,'.repeat(2 ** 20);", "s.split(/,/);"},
    {"split by classes", "const s = 'a,'.repeat(2 ** 20);", "s.split(/([,;])/);"},
    {"search backwards for nothing", "const s = 'a'.repeat(2 ** 16) + 'b';",
     "/(?<!b)a*c/.test(s);"},
    {"a class's exec", "const s = 'a'.repeat(2 ** 23);", "for (;;) /[bc]/.exec(s);", Ends::kNever},
    {"Symbol.match of a builtin exec", "",
     "RegExp.prototype[Symbol.match].call({flags: 'g', exec: Object}, 'a');"},
    {"Symbol.replace of a builtin exec", "",
     "RegExp.prototype[Symbol.replace].call({global: true, flags: 'g', exec: Object}, 'a', 'b');"},
    {"Symbol.replace of endless captures", "",
     "RegExp.prototype[Symbol.replace].call({exec: () => ({length: 2 ** 32 - 1, index: 0, 0: "
     "'a'})}, 'a', 'b');"},
    {"Symbol.split of endless captures", "",
     "RegExp.prototype[Symbol.split].call({flags: '', constructor: {[Symbol.species]: function () "
     "{ return {exec() { this.lastIndex = 1; return {length: 2 ** 32 - 1}; }}; }}}, 'ab');"},
    {"Symbol.split of a builtin exec", "const s = 'a'.repeat(2 ** 22);",
     "RegExp.prototype[Symbol.split].call({flags: '', constructor: {[Symbol.species]: function () "
     "{ return {exec: Reflect.get.bind(null, {x: null}, 'x')}; }}}, s);"},
    {"a large pattern", "const s = '(?:a|b|[c-z])'.repeat(2 ** 14);", "new RegExp(s).test('abc');"},
    {"a pattern of repeated repetitions", "", "/(?:(?:a{1,200}){1,200}){1,20}b/.test('aaa');"},
    {"a pattern of many captures", "const s = '(a)?'.repeat(2 ** 14);",
     "new RegExp(s).test('a'.repeat(2 ** 14));"},
    {"a pattern of alternatives with captures", "const s = '(a)|'.repeat(32000);",
     "new RegExp(s).test('b');"},
    {"a pattern of captures in loops", "const s = '(?:' + '(a)|'.repeat(3000) + 'b)*';",
     "new RegExp(s).test('b');"},
    {"a pattern of captures in nested loops",
     "const s = '(?:'.repeat(200) + '(a)'.repeat(30000) + ')*'.repeat(200);",
     "new RegExp(s).test('b');"},
    {"a pattern of captures for long text", "const s = '(a)|'.repeat(5000), t = 'b'.repeat(5000);",
     "new RegExp(s).test(t);"},
    {"a pattern of back references in nested groups",
     "const s = '('.repeat(256) + '\\\\1'.repeat(120000) + ')'.repeat(256);",
     "new RegExp(s).test('b');"},
    {"a pattern of nested loops", "const s = '(?:'.repeat(20000) + 'a' + 'b)*'.repeat(20000);",
     "new RegExp(s).test('b');"},
    {"a class of ranges that descend",
     "const s = '[' + Array.from({length: 65000}, (_, i) => String.fromCodePoint(0x1ffff - 2 * "
     "i)).join('') + ']';",
     "new RegExp(s, 'u').test('b');"},
    {"toUpperCase", "const s = 'a'.repeat(2 ** 24);", "for (;;) s.toUpperCase();"},
    {"toUpperCase of two-byte text", "const s = '\\u0101'.repeat(2 ** 22);", "s.toUpperCase();"},
    {"toUpperCase that lengthens", "const s = '\\u00df'.repeat(2 ** 22);", "s.toUpperCase();"},
    {"toLowerCase of two-byte text", "const s = '\\u0100'.repeat(2 ** 22);",
     "for (;;) s.toLowerCase();"},
    {"toLocaleUpperCase", "const s = '\\u0101'.repeat(2 ** 22);", "s.toLocaleUpperCase();"},
    {"toLowerCase of text with sigmas", "const s = '\\u03a3'.repeat(2 ** 22);",
     "for (;;) s.toLowerCase();"},
    {"toLocaleUpperCase of Greek", "const s = '\\u03b1 '.repeat(2 ** 22);",
     "for (;;) s.toLocaleUpperCase('el');"},
    {"normalize that lengthens", "const s = '\\ufdfa'.repeat(2 ** 20);",
     "for (;;) s.normalize('NFKD');"},
    {"normalize of what is normalised", "const s = '\\u4e2d'.repeat(2 ** 24);",
     "for (;;) s.normalize();", Ends::kNever},
    {"normalize of combining characters",
     "const s = ('a' + '\\u0301\\u0316'.repeat(64)).repeat(2 ** 15);",
     "for (;;) s.normalize('NFD');"},
    {"localeCompare of combining characters",
     "const s = ('a' + '\\u0f71\\u0f72\\u0f74'.repeat(42)).repeat(2 ** 11), t = s + 'b';",
     "for (;;) s.localeCompare(t);", Ends::kNever},
    {"localeCompare that looks past most",
     "const s = '\\u00ad'.repeat(2 ** 18), t = 'a' + '\\u00ad'.repeat(2 ** 17);",
     "for (;;) s.localeCompare(t);", Ends::kNever},
    {"Collator of numbers",
     "const c = new Intl.Collator('en', {numeric: true}), s = '1'.repeat(2 ** 17), t = s + '2';",
     "for (;;) c.compare(s, t);", Ends::kNever},
    {"Collators of all languages", "",
     "for (;;) for (const l of ['zh', 'ja', 'ko', 'my', 'vi', 'sv', 'th', 'km']) new "
     "Intl.Collator(l, {usage: 'search'}).compare('a', 'b');",
     Ends::kNever},
    {"Segmenter of words without spaces",
     "const g = new Intl.Segmenter('th', {granularity: 'word'}), s = "
     "'\\u0e01\\u0e32'.repeat(2 ** 17);",
     "for (;;) g.segment(s).containing(2 ** 17);", Ends::kNever},
    {"Segmenter of sentences",
     "const g = new Intl.Segmenter('en', {granularity: 'sentence'}), s = 'a. '.repeat(80000);",
     "for (;;) for (const x of g.segment(s)) ;", Ends::kNever},
    {"Segmenter of one grapheme",
     "const g = new Intl.Segmenter('en'), s = '\\u0301'.repeat(2 ** 18);",
     "for (;;) g.segment(s).containing(2 ** 17);", Ends::kNever},
    {"ListFormat",
     "const list = new Intl.ListFormat('en'), a = Array(2 ** 14).fill('abcdefghijklmno');",
     "for (;;) list.formatToParts(a);", Ends::kNever},
    {"NumberFormat of long numbers", "const n = 10n ** 16383n + 7n;",
     "for (;;) n.toLocaleString('ar', {style: 'percent'});", Ends::kNever},
    {"DateTimeFormat", "",
     "for (let i = 0; ; i++) new Date(i).toLocaleString('ar', {era: 'long'});", Ends::kNever},
    {"supportedValuesOf", "",
     "for (;;) for (const k of ['calendar', 'collation', 'currency', 'numberingSystem', "
     "'timeZone', 'unit']) Intl.supportedValuesOf(k);",
     Ends::kNever},
    {"getCanonicalLocales of an array-like", "",
     "Intl.getCanonicalLocales({length: 2 ** 53 - 1});"},
    {"supportedLocalesOf", "const a = Array.from({length: 1024}, (_, i) => `en-x-${i}`);",
     "for (;;) Intl.DateTimeFormat.supportedLocalesOf(a);", Ends::kNever},
    {"a pattern of properties", "const s = '\\\\P{Lu}'.repeat(200);",
     "for (let i = 0; ; i++) new RegExp(s + i, 'iu').test('b');", Ends::kNever},
    {"a pattern of properties of no range", "const s = '\\\\p{Zl}'.repeat(500);",
     "for (let i = 0; ; i++) new RegExp(s + i, 'iu').test('b');", Ends::kNever},
    {"a class of properties", "const s = '[' + '\\\\P{Lu}'.repeat(200);",
     "for (let i = 0; ; i++) new RegExp(s + i + ']', 'iu').test('b');", Ends::kNever},
    {"a pattern of words without case", "const s = '\\\\w'.repeat(32000);",
     "for (let i = 0; ; i++) new RegExp(s + i, 'iu').test('b');", Ends::kNever},
    {"a class of words without case", "const s = '[' + '\\\\w'.repeat(32000);",
     "for (let i = 0; ; i++) new RegExp(s + i + ']', 'iu').test('b');", Ends::kNever},
    {"a class of classes without case", "const s = '[' + '[b-\\\\u{10ffff}]'.repeat(17000) + ']';",
     "new RegExp(s, 'iv').test('b');"},
    {"a class of differences", "const s = '[\\\\p{L}' + '--[b]'.repeat(50000) + ']';",
     "new RegExp(s, 'v').test('b');"},
    {"a class of intersections", "const s = '[\\\\p{L}' + '&&[^b]'.repeat(43000) + ']';",
     "new RegExp(s, 'iv').test('b');"},
    {"a class of differences of texts",
     "const s = '[\\\\p{RGI_Emoji}' + '--\\\\q{ab|cd}'.repeat(20000) + ']';",
     "new RegExp(s, 'iv').test('b');"},
    {"a class of many texts", "const s = '[\\\\q{' + 'ab|'.repeat(80000) + '}]';",
     "new RegExp(s, 'iv').test('b');"},
    {"a pattern of emoji", "const s = '[\\\\p{RGI_Emoji}]'.repeat(6);",
     "for (let i = 0; ; i++) new RegExp(s + i, 'iv').test('b');", Ends::kNever},
    {"a pattern of classes without case", "const s = '[^\\u0100-\\ufff0]'.repeat(2 ** 14);",
     "new RegExp(s, 'iu').test('b');"},
    {"normalize", "const s = '\\u0101'.repeat(2 ** 22);", "for (;;) s.normalize('NFD');"},
    {"trim", "const s = ' '.repeat(2 ** 24) + 'x' + ' '.repeat(2 ** 23);", "for (;;) s.trim();"},
    {"padStart", "", "for (;;) 'x'.padStart(2 ** 25, 'abc');", Ends::kNever},
    {"padEnd by long text", "const s = 'ab'.repeat(2 ** 20);", "for (;;) 'x'.padEnd(2 ** 24, s);",
     Ends::kNever},
    {"repeat", "", "for (;;) 'abc'.repeat(2 ** 23);", Ends::kNever},
    {"concat", "const s = 'a'.repeat(2 ** 23);", "for (;;) ''.concat(s, s, s, s);", Ends::kNever},
    {"localeCompare", "const s = 'a'.repeat(2 ** 24), t = 'a'.repeat(2 ** 24);",
     "for (;;) s.localeCompare(t);", Ends::kNever},
    {"comparison", "const s = 'a'.repeat(2 ** 24), t = 'a'.repeat(2 ** 24);",
     "for (;;) s < t || s === t;", Ends::kNever},
    {"startsWith", "const s = 'a'.repeat(2 ** 23), p = 'a'.repeat(2 ** 22);",
     "for (;;) s.startsWith(p) && s.endsWith(p);", Ends::kNever},
    {"text as a key", "const o = {};",
     "for (let i = 0; ; i++) { const s = 'x'.repeat(2 ** 20) + i; o[s]; Symbol.for(s); }"},
    {"spread of text", "const s = '\\u0101a'.repeat(2 ** 20);", "[...s];"},
    {"Array.from(text)", "const s = 'a'.repeat(2 ** 21);", "Array.from(s);"},
    {"String.fromCharCode", "const a = new Array(60000).fill(65);",
     "for (;;) String.fromCharCode(...a);", Ends::kNever},
    {"String.fromCodePoint", "const a = new Array(60000).fill(0x1f600);",
     "for (;;) String.fromCodePoint(...a);", Ends::kNever},
    {"encodeURIComponent", "const s = '\\u20ac'.repeat(2 ** 21);", "encodeURIComponent(s);"},
    {"encodeURI", "const s = 'a'.repeat(2 ** 24);", "for (;;) encodeURI(s);"},
    {"decodeURIComponent", "const s = '%41'.repeat(2 ** 22);", "for (;;) decodeURIComponent(s);"},
    {"decodeURI", "const s = '%E2%82%AC'.repeat(2 ** 20);", "for (;;) decodeURI(s);"},
    {"parseInt", "const s = '9'.repeat(2 ** 23);", "for (;;) parseInt(s, 10);", Ends::kNever},
    {"parseInt in another base", "const s = '2'.repeat(2 ** 23);", "for (;;) parseInt(s, 3);",
     Ends::kNever},
    {"parseFloat", "const s = '9'.repeat(2 ** 23) + 'e-99';", "for (;;) parseFloat(s);",
     Ends::kNever},
    {"Number(text)", "const s = '0x' + 'f'.repeat(2 ** 23);", "for (;;) Number(s);", Ends::kNever},
    {"Date.parse", "const s = '1 '.repeat(2 ** 22);", "for (;;) Date.parse(s);", Ends::kNever},
    {"new Date(text)", "const s = 'Jan '.repeat(2 ** 21);", "for (;;) new Date(s);", Ends::kNever},
    {"escapes in a pattern's source", "const r = new RegExp('a/'.repeat(2 ** 15));",
     "for (;;) r.toString();", Ends::kNever},

    // --- JSON ----------------------------------------------------------------------------------
    {"JSON.parse of numbers", "const s = '[' + '1.5,'.repeat(2 ** 20) + '1]';", "JSON.parse(s);"},
    {"JSON.parse of strings", "const s = '[' + '\"abcdefgh\",'.repeat(2 ** 19) + '1]';",
     "JSON.parse(s);"},
    {"JSON.parse of arrays in arrays", "const s = '['.repeat(2 ** 20) + ']'.repeat(2 ** 20);",
     "JSON.parse(s);"},
    {"JSON.parse of objects", "const s = '[' + '{\"a\":1,\"b\":[]},'.repeat(2 ** 18) + '1]';",
     "JSON.parse(s);"},
    {"JSON.parse of one large object",
     "let s = '{'; for (let i = 0; i < 2 ** 18; i++) s += `\"k${i}\":${i},`; s += '\"x\":1}';",
     "JSON.parse(s);"},
    {"JSON.parse of indices",
     "let s = '{'; for (let i = 0; i < 2 ** 18; i++) s += `\"${i * 7919}\":${i},`; s += "
     "'\"x\":1}';",
     "JSON.parse(s);"},
    {"JSON.parse of whitespace", "const s = ' '.repeat(2 ** 24) + '1';", "for (;;) JSON.parse(s);"},
    {"JSON.parse in a loop that has gone round often", "const s = ' '.repeat(2 ** 24) + '1';",
     "for (let i = 0; i < 1000; i++) Math.abs(i); for (;;) JSON.parse(s);", Ends::kNever},
    {"JSON.parse in a loop of baseline code",
     "const s = ' '.repeat(2 ** 24) + '1'; const spin = () => { for (;;) JSON.parse(s); }; "
     "%CompileBaseline(spin);",
     "spin();", Ends::kNever},
    {"JSON.parse of a long string", "const s = '\"' + '\\\\n'.repeat(2 ** 22) + '\"';",
     "for (;;) JSON.parse(s);"},
    {"JSON.parse with a builtin reviver", "const s = '[' + '1,'.repeat(2 ** 18) + '1]';",
     "JSON.parse(s, Math.abs);"},
    {"JSON.parse with a reviver that makes it endless", "",
     "JSON.parse('[0, 0]', function (key, value) { if (key === '0' && this.length === 2) this[1] "
     "= Object.assign([], {length: 2 ** 32 - 1}); return value; });",
     Ends::kNever},
    {"JSON.stringify of a sparse array", "",
     "JSON.stringify(Object.assign([], {length: 2 ** 28 - 1}));"},
    {"JSON.stringify of a Proxy", "",
     "JSON.stringify(new Proxy(Object.assign([], {length: 2 ** 28 - 1}), {}));"},
    {"JSON.stringify of an endless list of keys", "",
     "JSON.stringify({}, Object.assign([], {length: 2 ** 32 - 1}));", Ends::kNever},
    {"JSON.stringify of an endless Proxy of keys", "",
     "JSON.stringify({}, new Proxy(Object.assign([], {length: 2 ** 32 - 1}), {}));", Ends::kNever},
    {"JSON.stringify of doubles", "const a = new Array(2 ** 20).fill(0.1);", "JSON.stringify(a);"},
    {"JSON.stringify of bytes", "const a = new Uint8Array(2 ** 20);", "JSON.stringify(a);"},
    {"JSON.stringify of text", "const s = '\\n'.repeat(2 ** 22);", "for (;;) JSON.stringify(s);"},
    {"JSON.stringify of lone surrogates", "const s = '\\ud800'.repeat(5_000_000);",
     "JSON.stringify(s);"},
    {"JSON.stringify of text that becomes too long", "const s = '\\u0001'.repeat(2 ** 25 - 1);",
     "for (;;) try { JSON.stringify(s); } catch {}", Ends::kNever},
    {"JSON.stringify of a long key", "const o = {['\\ud800'.repeat(5_000_000)]: 1};",
     "JSON.stringify(o);"},
    {"JSON.stringify of objects", "const a = new Array(2 ** 20).fill({a: 1, b: 'text'});",
     "JSON.stringify(a);"},
    {"JSON.stringify with many keys",
     "const keys = Array.from({length: 2 ** 16}, (_, i) => 'k' + i); const a = new Array(2 ** "
     "10).fill({});",
     "JSON.stringify(a, keys);"},
    {"JSON.stringify with indentation", "let a = []; for (let i = 0; i < 2000; i++) a = [a];",
     "for (;;) JSON.stringify(a, null, 10);"},
    {"JSON.stringify with a builtin replacer", "const a = new Array(2 ** 19).fill(1);",
     "JSON.stringify(a, Reflect.get.bind(null, {x: 1}, 'x'));"},

    // --- Numbers -------------------------------------------------------------------------------
    {"bigint power", "", "3n ** 10_000_000n;"},
    {"bigint product", "const a = 1n << 20_000_000n;", "for (;;) a * (a - 1n);"},
    {"bigint quotient", "const a = (1n << 20_000_000n) - 1n, b = (1n << 9_000_000n) - 1n;",
     "for (;;) a / b;"},
    {"bigint remainder", "const a = (1n << 20_000_000n) - 1n, b = (1n << 9_000_000n) - 1n;",
     "for (;;) a % b;"},
    {"bigint to text", "const a = (1n << 8_000_000n) - 1n;", "`${a}`;"},
    {"bigint to text in another base", "const a = (1n << 8_000_000n) - 1n;", "a.toString(3);"},
    {"bigint from text", "const s = '9'.repeat(2 ** 22);", "BigInt(s);"},
    {"bigint from hexadecimal text", "const s = '0x' + 'f'.repeat(2 ** 23);",
     "for (;;) BigInt(s);"},
    {"bigint shift", "", "for (;;) 1n << 100_000_000n;"},
    {"bigint.asUintN", "", "for (;;) BigInt.asUintN(100_000_000, -1n);"},
    {"bigint bits", "const a = (1n << 50_000_000n) - 1n;", "for (;;) (a & ~a) | (a ^ a);"},
    {"bigint comparison", "const a = (1n << 50_000_000n) - 1n, b = (1n << 50_000_000n) - 1n;",
     "for (;;) a === b && a == 1 && a < b;"},
    {"Math.max of many", "const a = new Array(100_000).fill(1);", "for (;;) Math.max(...a);",
     Ends::kNever},
    {"Math.hypot of many", "const a = new Array(100_000).fill(1);", "for (;;) Math.hypot(...a);",
     Ends::kNever},

    // --- Maps and sets -------------------------------------------------------------------------
    {"new Set(array)", "const a = Array.from({length: 2 ** 20}, Math.random);", "new Set(a);"},
    {"new Set(array of strings)", "const a = Array.from({length: 2 ** 18}, (_, i) => 'k' + i);",
     "for (;;) new Set(a);", Ends::kNever},
    {"new Map(array)", "const a = Array.from({length: 2 ** 18}, (_, i) => [i, i]);",
     "for (;;) new Map(a);", Ends::kNever},
    {"new WeakSet(array)", "const a = Array.from({length: 2 ** 18}, () => ({}));",
     "for (;;) new WeakSet(a);"},
    {"Set forEach", "const s = new Set(Array(2 ** 18).keys());", "for (;;) s.forEach(Math.abs);",
     Ends::kNever},
    {"Map forEach", "const m = new Map(Array(2 ** 18).entries());", "for (;;) m.forEach(Math.abs);",
     Ends::kNever},
    {"spread of a Set", "const s = new Set(Array(2 ** 18).keys());", "for (;;) [...s];",
     Ends::kNever},
    {"spread of a Map", "const m = new Map(Array(2 ** 18).entries());", "for (;;) [...m];"},
    {"clear of a Map", "const m = new Map();",
     "for (let i = 0; ; i++) { m.set(i, i); if (i % 1e5 === 0) m.clear(); }", Ends::kNever},

    // --- URLs ----------------------------------------------------------------------------------
    {"new URL with a long path", "const s = 'http://h/' + '\\u20ac'.repeat(2 ** 21);",
     "new URL(s);"},
    {"new URL with a path of many parts", "const s = 'http://h' + '/a/..'.repeat(2 ** 19);",
     "new URL(s);"},
    {"new URL with a long host", "const s = 'http://' + 'a.'.repeat(2 ** 20);", "new URL(s);"},
    {"new URL with a long user name", "const s = 'http://' + 'a@'.repeat(2 ** 16) + 'h';",
     "new URL(s);"},
    {"new URL with domains for ICU",
     "const s = 'http://' + Array.from({length: 1000}, (_, i) => String.fromCodePoint(0x4e00 + "
     "i)).join('');",
     "for (;;) URL.canParse(s);", Ends::kNever},
    {"new URLSearchParams", "const s = 'a=b&'.repeat(2 ** 19);", "new URLSearchParams(s);"},
    {"URLSearchParams iterated", "const p = new URLSearchParams('a=b&'.repeat(2 ** 13));",
     "for (;;) for (const _ of p);", Ends::kNever},
    {"URLSearchParams set", "const p = new URLSearchParams('a=b&'.repeat(2 ** 13));",
     "p.set('a', 'c');"},
    {"URLSearchParams sort",
     "const p = new URLSearchParams(); for (let i = 0; i < 2 ** 16; i++) p.append('k' + i * 7919 % "
     "65536, '');",
     "p.sort();"},

    // --- Replies -------------------------------------------------------------------------------
    {"reply of many numbers", "const a = new Array(2 ** 20).fill(1);", "return a;"},
    {"reply of many objects", "const a = new Array(2 ** 20).fill({a: 1, b: 2, c: 3});",
     "return a;"},
    {"reply of a Map", "const m = new Map(Array(2 ** 18).entries());", "return m;"},
    {"reply of long text", "const s = '\\u20ac'.repeat(2 ** 22);", "return s;"},
    {"reply of a Proxy of an array", "const p = new Proxy(new Array(2 ** 18).fill(1), {});",
     "return p;"},
    {"reply of a large object",
     "const o = {}; for (let i = 0; i < 2 ** 17; i++) o['k' + i] = {x: i};", "return o;"},
    {"error with a long message", "const s = 'x'.repeat(2 ** 24);", "throw new Error(s);"},
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Receiver& receiver : kReceivers) {
    const bool is_array_like = std::string_view(receiver.code).find("53") != std::string_view::npos;
    for (const std::string call : kArrayCalls) {
      const bool endless = is_array_like && std::find(std::begin(kEndlessOnArrayLikes),
                                                      std::end(kEndlessOnArrayLikes),
                                                      call) != std::end(kEndlessOnArrayLikes);
      const size_t method_end = call.find('(');
      cases.push_back({call + " of " + receiver.name, "",
                       std::string("const o = ") + receiver.code + "; Array.prototype." +
                           call.substr(0, method_end) + ".call(o" +
                           (call[method_end + 1] == ')' ? "" : ", ") + call.substr(method_end + 1) +
                           ";",
                       endless ? Ends::kNever : Ends::kMaybe});
    }
  }
  cases.insert(cases.end(), std::begin(kCases), std::end(kCases));
  return cases;
}

std::string TestName(const testing::TestParamInfo<Case>& info) {
  std::string name = std::to_string(info.index) + "_";
  for (const char c : info.param.name) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      name += c;
    } else if (name.back() != '_') {
      name += '_';
    }
  }
  return name;
}

class DeadlineSweepTest : public testing::TestWithParam<Case> {};

TEST_P(DeadlineSweepTest, EndsTheCall) {
  const Case& tried = GetParam();
  EngineOptions options = Patient();
  options.deadline_ms = kDeadline.count();
  options.wall_deadline_ms = kMaxDeadlineMs;
  Engine engine(options);
  Tenant tenant(&engine);
  tenant.Set("k", "kept");
  tenant.MustLoad(tried.setup +
                  "\nexport function f() { HTSet('k', new Uint8Array(9)); HTSet('new', new "
                  "Uint8Array(1)); " +
                  tried.body + " }\nexport const next = () => [HTLength('k'), HTHas('new')];");
  Value reply;
  {
    const HangGuard guard(tried.name);
    const SystemRunClock clock;
    const std::chrono::nanoseconds start = clock.Cpu();
    reply = tenant.Call("f");
    const auto overrun =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.Cpu() - start - kDeadline);
    RecordProperty("overrun_ms", static_cast<int>(overrun.count()));
  }
  if (tried.ends == Ends::kNever) {
    EXPECT_EQ(Show(reply), kDeadlineError) << tried.body;
  }
  // What the call left to collect may take the next one as long, on a slow machine.
  std::string next;
  do {
    next = tenant.ShowCall("next");
  } while (next == kDeadlineError);
  if (IsError(reply)) {
    EXPECT_EQ(tenant.Get("k"), "kept");
    EXPECT_EQ(tenant.store().key_count(), 1u);
    EXPECT_EQ(next, "[4, false]");
  } else {
    EXPECT_EQ(next, "[9, true]");
  }
  EXPECT_EQ(tenant.store().CheckInvariants(), "");
}

INSTANTIATE_TEST_SUITE_P(V8, DeadlineSweepTest, testing::ValuesIn(AllCases()), TestName);

}  // namespace
}  // namespace shredder::engine
