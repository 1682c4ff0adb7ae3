// What the adapters in node/ call: request counts, sessions and other values that expire. Each is one call,
// and so atomic, however many keys it is about.
//
// Values and sessions are at plain keys, which any client reads; walks over them take several calls.
import { HTDelete, HTHas, HTScan, type Key } from 'shredder:store';
import { integerAt, stringAt } from 'shredder-functions/arguments';
import * as json from 'shredder-functions/json';
import { drop, fixedWindow, giveBack } from 'shredder-functions/ratelimit';
import * as text from 'shredder-functions/text';

/** Longest time that a key is kept, in milliseconds: 100 years. */
const MAX_TTL_MS = 100 * 366 * 86_400_000;

/** A call of a walk goes on until it has found so many keys, or has looked at so many parts of the table. */
const MAX_FOUND = 1000;
const MAX_STEPS = 1000;

/** A walk's next cursor, which is '0' at its end, and what this call has found. */
type Walk<T> = [cursor: string, found: T];

/** `FCALL countHit 1 client windowMs`: how many hits its window has with this one, and when it ends. */
export function countHit(keys: string[], args: string[]): [hits: number, resetMs: number] {
  return window(keys, args, 1);
}

/** `FCALL_RO readHits 1 client windowMs`: the same, without a hit; [0, 0] where there is no window. */
export function readHits(keys: string[], args: string[]): [hits: number, resetMs: number] {
  return window(keys, args, 0);
}
readHits.flags = ['no-writes'];

function window(keys: string[], args: string[], cost: number): [hits: number, resetMs: number] {
  // Whether there are too many is for the middleware to say: it counts the hits that it refuses.
  const limit = Number.MAX_SAFE_INTEGER;
  const windowMs = integerAt(args, 0, 'windowMs', 1, MAX_TTL_MS);
  const { remaining, resetMs } = fixedWindow(stringAt(keys, 0, 'client'), {
    limit,
    windowMs,
    cost,
  });
  return [limit - remaining, resetMs];
}

/** `FCALL takeBackHit 1 client`: how many hits are left in the window. */
export function takeBackHit(keys: string[]): number {
  return giveBack(stringAt(keys, 0, 'client'));
}

/** `FCALL resetHits n client...`: forgets all hits of clients. */
export function resetHits(keys: string[]): void {
  for (const client of keys) drop(client);
}

/** `FCALL resetAllHits 0 prefix cursor`: those of all clients whose names begin so, as a walk. */
export function resetAllHits(_keys: string[], args: string[]): Walk<number> {
  const prefix = stringAt(args, 0, 'prefix').replaceAll('%', '%25').replaceAll('|', '%7C');
  let removed = 0;
  // A limit's key is its name, escaped, a bar and what kind it is of.
  const cursor = walk(args, `${literally(prefix)}*|rf`, (key) => {
    const [name = ''] = String(key).split('|');
    drop(name.replaceAll('%7C', '|').replaceAll('%25', '%'));
    removed++;
  });
  return [cursor, removed];
}

/** `FCALL setValues n key... ttlMs value ttlMs value...`: all or none; a ttl of 0 is for ever. */
export function setValues(keys: string[], args: string[]): void {
  keys.forEach((key, i) => {
    const ttl = integerAt(args, 2 * i, 'ttlMs', 0, MAX_TTL_MS);
    text.set(key, stringAt(args, 2 * i + 1, 'value'), { ttl: ttl === 0 ? Infinity : ttl });
  });
}

/** `FCALL_RO getValues n key...`: null for those that are not there. */
export function getValues(keys: string[]): (string | null)[] {
  return keys.map((key) => text.get(key) ?? null);
}
getValues.flags = ['no-writes'];

/** `FCALL_RO hasValues n key...`: 1 or 0 for each. */
export function hasValues(keys: string[]): number[] {
  return keys.map((key) => Number(HTHas(key)));
}
hasValues.flags = ['no-writes'];

/** `FCALL deleteValues n key...`: how many were there. */
export function deleteValues(keys: string[]): number {
  return keys.filter((key) => HTDelete(key)).length;
}

/** `FCALL_RO listKeys 0 prefix cursor`: keys that begin so, as a walk. One may come twice. */
export function listKeys(_keys: string[], args: string[]): Walk<string[]> {
  const found: string[] = [];
  const cursor = walk(args, `${literally(stringAt(args, 0, 'prefix'))}*`, (key) => {
    if (typeof key !== 'object') found.push(String(key));
  });
  return [cursor, found];
}
listKeys.flags = ['no-writes'];

/** `FCALL clearValues 0 prefix cursor`: deletes the keys that begin so, as a walk. */
export function clearValues(_keys: string[], args: string[]): Walk<number> {
  let removed = 0;
  const cursor = walk(args, `${literally(stringAt(args, 0, 'prefix'))}*`, (key) => {
    if (HTDelete(key)) removed++;
  });
  return [cursor, removed];
}

/** `FCALL touchSession 1 session ttlMs cookie`: renews cookie and expiry; 0 where there is no session. */
export function touchSession(keys: string[], args: string[]): number {
  const key = stringAt(keys, 0, 'session');
  const ttl = integerAt(args, 0, 'ttlMs', 1, MAX_TTL_MS);
  // One that was destroyed meanwhile stays so.
  if (!HTHas(key)) return 0;
  json.setAt(key, ['cookie'], JSON.parse(stringAt(args, 1, 'cookie')), { ttl });
  return 1;
}

/** Goes on from the cursor in `args`, for as long as a call may; gives the next one. */
function walk(args: string[], pattern: string, visit: (key: Key) => void): string {
  const step: Key[] = [];
  let cursor = integerAt(args, 1, 'cursor', 0, Number.MAX_SAFE_INTEGER);
  let found = 0;
  for (let i = 0; i < MAX_STEPS && found < MAX_FOUND; i++) {
    cursor = HTScan(cursor, step, pattern);
    step.forEach(visit);
    found += step.length;
    if (cursor === 0) break;
  }
  return String(cursor);
}

/** A pattern that matches a text and nothing else. */
function literally(prefix: string): string {
  return prefix.replace(/[\\*?[\]^-]/g, '\\$&');
}
