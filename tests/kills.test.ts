// Servers that are killed at random while clients write: the memory that each leaves is a whole
// store, which holds every acknowledged write, and nothing of an unfinished one.
//
//   SHREDDER_TEST_KILLS=N    so many kills
//   SHREDDER_TEST_SEED=N     other writes; when a server is killed depends on the machine
import { spawnSync } from 'node:child_process';
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { type Argument, encodeRequest, RawClient } from './support/resp.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { builtRuntime, startServer, type Server } from './support/server.ts';

const test = anyTest as TestFn<{ storeDump: string }>;

const KILLS = Number(process.env['SHREDDER_TEST_KILLS'] ?? 40);
const MAX_LIFE_MS = 120;

test.before(async (t) => {
  t.context.storeDump = path.join((await builtRuntime()).binDir, 'store_dump');
});

// --- Writers: clients that own their keys ---------------------------------------------------------

type Values = Map<string, string>;

/** Requests that take effect together, and what they do to the client's keys. */
interface Write {
  requests: Argument[][];
  apply: (values: Values) => void;
}

/** A random write to one of the client's keys, or, in a transaction or by MSET, to several. */
function randomWrite(client: number, random: () => number): Write {
  const below = (bound: number): number => Math.floor(random() * bound);
  const key = (): string =>
    below(2) === 0 ? `${1e6 * client + below(300)}` : `w${client}:${below(300)}`;
  const value = (): string => String.fromCharCode(97 + below(26)).repeat(below(2 ** below(13)));
  const single = (): Write => {
    const [name, text] = [key(), value()];
    switch (below(8)) {
      case 0:
      case 1:
        return { requests: [['DEL', name]], apply: (values) => values.delete(name) };
      case 2:
        return {
          requests: [['APPEND', name, text]],
          apply: (values) => values.set(name, (values.get(name) ?? '') + text),
        };
      case 3: {
        const pairs = Array.from({ length: 1 + below(60) }, () => [key(), value()] as const);
        return {
          requests: [['MSET', ...pairs.flat()]],
          apply: (values) => {
            for (const [k, v] of pairs) values.set(k, v);
          },
        };
      }
      case 4:
        return {
          requests: [['SET', name, text, 'EX', 100_000]],
          apply: (values) => values.set(name, text),
        };
      default:
        return { requests: [['SET', name, text]], apply: (values) => values.set(name, text) };
    }
  };
  if (below(4) !== 0) return single();
  const writes = Array.from({ length: 1 + below(8) }, single);
  return {
    requests: [['MULTI'], ...writes.flatMap(({ requests }) => requests), ['EXEC']],
    apply: (values) => {
      for (const { apply } of writes) apply(values);
    },
  };
}

/** Sends random writes, many at a time, until the connection ends. */
class Writer {
  readonly writes: Write[] = [];
  acknowledged = 0;

  constructor(
    readonly client: number,
    private readonly random: () => number,
  ) {}

  async run(server: Server): Promise<void> {
    const connection = await RawClient.connect(server);
    const send = (): void => {
      const batch = Array.from({ length: 20 }, () => randomWrite(this.client, this.random));
      this.writes.push(...batch);
      connection.write(Buffer.concat(batch.flatMap(({ requests }) => requests.map(encodeRequest))));
    };
    send();
    await untilClosed(async () => {
      send();
      const end = this.writes.length - 20;
      while (this.acknowledged < end) {
        const { requests } = this.writes[this.acknowledged] as Write;
        for (const _ of requests) {
          const reply = await connection.reply();
          if (reply[0] === 45) throw new Error(`refused: ${reply.toString()}`);
        }
        this.acknowledged++;
      }
    });
  }

