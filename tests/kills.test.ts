// Servers that are killed at random while clients write: the memory that each leaves is a whole
// store, which holds every acknowledged write, and nothing of an unfinished one.
//
//   SHREDDER_TEST_KILLS=N    so many kills
//   SHREDDER_TEST_SEED=N     other writes; when a server is killed depends on the machine
import { spawnSync } from 'node:child_process';
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { ACCOUNTS_LIBRARY, CallLedger, checkAccounts } from './support/accounts.ts';
import { type Values, WriteLedger } from './support/random_writes.ts';
import { encodeRequest, RawClient } from './support/resp.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { builtRuntime, startServer, type Server } from './support/server.ts';

const test = anyTest as TestFn<{ storeDump: string }>;

const KILLS = Number(process.env['SHREDDER_TEST_KILLS'] ?? 40);
const MAX_LIFE_MS = 120;

test.before(async (t) => {
  t.context.storeDump = path.join((await builtRuntime()).binDir, 'store_dump');
});

// --- Clients, until the connection ends -----------------------------------------------------------

/** Sends random writes, many at a time. */
class Writer {
  constructor(readonly ledger: WriteLedger) {}

  async run(server: Server): Promise<void> {
    const connection = await RawClient.connect(server);
    const send = (): number => {
      const requests = this.ledger.next(20);
      connection.write(Buffer.concat(requests.map(encodeRequest)));
      return requests.length;
    };
    let due = send();
    for (;;) {
      const next = send();
      for (; due > 0; due--) this.ledger.take(await connection.reply());
      due = next;
    }
  }
}

/** Calls the functions, several at a time. */
class Caller {
  constructor(readonly ledger: CallLedger) {}

  async run(server: Server): Promise<void> {
    const connection = await RawClient.connect(server);
    const send = (): void => connection.write(Buffer.concat(this.ledger.next().map(encodeRequest)));
    send();
    for (;;) {
      send();
      this.ledger.take(await connection.reply());
      this.ledger.take(await connection.reply());
    }
  }
}

/** Runs until the connection ends, which is how all this ends; the server may be killed before there is one. */
async function untilClosed(run: Promise<void>): Promise<void> {
  try {
    await run;
  } catch (error) {
    if (!/closed|ECONNRESET|ECONNREFUSED|EPIPE/.test((error as Error).message)) throw error;
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
      const [key, value, expiry] = line.split(' ');
      return [decode(key ?? ''), { text: decode(value ?? ''), expires: expiry !== '0' }];
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
      t.is(await setter.text('FUNCTION', 'LOAD', ACCOUNTS_LIBRARY), '$8\r\naccounts\r\n');
      t.is(await setter.text('FCALL', 'open', 0), '$-1\r\n');
      await setter.close();
      const writers = [1, 2].map((client) => new Writer(new WriteLedger(client, random)));
      const callers = [3, 4].map((client) => new Caller(new CallLedger(client, random)));
      const running = Promise.all(
        [...writers, ...callers].map((client) => untilClosed(client.run(server))),
      );
      await new Promise((resolve) => setTimeout(resolve, random() * MAX_LIFE_MS));
      await server.stop('SIGKILL');
      await running;

      done.writes += writers.reduce((count, { ledger }) => count + ledger.acknowledged, 0);
      done.calls += callers.reduce((count, { ledger }) => count + ledger.acknowledged, 0);
      const values = contentOf(t.context.storeDump, memory);
      const stored = (key: string): string | undefined => values.get(key)?.text;
      for (const { ledger } of writers) {
        ledger.settle(new Map([...values].filter(([key]) => ledger.owns(key))));
      }
      for (const { ledger } of callers) ledger.settle(stored);
      checkAccounts(
        stored,
        callers.map(({ ledger }) => ledger.client),
      );
    } finally {
      await server.stop('SIGKILL');
      await memory.close();
    }
  }
  t.log(`${KILLS} kills, ${done.writes} writes and ${done.calls} calls acknowledged`);
  t.true(done.writes > 0 && done.calls > 0);
});
