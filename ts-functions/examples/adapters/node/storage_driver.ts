import { defineDriver, type Driver } from 'unstorage';
import { Caller, type Client } from './caller.ts';

export interface StorageDriverOptions {
  /** A client that is connected; whoever made it ends it. */
  client: Client;
  /** What keys begin with, and a colon. Default: nothing. */
  base?: string;
  /** Seconds that items are kept that say nothing themselves. Default: for ever. */
  ttl?: number;
}

/**
 * A driver of unstorage. Items may have a `ttl`, in seconds; several of them are written in one call, all or
 * none, each with its own.
 *
 *     createStorage({ driver: storageDriver({ client: redis, base: 'app' }) })
 */
export const storageDriver: (options: StorageDriverOptions) => Driver = defineDriver(
  ({ client, base = '', ttl: ownTtl = 0 }: StorageDriverOptions): Driver => {
    const caller = new Caller(client);
    const prefix = base === '' ? '' : `${base.replace(/:$/, '')}:`;
    const ttlOf = (options?: { ttl?: number }): string =>
      String(Math.ceil((options?.ttl ?? ownTtl) * 1000));
    return {
      name: 'shredder',
      flags: { ttl: true },
      async hasItem(key) {
        const [there] = await caller.numbers('hasValues', [prefix + key]);
        return there === 1;
      },
      async getItem(key) {
        const [value] = await caller.values([prefix + key]);
        return value ?? null;
      },
      async getItems(items) {
        const values = await caller.values(items.map(({ key }) => prefix + key));
        return items.map(({ key }, i) => ({ key, value: values[i] ?? null }));
      },
      async setItem(key, value, options) {
        await caller.call('setValues', [prefix + key], [ttlOf(options), value]);
      },
      async setItems(items, common) {
        await caller.call(
          'setValues',
          items.map(({ key }) => prefix + key),
          items.flatMap(({ value, options }) => [ttlOf({ ...common, ...options }), value]),
        );
      },
      async removeItem(key) {
        await caller.call('deleteValues', [prefix + key]);
      },
      // Absent, `within` is everything.
      async getKeys(within = '') {
        const keys = await caller.keys(prefix + within);
        return keys.map((key) => key.slice(prefix.length));
      },
      async clear(within = '') {
        await caller.clear('clearValues', prefix + within);
      },
    };
  },
);
