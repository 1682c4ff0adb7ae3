// What the builtins make of their arguments: the same results and errors as in the store.
import { inspect, types } from 'node:util';

const MAX_KEY_BYTES = 65_536;

/** The text of a key: equal for two arguments exactly where they name the same key. */
export function keyText(key: unknown): string {
  if (typeof key === 'number') {
    if (!Number.isSafeInteger(key) || key < 0) {
      throw new RangeError(
        `a number used as a key must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, not ${key}`,
      );
    }
    return String(key);
  }
  if (typeof key !== 'string') {
    throw new TypeError(`key must be a string or an integer, not ${shown(key)}`);
  }
  // In a pattern with the flag u, a surrogate that has its partner is one code point, no Surrogate.
  if (/\p{Surrogate}/u.test(key)) {
    throw new TypeError('key has a lone surrogate, which has no UTF-8 form');
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new RangeError(`key is longer than ${MAX_KEY_BYTES} bytes`);
  }
  return key;
}

/** The memory of a buffer or view. */
export function bytesOf(value: unknown): Uint8Array {
  const view = ArrayBuffer.isView(value);
  const buffer = view ? value.buffer : value;
  if (!types.isAnyArrayBuffer(buffer)) {
    throw new TypeError(`bytes must be an ArrayBuffer or a view of one, not ${shown(value)}`);
  }
  if (!types.isArrayBuffer(buffer) || isDetached(buffer) || isResizable(buffer)) {
    throw new TypeError('buffer must be neither detached nor shared nor resizable');
  }
  return view ? new Uint8Array(buffer, value.byteOffset, value.byteLength) : new Uint8Array(buffer);
}

/** What an integer argument may be: any safe integer from `min` on. */
export function integerArgument(value: unknown, what: string, min = 0): number {
  if (typeof value !== 'number') {
    throw new TypeError(`${what} must be a number, not ${shown(value)}`);
  }
  if (!Number.isSafeInteger(value) || value < min) {
    throw new RangeError(
      `${what} must be an integer from ${min} to ${Number.MAX_SAFE_INTEGER}, not ${value}`,
    );
  }
  return value;
}

/** The keys that HTGetMany looks up. */
export function keyArray(value: unknown): Uint32Array {
  if (!types.isUint32Array(value)) {
    throw new TypeError(`keys must be a Uint32Array, not ${shown(value)}`);
  }
  bytesOf(value);
  return value;
}

/** Where HTGetMany puts what it finds. */
export function elementArray(value: unknown): Uint32Array | Float64Array {
  if (!types.isUint32Array(value) && !types.isFloat64Array(value)) {
    throw new TypeError(`out must be a Uint32Array or a Float64Array, not ${shown(value)}`);
  }
  bytesOf(value);
  return value;
}

/** An array of the caller's own, whose content HTScan replaces. */
export function plainArray(value: unknown): unknown[] {
  if (!Array.isArray(value) || types.isProxy(value)) {
    throw new TypeError(`into must be an array, not ${shown(value)}`);
  }
  return value;
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

/** An argument in an error's text. */
function shown(value: unknown): string {
  return inspect(value, { depth: 0 }).slice(0, 64);
}
