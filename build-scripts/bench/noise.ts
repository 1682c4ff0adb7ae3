// What noisy tenants do: each kind of noise as a tenant, its library and data, and what its clients ask without end.
import { connect } from 'node:net';
import { messageOf, UserError } from '../errors.ts';
import { LineConnection, requestOf, type LineRequest } from './line_connection.ts';

export const NOISES = ['cpu', 'allocation', 'connections', 'replies', 'flood', 'keys'] as const;
export type Noise = (typeof NOISES)[number];

export interface NoiseSize {
  /** Keys of the tenant whose KEYS visit them all. */
  keys: number;
  /** Connections that stay open while others come and go. */
  idleConnections: number;
}

/** One of a noise's clients; asks until it fails, which it does when its connections are closed. */
type Client = (noise: NoiseClients) => Promise<void>;

interface NoisyTenant {
  /** What TENANT CREATE gives it besides. */
  options: readonly (string | number)[];
  /** What it is asked beforehand, for its library and its data. */
  setUp: (size: NoiseSize) => readonly LineRequest[];
  clients: (size: NoiseSize) => readonly Client[];
}

const VALUE_BYTES = 1024 * 1024;
const KEYS_AT_ONCE = 1_000;
const PIPELINE = 1_000;
const UNREAD = { requests: 64, forMs: 100 };
const OPENED_AT_ONCE = 100;

const SPIN = requestOf('FCALL', 'spin', 0);
const FILL = requestOf('FCALL', 'fill', 0);
const PING: LineRequest = { request: requestOf('PING'), lines: 1 };
const GET_LARGE: LineRequest = { request: requestOf('GET', 'large'), lines: 2 };
const CALL_LARGE: LineRequest = { request: requestOf('FCALL', 'large', 0), lines: 2 };
const CHEAP: LineRequest = {
  request: Buffer.concat(
    Array.from({ length: PIPELINE / 2 }, () => [
      requestOf('SET', 'key', 'value'),
      requestOf('EXISTS', 'key'),
    ]).flat(),
  ),
  lines: PIPELINE,
};

export const NOISY_TENANTS: Readonly<Record<Noise, NoisyTenant>> = {
  cpu: {
    options: [],
    setUp: () => [library('export function spin() { for (;;); }')],
    clients: () => times(4, repeatFailing(SPIN, /deadline/)),
  },
  allocation: {
    // Its heap is to be full before its time is over.
    options: ['DEADLINE-MS', 2_000],
    setUp: () => [
      library(`export function fill() {
  for (const all = []; ; ) all.push(new Array(10_000).fill(all.length));
}`),
    ],
    clients: () => times(2, repeatFailing(FILL, /heap|RangeError/)),
  },
  connections: {
    options: [],
    setUp: () => [],
    clients: ({ idleConnections }) => [
      ...times(8, async (noise) => {
        for (;;) {
          const connection = await noise.open();
          await noise.ask(connection, PING);
          noise.close(connection);
        }
      }),
      async (noise) => {
        for (let from = 0; from < idleConnections; from += OPENED_AT_ONCE) {
          const count = Math.min(OPENED_AT_ONCE, idleConnections - from);
          await Promise.all(Array.from({ length: count }, () => noise.open()));
        }
      },
    ],
  },
  replies: {
    options: [],
    setUp: () => [
      library(`export function large() { return 'x'.repeat(${VALUE_BYTES}); }`),
      { request: requestOf('SET', 'large', 'x'.repeat(VALUE_BYTES)), lines: 1 },
    ],
    clients: () => [
      ...times(2, repeat(GET_LARGE)),
      ...times(2, repeat(CALL_LARGE)),
      ...times(4, async (noise) => {
        for (;;) await noise.leaveUnread(GET_LARGE.request, UNREAD.requests, UNREAD.forMs);
      }),
    ],
  },
  flood: {
    options: [],
    setUp: () => [],
    clients: () => times(4, repeat(CHEAP)),
  },
  keys: {
    options: ['MEMORY', '1gb'],
    setUp: ({ keys }) =>
      Array.from({ length: Math.ceil(keys / KEYS_AT_ONCE) }, (_, index) => {
        const from = index * KEYS_AT_ONCE;
        const pairs = Array.from({ length: Math.min(KEYS_AT_ONCE, keys - from) }, (__, i) => [
          `key:${from + i}`,
          'value',
        ]);
        return { request: requestOf('MSET', ...pairs.flat()), lines: 1 };
      }),
    clients: ({ keys }) => [
      repeat({ request: requestOf('KEYS', '*'), lines: 1 + 2 * keys }),
      repeat({ request: requestOf('KEYS', 'no-such-key*'), lines: 1 }),
    ],
  },
};

/** The connections of one noisy tenant's clients, and what they have been answered. */
export class NoiseClients {
  readonly #port: number;
  readonly #auth: LineRequest;
  readonly #closers = new Map<object, () => void>();
  #closed = false;
  answers = 0;

  constructor(port: number, auth: LineRequest) {
    this.#port = port;
    this.#auth = auth;
  }

  async open(): Promise<LineConnection> {
    const connection = await LineConnection.open(this.#port);
    this.#keep(connection, () => connection.close());
    await connection.ask(this.#auth.request, this.#auth.lines);
    return connection;
  }

  close(connection: object): void {
    this.#closers.get(connection)?.();
    this.#closers.delete(connection);
  }

  async ask(connection: LineConnection, { request, lines }: LineRequest): Promise<void> {
    await connection.ask(request, lines);
    this.answers++;
  }

  /** Asks so often on a connection of its own, reads nothing, and closes it after some time. */
  async leaveUnread(request: Buffer, count: number, ms: number): Promise<void> {
    const socket = connect({ port: this.#port, host: '127.0.0.1' });
    socket.on('error', () => {});
    this.#keep(socket, () => socket.destroy());
    socket.write(Buffer.concat([this.#auth.request, ...Array<Buffer>(count).fill(request)]));
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.close(socket);
    this.answers++;
  }

  /** Closes all; whatever is asked from now on has no answer. */
  closeAll(): void {
    this.#closed = true;
    for (const close of this.#closers.values()) close();
    this.#closers.clear();
  }

  #keep(connection: object, close: () => void): void {
    if (this.#closed) {
      close();
      throw new UserError('the noise is over');
    }
    this.#closers.set(connection, close);
  }
}

function library(text: string): LineRequest {
  return { request: requestOf('FUNCTION', 'LOAD', `#!js name=noise\n${text}`), lines: 2 };
}

function times(count: number, client: Client): Client[] {
  return Array<Client>(count).fill(client);
}

function repeat(request: LineRequest): Client {
  return async (noise) => {
    const connection = await noise.open();
    for (;;) await noise.ask(connection, request);
  };
}

/** Each reply must be an error that says so. */
function repeatFailing(request: Buffer, why: RegExp): Client {
  return async (noise) => {
    const connection = await noise.open();
    for (;;) {
      const outcome = await connection.ask(request, 1).then(() => 'no error', messageOf);
      if (!why.test(outcome)) throw new UserError(`instead of ${why}: ${outcome}`);
      noise.answers++;
    }
  };
}
