import path from 'node:path';
import { CompileError, compileWasm, WASM_ENDINGS } from '../../ts-functions/compile/index.ts';
import { UserError } from '../errors.ts';
import { MAX_CODE_BYTES } from './load.ts';
import { INSTALLED_FUNCTIONS_PACKAGE } from './package.ts';

/** Whether a file is a library in WebAssembly: AssemblyScript, C or a module. */
export function isWasmSource(file: string): boolean {
  return WASM_ENDINGS.some((ending) => file.endsWith(ending));
}

/** The code that FUNCTION LOAD takes: the metadata line, and the module. */
export function wasmCode(library: string, module: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`#!wasm name=${library}\n`), module]);
}

/** What came of a compilation. */
export type CompiledLibrary =
  | {
      /** What FUNCTION LOAD takes. */
      code: Buffer;
      /** Empty, or lines as the compiler words them. */
      warnings: string;
    }
  | {
      message: string;
      remedy?: string | undefined;
      /** Empty, or the compiler's own text, of lines. */
      output: string;
    };

/**
 * Compiles a library; what is wrong with its sources is a result, too.
 *
 * @param file An absolute path.
 */
export async function compileLibrary(file: string, library: string): Promise<CompiledLibrary> {
  try {
    const { module, warnings } = await compileWasm(file, INSTALLED_FUNCTIONS_PACKAGE);
    const code = wasmCode(library, module);
    if (code.byteLength <= MAX_CODE_BYTES) return { code, warnings };
    const message = `${path.basename(file)} is ${code.byteLength} bytes of WebAssembly, more than ${MAX_CODE_BYTES}`;
    return { message, output: warnings };
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const { message, remedy, output } = error;
    return { message, remedy, output };
  }
}

/**
 * The same for a command that ends where anything is wrong.
 *
 * @param err Gets the compiler's own text, of errors and warnings.
 */
export async function wasmLibrary(
  file: string,
  library: string,
  err: NodeJS.WriteStream,
): Promise<Buffer> {
  const compiled = await compileLibrary(file, library);
  if ('code' in compiled) {
    err.write(compiled.warnings);
    return compiled.code;
  }
  err.write(compiled.output);
  throw new UserError(`${compiled.message}; nothing was deployed`, compiled.remedy);
}
