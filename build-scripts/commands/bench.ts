import path from 'node:path';
import { Command } from 'commander';
import { formatHtget, runHtget } from '../bench/htget.ts';
import { plotHtget } from '../bench/htget_plot.ts';
import { formatKv, FULL_PLAN, measureKv, QUICK_PLAN } from '../bench/kv.ts';
import { startRedis } from '../bench/redis_server.ts';
import { describeReport, reportOf, writeOutput } from '../bench/report.ts';
import { loadConfig } from '../config.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { startServer } from '../server/shredderd.ts';
import { Steps } from '../ui/steps.ts';

interface BenchOptions {
  quick?: boolean;
  json?: string;
  plot?: string;
}

/** `shredder bench htget|kv`: the project's figures, measured here and now. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure lookups, or throughput beside Redis')
    .addCommand(htgetCommand())
    .addCommand(kvCommand());
}

function htgetCommand(): Command {
  return new Command('htget')
    .description('time one lookup: native C++, the builtin HTGet, and plain C++ callbacks')
    .option('--quick', 'fewer repetitions: done in 40 seconds')
    .option('--json <file>', 'write the rows as JSON')
    .option('--plot <file>', 'write a plot as SVG')
    .addHelpText('after', '\nExample:\n  shredder bench htget --quick --plot htget.svg')
    .action(async (options: BenchOptions) => {
      const config = loadConfig();
      const { binDir } = await ensureRuntime(config, new Steps());
      const { v8, rows } = await runHtget(
        path.join(binDir, 'shredder-bench'),
        options.quick === true,
      );
      const report = await reportOf('htget', v8, rows, config.repository);
      process.stdout.write(`${describeReport(report)}\n${formatHtget(rows)}\n`);
      if (options.json !== undefined) {
        await writeOutput(options.json, `${JSON.stringify(report, null, 2)}\n`);
      }
      if (options.plot !== undefined) {
        await writeOutput(options.plot, plotHtget(rows, describeReport(report)));
      }
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
          process.stdout.write(`${describeReport(report)}\n${formatKv(rows)}\n`);
          if (options.json !== undefined) {
            await writeOutput(options.json, `${JSON.stringify(report, null, 2)}\n`);
          }
        } finally {
          await shredder.stop();
        }
      } finally {
        await redis.stop();
      }
    });
}
