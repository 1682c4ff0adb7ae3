// The benches: what their reports read, compute and draw, and a small run of each.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  formatHtget,
  HTGET_CASES,
  parseHtgetRow,
  type HtgetCase,
  type HtgetRow,
} from '../build-scripts/bench/htget.ts';
import { plotHtget } from '../build-scripts/bench/htget_plot.ts';
import {
  formatKhop,
  khopQuestions,
  measureKhop,
  type KhopRow,
} from '../build-scripts/bench/khop.ts';
import { encodeGraph } from '../build-scripts/bench/khop_answerers.ts';
import { formatKv, parseRps, type KvRow } from '../build-scripts/bench/kv.ts';
import {
  comparable,
  formatLibrary,
  requireSameAnswers,
  type LibraryRow,
} from '../build-scripts/bench/library.ts';
import { LIBRARY_MODULES } from '../build-scripts/bench/library_cases.ts';
import { parseProgramResult } from '../build-scripts/bench/program.ts';
import { startResponder } from '../build-scripts/bench/responder.ts';
import { formatScan, parseScanRow, type ScanRow } from '../build-scripts/bench/scan.ts';
import { percentile, spreadOf } from '../build-scripts/bench/statistics.ts';
import { formatRatio } from '../build-scripts/bench/table.ts';
import { UserError } from '../build-scripts/errors.ts';
import { assertDrawnWithin, countLines, runBench } from './support/bench.ts';
import { shredder } from './support/command_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { CYCLE_WITH_TAIL, edgeList, SAMPLE_EDGES } from './support/graph.ts';
import { builtRuntime } from './support/server.ts';

const COSTS: Readonly<Partial<Record<HtgetCase, number>>> = {
  native: 6,
  inlined: 9,
  called: 12,
  'callback-number': 30,
  'callback-buffer': 240,
};

function htgetRow(name: HtgetCase, medianNs: number, more: Partial<HtgetRow> = {}): HtgetRow {
  return {
    builtin: 'HTGet',
    case: name,
    keys: 1_000,
    keyKind: 'integer',
    medianNs,
    minNs: medianNs * 0.9,
    maxNs: medianNs * 1.2,
    loopNs: 1.5,
    ...more,
  };
}

function sampleRows(): HtgetRow[] {
  return ['HTGet', 'HTGetUint32'].flatMap((builtin) =>
    [1_000, 100_000, 1_000_000].flatMap((keys, size) =>
      (['integer', 'string'] as const).flatMap((keyKind) =>
        Object.entries(COSTS).map(([name, ns]) =>
          htgetRow(name as HtgetCase, ns * (size + 1), { builtin, keys, keyKind }),
        ),
      ),
    ),
  );
}

function gatherRows(): HtgetRow[] {
  const more = { builtin: 'HTGetMany' };
  return [
    htgetRow('native', 20, more),
    htgetRow('prefetched', 10, { ...more, keysPerCall: 4_096 }),
    htgetRow('prefetched', 8, { ...more, keysPerCall: 1_000_000 }),
  ];
}

const NUMBER = 'callback-number';
const BUFFER = 'callback-buffer';
/** With integer keys. */
const WASM = 'wasm';

/** What is measured of each builtin, in the rows' order. */
const BUILTIN_CASES: Readonly<Record<string, readonly string[]>> = {
  HTGet: ['native', 'inlined', 'called', WASM, NUMBER, BUFFER],
  HTHas: ['native', 'inlined', 'called', NUMBER],
  HTLength: ['native', 'inlined', 'called', BUFFER],
  HTGetUint32: ['native', 'inlined', 'called', WASM, NUMBER, BUFFER],
  HTGetFloat64: ['native', 'inlined', 'called', BUFFER],
  HTView: ['native', 'inlined', 'called', BUFFER],
  HTGetMany: ['native', 'prefetched', 'prefetched'],
  HTSet: ['native', 'called', 'callback'],
  HTAdd: ['native', 'called', 'callback'],
  HTDelete: ['native', 'called', 'callback'],
  HTScan: ['native', 'callback'],
};

test('the spread of samples is their median, least and greatest', (t) => {
  t.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
  t.throws(() => spreadOf([]));
});

