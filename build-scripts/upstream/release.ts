import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { hashFile } from '../cache/key.ts';
import { messageOf, UserError } from '../errors.ts';
import { exists } from '../system/files.ts';
import type { Step } from '../ui/steps.ts';

/** The largest release, of Node.js, is 42 MB; anything far from that is not one. */
const MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024;

/** A release tarball whose content is known. */
export interface PinnedRelease {
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
}

/** What a failure says besides. */
export interface ReleaseRemedies {
  unverified: string;
  unreachable: string;
}

/** Downloads a release tarball, unless it is there already, and verifies it; gives its path. */
export async function fetchRelease(
  title: string,
  release: PinnedRelease,
  downloads: string,
  step: Step,
  remedies: ReleaseRemedies,
): Promise<string> {
  await mkdir(downloads, { recursive: true });
  const file = path.join(downloads, path.basename(new URL(release.url).pathname));
  if (!(await exists(file))) {
    step.detail(`downloading ${title} ${release.version}`);
    await download(release.url, file, remedies.unreachable);
  }
  const sha256 = await hashFile(file);
  if (sha256 !== release.sha256) {
    await rm(file);
    throw new UserError(
      `${release.url} fails verification: its SHA-256 is ${sha256}, expected ${release.sha256}`,
      `The file was removed. ${remedies.unverified}`,
    );
  }
  return file;
}

async function download(url: string, file: string, remedy: string): Promise<void> {
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
    throw new UserError(`cannot download ${url}: ${messageOf(error)}${cause}`, remedy);
  }
}
