import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashFile } from '../cache/key.ts';
import { UserError } from '../errors.ts';
import { commandExists, run } from '../system/command.ts';
import { exists } from '../system/files.ts';
import type { Step } from '../ui/steps.ts';
import {
  DEBIAN_KEYRING,
  findDebianArchives,
  readAptSources,
  sourceListFor,
  type DebianArchives,
} from './apt_sources.ts';
import { applyPatchFile, touchedFiles } from './patch_apply.ts';
import type { FetchedSource } from './source_record.ts';

/** A source package of Debian's, and what of it is used. */
export interface DebianPackage {
  /** Its name in the archive. */
  name: string;
  /** The Debian release that it is taken from. */
  release: string;
  /** What is built of it, as a warning names it. */
  title: string;
  /** Whether the packager's patches to a file are applied. */
  isWanted: (file: string) => boolean;
  /** Patterns of git-apply for the same. */
  include: readonly string[];
  exclude: readonly string[];
  /** Fills a folder from the tarball. */
  unpack: (tarball: string, folder: string, log: string) => Promise<void>;
  /** What to do where the packager's series does not fit its own tarball. */
  remedy: string;
}

/** This machine has no way to Debian's archives. */
export class DebianUnavailable extends UserError {}

/**
 * Downloads a source package of Debian's with apt itself, which checks it against the signed
 * index. The machine's own apt configuration is read for the mirrors and stays untouched.
 */
export async function fetchDebianPackage(
  wanted: DebianPackage,
  downloads: string,
  step: Step,
  log: string,
): Promise<FetchedSource> {
  const archives = await findArchives();
  const keyring = (await exists(DEBIAN_KEYRING)) ? DEBIAN_KEYRING : undefined;
  const warnings: string[] = [];
  if (archives.security === undefined) {
    warnings.push(
      `this machine's apt knows no security suite: ${wanted.title} is built without its patches`,
    );
  }

  // Lists are private to one fetch, so that what they offer is what the mirrors offer now.
  const state = path.join(downloads, `apt.partial-${process.pid}`);
  const received = path.join(state, 'received');
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial', 'received']) {
      await mkdir(path.join(state, folder), { recursive: true });
    }
    const list = path.join(state, 'sources.list');
    await writeFile(list, sourceListFor(archives, wanted.release, keyring));
    const options = [
      `Dir::Etc::SourceList=${list}`,
      'Dir::Etc::SourceParts=/dev/null',
      `Dir::State::Lists=${path.join(state, 'lists')}`,
      `Dir::Cache=${path.join(state, 'cache')}`,
      'Acquire::Retries=3',
    ].flatMap((option) => ['-o', option]);
    const apt = (...args: string[]): Promise<unknown> =>
      run('apt-get', [...options, '--quiet', ...args], {
        cwd: received,
        log,
        env: { LC_ALL: 'C' },
      });

    step.detail("reading Debian's index");
    await apt('update');
    step.detail(`downloading ${wanted.name}`);
    // Separately: a mirror of the security suite may hold a diff but not the tarball it is for,
    // which is the release's own.
    await apt('source', '--download-only', '--tar-only', `${wanted.name}/${wanted.release}`);
    await firstOf(packagingCandidates(wanted, archives), (name) =>
      apt('source', '--download-only', '--diff-only', name),
    );

    const kept = path.join(downloads, 'debian');
    await mkdir(kept, { recursive: true });
    const tarball = await keep(
      received,
      kept,
      new RegExp(`^${wanted.name}_[^_]+\\.orig\\.tar\\.\\w+$`),
    );
    const packaging = await keep(
      received,
      kept,
      new RegExp(`^${wanted.name}_[^_]+\\.debian\\.tar\\.\\w+$`),
    );
    return await describe(wanted, tarball, packaging, downloads, warnings, log);
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

/**
 * What to ask apt for, best first. Where two suites list one version, apt asks one of them only, and
 * after a point release the mirror of one suite may lack for days what the other's has.
 */
export function packagingCandidates(
  { name, release }: Pick<DebianPackage, 'name' | 'release'>,
  archives: DebianArchives,
): string[] {
  const suites = archives.security === undefined ? [] : [`${name}/${release}-security`];
  return [name, ...suites, `${name}/${release}`];
}

/** Does the first thing that succeeds; fails as the last one failed. */
async function firstOf<T>(
  names: readonly T[],
  attempt: (name: T) => Promise<unknown>,
): Promise<void> {
  let failure: unknown;
  for (const name of names) {
    try {
      await attempt(name);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function findArchives(): Promise<DebianArchives> {
  if (!(await commandExists('apt-get'))) throw new DebianUnavailable('this machine has no apt-get');
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1] ?? 'sid';
  const archives = findDebianArchives(await readAptSources(), codename);
  if (archives === undefined) {
    throw new DebianUnavailable("this machine's apt does not know Debian's archive");
  }
  return archives;
}

async function keep(from: string, to: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(from)).find((each) => pattern.test(each));
  if (name === undefined) throw new UserError(`apt downloaded no file like ${pattern.source}`);
  const target = path.join(to, name);
  await rename(path.join(from, name), target);
  return target;
}

async function describe(
  wanted: DebianPackage,
  tarball: string,
  packaging: string,
  downloads: string,
  warnings: string[],
  log: string,
): Promise<FetchedSource> {
  const unpacked = path.join(downloads, `debian-patches.partial-${process.pid}`);
  await rm(unpacked, { recursive: true, force: true });
  await mkdir(unpacked, { recursive: true });
  const args = ['--extract', '--file', packaging, '--directory', unpacked, '--no-same-owner'];
  await run('tar', [...args, 'debian/patches'], { log });
  const folder = path.join(unpacked, 'debian/patches');
  const patches: { name: string; text: string }[] = [];
  for (const name of parseQuiltSeries(await readFile(path.join(folder, 'series'), 'utf8'))) {
    const text = await readFile(path.join(folder, name), 'utf8');
    if (touchedFiles(text).some(wanted.isWanted)) patches.push({ name, text });
  }
  await rm(unpacked, { recursive: true, force: true });

  const name = path.basename(packaging);
  return {
    record: {
      origin: 'debian',
      package: name.slice(wanted.name.length + 1).replace(/\.debian\.tar\.\w+$/, ''),
      digests: {
        [path.basename(tarball)]: await hashFile(tarball),
        [name]: await hashFile(packaging),
      },
      patches: patches.map((patch) => patch.name),
      warnings,
    },
    fill: async (target, fillLog) => {
      await wanted.unpack(tarball, target, fillLog);
      for (const patch of patches) {
        const { include, exclude, remedy } = wanted;
        await applyPatchFile(target, patch.name, patch.text, { include, exclude, remedy });
      }
    },
  };
}

/** The names in a quilt series: one a line, with options and comments ignored. */
export function parseQuiltSeries(text: string): string[] {
  return text
    .split('\n')
    .map(
      (line) =>
        line
          .replace(/(^|\s)#.*$/, '')
          .trim()
          .split(/\s/)[0] ?? '',
    )
    .filter((name) => name !== '');
}
