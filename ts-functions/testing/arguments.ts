// What the builtins make of their arguments: the same results and errors as in the store.
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import type { Key, SetOptions } from 'shredder:store';
import { MAX_KEY_BYTES, MAX_PATTERN_BYTES, storeError, type StoreErrorName } from './errors.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Stands, with a byte added, for that byte of a key that is not UTF-8: no string has it. */
const NO_CHARACTER = 0xdc00;

/**
 * The text of a key: equal for two arguments exactly where they name the same key. Bytes that are
 * not UTF-8 have lone surrogates for theirs.
 */
export function keyText(key: unknown): string {
  if (types.isUint8Array(key)) return bytesText(usableBytes(key));
  if (typeof key === 'number') {
    if (!Number.isSafeInteger(key) || key < 0) throw storeError('keyNumber', key);
    return String(key);
  }
  if (typeof key !== 'string') throw storeError('keyType', key);
  // A string has no more characters than its UTF-8 form has bytes.
  if (key.length > MAX_KEY_BYTES) throw storeError('keyTooLong');
  // In a pattern with the flag u, a surrogate that has its partner is one code point, no Surrogate.
  if (/\p{Surrogate}/u.test(key)) throw storeError('keySurrogate');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw storeError('keyTooLong');
  return key;
}

function bytesText(bytes: Uint8Array): string {
  if (bytes.byteLength > MAX_KEY_BYTES) throw storeError('keyTooLong');
  try {
    return UTF8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(NO_CHARACTER + byte)).join('');
  }
}

/** The bytes of a key's text. */
export function keyBytes(text: string): Uint8Array {
  // With the flag u, a surrogate of a pair is none.
  if (!/\p{Surrogate}/u.test(text)) return new TextEncoder().encode(text);
  return Uint8Array.from(text, (character) => character.charCodeAt(0) - NO_CHARACTER);
}

/**
 * The key that a key's text is: a number where it is the canonical form of an integer key, bytes
 * where these are not UTF-8.
 */
export function keyOf(text: string): Key {
  if (/\p{Surrogate}/u.test(text)) return keyBytes(text);
  // The rule of builtins-csa/layout/decimal.h.
  const isInteger = /^(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text));
  return isInteger ? Number(text) : text;
}

/** The memory of a buffer or view. */
export function bytesOf(value: unknown): Uint8Array {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!types.isAnyArrayBuffer(buffer)) throw storeError('bufferType', value);
  return usableBytes(value as ArrayBuffer | ArrayBufferView);
}

/** What a value argument is to be stored as: a copy. */
export function valueOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!types.isAnyArrayBuffer(buffer)) throw storeError('valueType', value);
  return usableBytes(value as ArrayBuffer | ArrayBufferView).slice();
}

function usableBytes(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  const view = ArrayBuffer.isView(value);
  const buffer: unknown = view ? value.buffer : value;
  if (!types.isArrayBuffer(buffer) || isDetached(buffer) || isResizable(buffer)) {
    throw storeError('bufferUnusable');
  }
  return view ? new Uint8Array(buffer, value.byteOffset, value.byteLength) : new Uint8Array(buffer);
}

/** What HTSet's options say. */
export interface WriteOptions {
  /** Unix milliseconds; undefined: never; `keep`: as it was. */
  expiresAt: number | undefined | 'keep';
  ifAbsent: boolean;
  ifPresent: boolean;
}

export function writeOptions(options: unknown, now: number): WriteOptions {
  if (options === undefined) return { expiresAt: undefined, ifAbsent: false, ifPresent: false };
  if ((typeof options !== 'object' && typeof options !== 'function') || options === null) {
    throw storeError('optionsType', options);
  }
  // In the store's order, as a getter can tell.
  const { ttl, expiresAt, keepTtl, ifAbsent, ifPresent } = options as SetOptions;
  const given = [ttl !== undefined, expiresAt !== undefined, Boolean(keepTtl)];
  if (given.filter(Boolean).length > 1) throw storeError('expiryOptions');
  if (ifAbsent && ifPresent) throw storeError('presenceOptions');
  const presence = { ifAbsent: Boolean(ifAbsent), ifPresent: Boolean(ifPresent) };
  if (keepTtl) return { expiresAt: 'keep', ...presence };
  if (ttl !== undefined) {
    const time = timeArgument(ttl, 1, 'ttlType', 'ttlRange');
    if (time !== undefined && !Number.isSafeInteger(now + time)) throw storeError('ttlRange', ttl);
    return { expiresAt: time === undefined ? undefined : now + time, ...presence };
  }
  if (expiresAt === undefined) return { expiresAt: undefined, ...presence };
  return { expiresAt: timeArgument(expiresAt, 0, 'expiresAtType', 'expiresAtRange'), ...presence };
}

