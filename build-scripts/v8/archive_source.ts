import path from 'node:path';
import { hashFile } from '../cache/key.ts';
import { messageOf, UserError } from '../errors.ts';
import { run } from '../system/command.ts';
import type { Step } from '../ui/steps.ts';
import { fetchRelease, type PinnedRelease } from '../upstream/release.ts';
import type { FetchedSource } from '../upstream/source_record.ts';
import { NODE_RELEASE, SOURCE_EXCLUDED_PATHS, SOURCE_PATHS } from './settings.ts';

/** Downloads nodejs.org's release tarball, unless it is there already, and verifies it. */
export async function fetchNodeRelease(
  downloads: string,
  step: Step,
  release: PinnedRelease = NODE_RELEASE,
): Promise<FetchedSource> {
  const file = await fetchRelease('Node.js', release, downloads, step, {
    unverified: 'Try again, or name another source with --v8-source.',
    unreachable: 'Check the network, or name a Node.js 20 source tree or tarball with --v8-source.',
  });
  return {
    record: {
      origin: 'nodejs.org',
      package: `v${release.version}`,
      digests: { [path.basename(file)]: release.sha256 },
      patches: [],
      warnings: [],
    },
    fill: (folder, log) => unpackNodeSource(file, folder, log),
  };
}

/** A tarball of a Node.js source tree that the user vouches for. */
export async function describeTarball(file: string): Promise<FetchedSource> {
  return {
    record: {
      origin: 'tarball',
      package: file,
      digests: { [path.basename(file)]: await hashFile(file) },
      patches: [],
      warnings: [],
    },
    fill: (folder, log) => unpackNodeSource(file, folder, log),
  };
}

/** Unpacks what the build needs of a Node.js source tarball. */
export async function unpackNodeSource(file: string, folder: string, log: string): Promise<void> {
  // Members start with the release's own folder, such as node-v20.19.2/.
  const args = ['--extract', '--file', file, '--directory', folder, '--strip-components=1'];
  // The tarball's owners mean nothing here.
  args.push('--no-same-owner', '--anchored', '--wildcards', '--no-wildcards-match-slash');
  for (const part of SOURCE_EXCLUDED_PATHS) args.push(`--exclude=*/${part}`);
  args.push(...SOURCE_PATHS.map((part) => `*/${part}`));
  try {
    await run('tar', args, { log });
  } catch (error) {
    throw new UserError(`cannot unpack the V8 source ${file}: ${messageOf(error)}`);
  }
}
