import type { Redis } from 'ioredis';
import type { Graph } from './graph.ts';

/** Keys that go to the server in one pipeline. */
const BATCH_KEYS = 1_000;

/** Writes a graph: the value of node `a` is its neighbours' list, each a little-endian uint32. */
export async function loadGraph(
  client: Redis,
  graph: Graph,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const entries = [...graph.neighbours];
  for (let at = 0; at < entries.length; at += BATCH_KEYS) {
    const pipeline = client.pipeline();
    for (const [node, neighbours] of entries.slice(at, at + BATCH_KEYS)) {
      pipeline.set(String(node), encodeNeighbours(neighbours));
    }
    for (const [error] of (await pipeline.exec()) ?? []) {
      if (error !== null) throw error;
    }
    onProgress(Math.min(at + BATCH_KEYS, entries.length), entries.length);
  }
}

export function encodeNeighbours(neighbours: Uint32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 * neighbours.length);
  for (const [index, neighbour] of neighbours.entries()) bytes.writeUInt32LE(neighbour, 4 * index);
  return bytes;
}