  /** The client's keys must be what they are after the acknowledged writes, or some more. */
  check(t: ExecutionContext<unknown>, stored: Values): void {
    const own = new Map(
      [...stored].filter(
        ([key]) =>
          key.startsWith(`w${this.client}:`) || Math.floor(Number(key) / 1e6) === this.client,
      ),
    );
    const values: Values = new Map();
    for (const [index, { apply }] of this.writes.entries()) {
      if (index >= this.acknowledged && isSame(own, values)) {
        t.pass();
        return;
      }
      apply(values);
    }
    t.true(isSame(own, values), `client ${this.client}: ${this.acknowledged} acknowledged`);
  }
}

function isSame(a: Values, b: Values): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

// --- Callers: clients of a function that moves amounts between accounts ----------------------------

const ACCOUNTS = 400;
const AMOUNT = 1_000;
const MARKS = 8;

const LIBRARY = `#!js name=accounts
import { HTAdd, HTDelete, HTGet, HTHas, HTSet } from 'shredder:store';
const account = (i) => i % 2 === 0 ? 5_000_000 + i : 'account:' + i;
const bytes = new Uint8Array(64);
function balance(key) {
  const length = HTGet(key, bytes);
  let sum = 0;
  for (let i = 0; i < length; i++) sum = sum * 10 + bytes[i] - 48;
  return sum;
}
function text(number) {
  const digits = String(number);
  const result = new Uint8Array(digits.length);
  for (let i = 0; i < result.length; i++) result[i] = digits.charCodeAt(i);
  return result;
}
export function open() {
  for (let i = 0; i < ${ACCOUNTS}; i++) HTSet(account(i), text(${AMOUNT}));
}
export function move(_, [client, call, steps]) {
  let x = (+client * 7919 + +call) >>> 0 || 1;
  const below = (bound) => { x ^= x << 13; x >>>= 0; x ^= x >>> 17; x ^= x << 5; x >>>= 0; return x % bound; };
  for (let i = 0; i < ${MARKS} / 2; i++) HTSet('mark:' + client + ':' + i, text(call));
  for (let i = 0; i < +steps; i++) {
    const from = account(below(${ACCOUNTS})), to = account(below(${ACCOUNTS}));
    if (from === to || !HTHas(from)) continue;
    switch (below(4)) {
      case 0: {  // all of it: the account is gone, until something is moved to it
        const all = balance(from);
        HTDelete(from);
        HTAdd(to, all);
        break;
      }
      case 1: {
        const amount = Math.min(below(100), balance(from));
        HTSet(from, text(balance(from) - amount));
        HTSet(to, text((HTHas(to) ? balance(to) : 0) + amount));
        break;
      }
      default: {
        const amount = Math.min(below(1000), balance(from));
        HTAdd(from, -amount);
        HTAdd(to, amount);
      }
    }
  }
  for (let i = ${MARKS} / 2; i < ${MARKS}; i++) HTSet('mark:' + client + ':' + i, text(call));
}
export function fail(_, [client]) {
  for (let i = 0; i < 50; i++) { HTSet('never:' + client + i, text(i)); HTDelete(account(i)); }
  throw new Error('undone');
}
`;

/** Calls the functions, several at a time, until the connection ends. */
class Caller {
  sent = 0;
  acknowledged = 0;

  constructor(
    readonly client: number,
    private readonly random: () => number,
  ) {}

  async run(server: Server): Promise<void> {
    const connection = await RawClient.connect(server);
    const send = (): void => {
      const steps = 1 + Math.floor(2 ** (this.random() * 11));
      connection.write(
        Buffer.concat([
          encodeRequest(['FCALL', 'fail', 0, this.client]),
          encodeRequest(['FCALL', 'move', 0, this.client, ++this.sent, steps]),
        ]),
      );
    };
    send();
    await untilClosed(async () => {
      send();
      const failure = (await connection.reply()).toString();
      if (!failure.startsWith('-ERR Error: undone')) throw new Error(failure);
      const reply = (await connection.reply()).toString();
      if (reply.startsWith('-')) throw new Error(reply);
      this.acknowledged++;
    });
  }

