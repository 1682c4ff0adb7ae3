import { createRequire } from 'node:module';
import path from 'node:path';
import { runCompiler, type CompiledWasm } from './compiler.ts';
import { CompileError } from './errors.ts';

/**
 * With a collector that runs when it is called, which `free` of `shredder-functions/assembly` does after
 * each call; and without the import by which asserts are told of elsewhere: they are traps.
 */
const OPTIONS = ['-O3', '--runtime', 'minimal', '--use', 'abort='];

/** Where a diagnostic is, as the compiler writes it of files in its folder. */
const PLACE = /(└─ in )([^~\s(][^\n(]*)\((\d+),(\d+)\)/g;

/**
 * Compiles AssemblyScript, by the compiler that is installed where the file lies.
 *
 * @param functionsPackage The folder of `shredder-functions` in a `node_modules`, for files that have
 *     none of their own.
 * @param vectors Whether there are instructions of SIMD.
 */
export function compileAssemblyScript(
  file: string,
  functionsPackage: string,
  vectors = true,
): Promise<CompiledWasm> {
  const folder = path.dirname(file);
  const compiler = compilerFor(file);
  return runCompiler({
    program: process.execPath,
    argumentsFor: (out) => [
      compiler,
      path.basename(file),
      ...OPTIONS,
      vectors ? '--enable' : '--disable',
      'simd',
      '--transform',
      path.join(functionsPackage, 'assembly', 'transform.js'),
      '--path',
      path.dirname(functionsPackage),
      '--outFile',
      path.relative(folder, out),
      // It colours its text wherever `CI` is set, and errors are found in that text.
      '--noColors',
    ],
    folder,
    reword: (output) =>
      output.replaceAll(PLACE, (_, start, name: string, line, column) => {
        const place = path.relative(process.cwd(), path.resolve(folder, name));
        return `${start}${place}:${line}:${column}`;
      }),
    name: path.basename(file),
    language: 'AssemblyScript',
    error: /^ERROR /gm,
  });
}

function compilerFor(file: string): string {
  try {
    return createRequire(file).resolve('assemblyscript/bin/asc.js');
  } catch {
    throw new CompileError(
      `${path.basename(file)} is AssemblyScript, whose compiler is not installed where it lies`,
      'npm install --save-dev assemblyscript',
    );
  }
}
