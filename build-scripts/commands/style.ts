import path from 'node:path';
import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { UserError } from '../errors.ts';
import { checkStyle } from '../style/style.ts';
import { ensurePackages, STYLE_PACKAGES } from '../system/packages.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder style`: whether all C++ and TypeScript is formatted, and passes the linter. */
export function styleCommand(): Command {
  return new Command('style')
    .option('--fix', 'write what can be mended without a thought')
    .action(async (options: { fix?: boolean }) => {
      const config = loadConfig();
      const steps = new Steps();
      await steps.run('System packages', (step) =>
        ensurePackages(STYLE_PACKAGES, step, path.join(config.cache, 'logs', 'packages.log')),
      );
      await steps.run('Style', () => requireStyle(config, { fix: options.fix === true }));
    });
}

/** Fails with a line for each file that is not in the project's style. */
export async function requireStyle(config: Config, options: { fix: boolean }): Promise<void> {
  const problems = await checkStyle(config.repository, options);
  if (problems.length === 0) return;
  const lines = problems.map(({ file, text }) => `\n  ${file}: ${text}`);
  const files = problems.length === 1 ? '1 file is' : `${problems.length} files are`;
  throw new UserError(`${files} not in the project's style:${lines.join('')}`);
}
