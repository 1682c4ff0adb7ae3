// What answers the questions of `bench khop`: programs and servers that have the graph, and clients that fetch it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { UserError } from '../errors.ts';
import { libraryNameOf } from '../functions/library_name.ts';
import { loadLibrary } from '../functions/load.ts';
import { FUNCTIONS_PACKAGE } from '../functions/package.ts';
import type { Graph } from '../graph/graph.ts';
import { loadGraph } from '../graph/load.ts';
import { freePort } from '../server/free_port.ts';
import { startServer } from '../server/shredderd.ts';
import { TEST_PACKAGES, type SystemPackage } from '../system/packages.ts';
import { holdClient } from './held_client.ts';
import { countByKey, countByLevel, countByNode } from './khop_clients.ts';
import { startRedis } from './redis_server.ts';
import { startResponder } from './responder.ts';
import type { Timed } from './turn.ts';

/** What `bench khop` measures unless it is told otherwise. */
export const KHOP_CASES = [
  'native-store',
  'native-chained',
  'shredder',
  'redis-lua',
  'tarantool',
] as const;
/** What else can be measured: other functions in Shredder, and clients that fetch the lists from it. */
export const FURTHER_KHOP_CASES = [
  'shredder-callback',
  'shredder-read',
  'shredder-distinct',
  'client-key',
  'client-level',
  'client-distinct',
] as const;
export type KhopCase = (typeof KHOP_CASES)[number] | (typeof FURTHER_KHOP_CASES)[number];

/** A traversal to ask for. */
export interface KhopQuestion {
  node: number;
  hops: number;
  answer: number;
  /** Lookups that the traversal makes. */
  lookups: number;
  /** The sum of all ids in the lists that it looks up, modulo 2^32: what `shredder-read` answers. */
  sum: number;
}

/** What answers questions in one or more of the cases, and has to be stopped. */
export interface Answerer {
  cases: readonly KhopCase[];
  ask: (name: KhopCase, question: KhopQuestion, calls: number) => Promise<Timed<number>>;
  stop: () => Promise<unknown>;
}

export interface AnswererOptions {
  graph: Graph;
  /** The graph as `encodeGraph` writes it. */
  graphFile: string;
  /** Of shredderd and the bench program. */
  binDir: string;
  /** For what a program has to write. */
  folder: string;
  /** Sees to it that packages are there; what a case needs and cannot get is a UserError. */
  install: (packages: readonly SystemPackage[]) => Promise<void>;
}

/** No budget of an invocation ends a measurement. */
const DEADLINE_MS = 60_000;

const TARANTOOL_PACKAGE: SystemPackage = {
  name: 'tarantool',
  provides: { commands: ['tarantool'] },
};

const FUNCTIONS = pathBeside('khop_functions.ts');
const EXAMPLES = path.join(FUNCTIONS_PACKAGE, 'examples');
const LUA = {
  redis: pathBeside('khop_redis.lua'),
  tarantoolServer: pathBeside('khop_tarantool_server.lua'),
  tarantoolClient: pathBeside('khop_tarantool_client.lua'),
} as const;

/** How each case asks a server: a function that it calls, or what it fetches and counts itself. */
const ASKED: Readonly<
  Partial<Record<KhopCase, string | ((client: Redis, question: KhopQuestion) => Promise<number>)>>
> = {
  'shredder': 'countFriends',
  'redis-lua': 'countFriends',
  'shredder-callback': 'countFriendsByCallback',
  'shredder-read': 'sumFriends',
  'shredder-distinct': 'countFriendsByNode',
  'client-key': (client, { node, hops }) => countByKey(client, node, hops),
  'client-level': (client, { node, hops }) => countByLevel(client, node, hops),
  'client-distinct': (client, { node, hops }) => countByNode(client, node, hops),
};

/** What starts each answerer, with all cases that it has. */
export const ANSWERERS: readonly {
  cases: readonly KhopCase[];
  start: (cases: readonly KhopCase[], options: AnswererOptions) => Promise<Answerer>;
}[] = [
  { cases: ['native-store', 'native-chained'], start: startNative },
  { cases: ['shredder', ...FURTHER_KHOP_CASES], start: startShredder },
  { cases: ['redis-lua'], start: startRedisLua },
  { cases: ['tarantool'], start: startTarantool },
];

