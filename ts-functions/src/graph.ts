// Graphs: edges from one node to another, without weights, and searches along them.
//
// A node's neighbours are one value, packed (graph_list.ts), so that a search reads them where they lie.
// Nodes are integers or texts (graph_nodes.ts). A named graph has a tree of the nodes that have neighbours.
//
// With null for a name, the graph is the store's own: a node is an integer key, and its value the list. Any
// client writes such values, searches are fastest over them, and a tenant has one such graph.
import { HTDelete, HTHas, HTView, type StoreView } from 'shredder:store';
import { checkInteger, checkLimit } from './checks.ts';
import {
  countOf,
  has,
  idAt,
  includes,
  insert,
  insertAll,
  lengthOf,
  remove,
  shared,
} from './graph_list.ts';
import {
  nodesLike,
  nodesOf,
  UNKNOWN,
  type GraphName,
  type Node,
  type Nodes,
} from './graph_nodes.ts';
import { Search, wayBetween, wayBothWays } from './graph_search.ts';

export type { GraphName, Node } from './graph_nodes.ts';

/** The kind of node that this one is of. */
export type NodeLike<N extends Node> = N extends string ? string : number;

/** How far a search goes. */
export interface ReachOptions {
  /** Hops at most: an integer from 0 on, or Infinity, which it is where it is absent. */
  maxHops?: number | undefined;
  /** Nodes that are visited at most, the first one included: 1 to 1,000,000. Absent: 10,000. */
  maxNodes?: number | undefined;
}

/** What a search came to. */
export interface Reach<N extends Node> {
  /** Nodes and how many hops away they are, the nearest first, without the one it began at. */
  readonly nodes: readonly (readonly [node: N, hops: number])[];
  /** Whether these are all within `maxHops`: false where `maxNodes` ended the search. */
  readonly complete: boolean;
}

/** How a path is searched. */
export interface PathOptions {
  /** Nodes that are visited at most: 1 to 1,000,000. Absent: 100,000. */
  maxNodes?: number | undefined;
  /** Every edge goes both ways, as `link` makes them: searched from both ends, which visits far fewer nodes. */
  undirected?: boolean | undefined;
}

/** One step through a graph. */
export interface NodesStep {
  /** Integers in order, texts in the order in which they came. */
  readonly nodes: Node[];
  /** What the next step begins after; undefined after the last. */
  readonly cursor: number | undefined;
}

const MAX_VISITED = 1_000_000;
const MAX_STEP = 10_000;

/**
 * Makes an edge. O(degree), a copy of the list; O(log degree) where `to` is above all other neighbours.
 *
 * @param name null for the graph of the store's own integer keys, here and everywhere but in size, scan
 *     and drop.
 * @param from, to Integers from 0 to 4,294,967,295, or texts of at most 512 characters: all nodes of a
 *     graph are of one kind. A node may be its own neighbour.
 * @returns whether the edge is new.
 * @throws TypeError or RangeError for other nodes, and for more than 16,777,216 neighbours; what HTSet
 *     throws for quota and flags.
 */
export function addEdge<N extends Node>(name: GraphName, from: N, to: N): boolean {
  const nodes = nodesLike(name, from);
  const [known, target] = [nodes.find(from), nodes.find(to)];
  if (known !== UNKNOWN && target !== UNKNOWN && has(nodes.key(known), target)) return false;
  const id = nodes.hold(from);
  const key = nodes.key(id);
  if (nodes.tree !== undefined && !HTHas(key)) nodes.tree.insert(id, '');
  return insert(key, nodes.hold(to));
}

/**
 * Makes edges from one node to many. O(degree + their number, sorted): the way to load a graph.
 *
 * Of a graph without a name, it puts a list that a client wrote in order first, also with no `to` at all.
 *
 * @returns how many are new.
 * @throws as addEdge.
 */
export function addEdges<N extends Node>(name: GraphName, from: N, to: readonly N[]): number {
  const nodes = nodesLike(name, from);
  if (to.length === 0 && (name !== null || !HTHas(nodes.key(nodes.find(from))))) return 0;
  const id = nodes.hold(from);
  const held = Uint32Array.from(to, (node) => nodes.hold(node));
  const key = nodes.key(id);
  if (nodes.tree !== undefined && !HTHas(key)) nodes.tree.insert(id, '');
  const added = insertAll(key, held);
  if (typeof from === 'string') {
    // Each new edge holds both ends once; `from` was held once, and each `to` once whether new or not.
    for (let i = 1; i < added.length; i++) nodes.hold(from);
    if (added.length === 0) nodes.letGo(id);
    letGoSurplus(nodes, held, added);
  }
  return added.length;
}

