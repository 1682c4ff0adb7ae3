// Sorted sets: members with a score each, in the order of their scores. Leaderboards, indexes by time or
// price, and whatever asks for a rank.
//
// A member's score is at a key of its own, and a tree has all members in order.
import { HTDelete, HTGetFloat64, HTSet } from 'shredder:store';
import { checkFinite, checkInteger, checkLimit, checkText, sliceOf } from './checks.ts';
import { keyPrefix } from './collection.ts';
import { OrderedTree, type TreeEntry } from './tree.ts';
import { MAX_TEXT_LENGTH } from './tree_page.ts';

/** A member and its score. */
export type Scored = readonly [member: string, score: number];

/** From the lowest score, or from the highest; members of one score turn their order with it. */
export type Direction = 'ascending' | 'descending';

/** When add leaves a member as it is. */
export interface AddOptions {
  /** Only members that are not there are added. */
  ifAbsent?: boolean | undefined;
  /** Only members that are there get the score. */
  ifPresent?: boolean | undefined;
  /** A member that is there gets the score only where that is more, or less, than its own. */
  onlyIf?: 'greater' | 'less' | undefined;
}

/** Scores from one to another, both included where nothing else is said. */
export interface ScoreRange {
  /** Absent: from the lowest. */
  min?: number | undefined;
  /** Absent: to the highest. */
  max?: number | undefined;
  /** Leaves `min` itself out. */
  aboveMin?: boolean | undefined;
  /** Leaves `max` itself out. */
  belowMax?: boolean | undefined;
}

/** Which of the members in a range of scores. */
export interface ScoreRangeOptions extends ScoreRange {
  direction?: Direction | undefined;
  /** How many to pass over first. Absent: none. */
  offset?: number | undefined;
  /** At most so many. Absent: all. */
  limit?: number | undefined;
}

const scratch = new DataView(new ArrayBuffer(8));

function treeOf(name: string): OrderedTree {
  return new OrderedTree(keyPrefix(name, 'zp'));
}

function scoreKey(name: string, member: string): string {
  return keyPrefix(name, 'zm') + checkText(member, 'a member', MAX_TEXT_LENGTH);
}

/**
 * Gives a member a score. O(log n).
 *
 * @param member At most 512 characters, without lone surrogates. Members of the same score are in the
 *     order of JavaScript's `<`.
 * @param score A finite number; -0 is 0.
 * @returns what became of it: `kept` where it has the score already, or the options keep it.
 * @throws TypeError or RangeError for other members and scores; what HTSet throws for quota and flags.
 */
export function add(
  name: string,
  member: string,
  score: number,
  options: AddOptions = {},
): 'added' | 'changed' | 'kept' {
  const key = scoreKey(name, member);
  const to = checkFinite(score, 'a score');
  const from = HTGetFloat64(key, 0);
  if (from === undefined ? options.ifPresent : options.ifAbsent) return 'kept';
  if (from !== undefined) {
    if (from === to) return 'kept';
    if (options.onlyIf === 'greater' && to < from) return 'kept';
    if (options.onlyIf === 'less' && to > from) return 'kept';
  }
  move(name, key, member, from, to);
  return from === undefined ? 'added' : 'changed';
}

/**
 * Adds to a member's score; one that is absent counts as 0. O(log n).
 *
 * @returns the new score.
 * @throws RangeError where the sum is not finite, and what add throws.
 */
export function increment(name: string, member: string, delta: number): number {
  const key = scoreKey(name, member);
  const from = HTGetFloat64(key, 0);
  const to = checkFinite((from ?? 0) + checkFinite(delta, 'delta'), 'the new score');
  if (from !== to) move(name, key, member, from, to);
  return to;
}

/** Takes a member out. O(log n). @returns whether it was there. */
export function remove(name: string, member: string): boolean {
  const key = scoreKey(name, member);
  const from = HTGetFloat64(key, 0);
  if (from === undefined) return false;
  treeOf(name).remove(from, member);
  return HTDelete(key);
}

/** A member's score; undefined where it is absent. O(1). */
export function score(name: string, member: string): number | undefined {
  return HTGetFloat64(scoreKey(name, member), 0);
}

/** How many members there are. O(1). */
export function size(name: string): number {
  return treeOf(name).size;
}

/** How many members are before this one; undefined where it is absent. O(log n). */
export function rank(
  name: string,
  member: string,
  direction: Direction = 'ascending',
): number | undefined {
  const own = score(name, member);
  if (own === undefined) return undefined;
  const tree = treeOf(name);
  const before = tree.rankOf(own, member);
  return direction === 'ascending' ? before : tree.size - 1 - before;
}

/**
 * Members by rank. O(log n + their number).
 *
 *     range('scores', 0, 10, 'descending') // the ten best
 *
 * @param start, end As of Array's slice, in the direction's order: `end` is left out, and negative ones
 *     count from the end.
 */
