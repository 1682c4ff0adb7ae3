import path from 'node:path';
import { Argument, Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { UserError } from '../errors.ts';
import { LWIP_PATCHES_FOLDER } from '../lwip/build.ts';
import { resolveLwip } from '../lwip/source.ts';
import { Steps, type Step } from '../ui/steps.ts';
import { checkSeries } from '../upstream/patch_lint.ts';
import { exportSeries, importSeries } from '../upstream/patch_repository.ts';
import type { ResolvedSource } from '../upstream/resolve.ts';
import { PATCHES_FOLDER } from '../v8/build.ts';
import { resolveSource } from '../v8/source.ts';

/** A source that this repository has patches on. */
interface Series {
  title: string;
  /** Of the repository. */
  patches: string;
  /** Where its commits are, unless --dir says otherwise; in the repository. */
  checkout: string;
  resolve: (config: Config, step: Step, log: string) => Promise<ResolvedSource>;
  version: (source: ResolvedSource) => string;
}

const SERIES = {
  v8: {
    title: 'V8',
    patches: PATCHES_FOLDER,
    checkout: 'v8-checkout',
    resolve: resolveSource,
    version: ({ record }) => (record as { v8Version?: string }).v8Version ?? '',
  },
  lwip: {
    title: 'lwIP',
    patches: LWIP_PATCHES_FOLDER,
    checkout: 'lwip-checkout',
    resolve: resolveLwip,
    version: ({ record }) => (record as { lwipVersion?: string }).lwipVersion ?? '',
  },
} as const satisfies Record<string, Series>;

type SeriesName = keyof typeof SERIES;

interface CheckoutOptions {
  dir?: string;
  v8Source?: string;
}

/** `shredder patches`: the patch series as commits and back, and their lint. */
export function patchesCommand(): Command {
  const command = new Command('patches');
  ofOneSeries(command.command('import'))
    .description('make a git checkout of V8 or lwIP with one commit a patch')
    .action(async (name: SeriesName, options: CheckoutOptions) => {
      const { config, series, folder, steps } = open(name, options);
      const source = await findSource(series, config, steps);
      await steps.run('Importing the patch series', async (step) => {
        const names = await importSeries(folder, source, patchesFolder(series, config));
        step.detail(`${names.length} patches in ${folder}`);
      });
    });
  ofOneSeries(command.command('export'))
    .description('regenerate the patch series from the commits of that checkout')
    .action(async (name: SeriesName, options: CheckoutOptions) => {
      const { config, series, folder, steps } = open(name, options);
      const source = await findSource(series, config, steps);
      await steps.run('Exporting the patch series', async (step) => {
        const changed = await exportSeries(folder, source, patchesFolder(series, config));
        for (const file of changed) step.note(file);
        step.detail(changed.length === 0 ? 'nothing changed' : `${changed.length} files changed`);
      });
    });
  command
    .command('check')
    .description('refuse a patch without a reason, unlisted, missing or with trailing whitespace')
    .action(async () => {
      await checkPatches(loadConfig());
      process.stdout.write('the patch series are fine\n');
    });
  return command;
}

/** Fails with every problem of all series. */
export async function checkPatches(config: Config): Promise<void> {
  const problems: string[] = [];
  for (const series of Object.values(SERIES)) {
    problems.push(...(await checkSeries(patchesFolder(series, config))));
  }
  if (problems.length === 0) return;
  const shown = problems.map((problem) => `\n  ${path.relative(process.cwd(), problem)}`).join('');
  throw new UserError(`the patch series have ${problems.length} problems:${shown}`);
}

function ofOneSeries(command: Command): Command {
  return command
    .addArgument(
      new Argument('[series]', 'which one').choices(Object.keys(SERIES)).default('v8' as const),
    )
    .option(
      '--dir <folder>',
      'the checkout (default: v8-checkout/ or lwip-checkout/ in the repository)',
    )
    .option('--v8-source <source>', 'debian, nodejs.org, or a Node.js source tree or tarball');
}

function open(
  name: SeriesName,
  options: CheckoutOptions,
): { config: Config; series: Series; folder: string; steps: Steps } {
  const series: Series = SERIES[name];
  if (options.v8Source !== undefined && name !== 'v8') {
    throw new UserError(`--v8-source says nothing of ${series.title}`, 'Leave it out.');
  }
  const config = loadConfig(options.v8Source === undefined ? {} : { v8Source: options.v8Source });
  const folder = path.resolve(options.dir ?? path.join(config.repository, series.checkout));
  return { config, series, folder, steps: new Steps() };
}

async function findSource(series: Series, config: Config, steps: Steps): Promise<ResolvedSource> {
  return await steps.run(`${series.title} source`, async (step) => {
    const log = path.join(config.cache, 'logs', 'source.log');
    const source = await series.resolve(config, step, log);
    step.detail(series.version(source));
    return source;
  });
}

function patchesFolder(series: Series, config: Config): string {
  return path.join(config.repository, series.patches);
}
