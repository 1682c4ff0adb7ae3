import path from 'node:path';

/**
 * The file of a module beside this one that becomes part of authors' bundles: TypeScript in a checkout,
 * JavaScript where this program is, as all of it.
 */
export function bundledModule(name: string): string {
  return path.join(import.meta.dirname, name + path.extname(import.meta.filename));
}
