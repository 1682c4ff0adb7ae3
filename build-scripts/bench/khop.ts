// Friends within so many hops, counted by path: the same traversal, lookup by lookup, in C++, in Shredder, and in the stored
// functions of others.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { bestConnected, type Graph } from '../graph/graph.ts';
import { Traversal } from '../graph/traversal.ts';
import {
  ANSWERERS,
  encodeGraph,
  KHOP_CASES,
  type Answerer,
  type AnswererOptions,
  type KhopCase,
  type KhopQuestion,
} from './khop_answerers.ts';
import { spreadOf } from './statistics.ts';
import { formatCount, formatMeasured, formatRatio, formatTable } from './table.ts';
import { takeTurn } from './turn.ts';

export { KHOP_CASES, type KhopCase };

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

export interface KhopPlan {
  cases: readonly KhopCase[];
  rounds: number;
  install: AnswererOptions['install'];
  /** Questions that take more lookups are not asked in this case, which is a note. */
  maxLookups?: Readonly<Partial<Record<KhopCase, number>>>;
}

export interface KhopResult {
  rows: KhopRow[];
  /** Why a case that was asked for has no rows, a line each. */
  notes: string[];
}

export const KHOP_ROUNDS = { quick: 3, full: 7 } as const;

const NODES = 3;
const HOPS = [1, 2, 3, 4];
/** A question that takes more lookups is not asked: the slowest would take seconds. */
const MAX_LOOKUPS = 2_000_000;
/** What is asked: 1 to 4 hops from so many of the best-connected nodes. */
export function khopQuestions(graph: Graph, nodes = NODES): KhopQuestion[] {
  const traversal = new Traversal(graph);
  const sums = new IdSums(graph);
  return bestConnected(graph, nodes)
    .flatMap((node) => HOPS.map((hops) => ({ node, hops, ...traversal.count(node, hops) })))
    .filter(({ lookups }) => lookups <= MAX_LOOKUPS)
    .map((question) => ({ ...question, sum: sums.of(question.node, question.hops) }));
}

/** The ids in all lists within so many hops, added up by path, modulo 2^32. Remembers each node's at each depth. */
class IdSums {
  readonly #known: Map<number, number>[] = [];
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  of(node: number, hops: number): number {
    this.#known[hops] ??= new Map<number, number>();
    const level = this.#known[hops];
    const before = level.get(node);
    if (before !== undefined) return before;
    let sum = 0;
    for (const friend of this.#graph.neighbours.get(node) ?? []) {
      sum = (sum + friend + (hops > 1 ? this.of(friend, hops - 1) : 0)) >>> 0;
    }
    level.set(node, sum);
    return sum;
  }
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
    const options: AnswererOptions = { graph, graphFile, binDir, folder, install: plan.install };
    for (const { cases, start } of ANSWERERS) {
      const wanted = cases.filter((name) => plan.cases.includes(name));
      if (wanted.length === 0) continue;
      try {
        answerers.push(await start(wanted, options));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const [reason] = error.message.split('\n');
        const remedy = error.remedy === undefined ? '' : ` ${error.remedy}`;
        notes.push(`NOT MEASURED: ${wanted.join(' and ')}: ${reason}.${remedy}`);
      }
    }
    notes.push(...notesOfLimits(answerers, questions, plan));
    return { rows: await askInTurns(answerers, questions, plan, onRound), notes };
  } finally {
    for (const answerer of answerers) await answerer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function askInTurns(
  answerers: readonly Answerer[],
  questions: readonly KhopQuestion[],
  plan: KhopPlan,
  onRound: (round: number) => void,
): Promise<KhopRow[]> {
  const samples = new Map<string, { name: KhopCase; question: KhopQuestion; us: number[] }>();
  for (let round = 0; round < plan.rounds; round++) {
    onRound(round);
    for (const question of questions) {
      for (const answerer of answerers) {
        for (const name of answerer.cases) {
          if (!isAsked(name, question, plan)) continue;
          const { us } = await takeTurn(async (calls) => {
            const timed = await answerer.ask(name, question, calls);
            requireAnswer(name, question, timed.answer);
            return timed;
          });
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
    const { node, hops, answer, lookups } = question;
    return { case: name, node, hops, answer, lookups, medianUs: median, minUs: min, maxUs: max };
  });
}

function isAsked(name: KhopCase, { lookups }: KhopQuestion, { maxLookups }: KhopPlan): boolean {
  return lookups <= (maxLookups?.[name] ?? Infinity);
}

function notesOfLimits(
  answerers: readonly Answerer[],
  questions: readonly KhopQuestion[],
  plan: KhopPlan,
): string[] {
  return answerers
    .flatMap(({ cases }) => cases)
    .flatMap((name) => {
      const left = questions.filter((question) => !isAsked(name, question, plan));
      if (left.length === 0) return [];
      const named = left.map(({ node, hops, lookups }) => {
        return `${hops} hops from ${node} (${formatCount(lookups)})`;
      });
      const most = formatCount(plan.maxLookups?.[name] ?? Infinity);
      return [`NOT MEASURED: ${name}: more than ${most} lookups: ${named.join(', ')}.`];
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

function requireAnswer(name: KhopCase, question: KhopQuestion, answer: number): void {
  const right = name === 'shredder-read' ? question.sum : question.answer;
  if (answer === right) return;
  const { node, hops } = question;
  throw new UserError(
    `${name}, node ${node}, ${hops} hops: the answer is ${answer}, but ${right} is right`,
  );
}

function cell(row: KhopRow | undefined): string {
  if (row === undefined) return '';
  const [median, min, max] = [row.medianUs, row.minUs, row.maxUs].map(formatMeasured);
  return `${median} (${min} to ${max})`;
}
