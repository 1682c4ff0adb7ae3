import path from 'node:path';
import { openProject, sourcesOf, type Project } from './project.ts';
import { ResolutionRecord } from './resolution.ts';
import { isLibrary } from './shared_libraries.ts';
import { SourceCache } from './source_cache.ts';
import ts from './typescript.cjs';

/** A library's project, opened again and again: what has not changed is neither parsed nor checked again. */
export class IncrementalProject {
  private readonly sources = new SourceCache();
  private record = new ResolutionRecord();
  private previous: Project | undefined;

  constructor(readonly file: string) {}

  /** @param isInPlace Whether no file has come, gone or moved since the last time. */
  open(isInPlace: boolean): Project {
    if (!isInPlace) this.record = new ResolutionRecord();
    const { sources, record, previous } = this;
    this.previous = openProject(this.file, { sources, record, previous, isInPlace });
    return this.previous;
  }
}

/** What a project consists of, besides what a bundle has of packages. */
export interface ProjectFiles {
  /** Those that there are, and those that it looked for. */
  files: string[];
  /** Where a file that comes may belong to it. */
  folders: string[];
}

/** What another program of the same file would be made from. */
export function filesOf(project: Project): ProjectFiles {
  const { file, program, resolutions, configuration } = project;
  const sources = program
    .getSourceFiles()
    .map(({ fileName }) => path.resolve(fileName))
    .filter((each) => !isLibrary(each));
  const folders = [
    ...sourcesOf(project).map(({ fileName }) => path.dirname(path.resolve(fileName))),
    ...Object.keys(configuration.wildcardDirectories ?? {}),
  ];
  return {
    files: [
      ...sources,
      ...resolutions.missing(),
      ...configurationsOf(project),
      ...packageFilesAbove(file),
    ],
    folders: [...new Set(folders)],
  };
}

/** The files of the project's configuration; where there is none, those that would be. */
function configurationsOf({ file, program, configuration }: Project): string[] {
  const own = configuration.options['configFilePath'] as string | undefined;
  const extended = (
    configuration.options['configFile'] as { extendedSourceFiles?: string[] } | undefined
  )?.extendedSourceFiles;
  const referenced = (program.getResolvedProjectReferences() ?? []).flatMap((each) =>
    each === undefined ? [] : [each.sourceFile.fileName],
  );
  const nearest = foldersAbove(file).map((folder) => path.join(folder, 'tsconfig.json'));
  const inUse = ts.findConfigFile(path.dirname(file), ts.sys.fileExists);
  // One that is nearer than the one in use would take its place.
  const until = inUse === undefined ? nearest.length : nearest.indexOf(path.resolve(inUse)) + 1;
  return [
    ...nearest.slice(0, until),
    ...(own === undefined ? [] : [own]),
    ...(extended ?? []),
    ...referenced,
  ];
}

/** What package managers write when they have installed something. */
const INSTALLED = ['.package-lock.json', '.modules.yaml', '.yarn-state.yml', '.yarn-integrity'];

function packageFilesAbove(file: string): string[] {
  return foldersAbove(file).flatMap((folder) => [
    path.join(folder, 'package.json'),
    ...INSTALLED.map((name) => path.join(folder, 'node_modules', name)),
  ]);
}

function foldersAbove(file: string): string[] {
  const folders: string[] = [];
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    folders.push(at);
    if (path.dirname(at) === at) return folders;
  }
}
