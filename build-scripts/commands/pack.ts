import path from 'node:path';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { packFunctions } from '../packaging/pack.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder pack`: the npm package that authors of functions install. */
export function packCommand(): Command {
  return new Command('pack')
    .description('make the tarball of the npm package shredder-functions')
    .argument('[folder]', 'where it goes', '.')
    .action(async (folder: string) => {
      const steps = new Steps();
      const file = await steps.run('Package', () =>
        packFunctions(loadConfig().repository, path.resolve(folder)),
      );
      process.stdout.write(`${path.relative(process.cwd(), file)}\n`);
    });
}
