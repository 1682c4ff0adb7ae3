// What the store offers to WebAssembly: all imports of the module `shredder:store`. A key is an integer
// from 0 to 2^53 - 1; functions whose names end in `_s` take a key's bytes instead. Errors (a key that is
// none, memory that is not there, a quota) end the call as a trap does, and its writes are undone.

/** Copies a value's first bytes. The whole length in bytes, or -1 where the key is absent. */
@external("shredder:store", "ht_get")
export declare function ht_get(key: i64, into: usize, capacity: i32): i64;
@external("shredder:store", "ht_get_s")
export declare function ht_get_s(key: usize, keyLength: i32, into: usize, capacity: i32): i64;

/** The same from byte `from` of the value on. */
@external("shredder:store", "ht_view")
export declare function ht_view(key: i64, from: i32, into: usize, capacity: i32): i64;
@external("shredder:store", "ht_view_s")
export declare function ht_view_s(
  key: usize, keyLength: i32, from: i32, into: usize, capacity: i32,
): i64;

/** A value's length in bytes, or -1 where the key is absent. */
@external("shredder:store", "ht_length")
export declare function ht_length(key: i64): i64;
@external("shredder:store", "ht_length_s")
export declare function ht_length_s(key: usize, keyLength: i32): i64;

@external("shredder:store", "ht_has")
export declare function ht_has(key: i64): bool;
@external("shredder:store", "ht_has_s")
export declare function ht_has_s(key: usize, keyLength: i32): bool;

/** The element at byte `4 * index`, or -1 where there is none. */
@external("shredder:store", "ht_get_u32")
export declare function ht_get_u32(key: i64, index: i32): i64;
@external("shredder:store", "ht_get_u32_s")
export declare function ht_get_u32_s(key: usize, keyLength: i32, index: i32): i64;

/** The element at byte `8 * index`, or NaN where there is none. */
@external("shredder:store", "ht_get_f64")
export declare function ht_get_f64(key: i64, index: i32): f64;
@external("shredder:store", "ht_get_f64_s")
export declare function ht_get_f64_s(key: usize, keyLength: i32, index: i32): f64;

/**
 * The element `field` of the values of `count` keys: u32 each at `keys`, a multiple of 4; u32 each go to
 * `out`, which is left as it was where there is no such element. How many were found.
 */
@external("shredder:store", "ht_get_many")
export declare function ht_get_many(keys: usize, count: i32, field: i32, out: usize): i32;
/** The same of elements that are f64. */
@external("shredder:store", "ht_get_many_f64")
export declare function ht_get_many_f64(keys: usize, count: i32, field: i32, out: usize): i32;

/** Flags of ht_set. */
export const IF_ABSENT: i32 = 1;
export const IF_PRESENT: i32 = 2;
export const KEEP_TTL: i32 = 4;

/** Writes a value. `ttl`: milliseconds, 0 for none. Whether it wrote. */
@external("shredder:store", "ht_set")
export declare function ht_set(
  key: i64, value: usize, length: i32, ttl: i64, flags: i32,
): bool;
@external("shredder:store", "ht_set_s")
export declare function ht_set_s(
  key: usize, keyLength: i32, value: usize, length: i32, ttl: i64, flags: i32,
): bool;

/** Adds to a value's end. The length of the value then. */
@external("shredder:store", "ht_append")
export declare function ht_append(key: i64, value: usize, length: i32): i64;
@external("shredder:store", "ht_append_s")
export declare function ht_append_s(key: usize, keyLength: i32, value: usize, length: i32): i64;

/** Adds to a counter, which is the text of a decimal integer. The sum. */
@external("shredder:store", "ht_add")
export declare function ht_add(key: i64, delta: i64): i64;
@external("shredder:store", "ht_add_s")
export declare function ht_add_s(key: usize, keyLength: i32, delta: i64): i64;

/** Removes a key. Whether it was there. */
@external("shredder:store", "ht_delete")
export declare function ht_delete(key: i64): bool;
@external("shredder:store", "ht_delete_s")
export declare function ht_delete_s(key: usize, keyLength: i32): bool;

/** Has a key expire in `ttl` milliseconds, never at 0. Whether it was there. */
@external("shredder:store", "ht_expire")
export declare function ht_expire(key: i64, ttl: i64): bool;
@external("shredder:store", "ht_expire_s")
export declare function ht_expire_s(key: usize, keyLength: i32, ttl: i64): bool;

/** The milliseconds until a key expires, 0 where it never does, -1 where it is absent. */
@external("shredder:store", "ht_ttl")
export declare function ht_ttl(key: i64): i64;
@external("shredder:store", "ht_ttl_s")
export declare function ht_ttl_s(key: usize, keyLength: i32): i64;

/**
 * One step through the keys: writes their number, a u32, then of each its length, a u32, and its bytes,
 * padded to a multiple of 4. The next cursor, 0 at the end; -1 where `capacity` is too small, with the
 * bytes needed, a u32, at `into`: then call again with the same cursor.
 */
@external("shredder:store", "ht_scan")
export declare function ht_scan(cursor: i64, into: usize, capacity: i32): i64;
