import path from 'node:path';
import { UserError } from '../errors.ts';
import { CommandError, capture } from '../system/command.ts';

export interface ApplyOptions {
  /** Patterns of git-apply: only matching files are patched. */
  include?: readonly string[];
  exclude?: readonly string[];
  /** What to do about a patch that does not apply. */
  remedy: string;
}

/**
 * Applies one patch to a folder of files with `git apply`: without fuzz, wholly or not at all.
 * An error names the patch, the file and the line.
 *
 * @param name The patch, as the error names it.
 */
export async function applyPatchFile(
  folder: string,
  name: string,
  text: string,
  options: ApplyOptions,
): Promise<void> {
  const args = ['apply', '--whitespace=nowarn'];
  // The first pattern that matches decides, so exclusions come first.
  for (const pattern of options.exclude ?? []) args.push(`--exclude=${pattern}`);
  for (const pattern of options.include ?? []) args.push(`--include=${pattern}`);
  try {
    await capture('git', args, {
      cwd: folder,
      input: text,
      // Inside some other repository git would take paths as relative to that one and skip,
      // silently, all that lies outside of this folder.
      env: { GIT_CEILING_DIRECTORIES: path.dirname(path.resolve(folder)), LC_ALL: 'C' },
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const places = describeRejection(error.output);
    throw new UserError(`patch ${name} does not apply: ${places}`, options.remedy);
  }
}

/** The files that a patch creates, changes, renames or removes, without their a/ and b/. */
export function touchedFiles(text: string): string[] {
  const files = new Set<string>();
  for (const match of text.matchAll(/^(?:---|\+\+\+) [ab]\/([^\t\r\n]+)/gm))
    files.add(match[1] ?? '');
  for (const match of text.matchAll(/^rename (?:from|to) (.+)$/gm)) files.add(match[1] ?? '');
  for (const match of text.matchAll(/^diff --git a\/(\S+) b\/(\S+)$/gm)) {
    files.add(match[1] ?? '');
    files.add(match[2] ?? '');
  }
  return [...files];
}

/** git's complaints in one line: `deps/v8/src/a.cc does not match at line 12`, ... */
export function describeRejection(output: string): string {
  const places: string[] = [];
  for (const line of output.split('\n')) {
    const hunk = /^error: patch failed: (.+):(\d+)$/.exec(line);
    const missing = /^error: (.+): (?:No such file or directory|does not exist in index)$/.exec(
      line,
    );
    const present = /^error: (.+): already exists in (?:working directory|index)$/.exec(line);
    const corrupt = /^error: (corrupt patch at .+|No valid patches.+)$/.exec(line);
    if (hunk !== null) places.push(`${hunk[1]} does not match at line ${hunk[2]}`);
    else if (missing !== null) places.push(`${missing[1]} does not exist`);
    else if (present !== null) places.push(`${present[1]} exists already`);
    else if (corrupt !== null) places.push(corrupt[1] ?? '');
  }
  return places.length > 0 ? places.join('; ') : output.trim().replaceAll('\n', '; ');
}
