// Two tenants on one server: neither sees, names, fills or ends anything of the other.
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { once } from 'node:events';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { eventually } from './support/eventually.ts';
import { RawClient } from './support/resp.ts';
import { serverFor, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

const test = anyTest as TestFn<{ server: Server }>;

test.before(async (t) => {
  t.context.server = await startServer({ config: twoTenants({ alice: ['memory = "8mb"'] }) });
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

/** A connection, as the tenant where one is given. */
async function clientFor(
  t: ExecutionContext<{ server: Server }>,
  tenant?: typeof ALICE,
  server: Server = t.context.server,
): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  if (tenant !== undefined)
    t.is(await client.text('AUTH', tenant.name, tenant.password), '+OK\r\n');
  return client;
}

async function emptyClients(
  t: ExecutionContext<{ server: Server }>,
): Promise<{ alice: RawClient; bob: RawClient }> {
  const [alice, bob] = [await clientFor(t, ALICE), await clientFor(t, BOB)];
  for (const client of [alice, bob]) await client.pipeline([['FLUSHALL'], ['FUNCTION', 'FLUSH']]);
  return { alice, bob };
}

function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1];
}

test.serial('a key of one tenant is no key of the other', async (t) => {
  const { alice, bob } = await emptyClients(t);
  await alice.call('SET', 'key', 'of alice');
  await alice.call('SET', '42', 'of alice');
  t.is(await bob.text('GET', 'key'), '$-1\r\n');
  t.is(await bob.text('MGET', 'key', '42'), '*2\r\n$-1\r\n$-1\r\n');
  t.is(await bob.text('EXISTS', 'key', '42'), ':0\r\n');
  t.is(await bob.text('KEYS', '*'), '*0\r\n');
  t.is(await bob.text('SCAN', '0', 'COUNT', '1000'), '*2\r\n$1\r\n0\r\n*0\r\n');
  t.is(await bob.text('DBSIZE'), ':0\r\n');
  t.is(await bob.text('DEL', 'key', '42'), ':0\r\n');
  await bob.call('SET', 'key', 'of bob');
  await bob.call('FLUSHALL');
  t.is(await alice.text('GET', 'key'), '$8\r\nof alice\r\n');
  t.is(await alice.text('DBSIZE'), ':2\r\n');
});

test.serial(
  "INFO counts the caller's own keys, memory, clients, commands and functions",
  async (t) => {
    const { alice, bob } = await emptyClients(t);
    const before = await bob.text('INFO');
    await alice.call('FUNCTION', 'LOAD', '#!js name=lib\nexport const f = () => 1;');
    await alice.pipeline(
      Array.from({ length: 2_000 }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(1_000)]),
    );
    await alice.pipeline(Array.from({ length: 100 }, (_, i) => ['GET', `key:${i}`]));
    const after = await bob.text('INFO');
    for (const field of [
      'used_memory',
      'maxmemory',
      'connected_clients',
      'keyspace_hits',
      'keyspace_misses',
      'total_connections_received',
      'number_of_libraries',
      'number_of_functions',
      'used_memory_vm_functions',
    ]) {
      t.not(infoField(after, field), undefined, field);
      t.is(infoField(after, field), infoField(before, field), field);
    }
    t.is(
      Number(infoField(after, 'total_commands_processed')),
      Number(infoField(before, 'total_commands_processed')) + 1,
    );
    t.is(infoField(after, 'db0'), undefined);
    t.notRegex(after, /alice/);
    const own = await alice.text('INFO');
    t.is(infoField(own, 'db0'), 'keys=2000,expires=0,avg_ttl=0');
    t.is(infoField(own, 'number_of_functions'), '1');
    t.is(infoField(own, 'maxmemory'), String(8 * 1024 * 1024));
    t.true(Number(infoField(own, 'used_memory')) > 2_000 * 1_000);
  },
);

test.serial('libraries and functions have names of their own in each tenant', async (t) => {
  const { alice, bob } = await emptyClients(t);
  const code = (who: string): string => `#!js name=lib\nexport const who = () => '${who}';`;
  await alice.call('FUNCTION', 'LOAD', code('alice'));
  t.is(await bob.text('FUNCTION', 'LIST'), '*0\r\n');
  t.is(await bob.text('FCALL', 'who', '0'), '-ERR Function not found\r\n');
  t.is(await bob.text('FUNCTION', 'DELETE', 'lib'), '-ERR Library not found\r\n');
  t.regex(
    await bob.text('FUNCTION', 'STATS'),
    /libraries_count\r\n:0\r\n.*functions_count\r\n:0\r\n/s,
  );
  t.is(await bob.text('FUNCTION', 'LOAD', code('bob')), '$3\r\nlib\r\n');
  t.is(await alice.text('FCALL', 'who', '0'), '$5\r\nalice\r\n');
  t.is(await bob.text('FCALL', 'who', '0'), '$3\r\nbob\r\n');
  t.is(await bob.text('FUNCTION', 'FLUSH'), '+OK\r\n');
  t.is(await alice.text('FCALL', 'who', '0'), '$5\r\nalice\r\n');
});

