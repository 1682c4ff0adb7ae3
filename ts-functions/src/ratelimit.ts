// Rate limits: whether something may happen now, of which only so much may happen in some time.
//
// What may happen counts, what may not does not. All keys expire when they no longer matter.
import { HTDelete, HTGetFloat64, HTSet, HTTtl, HTView } from 'shredder:store';
import { checkInteger } from './checks.ts';
import { keyPrefix } from './collection.ts';

/** What a limit says. */
export interface Verdict {
  readonly allowed: boolean;
  /** The most that the limit ever allows at a time. */
  readonly limit: number;
  /** How much it would allow right after this call. */
  readonly remaining: number;
  /** Milliseconds until all of `limit` is there again, if nothing else happens. */
  readonly resetMs: number;
  /** Milliseconds until the same would be allowed, if nothing else happens; 0 where it was. */
  readonly retryAfterMs: number;
}

/** So many in so much time. */
export interface WindowOptions {
  /** An integer from 1 on. */
  limit: number;
  /** Milliseconds, an integer from 1 on. */
  windowMs: number;
  /**
   * How many at once: an integer from 0 to `limit`. Absent: 1. 0 asks what remains and writes nothing,
   * so that a function with the flag no-writes may.
   */
  cost?: number | undefined;
}

/** A bucket that things take tokens from, and that fills at a steady rate. */
export interface BucketOptions {
  /** The most tokens that it holds, which it begins with: an integer from 1 on. */
  capacity: number;
  /** Tokens that come in a second: a positive number. */
  refillPerSecond: number;
  /** How many tokens to take: an integer from 0 to `capacity`, as of WindowOptions. Absent: 1. */
  cost?: number | undefined;
}

/** Most that a sliding log counts: it has 8 bytes for each, in one value. */
const MAX_LOG_LIMIT = 500;

/** What sums of fractions may be off by. */
const SLACK = 1e-9;

/** Longest time that a key is kept: with the time now, it is still a safe integer. */
const MAX_TTL = 2 ** 52;

const scratch = new DataView(new ArrayBuffer(8 * MAX_LOG_LIMIT));

/**
 * A window that begins with the first to come, and then allows `limit` until it ends. O(1).
 *
 * Cheapest, and exact within a window; around the end of one, twice the limit may happen in a short time.
 *
 * @param name Who or what is limited, such as `login:${address}`.
 * @throws TypeError or RangeError for options out of their range; what HTSet throws for quota and flags.
 */
export function fixedWindow(name: string, options: WindowOptions): Verdict {
  const { limit, windowMs, cost } = windowOptions(options);
  const key = keyPrefix(name, 'rf');
  const before = HTGetFloat64(key, 0) ?? 0;
  const endsInMs = HTTtl(key) ?? windowMs;
  const allowed = before + cost <= limit;
  const count = allowed ? before + cost : before;
  if (allowed && cost > 0) write(key, [count], endsInMs);
  return {
    allowed,
    limit,
    remaining: Math.max(limit - count, 0),
    resetMs: count > 0 ? endsInMs : 0,
    retryAfterMs: allowed ? 0 : endsInMs,
  };
}

/**
 * Takes back what a fixed window has counted, as of a request that turns out not to count. The window ends
 * when it would have; where none is open, nothing happens. O(1).
 *
 * @param cost How many, an integer from 0 on; no more than have been counted are taken back.
 * @returns how many still count.
 * @throws RangeError for another `cost`; what HTSet throws for quota and flags.
 */
export function giveBack(name: string, cost = 1): number {
  checkInteger(cost, 'cost', 0);
  const key = keyPrefix(name, 'rf');
  const before = HTGetFloat64(key, 0) ?? 0;
  const count = Math.max(before - cost, 0);
  if (count < before) write(key, [count], HTTtl(key) ?? Infinity);
  return count;
}

/**
 * Counts over the last `windowMs`, approximately. O(1).
 *
 * It counts in windows by the clock, and takes what happened in the one before to have been spread evenly
 * over it: the part of it that the last `windowMs` reach into counts.
 *
 * @throws as fixedWindow.
 */
export function slidingWindow(name: string, options: WindowOptions): Verdict {
  const { limit, windowMs, cost } = windowOptions(options);
  const key = keyPrefix(name, 'rs');
  const now = Date.now();
  const start = now - (now % windowMs);
  const counted = HTGetFloat64(key, 0) ?? start;
  // A clock that was set back goes on in the window that it had come to.
  const windows = Math.max((start - counted) / windowMs, 0);
  const latest = HTGetFloat64(key, 1) ?? 0;
  const before = windows < 1 ? (HTGetFloat64(key, 2) ?? 0) : windows < 2 ? latest : 0;
  let current = windows < 1 ? latest : 0;
  const left = start + windowMs - now;
  const weighted = (before * left) / windowMs;
  const allowed = weighted + current + cost <= limit + SLACK;
  if (allowed && cost > 0) {
    current += cost;
    write(key, [Math.max(start, counted), current, before], left + windowMs);
  }
  return {
    allowed,
    limit,
    remaining: Math.max(Math.floor(limit - weighted - current + SLACK), 0),
    resetMs: current > 0 ? left + windowMs : before > 0 ? left : 0,
    retryAfterMs: allowed ? 0 : untilRoom(limit - cost, current, before, left, windowMs),
  };
}

