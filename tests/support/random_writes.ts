// Random writes of a client that owns its keys, and what a store must hold after them: a client
// knows what it was answered, and of the rest only that it has taken effect from the front on.
import type { Argument } from './resp.ts';

/** What a key holds. */
export interface Held {
  text: string;
  expires: boolean;
}

export type Values = Map<string, Held>;

/** Requests that take effect together, and what they do to the client's keys. */
interface Write {
  requests: Argument[][];
  keys: string[];
  apply: (values: Values) => void;
}

/** Far enough off that no key of a test expires. */
const EXPIRY_S = 100_000;
const LARGE_KEYS = 4;
const MAX_LARGE_BITS = 20;

export interface WriteOptions {
  /** One write of so many is of a value of 64 KiB to 1 MiB; none without it. */
  largeEvery?: number;
}

/** A random write to one of the client's keys, or, in a transaction or by MSET, to several. */
function randomWrite(client: number, random: () => number, largeEvery: number): Write {
  const below = (bound: number): number => Math.floor(random() * bound);
  const key = (): string =>
    below(2) === 0 ? `${1e6 * client + below(300)}` : `w${client}:${below(300)}`;
  const text = (bytes: number): string => String.fromCharCode(97 + below(26)).repeat(bytes);
  const value = (): string => text(below(2 ** below(13)));
  const set = (name: string, held: Held): Write => ({
    requests: [['SET', name, held.text, ...(held.expires ? ['EX', EXPIRY_S] : [])]],
    keys: [name],
    apply: (values) => values.set(name, held),
  });
  const single = (): Write => {
    const name = key();
    switch (below(9)) {
      case 0:
      case 1:
        return {
          requests: [['DEL', name]],
          keys: [name],
          apply: (values) => values.delete(name),
        };
      case 2: {
        const more = value();
        return {
          requests: [['APPEND', name, more]],
          keys: [name],
          apply: (values) => {
            const { text: old, expires } = values.get(name) ?? { text: '', expires: false };
            values.set(name, { text: old + more, expires });
          },
        };
      }
      case 3: {
        const pairs = Array.from({ length: 1 + below(60) }, () => [key(), value()] as const);
        return {
          requests: [['MSET', ...pairs.flat()]],
          keys: pairs.map(([k]) => k),
          apply: (values) => {
            for (const [k, v] of pairs) values.set(k, { text: v, expires: false });
          },
        };
      }
      case 4:
        return set(name, { text: value(), expires: true });
      case 5: {
        const [expires, request] =
          below(2) === 0 ? [true, ['EXPIRE', name, EXPIRY_S]] : [false, ['PERSIST', name]];
        return {
          requests: [request],
          keys: [name],
          apply: (values) => {
            const held = values.get(name);
            if (held !== undefined) values.set(name, { ...held, expires });
          },
        };
      }
      default:
        return set(name, { text: value(), expires: false });
    }
  };
  if (largeEvery > 0 && below(largeEvery) === 0) {
    const bytes = Math.floor(2 ** (MAX_LARGE_BITS - 4 * random()));
    return set(`w${client}:large:${below(LARGE_KEYS)}`, { text: text(bytes), expires: false });
  }
  if (below(4) !== 0) return single();
  const writes = Array.from({ length: 1 + below(8) }, single);
  return {
    requests: [['MULTI'], ...writes.flatMap(({ requests }) => requests), ['EXEC']],
    keys: writes.flatMap(({ keys }) => keys),
    apply: (values) => {
      for (const { apply } of writes) apply(values);
    },
  };
}

/** One client's writes, in the order in which it has sent them on one connection. */
export class WriteLedger {
  acknowledged = 0;
  /** What the keys hold after all acknowledged writes. */
  private readonly settled: Values = new Map();
  private unfinished: Write[] = [];
  /** Of the first unfinished write, the requests that are answered. */
  private answered = 0;

  constructor(
    private readonly client: number,
    private readonly random: () => number,
    private readonly options: WriteOptions = {},
  ) {}

  /** The requests of so many further writes. */
  next(count: number): Argument[][] {
    const { largeEvery = 0 } = this.options;
    const writes = Array.from({ length: count }, () =>
      randomWrite(this.client, this.random, largeEvery),
    );
    this.unfinished.push(...writes);
    return writes.flatMap(({ requests }) => requests);
  }

  /** Takes the reply to the first request that has none yet. */
  take(reply: Buffer): void {
    if (reply[0] === '-'.charCodeAt(0)) throw new Error(`refused: ${reply.toString()}`);
    const write = this.unfinished[0];
    if (write === undefined) throw new Error(`unasked: ${reply.toString()}`);
    if (++this.answered < write.requests.length) return;
    this.answered = 0;
    this.unfinished.shift();
    write.apply(this.settled);
    this.acknowledged++;
  }

  owns(key: string): boolean {
    return key.startsWith(`w${this.client}:`) || Math.floor(Number(key) / 1e6) === this.client;
  }

  /** The keys of which it is not known what they hold. */
  uncertain(): string[] {
    return [...new Set(this.unfinished.flatMap(({ keys }) => keys))];
  }

  /**
   * Takes what is stored, once nothing is under way: the keys must hold what they do after the
   * acknowledged writes, or after some of the unfinished ones besides; throws where they do not.
   *
   * @param stored Of `keys`, those that are there.
   * @param keys The keys that were asked for; none: all of the client's.
   */
  settle(stored: Values, keys?: readonly string[]): void {
    const acknowledged = this.acknowledged;
    const unfinished = this.unfinished;
    this.unfinished = [];
    this.answered = 0;
    const lost: string[] = [];
    for (const write of [undefined, ...unfinished]) {
      if (write !== undefined) {
        write.apply(this.settled);
        this.acknowledged++;
      }
      const fault = this.differenceTo(stored, keys);
      if (fault === undefined) return;
      lost.push(fault);
    }
    throw new Error(
      `client ${this.client}, after ${acknowledged} acknowledged writes and ` +
        `${unfinished.length} unfinished ones: ${lost.slice(0, 3).join('; ')}`,
    );
  }

  private differenceTo(stored: Values, keys?: readonly string[]): string | undefined {
    if (keys === undefined && stored.size !== this.settled.size) {
      return `${stored.size} keys in place of ${this.settled.size}`;
    }
    for (const key of keys ?? this.settled.keys()) {
      const [is, due] = [stored.get(key), this.settled.get(key)];
      if (is?.text !== due?.text || is?.expires !== due?.expires)
        return `${key} is ${describe(is)} in place of ${describe(due)}`;
    }
    return undefined;
  }
}

function describe(held: Held | undefined): string {
  if (held === undefined) return 'absent';
  const expiry = held.expires ? ', which expires' : '';
  return `${held.text.length} bytes of ${JSON.stringify(held.text.slice(0, 8))}${expiry}`;
}