/** Makes edges both ways, of an undirected graph. As addEdge. @returns whether one of them is new. */
export function link<N extends Node>(name: GraphName, a: N, b: N): boolean {
  const there = addEdge(name, a, b);
  return addEdge(name, b, a) || there;
}

/** Takes an edge out. O(degree). @returns whether it was there. */
export function removeEdge<N extends Node>(name: GraphName, from: N, to: N): boolean {
  const nodes = nodesLike(name, from);
  const [id, target] = [nodes.find(from), nodes.find(to)];
  return id !== UNKNOWN && target !== UNKNOWN && cut(nodes, id, target);
}

/** Takes the edges between two nodes out, both ways. O(degree). @returns whether one was there. */
export function unlink<N extends Node>(name: GraphName, a: N, b: N): boolean {
  const there = removeEdge(name, a, b);
  return removeEdge(name, b, a) || there;
}

/**
 * Takes out all edges from a node, and those back to it from its neighbours: in an undirected graph, all
 * that it has. Edges to it from nodes that are not its neighbours stay. O(the degrees of its neighbours).
 *
 * @returns whether it had neighbours.
 */
export function removeNode(name: GraphName, node: Node): boolean {
  const nodes = nodesLike(name, node);
  const id = nodes.find(node);
  const list = id === UNKNOWN ? undefined : HTView(nodes.key(id));
  if (list === undefined) return false;
  for (let i = 0; i < countOf(list); i++) {
    const other = idAt(list, i);
    if (other !== id) cut(nodes, other, id);
  }
  forget(nodes, id);
  return true;
}

/** Whether there is an edge. O(log degree). */
export function hasEdge<N extends Node>(name: GraphName, from: N, to: N): boolean {
  const nodes = nodesLike(name, from);
  const [id, target] = [nodes.find(from), nodes.find(to)];
  const list = id === UNKNOWN || target === UNKNOWN ? undefined : HTView(nodes.key(id));
  return list !== undefined && includes(list, target);
}

/** How many neighbours a node has: ends of edges from it. O(1). */
export function degree(name: GraphName, node: Node): number {
  const nodes = nodesLike(name, node);
  const id = nodes.find(node);
  return id === UNKNOWN ? 0 : lengthOf(nodes.key(id));
}

/** A node's neighbours, copied: integers ascending, texts in the order in which they came. O(degree). */
export function neighbours<N extends Node>(name: GraphName, node: N): NodeLike<N>[] {
  const nodes = nodesLike(name, node);
  const id = nodes.find(node);
  const list = id === UNKNOWN ? undefined : HTView(nodes.key(id));
  const found: Node[] = [];
  if (list !== undefined) {
    for (let i = 0; i < countOf(list); i++) found.push(nodes.named(idAt(list, i)));
  }
  return found as NodeLike<N>[];
}

/**
 * A node's neighbours where they lie: uint32 each, little-endian. Of integers alone. O(1).
 *
 *     const list = view('follows', 7);
 *     for (let at = 0; list !== undefined && at + 4 <= list.byteLength; at += 4) {
 *       visit(list.getUint32(at, true));
 *     }
 *
 * @returns undefined where it has none.
 */
export function view(name: GraphName, node: number): StoreView | undefined {
  if (typeof node !== 'number') throw new TypeError('a list of texts has no view: use neighbours');
  const nodes = nodesLike(name, node);
  return HTView(nodes.key(nodes.find(node)));
}

/**
 * The neighbours that two nodes have in common, in the order of neighbours. O(both degrees), and
 * O(shorter * log longer) where one is much longer.
 *
 * @param limit At most so many. Absent: all.
 */
export function commonNeighbours<N extends Node>(
  name: GraphName,
  a: N,
  b: N,
  limit = Infinity,
): NodeLike<N>[] {
  checkLimit(limit, 'limit');
  const nodes = nodesLike(name, a);
  const ids = [nodes.find(a), nodes.find(b)];
  const [first, second] = ids.map((id) => (id === UNKNOWN ? undefined : HTView(nodes.key(id))));
  if (first === undefined || second === undefined) return [];
  return shared(first, second, limit).map((id) => nodes.named(id)) as NodeLike<N>[];
}

/**
 * Searches breadth-first: the nodes within some hops, the nearest first. O(edges of all that it visits).
 *
 *     const { nodes, complete } = reach('follows', 7, { maxHops: 2, maxNodes: 1_000 });
 *
 * @throws RangeError or TypeError for options out of their range.
 */
