// Calls of functions of adapters.ts, over a client of ioredis or node-redis.

/** A client that is connected: of ioredis, or of node-redis. */
export type Client =
  | { call(command: string, args: (string | number)[]): Promise<unknown> }
  | { sendCommand(args: string[]): Promise<unknown> };

/** Most keys of one call: what a list of them takes of a deadline is bounded. */
const MAX_KEYS = 1000;

/** Calls functions by name. */
export class Caller {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** What the function returns, as the client has it: numbers may be texts. */
  async call(
    name: string,
    keys: readonly string[],
    args: readonly string[] = [],
  ): Promise<unknown> {
    const parts = [name, String(keys.length), ...keys, ...args];
    return 'call' in this.#client
      ? await this.#client.call('FCALL', parts)
      : await this.#client.sendCommand(['FCALL', ...parts]);
  }

  /** The same of one that returns numbers. */
  async numbers(
    name: string,
    keys: readonly string[],
    args?: readonly string[],
  ): Promise<number[]> {
    return [await this.call(name, keys, args)].flat().map(Number);
  }

  /** Values by their keys; null for those that are not there. */
  async values(keys: readonly string[]): Promise<(string | null)[]> {
    const values: (string | null)[] = [];
    for (let i = 0; i < keys.length; i += MAX_KEYS) {
      const some = await this.call('getValues', keys.slice(i, i + MAX_KEYS));
      for (const value of some as unknown[]) values.push(value === null ? null : String(value));
    }
    return values;
  }

  /** All keys with a prefix, each once. */
  async keys(prefix: string): Promise<string[]> {
    const keys = new Set<string>();
    for await (const found of this.walk('listKeys', prefix)) {
      for (const key of found as unknown[]) keys.add(String(key));
    }
    return [...keys];
  }

  /** Deletes what has a prefix, by the name of a function that does it as a walk. */
  async clear(name: string, prefix: string): Promise<void> {
    for await (const _removed of this.walk(name, prefix));
  }

  /** What each call of a walk finds. */
  async *walk(name: string, prefix: string): AsyncGenerator<unknown, void> {
    let cursor = '0';
    do {
      const [next, found] = (await this.call(name, [], [prefix, cursor])) as [unknown, unknown];
      cursor = String(next);
      yield found;
    } while (cursor !== '0');
  }
}
