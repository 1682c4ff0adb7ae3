import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '../errors.ts';

/** Files below a folder, as sorted relative paths; none where the folder does not exist. */
export async function listFiles(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
      .sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Folders directly below a folder; none where it does not exist. */
export async function listFolders(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/** A file's bytes, or undefined where it does not exist. */
export async function readIfExists(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * Writes a file only where its content differs, so that an unchanged file keeps its time and
 * ninja leaves alone what depends on it. The change is atomic.
 *
 * @returns whether it was written.
 */
export async function writeIfChanged(
  file: string,
  content: Buffer | string,
  mode?: number,
): Promise<boolean> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const current = await readIfExists(file);
  if (current?.equals(bytes)) return false;
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = temporaryPath(file);
  await writeFile(temporary, bytes);
  if (mode !== undefined) await chmod(temporary, mode);
  await rename(temporary, file);
  return true;
}

/**
 * Makes `target` hold exactly the given files of `source`, by content; `keep` protects other
 * files of `target`.
 *
 * @returns the relative paths that were written or removed.
 */
export async function syncFiles(
  source: string,
  files: readonly string[],
  target: string,
  keep: (file: string) => boolean = () => false,
): Promise<string[]> {
  const changed: string[] = [];
  const wanted = new Set(files);
  for (const file of await listFiles(target)) {
    if (wanted.has(file) || keep(file)) continue;
    await rm(path.join(target, file));
    changed.push(file);
  }
  for (const file of files) {
    const from = path.join(source, file);
    const mode = (await stat(from)).mode & 0o777;
    if (await writeIfChanged(path.join(target, file), await readFile(from), mode)) {
      changed.push(file);
    }
  }
  return changed;
}

/**
 * Makes a folder appear whole or not at all: `fill` works in a folder beside it, which is then
 * renamed. Where another process was faster, its folder stays.
 */
export async function createFolderAtomically(
  folder: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryPath(folder);
  await mkdir(temporary, { recursive: true });
  try {
    await fill(temporary);
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const lost = hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST');
    if (!lost || !(await exists(folder))) throw error;
  }
}

/** Removes what interrupted runs left beside a file or folder of this name's parent. */
export async function removeTemporaries(parent: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(parent);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  for (const name of names.filter((each) => each.includes(TEMPORARY_MARK))) {
    await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

const TEMPORARY_MARK = '.partial-';

function temporaryPath(target: string): string {
  return `${target}${TEMPORARY_MARK}${process.pid}-${randomBytes(4).toString('hex')}`;
}
