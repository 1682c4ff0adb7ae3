// What a function in WebAssembly is called with and what it replies, in its linear memory: the ABI of
// docs/wasm.md. All numbers are little-endian.
import type { Result } from '../src/index.ts';

const HEADER_BYTES = 16;
const REPLY_OFFSET = 8;
const SLICE_BYTES = 8;
const REPLY_BYTES = 16;

const MAX_DEPTH = 32;
const MAX_REPLY_BYTES = 64 * 1024 * 1024;
/** What a value takes up in the server besides its bytes. */
const VALUE_BYTES = 40;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of the block of a call. */
export function blockBytes(operands: readonly Uint8Array[]): number {
  return operands.reduce((sum, each) => sum + SLICE_BYTES + each.byteLength, HEADER_BYTES);
}

/** Writes the block of a call to its place; `operands`: the keys, `keyCount` of them, and the arguments. */
export function writeBlock(
  memory: ArrayBuffer,
  address: number,
  keyCount: number,
  operands: readonly Uint8Array[],
): void {
  const bytes = new Uint8Array(memory, address, blockBytes(operands));
  const view = new DataView(memory, address, bytes.byteLength);
  bytes.fill(0, 0, HEADER_BYTES);
  view.setUint32(0, keyCount, true);
  view.setUint32(4, operands.length - keyCount, true);
  let slice = HEADER_BYTES;
  let at = HEADER_BYTES + operands.length * SLICE_BYTES;
  for (const operand of operands) {
    view.setUint32(slice, address + at, true);
    view.setUint32(slice + 4, operand.byteLength, true);
    bytes.set(operand, at);
    slice += SLICE_BYTES;
    at += operand.byteLength;
  }
}

/** The reply that the block at an address says; null where it says none. */
export function readReply(memory: ArrayBuffer, block: number): Result {
  const address = new DataView(memory).getUint32(block + REPLY_OFFSET, true);
  return address === 0 ? null : new ReplyReader(memory).read(address, 0);
}

class ReplyReader {
  private readonly view: DataView;
  private left = MAX_REPLY_BYTES;

  constructor(private readonly memory: ArrayBuffer) {
    this.view = new DataView(memory);
  }

  read(address: number, depth: number): Result {
    if (depth > MAX_DEPTH) throw new TypeError('a reply is nested more than 32 deep');
    this.charge(VALUE_BYTES);
    this.require(address, REPLY_BYTES, "a reply lies outside of the module's memory");
    const kind = this.view.getUint32(address, true);
    const size = this.view.getUint32(address + 4, true);
    const data = address + 8;
    const pointer = this.view.getUint32(data, true);
    switch (kind) {
      case 0:
        return null;
      case 1:
        return size !== 0;
      case 2:
        return this.view.getBigInt64(data, true);
      case 3:
        return this.view.getFloat64(data, true);
      case 4:
        return this.text(pointer, size);
      case 5:
        return this.bytes(pointer, size);
      case 6:
        return this.items(pointer, size, depth);
      case 7:
        return this.map(pointer, size, depth);
      case 8:
        return new Error(this.text(pointer, size));
      default:
        throw new TypeError(`a reply is of kind ${kind}, which there is not`);
    }
  }

  private bytes(address: number, size: number): Uint8Array {
    this.require(address, size, "a reply's bytes lie outside of the module's memory");
    this.charge(size);
    return new Uint8Array(this.memory.slice(address, address + size));
  }

  private text(address: number, size: number): string {
    const bytes = this.bytes(address, size);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new TypeError("a reply's text is not UTF-8; reply with bytes");
    }
  }

  private items(address: number, count: number, depth: number): Result[] {
    this.require(
      address,
      count * REPLY_BYTES,
      "a reply's elements lie outside of the module's memory",
    );
    const items: Result[] = [];
    for (let i = 0; i < count; i++) items.push(this.read(address + i * REPLY_BYTES, depth + 1));
    return items;
  }

  private map(address: number, count: number, depth: number): Map<Result, Result> {
    const items = this.items(address, count * 2, depth);
    const entries = Array.from({ length: count }, (_, i): [Result, Result] => [
      items[2 * i],
      items[2 * i + 1],
    ]);
    return new Map(entries);
  }

  private require(address: number, length: number, error: string): void {
    if (address + length > this.memory.byteLength) throw new TypeError(error);
  }

  private charge(bytes: number): void {
    if (bytes > this.left) throw new TypeError('a reply is larger than 64 MiB');
    this.left -= bytes;
  }
}
