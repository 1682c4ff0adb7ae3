// How long calls take beside those of many other tenants, each with a function of its own, at a part of the load that
// the server can bear: an open loop, so that a slow answer makes nobody ask less.
import { availableParallelism, freemem } from 'node:os';
import path from 'node:path';
import { startServer } from '../../server/shredderd.ts';
import { accountOf, createTenants, manyTenantsConfig } from '../many_tenants.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { spreadOf } from '../statistics.ts';
import { formatBytes, formatCount, formatTable } from '../table.ts';
import type { Figure, FigureOptions, MeasureFigure, PaperRow, PlotFigure } from './figure.ts';
import { LoadGenerator, type Load, type LoadResult, type Request } from './load_generator.ts';
import { findRow, pointOver, spreadCell, valuesOf } from './rows.ts';
import { DEADLINE_MS, runtimeOf } from './runtime.ts';
import { Samples } from './samples.ts';

const CASES = ['uniform', 'Zipf'] as const;
type Case = (typeof CASES)[number];
/** The exponent of the usual benchmarks of key-value stores. */
const SKEWS: Readonly<Record<Case, number>> = { uniform: 0, Zipf: 0.99 };
const PERCENTILES = { '50': 'p50Us', '99': 'p99Us', '99.9': 'p999Us' } as const;
const LOAD_PERCENTS = [50, 80];
/** In the `case` of rows that say how late the generator began, at its 99th percentile. */
const GENERATOR_LATE = 'generator, late by';

export interface TenantsPlan {
  tenants: readonly number[];
  rounds: number;
  /** Of a measurement of the peak, and of one at a part of it. */
  peakSeconds: number;
  seconds: number;
}

const QUICK: TenantsPlan = { tenants: [1, 100, 1_000], rounds: 3, peakSeconds: 0.3, seconds: 0.5 };
const FULL: TenantsPlan = {
  tenants: [1, 100, 1_000, 10_000],
  rounds: 5,
  peakSeconds: 1,
  seconds: 3,
};

/** Calls under way at a time where the peak is measured. */
const WINDOW = 64;
/** A shard keeps the JavaScript of 5,632 tenants, and tenants are not spread over shards exactly. */
const TENANTS_A_SHARD = 5_500;
/** No tenant's JavaScript is given up meanwhile. */
const IDLE_AFTER_MS = 3_600_000;
const SHARD_SILENCE_MS = 10_000;
/** What a tenant with its JavaScript takes, and some room. */
const TENANT_BYTES = 700 * 1024;
const KEY = 'number';

export const measure: MeasureFigure = (options) =>
  measureTenants(options, options.quick ? QUICK : FULL);

export async function measureTenants(
  { config }: FigureOptions,
  plan: TenantsPlan,
): Promise<Figure> {
  const { binDir } = await runtimeOf(config);
  const cores = availableParallelism();
  // The same for all numbers of tenants, and a core for the generator, where there are as many.
  const least = Math.ceil(Math.max(...plan.tenants) / TENANTS_A_SHARD);
  const shards = Math.max(least, cores - 1);
  const samples = new Samples('tenants');
  const missing: string[] = [];
  for (const tenants of plan.tenants) {
    if (tenants * TENANT_BYTES > freemem()) {
      missing.push(
        `NOT MEASURED: ${formatCount(tenants)} tenants: they take up to ${formatBytes(tenants * TENANT_BYTES)}, ` +
          `which is more than the ${Math.round(freemem() / 1024 ** 2)} MiB that are free`,
      );
      continue;
    }
    await measureNumber(binDir, tenants, { ...plan, shards, poll: cores > shards }, samples);
  }
  const rows = samples.rows();
  const table = format(rows, `shards: ${shards}, cores: ${cores}`);
  return { name: 'tenants', rows, table, missing };
}

async function measureNumber(
  binDir: string,
  tenants: number,
  plan: TenantsPlan & { shards: number; poll: boolean },
  samples: Samples,
): Promise<void> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    config: manyTenantsConfig([
      `shards = ${plan.shards}`,
      `idle-after-ms = ${IDLE_AFTER_MS}`,
      `deadline-ms = ${DEADLINE_MS}`,
      `load-deadline-ms = ${DEADLINE_MS}`,
      // On a busy machine a shard may be held up for longer than the supervisor is patient.
      `shard-silence-ms = ${SHARD_SILENCE_MS}`,
    ]),
  });
  const generator = LoadGenerator.start(binDir);
  try {
    await createTenants(server, 'isolate', tenants);
    // Few tenants have several connections each, so that none has to wait for another's reply.
    const numbers = Array.from({ length: Math.max(tenants, WINDOW) }, (_, n) => n % tenants);
    await generator.connect(
      server.port,
      numbers.map((n, index) => greetingsOf(n, index < tenants)),
    );
    const operations = numbers.map((n) => {
      const expect = String(2 * n);
      return { request: ['FCALL', 'own', 1, KEY], expect, payloadBytes: expect.length };
    });
    // Each tenant is called before it counts.
    await generator.closed({ operations, seconds: 0 }, 1);
    const peaks = await measurePeaks(generator, operations, tenants, plan, samples);
    const cells = LOAD_PERCENTS.flatMap((loadPercent) =>
      casesOf(tenants).map((name) => ({ name, loadPercent })),
    );
    for (let round = 0; round < plan.rounds; round++) {
      for (const { name, loadPercent } of round % 2 === 0 ? cells : cells.toReversed()) {
        const rate = ((peaks[name] ?? 0) * loadPercent) / 100;
        const load = { operations, skew: SKEWS[name], seconds: plan.seconds };
        const result = await generator.open(load, rate, plan.poll);
        record(samples, name, { tenants, loadPercent }, result);
      }
    }
  } finally {
    await generator.stop();
    await server.stop();
  }
}

