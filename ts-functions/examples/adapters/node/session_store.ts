import { Store, type SessionData } from 'express-session';
import { Caller, type Client } from './caller.ts';

export interface SessionStoreOptions {
  /** What keys of sessions begin with. Default: `sess:`. */
  prefix?: string;
  /** Seconds that a session is kept whose cookie has no end. Default: a day. */
  ttl?: number;
}

type Callback<T = void> = (error?: unknown, value?: T) => void;

const DAY_S = 86_400;

/**
 * A store of express-session: each session is a JSON value, which expires when its cookie does.
 *
 * `touch` renews cookie and expiry within the value in one call: it undoes nothing that another request has
 * written meanwhile, and brings back no session that was destroyed.
 *
 *     session({ secret, resave: false, saveUninitialized: false, store: new SessionStore(redis) })
 */
export class SessionStore extends Store {
  readonly #caller: Caller;
  readonly #prefix: string;
  readonly #ttl: number;

  constructor(client: Client, { prefix = 'sess:', ttl = DAY_S }: SessionStoreOptions = {}) {
    super();
    this.#caller = new Caller(client);
    this.#prefix = prefix;
    this.#ttl = ttl;
  }

  override get(id: string, callback: Callback<SessionData | null>): void {
    answer(this.#get(id), callback);
  }

  override set(id: string, session: SessionData, callback?: Callback): void {
    answer(this.#set(id, session), callback);
  }

  override touch(id: string, session: SessionData, callback?: Callback): void {
    answer(this.#touch(id, session), callback);
  }

  override destroy(id: string, callback?: Callback): void {
    answer(this.#destroy(id), callback);
  }

  /** All sessions by their ids. */
  override all(callback: Callback<Record<string, SessionData>>): void {
    answer(this.#all(), callback);
  }

  override length(callback: Callback<number>): void {
    const count = this.#caller.keys(this.#prefix).then(({ length }) => length);
    answer(count, callback);
  }

  override clear(callback?: Callback): void {
    answer(this.#caller.clear('clearValues', this.#prefix), callback);
  }

  async #get(id: string): Promise<SessionData | null> {
    const [text] = await this.#caller.values([this.#prefix + id]);
    return typeof text === 'string' ? JSON.parse(text) : null;
  }

  async #set(id: string, session: SessionData): Promise<void> {
    const ttl = this.#ttlMs(session);
    if (ttl < 1) return await this.#destroy(id);
    await this.#caller.call(
      'setValues',
      [this.#prefix + id],
      [String(ttl), JSON.stringify(session)],
    );
  }

  async #touch(id: string, session: SessionData): Promise<void> {
    const ttl = this.#ttlMs(session);
    if (ttl < 1) return await this.#destroy(id);
    const cookie = JSON.stringify(session.cookie);
    await this.#caller.call('touchSession', [this.#prefix + id], [String(ttl), cookie]);
  }

  async #destroy(id: string): Promise<void> {
    await this.#caller.call('deleteValues', [this.#prefix + id]);
  }

  async #all(): Promise<Record<string, SessionData>> {
    const keys = await this.#caller.keys(this.#prefix);
    const values = await this.#caller.values(keys);
    const sessions: [id: string, session: SessionData][] = [];
    keys.forEach((key, i) => {
      const text = values[i];
      // One may have expired meanwhile.
      if (typeof text === 'string')
        sessions.push([key.slice(this.#prefix.length), JSON.parse(text)]);
    });
    return Object.fromEntries(sessions);
  }

  /** Milliseconds that a session is still kept. */
  #ttlMs({ cookie }: SessionData): number {
    if (!cookie?.expires) return this.#ttl * 1000;
    return Math.ceil(new Date(cookie.expires).getTime() - Date.now());
  }
}

function answer<T>(work: Promise<T>, callback?: Callback<T>): void {
  work.then(
    (value) => callback?.(null, value),
    (error: unknown) => callback?.(error),
  );
}
