import path from 'node:path';
import ts from './typescript.cjs';
import { FUNCTIONS_PACKAGE_ENTRY, isFunctionsPackage } from './package.ts';

/** Where TypeScript found the modules that files of a project name. */
export interface Resolutions {
  /** The file that a specifier in a file stands for; undefined where TypeScript knows none. */
  find(importer: string, specifier: string): string | undefined;
}

/**
 * Has a compiler resolve modules by the project's options, and besides:
 *
 * - `shredder-functions`, where the importer has none installed, is this checkout's;
 * - what lies outside any node_modules is the author's source, also where the way to it leads
 *   through a link of a workspace: it is compiled with the rest.
 */
export function resolveModules(host: ts.CompilerHost, options: ts.CompilerOptions): Resolutions {
  const found = new Map<string, string>();
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
      if (file !== undefined) found.set(keyOf(importer, literal.text), path.resolve(file));
      return result;
    });
  return { find: (importer, specifier) => found.get(keyOf(importer, specifier)) };
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
