// Each module of the standard library beside what does the same in Redis today.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { withClient } from '../client/connection.ts';
import { UserError } from '../errors.ts';
import { loadLibrary } from '../functions/load.ts';
import { startServer } from '../server/shredderd.ts';
import {
  libraryCases,
  type Ask,
  type LibraryModule,
  type ModuleCases,
  type Operation,
  type Turn,
} from './library_cases.ts';
import { startRedis } from './redis_server.ts';
import { spreadOf } from './statistics.ts';
import { formatMeasured, formatRatio, formatTable } from './table.ts';

/** One way to do an operation; microseconds a request, over the rounds. */
export interface LibraryRow {
  module: LibraryModule;
  operation: string;
  case: 'shredder' | 'redis';
  /** What a request is made of. */
  by: string;
  /** Requests under way at a time, on one connection. */
  pipeline: number;
  medianUs: number;
  minUs: number;
  maxUs: number;
}

export interface LibraryPlan {
  modules: readonly LibraryModule[];
  rounds: number;
  /** Of an operation in each round; slow ones have a part of them. */
  requests: number;
}

export const QUICK_LIBRARY = { rounds: 3, requests: 1_000 } as const;
export const FULL_LIBRARY = { rounds: 7, requests: 4_000 } as const;

const PIPELINES = [1, 16];
/** Of requests that do not count, while a module is made ready. */
const SET_UP_PIPELINE = 200;
const FUNCTIONS = fileURLToPath(new URL('library_functions.ts', import.meta.url));
const SCRIPT = fileURLToPath(new URL('library_redis.lua', import.meta.url));
const LIBRARY = 'library';
/** No budget of an invocation ends a measurement. */
const DEADLINE_MS = 60_000;
/** The values of a stream have times of their own, none of them ahead of now. */
const STREAM_START_MS = 3_600_000;

/**
 * Measures all operations, of Shredder and of its peers in turns, on a connection each.
 *
 * @param binDir Folder of shredderd.
 */
export async function measureLibrary(
  binDir: string,
  plan: LibraryPlan,
  onModule: (done: number, all: number) => void,
): Promise<LibraryRow[]> {
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { bundleLibrary } = await import('../functions/bundle.ts');
  const code = await bundleLibrary(FUNCTIONS, LIBRARY);
  const startMs = Math.floor((Date.now() - STREAM_START_MS) / 1_000) * 1_000;
  const modules = libraryCases(startMs).filter(({ module }) => plan.modules.includes(module));
  const redis = await startRedis();
  try {
    const server = await startServer({
      binary: path.join(binDir, 'shredderd'),
      flags: ['--deadline-ms', String(DEADLINE_MS)],
    });
    try {
      const url = `redis://127.0.0.1:${redis.port}`;
      return await withClients(server.url, url, async (shredder, peers) => {
        await loadLibrary(shredder, code);
        await loadLibrary(peers[0]!, await readFile(SCRIPT, 'utf8'));
        const rows: LibraryRow[] = [];
        for (const [index, cases] of modules.entries()) {
          onModule(index, modules.length);
          rows.push(...(await measureModule(cases, shredder, peers, plan)));
        }
        return rows;
      });
    } finally {
      await server.stop();
    }
  } finally {
    await redis.stop();
  }
}

/** A connection to Shredder, and one to each of two of Redis's databases. */
async function withClients<T>(
  url: string,
  redisUrl: string,
  work: (shredder: Redis, peers: readonly Redis[]) => Promise<T>,
): Promise<T> {
  const tenant = 'default';
  return await withClient({ url, tenant }, (shredder) =>
    withClient({ url: redisUrl, tenant }, (first) =>
      withClient({ url: redisUrl, tenant }, (second) => work(shredder, [first, second]), { db: 1 }),
    ),
  );
}

/** A way to do an operation, and how long a request took in each round. */
interface Side {
  row: Pick<LibraryRow, 'module' | 'operation' | 'case' | 'by'>;
  client: Redis;
  ask: Ask;
  us: Map<number, number[]>;
}

async function measureModule(
  { module, setUp, operations }: ModuleCases,
  shredder: Redis,
  peers: readonly Redis[],
  plan: LibraryPlan,
): Promise<LibraryRow[]> {
  const before: Turn = { number: 0, requests: plan.requests };
  for (const { times, shredder: ask, redis } of setUp) {
    await askAll(shredder, ask, times, SET_UP_PIPELINE, before);
    for (const [index, each] of redis.entries()) {
      await askAll(peers[index]!, each, times, SET_UP_PIPELINE, before);
    }
  }
  const measured = operations.map((operation) => ({
    operation,
    sides: sidesOf(module, operation, shredder, peers),
  }));
  // The first round does not count: it is where code gets optimised.
  for (let round = 0; round <= plan.rounds; round++) {
    for (const [index, pipeline] of PIPELINES.entries()) {
      const turn = { number: 1 + round * PIPELINES.length + index, requests: plan.requests };
      for (const { operation, sides } of measured) {
        await takeTurn(operation, sides, pipeline, turn, round);
      }
    }
  }
  return measured.flatMap(({ sides }) =>
    PIPELINES.flatMap((pipeline) =>
      sides.map(({ row, us }) => {
        const { median, min, max } = spreadOf(us.get(pipeline) ?? []);
        return { ...row, pipeline, medianUs: median, minUs: min, maxUs: max };
      }),
    ),
  );
}

