// The pages of an ordered tree: how one is laid out, searched where it lies in the store, and changed in
// a buffer.
//
// A page has a header and then its entries in order, one right after the other; numbers are little-endian.
//
//     header   uint8 level (0: a leaf); at 4, in the root alone, uint32 the next new page's id;
//              at 8, float64 how many entries the leaves below have in all
//     entry    in a page that is no leaf first: uint32 the child's id, uint32 its size
//              float64 order, uint16 twice the text's length and 1 where it is wide, the text
//
// A text that has only characters up to U+00FF takes a byte for each, a wide one two. An entry of a page
// that is no leaf has the lower bound of its child; that of the first entry counts as below everything. A
// bound is as short as it can be, and mostly has no text.
import { HTGet, HTSet, type StoreView } from 'shredder:store';

/** Most characters of an entry's text. */
export const MAX_TEXT_LENGTH = 512;

/**
 * A page that is longer is split. What is longer than the second has four children at least, whatever their
 * bounds: so each half has two.
 */
const LEAF_BYTES = 2048;
const INNER_BYTES = 3200;

export const HEADER_BYTES = 16;
/** The header's numbers, counted in elements of their own size: for HTGetUint32 and HTGetFloat64. */
export const NEXT_ID_INDEX = 1;
export const SIZE_INDEX = 1;

const LINK_BYTES = 8;
const KEY_BYTES = 10;
/** More than a page that is to be split can have. */
const BUFFER_BYTES = 8192;

/** What a tree holds: ordered by `order`, and those of the same order by `text`. */
export interface TreeEntry {
  /** Any number but NaN. */
  readonly order: number;
  /** At most 512 characters; compared as JavaScript's `<` does, by UTF-16 units. */
  readonly text: string;
}

export const levelOf = (page: StoreView): number => page.getUint8(0);
export const childAt = (page: StoreView, at: number): number => page.getUint32(at, true);
export const countAt = (page: StoreView, at: number): number => page.getUint32(at + 4, true);

/** Where the entry after the one at `at` begins. */
export function nextAt(page: StoreView, at: number, level: number): number {
  const key = level === 0 ? at : at + LINK_BYTES;
  return key + KEY_BYTES + textBytes(page.getUint16(key + 8, true));
}

/**
 * Whether the entry at `at` is before (negative), at or after (positive) an order and a text;
 * without a text, before or after all entries of that order.
 */
export function compareAt(
  page: StoreView,
  at: number,
  level: number,
  order: number,
  text: string | undefined,
): number {
  const key = level === 0 ? at : at + LINK_BYTES;
  const own = page.getFloat64(key, true);
  if (own !== order) return own < order ? -1 : 1;
  if (text === undefined) return -1;
  const form = page.getUint16(key + 8, true);
  const length = form >> 1;
  const shared = Math.min(length, text.length);
  const start = key + KEY_BYTES;
  for (let i = 0; i < shared; i++) {
    const code = (form & 1) === 0 ? page.getUint8(start + i) : page.getUint16(start + 2 * i, true);
    const difference = code - text.charCodeAt(i);
    if (difference !== 0) return difference;
  }
  return length - text.length;
}

export function orderAt(leaf: StoreView, at: number): number {
  return leaf.getFloat64(at, true);
}

export function textAt(leaf: StoreView, at: number): string {
  const form = leaf.getUint16(at + 8, true);
  const start = at + KEY_BYTES;
  const codes: number[] = [];
  for (let i = 0; i < form >> 1; i++) {
    codes.push((form & 1) === 0 ? leaf.getUint8(start + i) : leaf.getUint16(start + 2 * i, true));
  }
  return String.fromCharCode(...codes);
}

/** Where in a leaf the first entry is that is not before an order and a text; its end where none is. */
export function placeIn(leaf: StoreView, order: number, text: string): number {
  let at = HEADER_BYTES;
  while (at < leaf.byteLength && compareAt(leaf, at, 0, order, text) < 0) at = nextAt(leaf, at, 0);
  return at;
}

function textBytes(form: number): number {
  return (form >> 1) << (form & 1);
}

function isWide(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return true;
  return false;
}

/** The shortest that is after one entry, and not after the next. */
function boundBetween(before: TreeEntry, { order, text }: TreeEntry): TreeEntry {
  if (before.order < order) return { order, text: '' };
  let same = 0;
  while (same < before.text.length && before.text.charCodeAt(same) === text.charCodeAt(same))
    same++;
  return { order, text: text.slice(0, same + 1) };
}

/** A page that is being changed. */
export class PageBuffer {
  private readonly bytes = new Uint8Array(BUFFER_BYTES);
  private readonly view = new DataView(this.bytes.buffer);
  length = HEADER_BYTES;

  /** Makes it a page without entries. */
  begin(level: number): void {
    this.bytes.fill(0, 0, HEADER_BYTES);
    this.bytes[0] = level;
    this.length = HEADER_BYTES;
  }

  load(key: string): void {
    const length = HTGet(key, this.bytes);
    if (length < HEADER_BYTES || length > BUFFER_BYTES) throw damaged(key);
    this.length = length;
  }

  store(key: string): void {
    HTSet(key, this.bytes.subarray(0, this.length));
  }

  get level(): number {
    return this.bytes[0]!;
  }

  get size(): number {
    return this.view.getFloat64(8, true);
  }

  set size(size: number) {
    this.view.setFloat64(8, size, true);
  }

  get nextId(): number {
    return this.view.getUint32(4, true);
  }

  set nextId(id: number) {
    this.view.setUint32(4, id, true);
  }

