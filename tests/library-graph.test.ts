// Graphs of the library against plain JavaScript: what random edges give, and searches among them.
import test from 'ava';
import fc from 'fast-check';
import 'shredder-functions/register';
import type { GraphName, Node } from 'shredder-functions/graph';
import { createStore } from 'shredder-functions/testing';
import { testSeed } from './support/seed.ts';

// Imported once `shredder:store` resolves.
const graph = await import('shredder-functions/graph');

const NODES = 14;

type Step =
  | { do: 'addEdge' | 'removeEdge' | 'link' | 'unlink'; from: number; to: number }
  | { do: 'addEdges'; from: number; to: number[] }
  | { do: 'removeNode'; from: number };

const node = fc.nat({ max: NODES - 1 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('addEdge', 'removeEdge', 'link', 'unlink'),
      from: node,
      to: node,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('addEdges' as const),
      from: node,
      to: fc.array(node, { maxLength: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('removeNode' as const), from: node }),
  },
);

/** A graph as a map of sets. */
class Model {
  readonly lists = new Map<Node, Set<Node>>();

  of(from: Node): Set<Node> {
    return this.lists.get(from) ?? new Set();
  }

  add(from: Node, to: Node): boolean {
    const list = this.of(from);
    const created = !list.has(to);
    this.lists.set(from, list.add(to));
    return created;
  }

  remove(from: Node, to: Node): boolean {
    const list = this.of(from);
    const there = list.delete(to);
    if (list.size === 0) this.lists.delete(from);
    return there;
  }

  removeNode(from: Node): boolean {
    const there = this.lists.has(from);
    for (const to of this.of(from)) if (to !== from) this.remove(to, from);
    this.lists.delete(from);
    return there;
  }

  /** Hops to all nodes that a node leads to. */
  hops(from: Node): Map<Node, number> {
    const hops = new Map([[from, 0]]);
    for (const [at, far] of hops) {
      for (const to of this.of(at)) if (!hops.has(to)) hops.set(to, far + 1);
    }
    return hops;
  }
}

/** One step on a graph and its model: what each gives. */
function run(name: GraphName, model: Model, each: Step, called: (n: number) => Node): unknown[] {
  const from = called(each.from);
  switch (each.do) {
    case 'addEdge':
      return [graph.addEdge(name, from, called(each.to)), model.add(from, called(each.to))];
    case 'removeEdge':
      return [graph.removeEdge(name, from, called(each.to)), model.remove(from, called(each.to))];
    case 'link': {
      const to = called(each.to);
      const there = model.add(from, to);
      return [graph.link(name, from, to), model.add(to, from) || there];
    }
    case 'unlink': {
      const to = called(each.to);
      const there = model.remove(from, to);
      return [graph.unlink(name, from, to), model.remove(to, from) || there];
    }
    case 'addEdges': {
      const to = each.to.map(called);
      return [
        graph.addEdges(name, from, to),
        to.map((other) => model.add(from, other)).filter(Boolean).length,
      ];
    }
    default:
      return [graph.removeNode(name, from), model.removeNode(from)];
  }
}

const inOrder = (nodes: Iterable<Node>): string => [...nodes].map(String).sort().join();

/** What is not as the model has it. */
function differences(name: GraphName, model: Model, called: (n: number) => Node): string[] {
  const wrong: string[] = [];
  const expect = (what: string, got: unknown, expected: unknown): void => {
    if (got !== expected) wrong.push(`${what}: ${String(got)}, not ${String(expected)}`);
  };
  if (name !== null) {
    expect('size', graph.size(name), model.lists.size);
    expect('scan', inOrder(graph.scan(name).nodes), inOrder(model.lists.keys()));
  }
  for (let a = 0; a < NODES; a++) {
    const from = called(a);
    const hops = model.hops(from);
    expect(`of ${from}`, inOrder(graph.neighbours(name, from)), inOrder(model.of(from)));
    expect(`degree of ${from}`, graph.degree(name, from), model.of(from).size);
    const reached = graph.reach(name, from).nodes;
    expect(`hops from ${from}`, reached.length, hops.size - 1);
    for (const [to, far] of reached) expect(`hops from ${from} to ${to}`, far, hops.get(to));
    for (let b = 0; b < NODES; b++) {
      const to = called(b);
      expect(`edge ${from} ${to}`, graph.hasEdge(name, from, to), model.of(from).has(to));
      const path = graph.shortestPath(name, from, to);
      expect(`path ${from} ${to}`, path?.length, hops.has(to) ? hops.get(to)! + 1 : undefined);
      const steps = path?.slice(1).every((next, i) => model.of(path[i]!).has(next)) ?? true;
      expect(`steps ${from} ${to}`, steps, true);
      const common = [...model.of(from)].filter((each) => model.of(to).has(each));
      const found = graph.commonNeighbours(name, from, to);
      expect(`common ${from} ${to}`, inOrder(found), inOrder(common));
    }
  }
  return wrong;
}

for (const [what, name, called] of [
  ['of integers', 'g', (n: number): Node => n * 330_000_000],
  ['of texts', 'g', (n: number): Node => `n|${n}`],
  ["of the store's own keys", null, (n: number): Node => n],
] as const) {
  test.serial(
    `random edges ${what} and searches among them are those of plain JavaScript`,
    async (t) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          const store = createStore();
          const model = new Model();
          const wrong = await store.call(() => {
            const found: string[] = [];
            for (const each of steps) {
              const [got, expected] = run(name, model, each, called);
              if (got !== expected) found.push(`${JSON.stringify(each)}: ${String(got)}`);
            }
            return [...found, ...differences(name, model, called)];
          });
          t.deepEqual(wrong, []);
          await store.call(() => {
            if (name !== null) graph.drop(name);
            else for (const from of model.lists.keys()) graph.removeNode(null, from);
          });
          t.deepEqual(store.keys(), []);
        }),
        { seed: testSeed(), numRuns: 60 },
      );
    },
  );
}

test.serial('paths of an undirected graph are as short from both ends as from one', async (t) => {
  const edges = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 40 })), { maxLength: 70 });
  await fc.assert(
    fc.asyncProperty(edges, async (pairs) => {
      const wrong = await createStore().call(() => {
        for (const [a, b] of pairs) graph.link('g', a, b);
        const found: string[] = [];
        for (let from = 0; from < 10; from++) {
          for (let to = 0; to <= 40; to++) {
            const one = graph.shortestPath('g', from, to);
            const both = graph.shortestPath('g', from, to, { undirected: true });
            const steps = both?.slice(1).every((next, i) => graph.hasEdge('g', both[i]!, next));
            const ends = both === undefined || (both[0] === from && both.at(-1) === to);
            if (one?.length !== both?.length || steps === false || !ends) {
              found.push(`${from} ${to}: ${one?.join()} and ${both?.join()}`);
            }
          }
        }
        return found;
      });
      t.deepEqual(wrong, []);
    }),
    { seed: testSeed(), numRuns: 60 },
  );
});
