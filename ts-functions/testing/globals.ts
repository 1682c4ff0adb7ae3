// What functions find of globals while they run: what the store has, and not what Node has besides.
//
// While some invocation runs, globals that the store lacks are moved from the global object to a proxy
// on its prototype chain, which tells by the asynchronous context who asks: a function of the store finds
// nothing, as if they had never been, and the test around it finds them where they always are. Where
// no invocation runs, the global object is as Node made it.
import { types } from 'node:util';
import { currentInvocation } from './invocation.ts';
import { RUNTIME_GLOBALS } from './runtime_globals.ts';
// Its constructor of instances is the one that functions find.
import './wasm_instance.ts';

/** What `import` and test runners compile modules with, in whose terms no function speaks. */
const OF_MODULES = /^__|^(?:require|module|exports)$/;

/**
 * Node's own globals. Others stay, as the store keeps what a package's top level makes global; those
 * that were there before the double was are taken for Node's.
 */
const NODE_GLOBALS: ReadonlySet<string> =
  (Reflect.get(globalThis, Symbol.for('shredder-functions.registered')) as
    | ReadonlySet<string>
    | undefined) ?? new Set(Object.getOwnPropertyNames(globalThis));

/** Invocations that run, of whatever store. */
let running = 0;
let restore: (() => void) | undefined;

/** Has functions find the store's globals until the function that it returns is called. */
export function enterStoreGlobals(): () => void {
  if (running++ === 0) restore = replaceGlobals();
  let left = false;
  return () => {
    if (left) return;
    left = true;
    if (--running > 0) return;
    restore?.();
    restore = undefined;
  };
}

/** Whether the code that asks is a function's. */
const inStore = (): boolean => currentInvocation() !== undefined;

type Holder = Record<PropertyKey, unknown>;

/** A property to be put in another's place while invocations run. */
interface Replacement {
  holder: Holder;
  key: PropertyKey;
  before: PropertyDescriptor | undefined;
  during: PropertyDescriptor;
}

const ROOT = globalThis as unknown as Holder;
const {
  ArrayBuffer: RealArrayBuffer,
  Date: RealDate,
  Function: RealFunction,
  performance,
} = globalThis;
const realNow = RealDate.now;
const timeOrigin = Math.floor(performance.timeOrigin);
const globalPrototype = Object.getPrototypeOf(ROOT) as object;

function replaceGlobals(): () => void {
  const hidden = hideGlobals();
  const above = Object.getPrototypeOf(globalPrototype) as object;
  Object.setPrototypeOf(globalPrototype, hidden.proxy);
  for (const { holder, key, during } of REPLACEMENTS) Object.defineProperty(holder, key, during);
  return () => {
    for (const { holder, key, before, during } of REPLACEMENTS) {
      // What somebody has put there meanwhile stays.
      const now = Object.getOwnPropertyDescriptor(holder, key);
      if (now?.get !== during.get) continue;
      if (before === undefined) Reflect.deleteProperty(holder, key);
      else Object.defineProperty(holder, key, before);
    }
    Object.setPrototypeOf(globalPrototype, above);
    hidden.restore();
  };
}

/** Takes what the store lacks from the global object, and gives it to others than functions. */
function hideGlobals(): { proxy: object; restore: () => void } {
  const kept = new Map<PropertyKey, PropertyDescriptor>();
  for (const name of Object.getOwnPropertyNames(ROOT)) {
    if (!NODE_GLOBALS.has(name) || Object.hasOwn(RUNTIME_GLOBALS, name)) continue;
    if (OF_MODULES.test(name)) continue;
    const descriptor = Object.getOwnPropertyDescriptor(ROOT, name);
    if (descriptor?.configurable !== true || !Reflect.deleteProperty(ROOT, name)) continue;
    kept.set(name, descriptor);
  }
  const found = (key: PropertyKey): PropertyDescriptor | undefined =>
    inStore() ? undefined : kept.get(key);
  const proxy = new Proxy(Object.create(Object.getPrototypeOf(globalPrototype) as object), {
    has: (target, key) => found(key) !== undefined || Reflect.has(target, key),
    get(target, key, receiver) {
      const descriptor = found(key);
      if (descriptor === undefined) return Reflect.get(target, key, receiver);
      return descriptor.get === undefined ? descriptor.value : descriptor.get.call(ROOT);
    },
    set(target, key, value, receiver) {
      const descriptor = found(key);
      if (descriptor?.set === undefined) return Reflect.set(target, key, value, receiver);
      descriptor.set.call(ROOT, value);
      return true;
    },
  });
  return {
    proxy,
    restore() {
      for (const [name, descriptor] of kept) {
        if (!Object.hasOwn(ROOT, name)) Object.defineProperty(ROOT, name, descriptor);
      }
    },
  };
}

