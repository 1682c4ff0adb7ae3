import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plugin } from 'esbuild';
import { withPlatformClasses } from './platform_classes.ts';
import ts from './typescript.cjs';

/** How packages find the global object where the language had no name for it. */
const IDIOM = /(?<![\w$.'"`])(?:new +)?Function\( *(['"])return this;?\1 *\)\(\)/g;

const NAME = 'globalThis';

/**
 * What npm packages take for granted of where they run: the idiom is to name the global object, as it is code
 * from a string, which the store does not make; and classes are to be there. An author's own sources are
 * left as they are.
 */
export function globalObjectPlugin(): Plugin {
  return {
    name: 'global object',
    setup(build) {
      build.onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, async ({ path: file }) => {
        const code = await readFile(file, 'utf8');
        // What follows it stays where it is, for the source map.
        const named = withPlatformClasses(
          file,
          code.replace(IDIOM, (idiom) => NAME.padEnd(idiom.length)),
        );
        if (named === code || isLeftOut(file)) return undefined;
        return { contents: named, loader: 'js' };
      });
    },
  };
}

/** Whether `browser` of a file's package leaves it out, which esbuild does not tell a plugin. */
function isLeftOut(file: string): boolean {
  const manifest = ts.findConfigFile(path.dirname(file), ts.sys.fileExists, 'package.json');
  if (manifest === undefined) return false;
  const { config } = ts.readConfigFile(manifest, ts.sys.readFile) as { config?: Manifest };
  return Object.entries(config?.browser ?? {}).some(([name, target]) => {
    const named = path.resolve(path.dirname(manifest), name);
    return target === false && [named, `${named}.js`, path.join(named, 'index.js')].includes(file);
  });
}

interface Manifest {
  browser?: string | Readonly<Record<string, string | false>>;
}
