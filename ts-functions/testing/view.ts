// What HTView returns: a value's bytes, for as long as the invocation that asked for them runs.
import type { StoreView } from 'shredder:store';
import { storeError } from './errors.ts';
import type { Invocation } from './invocation.ts';

/** Shows `bytes`, which nothing may change, until `invocation` ends. */
export function viewOf(bytes: Uint8Array, invocation: Invocation): StoreView {
  return new View(bytes, invocation);
}

class View implements StoreView {
  readonly #data: DataView;
  readonly #invocation: Invocation;

  constructor(bytes: Uint8Array, invocation: Invocation) {
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#invocation = invocation;
  }

  get byteLength(): number {
    if (this.#invocation.ended) throw storeError('viewEnded');
    return this.#data.byteLength;
  }

  getInt8(byteOffset: number): number {
    return this.#data.getInt8(this.#place(byteOffset, 1));
  }

  getUint8(byteOffset: number): number {
    return this.#data.getUint8(this.#place(byteOffset, 1));
  }

  getInt16(byteOffset: number, littleEndian = false): number {
    return this.#data.getInt16(this.#place(byteOffset, 2), littleEndian);
  }

  getUint16(byteOffset: number, littleEndian = false): number {
    return this.#data.getUint16(this.#place(byteOffset, 2), littleEndian);
  }

  getInt32(byteOffset: number, littleEndian = false): number {
    return this.#data.getInt32(this.#place(byteOffset, 4), littleEndian);
  }

  getUint32(byteOffset: number, littleEndian = false): number {
    return this.#data.getUint32(this.#place(byteOffset, 4), littleEndian);
  }

  getFloat32(byteOffset: number, littleEndian = false): number {
    return this.#data.getFloat32(this.#place(byteOffset, 4), littleEndian);
  }

  getFloat64(byteOffset: number, littleEndian = false): number {
    return this.#data.getFloat64(this.#place(byteOffset, 8), littleEndian);
  }

  getBigInt64(byteOffset: number, littleEndian = false): bigint {
    return this.#data.getBigInt64(this.#place(byteOffset, 8), littleEndian);
  }

  getBigUint64(byteOffset: number, littleEndian = false): bigint {
    return this.#data.getBigUint64(this.#place(byteOffset, 8), littleEndian);
  }

  /** Where an element of `size` bytes lies, checked in the store's order. */
  #place(byteOffset: unknown, size: number): number {
    // What DataView makes of an offset: what is no number is converted, a fraction is cut off.
    const place = Math.trunc(+(byteOffset as number)) || 0;
    if (place < 0 || place > Number.MAX_SAFE_INTEGER) throw storeError('viewOffset');
    if (place + size > this.byteLength) throw storeError('viewOffset');
    return place;
  }
}

// Functions under test reach the prototype, and must not reach the constructor by it.
Reflect.deleteProperty(View.prototype, 'constructor');
