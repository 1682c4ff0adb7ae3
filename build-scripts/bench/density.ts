// What many tenants cost: memory of each, the first call after JavaScript was given up, and calls that are spread over all of
// them, beside calls to one; and beside Redis, whose one database has them all.
import path from 'node:path';
import { withClient } from '../client/connection.ts';
import { UserError } from '../errors.ts';
import { startServer, type Server } from '../server/shredderd.ts';
import { ISOLATIONS, type Isolation } from './isolations.ts';
import { LineConnection, requestOf, type LineRequest } from './line_connection.ts';
import {
  accountOf,
  createTenants,
  manyTenantsConfig,
  MAX_CONNECTIONS,
  OPENED_AT_ONCE,
  shardsOfTenants,
} from './many_tenants.ts';
import { cpuUsOf, pssOf } from './processes.ts';
import { startRedis } from './redis_server.ts';
import { percentile, spreadOf } from './statistics.ts';
import { formatCount, formatMeasured, formatTable } from './table.ts';

export const DENSITY_CASES = [...ISOLATIONS, 'redis'] as const;
export type DensityCase = (typeof DENSITY_CASES)[number];

/** So many tenants; what is absent, Redis has not. */
export interface DensityRow {
  case: DensityCase;
  tenants: number;
  /** Bytes of memory that each tenant takes (Pss of all the server's processes), its store's included. */
  bareBytes?: number;
  /** With its JavaScript. */
  loadedBytes?: number;
  /** Its library known, its JavaScript given up. */
  idleBytes?: number;
  /** A first call after that, one at a time, as the client waits; microseconds. */
  coldUs?: { median: number; p99: number };
  /** A call to the tenant that was called last, and to another one; each over a connection that has waited as long. */
  sameUs?: number;
  switchUs?: number;
  /** Calls to one tenant, and spread evenly over all: a second, and what one takes of the server's processors. */
  one: DensityLoad;
  spread: DensityLoad;
}

export interface DensityResult {
  rows: DensityRow[];
  /** A line for each number of tenants that a case cannot have. */
  notes: string[];
}

export interface DensityLoad {
  medianRps: number;
  medianCpuUs: number;
}

export interface DensityPlan {
  cases: readonly DensityCase[];
  tenants: readonly number[];
  /** Measurements of calls, in turns. */
  rounds: number;
  /** Of each. */
  calls: number;
  /** When JavaScript is given up, which must be long enough for all tenants to be called within it. */
  idleAfterMs: number;
  /** For so long memory must have stayed the same to count. */
  settledSeconds: number;
}

const USUAL = { cases: DENSITY_CASES, idleAfterMs: 10_000, settledSeconds: 3 };

export const QUICK_DENSITY: DensityPlan = {
  tenants: [1, 100, 1_000],
  rounds: 3,
  calls: 20_000,
  ...USUAL,
};
export const FULL_DENSITY: DensityPlan = {
  tenants: [1, 100, 1_000, 10_000],
  rounds: 5,
  calls: 100_000,
  ...USUAL,
};

const MAX_SETTLING_MS = 300_000;
/** What memory may change by and still be the same. */
const SAME = 0.002;
/** Calls that are under way at once. */
const WINDOW = 64;
const ONE_AT_A_TIME = 300;
const SWITCH_ROUNDS = 3;
/** A server has at most 1,024 shards, and some are everybody's. */
const MAX_PROCESSES = 1_000;

const LIBRARY = `#!js name=density
export function answer(keys, args) { return BigInt(args.length); }`;
const LUA = `#!lua name=density
redis.register_function('answer', function(keys, args) return #args end)`;
const CALL = requestOf('FCALL', 'answer', 0, 'x');
const CALL_LINES = 1;

/** @param binDir Folder of shredderd. */
export async function measureDensity(
  binDir: string,
  plan: DensityPlan,
  onRow: (done: number, all: number) => void,
): Promise<DensityResult> {
  const result: DensityResult = { rows: [], notes: [] };
  const asked = plan.tenants.flatMap((tenants) => plan.cases.map((name) => ({ name, tenants })));
  for (const [index, { name, tenants }] of asked.entries()) {
    onRow(index, asked.length);
    if (name === 'redis') {
      result.rows.push(await measureRedis(tenants, plan));
    } else if (name === 'process' && tenants > MAX_PROCESSES) {
      result.notes.push(
        `NOT MEASURED: ${name}, ${formatCount(tenants)} tenants: each has a shard, of which there are 1,024 at most`,
      );
    } else {
      result.rows.push(await measureShredder(binDir, name, tenants, plan));
    }
  }
  return result;
}

