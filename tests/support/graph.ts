// Small graphs, and files of their edges.
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { GraphBuilder, type Graph } from '../../build-scripts/graph/graph.ts';
import { temporaryFolder } from './folder.ts';

export function graphOf(...edges: readonly (readonly [from: number, to: number])[]): Graph {
  const builder = new GraphBuilder();
  for (const [from, to] of edges) builder.addEdge(from, to);
  return builder.build('a small graph');
}

export const CYCLE_WITH_TAIL = graphOf([1, 2], [1, 3], [2, 3], [3, 1], [3, 4]);

/** 300 edges from 20 nodes to 40, as an edge list. */
export const SAMPLE_EDGES = Array.from({ length: 300 }, (_, i) => `${i % 20} ${(i * 7) % 40}`).join(
  '\n',
);

/** A file of an edge list that goes with the test. */
export async function edgeList(t: ExecutionContext, text: string): Promise<string> {
  return path.join(await temporaryFolder(t, { 'edges.txt': text }), 'edges.txt');
}
