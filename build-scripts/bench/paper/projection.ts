// The first 4 bytes of a value: the client gets the value whole, or asks for these bytes; over networks.
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import { formatBytes, formatCount, formatRatio, formatTable } from '../table.ts';
import type { Figure, FigureOptions, MeasureFigure, PaperRow, PlotFigure } from './figure.ts';
import { libraryRequest } from './library.ts';
import type { Operation, Request } from './load_generator.ts';
import {
  formatLateness,
  measureOverNetworks,
  RELAY_LATE,
  type Cell,
  type OverNetworksPlan,
} from './over_networks.ts';
import { findRow, pointOver, spreadCell, valuesOf } from './rows.ts';
import { Samples } from './samples.ts';

/** What asks for the bytes. `GETRANGE` is how Redis is asked for a part that needs no function. */
const CASES = ['GET', 'GETRANGE', 'FCALL'] as const;
type Case = (typeof CASES)[number];

export interface ProjectionPlan extends OverNetworksPlan {
  valueBytes: readonly number[];
}

const QUICK: ProjectionPlan = {
  valueBytes: [64, 4_096, 65_536],
  rounds: 3,
  seconds: 0.04,
  warmUpSeconds: 0.2,
};
const FULL: ProjectionPlan = {
  valueBytes: [64, 256, 1_024, 4_096, 16_384, 65_536],
  rounds: 7,
  seconds: 0.25,
  warmUpSeconds: 0.3,
};

const FIRST_BYTES = 4;
/** Clients at a time where operations a second are measured; a single one's wait is the latency. */
const CLIENTS = 16;
/** Values of one size, so that not all of them lie in the nearest caches. */
const MAX_KEYS = 512;
const DATA_BYTES = 16 * 1024 ** 2;

export const measure: MeasureFigure = (options) =>
  measureProjection(options, options.quick ? QUICK : FULL);

export async function measureProjection(
  options: FigureOptions,
  plan: ProjectionPlan,
): Promise<Figure> {
  const samples = new Samples('projection');
  const setUp = [await libraryRequest(), ...plan.valueBytes.flatMap(storeValues)];
  const cells = plan.valueBytes.flatMap((bytes) =>
    [1, CLIENTS].flatMap((clients) => CASES.map((name) => cellOf(name, bytes, clients))),
  );
  const networks = await measureOverNetworks(options, setUp, cells, plan, samples);
  const rows = samples.rows();
  return { name: 'projection', rows, table: `${format(rows)}\n\n${networks}`, missing: [] };
}

function cellOf(name: Case, bytes: number, clients: number): Cell {
  return {
    name,
    at: { bytes, clients },
    load: { operations: keysOf(bytes).map((key, n) => operationOf(name, key, n, bytes)) },
    connections: clients,
    record: (result, add) => {
      if (clients === 1) add('us', result.p50Us);
      else add('ops/s', result.operations / result.seconds);
      if (clients === 1) {
        add('bytes', (result.sentBytes + result.receivedBytes) / result.operations);
      }
    },
  };
}

function operationOf(name: Case, key: string, n: number, bytes: number): Operation {
  const expect = textOf(n);
  switch (name) {
    case 'GET':
      return { request: ['GET', key], expect, payloadBytes: bytes };
    case 'GETRANGE':
      return {
        request: ['GETRANGE', key, 0, FIRST_BYTES - 1],
        expect,
        payloadBytes: FIRST_BYTES,
      };
    case 'FCALL':
      return { request: ['FCALL', 'firstBytes', 1, key], expect, payloadBytes: FIRST_BYTES };
  }
}

function keysOf(bytes: number): string[] {
  const count = Math.min(MAX_KEYS, Math.floor(DATA_BYTES / bytes));
  return Array.from({ length: count }, (_, n) => `value:${bytes}:${n}`);
}

function storeValues(bytes: number): Request[] {
  return keysOf(bytes).map((key, n) => ['SET', key, textOf(n).padEnd(bytes, '.')]);
}

