import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import ts from './typescript.cjs';
import { UserError } from '../errors.ts';
import { formatDiagnostics } from './diagnostics.ts';
import { FUNCTIONS_PACKAGE } from './package.ts';

/** A file is checked that is given: it does not matter that the configuration names none. */
const NO_FILES_NAMED: ReadonlySet<number> = new Set([18002, 18003]);

/**
 * The configuration that a file belongs to: the nearest `tsconfig.json` from its folder upward, or
 * the project that this one refers to which has the file; else the strict one of
 * `shredder-functions`.
 */
export function configurationFor(file: string): ts.ParsedCommandLine {
  const nearest = ts.findConfigFile(path.dirname(file), ts.sys.fileExists);
  if (nearest === undefined) {
    const strict = readConfiguration(path.join(FUNCTIONS_PACKAGE, 'tsconfig.author.json'));
    // What lies beside it is the package's.
    return { ...strict, fileNames: [] };
  }
  const own = readConfiguration(nearest);
  return (hasFile(own, file) ? undefined : findReferenced(own, file)) ?? own;
}

/** The project, of those that one refers to and those that they do, which has a file. */
export function findReferenced(
  from: ts.ParsedCommandLine,
  file: string,
  seen: Set<string> = new Set(),
): ts.ParsedCommandLine | undefined {
  for (const reference of from.projectReferences ?? []) {
    const configFile = ts.resolveProjectReferencePath(reference);
    if (seen.has(configFile) || !ts.sys.fileExists(configFile)) continue;
    seen.add(configFile);
    const referenced = readConfiguration(configFile);
    const found = hasFile(referenced, file) ? referenced : findReferenced(referenced, file, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

function hasFile(configuration: ts.ParsedCommandLine, file: string): boolean {
  return configuration.fileNames.some((name) => path.resolve(name) === file);
}

function readConfiguration(configFile: string): ts.ParsedCommandLine {
  const unrecoverable: ts.Diagnostic[] = [];
  const parsed = ts.getParsedCommandLineOfConfigFile(configFile, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (each) => unrecoverable.push(each),
  });
  if (parsed === undefined) {
    throw new UserError(stripVTControlCharacters(formatDiagnostics(unrecoverable)).trim());
  }
  parsed.errors = parsed.errors.filter((each) => !NO_FILES_NAMED.has(each.code));
  return parsed;
}
