// Streams: values that come one by one, of which counts, sums, extremes and quantiles over windows of time
// are kept, and not the values themselves.
//
// Time is cut into panes, and a window is some of them. A stream keeps the latest panes only, in as many
// slots: pane n is in slot n modulo their number, over the one before it there. So its memory is bounded
// whatever comes, and all of it expires when nothing does.
import { HTDelete, HTGetFloat64, HTLength, HTSet, HTViewMany } from 'shredder:store';
import { checkFinite, checkInteger } from './checks.ts';
import { keyPrefix } from './collection.ts';
import { addPane, addTo, damaged, noTotals, quantilesOf, type Totals } from './stream_pane.ts';

/** How a stream keeps its values: the same in all calls for it. */
export interface StreamOptions {
  /** Length of a pane in milliseconds, an integer from 1 on: windows are as exact as that. */
  paneMs: number;
  /** How many panes are kept: 1 to 4,096. The longest window is so many. */
  panes: number;
  /** Whether quantiles are kept as well: up to 8 KiB for each pane. Absent: no. */
  quantiles?: boolean | undefined;
}

/** When a value was. */
export interface AddOptions extends StreamOptions {
  /** Unix milliseconds, an integer from 0 on. Absent: now. */
  at?: number | undefined;
  /** How far beyond now that may be: an integer from 0 on. Absent: a pane's length. */
  maxAheadMs?: number | undefined;
}

/** Which windows are read. */
export interface WindowOptions extends StreamOptions {
  /** Unix milliseconds that the last window has in it, an integer from 0 on. Absent: now. */
  at?: number | undefined;
  /** Which quantiles: numbers from 0 to 1, at most 100, such as 0.99. Absent: none. */
  ranks?: readonly number[] | undefined;
}

/** What is known of the values in a window. */
export interface Aggregate {
  /** Unix milliseconds: from here on. */
  readonly start: number;
  /** Unix milliseconds: to before here. */
  readonly end: number;
  readonly count: number;
  readonly sum: number;
  /** These three are undefined where there are no values. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly mean: number | undefined;
  /** For each of `ranks`, a value off by at most 1%; empty where there are no values. */
  readonly quantiles: readonly number[];
}

const MAX_PANES = 4096;
const MAX_PANE_MS = 2 ** 40;
/** Latest time: JavaScript's Date has no later one. */
const MAX_TIME = 8.64e15;
const MAX_RANKS = 100;
/** Longest time that a key is kept: with the time now, it is still a safe integer. */
const MAX_TTL = 2 ** 52;

/** What a stream knows of itself: float64 paneMs, panes, quantiles, the latest pane, how many came too late. */
const HEAD_BYTES = 40;
const head = new Float64Array(5);

const headKey = (name: string): string => keyPrefix(name, 'wh');
const slotPrefix = (name: string): string => keyPrefix(name, 'ws');

/**
 * Adds a value. O(1), or O(log buckets) and a copy of the pane where quantiles are kept.
 *
 * A value counts in the pane of its own time, however late it comes, as long as that pane is kept: one of
 * the `panes` latest up to that of the latest value. What is older is `late`, counts nowhere but in
 * lateCount, and what is further ahead of now than `maxAheadMs` is `early`: neither changes a window.
 *
 * @param value A finite number.
 * @throws TypeError or RangeError for other values, for options out of their range or other than those that
 *     the stream has, and where a sum is not finite; what HTSet throws for quota and flags.
 */
export function add(name: string, value: number, options: AddOptions): 'added' | 'late' | 'early' {
  const finite = checkFinite(value, 'a value');
  const { paneMs, panes, quantiles } = checkOptions(options);
  const now = Date.now();
  const at = checkInteger(options.at ?? now, 'at', 0, MAX_TIME);
  const ahead = checkInteger(options.maxAheadMs ?? paneMs, 'maxAheadMs', 0, MAX_TIME);
  if (at > now + ahead) return 'early';
  const pane = Math.floor(at / paneMs);
  const known = latestOf(name, options) ?? pane;
  const late = pane <= known - panes;
  // Once nothing has come for so long, no window up to then has anything in it.
  const ttl = Math.min((panes + 1) * paneMs + ahead, MAX_TTL);
  if (!late) addTo(slotPrefix(name) + (pane % panes), pane, finite, quantiles, ttl);
  head[0] = paneMs;
  head[1] = panes;
  head[2] = Number(quantiles);
  head[3] = Math.max(known, pane);
  head[4] = lateCount(name) + Number(late);
  HTSet(headKey(name), head, { ttl });
  return late ? 'late' : 'added';
}

/**
 * A sliding window: the last `lengthMs` up to the pane under way, which is its last one. O(its panes).
 *
 *     const { count, mean } = window('latency', 60_000, { paneMs: 1_000, panes: 3_600 });
 *
 * @param lengthMs A multiple of `paneMs`, of at most as many panes as the stream keeps.
 * @throws TypeError or RangeError for other lengths and options, and for ranks of a stream that keeps no
 *     quantiles.
 */
export function window(name: string, lengthMs: number, options: WindowOptions): Aggregate {
  const { paneMs } = checkOptions(options);
  const length = panesIn(lengthMs, options);
  const at = checkInteger(options.at ?? Date.now(), 'at', 0, MAX_TIME);
  const end = Math.floor(at / paneMs) + 1;
  return aggregate(name, end - length, end, options);
}

