// countFriends of graph.ts once more, through the plain C++ callback DBGet in place of HTGet: the
// comparison that `shredder demo` prints. The server needs `--enable-callbacks` to load it.
import type {} from 'shredder-functions/callbacks';
import { DBGet } from 'shredder:store';
import { integerAt } from 'shredder-functions/arguments';

const MAX_NODE = 2 ** 32 - 1;
const MAX_DEPTH = 16;

/** `FCALL_RO countFriendsByCallback 1 node depth`: what countFriends answers. */
export function countFriendsByCallback(keys: string[], args: string[]): number {
  return count(integerAt(keys, 0, 'node', 0, MAX_NODE), integerAt(args, 0, 'depth', 1, MAX_DEPTH));
}
countFriendsByCallback.flags = ['no-writes'];
countFriendsByCallback.description =
  'countFriends through a plain C++ callback: keys = [node], args = [depth]';

function count(node: number, depth: number): number {
  const value = DBGet(node);
  if (value === undefined) return 0;
  const length = value.byteLength >>> 2;
  if (depth === 1) return length;
  const list = new Uint32Array(value, 0, length);
  let total = length;
  for (let i = 0; i < length; i++) total += count(list[i]!, depth - 1);
  return total;
}
