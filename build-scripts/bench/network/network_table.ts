// The rows as a table.
import { findRow, spreadCell, valuesOf } from '../paper/rows.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from '../table.ts';
import {
  BUSY,
  P50,
  P99,
  P999,
  PACKETS,
  PREEMPTED,
  RATE,
  REQUESTS,
  RETRANSMISSIONS,
  transportsOf,
  type NetworkRow,
} from './cases.ts';
import {
  PREEMPTIONS_PER_SECOND,
  PREEMPTIONS_PER_SECOND_OF_CALLS,
  type NetworkResult,
} from './network.ts';
import type { Transport } from './transports.ts';

/** What the paper measured on so many cores, with kernel bypass. */
const PAPER = { cores: 16, perSecond: 5e6 };

type Cell = (rows: readonly NetworkRow[], transport: Transport, at: NetworkRow['at']) => string;
type Columns = Readonly<Record<string, Cell>>;

/** In two tables, as one would be too wide to read. */
const WAITS: Columns = { [P50]: spreadOf(P50), [P99]: spreadOf(P99), [P999]: spreadOf(P999) };
const TAKEN: Columns = {
  [RATE]: spreadOf(RATE),
  ratio: (rows, transport, at) =>
    formatRatio(
      findRow(rows, transport, RATE, at)?.median,
      findRow(rows, 'io_uring', RATE, at)?.median,
    ),
  [BUSY]: (rows, transport, at) => measured(findRow(rows, transport, BUSY, at)?.median),
  packets: (rows, transport, at) => measured(findRow(rows, transport, PACKETS, at)?.median),
  retrans: (rows, transport, at) =>
    String(findRow(rows, transport, RETRANSMISSIONS, at)?.max ?? ''),
  'left out': (rows, transport, at) =>
    String(findRow(rows, transport, PREEMPTED, at)?.median ?? ''),
};

function spreadOf(unit: string): Cell {
  return (rows, transport, at) => spreadCell(findRow(rows, transport, unit, at));
}

function measured(value: number | undefined): string {
  return value === undefined ? '' : formatMeasured(value);
}

export function formatNetwork({ rows, missing }: NetworkResult): string {
  return [
    'One process serves, and one process asks, with one request under way on each connection: median (min to max) of the',
    `windows in which they were preempted at most ${PREEMPTIONS_PER_SECOND} times a second, or ${formatCount(PREEMPTIONS_PER_SECOND_OF_CALLS)} by a watchdog that looks so often;`,
    'others are left out.',
    '',
    formatCases(rows, WAITS),
    '',
    "ratio: to io_uring. busy: time of the server's processor a request, all of it where it polls. packets: a request, both ways,",
    'where no others use the network. retrans: segments that the server has sent again in one window, at most.',
    '',
    formatCases(rows, TAKEN),
    ...extrapolation(rows),
    ...(missing.length === 0 ? [] : ['', ...missing]),
  ].join('\n');
}

/** A line for each case, and below it one for each transport. */
function formatCases(rows: readonly NetworkRow[], columns: Columns): string {
  const lines = valuesOf<number>(rows, 'connections').flatMap((connections) =>
    REQUESTS.flatMap((request) => [
      [`${request}, ${formatCount(connections)}`],
      ...transportsOf(rows).map((transport) => [
        `  ${transport}`,
        ...Object.values(columns).map((cell) => cell(rows, transport, { request, connections })),
      ]),
    ]),
  );
  return formatTable(['request, connections', ...Object.keys(columns)], lines);
}

function extrapolation(rows: readonly NetworkRow[]): string[] {
  const connections = Math.max(...valuesOf<number>(rows, 'connections').filter((n) => n <= 64));
  const one = findRow(rows, 'memif', RATE, { request: 'FCALL', connections })?.median;
  if (one === undefined) return [];
  return [
    '',
    `${PAPER.cores} cores, each with a queue and tenants of its own, would answer ${formatCount(Math.round(PAPER.cores * one))} FCALL a second if each did what this one`,
    `did at ${connections} connections: if none slowed another, the clients were elsewhere, and a card's driver cost no more than memif's.`,
    `None of that was measured. The paper has ${formatCount(PAPER.perSecond)} on ${PAPER.cores} cores.`,
  ];
}
