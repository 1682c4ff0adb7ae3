// The figures of the paper's evaluation: a tiny run of each, what they compute and draw, and the programs that put
// load on a server and emulate a network.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { measureWork, plot as plotWork } from '../build-scripts/bench/paper/density_of_work.ts';
import { measureFetches, plot as plotFetches } from '../build-scripts/bench/paper/fetches.ts';
import type { Figure, FigureOptions, PaperRow } from '../build-scripts/bench/paper/figure.ts';
import { LoadGenerator, type Operation } from '../build-scripts/bench/paper/load_generator.ts';
import { findPlace, openNetworks } from '../build-scripts/bench/paper/network.ts';
import { formatFigures } from '../build-scripts/bench/paper/paper.ts';
import {
  measureProjection,
  plot as plotProjection,
} from '../build-scripts/bench/paper/projection.ts';
import { findRow, spreadCell, valuesOf } from '../build-scripts/bench/paper/rows.ts';
import { Samples } from '../build-scripts/bench/paper/samples.ts';
import { measureTenants, plot as plotTenants } from '../build-scripts/bench/paper/tenants.ts';
import { startResponder } from '../build-scripts/bench/responder.ts';
import { loadConfig } from '../build-scripts/config.ts';
import { assertDrawnWithin, countLines, runBench } from './support/bench.ts';
import { shredder } from './support/command_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { builtRuntime, ONE_SHARD, startServer } from './support/server.ts';

const OPTIONS: FigureOptions = { config: loadConfig(), quick: true, note: () => {} };
const TINY = { rounds: 1, seconds: 0.01, warmUpSeconds: 0.01 };

/** Each row of a figure is one, and has a spread. */
function assertRows(t: ExecutionContext, { name, rows }: Figure): void {
  const keys = rows.map((row) => JSON.stringify([row.case, row.at, row.unit]));
  t.is(new Set(keys).size, keys.length);
  for (const row of rows) {
    const text = JSON.stringify(row);
    t.is(row.figure, name, text);
    t.true(row.min >= 0 && row.min <= row.median && row.median <= row.max, text);
  }
}

test('the first bytes of values are measured over each network, by each way to ask for them', async (t) => {
  const figure = await measureProjection(OPTIONS, { ...TINY, valueBytes: [64, 4_096] });
  assertRows(t, figure);
  const networks = valuesOf<string>(figure.rows, 'network');
  t.is(networks[0], 'loopback');
  t.true(networks.includes('20 us, 10 Gbit/s'));
  for (const network of networks) {
    for (const bytes of [64, 4_096]) {
      for (const name of ['GET', 'GETRANGE', 'FCALL']) {
        for (const unit of ['us', 'ops/s', 'bytes']) {
          const row = findRow(figure.rows, name, unit, { network, bytes });
          t.true((row?.median ?? 0) > 0, `${network} ${bytes} ${name} ${unit}`);
        }
      }
      const bytesOf = (name: string): number =>
        findRow(figure.rows, name, 'bytes', { network, bytes })?.median ?? 0;
      t.true(bytesOf('GET') > bytes && bytesOf('FCALL') < bytes + 64);
    }
  }
  t.regex(figure.table, /^loopback, 4 KiB +[\d.,]+ /m);
  assertDrawnWithin(t, plotProjection(figure.rows, ''));
});

test('dependent fetches are measured over each network, by a client and by a function', async (t) => {
  const figure = await measureFetches(OPTIONS, TINY);
  assertRows(t, figure);
  const networks = valuesOf<string>(figure.rows, 'network');
  for (const network of networks) {
    for (const fetches of [1, 2, 3, 4]) {
      for (const name of ['GET', 'FCALL']) {
        const row = findRow(figure.rows, name, 'us', { network, fetches });
        t.true((row?.median ?? 0) > 0, `${network} ${fetches} ${name}`);
      }
    }
  }
  t.regex(figure.table, /^loopback, 4 +[\d.,]+ .* -?\d+ %$/m);
  t.regex(figure.table, /\n\nNetworks are emulated by .*\.$/);
  const svg = plotFetches(figure.rows, '');
  assertDrawnWithin(t, svg);
  t.is(countLines(svg), 2 * networks.length);
});

test('tenants are measured at parts of their peak: one alone, and more by both ways of calling', async (t) => {
  const plan = { tenants: [1, 3], rounds: 1, peakSeconds: 0.05, seconds: 0.05 };
  const figure = await measureTenants(OPTIONS, plan);
  assertRows(t, figure);
  t.deepEqual(figure.missing, []);
  for (const [tenants, cases] of [
    [1, ['uniform']],
    [3, ['uniform', 'Zipf']],
  ] as const) {
    for (const name of cases) {
      t.true((findRow(figure.rows, name, 'ops/s', { tenants, loadPercent: 100 })?.median ?? 0) > 0);
      for (const loadPercent of [50, 80]) {
        const [p50, p99, p999] = ['50', '99', '99.9'].map(
          (percentile) =>
            findRow(figure.rows, name, 'us', { tenants, loadPercent, percentile })?.median ?? NaN,
        );
        t.true(p50! > 0 && p50! <= p99! && p99! <= p999!, `${tenants} ${name} ${loadPercent}`);
      }
    }
  }
  t.is(findRow(figure.rows, 'Zipf', 'us', { tenants: 1 }), undefined);
  assertDrawnWithin(t, plotTenants(figure.rows, ''));
});

