import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import ts from 'typescript';
import { UserError } from '../errors.ts';
import { FUNCTIONS_PACKAGE, FUNCTIONS_PACKAGE_ENTRY, isFunctionsPackage } from './package.ts';

/** What TypeScript has against a file: a count, and its usual text. */
export interface TypeErrors {
  count: number;
  /** With ANSI colours. */
  text: string;
}

/** `tsconfig.json` holds no files of its own here: the file to check is given. */
const NO_INPUTS_FOUND = 18003;

/**
 * Type-checks a library: by the project's own `tsconfig.json`, looked for from the file's folder
 * upward, else by the strict one of `shredder-functions`.
 *
 * @returns undefined where nothing is wrong.
 */
export function typeCheck(file: string): TypeErrors | undefined {
  const project = readProject(
    ts.findConfigFile(path.dirname(file), ts.sys.fileExists) ??
      path.join(FUNCTIONS_PACKAGE, 'tsconfig.json'),
  );
  const options: ts.CompilerOptions = {
    ...project.options,
    strict: project.options.strict ?? true,
    // Matters of style: every function takes (keys, args), whether it needs both or not.
    noUnusedLocals: false,
    noUnusedParameters: false,
    // Checking alone: nothing is written, so what asks for output would only get in the way.
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
  };
  delete options.tsBuildInfoFile;

  const host = ts.createCompilerHost(options);
  resolveFunctionsPackageAnywhere(host, options);
  const program = ts.createProgram({
    rootNames: [
      file,
      storeTypesFor(file, options, host),
      // Ambient declarations of the project belong to every file of it.
      ...project.fileNames.filter((name) => /\.d\.[cm]?ts$/.test(name)),
    ],
    options,
    host,
    configFileParsingDiagnostics: project.errors,
  });
  const diagnostics = ts.sortAndDeduplicateDiagnostics(ts.getPreEmitDiagnostics(program));
  const errors = diagnostics.filter((each) => each.category === ts.DiagnosticCategory.Error);
  if (errors.length === 0) return undefined;
  return { count: errors.length, text: format(errors) };
}

/** A library that does not type-check ends the command, after TypeScript's own text. */
export function requireTypeCheck(file: string, out: NodeJS.WriteStream): void {
  const errors = typeCheck(file);
  if (errors === undefined) return;
  out.write(out.isTTY ? errors.text : stripVTControlCharacters(errors.text));
  const count = errors.count === 1 ? '1 TypeScript error' : `${errors.count} TypeScript errors`;
  throw new UserError(`${path.basename(file)}: ${count}; nothing was deployed`);
}

function readProject(configFile: string): ts.ParsedCommandLine {
  const unrecoverable: ts.Diagnostic[] = [];
  const parsed = ts.getParsedCommandLineOfConfigFile(configFile, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (each) => unrecoverable.push(each),
  });
  if (parsed === undefined) {
    throw new UserError(stripVTControlCharacters(format(unrecoverable)).trim());
  }
  parsed.errors = parsed.errors.filter((each) => each.code !== NO_INPUTS_FOUND);
  return parsed;
}

/** The types of `shredder:store`: those of the package that the file itself would import. */
function storeTypesFor(file: string, options: ts.CompilerOptions, host: ts.CompilerHost): string {
  const found = ts.resolveModuleName('shredder-functions/store', file, options, host);
  return (
    found.resolvedModule?.resolvedFileName ?? path.join(FUNCTIONS_PACKAGE, 'src', 'store.d.ts')
  );
}

/** Lets a file outside any npm project import `shredder-functions`: from this checkout. */
function resolveFunctionsPackageAnywhere(host: ts.CompilerHost, options: ts.CompilerOptions): void {
  const cache = ts.createModuleResolutionCache(
    host.getCurrentDirectory(),
    (name) => host.getCanonicalFileName(name),
    options,
  );
  host.resolveModuleNameLiterals = (literals, containingFile, redirected, _, sourceFile) =>
    literals.map((literal) => {
      const from = (importer: string): ts.ResolvedModuleWithFailedLookupLocations =>
        ts.resolveModuleName(
          literal.text,
          importer,
          options,
          host,
          cache,
          redirected,
          ts.getModeForUsageLocation(sourceFile, literal, options),
        );
      const resolved = from(containingFile);
      if (resolved.resolvedModule !== undefined || !isFunctionsPackage(literal.text)) {
        return resolved;
      }
      return from(FUNCTIONS_PACKAGE_ENTRY);
    });
}

function format(diagnostics: readonly ts.Diagnostic[]): string {
  return ts.formatDiagnosticsWithColorAndContext(diagnostics, {
    getCurrentDirectory: () => process.cwd(),
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  });
}
