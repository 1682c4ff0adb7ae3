// What is measured of each transport, and the rows that it makes.
import type { Row } from '../paper/figure.ts';
import { TRANSPORTS, type Transport } from './transports.ts';

export type NetworkRow = Row<'network'>;

export const REQUESTS = ['PING', 'GET', 'SET', 'FCALL'] as const;
export type RequestName = (typeof REQUESTS)[number];

export const P50 = 'p50 us';
export const P99 = 'p99 us';
export const P999 = 'p99.9 us';
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
