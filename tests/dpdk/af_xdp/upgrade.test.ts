// SIGUSR2 to a server whose shards have a network card each: no connection over one can be handed on, all else is. Runs
// where SHREDDER_TEST_NETWORK is af_xdp, as `npx shredder test --with dpdk` sets it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Cluster } from 'ioredis';
import {
  cardShardsConfig,
  connectTo,
  firstShard,
  NAMES,
  type Name,
  passwordOf,
  placeOf,
  SHARDS,
} from '../../support/card_shards.ts';
import { eventually } from '../../support/eventually.ts';
import { shardPids } from '../../support/processes.ts';
import { RawClient } from '../../support/resp.ts';
import { serverFor, type Server } from '../../support/server.ts';
import { stopsWell } from '../../support/stop.ts';

function libraryOf(name: Name): string {
  return `#!js name=where\nexport const where = (keys) => keys[0] + ' of ${name}';`;
}

/** Connects as a tenant to where it is by now, once that is to be had. */
async function reconnect(t: ExecutionContext, server: Server, name: Name): Promise<RawClient> {
  let client: RawClient | undefined;
  await eventually(`${name} is served`, async () => {
    try {
      client = await connectTo(t, await placeOf(t, server, name), name);
      return true;
    } catch {
      return false;
    }
  });
  return client!;
}

/** A client in cluster mode that counts, through whatever happens, until it is told to end. */
function startCounting(
  t: ExecutionContext,
  server: Server,
  name: Name,
): { acknowledged: () => number; stop: () => Promise<void> } {
  const cluster = new Cluster([firstShard(server)], {
    redisOptions: { username: name, password: passwordOf(name) },
  });
  cluster.on('error', () => undefined);
  t.teardown(() => cluster.disconnect());
  let acknowledged = 0;
  let isStopping = false;
  const counting = (async () => {
    while (!isStopping) {
      try {
        await cluster.incr('count');
        acknowledged++;
      } catch {
        // Its connection has ended.
      }
    }
  })();
  return {
    acknowledged: () => acknowledged,
    stop: async () => {
      isStopping = true;
      await counting;
    },
  };
}

test.serial(
  'after SIGUSR2 the shards have their cards again, and tenants their data and libraries; clients connect again',
  async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'shredder-upgrade-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const socket = path.join(folder, 'socket');
    const server = await serverFor(t, { config: cardShardsConfig(`unix-socket = "${socket}"`) });
    for (const name of NAMES) {
      const client = await reconnect(t, server, name);
      t.is(await client.text('SET', 'key', `kept for ${name}`), '+OK\r\n');
      t.is(await client.text('FUNCTION', 'LOAD', libraryOf(name)), '$5\r\nwhere\r\n');
    }
    const counters = NAMES.map((name) => startCounting(t, server, name));
    await eventually('all count', () => counters.every(({ acknowledged }) => acknowledged() > 50));

    for (let upgrade = 0; upgrade < 2; upgrade++) {
      const pids = await shardPids(server);
      t.is(pids.length, SHARDS);
      const before = await Promise.all(NAMES.map((name) => reconnect(t, server, name)));
      const overKernel = await RawClient.connect({ path: socket });
      t.teardown(() => overKernel.close());
      t.is(await overKernel.text('AUTH', NAMES[0], passwordOf(NAMES[0])), '+OK\r\n');
      process.kill(server.pid, 'SIGUSR2');
      await Promise.all([...before, overKernel].map((client) => client.closed));

      const hosts = new Set<string>();
      for (const [i, name] of NAMES.entries()) {
        const acknowledged = counters[i]!.acknowledged();
        const client = await reconnect(t, server, name);
        const value = `kept for ${name}`;
        t.is(await client.text('GET', 'key'), `$${value.length}\r\n${value}\r\n`);
        const result = `key of ${name}`;
        t.is(await client.text('FCALL', 'where', 1, 'key'), `$${result.length}\r\n${result}\r\n`);
        const count = Number((await client.text('GET', 'count')).split('\r\n')[1]);
        t.true(count >= acknowledged, `${count}, and ${acknowledged} were acknowledged`);
        t.regex(
          await client.text('INFO', 'server'),
          new RegExp(`^process_id:${server.pid}\r$`, 'm'),
        );
        hosts.add((await placeOf(t, server, name)).host);
      }
      t.is(hosts.size, SHARDS);
      const now = await shardPids(server);
      t.is(now.length, SHARDS);
      t.deepEqual(
        now.filter((pid) => pids.includes(pid)),
        [],
      );
      const later = await RawClient.connect({ path: socket });
      t.is(await later.text('AUTH', NAMES[0], passwordOf(NAMES[0])), '+OK\r\n');
      await later.close();
      // Who follows redirections by itself goes on, too.
      const reached = counters.map(({ acknowledged }) => acknowledged());
      await eventually('all count again', () =>
        counters.every(({ acknowledged }, i) => acknowledged() > reached[i]! + 50),
      );
    }
    for (const counter of counters) await counter.stop();
    await stopsWell(t, server);
  },
);
