import { capture } from '../system/command.ts';
import { UserError } from '../errors.ts';
import { spreadOf } from './statistics.ts';
import { formatCount, formatTable } from './table.ts';

/** One server's throughput at one command; requests a second, over the rounds. */
export interface KvRow {
  case: 'shredder' | 'redis';
  command: KvCommand;
  /** Requests that a client sends before it waits for replies. */
  pipeline: number;
  medianRps: number;
  minRps: number;
  maxRps: number;
}

export type KvCommand = 'SET' | 'GET';

/** A server to measure. */
export interface KvServer {
  case: KvRow['case'];
  port: number;
}

export interface KvPlan {
  rounds: number;
  /** Requests a measurement without pipelining; with it, PIPELINED_REQUESTS times as many. */
  requests: number;
}

export const QUICK_PLAN: KvPlan = { rounds: 3, requests: 50_000 };
export const FULL_PLAN: KvPlan = { rounds: 7, requests: 200_000 };

const CLIENTS = 50;
const VALUE_BYTES = 64;
const KEYS = 100_000;
const PIPELINES = [1, 16];
/** A pipeline of 16 saves most of a request's cost; this many times the requests take as long. */
const PIPELINED_REQUESTS = 4;

/** Measures the servers in turns, so that a machine's slow spell meets both. */
export async function measureKv(
  servers: readonly KvServer[],
  plan: KvPlan,
  onRound: (round: number) => void,
): Promise<KvRow[]> {
  const samples = new Map<
    string,
    { row: Pick<KvRow, 'case' | 'command' | 'pipeline'>; rps: number[] }
  >();
  for (let round = 0; round < plan.rounds; round++) {
    onRound(round + 1);
    // Who goes first in a pair changes from round to round.
    const order = round % 2 === 0 ? servers : servers.toReversed();
    for (const pipeline of PIPELINES) {
      for (const command of ['SET', 'GET'] as const) {
        for (const server of order) {
          const requests = plan.requests * (pipeline === 1 ? 1 : PIPELINED_REQUESTS);
          const rps = await benchmark(server.port, command, pipeline, requests);
          const key = `${server.case} ${command} ${pipeline}`;
          const entry = samples.get(key) ?? {
            row: { case: server.case, command, pipeline },
            rps: [],
          };
          entry.rps.push(rps);
          samples.set(key, entry);
        }
      }
    }
  }
  return [...samples.values()].map(({ row, rps }) => {
    const { median, min, max } = spreadOf(rps);
    return { ...row, medianRps: median, minRps: min, maxRps: max };
  });
}

/** The rows as a table: a line a command and pipeline, both servers, and their ratio. */
export function formatKv(rows: readonly KvRow[]): string {
  const lines = PIPELINES.flatMap((pipeline) =>
    (['SET', 'GET'] as const).map((command) => {
      const of = (name: KvRow['case']): KvRow | undefined =>
        rows.find(
          (row) => row.case === name && row.command === command && row.pipeline === pipeline,
        );
      const shredder = of('shredder');
      const redis = of('redis');
      const ratio =
        shredder === undefined || redis === undefined
          ? ''
          : (shredder.medianRps / redis.medianRps).toFixed(2);
      return [`${command} -P ${pipeline}`, cell(shredder), cell(redis), ratio];
    }),
  );
  return [
    [
      `requests a second: median (min to max); ${CLIENTS} connections`,
      `${VALUE_BYTES}-byte values, ${formatCount(KEYS)} keys`,
    ].join(', '),
    formatTable(['', 'shredder', 'redis', 'shredder/redis'], lines),
  ].join('\n');
}

/** The requests a second in what redis-benchmark prints with --csv. */
export function parseRps(csv: string, command: KvCommand): number {
  const [header, ...lines] = csv.trim().split('\n').map(parseCsvLine);
  const column = header?.indexOf('rps') ?? -1;
  const rps = Number(lines.find((line) => line[0] === command)?.[column]);
  if (!(rps > 0)) throw new UserError(`redis-benchmark printed no rate of ${command}: ${csv}`);
  return rps;
}

async function benchmark(
  port: number,
  command: KvCommand,
  pipeline: number,
  requests: number,
): Promise<number> {
  const flags = {
    h: '127.0.0.1',
    p: port,
    c: CLIENTS,
    d: VALUE_BYTES,
    P: pipeline,
    n: requests,
    r: KEYS,
    t: command.toLowerCase(),
  };
  const csv = await capture('redis-benchmark', [
    '--csv',
    ...Object.entries(flags).flatMap(([name, value]) => [`-${name}`, String(value)]),
  ]);
  return parseRps(csv, command);
}

function parseCsvLine(line: string): string[] {
  return line.split(',').map((cell) => cell.replaceAll('"', ''));
}

function cell(row: KvRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianRps, row.minRps, row.maxRps].map((rps) =>
    formatCount(Math.round(rps)),
  );
  return `${median} (${min} to ${max})`;
}
