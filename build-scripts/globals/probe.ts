// A library that tells what there is where it runs: in the store, under its test double, or in Node.

/** What a global value has: names of properties, those of symbols as `@@iterator`. */
export interface GlobalDescription {
  /** Of the value itself, besides what every function or object has. */
  own: string[];
  /** Of what it constructs, besides what every object has; empty where it constructs nothing. */
  instance: string[];
}

/**
 * By names of globals; by `Intl.Collator` for what is below that one, and by TypeScript's names for
 * what no global constructs.
 */
export type GlobalsDescription = Record<string, GlobalDescription>;

/** Globals whose members are described as globals are. */
const NAMESPACES = ['Intl', 'WebAssembly'];

/** A GlobalsDescription, as JSON. */
export function describeGlobals(): string {
  const root = globalThis as unknown as Readonly<Record<string, unknown>>;
  const found: GlobalsDescription = {};
  for (const name of Object.getOwnPropertyNames(globalThis).sort()) {
    // `self` and its like are the whole again.
    const value = root[name] === globalThis ? undefined : root[name];
    found[name] = describe(value, samples[name]);
    if (!NAMESPACES.includes(name)) continue;
    for (const below of Object.getOwnPropertyNames(value).sort()) {
      found[`${name}.${below}`] = describe(Reflect.get(value as object, below), undefined);
    }
  }
  for (const [name, make] of Object.entries(unnamed)) {
    found[name] = { own: [], instance: keysOf(make(), [Object.prototype]) };
  }
  return JSON.stringify(found);
}

/** Have what their prototypes have not. */
const samples: Readonly<Record<string, () => object>> = {
  AbortSignal: () => AbortSignal.abort(),
  AggregateError: () => new AggregateError([], '', { cause: 1 }),
  Array: () => [],
  Error: () => new Error('', { cause: 1 }),
  EvalError: () => new EvalError(),
  Function: () => function named() {},
  RangeError: () => new RangeError(),
  ReferenceError: () => new ReferenceError(),
  RegExp: () => /x/,
  String: () => Object(''),
  SyntaxError: () => new SyntaxError(),
  TypeError: () => new TypeError(),
  URIError: () => new URIError(),
};

/** Objects of the language whose interfaces TypeScript names and whose constructors are no globals. */
const unnamed: Readonly<Record<string, () => object>> = {
  ArrayIterator: () => [].values(),
  AsyncGenerator: () => (async function* () {})(),
  AsyncGeneratorFunction: () => async function* () {},
  AsyncIteratorObject: () =>
    Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype)),
  Generator: () => (function* () {})(),
  GeneratorFunction: () => function* () {},
  IteratorObject: () => Object.getPrototypeOf(Object.getPrototypeOf([].values())),
  MapIterator: () => new Map().values(),
  RegExpStringIterator: () => ''.matchAll(/x/g),
  SetIterator: () => new Set().values(),
  StringIterator: () => ''[Symbol.iterator](),
};

function describe(value: unknown, sample: (() => object) | undefined): GlobalDescription {
  if (typeof value !== 'function') {
    const isObject = typeof value === 'object' && value !== null;
    return { own: isObject ? keysOf(value, [Object.prototype]) : [], instance: [] };
  }
  const common = value === Object || value === Function ? [] : [Object.prototype];
  const prototype: unknown = value.prototype;
  const instance = new Set<string>();
  for (const each of [prototype, sample?.()]) {
    if (typeof each !== 'object' && typeof each !== 'function') continue;
    if (each !== null) for (const key of keysOf(each, common)) instance.add(key);
  }
  return {
    own: keysOf(value, [Function.prototype, Object.prototype]).filter((key) => !isFunctions(key)),
    instance: [...instance].sort(),
  };
}

/** What every function has of its own. */
function isFunctions(key: string): boolean {
  return key === 'length' || key === 'name' || key === 'prototype';
}

/** The names of all properties along the prototypes, but for those of `common`. */
function keysOf(value: object, common: readonly object[]): string[] {
  const keys = new Set<string>();
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (common.includes(at)) continue;
    for (const key of Reflect.ownKeys(at)) keys.add(nameOf(key));
  }
  return [...keys].filter((key) => !/^\d+$/.test(key)).sort();
}

function nameOf(key: string | symbol): string {
  return typeof key === 'string' ? key : (key.description ?? '').replace(/^(?:Symbol\.)?/, '@@');
}