async function measureShredder(
  binDir: string,
  isolation: Isolation,
  tenants: number,
  plan: DensityPlan,
): Promise<DensityRow> {
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    config: manyTenantsConfig([`idle-after-ms = ${plan.idleAfterMs}`]),
  });
  let connections: LineConnection[] = [];
  try {
    const before = await settledPssOf(server, plan);
    const perTenant = (bytes: number): number => (bytes - before) / tenants;
    await createTenants(server, isolation, tenants);
    const shards = await shardsOfTenants(server, Math.min(tenants, 4 * ONE_AT_A_TIME));
    const bareBytes = perTenant(await settledPssOf(server, plan));
    const auth = (n: number): LineRequest => ({
      request: requestOf('AUTH', ...accountOf(n)),
      lines: 1,
    });
    const load = { request: requestOf('FUNCTION', 'LOAD', LIBRARY), lines: 2 };
    connections = await openAll(server.port, tenants, (n) => [auth(n), load]);
    const loadedBytes = perTenant(await pssOf(server.pid));
    await new Promise((resolve) => setTimeout(resolve, plan.idleAfterMs));
    const idleBytes = perTenant(await settledPssOf(server, plan));
    const some = connections.slice(0, ONE_AT_A_TIME);
    const cold = await callEach(some);
    const more = await openAll(server.port, Math.max(0, WINDOW - tenants), (n) => [
      auth(n % tenants),
    ]);
    connections.push(...more);
    const spread = [...connections];
    const one = await openAll(server.port, connectionsToOne(spread.length), () => [auth(0)]);
    connections.push(...one);
    const neighbours = neighboursOf(connections, shards);
    const { same, switched } = await measureSwitches(one.slice(0, neighbours.length), neighbours);
    const loads = await measureLoads({ one, spread }, plan, () => cpuUsOf(server.pid));
    return {
      case: isolation,
      tenants,
      bareBytes,
      loadedBytes,
      idleBytes,
      coldUs: { median: spreadOf(cold).median, p99: percentile(cold, 0.99) },
      sameUs: spreadOf(same).median,
      switchUs: spreadOf(switched).median,
      ...loads,
    };
  } finally {
    for (const connection of connections) connection.close();
    await server.stop();
  }
}

/** One database serves what are tenants here: as many connections, the same calls. */
async function measureRedis(tenants: number, plan: DensityPlan): Promise<DensityRow> {
  const redis = await startRedis();
  let connections: LineConnection[] = [];
  try {
    await withClient({ url: `redis://127.0.0.1:${redis.port}`, tenant: 'default' }, (client) =>
      Promise.all([
        client.call('FUNCTION', 'LOAD', LUA),
        client.call('CONFIG', 'SET', 'maxclients', String(MAX_CONNECTIONS)),
      ]),
    );
    const spread = Math.max(tenants, WINDOW);
    connections = await openAll(redis.port, spread + connectionsToOne(spread), () => []);
    const loads = { one: connections.slice(spread), spread: connections.slice(0, spread) };
    return {
      case: 'redis',
      tenants,
      ...(await measureLoads(loads, plan, () => cpuUsOf(redis.pid))),
    };
  } finally {
    for (const connection of connections) connection.close();
    await redis.stop();
  }
}

/** As many as to all, so that they cost the same, but for what a process may open at all. */
function connectionsToOne(connectionsToAll: number): number {
  return Math.min(connectionsToAll, MAX_CONNECTIONS - connectionsToAll);
}

async function openAll(
  port: number,
  count: number,
  greetings: (n: number) => readonly LineRequest[],
): Promise<LineConnection[]> {
  const connections: LineConnection[] = [];
  for (let from = 0; from < count; from += OPENED_AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(OPENED_AT_ONCE, count - from) },
      (_, i) => from + i,
    );
    connections.push(
      ...(await Promise.all(
        numbers.map(async (n) => {
          const connection = await LineConnection.open(port);
          for (const { request, lines } of greetings(n)) await connection.ask(request, lines);
          return connection;
        }),
      )),
    );
  }
  return connections;
}

/** The memory of a server once it has stayed the same for some seconds; bytes. */
async function settledPssOf(server: Server, plan: DensityPlan): Promise<number> {
  const begun = performance.now();
  for (let seconds = 0, last = await pssOf(server.pid); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = await pssOf(server.pid);
    seconds = Math.abs(now - last) < SAME * last ? seconds + 1 : 0;
    if (seconds >= plan.settledSeconds) return now;
    if (performance.now() - begun > MAX_SETTLING_MS) {
      throw new UserError("the server's memory does not settle");
    }
    last = now;
  }
}

/** Calls one connection after the other; microseconds of each. */
async function callEach(connections: readonly LineConnection[]): Promise<number[]> {
  const us: number[] = [];
  for (const connection of connections) {
    const begun = performance.now();
    await connection.ask(CALL, CALL_LINES);
    us.push((performance.now() - begun) * 1_000);
  }
  return us;
}

/**
 * The connections of some tenants that are on the first one's shard, so that no call has to wake another; where each has a shard
 * of its own, of any.
 */
