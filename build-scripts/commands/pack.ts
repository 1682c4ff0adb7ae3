import path from 'node:path';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder pack`: the npm package that authors of functions install. */
export function packCommand(): Command {
  return new Command('pack')
    .argument('[folder]', 'where it goes', '.')
    .action(async (folder: string) => {
      // The compiler takes longer to load than a help text may.
      const { packFunctions } = await import('../packaging/pack.ts');
      const steps = new Steps();
      const file = await steps.run('Package', () =>
        packFunctions(loadConfig().repository, path.resolve(folder)),
      );
      process.stdout.write(`${path.relative(process.cwd(), file)}\n`);
    });
}
