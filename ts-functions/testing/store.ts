// The store's test double: a tenant's data in a JavaScript Map, and invocations of functions on it
// as transactions. What it does not imitate: deadlines, heap limits, and the exact memory account.
import { Buffer } from 'node:buffer';
import type { Key } from 'shredder:store';
import { client, type Client } from '../client/index.ts';
import type { Result } from '../src/index.ts';
import { keyText, valueOf } from './arguments.ts';
import { MAX_VALUE_BYTES, storeError } from './errors.ts';
import { enterStoreGlobals } from './globals.ts';
import { currentInvocation, Invocation, withInvocation } from './invocation.ts';
import { typedConnection } from './typed_calls.ts';

/** Memory that an entry is taken to need beyond its key and value. */
const ENTRY_OVERHEAD_BYTES = 64;
const DEFAULT_QUOTA_BYTES = 1024 ** 3;

/** A scan's steps: each finds the keys whose hash leaves the cursor as its remainder. */
const SCAN_STEPS = 64;

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

export interface StoreOptions {
  /** The tenant's memory quota, of which an entry takes its key, its value and 64 bytes. */
  quotaBytes?: number;
  /** The time in Unix milliseconds: that of expiry, and what `Date` tells functions. */
  now?: () => number;
}

export interface CallOptions {
  /** As FCALL_RO: refuses a function without `no-writes`. */
  readOnly?: boolean;
}

/** A StorageFunction, its flags as TypeScript infers them from a plain assignment. */
export interface Callable<R> {
  (keys: string[], args: string[]): R | Promise<R>;
  flags?: readonly string[];
}

interface Entry {
  bytes: Uint8Array;
  /** Unix milliseconds; Infinity: never. */
  expiresAt: number;
}

export type { TestStore };

/** A store of one tenant, empty. */
export function createStore(options: StoreOptions = {}): TestStore {
  return new TestStore(options);
}

class TestStore {
  private readonly entries = new Map<string, Entry>();
  private readonly quotaBytes: number;
  private readonly clock: () => number;
  private usedBytes = 0;
  /** What keys held before the running invocation first wrote them. */
  private undo: Map<string, Entry | undefined> | undefined;
  /** The running invocation's, which stands still. */
  private time: number | undefined;
  /** Ends with the last invocation that was asked for. */
  private idle: Promise<unknown> = Promise.resolve();

  constructor(options: StoreOptions) {
    this.quotaBytes = options.quotaBytes ?? DEFAULT_QUOTA_BYTES;
    this.clock = options.now ?? Date.now;
  }

  /** As the command SET; `expiresInMs` as its option PX. */
  set(
    key: Key,
    value: ArrayBuffer | ArrayBufferView | string,
    options: { expiresInMs?: number } = {},
  ): void {
    this.put(keyText(key), valueOf(value), this.now() + (options.expiresInMs ?? Infinity));
  }

  /** As the command GET: a copy of the value, or undefined where the key is absent. */
  get(key: Key): Uint8Array | undefined {
    return this.find(keyText(key))?.slice();
  }

  /** As the command DEL: whether the key was present. */
  delete(key: Key): boolean {
    return this.remove(keyText(key));
  }

  /**
   * The keys that are present, in no order to rely on; those that are not UTF-8 have a lone
   * surrogate for each byte.
   */
  keys(): string[] {
    return [...this.entries.keys()].filter((key) => this.find(key) !== undefined);
  }

  /**
   * As FCALL: runs a function on this store and gives what it returns. Where it throws, its writes
   * are undone. Invocations run one after the other, in the order of the calls.
   */
  async call<R extends Result | void>(
    fn: Callable<R>,
    keys: readonly string[] = [],
    args: readonly string[] = [],
    options: CallOptions = {},
  ): Promise<R> {
    if (currentInvocation() !== undefined) {
      throw new Error('a function cannot call another through the store: import and call it');
    }
    const promisesNoWrites = fn.flags?.includes('no-writes') ?? false;
    if (options.readOnly === true && !promisesNoWrites) {
      throw new Error('ERR Can not execute a script with write flag using *_ro command.');
    }
    const invocation = new Invocation(this, promisesNoWrites);
    const done = this.idle
      .then(() => this.transact(() => withInvocation(invocation, () => fn([...keys], [...args]))))
      .finally(() => {
        invocation.ended = true;
      });
    this.idle = done.catch(() => undefined);
    return done;
  }

