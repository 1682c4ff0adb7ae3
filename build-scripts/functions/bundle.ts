import { createRequire } from 'node:module';
import path from 'node:path';
import type { BuildFailure, BuildResult } from 'esbuild';
import { UserError } from '../errors.ts';
import { bundleError, fatalWarnings } from './bundle_errors.ts';
import { sourceMapComment } from './bundle_map.ts';
import { bundledModule } from './bundled_module.ts';
import { declarationsComment } from './declarations.ts';
import { Emitter } from './emit.ts';
import { globalObjectPlugin } from './global_object.ts';
import { withoutNeedlessNames } from './names.ts';
import { nodePlugin } from './node_plugin.ts';
import { openProject, type Project } from './project.ts';
import { MAX_CODE_BYTES } from './load.ts';
import { ENTRY, projectPlugin, sourceNamed } from './project_plugin.ts';
import { wasmPlugin } from './wasm_plugin.ts';

// `import` would read its file for names of exports first.
const { build, initialize } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');

/** Has the symbols of `using`, for compiled code and for classes that look for them. */
const DISPOSAL = bundledModule('disposal');

/** Starts the bundler's process, which is there by the time that a check is done. */
export function startBundler(): void {
  // Where it cannot be started, the bundle itself tells.
  initialize({}).catch(() => undefined);
}

/** A library's code, and the files that are part of it. */
export interface Bundle {
  code: string;
  inputs: string[];
}

/**
 * Bundles a library, npm packages included, into the code that FUNCTION LOAD takes: the metadata
 * line, an ES module, declarations of its functions, and an inline source map whose paths are
 * relative to the file's folder.
 *
 * @param project The library's file, or its project where that is open already.
 */
export async function bundleLibrary(project: Project | string, library: string): Promise<string> {
  const opened = typeof project === 'string' ? openProject(project) : project;
  return (await bundle(opened, library)).code;
}

/** The same, of a project that is open, with what went into it. */
export async function bundle(project: Project, library: string): Promise<Bundle> {
  const { file, program } = project;
  if (program.getSourceFile(file)?.text.startsWith('#!')) {
    throw new UserError(`${file} starts with "#!", where a library's own metadata line goes`);
  }
  const { code, inputs } = await runEsbuild(new Emitter(project), `#!js name=${library}`);
  const bytes = Buffer.byteLength(code);
  if (bytes > MAX_CODE_BYTES) {
    throw new UserError(
      `${file} bundles to ${bytes} bytes, more than ${MAX_CODE_BYTES}`,
      'Import less: look for large npm packages.',
    );
  }
  return { code, inputs };
}

async function runEsbuild(emitter: Emitter, metadata: string): Promise<Bundle> {
  const { outputFiles, metafile } = await buildOrExplain(emitter, metadata);
  const text = (ending: string): string =>
    outputFiles.find((each) => each.path.endsWith(ending))?.text ?? '';
  const inputs = Object.keys(metafile.inputs).map(
    (name) => sourceNamed(emitter, name) ?? path.resolve(name),
  );
  const parts = [
    withoutNeedlessNames(text('.js')),
    declarationsComment(emitter.project),
    sourceMapComment(emitter, text('.map')),
  ];
  return { code: parts.join(''), inputs };
}

async function buildOrExplain(
  emitter: Emitter,
  metadata: string,
): Promise<BuildResult<{ write: false; metafile: true }>> {
  const { file, configuration } = emitter.project;
  const { customConditions = [], preserveSymlinks = false } = configuration.options;
  try {
    const result = await build({
      entryPoints: [ENTRY],
      // Written nowhere, but what the source map's paths are relative to.
      outfile: path.join(path.dirname(file), 'bundle.js'),
      write: false,
      metafile: true,
      bundle: true,
      format: 'esm',
      // A package's form for where there is no Node, and its `require` form for `require()`.
      platform: 'browser',
      conditions: ['worker', ...customConditions],
      preserveSymlinks,
      define: {
        'process.env.NODE_ENV': '"production"',
        'Symbol.dispose': 'SymbolDispose',
        'Symbol.asyncDispose': 'SymbolAsyncDispose',
      },
      inject: [DISPOSAL],
      target: 'es2022',
      // Modules that are put together have names in common, and code reads them: those of errors above all.
      keepNames: true,
      treeShaking: true,
      charset: 'utf8',
      // A banner, unlike a line put in front afterwards, is in the source map's account.
      banner: { js: metadata },
      sourcemap: 'external',
      sourcesContent: false,
      logLevel: 'silent',
      logLimit: 0,
      plugins: [nodePlugin(), projectPlugin(emitter), globalObjectPlugin(), wasmPlugin()],
    });
    const fatal = fatalWarnings(emitter, result.warnings);
    if (fatal.length > 0) throw bundleError(emitter, fatal);
    return result;
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    throw bundleError(emitter, error.errors);
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
