// The example libraries under the test double.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import 'shredder-functions/register';
import { createStore } from 'shredder-functions/testing';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { GraphBuilder, type Graph } from '../build-scripts/graph/graph.ts';
import { Traversal } from '../build-scripts/graph/traversal.ts';

// Imported once `shredder:store` resolves.
const graph = await import('../ts-functions/examples/graph.ts');
const callback = await import('../ts-functions/examples/graph-callback.ts');
const columns = await import('../ts-functions/examples/columns.ts');
const counters = await import('../ts-functions/examples/counters.ts');
const list = await import('../ts-functions/examples/list.ts');
const projection = await import('../ts-functions/examples/projection.ts');

/** A graph with a hub whose list is longer than a traversal's first buffer, and cycles. */
function sampleGraph(): Graph {
  const builder = new GraphBuilder();
  for (let i = 1; i <= 500; i++) {
    builder.addEdge(0, i);
    for (let j = 1; j <= i % 7; j++) builder.addEdge(i, (i * 31 + j * 17) % 600);
  }
  return builder.build('sample');
}

function storeOf(sample: Graph): ReturnType<typeof createStore> {
  const store = createStore();
  for (const [node, neighbours] of sample.neighbours) store.set(node, neighbours);
  return store;
}

test('countFriends and its callback twin agree with a plain traversal', async (t) => {
  const sample = sampleGraph();
  const store = storeOf(sample);
  const traversal = new Traversal(sample);
  for (const node of [0, 1, 6, 499, 599, 4_000_000_000]) {
    for (const depth of [1, 2, 3, 4, 5]) {
      const { answer } = traversal.count(node, depth);
      const call = [[String(node)], [String(depth)], { readOnly: true }] as const;
      t.is(await store.call(graph.countFriends, ...call), answer);
      t.is(await store.call(callback.countFriendsByCallback, ...call), answer);
    }
  }
});

test('friends are the value of the node', async (t) => {
  const store = storeOf(sampleGraph());
  t.deepEqual(
    await store.call(graph.friends, ['0']),
    Array.from({ length: 500 }, (_, i) => i + 1),
  );
  t.deepEqual(await store.call(graph.friends, ['12345']), []);
});

test('a value of a graph counts for as many nodes as it holds whole ones', async (t) => {
  const store = createStore();
  store.set(1, Buffer.from(Uint32Array.of(2, 3, 4).buffer).subarray(0, 11));
  store.set(2, Buffer.from(Uint32Array.of(1, 1).buffer).subarray(0, 7));
  store.set(3, new Uint8Array(3));
  store.set(4, new Uint8Array());
  t.deepEqual(await store.call(graph.friends, ['1']), [2, 3]);
  for (const node of ['3', '4']) t.deepEqual(await store.call(graph.friends, [node]), []);
  // 1 has 2 and 3; 2 has 1; 3 and 4 have none.
  for (const [node, depth, count] of [
    [1, 1, 2],
    [1, 2, 3],
    [1, 3, 5],
    [2, 1, 1],
    [2, 2, 3],
    [3, 1, 0],
    [3, 2, 0],
    [4, 3, 0],
  ] as const) {
    const call = [[String(node)], [String(depth)]] as const;
    t.is(await store.call(graph.countFriends, ...call), count, `${node} ${depth}`);
    t.is(await store.call(callback.countFriendsByCallback, ...call), count, `${node} ${depth}`);
  }
});

for (const [what, keys, args] of [
  ['no node', [], ['1']],
  ['a node that is no integer', ['x'], ['1']],
  ['a node beyond 32 bits', [String(2 ** 32)], ['1']],
  ['no depth', ['1'], []],
  ['depth 0', ['1'], ['0']],
  ['depth 17', ['1'], ['17']],
  ['a depth in another form', ['1'], ['1.0']],
] as const) {
  test(`countFriends refuses ${what}`, async (t) => {
    await t.throwsAsync(createStore().call(graph.countFriends, keys, args), {
      instanceOf: RangeError,
      message: /^(node|depth) /,
    });
  });
}

test('a list takes values at its front and is walked from its head', async (t) => {
  const store = createStore();
  t.is(await store.call(list.listLength, ['l']), 0);
  t.is(await store.call(list.listNth, ['l'], ['0']), null);
  for (const [key, value] of [
    ['7', '1.5'],
    ['9', '2'],
    ['3', '-4'],
  ] as const) {
    await store.call(list.listPush, ['l', key], [value]);
  }
  t.is(await store.call(list.listLength, ['l'], [], { readOnly: true }), 3);
  t.is(await store.call(list.listSum, ['l']), -0.5);
  t.is(await store.call(list.listNth, ['l'], ['0']), -4);
  t.is(await store.call(list.listNth, ['l'], ['2']), 1.5);
  t.is(await store.call(list.listNth, ['l'], ['3']), null);
});

test('a list refuses a key that is taken, its own head, and a node that is gone', async (t) => {
  const store = createStore();
  await store.call(list.listPush, ['l', '7'], ['1']);
  await t.throwsAsync(store.call(list.listPush, ['l', '7'], ['2']), { message: /taken/ });
  await t.throwsAsync(store.call(list.listPush, ['8', '8'], ['2']), { message: /taken/ });
  store.delete(7);
  await t.throwsAsync(store.call(list.listSum, ['l']), { message: /key 7, which is no node/ });
});

