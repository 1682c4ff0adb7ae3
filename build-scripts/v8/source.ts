import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashFolder, keyOf } from '../cache/key.ts';
import { withLock } from '../cache/lock.ts';
import type { Config } from '../config.ts';
import { messageOf, UserError } from '../errors.ts';
import { createFolderAtomically, exists, removeTemporaries } from '../system/files.ts';
import type { Step } from '../ui/steps.ts';
import { describeTarball, fetchNodeRelease } from './archive_source.ts';
import { DebianUnavailable, fetchDebianSource } from './debian_source.ts';
import { SOURCE_EXCLUDED_PATHS, SOURCE_PATHS, V8_VERSION_PREFIX } from './settings.ts';
import type { FetchedSource, SourceRecord } from './source_record.ts';

/** A V8 source, unpacked and patched by its packager, ready to be copied. */
export interface V8Source {
  key: string;
  /** A pruned Node.js source tree: deps/v8, common.gypi, tools/v8_gypfiles. */
  tree: string;
  record: SourceRecord;
}

/**
 * The source that the configuration asks for, from the cache where it was resolved before,
 * else fetched, verified and unpacked.
 */
export async function resolveSource(config: Config, step: Step, log: string): Promise<V8Source> {
  const folder = path.join(config.cache, 'source');
  const choice = config.v8Source;
  if (choice.kind === 'path') {
    const fetched = await fetchPath(choice.path);
    return await unpack(folder, fetched, log);
  }
  const remembered = path.join(folder, `${choice.kind}.json`);
  if (!config.refreshSource) {
    const source = await recall(folder, remembered);
    if (source !== undefined) return source;
  }
  return await withLock(
    path.join(folder, 'lock'),
    (owner) => step.wait(owner),
    async () => {
      const source = config.refreshSource ? undefined : await recall(folder, remembered);
      if (source !== undefined) return source;
      await removeTemporaries(folder);
      const downloads = path.join(config.cache, 'downloads');
      await removeTemporaries(downloads);
      const fetched = await fetch(config, downloads, step, log);
      for (const [name, sha256] of Object.entries(fetched.record.digests)) {
        step.note(`${name}  SHA-256 ${sha256}`);
      }
      const resolved = await unpack(folder, fetched, log);
      await writeFile(remembered, `${JSON.stringify({ key: resolved.key })}\n`);
      return resolved;
    },
  );
}

/** One line that says what a source is. */
export function describeSource(record: SourceRecord): string {
  const patches =
    record.patches.length === 0 ? '' : `, ${record.patches.length} of its patches touch V8`;
  const origin = record.origin === 'debian' ? 'Debian nodejs' : record.origin;
  return `V8 ${record.v8Version} of Node.js ${record.release} (${origin} ${record.package}${patches})`;
}

async function fetch(
  config: Config,
  downloads: string,
  step: Step,
  log: string,
): Promise<FetchedSource> {
  if (config.v8Source.kind !== 'nodejs.org') {
    try {
      return await fetchDebianSource(downloads, step, log);
    } catch (error) {
      if (config.v8Source.kind === 'debian') throw error;
      const reason = error instanceof DebianUnavailable ? error.message : firstLine(error);
      step.note(`Debian's source package is not to be had (${reason}); asking nodejs.org`);
    }
  }
  return await fetchNodeRelease(downloads, step);
}

async function fetchPath(named: string): Promise<FetchedSource> {
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(named)).isDirectory();
  } catch (error) {
    throw new UserError(
      `cannot read the V8 source ${named}: ${messageOf(error)}`,
      '--v8-source takes debian, nodejs.org, or the path of a Node.js source tree or tarball.',
    );
  }
  return isDirectory ? await describeDirectory(named) : await describeTarball(named);
}

async function describeDirectory(directory: string): Promise<FetchedSource> {
  if (!(await exists(path.join(directory, 'deps/v8/include/v8-version.h')))) {
    throw new UserError(
      `${directory} is not a Node.js source tree: it has no deps/v8/include/v8-version.h`,
    );
  }
  return {
    record: {
      origin: 'directory',
      package: directory,
      digests: { content: await hashFolder(directory, isWanted) },
      patches: [],
      warnings: [],
    },
    fill: async (folder) => {
      for (const part of SOURCE_PATHS) {
        const from = path.join(directory, part);
        if (!(await exists(from))) continue;
        await mkdir(path.dirname(path.join(folder, part)), { recursive: true });
        await cp(from, path.join(folder, part), {
          recursive: true,
          filter: (file) => !isExcluded(path.relative(directory, file)),
        });
      }
    },
  };
}

async function unpack(folder: string, fetched: FetchedSource, log: string): Promise<V8Source> {
  const { origin, digests, patches } = fetched.record;
  const key = keyOf({ origin, digests: JSON.stringify(digests), patches: patches.join('\n') });
  const target = path.join(folder, key);
  if (!(await exists(target))) {
    await mkdir(folder, { recursive: true });
    await createFolderAtomically(target, async (temporary) => {
      const tree = path.join(temporary, 'tree');
      await mkdir(tree);
      await fetched.fill(tree, log);
      const record: SourceRecord = {
        ...fetched.record,
        release: await readNodeRelease(tree),
        v8Version: await readV8Version(tree),
      };
      await writeFile(
        path.join(temporary, 'source.json'),
        `${JSON.stringify(record, undefined, 2)}\n`,
      );
    });
  }
  return await load(folder, key);
}

async function recall(folder: string, remembered: string): Promise<V8Source | undefined> {
  try {
    const { key } = JSON.parse(await readFile(remembered, 'utf8')) as { key: string };
    const source = await load(folder, key);
    // Else the series moved to another V8 since.
    return source.record.v8Version.startsWith(V8_VERSION_PREFIX) ? source : undefined;
  } catch {
    // Never resolved, or removed from the cache since.
    return undefined;
  }
}

async function load(folder: string, key: string): Promise<V8Source> {
  const target = path.join(folder, key);
  const text = await readFile(path.join(target, 'source.json'), 'utf8');
  const record = JSON.parse(text) as SourceRecord;
  return { key, tree: path.join(target, 'tree'), record };
}

/** Reads V8's version from its own header. */
async function readV8Version(tree: string): Promise<string> {
  const file = path.join(tree, 'deps/v8/include/v8-version.h');
  const text = await readHeader(file);
  const parts = ['MAJOR_VERSION', 'MINOR_VERSION', 'BUILD_NUMBER', 'PATCH_LEVEL'].map(
    (name) => new RegExp(`#define V8_${name} (\\d+)`).exec(text)?.[1],
  );
  const version = parts.join('.');
  if (!version.startsWith(V8_VERSION_PREFIX)) {
    throw new UserError(
      `the source holds V8 ${version}, but the patch series is for V8 ${V8_VERSION_PREFIX}x`,
      'Name the source of a Node.js 20 release.',
    );
  }
  return version;
}

async function readNodeRelease(tree: string): Promise<string> {
  const text = await readHeader(path.join(tree, 'src/node_version.h'));
  return ['MAJOR', 'MINOR', 'PATCH']
    .map((name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1] ?? '?')
    .join('.');
}

async function readHeader(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError(`the source is incomplete: ${messageOf(error)}`);
  }
}

function isWanted(file: string): boolean {
  const below = (part: string): boolean => file === part || file.startsWith(`${part}/`);
  return SOURCE_PATHS.some(below) && !isExcluded(file);
}

function isExcluded(file: string): boolean {
  return SOURCE_EXCLUDED_PATHS.some((part) => file === part || file.startsWith(`${part}/`));
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? '';
}
