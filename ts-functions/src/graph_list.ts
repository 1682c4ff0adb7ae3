// A node's list: the ids of its neighbours, uint32 each and little-endian, ascending, each once. It is a
// value that is read where it lies.
//
// What writes makes no view: the old bytes of a value that has one are kept until the invocation ends, and
// a loop that changes one long list would fill the quota with them.
import {
  HTAppend,
  HTDelete,
  HTGet,
  HTGetUint32,
  HTLength,
  HTSet,
  type Key,
  type StoreView,
} from 'shredder:store';

/** Most neighbours of a node: 64 MiB of them. */
export const MAX_DEGREE = 2 ** 24;

const KEEP_TTL = { keepTtl: true };

/** A buffer for most lists; longer ones get one of their own, which is garbage afterwards. */
const common = new Uint32Array(4096);
const single = new Uint32Array(1);

/** How many ids a list has. */
export const countOf = (list: StoreView): number => list.byteLength >>> 2;
export const idAt = (list: StoreView, place: number): number => list.getUint32(4 * place, true);

/** Where an id is, or would be. O(log n). */
export function placeOf(list: StoreView, id: number, from = 0): number {
  let low = from;
  let high = countOf(list);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (idAt(list, middle) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function includes(list: StoreView, id: number): boolean {
  const place = placeOf(list, id);
  return place < countOf(list) && idAt(list, place) === id;
}

/** Whether the list at a key has an id, without a view. O(log n) lookups. */
export function has(key: Key, id: number): boolean {
  return HTGetUint32(key, placeAt(key, id, lengthOf(key))) === id;
}

/** How many ids the list at a key has. */
export function lengthOf(key: Key): number {
  return Math.max(HTLength(key), 0) >>> 2;
}

/** Puts an id into the list at a key. O(n), and O(log n) for one behind all others. @returns whether it is new. */
export function insert(key: Key, id: number): boolean {
  const count = lengthOf(key);
  const place = placeAt(key, id, count);
  if (HTGetUint32(key, place) === id) return false;
  checkDegree(key, count + 1);
  if (place === count && HTLength(key) <= 4 * count) {
    single[0] = id;
    HTAppend(key, single);
    return true;
  }
  const ids = load(key, count, 1);
  ids.copyWithin(place + 1, place, count);
  ids[place] = id;
  HTSet(key, ids, KEEP_TTL);
  return true;
}

/**
 * Puts ids into the list at a key, which need not be in order before. O(n + m log m).
 *
 * @returns those that are new, ascending.
 */
export function insertAll(key: Key, more: Uint32Array): Uint32Array {
  const before = load(key, lengthOf(key), 0);
  const old = ascending(before) ? before : before.slice().sort();
  const wanted = more.slice().sort();
  const ids = new Uint32Array(old.length + wanted.length);
  const added = new Uint32Array(wanted.length);
  let count = 0;
  let news = 0;
  for (let i = 0, j = 0; i < old.length || j < wanted.length; ) {
    const isOld = j === wanted.length || (i < old.length && old[i]! <= wanted[j]!);
    const id = isOld ? old[i++]! : wanted[j++]!;
    if (count > 0 && ids[count - 1] === id) continue;
    ids[count++] = id;
    if (!isOld) added[news++] = id;
  }
  checkDegree(key, count);
  if (count > 0 && (news > 0 || old !== before || count < old.length)) {
    HTSet(key, ids.subarray(0, count), KEEP_TTL);
  }
  return added.subarray(0, news);
}

/** Takes an id out; the last leaves no key. O(n). @returns whether it was there. */
export function remove(key: Key, id: number): boolean {
  const count = lengthOf(key);
  const place = placeAt(key, id, count);
  if (HTGetUint32(key, place) !== id) return false;
  if (count === 1) return HTDelete(key);
  const ids = load(key, count, 0);
  ids.copyWithin(place, place + 1);
  HTSet(key, ids.subarray(0, count - 1), KEEP_TTL);
  return true;
}

/** The ids that two lists have in common, ascending, at most so many. */
export function shared(a: StoreView, b: StoreView, limit: number): number[] {
  const [short, long] = countOf(a) <= countOf(b) ? [a, b] : [b, a];
  const found: number[] = [];
  const [shortCount, longCount] = [countOf(short), countOf(long)];
  // Where one is much longer, a search in it for each of the other is less work than to go through it.
  const searches = shortCount * 16 < longCount;
  for (let i = 0, j = 0; i < shortCount && j < longCount && found.length < limit; i++) {
    const id = idAt(short, i);
    if (searches) j = placeOf(long, id, j);
    else while (j < longCount && idAt(long, j) < id) j++;
    if (j < longCount && idAt(long, j) === id) found.push(id);
  }
  return found;
}

/** As placeOf, of the list at a key. */
function placeAt(key: Key, id: number, count: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (HTGetUint32(key, middle)! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A list's ids in a buffer, with room for more. */
function load(key: Key, count: number, room: number): Uint32Array {
  const length = count + room;
  const ids = length <= common.length ? common.subarray(0, length) : new Uint32Array(length);
  if (count > 0) HTGet(key, ids);
  return ids;
}

function ascending(ids: Uint32Array): boolean {
  for (let i = 1; i < ids.length; i++) if (ids[i - 1]! >= ids[i]!) return false;
  return true;
}

function checkDegree(key: Key, count: number): void {
  if (count > MAX_DEGREE) {
    throw new RangeError(`"${String(key)}" would have more than ${MAX_DEGREE} neighbours`);
  }
}