test.serial("a function works on its own tenant's store, whoever calls with what", async (t) => {
  const { alice, bob } = await emptyClients(t);
  const code = [
    '#!js name=lib',
    'import { HTDelete, HTGet, HTHas, HTLength, HTSet } from "shredder:store";',
    'export const look = (keys) => keys.map((key) => [HTHas(key), HTLength(key), HTGet(key, new Uint8Array(64))]);',
    'export const spoil = (keys) => keys.map((key) => { HTSet(key, new Uint8Array(3)); return HTDelete(key); });',
  ].join('\n');
  await alice.call('FUNCTION', 'LOAD', code);
  await bob.call('FUNCTION', 'LOAD', code);
  await alice.pipeline([
    ['SET', 'secret', 'of alice'],
    ['SET', '7', 'of alice'],
  ]);
  t.is(
    await bob.text('FCALL', 'look', '2', 'secret', '7'),
    `*2\r\n${'*3\r\n:0\r\n$2\r\n-1\r\n$2\r\n-1\r\n'.repeat(2)}`,
  );
  t.is(await bob.text('FCALL', 'spoil', '2', 'secret', '7'), '*2\r\n:1\r\n:1\r\n');
  t.is(await alice.text('MGET', 'secret', '7'), '*2\r\n$8\r\nof alice\r\n$8\r\nof alice\r\n');
});

test.serial('CLIENT LIST and CLIENT KILL know no connection of the other tenant', async (t) => {
  const { alice, bob } = await emptyClients(t);
  await alice.call('CLIENT', 'SETNAME', 'name-of-alice');
  const id = /^:(\d+)/.exec(await alice.text('CLIENT', 'ID'))?.[1] ?? '';
  const address = / addr=(\S+) /.exec(await alice.text('CLIENT', 'INFO'))?.[1] ?? '';
  const list = await bob.text('CLIENT', 'LIST');
  t.notRegex(list, /alice/);
  t.notRegex(list, new RegExp(`addr=${address} `));
  t.regex(list, /user=bob/);
  t.is(await bob.text('CLIENT', 'LIST', 'ID', id), '$0\r\n\r\n');
  t.is(await bob.text('CLIENT', 'KILL', 'ID', id), ':0\r\n');
  t.is(await bob.text('CLIENT', 'KILL', address), '-ERR No such client\r\n');
  t.is(await bob.text('CLIENT', 'KILL', 'ADDR', address), ':0\r\n');
  t.is(await bob.text('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'), ':0\r\n');
  // Whether a tenant exists is not told either.
  t.is(await bob.text('CLIENT', 'KILL', 'USER', 'alice'), "-ERR No such user 'alice'\r\n");
  t.is(await bob.text('CLIENT', 'KILL', 'USER', 'nobody'), "-ERR No such user 'nobody'\r\n");
  t.is(await alice.text('PING'), '+PONG\r\n');
});

test.serial('CLIENT KILL ends a connection of the own tenant', async (t) => {
  const { alice } = await emptyClients(t);
  const victim = await clientFor(t, ALICE);
  const id = /^:(\d+)/.exec(await victim.text('CLIENT', 'ID'))?.[1] ?? '';
  t.is(await alice.text('CLIENT', 'KILL', 'ID', id), ':1\r\n');
  await victim.closed;
  await eventually(
    'it is listed no more',
    async () => !(await alice.text('CLIENT', 'LIST')).includes(`id=${id} `),
  );
});

