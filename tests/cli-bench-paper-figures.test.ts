// The figures `graph` and `inference` of the evaluation: what they measure, in small, and what they make of it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createStore, loadWasm, type TestStore } from 'shredder-functions/testing';
import { measureKhop, type KhopRow } from '../build-scripts/bench/khop.ts';
import type { KhopCase, KhopQuestion } from '../build-scripts/bench/khop_answerers.ts';
import { readDigits, resize, type Digits } from '../build-scripts/bench/paper/digits.ts';
import type { PaperRow } from '../build-scripts/bench/paper/figure.ts';
import {
  formatGraph,
  GRAPH_CASES,
  plot as plotGraph,
  rowsOf,
} from '../build-scripts/bench/paper/graph.ts';
import {
  crossoverBytes,
  formatInference,
  measureInference,
  plot as plotInference,
  requireAccuracy,
  requireAgreement,
} from '../build-scripts/bench/paper/inference.ts';
import { CLASSIFIERS } from '../build-scripts/bench/paper/inference_classifiers.ts';
import { classifyPictures } from '../build-scripts/bench/paper/inference_kernel.ts';
import {
  compileClassifier,
  type WasmClassifier,
} from '../build-scripts/bench/paper/inference_wasm.ts';
import {
  accuracyOf,
  classify,
  enlarge,
  train,
  type Network,
} from '../build-scripts/bench/paper/neural_network.ts';
import { packageGraph } from '../build-scripts/graph/debian.ts';
import { assertDrawnWithin, countLines } from './support/bench.ts';
import { temporaryFolder } from './support/folder.ts';
import { CYCLE_WITH_TAIL } from './support/graph.ts';
import { builtRuntime } from './support/server.ts';

const QUESTIONS: readonly KhopQuestion[] = [
  { node: 1, hops: 1, answer: 2, lookups: 1, sum: 5 },
  { node: 1, hops: 2, answer: 5, lookups: 3, sum: 13 },
  { node: 1, hops: 4, answer: 14, lookups: 10, sum: 36 },
];

test('functions, callbacks and clients that fetch all answer what the traversal does', async (t) => {
  const { binDir } = await builtRuntime();
  const cases = GRAPH_CASES.filter((name) => name !== 'tarantool');
  const { rows, notes } = await measureKhop(
    CYCLE_WITH_TAIL,
    QUESTIONS,
    binDir,
    { cases, rounds: 1, install: () => Promise.resolve(), maxLookups: { 'client-key': 3 } },
    () => {},
  );
  t.deepEqual(notes, ['NOT MEASURED: client-key: more than 3 lookups: 4 hops from 1 (10).']);
  for (const { hops } of QUESTIONS) {
    t.deepEqual(
      rows
        .filter((row) => row.hops === hops)
        .map((row) => row.case)
        .sort(),
      cases.filter((name) => name !== 'client-key' || hops < 4).sort(),
      `${hops} hops`,
    );
  }
});

test('a function that reads a list wrong ends the measurement', async (t) => {
  const { binDir } = await builtRuntime();
  await t.throwsAsync(
    measureKhop(
      CYCLE_WITH_TAIL,
      [{ node: 1, hops: 2, answer: 5, lookups: 3, sum: 14 }],
      binDir,
      { cases: ['shredder-read'], rounds: 1, install: () => Promise.resolve() },
      () => {},
    ),
    { message: 'shredder-read, node 1, 2 hops: the answer is 13, but 14 is right' },
  );
});

const STANZAS = `Package: b
Pre-Depends: c (>= 2)
Depends: a:any (= 1.2-3), virtual | a, libx++-1.0
Recommends: c

Package: a
Description: Depends: c

Package: libx++-1.0
Depends: a

Package: b
Depends: libx++-1.0

Package: c
`;

test("Debian's packages are a graph of what each depends on and recommends", (t) => {
  const graph = packageGraph(STANZAS);
  t.deepEqual([...graph.labels.values()], ['a', 'b', 'c', 'libx++-1.0']);
  t.deepEqual(
    [...graph.neighbours].map(([node, list]) => [node, ...list]),
    [
      [1, 2, 0, 0, 3, 2],
      [3, 0],
    ],
  );
  t.deepEqual([graph.nodeCount, graph.edgeCount], [4, 6]);
  t.throws(() => packageGraph(''), { message: "apt has no lists of Debian's packages" });
});

