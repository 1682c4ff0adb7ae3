// Arguments of FCALL arrive as strings; these read them, and say which one was wrong.

/**
 * The string at `index` of a function's keys or arguments.
 *
 * @param what Its name in the error.
 */
export function stringAt(values: readonly string[], index: number, what: string): string {
  const text = values[index];
  if (text === undefined) throw new RangeError(`${what} is missing`);
  return text;
}

/** The integer at `index`, in canonical decimal form, from `min` to `max`. */
export function integerAt(
  values: readonly string[],
  index: number,
  what: string,
  min: number,
  max: number,
): number {
  const text = stringAt(values, index, what);
  const value = Number(text);
  if (!Number.isInteger(value) || String(value) !== text || value < min || value > max) {
    throw new RangeError(`${what} must be an integer from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

/** The finite number at `index`, in decimal form. */
export function numberAt(values: readonly string[], index: number, what: string): number {
  const text = stringAt(values, index, what);
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new RangeError(`${what} must be a number, not "${text}"`);
  }
  return value;
}
