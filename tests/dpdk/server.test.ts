// A server over a network card of its own: a memory that it shares with its client, which needs no card, no
// privileges and no hugepages. `npx shredder test --with dpdk` builds it and runs these.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { nameOf, REQUESTS, type ClosedCase } from '../../build-scripts/bench/network/cases.ts';
import { measureNetwork, type NetworkPlan } from '../../build-scripts/bench/network/network.ts';
import { plotNetwork } from '../../build-scripts/bench/network/network_plot.ts';
import { formatNetwork } from '../../build-scripts/bench/network/network_table.ts';
import {
  greetingOf,
  LOCAL_TRANSPORTS,
  openTransport,
  TRANSPORTS,
  type Ends,
} from '../../build-scripts/bench/network/transports.ts';
import type { Operation } from '../../build-scripts/bench/paper/load_generator.ts';
import { findRow } from '../../build-scripts/bench/paper/rows.ts';
import { freePort } from '../../build-scripts/server/free_port.ts';
import { startServer } from '../../build-scripts/server/shredderd.ts';
import { eventually } from '../support/eventually.ts';
import { builtRuntime } from '../support/server.ts';

const GREETING = greetingOf('memif');
const PING: Operation = { request: ['PING'], expect: 'PONG', payloadBytes: 4 };

async function binDir(): Promise<string> {
  return (await builtRuntime('dpdk')).binDir;
}

async function openMemif(t: ExecutionContext): Promise<Ends> {
  const ends = await openTransport('memif', await binDir());
  t.teardown(ends.stop);
  return ends;
}

/** A client over the kernel's loopback, which goes on beside the card. */
function overKernel(t: ExecutionContext, { port }: Ends): Redis {
  const redis = new Redis({ port, username: 'bench', password: 'bench' });
  t.teardown(() => redis.disconnect());
  return redis;
}

async function network(redis: Redis): Promise<Map<string, string>> {
  const info = await redis.info('network');
  return new Map(
    info.split('\r\n').flatMap((line) => {
      const [name, value] = line.split(/:(.*)/s);
      return value === undefined ? [] : [[name!, value]];
    }),
  );
}

test('what is written over the card is read over the kernel, and the other way round', async (t) => {
  const ends = await openMemif(t);
  const redis = overKernel(t, ends);
  const large = 'x'.repeat(1_000_000);
  await redis.set('theirs', large);
  await ends.generator.connect(ends.port, [[...GREETING, ['SET', 'ours', large]]]);
  t.is(await redis.get('ours'), large);
  const get: Operation = { request: ['GET', 'theirs'], expect: large, payloadBytes: large.length };
  const { operations } = await ends.generator.closed({ operations: [get], seconds: 0 }, 3);
  t.is(operations, 3);
});

test('a thousand connections are answered, each with many requests under way', async (t) => {
  const ends = await openMemif(t);
  await ends.generator.connect(
    ends.port,
    Array.from({ length: 1_000 }, () => GREETING),
  );
  const { operations } = await ends.generator.closed({ operations: [PING], seconds: 0 }, 16);
  t.is(operations, 16_000);
  const info = await network(overKernel(t, ends));
  t.is(info.get('network'), 'dpdk');
  t.regex(info.get('network_device') ?? '', /^net_memif0, driver net_memif, /);
  for (const name of ['packets_received', 'packets_sent', 'polls_busy', 'busy_us', 'stack_bytes']) {
    t.true(Number(info.get(`network_${name}`)) > 0, name);
  }
  t.is(info.get('network_dropped_damaged'), '0');
});

test('ten thousand connections are answered, and gone when their client is', async (t) => {
  const ends = await openMemif(t);
  const redis = overKernel(t, ends);
  await ends.generator.connect(
    ends.port,
    Array.from({ length: 10_000 }, () => GREETING),
  );
  const { operations } = await ends.generator.closed({ operations: [PING], seconds: 0 }, 4);
  t.is(operations, 40_000);
  const clients = async (): Promise<number> =>
    Number(/connected_clients:(\d+)/.exec(await redis.info('clients'))![1]);
  t.is(await clients(), 10_001);
  await ends.generator.connect(ends.port, [GREETING]);
  await eventually('its old connections are gone', async () => (await clients()) === 2);
  t.is((await network(redis)).get('network_dropped_damaged'), '0');
});

test('clients that come and go are served, one after the other, by the same server', async (t) => {
  const ends = await openMemif(t);
  for (let round = 0; round < 5; round++) {
    await ends.generator.connect(
      ends.port,
      Array.from({ length: 50 }, () => GREETING),
    );
    const { operations } = await ends.generator.closed({ operations: [PING], seconds: 0 }, 1);
    t.is(operations, 50);
  }
  const redis = overKernel(t, ends);
  t.is(Number(/connected_clients:(\d+)/.exec(await redis.info('clients'))![1]), 51);
});

test('a function that runs for long loses no connection of others', async (t) => {
  const ends = await openMemif(t);
  const redis = overKernel(t, ends);
  const code = `#!js name=slow
export function slow() { const end = performance.now(); let n = 0; for (let i = 0; i < 3e8; i++) n += i; return n > 0 ? 'done' : ''; }`;
  await redis.call('FUNCTION', 'LOAD', code);
  await ends.generator.connect(
    ends.port,
    Array.from({ length: 100 }, () => GREETING),
  );
  const slow = redis.call('FCALL', 'slow', '0');
  const { operations } = await ends.generator.closed({ operations: [PING], seconds: 0.3 }, 1);
  t.true(operations >= 100);
  t.is(await slow, 'done');
});

