import path from 'node:path';
import { formatNinja, parseNinja, type BuildEdge, type NinjaStatement } from './ninja_file.ts';

export interface UnityOptions {
  /** The target that the ninja file builds; names its chunks. */
  target: string;
  /** Files of one directory that are compiled together, at most. */
  chunkFiles: number;
  /** Directories with fewer files are compiled together with others of their kind. */
  smallDirectory: number;
  /** Whether a source must be compiled alone. */
  isAlone: (source: string) => boolean;
  /** Whether a source is the project's own: compiled alone, with its warnings shown. */
  isOwn: (source: string) => boolean;
  /** Replaces the optimisation level, as `-O0`. */
  optimisation?: string | undefined;
}

export interface UnityResult {
  ninja: string;
  /** Chunk sources by their path, relative to the build folder like all paths in the file. */
  chunks: Map<string, string>;
}

/**
 * Rewrites one target's ninja file so that C++ files of one directory are compiled as one, which
 * parses the headers that they share once; small directories are put together. Archives and links
 * get the chunks' objects instead.
 */
export function rewriteAsUnity(text: string, options: UnityOptions): UnityResult {
  const statements = parseNinja(text);
  const groups = new Map<string, BuildEdge[]>();
  for (const statement of statements) {
    const edge = 'edge' in statement ? statement.edge : undefined;
    const source = edge?.inputs[0];
    if (edge === undefined || source === undefined || !isPlainCompile(edge)) continue;
    if (options.isOwn(source) || options.isAlone(source)) continue;
    const directory = path.posix.dirname(source);
    const group = groups.get(directory);
    if (group === undefined) groups.set(directory, [edge]);
    else group.push(edge);
  }

  const chunks = new Map<string, string>();
  const replacements = new Map<BuildEdge, BuildEdge | undefined>();
  const objects = new Map<string, string>();
  for (const [directory, edges] of mergeSmall(groups, options.smallDirectory)) {
    for (const [index, members] of divide(edges, options.chunkFiles).entries()) {
      const first = members[0];
      if (first === undefined || members.length === 1) continue;
      const name = `unity/${options.target}/${slug(directory)}-${index + 1}`;
      const object = `obj/${name}.o`;
      chunks.set(`${name}.cc`, chunkSource(members.map((edge) => edge.inputs[0] ?? '')));
      for (const edge of members) {
        replacements.set(edge, undefined);
        objects.set(edge.outputs[0] ?? '', object);
      }
      replacements.set(first, {
        ...first,
        outputs: [object],
        inputs: [`${name}.cc`],
        // Upstream's own warnings are not ours to read.
        bindings: ['  cflags = $cflags -w'],
      });
    }
  }

  const rewritten = statements.flatMap((statement): NinjaStatement[] => {
    if ('line' in statement) return [{ line: rewriteLine(statement.line, options) }];
    const { edge } = statement;
    if (replacements.has(edge)) {
      const replacement = replacements.get(edge);
      return replacement === undefined ? [] : [{ edge: replacement }];
    }
    const source = edge.inputs[0] ?? '';
    if (isPlainCompile(edge) && !options.isOwn(source)) {
      return [{ edge: { ...edge, bindings: ['  cflags = $cflags -w'] } }];
    }
    const inputs = [...new Set(edge.inputs.map((input) => objects.get(input) ?? input))];
    return [{ edge: { ...edge, inputs } }];
  });
  return { ninja: formatNinja(rewritten), chunks };
}

/** Puts the files of small directories into one group. */
function mergeSmall<T>(groups: ReadonlyMap<string, T[]>, smallDirectory: number): Map<string, T[]> {
  const merged = new Map<string, T[]>();
  const small: T[] = [];
  for (const [directory, items] of groups) {
    if (items.length < smallDirectory) small.push(...items);
    else merged.set(directory, items);
  }
  if (small.length > 0) merged.set('small-directories', small);
  return merged;
}

/** A compilation of one C++ file with the target's own flags. */
function isPlainCompile(edge: BuildEdge): boolean {
  return (
    edge.rule === 'cxx' &&
    edge.inputs.length === 1 &&
    edge.outputs.length === 1 &&
    edge.bindings.length === 0
  );
}

/** Divides into the fewest parts of at most `size`, as even as can be. */
function divide<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  const parts: T[][] = [];
  for (let part = 0; part < count; part++) {
    const from = Math.floor((part * items.length) / count);
    const to = Math.floor(((part + 1) * items.length) / count);
    parts.push(items.slice(from, to));
  }
  return parts;
}

/** Chunks lie two folders below the build folder, which sources' paths are relative to. */
function chunkSource(sources: readonly string[]): string {
  return sources.map((source) => `#include "../../${source}"\n`).join('');
}

function slug(directory: string): string {
  return directory
    .replace(/^(\.\.\/)+/, '')
    .replace(/^deps\/v8\//, '')
    .replaceAll(/[^A-Za-z0-9]+/g, '-');
}

function rewriteLine(line: string, options: UnityOptions): string {
  if (line.startsWith('cflags = ') && options.optimisation !== undefined) {
    return line.replaceAll(/(?<=\s)-O\w(?=\s|$)/g, options.optimisation);
  }
  if (line.startsWith('ldflags = ')) return `${line} -fuse-ld=lld`;
  return line;
}
