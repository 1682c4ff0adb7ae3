// Locks with an owner and an end: for work that one of many clients may do at a time, outside the store.
// (Inside, an invocation is alone with the data as it is.)
import { HTAdd, HTDelete, HTExpire, HTGetString, HTSet, HTTtl } from 'shredder:store';
import { checkInteger, checkText } from './checks.ts';
import { keyPrefix } from './collection.ts';

/** A lock that is held. */
export interface Held {
  readonly owner: string;
  /**
   * Greater than that of every holder before. A resource that remembers the greatest that it has seen,
   * and refuses smaller ones, is safe from a holder who has not noticed that its time was over.
   */
  readonly fence: number;
  /** Milliseconds until the lock is free by itself. */
  readonly expiresInMs: number;
}

const MAX_OWNER_LENGTH = 1024;

const holderKey = (name: string): string => keyPrefix(name, 'kh');
/** A counter that stays when the lock is free, so that fences grow. */
const fenceKey = (name: string): string => keyPrefix(name, 'kf');

/**
 * Takes a lock that is free. O(1).
 *
 * The owner who holds it already gets it again, with the same fence and the new time: so a client whose
 * connection broke can ask once more.
 *
 * @param owner Names one holder and no other: a random text that the client made.
 * @param ttlMs How long the lock is held at most: an integer from 1 on.
 * @returns undefined where another owner holds it.
 * @throws TypeError or RangeError for an owner that is no text of 1 to 1,024 characters, and for other
 *     times; what HTSet throws for quota and flags.
 */
export function acquire(name: string, owner: string, ttlMs: number): Held | undefined {
  checkOwner(owner);
  checkInteger(ttlMs, 'ttlMs', 1);
  const held = holder(name);
  if (held !== undefined && held.owner !== owner) return undefined;
  const fence = held?.fence ?? HTAdd(fenceKey(name), 1);
  HTSet(holderKey(name), `${fence} ${owner}`, { ttl: ttlMs });
  return { owner, fence, expiresInMs: ttlMs };
}

/**
 * Holds a lock for longer: `ttlMs` from now on. O(1).
 *
 * @returns whether the owner held it, and holds it.
 */
export function extend(name: string, owner: string, ttlMs: number): boolean {
  checkOwner(owner);
  checkInteger(ttlMs, 'ttlMs', 1);
  return holder(name)?.owner === owner && HTExpire(holderKey(name), ttlMs);
}

/** Frees a lock. O(1). @returns whether the owner held it. */
export function release(name: string, owner: string): boolean {
  checkOwner(owner);
  return holder(name)?.owner === owner && HTDelete(holderKey(name));
}

/** Who holds a lock; undefined where it is free. O(1). */
export function holder(name: string): Held | undefined {
  const key = holderKey(name);
  const text = HTGetString(key);
  if (text === undefined) return undefined;
  const end = text.indexOf(' ');
  return {
    owner: text.slice(end + 1),
    fence: Number(text.slice(0, end)),
    expiresInMs: HTTtl(key) ?? 0,
  };
}

/** Whether a lock is held with this fence. O(1). */
export function isCurrent(name: string, fence: number): boolean {
  return holder(name)?.fence === fence;
}

/** Frees a lock, whoever holds it, and forgets its fences: they begin anew. O(1). */
export function drop(name: string): boolean {
  HTDelete(holderKey(name));
  HTDelete(fenceKey(name));
  return true;
}

function checkOwner(owner: string): void {
  checkText(owner, 'an owner', MAX_OWNER_LENGTH);
  if (owner === '')
    throw new RangeError('an owner must have a character at least: make a random one');
  // With the flag u, a surrogate of a pair is none. One alone would come back as another character.
  if (/[\ud800-\udfff]/u.test(owner)) throw new TypeError('an owner must have no lone surrogate');
}