test('more tenants than memory has room for are said to be missing', async (t) => {
  const plan = { tenants: [1_000_000_000], rounds: 1, peakSeconds: 0.05, seconds: 0.05 };
  const { rows, missing } = await measureTenants(OPTIONS, plan);
  t.deepEqual(rows, []);
  t.regex(missing.join(), /^NOT MEASURED: 1,000,000,000 tenants: .* MiB that are free$/);
});

test('functions of one core are measured with each number of requests under way', async (t) => {
  const figure = await measureWork(OPTIONS, TINY);
  assertRows(t, figure);
  for (const pipeline of [1, 4, 16, 64]) {
    for (const name of ['GET', 'FCALL']) {
      const [cpuUs, one, sixteen] = ['CPU us', 'ops/s of one core', 'ops/s of 16 cores'].map(
        (unit) => findRow(figure.rows, name, unit, { pipeline })?.median ?? NaN,
      );
      t.true(Math.abs(one! * cpuUs! - 1e6) < 1 && Math.abs(sixteen! / one! - 16) < 1e-9);
    }
  }
  const svg = plotWork(figure.rows, '');
  assertDrawnWithin(t, svg);
  t.true(svg.includes('the paper, 16 cores'));
});

test('samples of one case make one row, in the order of the cases', (t) => {
  const samples = new Samples('fetches');
  for (const value of [3, 1, 2]) {
    samples.add('GET', { fetches: 2 }, 'us', value);
    samples.add('FCALL', { fetches: 2 }, 'us', 10 * value);
  }
  const rows: PaperRow[] = samples.rows();
  t.deepEqual(
    rows.map(({ case: name, median, min, max }) => [name, median, min, max]),
    [
      ['GET', 2, 1, 3],
      ['FCALL', 20, 10, 30],
    ],
  );
  t.is(spreadCell(findRow(rows, 'FCALL', 'us', { fetches: 2 })), '20.0 (10.0 to 30.0)');
  t.is(spreadCell(findRow(rows, 'FCALL', 'us', { fetches: 3 })), '');
});

test('figures have their names above, and what is missing below', (t) => {
  const text = formatFigures([
    { name: 'fetches', rows: [], table: 'the table', missing: ['NOT MEASURED: one', 'and why'] },
    { name: 'density', rows: [], table: '', missing: [] },
  ]);
  t.is(text, '# fetches\n\nthe table\n\nNOT MEASURED: one\n\nand why\n\n# density');
});

const PING: Operation = { request: ['PING'], expect: 'PONG', payloadBytes: 4 };

test('a reply over an emulated network takes its round trip at least, however large it is', async (t) => {
  const { binDir } = await builtRuntime();
  const server = await startServer({ flags: ONE_SHARD });
  const generator = LoadGenerator.start(binDir);
  const networks = await openNetworks(
    { how: 'relay', note: '', enter: [], leave: async () => {} },
    binDir,
    server.port,
  );
  try {
    const bytes = 1_000_000;
    const value = 'x'.repeat(bytes);
    await generator.connect(server.port, [[['SET', 'large', value]]]);
    const roundTripUs = 20_000;
    const port = await networks.use({ name: '', emulated: { roundTripUs, gbitPerS: 0.1 } });
    await generator.connect(port, [[]]);
    const get: Operation = { request: ['GET', 'large'], expect: value, payloadBytes: bytes };
    for (const operation of [PING, get]) {
      const result = await generator.closed({ operations: [operation], seconds: 0 }, 1);
      t.is(result.operations, 1);
      const onTheLinkUs = operation === get ? (8 * bytes) / 100 : 0;
      t.true(result.p50Us >= roundTripUs + onTheLinkUs, `${result.p50Us} us`);
    }
    const late = await networks.lateness();
    t.true(late !== undefined && late.chunks > 2 && late.p50Us >= 0 && late.p99Us >= late.p50Us);
  } finally {
    await networks.close();
    await generator.stop();
    await server.stop();
  }
});

test('an open loop has as many operations as its rate says, about, and on any connection', async (t) => {
  const { binDir } = await builtRuntime();
  const server = await startServer({ flags: ONE_SHARD });
  const generator = LoadGenerator.start(binDir);
  try {
    await generator.connect(
      server.port,
      Array.from({ length: 10 }, () => []),
    );
    for (const poll of [false, true]) {
      const load = { operations: [PING], skew: 0.99, seconds: 0.5 };
      const result = await generator.open(load, 4_000, poll);
      // 2,000 expected, with a standard deviation of 45.
      t.true(result.operations > 1_600 && result.operations < 2_400, `${result.operations}`);
      t.true(result.p50Us > 0 && result.lateP50Us >= 0 && result.busy > 0);
    }
    const all = await generator.closed({ operations: [PING], seconds: 0 }, 3);
    t.is(all.operations, 30);
    const window = await generator.window({ operations: [PING], skew: 0, seconds: 0 }, 7);
    t.is(window.operations, 7);
  } finally {
    await generator.stop();
    await server.stop();
  }
});

