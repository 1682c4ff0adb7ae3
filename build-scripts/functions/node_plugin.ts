import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { bundledModule } from './bundled_module.ts';

/** The folder of what stands in for modules of Node's. */
const SHIMS = 'shims';
/** esbuild's namespace of shims in the form that `require()` gives. */
const REQUIRED = 'shim';

const OF_ESBUILD = Symbol('of esbuild');

const MODULES = builtinModules.filter((name) => /^\w+(?:\/\w+)?$/.test(name));
const FILTER = new RegExp(`^(?:node:.*|(?:${MODULES.join('|')})/?)$`);

/** What to do without a module of Node's. */
const REMEDIES: Readonly<Record<string, string>> = {
  fs: 'put the data into the store, or import it as a JSON or TypeScript module',
  'fs/promises': 'put the data into the store, or import it as a JSON or TypeScript module',
  timers: 'nothing runs after a reply: let the client call again',
  'timers/promises': 'nothing runs after a reply: let the client call again',
};

const REMEDY =
  'a function reaches its store and nothing else: do this in the client, or import a package that needs no Node';

/** Finds a stand-in for modules of Node's where there is one. */
export function nodePlugin(): Plugin {
  return {
    name: 'node',
    setup(build) {
      build.onResolve({ filter: FILTER }, (args) =>
        args.pluginData === OF_ESBUILD ? undefined : resolveBuiltin(build, args),
      );
      build.onLoad({ filter: /.*/, namespace: REQUIRED }, (args) => ({
        // What Node's module.exports is, the shim exports by default.
        contents: `module.exports = require(${JSON.stringify(args.path)}).default;`,
        resolveDir: path.dirname(args.path),
      }));
    },
  };
}

async function resolveBuiltin(
  build: PluginBuild,
  args: OnResolveArgs,
): Promise<OnResolveResult | undefined> {
  const { path: specifier, importer, namespace, resolveDir, kind } = args;
  // A package that stands in itself: one of that name, or one that `browser` of package.json names.
  const own = await build.resolve(specifier, {
    kind,
    importer,
    namespace,
    resolveDir,
    pluginData: OF_ESBUILD,
  });
  if (own.errors.length === 0) return undefined;
  const name = nameOf(specifier);
  const shim = bundledModule(path.join(SHIMS, name.replaceAll('/', '_')));
  // That there is none is for esbuild to tell, to whom a `require()` in a `try` is no error.
  if (!existsSync(shim)) return undefined;
  return kind === 'require-call' ? { path: shim, namespace: REQUIRED } : { path: shim };
}

/** What to say in place of an error of esbuild's, where it is about a module of Node's. */
export function explainMissing(text: string): string {
  const [, specifier] = /^Could not resolve "([^"]+)"$/.exec(text) ?? [];
  if (specifier === undefined || !FILTER.test(specifier)) return text;
  return `"${specifier}" is a module of Node: ${REMEDIES[nameOf(specifier)] ?? REMEDY}`;
}

function nameOf(specifier: string): string {
  return specifier.replace(/^node:/, '').replace(/\/$/, '');
}
