// A supervisor with two shards: connections find their tenants' shards, and a shard that ends takes
// nothing with it.
import { copyFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CRASH_FLAGS, CRASH_LIBRARY } from './support/crash.ts';
import { eventually } from './support/eventually.ts';
import { temporaryFolder } from './support/folder.ts';
import { placeOf, type Place } from './support/place.ts';
import { isRunning, shardPids } from './support/processes.ts';
import { type Argument, encodeRequest, RawClient } from './support/resp.ts';
import {
  builtShredderd,
  serverFor,
  type Server,
  type TestServerOptions,
} from './support/server.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

/** A tenant that may command the others. */
const ADMIN = { name: 'admin', password: 'the-password-of-admin' };
type Tenant = typeof ALICE;

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';

interface ShardedOptions extends Omit<TestServerOptions, 'config'> {
  /** Lines for the tables `[server]` and alice's. */
  server?: readonly string[];
  alice?: readonly string[];
}

/** The text of a configuration: alice and the administrator on one shard, bob on the other. */
function configOf({ server = [], alice = [] }: ShardedOptions): string {
  return [
    twoTenants({ server: ['shards = 2', ...server], alice }),
    '[[tenant]]',
    `name = "${ADMIN.name}"`,
    `password = "${ADMIN.password}"`,
    'admin = true',
    '',
  ].join('\n');
}

async function shardedServer(t: ExecutionContext, options: ShardedOptions = {}): Promise<Server> {
  const { server: _, alice: __, ...others } = options;
  return await serverFor(t, { ...others, config: configOf(options) });
}

/** A connection, as the tenant where one is given. */
async function clientFor(t: ExecutionContext, server: Server, tenant?: Tenant): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  if (tenant !== undefined) t.is(await authenticate(client, tenant), '+OK\r\n');
  return client;
}

async function authenticate(client: RawClient, { name, password }: Tenant): Promise<string> {
  return await client.text('AUTH', name, password);
}

/** Where a connection is. */

async function idOf(client: RawClient): Promise<number> {
  return Number(/^:(\d+)\r\n$/.exec(await client.text('CLIENT', 'ID'))?.[1]);
}

/** A connection of the tenant, once the server has one again; those that end meanwhile are passed over. */
async function nextClient(t: ExecutionContext, server: Server, tenant: Tenant): Promise<RawClient> {
  let found: RawClient | undefined;
  await eventually(`${tenant.name} is served`, async () => {
    const client = await RawClient.connect(server);
    if ((await authenticate(client, tenant).catch(() => '')) !== '+OK\r\n') return false;
    found = client;
    return true;
  });
  if (found === undefined) throw new Error('nobody is served');
  const client = found;
  t.teardown(() => client.close());
  return client;
}

// --- Where connections go ----------------------------------------------------------------------------

test.serial(
  '200 connections at once end on their tenants’ shards, wherever they were accepted',
  async (t) => {
    const server = await shardedServer(t);
    const places = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const client = await clientFor(t, server, i % 2 === 0 ? ALICE : BOB);
        return { ...(await placeOf(client)), id: await idOf(client) };
      }),
    );
    const own = [0, 1].map((tenant) => places.filter((_, i) => i % 2 === tenant));
    for (const [shard, each] of own.entries()) {
      t.deepEqual([...new Set(each.map((place) => place.shard))], [shard]);
      t.is(new Set(each.map(({ pid }) => pid)).size, 1);
      t.true(each.every(({ supervisor, isSingle }) => supervisor === server.pid && !isSingle));
    }
    t.deepEqual(
      [...new Set(places.map(({ pid }) => pid))].sort((a, b) => a - b),
      await shardPids(server),
    );
    t.is(new Set(places.map(({ id }) => id)).size, places.length, 'ids are unique over the shards');
  },
);

