// The network without the kernel beside the kernel's: what a client waits for, and what a request takes of the server,
// over each transport in turns.
import { lastLineOf } from '../../errors.ts';
import { libraryRequest } from '../paper/library.ts';
import type { Operation, Request } from '../paper/load_generator.ts';
import { Samples } from '../paper/samples.ts';
import { cpuUsOf } from '../processes.ts';
import { formatCount } from '../table.ts';
import {
  BUSY,
  DROPS,
  PACKETS,
  RETRANSMISSIONS,
  P50,
  P99,
  P999,
  PREEMPTED,
  RATE,
  REQUESTS,
  type NetworkRow,
  type RequestName,
} from './cases.ts';
import {
  greetingOf,
  LOCAL_TRANSPORTS,
  openTransport,
  VETH_TRANSPORTS,
  type Ends,
  type Transport,
} from './transports.ts';

export interface NetworkPlan {
  /** Of each case and transport, that count. */
  windows: number;
  /** Times that each transport is opened at most; each time each case that lacks windows has up to `TRIES` of them. */
  turns: number;
  seconds: number;
  warmUpSeconds: number;
  connections: readonly number[];
}

export const QUICK_NETWORK: NetworkPlan = {
  windows: 5,
  turns: 6,
  seconds: 0.01,
  warmUpSeconds: 0.2,
  connections: [1, 64],
};
export const FULL_NETWORK: NetworkPlan = {
  windows: 7,
  turns: 20,
  seconds: 0.01,
  warmUpSeconds: 0.5,
  connections: [1, 16, 64, 1_000, 10_000],
};
/** Windows, one after the other, until the ends were left alone in one. */
const TRIES = 20;
/** How often a second an end may lose its core, for a moment, in a window that counts. */
export const PREEMPTIONS_PER_SECOND = 200;
/** The same where functions run: the watchdog of a shard looks every millisecond (runtime/engine/watchdog.h). */
export const PREEMPTIONS_PER_SECOND_OF_CALLS = 1_500;
/** A window has so many rounds of all connections at 10 us each. */
const ROUNDS = 10;

const VALUE = '0123456789abcdef'.repeat(4);
const FIRST_BYTES = 4;
const KEYS = 512;

export interface NetworkResult {
  rows: NetworkRow[];
  /** One line for each case that could not be measured. */
  missing: string[];
}

/** What has become of the windows of one case over one transport. */
interface Windows {
  counted: number;
  leftOut: number;
}

/**
 * Measures each request at each number of connections, one request under way on each, over all transports in turns.
 *
 * @param binDir Folder of a shredderd and shredder-load that have DPDK.
 */
export async function measureNetwork(
  binDir: string,
  plan: NetworkPlan,
  onTurn: (name: string) => void,
): Promise<NetworkResult> {
  const samples = new Samples('network');
  const missing: string[] = [];
  const transports = await findTransports(binDir, missing);
  for (const connections of plan.connections) {
    const all = new Map(
      transports.map((transport) => [
        transport,
        new Map(REQUESTS.map((request): [RequestName, Windows] => [request, newWindows()])),
      ]),
    );
    for (let turn = 0; turn < plan.turns; turn++) {
      for (const transport of turn % 2 === 0 ? transports : transports.toReversed()) {
        const lacking = [...all.get(transport)!].filter(
          ([, { counted }]) => counted < plan.windows,
        );
        if (lacking.length === 0) continue;
        onTurn(`${transport}, ${formatCount(connections)} connections, turn ${turn + 1}`);
        await measureTurn(transport, binDir, connections, lacking, plan, samples);
      }
    }
    for (const [transport, requests] of all) {
      for (const [request, { counted, leftOut }] of requests) {
        samples.add(transport, { request, connections }, PREEMPTED, leftOut);
        if (counted >= plan.windows) continue;
        missing.push(
          `NOT MEASURED: ${request}, ${formatCount(connections)}, ${transport}: the ends were preempted too often in all but ${counted} of ${counted + leftOut} windows`,
        );
      }
    }
  }
  return { rows: samples.rows(), missing };
}

