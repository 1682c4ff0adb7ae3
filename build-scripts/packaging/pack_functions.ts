// `shredder-functions` as others install it.
//
// In this repository its `exports` name the TypeScript sources, so that nothing has to be built before
// they are used. What is published names JavaScript and declarations, for `import` and `require()`.
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { listFiles } from '../system/files.ts';
import { compilePackage, FORMS, readJson } from './compile.ts';
import { packStaged, type Manifest } from './stage.ts';

/** Copied as they are: declarations of what only the store has, what has to be JavaScript, and other compilers' sources. */
const COPIED = [
  'README.md',
  'assembly',
  'c',
  'examples',
  'src/callbacks.d.ts',
  'src/globals.d.ts',
  'src/store.d.ts',
  'src/webassembly.d.ts',
  'testing/hooks.js',
  'testing/register.cjs',
  'testing/register.d.ts',
  'testing/register.js',
  'testing/typescript_probe.ts',
  'tsconfig.author.json',
] as const;

/** Of package.json, what concerns this repository alone. */
const OWN_FIELDS = ['private', 'scripts', 'dependencies'] as const;

/**
 * Makes the package's tarball.
 *
 * @param repository The checkout.
 * @param out The folder it goes into.
 * @returns its path.
 */
export function packFunctions(repository: string, out: string): Promise<string> {
  return packStaged((stage) => stagePackage(repository, stage), out);
}

async function stagePackage(repository: string, stage: string): Promise<Manifest> {
  const root = path.join(repository, 'ts-functions');
  for (const name of COPIED) {
    await cp(path.join(root, name), path.join(stage, name), { recursive: true });
  }
  await cp(path.join(repository, 'LICENSE'), path.join(stage, 'LICENSE'));
  const sources = (await listFiles(root))
    .filter((file) => /^(?:client|compile|src|testing)\/\w+\.ts$/.test(file) && !isCopied(file))
    .map((file) => path.join(root, file));
  for (const form of FORMS) await compilePackage(root, sources, form, path.join(stage, form));
  return publishedManifest(await readJson(path.join(root, 'package.json')));
}

function isCopied(file: string): boolean {
  return COPIED.some((name) => name === file);
}

/** What package.json says of the package as it is installed. */
function publishedManifest(manifest: Manifest): Manifest {
  const { exports, ...published } = manifest;
  for (const name of OWN_FIELDS) delete published[name];
  const entries = Object.entries(exports as Record<string, unknown>);
  return {
    ...published,
    exports: Object.fromEntries(entries.map(([name, target]) => [name, publishedTarget(target)])),
  };
}

/** Of a source, its forms; what else there is stays. */
function publishedTarget(target: unknown): unknown {
  if (typeof target !== 'string' || !target.endsWith('.ts')) return target;
  const [, module] = /^\.\/(.+)\.ts$/.exec(target) ?? [];
  if (module === undefined) throw new UserError(`package.json exports ${target}, no source`);
  const [esm, cjs] = FORMS.map((form) => ({
    types: `./${form}/${module}.d.ts`,
    default: `./${form}/${module}.js`,
  }));
  return { import: esm, require: cjs };
}
