import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { listFiles } from '../build-scripts/system/files.ts';

const ROOT = path.resolve('build-scripts');

type Edges = ReadonlyMap<string, ReadonlySet<string>>;

/** The own modules that each module of build-scripts imports, as paths below it. */
async function imports(): Promise<Edges> {
  const edges = new Map<string, Set<string>>();
  for (const file of await listFiles(ROOT)) {
    if (!file.endsWith('.ts')) continue;
    const text = await readFile(path.join(ROOT, file), 'utf8');
    const named = text.matchAll(/(?:\bfrom |\bimport\(?\s*)'(\.\.?\/[^']+)'/g);
    const targets = [...named].map(([, name = '']) => path.join(path.dirname(file), name));
    edges.set(file, new Set(targets));
  }
  return edges;
}

/** The same between folders; a module beside the folders stands for itself. */
function betweenFolders(edges: Edges): Edges {
  const folderOf = (file: string): string => file.split('/')[0] ?? file;
  const folders = new Map<string, Set<string>>();
  for (const [file, targets] of edges) {
    const from = folderOf(file);
    const known = folders.get(from) ?? new Set();
    folders.set(from, known);
    for (const to of targets) if (folderOf(to) !== from) known.add(folderOf(to));
  }
  return folders;
}

/** A circle, from a node back to it; undefined where there is none. */
function findCircle(edges: Edges): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, way: readonly string[]): string[] | undefined => {
    const at = way.indexOf(node);
    if (at !== -1) return [...way.slice(at), node];
    if (done.has(node)) return undefined;
    for (const target of edges.get(node) ?? []) {
      const circle = visit(target, [...way, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const circle = visit(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

test('a circle is found, however long its way is', (t) => {
  const edges = (pairs: Record<string, string[]>): Edges =>
    new Map(Object.entries(pairs).map(([from, to]) => [from, new Set(to)]));
  t.is(findCircle(edges({ a: ['b', 'c'], b: ['c'], c: [] })), undefined);
  t.deepEqual(findCircle(edges({ a: ['b'], b: ['c'], c: ['b'] })), ['b', 'c', 'b']);
});

test('the modules of build-scripts import each other one way only', async (t) => {
  const modules = await imports();
  t.true(modules.get('main.ts')?.has('commands/build.ts'));
  t.true(modules.get('commands/demo.ts')?.has('functions/typecheck.ts'));
  t.is(findCircle(modules), undefined);
});

test('the folders of build-scripts import each other one way only', async (t) => {
  const folders = betweenFolders(await imports());
  t.true(folders.get('v8')?.has('system'));
  t.is(findCircle(folders), undefined);
});
