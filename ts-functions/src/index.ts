/// <reference path="./store.d.ts" preserve="true" />
// What a library is made of: an ES module whose exported functions are its functions.

export type { Key } from 'shredder:store';
export { ArgumentsError, defineFunction, ResultError } from './define.ts';
export type { DefinedFunction, Definition } from './define.ts';
export type { Issue, Schema, Validation } from './schema.ts';

/**
 * What a function may return, and what its caller receives in RESP3.
 *
 * undefined and null: null; boolean: boolean; number: double; bigint (64 bits, signed): integer;
 * string: its UTF-8 bytes; buffer or view: its bytes; array: array; Map and plain object: map; Set:
 * set; Error: an error reply. RESP2 knows no null, boolean, double, map or set of its own and
 * receives Redis's usual substitutes, and a number as its text.
 *
 * At most 64 MiB in all, nested at most 32 deep.
 */
export type Result =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Error
  | readonly Result[]
  | ReadonlyMap<Result, Result>
  | ReadonlySet<Result>
  | { readonly [name: string]: Result };

/**
 * What a function promises about itself, in the terms of Redis Functions. A function without
 * `no-writes` cannot be called with FCALL_RO; one with it cannot write.
 */
export type FunctionFlag =
  | 'no-writes'
  | 'allow-oom'
  | 'allow-stale'
  | 'no-cluster'
  | 'allow-cross-slot-keys';

/**
 * A function that runs inside the store: `FCALL name numkeys [key ...] [arg ...]`.
 *
 * One invocation is one transaction: nothing else touches the tenant's data while it runs (an
 * asynchronous function included), and its writes are undone where it throws or exceeds its
 * deadline.
 */
export interface StorageFunction {
  (keys: string[], args: string[]): Result | void | Promise<Result | void>;
  /** Absent: none. */
  flags?: readonly FunctionFlag[];
  /** One line for FUNCTION LIST. */
  description?: string;
}
