// Texts: read by characters and lines, and changed on conditions.
//
// Characters are code points, as `[...text]` has them. All that write keep the key's expiry where their
// options say nothing about one.
import {
  HTAppend,
  HTDelete,
  HTGetString,
  HTLength,
  HTSet,
  type Key,
  type SetOptions,
} from 'shredder:store';
import { sliceOf } from './checks.ts';
import { keepingTtl, type ExpiryOptions } from './values.ts';

export type { ExpiryOptions } from './values.ts';

/** The text at a key; undefined where it is absent. O(its length), as all that read it. */
export function get(key: Key): string | undefined {
  return HTGetString(key);
}

/**
 * Writes a text.
 *
 * @param options As HTSet's; without a word about expiry, the key keeps the one that it has.
 * @returns whether it wrote, which only `ifAbsent` and `ifPresent` can keep it from.
 */
export function set(key: Key, value: string, options?: SetOptions): boolean {
  return HTSet(key, textual(value), keepingTtl(options));
}

/** Adds to a text's end; an absent key counts as empty. @returns the length then, in bytes of UTF-8. */
export function append(key: Key, more: string): number {
  return HTAppend(key, textual(more));
}

/** How many characters there are; 0 where the key is absent. */
export function length(key: Key): number {
  const text = HTGetString(key) ?? '';
  return isPlain(key, text) ? text.length : [...text].length;
}

/** The characters from `start` to before `end`, which count as of Array's slice; '' of an absent key. */
export function getRange(key: Key, start: number, end = Infinity): string {
  const text = HTGetString(key) ?? '';
  const characters = isPlain(key, text) ? text : [...text];
  const { from, to } = sliceOf(characters.length, start, end);
  const found = characters.slice(from, to);
  return typeof found === 'string' ? found : found.join('');
}

/**
 * Puts a text in place of the characters from `start` to before `end`, which count as of getRange.
 *
 * @returns the whole text then.
 */
export function replaceRange(
  key: Key,
  start: number,
  end: number,
  value: string,
  options?: ExpiryOptions,
): string {
  const characters = [...(HTGetString(key) ?? '')];
  const { from, to } = sliceOf(characters.length, start, end);
  const text = characters.slice(0, from).join('') + textual(value) + characters.slice(to).join('');
  set(key, text, options);
  return text;
}

/**
 * The lines of a text, without what ends them, which is `\n` or `\r\n`. An end of line at the very end
 * begins no other line; an absent key has none.
 */
export function lines(key: Key): string[] {
  const text = HTGetString(key);
  if (text === undefined || text === '') return [];
  const found = text.split(/\r?\n/);
  if (found[found.length - 1] === '') found.pop();
  return found;
}

/**
 * Compares and sets: writes a text only where another one is there.
 *
 * @param expected What must be there; undefined: nothing.
 * @param value What to write then; undefined: delete the key.
 * @returns whether what was expected was there.
 */
export function replaceIf(
  key: Key,
  expected: string | undefined,
  value: string | undefined,
  options?: ExpiryOptions,
): boolean {
  if (HTGetString(key) !== expected) return false;
  if (value === undefined) HTDelete(key);
  else set(key, value, options);
  return true;
}

/** Writes a text. @returns the one that was there. */
export function swap(key: Key, value: string, options?: ExpiryOptions): string | undefined {
  const before = HTGetString(key);
  set(key, value, options);
  return before;
}

/** Deletes a key. @returns the text that was there. */
export function take(key: Key): string | undefined {
  const before = HTGetString(key);
  HTDelete(key);
  return before;
}

/** Whether all characters are ASCII, of which the UTF-8 form alone is as long as the text. */
function isPlain(key: Key, text: string): boolean {
  return HTLength(key) === text.length;
}

function textual(value: string): string {
  if (typeof value !== 'string')
    throw new TypeError(`a text must be a string, not ${typeof value}`);
  return value;
}
