// Lists: texts or bytes in an order, put in and taken out at both ends.
//
// Each element is a key of its own, numbered; what is written at the ends moves no other.
import { HTDelete, HTGetFloat64, HTSet, type StoredValue } from 'shredder:store';
import { checkInteger, checkLimit, sliceOf } from './checks.ts';
import { keyPrefix } from './collection.ts';
import { read, type Form, type Formed } from './values.ts';

export type { Form, Formed } from './values.ts';

/** Which numbers the elements have: from `first` to before `end`, of either sign. */
interface Bounds {
  readonly first: number;
  readonly end: number;
}

const scratch = new DataView(new ArrayBuffer(16));

/**
 * Puts values in at the end, one after the other. O(1) for each.
 *
 * @returns the length then.
 * @throws what HTSet does.
 */
export function push(name: string, ...values: readonly StoredValue[]): number {
  const { first, end } = boundsOf(name);
  const elements = elementPrefix(name);
  values.forEach((value, i) => {
    HTSet(elements + (end + i), value);
  });
  return keep(name, first, end + values.length);
}

/** Puts values in at the front: `unshift('l', 'a', 'b')` makes `a` the first. As push does. */
export function unshift(name: string, ...values: readonly StoredValue[]): number {
  const { first, end } = boundsOf(name);
  const elements = elementPrefix(name);
  const newFirst = first - values.length;
  values.forEach((value, i) => {
    HTSet(elements + (newFirst + i), value);
  });
  return keep(name, newFirst, end);
}

/** Takes the last element out, as text where nothing else is said; undefined where there is none. O(1). */
export function pop<F extends Form = 'text'>(
  name: string,
  as: F = 'text' as F,
): Formed<F> | undefined {
  const { first, end } = boundsOf(name);
  if (first === end) return undefined;
  const value = take(name, end - 1, as);
  keep(name, first, end - 1);
  return value;
}

/** Takes the first element out, as pop does the last. O(1). */
export function shift<F extends Form = 'text'>(
  name: string,
  as: F = 'text' as F,
): Formed<F> | undefined {
  const { first, end } = boundsOf(name);
  if (first === end) return undefined;
  const value = take(name, first, as);
  keep(name, first + 1, end);
  return value;
}

/** How many elements there are. O(1). */
export function length(name: string): number {
  const { first, end } = boundsOf(name);
  return end - first;
}

/** The element at an index, a negative one counted from the end; undefined where there is none. O(1). */
export function at<F extends Form = 'text'>(
  name: string,
  index: number,
  as: F = 'text' as F,
): Formed<F> | undefined {
  const place = placeOf(boundsOf(name), index);
  return place === undefined ? undefined : read(elementPrefix(name) + place, as);
}

/**
 * Puts a value in place of the one at an index, counted as of at. O(1).
 *
 * @throws RangeError where there is none; what HTSet throws.
 */
export function set(name: string, index: number, value: StoredValue): void {
  const bounds = boundsOf(name);
  const place = placeOf(bounds, index);
  if (place === undefined) {
    throw new RangeError(
      `list "${name}" has ${bounds.end - bounds.first} elements, and none at ${index}: push it`,
    );
  }
  HTSet(elementPrefix(name) + place, value);
}

/** The elements from `start` to before `end`, which count as of Array's slice. O(their number). */
export function range<F extends Form = 'text'>(
  name: string,
  start = 0,
  end = Infinity,
  as: F = 'text' as F,
): Formed<F>[] {
  const bounds = boundsOf(name);
  const { from, to } = sliceOf(bounds.end - bounds.first, start, end);
  const elements = elementPrefix(name);
  const found: Formed<F>[] = [];
  for (let i = from; i < to; i++) {
    const value = read(elements + (bounds.first + i), as);
    if (value !== undefined) found.push(value);
  }
  return found;
}

/**
 * Takes out all but the elements from `start` to before `end`, which count as of range:
 * `trim('l', -100)` leaves the last 100. O(the number of those taken out).
 *
 * @returns the length then.
 */
export function trim(name: string, start: number, end = Infinity): number {
  const bounds = boundsOf(name);
  const { from, to } = sliceOf(bounds.end - bounds.first, start, end);
  removeElements(name, bounds.first, bounds.first + from);
  removeElements(name, bounds.first + to, bounds.end);
  return keep(name, bounds.first + from, bounds.first + to);
}

/**
 * Removes a list. O(n).
 *
 * @param max At most so many elements, the first ones, for one that a single call has no time for.
 * @returns whether nothing is left of it.
 */
export function drop(name: string, max = Infinity): boolean {
  checkLimit(max, 'max');
  return trim(name, max) === 0;
}

const boundsKey = (name: string): string => keyPrefix(name, 'lb');
const elementPrefix = (name: string): string => keyPrefix(name, 'le');

function boundsOf(name: string): Bounds {
  const key = boundsKey(name);
  const first = HTGetFloat64(key, 0);
  return first === undefined ? { first: 0, end: 0 } : { first, end: HTGetFloat64(key, 1) ?? first };
}

/** Writes the bounds; the length that they mean. */
function keep(name: string, first: number, end: number): number {
  if (first === end) {
    HTDelete(boundsKey(name));
  } else {
    scratch.setFloat64(0, first, true);
    scratch.setFloat64(8, end, true);
    HTSet(boundsKey(name), scratch);
  }
  return end - first;
}

function placeOf({ first, end }: Bounds, index: number): number | undefined {
  checkInteger(index, 'index', Number.MIN_SAFE_INTEGER);
  const place = index < 0 ? end + index : first + index;
  return place >= first && place < end ? place : undefined;
}

function take<F extends Form>(name: string, place: number, as: F): Formed<F> | undefined {
  const key = elementPrefix(name) + place;
  const value = read(key, as);
  HTDelete(key);
  return value;
}

function removeElements(name: string, first: number, end: number): void {
  const elements = elementPrefix(name);
  for (let place = first; place < end; place++) HTDelete(elements + place);
}
