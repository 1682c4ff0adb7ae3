import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { hashFile } from '../cache/key.ts';
import { messageOf, UserError } from '../errors.ts';
import { run } from '../system/command.ts';
import { exists } from '../system/files.ts';
import type { Step } from '../ui/steps.ts';
import { NODE_RELEASE, SOURCE_EXCLUDED_PATHS, SOURCE_PATHS } from './settings.ts';
import type { FetchedSource } from './source_record.ts';

/** A release tarball of Node.js is 42 MB; anything far from that is not one. */
const MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024;

export interface PinnedRelease {
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
}

/** Downloads nodejs.org's release tarball, unless it is there already, and verifies it. */
export async function fetchNodeRelease(
  downloads: string,
  step: Step,
  release: PinnedRelease = NODE_RELEASE,
): Promise<FetchedSource> {
  await mkdir(downloads, { recursive: true });
  const file = path.join(downloads, path.basename(new URL(release.url).pathname));
  if (!(await exists(file))) {
    step.detail(`downloading Node.js ${release.version}`);
    await download(release.url, file);
  }
  const sha256 = await hashFile(file);
  if (sha256 !== release.sha256) {
    await rm(file);
    throw new UserError(
      `${release.url} fails verification: its SHA-256 is ${sha256}, expected ${release.sha256}`,
      'The file was removed. Try again, or name another source with --v8-source.',
    );
  }
  return {
    record: {
      origin: 'nodejs.org',
      package: `v${release.version}`,
      digests: { [path.basename(file)]: sha256 },
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

async function download(url: string, file: string): Promise<void> {
  const temporary = `${file}.partial-${process.pid}`;
  try {
    const response = await fetch(url);
    if (!response.ok || response.body === null) {
      throw new Error(`the server answered ${response.status}`);
    }
    let bytes = 0;
    await pipeline(
      Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          bytes += chunk.byteLength;
          if (bytes > MAX_DOWNLOAD_BYTES) throw new Error('the file is far too large');
          yield chunk;
        }
      },
      createWriteStream(temporary),
    );
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    const cause = error instanceof Error && error.cause ? ` (${messageOf(error.cause)})` : '';
    throw new UserError(
      `cannot download ${url}: ${messageOf(error)}${cause}`,
      'Check the network, or name a Node.js 20 source tree or tarball with --v8-source.',
    );
  }
}
