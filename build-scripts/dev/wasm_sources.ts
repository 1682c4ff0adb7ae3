// What a library in WebAssembly is compiled from, by what its sources name of each other: a compiler tells it of
// sources without errors alone.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from '../functions/typescript.cjs';

/** An `#include "file"` in C. Those in `<>` are of the system, and of shredder-functions. */
const INCLUDE = /^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm;

/** The file and all that it includes or imports by relative paths, whether they are there or not. */
export function sourcesOf(file: string): string[] {
  const namedIn = file.endsWith('.c') ? includedBy : file.endsWith('.ts') ? importedBy : undefined;
  const sources = new Set([file]);
  if (namedIn === undefined) return [...sources];
  // A set's iteration goes on to what is added meanwhile.
  for (const source of sources) {
    const text = readIfThere(source);
    if (text === undefined) continue;
    for (const named of namedIn(text)) {
      for (const each of named) sources.add(path.resolve(path.dirname(source), each));
    }
  }
  return [...sources];
}

/** Of each name, where it may lie. */
type Candidates = readonly string[];

function includedBy(text: string): Candidates[] {
  return [...text.matchAll(INCLUDE)].map(([, name]) => [name!]);
}

/** AssemblyScript has TypeScript's imports; a file without its ending, or the folder's `index`. */
function importedBy(text: string): Candidates[] {
  return ts
    .preProcessFile(text, true, false)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => /^\.\.?(?:\/|$)/.test(name))
    .map((name) => [`${name}.ts`, `${name}/index.ts`, name]);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
