import path from 'node:path';
import { Command } from 'commander';
import type { Redis } from 'ioredis';
import { formatCount, formatMeasured, formatTable } from '../bench/table.ts';
import { withClient } from '../client/connection.ts';
import { loadConfig } from '../config.ts';
import { askByRedisCli, measure, type Question, type Timing } from '../demo/measure.ts';
import { libraryNameOf } from '../functions/library_name.ts';
import { loadLibrary } from '../functions/load.ts';
import { FUNCTIONS_PACKAGE } from '../functions/package.ts';
import { readEdgeList } from '../graph/edge_list.ts';
import { bestConnected, type Graph } from '../graph/graph.ts';
import { loadGraph } from '../graph/load.ts';
import { Traversal } from '../graph/traversal.ts';
import { readWordNet } from '../graph/wordnet.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { startServer } from '../server/shredderd.ts';
import { capture } from '../system/command.ts';
import { Steps } from '../ui/steps.ts';

const LIBRARIES = ['graph.ts', 'graph-callback.ts'];
const NODES = 5;
const DEPTHS = [1, 2, 3, 4];
/** A question that takes more lookups is not asked: it would take seconds. */
const MAX_LOOKUPS = 5_000_000;
/** The default budget of an invocation, 50 ms, is too little for the callback at the last depth. */
const DEADLINE_MS = 30_000;

/** `shredder demo`: the whole path, from V8's source to a function's answer over a real graph. */
export function demoCommand(): Command {
  return new Command('demo')
    .option('--graph <file>', 'an edge list, `a b` a line (default: WordNet)')
    .addHelpText('after', '\nExample:\n  shredder demo --graph facebook_combined.txt')
    .action(async (options: { graph?: string }) => {
      const steps = new Steps();
      // A file that cannot be read is reported before minutes of building.
      const graph = await steps.run('Graph', async (step) => {
        const read =
          options.graph === undefined ? await readWordNet() : await readEdgeList(options.graph);
        step.detail(`${formatCount(read.nodeCount)} nodes, ${formatCount(read.edgeCount)} edges`);
        return read;
      });
      const { binDir } = await ensureRuntime(loadConfig(), steps);
      const binary = path.join(binDir, 'shredderd');
      const version = await capture(binary, ['--version']);
      const server = await startServer({
        binary,
        flags: ['--enable-callbacks', '--deadline-ms', String(DEADLINE_MS)],
      });
      try {
        await withClient({ url: server.url, tenant: 'default' }, async (client) => {
          await deployAll(client, steps);
          await steps.run('Loading of the graph', (step) =>
            loadGraph(client, graph, (done, total) => step.progress(done, total)),
          );
          await answer(client, graph, server.port, version, steps);
        });
      } finally {
        await server.stop();
      }
    });
}

async function deployAll(client: Redis, steps: Steps): Promise<void> {
  // Loaded here: the compiler takes longer to load than most commands to run.
  const { openProject } = await import('../functions/project.ts');
  const { requireTypeCheck } = await import('../functions/typecheck.ts');
  const { bundleLibrary } = await import('../functions/bundle.ts');
  for (const file of LIBRARIES) {
    await steps.run(`Deployment of ${file}`, async () => {
      const source = path.join(FUNCTIONS_PACKAGE, 'examples', file);
      const project = openProject(source);
      requireTypeCheck(project, process.stderr);
      await loadLibrary(client, await bundleLibrary(project, libraryNameOf(source)));
    });
  }
}

async function answer(
  client: Redis,
  graph: Graph,
  port: number,
  version: string,
  steps: Steps,
): Promise<void> {
  const questions = questionsOf(graph);
  const timings = await steps.run('Calls', async (step) => {
    const results: Timing[] = [];
    for (const question of questions) {
      results.push(await measure(client, question));
      step.progress(results.length, questions.length);
    }
    return results;
  });
  // The deepest that was asked of the best-connected node.
  const shown = questions.findLast(({ node }) => node === questions[0]?.node);
  const byRedisCli =
    shown === undefined
      ? []
      : [`$ ${await askByRedisCli(port, shown)}`, String(shown.expected.answer), ''];

  const lines = [
    '',
    graph.title,
    `${formatCount(graph.nodeCount)} nodes, ${formatCount(graph.edgeCount)} edges`,
    '',
    'countFriends(node, depth), called by ioredis with FCALL_RO: through the builtins HTView and',
    'HTLength, and through the plain C++ callback DBGet, which returns ArrayBuffers. Milliseconds',
    'as the client sees them, the round trip included; medians of calls in turns. Every answer',
    'equals that of a traversal of the edge list in plain TypeScript.',
    '',
    formatTable(
      ['node', 'depth', 'answer', 'lookups', 'builtins ms', 'callback ms', 'callback/builtins'],
      timings.map((timing) => tableRow(timing, graph)),
    ),
    '',
    ...byRedisCli,
    `The server ran with --deadline-ms ${DEADLINE_MS} (default: 50), for the callback's sake.`,
    version,
    '',
  ];
  process.stdout.write(lines.join('\n'));
}

function questionsOf(graph: Graph): Question[] {
  const traversal = new Traversal(graph);
  return bestConnected(graph, NODES)
    .flatMap((node) =>
      DEPTHS.map((depth) => ({ node, depth, expected: traversal.count(node, depth) })),
    )
    .filter(({ expected }) => expected.lookups <= MAX_LOOKUPS);
}

function tableRow(timing: Timing, graph: Graph): string[] {
  const { node, depth, expected, builtinMs, callbackMs } = timing;
  const label = graph.labels.get(node);
  return [
    label === undefined ? String(node) : `${node} (${label})`,
    String(depth),
    formatCount(expected.answer),
    formatCount(expected.lookups),
    formatMeasured(builtinMs),
    formatMeasured(callbackMs),
    `${(callbackMs / builtinMs).toFixed(1)}x`,
  ];
}
