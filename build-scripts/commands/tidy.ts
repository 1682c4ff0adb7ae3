import path from 'node:path';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { UserError } from '../errors.ts';
import { ensureRuntime } from '../runtime/build.ts';
import { writeCompileCommands } from '../runtime/compile_commands.ts';
import { tidy } from '../style/tidy.ts';
import { ensurePackages, TIDY_PACKAGES } from '../system/packages.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder tidy`: clang-tidy over the runtime, or over the files that are named. */
export function tidyCommand(): Command {
  return new Command('tidy')
    .argument('[files...]', 'sources (default: all of runtime/)')
    .option('-j, --jobs <count>', 'parallel jobs (default: one a processor)', Number)
    .addHelpText('after', '\nExample:\n  shredder tidy runtime/store/*.cc')
    .action(async (files: string[], options: { jobs?: number }) => {
      const config = loadConfig(options);
      const steps = new Steps();
      const { repository, cache, jobs } = config;
      const log = (name: string): string => path.join(cache, 'logs', `${name}.log`);
      await steps.run('clang-tidy', (step) => ensurePackages(TIDY_PACKAGES, step, log('packages')));
      const build = await ensureRuntime(config, steps);
      const known = (await writeCompileCommands(config, build)).map(({ file }) => file);
      const chosen = chooseFiles(files, known, repository);
      const findings = await steps.run('Tidiness', async (step) => {
        const found = await tidy({
          repository,
          files: chosen,
          jobs,
          log: log('tidy'),
          onProgress: (file, done) => {
            step.detail(file);
            step.progress(done, chosen.length);
          },
        });
        step.detail(`${chosen.length} files`);
        return found;
      });
      for (const finding of findings) process.stdout.write(`${finding}\n`);
      if (findings.length > 0) {
        throw new UserError(
          `clang-tidy finds ${findings.length} things in ${chosen.length} files`,
          'Mend them, or say in .clang-tidy or beside the line (NOLINT) why not.',
        );
      }
      process.stdout.write(`${chosen.length} files are tidy\n`);
    });
}

/** Those named, relative to the checkout, or the runtime's sources. */
function chooseFiles(named: readonly string[], known: string[], repository: string): string[] {
  if (named.length === 0) {
    return known
      .map((file) => path.relative(repository, file))
      .filter((file) => file.startsWith('runtime/') && file.endsWith('.cc'));
  }
  return named.map((file) => {
    const absolute = path.resolve(file);
    if (known.includes(absolute)) return path.relative(repository, absolute);
    throw new UserError(`${file} is no C++ file of the checkout that a build knows`);
  });
}
