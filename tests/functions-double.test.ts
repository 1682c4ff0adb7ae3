// The test double of the store has the store's semantics.
import test from 'ava';
import 'shredder-functions/register';
import type { Key } from 'shredder:store';
import type { Result } from 'shredder-functions';
import { createStore } from 'shredder-functions/testing';

// Imported once `shredder:store` resolves.
const {
  HTAdd,
  HTDelete,
  HTGet,
  HTGetFloat64,
  HTGetMany,
  HTGetUint32,
  HTHas,
  HTLength,
  HTSet,
  HTView,
} = await import('shredder:store');
const { MAX, scanAll } = await import('./fixtures/helpers.ts');

/** Runs `work` as a function that may write. */
function inStore<R extends Result>(work: () => R, store = createStore()): Promise<R> {
  return store.call(() => work());
}

for (const { a, b } of [
  { a: 42, b: '42' },
  { a: -0, b: '0' },
  { a: -0, b: 0 },
  { a: MAX, b: String(MAX) },
] satisfies { a: Key; b: Key }[]) {
  test(`${Object.is(a, -0) ? '-0' : a} and ${JSON.stringify(b)} are one key`, async (t) => {
    t.is(await inStore(() => (HTSet(a, new Uint8Array(3)), HTLength(b))), 3);
  });
}

for (const text of ['042', '+1', '-1', '1.0', '1e3', '', ' 1', String(MAX + 1), 'é', '🙂']) {
  test(`${JSON.stringify(text)} is a key of its own`, async (t) => {
    const store = createStore();
    store.set(text, 'x');
    t.deepEqual(store.keys(), [text]);
    t.true(await inStore(() => HTHas(text), store));
    t.false(await inStore(() => HTHas(1), store));
  });
}

for (const [what, key, type] of [
  ['a negative number', -1, RangeError],
  ['a fraction', 0.5, RangeError],
  ['NaN', NaN, RangeError],
  ['infinity', Infinity, RangeError],
  ['2^53', 2 ** 53, RangeError],
  ['65537 bytes', 'a'.repeat(65_537), RangeError],
  ['65538 bytes in two-byte characters', 'é'.repeat(32_769), RangeError],
  ['a lone surrogate', 'a\ud800', TypeError],
  ['undefined', undefined, TypeError],
  ['null', null, TypeError],
  ['a bigint', 1n, TypeError],
  ['a symbol', Symbol('x'), TypeError],
  ['a String object', new String('x'), TypeError],
  ['an object with valueOf', { valueOf: () => 1 }, TypeError],
] as const) {
  test(`${what} is no key`, async (t) => {
    const builtins: (() => number | boolean | undefined)[] = [
      () => HTGet(key as Key, new Uint8Array(1)),
      () => HTLength(key as Key),
      () => HTHas(key as Key),
      () => HTGetUint32(key as Key, 0),
      () => HTGetFloat64(key as Key, 0),
      () => (HTSet(key as Key, new Uint8Array(1)), 0),
      () => HTDelete(key as Key),
      () => HTView(key as Key)?.byteLength,
      () => HTAdd(key as Key, 1),
    ];
    for (const builtin of builtins) {
      await t.throwsAsync(inStore(builtin), { instanceOf: type });
    }
  });
}

test('a key may have 65536 bytes', async (t) => {
  t.is(await inStore(() => HTLength('é'.repeat(32_768))), -1);
});

test('HTGet copies what fits, leaves the rest, and returns the whole length', async (t) => {
  const store = createStore();
  store.set('k', Uint8Array.of(1, 2, 3, 4));
  const wide = new Uint8Array(6).fill(9);
  t.is(await inStore(() => HTGet('k', wide), store), 4);
  t.deepEqual([...wide], [1, 2, 3, 4, 9, 9]);
  const part = new Uint8Array(6).fill(9);
  t.is(await inStore(() => HTGet('k', new DataView(part.buffer, 1, 2)), store), 4);
  t.deepEqual([...part], [9, 1, 2, 9, 9, 9]);
  t.is(await inStore(() => HTGet('absent', part), store), -1);
  t.deepEqual([...part], [9, 1, 2, 9, 9, 9]);
});