test('a percentile is what so great a part of the samples does not exceed', (t) => {
  const samples = Array.from({ length: 1_000 }, (_, i) => 1_000 - i);
  t.deepEqual(
    [0.5, 0.99, 0.999, 1].map((part) => percentile(samples, part)),
    [501, 991, 1_000, 1_000],
  );
  t.is(percentile([7], 0.5), 7);
  t.throws(() => percentile([], 0.5));
});

test('a ratio has three digits or so, and none without a base', (t) => {
  t.is(formatRatio(3, 2), '1.50x');
  t.is(formatRatio(123, 10), '12.3x');
  t.is(formatRatio(12_344, 10), '1,234x');
  for (const [value, base] of [
    [undefined, 1],
    [1, undefined],
    [1, 0],
    [1, -0.1],
  ] as const) {
    t.is(formatRatio(value, base), '');
  }
});

test("the bench program's rows are read back, and nothing else passes for them", (t) => {
  const rows = [...sampleRows(), ...gatherRows()];
  const parse = (text: string): unknown => parseProgramResult(text, parseHtgetRow);
  t.deepEqual(parse(JSON.stringify({ v8: '11.3', rows })), { v8: '11.3', rows });
  const [row] = rows;
  for (const text of [
    '',
    'null',
    '{}',
    JSON.stringify({ v8: 1, rows: [] }),
    JSON.stringify({ v8: '11.3', rows: [null] }),
    JSON.stringify({ v8: '11.3', rows: [{ ...row, medianNs: '1' }] }),
    JSON.stringify({ v8: '11.3', rows: [{ ...row, keyKind: 'float' }] }),
    JSON.stringify({ v8: '11.3', rows: [{ ...row, case: 'csa' }] }),
    JSON.stringify({ v8: '11.3', rows: [{ ...row, keysPerCall: 'all' }] }),
  ]) {
    t.throws(() => parse(text), { message: /^the bench program printed/ });
  }
});

test('a builtin has a table: a line for each size and kind of key, the cases, their ratios', (t) => {
  const tables = formatHtget(sampleRows()).split('\n\n');
  t.deepEqual(
    tables.slice(1).map((table) => table.split('\n')[0]),
    ['HTGet', 'HTGetUint32'],
  );
  const lines = (tables[1] ?? '').split('\n');
  t.is(lines.length, 3 + 6);
  t.regex(
    lines[1] ?? '',
    /^ +native +inlined +called .* inlined\/native +called\/inlined +callback-number\/inlined +callback-buffer\/inlined +loop$/,
  );
  t.regex(
    lines[3] ?? '',
    /^1,000 integer keys +6\.00 \(5\.40 to 7\.20\).* 1\.50x +1\.33x +3\.33x +26\.7x +1\.50$/,
  );
});

test('without inlined code, the ratios are to called code', (t) => {
  const rows = sampleRows().filter((row) => row.case !== 'inlined');
  t.regex(
    formatHtget(rows),
    / called\/native +callback-number\/called +callback-buffer\/called +loop$/m,
  );
  t.regex(formatHtget(rows), /^1,000 integer keys .* 2\.00x +2\.50x +20\.0x +1\.50$/m);
});

test('what is always called has its ratios to native and to called code', (t) => {
  const more = { builtin: 'HTDelete' };
  const rows = [
    htgetRow('native', 20, more),
    htgetRow('called', 30, more),
    htgetRow('callback', 90, more),
  ];
  const text = formatHtget(rows);
  t.regex(text, / callback +called\/native +callback\/native +callback\/called +loop$/m);
  t.regex(text, /^1,000 integer keys .* 1\.50x +4\.50x +3\.00x +1\.50$/m);
});

test('calls of many keys have a line for each number of keys, beside the same native loop', (t) => {
  const text = formatHtget(gatherRows());
  t.regex(text, /^1,000 integer keys, 4,096 a call +20\.0 .* 10\.0 .* 0\.50x +1\.50$/m);
  t.regex(text, /^1,000 integer keys, 1,000,000 a call +20\.0 .* 8\.00 .* 0\.40x +1\.50$/m);
});

test('the plot has a line and a label for each case in all panels, within the picture', (t) => {
  const svg = plotHtget([...sampleRows(), ...gatherRows()], 'a & b');
  // Two builtins, two kinds of keys, five cases; and HTGetMany once.
  t.is(countLines(svg), 2 * 2 * 5 + 1);
  t.true(svg.includes('a &amp; b'));
  for (const label of [
    'HTGetUint32, integer keys',
    'HTGet, string keys',
    '1,000,000',
    'builtin, inlined',
    'HTGetMany',
    'ns per key',
  ]) {
    t.true(svg.includes(label), label);
  }
  assertDrawnWithin(t, svg);
});