function sidesOf(
  module: LibraryModule,
  { name, shredder: ask, redis }: Operation,
  shredder: Redis,
  peers: readonly Redis[],
): Side[] {
  const row = { module, operation: name };
  return [
    { row: { ...row, case: 'shredder', by: 'FCALL' }, client: shredder, ask, us: new Map() },
    ...redis.map((peer, index): Side => {
      const client = peers[index]!;
      return { row: { ...row, case: 'redis', by: peer.by }, client, ask: peer.ask, us: new Map() };
    }),
  ];
}

/** An operation's requests on each side, who goes first changing from round to round. */
async function takeTurn(
  operation: Operation,
  sides: readonly Side[],
  pipeline: number,
  turn: Turn,
  round: number,
): Promise<void> {
  const requests = Math.max(1, Math.round(turn.requests * (operation.share ?? 1)));
  const answers = new Map<Side, unknown[]>();
  for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
    const begun = performance.now();
    const replies = await askAll(side.client, side.ask, requests, pipeline, turn);
    const us = (1_000 * (performance.now() - begun)) / requests;
    if (round > 0) side.us.set(pipeline, [...(side.us.get(pipeline) ?? []), us]);
    answers.set(
      side,
      replies.map((reply) => comparable(reply, operation.unordered)),
    );
  }
  const [first, ...others] = sides;
  for (const other of others) {
    requireSameAnswers(other.row, answers.get(first!) ?? [], answers.get(other) ?? []);
  }
}

/** Asks so often, a pipeline's requests at a time; all answers. */
async function askAll(
  client: Redis,
  ask: Ask,
  requests: number,
  pipeline: number,
  turn: Turn,
): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (let first = 0; first < requests; first += pipeline) {
    const size = Math.min(pipeline, requests - first);
    const batch = Array.from({ length: size }, (_, i) => ask(client, first + i, turn));
    replies.push(...(await Promise.all(batch)));
  }
  return replies;
}

export function requireSameAnswers(
  { module, operation, by }: Pick<LibraryRow, 'module' | 'operation' | 'by'>,
  shredder: readonly unknown[],
  redis: readonly unknown[],
): void {
  const index = shredder.findIndex((answer, i) => !isDeepStrictEqual(answer, redis[i]));
  if (index < 0 && shredder.length === redis.length) return;
  const [ours, theirs] = [shredder[index], redis[index]].map((answer) =>
    String(JSON.stringify(answer)).slice(0, 200),
  );
  throw new UserError(
    `${module} ${operation}, request ${index}: shredder answers ${ours}, redis (${by}) ${theirs}`,
  );
}

/**
 * A reply in a form that servers have in common: numbers and their texts are one, and where elements, so
 * many at a time, come in any order, that of their texts.
 */
export function comparable(reply: unknown, unordered?: number): unknown {
  if (reply === null || reply === undefined) return null;
  if (Buffer.isBuffer(reply)) return reply.toString('hex');
  if (Array.isArray(reply)) {
    const elements = reply.map((element) => comparable(element));
    if (unordered === undefined) return elements;
    const groups: unknown[][] = [];
    for (let at = 0; at < elements.length; at += unordered) {
      groups.push(elements.slice(at, at + unordered));
    }
    return groups.map((group) => JSON.stringify(group)).sort();
  }
  if (typeof reply === 'object') return comparable(Object.entries(reply).flat(), unordered);
  const text = String(reply);
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** The rows as a table: a line for each way to do an operation in Redis, and ratios. */
export function formatLibrary(rows: readonly LibraryRow[]): string {
  const pipelines = [...new Set(rows.map(({ pipeline }) => pipeline))];
  const peers = rows.filter((row) => row.case === 'redis' && row.pipeline === pipelines[0]);
  const lines = peers.map(({ module, operation, by }) => {
    const of = (name: LibraryRow['case'], pipeline: number): LibraryRow | undefined =>
      rows.find(
        (row) =>
          row.module === module &&
          row.operation === operation &&
          row.case === name &&
          row.pipeline === pipeline &&
          (name === 'shredder' || row.by === by),
      );
    return [
      `${module}: ${operation} | ${by}`,
      ...pipelines.flatMap((pipeline) => {
        const [shredder, redis] = [of('shredder', pipeline), of('redis', pipeline)];
        return [cell(shredder), cell(redis), formatRatio(redis?.medianUs, shredder?.medianUs)];
      }),
    ];
  });
  return [
    'microseconds a request, as one client waits: median (min to max); so many requests under way at a time',
    formatTable(
      [
        'operation | in Redis',
        ...pipelines.flatMap((pipeline) => [
          `shredder, ${pipeline}`,
          `redis, ${pipeline}`,
          'redis/shredder',
        ]),
      ],
      lines,
    ),
  ].join('\n');
}

function cell(row: LibraryRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianUs, row.minUs, row.maxUs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}
