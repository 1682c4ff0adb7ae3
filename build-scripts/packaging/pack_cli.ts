// `shredder-cli` as others install it: what published/main.ts needs of this program, compiled, with the tree
// that the sources have.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { compileModules } from '../bin/compile.js';
import { UserError } from '../errors.ts';
import { FUNCTIONS_PACKAGE_NAME } from '../functions/package.ts';
import { listFiles } from '../system/files.ts';
import { readJson } from './compile.ts';
import { packStaged, type Manifest } from './stage.ts';

const ENTRY = 'published/main.ts';

/** Modules that become part of authors' bundles, and are read by their names. */
const BUNDLED = /^functions\/(?:disposal|shims\/\w+)\.ts$/;

/** What is no module of the program, but read by one. */
const COPIED = ['functions/contract.d.ts', 'init/template'];

/** Packages that modules load with `require()` of their own making, which esbuild does not see. */
const REQUIRED = ['esbuild', 'ioredis', 'typescript'];

const PROGRAM = `#!/usr/bin/env node
import { main } from '../lib/published/main.js';

process.exitCode = await main(process.argv);
`;
const EXECUTABLE = 0o755;

/** Of package.json, what concerns this repository alone. */
const OWN_FIELDS = ['private', 'scripts'] as const;

/**
 * Makes the package's tarball.
 *
 * @param repository The checkout.
 * @param out The folder it goes into.
 * @returns its path.
 */
export function packCli(repository: string, out: string): Promise<string> {
  return packStaged((stage) => stagePackage(repository, stage), out);
}

async function stagePackage(repository: string, stage: string): Promise<Manifest> {
  const sources = path.join(repository, 'build-scripts');
  const library = path.join(stage, 'lib');
  const metafile = await dependenciesOf(sources);
  await compileModules({
    sources,
    files: [...ownModules(metafile), ...(await listFiles(sources)).filter(isBundled)],
    out: library,
  });
  for (const name of COPIED) {
    await cp(path.join(sources, name), path.join(library, name), { recursive: true });
  }
  await mkdir(path.join(stage, 'bin'));
  await writeFile(path.join(stage, 'bin', 'shredder.js'), PROGRAM, { mode: EXECUTABLE });
  await cp(path.join(sources, 'published', 'README.md'), path.join(stage, 'README.md'));
  await cp(path.join(repository, 'LICENSE'), path.join(stage, 'LICENSE'));
  return publishedManifest(
    await readJson(path.join(sources, 'package.json')),
    packagesIn(metafile),
  );
}

function isBundled(file: string): boolean {
  return BUNDLED.test(file);
}

/** All that the entry needs, of this program and of packages. */
async function dependenciesOf(sources: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: sources,
    entryPoints: [ENTRY],
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    write: false,
    outdir: 'nowhere',
    metafile: true,
    logLevel: 'silent',
  });
  return metafile;
}

/** What lies elsewhere, the compilation puts into the modules that import it. */
function ownModules({ inputs }: Metafile): string[] {
  return Object.keys(inputs).filter((file) => !file.startsWith('..'));
}

function packagesIn({ inputs }: Metafile): string[] {
  const named = Object.values(inputs).flatMap(({ imports }) =>
    imports
      // esbuild's own helpers are external, too.
      .filter(({ external, path: name }) => external && !isBuiltin(name) && name !== '<runtime>')
      .map(({ path: name }) => name),
  );
  return [...new Set([...named, ...REQUIRED])].sort();
}

/** What package.json says of the package as it is installed. */
function publishedManifest(manifest: Manifest, packages: readonly string[]): Manifest {
  const published = { ...manifest };
  for (const name of OWN_FIELDS) delete published[name];
  const pinned = manifest['dependencies'] as Readonly<Record<string, string>>;
  const dependencies = packages.map((name) => {
    const version = pinned[name];
    if (version === undefined) throw new UserError(`build-scripts/package.json pins no ${name}`);
    return [name, version];
  });
  return {
    ...published,
    description:
      'Deploys TypeScript functions to a Shredder server, calls them, and administers tenants',
    dependencies: {
      ...Object.fromEntries(dependencies),
      [FUNCTIONS_PACKAGE_NAME]: manifest['version'],
    },
  };
}
