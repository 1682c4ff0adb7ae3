// Tenants with `isolation = "context"`, which share a JavaScript heap: each has its own globals, variables and
// data, whatever another one does; a heap that one has filled is made anew for all.
import { kill } from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { eventually } from './support/eventually.ts';
import { placeOf } from './support/place.ts';
import { RawClient } from './support/resp.ts';
import { serverFor, type Server } from './support/server.ts';
import { ALICE, BOB } from './support/tenants.ts';

const ADMIN = { name: 'admin', password: 'the-password-of-admin' };
type Tenant = typeof ALICE;

const LIBRARY = `#!js name=lib
import { HTGet, HTSet } from 'shredder:store';
let calls = 0;
const kept = [];
const bytes = new Uint8Array(100);
export const count = () => BigInt(++calls);
export const read = ([key]) => bytes.slice(0, HTGet(key, bytes));
export const plant = () => { globalThis.planted = 1; Array.prototype.map = null; return 1n; };
export const look = () => \`\${typeof planted} \${typeof [].map}\`;
export const loop = () => { for (;;) calls = 100; };
export const grow = ([key]) => { HTSet(key, bytes); for (;;) kept.push({ kept }); };
`;

const CONFIG = [
  '[server]',
  'shards = 1',
  'heap-limit-mb = 16',
  ...[ALICE, BOB].flatMap(({ name, password }) => [
    '[[tenant]]',
    `name = "${name}"`,
    `password = "${password}"`,
    'isolation = "context"',
    // Of loop alone: a full heap takes longer on a slow machine.
    ...(name === BOB.name ? ['deadline-ms = 300'] : []),
  ]),
  '[[tenant]]',
  `name = "${ADMIN.name}"`,
  `password = "${ADMIN.password}"`,
  'admin = true',
  '',
].join('\n');

async function clientFor(t: ExecutionContext, server: Server, tenant: Tenant): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', tenant.name, tenant.password), '+OK\r\n');
  return client;
}

async function loadedClients(
  t: ExecutionContext,
  server: Server,
  tenants: readonly Tenant[],
): Promise<RawClient[]> {
  const clients = await Promise.all(tenants.map((tenant) => clientFor(t, server, tenant)));
  for (const [i, client] of clients.entries()) {
    t.is(await client.text('FUNCTION', 'LOAD', LIBRARY), '$3\r\nlib\r\n');
    t.is(await client.text('SET', 'key', `of ${tenants[i]?.name}`), '+OK\r\n');
  }
  return clients;
}

async function heapBytes(client: RawClient): Promise<number> {
  const info = await client.text('INFO', 'memory');
  return Number(/^used_memory_vm_functions:(\d+)\r$/m.exec(info)?.[1]);
}

test('tenants of one heap have data, variables and globals of their own', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  const [alice, bob] = await loadedClients(t, server, [ALICE, BOB]);
  if (alice === undefined || bob === undefined) return t.fail();
  t.is((await placeOf(alice)).isolation, 'context');
  // They do share it: what one has is what the other has.
  t.is(await heapBytes(alice), await heapBytes(bob));
  t.is(await alice.text('FCALL', 'plant', 0), ':1\r\n');
  t.is(await alice.text('FCALL', 'look', 0), '$13\r\nnumber object\r\n');
  t.is(await bob.text('FCALL', 'look', 0), '$18\r\nundefined function\r\n');
  for (let i = 1; i <= 1000; i++) {
    t.is(await alice.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
    t.is(await bob.text('FCALL', 'read', 1, 'key'), '$6\r\nof bob\r\n');
    if (i % 2 === 0) t.is(await bob.text('FCALL', 'count', 0), `:${i / 2}\r\n`);
  }
  t.is(await alice.text('FCALL', 'count', 0), ':1\r\n');
});

test('a deadline ends the call of one, and a full heap begins the variables of all anew', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  const [alice, bob] = await loadedClients(t, server, [ALICE, BOB]);
  if (alice === undefined || bob === undefined) return t.fail();
  t.is(await alice.text('FCALL', 'count', 0), ':1\r\n');
  t.regex(await bob.text('FCALL', 'loop', 0), /^-ERR function was terminated after its deadline/);
  t.is(await alice.text('FCALL', 'count', 0), ':2\r\n');
  t.is(await bob.text('FCALL', 'count', 0), ':101\r\n');
  t.is(
    await alice.text('FCALL', 'grow', 1, 'key'),
    '-ERR function used up the JavaScript heap of 16 MB that its tenant shares, its writes are undone\r\n',
  );
  t.is(await bob.text('FCALL', 'count', 0), ':1\r\n');
  t.is(await alice.text('FCALL', 'count', 0), ':1\r\n');
  t.is(await alice.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
  t.is(await bob.text('FCALL', 'read', 1, 'key'), '$6\r\nof bob\r\n');
});

test('a tenant gets and leaves this isolation without a new connection', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  const admin = await clientFor(t, server, ADMIN);
  const carol = { name: 'carol', password: 'the-password-of-carol' };
  t.is(
    await admin.text(
      ...['TENANT', 'CREATE', carol.name, 'PASSWORD', carol.password, 'ISOLATION', 'context'],
    ),
    '+OK\r\n',
  );
  const [alice, client] = await loadedClients(t, server, [ALICE, carol]);
  if (alice === undefined || client === undefined) return t.fail();
  t.regex(await admin.text('TENANT', 'GET', carol.name), /isolation\r\n\$7\r\ncontext\r\n/);
  let aliceCalls = 0;
  for (const isolation of ['isolate', 'context', 'isolate', 'context']) {
    t.is(await client.text('FCALL', 'count', 0), ':1\r\n');
    t.is(await admin.text('TENANT', 'SET', carol.name, 'ISOLATION', isolation), '+OK\r\n');
    await eventually('the isolation is the new one', async () => {
      return (await placeOf(client)).isolation === isolation;
    });
    t.is(await client.text('FCALL', 'read', 1, 'key'), '$8\r\nof carol\r\n');
    const [own, shared] = [await heapBytes(client), await heapBytes(alice)];
    t.is(own === shared, isolation === 'context');
    t.is(await alice.text('FCALL', 'count', 0), `:${++aliceCalls}\r\n`);
  }
  const listed = await admin.text('TENANT', 'LIST', 0, 'ISOLATION', 'context');
  t.deepEqual(listed.match(/\b[a-z]+\b/g)?.sort(), ['alice', 'bob', 'carol']);
  t.is(await admin.text('TENANT', 'DROP', carol.name), '+OK\r\n');
  await client.closed;
  t.is(await alice.text('FCALL', 'count', 0), `:${aliceCalls + 1}\r\n`);
});

test('it outlives the end of its shard', async (t) => {
  const server = await serverFor(t, { config: CONFIG });
  const [alice] = await loadedClients(t, server, [ALICE]);
  if (alice === undefined) return t.fail();
  kill((await placeOf(alice)).pid, 'SIGKILL');
  await alice.closed;
  const again = await clientFor(t, server, ALICE);
  t.is((await placeOf(again)).isolation, 'context');
  t.is(await again.text('FCALL', 'read', 1, 'key'), '$8\r\nof alice\r\n');
});