/** What a connection of a tenant begins with; its first one gives it its number, in its store and in its library's text. */
function greetingsOf(n: number, isFirst: boolean): Request[] {
  const auth: Request = ['AUTH', ...accountOf(n)];
  if (!isFirst) return [auth];
  const library = `#!js name=own
import { HTGetString } from 'shredder:store';
const NUMBER = ${n};
export function own(keys) { return Number(HTGetString(keys[0])) + NUMBER; }`;
  return [auth, ['SET', KEY, n], ['FUNCTION', 'LOAD', library]];
}

/** Calls a second with as many under way as the server can use; the first round does not count. */
async function measurePeaks(
  generator: LoadGenerator,
  operations: Load['operations'],
  tenants: number,
  plan: TenantsPlan,
  samples: Samples,
): Promise<Partial<Record<Case, number>>> {
  const rates: Record<Case, number[]> = { uniform: [], Zipf: [] };
  for (let round = 0; round <= plan.rounds; round++) {
    for (const name of round % 2 === 0 ? casesOf(tenants) : casesOf(tenants).toReversed()) {
      const load = { operations, skew: SKEWS[name], seconds: plan.peakSeconds };
      const result = await generator.window(load, WINDOW);
      if (round === 0) continue;
      const rate = result.operations / result.seconds;
      rates[name].push(rate);
      samples.add(name, { tenants, loadPercent: 100 }, 'ops/s', rate);
    }
  }
  const peaks = casesOf(tenants).map((name) => [name, spreadOf(rates[name]).median]);
  return Object.fromEntries(peaks) as Partial<Record<Case, number>>;
}

/** All calls to one tenant are alike. */
function casesOf(tenants: number): readonly Case[] {
  return tenants === 1 ? ['uniform'] : CASES;
}

function record(samples: Samples, name: Case, at: PaperRow['at'], result: LoadResult): void {
  for (const [percentile, field] of Object.entries(PERCENTILES)) {
    samples.add(name, { ...at, percentile }, 'us', result[field]);
  }
  samples.add(name, at, 'ops/s', result.operations / result.seconds);
  samples.add(GENERATOR_LATE, { ...at, calls: name }, 'us', result.lateP99Us);
}

function format(rows: readonly PaperRow[], server: string): string {
  const lines = valuesOf<number>(rows, 'tenants').flatMap((tenants) =>
    casesOf(tenants).flatMap((name) =>
      LOAD_PERCENTS.map((loadPercent) => {
        const at = { tenants, loadPercent };
        return [
          `${formatCount(tenants)}, ${name}, ${loadPercent} %`,
          spreadCell(findRow(rows, name, 'ops/s', at)),
          ...Object.keys(PERCENTILES).map((percentile) =>
            spreadCell(findRow(rows, name, 'us', { ...at, percentile })),
          ),
          spreadCell(findRow(rows, GENERATOR_LATE, 'us', { ...at, calls: name })),
        ];
      }),
    ),
  );
  return [
    `Calls to so many tenants, each with a function of its own (${server}), at a part of the peak: calls a second, and`,
    'microseconds from when a call was to begin to its reply: median (min to max) of the rounds. `late`: by how much the',
    "generator began calls too late, at its 99th percentile, which is in the figures; it has the server's machine.",
    '',
    formatTable(
      [
        'tenants, calls, load',
        'calls/s',
        ...Object.keys(PERCENTILES).map((percentile) => `p${percentile} us`),
        'late p99 us',
      ],
      lines,
    ),
  ].join('\n');
}

const STYLES: Readonly<Record<string, Style>> = {
  '50': { color: '#0072b2', label: 'median' },
  '99': { color: '#e69f00', label: '99th percentile' },
  '99.9': { color: '#d55e00', label: '99.9th percentile' },
};
const PANEL = { width: 385, height: 240, pitch: 345 };
const LEFTS = [LEFT, 545];

/** A panel for each way of calling and load, over the number of tenants. */
export const plot: PlotFigure = (rows, subtitle) => {
  const latencies = rows.filter((row) => row.unit === 'us' && row.case !== GENERATOR_LATE);
  const x = logScaleAcross(valuesOf<number>(latencies, 'tenants'), PANEL.width, formatCount);
  const y = logScaleUp(
    latencies.flatMap((row) => [row.min, row.max]),
    PANEL.height,
  );
  const panels = LOAD_PERCENTS.flatMap((loadPercent) =>
    CASES.map((name) => ({ name, loadPercent })),
  );
  return drawPlot({
    title: 'Calls to many tenants, in an open loop',
    subtitle,
    legend: Object.values(STYLES),
    panels: panels.map(({ name, loadPercent }, index) => ({
      ...PANEL,
      title: `${name}, ${loadPercent} % of the peak`,
      left: LEFTS[index % LEFTS.length] ?? LEFT,
      top: ABOVE_PANELS + Math.floor(index / LEFTS.length) * PANEL.pitch,
      x,
      y,
      xLabel: 'tenants (log scale)',
      yLabel: 'us until the reply (log scale)',
      series: Object.entries(STYLES).map(([percentile, { color }]) => ({
        color,
        points: latencies
          .filter(
            ({ case: of, at }) =>
              of === name && at['loadPercent'] === loadPercent && at['percentile'] === percentile,
          )
          .map(pointOver('tenants')),
        joined: true,
      })),
    })),
  });
};
