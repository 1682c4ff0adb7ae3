// Shards that are killed, or end by their tenants' doing, under load: clients lose a connection,
// and nobody a byte.
//
//   SHREDDER_TEST_SHARD_KILLS=N   so many kills
//   SHREDDER_TEST_TIMES=1         asserts how soon the service is back: for a machine that is known
//   SHREDDER_TEST_SEED=N          other load; when a shard is killed depends on the machine
import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { CRASH_FLAGS, CRASH_LIBRARY } from './support/crash.ts';
import { eventually } from './support/eventually.ts';
import { shardPids } from './support/processes.ts';
import { RawClient } from './support/resp.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { serverFor, type Server } from './support/server.ts';
import { isClosure, type Credentials } from './support/steady_client.ts';
import { SHORT_LIFE_MS, TenantLoad } from './support/tenant_load.ts';

const KILLS = Number(process.env['SHREDDER_TEST_SHARD_KILLS'] ?? 30);
const ASSERTS_TIMES = process.env['SHREDDER_TEST_TIMES'] === '1';

const ADMIN: Credentials = { name: 'admin', password: 'password-of-admin' };
/** A shard that ends sooner after its start is started again after a pause, which grows. */
const QUICK_END_MS = 1_000;
const MAX_PAUSE_MS = 200;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function credentials(count: number): Credentials[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `tenant-${i}`,
    password: `password-of-tenant-${i}`,
  }));
}

function configuration(tenants: readonly Credentials[]): string {
  const tables = tenants.map(({ name, password }) =>
    ['[[tenant]]', `name = "${name}"`, `password = "${password}"`, 'memory = "256mb"'].join('\n'),
  );
  return `[server]\nshards = 2\nport = 0\n${tables.join('\n')}\nadmin = true\n`;
}

// --- Where tenants and shards are ----------------------------------------------------------------

/** The shard's number, which its command line ends with; undefined where the process is gone. */
async function shardOf(pid: number): Promise<number | undefined> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
  const text = line.split('\0').at(-2);
  return text === undefined ? undefined : Number(text);
}

async function shardProcesses(server: Server): Promise<Map<number, number>> {
  const processes = new Map<number, number>();
  for (const pid of await shardPids(server)) {
    const shard = await shardOf(pid);
    if (shard !== undefined) processes.set(shard, pid);
  }
  return processes;
}

/** The shards of tenants by name. */
async function homesOf(server: Server, names: readonly string[]): Promise<Map<string, number>> {
  for (;;) {
    const connection = await RawClient.connect(server);
    try {
      const [, ...replies] = await connection.pipeline([
        ['AUTH', ADMIN.name, ADMIN.password],
        ...names.map((name) => ['TENANT', 'GET', name]),
      ]);
      return new Map(
        replies.map((reply, i) => {
          const shard = /\$5\r\nshard\r\n:(\d+)\r\n/.exec(reply.toString())?.[1];
          if (shard === undefined) throw new Error(reply.toString());
          return [names[i] as string, Number(shard)];
        }),
      );
    } catch (error) {
      if (!isClosure(error)) throw error;
    } finally {
      await connection.close();
    }
  }
}

// --- Load -----------------------------------------------------------------------------------------

interface Running {
  server: Server;
  loads: TenantLoad[];
  /** Those of one shard. */
  on: (shard: number) => TenantLoad[];
  /** Until all their clients are served on connections that they have begun since. */
  servedAgain: (loads: readonly TenantLoad[], moment: number) => Promise<void>;
  /** Stops the load and checks everything; then the server, which must still be the same. */
  finish: () => Promise<void>;
}

/** A server with two shards, and the load of so many tenants; `others` have none. */
async function startLoad(
  t: ExecutionContext,
  count: number,
  others: readonly Credentials[] = [],
  flags: readonly string[] = [],
): Promise<Running> {
  const tenants = credentials(count);
  const config = configuration([...tenants, ...others, ADMIN]);
  const server = await serverFor(t, { config, flags: [...flags] });
  const random = randomFrom(testSeed());
  const loads = tenants.map((tenant) => new TenantLoad(server, tenant, random));
  for (const load of loads) await load.open();
  const homes = await homesOf(
    server,
    tenants.map(({ name }) => name),
  );
  const running = Promise.all(loads.map((load) => load.run()));
  let failure: Error | undefined;
  running.catch((error: Error) => {
    failure = error;
  });
  return {
    server,
    loads,
    on: (shard) => loads.filter(({ credentials: { name } }) => homes.get(name) === shard),
    servedAgain: (served, moment) =>
      eventually('all clients are served again', () => {
        if (failure !== undefined) throw failure;
        return served
          .flatMap(({ clients }) => clients)
          .every(({ servedSince }) => servedSince !== undefined && servedSince >= moment);
      }),
    finish: async () => {
      for (const load of loads) load.stop();
      await running;
      await sleep(SHORT_LIFE_MS);
      for (const load of loads) await load.check();
      t.is(await server.stop(), 0, server.log());
    },
  };
}

