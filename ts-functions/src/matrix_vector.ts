// Vectors that a matrix is computed with, and what looks like one: a row or a column where it lies.
import { checkElement, type ElementType } from './matrix_elements.ts';

/** A row or a column of a matrix where it lies: valid until the invocation ends, and as of when it was made. */
export interface MatrixView extends Iterable<number> {
  readonly length: number;
  /** An element, counted from 0. Throws a RangeError where there is none. */
  at(index: number): number;
  /** A copy. */
  toArray(): Float64Array;
}

/** Numbers to compute with: an array, a typed array, or a row or column of a matrix. */
export type Vector = ArrayLike<number> | MatrixView;

/** A view of so many elements, each of which `read` gives. */
export function viewOf(length: number, read: (index: number) => number): MatrixView {
  return {
    length,
    at(index) {
      if (Number.isInteger(index) && index >= 0 && index < length) return read(index);
      throw new RangeError(`there are ${length} elements, and none at ${String(index)}`);
    },
    toArray() {
      const copy = new Float64Array(length);
      for (let i = 0; i < length; i++) copy[i] = read(i);
      return copy;
    },
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield read(i);
    },
  };
}

/** A vector's numbers, which are as many as they must be: a copy, unless they are float64 already. */
export function numbersOf(vector: Vector, length = lengthOf(vector)): Float64Array {
  if (lengthOf(vector) !== length) {
    throw new RangeError(`a vector must have ${length} elements, not ${lengthOf(vector)}`);
  }
  if (vector instanceof Float64Array) return vector;
  if (isMatrixView(vector)) return vector.toArray();
  const copy = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const value: unknown = vector[i];
    if (typeof value !== 'number') throw new TypeError(`element ${i} of a vector must be a number`);
    copy[i] = value;
  }
  return copy;
}

/** As numbersOf, of numbers that elements of a type can be. */
export function elementsOf(vector: Vector, length: number, type: ElementType): Float64Array {
  const numbers = numbersOf(vector, length);
  for (let i = 0; i < length; i++) checkElement(numbers[i]!, type);
  return numbers;
}

/** The sum of products. */
export function dotOf(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** A cosine, of a sum of products and both sums of squares; 0 where one of these is. */
export function cosineOf(product: number, squaresA: number, squaresB: number): number {
  if (squaresA === 0 || squaresB === 0) return 0;
  const cosine = product / Math.sqrt(squaresA) / Math.sqrt(squaresB);
  // What rounding adds beyond is not to be seen. NaN stays.
  return Math.max(-1, Math.min(1, cosine));
}

function lengthOf(vector: Vector): number {
  const length: unknown = typeof vector === 'object' && vector !== null ? vector.length : undefined;
  if (typeof length === 'number' && Number.isSafeInteger(length) && length >= 0) return length;
  throw new TypeError('a vector must be an array of numbers, or a row or column of a matrix');
}

function isMatrixView(vector: Vector): vector is MatrixView {
  return 'toArray' in vector;
}

/** The best of what is offered, so many at most. Where scores are equal, what came first is the better. */
export class Best {
  /** A heap by score, whose first is the worst. */
  private readonly heap: { row: number; score: number }[] = [];

  constructor(private readonly count: number) {}

  /** Rows come in ascending order. A score that is NaN is none. O(log count), mostly O(1). */
  offer(row: number, score: number): void {
    const { heap, count } = this;
    if (Number.isNaN(score)) return;
    if (heap.length < count) {
      heap.push({ row, score });
      this.rise(heap.length - 1);
    } else if (score > heap[0]!.score) {
      heap[0] = { row, score };
      this.sink();
    }
  }

  /** The best first. */
  ranked(): { row: number; score: number }[] {
    return [...this.heap].sort((a, b) => b.score - a.score || a.row - b.row);
  }

  private isWorse(a: number, b: number): boolean {
    const [first, second] = [this.heap[a]!, this.heap[b]!];
    if (first.score !== second.score) return first.score < second.score;
    return first.row > second.row;
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  }

  private rise(place: number): void {
    for (let at = place; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.isWorse(at, above)) return;
      this.swap(at, above);
      at = above;
    }
  }

  private sink(): void {
    for (let at = 0; ; ) {
      let worst = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < this.heap.length && this.isWorse(below, worst)) worst = below;
      }
      if (worst === at) return;
      this.swap(at, worst);
      at = worst;
    }
  }
}