/** Little-endian uint32 words: node, number of neighbours, the neighbours; and so on. */
export function encodeGraph(graph: Graph): Buffer {
  const lists = [...graph.neighbours];
  const words = lists.reduce((sum, [, neighbours]) => sum + 2 + neighbours.length, 0);
  const bytes = Buffer.allocUnsafe(4 * words);
  let at = 0;
  for (const [node, neighbours] of lists) {
    for (const word of [node, neighbours.length, ...neighbours]) {
      at = bytes.writeUInt32LE(word, at);
    }
  }
  return bytes;
}

function startNative(cases: readonly KhopCase[], options: AnswererOptions): Promise<Answerer> {
  const { binDir, graphFile } = options;
  const program = startResponder(path.join(binDir, 'shredder-bench'), ['khop', graphFile]);
  return Promise.resolve({
    cases,
    ask: async (name, { node, hops }, calls) => {
      const table = name.replace('native-', '');
      return parseTimed(await program.ask(`${table} ${node} ${hops} ${calls}`));
    },
    stop: program.stop,
  });
}

async function startShredder(
  cases: readonly KhopCase[],
  { binDir, graph }: AnswererOptions,
): Promise<Answerer> {
  const callbacks = cases.includes('shredder-callback');
  const sources = [
    path.join(EXAMPLES, 'graph.ts'),
    ...(callbacks ? [path.join(EXAMPLES, 'graph-callback.ts')] : []),
    FUNCTIONS,
  ];
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { bundleLibrary } = await import('../functions/bundle.ts');
  const libraries: string[] = [];
  for (const source of sources) libraries.push(await bundleLibrary(source, libraryNameOf(source)));
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ['--deadline-ms', String(DEADLINE_MS), ...(callbacks ? ['--enable-callbacks'] : [])],
  });
  return await answerByServer(cases, server.url, server.stop, libraries, graph);
}

async function startRedisLua(
  cases: readonly KhopCase[],
  { graph, install }: AnswererOptions,
): Promise<Answerer> {
  await install(TEST_PACKAGES.filter(({ name }) => name === 'redis-server'));
  const code = await readFile(LUA.redis, 'utf8');
  const { port, stop } = await startRedis();
  return await answerByServer(cases, `redis://127.0.0.1:${port}`, stop, [code], graph);
}

/**
 * Gives a server that has just started the libraries and the graph, and asks it over one connection that stays
 * open.
 */
async function answerByServer(
  cases: readonly KhopCase[],
  url: string,
  stopServer: Answerer['stop'],
  libraries: readonly string[],
  graph: Graph,
): Promise<Answerer> {
  try {
    const { client, close } = await holdClient({ url, tenant: 'default' });
    for (const code of libraries) await loadLibrary(client, code);
    await loadGraph(client, graph, () => {});
    return {
      cases,
      ask: (name, question, calls) => askClient(client, name, question, calls),
      stop: async () => {
        await close();
        await stopServer();
      },
    };
  } catch (error) {
    await stopServer();
    throw error;
  }
}

async function askClient(
  client: Redis,
  name: KhopCase,
  question: KhopQuestion,
  calls: number,
): Promise<Timed<number>> {
  const asked = ASKED[name] ?? '';
  const fcall = [asked, 1, question.node, question.hops].map(String);
  let answer = 0;
  const begun = performance.now();
  for (let call = 0; call < calls; call++) {
    answer =
      typeof asked === 'function'
        ? await asked(client, question)
        : Number(await client.call('FCALL', fcall));
  }
  return { answer, us: (1_000 * (performance.now() - begun)) / calls };
}

async function startTarantool(
  cases: readonly KhopCase[],
  { graphFile, folder, install }: AnswererOptions,
): Promise<Answerer> {
  await install([TARANTOOL_PACKAGE]);
  const port = String(await freePort());
  const server = startResponder('tarantool', [LUA.tarantoolServer, port, graphFile, folder]);
  try {
    const greeting = await server.next();
    if (greeting !== 'ready') throw new UserError(`tarantool did not start: ${greeting}`);
    const client = startResponder('tarantool', [LUA.tarantoolClient, port]);
    return {
      cases,
      ask: async (_, { node, hops }, calls) =>
        parseTimed(await client.ask(`${node} ${hops} ${calls}`)),
      stop: async () => {
        await client.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Reads `<count> <nanoseconds>`. */
function parseTimed(line: string): Timed<number> {
  const [, answer, ns] = /^(\d+) (\d+)$/.exec(line) ?? [];
  if (answer === undefined) throw new UserError(`${JSON.stringify(line)} is no answer`);
  return { answer: Number(answer), us: Number(ns) / 1_000 };
}

function pathBeside(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
