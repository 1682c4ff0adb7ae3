// What a quiet tenant notices of a noisy one: how long its requests take alone, and beside each kind of noise, for
// each strength of isolation between the two.
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withClient } from '../client/connection.ts';
import { startServer, type Server } from '../server/shredderd.ts';
import { HeldUpMeter } from './held_up.ts';
import type { Isolation } from './isolations.ts';
import { LineConnection, requestOf, type LineRequest } from './line_connection.ts';
import { NOISES, NOISY_TENANTS, type Noise, type NoiseSize } from './noise.ts';
import { startResponder, type Responder } from './responder.ts';
import { percentile, spreadOf, type Spread } from './statistics.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from './table.ts';

/** Both tenants with an isolation, on one shard where it is not a shard of their own; or on different shards. */
/** Not `context`: who fills the heap there begins the variables of its neighbours anew, as documented. */
export const NEIGHBOURS_CASES = ['isolate', 'process', 'other-shard'] as const;
export type NeighboursCase = (typeof NEIGHBOURS_CASES)[number];

/** What the quiet tenant is beside; `none`: it is alone. */
export const NEIGHBOURS = ['none', ...NOISES] as const;
export type Neighbour = (typeof NEIGHBOURS)[number];

export const QUIET_REQUESTS = ['PING', 'GET', 'FCALL'] as const;
export type QuietRequest = (typeof QUIET_REQUESTS)[number];

/** One kind of the quiet tenant's requests beside one noise; microseconds as its client waits, over the rounds. */
export interface NeighboursRow {
  case: NeighboursCase;
  noise: Neighbour;
  request: QuietRequest;
  /** Requests that count, of all rounds. */
  requests: number;
  /** Those that do not, as their client was held up. */
  leftOut: number;
  /** Absent where no request counts. */
  p50Us?: Spread;
  p99Us?: Spread;
  p999Us?: Spread;
  /** What the noisy tenant's clients were answered a second; of no noise, 0. */
  noiseRps: number;
}

export interface NeighboursPlan {
  cases: readonly NeighboursCase[];
  noises: readonly Noise[];
  rounds: number;
  /** Of a measurement. */
  seconds: number;
  size: NoiseSize;
}

export const QUICK_NEIGHBOURS: NeighboursPlan = {
  cases: NEIGHBOURS_CASES,
  noises: NOISES,
  rounds: 3,
  seconds: 0.7,
  size: { keys: 100_000, idleConnections: 500 },
};
export const FULL_NEIGHBOURS: NeighboursPlan = {
  cases: NEIGHBOURS_CASES,
  noises: NOISES,
  rounds: 5,
  seconds: 5,
  size: { keys: 1_000_000, idleConnections: 2_000 },
};

const ADMIN = { name: 'admin', password: 'the-password-of-the-admin' };
const NOISE_PROGRAM = fileURLToPath(new URL('noise_program.ts', import.meta.url));
/** From one request of a connection to the next. */
const PACE_MS = 3;
/** From the begin of a noise to the first request that counts. */
const SETTLE_MS = 200;
/** A request that waits for longer after the time of its measurement is answered because the noise ends. */
const MAX_WAIT_MS = 10_000;
const WARM_UP_REQUESTS = 20;
/** A request whose client waited for a processor for so long, and for such a part of the request, is left out. */
const HELD_UP_US = 200;
const HELD_UP_PART = 0.1;

const REQUESTS: Readonly<Record<QuietRequest, LineRequest>> = {
  PING: { request: requestOf('PING'), lines: 1 },
  GET: { request: requestOf('GET', 'key'), lines: 2 },
  FCALL: { request: requestOf('FCALL', 'answer', 0, 'x'), lines: 1 },
};
const QUIET_SET_UP: readonly LineRequest[] = [
  { request: requestOf('SET', 'key', 'v'.repeat(64)), lines: 1 },
  {
    request: requestOf(
      'FUNCTION',
      'LOAD',
      '#!js name=quiet\nexport function answer(keys, args) { return BigInt(args.length); }',
    ),
    lines: 2,
  },
];

