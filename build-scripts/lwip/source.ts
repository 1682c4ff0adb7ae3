import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import { messageOf, UserError } from '../errors.ts';
import { run } from '../system/command.ts';
import type { Step } from '../ui/steps.ts';
import { fetchDebianPackage, type DebianPackage } from '../upstream/debian_package.ts';
import { fetchRelease } from '../upstream/release.ts';
import { findSource, type ResolvedSource } from '../upstream/resolve.ts';
import type { FetchedRecord, FetchedSource } from '../upstream/source_record.ts';
import {
  DEBIAN_RELEASE,
  LWIP_RELEASE,
  LWIP_VERSION,
  SOURCE_EXCLUDED_PATHS,
  SOURCE_PATHS,
} from './settings.ts';

/** What is recorded of an lwIP source. */
export interface LwipSourceRecord extends FetchedRecord {
  lwipVersion: string;
}

export type LwipSource = ResolvedSource<LwipSourceRecord>;

/** Debian's package of lwIP. */
export const LWIP_PACKAGE: DebianPackage = {
  name: 'lwip',
  release: DEBIAN_RELEASE,
  title: 'lwIP',
  isWanted: (file) => isBelow(SOURCE_PATHS, file) && !isBelow(SOURCE_EXCLUDED_PATHS, file),
  include: SOURCE_PATHS.flatMap((part) => [part, `${part}/*`]),
  exclude: SOURCE_EXCLUDED_PATHS.map((part) => `${part}/*`),
  unpack: unpackLwip,
  remedy: "Debian's series does not fit its own tarball; try again later.",
};

/** lwIP's source, from the cache where it was resolved before, else fetched, verified and unpacked. */
export async function resolveLwip(config: Config, step: Step, log: string): Promise<LwipSource> {
  return await findSource(
    config,
    {
      name: 'lwip',
      fits: (record) => record.lwipVersion === LWIP_VERSION,
      fetch: (downloads) => fetch(downloads, step, log),
      complete: async (fetched, tree) => ({ ...fetched, lwipVersion: await readVersion(tree) }),
    },
    step,
    log,
  );
}

async function fetch(downloads: string, step: Step, log: string): Promise<FetchedSource> {
  try {
    return await fetchDebianPackage(LWIP_PACKAGE, downloads, step, log);
  } catch (error) {
    const reason = messageOf(error).split('\n')[0] ?? '';
    step.note(`apt does not give lwIP's source package (${reason}); asking Debian's archive`);
  }
  const remedy = 'Check the network, and try again.';
  const file = await fetchRelease('lwIP', LWIP_RELEASE, downloads, step, {
    unverified: remedy,
    unreachable: remedy,
  });
  return {
    record: {
      origin: 'archive',
      package: LWIP_RELEASE.version,
      digests: { [path.basename(file)]: LWIP_RELEASE.sha256 },
      patches: [],
      warnings: [],
    },
    fill: (folder, fillLog) => unpackLwip(file, folder, fillLog),
  };
}

async function unpackLwip(file: string, folder: string, log: string): Promise<void> {
  const args = ['--extract', '--file', file, '--directory', folder, '--strip-components=1'];
  args.push('--no-same-owner', '--anchored', '--wildcards', '--no-wildcards-match-slash');
  for (const part of SOURCE_EXCLUDED_PATHS) args.push(`--exclude=*/${part}`);
  args.push(...SOURCE_PATHS.map((part) => `*/${part}`));
  try {
    await run('tar', args, { log });
  } catch (error) {
    throw new UserError(`cannot unpack the lwIP source ${file}: ${messageOf(error)}`);
  }
}

/** Reads lwIP's version from its own header. */
async function readVersion(tree: string): Promise<string> {
  const text = await readFile(path.join(tree, 'src/include/lwip/init.h'), 'utf8');
  const version = ['MAJOR', 'MINOR', 'REVISION']
    .map((name) => new RegExp(`#define LWIP_VERSION_${name}\\s+(\\d+)`).exec(text)?.[1] ?? '?')
    .join('.');
  if (version !== LWIP_VERSION) {
    throw new UserError(
      `the source holds lwIP ${version}, but the patch series is for lwIP ${LWIP_VERSION}`,
      'Move the series to it, and LWIP_VERSION with it: docs/building.md says how.',
    );
  }
  return version;
}

function isBelow(parts: readonly string[], file: string): boolean {
  return parts.some((part) => file === part || file.startsWith(`${part}/`));
}
