import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder pack`: the npm packages that authors of functions install. */
export function packCommand(): Command {
  return new Command('pack')
    .argument('[folder]', 'where they go', '.')
    .action(async (folder: string) => {
      // The compiler takes longer to load than a help text may.
      const { packAll } = await import('../packaging/pack.ts');
      const out = path.resolve(folder);
      await mkdir(out, { recursive: true });
      const files = await new Steps().run('Packages', () => packAll(loadConfig().repository, out));
      for (const file of files) process.stdout.write(`${path.relative(process.cwd(), file)}\n`);
    });
}