  /** Where the entry after the one at `at` begins. */
  after(at: number): number {
    const key = at + this.linkBytes;
    return key + KEY_BYTES + textBytes(this.view.getUint16(key + 8, true));
  }

  /** Where the entry before the one at `at` begins. */
  before(at: number): number {
    let found = HEADER_BYTES;
    for (let next = this.after(found); next < at; next = this.after(next)) found = next;
    return found;
  }

  child(at: number): number {
    return this.view.getUint32(at, true);
  }

  setCount(at: number, count: number): void {
    this.view.setUint32(at + 4, count, true);
  }

  /** Puts an entry into a leaf. */
  insertText(at: number, order: number, text: string): void {
    const wide = isWide(text);
    this.open(at, this.linkBytes + KEY_BYTES + (wide ? 2 * text.length : text.length));
    const key = at + this.linkBytes;
    this.view.setFloat64(key, order, true);
    this.view.setUint16(key + 8, 2 * text.length + Number(wide), true);
    const start = key + KEY_BYTES;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (wide) this.view.setUint16(start + 2 * i, code, true);
      else this.bytes[start + i] = code;
    }
  }

  /** Puts an entry for a child into a page that is no leaf. */
  insertChild(at: number, id: number, child: PageBuffer, bound: TreeEntry): void {
    this.insertText(at, bound.order, bound.text);
    this.view.setUint32(at, id, true);
    this.setCount(at, child.size);
  }

  /** Takes the entry at `at` out. */
  cut(at: number): void {
    const next = this.after(at);
    this.bytes.copyWithin(at, next, this.length);
    this.length -= next - at;
  }

  /**
   * Moves the later entries into another page.
   *
   * @param grown The entry with which the page has become too long. Where it is the last of a leaf, it
   *     moves alone: entries that come in ascending order then leave full pages behind.
   * @returns a bound between the two pages.
   */
  splitInto(right: PageBuffer, grown: number): TreeEntry {
    const alone = this.level === 0 && this.after(grown) === this.length;
    const at = alone ? grown : this.middle();
    const first = this.entry(at);
    const bound = this.level === 0 ? boundBetween(this.entry(this.before(at)), first) : first;
    right.begin(this.level);
    right.append(this.bytes.subarray(at, this.length));
    right.size = right.counted();
    this.size -= right.size;
    this.length = at;
    return bound;
  }

  /** Whether it is to be split. */
  get isOver(): boolean {
    return this.length > this.limit;
  }

  /** Whether it is to be merged with a page beside it, where there is room. */
  get isSparse(): boolean {
    return this.length < this.limit / 4 || this.isSingle;
  }

  /** Whether it has the page to the right in it, with room to spare; see mergeRight. */
  hasRoomFor(right: PageBuffer, parent: PageBuffer, at: number): boolean {
    let length = this.length + right.length - HEADER_BYTES;
    if (this.level > 0) {
      length += parent.after(at) - at - (right.after(HEADER_BYTES) - HEADER_BYTES);
    }
    // A page that has only one child makes every way through it longer.
    return length <= (this.isSingle || right.isSingle ? this.limit : 0.75 * this.limit);
  }

  /**
   * Adds the entries of the page to the right of this one.
   *
   * @param parent Of both; its entry at `at` is that page's. Its bound holds for the page's first
   *     child, whose own counted as below everything.
   */
  mergeRight(right: PageBuffer, parent: PageBuffer, at: number): void {
    const { bytes } = right;
    if (this.level === 0) {
      this.append(bytes.subarray(HEADER_BYTES, right.length));
    } else {
      this.append(bytes.subarray(HEADER_BYTES, HEADER_BYTES + LINK_BYTES));
      this.append(parent.bytes.subarray(at + LINK_BYTES, parent.after(at)));
      this.append(bytes.subarray(right.after(HEADER_BYTES), right.length));
    }
    this.size += right.size;
  }

  private get limit(): number {
    return this.level === 0 ? LEAF_BYTES : INNER_BYTES;
  }

  /** Whether it has a child, and no other. */
  get isSingle(): boolean {
    return this.level > 0 && this.after(HEADER_BYTES) === this.length;
  }

  private entry(at: number): TreeEntry {
    const key = at + this.linkBytes;
    const form = this.view.getUint16(key + 8, true);
    const codes: number[] = [];
    for (let i = 0; i < form >> 1; i++) {
      const place = key + KEY_BYTES;
      codes.push(
        (form & 1) === 0 ? this.bytes[place + i]! : this.view.getUint16(place + 2 * i, true),
      );
    }
    return { order: this.view.getFloat64(key, true), text: String.fromCharCode(...codes) };
  }

  private get linkBytes(): number {
    return this.level === 0 ? 0 : LINK_BYTES;
  }

  /** The end of the entry that is the nearest to the middle; the last one's does not count. */
  private middle(): number {
    let at = this.after(HEADER_BYTES);
    for (;;) {
      const next = this.after(at);
      if (next >= this.length || next + at > this.length) return at;
      at = next;
    }
  }

  private counted(): number {
    let count = 0;
    for (let at = HEADER_BYTES; at < this.length; at = this.after(at)) {
      count += this.level === 0 ? 1 : this.view.getUint32(at + 4, true);
    }
    return count;
  }

  private open(at: number, bytes: number): void {
    this.bytes.copyWithin(at + bytes, at, this.length);
    this.length += bytes;
  }

  private append(entries: Uint8Array): void {
    this.bytes.set(entries, this.length);
    this.length += entries.byteLength;
  }
}

/** What a page throws that is not as a tree wrote it. */
export function damaged(key: string): RangeError {
  return new RangeError(
    `"${key}" is no page of a tree: write a collection's keys by its module only`,
  );
}
