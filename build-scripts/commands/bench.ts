import path from 'node:path';
import { Command } from 'commander';
import { formatCalls, FULL_CALLS, measureCalls, QUICK_CALLS } from '../bench/calls.ts';
import {
  DENSITY_CASES,
  formatDensity,
  FULL_DENSITY,
  measureDensity,
  QUICK_DENSITY,
  type DensityCase,
} from '../bench/density.ts';
import { formatHtget, runHtget } from '../bench/htget.ts';
import { formatJson, runJson } from '../bench/json.ts';
import {
  formatKhop,
  KHOP_CASES,
  KHOP_ROUNDS,
  khopQuestions,
  measureKhop,
  type KhopCase,
} from '../bench/khop.ts';
import { formatLibrary, FULL_LIBRARY, measureLibrary, QUICK_LIBRARY } from '../bench/library.ts';
import { LIBRARY_MODULES, type LibraryModule } from '../bench/library_cases.ts';
import { formatKv, FULL_PLAN, measureKv, QUICK_PLAN } from '../bench/kv.ts';
import {
  formatNeighbours,
  FULL_NEIGHBOURS,
  measureNeighbours,
  NEIGHBOURS_CASES,
  QUICK_NEIGHBOURS,
  type NeighboursCase,
} from '../bench/neighbours.ts';
import { NOISES, type Noise } from '../bench/noise.ts';
import { startRedis } from '../bench/redis_server.ts';
import { describeReport, publish, reportOf, writeOutput } from '../bench/report.ts';
import { formatScan, runScan } from '../bench/scan.ts';
import { loadConfig, type Config } from '../config.ts';
import { FACEBOOK, readFacebookIfThere } from '../graph/data_sets.ts';
import { readEdgeList } from '../graph/edge_list.ts';
import type { Graph } from '../graph/graph.ts';
import { readWordNet } from '../graph/wordnet.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { startServer } from '../server/shredderd.ts';
import { ensurePackages } from '../system/packages.ts';
import { Steps } from '../ui/steps.ts';
import { networkCommand } from './bench_network.ts';
import { paperCommand } from './bench_paper.ts';
import { listOf, nameList, sizeList } from './lists.ts';

interface BenchOptions {
  quick?: boolean;
  json?: string;
}

const MAX_KEYS = 10_000_000;
const MAX_TENANTS = 18_000;
const VALUE_UNIT_BYTES = 64;
const MAX_VALUE_BYTES = 64 * 1024 ** 2;
const MAX_DOCUMENT_BYTES = 8 * 1024 ** 2;

/** `shredder bench ...`: the project's figures, measured here and now. */
export function benchCommand(): Command {
  return new Command('bench')
    .addCommand(htgetCommand())
    .addCommand(scanCommand())
    .addCommand(jsonCommand())
    .addCommand(khopCommand())
    .addCommand(kvCommand())
    .addCommand(libraryCommand())
    .addCommand(callsCommand())
    .addCommand(densityCommand())
    .addCommand(neighboursCommand())
    .addCommand(networkCommand())
    .addCommand(paperCommand());
}

function htgetCommand(): Command {
  return new Command('htget')
    .description('time each builtin on one key: native C++, inlined, called, plain C++ callbacks')
    .option('--quick', 'fewer builtins, sizes and repetitions: done in 40 seconds')
    .option('--sizes <list>', `keys in the table, up to ${MAX_KEYS}`, sizeList(1, MAX_KEYS))
    .option('--builtins <list>', 'which builtins, such as HTGet,HTGetUint32', nameList)
    .option('--json <file>', 'write the rows as JSON')
    .option('--plot <file>', 'write a plot as SVG')
    .addHelpText('after', '\nExample:\n  shredder bench htget --quick --plot htget.svg')
    .action(
      async (options: BenchOptions & { sizes?: number[]; builtins?: string[]; plot?: string }) => {
        const config = loadConfig();
        const { v8, rows } = await runHtget(await benchProgram(config), {
          quick: options.quick === true,
          sizes: options.sizes,
          builtins: options.builtins,
        });
        const report = await reportOf('htget', v8, rows, config.repository);
        await publish(report, formatHtget(rows), options.json);
        if (options.plot !== undefined) {
          const { plotHtget } = await import('../bench/htget_plot.ts');
          await writeOutput(options.plot, plotHtget(rows, describeReport(report)));
        }
      },
    );
}

function scanCommand(): Command {
  return new Command('scan')
    .description('measure how fast whole values are read in place, beside native loops')
    .option('--quick', 'less data, fewer repetitions: done in 40 seconds')
    .option(
      '--sizes <list>',
      `bytes of a value, multiples of ${VALUE_UNIT_BYTES}`,
      sizeList(VALUE_UNIT_BYTES, MAX_VALUE_BYTES),
    )
    .option('--json <file>', 'write the rows as JSON')
    .addHelpText('after', '\nExample:\n  shredder bench scan --sizes 64,1048576')
    .action(async (options: BenchOptions & { sizes?: number[] }) => {
      const config = loadConfig();
      const { v8, rows } = await runScan(await benchProgram(config), {
        quick: options.quick === true,
        sizes: options.sizes,
      });
      const report = await reportOf('scan', v8, rows, config.repository);
      await publish(report, formatScan(rows), options.json);
    });
}

