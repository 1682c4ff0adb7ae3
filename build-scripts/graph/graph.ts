/** A directed graph by neighbour lists; a node is an unsigned 32-bit integer. */
export interface Graph {
  /** What it is, in a line or two. */
  title: string;
  /** Each node that has neighbours, and their list, in which a neighbour may occur repeatedly. */
  neighbours: ReadonlyMap<number, Uint32Array>;
  /** Nodes with or without neighbours. */
  nodeCount: number;
  edgeCount: number;
  /** A node's name, where it has one. */
  labels: ReadonlyMap<number, string>;
}

export const MAX_NODE = 2 ** 32 - 1;

/** Collects edges into a Graph. */
export class GraphBuilder {
  private readonly lists = new Map<number, number[]>();
  private readonly nodes = new Set<number>();
  private edgeCount = 0;

  get edges(): number {
    return this.edgeCount;
  }

  addNode(node: number): void {
    this.nodes.add(node);
  }

  addEdge(from: number, to: number): void {
    this.addNode(from);
    this.addNode(to);
    this.edgeCount++;
    const list = this.lists.get(from);
    if (list === undefined) this.lists.set(from, [to]);
    else list.push(to);
  }

  build(title: string, labels: ReadonlyMap<number, string> = new Map()): Graph {
    const neighbours = new Map<number, Uint32Array>();
    for (const [node, list] of this.lists) neighbours.set(node, Uint32Array.from(list));
    return {
      title,
      neighbours,
      nodeCount: this.nodes.size,
      edgeCount: this.edgeCount,
      labels,
    };
  }
}

/** The nodes with the longest lists, longest first; of equals, the smaller number. */
export function bestConnected(graph: Graph, count: number): number[] {
  return [...graph.neighbours]
    .sort(([a, listA], [b, listB]) => listB.length - listA.length || a - b)
    .slice(0, count)
    .map(([node]) => node);
}