/** @param binDir Folder of shredderd. */
export async function measureNeighbours(
  binDir: string,
  plan: NeighboursPlan,
  onCell: (done: number, all: number) => void,
): Promise<NeighboursRow[]> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    config: [
      '[server]',
      'shards = 2',
      // On a busy machine a shard may be held up for longer than the supervisor is patient.
      'shard-silence-ms = 10000',
      // A noisy tenant's clients wait for its functions, however slow the machine.
      'busy-reply-ms = 3600000',
      '[[tenant]]',
      `name = "${ADMIN.name}"`,
      `password = "${ADMIN.password}"`,
      'admin = true',
    ].join('\n'),
  });
  const noise = startResponder(process.execPath, [
    ...['--import', import.meta.resolve('tsx'), NOISE_PROGRAM],
    ...[String(server.port), JSON.stringify(plan.size)],
  ]);
  const heldUp = new HeldUpMeter();
  try {
    await setUpTenants(server, plan);
    const cells = plan.cases.flatMap((name) =>
      (['none', ...plan.noises] as const).map((neighbour) => new Cell(name, neighbour)),
    );
    for (let round = 0; round < plan.rounds; round++) {
      for (const [index, cell] of (round % 2 === 0 ? cells : cells.toReversed()).entries()) {
        onCell(round * cells.length + index, plan.rounds * cells.length);
        await cell.measure(server, noise, heldUp, plan);
      }
    }
    return cells.flatMap((cell) => cell.rows());
  } finally {
    heldUp.close();
    await noise.stop();
    await server.stop();
  }
}

/** One case beside one noise, and what was measured of it in the rounds so far. */
class Cell {
  readonly #case: NeighboursCase;
  readonly #noise: Neighbour;
  readonly #rounds: Record<QuietRequest, Sample[][]> = { PING: [], GET: [], FCALL: [] };
  readonly #noiseRps: number[] = [];

  constructor(name: NeighboursCase, noise: Neighbour) {
    this.#case = name;
    this.#noise = noise;
  }

