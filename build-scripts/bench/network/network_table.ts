// The rows as a table.
import { findRow, spreadCell, valuesOf } from '../paper/rows.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from '../table.ts';
import {
  BUSY,
  LATE,
  nameOf,
  P50,
  P99,
  P999,
  PACKETS,
  PREEMPTED,
  RATE,
  REQUESTS,
  RETRANSMISSIONS,
  transportsOf,
  type ClosedCase,
  type NetworkRow,
  type OpenCase,
} from './cases.ts';
import {
  PREEMPTIONS_PER_SECOND,
  PREEMPTIONS_PER_SECOND_OF_CALLS,
  type NetworkResult,
} from './network.ts';

/** What the paper measured on so many cores, with kernel bypass. */
const PAPER = { cores: 16, perSecond: 5e6 };

/** A row of a case over one transport, by its unit. */
type RowOf = (unit: string) => NetworkRow | undefined;
type Columns = Readonly<Record<string, (of: RowOf, kernel: RowOf) => string>>;

/** In two tables, as one would be too wide to read. */
const WAITS: Columns = {
  'offered/s': (of) => measured(of(PREEMPTED)?.at['offeredRps']),
  [P50]: (of) => spreadCell(of(P50)),
  [P99]: (of) => spreadCell(of(P99)),
  [P999]: (of) => spreadCell(of(P999)),
  'late us': (of) => measured(of(LATE)?.median),
};
const TAKEN: Columns = {
  [RATE]: (of) => spreadCell(of(RATE)),
  ratio: (of, kernel) => formatRatio(of(RATE)?.median, kernel(RATE)?.median),
  [BUSY]: (of) => measured(of(BUSY)?.median),
  packets: (of) => measured(of(PACKETS)?.median),
  retrans: (of) => String(of(RETRANSMISSIONS)?.max ?? ''),
  'left out': (of) => String(of(PREEMPTED)?.median ?? ''),
};

function measured(value: number | string | undefined): string {
  return value === undefined ? '' : formatMeasured(Number(value));
}

export function formatNetwork({ rows, missing }: NetworkResult): string {
  return [
    'One process serves, and one process asks, with one request under way on each connection. `open`: requests begin at random',
    "times, so many a second as are that part of the transport's rate above, and a client waits from when its request was due;",
    '`late` by the generator for 99 % of them at most, which is in the waits. Median (min to max) of the windows in which both',
    `were preempted at most ${PREEMPTIONS_PER_SECOND} times a second, or ${formatCount(PREEMPTIONS_PER_SECOND_OF_CALLS)} by a watchdog that looks so often; others are left out.`,
    '',
    formatCases(rows, WAITS),
    '',
    "`ratio`: to io_uring. `busy`: time of the server's processor a request, all of it where it polls. `packets`: a request,",
    'both ways, where nobody else uses the network. `retrans`: segments that the server has sent again in one window, at most.',
    '',
    formatCases(rows, TAKEN),
    ...extrapolation(rows),
    ...(missing.length === 0 ? [] : ['', ...missing]),
  ].join('\n');
}

/** A line for each case, and below it one for each transport that has it. */
function formatCases(rows: readonly NetworkRow[], columns: Columns): string {
  const lines = casesOf(rows).flatMap((at) => [
    [nameOf(at)],
    ...transportsOf(rows.filter((row) => row.at['loop'] === at.loop)).map((transport) => [
      `  ${transport}`,
      ...Object.values(columns).map((cell) =>
        cell(
          (unit) => findRow(rows, transport, unit, at),
          (unit) => findRow(rows, 'io_uring', unit, at),
        ),
      ),
    ]),
  ]);
  return formatTable(['request, connections', ...Object.keys(columns)], lines);
}

function casesOf(rows: readonly NetworkRow[]): (ClosedCase | OpenCase)[] {
  const open = rows.filter((row) => row.at['loop'] === 'open');
  // Not in the order in which they first had a window that counts.
  const loadPercents = valuesOf<number>(open, 'loadPercent').sort((a, b) => a - b);
  return [
    ...valuesOf<number>(rows, 'connections').flatMap((connections) =>
      REQUESTS.map((request): ClosedCase => ({ loop: 'closed', request, connections })),
    ),
    ...valuesOf<number>(open, 'connections').flatMap((connections) =>
      loadPercents.map(
        (loadPercent): OpenCase => ({ loop: 'open', request: 'GET', connections, loadPercent }),
      ),
    ),
  ];
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
