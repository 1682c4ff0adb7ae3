// HTView, HTGetMany, HTAdd and HTScan of the store: what the test double does, however V8 compiles
// the functions that call them.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type TestFn } from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import type { Result } from 'shredder-functions';
import { createStore, type Callable } from 'shredder-functions/testing';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { scanInSteps, testStoreFunctions, type Subject } from './support/store_functions.ts';

// Imported once `shredder:store` resolves.
const examples = {
  columns: await import('../ts-functions/examples/columns.ts'),
  counters: await import('../ts-functions/examples/counters.ts'),
} as const;

const SCENARIOS = fileURLToPath(new URL('fixtures/scenarios.ts', import.meta.url));

/** How V8 runs the functions: its flags, and the words for it. */
const MODES = [
  { where: '', v8Flags: [] },
  { where: ', without inlining', v8Flags: ['--no-shredder-inline'] },
  { where: ', optimised soon', v8Flags: ['--interrupt-budget=1000'] },
  {
    where: ', optimised at once while the collector moves what it can',
    v8Flags: ['--always-turbofan', '--stress-compaction', '--max-semi-space-size=1'],
  },
] as const;

interface Running {
  server: Server;
  client: Redis<'resp3'>;
}

const test = anyTest as TestFn;
const running = new Map<string, Running>();

test.before(async () => {
  const code = await bundleLibrary(SCENARIOS, 'scenarios');
  for (const { where, v8Flags } of MODES) {
    const flags = v8Flags.length > 0 ? ['--v8-flags', v8Flags.join(' ')] : [];
    const server = await startServer({ flags });
    const client = new Redis({ port: server.port, protocol: 3, replyMapping: 'resp3' });
    running.set(where, { server, client });
    await client.call('FUNCTION', ['LOAD', code]);
  }
});

test.after.always(async (t) => {
  for (const { server, client } of running.values()) {
    client.disconnect();
    await stopsWell(t, server);
  }
});

/** The client of a server, whose store is emptied. */
async function emptied(where: string): Promise<Redis<'resp3'>> {
  const found = running.get(where);
  if (found === undefined) throw new Error(`no server runs${where}`);
  await found.client.flushall();
  return found.client;
}

function subjectOf(client: Redis<'resp3'>): Subject {
  return {
    call: (name, keys = [], args = []) =>
      client.call('FCALL', [name, keys.length, ...keys, ...args]),
    async set(key, value) {
      await client.set(key, value);
    },
    get: (key) => client.get(key),
  };
}

for (const { where } of MODES) {
  testStoreFunctions(test, async () => subjectOf(await emptied(where)), where);

  test.serial(`HTAdd and INCRBY count on from each other, expiry kept${where}`, async (t) => {
    const client = await emptied(where);
    await client.call('SET', ['n', '41', 'PXAT', '99999999999999']);
    t.is(await client.call('FCALL', ['add', 1, 'n', 1]), 42);
    t.is(await client.incrby('n', 8), 50);
    t.is(await client.call('FCALL', ['add', 1, 'n', -100]), -50);
    t.is(await client.call('PEXPIRETIME', ['n']), 99_999_999_999_999);
    t.is(await client.call('FCALL', ['add', 1, 'new', 1]), 1);
    t.is(await client.call('PEXPIRETIME', ['new']), -1);
  });

  test.serial(`HTAdd undone keeps the expiry there was${where}`, async (t) => {
    const client = await emptied(where);
    await client.call('SET', ['n', '9', 'PXAT', '99999999999999']);
    await t.throwsAsync(client.call('FCALL', ['add', 1, 'n', 1, 'fail']), { message: /EvalError/ });
    t.is(await client.get('n'), '9');
    t.is(await client.call('PEXPIRETIME', ['n']), 99_999_999_999_999);
  });

  test.serial(
    `HTScan gives the keys that a client wrote, as bytes where they are not UTF-8${where}`,
    async (t) => {
      const client = await emptied(where);
      for (const key of [Buffer.from([0xff]), Buffer.from([0x61, 0xc3]), 'é', '7']) {
        await client.set(key, 'v');
      }
      // Bytes as text: their numbers with commas between.
      t.deepEqual((await scanInSteps(subjectOf(client))).sort(), ['255', '7', '97,195', 'é']);
    },
  );
}

for (const [library, calls] of [
  [
    'counters',
    [
      ['increment', ['hits:a'], ['3']],
      ['increment', ['hits:b'], ['-4']],
      ['increment', ['7'], ['2']],
      ['increment', ['7'], ['x']],
      ['sumCounters', [], ['hits:']],
      ['sumCounters', [], ['']],
      ['topCounters', [], ['', '2']],
      ['dropCounters', [], ['hits:']],
      ['topCounters', [], ['', '5']],
    ],
  ],
  [
    'columns',
    [
      ['turnover', ['index'], []],
      ['putOrder', ['1'], ['5', '2', '1.25']],
      ['putOrder', ['3'], ['6', '4', '0.5']],
      ['putIndex', ['index', ...Array.from({ length: 3000 }, (_, i) => String(i % 4))], []],
      ['turnover', ['index'], []],
      ['turnoverOf', ['index'], ['6']],
      ['turnoverOf', ['index'], ['-6']],
    ],
  ],
] as const) {
  test.serial(`the example ${library} answers as under the double`, async (t) => {
    const client = await emptied('');
    const file = path.join(FUNCTIONS_PACKAGE, 'examples', `${library}.ts`);
    await client.call('FUNCTION', ['LOAD', 'REPLACE', await bundleLibrary(file, library)]);
    const store = createStore();
    for (const [name, keys, args] of calls) {
      const fn = (examples[library] as Record<string, unknown>)[name] as Callable<Result | void>;
      t.deepEqual(
        await outcomeOf(client.call('FCALL', [name, keys.length, ...keys, ...args])),
        await outcomeOf(store.call(fn, keys, args)),
        `${name} ${args.join(' ')}`,
      );
    }
  });
}

/** What a call returns, null for nothing, or its error's message without its class and place. */
async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return (await call) ?? null;
  } catch (error) {
    return (error as Error).message.replace(/^ERR \w+: /, '').replace(/ at \S+$/, '');
  }
}
