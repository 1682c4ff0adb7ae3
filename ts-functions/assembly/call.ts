import { Reply } from './reply';

const HEADER_BYTES: usize = 16;
const SLICE_BYTES: usize = 8;

/**
 * What a function is called with, where the store has written it. It is valid until the function returns;
 * strings and arrays that are made from it are copies.
 */
@unmanaged
export class Call {
  readonly keyCount: i32;
  readonly argCount: i32;
  private replyAddress: usize;
  private unused: u32;

  /** Says what the function replies, where it returns nothing itself; null where this is never set. */
  set reply(reply: Reply) {
    this.replyAddress = changetype<usize>(reply);
  }

  /** Where the bytes of a key lie, for the imports whose names end in `_s`. */
  keyAddress(index: i32): usize {
    assert(<u32>index < <u32>this.keyCount);
    return this.address(index);
  }
  keyLength(index: i32): i32 {
    assert(<u32>index < <u32>this.keyCount);
    return this.length(index);
  }
  key(index: i32): string {
    return String.UTF8.decodeUnsafe(this.keyAddress(index), this.keyLength(index));
  }
  keyBytes(index: i32): Uint8Array {
    return copyOf(this.keyAddress(index), this.keyLength(index));
  }

  argAddress(index: i32): usize {
    assert(<u32>index < <u32>this.argCount);
    return this.address(this.keyCount + index);
  }
  argLength(index: i32): i32 {
    assert(<u32>index < <u32>this.argCount);
    return this.length(this.keyCount + index);
  }
  arg(index: i32): string {
    return String.UTF8.decodeUnsafe(this.argAddress(index), this.argLength(index));
  }
  argBytes(index: i32): Uint8Array {
    return copyOf(this.argAddress(index), this.argLength(index));
  }

  private address(slice: i32): usize {
    return load<u32>(changetype<usize>(this) + HEADER_BYTES + <usize>slice * SLICE_BYTES);
  }
  private length(slice: i32): i32 {
    return load<i32>(changetype<usize>(this) + HEADER_BYTES + <usize>slice * SLICE_BYTES, 4);
  }
}

function copyOf(address: usize, length: i32): Uint8Array {
  const bytes = new Uint8Array(length);
  memory.copy(bytes.dataStart, address, length);
  return bytes;
}
