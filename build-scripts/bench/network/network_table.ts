// The rows as a table.
import { findRow, spreadCell, valuesOf } from '../paper/rows.ts';
import { formatCount, formatRatio, formatTable } from '../table.ts';
import {
  BUSY,
  P50,
  P99,
  P999,
  PREEMPTED,
  RATE,
  REQUESTS,
  transportsOf,
  type NetworkRow,
} from './cases.ts';
import {
  PREEMPTIONS_PER_SECOND,
  PREEMPTIONS_PER_SECOND_OF_CALLS,
  type NetworkResult,
} from './network.ts';

/** What the paper measured on so many cores, with kernel bypass. */
const PAPER = { cores: 16, perSecond: 5e6 };

export function formatNetwork({ rows, missing }: NetworkResult): string {
  const lines = valuesOf<number>(rows, 'connections').flatMap((connections) =>
    REQUESTS.flatMap((request) =>
      transportsOf(rows).map((transport) => {
        const at = { request, connections };
        const of = (unit: string): NetworkRow | undefined => findRow(rows, transport, unit, at);
        const kernel = findRow(rows, 'io_uring', RATE, at)?.median;
        return [
          `${request}, ${formatCount(connections)}, ${transport}`,
          ...[P50, P99, P999, RATE].map((unit) => spreadCell(of(unit))),
          formatRatio(of(RATE)?.median, kernel),
          spreadCell(of(BUSY)),
          String(of(PREEMPTED)?.median ?? ''),
        ];
      }),
    ),
  );
  return [
    'One process serves, and one process asks, with one request under way on each connection: median (min to max) of the',
    `windows in which they were preempted at most ${PREEMPTIONS_PER_SECOND} times a second, or ${formatCount(PREEMPTIONS_PER_SECOND_OF_CALLS)} by a watchdog that looks so often.`,
    'What a request takes of the server is time of its processor, all of it where it polls.',
    '',
    formatTable(
      ['request, connections, transport', P50, P99, P999, RATE, 'to io_uring', BUSY, PREEMPTED],
      lines,
    ),
    ...extrapolation(rows),
    ...(missing.length === 0 ? [] : ['', ...missing]),
  ].join('\n');
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
