import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { withLock } from '../cache/lock.ts';
import { loadConfig } from '../config.ts';
import { exists, listFolders } from '../system/files.ts';
import { Steps } from '../ui/steps.ts';

/** `shredder clean`: removes build trees, or with --all the whole cache. */
export function cleanCommand(): Command {
  return new Command('clean')
    .option('--all', 'remove downloads and sources, too')
    .action(async (options: { all?: boolean }) => {
      const { cache } = loadConfig();
      await new Steps().run('Cleaning', async (step) => {
        const parts = ['v8', 'lwip', 'runtime', 'logs', 'compiled'];
        if (options.all === true) parts.push('source', 'downloads');
        for (const part of parts) {
          const folder = path.join(cache, part);
          if (!(await exists(folder))) continue;
          step.detail(folder);
          // A build that is under way is waited for, not broken.
          const locked = await locksIn(folder);
          await holdAll(
            locked,
            (owner) => step.wait(owner),
            () => rm(folder, { recursive: true, force: true }),
          );
        }
        step.detail(cache);
      });
    });
}

async function locksIn(folder: string): Promise<string[]> {
  const locks: string[] = [];
  for (const parent of ['.', ...(await listFolders(folder))]) {
    const file = path.join(folder, parent, 'lock');
    if (await exists(file)) locks.push(file);
  }
  return locks;
}

async function holdAll(
  locks: readonly string[],
  onWait: (owner: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  const [first, ...rest] = locks;
  if (first === undefined) return await work();
  await withLock(first, onWait, () => holdAll(rest, onWait, work));
}