/** Sends the bytes in pieces of so many, each in a turn of its own. */
async function writeInPieces(client: RawClient, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    client.write(bytes.subarray(at, at + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const hops: Readonly<Record<string, { requests: Argument[][]; replies: string[] }>> = {
  'AUTH and what follows': {
    requests: [
      ['AUTH', ALICE.name, ALICE.password],
      ['SET', 'key', 'of alice'],
      ['AUTH', BOB.name, BOB.password],
      ['SET', 'key', 'of bob'],
      ['GET', 'key'],
      ['AUTH', ALICE.name, ALICE.password],
      ['GET', 'key'],
    ],
    replies: ['+OK', '+OK', '+OK', '+OK', '$6\r\nof bob', '+OK', '$8\r\nof alice'],
  },
  'HELLO with AUTH and what follows': {
    requests: [
      ['HELLO', 2, 'AUTH', BOB.name, BOB.password, 'SETNAME', 'b'],
      ['SET', 'key', 'of bob'],
      ['HELLO', 3, 'AUTH', ALICE.name, ALICE.password, 'SETNAME', 'a'],
      ['GET', 'absent'],
      ['CLIENT', 'GETNAME'],
    ],
    replies: ['*14\r\n', '+OK', '%7\r\n', '_', '$1\r\na'],
  },
};

for (const [title, { requests, replies }] of Object.entries(hops)) {
  test.serial(`${title}, in one write or in pieces of any size: answered in order`, async (t) => {
    const server = await shardedServer(t);
    const bytes = Buffer.concat(requests.map(encodeRequest));
    await Promise.all(
      Array.from({ length: bytes.length }, async (_, i) => {
        const client = await clientFor(t, server);
        await writeInPieces(client, bytes, i + 1);
        for (const expected of replies) {
          const reply = (await client.reply()).toString('latin1');
          t.true(
            reply.startsWith(expected),
            `pieces of ${i + 1}: ${JSON.stringify(reply)}, not ${JSON.stringify(expected)}`,
          );
        }
        t.is(client.pending + client.unfinished.length, 0, 'one reply a request');
        await client.close();
      }),
    );
  });
}

test.serial(
  'AUTH as a tenant of another shard, and back, keeps the connection’s id, name and protocol',
  async (t) => {
    const server = await shardedServer(t);
    const client = await clientFor(t, server, ALICE);
    await client.pipeline([
      ['HELLO', 3],
      ['CLIENT', 'SETNAME', 'traveller'],
      ['CLIENT', 'SETINFO', 'LIB-NAME', 'library'],
      ['CLIENT', 'SETINFO', 'LIB-VER', '1.2.3'],
    ]);
    const id = await idOf(client);
    const address = / addr=(\S+) /.exec(await client.text('CLIENT', 'INFO'))?.[1] ?? '';
    t.regex(address, /^127\.0\.0\.1:\d+$/);
    const shards: number[] = [];
    for (const tenant of [BOB, ALICE, BOB, ADMIN]) {
      t.is(await authenticate(client, tenant), '+OK\r\n');
      t.is(await idOf(client), id);
      t.regex(
        await client.text('CLIENT', 'INFO'),
        new RegExp(
          `id=${id} addr=${address} name=traveller .*user=${tenant.name} resp=3 lib-name=library lib-ver=1\\.2\\.3`,
        ),
      );
      shards.push((await placeOf(client)).shard);
    }
    t.deepEqual(shards, [1, 0, 1, 0]);
  },
);

test.serial('AUTH as a tenant of another shard ends what the connection has watched', async (t) => {
  const server = await shardedServer(t);
  const client = await clientFor(t, server, ALICE);
  await client.call('WATCH', 'key');
  await authenticate(client, BOB);
  await authenticate(client, ALICE);
  await (await clientFor(t, server, ALICE)).call('SET', 'key', 'changed');
  const replies = await client.pipeline([['MULTI'], ['GET', 'key'], ['EXEC']]);
  t.is(replies.at(-1)?.toString(), '*1\r\n$7\r\nchanged\r\n');
});

test.serial(
  'RESET forgets the tenant and the name on any shard, and AUTH goes to any other',
  async (t) => {
    const server = await shardedServer(t);
    const client = await clientFor(t, server);
    for (const tenant of [ALICE, BOB, ALICE]) {
      t.is(await authenticate(client, tenant), '+OK\r\n');
      await client.call('HELLO', 3, 'SETNAME', 'name');
      const [reset, get, auth, name] = await client.pipeline([
        ['RESET'],
        ['GET', 'key'],
        ['AUTH', tenant.name, tenant.password],
        ['CLIENT', 'GETNAME'],
      ]);
      t.is(reset?.toString(), '+RESET\r\n');
      t.is(get?.toString(), NOAUTH);
      t.is(auth?.toString(), '+OK\r\n');
      t.is(name?.toString(), '$-1\r\n', 'none, and in RESP2');
    }
  },
);

test.serial(
  'without passwords a connection is on its tenant’s shard from the start, and stays there',
  async (t) => {
    const server = await serverFor(t, { flags: ['--shards', '2'] });
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await clientFor(t, server);
        t.is((await placeOf(client)).shard, 0);
        const id = await idOf(client);
        const [reset, info] = await client.pipeline([['RESET'], ['CLIENT', 'INFO']]);
        t.is(reset?.toString(), '+RESET\r\n');
        t.regex(info?.toString() ?? '', new RegExp(`id=${id} .*user=default`));
      }),
    );
  },
);

