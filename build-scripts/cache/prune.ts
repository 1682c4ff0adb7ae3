import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { exists, listFolders } from '../system/files.ts';

/** Results kept of each kind; a fresh checkout of an older commit may want them again. */
const KEPT_RESULTS = 4;

/** Removes all but the results that were used last. */
export async function pruneResults(folder: string): Promise<void> {
  const results = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const result = path.join(folder, name);
      return { result, used: (await stat(result)).mtimeMs };
    }),
  );
  results.sort((a, b) => b.used - a.used);
  for (const { result } of results.slice(KEPT_RESULTS)) {
    await rm(result, { recursive: true, force: true });
  }
}

/** A build tree of V8 takes 0.3 GB; one that was not built in for so long is of an old source. */
const MAX_TREE_AGE_MS = 30 * 24 * 60 * 60 * 1000;

/** Removes build trees that nobody has built in for long; their lock files tell. */
export async function pruneTrees(folder: string, now: number = Date.now()): Promise<void> {
  for (const name of await listFolders(folder)) {
    const lock = path.join(folder, name, 'lock');
    if (!(await exists(lock)) || now - (await stat(lock)).mtimeMs < MAX_TREE_AGE_MS) continue;
    await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
