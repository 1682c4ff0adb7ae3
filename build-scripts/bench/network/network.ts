// The network without the kernel beside the kernel's: what a client waits for, and what a request takes of the server,
// over each transport in turns.
import { lastLineOf } from '../../errors.ts';
import { libraryRequest } from '../paper/library.ts';
import type { LoadGenerator, LoadResult, Operation, Request } from '../paper/load_generator.ts';
import { findRow } from '../paper/rows.ts';
import { Samples } from '../paper/samples.ts';
import { cpuUsOf } from '../processes.ts';
import { formatCount } from '../table.ts';
import {
  BUSY,
  DROPS,
  LATE,
  nameOf,
  PACKETS,
  RETRANSMISSIONS,
  P50,
  P99,
  P999,
  PREEMPTED,
  RATE,
  REQUESTS,
  type NetworkCase,
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
  /** After these; of GET, and of connections that are among them. */
  open: { connections: number; loadPercents: readonly number[] };
}

export const QUICK_NETWORK: NetworkPlan = {
  windows: 5,
  turns: 6,
  seconds: 0.01,
  warmUpSeconds: 0.2,
  connections: [1, 64],
  open: { connections: 64, loadPercents: [50] },
};
export const FULL_NETWORK: NetworkPlan = {
  windows: 7,
  turns: 20,
  seconds: 0.01,
  warmUpSeconds: 0.5,
  connections: [1, 16, 64, 1_000, 10_000],
  open: { connections: 64, loadPercents: [50, 80] },
};
/** Windows, one after the other, until the ends were left alone in one. */
const TRIES = 20;
/** How often a second an end may lose its core, for a moment, in a window that counts. */
export const PREEMPTIONS_PER_SECOND = 200;
/** The same where functions run: the watchdog of a shard looks every millisecond (runtime/engine/watchdog.h). */
export const PREEMPTIONS_PER_SECOND_OF_CALLS = 1_500;
/** A window has so many rounds of all connections at 10 us each. */
const ROUNDS = 10;
/** And one of an open loop so many requests, of which two are beyond the 99.9th percentile. */
const OPEN_REQUESTS = 2_000;

const VALUE = '0123456789abcdef'.repeat(4);
const FIRST_BYTES = 4;
const KEYS = 512;

export interface NetworkResult {
  rows: NetworkRow[];
  /** One line for each case that could not be measured. */
  missing: string[];
}

/** A case over one transport, and what has become of its windows. */
interface Windows {
  transport: Transport;
  at: NetworkCase;
  counted: number;
  leftOut: number;
}

interface Run {
  binDir: string;
  plan: NetworkPlan;
  samples: Samples<'network'>;
  missing: string[];
  onTurn: (name: string) => void;
}

/**
 * Measures each request at each number of connections, one request under way on each, over all transports in turns;
 * then GET in an open loop.
 *
 * @param binDir Folder of a shredderd and shredder-load that have DPDK.
 */
export async function measureNetwork(
  binDir: string,
  plan: NetworkPlan,
  onTurn: (name: string) => void,
): Promise<NetworkResult> {
  const run: Run = { binDir, plan, samples: new Samples('network'), missing: [], onTurn };
  const transports = await findTransports(binDir, run.missing);
  const closed: Windows[] = [];
  for (const connections of plan.connections) {
    const windows = transports.flatMap((transport) =>
      REQUESTS.map((request) => newWindows(transport, { loop: 'closed', request, connections })),
    );
    await measureCases(windows, run);
    closed.push(...windows);
  }
  await measureCases(openCases(closed, run), run);
  return { rows: run.samples.rows(), missing: run.missing };
}

function newWindows(transport: Transport, at: NetworkCase): Windows {
  return { transport, at, counted: 0, leftOut: 0 };
}

