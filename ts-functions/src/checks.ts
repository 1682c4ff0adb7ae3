// What the modules of the library make of numbers and texts that come from outside: one line that says
// what was wrong, and with what.

/** An argument as an error shows it: a number's digits, a short text, or what else it is. */
function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value.length > 40 ? 'a longer string' : `"${value}"`;
  return value === null ? 'null' : typeof value;
}

/** An integer from `min` to `max`. */
export function checkInteger(
  value: number,
  what: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number')
    throw new TypeError(`${what} must be a number, not ${shown(value)}`);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`${what} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** A number that is neither NaN nor infinite; -0 becomes 0. */
export function checkFinite(value: number, what: string): number {
  if (typeof value !== 'number')
    throw new TypeError(`${what} must be a number, not ${shown(value)}`);
  if (!Number.isFinite(value)) throw new RangeError(`${what} must be finite, not ${value}`);
  return value + 0;
}

/** A text of at most `max` characters, counted in UTF-16 units as `length` does. */
export function checkText(value: string, what: string, max: number): string {
  if (typeof value !== 'string')
    throw new TypeError(`${what} must be a string, not ${shown(value)}`);
  if (value.length > max) {
    throw new RangeError(`${what} has at most ${max} characters, not ${value.length}: shorten it`);
  }
  return value;
}

/**
 * The places that `start` and `end` mean in something of `size` elements, as Array's slice counts: a
 * negative one from the end, and `end` itself left out. `to` is never before `from`.
 */
export function sliceOf(size: number, start: number, end: number): { from: number; to: number } {
  const from = place(size, start, 'start');
  return { from, to: Math.max(from, place(size, end, 'end')) };
}

function place(size: number, value: number, what: string): number {
  if (value === Infinity) return size;
  checkInteger(value, what, Number.MIN_SAFE_INTEGER);
  return value < 0 ? Math.max(size + value, 0) : Math.min(value, size);
}

/** How many at most: an integer from 0 on, or Infinity. */
export function checkLimit(value: number, what: string): number {
  return value === Infinity ? value : checkInteger(value, what, 0);
}
