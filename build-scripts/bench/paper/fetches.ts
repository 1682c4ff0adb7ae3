// Records of which each names the next: a client that fetches one after the other, or one call that does; over networks.
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { formatTable } from '../table.ts';
import type { Figure, FigureOptions, MeasureFigure, PaperRow, PlotFigure } from './figure.ts';
import { libraryRequest } from './library.ts';
import type { Request } from './load_generator.ts';
import {
  formatLateness,
  measureOverNetworks,
  RELAY_LATE,
  type Cell,
  type OverNetworksPlan,
} from './over_networks.ts';
import { findRow, pointOver, spreadCell, valuesOf } from './rows.ts';
import { Samples } from './samples.ts';

const CASES = ['GET', 'FCALL'] as const;
type Case = (typeof CASES)[number];

const QUICK: OverNetworksPlan = { rounds: 3, seconds: 0.05, warmUpSeconds: 0.2 };
const FULL: OverNetworksPlan = { rounds: 9, seconds: 0.3, warmUpSeconds: 0.3 };

/** The first one depends on nothing: one to three that depend on the one before are two to four in all. */
const FETCHES = [1, 2, 3, 4];
const KEYS = 16_384;
/** Chains that are asked for, in turn. */
const STARTS = 512;
const KEY_BYTES = 16;
const RECORD_BYTES = 64;
/** From a record to the next: far away, and through all of them. */
const STEP = 7_919;

export const measure: MeasureFigure = (options) =>
  measureFetches(options, options.quick ? QUICK : FULL);

export async function measureFetches(
  options: FigureOptions,
  plan: OverNetworksPlan,
): Promise<Figure> {
  const samples = new Samples('fetches');
  const records = Array.from({ length: KEYS }, (_, n): Request => ['SET', keyOf(n), recordOf(n)]);
  const cells = FETCHES.flatMap((fetches) => CASES.map((name) => cellOf(name, fetches)));
  const networks = await measureOverNetworks(
    options,
    [await libraryRequest(), ...records],
    cells,
    plan,
    samples,
  );
  const rows = samples.rows();
  return { name: 'fetches', rows, table: `${format(rows)}\n\n${networks}`, missing: [] };
}

function cellOf(name: Case, fetches: number): Cell {
  const operations = Array.from({ length: STARTS }, (_, n) => ({
    request: name === 'GET' ? ['GET', keyOf(n)] : ['FCALL', 'chase', 1, keyOf(n), fetches],
    expect: recordOf((n + (fetches - 1) * STEP) % KEYS),
    payloadBytes: RECORD_BYTES,
  }));
  return {
    name,
    at: { fetches },
    load: { operations, ...(name === 'GET' ? { hops: fetches, keyBytes: KEY_BYTES } : {}) },
    connections: 1,
    record: (result, add) => add('us', result.p50Us),
  };
}

function keyOf(n: number): string {
  return `record:${String(n).padStart(KEY_BYTES - 'record:'.length, '0')}`;
}

/** The next one's key, then its own number. */
function recordOf(n: number): string {
  return `${keyOf((n + STEP) % KEYS)} ${n}`.padEnd(RECORD_BYTES, '.');
}

function format(rows: readonly PaperRow[]): string {
  const lines = valuesOf<string>(rows, 'network').flatMap((network) =>
    valuesOf<number>(rows, 'fetches').map((fetches) => {
      const [get, call] = CASES.map((name) => findRow(rows, name, 'us', { network, fetches }));
      return [`${network}, ${fetches}`, spreadCell(get), spreadCell(call), savedCell(get, call)];
    }),
  );
  return [
    'Records fetched one after the other, each found by the one before: microseconds that a client waits for the last,',
    'median (min to max) of the rounds, and the part of it that a call saves.',
    '',
    formatTable(['network, fetches', 'GET each', 'FCALL once', 'saved'], lines),
    ...formatLateness(rows),
  ].join('\n');
}

function savedCell(get: PaperRow | undefined, call: PaperRow | undefined): string {
  if (get === undefined || call === undefined) return '';
  return `${(100 * (1 - call.median / get.median)).toFixed(0)} %`;
}

const STYLES: Readonly<Record<Case, Style>> = {
  GET: { color: '#d55e00', label: 'GET, one after the other' },
  FCALL: { color: '#0072b2', label: 'FCALL, once' },
};
const PANEL = { width: 385, height: 200, pitch: 305 };
const LEFTS = [LEFT, 545];

/** All networks: a panel for each. */
export const plot: PlotFigure = (all, subtitle) => {
  const rows = all.filter((row) => row.case !== RELAY_LATE);
  const x = logScaleAcross(valuesOf<number>(rows, 'fetches'), PANEL.width, String);
  const y = logScaleUp(
    rows.flatMap((row) => [row.min, row.max]),
    PANEL.height,
  );
  return drawPlot({
    title: 'Records of which each names the next, over networks',
    subtitle,
    legend: CASES.map((name) => STYLES[name]),
    panels: valuesOf<string>(rows, 'network').map((network, index) => ({
      ...PANEL,
      title: network,
      left: LEFTS[index % LEFTS.length] ?? LEFT,
      top: ABOVE_PANELS + Math.floor(index / LEFTS.length) * PANEL.pitch,
      x,
      y,
      xLabel: 'records in all (log scale)',
      yLabel: 'us a client waits (log scale)',
      series: CASES.map((name) => ({
        color: STYLES[name].color,
        points: rows
          .filter((row) => row.case === name && row.at['network'] === network)
          .map(pointOver('fetches')),
        joined: true,
      })),
    })),
  });
};
