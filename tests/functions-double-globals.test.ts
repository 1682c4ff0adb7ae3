// Functions find in the test double what they find in the store: globals, the clock, and what is refused.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import { createStore } from 'shredder-functions/testing';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { describeGlobals, type GlobalsDescription } from '../build-scripts/globals/probe.ts';
import { RUNTIME_GLOBALS } from '../ts-functions/testing/runtime_globals.ts';
import { globalProbe, globalProbeCount } from './fixtures/global_probes.ts';
import { serverFor } from './support/server.ts';

const PROBES = fileURLToPath(new URL('fixtures/global_probes.ts', import.meta.url));

const OF_ERROR = ['captureStackTrace', 'stackTraceLimit'];

test('functions find the same globals, clock and refusals in the store and in the double', async (t) => {
  const server = await serverFor(t);
  const client = new Redis({ port: server.port, protocol: 3, replyMapping: 'resp3' });
  t.teardown(() => client.disconnect());
  await client.call('FUNCTION', ['LOAD', await bundleLibrary(PROBES, 'probes')]);
  const store = createStore();
  t.is(await client.call('FCALL', ['globalProbeCount', 0]), globalProbeCount());
  t.true(globalProbeCount() > 100);
  const answers: [store: string[], double: string[]] = [[], []];
  for (let index = 0; index < globalProbeCount(); index++) {
    const inStore = (await client.call('FCALL', ['globalProbe', 0, index])) as string;
    const inDouble = await store.call(globalProbe, [], [String(index)]);
    answers[0].push(`${index}: ${inStore}`);
    answers[1].push(`${index}: ${String(inDouble)}`);
  }
  t.deepEqual(answers[1], answers[0]);
});

test('functions find in the double whatever the runtime has, and no name besides', async (t) => {
  const found = JSON.parse(await createStore().call(describeGlobals)) as GlobalsDescription;
  const names = Object.keys(found);
  t.deepEqual(names, Object.keys(RUNTIME_GLOBALS).sort(byPlace(names)));
  for (const [name, described] of Object.entries(RUNTIME_GLOBALS)) {
    for (const of of ['own', 'instance'] as const) {
      const lacking = described[of]
        .split(/\s+/)
        .filter((member) => member !== '' && !found[name]?.[of].includes(member));
      // Node's does not extend Error, but for its prototype.
      const known = name === 'DOMException' && of === 'own' ? OF_ERROR : [];
      t.deepEqual(lacking, known, `${name} ${of}`);
    }
  }
});

function byPlace(order: readonly string[]): (a: string, b: string) => number {
  return (a, b) => order.indexOf(a) - order.indexOf(b);
}

test('around a function and after it everything is as it was', async (t) => {
  const before = Object.getOwnPropertyDescriptors(globalThis);
  let meanwhile: unknown[] = [];
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const inside: string[] = [];
  const call = createStore().call(async () => {
    inside.push(typeof setTimeout, typeof process);
    await gate;
    inside.push(typeof setTimeout, typeof process);
  });
  await delay(5);
  meanwhile = [
    typeof setTimeout,
    typeof process,
    typeof Reflect.get(globalThis, 'self'),
    new Function('return 7')(),
  ];
  const earlier = Date.now();
  await delay(5);
  t.true(Date.now() > earlier, 'the clock of the test goes on');
  go();
  await call;
  t.deepEqual(meanwhile, ['function', 'object', 'undefined', 7]);
  t.deepEqual(inside, ['undefined', 'undefined', 'undefined', 'undefined']);
  const after = Object.getOwnPropertyDescriptors(globalThis) as Record<string, PropertyDescriptor>;
  t.deepEqual(Object.keys(after).sort(), Object.keys(before).sort());
  for (const [name, descriptor] of Object.entries(before as Record<string, PropertyDescriptor>)) {
    t.is(after[name]?.value, descriptor.value, name);
    t.is(after[name]?.get, descriptor.get, name);
  }
});

test('what somebody sets while a function runs stays', async (t) => {
  const real = globalThis.setImmediate;
  const fake = (() => 0) as unknown as typeof setImmediate;
  t.teardown(() => Object.assign(globalThis, { setImmediate: real }));
  let go = (): void => {};
  const call = createStore().call(async () => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  });
  await delay(5);
  // As a fake clock would that another test installs.
  globalThis.setImmediate = fake;
  go();
  await call;
  t.is(globalThis.setImmediate, fake);
});

test('the clock of the double is that which it was given', async (t) => {
  let now = 1_000_000;
  const store = createStore({ now: () => now });
  const times = async (): Promise<number[]> => {
    const first = Date.now();
    now += 500;
    await Promise.resolve();
    return [first, Date.now(), structuredClone(new Date()).getTime()];
  };
  t.deepEqual(await store.call(times), [1_000_000, 1_000_000, 1_000_000]);
  t.deepEqual(await store.call(times), [1_000_500, 1_000_500, 1_000_500]);
});
