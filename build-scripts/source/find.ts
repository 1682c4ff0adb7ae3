import { readdirSync, statSync, type Dirent } from 'node:fs';
import path from 'node:path';

/** A tree with more is none to look through for the sake of a message. */
const MAX_ENTRIES = 10_000;

/**
 * Finds the author's sources by the names that places have: relative to the folder of a library's file,
 * which need not be the folder that one is in.
 */
export class SourceFinder {
  private files: readonly string[] | undefined;

  /**
   * @param folders Those of libraries, where they are known.
   * @param root A folder that is looked through for what is in none of these.
   */
  constructor(
    private readonly folders: readonly string[],
    private readonly root?: string,
  ) {}

  /** The file's path; undefined where there is none, or no telling which. */
  find(name: string): string | undefined {
    for (const folder of this.folders) {
      const file = path.resolve(folder, name);
      if (isFile(file)) return file;
    }
    // Of `../shared/check.ts` the folder is unknown, but the rest has to be there.
    const ending = `/${name.replace(/^(?:\.\.?\/)+/, '')}`;
    const found = this.all().filter((file) => file.endsWith(ending));
    return found.length === 1 ? found[0] : undefined;
  }

  private all(): readonly string[] {
    this.files ??= this.root === undefined ? [] : sourcesBelow(this.root);
    return this.files;
  }
}

function sourcesBelow(root: string): string[] {
  const files: string[] = [];
  const folders = [root];
  let entries = 0;
  for (const folder of folders) {
    for (const entry of entriesOf(folder)) {
      if (++entries > MAX_ENTRIES) return [];
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) folders.push(file);
      else if (entry.isFile()) files.push(file);
    }
  }
  return files;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function isFile(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // A message may have anything in the place of a name, such as what is too long for one.
    return false;
  }
}