/** The first bytes of the n-th value, which are its own. */
function textOf(n: number): string {
  return n.toString(36).padStart(FIRST_BYTES, '0');
}

function format(rows: readonly PaperRow[]): string {
  const networks = valuesOf<string>(rows, 'network');
  const lines = networks.flatMap((network) =>
    valuesOf<number>(rows, 'bytes').map((bytes) => {
      const of = (name: Case, unit: string): PaperRow | undefined =>
        findRow(rows, name, unit, { network, bytes });
      const ratio = (unit: string, [over, under]: readonly [Case, Case]): string =>
        formatRatio(of(over, unit)?.median, of(under, unit)?.median);
      return [
        `${network}, ${formatBytes(bytes)}`,
        ...CASES.map((name) => spreadCell(of(name, 'us'))),
        ratio('us', ['GET', 'FCALL']),
        ...CASES.map((name) => spreadCell(of(name, 'ops/s'))),
        ratio('ops/s', ['FCALL', 'GET']),
        ...CASES.map((name) => formatCount(Math.round(of(name, 'bytes')?.median ?? 0))),
      ];
    }),
  );
  return [
    `The first ${FIRST_BYTES} bytes of a value: median (min to max) of the rounds. Microseconds that one client waits;`,
    `operations a second of ${CLIENTS} clients; bytes of the protocol that go over the network, both ways.`,
    '',
    formatTable(
      [
        'network, value',
        ...CASES.map((name) => `${name} us`),
        'GET/FCALL',
        ...CASES.map((name) => `${name} ops/s`),
        'FCALL/GET',
        ...CASES.map((name) => `${name} bytes`),
      ],
      lines,
    ),
    ...formatLateness(rows),
  ].join('\n');
}

const STYLES: Readonly<Record<Case, Style>> = {
  GET: { color: '#d55e00', label: 'GET, whole' },
  GETRANGE: { color: '#56b4e9', label: 'GETRANGE' },
  FCALL: { color: '#0072b2', label: 'FCALL' },
};
const PANEL = { width: 385, height: 200, pitch: 305 };
const COLUMNS = [
  { unit: 'us', left: LEFT, yLabel: 'us a client waits (log scale)' },
  { unit: 'ops/s', left: 545, yLabel: 'operations a second (log scale)' },
] as const;

/** The loopback, and the slower of the networks, where the bytes of a value weigh more. */
export const plot: PlotFigure = (all, subtitle) => {
  const rows = all.filter((row) => row.case !== RELAY_LATE);
  const rates = valuesOf<number>(rows, 'gbitPerS').filter((rate) => rate > 0);
  const slowest = Math.min(...rates);
  const shown = rows.filter(({ at }) => (at['gbitPerS'] ?? slowest) === slowest);
  const x = logScaleAcross(valuesOf<number>(rows, 'bytes'), PANEL.width, formatBytes);
  const panels = valuesOf<string>(shown, 'network').flatMap((network, index) =>
    COLUMNS.map(({ unit, left, yLabel }) => {
      const ofUnit = shown.filter((row) => row.unit === unit);
      return {
        ...PANEL,
        title: network,
        left,
        top: ABOVE_PANELS + index * PANEL.pitch,
        x,
        y: logScaleUp(
          ofUnit.flatMap((row) => [row.min, row.max]),
          PANEL.height,
        ),
        xLabel: 'bytes of a value (log scale)',
        yLabel,
        series: CASES.map((name) => ({
          color: STYLES[name].color,
          points: ofUnit
            .filter((row) => row.case === name && row.at['network'] === network)
            .map(pointOver('bytes')),
          joined: true,
        })),
      };
    }),
  );
  return drawPlot({
    title: `The first ${FIRST_BYTES} bytes of a value, over networks`,
    subtitle,
    legend: CASES.map((name) => STYLES[name]),
    panels,
  });
};
