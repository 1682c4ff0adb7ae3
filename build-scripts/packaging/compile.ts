import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';
import { UserError } from '../errors.ts';

/** Forms of a module: for `import`, and for `require()`. */
export const FORMS = ['esm', 'cjs'] as const;
export type Form = (typeof FORMS)[number];

/** Where a form's modules differ. */
const OPTIONS: Readonly<Record<Form, ts.CompilerOptions>> = {
  esm: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  cjs: {
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
    esModuleInterop: true,
  },
};

/** Declares `shredder:store`, which types of the package's modules are in terms of. */
const STORE_TYPES = path.join('src', 'store.d.ts');

/**
 * Compiles a package's modules to JavaScript and declarations.
 *
 * @param root The folder of the sources, whose tree the outputs have below `out`.
 * @param out Has `src/store.d.ts` beside it.
 */
export async function compilePackage(
  root: string,
  sources: readonly string[],
  form: Form,
  out: string,
): Promise<void> {
  const options: ts.CompilerOptions = {
    ...OPTIONS[form],
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    rewriteRelativeImportExtensions: true,
    declaration: true,
    rootDir: root,
    outDir: out,
  };
  // Packages of types are looked for from here.
  const host = { ...ts.createCompilerHost(options), getCurrentDirectory: () => root };
  const program = ts.createProgram([...sources, path.join(root, STORE_TYPES)], options, host);
  const outputs = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (file, text) => outputs.set(file, text));
  const wrong = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (wrong.length > 0) {
    throw new UserError(
      ts.formatDiagnostics(wrong, {
        getCurrentDirectory: () => root,
        getCanonicalFileName: (name) => name,
        getNewLine: () => '\n',
      }),
    );
  }
  for (const [file, text] of outputs) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, file.endsWith('.d.ts') ? declarations(file, text, out) : text);
  }
  // What a module in a folder is, whatever the package's own type.
  const type = form === 'esm' ? 'module' : 'commonjs';
  await writeFile(path.join(out, 'package.json'), `${JSON.stringify({ type })}\n`);
}

/** Declarations that name what there is beside them, and where the store's are. */
function declarations(file: string, text: string, out: string): string {
  // A reference of the source's is to where that lies.
  const own = text.replaceAll(/^\/\/\/ <reference path=.*\n/gm, '');
  const named = own.replaceAll(/(['"]\.{1,2}\/[^'"\n]*)\.ts(?=['"])/g, '$1.js');
  if (own === text && !/['"]shredder:store['"]/.test(named)) return named;
  const store = path.relative(path.dirname(file), path.join(path.dirname(out), STORE_TYPES));
  return `/// <reference path="${store}" />\n${named}`;
}

/** The text of a JSON file. */
export async function readJson(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
}
