// The modules that authors import, on the test double of the store: scenarios within one invocation, and
// what takes time, with a clock that the tests set.
import test, { type ExecutionContext } from 'ava';
import 'shredder-functions/register';
import type { Result } from 'shredder-functions';
import { createStore, type TestStore } from 'shredder-functions/testing';

// Imported once `shredder:store` resolves.
const { LIBRARY_SCENARIOS, scenario } = await import('./fixtures/library_scenarios.ts');
const json = await import('shredder-functions/json');
const graph = await import('shredder-functions/graph');
const hash = await import('shredder-functions/hash');
const list = await import('shredder-functions/list');
const lock = await import('shredder-functions/lock');
const matrix = await import('shredder-functions/matrix');
const queue = await import('shredder-functions/queue');
const ratelimit = await import('shredder-functions/ratelimit');
const stream = await import('shredder-functions/stream');
const sorted = await import('shredder-functions/sorted');

const STREAM = { paneMs: 10, panes: 20, quantiles: true };

/** The time of all stores, and of Date: it stands still but where a test moves it. */
let clock = 1_800_000_000_000;
Date.now = () => clock;

const newStore = (): TestStore => createStore({ now: () => clock });

/** Runs `work` as one invocation of a function. */
function inStore<R extends Result | void>(store: TestStore, work: () => R): Promise<R> {
  return store.call(() => work());
}

LIBRARY_SCENARIOS.forEach(({ title, gives }, index) => {
  test.serial(title, async (t) => {
    t.deepEqual(JSON.parse(await newStore().call(scenario, [], [String(index)])), gives);
  });
});

test('every scenario has a title of its own', (t) => {
  t.is(new Set(LIBRARY_SCENARIOS.map(({ title }) => title)).size, LIBRARY_SCENARIOS.length);
});

test.serial('what modules wrote is undone where the function throws', async (t) => {
  const store = newStore();
  const write = (): void => {
    json.set('json', { a: 1 });
    for (let i = 0; i < 300; i++) {
      hash.set('c', `f${i}`, 'v');
      list.push('c', 'v');
      sorted.add('c', `m${i}`, i);
      graph.link('c', `n${i}`, `n${i >> 1}`);
      queue.enqueue('c', 'v');
      stream.add('c', i, { ...STREAM, at: clock - i });
    }
    if (matrix.shape('c') === undefined) matrix.create('c', 'int8', 0, 2);
    matrix.push('c', [1, 2]);
    lock.acquire('c', 'o', 1_000);
    ratelimit.slidingLog('c', { limit: 5, windowMs: 1_000 });
  };
  const fail = (): void => {
    write();
    throw new EvalError('undone');
  };
  await t.throwsAsync(inStore(store, fail), { message: 'undone' });
  t.deepEqual(store.keys(), []);
  await inStore(store, write);
  const before = store.keys().length;
  await t.throwsAsync(inStore(store, fail), { message: 'undone' });
  t.is(store.keys().length, before);
  t.is(await inStore(store, () => sorted.size('c')), 300);
  t.is(await inStore(store, () => matrix.shape('c')?.rows), 1);
});

test.serial('what reads works in a function that cannot write', async (t) => {
  const store = newStore();
  await inStore(store, () => {
    json.set('json', { a: 1 });
    hash.set('c', 'f', 'v');
    list.push('c', 'v');
    sorted.add('c', 'm', 1);
    graph.addEdge('c', 1, 2);
    stream.add('c', 5, STREAM);
    matrix.create('c', 'int8', 1, 2);
    queue.enqueue('c', 'v');
    lock.acquire('c', 'o', 1_000);
  });
  const read = (): Result => [
    json.getAt('json', '/a') as Result,
    hash.scan('c').entries,
    list.range('c'),
    sorted.rank('c', 'm') ?? null,
    graph.shortestPath('c', 1, 2) ?? null,
    stream.window('c', 10, { ...STREAM, ranks: [1] }).quantiles,
    [...matrix.row('c', 0)],
    queue.counts('c').ready,
    queue.readyInMs('c') ?? null,
    lock.holder('c')?.owner ?? null,
    ratelimit.tokenBucket('c', { capacity: 1, refillPerSecond: 1, cost: 0 }).remaining,
  ];
  read.flags = ['no-writes'];
  t.deepEqual(await store.call(read, [], [], { readOnly: true }), [
    1,
    [['f', 'v']],
    ['v'],
    0,
    [1, 2],
    [5],
    [0, 0],
    1,
    0,
    'o',
    1,
  ]);
});