function neighboursOf(
  connections: readonly LineConnection[],
  shards: readonly string[],
): LineConnection[] {
  const neighbours = connections.filter((_, n) => n < shards.length && shards[n] === shards[0]);
  return (neighbours.length > 1 ? neighbours : connections).slice(0, ONE_AT_A_TIME);
}

/**
 * Calls one at a time, all of one tenant and each of another, over as many connections, so that these cost the same; in turns.
 * Microseconds of each.
 */
async function measureSwitches(
  ofOne: readonly LineConnection[],
  ofAll: readonly LineConnection[],
): Promise<{ same: number[]; switched: number[] }> {
  // All JavaScript is there before it counts.
  await callEach(ofAll);
  const same: number[] = [];
  const switched: number[] = [];
  for (let round = 0; round < SWITCH_ROUNDS; round++) {
    same.push(...(await callEach(ofOne)));
    switched.push(...(await callEach(ofAll)));
  }
  return { same, switched };
}

/** Calls to one tenant and calls to all, over as many connections at once, in turns. */
async function measureLoads(
  connections: Readonly<Record<'one' | 'spread', readonly LineConnection[]>>,
  plan: DensityPlan,
  cpuUs: () => Promise<number>,
): Promise<Pick<DensityRow, 'one' | 'spread'>> {
  // All JavaScript is there before it counts.
  await callInTurn(connections.spread, connections.spread.length);
  const samples = { one: newSamples(), spread: newSamples() };
  for (let round = 0; round < plan.rounds; round++) {
    const order = round % 2 === 0 ? (['one', 'spread'] as const) : (['spread', 'one'] as const);
    for (const which of order) {
      const cpuBefore = await cpuUs();
      const begun = performance.now();
      await callInTurn(connections[which], plan.calls);
      const seconds = (performance.now() - begun) / 1_000;
      samples[which].rps.push(plan.calls / seconds);
      samples[which].cpu.push(((await cpuUs()) - cpuBefore) / plan.calls);
    }
  }
  const loadOf = ({ rps, cpu }: Samples): DensityLoad => ({
    medianRps: spreadOf(rps).median,
    medianCpuUs: spreadOf(cpu).median,
  });
  return { one: loadOf(samples.one), spread: loadOf(samples.spread) };
}

interface Samples {
  rps: number[];
  cpu: number[];
}

function newSamples(): Samples {
  return { rps: [], cpu: [] };
}

/** So many calls over the connections in turn, WINDOW of them under way at once. */
async function callInTurn(connections: readonly LineConnection[], calls: number): Promise<void> {
  let sent = 0;
  await Promise.all(
    Array.from({ length: WINDOW }, async (_, first) => {
      // Each connection is one worker's, so that none has two calls under way.
      for (
        let at = first;
        sent < calls;
        at = at + WINDOW < connections.length ? at + WINDOW : first
      ) {
        sent++;
        await connections[at]!.ask(CALL, CALL_LINES);
      }
    }),
  );
}

/** The rows as tables: memory and single calls of each number of tenants, then loads beside Redis; and the notes. */
export function formatDensity({ rows, notes }: DensityResult): string {
  const own = rows.filter((row) => row.case !== 'redis');
  const kib = (bytes: number | undefined): string =>
    bytes === undefined ? '' : formatMeasured(bytes / 1_024);
  const us = (value: number | undefined): string =>
    value === undefined ? '' : formatMeasured(value);
  return [
    'KiB of memory a tenant: made, with its JavaScript, and after that was given up; microseconds of a',
    'call as its client waits, one at a time: the first after that, to the same tenant again, to another one',
    '',
    formatTable(
      ['tenants', '', 'made', 'loaded', 'idle', 'first', 'first p99', 'same', 'another'],
      own.map((row) => [
        formatCount(row.tenants),
        row.case,
        kib(row.bareBytes),
        kib(row.loadedBytes),
        kib(row.idleBytes),
        us(row.coldUs?.median),
        us(row.coldUs?.p99),
        us(row.sameUs),
        us(row.switchUs),
      ]),
    ),
    '',
    `calls to one tenant and spread over all, ${WINDOW} at once: calls a second, and the server's CPU, microseconds a call`,
    '',
    formatTable(
      [
        ...['tenants', '', 'one', 'spread', 'spread/one'],
        ...['one CPU', 'spread CPU', 'CPU one/spread'],
      ],
      rows.map((row) => [
        formatCount(row.tenants),
        row.case,
        formatCount(Math.round(row.one.medianRps)),
        formatCount(Math.round(row.spread.medianRps)),
        (row.spread.medianRps / row.one.medianRps).toFixed(2),
        formatMeasured(row.one.medianCpuUs),
        formatMeasured(row.spread.medianCpuUs),
        (row.one.medianCpuUs / row.spread.medianCpuUs).toFixed(2),
      ]),
    ),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n');
}
