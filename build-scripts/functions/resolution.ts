import path from 'node:path';
import ts from './typescript.cjs';
import { FUNCTIONS_PACKAGE_ENTRY, isFunctionsPackage } from './package.ts';

/** Where TypeScript found the modules that files of a project name. */
export interface Resolutions {
  /** The file that a specifier in a file stands for; undefined where TypeScript knows none. */
  find(importer: string, specifier: string): string | undefined;
  /** The paths at which it looked for what it has not found. */
  missing(): string[];
}

/** What was found for each importer and specifier, and where what was not would be. */
export class ResolutionRecord {
  readonly found = new Map<string, string>();
  readonly lookups = new Map<string, readonly string[]>();
}

/**
 * Has a compiler resolve modules by the project's options, and besides:
 *
 * - `shredder-functions`, where the importer has none installed, is this checkout's;
 * - what lies outside any node_modules is the author's source, also where the way to it leads
 *   through a link of a workspace: it is compiled with the rest.
 */
export function resolveModules(
  host: ts.CompilerHost,
  options: ts.CompilerOptions,
  record: ResolutionRecord = new ResolutionRecord(),
): Resolutions {
  const cache = ts.createModuleResolutionCache(
    host.getCurrentDirectory(),
    (name) => host.getCanonicalFileName(name),
    options,
  );
  host.resolveModuleNameLiterals = (literals, importer, redirected, programOptions, sourceFile) =>
    literals.map((literal) => {
      // Those of a referenced project are its own.
      const own = redirected?.commandLine.options ?? options;
      const mode = ts.getModeForUsageLocation(sourceFile, literal, {
        ...programOptions,
        ...redirected?.commandLine.options,
      });
      const result = asOwnSource(
        isFunctionsPackage(literal.text)
          ? resolveFunctionsPackage(literal.text, importer, own, host, mode)
          : ts.resolveModuleName(literal.text, importer, own, host, cache, redirected, mode),
      );
      const file = result.resolvedModule?.resolvedFileName;
      const key = keyOf(importer, literal.text);
      record.found.delete(key);
      record.lookups.delete(key);
      if (file !== undefined) record.found.set(key, path.resolve(file));
      else record.lookups.set(key, failedLookups(result));
      return result;
    });
  return {
    find: (importer, specifier) => record.found.get(keyOf(importer, specifier)),
    missing: () => [...record.lookups.values()].flat(),
  };
}

/** The compiler's own watch goes by these, too; they are not in its types. */
function failedLookups(result: ts.ResolvedModuleWithFailedLookupLocations): readonly string[] {
  return (result as { failedLookupLocations?: readonly string[] }).failedLookupLocations ?? [];
}

/** An entry of `shredder-functions`: the author's, else this checkout's. */
export function resolveFunctionsPackage(
  specifier: string,
  importer: string,
  options: ts.CompilerOptions,
  host: ts.ModuleResolutionHost,
  mode?: ts.ResolutionMode,
): ts.ResolvedModuleWithFailedLookupLocations {
  const installed = ts.resolveModuleName(
    specifier,
    importer,
    options,
    host,
    undefined,
    undefined,
    mode,
  );
  if (installed.resolvedModule !== undefined) return installed;
  return ts.resolveModuleName(
    specifier,
    FUNCTIONS_PACKAGE_ENTRY,
    {
      module: ts.ModuleKind.Preserve,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    },
    host,
  );
}

function asOwnSource(
  result: ts.ResolvedModuleWithFailedLookupLocations,
): ts.ResolvedModuleWithFailedLookupLocations {
  const { resolvedModule } = result;
  if (resolvedModule === undefined || !isSource(resolvedModule.resolvedFileName)) return result;
  return { ...result, resolvedModule: { ...resolvedModule, isExternalLibraryImport: false } };
}

function isSource(file: string): boolean {
  return (
    /\.[cm]?tsx?$/.test(file) && !/\.d\.\w+$/.test(file) && !/[\\/]node_modules[\\/]/.test(file)
  );
}

function keyOf(importer: string, specifier: string): string {
  return `${path.resolve(importer)}\0${specifier}`;
}
