// Shredder beside a real redis-server: the same requests to both, the replies compared byte by byte.
import type { ExecutionContext } from 'ava';
import { startRedis, type RedisServer } from '../../build-scripts/bench/redis_server.ts';
import { RawClient, type Argument } from './resp.ts';
import { startServer, type Server } from './server.ts';

export type Request = readonly Argument[];
export type Protocol = 2 | 3;

/** Both servers with a connection to each. */
export interface Pair {
  shredder: RawClient;
  redis: RawClient;
}

export interface Servers {
  /** New connections to both, in the given protocol. */
  connect: (protocol: Protocol) => Promise<Pair>;
  shredder: Server;
  /** Closes the connections and stops redis-server. */
  stop: () => Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const shredder = await startServer();
  const redis = await startRedisLike7().catch(async (error: unknown) => {
    // What still runs would keep the test process alive.
    await shredder.stop();
    throw error;
  });
  const { password } = shredder;
  const theirs = { port: redis.port, ...(password === undefined ? {} : { password }) };
  if (password !== undefined) {
    const admin = await RawClient.connect({ port: redis.port });
    await admin.call('CONFIG', 'SET', 'requirepass', password);
    await admin.close();
  }
  const clients: RawClient[] = [];
  const open = async (server: { port: number }, protocol: Protocol): Promise<RawClient> => {
    const client = await RawClient.connect(server);
    clients.push(client);
    await client.call('HELLO', protocol);
    return client;
  };
  return {
    connect: async (protocol) => ({
      shredder: await open(shredder, protocol),
      redis: await open(theirs, protocol),
    }),
    shredder,
    stop: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await redis.stop();
    },
  };
}

/** The system's redis-server, which must be of the age that Shredder answers like. */
async function startRedisLike7(): Promise<RedisServer> {
  const redis = await startRedis();
  if (redis.version.startsWith('7.0.')) return redis;
  await redis.stop();
  throw new Error(`redis-server is ${redis.version}: the replies compared with are those of 7.0`);
}

/** The words of a line as one would type it in redis-cli: quotes, and escapes within double ones. */
export function words(line: string): string[] {
  const found: string[] = [];
  for (const match of line.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)) {
    const [, double, single, bare] = match;
    found.push(
      double === undefined ? (single ?? bare ?? '') : (JSON.parse(`"${double}"`) as string),
    );
  }
  return found;
}

/**
 * How much a reply that counts time from now may differ, in its own unit: half a minute, so times
 * that are to be told apart differ by more.
 */
const TIME_TOLERANCE: Readonly<Record<string, number>> = {
  TTL: 30,
  PTTL: 30_000,
  EXPIRETIME: 30,
  PEXPIRETIME: 30_000,
};

/** Commands whose replies are in no particular order. */
const UNORDERED = new Set(['KEYS']);

/** Whether two replies to a request mean the same. */
export function sameReply(request: Request, ours: Buffer, theirs: Buffer): boolean {
  if (ours.equals(theirs)) return true;
  const command = String(request[0]).toUpperCase();
  const tolerance = TIME_TOLERANCE[command];
  if (tolerance !== undefined) {
    const [a, b] = [ours, theirs].map(
      (reply) => /^:(\d+)\r\n$/.exec(reply.toString('latin1'))?.[1],
    );
    return a !== undefined && b !== undefined && Math.abs(Number(a) - Number(b)) <= tolerance;
  }
  if (UNORDERED.has(command)) {
    const [a, b] = [ours, theirs].map((reply) =>
      reply
        .toString('latin1')
        .split(/(?=\$\d)/)
        .sort()
        .join(''),
    );
    return a === b;
  }
  return false;
}

/**
 * Sends the requests at once, but for RESET, which waits for the replies before it: Redis closes a
 * connection that is not authenticated, or no longer, where more than 1 KiB of replies wait to be sent.
 */
async function redisAnswers(client: RawClient, requests: readonly Request[]): Promise<Buffer[]> {
  const replies: Buffer[] = [];
  while (replies.length < requests.length) {
    const rest = requests.slice(replies.length);
    const reset = rest.findIndex(([command]) => String(command).toUpperCase() === 'RESET');
    const count = reset === -1 ? rest.length : Math.max(reset, 1);
    replies.push(...(await client.pipeline(rest.slice(0, count))));
  }
  return replies;
}

/** The first request that the two answer differently, with what came before it; or undefined. */
export async function firstDifference(
  pair: Pair,
  requests: readonly Request[],
): Promise<string | undefined> {
  const [ours, theirs] = await Promise.all([
    pair.shredder.pipeline(requests),
    redisAnswers(pair.redis, requests),
  ]);
  const at = requests.findIndex(
    (request, i) => !sameReply(request, ours[i] ?? Buffer.alloc(0), theirs[i] ?? Buffer.alloc(0)),
  );
  if (at === -1) return undefined;
  return [
    ...requests.slice(Math.max(0, at - 8), at + 1).map((request) => `> ${show(request)}`),
    `shredder: ${clip(ours[at])}`,
    `redis:    ${clip(theirs[at])}`,
  ].join('\n');
}

/** Asserts that both servers answer all requests alike. */
export async function answersAlike(
  t: ExecutionContext,
  pair: Pair,
  requests: readonly Request[],
): Promise<void> {
  t.is(await firstDifference(pair, requests), undefined);
}

export function show(request: Request): string {
  return request
    .map((arg) => {
      const text = Buffer.isBuffer(arg) ? arg.toString('latin1') : String(arg);
      const clipped = text.length > 120 ? `${text.slice(0, 120)}... (${text.length})` : text;
      return /^[\w:.-]+$/.test(clipped) ? clipped : JSON.stringify(clipped);
    })
    .join(' ');
}

function clip(reply: Buffer | undefined): string {
  return JSON.stringify((reply ?? Buffer.alloc(0)).toString('latin1').slice(0, 400));
}
