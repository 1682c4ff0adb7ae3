// How a graph's nodes are kept: what a node is called outside, the number that stands for it in lists, and
// the key that its own list is at.
//
// A graph of integers has them as they are. One of texts numbers them as they come, and keeps two keys for
// each that has an edge: text to number, with how many ends of edges are at it, and number to text.
import {
  HTDelete,
  HTGetString,
  HTGetUint32,
  HTHas,
  HTSet,
  HTViewMany,
  type Key,
  type StoreView,
} from 'shredder:store';
import { checkInteger, checkText } from './checks.ts';
import { keyPrefix } from './collection.ts';
import { OrderedTree } from './tree.ts';
import { MAX_TEXT_LENGTH } from './tree_page.ts';

/** An integer from 0 to 4,294,967,295, or a text of at most 512 characters: all of a graph are of one kind. */
export type Node = number | string;

/** A graph's name; null for the graph whose nodes are the store's own integer keys. */
export type GraphName = string | null;

export const MAX_NODE = 2 ** 32 - 1;
/** What find returns for a text that no edge has. */
export const UNKNOWN = -1;

/** The nodes of a graph, which lists have as numbers: ids. */
export interface Nodes {
  /** In order of ids, the nodes that have a list; undefined where nobody keeps them. */
  readonly tree: OrderedTree | undefined;
  /** Where a node's list is. */
  key(id: number): Key;
  /** The lists of several nodes. */
  lists(ids: Uint32Array): (StoreView | undefined)[];
  /** A node's id; UNKNOWN where it has none. Throws TypeError or RangeError for what is no node. */
  find(node: Node): number;
  /** The node of an id. */
  named(id: number): Node;
  /** Counts one more end of an edge at a node, which so gets an id. */
  hold(node: Node): number;
  /** Counts one less; the last gives the id up. */
  letGo(id: number): void;
}

/** The nodes of a graph that are of this node's kind. */
export function nodesLike(name: GraphName, node: Node): Nodes {
  if (name === null) return PLAIN;
  return typeof node === 'string' ? new TextNodes(name) : new IntegerNodes(name);
}

/** All nodes of a named graph. */
export function nodesOf(name: string): IntegerNodes | TextNodes {
  return HTHas(counterKey(name)) ? new TextNodes(name) : new IntegerNodes(name);
}

const checkNode = (node: Node): number => checkInteger(node as number, 'a node', 0, MAX_NODE);

const counterKey = (name: string): string => keyPrefix(name, 'gc');
const treeOf = (name: string): OrderedTree => new OrderedTree(keyPrefix(name, 'gp'));

function keysOf(prefix: string, ids: Uint32Array): string[] {
  const keys: string[] = [];
  for (let i = 0; i < ids.length; i++) keys.push(prefix + ids[i]!);
  return keys;
}

/** Nodes that are the store's own integer keys. */
const PLAIN: Nodes = {
  tree: undefined,
  key: (id) => id,
  lists: (ids) => HTViewMany(ids),
  find: checkNode,
  named: (id) => id,
  hold: checkNode,
  letGo() {},
};

class IntegerNodes implements Nodes {
  private readonly prefix: string;
  readonly tree: OrderedTree;

  constructor(private readonly name: string) {
    this.prefix = keyPrefix(name, 'gn');
    this.tree = treeOf(name);
  }

  key(id: number): string {
    return this.prefix + id;
  }

  lists(ids: Uint32Array): (StoreView | undefined)[] {
    return HTViewMany(keysOf(this.prefix, ids));
  }

  find(node: Node): number {
    return checkNode(node);
  }

  named(id: number): number {
    return id;
  }

  hold(node: Node): number {
    if (HTHas(counterKey(this.name))) throw mixed(this.name, 'texts', 'integers');
    return checkNode(node);
  }

  letGo(): void {}
}

const counter = new Uint32Array(2);
const entry = new Uint32Array(2);

class TextNodes implements Nodes {
  private readonly prefix: string;
  readonly tree: OrderedTree;

  constructor(private readonly name: string) {
    this.prefix = keyPrefix(name, 'gt');
    this.tree = treeOf(name);
  }

  key(id: number): string {
    return this.prefix + id;
  }

  lists(ids: Uint32Array): (StoreView | undefined)[] {
    return HTViewMany(keysOf(this.prefix, ids));
  }

  find(node: Node): number {
    return HTGetUint32(this.entryKey(node), 0) ?? UNKNOWN;
  }

  named(id: number): string {
    const text = HTGetString(this.textKey(id));
    if (text === undefined) throw this.damaged(this.textKey(id));
    return text;
  }

  hold(node: Node): number {
    const key = this.entryKey(node);
    const known = HTGetUint32(key, 0);
    const id = known ?? this.newId();
    if (known === undefined) HTSet(this.textKey(id), node as string);
    this.write(key, id, (HTGetUint32(key, 1) ?? 0) + 1);
    return id;
  }

  letGo(id: number): void {
    const key = this.entryKey(this.named(id));
    const ends = HTGetUint32(key, 1);
    if (ends === undefined || ends === 0) throw this.damaged(key);
    if (ends > 1) {
      this.write(key, id, ends - 1);
      return;
    }
    HTDelete(key);
    HTDelete(this.textKey(id));
    const left = (HTGetUint32(counterKey(this.name), 1) ?? 1) - 1;
    if (left > 0) this.count(HTGetUint32(counterKey(this.name), 0) ?? 0, left);
    else HTDelete(counterKey(this.name));
  }

  private entryKey(node: Node): string {
    return keyPrefix(this.name, 'gi') + checkText(node as string, 'a node', MAX_TEXT_LENGTH);
  }

  private textKey(id: number): string {
    return keyPrefix(this.name, 'gs') + id;
  }

  private newId(): number {
    const key = counterKey(this.name);
    const id = HTGetUint32(key, 0);
    if (id === undefined && this.tree.size > 0) throw mixed(this.name, 'integers', 'texts');
    if (id === MAX_NODE) {
      throw new RangeError(`graph "${this.name}" has numbered all nodes that it can: drop it`);
    }
    this.count((id ?? 0) + 1, (HTGetUint32(key, 1) ?? 0) + 1);
    return id ?? 0;
  }

  /** Writes the next id, and how many nodes have one. */
  private count(next: number, nodes: number): void {
    counter[0] = next;
    counter[1] = nodes;
    HTSet(counterKey(this.name), counter);
  }

  private write(key: string, id: number, ends: number): void {
    entry[0] = id;
    entry[1] = ends;
    HTSet(key, entry);
  }

  private damaged(key: string): RangeError {
    return new RangeError(
      `"${key}" is missing from a graph, or not as it wrote it: write a collection's keys by its module only`,
    );
  }
}

function mixed(name: string, has: string, given: string): TypeError {
  return new TypeError(
    `graph "${name}" has ${has} as nodes, and no ${given}: nodes of one graph are of one kind`,
  );
}
