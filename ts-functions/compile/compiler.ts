import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CompileError } from './errors.ts';

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** A module, and what its compiler warns of. */
export interface CompiledWasm {
  module: Uint8Array<ArrayBuffer>;
  /** Empty, or lines as the compiler words them. */
  warnings: string;
}

/** A compiler, and what it is told. */
export interface CompilerCall {
  program: string;
  /** Its arguments for a module that is to be written to a path. */
  argumentsFor: (out: string) => readonly string[];
  /** Where it runs. */
  folder: string;
  environment?: NodeJS.ProcessEnv;
  /** Its text with places as paths from the process's folder. */
  reword?: (output: string) => string;
  /** The name of the file and its language, for who is told of errors. */
  name: string;
  language: string;
  /** Finds each error in what it says. */
  error: RegExp;
}

/** Runs a compiler; a CompileError where it finds errors. */
export async function runCompiler(call: CompilerCall): Promise<CompiledWasm> {
  const { argumentsFor, reword, name, language, error } = call;
  const temporary = await mkdtemp(path.join(tmpdir(), 'shredder-wasm-'));
  try {
    // clang names the module by its file, and errors tell that.
    const out = path.join(temporary, `${path.parse(name).name}.wasm`);
    const { succeeded, output } = await run(call, argumentsFor(out));
    const text = reword?.(output) ?? output;
    if (succeeded) return { module: new Uint8Array(await readFile(out)), warnings: text };
    const count = text.match(error)?.length ?? 0;
    const errors = count === 1 ? `1 ${language} error` : `${count} ${language} errors`;
    throw new CompileError(`${name}: ${errors}`, undefined, text);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function run(
  { program, folder, environment = process.env }: CompilerCall,
  args: readonly string[],
): Promise<{ succeeded: boolean; output: string }> {
  const options = { cwd: folder, env: environment, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      // A code that is a text is the system's: the program did not run.
      if (error !== null && typeof error.code === 'string') reject(error);
      else resolve({ succeeded: error === null, output: stderr + stdout });
    });
  });
}