/** What this machine has of them; why it has not the others goes to `missing`. */
async function findTransports(binDir: string, missing: string[]): Promise<readonly Transport[]> {
  const found: Transport[] = [...LOCAL_TRANSPORTS];
  for (const transport of VETH_TRANSPORTS) {
    try {
      const ends = await openTransport(transport, binDir);
      await ends.stop();
      found.push(transport);
    } catch (error) {
      missing.push(`NOT MEASURED: ${transport}: ${lastLineOf(error)}`);
    }
  }
  return found;
}

function newWindows(): Windows {
  return { counted: 0, leftOut: 0 };
}

/** One transport at a time is open: a server that polls takes a core while it is there. */
async function measureTurn(
  transport: Transport,
  binDir: string,
  connections: number,
  requests: readonly (readonly [RequestName, Windows])[],
  plan: NetworkPlan,
  samples: Samples<'network'>,
): Promise<void> {
  const ends = await openTransport(transport, binDir);
  try {
    const greeting = greetingOf(transport);
    const values = Array.from({ length: KEYS }, (_, n): Request => ['SET', keyOf(n), VALUE]);
    await ends.generator.connect(ends.port, [[...greeting, await libraryRequest(), ...values]]);
    await ends.generator.connect(
      ends.port,
      Array.from({ length: connections }, () => greeting),
    );
    for (const [request, windows] of requests) {
      const load = { operations: operationsOf(request), seconds: plan.warmUpSeconds };
      await ends.generator.closed(load, 1);
      for (let tries = 0; tries < TRIES; tries++) {
        if (await measureWindow(ends, request, connections, plan, samples)) {
          windows.counted++;
          break;
        }
        windows.leftOut++;
      }
    }
  } finally {
    await ends.stop();
  }
}

/** False where the ends were preempted too often. */
async function measureWindow(
  { transport, server, generator, counters }: Ends,
  request: RequestName,
  connections: number,
  plan: NetworkPlan,
  samples: Samples<'network'>,
): Promise<boolean> {
  const seconds = Math.max(plan.seconds, connections * ROUNDS * 10e-6);
  const perSecond = request === 'FCALL' ? PREEMPTIONS_PER_SECOND_OF_CALLS : PREEMPTIONS_PER_SECOND;
  const before = await counters?.();
  const cpuUs = await cpuUsOf(server.pid);
  const load = { operations: operationsOf(request), seconds, server: server.pid };
  const result = await generator.closed(load, 1);
  const serverUs = (await cpuUsOf(server.pid)) - cpuUs;
  if (result.preemptions > perSecond * result.seconds) return false;
  const add = (unit: string, value: number): void =>
    samples.add(transport, { request, connections }, unit, value);
  add(P50, result.p50Us);
  add(P99, result.p99Us);
  add(P999, result.p999Us);
  add(RATE, result.operations / result.seconds);
  // Of one that polls it is all of a core, the more the less it has to do.
  add(BUSY, serverUs / result.operations);
  const after = await counters?.();
  if (before === undefined || after === undefined) return true;
  add(PACKETS, (after.packets - before.packets) / result.operations);
  add(DROPS, after.drops - before.drops);
  add(RETRANSMISSIONS, after.retransmissions - before.retransmissions);
  return true;
}

function operationsOf(request: RequestName): Operation[] {
  if (request === 'PING') return [{ request: ['PING'], expect: 'PONG', payloadBytes: 4 }];
  return Array.from({ length: KEYS }, (_, n) => operationOn(request, keyOf(n)));
}

function operationOn(request: Exclude<RequestName, 'PING'>, key: string): Operation {
  switch (request) {
    case 'GET':
      return { request: ['GET', key], expect: VALUE, payloadBytes: VALUE.length };
    case 'SET':
      return { request: ['SET', key, VALUE], expect: 'OK', payloadBytes: 2 };
    case 'FCALL':
      return {
        request: ['FCALL', 'firstBytes', 1, key],
        expect: VALUE.slice(0, FIRST_BYTES),
        payloadBytes: FIRST_BYTES,
      };
  }
}

function keyOf(n: number): string {
  return `key:${n}`;
}