function jsonCommand(): Command {
  return new Command('json')
    .description('time a JSON value that is read, changed and written back, beside V8 alone')
    .option('--quick', 'fewer repetitions: done in 10 seconds')
    .option('--sizes <list>', 'bytes of a document', sizeList(1, MAX_DOCUMENT_BYTES))
    .option('--json <file>', 'write the rows as JSON')
    .addHelpText('after', '\nExample:\n  shredder bench json --sizes 1024,1048576')
    .action(async (options: BenchOptions & { sizes?: number[] }) => {
      const config = loadConfig();
      const { v8, rows } = await runJson(await benchProgram(config), {
        quick: options.quick === true,
        sizes: options.sizes,
      });
      const report = await reportOf('json', v8, rows, config.repository);
      await publish(report, formatJson(rows), options.json);
    });
}

function khopCommand(): Command {
  return new Command('khop')
    .description('time a graph traversal: native C++, a function here, Redis Lua, Tarantool')
    .option('--graph <file>', 'an edge list, `a b` a line (default: Facebook, or WordNet)')
    .option('--cases <list>', `which of ${KHOP_CASES.join(', ')}`, listOf('--cases', KHOP_CASES))
    .option('--quick', 'fewer rounds')
    .option('--json <file>', 'write the rows as JSON')
    .addHelpText('after', '\nExample:\n  shredder bench khop --graph facebook_combined.txt')
    .action(async (options: BenchOptions & { graph?: string; cases?: KhopCase[] }) => {
      const config = loadConfig();
      const steps = new Steps();
      const graph = await readGraph(options.graph, config, steps);
      const { binDir, v8 } = await ensureRuntime(config, steps);
      const rounds = options.quick === true ? KHOP_ROUNDS.quick : KHOP_ROUNDS.full;
      const log = path.join(config.cache, 'logs', 'packages.log');
      const result = await steps.run('Graph traversals', (step) =>
        measureKhop(
          graph,
          khopQuestions(graph),
          binDir,
          {
            cases: options.cases ?? KHOP_CASES,
            rounds,
            install: async (packages) => {
              await ensurePackages(packages, step, log);
              step.detail('');
            },
          },
          (round) => step.progress(round, rounds),
        ),
      );
      for (const note of result.notes) steps.note(note);
      const report = await reportOf('khop', v8.record.v8Version, result.rows, config.repository);
      await publish(report, formatKhop(graph.title, result), options.json);
    });
}

function kvCommand(): Command {
  return new Command('kv')
    .description("measure GET and SET beside the system's redis-server, in turns")
    .option('--quick', 'fewer rounds, fewer requests')
    .option('--json <file>', 'write the rows as JSON')
    .addHelpText('after', '\nExample:\n  shredder bench kv --quick --json kv.json')
    .action(async (options: BenchOptions) => {
      const config = loadConfig();
      const steps = new Steps();
      const { binDir, v8 } = await ensureRuntime(config, steps);
      const plan = options.quick === true ? QUICK_PLAN : FULL_PLAN;
      const redis = await startRedis();
      try {
        const shredder = await startServer({ binary: path.join(binDir, 'shredderd') });
        try {
          const rows = await steps.run(`Throughput beside Redis ${redis.version}`, (step) =>
            measureKv(
              [
                { case: 'shredder', port: shredder.port },
                { case: 'redis', port: redis.port },
              ],
              plan,
              (round) => step.progress(round - 1, plan.rounds),
            ),
          );
          const report = await reportOf('kv', v8.record.v8Version, rows, config.repository);
          await publish(report, formatKv(rows), options.json);
        } finally {
          await shredder.stop();
        }
      } finally {
        await redis.stop();
      }
    });
}

function callsCommand(): Command {
  return new Command('calls')
    .description("time typed calls beside the clients' own fcall, in turns")
    .option('--quick', 'fewer rounds, fewer calls: done in half a minute')
    .option('--json <file>', 'write the rows as JSON')
    .addHelpText('after', '\nExample:\n  shredder bench calls --quick')
    .action(async (options: BenchOptions) => {
      const config = loadConfig();
      const steps = new Steps();
      const { binDir, v8 } = await ensureRuntime(config, steps);
      const plan = options.quick === true ? QUICK_CALLS : FULL_CALLS;
      const rows = await steps.run('Typed calls', () => measureCalls(binDir, plan));
      const report = await reportOf('calls', v8.record.v8Version, rows, config.repository);
      await publish(report, formatCalls(rows), options.json);
    });
}

