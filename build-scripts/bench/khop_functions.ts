// What `bench paper` calls besides the example graph.ts: a traversal that reads each list to its end, and one that
// visits each node of a hop once.
import { HTView } from 'shredder:store';
import { integerAt } from 'shredder-functions/arguments';

const MAX_NODE = 2 ** 32 - 1;
const MAX_DEPTH = 16;

/** The sum of all ids, modulo 2^32, in the lists that countFriends looks up: every byte of them is read. */
export function sumFriends(keys: string[], args: string[]): number {
  return sum(nodeOf(keys), depthOf(args)) >>> 0;
}
sumFriends.flags = ['no-writes'];

function sum(node: number, depth: number): number {
  const list = HTView(node);
  if (list === undefined) return 0;
  const bytes = list.byteLength;
  let total = 0;
  if (depth === 1) {
    for (let at = 0; at < bytes; at += 4) total = (total + list.getUint32(at, true)) | 0;
  } else {
    for (let at = 0; at < bytes; at += 4) {
      const friend = list.getUint32(at, true);
      total = (total + friend + sum(friend, depth - 1)) | 0;
    }
  }
  return total;
}

/** What countFriends answers, from each node of a hop once, with the number of paths that lead to it. */
export function countFriendsByNode(keys: string[], args: string[]): number {
  const depth = depthOf(args);
  let total = 0;
  let level = new Map<number, number>([[nodeOf(keys), 1]]);
  for (let hop = 1; hop <= depth; hop++) {
    const next = new Map<number, number>();
    for (const [node, paths] of level) {
      const list = HTView(node);
      if (list === undefined) continue;
      const bytes = list.byteLength;
      total += paths * (bytes >>> 2);
      if (hop === depth) continue;
      for (let at = 0; at < bytes; at += 4) {
        const friend = list.getUint32(at, true);
        next.set(friend, (next.get(friend) ?? 0) + paths);
      }
    }
    level = next;
  }
  return total;
}
countFriendsByNode.flags = ['no-writes'];

function nodeOf(keys: readonly string[]): number {
  return integerAt(keys, 0, 'node', 0, MAX_NODE);
}

function depthOf(args: readonly string[]): number {
  return integerAt(args, 0, 'depth', 1, MAX_DEPTH);
}
