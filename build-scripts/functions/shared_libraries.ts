import path from 'node:path';
import { withVersion } from './source_cache.ts';
import ts from './typescript.cjs';

/** Where TypeScript's own declarations of the language are. */
const LIBRARIES = path.dirname(ts.getDefaultLibFilePath({}));

/** Whether a file is one of them. */
export function isLibrary(file: string): boolean {
  return path.dirname(file) === LIBRARIES;
}

const parsed = new Map<string, ts.SourceFile | undefined>();

/**
 * Has programs share what they have of TypeScript's own declarations, which are most of what a
 * program reads and the same for all.
 */
export function shareLibraries(host: ts.CompilerHost): void {
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (file, options, ...rest) => {
    if (!isLibrary(file)) return getSourceFile(file, options, ...rest);
    const { languageVersion, impliedNodeFormat } =
      typeof options === 'object' ? options : { languageVersion: options };
    const key = `${languageVersion} ${impliedNodeFormat} ${file}`;
    if (!parsed.has(key)) parsed.set(key, withVersion(getSourceFile(file, options, ...rest)));
    return parsed.get(key);
  };
}
