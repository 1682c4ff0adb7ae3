// Debian's packages as a graph, from apt's own lists.
import { capture } from '../system/command.ts';
import { UserError } from '../errors.ts';
import { GraphBuilder, type Graph } from './graph.ts';

/** What one package needs or wants of others. */
const RELATIONS = ['Pre-Depends', 'Depends', 'Recommends'];

/**
 * Reads the packages that apt knows of; they are numbered in the order of their names.
 *
 * @throws UserError where there is no apt, or it has no lists.
 */
export async function readDebianPackages(): Promise<Graph> {
  let text: string;
  try {
    text = await capture('apt-cache', ['dumpavail']);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError("apt-cache does not say what Debian's packages are");
  }
  return packageGraph(text);
}

/** The graph of the stanzas that `apt-cache dumpavail` prints; of a package that has several, of the first. */
export function packageGraph(text: string): Graph {
  const packages = new Map<string, string[]>();
  for (const stanza of text.split('\n\n')) {
    const name = /^Package: (\S+)$/m.exec(stanza)?.[1];
    if (name !== undefined && !packages.has(name)) packages.set(name, relatedOf(stanza));
  }
  const ids = new Map([...packages.keys()].sort().map((name, id) => [name, id]));
  const builder = new GraphBuilder();
  for (const [name, id] of ids) {
    builder.addNode(id);
    for (const related of packages.get(name) ?? []) {
      const to = ids.get(related);
      // A virtual package, or one of another architecture, is none of the lists.
      if (to !== undefined) builder.addEdge(id, to);
    }
  }
  if (builder.edges === 0) {
    throw new UserError("apt has no lists of Debian's packages", 'Fetch them: apt-get update');
  }
  return builder.build(
    "Debian's packages, from apt's lists: an edge leads to what a package depends on or recommends",
    new Map([...ids].map(([name, id]) => [id, name])),
  );
}

/** The names in the relations of a stanza, alternatives included, without versions and architectures. */
function relatedOf(stanza: string): string[] {
  return RELATIONS.flatMap((relation) => {
    const list = new RegExp(`^${relation}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    return [...list.matchAll(/(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)/g)].map(([, name]) => name ?? '');
  });
}
