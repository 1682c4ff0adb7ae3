import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { exists, readIfExists, writeIfChanged } from '../system/files.ts';
import { applyPatchFile, touchedFiles } from './patch_apply.ts';

/** The file that lists a series' patches in order, one name a line. */
export const SERIES_FILE = 'series';

const MAX_PATCH_BYTES = 4 * 1024 * 1024;

export interface Patch {
  name: string;
  text: string;
}

/** The names in an order file; blank lines and lines that start with # say nothing. */
export function parseSeries(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Reads a patch series in its order; a folder without an order file is an empty series. */
export async function readSeries(folder: string): Promise<Patch[]> {
  const series = await readIfExists(path.join(folder, SERIES_FILE));
  if (series === undefined) return [];
  const patches: Patch[] = [];
  for (const name of parseSeries(series.toString())) {
    const file = path.join(folder, name);
    const bytes = name === path.basename(name) ? await readIfExists(file) : undefined;
    if (bytes === undefined) {
      throw new UserError(
        `${path.join(folder, SERIES_FILE)} lists ${name}, but there is no such patch`,
        'Run `shredder patches check` to see all that is wrong with the series.',
      );
    }
    if (bytes.length > MAX_PATCH_BYTES) throw new UserError(`${file} is too large for a patch`);
    patches.push({ name, text: bytes.toString() });
  }
  return patches;
}

/**
 * Makes the files of a tree that a series touches what the series makes of the pristine ones;
 * files that an earlier series touched become pristine again. Only files whose content changes are
 * written, so a build of the tree redoes only what depends on them. When a patch does not apply,
 * the tree stays as it is.
 *
 * @param pristine The source that the series starts from.
 * @param tree A copy of it that is being built.
 * @param manifest File that remembers which files of the tree the series touches.
 * @param scratch Folder for the work, removed afterwards.
 */
export async function applySeries(
  patches: readonly Patch[],
  pristine: string,
  tree: string,
  manifest: string,
  scratch: string,
): Promise<void> {
  const touched = new Set(patches.flatMap((patch) => touchedFiles(patch.text)));
  const previous = parseSeries((await readIfExists(manifest))?.toString() ?? '');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  try {
    for (const file of new Set([...touched, ...previous])) {
      if (!(await exists(path.join(pristine, file)))) continue;
      await mkdir(path.dirname(path.join(scratch, file)), { recursive: true });
      await copyFile(path.join(pristine, file), path.join(scratch, file));
    }
    for (const patch of patches) {
      await applyPatchFile(scratch, patch.name, patch.text, {
        remedy:
          'Run `shredder patches import`, mend the conflict there as commits, then `shredder patches export`.',
      });
    }
    // Recorded before the tree changes: an interrupted run must not forget a file it patched.
    const files = [...new Set([...touched, ...previous])].sort();
    await writeIfChanged(manifest, files.map((file) => `${file}\n`).join(''));
    for (const file of files) {
      const target = path.join(tree, file);
      if (await exists(path.join(scratch, file))) await syncFile(scratch, file, tree);
      else await rm(target, { force: true });
    }
    await writeIfChanged(
      manifest,
      [...touched]
        .sort()
        .map((file) => `${file}\n`)
        .join(''),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function syncFile(source: string, file: string, target: string): Promise<void> {
  await writeIfChanged(path.join(target, file), await readFile(path.join(source, file)));
}