/**
 * Tumbling windows: each begins where the one before ends, at a multiple of `lengthMs` since 1970. O(their
 * panes).
 *
 * @param lengthMs As of window.
 * @param count How many: from 1 on, and together no longer than what the stream keeps.
 * @returns the oldest first; the last is under way.
 * @throws as window.
 */
export function windows(
  name: string,
  lengthMs: number,
  count: number,
  options: WindowOptions,
): Aggregate[] {
  const { panes } = checkOptions(options);
  const length = panesIn(lengthMs, options);
  checkInteger(count, 'count', 1, Math.floor(panes / length));
  const at = checkInteger(options.at ?? Date.now(), 'at', 0, MAX_TIME);
  const last = Math.floor(at / lengthMs);
  return Array.from({ length: count }, (_, i) => {
    const start = (last - count + 1 + i) * length;
    return aggregate(name, start, start + length, options);
  });
}

/** How many values came too late since the stream began. O(1). */
export function lateCount(name: string): number {
  return HTGetFloat64(headKey(name), 4) ?? 0;
}

/** Removes a stream. O(its panes). */
export function drop(name: string): boolean {
  const panes = HTGetFloat64(headKey(name), 1) ?? 0;
  if (!(panes >= 0 && panes <= MAX_PANES)) throw damaged(headKey(name));
  for (let slot = 0; slot < panes; slot++) HTDelete(slotPrefix(name) + slot);
  HTDelete(headKey(name));
  return true;
}

function checkOptions(options: StreamOptions): {
  paneMs: number;
  panes: number;
  quantiles: boolean;
} {
  return {
    paneMs: checkInteger(options.paneMs, 'paneMs', 1, MAX_PANE_MS),
    panes: checkInteger(options.panes, 'panes', 1, MAX_PANES),
    quantiles: options.quantiles === true,
  };
}

/** The latest pane of a stream that has these options; undefined where there is no stream. */
function latestOf(name: string, options: StreamOptions): number | undefined {
  const key = headKey(name);
  const length = HTLength(key);
  if (length < 0) return undefined;
  const paneMs = HTGetFloat64(key, 0);
  const panes = HTGetFloat64(key, 1);
  const latest = HTGetFloat64(key, 3);
  if (length !== HEAD_BYTES || !Number.isSafeInteger(latest)) throw damaged(key);
  const quantiles = HTGetFloat64(key, 2) === 1;
  if (
    paneMs !== options.paneMs ||
    panes !== options.panes ||
    quantiles !== (options.quantiles ?? false)
  ) {
    const kept = `${panes} panes of ${paneMs} ms, ${quantiles ? 'with' : 'without'} quantiles`;
    throw new RangeError(`stream "${name}" has ${kept}: pass the same options, or drop it first`);
  }
  return latest;
}

function panesIn(lengthMs: number, { paneMs, panes }: StreamOptions): number {
  checkInteger(lengthMs, 'lengthMs', paneMs, paneMs * panes);
  if (lengthMs % paneMs === 0) return lengthMs / paneMs;
  throw new RangeError(`lengthMs must be a multiple of paneMs, ${paneMs}, not ${lengthMs}`);
}

function checkRanks({ ranks = [], quantiles }: WindowOptions): readonly number[] {
  if (!Array.isArray(ranks)) throw new TypeError('ranks must be an array of numbers from 0 to 1');
  if (ranks.length > 0 && quantiles !== true) {
    throw new RangeError(
      'a stream without quantiles has no ranks: keep them with `quantiles: true`',
    );
  }
  if (ranks.length > MAX_RANKS) {
    throw new RangeError(`ranks are at most ${MAX_RANKS}, not ${ranks.length}`);
  }
  for (const rank of ranks) {
    checkFinite(rank, 'a rank');
    if (rank < 0 || rank > 1) throw new RangeError(`a rank must be from 0 to 1, not ${rank}`);
  }
  return ranks;
}

/** What is in the panes from one to before another, of those that are kept. */
function aggregate(name: string, from: number, to: number, options: WindowOptions): Aggregate {
  const ranks = checkRanks(options);
  const { paneMs, panes } = options;
  const latest = latestOf(name, options);
  const totals = noTotals();
  if (latest !== undefined) {
    gather(name, Math.max(from, latest - panes + 1, 0), Math.min(to, latest + 1), panes, totals);
  }
  const { count, sum } = totals;
  const some = count > 0;
  return {
    start: from * paneMs,
    end: to * paneMs,
    count,
    sum,
    min: some ? totals.min : undefined,
    max: some ? totals.max : undefined,
    mean: some ? sum / count : undefined,
    quantiles: some ? quantilesOf(totals, ranks) : [],
  };
}

function gather(name: string, from: number, to: number, panes: number, totals: Totals): void {
  const keys: string[] = [];
  for (let pane = from; pane < to; pane++) keys.push(slotPrefix(name) + (pane % panes));
  HTViewMany(keys).forEach((view, i) => {
    if (view !== undefined) addPane(keys[i]!, view, from + i, totals);
  });
}
