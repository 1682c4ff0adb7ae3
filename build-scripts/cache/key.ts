import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { listFiles } from '../system/files.ts';

/** Hex digits of a key that names a folder: 64 bits, ample for a handful of builds. */
const KEY_DIGITS = 16;

/** A key over named inputs; their order does not matter, their names do. */
export function keyOf(inputs: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(inputs).sort()) {
    // Lengths keep apart what concatenation would confuse.
    for (const part of [name, inputs[name] ?? '']) {
      hash.update(`${Buffer.byteLength(part)}:`);
      hash.update(part);
    }
  }
  return hash.digest('hex').slice(0, KEY_DIGITS);
}

/** SHA-256 of a text, in hex. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** SHA-256 of a file's bytes, in hex. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** SHA-256 over the names and contents of files below a folder, in hex. */
export async function hashFiles(root: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [...files].sort()) {
    const content = await readFile(path.join(root, file));
    hash.update(`${Buffer.byteLength(file)}:${file}${content.length}:`);
    hash.update(content);
  }
  return hash.digest('hex');
}

/** SHA-256 over a whole folder's names and contents, in hex. */
export async function hashFolder(
  root: string,
  keep: (file: string) => boolean = () => true,
): Promise<string> {
  return hashFiles(root, (await listFiles(root)).filter(keep));
}
