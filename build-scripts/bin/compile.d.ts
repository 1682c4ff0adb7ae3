export interface CompileOptions {
  /** The folder of the sources. */
  sources: string;
  /** Paths below it. */
  files: readonly string[];
  /** The folder of the compiled modules. */
  out: string;
  /** Whether modules are to find the files that lie beside their sources, and errors these' lines. */
  isInPlace?: boolean;
}

/** Compiles modules; each finds the others in the same places as among the sources. */
export function compileModules(options: CompileOptions): Promise<void>;
