import type { ClientRateLimitInfo, Options, Store } from 'express-rate-limit';
import { Caller, type Client } from './caller.ts';

export interface RateLimitStoreOptions {
  /** What names of clients begin with: limits of different prefixes count apart. Default: `rl:`. */
  prefix?: string;
}

/**
 * A store of express-rate-limit: hits of a client count in a window that begins with the first of them, for
 * all processes that serve the site. A hit is one call, and windows end by themselves.
 *
 *     rateLimit({ windowMs: 60_000, limit: 100, store: new RateLimitStore(redis) })
 */
export class RateLimitStore implements Store {
  readonly localKeys = false;
  readonly prefix: string;
  readonly #caller: Caller;
  #windowMs = 60_000;

  constructor(client: Client, { prefix = 'rl:' }: RateLimitStoreOptions = {}) {
    this.#caller = new Caller(client);
    this.prefix = prefix;
  }

  /** Takes the window from the middleware's options. */
  init({ windowMs }: Options): void {
    this.#windowMs = windowMs;
  }

  async increment(client: string): Promise<ClientRateLimitInfo> {
    return await this.#hits('countHit', client);
  }

  async get(client: string): Promise<ClientRateLimitInfo | undefined> {
    const info = await this.#hits('readHits', client);
    return info.totalHits === 0 ? undefined : info;
  }

  async decrement(client: string): Promise<void> {
    await this.#caller.call('takeBackHit', [this.prefix + client]);
  }

  async resetKey(client: string): Promise<void> {
    await this.#caller.call('resetHits', [this.prefix + client]);
  }

  async resetAll(): Promise<void> {
    await this.#caller.clear('resetAllHits', this.prefix);
  }

  async #hits(name: string, client: string): Promise<ClientRateLimitInfo> {
    const [totalHits = 0, resetMs = 0] = await this.#caller.numbers(
      name,
      [this.prefix + client],
      [String(this.#windowMs)],
    );
    return { totalHits, resetTime: new Date(Date.now() + resetMs) };
  }
}
