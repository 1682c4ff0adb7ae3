import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, UserError } from '../errors.ts';
import { exists, listFiles } from '../system/files.ts';
import { formatManifest, mergeManifest, parseManifest, type ModuleType } from './manifest.ts';
import type { Specifiers } from './specifiers.ts';

/** A project as it is written: its files are those of new ones, and are checked and tested with this program. */
const TEMPLATE = path.join(import.meta.dirname, 'template');
const MANIFEST = 'package.json';
/** Names that npm would not pack as they are. */
const NAMES: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export interface ProjectOptions {
  /** None: that of the package.json there is, else `module`. */
  type: ModuleType | undefined;
  specifiers: Specifiers;
  /** Whether files that there are may be replaced. */
  force: boolean;
}

export interface WrittenProject {
  /** Files that have been written, below the folder. */
  files: string[];
  /** Scripts of package.json that it had already, otherwise. */
  keptScripts: string[];
}

/** Writes a project: a library, its tests, and how both are checked; or nothing, where a file is there already. */
export async function writeProject(
  folder: string,
  { type, specifiers, force }: ProjectOptions,
): Promise<WrittenProject> {
  const template = new Map<string, string>();
  for (const file of await listFiles(TEMPLATE)) {
    template.set(NAMES[file] ?? file, await readFile(path.join(TEMPLATE, file), 'utf8'));
  }
  const before = await readManifest(folder);
  const { manifest, kept } = mergeManifest(
    before === undefined ? undefined : parseManifest(before, path.join(folder, MANIFEST)),
    parseManifest(template.get(MANIFEST) ?? '', MANIFEST),
    specifiers,
    { type, force },
  );
  template.set(MANIFEST, formatManifest(manifest, before));

  const others = [...template.keys()].filter((name) => name !== MANIFEST);
  await requireFolders(folder, others);
  if (!force) await requireAbsence(folder, others);
  for (const [name, text] of template) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return { files: [...template.keys()].sort(), keptScripts: kept };
}

/** The text of the package.json that there is. */
async function readManifest(folder: string): Promise<string | undefined> {
  try {
    return await readFile(path.join(folder, MANIFEST), 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (hasCode(error, 'ENOTDIR')) throw new UserError(`${folder} is no folder`);
    throw error;
  }
}

/** Where a file's folder is to be, there is nothing else. */
async function requireFolders(folder: string, files: readonly string[]): Promise<void> {
  for (const name of new Set(files.map((file) => path.dirname(file)))) {
    const parent = path.join(folder, name);
    if (!(await exists(parent)) || (await stat(parent)).isDirectory()) continue;
    throw new UserError(`${parent} is no folder; nothing was written`, 'Name another folder.');
  }
}

async function requireAbsence(folder: string, files: readonly string[]): Promise<void> {
  const there: string[] = [];
  for (const file of files) if (await exists(path.join(folder, file))) there.push(file);
  if (there.length === 0) return;
  throw new UserError(
    `${folder} has ${there.join(', ')} already; nothing was written`,
    'Name another folder, or give --force to replace what is there.',
  );
}