for (const [what, make] of [
  ['a plain array', () => [1, 2]],
  ['undefined', () => undefined],
  ['shared memory', () => new SharedArrayBuffer(8)],
  ['a view of shared memory', () => new Uint8Array(new SharedArrayBuffer(8))],
  ['a detached buffer', () => detached(new Uint32Array(2)).buffer],
  ['a view of a detached buffer', () => detached(new Uint32Array(2))],
] as const) {
  test(`${what} is neither read into nor written from`, async (t) => {
    // Outside, for functions of the store have no shared memory.
    const value = make() as ArrayBuffer;
    await t.throwsAsync(
      inStore(() => HTGet('k', value)),
      { instanceOf: TypeError },
    );
    await t.throwsAsync(
      inStore(() => (HTSet('k', value), 0)),
      { instanceOf: TypeError },
    );
  });
}

test('elements are little-endian, counted in elements, and whole', async (t) => {
  const store = createStore();
  const bytes = new Uint8Array(19);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, 0xfffffffe, true);
  view.setFloat64(8, -1.5, true);
  store.set('k', bytes);
  t.is(await inStore(() => HTGetUint32('k', 1), store), 0xfffffffe);
  t.is(await inStore(() => HTGetFloat64('k', 1), store), -1.5);
  t.is(await inStore(() => HTGetUint32('k', 3), store), view.getUint32(12, true));
  t.is(await inStore(() => HTGetUint32('k', 4), store), undefined);
  t.is(await inStore(() => HTGetFloat64('k', 2), store), undefined);
  t.is(await inStore(() => HTGetFloat64('k', MAX), store), undefined);
  t.is(await inStore(() => HTGetUint32('absent', 0), store), undefined);
});

test('an index is a non-negative safe integer', async (t) => {
  for (const index of [-1, 0.5, NaN, 2 ** 53]) {
    await t.throwsAsync(
      inStore(() => HTGetUint32('k', index)),
      { instanceOf: RangeError },
    );
  }
  for (const index of ['0', undefined, 0n]) {
    await t.throwsAsync(
      inStore(() => HTGetFloat64('k', index as unknown as number)),
      { instanceOf: TypeError },
    );
  }
});

test('a value is a copy, both ways', async (t) => {
  const store = createStore();
  const bytes = Uint8Array.of(1);
  await inStore(() => (HTSet('k', bytes), null), store);
  bytes[0] = 2;
  store.get('k')?.fill(3);
  t.deepEqual(store.get('k'), Uint8Array.of(1));
  store.set('text', 'a');
  store.get('text')?.fill(3);
  t.deepEqual(store.get('text'), Uint8Array.of(97));
});

test('HTDelete tells whether the key was there', async (t) => {
  const store = createStore();
  store.set('k', '');
  t.true(await inStore(() => HTDelete('k'), store));
  t.false(await inStore(() => HTDelete('k'), store));
});

test('a function that throws leaves nothing behind', async (t) => {
  const store = createStore();
  store.set('changed', 'old');
  store.set('deleted', 'old');
  const error = await t.throwsAsync(
    inStore(() => {
      HTSet('changed', Uint8Array.of(1));
      HTSet('changed', Uint8Array.of(2));
      HTSet('new', Uint8Array.of(3));
      HTDelete('deleted');
      throw new Error('no');
    }, store),
  );
  t.is(error.message, 'no');
  t.deepEqual(store.keys().sort(), ['changed', 'deleted']);
  t.is(String.fromCharCode(...(store.get('changed') ?? [])), 'old');
});

test('an asynchronous function is one transaction, and keeps its store', async (t) => {
  const one = createStore();
  const other = createStore();
  const add = async (keys: string[]): Promise<number> => {
    const before = HTGetUint32(keys[0] ?? '', 0) ?? 0;
    await Promise.resolve();
    HTSet(keys[0] ?? '', Uint32Array.of(before + 1));
    return before + 1;
  };
  const results = await Promise.all([
    one.call(add, ['k']),
    other.call(add, ['k']),
    one.call(add, ['k']),
  ]);
  t.deepEqual(results, [1, 1, 2]);
});

