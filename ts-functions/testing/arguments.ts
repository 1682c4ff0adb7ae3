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

/** The index of an element in a value. */
export function elementIndex(index: unknown): number {
  if (typeof index !== 'number') {
    throw new TypeError(`index must be a number, not ${shown(index)}`);
  }
  if (!Number.isSafeInteger(index) || index < 0) {
    throw new RangeError(
      `index must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, not ${index}`,
    );
  }
  return index;
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