/** The Unix time at which a key expires that lives `ttl` from now on; undefined: never. */
export function ttlArgument(ttl: unknown, now: number): number | undefined {
  const time = timeArgument(ttl, Number.MIN_SAFE_INTEGER, 'ttlType', 'ttlInteger');
  if (time === undefined) return undefined;
  const at = now + Math.max(time, 0);
  if (!Number.isSafeInteger(at)) throw storeError('ttlInteger', ttl);
  return at;
}

/** Milliseconds; undefined for Infinity. */
function timeArgument(
  value: unknown,
  min: number,
  type: StoreErrorName,
  range: StoreErrorName,
): number | undefined {
  if (value === Infinity) return undefined;
  if (typeof value !== 'number') throw storeError(type, value);
  if (!Number.isSafeInteger(value) || value < min) throw storeError(range, value);
  return value;
}

/** Tells whether a key's bytes match the pattern of HTScan. */
export function patternArgument(pattern: unknown): (key: Uint8Array) => boolean {
  if (pattern === undefined) return () => true;
  if (typeof pattern !== 'string') throw storeError('patternType', pattern);
  const bytes = Buffer.from(pattern);
  if (bytes.byteLength > MAX_PATTERN_BYTES) throw storeError('patternTooLong');
  const matcher = globMatcher(bytes.toString('latin1'));
  return (key) => matcher.test(Buffer.from(key).toString('latin1'));
}

/** A glob, with the leniencies of Redis's, as an expression over text that has a character a byte. */
function globMatcher(glob: string): RegExp {
  let source = '';
  const literal = (character: string): string => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  };
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at]!;
    if (character === '*') {
      source += '.*';
    } else if (character === '?') {
      source += '.';
    } else if (character === '[') {
      const negated = glob[at + 1] === '^';
      if (negated) at++;
      let set = '';
      for (at++; at < glob.length && glob[at] !== ']'; at++) {
        if (glob[at] === '\\' && at + 1 < glob.length) {
          set += literal(glob[++at]!);
        } else if (at + 2 < glob.length && glob[at + 1] === '-') {
          const [first, last] = [glob[at]!, glob[at + 2]!].sort();
          set += `${literal(first!)}-${literal(last!)}`;
          at += 2;
        } else {
          set += literal(glob[at]!);
        }
      }
      source += `[${negated ? '^' : ''}${set}]`;
    } else {
      const escaped = character === '\\' && at + 1 < glob.length;
      source += literal(escaped ? glob[++at]! : character);
    }
  }
  return new RegExp(`^${source}$`, 's');
}

/** What an integer argument may be: any safe integer from `min` on. */
export function integerArgument(
  value: unknown,
  what: 'index' | 'cursor' | 'delta',
  min = 0,
): number {
  if (typeof value !== 'number') throw storeError(`${what}Type`, value);
  if (!Number.isSafeInteger(value) || value < min) throw storeError(`${what}Range`, value);
  return value;
}

/** The keys of HTGetMany and HTViewMany. */
export function keysArgument(keys: unknown): Uint32Array | readonly Key[] {
  if (types.isUint32Array(keys)) {
    usableBytes(keys);
    return keys;
  }
  if (!Array.isArray(keys) || types.isProxy(keys) || hasGetter(keys)) {
    throw storeError('keysType', keys);
  }
  return keys as readonly Key[];
}

function hasGetter(array: readonly unknown[]): boolean {
  return Object.values(Object.getOwnPropertyDescriptors(array)).some(
    ({ get }) => get !== undefined,
  );
}

/** The arrays of HTGetMany: the keys, and where it puts what it finds. */
export function gatherArrays(
  keys: unknown,
  out: unknown,
): { keys: Uint32Array | readonly Key[]; out: Uint32Array | Float64Array } {
  if (!types.isUint32Array(keys) && (!Array.isArray(keys) || types.isProxy(keys))) {
    throw storeError('keysType', keys);
  }
  if (!types.isUint32Array(out) && !types.isFloat64Array(out)) throw storeError('outType', out);
  const found = keysArgument(keys);
  bytesOf(out);
  return { keys: found, out };
}

/** Replaces the content of an array of the caller's own. */
export function refill(into: Key[], values: readonly unknown[]): void {
  Reflect.set(into, 'length', 0);
  const refilled = values.every((value, i) =>
    Reflect.defineProperty(into, i, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    }),
  );
  if (!refilled || into.length !== values.length) throw storeError('intoFixed');
}

function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

// Functions find no such property while they run.
const resizable = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get;

function isResizable(buffer: ArrayBuffer): boolean {
  return resizable?.call(buffer) === true;
}
