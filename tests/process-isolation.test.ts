// Tenants with `isolation = "process"`: each has a shard of its own, which is locked up. What that keeps
// native code from is tried in runtime/sandbox/lock_test.cc; here is that such a tenant is served as any other,
// and that its process is what it should be.
import { readdir, readFile, readlink } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { CRASH_FLAGS } from './support/crash.ts';
import { eventually } from './support/eventually.ts';
import { placeOf } from './support/place.ts';
import { isRunning, shardPids } from './support/processes.ts';
import { RawClient } from './support/resp.ts';
import { serverFor, type Server } from './support/server.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

const ADMIN = { name: 'admin', password: 'the-password-of-admin' };
type Tenant = typeof ALICE;

const LIBRARY = `#!js name=lib
import { HTGet, HTSet } from 'shredder:store';
export const write = ([key]) => { HTSet(key, new Uint8Array([119, 114, 105, 116])); return 1; };
export const read = ([key]) => { const bytes = new Uint8Array(100); return bytes.slice(0, HTGet(key, bytes)); };
export function sum(keys, args) { let s = 0; for (let i = 0; i < Number(args[0]); i++) s += i % 7; return s; }
export function random() { return String(Math.random()); }
`;

/** Ends its process, which says why, as V8 does where it finds its own state wrong. */
const CRASH_LIBRARY = `#!js name=crash
export function crash() { %AbortJS('what went wrong'); }`;

/** Alice in a process of her own, bob and the administrator beside each other. */
const CONFIG = [
  twoTenants({
    // Core dumps let the user of the tests look at the process.
    server: ['shards = 1', 'core-dumps = true'],
    alice: ['isolation = "process"', 'memory = "64mb"'],
  }),
  '[[tenant]]',
  `name = "${ADMIN.name}"`,
  `password = "${ADMIN.password}"`,
  'admin = true',
  '',
].join('\n');

async function isolatingServer(
  t: ExecutionContext,
  config = CONFIG,
  flags: readonly string[] = [],
): Promise<Server> {
  return await serverFor(t, { config, flags });
}

async function clientFor(t: ExecutionContext, server: Server, tenant: Tenant): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', tenant.name, tenant.password), '+OK\r\n');
  return client;
}

/** The same, once the tenant is served again. */
async function nextClient(t: ExecutionContext, server: Server, tenant: Tenant): Promise<RawClient> {
  let found: RawClient | undefined;
  await eventually(`${tenant.name} is served`, async () => {
    const client = await RawClient.connect(server);
    t.teardown(() => client.close());
    const reply = await client.text('AUTH', tenant.name, tenant.password).catch(() => '');
    if (reply === '+OK\r\n') found = client;
    return found !== undefined;
  });
  if (found === undefined) throw new Error('nobody is served');
  return found;
}

async function statusOf(pid: number): Promise<Record<string, string>> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Object.fromEntries(
    status.split('\n').map((line) => line.split(/:\s*/, 2) as [string, string]),
  );
}

/** The files in memory that a process has mapped, by what they are for. */
async function mappedFiles(pid: number): Promise<string[]> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
  const found = [...maps.matchAll(/ (\d+) +\/memfd:(\S+) /g)].map(
    ([, inode, name]) => `${name} ${inode}`,
  );
  return [...new Set(found)].sort();
}

test.serial('a tenant in a process of its own is served as any other', async (t) => {
  const server = await isolatingServer(t);
  const alice = await clientFor(t, server, ALICE);
  const place = await placeOf(alice);
  t.is(place.isolation, 'process');
  t.true(place.isSingle);
  t.not(place.shard, 0);
  t.is(await alice.text('SET', 'key', 'of alice'), '+OK\r\n');
  t.is(await alice.text('GET', 'key'), '$8\r\nof alice\r\n');
  t.is(await alice.text('FUNCTION', 'LOAD', LIBRARY), '$3\r\nlib\r\n');
  t.is(await alice.text('FCALL', 'write', 1, 'key'), '$1\r\n1\r\n');
  t.is(await alice.text('FCALL', 'read', 1, 'key'), '$4\r\nwrit\r\n');
  // Long enough to be optimised, which makes code on another thread.
  t.is(await alice.text('FCALL', 'sum', 0, '20000000'), '$8\r\n59999997\r\n');
  const large = 'x'.repeat(8 << 20);
  t.is(await alice.text('SET', 'large', large), '+OK\r\n');
  t.is((await alice.text('GET', 'large')).length, large.length + '$8388608\r\n\r\n'.length);
  t.is(await alice.text('DEL', 'large'), ':1\r\n');
  const replies = await alice.pipeline([
    ['MULTI'],
    ['INCR', 'n'],
    ['FCALL', 'read', 1, 'n'],
    ['EXEC'],
  ]);
  t.is(replies.at(-1)?.toString(), '*2\r\n:1\r\n$1\r\n1\r\n');
  t.notRegex(server.log(), /error/);
});

