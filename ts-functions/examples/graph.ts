// A graph in the store: the value of node `a` is the list of its neighbours, each a little-endian
// uint32, read where it lies. A node without a value has none.
import { HTLength, HTView } from 'shredder:store';
import { integerAt } from 'shredder-functions/arguments';

const MAX_NODE = 2 ** 32 - 1;
const MAX_DEPTH = 16;

/** `FCALL_RO friends 1 node`: the ids of the node's neighbours. */
export function friends(keys: string[]): number[] {
  const ids: number[] = [];
  const list = HTView(nodeOf(keys));
  if (list === undefined) return ids;
  const length = neighbourCount(list.byteLength);
  for (let i = 0; i < length; i++) ids.push(list.getUint32(4 * i, true));
  return ids;
}
friends.flags = ['no-writes'];
friends.description = 'The neighbours of a node: keys = [node]';

/**
 * `FCALL_RO countFriends 1 node depth`: how many friends there are within `depth` hops, counted
 * once for each path: count(k, 1) = len(k); count(k, d) = len(k) + the sum of count(f, d - 1) over
 * the friends f of k.
 */
export function countFriends(keys: string[], args: string[]): number {
  const node = nodeOf(keys);
  const depth = integerAt(args, 0, 'depth', 1, MAX_DEPTH);
  return depth === 1 ? neighbourCount(HTLength(node)) : count(node, depth);
}
countFriends.flags = ['no-writes'];
countFriends.description = 'Friends within depth hops, by path: keys = [node], args = [depth]';

function nodeOf(keys: readonly string[]): number {
  return integerAt(keys, 0, 'node', 0, MAX_NODE);
}

/** countFriends from a depth of 2. */
function count(node: number, depth: number): number {
  const list = HTView(node);
  if (list === undefined) return 0;
  const length = neighbourCount(list.byteLength);
  let total = length;
  if (depth > 2) {
    for (let i = 0; i < length; i++) total += count(list.getUint32(4 * i, true), depth - 1);
  } else {
    // The last hop, where nearly all lookups are, calls nothing: the processor overlaps them.
    for (let i = 0; i < length; i++) {
      total += neighbourCount(HTLength(list.getUint32(4 * i, true)));
    }
  }
  return total;
}

/** How many ids a value of this length holds; -1 is an absent key's. */
function neighbourCount(bytes: number): number {
  return bytes < 0 ? 0 : bytes >>> 2;
}
