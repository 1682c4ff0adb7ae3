// Libraries in WebAssembly, from the files that authors write.
/// <reference path="../src/webassembly.d.ts" />
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { compileAssemblyScript } from './assemblyscript.ts';
import { compileC } from './clang.ts';
import type { CompiledWasm } from './compiler.ts';
import { CompileError } from './errors.ts';

export { CompileError };
export type { CompiledWasm };

/** The only module that a library imports from. */
const STORE_MODULE = 'shredder:store';

type Compile = (file: string, functionsPackage: string) => Promise<CompiledWasm>;

/** How a file becomes a module, by its ending. */
const COMPILERS: readonly (readonly [ending: string, compile: Compile])[] = [
  ['.as.ts', compileAssemblyScript],
  ['.c', compileC],
  ['.wasm', async (file) => ({ module: new Uint8Array(await readFile(file)), warnings: '' })],
];

/** The endings of files that are libraries in WebAssembly. */
export const WASM_ENDINGS: readonly string[] = COMPILERS.map(([ending]) => ending);

/**
 * Makes the module of a library.
 *
 * @param file An absolute path that ends in one of WASM_ENDINGS.
 * @param functionsPackage The folder of `shredder-functions` among other packages, for a file that has
 *     none of its own.
 * @throws CompileError where it does not compile, its compiler is missing, or it can be no library.
 */
export async function compileWasm(file: string, functionsPackage?: string): Promise<CompiledWasm> {
  const [, compile] = COMPILERS.find(([ending]) => file.endsWith(ending)) ?? [];
  if (compile === undefined) {
    throw new CompileError(
      `${file} is no library in WebAssembly`,
      `It ends in none of ${WASM_ENDINGS.join(', ')}.`,
    );
  }
  const compiled = await compile(file, ownPackage(file) ?? functionsPackage ?? '');
  requireLibrary(compiled.module, path.basename(file));
  return compiled;
}

function ownPackage(file: string): string | undefined {
  try {
    return path.dirname(createRequire(file).resolve('shredder-functions/package.json'));
  } catch {
    return undefined;
  }
}

/** A module that is malformed or asks for what no library gets fails to load, with fewer words. */
function requireLibrary(module: Uint8Array<ArrayBuffer>, name: string): void {
  let compiled: WebAssembly.Module;
  try {
    compiled = new WebAssembly.Module(module);
  } catch (error) {
    throw new CompileError(`${name} is no WebAssembly module: ${(error as Error).message}`);
  }
  const foreign = WebAssembly.Module.imports(compiled).find((each) => each.module !== STORE_MODULE);
  if (foreign === undefined) return;
  throw new CompileError(
    `${name} imports ${foreign.name} from ${foreign.module}, and a library has ${STORE_MODULE} alone`,
    'Do without it: there are no clock, no files, no random numbers and no console.',
  );
}
