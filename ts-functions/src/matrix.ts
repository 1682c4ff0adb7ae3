// Matrices of numbers of one type: rows and columns read where they lie, products, and the rows that are
// nearest to a vector.
//
// A header has type and shape; rows are in blocks of about 16 KiB (matrix_blocks.ts), so that one that
// changes moves no more than its block, and a product reads a value after the other.
import { HTDelete, HTHas } from 'shredder:store';
import { checkInteger } from './checks.ts';
import {
  appendRow,
  blockCount,
  blockKey,
  blocksOf,
  checkPlace,
  createBlocks,
  eachRow,
  headerKey,
  layOut,
  locate,
  overwrite,
  readLayout,
  writeHeader,
  type Layout,
  type Shape,
} from './matrix_blocks.ts';
import { checkType, elementAt, type ElementType } from './matrix_elements.ts';
import { addScaledAt, distanceAt, dotAt, squaresAt } from './matrix_kernels.ts';
import {
  Best,
  cosineOf,
  dotOf,
  elementsOf,
  numbersOf,
  viewOf,
  type MatrixView,
  type Vector,
} from './matrix_vector.ts';

export type { Shape } from './matrix_blocks.ts';
export type { ElementType } from './matrix_elements.ts';
export type { MatrixView, Vector } from './matrix_vector.ts';

/** How alike a row and a vector are: `cosine` and `dot` are the greater, `euclidean` the less, the nearer. */
export type Measure = 'cosine' | 'dot' | 'euclidean';

/** A row that was found. */
export interface Nearest {
  readonly row: number;
  /** Of the measure: a cosine, a sum of products, or a distance. */
  readonly score: number;
}

/** Multiplications of a product of two matrices, at most. */
const MAX_WORK = 2 ** 32;
const MAX_NEAREST = 1000;

/**
 * Makes a matrix of zeros. O(its size).
 *
 * @param rows 0 to 16,777,216.
 * @param columns 1 to 65,536.
 * @throws RangeError where there is a matrix of this name: drop it first; TypeError or RangeError for other
 *     types and shapes; what HTSet throws for quota and flags.
 */
export function create(name: string, type: ElementType, rows: number, columns: number): void {
  const layout = layOut(checkType(type), rows, columns);
  if (HTHas(headerKey(name))) {
    throw new RangeError(`there is a matrix "${name}" already: drop it first`);
  }
  createBlocks(name, layout);
  writeHeader(name, layout);
}

/** A matrix's type and shape; undefined where there is none. O(1). */
export function shape(name: string): Shape | undefined {
  if (!HTHas(headerKey(name))) return undefined;
  const { type, rows, columns } = readLayout(name);
  return { type, rows, columns };
}

/**
 * An element. O(1).
 *
 * @throws RangeError where there is none at these places, or no such matrix, as all below; and where its
 *     keys were written by something else.
 */
export function get(name: string, row: number, column: number): number {
  const matrix = readLayout(name);
  checkPlace(row, matrix.rows, 'row');
  checkPlace(column, matrix.columns, 'column');
  const { view, at } = locate(name, matrix, row);
  return elementAt(view, matrix.code, at + column * matrix.elementBytes);
}

/**
 * Writes an element. O(1): a copy of its block, of 16 KiB or a row.
 *
 * @throws RangeError or TypeError for a number that its type has not; floats are rounded to what theirs has.
 */
export function set(name: string, row: number, column: number, value: number): void {
  const matrix = readLayout(name);
  checkPlace(row, matrix.rows, 'row');
  checkPlace(column, matrix.columns, 'column');
  overwrite(name, matrix, row, column, elementsOf([value], 1, matrix.type));
}

/** Writes a whole row. O(columns), and a copy of its block. Errors as of set; RangeError for other lengths. */
export function setRow(name: string, row: number, values: Vector): void {
  const matrix = readLayout(name);
  checkPlace(row, matrix.rows, 'row');
  overwrite(name, matrix, row, 0, elementsOf(values, matrix.columns, matrix.type));
}

/** Adds a row at the end. O(columns). @returns its place. */
export function push(name: string, values: Vector): number {
  const matrix: Layout = readLayout(name);
  const row = matrix.rows;
  const grown = layOut(matrix.type, row + 1, matrix.columns);
  appendRow(name, matrix, elementsOf(values, matrix.columns, matrix.type));
  writeHeader(name, grown);
  return row;
}

/** A row where it lies. O(1). */
export function row(name: string, index: number): MatrixView {
  const matrix = readLayout(name);
  checkPlace(index, matrix.rows, 'row');
  const { view, at } = locate(name, matrix, index);
  const { code } = matrix;
  return viewOf(matrix.columns, (i) => elementAt(view, code, at + i * matrix.elementBytes));
}

