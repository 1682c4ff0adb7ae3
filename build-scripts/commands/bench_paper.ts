import { Command } from 'commander';
import type { Figure } from '../bench/paper/figure.ts';
import {
  formatFigures,
  measureFigure,
  MEASURED_FIGURES,
  plotFigures,
  type MeasuredFigure,
} from '../bench/paper/paper.ts';
import { runtimeOf } from '../bench/paper/runtime.ts';
import { describeReport, publish, reportOf } from '../bench/report.ts';
import { loadConfig } from '../config.ts';
import { UserError } from '../errors.ts';
import { Steps } from '../ui/steps.ts';
import { listOf } from './lists.ts';

interface PaperOptions {
  figure?: (MeasuredFigure | 'all')[];
  graph?: string;
  quick?: boolean;
  json?: string;
  plot?: string;
}

/** `shredder bench paper`: the figures of the paper's evaluation. */
export function paperCommand(): Command {
  const names = [...MEASURED_FIGURES, 'all'] as const;
  return new Command('paper')
    .description("measure the figures of the Shredder paper's evaluation")
    .option(
      '--figure <list>',
      `which of ${names.join(', ')} (default: all)`,
      listOf('--figure', names),
    )
    .option('--graph <file>', 'a further edge list, `a b` a line, for the figure graph')
    .option('--quick', 'shorter and fewer rounds, fewer cases: all figures in five minutes')
    .option('--json <file>', 'write the rows as JSON')
    .option('--plot <folder>', 'write a plot of each figure, as SVG and PNG')
    .addHelpText(
      'after',
      '\nExample:\n  shredder bench paper --quick --figure fetches --plot plots',
    )
    .action(async (options: PaperOptions) => {
      const config = loadConfig();
      const { v8 } = await runtimeOf(config);
      const steps = new Steps();
      const asked = options.figure ?? ['all'];
      const figures: Figure[] = [];
      for (const name of MEASURED_FIGURES) {
        if (!asked.includes('all') && !asked.includes(name)) continue;
        figures.push(
          await steps.run(`Figure: ${name}`, (step) =>
            measureFigure(name, {
              config,
              quick: options.quick === true,
              note: step.note,
              ...(options.graph === undefined ? {} : { graphFile: options.graph }),
            }),
          ),
        );
      }
      const rows = figures.flatMap((figure) => figure.rows);
      const report = await reportOf('paper', v8.record.v8Version, rows, config.repository);
      await publish(report, formatFigures(figures), options.json);
      if (options.plot !== undefined) {
        await plotFigures(figures, options.plot, describeReport(report));
      }
      const failed = figures.filter((figure) => figure.rows.length === 0).map(({ name }) => name);
      if (failed.length > 0) throw new UserError(`not measured: ${failed.join(', ')}`);
    });
}
