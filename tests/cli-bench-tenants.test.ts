// The benches of many tenants and of noisy ones: what their reports compute and draw, and a small run of each.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  DENSITY_CASES,
  formatDensity,
  measureDensity,
  QUICK_DENSITY,
  type DensityPlan,
  type DensityRow,
} from '../build-scripts/bench/density.ts';
import { plotDensity } from '../build-scripts/bench/density_plot.ts';
import { HeldUpMeter } from '../build-scripts/bench/held_up.ts';
import {
  formatNeighbours,
  measureNeighbours,
  NEIGHBOURS,
  NEIGHBOURS_CASES,
  QUIET_REQUESTS,
  type NeighboursPlan,
  type NeighboursRow,
} from '../build-scripts/bench/neighbours.ts';
import { plotNeighbours } from '../build-scripts/bench/neighbours_plot.ts';
import { NOISES } from '../build-scripts/bench/noise.ts';
import type { Spread } from '../build-scripts/bench/statistics.ts';
import { assertDrawnWithin, countLines, pointsIn, runBench } from './support/bench.ts';
import { temporaryFolder } from './support/folder.ts';
import { builtRuntime } from './support/server.ts';

test('many tenants are measured in each case: each figure there is, beside Redis', async (t) => {
  const { binDir } = await builtRuntime();
  const plan: DensityPlan = {
    cases: DENSITY_CASES,
    tenants: [3],
    rounds: 1,
    calls: 200,
    idleAfterMs: 300,
    settledSeconds: 0,
  };
  const result = await measureDensity(binDir, plan, () => {});
  t.deepEqual(
    result.rows.map(({ case: name, tenants }) => [name, tenants]),
    DENSITY_CASES.map((name) => [name, 3]),
  );
  t.deepEqual(result.notes, []);
  for (const row of result.rows.filter(({ case: name }) => name !== 'redis')) {
    for (const us of [row.coldUs?.median, row.coldUs?.p99, row.sameUs, row.switchUs]) {
      t.true(Number(us) > 0);
    }
    for (const bytes of [row.bareBytes, row.loadedBytes, row.idleBytes]) {
      t.true(Number.isFinite(bytes));
    }
  }
  for (const { one, spread } of result.rows) {
    for (const load of [one, spread]) t.true(load.medianRps > 0 && load.medianCpuUs > 0);
  }
  const text = formatDensity(result);
  t.regex(text, /^3 +isolate( +[\d,.-]+){7}$/m);
  for (const name of DENSITY_CASES) t.regex(text, new RegExp(`^3 +${name}( +[\\d,.]+){6}$`, 'm'));
});

test('a number of tenants that a case cannot have is a note', async (t) => {
  const { binDir } = await builtRuntime();
  const plan: DensityPlan = { ...QUICK_DENSITY, cases: ['process'], tenants: [1_001] };
  const result = await measureDensity(binDir, plan, () => {});
  t.deepEqual(result.rows, []);
  t.regex(result.notes.join(), /^NOT MEASURED: process, 1,001 tenants: [^,]+, of which/);
  t.true(formatDensity(result).endsWith(result.notes.join()));
});

test('the plot of many tenants has a panel a figure, and a line for each case that has it', (t) => {
  const rows = DENSITY_CASES.flatMap((name, index) =>
    [1, 100, 10_000].map((tenants): DensityRow => {
      const load = { medianRps: 50_000 / (index + 1), medianCpuUs: 10 * (index + 1) };
      const own = {
        bareBytes: 20_000,
        loadedBytes: 900_000 + tenants,
        idleBytes: -5_000,
        coldUs: { median: 2_000, p99: 6_000 },
        sameUs: 30,
        switchUs: 70,
      };
      return { case: name, tenants, ...(name === 'redis' ? {} : own), one: load, spread: load };
    }),
  );
  const svg = plotDensity(rows, 'a machine');
  t.is(countLines(svg), 6 * (DENSITY_CASES.length - 1) + 4 * DENSITY_CASES.length);
  for (const label of ['JavaScript given up', ...DENSITY_CASES, '10,000', 'KiB a tenant']) {
    t.true(svg.includes(label), label);
  }
  assertDrawnWithin(t, svg);
});

/** Small and short: what it measures are the rows, not times. */
const NEIGHBOURS_PLAN: NeighboursPlan = {
  cases: NEIGHBOURS_CASES,
  noises: NOISES,
  rounds: 1,
  seconds: 0.1,
  size: { keys: 2_500, idleConnections: 20 },
};