test('over the quota HTSet throws OOM and changes nothing', async (t) => {
  const store = createStore({ quotaBytes: 1000 });
  store.set('k', new Uint8Array(500));
  await t.throwsAsync(
    inStore(() => (HTSet('k', new Uint8Array(1000)), 0), store),
    { instanceOf: RangeError, message: /OOM/ },
  );
  t.is(store.get('k')?.byteLength, 500);
  t.is(
    await inStore(() => (HTDelete('k'), HTSet('l', new Uint8Array(800)), HTLength('l')), store),
    800,
  );
});

test('HTAdd over the quota throws OOM and changes nothing', async (t) => {
  const store = createStore({ quotaBytes: 66 });
  t.is(await inStore(() => HTAdd('n', 9), store), 9);
  await t.throwsAsync(
    inStore(() => HTAdd('n', 1), store),
    { instanceOf: RangeError, message: /^OOM/ },
  );
  t.is(await inStore(() => HTAdd('n', -1), store), 8);
});

test('HTGetMany refuses memory that is detached, shared or resizable', async (t) => {
  const resizable = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]) as ArrayBuffer;
  for (const unusable of [
    detached(new Uint32Array(2)),
    new Uint32Array(new SharedArrayBuffer(8)),
    new Uint32Array(resizable),
  ]) {
    await t.throwsAsync(
      inStore(() => HTGetMany(unusable as Uint32Array, 0, new Uint32Array(2))),
      { instanceOf: TypeError },
    );
    await t.throwsAsync(
      inStore(() => HTGetMany(new Uint32Array(), 0, unusable as Uint32Array)),
      { instanceOf: TypeError },
    );
  }
});

test('no-writes keeps a function from writing, and lets it be called read-only', async (t) => {
  const store = createStore();
  const writes = (): boolean => HTDelete('k');
  const promises = Object.assign((): boolean => HTDelete('k'), { flags: ['no-writes' as const] });
  t.false(await store.call(writes));
  await t.throwsAsync(store.call(writes, [], [], { readOnly: true }), { message: /write flag/ });
  await t.throwsAsync(store.call(promises), { instanceOf: TypeError, message: /^READONLY / });
});

test('a key that has expired is absent; HTSet keeps no expiry', async (t) => {
  let now = 1000;
  const store = createStore({ now: () => now });
  store.set('k', 'x', { expiresInMs: 10 });
  store.set('l', 'x', { expiresInMs: 10 });
  await inStore(() => (HTSet('l', Uint8Array.of(1)), null), store);
  t.true(await inStore(() => HTHas('k'), store));
  now = 1010;
  t.false(await inStore(() => HTHas('k'), store));
  t.false(await inStore(() => HTDelete('k'), store));
  t.deepEqual(store.keys(), ['l']);
});

test('HTAdd keeps the expiry, and begins anew where the key has expired', async (t) => {
  let now = 1000;
  const store = createStore({ now: () => now });
  store.set('n', '41', { expiresInMs: 10 });
  t.is(await inStore(() => HTAdd('n', 1), store), 42);
  now = 1010;
  t.false(await inStore(() => HTHas('n'), store));
  t.is(await inStore(() => HTAdd('n', 1), store), 1);
  now = 1_000_000;
  t.true(await inStore(() => HTHas('n'), store), 'the new counter has no expiry');
});

test('a scan, a view and a gathering pass by what has expired', async (t) => {
  const store = createStore({ now: () => 10 });
  store.set('1', 'abcd', { expiresInMs: 0 });
  const out = new Uint32Array(1);
  t.is(await inStore(() => HTView(1) === undefined, store), true);
  t.is(await inStore(() => HTGetMany(Uint32Array.of(1), 0, out), store), 0);
  t.deepEqual(await inStore(scanAll, store), []);
});

test('outside an invocation there is no store', (t) => {
  t.throws(() => HTHas('k'), { message: /outside an invocation/ });
});

/** The view, of memory that has gone. */
function detached(view: Uint32Array): Uint32Array {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  return view;
}
