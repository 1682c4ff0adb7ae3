import { Command } from 'commander';
import { FULL_NETWORK, measureNetwork, QUICK_NETWORK } from '../bench/network/network.ts';
import { plotNetwork } from '../bench/network/network_plot.ts';
import { formatNetwork } from '../bench/network/network_table.ts';
import { describeReport, publish, reportOf, writeOutput } from '../bench/report.ts';
import { loadConfig } from '../config.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder bench network`: the network without the kernel, beside the kernel's. */
export function networkCommand(): Command {
  return new Command('network')
    .description(
      "measure requests over shared memory without the kernel (DPDK), and over the kernel's loopback",
    )
    .option('--quick', 'fewer windows, 1 and 64 connections: done in three minutes')
    .option('--json <file>', 'write the rows as JSON')
    .option('--plot <file>', 'write a plot as SVG')
    .addHelpText('after', '\nExample:\n  shredder bench network --quick --plot network.svg')
    .action(async (options: { quick?: boolean; json?: string; plot?: string }) => {
      const config = loadConfig({ with: ['dpdk'] });
      const steps = new Steps();
      const { binDir, v8 } = await ensureRuntime(config, steps);
      const result = await steps.run('Network', (step) =>
        measureNetwork(binDir, options.quick === true ? QUICK_NETWORK : FULL_NETWORK, step.note),
      );
      const report = await reportOf('network', v8.record.v8Version, result.rows, config.repository);
      await publish(report, formatNetwork(result), options.json);
      if (options.plot !== undefined) {
        await writeOutput(options.plot, plotNetwork(result.rows, describeReport(report)));
      }
    });
}
