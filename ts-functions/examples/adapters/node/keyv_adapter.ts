import { EventEmitter } from 'node:events';
import type { KeyvStoreAdapter, StoredData } from 'keyv';
import { Caller, type Client } from './caller.ts';

export interface KeyvAdapterOptions {
  /** What all keys begin with, those without a namespace too. Default: `keyv:`. */
  prefix?: string;
}

/**
 * A storage adapter of Keyv. Several values are written, read or deleted in one call, and what one call writes
 * is written all or not at all; `clear` is of the namespace.
 *
 *     new Keyv({ store: new KeyvAdapter(redis), namespace: 'users' })
 */
export class KeyvAdapter extends EventEmitter implements KeyvStoreAdapter {
  /** Keyv iterates over stores of the kinds that it knows. */
  readonly opts = { dialect: 'redis', url: '' };
  /** Set by Keyv, which puts it and a colon before its keys. */
  namespace?: string | undefined;
  readonly #caller: Caller;
  readonly #prefix: string;

  constructor(client: Client, { prefix = 'keyv:' }: KeyvAdapterOptions = {}) {
    super();
    this.#caller = new Caller(client);
    this.#prefix = prefix;
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const [value] = await this.#caller.values(this.#keysOf([key]));
    return (value ?? undefined) as StoredData<Value> | undefined;
  }

  async getMany<Value>(keys: string[]): Promise<StoredData<Value | undefined>[]> {
    const values = await this.#caller.values(this.#keysOf(keys));
    return values.map((value) => (value ?? undefined) as StoredData<Value | undefined>);
  }

  async set(key: string, value: string, ttl?: number): Promise<void> {
    await this.setMany([{ key, value, ...(ttl !== undefined && { ttl }) }]);
  }

  /** @param entries Their `ttl` in milliseconds; absent or 0: for ever. */
  async setMany(entries: { key: string; value: string; ttl?: number }[]): Promise<void> {
    await this.#caller.call(
      'setValues',
      this.#keysOf(entries.map(({ key }) => key)),
      entries.flatMap(({ ttl = 0, value }) => [String(Math.ceil(ttl)), value]),
    );
  }

  async has(key: string): Promise<boolean> {
    const [there = false] = await this.hasMany([key]);
    return there;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    const there = await this.#caller.numbers('hasValues', this.#keysOf(keys));
    return there.map((each) => each === 1);
  }

  async delete(key: string): Promise<boolean> {
    return await this.deleteMany([key]);
  }

  /** Whether all were there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const [deleted] = await this.#caller.numbers('deleteValues', this.#keysOf(keys));
    return deleted === keys.length;
  }

  async clear(): Promise<void> {
    await this.#caller.clear('clearValues', this.#prefixOf(this.namespace));
  }

  /** Keys, with the namespace that Keyv takes off, and values. One that is there all the time comes once or twice. */
  async *iterator<Value>(
    namespace?: string,
  ): AsyncGenerator<(string | Awaited<Value> | undefined)[], void> {
    for await (const found of this.#caller.walk('listKeys', this.#prefixOf(namespace))) {
      const keys = (found as unknown[]).map(String);
      const values = await this.#caller.values(keys);
      for (const [i, key] of keys.entries()) {
        const value = values[i];
        // One may have expired meanwhile.
        if (typeof value === 'string') yield [key.slice(this.#prefix.length), value];
      }
    }
  }

  #keysOf(keys: readonly string[]): string[] {
    return keys.map((key) => this.#prefix + key);
  }

  #prefixOf(namespace: string | undefined): string {
    return namespace === undefined ? this.#prefix : `${this.#prefix}${namespace}:`;
  }
}
