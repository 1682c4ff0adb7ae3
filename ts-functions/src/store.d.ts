/**
 * The builtins of the store, for the functions that run inside it.
 *
 * They work on the hash table of the tenant that the function belongs to; no argument can name
 * another. A call sees everything that its own invocation wrote. Keys that have expired are absent.
 */
declare module 'shredder:store' {
  /**
   * Names a key of the store.
   *
   * A number must be an integer from 0 to 2^53 - 1 (-0 is 0). A string names the key by its UTF-8
   * bytes, at most 65,536 of them. A key whose bytes are the canonical decimal form of such an
   * integer is that integer: `42` and `'42'` are the same key, `'042'` is another.
   *
   * Every builtin throws a `RangeError` for any other number and for a longer string, and a
   * `TypeError` for any other type and for a string with a lone surrogate.
   */
  export type Key = number | string;

  /**
   * Copies a value into a buffer: its first bytes, as many as fit.
   *
   * Reuse one buffer for many reads, and read again with a larger one where the length returned is
   * more than `into.byteLength`; nothing is allocated on the way.
   *
   * @param into Receives the bytes from its start; the rest of it is left as it was.
   * @returns the value's whole length in bytes, or -1 where the key is absent.
   * @throws TypeError where `into` is no buffer or view, or is shared, detached or resizable.
   */
  export function HTGet(key: Key, into: ArrayBuffer | ArrayBufferView): number;

  /** @returns the value's length in bytes, or -1 where the key is absent. */
  export function HTLength(key: Key): number;

  /** @returns whether the key is present. */
  export function HTHas(key: Key): boolean;

  /**
   * Reads one unsigned 32-bit little-endian integer of a value, without a copy of the value.
   *
   * @param index The element's place, counted in elements: byte `4 * index` of the value.
   * @returns undefined where the key is absent or its value has no whole element there.
   * @throws RangeError where `index` is a number but no non-negative safe integer, and TypeError
   *     where it is no number.
   */
  export function HTGetUint32(key: Key, index: number): number | undefined;

  /**
   * Reads one 64-bit little-endian floating-point number of a value, without a copy of the value.
   *
   * @param index The element's place, counted in elements: byte `8 * index` of the value.
   * @returns undefined where the key is absent or its value has no whole element there.
   * @throws RangeError where `index` is a number but no non-negative safe integer, and TypeError
   *     where it is no number.
   */
  export function HTGetFloat64(key: Key, index: number): number | undefined;

  /**
   * Writes a value, in place of any that was there; the key then has no expiry.
   *
   * Writes are kept when the invocation returns and undone when it throws or is terminated.
   *
   * @param bytes The value, copied; at most 512 MiB.
   * @throws RangeError with `OOM` in its message where the tenant's memory quota does not admit it;
   *     TypeError that starts with `READONLY` in a function with the flag `no-writes` (which
   *     FCALL_RO asks for) and while a library loads; TypeError where `bytes` is no buffer or
   *     view, or is shared, detached or resizable.
   */
  export function HTSet(key: Key, bytes: ArrayBuffer | ArrayBufferView): void;

  /**
   * Removes a key.
   *
   * @returns whether it was present.
   * @throws TypeError that starts with `READONLY` where HTSet would.
   */
  export function HTDelete(key: Key): boolean;
}