  /** The calls that were acknowledged have been made, or one or two more, and each as a whole. */
  check(t: ExecutionContext<unknown>, stored: Values): void {
    const marks = Array.from({ length: MARKS }, (_, i) => stored.get(`mark:${this.client}:${i}`));
    t.is(new Set(marks).size, 1, `marks of one call: ${marks}`);
    const call = Number(marks[0] ?? 0);
    t.true(
      call >= this.acknowledged && call <= this.sent,
      `${call}, ${this.acknowledged} acknowledged`,
    );
    t.false(stored.has(`never:${this.client}1`));
  }
}

/** Repeats until the connection ends, which is how all this ends. */
async function untilClosed(step: () => Promise<void>): Promise<void> {
  try {
    for (;;) await step();
  } catch (error) {
    if (!/closed|ECONNRESET|EPIPE/.test((error as Error).message)) throw error;
  }
}

// --- The memory of a server -----------------------------------------------------------------------

/** The memory of the server's only store, which stays when the server has ended. */
async function memoryOf(server: Server): Promise<FileHandle> {
  const folder = `/proc/${server.pid}/fd`;
  for (const name of await readdir(folder)) {
    const target = await readlink(path.join(folder, name)).catch(() => '');
    if (target.startsWith('/memfd:shredder-store'))
      return await open(path.join(folder, name), 'r+');
  }
  throw new Error('the server has no store');
}

/** What the store holds that lies in the memory; throws where it is none. */
function contentOf(storeDump: string, memory: FileHandle): Values {
  const { stdout, status: exitCode } = spawnSync(storeDump, [], {
    stdio: ['ignore', 'pipe', 'inherit', memory.fd],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  const [status, ...lines] = stdout.trimEnd().split('\n');
  if (status !== 'OK') throw new Error(`refused, exit code ${exitCode}: ${status}`);
  const decode = (hex: string): string => Buffer.from(hex.slice(1), 'hex').toString('latin1');
  return new Map(
    lines.map((line) => {
      const [key, value] = line.split(' ');
      return [decode(key ?? ''), decode(value ?? '')];
    }),
  );
}

test('a server that is killed leaves every acknowledged write, and nothing half done', async (t) => {
  const random = randomFrom(testSeed());
  const done = { writes: 0, calls: 0 };
  for (let kill = 1; kill <= KILLS; kill++) {
    // In one process: its store's memory is the subject, and a shard would come back to it.
    const server = await startServer({ flags: ['--shards', '0'] });
    const memory = await memoryOf(server);
    try {
      const setter = await RawClient.connect(server);
      t.is(await setter.text('FUNCTION', 'LOAD', LIBRARY), '$8\r\naccounts\r\n');
      t.is(await setter.text('FCALL', 'open', 0), '$-1\r\n');
      await setter.close();
      const writers = [1, 2].map((client) => new Writer(client, random));
      const callers = [3, 4].map((client) => new Caller(client, random));
      const running = Promise.all([...writers, ...callers].map((client) => client.run(server)));
      await new Promise((resolve) => setTimeout(resolve, random() * MAX_LIFE_MS));
      await server.stop('SIGKILL');
      await running;

      const stored = contentOf(t.context.storeDump, memory);
      for (const client of [...writers, ...callers]) client.check(t, stored);
      let sum = 0;
      for (let i = 0; i < ACCOUNTS; i++) {
        sum += Number(stored.get(i % 2 === 0 ? `${5_000_000 + i}` : `account:${i}`) ?? 0);
      }
      t.is(sum, ACCOUNTS * AMOUNT, `kill ${kill}`);
      done.writes += writers.reduce((count, { acknowledged }) => count + acknowledged, 0);
      done.calls += callers.reduce((count, { acknowledged }) => count + acknowledged, 0);
    } finally {
      await server.stop('SIGKILL');
      await memory.close();
    }
  }
  t.log(`${KILLS} kills, ${done.writes} writes and ${done.calls} calls acknowledged`);
  t.true(done.writes > 0 && done.calls > 0);
});
