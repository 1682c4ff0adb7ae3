import { UserError } from '../errors.ts';
import type { Specifiers } from './specifiers.ts';

/** What Node takes modules for that are not told apart by their names. */
export const MODULE_TYPES = ['module', 'commonjs'] as const;
export type ModuleType = (typeof MODULE_TYPES)[number];

/** package.json, as far as it concerns this. */
export interface Manifest {
  type?: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  [field: string]: unknown;
}

/** A package.json, and what of the template's it has not because it had its own. */
export interface MergedManifest {
  manifest: Manifest;
  /** Names of scripts. */
  kept: string[];
}

/** What `npm init` writes for a package without tests. */
const NO_TEST = /^echo "Error: no test specified" && exit 1$/;

/** The package.json of a project that a new or an existing one becomes. */
export function mergeManifest(
  existing: Manifest | undefined,
  template: Manifest,
  specifiers: Specifiers,
  { type, force }: { type: ModuleType | undefined; force: boolean },
): MergedManifest {
  const needed = { ...template.devDependencies, ...specifiers };
  if (existing === undefined) {
    const manifest = { ...template, type: type ?? 'module', devDependencies: needed };
    return { manifest, kept: [] };
  }
  const { type: itsType = 'commonjs' } = existing;
  if (type !== undefined && type !== itsType && !force) {
    throw new UserError(
      `package.json has the type "${itsType}", not "${type}"`,
      'Leave --type out, or give --force to change it.',
    );
  }
  const scripts = { ...existing.scripts };
  const kept: string[] = [];
  for (const [name, script] of Object.entries(template.scripts ?? {})) {
    const own = scripts[name];
    if (own === undefined || NO_TEST.test(own)) scripts[name] = script;
    else if (own !== script) kept.push(name);
  }
  const devDependencies = { ...existing.devDependencies };
  for (const [name, specifier] of Object.entries(needed)) {
    if (existing.dependencies?.[name] === undefined) devDependencies[name] ??= specifier;
  }
  return {
    manifest: {
      ...existing,
      ...(type !== undefined && { type }),
      scripts,
      devDependencies: sorted(devDependencies),
    },
    kept,
  };
}

/** A package.json's object. */
export function parseManifest(text: string, file: string): Manifest {
  let parsed: unknown;
  try {
    // Editors of Windows put a mark before it, which npm does not mind either.
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new UserError(`${file} is no JSON`, 'Mend it, or name another folder.');
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Manifest;
  }
  throw new UserError(`${file} holds no object`, 'Mend it, or name another folder.');
}

/** The text of a package.json, indented and with lines that end as in the one before, as npm keeps that. */
export function formatManifest(manifest: Manifest, before = ''): string {
  const [, indent = '  '] = /^\uFEFF?\{\r?\n([ \t]+)/.exec(before) ?? [];
  const text = `${JSON.stringify(manifest, null, indent)}\n`;
  return before.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text;
}

/** As npm sorts them. */
function sorted(entries: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => a.localeCompare(b, 'en')));
}