test.serial('bench htget measures each builtin in each of its cases, and plots them', async (t) => {
  const plot = path.join(await temporaryFolder(t), 'htget.svg');
  const { stdout, rows } = await runBench(t, 'htget', [
    ...['--quick', '--sizes', '1000', '--builtins', Object.keys(BUILTIN_CASES).join(',')],
    ...['--plot', plot],
  ]);
  t.regex(stdout, /^1,000 string keys /m);
  t.regex(await readFile(plot, 'utf8'), /^<svg .*<\/svg>\s*$/s);
  for (const [builtin, cases] of Object.entries(BUILTIN_CASES)) {
    for (const keyKind of builtin === 'HTGetMany' ? ['integer'] : ['integer', 'string']) {
      t.deepEqual(
        rows
          .filter((row) => row['builtin'] === builtin && row['keyKind'] === keyKind)
          .map((row) => row['case']),
        keyKind === 'integer' ? cases : cases.filter((each) => each !== WASM),
        `${builtin} ${keyKind}`,
      );
    }
  }
  for (const row of rows) {
    t.true(HTGET_CASES.includes(row['case'] as HtgetCase));
    t.is(row['keys'], 1_000);
    const [min, median, max] = ['minNs', 'medianNs', 'maxNs'].map((name) => Number(row[name]));
    t.true((min ?? NaN) <= (median ?? NaN) && (median ?? NaN) <= (max ?? NaN), JSON.stringify(row));
    t.true(Number(row['loopNs']) > 0);
  }
});

function scanRow(name: ScanRow['case'], medianGBps: number, more: Partial<ScanRow> = {}): ScanRow {
  return {
    case: name,
    valueBytes: 1_024,
    dataBytes: 262_144,
    place: 'cache',
    element: 'uint32',
    medianGBps,
    minGBps: medianGBps * 0.9,
    maxGBps: medianGBps * 1.1,
    ...more,
  };
}

test('a scan has a line for each number of sums, with ratios to scalar native code', (t) => {
  const rows = [
    scanRow('native-memcpy', 50, { element: 'bytes' }),
    scanRow('native-vector', 40),
    scanRow('native', 10, { accumulators: 1 }),
    scanRow('view', 9, { accumulators: 1 }),
    scanRow('copy', 2, { accumulators: 1 }),
    scanRow('native', 20, { accumulators: 4 }),
    scanRow('view', 15, { accumulators: 4 }),
  ];
  t.deepEqual(parseProgramResult(JSON.stringify({ v8: '11.3', rows }), parseScanRow).rows, rows);
  const text = formatScan(rows);
  t.regex(
    text,
    /^cache: 1 KiB, uint32, 1 sum +50\.0 .* 40\.0 .* 10\.0 .* 9\.00 .* 0\.90x +0\.20x$/m,
  );
  t.regex(text, /^cache: 1 KiB, uint32, 4 sums +50\.0 .* 40\.0 .* 20\.0 .* 15\.0 .* 0\.75x$/m);
});

test.serial('bench scan sums the same values in each case', async (t) => {
  const { stdout, rows } = await runBench(t, 'scan', ['--quick', '--sizes', '65536']);
  t.regex(stdout, /^memory: 64 KiB, float64, 4 sums /m);
  for (const place of ['cache', 'memory']) {
    for (const element of ['float64', 'uint32']) {
      for (const accumulators of [1, 4]) {
        const cases = rows
          .filter((row) => row['place'] === place && row['element'] === element)
          .filter((row) => row['accumulators'] === accumulators)
          .map((row) => row['case']);
        const forms = ['view-break', 'view-down', 'view-try'];
        const hasForms = element === 'uint32' && accumulators === 1;
        t.deepEqual(cases, ['native', 'view', 'copy', ...(hasForms ? forms : [])]);
      }
    }
  }
  for (const row of rows) {
    const [min, median, max] = ['minGBps', 'medianGBps', 'maxGBps'].map((name) =>
      Number(row[name]),
    );
    t.true((min ?? NaN) <= (median ?? NaN) && (median ?? NaN) <= (max ?? NaN), JSON.stringify(row));
    t.true((min ?? 0) > 0);
  }
});