/** A property that functions find as `inside` has it. */
function replacement(holder: object, key: PropertyKey, inside: () => unknown): Replacement {
  const before = Object.getOwnPropertyDescriptor(holder, key);
  const outside = function (this: unknown): unknown {
    if (before === undefined) return undefined;
    return before.get === undefined ? before.value : before.get.call(this);
  };
  return {
    holder: holder as Holder,
    key,
    before,
    during: {
      configurable: true,
      enumerable: before?.enumerable ?? false,
      get() {
        return inStore() ? inside() : outside.call(this);
      },
      set(value: unknown) {
        // As an assignment to what was there: an instance gets a property of its own.
        if (before?.set !== undefined) before.set.call(this, value);
        else Object.defineProperty(this, key, dataProperty(value, before));
      },
    },
  };
}

function dataProperty(value: unknown, like: PropertyDescriptor | undefined): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: like?.enumerable ?? true };
}

const REPLACEMENTS = [...clock(), ...codeFromStrings(), ...memory(), webAssembly()];

// Others than functions find them as they were, so these stay: to put each in its place for every
// invocation would take milliseconds.
for (const { holder, key, during } of members()) Object.defineProperty(holder, key, during);

/** The time of the invocation, in which it stands still. */
function invocationTime(): number {
  return currentInvocation()?.store.now() ?? realNow();
}

function clock(): Replacement[] {
  const StoreDate = new Proxy(RealDate, {
    apply: () => new RealDate(invocationTime()).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [invocationTime()] : args, newTarget) as object,
  });
  const prototype = Object.getPrototypeOf(performance) as object;
  return [
    replacement(ROOT, 'Date', () => StoreDate),
    replacement(RealDate.prototype, 'constructor', () => StoreDate),
    replacement(
      RealDate,
      'now',
      () =>
        function now() {
          return invocationTime();
        },
    ),
    replacement(
      prototype,
      'now',
      () =>
        function now() {
          return Math.max(invocationTime() - timeOrigin, 0);
        },
    ),
    replacement(prototype, 'timeOrigin', () => timeOrigin),
    replacement(ROOT, 'self', () => globalThis),
  ];
}

/** What makes code from strings: Function, and its like of asynchronous functions and generators. */
function codeFromStrings(): Replacement[] {
  const refuse = (): never => {
    throw new EvalError('Code cannot be made from strings in a function of the store');
  };
  const constructors = [
    RealFunction,
    (async () => {}).constructor,
    function* () {}.constructor,
    async function* () {}.constructor,
  ];
  return constructors.flatMap((constructor) => {
    const refusing = new Proxy(constructor, { apply: refuse, construct: refuse });
    const own = replacement(constructor.prototype as object, 'constructor', () => refusing);
    return constructor === RealFunction
      ? [replacement(ROOT, 'Function', () => refusing), own]
      : [own];
  });
}

/** No buffers that grow. */
function memory(): Replacement[] {
  const StoreArrayBuffer = new Proxy(RealArrayBuffer, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.slice(0, 1), newTarget) as object,
  });
  return [
    replacement(ROOT, 'ArrayBuffer', () => StoreArrayBuffer),
    replacement(RealArrayBuffer.prototype, 'constructor', () => StoreArrayBuffer),
  ];
}

/** What is synchronous of it. */
function webAssembly(): Replacement {
  const real = ROOT['WebAssembly'] as object;
  const limited = Object.create(Object.prototype) as object;
  for (const name of (RUNTIME_GLOBALS['WebAssembly']?.own ?? '').split(' ')) {
    const key = name === '@@toStringTag' ? Symbol.toStringTag : name;
    const descriptor = Object.getOwnPropertyDescriptor(real, key);
    if (descriptor !== undefined) Object.defineProperty(limited, key, descriptor);
  }
  return replacement(ROOT, 'WebAssembly', () => limited);
}

/** Members that Node has of what both have, but for constants. */
function members(): Replacement[] {
  const found: Replacement[] = [];
  for (const [name, { own, instance }] of Object.entries(RUNTIME_GLOBALS)) {
    const value = ROOT[name];
    if (value === ROOT || value === null) continue;
    if (typeof value !== 'function' && typeof value !== 'object') continue;
    found.push(...missing(value, own));
    const prototype: unknown = typeof value === 'function' ? value.prototype : undefined;
    if (typeof prototype === 'object' && prototype !== null && !types.isProxy(prototype)) {
      found.push(...missing(prototype, instance));
    }
  }
  return found;
}

function missing(holder: object, names: string): Replacement[] {
  const there = new Set([...names.split(/\s+/), 'length', 'name', 'prototype', 'constructor']);
  return Object.getOwnPropertyNames(holder)
    .filter((key) => !there.has(key))
    .map((key) => replacement(holder, key, () => undefined))
    .filter(({ before }) => before?.configurable === true && typeof before.value !== 'number');
}
