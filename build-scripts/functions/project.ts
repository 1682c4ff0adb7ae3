import path from 'node:path';
import ts from './typescript.cjs';
import { configurationFor, findReferenced } from './configuration.ts';
import { moduleFormatOf, optionsToCheck, type ModuleFormat } from './options.ts';
import { FUNCTIONS_PACKAGE, isOwnSource } from './package.ts';
import { type ResolutionRecord, resolveModules, type Resolutions } from './resolution.ts';
import { shareLibraries } from './shared_libraries.ts';
import type { SourceCache } from './source_cache.ts';

/** Declares the types that a library's exports are compared with. */
export const CONTRACT = path.join(import.meta.dirname, 'contract.d.ts');

/** Has declarations that belong to every file of a project, whether one imports it or not. */
const AMBIENT = /\bdeclare\s+(?:global|module)\b/;

/** A library and what it imports, as the author's TypeScript project has them. */
export interface Project {
  /** The library's own file. */
  file: string;
  program: ts.Program;
  resolutions: Resolutions;
  configuration: ts.ParsedCommandLine;
  /** Knows what of the program before it still holds, where there was one. */
  builder?: ts.SemanticDiagnosticsBuilderProgram;
}

/** What a project is opened from where an earlier one of the same file is at hand. */
export interface Reuse {
  sources: SourceCache;
  record: ResolutionRecord;
  previous: Project | undefined;
  /** Whether modules are where they were: no file has come, gone or moved. */
  isInPlace: boolean;
}

/** Opens the project of a library's file. */
export function openProject(file: string, reuse?: Reuse): Project {
  return projectOf(file, configurationFor(file), reuse);
}

/** Opens the project that a file of `project` belongs to where that is another, which it refers to. */
export function openReferenced(project: Project, file: string): Project | undefined {
  const references = project.program.getResolvedProjectReferences() ?? [];
  if (references.length === 0 || project.configuration.fileNames.includes(file)) return undefined;
  const configuration = findReferenced(project.configuration, file);
  return configuration && projectOf(file, configuration);
}

/** The author's source at a path: what TypeScript compiles, unlike what packages bring compiled. */
export function sourceOf(project: Project, file: string): ts.SourceFile | undefined {
  const source = project.program.getSourceFile(file);
  if (source === undefined || source.isDeclarationFile || file.endsWith('.json')) {
    return undefined;
  }
  if (project.program.isSourceFileFromExternalLibrary(source) || isOwnSource(file)) {
    return undefined;
  }
  return source;
}

/** All of the author's sources that the library has. */
export function sourcesOf(project: Project): ts.SourceFile[] {
  return project.program
    .getSourceFiles()
    .filter((each) => sourceOf(project, each.fileName) !== undefined);
}

/** What `tsc` would compile a source's imports to. */
export function formatOf(project: Project, source: ts.SourceFile): ModuleFormat {
  return moduleFormatOf(source, project.configuration.options);
}

function projectOf(file: string, configuration: ts.ParsedCommandLine, reuse?: Reuse): Project {
  const options = optionsToCheck(configuration.options);
  const host: ts.CompilerHost & { useSourceOfProjectReferenceRedirect?: () => boolean } =
    ts.createCompilerHost(options);
  // Comments are a third of what TypeScript's own declarations take to parse.
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseForTypeErrors;
  reuse?.sources.serve(host);
  shareLibraries(host);
  host.hasInvalidatedResolutions = () => reuse?.isInPlace !== true;
  // What a project is said to be compiled to need not be there, and may be old.
  host.useSourceOfProjectReferenceRedirect = () => true;
  // Where TypeScript looks for a package's own sources depends on where their output would lie.
  const { outDir, rootDir } = configuration.options;
  const resolutions = resolveModules(
    host,
    {
      ...options,
      ...(outDir !== undefined && { outDir }),
      ...(rootDir !== undefined && { rootDir }),
    },
    reuse?.record,
  );
  const { previous } = reuse ?? {};
  const program = ts.createProgram({
    rootNames: [
      file,
      CONTRACT,
      storeTypesFor(file, options, host),
      ...configuration.fileNames.filter(isAmbient),
    ],
    options,
    host,
    ...(configuration.projectReferences !== undefined && {
      projectReferences: configuration.projectReferences,
    }),
    configFileParsingDiagnostics: configuration.errors,
    ...(previous !== undefined && { oldProgram: previous.program }),
  });
  const project = { file, program, resolutions, configuration };
  if (reuse === undefined) return project;
  const builder = ts.createSemanticDiagnosticsBuilderProgram(
    program,
    {},
    previous?.builder,
    configuration.errors,
  );
  return { ...project, builder };
}

function isAmbient(file: string): boolean {
  if (/\.d\.[cm]?ts$/.test(file)) return true;
  return /\.[cm]?tsx?$/.test(file) && AMBIENT.test(ts.sys.readFile(file) ?? '');
}

/** The types of `shredder:store`: those of the package that the file itself would import. */
function storeTypesFor(file: string, options: ts.CompilerOptions, host: ts.CompilerHost): string {
  const found = ts.resolveModuleName('shredder-functions/store', file, options, host);
  return (
    found.resolvedModule?.resolvedFileName ?? path.join(FUNCTIONS_PACKAGE, 'src', 'store.d.ts')
  );
}
