// What is measured of each transport, and the rows that it makes.
import type { Row } from '../paper/figure.ts';
import { formatCount } from '../table.ts';
import { TRANSPORTS, type Transport } from './transports.ts';

export type NetworkRow = Row<'network'>;

export const REQUESTS = ['PING', 'GET', 'SET', 'FCALL'] as const;
export type RequestName = (typeof REQUESTS)[number];

/** One request under way on each connection: the next begins when the reply is there. */
export type ClosedCase = { loop: 'closed'; request: RequestName; connections: number };
/** Requests that begin at random times, whether or not there are replies: at a part of what the closed loop of the transport had. */
export type OpenCase = {
  loop: 'open';
  request: RequestName;
  connections: number;
  loadPercent: number;
};
/** The `at` of a row. */
export type NetworkCase = ClosedCase | (OpenCase & { offeredRps: number });

export function nameOf(at: ClosedCase | OpenCase): string {
  const name = `${at.request}, ${formatCount(at.connections)}`;
  return at.loop === 'closed' ? name : `${name}, open ${at.loadPercent} %`;
}

export const P50 = 'p50 us';
export const P99 = 'p99 us';
export const P999 = 'p99.9 us';
/** By how much the generator began a request of an open loop too late, which is in what its client waits. */
export const LATE = 'late p99 us';
export const RATE = 'ops/s';
export const BUSY = 'busy us';
/** What the server's end counts, of a window; there are no such rows where others use the same network. */
export const PACKETS = 'packets/request';
export const DROPS = 'drops';
export const RETRANSMISSIONS = 'retransmissions';
export const PREEMPTED = 'windows left out';

/** Those that have rows. */
export function transportsOf(rows: readonly NetworkRow[]): Transport[] {
  return TRANSPORTS.filter((transport) => rows.some((row) => row.case === transport));
}
