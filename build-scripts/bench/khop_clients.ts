// countFriends by a client that fetches the lists and counts itself.
import type { Redis } from 'ioredis';

/** Keys of one MGET. */
const BATCH_KEYS = 1_000;

/** Key by key, each when the one before is there; of the last hop only the lengths. */
export async function countByKey(client: Redis, node: number, hops: number): Promise<number> {
  if (hops === 1) return (await client.strlen(String(node))) >>> 2;
  const list = idsOf(await client.getBuffer(String(node)));
  let total = list.length;
  for (const friend of list) total += await countByKey(client, friend, hops - 1);
  return total;
}

/** Level by level: all lists of a hop at once, a node as often as paths lead to it. */
export async function countByLevel(client: Redis, node: number, hops: number): Promise<number> {
  let total = 0;
  let level: number[] = [node];
  for (let hop = 1; hop <= hops; hop++) {
    const lists = await fetchLists(client, level);
    const next: number[] = [];
    for (const list of lists) {
      total += list.length;
      if (hop < hops) for (const friend of list) next.push(friend);
    }
    level = next;
  }
  return total;
}

/** The same, each node of a hop once, with the number of paths that lead to it. */
export async function countByNode(client: Redis, node: number, hops: number): Promise<number> {
  let total = 0;
  let level = new Map<number, number>([[node, 1]]);
  for (let hop = 1; hop <= hops; hop++) {
    const lists = await fetchLists(client, [...level.keys()]);
    const next = new Map<number, number>();
    for (const [index, paths] of [...level.values()].entries()) {
      const list = lists[index]!;
      total += paths * list.length;
      if (hop === hops) continue;
      for (const friend of list) next.set(friend, (next.get(friend) ?? 0) + paths);
    }
    level = next;
  }
  return total;
}

async function fetchLists(client: Redis, nodes: readonly number[]): Promise<Uint32Array[]> {
  const replies: Promise<(Buffer | null)[]>[] = [];
  for (let at = 0; at < nodes.length; at += BATCH_KEYS) {
    replies.push(client.mgetBuffer(nodes.slice(at, at + BATCH_KEYS).map(String)));
  }
  return (await Promise.all(replies)).flat().map(idsOf);
}

/** The ids of a list; none where there is no such node. */
function idsOf(value: Buffer | null): Uint32Array {
  if (value === null) return new Uint32Array();
  const ids = new Uint32Array(value.length >>> 2);
  for (let i = 0; i < ids.length; i++) ids[i] = value.readUInt32LE(4 * i);
  return ids;
}