test('a quiet tenant is measured alone and beside each noise, in each case', async (t) => {
  const { binDir } = await builtRuntime();
  const rows = await measureNeighbours(binDir, NEIGHBOURS_PLAN, () => {});
  t.deepEqual(
    rows.map(({ case: name, noise, request }) => [name, noise, request]),
    NEIGHBOURS_CASES.flatMap((name) =>
      NEIGHBOURS.flatMap((noise) => QUIET_REQUESTS.map((request) => [name, noise, request])),
    ),
  );
  for (const row of rows) {
    const text = JSON.stringify(row);
    // Beside a noise a slow machine may answer nobody in so short a time.
    if (row.noise === 'none') {
      t.true(row.requests + row.leftOut > 0, text);
      t.is(row.noiseRps, 0, text);
    }
    t.true(row.requests >= 0 && row.leftOut >= 0 && row.noiseRps >= 0, text);
    const { p50Us, p99Us, p999Us } = row;
    t.is(p50Us !== undefined, row.requests > 0, text);
    if (p50Us === undefined || p99Us === undefined || p999Us === undefined) continue;
    t.true(p50Us.median > 0 && p50Us.median <= p99Us.median, text);
    t.true(p99Us.median <= p999Us.median, text);
  }
});

function neighboursRows(): NeighboursRow[] {
  return NEIGHBOURS_CASES.flatMap((name) =>
    NEIGHBOURS.flatMap((noise, index) =>
      QUIET_REQUESTS.map((request): NeighboursRow => {
        const us = (value: number): Spread => ({
          median: value * (index + 1),
          min: value,
          max: 10 * value,
        });
        return {
          case: name,
          noise,
          request,
          requests: 1_234,
          leftOut: 5,
          p50Us: us(100),
          p99Us: us(200),
          p999Us: us(300),
          noiseRps: noise === 'none' ? 0 : 77,
        };
      }),
    ),
  );
}

test('a quiet tenant has a table for each case, with its ratios to being alone', (t) => {
  const rows = neighboursRows();
  const text = formatNeighbours(rows);
  t.deepEqual(
    [...text.matchAll(/^(\S+) +p50 /gm)].map((match) => match[1]),
    [...NEIGHBOURS_CASES],
  );
  t.regex(text, /^alone: PING +100 \(100 to 1,000\) +200 .* 1\.00x +1,234 +5$/m);
  t.regex(text, /^cpu: FCALL +200 \(100 to 1,000\) +400 .* 2\.00x +1,234 +5 +77\.0$/m);
});

test('what no request counted of has empty cells, and no point', (t) => {
  const counted = neighboursRows();
  const [first, ...others] = counted;
  const { p50Us: _p50, p99Us: _p99, p999Us: _p999, ...held } = first!;
  const rows = [{ ...held, requests: 0, leftOut: 9 }, ...others];
  t.regex(formatNeighbours(rows), /^alone: PING +0 +9$/m);
  const points = (drawn: readonly NeighboursRow[]): number =>
    pointsIn(plotNeighbours(drawn, '')).length;
  t.is(points(rows), points(counted) - 1);
});

test('the plot of a quiet tenant has a panel a case, and in it a point a noise and request', (t) => {
  const svg = plotNeighbours(neighboursRows(), 'a machine');
  t.is(pointsIn(svg).length, NEIGHBOURS_CASES.length * NEIGHBOURS.length * QUIET_REQUESTS.length);
  for (const label of ['alone', ...NOISES, ...NEIGHBOURS_CASES, ...QUIET_REQUESTS]) {
    t.true(svg.includes(`>${label}<`), label);
  }
  assertDrawnWithin(t, svg);
});

test.serial('bench neighbours prints, writes and plots what it has measured', async (t) => {
  const plot = path.join(await temporaryFolder(t), 'neighbours.svg');
  const { stdout, rows } = await runBench(t, 'neighbours', [
    ...['--quick', '--cases', 'other-shard', '--noises', 'flood', '--plot', plot],
  ]);
  t.regex(stdout, /^flood: GET /m);
  t.deepEqual(
    rows.map((row) => `${row['case']} ${row['noise']} ${row['request']}`),
    ['none', 'flood'].flatMap((noise) =>
      QUIET_REQUESTS.map((request) => `other-shard ${noise} ${request}`),
    ),
  );
  t.regex(await readFile(plot, 'utf8'), /^<svg .*<\/svg>\s*$/s);
});

test('a process knows for how long it had no processor', (t) => {
  const heldUp = new HeldUpMeter();
  const before = heldUp.read();
  t.true(before >= 0);
  t.true(heldUp.read() >= before);
  heldUp.close();
});