test('a cycle ends with an error', async (t) => {
  const store = createStore();
  await store.call(list.listPush, ['l', '7'], ['1']);
  store.set(7, store.get('l') ?? new Uint8Array());
  await t.throwsAsync(store.call(list.listLength, ['l']), { message: /cycle/ });
});

test('projection sums a field of the records that are there', async (t) => {
  const store = createStore();
  await store.call(projection.putItem, ['a'], ['2', '7', '1.25']);
  await store.call(projection.putItem, ['b'], ['3', '7', '10']);
  store.set('short', new Uint8Array(3));
  const keys = ['a', 'b', 'absent', 'short'];
  t.is(await store.call(projection.sumField, keys, ['quantity']), 5);
  t.is(await store.call(projection.sumField, keys, ['price']), 11.25);
  t.is(await store.call(projection.totalPrice, keys), 32.5);
  t.is(store.get('a')?.byteLength, 16);
  await t.throwsAsync(store.call(projection.sumField, keys, ['colour']), {
    message: 'field must be one of quantity, warehouse, price, not "colour"',
  });
  await t.throwsAsync(store.call(projection.putItem, ['c'], ['-1', '7', '1']), {
    message: /^quantity must be an integer/,
  });
});

test('counters are counted, summed, ranked and dropped by their prefix', async (t) => {
  const store = createStore();
  store.set('name', 'none');
  t.is(await store.call(counters.sumCounters, [], ['hits:']), 0);
  for (let i = 0; i < 300; i++) {
    t.is(await store.call(counters.increment, [`hits:${i}`], [String(i)]), i);
  }
  t.is(await store.call(counters.increment, ['hits:7'], ['-1000']), -993);
  t.is(Buffer.from(store.get('hits:7') ?? []).toString(), '-993');
  const sum = await store.call(counters.sumCounters, [], ['hits:'], { readOnly: true });
  t.is(sum, (300 * 299) / 2 - 1000);
  await store.call(counters.increment, ['hits:again'], ['298']);
  t.deepEqual(await store.call(counters.topCounters, [], ['hits:', '3'], { readOnly: true }), [
    ['hits:299', 299],
    ['hits:298', 298],
    ['hits:again', 298],
  ]);
  t.is(await store.call(counters.dropCounters, [], ['hits:']), 301);
  t.deepEqual(store.keys(), ['name']);
});

test('counters refuse what is no counter', async (t) => {
  const store = createStore();
  for (const [key, value] of [
    ['a', 'none'],
    ['b', ''],
    ['c', '-'],
    ['d', '1.5'],
  ] as const) {
    store.set(key, value);
    const error = { instanceOf: RangeError, message: `the value of "${key}" is no counter` };
    await t.throwsAsync(store.call(counters.sumCounters, [], [key]), error);
    await t.throwsAsync(store.call(counters.topCounters, [], [key, '1']), error);
    await t.throwsAsync(store.call(counters.increment, [key], ['1']), { instanceOf: TypeError });
  }
  for (const amount of ['0.5', 'x', '']) {
    await t.throwsAsync(store.call(counters.increment, ['n'], [amount]), { message: /^amount / });
  }
});

test('columns sum over more rows than a batch, the absent and the short ones apart', async (t) => {
  const store = createStore();
  const rows = Array.from({ length: 2500 }, (_, i) => i * 3);
  let total = 0;
  let ofCustomer = 0;
  for (const row of rows) {
    if (row % 7 === 0) continue;
    const [customer, quantity, price] = [row % 5, row % 11, row / 4];
    await store.call(
      columns.putOrder,
      [String(row)],
      [String(customer), String(quantity), String(price)],
    );
    total += quantity * price;
    if (customer === 2) ofCustomer += quantity * price;
  }
  store.set(7, new Uint8Array(15));
  t.is(await store.call(columns.turnover, ['index']), 0);
  await store.call(columns.putIndex, ['index', ...rows.map(String), '7']);
  t.is(store.get('index')?.byteLength, 4 * 2501);
  t.is(await store.call(columns.turnover, ['index'], [], { readOnly: true }), total);
  t.is(await store.call(columns.turnoverOf, ['index'], ['2'], { readOnly: true }), ofCustomer);
  t.is(await store.call(columns.turnoverOf, ['index'], ['6']), 0);
  await store.call(columns.putIndex, ['index']);
  t.is(await store.call(columns.turnover, ['index']), 0);
});

test('what the documents show of an example is in it', async (t) => {
  const page = await readFile(new URL('../docs/functions.md', import.meta.url), 'utf8');
  const shown = [...page.matchAll(/^\/\/ From the example (\S+\.ts)\b[^\n]*\n(.*?)^```$/gms)];
  t.true(shown.length >= 4);
  for (const [, file = '', code = ''] of shown) {
    const text = await readFile(path.join(FUNCTIONS_PACKAGE, 'examples', file), 'utf8');
    t.true(unindented(text).includes(unindented(code)), `${file}:\n${code}`);
  }
});

function unindented(code: string): string {
  return code.replaceAll(/^ +/gm, '');
}