/** Each transport at parts of its own rate: what a client waits where the server is not overloaded. */
function openCases(closed: readonly Windows[], { plan, samples, missing }: Run): Windows[] {
  const rows = samples.rows();
  return closed
    .filter(({ at }) => at.request === 'GET' && at.connections === plan.open.connections)
    .flatMap(({ transport, at, counted }) => {
      const rate = findRow(rows, transport, RATE, at)?.median;
      return plan.open.loadPercents.flatMap((loadPercent) => {
        const open = { ...at, loop: 'open', loadPercent } as const;
        if (rate !== undefined && counted >= plan.windows) {
          const offeredRps = Math.round((rate * loadPercent) / 100);
          return [newWindows(transport, { ...open, offeredRps })];
        }
        missing.push(
          `NOT MEASURED: ${nameOf(open)}, ${transport}: there is no rate of its closed loop to offer a part of`,
        );
        return [];
      });
    });
}

async function measureCases(cases: readonly Windows[], run: Run): Promise<void> {
  const { plan, samples, missing, onTurn } = run;
  const transports = [...new Set(cases.map(({ transport }) => transport))];
  for (let turn = 0; turn < plan.turns; turn++) {
    for (const transport of turn % 2 === 0 ? transports : transports.toReversed()) {
      const lacking = cases.filter(
        (each) => each.transport === transport && each.counted < plan.windows,
      );
      const [first] = lacking;
      if (first === undefined) continue;
      const { loop, connections } = first.at;
      onTurn(
        `${transport}, ${formatCount(connections)} connections, ${loop} loop, turn ${turn + 1}`,
      );
      await measureTurn(transport, connections, lacking, run);
    }
  }
  for (const { transport, at, counted, leftOut } of cases) {
    samples.add(transport, at, PREEMPTED, leftOut);
    if (counted >= plan.windows) continue;
    missing.push(
      `NOT MEASURED: ${nameOf(at)}, ${transport}: the ends were preempted too often in all but ${counted} of ${counted + leftOut} windows`,
    );
  }
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

/** One transport at a time is open: a server that polls takes a core while it is there. */
async function measureTurn(
  transport: Transport,
  connections: number,
  cases: readonly Windows[],
  { binDir, plan, samples }: Run,
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
    for (const windows of cases) {
      const load = { operations: operationsOf(windows.at.request), seconds: plan.warmUpSeconds };
      await ends.generator.closed(load, 1);
      for (let tries = 0; tries < TRIES; tries++) {
        if (await measureWindow(ends, windows.at, plan, samples)) {
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
  at: NetworkCase,
  plan: NetworkPlan,
  samples: Samples<'network'>,
): Promise<boolean> {
  const perSecond =
    at.request === 'FCALL' ? PREEMPTIONS_PER_SECOND_OF_CALLS : PREEMPTIONS_PER_SECOND;
  const before = await counters?.();
  const cpuUs = await cpuUsOf(server.pid);
  const result = await putLoad(generator, at, plan, server.pid);
  const serverUs = (await cpuUsOf(server.pid)) - cpuUs;
  if (result.preemptions > perSecond * result.seconds) return false;
  const add = (unit: string, value: number): void => samples.add(transport, at, unit, value);
  add(P50, result.p50Us);
  add(P99, result.p99Us);
  add(P999, result.p999Us);
  if (at.loop === 'open') add(LATE, result.lateP99Us);
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

async function putLoad(
  generator: LoadGenerator,
  at: NetworkCase,
  plan: NetworkPlan,
  server: number,
): Promise<LoadResult> {
  const load = { operations: operationsOf(at.request), server };
  if (at.loop === 'closed') {
    const seconds = Math.max(plan.seconds, at.connections * ROUNDS * 10e-6);
    return await generator.closed({ ...load, seconds }, 1);
  }
  const seconds = Math.max(plan.seconds, OPEN_REQUESTS / at.offeredRps);
  return await generator.open({ ...load, seconds, skew: 0 }, at.offeredRps, true);
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
