import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { capture } from '../system/command.ts';

/** package.json, or a part of it. */
export type Manifest = Record<string, unknown>;

/**
 * Makes a package's tarball.
 *
 * @param fill Puts all files but package.json into a folder, and gives what that says.
 * @param out The folder that the tarball goes into.
 * @returns its path.
 */
export async function packStaged(
  fill: (stage: string) => Promise<Manifest>,
  out: string,
): Promise<string> {
  const stage = await mkdtemp(path.join(tmpdir(), 'shredder-pack-'));
  try {
    const manifest = await fill(stage);
    await writeFile(path.join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const packed = await capture('npm', ['pack', '--json', '--pack-destination', out, stage]);
    const [{ filename = '' } = {}] = JSON.parse(packed) as { filename?: string }[];
    return path.join(out, filename);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}
