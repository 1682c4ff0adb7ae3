// Queues: messages that consumers take for a time, and acknowledge when they are done. What is not
// acknowledged in that time is given out again, so each message is worked on at least once.
//
// A message that may be given out now is `ready`.
import type { StoredValue } from 'shredder:store';
import { checkInteger, checkLimit } from './checks.ts';
import { Messages, newNonce, receiptOf, receivedBy, type State } from './queue_message.ts';
import type { TreeEntry } from './tree.ts';
import type { Form, Formed } from './values.ts';

export type { Form, Formed } from './values.ts';

/** A message as a consumer gets it. */
export interface Message<F extends Form = 'text'> {
  readonly id: string;
  readonly body: Formed<F>;
  /** For acknowledge, release and extend: of no use once the message was given out again. */
  readonly receipt: string;
  /** How often it has been given out: 1 the first time. */
  readonly attempts: number;
  /** Unix ms. */
  readonly enqueuedAt: number;
}

/** A message that was given out as often as it may be. */
export interface DeadLetter<F extends Form = 'text'> {
  readonly id: string;
  readonly body: Formed<F>;
  readonly attempts: number;
  /** Unix ms. */
  readonly enqueuedAt: number;
  /** Since when it is one, in Unix ms. */
  readonly deadAt: number;
}

/** How a poll takes messages. */
export interface PollOptions<F extends Form = 'text'> {
  /**
   * What was given out so often, and is ready again, becomes a dead letter instead: an integer from 1 on.
   * Absent: never.
   */
  maxAttempts?: number | undefined;
  /** What bodies are read as. Absent: text. */
  as?: F | undefined;
}

/** How many messages there are of each kind. */
export interface Counts {
  readonly ready: number;
  /** Not to be given out yet. */
  readonly delayed: number;
  /** Given out, neither acknowledged nor ready again. */
  readonly inFlight: number;
  readonly dead: number;
}

const MAX_POLL = 1000;
/** A poll that has made more dead letters than this looks for no more messages. */
const MAX_DYING = 100;
/** Longest time, about 140,000 years: with the time now, it is still a safe integer. */
const MAX_MS = 2 ** 52;

/**
 * Puts a message in. O(log n).
 *
 * @param options `delayMs`: it is ready so many milliseconds from now, an integer from 0 on.
 * @returns its id, of which a queue has no other while it has messages.
 * @throws RangeError or TypeError for other delays; what HTSet throws.
 */
export function enqueue(
  name: string,
  body: StoredValue,
  options: { delayMs?: number | undefined } = {},
): string {
  const delayMs = checkInteger(options.delayMs ?? 0, 'delayMs', 0, MAX_MS);
  const now = Date.now();
  return new Messages(name).add(body, now + delayMs, now);
}

/**
 * Takes messages that are ready: first those that were not acknowledged in time, the longest overdue
 * before others; then those that wait, the longest ready first, and of one millisecond in the order in
 * which they came. O(log n) for each.
 *
 *     const messages = poll('mails', 10, 30_000, { maxAttempts: 5 });
 *
 * @param count At most so many: 1 to 1,000.
 * @param visibilityMs How long nobody else gets them: an integer from 1 on.
 * @throws RangeError or TypeError for other numbers; what HTSet throws for quota and flags.
 */
export function poll<F extends Form = 'text'>(
  name: string,
  count: number,
  visibilityMs: number,
  options: PollOptions<F> = {},
): Message<F>[] {
  checkInteger(count, 'count', 1, MAX_POLL);
  checkInteger(visibilityMs, 'visibilityMs', 1, MAX_MS);
  const { maxAttempts = Infinity, as = 'text' as F } = options;
  if (maxAttempts !== Infinity) checkInteger(maxAttempts, 'maxAttempts', 1);
  const messages = new Messages(name);
  const now = Date.now();
  const taken: Message<F>[] = [];
  let dying = 0;
  while (taken.length < count && dying <= MAX_DYING) {
    const ready = readyOf(messages, now, count - taken.length);
    if (ready.length === 0) break;
    for (const { text: id } of ready) {
      const state = messages.state(id);
      const body = messages.body(id, as);
      if (state === undefined || body === undefined) throw damaged(name, id);
      const attempts = state.attempts + 1;
      if (attempts > maxAttempts) {
        messages.move(id, state, { ...state, place: 'dead', time: now, nonce: 0 });
        dying++;
        continue;
      }
      const time = now + visibilityMs;
      const given: State = { ...state, place: 'inFlight', time, attempts, nonce: newNonce() };
      messages.move(id, state, given);
      const { enqueuedAt } = state;
      taken.push({ id, body, receipt: receiptOf(id, given), attempts, enqueuedAt });
    }
  }
  return taken;
}

/**
 * Ends a message: its work is done. O(log n).
 *
 * @returns whether it did: not where the message was given out again, released, or ended before. One that
 *     is overdue, and nobody else has, may still be ended.
 */
export function acknowledge(name: string, receipt: string): boolean {
  const messages = new Messages(name);
  const received = receivedBy(messages, receipt);
  if (received === undefined) return false;
  messages.remove(received.id, received.state);
  return true;
}

