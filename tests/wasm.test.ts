// Libraries in WebAssembly over the wire: the engine of that name, its switch, and what becomes of them when
// processes end. What modules can do is in runtime/engine/wasm_test.cc.
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { eventually } from './support/eventually.ts';
import { isRunning, shardPids } from './support/processes.ts';
import { serverFor, type Server } from './support/server.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';
import { code, wasmLibrary } from './support/wasm_module.ts';

/** `add` adds to the counter of key 7, `seven` is 7, `spin` never ends, `grow` takes pages until there are none. */
const LIBRARY = wasmLibrary('lib', {
  imports: [{ name: 'ht_add', parameters: ['i64', 'i64'], result: 'i64' }],
  functions: [
    { name: 'add', result: 'i64', body: [...code.i64(7), ...code.i64(1), ...code.call(0)] },
    { name: 'seven', result: 'i32', body: code.i32(7) },
    { name: 'spin', body: code.loop() },
    { name: 'grow', result: 'i32', body: code.grow(60_000) },
  ],
  pages: 1,
});

function clientOf(t: ExecutionContext, server: Server, tenant?: typeof ALICE): Redis {
  const login = tenant === undefined ? {} : { username: tenant.name, password: tenant.password };
  const client = new Redis({ port: server.port, ...login, maxRetriesPerRequest: 100 });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return client;
}

/** A reply's text, or its error's. */
const messageOf = async (reply: Promise<unknown>): Promise<string> =>
  await reply.then(String, (error: Error) => error.message);

const load = async (client: Redis): Promise<unknown> =>
  await client.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);

test('a library in WebAssembly is loaded, listed, called and deleted as any other', async (t) => {
  const client = clientOf(t, await serverFor(t));
  t.is(await load(client), 'lib');
  t.is(await client.call('FCALL', 'add', 0), 1);
  t.is(await client.get('7'), '1');
  const [listed] = (await client.callBuffer('FUNCTION', 'LIST', 'WITHCODE')) as Buffer[][];
  t.deepEqual(listed?.slice(0, 4).map(String), ['library_name', 'lib', 'engine', 'wasm']);
  t.true(listed?.some((each) => Buffer.isBuffer(each) && each.equals(LIBRARY)));
  await client.call('FUNCTION', 'DELETE', 'lib');
  await t.throwsAsync(client.call('FCALL', 'add', 0), { message: /Function not found/ });
});

test('a call that never ends gets its deadline’s error, and a neighbour its answers', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({ server: ['shards = 1'], alice: ['deadline-ms = 50'] }),
    ownDeadlines: true,
  });
  const alice = clientOf(t, server, ALICE);
  const bob = clientOf(t, server, BOB);
  await load(alice);
  for (let i = 0; i < 5; i++) {
    const spin = alice.call('FCALL', 'spin', 0);
    const pings = Promise.all(Array.from({ length: 20 }, async () => await bob.ping()));
    await t.throwsAsync(spin, { message: /deadline of 50 ms of CPU time/ });
    t.is((await pings).length, 20);
  }
  // As a number of JavaScript's, which RESP2 has as a text.
  t.is(await alice.call('FCALL', 'seven', 0), '7');
  t.is(await alice.call('FCALL', 'grow', 0), '-1');
});

test('a library in WebAssembly is there again when its shard was killed', async (t) => {
  const server = await serverFor(t, { config: twoTenants({ server: ['shards = 1'] }) });
  const client = clientOf(t, server, ALICE);
  await load(client);
  t.is(await client.call('FCALL', 'add', 0), 1);
  const [pid] = await shardPids(server);
  if (pid === undefined) return t.fail('no shard');
  process.kill(pid, 'SIGKILL');
  await eventually('the killed shard is gone', async () => !(await isRunning(pid)));
  t.is(await client.call('FCALL', 'add', 0), 2);
});

const ADMIN = { name: 'admin', password: 'the-password-of-admin' };
const ADMIN_TABLE = `[[tenant]]\nname = "${ADMIN.name}"\npassword = "${ADMIN.password}"\nadmin = true\n`;
const NOT_FOUND = { message: /^ERR Engine 'wasm' not found: WebAssembly is switched off/ };

test('a tenant in a process of its own has WebAssembly only where that was said', async (t) => {
  const server = await serverFor(t, {
    config:
      twoTenants({
        server: ['shards = 1'],
        alice: ['isolation = "process"', 'memory = "64mb"'],
      }) + ADMIN_TABLE,
  });
  const alice = clientOf(t, server, ALICE);
  const admin = clientOf(t, server, ADMIN);
  await t.throwsAsync(load(alice), NOT_FOUND);
  await alice.call(
    'FUNCTION',
    'LOAD',
    '#!js name=js\nexport const has = () => typeof WebAssembly;',
  );
  t.is(await alice.call('FCALL', 'has', 0), 'undefined');
  t.is(await clientOf(t, server, BOB).call('FUNCTION', 'LOAD', LIBRARY), 'lib');
  // From the file, which TENANT SET does not change.
  await t.throwsAsync(admin.call('TENANT', 'SET', 'alice', 'WASM', 'true'));
  await admin.call('TENANT', 'CREATE', 'carol', 'PASSWORD', 'of-carol', 'ISOLATION', 'process');
  const carol = clientOf(t, server, { name: 'carol', password: 'of-carol' });
  await t.throwsAsync(load(carol), NOT_FOUND);
  await admin.call('TENANT', 'SET', 'carol', 'WASM', 'true');
  await eventually(
    'the shard knows that it has WebAssembly',
    async () => (await messageOf(load(carol))) === 'lib',
  );
  t.is(await carol.call('FCALL', 'add', 0), 1);
  await admin.call('TENANT', 'SET', 'carol', 'WASM', 'false');
  await eventually('the shard knows that it has no WebAssembly', async () =>
    (await messageOf(carol.call('FCALL', 'add', 0))).includes('switched off'),
  );
  await admin.call('TENANT', 'SET', 'carol', 'WASM', 'default');
  await t.throwsAsync(load(carol), NOT_FOUND);
});

test('a server without WebAssembly has none for any tenant', async (t) => {
  const server = await serverFor(t, {
    config: twoTenants({ server: ['wasm = false'], alice: ['wasm = true'] }),
  });
  const client = clientOf(t, server, ALICE);
  await t.throwsAsync(load(client), NOT_FOUND);
  const stats = String(await client.call('FUNCTION', 'STATS'));
  t.true(stats.includes('js'), stats);
  t.false(stats.includes('wasm'), stats);
});
