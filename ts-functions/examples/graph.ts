// A graph in the store: the value of node `a` is the list of its neighbours, each a little-endian
// uint32. A node without a value has none.
import { HTGet, HTLength } from 'shredder:store';
import { integerAt } from 'shredder-functions/arguments';

const MAX_NODE = 2 ** 32 - 1;
const MAX_DEPTH = 16;

/** A neighbour list to read into for each level of a traversal, so that none is made on the way. */
const lists = Array.from({ length: MAX_DEPTH + 1 }, () => new Uint32Array(64));

/** `FCALL_RO friends 1 node`: the ids of the node's neighbours. */
export function friends(keys: string[]): number[] {
  const length = readNeighbours(nodeOf(keys), 0);
  return Array.from(lists[0]!.subarray(0, length));
}
friends.flags = ['no-writes'];
friends.description = 'The neighbours of a node: keys = [node]';

/**
 * `FCALL_RO countFriends 1 node depth`: how many friends there are within `depth` hops, counted
 * once for each path: count(k, 1) = len(k); count(k, d) = len(k) + the sum of count(f, d - 1) over
 * the friends f of k.
 */
export function countFriends(keys: string[], args: string[]): number {
  return count(nodeOf(keys), integerAt(args, 0, 'depth', 1, MAX_DEPTH));
}
countFriends.flags = ['no-writes'];
countFriends.description = 'Friends within depth hops, by path: keys = [node], args = [depth]';

function nodeOf(keys: readonly string[]): number {
  return integerAt(keys, 0, 'node', 0, MAX_NODE);
}

function count(node: number, depth: number): number {
  if (depth === 1) return neighbourCount(HTLength(node));
  const length = readNeighbours(node, depth);
  const list = lists[depth]!;
  let total = length;
  for (let i = 0; i < length; i++) total += count(list[i]!, depth - 1);
  return total;
}

/** Reads a node's neighbours into the level's list, which grows as needed; returns how many. */
function readNeighbours(node: number, level: number): number {
  const bytes = HTGet(node, lists[level]!);
  if (bytes > lists[level]!.byteLength) {
    lists[level] = new Uint32Array(2 ** Math.ceil(Math.log2(bytes / 4)));
    return neighbourCount(HTGet(node, lists[level]!));
  }
  return neighbourCount(bytes);
}

/** How many ids a value of this length holds; -1 is an absent key's. */
function neighbourCount(bytes: number): number {
  return bytes < 0 ? 0 : bytes >>> 2;
}
