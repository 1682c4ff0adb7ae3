import path from 'node:path';
import { build, formatMessages, type BuildFailure } from 'esbuild';
import { UserError } from '../errors.ts';
import { FUNCTIONS_PACKAGE, STORE_MODULE } from './package.ts';

/** The server's limit for a library's code, source map included. */
const MAX_CODE_BYTES = 4 * 1024 * 1024;

/**
 * Bundles a library, npm packages included, into the code that FUNCTION LOAD takes: the metadata
 * line, an ES module, and an inline source map whose paths are relative to the file's folder.
 */
export async function bundleLibrary(file: string, library: string): Promise<string> {
  const metadata = `#!js name=${library}`;
  const code = await runEsbuild(file, metadata);
  // esbuild keeps a `#!` line of the file's own in front of everything.
  if (!code.startsWith(`${metadata}\n`)) {
    throw new UserError(`${file} starts with "#!", where a library's own metadata line goes`);
  }
  const bytes = Buffer.byteLength(code);
  if (bytes > MAX_CODE_BYTES) {
    throw new UserError(
      `${file} bundles to ${bytes} bytes, more than ${MAX_CODE_BYTES}`,
      'Import less: look for large npm packages.',
    );
  }
  return code;
}

async function runEsbuild(file: string, metadata: string): Promise<string> {
  try {
    const result = await build({
      entryPoints: [file],
      // Written nowhere, but what the source map's paths are relative to.
      outfile: path.join(path.dirname(file), 'bundle.js'),
      write: false,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      // What the neutral platform leaves open, so that npm packages resolve.
      mainFields: ['module', 'main'],
      conditions: ['module', 'import'],
      define: { 'process.env.NODE_ENV': '"production"' },
      // Where the file lies outside any npm project, `shredder-functions` is this checkout's.
      nodePaths: [path.join(FUNCTIONS_PACKAGE, '..', 'node_modules')],
      target: 'es2022',
      external: [STORE_MODULE],
      treeShaking: true,
      charset: 'utf8',
      // A banner, unlike a line put in front afterwards, is in the source map's account.
      banner: { js: metadata },
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'silent',
    });
    return result.outputFiles[0]?.text ?? '';
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    // esbuild's notes advise on its own options, which are not the user's to set.
    const errors = error.errors.map((each) => ({ ...each, notes: [] }));
    const messages = await formatMessages(errors, { kind: 'error', color: false });
    throw new UserError(
      `${path.basename(file)} does not bundle:\n${messages.join('').trimEnd()}`,
      'A function runs without Node: it can import npm packages that need none, and shredder:store.',
    );
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