export function range(
  name: string,
  start = 0,
  end = Infinity,
  direction: Direction = 'ascending',
): Scored[] {
  const tree = treeOf(name);
  const { size } = tree;
  const { from, to } = sliceOf(size, start, end);
  if (direction === 'ascending') return inDirection(tree, from, to, direction);
  return inDirection(tree, size - to, size - from, direction);
}

/**
 * Members by score. O(log n + their number).
 *
 *     rangeByScore('prices', { min: 10, max: 20, limit: 50 })
 */
export function rangeByScore(name: string, options: ScoreRangeOptions = {}): Scored[] {
  const { offset = 0, limit = Infinity, direction = 'ascending' } = options;
  checkInteger(offset, 'offset', 0);
  checkLimit(limit, 'limit');
  const tree = treeOf(name);
  const { from, to } = ranksOf(tree, options);
  if (direction === 'ascending') {
    return inDirection(tree, from + offset, Math.min(to, from + offset + limit), direction);
  }
  return inDirection(tree, Math.max(from, to - offset - limit), to - offset, direction);
}

/** How many members have a score in a range. O(log n). */
export function countByScore(name: string, scores: ScoreRange = {}): number {
  const { from, to } = ranksOf(treeOf(name), scores);
  return to - from;
}

/** Takes the members of the lowest scores out, lowest first. O(count * log n). */
export function popMin(name: string, count = 1): Scored[] {
  checkInteger(count, 'count', 0);
  return takeOut(name, treeOf(name).slice(0, count)).map(scoredOf);
}

/** Takes the members of the highest scores out, highest first. O(count * log n). */
export function popMax(name: string, count = 1): Scored[] {
  checkInteger(count, 'count', 0);
  const tree = treeOf(name);
  return takeOut(name, tree.slice(tree.size - count, tree.size).reverse()).map(scoredOf);
}

/**
 * Takes members out by rank: `removeByRank('scores', 0, -100)` leaves the 100 best. O(log n) for each.
 *
 * @param start, end As of range.
 * @returns how many.
 */
export function removeByRank(name: string, start: number, end = Infinity): number {
  const tree = treeOf(name);
  const { from, to } = sliceOf(tree.size, start, end);
  return takeOut(name, tree.slice(from, to)).length;
}

/**
 * Takes members out by score, lowest first. O(log n) for each.
 *
 * @param limit At most so many: for more than a call has time for, call until it returns less.
 * @returns how many.
 */
export function removeByScore(name: string, scores: ScoreRange, limit = Infinity): number {
  checkLimit(limit, 'limit');
  const tree = treeOf(name);
  const { from, to } = ranksOf(tree, scores);
  return takeOut(name, tree.slice(from, Math.min(to, from + limit))).length;
}

/**
 * Removes a sorted set. O(n).
 *
 * @param max At most so many members, for one that a single call has no time for.
 * @returns whether nothing is left of it.
 */
export function drop(name: string, max = Infinity): boolean {
  checkLimit(max, 'max');
  const tree = treeOf(name);
  if (max < tree.size) {
    takeOut(name, tree.slice(0, max));
    return false;
  }
  for (const { text } of tree.slice(0, tree.size)) HTDelete(scoreKey(name, text));
  tree.clear();
  return true;
}

function move(
  name: string,
  key: string,
  member: string,
  from: number | undefined,
  to: number,
): void {
  scratch.setFloat64(0, to, true);
  HTSet(key, scratch);
  const tree = treeOf(name);
  if (from !== undefined) tree.remove(from, member);
  tree.insert(to, member);
}

function takeOut(name: string, entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const tree = treeOf(name);
  for (const { order, text } of entries) {
    tree.remove(order, text);
    HTDelete(scoreKey(name, text));
  }
  return entries;
}

function ranksOf(tree: OrderedTree, scores: ScoreRange): { from: number; to: number } {
  const { min = -Infinity, max = Infinity, aboveMin = false, belowMax = false } = scores;
  checkBound(min, 'min');
  checkBound(max, 'max');
  const from = aboveMin ? tree.rankAfter(min) : tree.rankOf(min, '');
  const to = belowMax ? tree.rankOf(max, '') : tree.rankAfter(max);
  return { from, to: Math.max(from, to) };
}

function checkBound(bound: number, what: string): void {
  if (bound !== Infinity && bound !== -Infinity) checkFinite(bound, what);
}

function inDirection(tree: OrderedTree, from: number, to: number, direction: Direction): Scored[] {
  const found = tree.slice(from, to).map(scoredOf);
  return direction === 'ascending' ? found : found.reverse();
}

function scoredOf({ order, text }: TreeEntry): Scored {
  return [text, order];
}