function khopRow(name: KhopCase, hops: number, medianUs: number): KhopRow {
  return {
    case: name,
    node: 107,
    hops,
    answer: 1_000 * hops,
    lookups: hops,
    medianUs,
    minUs: medianUs / 2,
    maxUs: medianUs * 2,
  };
}

const GRAPH_ROWS = rowsOf(
  'a graph',
  [1, 2].flatMap((hops) =>
    GRAPH_CASES.filter((name) => name !== 'client-key' || hops === 1).map((name, index) =>
      khopRow(name, hops, name === 'shredder' ? 10 : 20 * (index + 1)),
    ),
  ),
);

test('a graph has a table a node, with what the function reads a second, and ratios', (t) => {
  const read = GRAPH_ROWS.find((row) => row.unit === 'GB/s' && row.at['hops'] === 1);
  t.is(read?.case, 'shredder-read');
  // 1,000 ids of 4 bytes in 140 us, in 280 at most, in 70 at least.
  t.is(read?.median.toFixed(4), '0.0286');
  t.is(read?.min.toFixed(4), '0.0143');
  t.is(read?.max.toFixed(4), '0.0571');
  const text = formatGraph(GRAPH_ROWS, new Map([['a graph', 'A graph; 3 nodes']]));
  t.regex(text, /^A graph; 3 nodes\n\nnode 107 +1 hop +2 hops$/m);
  t.regex(text, /^shredder +10\.0 \(5\.00 to 20\.0\) +10\.0 \(5\.00 to 20\.0\)$/m);
  t.regex(text, /^shredder-callback\/shredder +12\.0x +12\.0x$/m);
  t.regex(text, /^client-key\/shredder +18\.0x$/m);
});

test('the plot of graphs has a panel a graph, and a line a case', (t) => {
  const svg = plotGraph(
    [...GRAPH_ROWS, ...GRAPH_ROWS.map((row) => ({ ...row, at: { ...row.at, graph: 'another' } }))],
    'a & b',
  );
  t.is(countLines(svg), 2 * 7);
  for (const label of ['a &amp; b', 'a graph, node 107', 'another, node 107', 'client by key']) {
    t.true(svg.includes(label), label);
  }
  assertDrawnWithin(t, svg);
});

let read: Promise<Digits> | undefined;

function digits(): Promise<Digits> {
  read ??= readDigits();
  return read;
}

/** Of pictures of 7 by 7 pixels, which take no time. */
async function smallNetwork(): Promise<{ small: Digits; network: Network }> {
  const small = resize(await digits(), 7);
  const training = small.training.slice(0, 2_000);
  return { small, network: train(training, { hiddenUnits: 16, epochs: 2, rate: 0.1, seed: 1 }) };
}

