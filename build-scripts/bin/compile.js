// TypeScript to JavaScript, module by module: a tree of modules like that of the sources.
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { FROM_ELSEWHERE } from './up_to_date.js';

/** What a module asks of where it lies, by the constant that stands in for it. */
const PLACE = {
  sourceUrl: 'import.meta.url',
  sourceFile: 'import.meta.filename',
  sourceFolder: 'import.meta.dirname',
};

/** See compile.d.ts. */
export async function compileModules({ sources, files, out, isInPlace = false }) {
  const isCommonJs = (file) => file.endsWith('.cjs');
  for (const file of files.filter(isCommonJs)) {
    await cp(path.join(sources, file), path.join(out, file));
  }
  try {
    await build({
      absWorkingDir: sources,
      entryPoints: files.filter((file) => !isCommonJs(file)),
      outdir: out,
      outbase: sources,
      // Each import is left as it is, but for the name's ending.
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      charset: 'utf8',
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      sourcemap: isInPlace && 'linked',
      sourcesContent: false,
      define: isInPlace ? Object.fromEntries(Object.entries(PLACE).map(swap)) : {},
      logLevel: 'silent',
      plugins: [neighbours(sources), ...(isInPlace ? [sourcePlaces()] : [])],
    });
  } catch (error) {
    const [{ text, location } = {}] = error.errors ?? [];
    if (text === undefined) throw error;
    const place = location === null ? '' : `${location.file}:${location.line}:${location.column}: `;
    throw Object.assign(new Error(`${place}${text}`), { isForUser: true });
  }
}

/** Modules name each other by their compiled files; one from elsewhere becomes part of its importer. */
function neighbours(sources) {
  return {
    name: 'neighbours',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\// }, ({ kind, path: specifier, resolveDir }) => {
        if (kind === 'entry-point') return undefined;
        const file = path.resolve(resolveDir, specifier);
        if (file.startsWith(sources + path.sep)) {
          return { path: specifier.replace(/\.ts$/, '.js'), external: true };
        }
        // Of others, nobody would see that they have changed.
        const isKnown = FROM_ELSEWHERE.some((each) => file === path.resolve(sources, each));
        return isKnown
          ? undefined
          : { errors: [{ text: `${specifier} is not in FROM_ELSEWHERE` }] };
      });
    },
  };
}

/** Modules find files that lie beside their sources, which the compiled ones do not lie beside. */
function sourcePlaces() {
  return {
    name: 'source places',
    setup({ onLoad }) {
      onLoad({ filter: /\.[jt]s$/ }, async ({ path: file }) => {
        const text = await readFile(file, 'utf8');
        const values = {
          sourceUrl: JSON.stringify(pathToFileURL(file).href),
          sourceFile: JSON.stringify(file),
          sourceFolder: JSON.stringify(path.dirname(file)),
        };
        const constants = Object.entries(PLACE)
          .filter(([, asked]) => text.includes(asked))
          .map(([name]) => `const ${name} = ${values[name]};`);
        // On the first line, so that lines of the source keep their numbers.
        return {
          contents: constants.join('') + text,
          loader: file.endsWith('.ts') ? 'ts' : 'js',
        };
      });
    },
  };
}

function swap([name, asked]) {
  return [asked, name];
}
