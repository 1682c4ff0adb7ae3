// A linked list in the store: each node is a record of the next node's key and a value. A list is
// named by the key of its head, a node whose value nobody reads; the last node's next is END.
//
// A client that follows a list pays a round trip a node; a function does not.
import { HTHas, HTSet, type Key } from 'shredder:store';
import { integerAt, numberAt, stringAt } from 'shredder-functions/arguments';
import { record } from 'shredder-functions/record';

const node = record({ next: 'uint32', value: 'float64' });

const END = 2 ** 32 - 1;

/** A list that seems longer is taken for a cycle. */
const MAX_LENGTH = 1_000_000;

/** `FCALL_RO listLength 1 head`: how many nodes follow the head; 0 where there is no list. */
export function listLength(keys: string[]): number {
  return walk(keys, () => true);
}
listLength.flags = ['no-writes'];
listLength.description = 'The length of a list: keys = [head]';

/** `FCALL_RO listNth 1 head n`: the value at place n, counted from 0; null past the end. */
export function listNth(keys: string[], args: string[]): number | null {
  const wanted = integerAt(args, 0, 'n', 0, MAX_LENGTH - 1);
  let found: number | null = null;
  walk(keys, (key, place) => {
    if (place < wanted) return true;
    found = valueOf(key);
    return false;
  });
  return found;
}
listNth.flags = ['no-writes'];
listNth.description = 'The value at a place of a list: keys = [head], args = [n]';

/** `FCALL_RO listSum 1 head`: the sum of the list's values. */
export function listSum(keys: string[]): number {
  let sum = 0;
  walk(keys, (key) => {
    sum += valueOf(key);
    return true;
  });
  return sum;
}
listSum.flags = ['no-writes'];
listSum.description = 'The sum of a list of values: keys = [head]';

/** `FCALL listPush 2 head node value`: puts a new node, at a free key, first in the list. */
export function listPush(keys: string[], args: string[]): void {
  const head = stringAt(keys, 0, 'head');
  const key = integerAt(keys, 1, 'node', 0, END - 1);
  const value = numberAt(args, 0, 'value');
  if (HTHas(key) || String(key) === head) {
    throw new RangeError(`key ${key} is taken: name a free one for the new node`);
  }
  HTSet(key, node.encode({ next: node.read(head, 'next') ?? END, value }));
  HTSet(head, node.encode({ next: key, value: 0 }));
}
listPush.description = 'Puts a value first in a list: keys = [head, new node], args = [value]';

/**
 * Visits the nodes after the head until `visit` answers false.
 *
 * @returns how many were visited.
 */
function walk(keys: readonly string[], visit: (key: number, place: number) => boolean): number {
  const head = stringAt(keys, 0, 'head');
  let next = node.read(head, 'next') ?? END;
  let place = 0;
  while (next !== END && visit(next, place)) {
    place++;
    if (place > MAX_LENGTH) {
      throw new RangeError(`list "${head}" has more than ${MAX_LENGTH} nodes: is it a cycle?`);
    }
    next = nextOf(next);
  }
  return place;
}

function nextOf(key: Key): number {
  return present(node.read(key, 'next'), key);
}

function valueOf(key: Key): number {
  return present(node.read(key, 'value'), key);
}

function present(field: number | undefined, key: Key): number {
  if (field === undefined) throw new RangeError(`the list names key ${key}, which is no node`);
  return field;
}
