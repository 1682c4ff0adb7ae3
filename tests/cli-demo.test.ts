// The demo's graphs, and the traversal that checks its answers.
import { tmpdir } from 'node:os';
import test from 'ava';
import type { Redis } from 'ioredis';
import { measure } from '../build-scripts/demo/measure.ts';
import { readEdgeList } from '../build-scripts/graph/edge_list.ts';
import { bestConnected } from '../build-scripts/graph/graph.ts';
import { encodeNeighbours } from '../build-scripts/graph/load.ts';
import { Traversal } from '../build-scripts/graph/traversal.ts';
import { parseSynset, readWordNet } from '../build-scripts/graph/wordnet.ts';
import { shredder } from './support/command_line.ts';
import { CYCLE_WITH_TAIL, edgeList, graphOf, SAMPLE_EDGES } from './support/graph.ts';

test('an edge list is the lists of neighbours, in its order', async (t) => {
  const graph = await readEdgeList(await edgeList(t, '# a b\n3 1\r\n3 2\n\n1 3\n3 1'));
  t.deepEqual(
    [...graph.neighbours],
    [
      [3, Uint32Array.of(1, 2, 1)],
      [1, Uint32Array.of(3)],
    ],
  );
  t.is(graph.nodeCount, 3);
  t.is(graph.edgeCount, 4);
});

for (const line of ['1', '1 2 3', 'a b', '1 4294967296', '-1 2', '1.5 2', '1 99999999999']) {
  test(`"${line}" is no edge`, async (t) => {
    const file = await edgeList(t, `1 2\n${line}\n`);
    await t.throwsAsync(readEdgeList(file), { message: `${file}:2: "${line}" is no edge` });
  });
}

test('a graph that is absent, a folder or empty is one line of error', async (t) => {
  const empty = await edgeList(t, '# nothing\n');
  for (const file of ['/nonexistent', tmpdir(), empty]) {
    const error = await t.throwsAsync(readEdgeList(file));
    t.true(error.message.includes(file));
    t.false(error.message.includes('\n'));
  }
});

test('a traversal counts friends and lookups by path', (t) => {
  const traversal = new Traversal(CYCLE_WITH_TAIL);
  t.deepEqual(traversal.count(1, 1), { answer: 2, lookups: 1 });
  t.deepEqual(traversal.count(1, 2), { answer: 2 + 1 + 2, lookups: 3 });
  t.deepEqual(traversal.count(1, 3), { answer: 2 + (1 + 2) + (2 + 2 + 0), lookups: 1 + 2 + 3 });
  t.deepEqual(traversal.count(4, 3), { answer: 0, lookups: 1 });
});

test('the best connected nodes have the longest lists', (t) => {
  const graph = graphOf([5, 1], [2, 1], [5, 2], [9, 1], [9, 2]);
  t.deepEqual(bestConnected(graph, 2), [5, 9]);
});

test('neighbours are written as little-endian 32-bit integers', (t) => {
  t.deepEqual(
    encodeNeighbours(Uint32Array.of(1, 0xfffffffe)),
    Buffer.from('01000000feffffff', 'hex'),
  );
});

test('a synset is read as far as its pointers', (t) => {
  const line =
    '00002137 00 s 02 abstract 0 non_real 0 003 @ 00001740 n 0000 & 00694095 s 0101 \\ 00023280 r 0000 | a gloss';
  t.deepEqual(parseSynset(line, 'a'), {
    id: 'a00002137',
    word: 'abstract',
    pointers: ['n00001740', 'a00694095', 'r00023280'],
  });
  t.throws(() => parseSynset('00002137 00 s 02 abstract 0', 'a'), { message: /ends early/ });
});

test('WordNet is a graph whose pointers all arrive', async (t) => {
  const graph = await readWordNet();
  t.is(graph.nodeCount, graph.labels.size);
  t.true(graph.nodeCount > 117_000);
  t.true(graph.edgeCount > 370_000);
  t.is(graph.labels.get(bestConnected(graph, 1)[0] ?? 0), 'city');
});

test('an answer that differs from the traversal ends the demo', async (t) => {
  const client = { call: () => Promise.resolve(5) } as unknown as Redis;
  const question = { node: 1, depth: 2, expected: { answer: 6, lookups: 3 } };
  await t.throwsAsync(measure(client, question), {
    message: 'countFriends, node 1, depth 2: the answer is 5, but 6 is right',
  });
});

test('the demo answers for a graph of the user, by ioredis and by redis-cli', async (t) => {
  const file = await edgeList(t, SAMPLE_EDGES);
  const traversal = new Traversal(await readEdgeList(file));
  const { exitCode, stdout, stderr } = await shredder(['demo', '--graph', file]);
  t.is(exitCode, 0, stderr);
  const { answer, lookups } = traversal.count(0, 4);
  const figures = [answer, lookups].map((each) => each.toLocaleString('en-US')).join(' +');
  t.regex(stdout, new RegExp(`^0 +4 +${figures} +[\\d.,]+ +[\\d.,]+ +[\\d.]+x$`, 'm'));
  t.regex(stdout, new RegExp(`^\\$ redis-cli .* FCALL countFriends 1 0 4\n${answer}$`, 'm'));
  t.regex(stdout, /shredderd .*V8 11\./);
});
