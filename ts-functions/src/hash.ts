// Hashes: fields of a name, each with a value of its own.
//
// A field's value is a key of its own, so that it is read where it lies, written alone, and counted in;
// a tree has the fields' names in order.
import {
  HTAdd,
  HTDelete,
  HTHas,
  HTSet,
  HTView,
  type StoredValue,
  type StoreView,
} from 'shredder:store';
import { checkInteger, checkLimit, checkText } from './checks.ts';
import { keyPrefix } from './collection.ts';
import { OrderedTree } from './tree.ts';
import { MAX_TEXT_LENGTH } from './tree_page.ts';
import { read, type Form, type Formed } from './values.ts';

export type { Form, Formed } from './values.ts';

/** One step through a hash. */
export interface FieldsStep<F extends Form> {
  /** Fields and their values, in order of JavaScript's `<`. */
  readonly entries: [field: string, value: Formed<F>][];
  /** What the next step begins after; undefined after the last. */
  readonly cursor: string | undefined;
}

/** Fields have no order but that of their names. */
const ORDER = 0;

const MAX_STEP = 10_000;

function fieldsOf(name: string): OrderedTree {
  return new OrderedTree(keyPrefix(name, 'hp'));
}

function fieldKey(name: string, field: string): string {
  return keyPrefix(name, 'hv') + checkText(field, 'a field', MAX_TEXT_LENGTH);
}

/**
 * Writes a field. O(1) for a field that is there, O(log n) for a new one.
 *
 * @param field At most 512 characters, without lone surrogates.
 * @returns whether the field is new.
 * @throws TypeError or RangeError for other fields; what HTSet throws.
 */
export function set(name: string, field: string, value: StoredValue): boolean {
  const key = fieldKey(name, field);
  if (HTSet(key, value, { ifPresent: true })) return false;
  HTSet(key, value);
  return fieldsOf(name).insert(ORDER, field);
}

/** Writes several fields, as set does. @returns how many are new. */
export function setAll(
  name: string,
  fields:
    | Iterable<readonly [field: string, value: StoredValue]>
    | Readonly<Record<string, StoredValue>>,
): number {
  const entries = Symbol.iterator in fields ? fields : Object.entries(fields);
  let created = 0;
  for (const [field, value] of entries as Iterable<readonly [string, StoredValue]>) {
    if (set(name, field, value)) created++;
  }
  return created;
}

/** Writes a field only where it is absent. O(log n). @returns whether it did. */
export function setIfAbsent(name: string, field: string, value: StoredValue): boolean {
  return !has(name, field) && set(name, field, value);
}

/** A field's value, as text where nothing else is said; undefined where it is absent. O(1). */
export function get<F extends Form = 'text'>(
  name: string,
  field: string,
  as: F = 'text' as F,
): Formed<F> | undefined {
  return read(fieldKey(name, field), as);
}

/** A field's value where it lies, as of HTView; undefined where it is absent. O(1). */
export function view(name: string, field: string): StoreView | undefined {
  return HTView(fieldKey(name, field));
}

/** Whether there is a field. O(1). */
export function has(name: string, field: string): boolean {
  return HTHas(fieldKey(name, field));
}

/** Takes a field out. O(log n). @returns whether it was there. */
export function remove(name: string, field: string): boolean {
  return HTDelete(fieldKey(name, field)) && fieldsOf(name).remove(ORDER, field);
}

/**
 * Adds to a field that is the text of an integer; one that is absent counts as 0. O(1), O(log n) for a
 * new one.
 *
 * @returns the new value.
 * @throws what HTAdd does.
 */
export function increment(name: string, field: string, delta = 1): number {
  const key = fieldKey(name, field);
  const created = !HTHas(key);
  const sum = HTAdd(key, delta);
  if (created) fieldsOf(name).insert(ORDER, field);
  return sum;
}

/** How many fields there are. O(1). */
export function size(name: string): number {
  return fieldsOf(name).size;
}

/** The names of all fields, in order. O(n). */
export function fields(name: string): string[] {
  return fieldsOf(name)
    .slice(0, Infinity)
    .map(({ text }) => text);
}

/** All fields and their values, in order. O(n): where that may be too long for a call, scan. */
export function getAll<F extends Form = 'text'>(
  name: string,
  as: F = 'text' as F,
): Map<string, Formed<F>> {
  return new Map(entriesOf(name, fields(name), as));
}

/**
 * One step through a hash. O(log n + count).
 *
 *     let cursor: string | undefined;
 *     do {
 *       const step = scan('user:7', 100, cursor);
 *       for (const [field, value] of step.entries) visit(field, value);
 *       cursor = step.cursor;
 *     } while (cursor !== undefined);
 *
 * A scan may go on in a later call: whatever is written meanwhile, a field that is there all the time is
 * found once, and none is found twice.
 *
 * @param count At most so many: 1 to 10,000.
 * @param after What the step before said; undefined to begin.
 */
export function scan<F extends Form = 'text'>(
  name: string,
  count = 100,
  after?: string,
  as: F = 'text' as F,
): FieldsStep<F> {
  checkInteger(count, 'count', 1, MAX_STEP);
  const tree = fieldsOf(name);
  let from = 0;
  if (after !== undefined) {
    from = tree.rankOf(ORDER, checkText(after, 'a cursor', MAX_TEXT_LENGTH));
    if (tree.has(ORDER, after)) from++;
  }
  const found = tree.slice(from, from + count).map(({ text }) => text);
  const last = from + found.length < tree.size ? found[found.length - 1] : undefined;
  return { entries: entriesOf(name, found, as), cursor: last };
}

/**
 * Removes a hash. O(n).
 *
 * @param max At most so many fields, for one that a single call has no time for.
 * @returns whether nothing is left of it.
 */
export function drop(name: string, max = Infinity): boolean {
  checkLimit(max, 'max');
  const tree = fieldsOf(name);
  const whole = max >= tree.size;
  for (const { text } of tree.slice(0, max)) {
    HTDelete(fieldKey(name, text));
    if (!whole) tree.remove(ORDER, text);
  }
  if (whole) tree.clear();
  return whole;
}

function entriesOf<F extends Form>(
  name: string,
  names: readonly string[],
  as: F,
): [field: string, value: Formed<F>][] {
  const entries: [string, Formed<F>][] = [];
  for (const field of names) {
    const value = get(name, field, as);
    if (value !== undefined) entries.push([field, value]);
  }
  return entries;
}
