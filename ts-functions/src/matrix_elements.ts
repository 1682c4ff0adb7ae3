// A matrix's elements: their types, and the loops over them where they lie in the store.
//
// Elements are little-endian, and rows one right after the other in blocks, each of which is a value.
import type { StoreView } from 'shredder:store';
import { checkText } from './checks.ts';

/** The types of elements, as of JavaScript's typed arrays. */
export type ElementType = 'float32' | 'float64' | 'int8' | 'uint8' | 'int32' | 'uint32';

/** A type's code in a header, its size in bytes and its range; integers alone have one. */
interface ElementKind {
  readonly code: number;
  readonly bytes: number;
  readonly min?: number;
  readonly max?: number;
}

// Codes are those of the loops below: do not renumber them.
const KINDS: Readonly<Record<ElementType, ElementKind>> = {
  float32: { code: 0, bytes: 4 },
  float64: { code: 1, bytes: 8 },
  int8: { code: 2, bytes: 1, min: -128, max: 127 },
  uint8: { code: 3, bytes: 1, min: 0, max: 255 },
  int32: { code: 4, bytes: 4, min: -(2 ** 31), max: 2 ** 31 - 1 },
  uint32: { code: 5, bytes: 4, min: 0, max: 2 ** 32 - 1 },
};

const TYPES = Object.keys(KINDS) as ElementType[];

export function typeOf(code: number | undefined): ElementType | undefined {
  return TYPES.find((type) => KINDS[type].code === code);
}

export function checkType(type: ElementType): ElementType {
  checkText(type, 'a type', 16);
  if (Object.hasOwn(KINDS, type)) return type;
  throw new RangeError(`a type must be one of ${TYPES.join(', ')}, not "${type}"`);
}

export const codeOf = (type: ElementType): number => KINDS[type].code;
export const bytesOf = (type: ElementType): number => KINDS[type].bytes;

/** A number that an element of this type can be; floats are rounded to what theirs has. */
export function checkElement(value: number, type: ElementType): number {
  const { min, max } = KINDS[type];
  const fits = min === undefined || max === undefined;
  if (fits || (Number.isInteger(value) && value >= min && value <= max)) return value;
  throw new RangeError(
    `an element of ${type} must be an integer from ${min} to ${max}, not ${value}`,
  );
}

/** The element at a byte of a view. */
export function elementAt(view: StoreView, code: number, at: number): number {
  if (code === 0) return view.getFloat32(at, true);
  if (code === 1) return view.getFloat64(at, true);
  if (code === 2) return view.getInt8(at);
  if (code === 3) return view.getUint8(at);
  return code === 4 ? view.getInt32(at, true) : view.getUint32(at, true);
}

/** Writes an element, which checkElement has passed, at a byte of a buffer. */
export function writeElement(into: DataView, code: number, at: number, value: number): void {
  if (code === 0) into.setFloat32(at, value, true);
  else if (code === 1) into.setFloat64(at, value, true);
  else if (code === 2) into.setInt8(at, value);
  else if (code === 3) into.setUint8(at, value);
  else if (code === 4) into.setInt32(at, value, true);
  else into.setUint32(at, value, true);
}

/** The sum of products of a row with a vector of its length. */
export function dotAt(view: StoreView, code: number, at: number, vector: Float64Array): number {
  const size = sizeOf(code);
  const { length } = vector;
  const whole = length & ~3;
  // Four sums, none of which waits for another one's addition.
  let [a, b, c, d] = [0, 0, 0, 0];
  let place = at;
  for (let i = 0; i < whole; i += 4) {
    a += elementAt(view, code, place) * vector[i]!;
    b += elementAt(view, code, place + size) * vector[i + 1]!;
    c += elementAt(view, code, place + 2 * size) * vector[i + 2]!;
    d += elementAt(view, code, place + 3 * size) * vector[i + 3]!;
    place += 4 * size;
  }
  for (let i = whole; i < length; i++, place += size) {
    a += elementAt(view, code, place) * vector[i]!;
  }
  return a + b + (c + d);
}

/** The squared distance of a row to a vector of its length. */
export function distanceAt(
  view: StoreView,
  code: number,
  at: number,
  vector: Float64Array,
): number {
  const size = sizeOf(code);
  const { length } = vector;
  let [even, odd] = [0, 0];
  let place = at;
  for (let i = 0; i + 1 < length; i += 2, place += 2 * size) {
    const first = elementAt(view, code, place) - vector[i]!;
    const second = elementAt(view, code, place + size) - vector[i + 1]!;
    even += first * first;
    odd += second * second;
  }
  if (length % 2 === 1) {
    const last = elementAt(view, code, place) - vector[length - 1]!;
    even += last * last;
  }
  return even + odd;
}

/** The sum of squares of so many elements. */
export function squaresAt(view: StoreView, code: number, at: number, length: number): number {
  const size = sizeOf(code);
  let [even, odd] = [0, 0];
  let place = at;
  for (let i = 0; i + 1 < length; i += 2, place += 2 * size) {
    const first = elementAt(view, code, place);
    const second = elementAt(view, code, place + size);
    even += first * first;
    odd += second * second;
  }
  if (length % 2 === 1) even += elementAt(view, code, place) ** 2;
  return even + odd;
}

/** Adds a multiple of a row to sums. */
export function addScaledAt(
  view: StoreView,
  code: number,
  at: number,
  factor: number,
  sums: Float64Array,
): void {
  const size = sizeOf(code);
  for (let i = 0, place = at; i < sums.length; i++, place += size) {
    sums[i] = sums[i]! + factor * elementAt(view, code, place);
  }
}

function sizeOf(code: number): number {
  return code === 1 ? 8 : code === 2 || code === 3 ? 1 : 4;
}
