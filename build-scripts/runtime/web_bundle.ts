import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Metafile, Plugin } from 'esbuild';
import { UserError } from '../errors.ts';

/** A script of the runtime's that npm packages are a part of. */
export interface WebBundle {
  /** An expression in ASCII, without a line comment at its end: `(natives, web) => {...}`. */
  code: string;
  /** Each package in it: name, version, and the text of its licence. */
  licenses: string;
}

/** Own modules, and what they begin at; below the checkout. */
const OWN_FOLDER = 'runtime/engine/web/url';
const ENTRY = 'index.js';

/** The package; other versions of it are there for other packages, so that no own module may look for it. */
const PACKAGE = 'whatwg-url';

/** Own modules in place of what the package imports by these names; each says why. */
const REPLACED: Readonly<Record<string, string>> = {
  tr46: 'tr46.js',
  'webidl-conversions': 'webidl_conversions.js',
  './encoding': 'encoding.js',
};

/** The name that the exports have in the bundle, which nothing else can see. */
const EXPORTS = 'exported';

/**
 * Bundles URL and URLSearchParams for web_globals.cc. The same files give the same bundle, on any
 * machine and in any folder.
 */
export async function bundleWebUrl(repository: string): Promise<WebBundle> {
  const used = new Set<string>();
  // Loaded here, once something is to be built.
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: repository,
    entryPoints: [path.join(repository, OWN_FOLDER, ENTRY)],
    write: false,
    bundle: true,
    format: 'iife',
    globalName: EXPORTS,
    // With a package's own main module, and nothing that stands for Node or for browsers.
    platform: 'neutral',
    mainFields: ['main'],
    // The checkout's is about other code.
    tsconfigRaw: {},
    target: 'es2022',
    charset: 'ascii',
    // Each tenant that uses it holds it.
    minify: true,
    legalComments: 'none',
    banner: { js: '(natives, web) => {' },
    footer: { js: `return ${EXPORTS};\n}` },
    metafile: true,
    logLevel: 'silent',
    plugins: [resolvePlugin(path.join(repository, OWN_FOLDER), used)],
  });
  const unused = Object.keys(REPLACED).filter((name) => !used.has(name));
  if (unused.length > 0) {
    throw new UserError(
      `${PACKAGE} no longer imports ${unused.join(', ')}, in whose place it gets own modules`,
      `Look at what it imports, and change REPLACED in ${path.basename(import.meta.filename)}.`,
    );
  }
  return {
    code: outputFiles[0]!.text.trimEnd(),
    licenses: await licensesOf(repository, metafile),
  };
}

function resolvePlugin(own: string, used: Set<string>): Plugin {
  return {
    name: 'web',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path: name, kind }) => {
        if (kind === 'entry-point') return undefined;
        if (name === PACKAGE) return { path: createRequire(import.meta.url).resolve(name) };
        const replacement = REPLACED[name];
        if (replacement === undefined) return undefined;
        used.add(name);
        return { path: path.join(own, replacement) };
      });
    },
  };
}

/** The licences of the packages that a bundle's files are from. */
async function licensesOf(repository: string, { inputs }: Metafile): Promise<string> {
  const folders = new Set<string>();
  for (const file of Object.keys(inputs)) {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [];
    if (folder !== undefined) folders.add(folder);
  }
  const licenses: string[] = [];
  for (const folder of [...folders].sort()) {
    licenses.push(await licenseOf(path.join(repository, folder)));
  }
  return licenses.join('\n');
}

async function licenseOf(folder: string): Promise<string> {
  const manifest = await readFile(path.join(folder, 'package.json'), 'utf8');
  const { name, version, license } = JSON.parse(manifest) as Record<string, string>;
  const file = (await readdir(folder)).find((each) => /^licen[cs]e(?:\.\w+)?$/i.test(each));
  if (file === undefined) {
    throw new UserError(
      `${folder} has no file with its licence, which whoever gets the runtime must get`,
      'Run npm ci, or bundle another package.',
    );
  }
  const text = await readFile(path.join(folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}
