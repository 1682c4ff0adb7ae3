// The main thing: a TypeScript function that traverses a real graph inside the store, and is right.
import { access } from 'node:fs/promises';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { Redis } from 'ioredis';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { loadLibrary } from '../build-scripts/functions/load.ts';
import { readEdgeList } from '../build-scripts/graph/edge_list.ts';
import { GraphBuilder, type Graph } from '../build-scripts/graph/graph.ts';
import { loadGraph } from '../build-scripts/graph/load.ts';
import { CHECKOUT } from './support/command_line.ts';
import { randomFrom, testSeed } from './support/seed.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

test.before(async (t) => {
  t.context.server = await startServer({ flags: ['--enable-callbacks'] });
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

/** A client of a store that holds the graph and its functions, and nothing else. */
async function clientWith(t: ExecutionContext<{ server: Server }>, graph: Graph): Promise<Redis> {
  const client = new Redis(t.context.server.port);
  t.teardown(() => client.disconnect());
  await client.flushall();
  for (const name of ['graph', 'graph-callback']) {
    const file = path.join(CHECKOUT, 'ts-functions', 'examples', `${name}.ts`);
    await loadLibrary(client, await bundleLibrary(file, name.replace('-', '_')));
  }
  await loadGraph(client, graph, () => undefined);
  return client;
}

/** countFriends by its definition, as plain as can be. */
function plainCount(graph: Graph, node: number, depth: number): number {
  const friends = graph.neighbours.get(node) ?? [];
  let count = friends.length;
  if (depth > 1) for (const friend of friends) count += plainCount(graph, friend, depth - 1);
  return count;
}

test.serial('countFriends over a small graph is what a plain computation gives', async (t) => {
  const seed = testSeed();
  t.log(`seed ${seed}`);
  const random = randomFrom(seed);
  const builder = new GraphBuilder();
  // A hub with more friends than a list is first made for, loops, repeated edges, nodes without any.
  for (let i = 0; i < 300; i++) builder.addEdge(7, i);
  for (let i = 0; i < 400; i++)
    builder.addEdge(Math.floor(random() * 200), Math.floor(random() * 300));
  builder.addEdge(5, 5);
  builder.addEdge(4_294_967_295, 7);
  builder.addEdge(0, 4_294_967_295);
  const graph = builder.build('a small graph');
  const client = await clientWith(t, graph);
  for (const node of [0, 5, 7, 100, 299, 4_294_967_295, 4_000_000_000]) {
    for (const depth of [1, 2, 3, 4]) {
      const expected = plainCount(graph, node, depth);
      for (const name of ['countFriends', 'countFriendsByCallback']) {
        t.is(
          Number(await client.fcall_ro(name, 1, node, depth)),
          expected,
          `${name} ${node} ${depth}`,
        );
      }
    }
    t.deepEqual(((await client.fcall_ro('friends', 1, node)) as unknown[]).map(Number), [
      ...(graph.neighbours.get(node) ?? []),
    ]);
  }
});

test.serial('a graph that changes between two calls is counted as it is', async (t) => {
  const builder = new GraphBuilder();
  builder.addEdge(1, 2);
  builder.addEdge(2, 3);
  const client = await clientWith(t, builder.build('a path'));
  const count = async (): Promise<number> => Number(await client.fcall_ro('countFriends', 1, 1, 3));
  t.is(await count(), 2);
  await client.set('3', Buffer.from(Uint32Array.of(4, 5).buffer));
  t.is(await count(), 4);
  await client.del('2');
  t.is(await count(), 1);
  await client.set('2', 'odd length, in bytes');
  t.is(await count(), 1 + 5);
});

/** Of the data set's own description: node, and its count at 1 to 4 hops. */
const FACEBOOK: readonly (readonly [node: number, ...counts: number[]])[] = [
  [0, 347, 4_060, 68_675, 1_540_085],
  [107, 1_043, 29_896, 931_485, 25_604_597],
  [1684, 778, 14_623, 281_928, 4_463_259],
];

/** The folder of data sets: of the environment, or beside the checkout. */
const DATASETS =
  process.env['SHREDDER_DATASETS'] ?? path.join(CHECKOUT, '..', 'shared', 'datasets');

test.serial('countFriends over the Facebook graph gives the published answers', async (t) => {
  const file = path.join(DATASETS, 'facebook_combined.txt');
  try {
    await access(file);
  } catch {
    t.log(`NOT TESTED: there is no ${file}. Get facebook_combined.txt of SNAP's ego-Facebook`);
    t.log('data set and name its folder in the environment variable SHREDDER_DATASETS.');
    t.pass();
    return;
  }
  const graph = await readEdgeList(file);
  t.is(graph.edgeCount, 88_234);
  t.is(graph.neighbours.size, 3_663);
  const client = await clientWith(t, graph);
  t.is(await client.dbsize(), 3_663);
  for (const [node, ...counts] of FACEBOOK) {
    for (const [i, expected] of counts.entries()) {
      t.is(
        Number(await client.fcall('countFriends', 1, node, i + 1)),
        expected,
        `${node}, ${i + 1} hops`,
      );
    }
  }
  const cli = await execa('redis-cli', [
    '-p',
    String(t.context.server.port),
    'FCALL',
    'countFriends',
    '1',
    '107',
    '4',
  ]);
  t.is(cli.stdout, '25604597');
});
