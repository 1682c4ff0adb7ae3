// What `bench library` calls in Shredder: a function for each operation, of the standard library alone. Replies are of
// the form that the peers' have: 1 and 0 rather than what says more.
import { HTSet } from 'shredder:store';
import { commonNeighbours, link, neighbours, reach } from 'shredder-functions/graph';
import * as hash from 'shredder-functions/hash';
import * as json from 'shredder-functions/json';
import * as list from 'shredder-functions/list';
import * as lock from 'shredder-functions/lock';
import * as matrix from 'shredder-functions/matrix';
import * as queue from 'shredder-functions/queue';
import { fixedWindow, slidingLog } from 'shredder-functions/ratelimit';
import { record } from 'shredder-functions/record';
import * as sorted from 'shredder-functions/sorted';
import * as stream from 'shredder-functions/stream';
import * as text from 'shredder-functions/text';
import { OrderedTree } from 'shredder-functions/tree';

/** What FCALL gives a function. */
type Strings = readonly string[];

interface Cart {
  items: { name: string; count: number; price: number }[];
  total?: number;
}

export function jsonSetAt([key]: Strings, [index, count]: Strings): number {
  json.setAt(key!, ['items', Number(index), 'count'], Number(count));
  return 1;
}

export function jsonGetAt([key]: Strings, [index]: Strings): number | undefined {
  return json.getAt<number>(key!, ['items', Number(index), 'count']);
}
jsonGetAt.flags = ['no-writes'];

export function jsonUpdate([key]: Strings): number | undefined {
  return json.update<Cart>(key!, (cart = { items: [] }) => {
    let total = 0;
    for (const { count, price } of cart.items) total += count * price;
    cart.total = total;
  })?.total;
}

export function textAppend([key]: Strings, [more]: Strings): number {
  return text.append(key!, more!);
}

export function textGetRange([key]: Strings, [start, end]: Strings): string {
  return text.getRange(key!, Number(start), Number(end));
}
textGetRange.flags = ['no-writes'];

export function textReplaceIf([key]: Strings, [from, to]: Strings): boolean {
  return text.replaceIf(key!, from, to);
}

const ITEM = record({ quantity: 'uint32', price: 'float64' });

export function recordWrite([key]: Strings, [quantity, price]: Strings): number {
  HTSet(key!, ITEM.encode({ quantity: Number(quantity), price: Number(price) }));
  return 1;
}

export function recordRead([key]: Strings): string {
  return String(ITEM.read(key!, 'price'));
}
recordRead.flags = ['no-writes'];

/** Of `count` records, whose keys are the prefix and a number. */
export function recordTotal([prefix]: Strings, [first, count]: Strings): string {
  const start = Number(first);
  const end = start + Number(count);
  let total = 0;
  for (let i = start; i < end; i++) {
    const key = prefix! + i;
    total += (ITEM.read(key, 'quantity') ?? 0) * (ITEM.read(key, 'price') ?? 0);
  }
  return String(total);
}
recordTotal.flags = ['no-writes'];

export function hashSet([name]: Strings, [field, value]: Strings): boolean {
  return hash.set(name!, field!, value!);
}

export function hashGet([name]: Strings, [field]: Strings): string | undefined {
  return hash.get(name!, field!);
}
hashGet.flags = ['no-writes'];

export function hashIncrement([name]: Strings, [field, delta]: Strings): number {
  return hash.increment(name!, field!, Number(delta));
}

export function hashGetAll([name]: Strings): Map<string, string> {
  return hash.getAll(name!);
}
hashGetAll.flags = ['no-writes'];

export function listPush([name]: Strings, values: Strings): number {
  return list.push(name!, ...values);
}

export function listShift([name]: Strings): string | undefined {
  return list.shift(name!);
}

export function listRange([name]: Strings, [start, end]: Strings): string[] {
  return list.range(name!, Number(start), Number(end));
}
listRange.flags = ['no-writes'];

export function queueEnqueue([name]: Strings, [body]: Strings): number {
  queue.enqueue(name!, body!);
  return 1;
}

/** Receipts and bodies, in turn. */
export function queuePoll([name]: Strings, [count, visibilityMs]: Strings): string[] {
  return queue
    .poll(name!, Number(count), Number(visibilityMs))
    .flatMap(({ receipt, body }) => [receipt, body]);
}

export function queueAcknowledge([name]: Strings, receipts: Strings): number {
  return receipts.filter((receipt) => queue.acknowledge(name!, receipt)).length;
}

export function sortedAdd([name]: Strings, [member, score]: Strings): number {
  return sorted.add(name!, member!, Number(score)) === 'added' ? 1 : 0;
}

