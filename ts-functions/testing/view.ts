// What HTView returns: a value's bytes, for as long as the invocation that asked for them runs.
import type { StoreView } from 'shredder:store';
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
    return this.#bytes().byteLength;
  }

  getInt8(byteOffset: number): number {
    return this.#bytes().getInt8(byteOffset);
  }

  getUint8(byteOffset: number): number {
    return this.#bytes().getUint8(byteOffset);
  }

  getInt16(byteOffset: number, littleEndian = false): number {
    return this.#bytes().getInt16(byteOffset, littleEndian);
  }

  getUint16(byteOffset: number, littleEndian = false): number {
    return this.#bytes().getUint16(byteOffset, littleEndian);
  }

  getInt32(byteOffset: number, littleEndian = false): number {
    return this.#bytes().getInt32(byteOffset, littleEndian);
  }

  getUint32(byteOffset: number, littleEndian = false): number {
    return this.#bytes().getUint32(byteOffset, littleEndian);
  }

  getFloat32(byteOffset: number, littleEndian = false): number {
    return this.#bytes().getFloat32(byteOffset, littleEndian);
  }

  getFloat64(byteOffset: number, littleEndian = false): number {
    return this.#bytes().getFloat64(byteOffset, littleEndian);
  }

  getBigInt64(byteOffset: number, littleEndian = false): bigint {
    return this.#bytes().getBigInt64(byteOffset, littleEndian);
  }

  getBigUint64(byteOffset: number, littleEndian = false): bigint {
    return this.#bytes().getBigUint64(byteOffset, littleEndian);
  }

  #bytes(): DataView {
    if (this.#invocation.ended) {
      throw new TypeError('the invocation that made this view has ended: make a new one by HTView');
    }
    return this.#data;
  }
}

// Functions under test reach the prototype, and must not reach the constructor by it.
Reflect.deleteProperty(View.prototype, 'constructor');
