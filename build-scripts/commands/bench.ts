import path from 'node:path';
import { Command } from 'commander';
import { formatHtget, runHtget } from '../bench/htget.ts';
import { plotHtget } from '../bench/htget_plot.ts';
import { formatKv, FULL_PLAN, measureKv, QUICK_PLAN } from '../bench/kv.ts';
import { startRedis } from '../bench/redis_server.ts';
import { describeReport, reportOf, writeOutput, type Report } from '../bench/report.ts';
import { formatScan, runScan } from '../bench/scan.ts';
import { loadConfig, type Config } from '../config.ts';
import { UserError } from '../errors.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { startServer } from '../server/shredderd.ts';
import { Steps } from '../ui/steps.ts';

interface BenchOptions {
  quick?: boolean;
  json?: string;
}

const MAX_KEYS = 10_000_000;
const VALUE_UNIT_BYTES = 64;
const MAX_VALUE_BYTES = 64 * 1024 ** 2;

/** `shredder bench ...`: the project's figures, measured here and now. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure builtins, or throughput beside Redis')
    .addCommand(htgetCommand())
    .addCommand(scanCommand())
    .addCommand(kvCommand());
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
      async (
        options: BenchOptions & { sizes?: number[]; builtins?: string[]; plot?: string },
      ) => {
        const config = loadConfig();
        const { v8, rows } = await runHtget(await benchProgram(config), {
          quick: options.quick === true,
          sizes: options.sizes,
          builtins: options.builtins,
        });
        const report = await reportOf('htget', v8, rows, config.repository);
        await publish(report, formatHtget(rows), options.json);
        if (options.plot !== undefined) {
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
          const report = await reportOf('kv', v8.v8Version, rows, config.repository);
          await publish(report, formatKv(rows), options.json);
        } finally {
          await shredder.stop();
        }
      } finally {
        await redis.stop();
      }
    });
}

/** Path of the microbenchmark program, built where need be. */
async function benchProgram(config: Config): Promise<string> {
  const { binDir } = await ensureRuntime(config, new Steps());
  return path.join(binDir, 'shredder-bench');
}

async function publish(
  report: Report<unknown>,
  formatted: string,
  json: string | undefined,
): Promise<void> {
  process.stdout.write(`${describeReport(report)}\n${formatted}\n`);
  if (json !== undefined) await writeOutput(json, `${JSON.stringify(report, null, 2)}\n`);
}

/** Reads a list of whole numbers, each a multiple of the least, separated by commas. */
function sizeList(least: number, most: number): (text: string) => number[] {
  return (text) =>
    text.split(',').map((part) => {
      const size = Number(part);
      if (/^\d+$/.test(part) && size >= least && size <= most && size % least === 0) return size;
      throw new UserError(
        least === 1
          ? `--sizes has ${JSON.stringify(part)}, which is no whole number from 1 to ${most}`
          : `--sizes has ${JSON.stringify(part)}, which is no multiple of ${least} up to ${most}`,
        'Write numbers with commas between, such as 64,1048576.',
      );
    });
}

function nameList(text: string): string[] {
  return text.split(',');
}
