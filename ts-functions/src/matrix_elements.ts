// A matrix's elements: their types, and how one is read and written, little-endian.
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

// Codes are those of the loops over rows (matrix_kernels.ts): do not renumber them.
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
