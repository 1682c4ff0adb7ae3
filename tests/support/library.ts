// Libraries of authors, without a server: checked, bundled, and run under Node.
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { ExecutionContext } from 'ava';
import { bundleLibrary } from '../../build-scripts/functions/bundle.ts';
import { openProject } from '../../build-scripts/functions/project.ts';
import { typeCheck } from '../../build-scripts/functions/typecheck.ts';
import { temporaryFolder, type Files } from './folder.ts';

/** What a bundle finds in place of `shredder:store`. */
const STORE = 'export const HTLength = (key) => String(key).length;';

export type Exports = Readonly<Record<string, (keys: string[], args: string[]) => unknown>>;

/** What a check has against `lib.ts`, or the file named; empty for nothing. */
export async function errorsIn(
  t: ExecutionContext,
  files: Files,
  entry = 'lib.ts',
): Promise<string> {
  const folder = await temporaryFolder(t, files);
  return stripVTControlCharacters(typeCheck(path.join(folder, entry))?.text ?? '');
}

/** Bundles `lib.ts`, or the file named, and gives what it exports under Node. */
export async function run(t: ExecutionContext, files: Files, entry = 'lib.ts'): Promise<Exports> {
  const folder = await temporaryFolder(t, files);
  return runCode(await bundleLibrary(path.join(folder, entry), 'lib'));
}

/** The same, of a library that has to pass the check. */
export async function checkAndRun(
  t: ExecutionContext,
  files: Files,
  entry = 'lib.ts',
): Promise<Exports> {
  const folder = await temporaryFolder(t, files);
  const project = openProject(path.join(folder, entry));
  t.is(stripVTControlCharacters(typeCheck(project)?.text ?? ''), '');
  return runCode(await bundleLibrary(project, 'lib'));
}

/** What a bundle exports. */
export async function runCode(code: string): Promise<Exports> {
  const module = code
    .replace(/^#!.*/, '')
    .replaceAll('"shredder:store"', JSON.stringify(dataUrl(STORE)));
  return (await import(dataUrl(module))) as Exports;
}

function dataUrl(code: string): string {
  return `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
}
