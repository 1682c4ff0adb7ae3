// SCAN: every key that is there all the while is met, whatever else comes and goes.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { RawClient } from './support/resp.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

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
  return client;
}

/** One step: the next cursor, and the keys. */
async function scan(
  client: RawClient,
  cursor: string,
  ...options: string[]
): Promise<[string, string[]]> {
  const reply = await client.text('SCAN', cursor, ...options);
  const [, next = '', list = ''] = /^\*2\r\n\$\d+\r\n(\d+)\r\n\*\d+\r\n(.*)$/s.exec(reply) ?? [];
  return [next, [...list.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, key = '']) => key)];
}

const MAX_STEPS = 100_000;

async function scanAll(
  client: RawClient,
  options: readonly string[],
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const [next, keys] = await scan(client, cursor, ...options);
    found.push(...keys);
    if (next === '0') return found;
    cursor = next;
    await between();
  }
  throw new Error(`no end after ${MAX_STEPS} steps`);
}

const KEYS = Array.from({ length: 3_000 }, (_, i) => (i % 2 === 0 ? String(i * 7919) : `key:${i}`));

for (const count of ['1', '10', '1000', '1000000']) {
  test.serial(
    `with COUNT ${count} a scan of keys that stay gives each, and nothing else`,
    async (t) => {
      const client = await clientFor(t);
      await client.pipeline(KEYS.map((key) => ['SET', key, 'v']));
      const found = await scanAll(client, ['COUNT', count]);
      t.deepEqual([...new Set(found)].sort(), [...KEYS].sort());
      t.is(found.length, KEYS.length, 'none is given twice where nothing changes');
    },
  );
}

test.serial('MATCH and TYPE leave out what does not match, and nothing else', async (t) => {
  const client = await clientFor(t);
  await client.pipeline(KEYS.map((key) => ['SET', key, 'v']));
  const matching = KEYS.filter((key) => key.startsWith('key:1'));
  t.deepEqual((await scanAll(client, ['MATCH', 'key:1*'])).sort(), matching.sort());
  t.deepEqual((await scanAll(client, ['TYPE', 'string', 'MATCH', 'key:1*'])).sort(), matching);
  t.deepEqual(await scanAll(client, ['TYPE', 'hash', 'COUNT', '100']), []);
  t.deepEqual(await scanAll(client, ['MATCH', 'nothing', 'COUNT', '100']), []);
});

test.serial('keys that stay are met while the table grows, shrinks and is written', async (t) => {
  const seed = testSeed();
  t.log(`seed ${seed}`);
  const random = randomFrom(seed);
  const client = await clientFor(t);
  await client.pipeline(KEYS.map((key) => ['SET', key, 'v']));
  let others = 0;
  const between = async (): Promise<void> => {
    const requests = [];
    for (let i = 0; i < 100; i++) {
      if (random() < 0.7) requests.push(['SET', `other:${others++}`, 'v']);
      else requests.push(['DEL', `other:${Math.floor(random() * others)}`]);
      // Overwritten with values of all sizes, the keys that stay move in memory.
      requests.push([
        'SET',
        KEYS[Math.floor(random() * KEYS.length)] ?? '',
        'v'.repeat(Math.floor(random() * 300)),
      ]);
    }
    await client.pipeline(requests);
  };
  const found = new Set(await scanAll(client, ['COUNT', '40'], between));
  t.deepEqual(
    KEYS.filter((key) => !found.has(key)),
    [],
  );
  t.true(others > 3_000, 'the table has grown');
});

test.serial('a scan may be left, a cursor invented, and nothing is the worse', async (t) => {
  const client = await clientFor(t);
  await client.pipeline(KEYS.map((key) => ['SET', key, 'v']));
  for (let i = 0; i < 100; i++) await scan(client, '0', 'COUNT', '3');
  for (const cursor of [
    '1',
    '12345',
    '281474976710655',
    '281474976710656',
    '18446744073709551615',
  ]) {
    const [next, keys] = await scan(client, cursor);
    t.regex(next, /^\d+$/);
    t.true(keys.every((key) => KEYS.includes(key)));
  }
  t.is((await scanAll(client, [])).length, KEYS.length);
});
