// `shredder-functions` as others install it.
//
// In this repository its `exports` name the TypeScript sources, so that nothing has to be built before
// they are used. What is published names JavaScript and declarations, for `import` and `require()`.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { capture } from '../system/command.ts';
import { listFiles } from '../system/files.ts';
import { compilePackage, FORMS, readJson } from './compile.ts';

/** Copied as they are: declarations of what only the store has, and what has to be JavaScript. */
const COPIED = [
  'README.md',
  'examples',
  'src/callbacks.d.ts',
  'src/globals.d.ts',
  'src/store.d.ts',
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
export async function packFunctions(repository: string, out: string): Promise<string> {
  const stage = await mkdtemp(path.join(tmpdir(), 'shredder-pack-'));
  try {
    await stagePackage(repository, stage);
    const packed = await capture('npm', ['pack', '--json', '--pack-destination', out, stage]);
    const [{ filename = '' } = {}] = JSON.parse(packed) as { filename?: string }[];
    return path.join(out, filename);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function stagePackage(repository: string, stage: string): Promise<void> {
  const root = path.join(repository, 'ts-functions');
  for (const name of COPIED) {
    await cp(path.join(root, name), path.join(stage, name), { recursive: true });
  }
  await cp(path.join(repository, 'LICENSE'), path.join(stage, 'LICENSE'));
  const sources = (await listFiles(root))
    .filter((file) => /^(?:client|src|testing)\/\w+\.ts$/.test(file) && !isCopied(file))
    .map((file) => path.join(root, file));
  for (const form of FORMS) await compilePackage(root, sources, form, path.join(stage, form));
  const manifest = publishedManifest(await readJson(path.join(root, 'package.json')));
  await writeFile(path.join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function isCopied(file: string): boolean {
  return COPIED.some((name) => name === file);
}

/** What package.json says of the package as it is installed. */
function publishedManifest(manifest: Record<string, unknown>): Record<string, unknown> {
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