/** How long tenants were without service: from a kill to the first answer on a new connection. */
class Outages {
  readonly times: number[] = [];
  private readonly begun = new Map<TenantLoad, number>();

  constructor(loads: readonly TenantLoad[]) {
    for (const load of loads) {
      for (const client of load.clients) {
        client.onServed = (since) => this.end(load, since);
      }
    }
  }

  begin(loads: readonly TenantLoad[]): void {
    for (const load of loads) this.begun.set(load, performance.now());
  }

  private end(load: TenantLoad, since: number): void {
    const begun = this.begun.get(load);
    if (begun === undefined || since < begun) return;
    this.begun.delete(load);
    this.times.push(performance.now() - begun);
  }

  get median(): number {
    return this.times.toSorted((a, b) => a - b)[Math.floor(this.times.length / 2)] ?? NaN;
  }

  get longest(): number {
    return Math.max(...this.times);
  }
}

test.serial(
  'shards that are killed lose no acknowledged write and leave nothing half done',
  async (t) => {
    const { server, loads, on, servedAgain, finish } = await startLoad(t, 8);
    const random = randomFrom(testSeed() + 1);
    const outages = new Outages(loads);
    const servedSince = new Map<number, number>();
    for (let kill = 1; kill <= KILLS; kill++) {
      const processes = [...(await shardProcesses(server))];
      const [shard, pid] = processes[Math.floor(random() * processes.length)] ?? [];
      if (shard === undefined || pid === undefined) {
        await sleep(10);
        kill--;
        continue;
      }
      if (ASSERTS_TIMES) {
        const age = performance.now() - (servedSince.get(shard) ?? -Infinity);
        await sleep(Math.max(0, QUICK_END_MS - age));
      }
      const killed = performance.now();
      outages.begin(on(shard));
      process.kill(pid, 'SIGKILL');
      // A shard may also be killed while it takes over from the one before.
      if (ASSERTS_TIMES || random() < 0.7) {
        await servedAgain(on(shard), killed);
        servedSince.set(shard, performance.now());
      }
      await sleep(random() * MAX_PAUSE_MS);
    }
    await finish();
    const total = (kind: 'writes' | 'calls' | 'loads'): number =>
      loads.reduce((sum, { acknowledged }) => sum + acknowledged[kind], 0);
    t.log(
      `${KILLS} kills; acknowledged: ${total('writes')} writes, ${total('calls')} calls, ` +
        `${total('loads')} loads; ${loads.reduce((sum, { closures }) => sum + closures, 0)} ` +
        `connections ended; without service: ${outages.median.toFixed(0)} ms (median), ` +
        `${outages.longest.toFixed(0)} ms (longest) of ${outages.times.length}`,
    );
    t.true(total('writes') > 0 && total('calls') > 0 && total('loads') > 0);
    if (ASSERTS_TIMES) {
      t.true(outages.median <= 500);
      t.true(outages.longest <= 1000);
    }
  },
);

test.serial('a tenant that ends its shard is alone with it from the third time on', async (t) => {
  const crasher: Credentials = { name: 'crasher', password: 'password-of-crasher' };
  const { server, loads, on, servedAgain, finish } = await startLoad(t, 4, [crasher], CRASH_FLAGS);
  const home = (await homesOf(server, [crasher.name])).get(crasher.name) as number;
  const [neighbours, others] = [on(home), on(1 - home)];
  t.is(neighbours.length, 2);
  t.is(others.length, 2);
  const closures = (of: readonly TenantLoad[]): number[] => of.map((load) => load.closures);

  const crash = async (): Promise<void> => {
    for (;;) {
      const connection = await RawClient.connect(server);
      try {
        await connection.pipeline([
          ['AUTH', crasher.name, crasher.password],
          ['FUNCTION', 'LOAD', 'REPLACE', CRASH_LIBRARY],
        ]);
        const reply = connection.call('FCALL', 'crash', 0);
        await t.throwsAsync(reply, { message: /closed|ECONNRESET/ });
        return;
      } catch (error) {
        if (!isClosure(error)) throw error;
      } finally {
        await connection.close();
      }
    }
  };
  for (let time = 1; time <= 3; time++) {
    const [before, begun] = [closures(neighbours), performance.now()];
    await crash();
    await servedAgain(neighbours, begun);
    const clients = neighbours.map((load) => load.clients.length);
    t.deepEqual(
      closures(neighbours),
      before.map((count, i) => count + (clients[i] as number)),
      'each connection ends once',
    );
    await sleep(1_000);
  }
  t.not((await homesOf(server, [crasher.name])).get(crasher.name), home);
  t.regex(
    server.log(),
    /tenant 'crasher' has ended its shard 3 times in a minute, last by 'crash'/,
  );
  const before = closures(neighbours);
  for (let time = 4; time <= 6; time++) {
    await crash();
    await sleep(1_000);
  }
  t.deepEqual(closures(neighbours), before, 'the neighbours notice nothing more');
  t.deepEqual(closures(others), [0, 0], 'the tenants of the other shard notice nothing at all');
  t.true(loads.every(({ acknowledged: { writes, calls } }) => writes > 0 && calls > 0));
  await finish();
});