test('the digits are ten thousand pictures, a fifth of each for the test', async (t) => {
  const { side, training, test: shown } = await digits();
  t.is(side, 28);
  t.is(training.length + shown.length, 10_000);
  for (const list of [training, shown]) {
    t.true(list.every(({ pixels }) => pixels.length === 784));
    t.deepEqual(
      list.slice(0, 10).map(({ label }) => label),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  }
  t.true(shown.every(({ pixels }) => pixels.every((pixel) => pixel >= 0 && pixel <= 1)));
});

test('a smaller picture has means, a larger one copies of the pixels', (t) => {
  const picture = { pixels: Float32Array.of(0, 1, 0.5, 0.5), label: 3 };
  const two: Digits = { side: 2, training: [], test: [picture] };
  t.deepEqual([...(resize(two, 1).test[0]?.pixels ?? [])], [0.5]);
  t.deepEqual(
    [...(resize(two, 4).test[0]?.pixels ?? [])],
    [0, 0, 1, 1, 0, 0, 1, 1, ...Array<number>(8).fill(0.5)],
  );
});

test('training is the same each time, and teaches the network to tell digits apart', async (t) => {
  const { small, network } = await smallNetwork();
  t.deepEqual((await smallNetwork()).network, network);
  const given = small.test.map(({ pixels }) => classify(network, pixels));
  t.true(accuracyOf(given, small.test) > 0.8);
  t.is(
    accuracyOf(
      [1, 2, 3, 9],
      small.test.slice(0, 4).map((digit, i) => ({ ...digit, label: i + 1 })),
    ),
    0.75,
  );
});

test('an enlarged network takes enlarged pictures for the same', async (t) => {
  const { small, network } = await smallNetwork();
  const large = resize(small, 14).test.slice(0, 200);
  const largeNetwork = enlarge(network, 2);
  t.is(largeNetwork.hidden.numbers.length, (1 + 14 * 14) * 16);
  t.deepEqual(
    large.map(({ pixels }) => classify(largeNetwork, pixels)),
    small.test.slice(0, 200).map(({ pixels }) => classify(network, pixels)),
  );
});

function viewOf({ buffer, byteOffset, byteLength }: Float32Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

test('the kernel in JavaScript answers what the network does, in batches of any size', async (t) => {
  const { small, network } = await smallNetwork();
  const pictures = small.test.map(({ pixels }) => viewOf(pixels));
  const layers = [viewOf(network.hidden.numbers), viewOf(network.output.numbers)] as const;
  const right = small.test.map(({ pixels }) => classify(network, pixels));
  for (const batch of [1, 3, 4, 9, 64]) {
    t.deepEqual(
      classifyPictures(...layers, pictures.slice(7, 7 + batch)),
      right.slice(7, 7 + batch),
    );
  }
  t.deepEqual(classifyPictures(...layers, pictures), right);
  t.deepEqual(classifyPictures(...layers, []), []);
  t.throws(() => classifyPictures(...layers, [pictures[0]!, new DataView(new ArrayBuffer(4))]), {
    message: 'pictures differ in size',
  });
  t.throws(() => classifyPictures(layers[1], layers[1], pictures), {
    message: /^a layer of \d+ bytes does not fit its 49 inputs$/,
  });
});

const modules = new Map<WasmClassifier, Promise<Uint8Array>>();

/** Compiled once for all tests: it takes seconds. */
function moduleOf(name: WasmClassifier): Promise<Uint8Array> {
  const module = modules.get(name) ?? compileClassifier(name);
  modules.set(name, module);
  return module;
}

/** A function in WebAssembly, as the bench compiles it, under the store's test double. */
async function wasmFunction(
  t: ExecutionContext,
  name: WasmClassifier,
): Promise<(store: TestStore, keys: readonly string[]) => Promise<unknown>> {
  const file = path.join(await temporaryFolder(t), `${name}.wasm`);
  await writeFile(file, await moduleOf(name));
  const called = (await loadWasm(file))[name]!;
  t.deepEqual(called.flags, ['no-writes']);
  return (store, keys) => store.call(called, keys);
}

function storeOf({ hidden, output }: Network, pictures: readonly Float32Array[]): TestStore {
  const store = createStore();
  store.set('hidden', hidden.numbers);
  store.set('output', output.numbers);
  for (const [index, pixels] of pictures.entries()) store.set(index, pixels);
  return store;
}

test('WebAssembly with and without vectors takes pictures for the same, and knows as many', async (t) => {
  const { small, network } = await smallNetwork();
  const pictures = small.test.map(({ pixels }) => pixels);
  const right = pictures.map((pixels) => classify(network, pixels));
  const store = storeOf(network, pictures);
  const keys = pictures.map((_, index) => String(index));
  const scalar = await wasmFunction(t, 'classify_wasm');
  const simd = await wasmFunction(t, 'classify_wasm_simd');
  const given = ((await scalar(store, keys)) as bigint[]).map(Number);
  const differences = given.filter((digit, index) => digit !== right[index]).length;
  t.is(given.length, right.length);
  t.true(differences <= right.length / 200, `${differences}`);
  for (const batch of [1, 3, 64]) {
    const some = given.slice(7, 7 + batch).map(BigInt);
    t.deepEqual(await scalar(store, keys.slice(7, 7 + batch)), some);
    t.deepEqual(await simd(store, keys.slice(7, 7 + batch)), some);
  }
  t.deepEqual(await simd(store, keys), given.map(BigInt));
  t.deepEqual(await simd(store, []), []);
});

/** A network that takes a picture of one pixel above 0 for `digit`; its rows are no multiple of vectors or tiles. */
function networkFor(digit: number, units: number): Network {
  const ofUnits = new Float32Array(2 * units).fill(1, units);
  const ofLabels = new Float32Array((1 + units) * 10);
  for (let unit = 0; unit < units; unit++) ofLabels[(1 + unit) * 10 + digit] = 1 / units;
  return {
    hidden: { inputs: 1, outputs: units, numbers: ofUnits },
    output: { inputs: units, outputs: 10, numbers: ofLabels },
  };
}

test('WebAssembly goes by the layers as they are at each call, of any width', async (t) => {
  for (const name of ['classify_wasm', 'classify_wasm_simd'] as const) {
    const called = await wasmFunction(t, name);
    const store = storeOf(networkFor(3, 21), [Float32Array.of(0.5), Float32Array.of(2)]);
    t.deepEqual(await called(store, ['0', '1']), [3n, 3n]);
    // Rows that are wider than what is copied at a time.
    const { hidden, output } = networkFor(7, 5_001);
    store.set('hidden', hidden.numbers);
    t.regex(String(await called(store, ['0'])), /the layer "output" does not fit its inputs$/);
    store.set('output', output.numbers);
    t.deepEqual(await called(store, ['1', '0']), [7n, 7n]);
    store.set('1', new Float32Array(6));
    t.regex(String(await called(store, ['0', '1'])), /pictures differ in size$/);
    t.regex(String(await called(store, ['1'])), /the layer "hidden" does not fit its inputs$/);
    t.regex(String(await called(store, ['0', '9'])), /there is no value "9"$/);
    store.delete('hidden');
    t.regex(String(await called(store, ['0'])), /there is no value "hidden"$/);
  }
});

test.serial(
  'inference classifies in each case, with one accuracy, and finds what is faster',
  async (t) => {
    const { binDir } = await builtRuntime();
    const notes: string[] = [];
    const { name, rows, table, missing } = await measureInference(
      binDir,
      {
        sides: [14, 28],
        batches: [1, 5],
        pictures: 100,
        rounds: 1,
        training: { hiddenUnits: 32, epochs: 3, rate: 0.05, seed: 1 },
      },
      (line) => notes.push(line),
    );
    t.is(name, 'inference');
    t.deepEqual(missing, []);
    t.is(notes.length, 2);
    for (const classifier of CLASSIFIERS) {
      const ofCase = rows.filter((row) => row.case === classifier);
      t.deepEqual(
        ofCase.filter((row) => row.unit === 'us').map(({ at }) => [at['inputBytes'], at['batch']]),
        [
          [784, 1],
          [3_136, 1],
          [3_136, 5],
        ],
        classifier,
      );
      const accuracies = ofCase.filter((row) => row.unit === 'accuracy');
      t.is(accuracies.length, 2);
      for (const { median } of accuracies) t.true(median >= 0.89 && median < 1, classifier);
    }
    t.is(rows.filter((row) => row.unit === 'ratio').length, 3 * 6);
    t.regex(table, /^3,136 B, 5 +\d/m);
    t.regex(table, /^3,136 B, 5 +(?:\d+\.\d\dx *){6}$/m);
    t.regex(table, /^784 B +0\.\d{4}/m);
    assertDrawnWithin(t, plotInference(rows, 'a machine'));
  },
);

function ratioRow(inputBytes: number, median: number, batch = 1): PaperRow {
  return {
    figure: 'inference',
    case: 'client/function',
    at: { inputBytes, batch },
    unit: 'ratio',
    median,
    min: median,
    max: median,
  };
}

test('the function wins from the least size on from which it is faster at all', (t) => {
  const sizes = [
    [196, 0.8],
    [784, 1.1],
    [3_136, 0.9],
    [12_544, 1.2],
    [50_176, 1.5],
  ] as const;
  const rows = sizes.map(([bytes, ratio]) => ratioRow(bytes, ratio)).toReversed();
  t.is(crossoverBytes([...rows, ratioRow(100_352, 0.5, 2)]), 12_544);
  t.is(crossoverBytes(rows.filter((row) => row.median > 1)), 784);
  t.is(crossoverBytes([...rows, ratioRow(200_704, 1)]), undefined);
  t.is(crossoverBytes([]), undefined);
  t.regex(formatInference([]), /fetching a picture is faster than the function/);
});

test('a network that knows too little, or digits that differ from it, end the measurement', (t) => {
  t.notThrows(() => requireAccuracy('the network', 0.9));
  t.throws(() => requireAccuracy('the network', 0.85), {
    message: 'the network knows 85.0 % of the pictures, and 90 % is the least',
  });
  const own = Array<number>(400).fill(1);
  const two = own.with(3, 2).with(9, 2);
  t.notThrows(() => requireAgreement('native-o2', two, own));
  t.throws(() => requireAgreement('native-o2', two.with(5, 2), own), {
    message: /^native-o2 takes 3 of 400 pictures for something else/,
  });
  t.throws(() => requireAgreement('javascript', own.with(3, 2), own), {
    message: /^javascript takes 1 of 400 /,
  });
  for (const name of ['wasm', 'wasm-simd', 'function-wasm'] as const) {
    t.notThrows(() => requireAgreement(name, two, own));
    t.throws(() => requireAgreement(name, two.with(5, 2), own));
  }
  t.throws(() => requireAgreement('client', [], own));
});
