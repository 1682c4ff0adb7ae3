// node:buffer: a Uint8Array with texts in Node's encodings, and what packages use of it most.
import { encodingOf, isEncoding } from './encodings.ts';

type BytesLike = string | ArrayBufferLike | ArrayLike<number>;

export class Buffer extends Uint8Array {
  static override from(
    value: BytesLike | Iterable<number>,
    encodingOrOffset?: unknown,
    length?: unknown,
  ): Buffer {
    if (typeof value === 'string') {
      const bytes = encodingOf(encodingOrOffset as string | undefined).encode(value);
      return Buffer.from(bytes);
    }
    if (value instanceof ArrayBuffer) {
      return new Buffer(
        value,
        encodingOrOffset as number | undefined,
        length as number | undefined,
      );
    }
    const bytes = Array.from(value as ArrayLike<number>);
    const buffer = new Buffer(bytes.length);
    buffer.set(bytes);
    return buffer;
  }

  static alloc(size: number, fill?: string | number, encoding?: string): Buffer {
    const buffer = new Buffer(size);
    if (typeof fill === 'number') Uint8Array.prototype.fill.call(buffer, fill);
    if (typeof fill === 'string' && fill !== '') {
      const bytes = encodingOf(encoding).encode(fill);
      for (let i = 0; i < size; i++) buffer[i] = bytes[i % bytes.length]!;
    }
    return buffer;
  }

  static allocUnsafe(size: number): Buffer {
    return new Buffer(size);
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer;
  }

  static isEncoding(name: unknown): boolean {
    return isEncoding(name);
  }

  static byteLength(value: string | ArrayBufferView | ArrayBuffer, encoding?: string): number {
    return typeof value === 'string' ? encodingOf(encoding).encode(value).length : value.byteLength;
  }

  static concat(list: readonly Uint8Array[], length?: number): Buffer {
    const size = length ?? list.reduce((sum, each) => sum + each.length, 0);
    const buffer = new Buffer(size);
    let at = 0;
    for (const each of list) {
      if (at >= size) break;
      buffer.set(each.subarray(0, size - at), at);
      at += each.length;
    }
    return buffer;
  }

  static compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
    }
    return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
  }

  override toString(encoding?: string, start = 0, end = this.length): string {
    return encodingOf(encoding).decode(super.subarray(start, end));
  }

  toJSON(): { type: 'Buffer'; data: number[] } {
    return { type: 'Buffer', data: [...this] };
  }

  equals(other: Uint8Array): boolean {
    return Buffer.compare(this, other) === 0;
  }

  compare(other: Uint8Array): -1 | 0 | 1 {
    return Buffer.compare(this, other);
  }

  copy(target: Uint8Array, targetStart = 0, start = 0, end = this.length): number {
    const part = super.subarray(start, Math.min(end, start + target.length - targetStart));
    target.set(part, targetStart);
    return part.length;
  }

  /** Writes a text; how many bytes of it there was room for. */
  write(text: string, ...rest: (string | number | undefined)[]): number {
    const encoding = rest.find((each) => typeof each === 'string');
    const [offset = 0, length = this.length] = rest.filter((each) => typeof each === 'number');
    const bytes = encodingOf(encoding)
      .encode(text)
      .slice(0, Math.min(length, this.length - offset));
    this.set(bytes, offset);
    return bytes.length;
  }

  /** As Node's, which shows the same memory, unlike a typed array's. */
  override slice(start?: number, end?: number): Buffer {
    return this.subarray(start, end);
  }

  override subarray(start?: number, end?: number): Buffer {
    const part = super.subarray(start, end);
    return new Buffer(part.buffer, part.byteOffset, part.byteLength);
  }

  readUInt8(offset = 0): number {
    return this.view().getUint8(offset);
  }

  readUInt16BE(offset = 0): number {
    return this.view().getUint16(offset);
  }

  readUInt16LE(offset = 0): number {
    return this.view().getUint16(offset, true);
  }

  readUInt32BE(offset = 0): number {
    return this.view().getUint32(offset);
  }

  readUInt32LE(offset = 0): number {
    return this.view().getUint32(offset, true);
  }

  readInt32BE(offset = 0): number {
    return this.view().getInt32(offset);
  }

  readInt32LE(offset = 0): number {
    return this.view().getInt32(offset, true);
  }

  readDoubleBE(offset = 0): number {
    return this.view().getFloat64(offset);
  }

  readDoubleLE(offset = 0): number {
    return this.view().getFloat64(offset, true);
  }

  writeUInt8(value: number, offset = 0): number {
    this.view().setUint8(offset, value);
    return offset + 1;
  }

  writeUInt16BE(value: number, offset = 0): number {
    this.view().setUint16(offset, value);
    return offset + 2;
  }

  writeUInt16LE(value: number, offset = 0): number {
    this.view().setUint16(offset, value, true);
    return offset + 2;
  }

  writeUInt32BE(value: number, offset = 0): number {
    this.view().setUint32(offset, value);
    return offset + 4;
  }

  writeUInt32LE(value: number, offset = 0): number {
    this.view().setUint32(offset, value, true);
    return offset + 4;
  }

  writeDoubleBE(value: number, offset = 0): number {
    this.view().setFloat64(offset, value);
    return offset + 8;
  }

  writeDoubleLE(value: number, offset = 0): number {
    this.view().setFloat64(offset, value, true);
    return offset + 8;
  }

  private view(): DataView {
    return new DataView(this.buffer, this.byteOffset, this.byteLength);
  }
}

export const constants = { MAX_LENGTH: 2 ** 31 - 1, MAX_STRING_LENGTH: 33_554_432 };
export const kMaxLength = constants.MAX_LENGTH;

export default { Buffer, constants, kMaxLength };
