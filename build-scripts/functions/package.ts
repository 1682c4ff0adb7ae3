import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package `shredder-functions` of this checkout. */
export const FUNCTIONS_PACKAGE = fileURLToPath(new URL('../../ts-functions', import.meta.url));

/** Its name, and the prefix of its entries. */
export const FUNCTIONS_PACKAGE_NAME = 'shredder-functions';

/** The module that only the store has. */
export const STORE_MODULE = 'shredder:store';

/** A file of the checkout from which the package resolves for libraries that lie elsewhere. */
export const FUNCTIONS_PACKAGE_ENTRY = path.join(FUNCTIONS_PACKAGE, 'src', 'index.ts');

/** Whether a module specifier is the package or one of its entries. */
export function isFunctionsPackage(specifier: string): boolean {
  return specifier === FUNCTIONS_PACKAGE_NAME || specifier.startsWith(`${FUNCTIONS_PACKAGE_NAME}/`);
}

/** Of a copy of the package that an author has installed. */
const INSTALLED =
  /[\\/]node_modules[\\/]shredder-functions[\\/](?:cjs|client|esm|src|testing)[\\/]/;

/** Whether a file is the package's own source, which no author's options are about. */
export function isOwnSource(file: string): boolean {
  if (INSTALLED.test(file)) return true;
  return ['client', 'src', 'testing'].some((folder) =>
    path.resolve(file).startsWith(path.join(FUNCTIONS_PACKAGE, folder) + path.sep),
  );
}
