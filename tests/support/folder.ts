import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

/** Files' contents by their paths in a folder. */
export type Files = Readonly<Record<string, string>>;

/** A folder of files that goes with the test. */
export async function temporaryFolder(
  t: ExecutionContext<unknown>,
  files: Files = {},
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'shredder-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFiles(folder, files);
  return folder;
}

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
