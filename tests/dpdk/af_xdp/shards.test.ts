// Shards with a network card each: a client of Redis Cluster finds its tenant's, whichever it comes to. Runs where
// SHREDDER_TEST_NETWORK is af_xdp, as `npx shredder test --with dpdk` sets it.
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { eventually } from '../../support/eventually.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { shardPids } from '../../support/processes.ts';
import { RawClient } from '../../support/resp.ts';
import { serverFor, type Server } from '../../support/server.ts';

const SHARDS = 2;
const NAMES = ['ada', 'ben', 'cleo', 'dan'] as const;
type Name = (typeof NAMES)[number];

function passwordOf(name: Name): string {
  return `the-password-of-${name}`;
}

const CONFIG = [
  `[server]\nshards = ${SHARDS}`,
  ...NAMES.map((name) => `[[tenant]]\nname = "${name}"\npassword = "${passwordOf(name)}"`),
  'admin = true\n',
].join('\n');
/** Of the last one. */
const ADMIN = NAMES.at(-1)!;

async function connectTo(
  t: ExecutionContext,
  where: { host: string; port: number },
  name: Name,
): Promise<RawClient> {
  const client = await RawClient.connect(where);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', name, passwordOf(name)), '+OK\r\n');
  return client;
}

/** Where the shard that serves a tenant is, as the first one says. */
async function addressOf(
  t: ExecutionContext,
  server: Server,
  name: Name,
): Promise<{ host: string; port: number }> {
  const client = await connectTo(t, server, name);
  const slots = await client.text('CLUSTER', 'SLOTS');
  const host = /\r\n(10\.255\.\d+\.\d+)\r\n/.exec(slots)?.[1];
  t.truthy(host, slots);
  return { host: host!, port: server.port };
}

function ioredisCluster(t: ExecutionContext, { host, port }: Server, name: Name): Cluster {
  const cluster = new Cluster([{ host, port }], {
    redisOptions: { username: name, password: passwordOf(name), connectTimeout: PATIENCE_MS },
  });
  cluster.on('error', () => undefined);
  t.teardown(() => cluster.disconnect());
  return cluster;
}

test.serial('ioredis finds the shard of its tenant, whichever it is', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  const hosts = new Set<string>();
  for (const name of NAMES) {
    const cluster = ioredisCluster(t, server, name);
    const value = `${name}-`.repeat(100_000);
    t.is(await cluster.set('key', value), 'OK');
    t.is(await cluster.get('key'), value);
    const code = `#!js name=where\nexport const where = (keys) => keys[0] + ' of ${name}';`;
    t.is(await cluster.call('FUNCTION', 'LOAD', code), 'where');
    t.is(await cluster.call('FCALL', 'where', 1, 'key'), `key of ${name}`);
    hosts.add((await addressOf(t, server, name)).host);
  }
  t.is(hosts.size, SHARDS);
});

test.serial('node-redis finds the shard of its tenant, whichever it is', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  for (const name of NAMES) {
    const cluster = createCluster({
      rootNodes: [{ url: server.url }],
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
});

test.serial(
  'redis-cli -c follows to the shard of its tenant, and plain redis-cli says where it is',
  async (t) => {
    const server = await serverFor(t, { config: CONFIG });
    const run = async (name: Name, ...args: string[]): Promise<string> => {
      const where = ['-h', server.host, '-p', String(server.port)];
      const user = ['--user', name, '--no-auth-warning', '-a', passwordOf(name)];
      return (
        await execa('redis-cli', [...where, ...user, ...args], {
          stdin: 'ignore',
          timeout: PATIENCE_MS,
          all: true,
          reject: false,
        })
      ).all;
    };
    let moved = 0;
    for (const name of NAMES) {
      t.regex(await run(name, '-c', 'SET', 'key', name), /^OK$/m);
      t.is((await run(name, '-c', 'GET', 'key')).split('\n').at(-1), name);
      const { host } = await addressOf(t, server, name);
      const plain = (await run(name, 'GET', 'key')).trim();
      if (host === server.host) t.is(plain, name);
      else t.regex(plain, new RegExp(`^(\\(error\\) )?MOVED 12539 ${host}:${server.port}$`));
      moved += host === server.host ? 0 : 1;
    }
    t.true(moved > 0);
  },
);

test.serial(
  'a shard that is killed takes no connection of others, and is back on its own card with its data',
  async (t) => {
    const server = await serverFor(t, { config: CONFIG });
    const places = await Promise.all(NAMES.map((name) => addressOf(t, server, name)));
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
  const server = await serverFor(t, { config: CONFIG });
  const admin = await connectTo(t, await addressOf(t, server, ADMIN), ADMIN);
  const cluster = ioredisCluster(t, server, 'ada');
  t.is(await cluster.set('key', 'moves'), 'OK');
  const before = await addressOf(t, server, 'ada');
  const target = before.host === server.host ? 1 : 0;
  t.is(await admin.text('TENANT', 'MOVE', 'ada', target), '+OK\r\n');
  t.not((await addressOf(t, server, 'ada')).host, before.host);
  await eventually('the client has followed', async () => {
    try {
      return (await cluster.get('key')) === 'moves';
    } catch {
      return false;
    }
  });
});