function libraryCommand(): Command {
  return new Command('library')
    .description('time each module of the standard library beside what does the same in Redis')
    .option('--quick', 'fewer rounds, fewer requests: done in about a minute')
    .option(
      '--modules <list>',
      `which of ${LIBRARY_MODULES.join(', ')}`,
      listOf('--modules', LIBRARY_MODULES),
    )
    .option('--json <file>', 'write the rows as JSON')
    .addHelpText('after', '\nExample:\n  shredder bench library --quick --modules json,queue')
    .action(async (options: BenchOptions & { modules?: LibraryModule[] }) => {
      const config = loadConfig();
      const steps = new Steps();
      const { binDir, v8 } = await ensureRuntime(config, steps);
      const plan = {
        ...(options.quick === true ? QUICK_LIBRARY : FULL_LIBRARY),
        modules: options.modules ?? LIBRARY_MODULES,
      };
      const rows = await steps.run('The standard library beside Redis', (step) =>
        measureLibrary(binDir, plan, (done, all) => step.progress(done, all)),
      );
      const report = await reportOf('library', v8.record.v8Version, rows, config.repository);
      await publish(report, formatLibrary(rows), options.json);
    });
}

function densityCommand(): Command {
  return new Command('density')
    .description('measure what many tenants cost: memory, first calls, calls spread over all')
    .option('--quick', 'up to 1,000 tenants, fewer calls')
    .option(
      '--cases <list>',
      `which of ${DENSITY_CASES.join(', ')}`,
      listOf('--cases', DENSITY_CASES),
    )
    .option('--tenants <list>', `how many, up to ${MAX_TENANTS}`, sizeList(1, MAX_TENANTS))
    .option('--json <file>', 'write the rows as JSON')
    .option('--plot <file>', 'write a plot as SVG')
    .addHelpText('after', '\nExample:\n  shredder bench density --cases isolate --tenants 1,1000')
    .action(
      async (
        options: BenchOptions & { cases?: DensityCase[]; tenants?: number[]; plot?: string },
      ) => {
        const config = loadConfig();
        const steps = new Steps();
        const { binDir, v8 } = await ensureRuntime(config, steps);
        const usual = options.quick === true ? QUICK_DENSITY : FULL_DENSITY;
        const plan = {
          ...usual,
          cases: options.cases ?? usual.cases,
          tenants: options.tenants ?? usual.tenants,
        };
        const result = await steps.run('Many tenants', (step) =>
          measureDensity(binDir, plan, (done, all) => step.progress(done, all)),
        );
        for (const note of result.notes) steps.note(note);
        const report = await reportOf(
          'density',
          v8.record.v8Version,
          result.rows,
          config.repository,
        );
        await publish(report, formatDensity(result), options.json);
        if (options.plot !== undefined) {
          const { plotDensity } = await import('../bench/density_plot.ts');
          await writeOutput(options.plot, plotDensity(result.rows, describeReport(report)));
        }
      },
    );
}

function neighboursCommand(): Command {
  return new Command('neighbours')
    .description("time a quiet tenant's requests alone and beside each kind of noisy tenant")
    .option('--quick', 'shorter and fewer rounds, less noise: done in two minutes')
    .option(
      '--cases <list>',
      `which of ${NEIGHBOURS_CASES.join(', ')}`,
      listOf('--cases', NEIGHBOURS_CASES),
    )
    .option('--noises <list>', `which of ${NOISES.join(', ')}`, listOf('--noises', NOISES))
    .option('--json <file>', 'write the rows as JSON')
    .option('--plot <file>', 'write a plot as SVG')
    .addHelpText('after', '\nExample:\n  shredder bench neighbours --quick --noises cpu,keys')
    .action(
      async (
        options: BenchOptions & { cases?: NeighboursCase[]; noises?: Noise[]; plot?: string },
      ) => {
        const config = loadConfig();
        const steps = new Steps();
        const { binDir, v8 } = await ensureRuntime(config, steps);
        const usual = options.quick === true ? QUICK_NEIGHBOURS : FULL_NEIGHBOURS;
        const plan = {
          ...usual,
          cases: options.cases ?? usual.cases,
          noises: options.noises ?? usual.noises,
        };
        const rows = await steps.run('A quiet tenant beside noisy ones', (step) =>
          measureNeighbours(binDir, plan, (done, all) => step.progress(done, all)),
        );
        const report = await reportOf('neighbours', v8.record.v8Version, rows, config.repository);
        await publish(report, formatNeighbours(rows), options.json);
        if (options.plot !== undefined) {
          const { plotNeighbours } = await import('../bench/neighbours_plot.ts');
          await writeOutput(options.plot, plotNeighbours(rows, describeReport(report)));
        }
      },
    );
}

/** Path of the microbenchmark program, built where need be. */
async function benchProgram(config: Config): Promise<string> {
  const { binDir } = await ensureRuntime(config, new Steps());
  return path.join(binDir, 'shredder-bench');
}

/** The graph of the user, the one beside the checkout, or the demo's. */
async function readGraph(file: string | undefined, config: Config, steps: Steps): Promise<Graph> {
  return await steps.run('Graph', async () => {
    if (file !== undefined) return await readEdgeList(file);
    const facebook = await readFacebookIfThere(config.repository);
    if (facebook !== undefined) return facebook;
    steps.note(`${FACEBOOK} is not there: the graph is WordNet's`);
    return await readWordNet();
  });
}
