import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { runCompiler, type CompiledWasm } from './compiler.ts';
import { CompileError } from './errors.ts';

/** The first that there is. Debian's packages have the names with a version. */
const COMPILERS = ['clang-19', 'clang'];
const LINKERS = ['wasm-ld-19', 'wasm-ld'];

const OPTIONS = [
  '--target=wasm32',
  '-std=c17',
  '-O2',
  '-msimd128',
  '-mbulk-memory',
  '-mnontrapping-fptoint',
  '-ffreestanding',
  '-nostdlib',
  // What is marked is exported.
  '-fvisibility=hidden',
  '-Wl,--export-dynamic',
  '-Wl,--no-entry',
  // A stack that overflows is a trap, and no static data.
  '-Wl,--stack-first',
  '-Wall',
  '-Wextra',
];

/**
 * Compiles C by clang and wasm-ld, whichever are on the path.
 *
 * @param functionsPackage The folder of `shredder-functions`, which has shredder.h.
 */
export async function compileC(file: string, functionsPackage: string): Promise<CompiledWasm> {
  const name = path.basename(file);
  const linker = requireProgram(LINKERS, name);
  return runCompiler({
    program: requireProgram(COMPILERS, name),
    argumentsFor: (out) => [
      ...OPTIONS,
      `-fuse-ld=${linker}`,
      '-isystem',
      path.join(functionsPackage, 'c'),
      '-o',
      out,
      path.relative(process.cwd(), file),
    ],
    folder: process.cwd(),
    // It runs a wasm-opt that it finds there, which npm's packages bring or do not.
    environment: { ...process.env, PATH: '' },
    name,
    language: 'C',
    error: /(?:^|: )(?:fatal )?error: (?!linker command)/gm,
  });
}

function requireProgram(names: readonly string[], name: string): string {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((each) => each !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const found = candidates.find(isProgram);
  if (found !== undefined) return found;
  throw new CompileError(
    `${name} is C, which takes clang and wasm-ld to compile, and there is no ${names.at(-1)}`,
    'apt-get install clang-19 lld-19',
  );
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
