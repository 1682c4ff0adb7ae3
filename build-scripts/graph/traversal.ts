import type { Graph } from './graph.ts';

/** What countFriends must answer, and how often a traversal that remembers nothing looks up. */
export interface FriendCount {
  answer: number;
  lookups: number;
}

/**
 * countFriends over the edge list itself, by the definition: count(k, 1) = len(k); count(k, d) =
 * len(k) + the sum of count(f, d - 1) over the friends f of k. Remembers each node's count at each
 * depth, so that it shares neither code nor way with the function that it checks.
 */
export class Traversal {
  /** By depth, by node. */
  private readonly known: Map<number, FriendCount>[] = [];

  constructor(private readonly graph: Graph) {}

  count(node: number, depth: number): FriendCount {
    const level = this.known[depth] ?? new Map<number, FriendCount>();
    this.known[depth] = level;
    const before = level.get(node);
    if (before !== undefined) return before;
    const friends = this.graph.neighbours.get(node) ?? new Uint32Array();
    let answer = friends.length;
    let lookups = 1;
    if (depth > 1) {
      for (const friend of friends) {
        const below = this.count(friend, depth - 1);
        answer += below.answer;
        lookups += below.lookups;
      }
    }
    if (!Number.isSafeInteger(answer) || !Number.isSafeInteger(lookups)) {
      throw new RangeError(`the friends of node ${node} at depth ${depth} are more than 2^53`);
    }
    const result = { answer, lookups };
    level.set(node, result);
    return result;
  }
}
