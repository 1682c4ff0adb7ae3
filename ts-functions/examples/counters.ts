// Counters: values in decimal text, which Redis's GET and INCRBY work on as well. Those that belong
// together have a prefix in common, and a scan finds them.
import { HTAdd, HTDelete, HTScan, HTView, type Key } from 'shredder:store';
import { integerAt, stringAt } from 'shredder-functions/arguments';

const MAX_TOP = 1000;

/** `FCALL increment 1 counter amount`: the counter's new value. */
export function increment(keys: string[], args: string[]): number {
  const { MIN_SAFE_INTEGER, MAX_SAFE_INTEGER } = Number;
  return HTAdd(
    stringAt(keys, 0, 'counter'),
    integerAt(args, 0, 'amount', MIN_SAFE_INTEGER, MAX_SAFE_INTEGER),
  );
}
increment.description = 'Adds to a counter: keys = [counter], args = [amount]';

/** `FCALL_RO sumCounters 0 prefix`: the sum of the counters with the prefix. */
export function sumCounters(_keys: string[], args: string[]): number {
  let sum = 0;
  for (const key of keysWith(stringAt(args, 0, 'prefix'))) sum += countAt(key);
  return sum;
}
sumCounters.flags = ['no-writes'];
sumCounters.description = 'The sum of counters: args = [prefix]';

/** `FCALL_RO topCounters 0 prefix n`: the n largest counters with the prefix, as [key, count]. */
export function topCounters(_keys: string[], args: string[]): [key: string, count: number][] {
  const prefix = stringAt(args, 0, 'prefix');
  const n = integerAt(args, 1, 'n', 1, MAX_TOP);
  return keysWith(prefix)
    .map((key): [string, number] => [String(key), countAt(key)])
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, n);
}
topCounters.flags = ['no-writes'];
topCounters.description = 'The largest counters: args = [prefix, n]';

/** `FCALL dropCounters 0 prefix`: deletes the counters with the prefix; how many there were. */
export function dropCounters(_keys: string[], args: string[]): number {
  const found = keysWith(stringAt(args, 0, 'prefix'));
  for (const key of found) HTDelete(key);
  return found.length;
}
dropCounters.description = 'Deletes counters: args = [prefix]';

/** The keys with a prefix: each once, for nothing is written meanwhile. */
function keysWith(prefix: string): Key[] {
  const found: Key[] = [];
  const step: Key[] = [];
  let cursor = 0;
  do {
    cursor = HTScan(cursor, step);
    for (const key of step) if (String(key).startsWith(prefix)) found.push(key);
  } while (cursor !== 0);
  return found;
}

/** The number at a key that is there, read where its digits lie. */
function countAt(key: Key): number {
  const text = HTView(key)!;
  const negative = text.byteLength > 0 && text.getUint8(0) === 0x2d;
  const first = negative ? 1 : 0;
  let value = 0;
  for (let i = first; i < text.byteLength; i++) {
    const digit = text.getUint8(i) - 0x30;
    if (digit < 0 || digit > 9) throw new RangeError(`the value of "${key}" is no counter`);
    value = value * 10 + digit;
  }
  if (text.byteLength === first) throw new RangeError(`the value of "${key}" is no counter`);
  return negative ? -value : value;
}
