// The loops over a matrix's rows where they lie in the store.
//
// Each takes the row at a byte of a view, and a vector of its length. Rows of floats, of which embeddings
// and weights are, have loops of their own, without a question about the type for each element: they take
// less than half the time. Several sums do not wait for each other's additions.
import type { StoreView } from 'shredder:store';
import { elementAt } from './matrix_elements.ts';

const FLOAT32 = 0;
const FLOAT64 = 1;

/** The sum of products of a row with a vector. */
export function dotAt(view: StoreView, code: number, at: number, vector: Float64Array): number {
  if (code === FLOAT32) return dotFloat32(view, at, vector);
  if (code === FLOAT64) return dotFloat64(view, at, vector);
  const size = sizeOf(code);
  let sum = 0;
  for (let i = 0; i < vector.length; i++) {
    sum += elementAt(view, code, at + i * size) * vector[i]!;
  }
  return sum;
}

/** The squared distance of a row to a vector. */
export function distanceAt(
  view: StoreView,
  code: number,
  at: number,
  vector: Float64Array,
): number {
  if (code === FLOAT32) return distanceFloat32(view, at, vector);
  if (code === FLOAT64) return distanceFloat64(view, at, vector);
  const size = sizeOf(code);
  let sum = 0;
  for (let i = 0; i < vector.length; i++) {
    const difference = elementAt(view, code, at + i * size) - vector[i]!;
    sum += difference * difference;
  }
  return sum;
}

/** The sum of squares of a row of so many elements. */
export function squaresAt(view: StoreView, code: number, at: number, length: number): number {
  if (code === FLOAT32) return squaresFloat32(view, at, length);
  if (code === FLOAT64) return squaresFloat64(view, at, length);
  const size = sizeOf(code);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const value = elementAt(view, code, at + i * size);
    sum += value * value;
  }
  return sum;
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

function dotFloat32(view: StoreView, at: number, vector: Float64Array): number {
  const whole = vector.length & ~3;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < whole; i += 4) {
    const place = at + 4 * i;
    a += view.getFloat32(place, true) * vector[i]!;
    b += view.getFloat32(place + 4, true) * vector[i + 1]!;
    c += view.getFloat32(place + 8, true) * vector[i + 2]!;
    d += view.getFloat32(place + 12, true) * vector[i + 3]!;
  }
  for (let i = whole; i < vector.length; i++) {
    a += view.getFloat32(at + 4 * i, true) * vector[i]!;
  }
  return a + b + (c + d);
}

function distanceFloat32(view: StoreView, at: number, vector: Float64Array): number {
  const whole = vector.length & ~1;
  let even = 0;
  let odd = 0;
  for (let i = 0; i < whole; i += 2) {
    const place = at + 4 * i;
    const first = view.getFloat32(place, true) - vector[i]!;
    const second = view.getFloat32(place + 4, true) - vector[i + 1]!;
    even += first * first;
    odd += second * second;
  }
  if (whole < vector.length) {
    even += (view.getFloat32(at + 4 * whole, true) - vector[whole]!) ** 2;
  }
  return even + odd;
}

function squaresFloat32(view: StoreView, at: number, length: number): number {
  const whole = length & ~1;
  let even = 0;
  let odd = 0;
  for (let i = 0; i < whole; i += 2) {
    const place = at + 4 * i;
    const first = view.getFloat32(place, true);
    const second = view.getFloat32(place + 4, true);
    even += first * first;
    odd += second * second;
  }
  if (whole < length) even += view.getFloat32(at + 4 * whole, true) ** 2;
  return even + odd;
}

function dotFloat64(view: StoreView, at: number, vector: Float64Array): number {
  const whole = vector.length & ~3;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < whole; i += 4) {
    const place = at + 8 * i;
    a += view.getFloat64(place, true) * vector[i]!;
    b += view.getFloat64(place + 8, true) * vector[i + 1]!;
    c += view.getFloat64(place + 16, true) * vector[i + 2]!;
    d += view.getFloat64(place + 24, true) * vector[i + 3]!;
  }
  for (let i = whole; i < vector.length; i++) {
    a += view.getFloat64(at + 8 * i, true) * vector[i]!;
  }
  return a + b + (c + d);
}

function distanceFloat64(view: StoreView, at: number, vector: Float64Array): number {
  const whole = vector.length & ~1;
  let even = 0;
  let odd = 0;
  for (let i = 0; i < whole; i += 2) {
    const place = at + 8 * i;
    const first = view.getFloat64(place, true) - vector[i]!;
    const second = view.getFloat64(place + 8, true) - vector[i + 1]!;
    even += first * first;
    odd += second * second;
  }
  if (whole < vector.length) {
    even += (view.getFloat64(at + 8 * whole, true) - vector[whole]!) ** 2;
  }
  return even + odd;
}

function squaresFloat64(view: StoreView, at: number, length: number): number {
  const whole = length & ~1;
  let even = 0;
  let odd = 0;
  for (let i = 0; i < whole; i += 2) {
    const place = at + 8 * i;
    const first = view.getFloat64(place, true);
    const second = view.getFloat64(place + 8, true);
    even += first * first;
    odd += second * second;
  }
  if (whole < length) even += view.getFloat64(at + 8 * whole, true) ** 2;
  return even + odd;
}
