import path from 'node:path';
import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { UserError } from '../errors.ts';
import { Steps } from '../ui/steps.ts';
import { PATCHES_FOLDER } from '../v8/build.ts';
import { checkSeries } from '../v8/patch_lint.ts';
import { exportSeries, importSeries } from '../v8/patch_repository.ts';
import { resolveSource, type V8Source } from '../v8/source.ts';

const DEFAULT_CHECKOUT = 'v8-checkout';

interface CheckoutOptions {
  dir?: string;
  v8Source?: string;
}

/** `shredder patches`: the patch series as commits and back, and its lint. */
export function patchesCommand(): Command {
  const command = new Command('patches');
  withCheckoutOptions(command.command('import'))
    .description('make a git checkout of V8 with one commit a patch')
    .action(async (options: CheckoutOptions) => {
      const { config, folder, steps } = open(options);
      const source = await findSource(config, steps);
      await steps.run('Importing the patch series', async (step) => {
        const names = await importSeries(folder, source, patchesFolder(config));
        step.detail(`${names.length} patches in ${folder}`);
      });
    });
  withCheckoutOptions(command.command('export'))
    .description('regenerate the patch series from the commits of that checkout')
    .action(async (options: CheckoutOptions) => {
      const { config, folder, steps } = open(options);
      const source = await findSource(config, steps);
      await steps.run('Exporting the patch series', async (step) => {
        const changed = await exportSeries(folder, source, patchesFolder(config));
        for (const name of changed) step.note(name);
        step.detail(changed.length === 0 ? 'nothing changed' : `${changed.length} files changed`);
      });
    });
  command
    .command('check')
    .description('refuse a patch without a reason, unlisted, missing or with trailing whitespace')
    .action(async () => {
      await checkPatches(loadConfig());
      process.stdout.write('the patch series is fine\n');
    });
  return command;
}

/** Fails with every problem of the series. */
export async function checkPatches(config: Config): Promise<void> {
  const problems = await checkSeries(patchesFolder(config));
  if (problems.length === 0) return;
  const shown = problems.map((problem) => `\n  ${path.relative(process.cwd(), problem)}`).join('');
  throw new UserError(`the patch series has ${problems.length} problems:${shown}`);
}

function withCheckoutOptions(command: Command): Command {
  return command
    .option('--dir <folder>', `the V8 checkout (default: ${DEFAULT_CHECKOUT}/ in the repository)`)
    .option('--v8-source <source>', 'debian, nodejs.org, or a Node.js source tree or tarball');
}

function open(options: CheckoutOptions): { config: Config; folder: string; steps: Steps } {
  const config = loadConfig(options.v8Source === undefined ? {} : { v8Source: options.v8Source });
  const folder = path.resolve(options.dir ?? path.join(config.repository, DEFAULT_CHECKOUT));
  return { config, folder, steps: new Steps() };
}

async function findSource(config: Config, steps: Steps): Promise<V8Source> {
  return await steps.run('V8 source', async (step) => {
    const log = path.join(config.cache, 'logs', 'source.log');
    const source = await resolveSource(config, step, log);
    step.detail(source.record.v8Version);
    return source;
  });
}

function patchesFolder(config: Config): string {
  return path.join(config.repository, PATCHES_FOLDER);
}
