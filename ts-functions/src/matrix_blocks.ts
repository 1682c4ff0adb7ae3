// Where a matrix's rows are: in blocks of as many as 16 KiB hold, and one at least, each a value; and what
// its header says of them, which is checked on every read.
//
//     header   uint32 magic, type, rows, columns, little-endian
//     block    rows one right after the other; the last one has those that are left
import {
  HTAppend,
  HTGet,
  HTGetUint32,
  HTLength,
  HTSet,
  HTView,
  HTViewMany,
  type StoreView,
} from 'shredder:store';
import { checkInteger } from './checks.ts';
import { keyPrefix } from './collection.ts';
import { bytesOf, codeOf, typeOf, writeElement, type ElementType } from './matrix_elements.ts';

/** What a matrix is. */
export interface Shape {
  readonly type: ElementType;
  readonly rows: number;
  readonly columns: number;
}

/** A shape, and what follows from it. */
export interface Layout extends Shape {
  readonly code: number;
  readonly elementBytes: number;
  readonly rowBytes: number;
  readonly blockRows: number;
}

const MAX_ROWS = 2 ** 24;
const MAX_COLUMNS = 2 ** 16;
const BLOCK_BYTES = 16_384;
const HEADER_BYTES = 16;
/** "SMX1". */
const MAGIC = 0x31584d53;
/** Blocks that are looked up in one call. */
const BATCH = 64;

const header = new Uint32Array(4);
/** A block that is being changed: grows to the longest row. */
let buffer = new Uint8Array(BLOCK_BYTES);

export const headerKey = (name: string): string => keyPrefix(name, 'mh');
export const blockKey = (name: string, block: number): string => keyPrefix(name, 'mb') + block;

/** The layout of a shape, which must be within bounds. */
export function layOut(type: ElementType, rows: number, columns: number): Layout {
  checkInteger(rows, 'rows', 0, MAX_ROWS);
  checkInteger(columns, 'columns', 1, MAX_COLUMNS);
  const elementBytes = bytesOf(type);
  const rowBytes = columns * elementBytes;
  const blockRows = Math.max(Math.floor(BLOCK_BYTES / rowBytes), 1);
  return { type, rows, columns, code: codeOf(type), elementBytes, rowBytes, blockRows };
}

/** The layout of the matrix of a name. */
export function readLayout(name: string): Layout {
  const key = headerKey(name);
  const length = HTLength(key);
  if (length < 0) throw new RangeError(`there is no matrix "${name}": create it first`);
  const type = typeOf(HTGetUint32(key, 1));
  const rows = HTGetUint32(key, 2) ?? Infinity;
  const columns = HTGetUint32(key, 3) ?? 0;
  const isHeader = length === HEADER_BYTES && HTGetUint32(key, 0) === MAGIC && type !== undefined;
  if (!isHeader || rows > MAX_ROWS || columns < 1 || columns > MAX_COLUMNS) throw damaged(key);
  return layOut(type, rows, columns);
}

export function writeHeader(name: string, { code, rows, columns }: Layout): void {
  header.set([MAGIC, code, rows, columns]);
  HTSet(headerKey(name), header);
}

export function blockCount({ rows, blockRows }: Layout): number {
  return Math.ceil(rows / blockRows);
}

/** Writes blocks of zeros. */
export function createBlocks(name: string, layout: Layout): void {
  const zeros = new Uint8Array(layout.blockRows * layout.rowBytes);
  for (let block = 0; block < blockCount(layout); block++) {
    HTSet(blockKey(name, block), zeros.subarray(0, bytesIn(layout, block)));
  }
}

/** A place within bounds. */
export function checkPlace(place: number, count: number, what: string): number {
  if (typeof place === 'number' && count === 0) {
    throw new RangeError(`there is no ${what} ${place}: the matrix has none`);
  }
  return checkInteger(place, what, 0, count - 1);
}

/** The block that a row is in, and where in it the row begins. */
export function locate(name: string, layout: Layout, row: number): { view: StoreView; at: number } {
  const block = Math.floor(row / layout.blockRows);
  const view = checkBlock(name, layout, block, HTView(blockKey(name, block)));
  return { view, at: (row - block * layout.blockRows) * layout.rowBytes };
}

/** All blocks. */
export function blocksOf(name: string, layout: Layout): StoreView[] {
  const blocks: StoreView[] = [];
  eachBlock(name, layout, (view) => blocks.push(view));
  return blocks;
}

/** Calls `visit` for each row, in order. */
export function eachRow(
  name: string,
  layout: Layout,
  visit: (view: StoreView, at: number, row: number) => void,
): void {
  const { rowBytes } = layout;
  let row = 0;
  eachBlock(name, layout, (view) => {
    const { byteLength } = view;
    for (let at = 0; at < byteLength; at += rowBytes) visit(view, at, row++);
  });
}

/** Writes values over those of a row from a column on. It makes no view, which would keep the old bytes. */
export function overwrite(
  name: string,
  layout: Layout,
  row: number,
  column: number,
  values: Float64Array,
): void {
  const { blockRows, rowBytes, elementBytes } = layout;
  const block = Math.floor(row / blockRows);
  const key = blockKey(name, block);
  const length = bytesIn(layout, block);
  const bytes = room(length);
  if (HTGet(key, bytes) !== length) throw damaged(key);
  encode(layout, bytes, (row - block * blockRows) * rowBytes + column * elementBytes, values);
  HTSet(key, bytes);
}

/** Adds a row behind those of a layout. */
export function appendRow(name: string, layout: Layout, values: Float64Array): void {
  const { rows, blockRows, rowBytes } = layout;
  const block = Math.floor(rows / blockRows);
  const key = blockKey(name, block);
  if (Math.max(HTLength(key), 0) !== (rows - block * blockRows) * rowBytes) throw damaged(key);
  const bytes = room(rowBytes);
  encode(layout, bytes, 0, values);
  HTAppend(key, bytes);
}

function encode(layout: Layout, bytes: Uint8Array, from: number, values: Float64Array): void {
  const data = new DataView(bytes.buffer);
  const { code, elementBytes } = layout;
  for (let i = 0; i < values.length; i++) {
    writeElement(data, code, from + i * elementBytes, values[i]!);
  }
}

/** The buffer, of this length. */
function room(length: number): Uint8Array {
  if (buffer.length < length) buffer = new Uint8Array(length);
  return buffer.subarray(0, length);
}

function bytesIn({ rows, blockRows, rowBytes }: Layout, block: number): number {
  return Math.min(blockRows, rows - block * blockRows) * rowBytes;
}

function eachBlock(name: string, layout: Layout, visit: (view: StoreView) => void): void {
  const count = blockCount(layout);
  for (let from = 0; from < count; from += BATCH) {
    const keys: string[] = [];
    for (let block = from; block < Math.min(from + BATCH, count); block++) {
      keys.push(blockKey(name, block));
    }
    const views = HTViewMany(keys);
    for (let i = 0; i < views.length; i++) visit(checkBlock(name, layout, from + i, views[i]));
  }
}

function checkBlock(
  name: string,
  layout: Layout,
  block: number,
  view: StoreView | undefined,
): StoreView {
  if (view?.byteLength === bytesIn(layout, block)) return view;
  throw damaged(blockKey(name, block));
}

function damaged(key: string): RangeError {
  return new RangeError(
    `"${key}" is no part of a matrix: write a collection's keys by its module only`,
  );
}