test('what a server has no network card for is said in one line', async (t) => {
  const start = async (device: string, more = ''): Promise<string> => {
    const config = `[server]
network = "dpdk"
shards = 0
[dpdk]
device = "${device}"
address = "10.255.0.1/24"
${more}
[[tenant]]
name = "a"
password = "secret"
`;
    const binary = path.join(await binDir(), 'shredderd');
    const error = await t.throwsAsync(startServer({ binary, config, port: 7_379 }));
    const line = error?.message ?? '';
    t.false(line.includes('\n'), line);
    return line;
  };
  t.regex(await start('net_ring0'), /net_ring0/);
  t.regex(await start('0000:ff:1f.7'), /0000:ff:1f\.7|hugepages/);
  t.regex(await start('net_memif0,role=server,sockets=/x'), /sockets/);
  t.regex(
    await start('net_memif0,role=server,socket=/nowhere/there/x,socket-abstract=no'),
    /nowhere/,
  );
  t.regex(
    await start('net_memif0,role=server,socket-abstract=yes,socket=x', 'core = 1023'),
    /1023/,
  );
});

test('a server of several shards does not start where one of them has no network card', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-memif-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const devices = [folder, '/nowhere/there'].map(
    (each) => `net_memif0,role=server,socket=${each}/x,socket-abstract=no`,
  );
  const config = `[server]
network = "dpdk"
shards = 2
log-level = "error"
[dpdk]
device = ${JSON.stringify(devices)}
address = ["10.255.0.1/24", "10.255.0.2/24"]
[[tenant]]
name = "a"
password = "secret"
`;
  const binary = path.join(await binDir(), 'shredderd');
  const error = await t.throwsAsync(startServer({ binary, config, port: await freePort() }));
  t.regex(
    error?.message ?? '',
    /^shredderd did not start: shredderd: [^\n]*\/nowhere\/there[^\n]*$/,
  );
});

/** Small enough for a test, which says nothing of speed. */
const PLAN: NetworkPlan = {
  windows: 1,
  turns: 2,
  seconds: 0.001,
  warmUpSeconds: 0.001,
  connections: [1, 4],
  open: { connections: 4, loadPercents: [50] },
};
const OPEN = { loop: 'open', request: 'GET', connections: 4, loadPercent: 50 } as const;
const CASES = [
  ...PLAN.connections.flatMap((connections) =>
    REQUESTS.map((request): ClosedCase => ({ loop: 'closed', request, connections })),
  ),
  OPEN,
];

test('bench network measures each case over each transport, and draws it', async (t) => {
  const { rows, missing } = await measureNetwork(await binDir(), PLAN, () => {});
  for (const transport of TRANSPORTS) {
    const absent = missing.find((line) => line.startsWith(`NOT MEASURED: ${transport}: `));
    if (absent !== undefined) {
      t.false((LOCAL_TRANSPORTS as readonly string[]).includes(transport), absent);
      t.log(absent);
      continue;
    }
    for (const at of CASES) {
      const name = `${nameOf(at)}, ${transport}`;
      const median = (unit: string): number => findRow(rows, transport, unit, at)?.median ?? NaN;
      if (missing.some((line) => line.startsWith(`NOT MEASURED: ${name}: `))) {
        // A case of the open loop may lack a rate, and so have no window.
        t.true(at === OPEN || median('windows left out') > 0, name);
        continue;
      }
      t.true(median('ops/s') > 0, name);
      t.true(median('p50 us') > 0 && median('p50 us') <= median('p99 us'), name);
      t.is(median('late p99 us') >= 0, at === OPEN, name);
      // Over the loopback others are, too.
      const isCounted = transport !== 'io_uring' && transport !== 'epoll';
      // A request and its reply, and acknowledgements that go alone; of an open loop that is late, several requests
      // of a connection may go together.
      t.is(median('packets/request') >= (at === OPEN ? 0.01 : 2), isCounted, name);
      t.is(median('drops') >= 0 && median('retransmissions') >= 0, isCounted, name);
    }
  }
  t.regex(formatNetwork({ rows, missing }), /^PING, 1\n {2}memif .*\n {2}io_uring /m);
  if (rows.some((row) => row.unit === 'ops/s' && row.at['request'] === 'GET')) {
    t.regex(plotNetwork(rows, ''), /^<svg .*<\/svg>\s*$/s);
  }
});

test('bench network has no open loop where there is no rate to offer a part of', async (t) => {
  const { rows, missing } = await measureNetwork(await binDir(), { ...PLAN, turns: 0 }, () => {});
  t.deepEqual(
    missing.filter((line) => line.startsWith(`NOT MEASURED: ${nameOf(OPEN)}, memif: `)),
    [
      `NOT MEASURED: ${nameOf(OPEN)}, memif: there is no rate of its closed loop to offer a part of`,
    ],
  );
  t.false(rows.some((row) => row.at['loop'] === 'open'));
});
