// Keys that expire are absent at once, for commands and functions alike, and their memory comes back.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { eventually } from './support/eventually.ts';
import { PATIENCE_MS } from './support/patience.ts';
import { RawClient } from './support/resp.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

const LIBRARY = [
  '#!js name=expiry',
  'import { HTGet, HTGetFloat64, HTGetUint32, HTHas, HTLength, HTSet } from "shredder:store";',
  'const buffer = new Uint8Array(16);',
  'export const look = (keys) => keys.map((key) => `${HTHas(key)} ${HTLength(key)} ${HTGet(key, buffer)} ${HTGetUint32(key, 0)} ${HTGetFloat64(key, 0)}`);',
  'look.flags = ["no-writes"];',
  'export const write = (keys) => { for (const key of keys) HTSet(key, new Uint8Array(8)); };',
  'export const writeAndThrow = (keys) => { for (const key of keys) HTSet(key, new Uint8Array(8)); throw new Error("undone"); };',
].join('\n');

test.before(async (t) => {
  t.context.server = await startServer();
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

async function clientFor(t: ExecutionContext<{ server: Server }>): Promise<RawClient> {
  const client = await RawClient.connect(t.context.server);
  t.teardown(() => client.close());
  await client.call('FLUSHALL');
  t.is(await client.text('FUNCTION', 'LOAD', 'REPLACE', LIBRARY), '$6\r\nexpiry\r\n');
  return client;
}

const KEYS = ['42', 'text', 'k\u00fc'];
const VALUE = '\x01\0\0\0\0\0\0\0';
const PRESENT = `*3\r\n${'$17\r\ntrue 8 8 1 5e-324\r\n'.repeat(3)}`;
const ABSENT = `*3\r\n${'$31\r\nfalse -1 -1 undefined undefined\r\n'.repeat(3)}`;

type SetFor = (key: string, ms: number) => readonly string[];

for (const [title, set] of Object.entries<SetFor>({
  'SET EX': (key, ms) => ['SET', key, VALUE, 'EX', String(Math.ceil(ms / 1_000))],
  'SET PX': (key, ms) => ['SET', key, VALUE, 'PX', String(ms)],
  'PSETEX': (key, ms) => ['PSETEX', key, String(ms), VALUE],
  'SET PXAT': (key, ms) => ['SET', key, VALUE, 'PXAT', String(Date.now() + ms)],
})) {
  test.serial(`${title}: a key is there until its time, and then for nobody`, async (t) => {
    const client = await clientFor(t);
    // Until the keys outlast the function that looks at them, however slow the machine.
    let outlasted = false;
    for (let ms = 300; !outlasted && ms < PATIENCE_MS; ms *= 2) {
      const replies = await client.pipeline([
        ...KEYS.map((key) => set(key, ms)),
        ['FCALL_RO', 'look', '3', ...KEYS],
        ['EXISTS', ...KEYS],
      ]);
      const [look, exists] = replies.splice(KEYS.length).map(String);
      for (const reply of replies) t.is(reply.toString(), '+OK\r\n');
      outlasted = exists === ':3\r\n';
      if (outlasted) t.is(look, PRESENT);
    }
    t.true(outlasted);
    await eventually(
      'the keys are gone',
      async () => (await client.text('EXISTS', ...KEYS)) === ':0\r\n',
    );
    t.is((await client.call('FCALL_RO', 'look', '3', ...KEYS)).toString(), ABSENT);
    t.is(await client.text('MGET', ...KEYS), `*3\r\n${'$-1\r\n'.repeat(3)}`);
    t.is(await client.text('KEYS', '*'), '*0\r\n');
    t.is(await client.text('TTL', '42'), ':-2\r\n');
    t.is(await client.text('STRLEN', '42'), ':0\r\n');
    t.is(await client.text('SET', '42', VALUE, 'XX'), '$-1\r\n');
    t.is(await client.text('APPEND', '42', 'fresh'), ':5\r\n');
    t.is(await client.text('TTL', '42'), ':-1\r\n');
  });
}

test.serial(
  'commands and functions agree on a key at every moment around its expiry',
  async (t) => {
    const client = await clientFor(t);
    let sawPresent = false;
    // Until it is seen before its time, too, however slow the machine.
    for (let ms = 150; !sawPresent && ms < PATIENCE_MS; ms *= 2) {
      await client.call('SET', 'key', VALUE, 'PX', String(ms));
      await eventually('the key expires', async () => {
        const [before, look, after] = (
          await client.pipeline([
            ['EXISTS', 'key'],
            ['FCALL_RO', 'look', '1', 'key'],
            ['EXISTS', 'key'],
          ])
        ).map((reply) => reply.toString());
        // Between two commands time may pass; what both sides of the call agree on, the call must too.
        if (before === after) {
          t.is(look?.includes('true'), before === ':1\r\n');
          t.is(look?.includes('false'), before === ':0\r\n');
        }
        sawPresent ||= after === ':1\r\n';
        return after === ':0\r\n';
      });
    }
    t.true(sawPresent);
  },
);

test.serial('a time that is over removes the key at once', async (t) => {
  const client = await clientFor(t);
  for (const command of [
    ['PEXPIREAT', 'key', '1'],
    ['EXPIREAT', 'key', '1'],
    ['EXPIRE', 'key', '-1'],
    ['PEXPIRE', 'key', '0'],
    ['GETEX', 'key', 'PXAT', '1'],
    ['SET', 'key', VALUE, 'PXAT', '1'],
  ]) {
    await client.call('SET', 'key', VALUE);
    t.notRegex(await client.text(...command), /^-/);
    t.is(await client.text('EXISTS', 'key'), ':0\r\n', command.join(' '));
    t.regex(await client.text('FCALL_RO', 'look', '1', 'key'), /false -1 -1/);
  }
});

test.serial(
  'what a function writes has no expiry, and what it undoes has its old one',
  async (t) => {
    const client = await clientFor(t);
    await client.pipeline([
      ['SET', 'key', VALUE, 'PXAT', '4102444800000'],
      ['SET', 'other', VALUE, 'PXAT', '4102444800000'],
    ]);
    t.regex(
      await client.text('FCALL', 'writeAndThrow', '2', 'key', 'other'),
      /^-ERR Error: undone/,
    );
    t.is(await client.text('PEXPIRETIME', 'key'), ':4102444800000\r\n');
    t.is(await client.text('FCALL', 'write', '1', 'key'), '$-1\r\n');
    t.is(await client.text('TTL', 'key'), ':-1\r\n');
    t.is(await client.text('PEXPIRETIME', 'other'), ':4102444800000\r\n');
  },
);

const MANY = 20_000;

test.serial(
  'expired keys are removed without anybody asking for them, and their memory is free',
  async (t) => {
    const client = await clientFor(t);
    const used = async (): Promise<number> =>
      Number(/^used_memory:(\d+)\r$/m.exec(await client.text('INFO', 'memory'))?.[1]);
    await client.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `kept:${i}`, 'v']));
    await client.pipeline(
      Array.from({ length: MANY }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(200)]),
    );
    const full = await used();
    t.true(full > MANY * 200);
    await client.pipeline(Array.from({ length: MANY }, (_, i) => ['PEXPIRE', `key:${i}`, '1']));
    // DBSIZE counts what is in the table, and looks no key up.
    await eventually('all are removed', async () => (await client.text('DBSIZE')) === ':100\r\n');
    t.true((await used()) < full / 4, `${await used()} of ${full} bytes are in use`);
    t.regex(await client.text('INFO', 'stats'), /^expired_keys:\d+\r$/m);
    t.regex(await client.text('INFO', 'keyspace'), /db0:keys=100,expires=0/);
  },
);

test.serial('SCAN gives no key that has expired', async (t) => {
  const client = await clientFor(t);
  await client.pipeline([
    ...Array.from({ length: 500 }, (_, i) => ['SET', `gone:${i}`, 'v', 'PX', '1']),
    ...Array.from({ length: 500 }, (_, i) => ['SET', `kept:${i}`, 'v']),
  ]);
  await eventually(
    'the last has expired',
    async () => (await client.text('EXISTS', 'gone:499')) === ':0\r\n',
  );
  let cursor = '0';
  const found = new Set<string>();
  do {
    const reply = await client.text('SCAN', cursor, 'COUNT', '50');
    cursor = /^\*2\r\n\$\d+\r\n(\d+)\r\n/.exec(reply)?.[1] ?? '0';
    for (const [key] of reply.matchAll(/(gone|kept):\d+/g)) found.add(key);
  } while (cursor !== '0');
  t.is(found.size, 500);
  t.false([...found].some((key) => key.startsWith('gone')));
});