  async measure(
    server: Server,
    noise: Responder,
    heldUp: HeldUpMeter,
    plan: NeighboursPlan,
  ): Promise<void> {
    // A connection for each kind of request, so that one kind's waits do not make the others few.
    const connections = new Map<QuietRequest, LineConnection>();
    try {
      for (const name of QUIET_REQUESTS) {
        const connection = await openAs(server, quietTenant(this.#case));
        connections.set(name, connection);
        const { request, lines } = REQUESTS[name];
        for (let n = 0; n < WARM_UP_REQUESTS; n++) await connection.ask(request, lines);
      }
      if (this.#noise !== 'none') {
        const tenant = noisyTenant(isolationOf(this.#case), this.#noise);
        await noise.ask(`start ${this.#noise} ${tenant} ${passwordOf(tenant)}`);
      }
      await setTimeout(SETTLE_MS);
      const end = performance.now() + plan.seconds * 1_000;
      const asked = Promise.all(
        [...connections].map(async ([name, connection], index) => {
          await setTimeout((index * PACE_MS) / connections.size);
          this.#rounds[name].push(await askUntil(end, connection, REQUESTS[name], heldUp));
        }),
      );
      await Promise.race([
        asked,
        setTimeout(plan.seconds * 1_000 + MAX_WAIT_MS, undefined, { ref: false }),
      ]);
      if (this.#noise !== 'none') this.#noiseRps.push(Number(await noise.ask('stop')));
      await asked;
    } finally {
      for (const connection of connections.values()) connection.close();
    }
  }

  rows(): NeighboursRow[] {
    return QUIET_REQUESTS.map((request) => {
      const rounds = this.#rounds[request];
      const counted = rounds
        .map((samples) => samples.filter(counts).map(({ us }) => us))
        .filter((us) => us.length > 0);
      const requests = counted.flat().length;
      const spreadAt = (part: number): Spread =>
        spreadOf(counted.map((us) => percentile(us, part)));
      return {
        case: this.#case,
        noise: this.#noise,
        request,
        requests,
        leftOut: rounds.flat().length - requests,
        ...(requests === 0
          ? {}
          : { p50Us: spreadAt(0.5), p99Us: spreadAt(0.99), p999Us: spreadAt(0.999) }),
        noiseRps: this.#noise === 'none' ? 0 : spreadOf(this.#noiseRps).median,
      };
    });
  }
}

/** A request's time, and what its client waited for a processor meanwhile. */
interface Sample {
  us: number;
  heldUpUs: number;
}

function counts({ us, heldUpUs }: Sample): boolean {
  return heldUpUs <= Math.max(HELD_UP_US, HELD_UP_PART * us);
}

/** Asks again and again, at the pace or, where a reply took longer, as soon as it is there. */
async function askUntil(
  end: number,
  connection: LineConnection,
  { request, lines }: LineRequest,
  heldUp: HeldUpMeter,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let due = performance.now(); due < end; due = Math.max(due + PACE_MS, performance.now())) {
    const early = due - performance.now();
    if (early > 0) await setTimeout(early);
    const heldUpBefore = heldUp.read();
    const begun = performance.now();
    await connection.ask(request, lines);
    const us = (performance.now() - begun) * 1_000;
    samples.push({ us, heldUpUs: heldUp.read() - heldUpBefore });
  }
  return samples;
}

function isolationOf(name: NeighboursCase): Isolation {
  return name === 'other-shard' ? 'isolate' : name;
}

function quietTenant(name: NeighboursCase): string {
  return `quiet-${name}`;
}

function noisyTenant(isolation: Isolation, noise: Noise): string {
  return `noisy-${isolation}-${noise}`;
}

function passwordOf(tenant: string): string {
  return `the-password-of-${tenant}`;
}

interface Tenant {
  name: string;
  isolation: Isolation;
  /** Where it is, if not on a shard of its own. */
  shard: number;
  options: readonly (string | number)[];
  setUp: readonly LineRequest[];
}

/** Makes all tenants, the noisy ones on the first shard. */
async function setUpTenants(
  server: Server,
  { cases, noises, size }: NeighboursPlan,
): Promise<void> {
  const quiet = cases.map((name) => ({
    name: quietTenant(name),
    isolation: isolationOf(name),
    shard: name === 'other-shard' ? 1 : 0,
    options: [],
    setUp: QUIET_SET_UP,
  }));
  const noisy = [...new Set(cases.map(isolationOf))].flatMap((isolation) =>
    noises.map((noise) => ({
      name: noisyTenant(isolation, noise),
      isolation,
      shard: 0,
      options: NOISY_TENANTS[noise].options,
      setUp: NOISY_TENANTS[noise].setUp(size),
    })),
  );
  for (const tenant of [...quiet, ...noisy]) await setUpTenant(server, tenant);
}

async function setUpTenant(
  server: Server,
  { name, isolation, shard, options, setUp }: Tenant,
): Promise<void> {
  await withClient(
    { url: server.url, tenant: ADMIN.name, password: ADMIN.password },
    async (client) => {
      await client.call(
        'TENANT',
        ...['CREATE', name, 'PASSWORD', passwordOf(name), 'ISOLATION', isolation, ...options],
      );
      if (isolation !== 'process') await client.call('TENANT', 'MOVE', name, shard);
    },
  );
  const connection = await openAs(server, name);
  for (const { request, lines } of setUp) await connection.ask(request, lines);
  connection.close();
}

async function openAs(server: Server, tenant: string): Promise<LineConnection> {
  const connection = await LineConnection.open(server.port);
  await connection.ask(requestOf('AUTH', tenant, passwordOf(tenant)), 1);
  return connection;
}

/** The rows as tables: one for each case, a line for each noise and request. */
export function formatNeighbours(rows: readonly NeighboursRow[]): string {
  const cases = NEIGHBOURS_CASES.filter((name) => rows.some((row) => row.case === name));
  const cell = (spread: Spread | undefined): string => {
    if (spread === undefined) return '';
    const [median, min, max] = [spread.median, spread.min, spread.max].map(formatMeasured);
    return `${median} (${min} to ${max})`;
  };
  return [
    "microseconds of a quiet tenant's requests, as its client waits: medians of the rounds (min to max)",
    ...cases.flatMap((name) => {
      const ofCase = rows.filter((row) => row.case === name);
      return [
        '',
        formatTable(
          [name, 'p50', 'p99', 'p99.9', 'p99/alone', 'requests', 'left out', 'noise/s'],
          ofCase.map((row) => {
            const alone = ofCase.find(
              (other) => other.noise === 'none' && other.request === row.request,
            );
            return [
              `${row.noise === 'none' ? 'alone' : row.noise}: ${row.request}`,
              cell(row.p50Us),
              cell(row.p99Us),
              cell(row.p999Us),
              formatRatio(row.p99Us?.median, alone?.p99Us?.median),
              formatCount(row.requests),
              formatCount(row.leftOut),
              row.noise === 'none' ? '' : formatMeasured(row.noiseRps),
            ];
          }),
        ),
      ];
    }),
  ].join('\n');
}
