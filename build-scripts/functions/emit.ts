// The author's sources as JavaScript.
//
// TypeScript compiles them, and esbuild bundles what came of it: only the compiler that checked the
// types knows what they decide, such as the values of another package's `declare const enum`, what a
// decorator's metadata says and which imports are of types alone. esbuild's own transformation sees
// one file at a time, and what it does otherwise could be listed and refused, but the list would be
// as good as what one has thought of.
import ts from './typescript.cjs';
import { requireNamespaces } from './interop.ts';
import { emitAsModules, type ModuleFormat } from './options.ts';
import { formatOf, openReferenced, sourceOf, type Project } from './project.ts';

/** A source that has been compiled. */
export interface Emitted {
  /** An ES module of ES2022, or a CommonJS one where the source says `export =`. */
  code: string;
  /** A source map, in JSON, of the one source. */
  map: string;
  format: ModuleFormat;
}

export class Emitter {
  private readonly emitted = new Map<string, Emitted>();
  private readonly formats = new Map<string, ModuleFormat>();
  private readonly referenced = new Map<string, Emitter>();

  constructor(readonly project: Project) {}

  /** The file that a specifier in one of the author's sources stands for to TypeScript. */
  find(importer: string, specifier: string): string | undefined {
    return this.project.resolutions.find(importer, specifier);
  }

  /** Whether a file is one of the author's sources. */
  has(file: string): boolean {
    return this.sourceAt(file) !== undefined;
  }

  /** What `tsc` would compile a file's imports to. */
  formatOf(file: string): ModuleFormat {
    const known = this.formats.get(file);
    if (known !== undefined) return known;
    const source = this.sourceAt(file);
    const owner = this.ownerOf(file);
    const format = owner === this && source ? formatOf(this.project, source) : owner.formatOf(file);
    this.formats.set(file, format);
    return format;
  }

  /** Compiles a source. */
  emit(file: string): Emitted {
    const known = this.emitted.get(file);
    if (known !== undefined) return known;
    const owner = this.ownerOf(file);
    const emitted = owner === this ? this.compile(file) : owner.emit(file);
    this.emitted.set(file, emitted);
    return emitted;
  }

  private compile(file: string): Emitted {
    const { program, resolutions } = this.project;
    const source = this.sourceAt(file);
    if (source === undefined) throw new Error(`${file} is no source of ${this.project.file}`);
    const format = this.formatOf(file);
    let code: string | undefined;
    let map: string | undefined;
    const write: ts.WriteFileCallback = (name, text) => {
      if (name.endsWith('.map')) map = text;
      else code = text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
    };
    const after =
      format === 'commonjs without interop'
        ? [requireNamespaces((specifier) => this.isModule(resolutions.find(file, specifier)))]
        : [];
    emitAsModules(program.getCompilerOptions(), () => {
      program.emit(source, write, undefined, false, { after });
    });
    if (code === undefined || map === undefined) throw new Error(`${file} was not compiled`);
    return { code, map, format };
  }

  private isModule(file: string | undefined): boolean {
    const source = file === undefined ? undefined : this.sourceAt(file);
    return (
      source !== undefined &&
      !source.statements.some((each) => ts.isExportAssignment(each) && each.isExportEquals === true)
    );
  }

  private sourceAt(file: string): ts.SourceFile | undefined {
    return sourceOf(this.project, file);
  }

  /** Whose options a file is compiled by. */
  private ownerOf(file: string): Emitter {
    const known = this.referenced.get(file);
    if (known !== undefined) return known;
    const opened = [...this.referenced.values()].find((each) => each !== this && each.has(file));
    const project = opened === undefined ? openReferenced(this.project, file) : undefined;
    const owner = opened ?? (project === undefined ? this : new Emitter(project));
    this.referenced.set(file, owner);
    return owner;
  }
}