// --- Who has not authenticated ---------------------------------------------------------------------

test.serial(
  'wrong passwords are WRONGPASS on any shard; the tenth in a row ends the connection',
  async (t) => {
    const server = await shardedServer(t);
    const guesser = await clientFor(t, server);
    const guesses = Array.from({ length: 10 }, (_, i) => [
      'AUTH',
      [ALICE.name, BOB.name, 'nobody'][i % 3] ?? '',
      `guess-${i}`,
    ]);
    const replies = await guesser.pipeline(guesses);
    t.true(replies.every((reply) => reply.toString() === WRONGPASS));
    await guesser.closed;
    await eventually('the log tells', () => server.log().includes('failure 10 of 10'));
    t.notRegex(server.log(), /guess-\d/);
  },
);

test.serial(
  'after a wrong password a connection is what it was, and the right one counts as the first',
  async (t) => {
    const server = await shardedServer(t);
    const client = await clientFor(t, server, ALICE);
    await client.call('SET', 'key', 'of alice');
    const wrong = { name: BOB.name, password: ALICE.password };
    t.is(await authenticate(client, wrong), WRONGPASS);
    t.is(await client.text('GET', 'key'), '$8\r\nof alice\r\n');
    t.is(await authenticate(client, BOB), '+OK\r\n');
    t.is(await authenticate(client, wrong), WRONGPASS);
    await eventually(
      'the log counts anew',
      () => server.log().match(/failure 1 of 10/g)?.length === 2,
    );
  },
);

test.serial(
  'a peer that does not authenticate within auth-timeout-ms is closed, and no other',
  async (t) => {
    const server = await shardedServer(t, { server: ['auth-timeout-ms = 3000'] });
    const authenticated = await Promise.all([ALICE, BOB].map((one) => clientFor(t, server, one)));
    const silent = await Promise.all(Array.from({ length: 10 }, () => clientFor(t, server)));
    const half = await clientFor(t, server);
    half.write('*3\r\n$4\r\nAUTH\r\n');
    const busy = await clientFor(t, server);
    void (async () => {
      for (;;) await busy.call('PING');
    })().catch(() => undefined);
    await Promise.all([...silent, half, busy].map(({ closed }) => closed));
    for (const client of authenticated) t.is(await client.text('PING'), '+PONG\r\n');
  },
);

test.serial(
  'peers that do not authenticate cannot keep others out, however many they are',
  async (t) => {
    const server = await shardedServer(t, {
      server: ['max-clients = 10', 'max-unauthenticated = 50', 'auth-timeout-ms = 3600000'],
    });
    const early = await clientFor(t, server, BOB);
    const peers = await Promise.all(Array.from({ length: 300 }, () => clientFor(t, server)));
    let closed = 0;
    for (const peer of peers) void peer.closed.then(() => closed++);
    await eventually('all but 50 are closed, and one a shard', () => closed >= 248);
    const clients = await Promise.all(Array.from({ length: 9 }, () => clientFor(t, server, ALICE)));
    for (const client of [early, ...clients]) t.is(await client.text('PING'), '+PONG\r\n');
  },
);

