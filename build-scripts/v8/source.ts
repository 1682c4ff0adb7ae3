import { cp, mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { hashFolder } from '../cache/key.ts';
import type { Config } from '../config.ts';
import { messageOf, UserError } from '../errors.ts';
import { exists } from '../system/files.ts';
import type { Step } from '../ui/steps.ts';
import {
  DebianUnavailable,
  fetchDebianPackage,
  type DebianPackage,
} from '../upstream/debian_package.ts';
import {
  findSource,
  unpackSource,
  type ResolvedSource,
  type SourceReader,
} from '../upstream/resolve.ts';
import type { FetchedRecord, FetchedSource } from '../upstream/source_record.ts';
import { describeTarball, fetchNodeRelease, unpackNodeSource } from './archive_source.ts';
import {
  DEBIAN_RELEASE,
  GYP_PATHS,
  SOURCE_EXCLUDED_PATHS,
  SOURCE_PATHS,
  V8_VERSION_PREFIX,
} from './settings.ts';

/** What is recorded of a V8 source. */
export interface V8SourceRecord extends FetchedRecord {
  /** The Node.js release, such as 20.19.2. */
  release: string;
  v8Version: string;
}

/** A V8 source: a pruned Node.js source tree with deps/v8, common.gypi, tools/v8_gypfiles. */
export type V8Source = ResolvedSource<V8SourceRecord>;

/** Debian's package of Node.js, for the V8 in it. */
export const NODEJS_PACKAGE: DebianPackage = {
  name: 'nodejs',
  release: DEBIAN_RELEASE,
  title: 'V8',
  isWanted: (file) => file.startsWith('deps/v8/') && !isExcluded(file),
  include: ['deps/v8/*', ...GYP_PATHS.map((part) => (part.endsWith('/') ? `${part}*` : part))],
  exclude: SOURCE_EXCLUDED_PATHS.map((part) => `${part}/*`),
  unpack: unpackNodeSource,
  remedy: "Debian's series does not fit its own tarball; try --v8-source nodejs.org.",
};

const READER: SourceReader<V8SourceRecord> = {
  complete: async (fetched, tree) => ({
    ...fetched,
    release: await readNodeRelease(tree),
    v8Version: await readV8Version(tree),
  }),
};

/**
 * The source that the configuration asks for, from the cache where it was resolved before,
 * else fetched, verified and unpacked.
 */
export async function resolveSource(config: Config, step: Step, log: string): Promise<V8Source> {
  const choice = config.v8Source;
  if (choice.kind === 'path') {
    return await unpackSource(config, await fetchPath(choice.path), READER, log);
  }
  return await findSource(
    config,
    {
      ...READER,
      name: choice.kind,
      fits: (record) => record.v8Version.startsWith(V8_VERSION_PREFIX),
      fetch: (downloads) => fetch(config, downloads, step, log),
    },
    step,
    log,
  );
}

/** One line that says what a source is. */
export function describeSource(record: V8SourceRecord): string {
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
      return await fetchDebianPackage(NODEJS_PACKAGE, downloads, step, log);
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
