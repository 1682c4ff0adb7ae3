// Whether two values are the same all the way down, as node:assert has it.

/** @param strict Compares with Object.is, and prototypes; else with ==. */
export function isDeepEqual(a: unknown, b: unknown, strict: boolean): boolean {
  return equal(a, b, strict, []);
}

type Pairs = readonly (readonly [object, object])[];

function equal(a: unknown, b: unknown, strict: boolean, above: Pairs): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    // biome-ignore lint/suspicious/noDoubleEquals: what the legacy mode is about.
    return !strict && (a == b || (Number.isNaN(a) && Number.isNaN(b)));
  }
  // What is being compared already is equal as far as its circle goes.
  if (above.some(([x, y]) => x === a && y === b)) return true;
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  const within: Pairs = [...above, [a, b]];
  const same = (x: unknown, y: unknown): boolean => equal(x, y, strict, within);
  if (a instanceof Date || a instanceof Number || a instanceof String || a instanceof Boolean) {
    if (!Object.is(a.valueOf(), b.valueOf())) return false;
  }
  if (a instanceof RegExp && String(a) !== String(b)) return false;
  if (a instanceof Error && b instanceof Error) {
    if (a.name !== b.name || a.message !== b.message) return false;
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => hasEntry(b, key, value, same));
  }
  if (a instanceof Set && b instanceof Set) {
    return (
      a.size === b.size &&
      [...a].every((each) => b.has(each) || [...b].some((other) => same(each, other)))
    );
  }
  return sameMembers(bytesIn(a), bytesIn(b), same);
}

function hasEntry(
  map: ReadonlyMap<unknown, unknown>,
  key: unknown,
  value: unknown,
  same: (x: unknown, y: unknown) => boolean,
): boolean {
  if (map.has(key)) return same(value, map.get(key));
  return [...map].some(([other, each]) => same(key, other) && same(value, each));
}

/** Memory's bytes are what it has for members. */
function bytesIn(value: object): object {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return value instanceof DataView
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : value;
}

function sameMembers(a: object, b: object, same: (x: unknown, y: unknown) => boolean): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