test.serial('before AUTH no command but those of the connection is answered', async (t) => {
  const client = await clientFor(t);
  const names = (await (await clientFor(t, ALICE)).text('COMMAND', 'LIST'))
    .split('\r\n')
    .filter((line) => /^[a-z_]+(\|[a-z-]+)?$/.test(line));
  t.true(names.length > 50);
  const open = new Set(['auth', 'hello', 'quit', 'reset']);
  for (const name of names.filter((each) => !open.has(each))) {
    const words = name.split('|');
    // Enough arguments for any command's arity, and few enough before AUTH.
    let replies = '';
    for (let extra = 0; extra <= 4; extra++) {
      replies += await client.text(...words, ...Array.from({ length: extra }, () => '1'));
    }
    // EXEC words its own refusals, as Redis's does.
    replies = replies.replaceAll(/^-EXECABORT Transaction discarded because of: /gm, '-');
    const container = names.some((each) => each.startsWith(`${name}|`));
    if (!container) t.regex(replies, /^-NOAUTH Authentication required\.\r$/m, name);
    for (const line of replies.trimEnd().split('\r\n')) {
      t.regex(line, /^-(NOAUTH |(ERR )?wrong number of arguments |ERR unknown subcommand )/, name);
    }
  }
  t.is(await client.text('RESET'), '+RESET\r\n');
  t.regex(
    await client.text('HELLO', '3'),
    /^-NOAUTH HELLO must be called with the client already authenticated/,
  );
  t.regex(await client.text('NOSUCH'), /^-(ERR unknown command|NOAUTH)/);
});

test.serial('a wrong password, name or none is WRONGPASS, in the same words', async (t) => {
  const refused = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
  for (const args of [
    [ALICE.name, BOB.password],
    [ALICE.name, ''],
    [ALICE.name, `${ALICE.password} `],
    [ALICE.name, ALICE.password.toUpperCase()],
    ['ALICE', ALICE.password],
    ['', ALICE.password],
    ['nobody', ALICE.password],
    ['default', ALICE.password],
    [ALICE.password],
    [`${ALICE.name}\0`, ALICE.password],
  ]) {
    const client = await clientFor(t);
    t.is(await client.text('AUTH', ...args), refused, args.join(' '));
    t.is(await client.text('DBSIZE'), '-NOAUTH Authentication required.\r\n');
  }
  const client = await clientFor(t);
  t.is(await client.text('HELLO', '3', 'AUTH', ALICE.name, 'wrong'), refused);
  t.regex(await client.text('HELLO', '3', 'AUTH', ALICE.name, ALICE.password), /^%7\r\n/);
  t.is(await client.text('DBSIZE'), ':0\r\n');
});

test.serial('a failed AUTH leaves an authenticated connection as it was', async (t) => {
  const { alice } = await emptyClients(t);
  await alice.call('SET', 'key', 'of alice');
  t.regex(await alice.text('AUTH', BOB.name, 'wrong'), /^-WRONGPASS/);
  t.is(await alice.text('GET', 'key'), '$8\r\nof alice\r\n');
});

test.serial('AUTH as another tenant changes all that the connection sees', async (t) => {
  const { alice } = await emptyClients(t);
  await alice.call('SET', 'key', 'of alice');
  t.is(await alice.text('AUTH', BOB.name, BOB.password), '+OK\r\n');
  t.is(await alice.text('GET', 'key'), '$-1\r\n');
  t.regex(await alice.text('CLIENT', 'INFO'), /user=bob/);
});

test.serial(
  'guesses of a password end the connection after ten, and are logged without the guess',
  async (t) => {
    const client = await clientFor(t);
    const guesses = Array.from({ length: 10 }, (_, i) => ['AUTH', ALICE.name, `guess-${i}`]);
    for (const reply of await client.pipeline(guesses)) t.regex(reply.toString(), /^-WRONGPASS/);
    await client.closed;
    await eventually('the log tells', () =>
      /wrong password for tenant 'alice'; failure 10 of 10/.test(t.context.server.log()),
    );
    t.notRegex(t.context.server.log(), /guess-\d/);
    t.false(t.context.server.log().includes(ALICE.password));
  },
);

const QUOTA_VALUE = 'v'.repeat(10_000);

test.serial(
  'a tenant over its quota gets OOM, loses nothing, and the other notices nothing',
  async (t) => {
    const { alice, bob } = await emptyClients(t);
    const accepted: number[] = [];
    let refusal = '';
    for (let i = 0; refusal === '' && i < 5_000; i++) {
      const reply = await alice.text('SET', `key:${i}`, QUOTA_VALUE);
      if (reply === '+OK\r\n') accepted.push(i);
      else refusal = reply;
    }
    const oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    t.is(refusal, oom);
    t.true(accepted.length > 600, `${accepted.length} values of 10,000 bytes in 8 MiB`);

    t.is(await alice.text('APPEND', 'key:0', 'x'.repeat(1_000_000)), oom);
    t.is(await alice.text('GETSET', 'key:0', 'x'.repeat(1_000_000)), oom);
    t.is(await alice.text('SETRANGE', 'key:0', '1000000', 'x'), oom);
    t.is(await alice.text('SET', 'key:0', 'x'.repeat(1_000_000), 'GET'), oom);
    // All or nothing: the first of the pair would have fitted in place of a larger value.
    t.is(await alice.text('MSET', 'key:1', 'small', 'key:2', 'x'.repeat(1_000_000)), oom);
    t.is(await alice.text('DBSIZE'), `:${accepted.length}\r\n`);
    const kept = await alice.pipeline(accepted.map((i) => ['GET', `key:${i}`]));
    t.true(kept.every((reply) => reply.toString() === `$10000\r\n${QUOTA_VALUE}\r\n`));

    t.is(await bob.text('SET', 'key', QUOTA_VALUE), '+OK\r\n');
    t.is(await bob.text('STRLEN', 'key'), ':10000\r\n');

    // What is freed can be used again.
    t.is(await alice.text('DEL', ...accepted.slice(0, 10).map((i) => `key:${i}`)), ':10\r\n');
    t.is(await alice.text('SET', 'again', QUOTA_VALUE), '+OK\r\n');
    t.is(await alice.text('FLUSHALL'), '+OK\r\n');
    // Not to the last one: how many pages of slots other keys take depends on their hashes.
    const again = accepted.length - 10;
    for (let i = 0; i < again; i++) await alice.call('SET', `other:${i}`, QUOTA_VALUE);
    t.is(await alice.text('DBSIZE'), `:${again}\r\n`);
  },
);

