// How a new project names the packages that it needs: by their versions, or by tarballs, which no network has to
// be asked for.
import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, UserError } from '../errors.ts';
import { FUNCTIONS_PACKAGE_NAME } from '../functions/package.ts';

/** The packages, as `npm pack` names their tarballs. */
export const PACKAGES = ['shredder-cli', FUNCTIONS_PACKAGE_NAME] as const;

/** Specifiers in package.json, by package. */
export type Specifiers = Readonly<Record<(typeof PACKAGES)[number], string>>;

/** Where this program is installed as a package. */
const INSTALLED = path.resolve(import.meta.dirname, '../..');

const PACK_REMEDY = 'Make them in the checkout, npx shredder pack FOLDER, and give --from FOLDER.';

/**
 * @param project The folder of the new project.
 * @param from A folder with tarballs; none: as this program is installed itself.
 */
export async function specifiersFor(project: string, from?: string): Promise<Specifiers> {
  if (from !== undefined) return fromTarballs(project, from);
  const manifest = await readManifest(path.join(INSTALLED, 'package.json'));
  if (manifest?.['name'] !== PACKAGES[0]) {
    throw new UserError("a checkout's packages are nowhere to be installed from", PACK_REMEDY);
  }
  const version = String(manifest['version']);
  return mapPackages(async (name) => (await installedTarball(project, name)) ?? `^${version}`);
}

async function fromTarballs(project: string, from: string): Promise<Specifiers> {
  const names = await namesIn(from);
  return mapPackages(async (name) => {
    const tarballs = names.filter((each) => new RegExp(`^${name}-\\d.*\\.tgz$`).test(each));
    const [tarball, another] = tarballs;
    if (tarball === undefined)
      throw new UserError(`${from} has no tarball of ${name}`, PACK_REMEDY);
    if (another !== undefined) {
      throw new UserError(`${from} has two tarballs of ${name}: ${tarball} and ${another}`);
    }
    return fileSpecifier(project, path.resolve(from, tarball));
  });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) {
      throw new UserError(`--from is ${folder}, which is no folder`, PACK_REMEDY);
    }
    throw error;
  }
}

/** The tarball that npm has installed a package from, beside this program. */
async function installedTarball(project: string, name: string): Promise<string | undefined> {
  const modules = path.dirname(INSTALLED);
  const lock = await readManifest(path.join(modules, '.package-lock.json'));
  const packages = (lock?.['packages'] ?? {}) as Record<string, { resolved?: unknown }>;
  const resolved = packages[`node_modules/${name}`]?.resolved;
  if (typeof resolved !== 'string' || !resolved.startsWith('file:')) return undefined;
  const file = path.resolve(path.dirname(modules), resolved.slice('file:'.length));
  return file.endsWith('.tgz') ? fileSpecifier(project, file) : undefined;
}

/** npm takes the path from where the project really is, whichever links lead there. */
async function fileSpecifier(project: string, file: string): Promise<string> {
  const [from, to] = await Promise.all([realPath(project), realPath(file)]);
  return `file:${path.relative(from, to).split(path.sep).join('/')}`;
}

/** Where a path leads, whose end need not be there. */
async function realPath(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    const folder = path.dirname(file);
    if (!hasCode(error, 'ENOENT') || folder === file) throw error;
    return path.join(await realPath(folder), path.basename(file));
  }
}

async function readManifest(file: string): Promise<Record<string, unknown> | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function mapPackages(find: (name: string) => Promise<string>): Promise<Specifiers> {
  const found = await Promise.all(PACKAGES.map(async (name) => [name, await find(name)]));
  return Object.fromEntries(found) as Specifiers;
}
