import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Where a checkout has the package. */
const CHECKED_OUT = path.resolve(import.meta.dirname, '../../ts-functions');

/**
 * The package `shredder-functions` for libraries that have none installed: a checkout's, whose sources are
 * TypeScript, else the one that is installed with this program.
 */
export const FUNCTIONS_PACKAGE = existsSync(path.join(CHECKED_OUT, 'package.json'))
  ? CHECKED_OUT
  : path.dirname(createRequire(import.meta.url).resolve('shredder-functions/package.json'));

/** The same among other packages, under its own name, as AssemblyScript's compiler looks for it. */
export const INSTALLED_FUNCTIONS_PACKAGE =
  FUNCTIONS_PACKAGE === CHECKED_OUT
    ? path.resolve(CHECKED_OUT, '../node_modules/shredder-functions')
    : FUNCTIONS_PACKAGE;

/** Its name, and the prefix of its entries. */
export const FUNCTIONS_PACKAGE_NAME = 'shredder-functions';

/** The module that only the store has. */
export const STORE_MODULE = 'shredder:store';

/** A file from which the package resolves for libraries that lie elsewhere; it need not be there. */
export const FUNCTIONS_PACKAGE_ENTRY = path.join(FUNCTIONS_PACKAGE, 'src', 'index.ts');

/** Whether a module specifier is the package or one of its entries. */
export function isFunctionsPackage(specifier: string): boolean {
  return specifier === FUNCTIONS_PACKAGE_NAME || specifier.startsWith(`${FUNCTIONS_PACKAGE_NAME}/`);
}

/** The package's own folders: of sources, and of what they are compiled to. */
const FOLDERS = ['client', 'compile', 'src', 'testing', 'esm', 'cjs'];

/** Of a copy of the package that an author has installed. */
const INSTALLED = new RegExp(
  String.raw`[\\/]node_modules[\\/]${FUNCTIONS_PACKAGE_NAME}[\\/](?:${FOLDERS.join('|')})[\\/]`,
);

/** Whether a file is the package's own, which no author's options are about. */
export function isOwnSource(file: string): boolean {
  return INSTALLED.test(file) || isBroughtAlong(file);
}

/** Whether a file is that of the package which this program has, not of one that an author has installed. */
export function isBroughtAlong(file: string): boolean {
  return FOLDERS.some((folder) =>
    path.resolve(file).startsWith(path.join(FUNCTIONS_PACKAGE, folder) + path.sep),
  );
}