test.serial('of peers that do not authenticate the oldest is closed for the next', async (t) => {
  // On one shard: each closes the oldest of its own.
  const server = await shardedServer(t, {
    server: ['max-unauthenticated = 20', 'auth-timeout-ms = 3600000'],
    flags: ['--shards', '1'],
  });
  const peers: RawClient[] = [];
  for (let i = 0; i < 50; i++) {
    const peer = await clientFor(t, server);
    t.is(await peer.text('GET', 'key'), NOAUTH);
    peers.push(peer);
  }
  await Promise.all(peers.slice(0, 30).map(({ closed }) => closed));
  for (const peer of peers.slice(30)) t.is(await peer.text('GET', 'key'), NOAUTH);
});

test.serial('max-clients counts the clients of all shards', async (t) => {
  const server = await shardedServer(t, { server: ['max-clients = 4'] });
  const clients: RawClient[] = [];
  for (const tenant of [ALICE, BOB, ALICE, BOB]) clients.push(await clientFor(t, server, tenant));
  for (const tenant of [ALICE, BOB]) {
    const refused = await clientFor(t, server);
    t.is(await authenticate(refused, tenant), '-ERR max number of clients reached\r\n');
    await refused.closed;
  }
  // One that is counted already goes wherever it may.
  t.is(await authenticate(clients[0] as RawClient, BOB), '+OK\r\n');
  t.is(await authenticate(clients[0] as RawClient, ALICE), '+OK\r\n');
  await clients[0]?.close();
  const welcome = await nextClient(t, server, BOB);
  for (const client of [...clients.slice(1), welcome]) {
    t.is(await client.text('PING'), '+PONG\r\n');
  }
});

test.serial(
  'CLIENT LIST and CLIENT KILL know all connections of the tenant, and no other',
  async (t) => {
    const server = await shardedServer(t);
    const own = await Promise.all(Array.from({ length: 10 }, () => clientFor(t, server, ALICE)));
    const others = await Promise.all(Array.from({ length: 10 }, () => clientFor(t, server, BOB)));
    const ids = await Promise.all(own.map(idOf));
    const listed = async (client: RawClient): Promise<number[]> =>
      [...(await client.text('CLIENT', 'LIST')).matchAll(/\bid=(\d+) /g)].map(([, id]) =>
        Number(id),
      );
    const [alice, victim, ...rest] = own as [RawClient, RawClient, ...RawClient[]];
    const sorted = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b);
    t.deepEqual(sorted(await listed(alice)), sorted(ids));
    const [bob] = others as [RawClient];
    t.is(await bob.text('CLIENT', 'KILL', 'ID', ids[1] ?? 0), ':0\r\n');
    t.is(await alice.text('CLIENT', 'KILL', 'ID', ids[1] ?? 0), ':1\r\n');
    await victim.closed;
    t.is(await alice.text('CLIENT', 'KILL', 'TYPE', 'normal'), `:${rest.length}\r\n`);
    await Promise.all(rest.map(({ closed }) => closed));
    await eventually('they are listed no more', async () => (await listed(alice)).length === 1);
    for (const client of others) t.is(await client.text('PING'), '+PONG\r\n');
  },
);

// --- Shards that end -------------------------------------------------------------------------------

const LIBRARY = [
  '#!js name=shards',
  'import { HTGet, HTSet } from "shredder:store";',
  'export const read = ([key]) => { const bytes = new Uint8Array(100); return bytes.slice(0, HTGet(key, bytes)); };',
  'export function spin() { for (;;); }',
  'export function spoil() { HTSet("spoilt", new Uint8Array(10)); for (;;); }',
].join('\n');