for (const [args, message] of [
  [['htget', '--sizes', '1000,x'], /--sizes has "x"/],
  [['htget', '--sizes', '10000001'], /--sizes has "10000001"/],
  [['scan', '--sizes', '100'], /--sizes has "100", which is no multiple of 64/],
  [['khop', '--cases', 'native'], /--cases has "native"/],
  [['library', '--modules', 'json,map'], /--modules has "map"/],
  [['density', '--cases', 'isolates'], /--cases has "isolates"/],
  [['neighbours', '--noises', 'cpu,loud'], /--noises has "loud"/],
] as const) {
  test(`bench ${args.join(' ')} is refused in one line`, async (t) => {
    const { exitCode, stderr } = await shredder(['bench', ...args]);
    t.is(exitCode, 1);
    t.regex(stderr, message);
    t.is(stderr.match(/^shredder: /gm)?.length, 1);
  });
}

test('a graph is written for other programs as nodes, lengths and lists', (t) => {
  const words = new Uint32Array(new Uint8Array(encodeGraph(CYCLE_WITH_TAIL)).buffer);
  t.deepEqual([...words], [1, 2, 2, 3, 2, 1, 3, 3, 2, 1, 4]);
});

test('the questions are 1 to 4 hops from the best-connected nodes, with their answers', (t) => {
  const questions = khopQuestions(CYCLE_WITH_TAIL);
  t.is(questions.length, 12);
  t.deepEqual(questions[3], { node: 1, hops: 4, answer: 14, lookups: 10, sum: 36 });
});

test('a case that cannot be run is a note, and the others are measured', async (t) => {
  const { binDir } = await builtRuntime();
  const result = await measureKhop(
    CYCLE_WITH_TAIL,
    [{ node: 1, hops: 4, answer: 14, lookups: 10, sum: 36 }],
    binDir,
    {
      cases: ['native-store', 'tarantool'],
      rounds: 1,
      install: () =>
        Promise.reject(new UserError('system packages are missing: x', 'Type: install x')),
    },
    () => {},
  );
  t.deepEqual(
    result.rows.map((row) => row.case),
    ['native-store'],
  );
  t.deepEqual(result.notes, [
    'NOT MEASURED: tarantool: system packages are missing: x. Type: install x',
  ]);
  t.true(formatKhop('a graph', result).endsWith(result.notes[0] ?? '?'));
});

test('a wrong answer ends the measurement', async (t) => {
  const { binDir } = await builtRuntime();
  await t.throwsAsync(
    measureKhop(
      CYCLE_WITH_TAIL,
      [{ node: 1, hops: 4, answer: 15, lookups: 10, sum: 36 }],
      binDir,
      { cases: ['native-chained'], rounds: 1, install: () => Promise.resolve() },
      () => {},
    ),
    { message: 'native-chained, node 1, 4 hops: the answer is 14, but 15 is right' },
  );
});

