// The network without the kernel beside the kernel's: what a client waits for, and what a request takes of the server,
// over each transport in turns.
import { lastLineOf } from '../../errors.ts';
import { ABOVE_PANELS, drawPlot, LEFT, logScaleAcross, logScaleUp, type Style } from '../plot.ts';
import type { Row } from '../paper/figure.ts';
import { libraryRequest } from '../paper/library.ts';
import type { Operation, Request } from '../paper/load_generator.ts';
import { findRow, pointOver, spreadCell, valuesOf } from '../paper/rows.ts';
import { Samples } from '../paper/samples.ts';
import { cpuUsOf } from '../processes.ts';
import { formatCount, formatRatio, formatTable } from '../table.ts';
import {
  greetingOf,
  LOCAL_TRANSPORTS,
  openTransport,
  TRANSPORTS,
  VETH_TRANSPORTS,
  type Ends,
  type Transport,
} from './transports.ts';

export type NetworkRow = Row<'network'>;

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
const PREEMPTIONS_PER_SECOND = 200;
/** The same where functions run: the watchdog of a shard looks every millisecond (runtime/engine/watchdog.h). */
const PREEMPTIONS_PER_SECOND_OF_CALLS = 1_500;
/** A window has so many rounds of all connections at 10 us each. */
const ROUNDS = 10;

export const REQUESTS = ['PING', 'GET', 'SET', 'FCALL'] as const;
type RequestName = (typeof REQUESTS)[number];

/** What the paper measured on so many cores, with kernel bypass. */
const PAPER = { cores: 16, perSecond: 5e6 };
const VALUE = '0123456789abcdef'.repeat(4);
const FIRST_BYTES = 4;
const KEYS = 512;

const P50 = 'p50 us';
const P99 = 'p99 us';
const P999 = 'p99.9 us';
const RATE = 'ops/s';
const BUSY = 'busy us';
const PREEMPTED = 'windows left out';

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
  { transport, server, generator }: Ends,
  request: RequestName,
  connections: number,
  plan: NetworkPlan,
  samples: Samples<'network'>,
): Promise<boolean> {
  const seconds = Math.max(plan.seconds, connections * ROUNDS * 10e-6);
  const perSecond = request === 'FCALL' ? PREEMPTIONS_PER_SECOND_OF_CALLS : PREEMPTIONS_PER_SECOND;
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

/** Those that were there. */
function transportsOf(rows: readonly NetworkRow[]): Transport[] {
  return TRANSPORTS.filter((transport) => rows.some((row) => row.case === transport));
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

const STYLES: Readonly<Record<Transport, Style>> = {
  memif: { color: '#d55e00', label: 'memif, without the kernel' },
  io_uring: { color: '#0072b2', label: 'loopback, io_uring' },
  epoll: { color: '#009e73', label: 'loopback, epoll' },
  'veth, AF_XDP': { color: '#cc79a7', label: 'veth, AF_XDP' },
  'veth, io_uring': { color: '#56b4e9', label: 'veth, io_uring' },
};
const PANEL = { width: 385, height: 300 };
const LEFTS = [LEFT, 545];

export function plotNetwork(rows: readonly NetworkRow[], subtitle: string): string {
  const gets = rows.filter((row) => row.at['request'] === 'GET');
  const transports = transportsOf(rows);
  const x = logScaleAcross(valuesOf<number>(gets, 'connections'), PANEL.width, formatCount);
  return drawPlot({
    title: 'GET, one under way on each connection',
    subtitle,
    legend: transports.map((transport) => STYLES[transport]),
    panels: [
      { title: 'what a client waits', unit: P50, yLabel: 'microseconds at the median (log scale)' },
      { title: 'what one core answers', unit: RATE, yLabel: 'requests a second (log scale)' },
    ].map(({ title, unit, yLabel }, index) => {
      const series = transports.map((transport) => ({
        color: STYLES[transport].color,
        points: gets
          .filter((row) => row.unit === unit && row.case === transport)
          .map(pointOver('connections')),
        joined: true,
      }));
      return {
        ...PANEL,
        title,
        left: LEFTS[index] ?? LEFT,
        top: ABOVE_PANELS,
        x,
        y: logScaleUp(
          series.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])),
          PANEL.height,
        ),
        xLabel: 'connections (log scale)',
        yLabel,
        series,
      };
    }),
  });
}