test.serial('a message is given out again after its time, and its old receipt ends', async (t) => {
  const store = newStore();
  await inStore(store, () => void queue.enqueue('q', 'a'));
  const poll = (): Promise<string[]> =>
    inStore(store, () => queue.poll('q', 1, 1_000).map(({ receipt }) => receipt));
  const acknowledge = (receipt: string | undefined): Promise<boolean> =>
    inStore(store, () => queue.acknowledge('q', receipt!));
  const [first] = await poll();
  clock += 999;
  t.deepEqual(await poll(), []);
  clock += 1;
  t.deepEqual(await inStore(store, () => ({ ...queue.counts('q') })), {
    ready: 1,
    delayed: 0,
    inFlight: 0,
    dead: 0,
  });
  const [second] = await poll();
  t.false(await acknowledge(first));
  t.true(await inStore(store, () => queue.extend('q', second!, 5_000)));
  clock += 4_999;
  t.deepEqual(await poll(), []);
  clock += 1;
  t.true(await acknowledge(second), 'overdue, and nobody else has it');
  t.deepEqual(store.keys(), []);
});

test.serial('delayed messages become ready in the order of their times', async (t) => {
  const store = newStore();
  const poll = (): Promise<string[]> =>
    inStore(store, () => queue.poll('q', 9, 100_000).map(({ body }) => body));
  await inStore(store, () => {
    for (const delayMs of [300, 100, 200]) queue.enqueue('q', String(delayMs), { delayMs });
  });
  t.is(await inStore(store, () => queue.readyInMs('q')), 100);
  clock += 99;
  t.deepEqual(await poll(), []);
  clock += 101;
  t.deepEqual(await poll(), ['100', '200']);
  t.is(await inStore(store, () => queue.readyInMs('q')), 100);
  clock += 100;
  t.deepEqual(await poll(), ['300']);
});

test.serial('fences grow across the expiry of a lock', async (t) => {
  const store = newStore();
  const acquire = (owner: string): Promise<number | undefined> =>
    inStore(store, () => lock.acquire('l', owner, 1_000)?.fence);
  t.is(await acquire('a'), 1);
  clock += 999;
  t.is(await acquire('b'), undefined);
  t.is(await inStore(store, () => lock.holder('l')?.expiresInMs), 1);
  clock += 1;
  t.false(await inStore(store, () => lock.release('l', 'a')));
  t.is(await acquire('b'), 2);
  clock += 1_000;
  t.is(await acquire('a'), 3);
});

for (const [what, take, windowMs] of [
  ['fixedWindow', ratelimit.fixedWindow, 1_000],
  ['slidingWindow', ratelimit.slidingWindow, 1_000],
  ['slidingLog', ratelimit.slidingLog, 1_000],
] as const) {
  test.serial(`${what} allows again exactly when it says, and leaves no key`, async (t) => {
    const store = newStore();
    const request = (cost: number): Promise<ReturnType<typeof take>> =>
      inStore(store, () => ({ ...take('r', { limit: 10, windowMs, cost }) }));
    clock += 1_000 - (clock % 1_000) + 250;
    for (const cost of [3, 4, 3]) {
      t.true((await request(cost)).allowed);
      clock += 100;
    }
    const { allowed, retryAfterMs, remaining } = await request(5);
    t.deepEqual([allowed, remaining], [false, 0]);
    clock += retryAfterMs - 1;
    t.false((await request(5)).allowed, 'a millisecond too early');
    clock += 1;
    t.true((await request(5)).allowed);
    clock += (await request(0)).resetMs;
    t.is((await request(0)).remaining, 10);
    t.deepEqual(store.keys(), []);
  });
}

test.serial('no more than the limit happens in any window of an exact log', async (t) => {
  const store = newStore();
  const times: number[] = [];
  for (let i = 0; i < 400; i++) {
    clock += (i * 7_919) % 23;
    const { allowed } = await inStore(store, () => ({
      ...ratelimit.slidingLog('r', { limit: 7, windowMs: 100 }),
    }));
    if (allowed) times.push(clock);
  }
  t.true(times.length > 100);
  t.deepEqual(
    times.filter((time, i) => i >= 7 && time - times[i - 7]! < 100),
    [],
  );
});

test.serial('a bucket fills at its rate, to its capacity, and then has no key', async (t) => {
  const store = newStore();
  const take = (
    cost: number,
  ): Promise<{ allowed: boolean; remaining: number; retryAfterMs: number }> =>
    inStore(store, () => ({
      ...ratelimit.tokenBucket('r', { capacity: 7, refillPerSecond: 3, cost }),
    }));
  t.true((await take(7)).allowed);
  const { allowed, retryAfterMs } = await take(1);
  t.deepEqual([allowed, retryAfterMs], [false, 334]);
  clock += 333;
  t.false((await take(1)).allowed);
  clock += 1;
  t.true((await take(1)).allowed);
  await everyThird(t, take);
  clock += 3_000;
  t.is((await take(0)).remaining, 7);
  t.deepEqual(store.keys(), []);
});

/** In the long run, a bucket gives what comes into it. */
async function everyThird(
  t: ExecutionContext,
  take: (cost: number) => Promise<{ allowed: boolean }>,
): Promise<void> {
  let taken = 0;
  for (let i = 0; i < 1_000; i++) {
    clock += 100;
    if ((await take(1)).allowed) taken++;
  }
  t.true(Math.abs(taken - 300) <= 1, String(taken));
}
