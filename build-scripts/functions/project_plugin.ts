import path from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import type { Emitter } from './emit.ts';
import {
  FUNCTIONS_PACKAGE,
  isBroughtAlong,
  isFunctionsPackage,
  isOwnSource,
  STORE_MODULE,
} from './package.ts';

/** The entry point that stands for the library's file. */
export const ENTRY = 'shredder:library';

/** esbuild's namespace of the author's sources. */
const NAMESPACE = 'project';
/** That of `shredder:store` for who asks for it with `require()`. */
const STORE_NAMESPACE = 'store';

/** What this plugin asks esbuild itself. */
const OF_ESBUILD = Symbol('of esbuild');

const SOURCE_URL = 'shredder-source:';

/** Gives esbuild the author's sources, compiled, and finds what they import as TypeScript does. */
export function projectPlugin(emitter: Emitter): Plugin {
  return {
    name: 'project',
    setup(build) {
      build.onResolve({ filter: /^shredder:store$/ }, ({ kind }) =>
        kind === 'require-call'
          ? { path: STORE_MODULE, namespace: STORE_NAMESPACE }
          : { path: STORE_MODULE, external: true },
      );
      build.onLoad({ filter: /.*/, namespace: STORE_NAMESPACE }, () => ({
        contents: `export * from '${STORE_MODULE}';`,
      }));
      build.onResolve({ filter: new RegExp(`^${ENTRY}$`) }, () =>
        sourceAt(emitter, emitter.project.file),
      );
      build.onResolve({ filter: /.*/, namespace: NAMESPACE }, (args) =>
        args.pluginData === OF_ESBUILD ? undefined : resolveImport(build, emitter, args),
      );
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, (args) => {
        const file = fileOf(emitter, args.path);
        const { code, map } = emitter.emit(file);
        const sources = [SOURCE_URL + encodeURIComponent(file)];
        const url = dataUrl({ ...JSON.parse(map), sourceRoot: '', sources });
        return {
          contents: `${code}\n//# sourceMappingURL=${url}\n`,
          loader: 'js',
          resolveDir: path.dirname(file),
        };
      });
    },
  };
}

/** The author's source that esbuild names so; undefined for what is none. */
export function sourceNamed(emitter: Emitter, name: string): string | undefined {
  if (name.startsWith(SOURCE_URL)) return decodeURIComponent(name.slice(SOURCE_URL.length));
  return name.startsWith(`${NAMESPACE}:`)
    ? fileOf(emitter, name.slice(NAMESPACE.length + 1))
    : undefined;
}

/** A JSON value, for an URL that holds it. */
export function dataUrl(value: unknown): string {
  const base64 = Buffer.from(JSON.stringify(value)).toString('base64');
  return `data:application/json;base64,${base64}`;
}

async function resolveImport(
  build: PluginBuild,
  emitter: Emitter,
  args: OnResolveArgs,
): Promise<OnResolveResult | undefined> {
  const importer = fileOf(emitter, args.importer);
  const found = emitter.find(importer, args.path);
  if (found !== undefined && emitter.has(found)) return sourceAt(emitter, found);
  if (found !== undefined && isFile(found)) return { path: found };
  if (found !== undefined && isFunctionsPackage(args.path) && isBroughtAlong(found)) {
    return resolveFrom(build, FUNCTIONS_PACKAGE, args);
  }
  const requires = emitter.formatOf(importer).startsWith('commonjs');
  // The package's own entries are the same in either form, and faster as ES modules.
  if (!requires || args.kind !== 'import-statement' || isFunctionsPackage(args.path)) {
    return undefined;
  }
  return resolveAsRequired(build, args);
}

/** What declarations that TypeScript found in a folder's package are the declarations of. */
async function resolveFrom(
  build: PluginBuild,
  folder: string,
  { path: specifier }: OnResolveArgs,
): Promise<OnResolveResult> {
  const { path: file, sideEffects } = await build.resolve(specifier, {
    kind: 'import-statement',
    resolveDir: folder,
    pluginData: OF_ESBUILD,
  });
  return { path: file, sideEffects };
}

/** Whether esbuild can take what TypeScript found for what there is at run time. */
function isFile(found: string): boolean {
  if (isOwnSource(found)) return !found.endsWith('.d.ts');
  return found.endsWith('.json') && !found.includes('/node_modules/');
}

/** `tsc` makes a `require()` of this import: a package may have a form of its own for that. */
async function resolveAsRequired(
  build: PluginBuild,
  { path: specifier, importer, namespace, resolveDir }: OnResolveArgs,
): Promise<OnResolveResult | undefined> {
  const resolve = (kind: 'require-call' | 'import-statement') =>
    build.resolve(specifier, { kind, importer, namespace, resolveDir, pluginData: OF_ESBUILD });
  const required = await resolve('require-call');
  if (required.errors.length > 0 || required.external) return undefined;
  const imported = await resolve('import-statement');
  if (required.path === imported.path) return undefined;
  const { path: file, namespace: in_, sideEffects, suffix } = required;
  return { path: file, namespace: in_, sideEffects, suffix };
}

/**
 * A source's name for esbuild, which tells by its ending how a default import of a CommonJS module
 * is meant: in `.mjs` as in Node. The bundle has it in comments, so it says nothing of where the
 * project lies.
 */
function sourceAt(emitter: Emitter, file: string): OnResolveResult {
  const ending = emitter.formatOf(file) === 'node' ? '.mjs' : '.js';
  const name = path.relative(path.dirname(emitter.project.file), file);
  return { path: name + ending, namespace: NAMESPACE };
}

function fileOf(emitter: Emitter, name: string): string {
  return path.resolve(path.dirname(emitter.project.file), name.replace(/\.m?js$/, ''));
}