  /**
   * As `client` of `shredder-functions/client`, of functions on this store:
   *
   *     import * as cart from './cart.ts';
   *     await store.client(cart).add({ keys: ['cart:7'], args: { sku: 'tea', quantity: 2 } });
   */
  client<Library extends object>(library: Library): Client<Library> {
    return client<Library>(typedConnection(this, library));
  }

  /** The value at a key's text: the store's own memory, which no write changes. */
  find(key: string): Uint8Array | undefined {
    return this.live(key)?.bytes;
  }

  /** One step of a scan: the texts of keys, and the cursor of the next step or 0. */
  scan(cursor: number): { keys: string[]; next: number } {
    const keys = this.keys().filter((key) => hashOf(key) % SCAN_STEPS === cursor);
    return { keys, next: cursor + 1 < SCAN_STEPS ? cursor + 1 : 0 };
  }

  /** Adds to the decimal integer at a key's text, whose expiry stays; the sum. */
  add(key: string, delta: number): number {
    const before = this.live(key);
    const sum = Number((before === undefined ? 0n : integerIn(before.bytes)) + BigInt(delta));
    if (!Number.isSafeInteger(sum)) throw storeError('sumRange');
    this.put(key, new TextEncoder().encode(String(sum)), before?.expiresAt ?? Infinity);
    return sum;
  }

  /** Unix milliseconds. */
  now(): number {
    return this.time ?? this.clock();
  }

  /** When the key of a text expires, Infinity for never; undefined where it is absent. */
  expiryOf(key: string): number | undefined {
    return this.live(key)?.expiresAt;
  }

  /** Sets that; whether the key was there. */
  expire(key: string, expiresAt: number): boolean {
    const entry = this.live(key);
    if (entry === undefined) return false;
    if (expiresAt <= this.now()) return this.remove(key);
    this.put(key, entry.bytes, expiresAt);
    return true;
  }

  /** Writes a value, which nothing may change, at a key's text, within the quota. */
  put(key: string, bytes: Uint8Array, expiresAt: number): void {
    if (bytes.byteLength > MAX_VALUE_BYTES) throw storeError('valueTooLong');
    const entry: Entry = { bytes, expiresAt };
    const before = this.entries.get(key);
    const used = this.usedBytes - sizeOf(key, before) + sizeOf(key, entry);
    if (used > this.quotaBytes) throw storeError('outOfMemory');
    this.remember(key, before);
    this.entries.set(key, entry);
    this.usedBytes = used;
  }

  /** Removes the entry at a key's text; whether there was one. */
  remove(key: string): boolean {
    const present = this.find(key) !== undefined;
    const before = this.entries.get(key);
    this.remember(key, before);
    this.entries.delete(key);
    this.usedBytes -= sizeOf(key, before);
    return present;
  }

  private live(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    return entry === undefined || this.now() >= entry.expiresAt ? undefined : entry;
  }

  private async transact<R>(work: () => R | Promise<R>): Promise<R> {
    this.undo = new Map();
    this.time = this.clock();
    const leave = enterStoreGlobals();
    try {
      return await work();
    } catch (error) {
      for (const [key, entry] of this.undo) this.restore(key, entry);
      throw error;
    } finally {
      leave();
      this.undo = undefined;
      this.time = undefined;
    }
  }

  private remember(key: string, before: Entry | undefined): void {
    if (this.undo !== undefined && !this.undo.has(key)) this.undo.set(key, before);
  }

  private restore(key: string, before: Entry | undefined): void {
    this.usedBytes += sizeOf(key, before) - sizeOf(key, this.entries.get(key));
    if (before === undefined) this.entries.delete(key);
    else this.entries.set(key, before);
  }
}

function sizeOf(key: string, entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  return Buffer.byteLength(key) + entry.bytes.byteLength + ENTRY_OVERHEAD_BYTES;
}

/** The integer of 64 bits whose canonical decimal form these bytes are. */
function integerIn(bytes: Uint8Array): bigint {
  const text = Buffer.from(bytes).toString('latin1');
  const value = /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value < MIN_INT64 || value > MAX_INT64) {
    throw storeError('notCounter');
  }
  return value;
}

/** FNV-1a over a key's characters: a place in a scan that other keys' coming and going leaves. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash;
}