test.serial(
  'its process can do nothing but serve: seccomp, no privileges, no capabilities',
  async (t) => {
    const server = await isolatingServer(t);
    const { pid } = await placeOf(await clientFor(t, server, ALICE));
    const status = await statusOf(pid);
    t.like(status, {
      Seccomp: '2',
      NoNewPrivs: '1',
      CapEff: '0000000000000000',
      CapPrm: '0000000000000000',
      CapInh: '0000000000000000',
      CapAmb: '0000000000000000',
    });
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      t.like(await statusOf(Number(thread)), {
        Seccomp: '2',
        NoNewPrivs: '1',
        CapEff: '0000000000000000',
      });
    }
    if (process.getuid?.() === 0 && !/another user/.test(server.log())) {
      const users = new Set(status['Uid']?.split(/\s+/));
      t.is(users.size, 1);
      t.true(Number([...users][0]) >= 0x70000000 || users.has('65534'));
    }
    const others = await statusOf((await placeOf(await clientFor(t, server, BOB))).pid);
    t.is(others['Seccomp'], '0', 'the others are as they were');
  },
);

test.serial('its process has its own store, and nothing else of anybody', async (t) => {
  const server = await isolatingServer(t);
  const alice = await clientFor(t, server, ALICE);
  const bob = await clientFor(t, server, BOB);
  await alice.call('SET', 'key', 'of alice');
  await bob.call('SET', 'key', 'of bob');
  const own = await mappedFiles((await placeOf(alice)).pid);
  const others = await mappedFiles((await placeOf(bob)).pid);
  t.deepEqual(
    own.map((file) => file.split(' ')[0]),
    ['shredder-status', 'shredder-store'],
  );
  for (const file of own) t.false(others.includes(file), `${file} is another process’s, too`);

  const { pid } = await placeOf(alice);
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`)),
  );
  const kinds = links.map((link) => link.replace(/[:[].*$/, '').replace(/^\/memfd$/, 'memfd'));
  t.deepEqual(
    kinds.filter((kind) => kind !== 'socket').sort(),
    ['/dev/null', 'anon_inode', 'anon_inode', 'memfd', 'memfd', 'pipe', 'pipe'],
    links.join(', '),
  );
  // The channel, and the one client.
  t.is(kinds.filter((kind) => kind === 'socket').length, 2, links.join(', '));
  if (!/without some/.test(server.log())) {
    t.not(await readlink(`/proc/${pid}/ns/net`), await readlink('/proc/self/ns/net'));
    t.not(await readlink(`/proc/${pid}/ns/mnt`), await readlink('/proc/self/ns/mnt'));
    t.regex(await readFile(`/proc/${pid}/mounts`, 'utf8'), /^\S+ \/ tmpfs ro,[^\n]*\n$/);
  }
  // Nothing of the environment, in which there may be passwords.
  t.is(await readFile(`/proc/${pid}/environ`, 'utf8'), '');
});

test.serial('data and libraries outlive its process, and the others notice nothing', async (t) => {
  const server = await isolatingServer(t, CONFIG, CRASH_FLAGS);
  const bob = await clientFor(t, server, BOB);
  const alice = await clientFor(t, server, ALICE);
  await alice.call('FUNCTION', 'LOAD', LIBRARY);
  await alice.call('FUNCTION', 'LOAD', CRASH_LIBRARY);
  await alice.call('SET', 'key', 'of alice');
  const before = await placeOf(alice);
  process.kill(before.pid, 'SIGKILL');
  await alice.closed;
  let next = await nextClient(t, server, ALICE);
  t.is(await next.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
  // Nor does it get out of it by crashing, however often.
  for (let i = 0; i < 4; i++) {
    await t.throwsAsync(next.text('FCALL', 'crash', 0), { message: /closed|ECONNRESET/ });
    next = await nextClient(t, server, ALICE);
    t.is(await next.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
  }
  const after = await placeOf(next);
  t.not(after.pid, before.pid);
  t.like(after, { shard: before.shard, isolation: 'process' });
  t.is((await statusOf(after.pid))['Seccomp'], '2');
  t.is(await bob.text('PING'), '+PONG\r\n');
  // Its last words are in the log, with whose they are.
  t.regex(server.log(), new RegExp(`\\[shard ${before.shard}\\] abort: what went wrong`));
});

test.serial('random numbers differ from process to process', async (t) => {
  const server = await isolatingServer(t);
  const seen = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const alice = await nextClient(t, server, ALICE);
    await alice.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
    seen.add(await alice.text('FCALL', 'random', 0));
    process.kill((await placeOf(alice)).pid, 'SIGKILL');
    await alice.closed;
  }
  t.is(seen.size, 3);
});

test.serial('it is told by TENANT, and not moved to where others are', async (t) => {
  const server = await isolatingServer(t);
  const admin = await clientFor(t, server, ADMIN);
  const alice = await clientFor(t, server, ALICE);
  t.regex(await admin.text('TENANT', 'GET', ALICE.name), /isolation\r\n\$7\r\nprocess\r\n/);
  t.is(
    await admin.text('TENANT', 'LIST', 0, 'ISOLATION', 'process'),
    '*2\r\n$1\r\n0\r\n*1\r\n$5\r\nalice\r\n',
  );
  t.regex(
    await admin.text('TENANT', 'MOVE', ALICE.name, 0),
    /^-ERR tenant 'alice' has isolation process, and with it a shard of its own; /,
  );
  t.is(await admin.text('TENANT', 'MOVE', ALICE.name, 'OWN'), '+OK\r\n', 'where it is');
  t.is(await alice.text('PING'), '+PONG\r\n');
});

test.serial('TENANT CREATE, SET and DROP make, change and end such a process', async (t) => {
  const server = await isolatingServer(t);
  const admin = await clientFor(t, server, ADMIN);
  const carol = { name: 'carol', password: 'the-password-of-carol' };
  const created = await admin.text(
    ...['TENANT', 'CREATE', carol.name, 'PASSWORD', carol.password, 'ISOLATION', 'process'],
  );
  t.is(created, '+OK\r\n');
  let client = await nextClient(t, server, carol);
  await client.call('SET', 'key', 'of carol');
  await client.call('FUNCTION', 'LOAD', LIBRARY);
  const places = [await placeOf(client)];
  for (const isolation of ['isolate', 'process', 'context', 'process']) {
    t.is(await admin.text('TENANT', 'SET', carol.name, 'ISOLATION', isolation), '+OK\r\n');
    await client.closed;
    client = await nextClient(t, server, carol);
    t.is(await client.text('FCALL', 'read', 1, 'key'), '$8\r\nof carol\r\n');
    const place = await placeOf(client);
    t.like(place, { isolation, isSingle: isolation === 'process' });
    t.is((await statusOf(place.pid))['Seccomp'], isolation === 'process' ? '2' : '0');
    places.push(place);
  }
  t.is(
    await admin.text('TENANT', 'SET', carol.name, 'ISOLATION', 'thread'),
    "-ERR isolation is 'thread', not an isolation; give context, isolate or process\r\n",
  );
  t.is(await admin.text('TENANT', 'SET', carol.name, 'MEMORY', '2gb'), '+OK\r\n');
  await eventually('the quota is the new one', async () =>
    (await client.text('CONFIG', 'GET', 'maxmemory')).includes('2147483648'),
  );
  t.is(await admin.text('TENANT', 'DROP', carol.name), '+OK\r\n');
  await client.closed;
  const last = places.at(-1)?.pid ?? 0;
  await eventually('its process is gone', async () => !(await isRunning(last)));
  await eventually('no other is left', async () => (await shardPids(server)).length === 2);
});

test.serial('a connection of it is no other tenant’s, whatever password it has', async (t) => {
  const server = await isolatingServer(t);
  const alice = await clientFor(t, server, ALICE);
  t.regex(await alice.text('AUTH', BOB.name, BOB.password), /^-WRONGPASS/);
  t.is(await alice.text('AUTH', ALICE.name, ALICE.password), '+OK\r\n');
  t.is(await alice.text('GET', 'key'), '$-1\r\n');
  const bob = await clientFor(t, server, BOB);
  t.is(await bob.text('AUTH', ALICE.name, ALICE.password), '+OK\r\n', 'it may come');
  t.is((await placeOf(bob)).isolation, 'process');
});

test.serial('max-clients counts its clients, and holds for it', async (t) => {
  const server = await isolatingServer(
    t,
    CONFIG.replace('shards = 1', 'shards = 1\nmax-clients = 3'),
  );
  const clients = [await clientFor(t, server, ALICE), await clientFor(t, server, ALICE)];
  await clientFor(t, server, BOB);
  for (const tenant of [ALICE, BOB]) {
    await eventually(`there is no room for ${tenant.name}`, async () => {
      const refused = await RawClient.connect(server);
      const reply = await refused.text('AUTH', tenant.name, tenant.password);
      await refused.close();
      return reply === '-ERR max number of clients reached\r\n';
    });
  }
  for (const client of clients) t.is(await client.text('PING'), '+PONG\r\n');
});

test.serial('SIGUSR2 keeps it what it is', async (t) => {
  const server = await isolatingServer(t);
  const alice = await clientFor(t, server, ALICE);
  await alice.call('FUNCTION', 'LOAD', LIBRARY);
  await alice.call('SET', 'key', 'of alice');
  process.kill(server.pid, 'SIGUSR2');
  await alice.closed;
  const next = await nextClient(t, server, ALICE);
  t.is(await next.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
  const place = await placeOf(next);
  t.like(place, { isolation: 'process', isSingle: true });
  t.is((await statusOf(place.pid))['Seccomp'], '2');
});