export function reach<N extends Node>(
  name: GraphName,
  from: N,
  options: ReachOptions = {},
): Reach<NodeLike<N>> {
  const maxHops = checkLimit(options.maxHops ?? Infinity, 'maxHops');
  const maxNodes = checkInteger(options.maxNodes ?? 10_000, 'maxNodes', 1, MAX_VISITED);
  const nodes = nodesLike(name, from);
  const start = nodes.find(from);
  if (start === UNKNOWN) return { nodes: [], complete: true };
  const search = new Search(nodes, start);
  const { visited } = search;
  const found: [Node, number][] = [];
  let complete = true;
  for (let hops = 1; complete && hops <= maxHops && search.frontier > 0; hops++) {
    const before = visited.size;
    complete = search.hop(maxNodes, () => false) === 'hop';
    for (let i = before; i < visited.size; i++) found.push([nodes.named(visited.id(i)), hops]);
  }
  return { nodes: found as [NodeLike<N>, number][], complete };
}

/**
 * A path of the fewest hops, both ends included; undefined where there is none. O(edges of all that it
 * visits).
 *
 * @throws RangeError where it has visited `maxNodes` without an answer, and for options out of their range.
 */
export function shortestPath<N extends Node>(
  name: GraphName,
  from: N,
  to: N,
  options: PathOptions = {},
): NodeLike<N>[] | undefined {
  const maxNodes = checkInteger(options.maxNodes ?? 100_000, 'maxNodes', 1, MAX_VISITED);
  const nodes = nodesLike(name, from);
  const [start, target] = [nodes.find(from), nodes.find(to)];
  if (from === to) return [from as NodeLike<N>];
  if (start === UNKNOWN || target === UNKNOWN) return undefined;
  const way = (options.undirected ? wayBothWays : wayBetween)(nodes, start, target, maxNodes);
  if (way === 'full') {
    throw new RangeError(
      `no path among the first ${maxNodes} nodes: raise maxNodes to look further`,
    );
  }
  return way?.map((id) => nodes.named(id)) as NodeLike<N>[] | undefined;
}

/** How many nodes have neighbours. O(1). */
export function size(name: string): number {
  return nodesOf(name).tree.size;
}

/**
 * One step through the nodes that have neighbours. O(log n + count).
 *
 * A scan may go on in a later call: a node that has neighbours all the time is found once, and none is
 * found twice.
 *
 * @param count At most so many: 1 to 10,000.
 * @param after What the step before said; undefined to begin.
 */
export function scan(name: string, count = 100, after?: number): NodesStep {
  checkInteger(count, 'count', 1, MAX_STEP);
  const nodes = nodesOf(name);
  const from = after === undefined ? 0 : nodes.tree.rankAfter(after);
  const found = nodes.tree.slice(from, from + count);
  const last = from + found.length < nodes.tree.size ? found[found.length - 1]?.order : undefined;
  return { nodes: found.map(({ order }) => nodes.named(order)), cursor: last };
}

/**
 * Removes a graph. O(n) of its nodes, and O(edges) where they are texts.
 *
 * @param max At most so many nodes with neighbours, for a graph that a single call has no time for.
 * @returns whether nothing is left of it.
 */
export function drop(name: string, max = Infinity): boolean {
  checkLimit(max, 'max');
  const nodes = nodesOf(name);
  const whole = max >= nodes.tree.size;
  for (const { order } of nodes.tree.slice(0, max)) forget(nodes, order);
  return whole;
}

function cut(nodes: Nodes, id: number, target: number): boolean {
  const key = nodes.key(id);
  if (!remove(key, target)) return false;
  if (nodes.tree !== undefined && !HTHas(key)) nodes.tree.remove(id, '');
  nodes.letGo(target);
  nodes.letGo(id);
  return true;
}

/** Takes out all edges from a node. */
function forget(nodes: Nodes, id: number): void {
  const key = nodes.key(id);
  const list = HTView(key);
  HTDelete(key);
  nodes.tree?.remove(id, '');
  if (list === undefined) return;
  for (let i = 0; i < countOf(list); i++) {
    nodes.letGo(idAt(list, i));
    nodes.letGo(id);
  }
}

/** Lets go of what was held for edges that were there before, or were named twice. */
function letGoSurplus(nodes: Nodes, held: Uint32Array, added: Uint32Array): void {
  const news = new Set(added);
  for (const id of held) if (!news.delete(id)) nodes.letGo(id);
}
