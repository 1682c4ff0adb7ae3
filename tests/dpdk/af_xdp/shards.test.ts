// Shards with a network card each: a client of Redis Cluster finds its tenant's, whichever it comes to. Runs where
// SHREDDER_TEST_NETWORK is af_xdp, as `npx shredder test --with dpdk` sets it.
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import {
  ADMIN,
  cardShardsConfig,
  connectTo,
  FAMILIES,
  firstShard,
  type Name,
  NAMES,
  passwordOf,
  type Place,
  placeOf,
  SHARDS,
} from '../../support/card_shards.ts';
import { eventually } from '../../support/eventually.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { shardPids } from '../../support/processes.ts';
import { RawClient } from '../../support/resp.ts';
import { serverFor, type Server } from '../../support/server.ts';

async function startShards(t: ExecutionContext): Promise<Server> {
  return await serverFor(t, { config: cardShardsConfig(), cards: { ip6: true } });
}

function ioredisCluster(t: ExecutionContext, { host, port }: Place, name: Name): Cluster {
  const cluster = new Cluster([{ host, port }], {
    redisOptions: { username: name, password: passwordOf(name), connectTimeout: PATIENCE_MS },
  });
  cluster.on('error', () => undefined);
  t.teardown(() => cluster.disconnect());
  return cluster;
}

async function redisCli({ host, port }: Place, name: Name, ...args: string[]): Promise<string> {
  const where = ['-h', host, '-p', String(port)];
  const user = ['--user', name, '--no-auth-warning', '-a', passwordOf(name)];
  const options = { stdin: 'ignore', timeout: PATIENCE_MS, all: true, reject: false } as const;
  return (await execa('redis-cli', [...where, ...user, ...args], options)).all;
}

for (const family of FAMILIES) {
  test.serial(
    `ioredis finds the shard of its tenant, whichever it is, over ${family}`,
    async (t) => {
      const first = firstShard(await startShards(t), family);
      const hosts = new Set<string>();
      for (const name of NAMES) {
        const cluster = ioredisCluster(t, first, name);
        const value = `${name}-`.repeat(100_000);
        t.is(await cluster.set('key', value), 'OK');
        t.is(await cluster.get('key'), value);
        const code = `#!js name=where\nexport const where = (keys) => keys[0] + ' of ${name}';`;
        t.is(await cluster.call('FUNCTION', 'LOAD', code), 'where');
        t.is(await cluster.call('FCALL', 'where', 1, 'key'), `key of ${name}`);
        const { host } = await placeOf(t, first, name);
        t.is(host.includes(':'), family === 'IPv6', host);
        hosts.add(host);
      }
      t.is(hosts.size, SHARDS);
    },
  );

  test.serial(
    `node-redis finds the shard of its tenant, whichever it is, over ${family}`,
    async (t) => {
      const { host, port } = firstShard(await startShards(t), family);
      for (const name of NAMES) {
        const cluster = createCluster({
          rootNodes: [{ socket: { host, port } }],
          defaults: {
            username: name,
            password: passwordOf(name),
            socket: { connectTimeout: PATIENCE_MS },
          },
        });
        cluster.on('error', () => undefined);
        t.teardown(() => cluster.destroy());
        await cluster.connect();
        for (let n = 0; n < 100; n++) t.is(await cluster.set(`key:${n}`, `${name} ${n}`), 'OK');
        for (let n = 0; n < 100; n++) t.is(await cluster.get(`key:${n}`), `${name} ${n}`);
      }
    },
  );

  test.serial(
    `redis-cli -c follows to the shard of its tenant, and plain redis-cli says where it is, over ${family}`,
    async (t) => {
      const first = firstShard(await startShards(t), family);
      let moved = 0;
      for (const name of NAMES) {
        t.regex(await redisCli(first, name, '-c', 'SET', 'key', name), /^OK$/m);
        t.is((await redisCli(first, name, '-c', 'GET', 'key')).split('\n').at(-1), name);
        const { host, port } = await placeOf(t, first, name);
        const plain = (await redisCli(first, name, 'GET', 'key')).trim();
        if (host === first.host) t.is(plain, name);
        else t.is(plain.replace(/^\(error\) /, ''), `MOVED 12539 ${host}:${port}`);
        moved += host === first.host ? 0 : 1;
      }
      t.true(moved > 0);
    },
  );
}

test.serial(
  'a shard that is killed takes no connection of others, and is back on its own card with its data',
  async (t) => {
    const server = await startShards(t);
    const places = await Promise.all(NAMES.map((name) => placeOf(t, server, name)));
    const quiet = NAMES.findIndex((_, i) => places[i]!.host === server.host);
    const hit = NAMES.findIndex((_, i) => places[i]!.host !== server.host);
    const other = await connectTo(t, places[quiet]!, NAMES[quiet]!);
    const own = await connectTo(t, places[hit]!, NAMES[hit]!);
    t.is(await own.text('SET', 'key', 'kept'), '+OK\r\n');
    for (let kill = 0; kill < 3; kill++) {
      t.is((await shardPids(server)).length, SHARDS);
      const info = await (await connectTo(t, places[hit]!, NAMES[hit]!)).text('INFO', 'server');
      process.kill(Number(/shard_process_id:(\d+)/.exec(info)![1]), 'SIGKILL');
      await eventually('the shard is back', async () => {
        t.is(await other.text('PING'), '+PONG\r\n');
        try {
          const client = await RawClient.connect(places[hit]!);
          const [, found] = await Promise.all([
            client.text('AUTH', NAMES[hit]!, passwordOf(NAMES[hit]!)),
            client.text('GET', 'key'),
          ]);
          await client.close();
          return found === '$4\r\nkept\r\n';
        } catch {
          return false;
        }
      });
    }
  },
);

test.serial('a client follows its tenant to another shard', async (t) => {
  const server = await startShards(t);
  const admin = await connectTo(t, await placeOf(t, server, ADMIN), ADMIN);
  const cluster = ioredisCluster(t, server, 'ada');
  t.is(await cluster.set('key', 'moves'), 'OK');
  const before = await placeOf(t, server, 'ada');
  const target = before.host === server.host ? 1 : 0;
  t.is(await admin.text('TENANT', 'MOVE', 'ada', target), '+OK\r\n');
  t.not((await placeOf(t, server, 'ada')).host, before.host);
  await eventually('the client has followed', async () => {
    try {
      return (await cluster.get('key')) === 'moves';
    } catch {
      return false;
    }
  });
});