test.serial('a function over the quota is told, and its writes are undone', async (t) => {
  const { alice, bob } = await emptyClients(t);
  await alice.call(
    'FUNCTION',
    'LOAD',
    [
      '#!js name=quota',
      'import { HTSet } from "shredder:store";',
      'export function fill(keys, args) { for (let i = 0; ; i++) HTSet(`fill:${i}`, new Uint8Array(100_000)); }',
      'export function careful() {',
      '  HTSet("kept", new Uint8Array(3));',
      '  try { HTSet("large", new Uint8Array(9_000_000)); } catch (error) { return `${error.name}: ${error.message}`; }',
      '}',
    ].join('\n'),
  );
  await alice.call('SET', 'key', 'of alice');
  t.regex(await alice.text('FCALL', 'fill', '0'), /^-OOM /);
  t.is(await alice.text('KEYS', '*'), '*1\r\n$3\r\nkey\r\n');
  t.regex(await alice.text('FCALL', 'careful', '0'), /^\$\d+\r\nRangeError: .*OOM/);
  t.is(await alice.text('STRLEN', 'kept'), ':3\r\n');
  t.is(await alice.text('EXISTS', 'large'), ':0\r\n');
  t.is(await bob.text('PING'), '+PONG\r\n');
});

test.serial('errors tell nothing of the other tenant', async (t) => {
  const { alice, bob } = await emptyClients(t);
  await alice.call('SET', 'key-of-alice', 'value-of-alice');
  await alice.call(
    'FUNCTION',
    'LOAD',
    '#!js name=liba\nexport function fail() { throw new Error("alice fails"); }',
  );
  await alice.call('FCALL', 'fail', '0');
  await alice.call('CLIENT', 'SETNAME', 'name-of-alice');
  let replies = '';
  for (const request of [
    ['FUNCTION', 'LIST', 'WITHCODE'],
    ['FUNCTION', 'STATS'],
    ['FUNCTION', 'KILL'],
    ['INFO', 'everything'],
    ['CLIENT', 'LIST'],
    ['CONFIG', 'GET', '*'],
    ['COMMAND', 'DOCS'],
    ['FCALL', 'fail', '0'],
    ['GET', 'key-of-alice'],
    ['INCR', 'key-of-alice'],
  ]) {
    replies += await bob.text(...request);
  }
  t.notRegex(replies, /alice|liba/);
});

test.serial('without a configuration there is one tenant, on the loopback only', async (t) => {
  const server = await serverFor(t);
  const client = await clientFor(t, undefined, server);
  t.is(await client.text('SET', 'a', '1'), '+OK\r\n');
  t.regex(await client.text('CLIENT', 'INFO'), /user=default/);
  const addresses = Object.values(networkInterfaces())
    .flat()
    .flatMap((each) => (each === undefined || each.internal ? [] : [each]))
    // A link-local address needs its interface's name.
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ address }) => address);
  // Bound to 127.0.0.1 alone, and not to every address.
  for (const host of ['127.0.0.2', ...addresses]) {
    const socket = connect({ host, port: server.port });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    t.is(error.code, 'ECONNREFUSED', host);
  }
});

test.serial('HELLO, AUTH and CLIENT INFO name the same tenant', async (t) => {
  const client = await clientFor(t);
  await client.call('HELLO', '3', 'AUTH', BOB.name, BOB.password, 'SETNAME', 'reader');
  t.regex(await client.text('CLIENT', 'INFO'), /name=reader .*user=bob resp=3/);
});
