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
   * bytes, a `Uint8Array` by those that it holds, which need not be UTF-8; at most 65,536 of them. A
   * key whose bytes are the canonical decimal form of such an integer is that integer: `42` and
   * `'42'` are the same key, `'042'` is another.
   *
   * Every builtin throws a `RangeError` for any other number and for more bytes, and a `TypeError`
   * for any other type, for a string with a lone surrogate and for an array whose buffer is shared,
   * detached or resizable.
   */
  export type Key = number | string | Uint8Array;

  /** A value to be written: a text is written as its UTF-8 bytes, lone surrogates as U+FFFD. */
  export type StoredValue = string | ArrayBuffer | ArrayBufferView;

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

  /**
   * A value as text: its bytes decoded as UTF-8, what is malformed as U+FFFD, just as `TextDecoder`
   * has it. A byte order mark stays.
   *
   * @returns undefined where the key is absent.
   * @throws RangeError where the value is longer than 33,554,432 bytes, or the heap has no room.
   */
  export function HTGetString(key: Key): string | undefined;

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
   * Shows a value where it lies in the store, without a copy.
   *
   * @returns undefined where the key is absent.
   */
  export function HTView(key: Key): StoreView | undefined;

  /**
   * A value read in place: the reading half of `DataView`, with its signatures, conversions and
   * errors. Offsets are in bytes and need no alignment; a number is big-endian unless
   * `littleEndian` is true; one that does not lie wholly within the value is a `RangeError`.
   *
   * Lifetime: a view is valid until the invocation that made it ends, across the `await`s of an
   * asynchronous function too; every later use throws a `TypeError`. So keep none in a global, and
   * make it anew in each invocation.
   *
   * A view shows the bytes that the value had when the view was made, even where the same
   * invocation overwrites or deletes the key; a new view shows what was written. Nothing can write
   * through it, and only HTView makes one.
   */
  export interface StoreView {
    /** The value's length in bytes. */
    readonly byteLength: number;
    getInt8(byteOffset: number): number;
    getUint8(byteOffset: number): number;
    getInt16(byteOffset: number, littleEndian?: boolean): number;
    getUint16(byteOffset: number, littleEndian?: boolean): number;
    getInt32(byteOffset: number, littleEndian?: boolean): number;
    getUint32(byteOffset: number, littleEndian?: boolean): number;
    getFloat32(byteOffset: number, littleEndian?: boolean): number;
    getFloat64(byteOffset: number, littleEndian?: boolean): number;
    getBigInt64(byteOffset: number, littleEndian?: boolean): bigint;
    getBigUint64(byteOffset: number, littleEndian?: boolean): bigint;
  }

  /**
   * Reads one element of many values: for each `i`, `out[i]` becomes what HTGetUint32 or
   * HTGetFloat64 (by `out`'s type) returns for `keys[i]` and `field`; where that is undefined,
   * `out[i]` is left as it was.
   *
   * One call overlaps the waits for memory of many lookups, which are most of a loop's time over
   * more data than the processor's caches hold.
   *
   * @param field The element's place in each value, counted in elements of `out`'s type.
   * @param out May be `keys` itself; where it shares only some of its memory with `keys`, which
   *     keys are read is unspecified.
   * @returns how many elements were found.
   * @throws RangeError where `out` is shorter than `keys` or `field` is a number but no
   *     non-negative safe integer; TypeError where `keys` is neither a Uint32Array nor an array of
   *     keys, `out` neither the former nor a Float64Array, either is shared, detached or resizable, or
   *     `field` is no number. Then nothing was read. What HTHas throws for one that is no key; then
   *     what comes before it may have been read.
   */
  export function HTGetMany(
    keys: Uint32Array | readonly Key[],
    field: number,
    out: Uint32Array | Float64Array,
  ): number;

  /**
   * Shows many values where they lie: for each `i`, what HTView returns for `keys[i]`. As HTGetMany, it
   * overlaps the lookups' waits for memory.
   *
   * @param keys At most 65,536.
   * @throws RangeError where there are more; TypeError where `keys` is neither a Uint32Array nor an
   *     array of keys; what HTHas throws for one that is no key.
   */
  export function HTViewMany(keys: Uint32Array | readonly Key[]): (StoreView | undefined)[];

  /**
   * Adds to a counter: a value that is the text of a decimal integer, which Redis's INCRBY and GET
   * see as well. An absent key counts as 0. The key's expiry is kept.
   *
   * @param delta A safe integer, positive or not.
   * @returns the new value.
   * @throws TypeError `value is not an integer` where the value is none in canonical form, of 64
   *     bits; RangeError where `delta` is a number but no safe integer, and where the new value
   *     would be no safe integer; TypeError where `delta` is no number; what HTSet throws for
   *     quota and flags. Then nothing was changed.
   */
  export function HTAdd(key: Key, delta: number): number;

  /**
   * One step through the store's keys, in no order.
   *
   *     const found: Key[] = [];
   *     let cursor = 0;
   *     do {
   *       cursor = HTScan(cursor, found);
   *       for (const key of found) visit(key);
   *     } while (cursor !== 0);
   *
   * What it promises is what Redis's SCAN promises: a key that is there from a scan's first step to
   * its last is found at least once, whatever else is written meanwhile; one that comes or goes
   * meanwhile may be found or not; one may be found twice, though not where nothing is written. A
   * scan may go on in a later invocation.
   *
   * @param cursor 0 to begin; else what the step before returned.
   * @param into Receives some keys in place of what it held: sometimes none. Integers come as
   *     numbers, other keys as strings, and those that are not UTF-8 as `Uint8Array`s.
   * @param pattern Only keys that match it: a glob as of Redis's SCAN, `*`, `?`, `[a-z]`, `[^a]` and
   *     `\\` before what is meant literally, of at most 4,096 bytes, matched bytewise.
   * @returns the cursor of the next step, 0 after the last.
   * @throws RangeError where `cursor` is a number but no non-negative safe integer, or the pattern
   *     is too long; TypeError where `cursor` is no number, `pattern` no string, or `into` is no
   *     array or cannot be changed.
   */
  export function HTScan(cursor: number, into: Key[], pattern?: string): number;

  /** Of HTSet: what Redis's SET can. Times are milliseconds; a field that is undefined is absent. */
  export interface SetOptions {
    /** The key expires so long after the invocation's start: an integer from 1 on, or Infinity, never. */
    ttl?: number | undefined;
    /** The key expires at this Unix time, as Date.now() counts it, or never, at Infinity. */
    expiresAt?: number | undefined;
    /** The key keeps the expiry that it has, or has not. */
    keepTtl?: boolean | undefined;
    /** Writes only where the key is absent. */
    ifAbsent?: boolean | undefined;
    /** Writes only where the key is there. */
    ifPresent?: boolean | undefined;
  }

  /**
   * Writes a value, in place of any that was there; without an option that says otherwise, the key
   * then has no expiry.
   *
   * Writes are kept when the invocation returns and undone when it throws or is terminated.
   *
   * @param value Copied; at most 512 MiB.
   * @returns whether it wrote, which only `ifAbsent` and `ifPresent` can keep it from.
   * @throws RangeError with `OOM` in its message where the tenant's memory quota does not admit it;
   *     TypeError that starts with `READONLY` in a function with the flag `no-writes` (which
   *     FCALL_RO asks for) and while a library loads; TypeError where `value` is neither text nor a
   *     buffer or view, or is shared, detached or resizable, where `options` is no object or a time
   *     no number, and where two options contradict each other; RangeError where a time is out of
   *     its range.
   */
  export function HTSet(key: Key, value: StoredValue, options?: SetOptions): boolean;

  /**
   * Adds to a value's end, and keeps the key's expiry. An absent key counts as an empty value.
   *
   * @returns the length of the value then, in bytes.
   * @throws what HTSet does for its key and value, quota and flags.
   */
  export function HTAppend(key: Key, value: StoredValue): number;

  /**
   * Sets when a key expires.
   *
   * @param ttl Milliseconds from the invocation's start: an integer, at or below 0 of which the key
   *     is removed at once, or Infinity, with which it never expires.
   * @returns whether the key was present.
   * @throws TypeError where `ttl` is no number, RangeError where it is neither a safe integer nor
   *     Infinity; what HTSet throws for quota and flags.
   */
  export function HTExpire(key: Key, ttl: number): boolean;

  /**
   * @returns the milliseconds from the invocation's start until the key expires, Infinity where it
   *     never does, undefined where it is absent: what HTExpire and HTSet's `ttl` take.
   */
  export function HTTtl(key: Key): number | undefined;

  /**
   * Removes a key.
   *
   * @returns whether it was present.
   * @throws TypeError that starts with `READONLY` where HTSet would.
   */
  export function HTDelete(key: Key): boolean;

  /**
   * What WebAssembly imports of the store (docs/wasm.md): builtins for linear memory, each on the memory of
   * the instance that calls it. JavaScript cannot call them: a TypeError.
   *
   *     new WebAssembly.Instance(module, { 'shredder:store': HTImports() })
   *
   * `instantiate` of `shredder-functions/wasm` does this.
   *
   * @throws TypeError where WebAssembly is switched off for the tenant.
   */
  export function HTImports(): { readonly [name: string]: (...values: never[]) => unknown };
}

/** A module that a library imports is compiled while the library loads. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}

declare namespace WebAssembly {
  // The rest is declared by `shredder-functions/globals`, or the DOM's types.
  // biome-ignore lint/suspicious/noEmptyInterface: other declarations of it merge with an interface
  interface Module {}
}
