// Friends within so many hops, counted by path: the same traversal, lookup by lookup, in C++, in Shredder, and in the stored
// functions of others.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withClient } from '../client/connection.ts';
import { UserError } from '../errors.ts';
import { libraryNameOf } from '../functions/library_name.ts';
import { loadLibrary } from '../functions/load.ts';
import { FUNCTIONS_PACKAGE } from '../functions/package.ts';
import { bestConnected, type Graph } from '../graph/graph.ts';
import { loadGraph } from '../graph/load.ts';
import { Traversal, type FriendCount } from '../graph/traversal.ts';
import { freePort } from '../server/free_port.ts';
import { startServer } from '../server/shredderd.ts';
import { TEST_PACKAGES, type SystemPackage } from '../system/packages.ts';
import { startRedis } from './redis_server.ts';
import { startResponder } from './responder.ts';
import { spreadOf } from './statistics.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from './table.ts';

export const KHOP_CASES = [
  'native-store',
  'native-chained',
  'shredder',
  'redis-lua',
  'tarantool',
] as const;
export type KhopCase = (typeof KHOP_CASES)[number];

/** One way to count a node's friends; microseconds. */
export interface KhopRow {
  case: KhopCase;
  node: number;
  hops: number;
  answer: number;
  /** Lookups that the traversal makes. */
  lookups: number;
  /** As the client waits, the round trip included; of the native cases, the traversal alone. */
  medianUs: number;
  minUs: number;
  maxUs: number;
}

/** A traversal to ask for. */
export interface KhopQuestion extends FriendCount {
  node: number;
  hops: number;
}

export interface KhopPlan {
  cases: readonly KhopCase[];
  rounds: number;
  /** Sees to it that packages are there; what a case needs and cannot get is a UserError. */
  install: (packages: readonly SystemPackage[]) => Promise<void>;
}

export interface KhopResult {
  rows: KhopRow[];
  /** Why a case that was asked for has no rows, a line each. */
  notes: string[];
}

/** What answers questions in one or more of the cases, and has to be stopped. */
interface Answerer {
  cases: readonly KhopCase[];
  ask: (name: KhopCase, question: KhopQuestion) => Promise<{ answer: number; us: number }>;
  stop: () => Promise<unknown>;
}

export const KHOP_ROUNDS = { quick: 3, full: 7 } as const;

const NODES = 3;
const HOPS = [1, 2, 3, 4];
/** A question that takes more lookups is not asked: the slowest would take seconds. */
const MAX_LOOKUPS = 2_000_000;
/** No budget of an invocation ends a measurement. */
const DEADLINE_MS = 60_000;

const TARANTOOL_PACKAGE: SystemPackage = {
  name: 'tarantool',
  provides: { commands: ['tarantool'] },
};

const LUA = {
  redis: scriptPath('khop_redis.lua'),
  tarantoolServer: scriptPath('khop_tarantool_server.lua'),
  tarantoolClient: scriptPath('khop_tarantool_client.lua'),
} as const;

/** What is asked: 1 to 4 hops from the best-connected nodes. */
export function khopQuestions(graph: Graph): KhopQuestion[] {
  const traversal = new Traversal(graph);
  return bestConnected(graph, NODES)
    .flatMap((node) => HOPS.map((hops) => ({ node, hops, ...traversal.count(node, hops) })))
    .filter(({ lookups }) => lookups <= MAX_LOOKUPS);
}

/**
 * Measures all cases in turns, so that a machine's slow spell meets them all. A case whose program
 * cannot be started is left out, with a note.
 *
 * @param binDir Folder of shredderd and the bench program.
 */
