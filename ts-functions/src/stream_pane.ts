// One pane of a stream: what is known of the values in one short piece of time, as it lies in the store.
//
//     float64 the pane's number, count, sum, least and greatest value;
//     then, where the stream keeps quantiles, buckets in ascending order: int32 number, uint32 count
//
// Numbers are little-endian. The buckets are those of DDSketch (Masson, Rim and Lee, VLDB 2019): bucket i
// has what is between GAMMA^(i-1) and GAMMA^i, so that the middle of it is off by at most 1%.
import { HTGet, HTSet, type Key, type StoreView } from 'shredder:store';
import { checkFinite } from './checks.ts';

const HEADER_BYTES = 40;
const BUCKET_BYTES = 8;
/** More, and the lowest two become one: values that are 10^8 times apart have room. */
export const MAX_BUCKETS = 1024;
const MAX_BYTES = HEADER_BYTES + MAX_BUCKETS * BUCKET_BYTES;

/** How far a quantile may be off, of its value. */
const ACCURACY = 0.01;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** Values nearer to 0 are 0 to the buckets. */
const LEAST = 1e-12;
/** Buckets of positive values are above 0, those of negative ones mirror them: LEAST is in bucket 1. */
const OFFSET = 1 - Math.ceil(Math.log(LEAST) / LOG_GAMMA);

/** What there is of the values of a pane, or of several. */
export interface Totals {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** How many values are in each bucket. */
  readonly buckets: Map<number, number>;
}

export const noTotals = (): Totals => ({
  count: 0,
  sum: 0,
  min: Infinity,
  max: -Infinity,
  buckets: new Map(),
});

const bytes = new Uint8Array(MAX_BYTES + BUCKET_BYTES);
const data = new DataView(bytes.buffer);

/** Adds a value to the pane at a key, which begins anew where it has another pane. O(its buckets). */
export function addTo(
  key: Key,
  pane: number,
  value: number,
  quantiles: boolean,
  ttl: number,
): void {
  let length = HTGet(key, bytes);
  if (length >= 0 && !isPane(data, length)) throw damaged(key);
  if (length < 0 || data.getFloat64(0, true) !== pane) {
    data.setFloat64(0, pane, true);
    data.setFloat64(8, 0, true);
    data.setFloat64(16, 0, true);
    data.setFloat64(24, value, true);
    data.setFloat64(32, value, true);
    length = HEADER_BYTES;
  }
  const sum = data.getFloat64(16, true) + value;
  data.setFloat64(8, data.getFloat64(8, true) + 1, true);
  data.setFloat64(16, checkFinite(sum, "the sum of a pane's values"), true);
  data.setFloat64(24, Math.min(data.getFloat64(24, true), value), true);
  data.setFloat64(32, Math.max(data.getFloat64(32, true), value), true);
  if (quantiles) length = countIn(bucketOf(value), length);
  HTSet(key, bytes.subarray(0, length), { ttl });
}

/** Adds what a view of a pane has to totals, where it is the pane of this number. */
export function addPane(key: Key, view: StoreView, pane: number, totals: Totals): void {
  if (!isPane(view, view.byteLength)) throw damaged(key);
  if (view.getFloat64(0, true) !== pane) return;
  totals.count += view.getFloat64(8, true);
  totals.sum += view.getFloat64(16, true);
  totals.min = Math.min(totals.min, view.getFloat64(24, true));
  totals.max = Math.max(totals.max, view.getFloat64(32, true));
  for (let at = HEADER_BYTES; at < view.byteLength; at += BUCKET_BYTES) {
    const bucket = view.getInt32(at, true);
    totals.buckets.set(bucket, (totals.buckets.get(bucket) ?? 0) + view.getUint32(at + 4, true));
  }
}

/** The values that so many of all are at most, as of `ranks`, each from 0 to 1. */
export function quantilesOf(totals: Totals, ranks: readonly number[]): number[] {
  const buckets = [...totals.buckets].sort(([a], [b]) => a - b);
  return ranks.map((rank) => {
    // The value of this place among all in order, counted from 0.
    const place = Math.floor(rank * (totals.count - 1));
    let before = 0;
    for (const [bucket, count] of buckets) {
      before += count;
      // What is known exactly bounds what is not.
      if (before > place) return Math.min(Math.max(middleOf(bucket), totals.min), totals.max);
    }
    return totals.max;
  });
}

function bucketOf(value: number): number {
  const size = Math.abs(value);
  if (size < LEAST) return 0;
  const bucket = Math.ceil(Math.log(size) / LOG_GAMMA) + OFFSET;
  return value < 0 ? -bucket : bucket;
}

function middleOf(bucket: number): number {
  if (bucket === 0) return 0;
  const middle = (2 * GAMMA ** (Math.abs(bucket) - OFFSET)) / (GAMMA + 1);
  return bucket < 0 ? -middle : middle;
}

/** Counts one more in a bucket. @returns the pane's length then. */
function countIn(bucket: number, length: number): number {
  let low = 0;
  let high = (length - HEADER_BYTES) / BUCKET_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (data.getInt32(HEADER_BYTES + middle * BUCKET_BYTES, true) < bucket) low = middle + 1;
    else high = middle;
  }
  const at = HEADER_BYTES + low * BUCKET_BYTES;
  if (at < length && data.getInt32(at, true) === bucket) {
    data.setUint32(at + 4, data.getUint32(at + 4, true) + 1, true);
    return length;
  }
  bytes.copyWithin(at + BUCKET_BYTES, at, length);
  data.setInt32(at, bucket, true);
  data.setUint32(at + 4, 1, true);
  if (length < MAX_BYTES) return length + BUCKET_BYTES;
  // The lowest joins the one above it.
  const above = HEADER_BYTES + BUCKET_BYTES;
  const lowest = data.getUint32(HEADER_BYTES + 4, true);
  data.setUint32(above + 4, data.getUint32(above + 4, true) + lowest, true);
  bytes.copyWithin(HEADER_BYTES, above, length + BUCKET_BYTES);
  return length;
}

/** Whether these bytes can be a pane: a length, a count and numbers that one has. */
function isPane(pane: Pick<StoreView, 'getFloat64'>, length: number): boolean {
  if (length < HEADER_BYTES || length > MAX_BYTES) return false;
  if ((length - HEADER_BYTES) % BUCKET_BYTES !== 0) return false;
  const count = pane.getFloat64(8, true);
  const min = pane.getFloat64(24, true);
  return (
    Number.isSafeInteger(pane.getFloat64(0, true)) &&
    Number.isSafeInteger(count) &&
    count > 0 &&
    Number.isFinite(pane.getFloat64(16, true)) &&
    Number.isFinite(min) &&
    min <= pane.getFloat64(32, true)
  );
}

export function damaged(key: Key): RangeError {
  return new RangeError(
    `"${String(key)}" is no part of a stream: write a collection's keys by its module only`,
  );
}