/**
 * Counts over the last `windowMs`, exactly: it remembers when each happened. O(limit), and 8 bytes for
 * each that counts.
 *
 * @param options Their `limit` is at most 500.
 * @throws as fixedWindow.
 */
export function slidingLog(name: string, options: WindowOptions): Verdict {
  const { limit, windowMs, cost } = windowOptions(options, MAX_LOG_LIMIT);
  const key = keyPrefix(name, 'rl');
  const now = Date.now();
  const times = timesAfter(key, now - windowMs);
  const allowed = times.length + cost <= limit;
  if (allowed && cost > 0) {
    for (let i = 0; i < cost; i++) times.push(now);
    write(key, times, windowMs);
  }
  // When so many have passed that there is room.
  const freeing = times[times.length + cost - limit - 1];
  const last = times[times.length - 1];
  return {
    allowed,
    limit,
    remaining: Math.max(limit - times.length, 0),
    resetMs: last === undefined ? 0 : last + windowMs - now,
    retryAfterMs: allowed || freeing === undefined ? 0 : freeing + windowMs - now,
  };
}

/**
 * Takes tokens from a bucket: allows bursts of up to `capacity`, and `refillPerSecond` in the long run.
 * O(1).
 *
 * @throws as fixedWindow.
 */
export function tokenBucket(name: string, options: BucketOptions): Verdict {
  const { capacity, refillPerSecond } = options;
  checkInteger(capacity, 'capacity', 1);
  const cost = checkInteger(options.cost ?? 1, 'cost', 0, capacity);
  if (!(refillPerSecond > 0 && refillPerSecond < Infinity)) {
    throw new RangeError(
      `refillPerSecond must be a positive number, not ${String(refillPerSecond)}`,
    );
  }
  const key = keyPrefix(name, 'rt');
  const now = Date.now();
  const perMs = refillPerSecond / 1000;
  const passed = Math.max(now - (HTGetFloat64(key, 1) ?? now), 0);
  let tokens = Math.min((HTGetFloat64(key, 0) ?? capacity) + passed * perMs, capacity);
  const allowed = tokens + SLACK >= cost;
  if (allowed && cost > 0) {
    tokens = Math.max(tokens - cost, 0);
    write(key, [tokens, now], Math.ceil((capacity - tokens) / perMs));
  }
  return {
    allowed,
    limit: capacity,
    remaining: Math.floor(tokens + SLACK),
    resetMs: Math.ceil((capacity - tokens) / perMs),
    retryAfterMs: allowed ? 0 : Math.ceil((cost - tokens) / perMs),
  };
}

/** Forgets what happened under a name, of all kinds of limit. O(1). */
export function drop(name: string): boolean {
  for (const tag of ['rf', 'rs', 'rl', 'rt']) HTDelete(keyPrefix(name, tag));
  return true;
}

function windowOptions(
  options: WindowOptions,
  maxLimit?: number,
): {
  limit: number;
  windowMs: number;
  cost: number;
} {
  const limit = checkInteger(options.limit, 'limit', 1, maxLimit);
  const windowMs = checkInteger(options.windowMs, 'windowMs', 1);
  return { limit, windowMs, cost: checkInteger(options.cost ?? 1, 'cost', 0, limit) };
}

/** Milliseconds until what counts of two windows is down to `room`. */
function untilRoom(
  room: number,
  current: number,
  before: number,
  left: number,
  windowMs: number,
): number {
  // Within this window, the one before counts less and less; in the next one, this one does.
  if (current <= room) return Math.ceil(left - ((room - current) * windowMs) / before);
  return left + Math.ceil(windowMs - (room * windowMs) / current);
}

/** The times in a log that are after one, which come after all others in it. */
function timesAfter(key: string, limit: number): number[] {
  const times: number[] = [];
  const view = HTView(key);
  for (let at = 0; view !== undefined && at < view.byteLength; at += 8) {
    const time = view.getFloat64(at, true);
    if (time > limit) times.push(time);
  }
  return times;
}

/** Writes numbers over the value of a key, which expires so long from now. */
function write(key: string, numbers: readonly number[], ttl: number): void {
  numbers.forEach((number, i) => {
    scratch.setFloat64(8 * i, number, true);
  });
  HTSet(key, new DataView(scratch.buffer, 0, 8 * numbers.length), {
    ttl: Math.min(ttl, MAX_TTL),
  });
}
