import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { keyOf } from '../cache/key.ts';
import { withLock } from '../cache/lock.ts';
import type { Config } from '../config.ts';
import { createFolderAtomically, exists, removeTemporaries } from '../system/files.ts';
import type { Step } from '../ui/steps.ts';
import type { FetchedRecord, FetchedSource } from './source_record.ts';

/** A source, unpacked and patched by its packager, ready to be copied. */
export interface ResolvedSource<R extends FetchedRecord = FetchedRecord> {
  key: string;
  /** The pruned tree. */
  tree: string;
  record: R;
}

/** How a source is unpacked, and what is read from it. */
export interface SourceReader<R extends FetchedRecord> {
  /** Completes the record from the unpacked tree; fails where the patch series is for another. */
  complete: (fetched: FetchedRecord, tree: string) => Promise<R>;
}

/** How a source is found again, or fetched. */
export interface SourceFinder<R extends FetchedRecord> extends SourceReader<R> {
  /** What the choice is remembered by. */
  name: string;
  /** Whether what was resolved before is still what the patch series is for. */
  fits: (record: R) => boolean;
  fetch: (downloads: string) => Promise<FetchedSource>;
}

/** The folder of the cache that sources are unpacked in. */
export function sourcesFolder(config: Config): string {
  return path.join(config.cache, 'source');
}

/** A source from the cache where it was resolved before, else fetched, verified and unpacked. */
export async function findSource<R extends FetchedRecord>(
  config: Config,
  finder: SourceFinder<R>,
  step: Step,
  log: string,
): Promise<ResolvedSource<R>> {
  const folder = sourcesFolder(config);
  const remembered = path.join(folder, `${finder.name}.json`);
  if (!config.refreshSource) {
    const source = await recall(folder, remembered, finder);
    if (source !== undefined) return source;
  }
  return await withLock(
    path.join(folder, 'lock'),
    (owner) => step.wait(owner),
    async () => {
      const source = config.refreshSource ? undefined : await recall(folder, remembered, finder);
      if (source !== undefined) return source;
      await removeTemporaries(folder);
      const downloads = path.join(config.cache, 'downloads');
      await removeTemporaries(downloads);
      const fetched = await finder.fetch(downloads);
      for (const [name, sha256] of Object.entries(fetched.record.digests)) {
        step.note(`${name}  SHA-256 ${sha256}`);
      }
      const resolved = await unpackSource(config, fetched, finder, log);
      await writeFile(remembered, `${JSON.stringify({ key: resolved.key })}\n`);
      return resolved;
    },
  );
}

/** Unpacks a source into the cache, unless it is there. */
export async function unpackSource<R extends FetchedRecord>(
  config: Config,
  fetched: FetchedSource,
  reader: SourceReader<R>,
  log: string,
): Promise<ResolvedSource<R>> {
  const folder = sourcesFolder(config);
  const { origin, digests, patches } = fetched.record;
  const key = keyOf({ origin, digests: JSON.stringify(digests), patches: patches.join('\n') });
  const target = path.join(folder, key);
  if (!(await exists(target))) {
    await mkdir(folder, { recursive: true });
    await createFolderAtomically(target, async (temporary) => {
      const tree = path.join(temporary, 'tree');
      await mkdir(tree);
      await fetched.fill(tree, log);
      const record = await reader.complete(fetched.record, tree);
      await writeFile(
        path.join(temporary, 'source.json'),
        `${JSON.stringify(record, undefined, 2)}\n`,
      );
    });
  }
  return await load(folder, key);
}

async function recall<R extends FetchedRecord>(
  folder: string,
  remembered: string,
  finder: SourceFinder<R>,
): Promise<ResolvedSource<R> | undefined> {
  try {
    const { key } = JSON.parse(await readFile(remembered, 'utf8')) as { key: string };
    const source = await load<R>(folder, key);
    // Else the series moved to another version since.
    return finder.fits(source.record) ? source : undefined;
  } catch {
    // Never resolved, or removed from the cache since.
    return undefined;
  }
}

async function load<R extends FetchedRecord>(
  folder: string,
  key: string,
): Promise<ResolvedSource<R>> {
  const target = path.join(folder, key);
  const text = await readFile(path.join(target, 'source.json'), 'utf8');
  return { key, tree: path.join(target, 'tree'), record: JSON.parse(text) as R };
}