/**
 * Gives a message back, for somebody else to get. O(log n).
 *
 * @param delayMs It is ready so many milliseconds from now: an integer from 0 on.
 * @returns whether it did, as of acknowledge.
 */
export function release(name: string, receipt: string, delayMs = 0): boolean {
  checkInteger(delayMs, 'delayMs', 0, MAX_MS);
  const messages = new Messages(name);
  const received = receivedBy(messages, receipt);
  if (received === undefined) return false;
  const { id, state } = received;
  messages.move(id, state, { ...state, place: 'waiting', time: Date.now() + delayMs, nonce: 0 });
  return true;
}

/**
 * Keeps a message for longer: `visibilityMs` from now on. O(log n). Its receipt stays valid.
 *
 * @returns whether it did, as of acknowledge.
 */
export function extend(name: string, receipt: string, visibilityMs: number): boolean {
  checkInteger(visibilityMs, 'visibilityMs', 1, MAX_MS);
  const messages = new Messages(name);
  const received = receivedBy(messages, receipt);
  if (received === undefined) return false;
  const { id, state } = received;
  messages.move(id, state, { ...state, time: Date.now() + visibilityMs });
  return true;
}

/** How many messages there are. O(log n). */
export function counts(name: string): Counts {
  const { waiting, inFlight, dead } = new Messages(name);
  const now = Date.now();
  const due = waiting.rankAfter(now);
  const overdue = inFlight.rankAfter(now);
  return {
    ready: due + overdue,
    delayed: waiting.size - due,
    inFlight: inFlight.size - overdue,
    dead: dead.size,
  };
}

/**
 * Milliseconds until a message is ready, if nothing else happens: 0 where one is, undefined where there
 * is none to wait for. O(log n).
 */
export function readyInMs(name: string): number | undefined {
  const { waiting, inFlight } = new Messages(name);
  const next = Math.min(waiting.first()?.order ?? Infinity, inFlight.first()?.order ?? Infinity);
  return next === Infinity ? undefined : Math.max(next - Date.now(), 0);
}

/** Dead letters from `start` to before `end`, as of Array's slice; the first to die first. */
export function deadLetters<F extends Form = 'text'>(
  name: string,
  start = 0,
  end = MAX_POLL,
  as: F = 'text' as F,
): DeadLetter<F>[] {
  checkInteger(start, 'start', 0);
  checkInteger(end, 'end', 0);
  const messages = new Messages(name);
  return messages.dead.slice(start, end).map(({ order: deadAt, text: id }) => {
    const state = messages.state(id);
    const body = messages.body(id, as);
    if (state === undefined || body === undefined) throw damaged(name, id);
    return { id, body, attempts: state.attempts, enqueuedAt: state.enqueuedAt, deadAt };
  });
}

/**
 * Makes dead letters ready again, as if they had never been given out. O(log n) for each.
 *
 * @param max At most so many, the first to die first: 1 to 1,000.
 * @returns how many.
 */
export function revive(name: string, max = MAX_POLL): number {
  checkInteger(max, 'max', 1, MAX_POLL);
  const messages = new Messages(name);
  return eachOf(messages, name, messages.dead.slice(0, max), (id, state) => {
    messages.move(id, state, {
      ...state,
      place: 'waiting',
      time: Date.now(),
      attempts: 0,
      nonce: 0,
    });
  });
}

/** Deletes dead letters, as many as revive would make ready. @returns how many. */
export function deleteDead(name: string, max = MAX_POLL): number {
  checkInteger(max, 'max', 1, MAX_POLL);
  const messages = new Messages(name);
  return eachOf(messages, name, messages.dead.slice(0, max), (id, state) => {
    messages.remove(id, state);
  });
}

/**
 * Removes a queue. O(n log n).
 *
 * @param max At most so many messages, for one that a single call has no time for.
 * @returns whether nothing is left of it.
 */
export function drop(name: string, max = Infinity): boolean {
  checkLimit(max, 'max');
  const messages = new Messages(name);
  let left = max;
  for (const tree of [messages.waiting, messages.inFlight, messages.dead]) {
    left -= eachOf(messages, name, tree.slice(0, left), (id, state) => messages.remove(id, state));
  }
  return messages.size === 0;
}

function readyOf(messages: Messages, now: number, max: number): TreeEntry[] {
  const overdue = messages.inFlight.slice(0, Math.min(messages.inFlight.rankAfter(now), max));
  const due = messages.waiting.rankAfter(now);
  return [...overdue, ...messages.waiting.slice(0, Math.min(due, max - overdue.length))];
}

function eachOf(
  messages: Messages,
  name: string,
  entries: readonly TreeEntry[],
  visit: (id: string, state: State) => void,
): number {
  for (const { text: id } of entries) {
    const state = messages.state(id);
    if (state === undefined) throw damaged(name, id);
    visit(id, state);
  }
  return entries.length;
}

function damaged(name: string, id: string): RangeError {
  return new RangeError(
    `queue "${name}" has no message ${id} left: write a collection's keys by its module only`,
  );
}
