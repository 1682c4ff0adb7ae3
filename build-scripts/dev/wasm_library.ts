import path from 'node:path';
import { messageOf } from '../errors.ts';
import { compileLibrary } from '../functions/wasm_library.ts';
import type { Build, DevLibrary } from './library.ts';
import { PathWatcher } from './path_watcher.ts';
import { sourcesOf } from './wasm_sources.ts';

/** A library in AssemblyScript or C, or a module. */
export class WasmLibrary implements DevLibrary {
  private readonly watcher: PathWatcher;
  private isStale = true;

  /** @param onStale Is told when a build is due, which is up to the caller. */
  constructor(
    readonly file: string,
    readonly name: string,
    onStale: () => void,
  ) {
    this.watcher = new PathWatcher(() => {
      this.isStale = true;
      onStale();
    });
  }

  get needsBuild(): boolean {
    return this.isStale;
  }

  /** Compiles it. */
  async build(): Promise<Build> {
    this.isStale = false;
    // What is edited while the compiler reads it looks different afterwards.
    const looks = PathWatcher.look({ files: sourcesOf(this.file), folders: [] });
    try {
      const built = await compileLibrary(this.file, this.name);
      return 'code' in built ? { kind: 'code', ...built } : { kind: 'error', ...built };
    } catch (error) {
      // Such as a file that has gone; whatever it is, the next change may mend it.
      return { kind: 'error', message: `${path.basename(this.file)}: ${messageOf(error)}` };
    } finally {
      this.watcher.update(looks);
    }
  }

  close(): void {
    this.watcher.close();
  }
}
