// Servers for end-to-end tests: the checkout's own shredderd, each on a port of its own.
//
//   SHREDDER_TEST_SHARDS=N   with so many shards, 0 in one process, where the test itself says nothing
import { Writable } from 'node:stream';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { loadConfig } from '../../build-scripts/config.ts';
import { ensureRuntime, type RuntimeBuild } from '../../build-scripts/runtime/build.ts';
import {
  startServer as startShredderd,
  type Server as Shredderd,
  type ServerOptions,
} from '../../build-scripts/server/shredderd.ts';
import { Steps } from '../../build-scripts/ui/steps.ts';
import { DEFAULT_PASSWORD, openCards, OVER_AF_XDP, type CardOptions } from './network.ts';

/** A server with where it is reached. */
export interface Server extends Shredderd {
  host: string;
  /** The same of IPv6, where its cards have that. */
  host6?: string;
  /** What a client has to say first that the test gave no tenant to be. */
  password?: string;
}

const runtimes = new Map<string, Promise<RuntimeBuild>>();

/**
 * The checkout's runtime; built first where it is not, which `npm test` sees to beforehand.
 *
 * @param extras What it has besides, as `--with` names it.
 */
export function builtRuntime(...extras: string[]): Promise<RuntimeBuild> {
  const key = extras.join();
  const runtime =
    runtimes.get(key) ?? ensureRuntime(loadConfig({ with: extras }), new Steps(silence()));
  runtimes.set(key, runtime);
  return runtime;
}

/** Time enough for anything that ends, on any machine: no test meets a deadline by being slow. */
const PATIENT = ['--deadline-ms', '60000', '--load-deadline-ms', '60000'];

/** The same of clients that are slow to send their AUTH. */
const PATIENT_LINE = 'auth-timeout-ms = 3600000';

/** A configuration whose `[server]` waits for AUTH, unless it says how long itself. */
function patientConfig(config: string): string {
  if (/^auth-timeout-ms\b/m.test(config)) return config;
  return /^\[server\]$/m.test(config)
    ? config.replace(/^\[server\]$/m, `[server]\n${PATIENT_LINE}`)
    : `[server]\n${PATIENT_LINE}\n${config}`;
}

const SHARDS = process.env['SHREDDER_TEST_SHARDS'];

/** Flags of a server whose tenants share a shard: they wait for each other's functions. */
export const ONE_SHARD = ['--shards', SHARDS === '0' || OVER_AF_XDP ? '0' : '1'];

/** `--shards` as the environment says, unless the test does. */
function shardFlags(flags: readonly string[], config = ''): string[] {
  if (
    OVER_AF_XDP ||
    SHARDS === undefined ||
    flags.includes('--shards') ||
    /^shards\s*=/m.test(config)
  )
    return [];
  return ['--shards', SHARDS];
}

export interface TestServerOptions extends Omit<ServerOptions, 'binary'> {
  /** Keeps the deadlines that the configuration and the flags give, for tests about them. */
  ownDeadlines?: boolean;
  /** Another executable than the build's. */
  binary?: string;
  /** What its cards have besides, over AF_XDP. */
  cards?: CardOptions;
}

/**
 * Starts a server on a port of the loopback, a free one unless it is named; whoever starts it stops it.
 *
 * @param options.config Text of a configuration file; none: the single tenant `default`.
 */
export async function startServer({
  ownDeadlines = false,
  flags = [],
  config,
  binary,
  port,
  cards: cardOptions,
}: TestServerOptions = {}): Promise<Server> {
  const cards = OVER_AF_XDP ? await openCards(config, cardOptions) : undefined;
  const text = cards?.config ?? config;
  try {
    const server = await startShredderd({
      ...(text === undefined ? {} : { config: patientConfig(text) }),
      ...(port === undefined ? {} : { port }),
      ...(cards === undefined ? {} : { port: port ?? 7379, enter: cards.enter }),
      flags: [...shardFlags(flags, config), ...(ownDeadlines ? [] : PATIENT), ...flags],
      binary: binary ?? (await builtShredderd()),
    });
    if (cards === undefined) return { ...server, host: '127.0.0.1' };
    return {
      ...server,
      host: cards.host,
      ...(cards.host6 === undefined ? {} : { host6: cards.host6 }),
      url: `redis://${cards.host}:${server.port}`,
      ...(config === undefined ? { password: DEFAULT_PASSWORD } : {}),
      stop: async (signal) => {
        const code = await server.stop(signal);
        await cards.remove();
        return code;
      },
    };
  } catch (error) {
    await cards?.remove();
    throw error;
  }
}

/** The path of the build's shredderd. */
export async function builtShredderd(): Promise<string> {
  return path.join((await builtRuntime(...(OVER_AF_XDP ? ['dpdk'] : []))).binDir, 'shredderd');
}

/** Starts a server that is stopped when the test ends. */
export async function serverFor(
  t: ExecutionContext,
  options: TestServerOptions = {},
): Promise<Server> {
  const server = await startServer(options);
  t.teardown(async () => {
    await server.stop();
  });
  return server;
}

/** Takes the build's progress, which is not a test's report. */
function silence(): NodeJS.WriteStream {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
  return Object.assign(stream, { isTTY: false, columns: 80 }) as unknown as NodeJS.WriteStream;
}
