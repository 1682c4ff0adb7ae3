// The JavaScript side of the test of random calls: a library that runs steps made by
// builtins_random_test.cc, and what its code is put together from.
#pragma once

#include <cstdint>

namespace shredder::engine {

// A run is a JSON array of steps, see `steps` below. All of a site's code is made anew for each
// library that is loaded, with feedback of its own.
inline constexpr char kRunner[] = R"js(
const Kinds = [Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int32Array, Float32Array,
               Float64Array, BigUint64Array, DataView, ArrayBuffer];
// Of a key, or of what is written: its bytes, which the builtins leave to C++.
formsOf.bytes = (s) => {
  const bytes = [];
  for (const c of encodeURIComponent(s).matchAll(/%(..)|[^]/g)) {
    bytes.push(c[1] === undefined ? c[0].charCodeAt(0) : parseInt(c[1], 16));
  }
  return Uint8Array.from(bytes);
};
const formNames = Object.keys(formsOf);
const thrown = {T: 'a TypeError', R: 'a RangeError', O: 'another error'};
const kindOf = (e) => e instanceof TypeError ? thrown.T : e instanceof RangeError ? thrown.R : thrown.O;

// Values as they stand in the steps.
const bits = new DataView(new ArrayBuffer(8));
function decode(x) {
  if (typeof x !== 'object') return x;
  if ('key' in x) {
    // Not every text has every form.
    return formsOf[formNames[x.form]](x.key) ?? x.key;
  }
  if ('bad' in x) return bad[x.bad];
  if ('float64' in x) {
    bits.setBigUint64(0, BigInt('0x' + x.float64));
    return bits.getFloat64(0);
  }
  if ('bigint' in x) return BigInt(x.bigint);
  if ('throws' in x) return thrown[x.throws];
  if ('kind' in x) return bufferOf(x);
  return undefined;
}

// A buffer with x.bytes in it: as a whole where x.offset is -1, then small ones are in V8's own heap;
// else with `x.offset` bytes before it and eight after it.
function bufferOf(x) {
  const Kind = Kinds[x.kind], size = x.bytes.length, step = Kind.BYTES_PER_ELEMENT ?? 1;
  if (x.offset < 0) {
    const whole = Kind === DataView ? new DataView(new ArrayBuffer(size)) : new Kind(size / step);
    // Filling it through a Uint8Array would move it out of V8's heap.
    if (step === 1 && 'fill' in whole) for (let i = 0; i < size; i++) whole[i] = x.bytes.charCodeAt(i);
    else fill(memoryOf(whole), 0, x.bytes);
    return whole;
  }
  const memory = new Uint8Array(x.offset + size + 8).fill(0xa5);
  fill(memory, x.offset, x.bytes);
  return new Kind(memory.buffer, x.offset, size / step);
}
function fill(memory, offset, bytes) {
  for (let i = 0; i < bytes.length; i++) memory[offset + i] = bytes.charCodeAt(i);
}
const memoryOf = (b) => new Uint8Array(b instanceof ArrayBuffer ? b : b.buffer);

// FNV-1a over all of a buffer's memory, what lies around the view included.
function digest(buffer) {
  let hash = 0x811c9dc5;
  for (const byte of memoryOf(buffer)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

const show = (x) => Object.is(x, -0) ? '-0' : `${typeof x} ${String(x).slice(0, 60)}`;
// How views are read, each from one place.
const getters = [
  (v, offset, isLittle) => v.getInt8(offset, isLittle),
  (v, offset, isLittle) => v.getUint8(offset, isLittle),
  (v, offset, isLittle) => v.getInt16(offset, isLittle),
  (v, offset, isLittle) => v.getUint16(offset, isLittle),
  (v, offset, isLittle) => v.getInt32(offset, isLittle),
  (v, offset, isLittle) => v.getUint32(offset, isLittle),
  (v, offset, isLittle) => v.getFloat32(offset, isLittle),
  (v, offset, isLittle) => v.getFloat64(offset, isLittle),
  (v, offset, isLittle) => v.getBigInt64(offset, isLittle),
  (v, offset, isLittle) => v.getBigUint64(offset, isLittle),
  (v) => v.byteLength,
];
function sum(view) {
  if (view === undefined) return -1;
  let sum = 0;
  for (let i = 0; i < view.byteLength; i++) sum += view.getUint8(i);
  return sum;
}
// A short text, or a long one's digest.
function textOf(text) {
  if (text === undefined || text.length < 300) return text;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
const many = (keys, field, out) => HTGetMany(keys, field, out);

// Views of this invocation and of the one before, and a scan that is under way.
let held = [], stale = [], scanned;

let junk = [];
let mistake = '';

// Interpreted, so that it is right where the optimiser is not.
function expect(what, actual, expected) {
  if (mistake === '' && !Object.is(actual, expected)) {
    mistake = `${what}: ${show(actual)}, not ${show(expected)}`;
  }
}
%NeverOptimizeFunction(expect);

const steps = {
  // Calls a site: what `raw` is without the site's use of it, and the digest of the buffer after.
  call([index, k, a, raw, memory], at) {
    const site = sites[index], key = decode(k), argument = decode(a);
    let actual;
    try { actual = site.call(key, argument); } catch (e) { actual = kindOf(e); }
    check(site, raw, actual, at + ' ' + site.text + ' ' + JSON.stringify(k).slice(0, 90));
    if (memory !== null) expect(`${at} ${site.text} memory`, digest(argument), memory);
  },
  // As many calls from a loop that the site is inlined into.
  loop([index, ks, as, raws, memories], at) {
    const site = sites[index], keys = ks.map(decode), args = as.map(decode);
    const answers = site.loop(keys, args, kindOf);
    for (let i = 0; i < keys.length; i++) {
      check(site, raws[i], answers[i], `${at}+${i} loop ${site.text} ${JSON.stringify(ks[i]).slice(0, 90)}`);
      if (memories[i] !== null) expect(`${at}+${i} memory`, digest(args[i]), memories[i]);
    }
  },
  // Consecutive integers as keys: a counter, a large counter, a text made of it.
  count([index, form, first, a, raws, memory], at) {
    const site = sites[index], argument = decode(a);
    const answers = site.counts[form](first, raws.length, argument, kindOf);
    if (memory !== null) expect(`${at} count ${site.text} memory`, digest(argument), memory);
    raws.forEach((raw, i) => check(site, raw, answers[i], `${at}+${i} count ${form} ${site.text} ${first + i}`));
  },
  optimise([index, loop]) {
    const site = sites[index], f = loop ? site.loop : site.call;
    // Where it was deoptimised, it is not prepared any more.
    %PrepareFunctionForOptimization(f);
    %OptimizeFunctionOnNextCall(f);
  },
  deoptimise([index]) {
    %DeoptimizeFunction(sites[index].call);
    %DeoptimizeFunction(sites[index].loop);
  },
  garbage([n]) {
    for (let i = 0; i < n; i++) junk.push(new Array(i & 63).fill(i + 0.5), 'junk' + i, new Uint8Array(i & 127));
    if (junk.length > 20_000) junk = [];
  },
  fillNewSpace() { %SimulateNewspaceFull(); },
  // A view that is kept for later steps.
  hold([k, isThere]) {
    const view = HTView(decode(k));
    expect('hold ' + k, view !== undefined, isThere);
    if (view !== undefined) held.push(view);
  },
  // Reads a view that may be of a value that was overwritten since.
  look([i, getter, offset, isLittle, answer], at) {
    let actual;
    try { actual = getters[getter](held[i], offset, isLittle); } catch (e) { actual = kindOf(e); }
    expect(`${at} look ${getters[getter]} ${offset} ${isLittle}`, actual, decode(answer));
  },
  // Uses a view of an invocation before this one.
  stale([i, getter], at) {
    let actual = 'an answer';
    try { getters[getter](stale[i % stale.length], 0, true); } catch (e) { actual = kindOf(e); }
    if (stale.length > 0) expect(`${at} stale ${getters[getter]}`, actual, thrown.T);
  },
  many([isFloat64, field, keys, offset, surplus, found, answers], at) {
    const Kind = isFloat64 ? Float64Array : Uint32Array;
    const memory = new Uint32Array(offset + keys.length);
    memory.set(keys, offset);
    const out = new Kind(keys.length + surplus).fill(7);
    expect(`${at} many ${field} of ${keys}`, many(memory.subarray(offset), field, out), found);
    answers.forEach((x, i) => expect(`${at} many ${field} of ${keys[i]}`, out[i], decode(x)));
    for (let i = keys.length; i < out.length; i++) expect(`${at} many, surplus`, out[i], 7);
  },
  // The same of an array of keys of any kind, and views of all of them.
  manyKeys([isFloat64, field, ks, found, answers, sums], at) {
    const keys = ks.map(decode), out = new (isFloat64 ? Float64Array : Uint32Array)(keys.length).fill(7);
    expect(`${at} many keys ${field}`, many(keys, field, out), found);
    answers.forEach((x, i) => expect(`${at} many keys ${field} of ${JSON.stringify(ks[i])}`, out[i], decode(x)));
    const views = HTViewMany(keys);
    expect(`${at} views`, views.length, keys.length);
    sums.forEach((x, i) => expect(`${at} view of ${JSON.stringify(ks[i])}`, sum(views[i]), x));
  },
  refuse([i], at) {
    const [code, call, kind] = refused[i];
    let actual = 'an answer';
    try { call(); } catch (e) { actual = kindOf(e); }
    expect(`${at} ${code}`, actual, thrown[kind]);
  },
  // A scan over many steps, which are to report `keys` at least.
  scan([calls, keys], at) {
    if (scanned === undefined) scanned = {cursor: 0, seen: new Set()};
    for (let i = 0; i < calls || keys.length > 0; i++) {
      const into = [1.5, 'what was here before'];
      scanned.cursor = HTScan(scanned.cursor, into);
      for (const key of into) {
        expect(`${at} scan ${key}`, HTHas(key), true);
        scanned.seen.add(key);
      }
      if (scanned.cursor === 0) break;
    }
    for (const key of keys) expect(`${at} scan has ${key}`, scanned.seen.has(key), true);
    if (keys.length > 0 || scanned.cursor === 0) scanned = undefined;
  },
};

function check(site, raw, actual, what) {
  const value = decode(raw);
  // What is thrown comes without any use made of it.
  if (typeof raw === 'object' && 'throws' in raw) return expect(what, actual, value);
  let expected;
  // Some uses refuse some answers: a bigint is no number.
  try { expected = site.use(value); } catch (e) { expected = kindOf(e); }
  expect(what, actual, expected);
}

export function run(_, [text, first, fails]) {
  let at = Number(first);
  if (held.length > 0) stale = held;
  held = [];
  scanned = undefined;
  for (const [name, calls, ...step] of JSON.parse(text)) {
    steps[name](step, at);
    at += calls;
  }
  if (fails === 'fails') throw new Error('undone');
}
// The first mistake since the last report.
export function report() {
  const text = mistake;
  mistake = '';
  return text;
}
)js";

// What the answers of a builtin are put to: as code around the call, and as a function.
struct Use {
  const char* code;
  const char* function;
};
inline constexpr Use kUses[] = {
    {"return $;", "(x) => x"},
    {"return $ | 0;", "(x) => x | 0"},
    {"return $ >>> 1;", "(x) => x >>> 1"},
    {"return +$;", "(x) => +x"},
    {"return $ * 0.5 + 1;", "(x) => x * 0.5 + 1"},
    {"return !$;", "(x) => !x"},
    {"return $ === undefined;", "(x) => x === undefined"},
    {"return $ > 100 ? 'large' : 'small';", "(x) => x > 100 ? 'large' : 'small'"},
    {"return String($);", "(x) => String(x)"},
    {"return {x: $}.x;", "(x) => x"},
    {"return [0.5, $][1];", "(x) => x"},
    {"return [1, $].length;", "() => 2"},
    {"return Math.max($, 7);", "(x) => Math.max(x, 7)"},
    {"$; return 7;", "() => 7"},
    {"try { return $; } catch (e) { throw e; }", "(x) => x"},
    {"let x = 3; try { x = $; } finally { x = [x][0]; } return x;", "(x) => x"},
    {"const f = () => $; return f();", "(x) => x"},
};

// Arguments that are refused, each with what is thrown: T for a TypeError, R for a RangeError.
struct Bad {
  const char* code;
  char thrown;
};
inline constexpr Bad kBadKeys[] = {{"undefined", 'T'},
                                   {"null", 'T'},
                                   {"true", 'T'},
                                   {"{}", 'T'},
                                   {"Symbol('s')", 'T'},
                                   {"10n", 'T'},
                                   {"[7]", 'T'},
                                   {"new Uint16Array(2)", 'T'},
                                   {"new Uint8Array(65537)", 'R'},
                                   {"() => 1", 'T'},
                                   {"new String('k')", 'T'},
                                   {"new Proxy({}, {})", 'T'},
                                   {"'\\ud800'", 'T'},
                                   {"'a\\udc00b'", 'T'},
                                   {"NaN", 'R'},
                                   {"Infinity", 'R'},
                                   {"-Infinity", 'R'},
                                   {"-1", 'R'},
                                   {"0.5", 'R'},
                                   {"-1e-300", 'R'},
                                   {"2 ** 53", 'R'},
                                   {"2 ** 64", 'R'},
                                   {"'x'.repeat(65537)", 'R'},
                                   {"'\\u00df'.repeat(32769)", 'R'}};
inline constexpr Bad kBadIndexes[] = {{"undefined", 'T'}, {"null", 'T'},     {"'0'", 'T'},
                                      {"{}", 'T'},        {"1n", 'T'},       {"false", 'T'},
                                      {"-1", 'R'},        {"NaN", 'R'},      {"0.25", 'R'},
                                      {"2 ** 53", 'R'},   {"Infinity", 'R'}, {"-(2 ** 40)", 'R'}};
inline constexpr Bad kBadBuffers[] = {
    {"undefined", 'T'}, {"null", 'T'},
    {"7", 'T'},         {"Symbol('b')", 'T'},
    {"[1, 2]", 'T'},    {"{byteLength: 8}", 'T'},
    {"1.5", 'T'},       {"new Proxy(new Uint8Array(8), {})", 'T'}};
inline constexpr Bad kBadTexts[] = {{"undefined", 'T'},
                                    {"null", 'T'},
                                    {"7", 'T'},
                                    {"1.5", 'T'},
                                    {"['text']", 'T'},
                                    {"new String('text')", 'T'},
                                    {"{toString: () => ''}", 'T'},
                                    {"Symbol('s')", 'T'}};

// Offsets that DataView makes integers of, and what it makes of them; thrown is 0 where it does.
struct OddOffset {
  Bad bad;
  uint64_t offset;
};
inline constexpr OddOffset kOddOffsets[] = {
    {{"undefined", 0}, 0},     {{"null", 0}, 0},
    {{"NaN", 0}, 0},           {{"-0", 0}, 0},
    {{"-0.9", 0}, 0},          {{"2.9", 0}, 2},
    {{"true", 0}, 1},          {{"'3'", 0}, 3},
    {{"'x'", 0}, 0},           {{"{valueOf: () => 4}", 0}, 4},
    {{"[5]", 0}, 5},           {{"-1", 'R'}, 0},
    {{"-Infinity", 'R'}, 0},   {{"Infinity", 'R'}, 0},
    {{"2 ** 53", 'R'}, 0},     {{"1n", 'T'}, 0},
    {{"Symbol('s')", 'T'}, 0}, {{"{valueOf() { throw new RangeError('own'); }}", 'R'}, 0}};
inline constexpr Bad kBadDeltas[] = {{"undefined", 'T'}, {"null", 'T'},      {"'1'", 'T'},
                                     {"1n", 'T'},        {"{}", 'T'},        {"true", 'T'},
                                     {"0.5", 'R'},       {"NaN", 'R'},       {"Infinity", 'R'},
                                     {"2 ** 53", 'R'},   {"-(2 ** 53)", 'R'}};
// Calls of the builtins that take no key.
inline constexpr Bad kRefused[] = {
    {"HTGetMany([{}], 0, new Uint32Array(1))", 'T'},
    {"HTGetMany([7, -1], 0, new Uint32Array(2))", 'R'},
    {"HTGetMany([7, 8], 0, new Uint32Array(1))", 'R'},
    {"HTGetMany(Object.defineProperty([7], 0, {get() { return 8; }}), 0, new Uint32Array(1))", 'T'},
    {"HTViewMany(undefined)", 'T'},
    {"HTViewMany([undefined])", 'T'},
    {"HTViewMany(new Proxy([], {}))", 'T'},
    {"HTViewMany(new Uint32Array(65537))", 'R'},
    {"HTGetMany(undefined, 0, new Uint32Array(1))", 'T'},
    {"HTGetMany(new Int32Array(1), 0, new Uint32Array(1))", 'T'},
    {"HTGetMany(new Uint32Array(1), 0, new Float32Array(1))", 'T'},
    {"HTGetMany(new Uint32Array(1), 0, new DataView(new ArrayBuffer(8)))", 'T'},
    {"HTGetMany(new Uint32Array(1), 0, [0])", 'T'},
    {"HTGetMany(new Uint32Array(1), '0', new Uint32Array(1))", 'T'},
    {"HTGetMany(new Uint32Array(1), -1, new Uint32Array(1))", 'R'},
    {"HTGetMany(new Uint32Array(1), 0.5, new Uint32Array(1))", 'R'},
    {"HTGetMany(new Uint32Array(2), 0, new Uint32Array(1))", 'R'},
    {"HTGetMany(new Uint32Array(99), 0, new Float64Array(98))", 'R'},
    {"HTSet('k', 'v', null)", 'T'},
    {"HTSet('k', 'v', 1)", 'T'},
    {"HTSet('k', 'v', {ttl: '1'})", 'T'},
    {"HTSet('k', 'v', {ttl: 0})", 'R'},
    {"HTSet('k', 'v', {ttl: 1, keepTtl: true})", 'T'},
    {"HTSet('k', 'v', {ifAbsent: true, ifPresent: true})", 'T'},
    {"HTSet('k', 'v', {get ttl() { throw new RangeError('own'); }})", 'R'},
    {"HTScan(0, [], 7)", 'T'},
    {"HTScan(0, [], '*'.repeat(4097))", 'R'},
};

}  // namespace shredder::engine
