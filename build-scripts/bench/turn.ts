/** Calls one behind the other: what the last one answered, or all together, and what each took on average. */
export interface Timed<T> {
  answer: T;
  us: number;
}

/**
 * A turn is so long, of calls one behind the other, that what the other cases have left in the caches, and how long
 * the processor was idle, decides nothing; a single call where that takes as long.
 */
const TURN_US = 20_000;
const MAX_CALLS = 500;
/** What takes so long is not asked a second time for the one that counts. */
const SLOW_US = 1_000_000;

/** A call that does not count, but where it is slow; then as many as a turn has. All have one pace: none waits. */
export async function takeTurn<T>(ask: (calls: number) => Promise<Timed<T>>): Promise<Timed<T>> {
  const first = await ask(1);
  if (first.us >= SLOW_US) return first;
  return await ask(Math.min(MAX_CALLS, Math.max(1, Math.round(TURN_US / first.us))));
}