export function sortedRank([name]: Strings, [member]: Strings): number | undefined {
  return sorted.rank(name!, member!, 'descending');
}
sortedRank.flags = ['no-writes'];

export function sortedTop([name]: Strings, [count]: Strings): (string | number)[] {
  return sorted.range(name!, 0, Number(count), 'descending').flat();
}
sortedTop.flags = ['no-writes'];

export function sortedByScore([name]: Strings, [min, max, limit]: Strings): (string | number)[] {
  const options = { min: Number(min), max: Number(max), limit: Number(limit) };
  return sorted.rangeByScore(name!, options).flat();
}
sortedByScore.flags = ['no-writes'];

export function rateFixed([name]: Strings, [limit, windowMs, cost]: Strings): number[] {
  const { allowed, remaining } = fixedWindow(name!, {
    limit: Number(limit),
    windowMs: Number(windowMs),
    cost: Number(cost),
  });
  return [Number(allowed), remaining];
}

export function rateLog([name]: Strings, [limit, windowMs]: Strings): number[] {
  const { allowed, remaining } = slidingLog(name!, {
    limit: Number(limit),
    windowMs: Number(windowMs),
  });
  return [Number(allowed), remaining];
}

export function lockAcquire([name]: Strings, [owner, ttlMs]: Strings): number {
  return lock.acquire(name!, owner!, Number(ttlMs)) === undefined ? 0 : 1;
}

export function lockHolder([name]: Strings): string | undefined {
  return lock.holder(name!)?.owner;
}
lockHolder.flags = ['no-writes'];

export function lockRelease([name]: Strings, [owner]: Strings): boolean {
  return lock.release(name!, owner!);
}

export function treeInsert([prefix]: Strings, [order, entry]: Strings): boolean {
  return new OrderedTree(prefix!).insert(Number(order), entry!);
}

export function treeCount([prefix]: Strings, [min, max]: Strings): number {
  const tree = new OrderedTree(prefix!);
  return tree.rankAfter(Number(max)) - tree.rankOf(Number(min), '');
}
treeCount.flags = ['no-writes'];

/** The first entries from an order on. */
export function treeSlice([prefix]: Strings, [min, count]: Strings): string[] {
  const tree = new OrderedTree(prefix!);
  const first = tree.rankOf(Number(min), '');
  return tree.slice(first, first + Number(count)).map((entry) => entry.text);
}
treeSlice.flags = ['no-writes'];

export function graphLink([name]: Strings, [a, b]: Strings): boolean {
  return link(name!, Number(a), Number(b));
}

export function graphNeighbours([name]: Strings, [node]: Strings): number[] {
  return neighbours(name!, Number(node));
}
graphNeighbours.flags = ['no-writes'];

export function graphCommon([name]: Strings, [a, b]: Strings): number[] {
  return commonNeighbours(name!, Number(a), Number(b));
}
graphCommon.flags = ['no-writes'];

/** How many nodes are within so many hops. */
export function graphReach([name]: Strings, [node, hops]: Strings): number {
  return reach(name!, Number(node), { maxHops: Number(hops) }).nodes.length;
}
graphReach.flags = ['no-writes'];

const STREAM = { paneMs: 1_000, panes: 4_096 };

export function streamAdd([name]: Strings, [value, at]: Strings): number {
  return stream.add(name!, Number(value), { ...STREAM, at: Number(at) }) === 'added' ? 1 : 0;
}

/** Count, sum, least and greatest. */
export function streamWindow([name]: Strings, [lengthMs, at]: Strings): (number | undefined)[] {
  const found = stream.window(name!, Number(lengthMs), { ...STREAM, at: Number(at) });
  return [found.count, found.sum, found.min, found.max];
}
streamWindow.flags = ['no-writes'];

export function matrixCreate([name]: Strings, [rows, columns]: Strings): number {
  matrix.create(name!, 'float32', Number(rows), Number(columns));
  return 1;
}

export function matrixSetRow([name]: Strings, [index, values]: Strings): number {
  matrix.setRow(name!, Number(index), JSON.parse(values!) as number[]);
  return 1;
}

/** The row's own bytes: a little-endian float32 each. */
export function matrixRow([name]: Strings, [index]: Strings): Float32Array {
  const row = matrix.row(name!, Number(index));
  const values = new Float32Array(row.length);
  for (let i = 0; i < values.length; i++) values[i] = row.at(i)!;
  return values;
}
matrixRow.flags = ['no-writes'];

/** Rows and their products, in turn, the greatest first. */
export function matrixNearest([name]: Strings, [values, count]: Strings): number[] {
  const vector = JSON.parse(values!) as number[];
  return matrix
    .nearest(name!, vector, Number(count), 'dot')
    .flatMap(({ row, score }) => [row, score]);
}
matrixNearest.flags = ['no-writes'];
