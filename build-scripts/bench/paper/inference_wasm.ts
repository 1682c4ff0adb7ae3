import { fileURLToPath } from 'node:url';
import { compileAssemblyScript } from '../../../ts-functions/compile/assemblyscript.ts';
import { CompileError } from '../../../ts-functions/compile/index.ts';
import { UserError } from '../../errors.ts';
import { INSTALLED_FUNCTIONS_PACKAGE } from '../../functions/package.ts';
import { wasmCode } from '../../functions/wasm_library.ts';

/** The functions in WebAssembly that classify, each of a library of its name, and whether with vectors. */
const HAS_VECTORS = { classify_wasm: false, classify_wasm_simd: true } as const;
export type WasmClassifier = keyof typeof HAS_VECTORS;
export const WASM_CLASSIFIERS = Object.keys(HAS_VECTORS) as WasmClassifier[];

/**
 * The library that has a function in AssemblyScript, as the code that FUNCTION LOAD takes; compiled as
 * `shredder deploy` does, but for the vectors.
 */
export async function wasmInferenceLibrary(name: WasmClassifier): Promise<Buffer> {
  return wasmCode(name, await compileClassifier(name));
}

/** The module of such a library. */
export async function compileClassifier(name: WasmClassifier): Promise<Uint8Array> {
  const file = fileURLToPath(new URL(`assembly/${name}.as.ts`, import.meta.url));
  try {
    return (await compileAssemblyScript(file, INSTALLED_FUNCTIONS_PACKAGE, HAS_VECTORS[name]))
      .module;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    throw new UserError(`${error.message}\n${error.output.trim()}`, error.remedy);
  }
}