test('a chain of fetches ends at the right record', async (t) => {
  const { binDir } = await builtRuntime();
  const server = await startServer({ flags: ONE_SHARD });
  const generator = LoadGenerator.start(binDir);
  try {
    await generator.connect(server.port, [
      [
        ['SET', 'a', 'b.'],
        ['SET', 'b', 'c.'],
        ['SET', 'c', 'end'],
      ],
    ]);
    const chain: Operation = { request: ['GET', 'a'], expect: 'end', payloadBytes: 3 };
    const result = await generator.closed(
      { operations: [chain], hops: 3, keyBytes: 1, seconds: 0 },
      1,
    );
    t.is(result.operations, 1);
  } finally {
    await generator.stop();
    await server.stop();
  }
});

test('a reply that is not what it must be, or an error, ends the load with its reason', async (t) => {
  const { binDir } = await builtRuntime();
  const server = await startServer({ flags: ONE_SHARD });
  try {
    for (const [operation, reason] of [
      [{ ...PING, expect: 'PANG' }, /begins with "PONG"; it must have 4 and begin with "PANG"/],
      [{ ...PING, payloadBytes: 5 }, /a reply has 4 bytes .* must have 5/],
      [{ ...PING, request: ['NO-SUCH-COMMAND'] }, /the server replied ERR unknown command/],
      [{ ...PING, request: ['GET', 'absent'] }, /has no value where there must be one/],
    ] as const) {
      const generator = LoadGenerator.start(binDir);
      await generator.connect(server.port, [[]]);
      await t.throwsAsync(generator.closed({ operations: [operation], seconds: 0 }, 1), {
        message: reason,
      });
      await generator.stop();
    }
  } finally {
    await server.stop();
  }
});

test('the programs say what orders they take', async (t) => {
  const { binDir } = await builtRuntime();
  const load = startResponder(path.join(binDir, 'shredder-load'), []);
  await t.throwsAsync(load.ask('{"order": "closed"}'), { message: /there are no connections/ });
  const relay = startResponder(path.join(binDir, 'shredder-relay'), ['1']);
  t.regex(await relay.next(), /^\d+$/);
  await t.throwsAsync(relay.ask('set 20'), { message: /is no order; write "set ROUND_TRIP_US/ });
  await load.stop();
  await relay.stop();
});

test('the relay passes on what is under way, however long the machine has no time for it', async (t) => {
  const { binDir } = await builtRuntime();
  const server = await startServer({ flags: ONE_SHARD });
  const load = LoadGenerator.start(binDir);
  const relay = startResponder(path.join(binDir, 'shredder-relay'), [String(server.port)]);
  const port = Number(await relay.next());
  t.is(await relay.ask('set 80000 0'), 'ok');
  // Many, through which it looks between reading the clock and waiting: where a stop does harm.
  const connections = Array.from({ length: 1_000 }, () => []);
  await load.connect(port, connections);
  for (let turn = 0; turn < 20; turn++) {
    const answer = load.window({ operations: [PING], skew: 0, seconds: 0 }, 1);
    await setTimeout(5 * Math.random());
    process.kill(relay.pid!, 'SIGSTOP');
    // Longer than it polls after the last bytes.
    await setTimeout(25);
    process.kill(relay.pid!, 'SIGCONT');
    t.is((await answer).operations, 1);
  }
  await load.stop();
  await relay.stop();
  await server.stop();
});

test('what emulates networks is said, with the reason where it is not the kernel', async (t) => {
  const place = await findPlace();
  await place.leave();
  t.regex(
    place.note,
    place.how === 'netem' ? /by the kernel's netem/ : /by a relay, as .* cannot be used: .+\.$/,
  );
});

test('a figure that there is not is refused', async (t) => {
  const { exitCode, stderr } = await shredder(['bench', 'paper', '--figure', 'fetches,speed']);
  t.is(exitCode, 1);
  t.regex(stderr, /--figure has "speed", which is none\n.*Known: projection, .*, all\./);
});

test.serial('bench paper prints, writes and draws what it has measured', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'plots');
  const { stdout, rows } = await runBench(t, 'paper', [
    ...['--quick', '--figure', 'density', '--plot', folder],
  ]);
  t.regex(stdout, /^# density$/m);
  t.regex(stdout, /^FCALL, 64 +[\d,.]+ /m);
  t.deepEqual([...new Set(rows.map((row) => row['figure']))], ['density']);
  t.regex(await readFile(path.join(folder, 'density.svg'), 'utf8'), /^<svg .*<\/svg>\s*$/s);
  const png = await readFile(path.join(folder, 'density.png'));
  t.is(png.subarray(1, 4).toString('latin1'), 'PNG');
});