test('traversals are set side by side, with ratios to native code and to shredder', (t) => {
  const row = (name: KhopRow['case'], medianUs: number): KhopRow => ({
    case: name,
    node: 107,
    hops: 4,
    answer: 25_604_597,
    lookups: 931_486,
    medianUs,
    minUs: medianUs,
    maxUs: medianUs,
  });
  const rows = [row('native-store', 4_000), row('shredder', 8_000), row('redis-lua', 640_000)];
  const text = formatKhop('a graph', { rows, notes: [] });
  t.regex(text, /^107 +4 +25,604,597 +931,486 +4,000 .* 8,000 .* 640,000 \(/m);
  t.regex(
    text,
    /^node +hops +shredder\/native-store +redis-lua\/native-store +redis-lua\/shredder$/m,
  );
  t.regex(text, /^107 +4 +2\.00x +160x +80\.0x$/m);
});

test.serial('bench khop asks C++, Shredder and Redis the same, and all answer right', async (t) => {
  const file = await edgeList(t, SAMPLE_EDGES);
  const cases = ['native-store', 'native-chained', 'shredder', 'redis-lua'];
  const { stdout, rows } = await runBench(t, 'khop', [
    ...['--quick', '--graph', file, '--cases', cases.join(',')],
  ]);
  t.notRegex(stdout, /NOT MEASURED/);
  t.deepEqual(
    rows
      .filter((row) => row['node'] === 0 && row['hops'] === 4)
      .map((row) => row['case'])
      .sort(),
    cases.toSorted(),
  );
  t.is(rows.length, 3 * 4 * cases.length);
  for (const row of rows) t.true(Number(row['minUs']) > 0);
});

test('a responder answers line by line, and says why it ended', async (t) => {
  const echo = startResponder('sh', ['-c', 'while read -r x; do echo "got $x"; done']);
  t.is(await echo.ask('a'), 'got a');
  t.is(await echo.ask('b c'), 'got b c');
  await echo.stop();
  const failing = startResponder('sh', ['-c', 'echo no luck >&2; exit 3']);
  await t.throwsAsync(failing.ask('a'), { message: 'sh ended: no luck' });
});

test("redis-benchmark's rate is read from its CSV", (t) => {
  const csv = '"test","rps","avg_latency_ms","min_latency_ms"\n"SET","133333.33","0.201","0.080"\n';
  t.is(parseRps(csv, 'SET'), 133333.33);
  t.throws(() => parseRps(csv, 'GET'), { message: /no rate of GET/ });
  t.throws(() => parseRps('', 'GET'), { message: /no rate of GET/ });
});

test('throughputs are set side by side', (t) => {
  const row = (name: KvRow['case'], medianRps: number): KvRow => ({
    case: name,
    command: 'GET',
    pipeline: 16,
    medianRps,
    minRps: medianRps - 1,
    maxRps: medianRps + 1,
  });
  t.regex(
    formatKv([row('shredder', 1_500_000), row('redis', 1_000_000)]),
    /GET -P 16 +1,500,000 \(1,499,999 to 1,500,001\) +1,000,000 .* 1\.50$/m,
  );
});

test('replies compare as numbers, texts and bytes, in order where they have one', (t) => {
  t.deepEqual(comparable(['1', 2, 'x', null, '']), [1, 2, 'x', null, '']);
  t.is(comparable(Buffer.from([1, 255])), '01ff');
  t.deepEqual(comparable(['b', '1', 'a', '2'], 2), comparable({ a: 2, b: 1 }, 2));
  t.notDeepEqual(comparable(['b', 'a']), comparable(['a', 'b']));
  t.notDeepEqual(comparable(['b', '1', 'a', '2'], 2), comparable(['b', '2', 'a', '1'], 2));
});

test('answers of two servers that differ end the measurement', (t) => {
  const row = { module: 'hash', operation: 'get', by: 'HGET' } as const;
  t.notThrows(() => requireSameAnswers(row, [1, ['a']], [1, ['a']]));
  t.throws(() => requireSameAnswers(row, [1, 'a'], [1, 'b']), {
    message: 'hash get, request 1: shredder answers "a", redis (HGET) "b"',
  });
  t.throws(() => requireSameAnswers(row, [1], [1, 2]));
});

test('an operation has a line for each way to do it in Redis, with ratios', (t) => {
  const row = (name: LibraryRow['case'], by: string, medianUs: number): LibraryRow[] =>
    [1, 16].map((pipeline) => ({
      module: 'queue',
      operation: 'enqueue',
      case: name,
      by,
      pipeline,
      medianUs: medianUs / pipeline,
      minUs: 1,
      maxUs: 200,
    }));
  const text = formatLibrary([
    ...row('shredder', 'FCALL', 80),
    ...row('redis', 'Lua', 120),
    ...row('redis', 'XADD', 40),
  ]);
  t.regex(text, /^queue: enqueue \| Lua +80\.0 .* 120 \(.* 1\.50x +5\.00 .* 7\.50 .* 1\.50x$/m);
  t.regex(text, /^queue: enqueue \| XADD +80\.0 .* 40\.0 \(.* 0\.50x +5\.00 .* 2\.50 .* 0\.50x$/m);
});

test.serial(
  'bench library gets the same answers of Shredder and Redis, of all modules',
  async (t) => {
    const { rows } = await runBench(t, 'library', ['--quick']);
    for (const module of LIBRARY_MODULES) {
      const own = rows.filter((row) => row['module'] === module && row['case'] === 'shredder');
      t.true(own.length >= 4, module);
    }
    for (const row of rows) {
      const [min, median, max] = ['minUs', 'medianUs', 'maxUs'].map((name) => Number(row[name]));
      t.true(
        (min ?? NaN) <= (median ?? NaN) && (median ?? NaN) <= (max ?? NaN),
        JSON.stringify(row),
      );
      t.true((min ?? 0) > 0);
    }
  },
);
