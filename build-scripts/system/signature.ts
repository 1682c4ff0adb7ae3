import { statSync } from 'node:fs';

/** What tells a file from what it was before, without reading it; empty where there is none. */
export function signatureOf(file: string): string {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined
      ? ''
      : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
  } catch {
    // Such as what would lie below a file, or in a folder that is not to be read.
    return '';
  }
}
