// What the server's end of a network counts, whoever runs its TCP.
import { readFile } from 'node:fs/promises';
import { withClient, type Endpoint } from '../../client/connection.ts';
import { UserError } from '../../errors.ts';

export interface Counters {
  /** Frames, both ways. */
  packets: number;
  /** Frames that were lost at this end, both ways. */
  drops: number;
  /** Segments that the server has sent again. */
  retransmissions: number;
}

const PACKETS = ['packets_received', 'packets_sent'];
const DROPS = [
  'dropped_ring_full',
  'dropped_without_buffer',
  'dropped_damaged',
  'dropped_by_stack',
  'unsent',
];

/** Of a card of the server's own, as the server tells an admin. */
export async function cardCounters(admin: Endpoint): Promise<Counters> {
  return parseInfo(await withClient(admin, async (client) => await client.info('network')));
}

/** Of the kernel's TCP over an interface: those of the process's network namespace, where nobody else may be. */
export async function kernelCounters(pid: number, name: string): Promise<Counters> {
  const read = async (file: string): Promise<string> =>
    await readFile(`/proc/${pid}/net/${file}`, 'utf8');
  return parseProc(await read('dev'), await read('snmp'), name);
}

/** @param info What `INFO network` answers. */
export function parseInfo(info: string): Counters {
  const counters = new Map(
    [...info.matchAll(/^network_(\w+):(\d+)\r?$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );
  const count = (name: string): number => {
    const value = counters.get(name);
    if (value === undefined) throw new UserError(`INFO network has no network_${name}`);
    return value;
  };
  return {
    packets: sumOf(PACKETS.map(count)),
    drops: sumOf(DROPS.map(count)),
    retransmissions: count('retransmitted'),
  };
}

/**
 * @param dev What `/proc/net/dev` has: a line for each interface, of 8 columns for what came and 8 for what went.
 * @param snmp What `/proc/net/snmp` has: for each protocol a line of names and one of values.
 */
export function parseProc(dev: string, snmp: string, name: string): Counters {
  const line = dev.split('\n').find((each) => each.trimStart().startsWith(`${name}:`));
  const columns = line?.split(':')[1]?.trim().split(/\s+/).map(Number) ?? [];
  const column = (index: number): number => columns[index] ?? NaN;
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((each) => each.startsWith('Tcp: '))
    .map((each) => each.split(' '));
  const counters = {
    packets: column(1) + column(9),
    // `errs` and `drop`.
    drops: sumOf([2, 3, 10, 11].map(column)),
    retransmissions: Number(values[names.indexOf('RetransSegs')]),
  };
  if (Object.values(counters).every(Number.isInteger)) return counters;
  throw new UserError(`the kernel has no counters of ${name} and its TCP`);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