export async function measureKhop(
  graph: Graph,
  questions: readonly KhopQuestion[],
  binDir: string,
  plan: KhopPlan,
  onRound: (round: number) => void,
): Promise<KhopResult> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-khop-'));
  const answerers: Answerer[] = [];
  const notes: string[] = [];
  try {
    const graphFile = path.join(folder, 'graph');
    await writeFile(graphFile, encodeGraph(graph));
    const starts: [KhopCase[], () => Promise<Answerer>][] = [
      [['native-store', 'native-chained'], async () => startNative(binDir, graphFile)],
      [['shredder'], () => startShredder(binDir, graph)],
      [['redis-lua'], () => startRedisLua(graph, plan)],
      [['tarantool'], () => startTarantool(graphFile, folder, plan)],
    ];
    for (const [names, start] of starts) {
      const wanted = names.filter((name) => plan.cases.includes(name));
      if (wanted.length === 0) continue;
      try {
        answerers.push({ ...(await start()), cases: wanted });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const [reason] = error.message.split('\n');
        const remedy = error.remedy === undefined ? '' : ` ${error.remedy}`;
        notes.push(`NOT MEASURED: ${wanted.join(' and ')}: ${reason}.${remedy}`);
      }
    }
    return { rows: await askInTurns(answerers, questions, plan.rounds, onRound), notes };
  } finally {
    for (const answerer of answerers) await answerer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function askInTurns(
  answerers: readonly Answerer[],
  questions: readonly KhopQuestion[],
  rounds: number,
  onRound: (round: number) => void,
): Promise<KhopRow[]> {
  const samples = new Map<string, { name: KhopCase; question: KhopQuestion; us: number[] }>();
  for (let round = 0; round < rounds; round++) {
    onRound(round);
    for (const question of questions) {
      for (const answerer of answerers) {
        for (const name of answerer.cases) {
          const { answer, us } = await answerer.ask(name, question);
          requireAnswer(name, question, answer);
          const key = `${name} ${question.node} ${question.hops}`;
          const entry = samples.get(key) ?? { name, question, us: [] };
          entry.us.push(us);
          samples.set(key, entry);
        }
      }
    }
  }
  return [...samples.values()].map(({ name, question, us }) => {
    const { median, min, max } = spreadOf(us);
    return { case: name, ...question, medianUs: median, minUs: min, maxUs: max };
  });
}

/** The rows as two tables, times and ratios, a line a question; then the notes. */
export function formatKhop(title: string, { rows, notes }: KhopResult): string {
  const cases = KHOP_CASES.filter((name) => rows.some((row) => row.case === name));
  const questions = [...new Map(rows.map((row) => [`${row.node} ${row.hops}`, row])).values()].map(
    (row) => ({
      row,
      of: (name: KhopCase) =>
        rows.find((each) => each.case === name && each.node === row.node && each.hops === row.hops),
    }),
  );
  const ratios = (['native-store', 'native-chained', 'shredder'] as const)
    .filter((base) => cases.includes(base))
    .flatMap((base) =>
      cases
        .filter((name) => name !== base && !name.startsWith('native'))
        .map((name) => ({ name, base })),
    );
  return [
    title,
    'countFriends(node, hops), microseconds: median (min to max). Clients of servers wait for one',
    'reply on the loopback; native is the traversal alone, within its process.',
    '',
    formatTable(
      ['node', 'hops', 'answer', 'lookups', ...cases],
      questions.map(({ row, of }) => [
        String(row.node),
        String(row.hops),
        formatCount(row.answer),
        formatCount(row.lookups),
        ...cases.map((name) => cell(of(name))),
      ]),
    ),
    '',
    formatTable(
      ['node', 'hops', ...ratios.map(({ name, base }) => `${name}/${base}`)],
      questions.map(({ row, of }) => [
        String(row.node),
        String(row.hops),
        ...ratios.map(({ name, base }) => formatRatio(of(name)?.medianUs, of(base)?.medianUs)),
      ]),
    ),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n');
}

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

function startNative(binDir: string, graphFile: string): Answerer {
  const program = startResponder(path.join(binDir, 'shredder-bench'), ['khop', graphFile]);
  return {
    cases: ['native-store', 'native-chained'],
    ask: async (name, { node, hops }) => {
      const request = `${name.replace('native-', '')} ${node} ${hops}`;
      // Cold caches are the same for all cases: each is asked once before it counts.
      await program.ask(request);
      return parseAnswer(await program.ask(request));
    },
    stop: program.stop,
  };
}

async function startShredder(binDir: string, graph: Graph): Promise<Answerer> {
  const source = path.join(FUNCTIONS_PACKAGE, 'examples', 'graph.ts');
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { bundleLibrary } = await import('../functions/bundle.ts');
  const code = await bundleLibrary(source, libraryNameOf(source));
  const server = await startServer({
    binary: path.join(binDir, 'shredderd'),
    flags: ['--deadline-ms', String(DEADLINE_MS)],
  });
  return await answerByFcall('shredder', server.url, server.stop, code, graph);
}

async function startRedisLua(graph: Graph, plan: KhopPlan): Promise<Answerer> {
  await plan.install(TEST_PACKAGES.filter(({ name }) => name === 'redis-server'));
  const code = await readFile(LUA.redis, 'utf8');
  const { port, stop } = await startRedis();
  return await answerByFcall('redis-lua', `redis://127.0.0.1:${port}`, stop, code, graph);
}

/** Gives a server that has just started the library and the graph. */
async function answerByFcall(
  name: KhopCase,
  url: string,
  stop: Answerer['stop'],
  code: string,
  graph: Graph,
): Promise<Answerer> {
  try {
    await withClient({ url, tenant: 'default' }, async (client) => {
      await loadLibrary(client, code);
      await loadGraph(client, graph, () => {});
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    cases: [name],
    ask: (_, question) => askByFcall(url, question),
    stop,
  };
}

async function startTarantool(
  graphFile: string,
  folder: string,
  plan: KhopPlan,
): Promise<Answerer> {
  await plan.install([TARANTOOL_PACKAGE]);
  const port = String(await freePort());
  const server = startResponder('tarantool', [LUA.tarantoolServer, port, graphFile, folder]);
  try {
    const greeting = await server.next();
    if (greeting !== 'ready') throw new UserError(`tarantool did not start: ${greeting}`);
    const client = startResponder('tarantool', [LUA.tarantoolClient, port]);
    return {
      cases: ['tarantool'],
      ask: async (_, { node, hops }) => {
        await client.ask(`${node} ${hops}`);
        return parseAnswer(await client.ask(`${node} ${hops}`));
      },
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

/** One call, after one that does not count. */
async function askByFcall(
  url: string,
  { node, hops }: KhopQuestion,
): Promise<{ answer: number; us: number }> {
  return await withClient({ url, tenant: 'default' }, async (client) => {
    const call = ['countFriends', 1, node, hops];
    await client.call('FCALL', call);
    const begun = performance.now();
    const reply = await client.call('FCALL', call);
    return { us: 1_000 * (performance.now() - begun), answer: Number(reply) };
  });
}

/** Reads `<count> <nanoseconds>`. */
function parseAnswer(line: string): { answer: number; us: number } {
  const [, answer, ns] = /^(\d+) (\d+)$/.exec(line) ?? [];
  if (answer === undefined) throw new UserError(`${JSON.stringify(line)} is no answer`);
  return { answer: Number(answer), us: Number(ns) / 1_000 };
}

function requireAnswer(name: KhopCase, question: KhopQuestion, answer: number): void {
  if (answer === question.answer) return;
  const { node, hops } = question;
  throw new UserError(
    `${name}, node ${node}, ${hops} hops: the answer is ${answer}, but ${question.answer} is right`,
  );
}

function cell(row: KhopRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianUs, row.minUs, row.maxUs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}

function scriptPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
