import { cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashText, keyOf } from '../cache/key.ts';
import { withLock } from '../cache/lock.ts';
import { pruneResults } from '../cache/prune.ts';
import type { Config } from '../config.ts';
import { createFolderAtomically, exists, listFiles, removeTemporaries } from '../system/files.ts';
import type { Step, Steps } from '../ui/steps.ts';
import { applySeries, readSeries, type Patch } from '../upstream/patch_series.ts';
import { resolveLwip, type LwipSource } from './source.ts';

/** Folder of the repository with the patch series on lwIP. */
export const LWIP_PATCHES_FOLDER = 'lwip-patches';

/** lwIP's source with our patches; the runtime's CMake compiles it. */
export interface LwipBuild {
  /** Identifies it: everything that enters it is in this key. */
  key: string;
  folder: string;
  /** What is compiled or included of it, relative to the folder. */
  files: string[];
  /** lwIP's name, version and the text of its licence. */
  license: string;
}

/** What a patched source was made of; beside it. */
const RECORD_FILE = 'lwip-build.json';

/** Finds or makes the patched source for this checkout. */
export async function ensureLwip(config: Config, steps: Steps): Promise<LwipBuild> {
  return await steps.run('lwIP source', async (step) => {
    const log = path.join(config.cache, 'logs', 'lwip-source.log');
    const source = await resolveLwip(config, step, log);
    for (const warning of source.record.warnings) step.warn(warning);
    const patches = await readSeries(path.join(config.repository, LWIP_PATCHES_FOLDER));
    const key = keyOf({ source: source.key, patches: JSON.stringify(patches) });
    const folder = await patchedTree(config, source, patches, key, step);
    step.detail(
      `${source.record.lwipVersion} (${source.record.package}), ${patches.length} patches`,
    );
    const copying = await readFile(path.join(folder, 'COPYING'), 'utf8');
    return {
      key,
      folder,
      files: (await listFiles(folder)).filter((file) => file.startsWith('src/')),
      license: `lwip ${source.record.lwipVersion} (BSD-3-Clause)\n\n${copying.trim()}\n`,
    };
  });
}

async function patchedTree(
  config: Config,
  source: LwipSource,
  patches: readonly Patch[],
  key: string,
  step: Step,
): Promise<string> {
  const root = path.join(config.cache, 'lwip');
  const results = path.join(root, 'dist');
  const result = path.join(results, key);
  if (!(await exists(result))) {
    await withLock(
      path.join(root, 'lock'),
      (owner) => step.wait(owner),
      async () => {
        if (await exists(result)) return;
        await removeTemporaries(results);
        await mkdir(results, { recursive: true });
        await createFolderAtomically(result, (folder) => patch(source, patches, folder));
        await pruneResults(results);
      },
    );
  }
  // Marks it as used, for pruning.
  const now = new Date();
  await utimes(result, now, now);
  return result;
}

async function patch(source: LwipSource, patches: readonly Patch[], folder: string): Promise<void> {
  await cp(source.tree, folder, { recursive: true, preserveTimestamps: true });
  const manifest = path.join(folder, 'patched-files');
  await applySeries(patches, source.tree, folder, manifest, path.join(folder, 'patching'));
  await rm(manifest);
  const record = {
    source: source.record,
    patches: patches.map(({ name, text }) => ({ name, sha256: hashText(text) })),
  };
  await writeFile(path.join(folder, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`);
}
