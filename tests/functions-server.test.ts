// The test double answers as the store does: the same functions, called in both.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import type { Result } from 'shredder-functions';
import { createStore } from 'shredder-functions/testing';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { serverFor } from './support/server.ts';

// Imported once `shredder:store` resolves.
const probes = await import('./fixtures/probes.ts');
const list = await import('../ts-functions/examples/list.ts');

const PROBES = fileURLToPath(new URL('fixtures/probes.ts', import.meta.url));

/** What a call comes to: its value as JSON, or its error without its place. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(comparable(await call));
  } catch (error) {
    const { name, message } = error as Error;
    const text = name === 'ReplyError' ? message.replace(/^ERR /, '') : `${name}: ${message}`;
    return text.replace(/^TypeError: (?=READONLY )/, '').replace(/ at \S+$/, '');
  }
}

/** A reply and a result that mean the same, as the same JSON. */
function comparable(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return Array.isArray(value) ? value.map(comparable) : value;
}

async function clientOf(
  t: Parameters<typeof serverFor>[0],
  file: string,
  library: string,
): Promise<Redis<'resp3'>> {
  const server = await serverFor(t);
  const client = new Redis({ port: server.port, protocol: 3, replyMapping: 'resp3' });
  t.teardown(() => client.disconnect());
  await client.call('FUNCTION', ['LOAD', await bundleLibrary(file, library)]);
  return client;
}

test('every builtin gives the same result or error for every kind of argument', async (t) => {
  const client = await clientOf(t, PROBES, 'probes');
  const store = createStore();
  const count = probes.probeCount();
  t.true(count > 200);
  t.is(await client.call('FCALL', ['probeCount', 0]), count);
  for (let index = 0; index < count; index++) {
    t.is(
      await outcomeOf(client.callBuffer('FCALL', ['probe', 0, index])),
      await outcomeOf(store.call(probes.probe, [], [String(index)])),
      `probe ${index}`,
    );
  }
  const keys = (await client.call('KEYS', ['*'])) as string[];
  // As text, each byte that is not UTF-8 is U+FFFD.
  const own = store.keys().map((key) => Buffer.from(key).toString());
  t.deepEqual(keys.sort(), own.sort());
});

test('what is undone and refused in the store is so in the double', async (t) => {
  const client = await clientOf(t, PROBES, 'probes');
  const store = createStore();
  await client.set('l', 'x');
  store.set('l', 'x');
  t.is(
    await outcomeOf(client.call('FCALL', ['writeAndThrow', 0])),
    await outcomeOf(store.call(probes.writeAndThrow)),
  );
  t.deepEqual(await client.call('KEYS', ['*']), store.keys());
  for (const [name, fn] of [
    ['writeDespiteFlag', probes.writeDespiteFlag],
    ['writeAndThrow', probes.writeAndThrow],
  ] as const) {
    t.is(
      await outcomeOf(client.call('FCALL_RO', [name, 0])),
      (await outcomeOf(store.call(fn, [], [], { readOnly: true }))).replace('Error: ERR ', ''),
    );
  }
});

test('an example library answers alike in both', async (t) => {
  const file = path.join(FUNCTIONS_PACKAGE, 'examples', 'list.ts');
  const client = await clientOf(t, file, 'list');
  const store = createStore();
  for (const [name, keys, args] of [
    ['listPush', ['l', '7'], ['1.5']],
    ['listPush', ['l', '9'], ['-4']],
    ['listPush', ['l', '9'], ['2']],
    ['listLength', ['l'], []],
    ['listSum', ['l'], []],
    ['listNth', ['l'], ['1']],
    ['listNth', ['l'], ['2']],
    ['listNth', ['l'], ['x']],
  ] as const) {
    t.is(
      await outcomeOf(client.call('FCALL', [name, keys.length, ...keys, ...args])),
      await outcomeOf(store.call<Result | void>(list[name], keys, args)),
    );
  }
});
