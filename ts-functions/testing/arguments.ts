// What the builtins make of their arguments: the same results and errors as in the store.
import { types } from 'node:util';
import type { Key } from 'shredder:store';
import { MAX_KEY_BYTES, storeError } from './errors.ts';

/** The text of a key: equal for two arguments exactly where they name the same key. */
export function keyText(key: unknown): string {
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

/** The key that a key's text is: a number where it is the canonical form of an integer key. */
export function keyOf(text: string): Key {
  // The rule of builtins-csa/layout/decimal.h.
  const isInteger = /^(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text));
  return isInteger ? Number(text) : text;
}

/** The memory of a buffer or view. */
export function bytesOf(value: unknown): Uint8Array {
  const view = ArrayBuffer.isView(value);
  const buffer = view ? value.buffer : value;
  if (!types.isAnyArrayBuffer(buffer)) throw storeError('bufferType', value);
  if (!types.isArrayBuffer(buffer) || isDetached(buffer) || isResizable(buffer)) {
    throw storeError('bufferUnusable');
  }
  return view ? new Uint8Array(buffer, value.byteOffset, value.byteLength) : new Uint8Array(buffer);
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

/** The arrays of HTGetMany: the keys, and where it puts what it finds. */
export function gatherArrays(
  keys: unknown,
  out: unknown,
): { keys: Uint32Array; out: Uint32Array | Float64Array } {
  if (!types.isUint32Array(keys)) throw storeError('keysType', keys);
  if (!types.isUint32Array(out) && !types.isFloat64Array(out)) throw storeError('outType', out);
  bytesOf(keys);
  bytesOf(out);
  return { keys, out };
}

/** Replaces the content of an array of the caller's own. */
export function refill(into: unknown, values: readonly unknown[]): void {
  if (!Array.isArray(into) || types.isProxy(into)) throw storeError('intoType', into);
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

function isResizable(buffer: ArrayBuffer): boolean {
  return 'resizable' in buffer && buffer.resizable === true;
}
