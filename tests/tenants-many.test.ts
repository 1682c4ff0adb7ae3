// Many tenants made while the server runs, each with data and a library: they outlive their shards,
// and the executable.
//
//   SHREDDER_TEST_TENANTS=N   so many
import { readdir, readFile } from 'node:fs/promises';
import test from 'ava';
import { eventually } from './support/eventually.ts';
import { shardPids } from './support/processes.ts';
import { RawClient, type Argument } from './support/resp.ts';
import { serverFor, type Server } from './support/server.ts';
import { isClosure } from './support/steady_client.ts';

const TENANTS = Number(process.env['SHREDDER_TEST_TENANTS'] ?? 300);
const AT_ONCE = 16;
const CREATES_AT_ONCE = 100;

const ADMIN = { name: 'admin', password: 'password-of-admin' };
const CONFIG = `[server]
shards = 2
port = 0
[[tenant]]
name = "${ADMIN.name}"
password = "${ADMIN.password}"
admin = true
`;

/** A few texts, which many tenants share. */
const LIBRARIES = Array.from(
  { length: 4 },
  (_, kind) => `#!js name=own
import { HTGet, HTSet } from 'shredder:store';
const bytes = new Uint8Array(8);
export function count() {
  bytes[0] = HTGet('count', bytes) === 1 ? bytes[0] + 1 : ${10 * kind};
  HTSet('count', bytes.subarray(0, 1));
  return BigInt(bytes[0]);
}
`,
);

interface Tenant {
  name: string;
  password: string;
  kind: number;
  /** What its function has answered last. */
  count: number;
}

/** How many of the tenants TENANT LIST names, a page at a time. */
async function countListed(server: Server): Promise<number> {
  let count = 0;
  for (let cursor = '0'; ; ) {
    const [page] = await ask(server, ADMIN, [
      ['TENANT', 'LIST', cursor, 'MATCH', 'tenant-*', 'COUNT', 1000],
    ]);
    // An array of the next cursor and of the names: *2, $length, cursor, *names, ...
    const lines = page?.split('\r\n') ?? [];
    count += lines.filter((line) => line.startsWith('tenant-')).length;
    cursor = lines[2] ?? '0';
    if (cursor === '0') return count;
  }
}

/** Sends the requests as the tenant on a connection of its own; anew where that ends. */
async function ask(
  server: Server,
  { name, password }: { name: string; password: string },
  requests: readonly (readonly Argument[])[],
): Promise<string[]> {
  for (;;) {
    let connection: RawClient | undefined;
    try {
      connection = await RawClient.connect(server);
      const [welcome, ...replies] = await connection.pipeline([
        ['AUTH', name, password],
        ...requests,
      ]);
      if (welcome?.toString() !== '+OK\r\n') throw new Error(`${name}: ${welcome?.toString()}`);
      return replies.map(String);
    } catch (error) {
      if (!isClosure(error)) throw error;
    } finally {
      await connection?.close();
    }
  }
}

/** Calls `step` for each tenant, for some at once. */
async function forEach(
  tenants: readonly Tenant[],
  step: (tenant: Tenant) => Promise<void>,
): Promise<void> {
  const left = [...tenants];
  const work = async (): Promise<void> => {
    for (let tenant = left.pop(); tenant !== undefined; tenant = left.pop()) await step(tenant);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Descriptors, mappings and resident memory of the supervisor, then of each shard. */
async function sizes(server: Server): Promise<string> {
  const of = async (pid: number): Promise<string> => {
    const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
    const mappings = (await readFile(`/proc/${pid}/maps`, 'latin1')).split('\n').length - 1;
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number =>
      Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024);
    return (
      `${descriptors} descriptors, ${mappings} mappings, ` +
      `${field('VmRSS')} MiB resident (${field('RssShmem')} MiB shared)`
    );
  };
  return (await Promise.all([server.pid, ...(await shardPids(server))].map(of))).join('; ');
}

test('tenants that were made at run time outlive their shards, and the executable', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  const tenants: Tenant[] = Array.from({ length: TENANTS }, (_, i) => ({
    name: `tenant-${i}`,
    password: `password-of-tenant-${i}`,
    kind: i % LIBRARIES.length,
    count: 10 * (i % LIBRARIES.length),
  }));
  let begun = performance.now();
  const told = async (what: string): Promise<void> => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(2);
    t.log(`${what}: ${seconds} s; ${await sizes(server)}`);
    begun = performance.now();
  };

  for (let i = 0; i < TENANTS; i += CREATES_AT_ONCE) {
    const replies = await ask(
      server,
      ADMIN,
      tenants
        .slice(i, i + CREATES_AT_ONCE)
        .map(({ name, password }) => [
          ...['TENANT', 'CREATE', name, 'PASSWORD', password, 'MEMORY', '1mb'],
        ]),
    );
    t.deepEqual([...new Set(replies)], ['+OK\r\n']);
  }
  await told(`${TENANTS} tenants made`);

  await forEach(tenants, async (tenant) => {
    const replies = await ask(server, tenant, [
      ['SET', 'name', tenant.name],
      ['FUNCTION', 'LOAD', LIBRARIES[tenant.kind] as string],
      ['FCALL', 'count', 0],
    ]);
    t.deepEqual(replies, ['+OK\r\n', '$3\r\nown\r\n', `:${tenant.count}\r\n`]);
  });
  await told('each with data, a library and a call');

  const checkAll = (): Promise<void> =>
    forEach(tenants, async (tenant) => {
      tenant.count++;
      const { name, count } = tenant;
      const replies = await ask(server, tenant, [
        ['GET', 'name'],
        ['FCALL', 'count', 0],
      ]);
      t.deepEqual(replies, [`$${name.length}\r\n${name}\r\n`, `:${count}\r\n`]);
    });
  const untilReplaced = (before: readonly number[]): Promise<void> =>
    eventually('other processes serve in place of the shards', async () => {
      const pids = await shardPids(server);
      const served = server.log().split('\n').slice(1);
      return (
        pids.length === before.length &&
        pids.every(
          (pid) =>
            !before.includes(pid) &&
            served.some((line) => line.includes(`serving, process ${pid},`)),
        )
      );
    });

  const first = await shardPids(server);
  t.is(first.length, 2);
  for (const pid of first) process.kill(pid, 'SIGKILL');
  await untilReplaced(first);
  await told('all shards killed and started again');
  await checkAll();
  await told('all asked');

  const second = await shardPids(server);
  process.kill(server.pid, 'SIGUSR2');
  await untilReplaced(second);
  await told('another executable in its place');
  await checkAll();
  await told('all asked');

  t.is(await countListed(server), TENANTS);
  t.is(await server.stop(), 0, server.log());
});
