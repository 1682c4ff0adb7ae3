// JSON values: read, written, and changed at a place within.
//
// A value is one text, parsed and written whole: O(its length) for each of these. It is the right shape
// for documents up to some KiB; fields that are written on their own are better off in a hash.
//
// All that write keep the key's expiry where their options say nothing about one.
import { HTDelete, HTGetString, HTSet, type Key, type SetOptions } from 'shredder:store';
import { checkFinite } from './checks.ts';
import {
  containerAt,
  merged,
  pointerOf,
  putChild,
  removeChild,
  stepsOf,
  valueAt,
  type Json,
  type Path,
} from './json_path.ts';
import { keepingTtl, type ExpiryOptions } from './values.ts';

export type { Json, Path } from './json_path.ts';
export type { ExpiryOptions } from './values.ts';

/**
 * What can be written: what JSON.stringify makes a JSON text of. Interfaces and classes are objects; what
 * has a toJSON is what that says.
 */
export type Encodable = null | boolean | number | string | object;

/**
 * The value at a key; undefined where it is absent.
 *
 *     const cart = get<Cart>('cart:7');
 *
 * @typeParam T What the author knows the value to be: nothing checks it.
 * @throws TypeError that names the key where the value is not JSON.
 */
export function get<T = Json>(key: Key): T | undefined {
  const text = HTGetString(key);
  return text === undefined ? undefined : (parse(key, text) as T);
}

/**
 * Writes a value.
 *
 * @param options As HTSet's; without a word about expiry, the key keeps the one that it has.
 * @returns whether it wrote, which only `ifAbsent` and `ifPresent` can keep it from.
 * @throws TypeError where JSON has no text for the value: undefined, a function, a bigint, a circle; what
 *     HTSet throws.
 */
export function set(key: Key, value: Encodable, options?: SetOptions): boolean {
  return HTSet(key, textOf(key, value), keepingTtl(options));
}

/**
 * Writes a value that a function makes of the one that is there.
 *
 *     update<Cart>('cart:7', (cart = { items: [] }) => {
 *       cart.items.push(item);
 *       return cart;
 *     });
 *
 * @param fn Gets undefined where the key is absent. Where it returns undefined, what it was given is
 *     written, as it was changed in place; of an absent key then nothing. Must not be asynchronous.
 * @returns what was written.
 * @throws as get and set.
 */
export function update<T extends Encodable = Json>(
  key: Key,
  fn: (value: T | undefined) => T | undefined | void,
  options?: ExpiryOptions,
): T | undefined {
  const before = get<T>(key);
  const made = fn(before);
  const value = made === undefined ? before : (made as T);
  if (value === undefined) return undefined;
  set(key, value, options);
  return value;
}

/** What is at a place within a value; undefined where nothing is, or the key is absent. Throws as get. */
export function getAt<T = Json>(key: Key, path: Path): T | undefined {
  const steps = stepsOf(path);
  const root = get(key);
  return root === undefined ? undefined : (valueAt(root, steps) as T | undefined);
}

/**
 * Puts something at a place within a value: in place of what is there, as a new property of an object, or
 * as the next element of an array.
 *
 * @throws RangeError where the key is absent and the path not empty, or the place is in nothing; as get
 *     and set.
 */
export function setAt(key: Key, path: Path, value: Encodable, options?: ExpiryOptions): void {
  const steps = stepsOf(path);
  const last = steps[steps.length - 1];
  if (last === undefined) {
    set(key, value, options);
    return;
  }
  const root = present(key);
  putChild(containerAt(root, steps, shown(key)), last, jsonOf(key, value), shown(key));
  set(key, root, options);
}

/**
 * Writes what a function makes of what is at a place within a value; it gets undefined where nothing is.
 *
 * @returns what was written.
 * @throws as setAt.
 */
export function updateAt<T extends Encodable = Json>(
  key: Key,
  path: Path,
  fn: (value: T | undefined) => T,
  options?: ExpiryOptions,
): T {
  const value = fn(getAt<T>(key, path));
  setAt(key, path, value, options);
  return value;
}

/**
 * Adds to the number at a place within a value; where nothing is, to 0.
 *
 * @returns the sum.
 * @throws TypeError where no number is there; RangeError where the sum is not finite; as setAt.
 */
export function incrementAt(key: Key, path: Path, delta: number, options?: ExpiryOptions): number {
  checkFinite(delta, 'delta');
  return updateAt<number>(
    key,
    path,
    (value = 0) => {
      if (typeof value === 'number') return checkFinite(value + delta, 'the sum');
      throw new TypeError(`${shown(key)} has no number at "${pointerOf(stepsOf(path))}"`);
    },
    options,
  );
}

/**
 * Takes what is at a place out of a value: a property, or an element, whose later ones move up. The empty
 * path deletes the key.
 *
 * @returns whether it was there.
 * @throws as get and set.
 */
export function deleteAt(key: Key, path: Path, options?: ExpiryOptions): boolean {
  const steps = stepsOf(path);
  const last = steps[steps.length - 1];
  if (last === undefined) return HTDelete(key);
  const root = get(key);
  if (root === undefined || valueAt(root, steps) === undefined) return false;
  removeChild(containerAt(root, steps, shown(key)), last);
  return set(key, root, options);
}

/**
 * Applies a merge patch (RFC 7396): properties of the patch take the place of the value's, those that are
 * null are taken out, and objects are merged likewise. An absent key counts as null.
 *
 *     patch('user:7', { name: 'Ada', address: { street: null } });
 *
 * @returns what was written.
 * @throws as get and set.
 */
export function patch<T = Json>(key: Key, change: Encodable, options?: ExpiryOptions): T {
  const value = merged(get(key), jsonOf(key, change));
  set(key, value as Encodable, options);
  return value as T;
}

function present(key: Key): Json {
  const root = get(key);
  if (root !== undefined) return root;
  throw new RangeError(`${shown(key)} is absent: set a whole value first`);
}

/** What a value is once it is written and read again. */
function jsonOf(key: Key, value: Encodable): Json {
  return JSON.parse(textOf(key, value)) as Json;
}

function textOf(key: Key, value: unknown): string {
  let reason = `of ${typeof value}`;
  // A promise has a text, `{}`, that nobody wants.
  if (!(value instanceof Promise)) {
    try {
      const text = JSON.stringify(value) as string | undefined;
      if (text !== undefined) return text;
    } catch (error) {
      // What else there is, such as a toJSON's own error, is for who wrote it.
      if (!(error instanceof TypeError)) throw error;
      reason = firstLine(error);
    }
  } else {
    reason = 'of a promise: await it first';
  }
  throw new TypeError(`there is no JSON for ${shown(key)}: ${reason}`);
}

function parse(key: Key, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TypeError(`the value of ${shown(key)} is not JSON: ${firstLine(error)}`);
  }
}

function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0] ?? '';
}

/** A key in an error. */
function shown(key: Key): string {
  if (key instanceof Uint8Array) return `a key of ${key.byteLength} bytes`;
  const text = String(key);
  return text.length > 200 ? `"${text.slice(0, 200)}..."` : `"${text}"`;
}
