import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { signatureOf } from '../system/signature.ts';

/** Editors write a file in several steps, and package managers write many. */
const QUIET_MS = 50;
/** Where the system tells nothing, as over a network or of too many folders, this often is looked. */
const LOOK_MS = 1_000;

/** In a folder, what a new file of a project is called. */
const SOURCE = /\.(?:[cm]?tsx?|json)$/;

export interface WatchedPaths {
  /** They may be there or not. */
  files: Iterable<string>;
  /** A source that comes into one of these, or goes, is a change. */
  folders: Iterable<string>;
}

export interface Change {
  /** Whether all files are where they were, and some have another content. */
  isInPlace: boolean;
}

/**
 * Tells when files change, come or go.
 *
 * What counts is how the files look, compared with how they looked before they were read; the system's
 * events only say when to look. So it does not matter in which way an editor writes a file, nor whether
 * it is written while somebody reads it or before the watch is on. Watched are folders, for a file that
 * is replaced is another one to the system, and of one that is not there yet the nearest folder that is.
 */
export class PathWatcher {
  private readonly watchers = new Map<string, FSWatcher>();
  private seen = new Map<string, string>();
  private quiet: NodeJS.Timeout | undefined;
  private readonly look = setInterval(() => this.compare(), LOOK_MS);

  constructor(private readonly onChange: (change: Change) => void) {}

  /**
   * How the paths look, to be taken before they are read.
   *
   * @param known Paths that are read for the first time may be added to an earlier look.
   */
  static look(paths: WatchedPaths, known: ReadonlyMap<string, string> = new Map()): Looks {
    const looks = new Map<string, string>();
    for (const file of paths.files) looks.set(file, known.get(file) ?? signatureOf(file));
    for (const folder of paths.folders) {
      const key = folder + path.sep;
      looks.set(key, known.get(key) ?? namesIn(folder));
    }
    return looks;
  }

  /** Watches these paths instead of those before; they have been read when they looked like this. */
  update(looks: Looks): void {
    this.seen = new Map(looks);
    const folders = new Set([...looks.keys()].map(nearestFolder));
    for (const [folder, watcher] of this.watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.watchers.delete(folder);
    }
    for (const folder of folders) this.watch(folder);
    this.compare();
  }

  close(): void {
    clearInterval(this.look);
    clearTimeout(this.quiet);
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private watch(folder: string): void {
    if (this.watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.soon());
      const end = (): void => {
        watcher.close();
        if (this.watchers.get(folder) === watcher) this.watchers.delete(folder);
      };
      watcher.on('error', end);
      this.watchers.set(folder, watcher);
    } catch {
      // No more watches are to be had, or the folder has gone: there is the regular look.
    }
  }

  private soon(): void {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.compare(), QUIET_MS);
  }

  private compare(): void {
    let isChanged = false;
    let isInPlace = true;
    for (const [key, before] of this.seen) {
      const now = key.endsWith(path.sep) ? namesIn(key) : signatureOf(key);
      if (now === before) continue;
      this.seen.set(key, now);
      isChanged = true;
      isInPlace &&= !key.endsWith(path.sep) && before !== '' && now !== '' && !isManifest(key);
    }
    if (isChanged) this.onChange({ isInPlace });
  }
}

/** How each path looks; a folder's ends in a separator. */
export type Looks = ReadonlyMap<string, string>;

/** What says where modules are. */
function isManifest(file: string): boolean {
  return file.endsWith('.json');
}

function namesIn(folder: string): string {
  try {
    return readdirSync(folder)
      .filter((name) => SOURCE.test(name))
      .sort()
      .join('/');
  } catch {
    return '';
  }
}

function nearestFolder(key: string): string {
  let folder = key.endsWith(path.sep) ? path.resolve(key) : path.dirname(key);
  while (!isFolder(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder);
  return folder;
}

function isFolder(folder: string): boolean {
  try {
    return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