test.serial(
  'a shard that is killed comes back with data, libraries and settings; the other shard notices nothing',
  async (t) => {
    const server = await shardedServer(t, { alice: ['deadline-ms = 700'], ownDeadlines: true });
    const alice = await clientFor(t, server, ALICE);
    await alice.call('SET', 'key', 'of alice');
    await alice.call('FUNCTION', 'LOAD', LIBRARY);
    const [bob, peers] = [await clientFor(t, server, BOB), await clientFor(t, server, ALICE)];
    const [before, bobId] = [await placeOf(alice), await idOf(bob)];
    process.kill(before.pid, 'SIGKILL');
    await Promise.all([alice.closed, peers.closed]);
    const next = await nextClient(t, server, ALICE);
    t.is(await next.text('GET', 'key'), '$8\r\nof alice\r\n');
    t.is(await next.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
    t.regex(await next.text('FUNCTION', 'LIST'), /shards/);
    t.regex(await next.text('FCALL', 'spin', 0), /after its deadline of 700 ms of CPU time/);
    const after = await placeOf(next);
    t.not(after.pid, before.pid);
    t.deepEqual({ ...after, pid: before.pid }, before);
    t.is(await idOf(bob), bobId);
    t.regex(server.log(), new RegExp(`shard 0 \\(process ${before.pid}\\) was ended by signal 9`));
  },
);

test.serial('all shards killed at once come back', async (t) => {
  const server = await shardedServer(t);
  for (const tenant of [ALICE, BOB]) {
    await (await clientFor(t, server, tenant)).call('SET', 'key', `of ${tenant.name}`);
  }
  for (const pid of await shardPids(server)) process.kill(pid, 'SIGKILL');
  for (const tenant of [ALICE, BOB]) {
    const client = await nextClient(t, server, tenant);
    t.true((await client.text('GET', 'key')).includes(`of ${tenant.name}`));
  }
});

test.serial('if the supervisor is killed, no shard stays', async (t) => {
  const server = await shardedServer(t);
  const clients = [await clientFor(t, server, ALICE), await clientFor(t, server, BOB)];
  await clients[0]?.call('FUNCTION', 'LOAD', LIBRARY);
  void clients[0]?.call('FCALL', 'spin', 0).catch(() => undefined);
  const pids = await shardPids(server);
  t.is(pids.length, 2);
  process.kill(server.pid, 'SIGKILL');
  await Promise.all(clients.map(({ closed }) => closed));
  await eventually('they have ended', async () => {
    const running = await Promise.all(pids.map(isRunning));
    return !running.includes(true);
  });
});

interface Load {
  /** The last number that has been acknowledged. */
  acknowledged: () => number;
}

/** Sets two keys to the same number, the next one each time, until the connection ends. */
async function load(server: Server, tenant: Tenant): Promise<Load> {
  const client = await RawClient.connect(server);
  await authenticate(client, tenant);
  let [sent, acknowledged] = [0, 0];
  const send = (): void => {
    sent++;
    client.write(encodeRequest(['MSET', 'x', sent, 'y', sent]));
  };
  for (let i = 0; i < 20; i++) send();
  void (async () => {
    for (;;) {
      const reply = (await client.reply()).toString();
      if (reply !== '+OK\r\n') throw new Error(reply);
      acknowledged++;
      send();
    }
  })().catch(() => undefined);
  await eventually('they are answered', () => acknowledged > 500);
  return { acknowledged: () => acknowledged };
}

// The shards have 4.5 s, which a busy machine makes longer.
const STOPS_WITHIN_MS = 20_000;

test.serial(
  'SIGTERM ends shards under load, one of them in a function: exit code 0, within seconds',
  async (t) => {
    const server = await shardedServer(t);
    await Promise.all([ALICE, BOB, ALICE, BOB].map((tenant) => load(server, tenant)));
    const caller = await clientFor(t, server, ALICE);
    await caller.call('FUNCTION', 'LOAD', LIBRARY);
    void caller.call('FCALL', 'spin', 0).catch(() => undefined);
    const observer = await clientFor(t, server, ALICE);
    await eventually('it runs', async () =>
      /duration_ms/.test(await observer.text('FUNCTION', 'STATS')),
    );
    const pids = await shardPids(server);
    const begun = performance.now();
    t.is(await server.stop('SIGTERM'), 0, server.log());
    t.true(performance.now() - begun < STOPS_WITHIN_MS);
    t.deepEqual(await Promise.all(pids.map(isRunning)), [false, false]);
    t.notRegex(server.log(), /not finished/);
  },
);

test.serial(
  'SIGUSR2 under load: the same supervisor, new shards, and tenants, data and libraries as they were',
  async (t) => {
    const server = await shardedServer(t);
    const admin = await clientFor(t, server, ADMIN);
    const carol = { name: 'carol', password: 'the-password-of-carol' };
    t.is(await admin.text('TENANT', 'CREATE', carol.name, 'PASSWORD', carol.password), '+OK\r\n');
    const tenants = [ALICE, BOB, carol];
    const before = new Map<Tenant, Place>();
    for (const tenant of tenants) {
      const client = await clientFor(t, server, tenant);
      await client.call('SET', 'key', `of ${tenant.name}`);
      await client.call('FUNCTION', 'LOAD', LIBRARY);
      before.set(tenant, await placeOf(client));
    }
    const loads = await Promise.all(tenants.map((tenant) => load(server, tenant)));
    const lastId = await idOf(admin);
    process.kill(server.pid, 'SIGUSR2');
    await admin.closed;
    for (const [i, tenant] of tenants.entries()) {
      const client = await nextClient(t, server, tenant);
      t.is(await client.text('FCALL', 'read', 1, 'key'), await client.text('GET', 'key'));
      const [was, after] = [before.get(tenant) as Place, await placeOf(client)];
      t.is(after.supervisor, server.pid);
      t.is(after.run, was.run);
      t.not(after.pid, was.pid);
      t.true((await idOf(client)) > lastId, 'ids are not given again');
      const [x, y] = await client.pipeline([
        ['GET', 'x'],
        ['GET', 'y'],
      ]);
      t.deepEqual(x, y, 'no command is half done');
      const number = Number(x?.toString().split('\r\n')[1]);
      t.true(
        number >= (loads[i] as Load).acknowledged(),
        `${number}: nothing acknowledged is lost`,
      );
    }
    t.is(await server.stop(), 0, server.log());
  },
);

test.serial(
  'a wrong configuration file at SIGUSR2 changes nothing, and the log says what is wrong',
  async (t) => {
    const file = path.join(await temporaryFolder(t), 'shredder.toml');
    await writeFile(file, configOf({}), { mode: 0o600 });
    const server = await serverFor(t, { flags: ['--shards', '2', '--config', file] });
    const clients = [await clientFor(t, server, ALICE), await clientFor(t, server, BOB)];
    const pids = await shardPids(server);
    await writeFile(file, `${configOf({})}\nmemory = "lots"\n`);
    process.kill(server.pid, 'SIGUSR2');
    await eventually('the log tells', () =>
      /SIGUSR2: .*lots.*the server goes on as it is/.test(server.log()),
    );
    for (const client of clients) t.is(await client.text('PING'), '+PONG\r\n');
    t.deepEqual(await shardPids(server), pids);
  },
);

for (const [what, script, reason] of [
  ['reads stores of another format', 'echo SHRDRE00.1', /stores of another format than SHRDRE/],
  ['does not know how to take over', 'exit 1', /takes over no running server/],
  ['closes its output and runs on', 'exec >&-; exec sleep 60', /takes over no running server/],
  ['says too much', 'exec cat /dev/zero', /takes over no running server/],
] as const) {
  test.serial(
    `an executable that ${what} does not take over at SIGUSR2: nothing is lost`,
    async (t) => {
      const folder = await temporaryFolder(t);
      const binary = path.join(folder, 'shredderd');
      await copyFile(await builtShredderd(), binary);
      const server = await shardedServer(t, { binary });
      const client = await clientFor(t, server, ALICE);
      t.is(await client.text('SET', 'key', 'value'), '+OK\r\n');
      const other = path.join(folder, 'other');
      await writeFile(other, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      await rename(other, binary);
      const pids = await shardPids(server);
      process.kill(server.pid, 'SIGUSR2');
      await eventually('the log tells', () => /SIGUSR2: .*goes on as it is/.test(server.log()));
      t.regex(server.log(), reason);
      t.is(await client.text('GET', 'key'), '$5\r\nvalue\r\n');
      t.deepEqual(await shardPids(server), pids);
    },
  );
}

test.serial(
  'a tenant that has ended its shard three times gets one of its own, until it is moved back',
  async (t) => {
    const server = await shardedServer(t, { flags: [...CRASH_FLAGS] });
    const bob = await clientFor(t, server, BOB);
    const bobId = await idOf(bob);
    const crash = async (): Promise<Place> => {
      const client = await nextClient(t, server, ALICE);
      const place = await placeOf(client);
      await t.throwsAsync(client.text('FCALL', 'crash', 0), { message: /closed|ECONNRESET/ });
      return place;
    };
    const setter = await clientFor(t, server, ALICE);
    await setter.call('FUNCTION', 'LOAD', LIBRARY);
    await setter.call('FUNCTION', 'LOAD', CRASH_LIBRARY);
    await setter.call('SET', 'key', 'of alice');
    for (let i = 0; i < 3; i++) {
      const place = await crash();
      t.is(place.shard, 0);
      t.false(place.isSingle);
    }
    const single = await placeOf(await nextClient(t, server, ALICE));
    t.true(single.isSingle);
    t.true(single.shard >= 2);
    t.regex(server.log(), /tenant 'alice' was running 'crash'/);
    t.regex(
      server.log(),
      /tenant 'alice' has ended its shard 3 times in a minute, last by 'crash'/,
    );

    // From now on nobody is on its shard but itself.
    const admin = await nextClient(t, server, ADMIN);
    const adminId = await idOf(admin);
    t.true((await crash()).isSingle);
    const alone = await nextClient(t, server, ALICE);
    t.is(await alone.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
    t.is(await idOf(admin), adminId);

    t.is(await admin.text('TENANT', 'MOVE', ALICE.name, 0), '+OK\r\n');
    await alone.closed;
    const back = await nextClient(t, server, ALICE);
    const place = await placeOf(back);
    t.is(place.shard, 0);
    t.false(place.isSingle);
    t.is(await back.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
    await eventually('the shard of its own is no more', async () => {
      const pids = await shardPids(server);
      return pids.length === 2;
    });
    t.is(await idOf(bob), bobId);
  },
);

/** Waits until the tenant's function runs. */
async function untilItRuns(observer: RawClient): Promise<void> {
  await eventually('it runs', async () =>
    /duration_ms/.test(await observer.text('FUNCTION', 'STATS')),
  );
}

test.serial(
  'a shard that is silent beyond the deadline of what it runs is ended; the other serves meanwhile',
  async (t) => {
    const server = await shardedServer(t, {
      server: ['deadline-ms = 3000', 'wall-deadline-ms = 3000', 'shard-silence-ms = 200'],
      ownDeadlines: true,
    });
    const [alice, bob] = [await clientFor(t, server, ALICE), await clientFor(t, server, BOB)];
    const bobId = await idOf(bob);
    await alice.call('FUNCTION', 'LOAD', LIBRARY);
    const { pid } = await placeOf(alice);
    let hasEnded = false;
    const call = alice.text('FCALL', 'spoil', 0).catch(() => 'closed');
    void call.then(() => (hasEnded = true));
    await untilItRuns(await clientFor(t, server, ALICE));
    // No function can run on: what V8 does for it looks for interrupts. A process that is stopped can.
    process.kill(pid, 'SIGSTOP');
    let served = 0;
    while (!hasEnded) {
      await bob.call('PING');
      served++;
    }
    t.is(await call, 'closed');
    t.true(served > 10, `served ${served} times meanwhile`);
    t.is(await idOf(bob), bobId);
    const next = await nextClient(t, server, ALICE);
    t.is(await next.text('EXISTS', 'spoilt'), ':0\r\n', 'its writes are undone');
    t.regex(server.log(), /shard 0: silent for \d+ ms; it is ended/);
    t.regex(server.log(), /tenant 'alice' was running 'spoil'/);
  },
);
