import path from 'node:path';
import { messageOf, UserError } from '../errors.ts';
import { bundle } from '../functions/bundle.ts';
import { filesOf, IncrementalProject } from '../functions/incremental.ts';
import { typeCheck } from '../functions/typecheck.ts';
import type { Build, DevLibrary } from './library.ts';
import { PathWatcher, type Change, type Looks } from './path_watcher.ts';

/** A library in TypeScript. */
export class TypeScriptLibrary implements DevLibrary {
  private readonly project: IncrementalProject;
  private readonly watcher: PathWatcher;
  private looks: Looks = new Map();
  /** Of the last bundle that there was. */
  private inputs: string[] = [];
  private isInPlace = false;
  private isStale = true;

  /** @param onStale Is told when a build is due, which is up to the caller. */
  constructor(
    readonly file: string,
    readonly name: string,
    onStale: () => void,
  ) {
    this.project = new IncrementalProject(file);
    this.watcher = new PathWatcher(({ isInPlace }: Change) => {
      this.isInPlace &&= isInPlace;
      this.isStale = true;
      onStale();
    });
  }

  get folder(): string {
    return path.dirname(this.file);
  }

  get needsBuild(): boolean {
    return this.isStale;
  }

  /** Checks and bundles it; what is wrong is a result, too. */
  async build(): Promise<Build> {
    const { isInPlace } = this;
    this.isStale = false;
    this.isInPlace = true;
    const before = this.lookAgain();
    try {
      const project = this.project.open(isInPlace);
      const { files, folders } = filesOf(project);
      const watched = { files: [...files, ...this.inputs, this.file], folders };
      // What is new to it is looked at after it has been read, by a moment.
      this.looks = PathWatcher.look(watched, before);
      const errors = typeCheck(project);
      if (errors !== undefined) return { kind: 'types', errors };
      const { code, inputs } = await bundle(project, this.name);
      this.inputs = inputs;
      this.looks = PathWatcher.look(
        { ...watched, files: [...watched.files, ...inputs] },
        this.looks,
      );
      return { kind: 'code', code };
    } catch (error) {
      // Whatever it is, the next change may mend it; without a program there is the file itself.
      this.isInPlace = false;
      this.looks = PathWatcher.look({ files: [this.file], folders: [this.folder] }, this.looks);
      return error instanceof UserError
        ? { kind: 'error', message: error.message, remedy: error.remedy }
        : { kind: 'error', message: messageOf(error) };
    } finally {
      this.watcher.update(this.looks);
    }
  }

  close(): void {
    this.watcher.close();
  }

  /** How all that it consisted of last time looks now. */
  private lookAgain(): Looks {
    const files: string[] = [];
    const folders: string[] = [];
    for (const key of this.looks.keys()) {
      if (key.endsWith(path.sep)) folders.push(key.slice(0, -1));
      else files.push(key);
    }
    return PathWatcher.look({ files, folders });
  }
}