/** A column where it lies. O(blocks), a lookup each. */
export function column(name: string, index: number): MatrixView {
  const matrix = readLayout(name);
  checkPlace(index, matrix.columns, 'column');
  const { code } = matrix;
  const views = blocksOf(name, matrix);
  const offset = index * matrix.elementBytes;
  return viewOf(matrix.rows, (i) => {
    const block = Math.floor(i / matrix.blockRows);
    const at = (i - block * matrix.blockRows) * matrix.rowBytes + offset;
    return elementAt(views[block]!, code, at);
  });
}

/** The sum of products of two vectors of one length. @throws RangeError where their lengths differ. */
export function dot(a: Vector, b: Vector): number {
  const first = numbersOf(a);
  return dotOf(first, numbersOf(b, first.length));
}

/** The cosine of the angle between two vectors: 0 where one has no length. @throws as dot. */
export function cosine(a: Vector, b: Vector): number {
  const first = numbersOf(a);
  const second = numbersOf(b, first.length);
  return cosineOf(dotOf(first, second), dotOf(first, first), dotOf(second, second));
}

/**
 * The product of a matrix and a vector: for each row, its sum of products. O(size).
 *
 * @param vector As long as the matrix has columns.
 */
export function multiplyVector(name: string, vector: Vector): Float64Array {
  const matrix = readLayout(name);
  const factors = numbersOf(vector, matrix.columns);
  const { code } = matrix;
  // A header that something else wrote must not say how much is allocated.
  if (matrix.rows > 0) locate(name, matrix, matrix.rows - 1);
  const product = new Float64Array(matrix.rows);
  eachRow(name, matrix, (view, at, index) => {
    product[index] = dotAt(view, code, at, factors);
  });
  return product;
}

/**
 * Makes a matrix that is the product of two others. O(rows of a * columns of a * columns of b), of which
 * there are at most 2^32: a call's deadline has time for some ten millions.
 *
 * @param into The product's name, which no matrix has.
 * @param type The product's elements'. Absent: float64.
 * @throws RangeError where the columns of `a` are not as many as the rows of `b`, and what create and set
 *     throw for the product.
 */
export function multiply(into: string, a: string, b: string, type: ElementType = 'float64'): void {
  const [left, right] = [readLayout(a), readLayout(b)];
  if (left.columns !== right.rows) {
    throw new RangeError(
      `"${a}" has ${left.columns} columns and "${b}" ${right.rows} rows: they must be as many`,
    );
  }
  if (left.rows * left.columns * right.columns > MAX_WORK) {
    throw new RangeError(`a product of more than ${MAX_WORK} multiplications: multiply parts`);
  }
  create(into, type, 0, right.columns);
  const product = readLayout(into);
  const sums = new Float64Array(right.columns);
  let rows = 0;
  eachRow(a, left, (view, at) => {
    sums.fill(0);
    eachRow(b, right, (other, otherAt, index) => {
      const factor = elementAt(view, left.code, at + index * left.elementBytes);
      addScaledAt(other, right.code, otherAt, factor, sums);
    });
    appendRow(into, { ...product, rows }, elementsOf(sums, right.columns, type));
    rows++;
  });
  writeHeader(into, { ...product, rows });
}

/**
 * The rows that are nearest to a vector, the nearest first; of equals, the first ones. O(size + rows * log
 * count).
 *
 *     const found = nearest('embeddings', query, 10); // [{ row: 17, score: 0.93 }, ...]
 *
 * @param count At most so many: 1 to 1,000.
 * @param measure Absent: cosine, which is 0 for a row without a length. Rows whose score is NaN are left out.
 */
export function nearest(
  name: string,
  vector: Vector,
  count: number,
  measure: Measure = 'cosine',
): Nearest[] {
  checkInteger(count, 'count', 1, MAX_NEAREST);
  if (measure !== 'cosine' && measure !== 'dot' && measure !== 'euclidean') {
    throw new RangeError('a measure must be cosine, dot or euclidean');
  }
  const matrix = readLayout(name);
  const query = numbersOf(vector, matrix.columns);
  const { code } = matrix;
  const squares = dotOf(query, query);
  const best = new Best(count);
  if (measure === 'euclidean') {
    eachRow(name, matrix, (view, at, index) =>
      best.offer(index, -distanceAt(view, code, at, query)),
    );
  } else if (measure === 'dot') {
    eachRow(name, matrix, (view, at, index) => best.offer(index, dotAt(view, code, at, query)));
  } else {
    eachRow(name, matrix, (view, at, index) => {
      const own = squaresAt(view, code, at, query.length);
      best.offer(index, cosineOf(dotAt(view, code, at, query), squares, own));
    });
  }
  return best
    .ranked()
    .map(({ row, score }) => ({ row, score: measure === 'euclidean' ? Math.sqrt(-score) : score }));
}

/** Removes a matrix. O(its blocks). */
export function drop(name: string): boolean {
  if (!HTHas(headerKey(name))) return true;
  const blocks = blockCount(readLayout(name));
  for (let block = 0; block < blocks; block++) HTDelete(blockKey(name, block));
  HTDelete(headerKey(name));
  return true;
}
