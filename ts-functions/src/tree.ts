// An ordered tree in the store: entries of a number and a text, in order, found by either what they are
// or the place that they have. The other modules build on it.
//
// It is a B+ tree with counts. Its pages are values of about 1 to 3 KiB, each at a key of its own: an
// operation touches one page a level, and a level multiplies the number of entries by 50 to 100, unless
// texts are long and alike.
import { HTDelete, HTGetFloat64, HTGetUint32, HTHas, HTView, type StoreView } from 'shredder:store';
import { checkText } from './checks.ts';
import {
  childAt,
  compareAt,
  countAt,
  damaged,
  HEADER_BYTES,
  levelOf,
  MAX_TEXT_LENGTH,
  NEXT_ID_INDEX,
  nextAt,
  orderAt,
  PageBuffer,
  placeIn,
  SIZE_INDEX,
  textAt,
  type TreeEntry,
} from './tree_page.ts';

export type { TreeEntry } from './tree_page.ts';

/** The id of the page that every way down begins at. */
const ROOT = 0;

// Buffers of all trees, as no operation begins while another one runs.
let page = new PageBuffer();
let parent = new PageBuffer();
const beside = new PageBuffer();

/** Goes one level up: the parent is the page at hand then. */
function ascend(): void {
  [page, parent] = [parent, page];
}

/**
 * A tree whose pages are at the keys `prefix` + their number. Making this object costs nothing: make one
 * in each call. An empty tree has no keys.
 *
 * Errors: TypeError for NaN, RangeError for a text longer than 512 characters, and for a page that is missing or was
 * written by something else; what HTSet throws for quota and flags.
 */
export class OrderedTree {
  /** The way down to a leaf: on each level the page's id, and where in it the way goes on. */
  private readonly ids: number[] = [];
  private readonly places: number[] = [];
  private depth = 0;
  private leaf = ROOT;
  private place = HEADER_BYTES;

  constructor(private readonly prefix: string) {}

  /** How many entries there are. O(1). */
  get size(): number {
    return HTGetFloat64(this.key(ROOT), SIZE_INDEX) ?? 0;
  }

  /** Whether there is this entry. O(log n). */
  has(order: number, text: string): boolean {
    return this.find(order, text);
  }

  /** Puts an entry in. O(log n). @returns false where it was there. */
  insert(order: number, text: string): boolean {
    checkText(text, 'text in a tree', MAX_TEXT_LENGTH);
    if (typeof order !== 'number' || Number.isNaN(order)) {
      throw new TypeError('an order in a tree must be a number, and not NaN, which has no place');
    }
    if (!HTHas(this.key(ROOT))) {
      page.begin(0);
      page.nextId = ROOT + 1;
      page.insertText(HEADER_BYTES, order, text);
      page.size = 1;
      page.store(this.key(ROOT));
      return true;
    }
    if (this.find(order, text)) return false;
    let nextId = HTGetUint32(this.key(ROOT), NEXT_ID_INDEX) ?? ROOT + 1;
    // Where the page at hand has a new entry; 0 where it has none, and is not to be split.
    let grown = this.place;
    page.load(this.key(this.leaf));
    page.insertText(grown, order, text);
    page.size += 1;
    let id = this.leaf;
    for (let depth = this.depth; depth > 0; depth--) {
      const place = this.places[depth - 1]!;
      parent.load(this.key(this.ids[depth - 1]!));
      if (grown > 0 && page.isOver) {
        const bound = page.splitInto(beside, grown);
        beside.store(this.key(nextId));
        grown = parent.after(place);
        parent.insertChild(grown, nextId++, beside, bound);
      } else {
        grown = 0;
      }
      page.store(this.key(id));
      parent.setCount(place, page.size);
      parent.size += 1;
      id = this.ids[depth - 1]!;
      ascend();
    }
    if (grown > 0 && page.isOver) nextId = this.splitRoot(grown, nextId);
    page.nextId = nextId;
    page.store(this.key(ROOT));
    return true;
  }

  /** Takes an entry out. O(log n). @returns whether it was there. */
  remove(order: number, text: string): boolean {
    if (!this.find(order, text)) return false;
    page.load(this.key(this.leaf));
    page.cut(this.place);
    page.size -= 1;
    let id = this.leaf;
    for (let depth = this.depth; depth > 0; depth--) {
      const place = this.places[depth - 1]!;
      parent.load(this.key(this.ids[depth - 1]!));
      parent.size -= 1;
      if (page.length === HEADER_BYTES) {
        HTDelete(this.key(id));
        parent.cut(place);
      } else if (!page.isSparse || !this.mergeWithNeighbour(id, place)) {
        page.store(this.key(id));
        parent.setCount(place, page.size);
      }
      id = this.ids[depth - 1]!;
      ascend();
    }
    this.shrinkRoot();
    return true;
  }

  /** How many entries are before this one, which need not be there. O(log n). */
  rankOf(order: number, text: string): number {
    return this.countBefore(order, text);
  }

  /** How many entries have at most this order. O(log n). */
  rankAfter(order: number): number {
    return this.countBefore(order, undefined);
  }

  /**
   * The entries from place `from` to before place `to`, counted from 0: those that there are.
   * O(log n + their number).
   */
  slice(from: number, to: number): TreeEntry[] {
    const found: TreeEntry[] = [];
    const root = this.root();
    if (root !== undefined && from < to) this.gather(root, Math.max(from, 0), to, found);
    return found;
  }

  /** The first entry; undefined where there is none. O(log n). */
  first(): TreeEntry | undefined {
    return this.slice(0, 1)[0];
  }

  /** Takes all entries out. O(n), at a delete for each page of about 50 entries. */
  clear(): void {
    if (HTHas(this.key(ROOT))) this.deletePages(ROOT);
  }

  private key(id: number): string {
    return this.prefix + id;
  }

  private view(id: number): StoreView {
    const view = HTView(this.key(id));
    if (view === undefined || view.byteLength < HEADER_BYTES) throw damaged(this.key(id));
    return view;
  }

  /** The root's page; undefined where the tree is empty. */
  private root(): StoreView | undefined {
    return HTHas(this.key(ROOT)) ? this.view(ROOT) : undefined;
  }

  /** Goes down to where an entry is, or would be, and remembers the way. */
  private find(order: number, text: string): boolean {
    this.depth = 0;
    this.leaf = ROOT;
    let view = this.root();
    if (view === undefined) return false;
    for (let level = levelOf(view); level > 0; level = levelOf(view)) {
      let at = HEADER_BYTES;
      let next = nextAt(view, at, level);
      while (next < view.byteLength && compareAt(view, next, level, order, text) <= 0) {
        at = next;
        next = nextAt(view, at, level);
      }
      this.ids[this.depth] = this.leaf;
      this.places[this.depth] = at;
      this.depth++;
      this.leaf = childAt(view, at);
      view = this.view(this.leaf);
    }
    this.place = placeIn(view, order, text);
    return this.place < view.byteLength && compareAt(view, this.place, 0, order, text) === 0;
  }

  private countBefore(order: number, text: string | undefined): number {
    let view = this.root();
    if (view === undefined) return 0;
    let rank = 0;
    for (let level = levelOf(view); level > 0; level = levelOf(view)) {
      let at = HEADER_BYTES;
      let next = nextAt(view, at, level);
      while (next < view.byteLength && compareAt(view, next, level, order, text) <= 0) {
        rank += countAt(view, at);
        at = next;
        next = nextAt(view, at, level);
      }
      view = this.view(childAt(view, at));
    }
    let at = HEADER_BYTES;
    while (at < view.byteLength && compareAt(view, at, 0, order, text) < 0) {
      rank++;
      at = nextAt(view, at, 0);
    }
    return rank;
  }

  /** Adds the entries of a page, and of those below it, whose places counted within it are in the range. */
  private gather(view: StoreView, from: number, to: number, found: TreeEntry[]): void {
    const level = levelOf(view);
    let rank = 0;
    for (let at = HEADER_BYTES; at < view.byteLength && rank < to; at = nextAt(view, at, level)) {
      if (level === 0) {
        if (rank >= from) found.push({ order: orderAt(view, at), text: textAt(view, at) });
        rank++;
      } else {
        const count = countAt(view, at);
        if (rank + count > from) {
          this.gather(this.view(childAt(view, at)), Math.max(from - rank, 0), to - rank, found);
        }
        rank += count;
      }
    }
  }

  /** The root keeps its id: what it held moves to two new pages below it. */
  private splitRoot(grown: number, nextId: number): number {
    const bound = page.splitInto(beside, grown);
    page.store(this.key(nextId));
    beside.store(this.key(nextId + 1));
    parent.begin(page.level + 1);
    parent.insertChild(HEADER_BYTES, nextId, page, { order: -Infinity, text: '' });
    parent.insertChild(parent.length, nextId + 1, beside, bound);
    parent.size = page.size + beside.size;
    ascend();
    return nextId + 2;
  }

  /**
   * Makes one page of the page at hand and one beside it, where both have room in one.
   *
   * @param place Of the page's entry in the parent.
   */
  private mergeWithNeighbour(id: number, place: number): boolean {
    const next = parent.after(place);
    if (next < parent.length) {
      const other = this.key(parent.child(next));
      beside.load(other);
      if (page.hasRoomFor(beside, parent, next)) {
        page.mergeRight(beside, parent, next);
        page.store(this.key(id));
        parent.setCount(place, page.size);
        parent.cut(next);
        return HTDelete(other);
      }
    }
    if (place === HEADER_BYTES) return false;
    const before = parent.before(place);
    const other = this.key(parent.child(before));
    beside.load(other);
    if (!beside.hasRoomFor(page, parent, place)) return false;
    beside.mergeRight(page, parent, place);
    beside.store(other);
    parent.setCount(before, beside.size);
    parent.cut(place);
    return HTDelete(this.key(id));
  }

  /** Ends a removal: a root with a single child becomes that child, one without entries goes. */
  private shrinkRoot(): void {
    while (page.isSingle) {
      const child = this.key(page.child(HEADER_BYTES));
      parent.load(child);
      parent.nextId = page.nextId;
      HTDelete(child);
      ascend();
    }
    if (page.length === HEADER_BYTES) HTDelete(this.key(ROOT));
    else page.store(this.key(ROOT));
  }

  private deletePages(id: number): void {
    const view = this.view(id);
    const level = levelOf(view);
    if (level > 0) {
      for (let at = HEADER_BYTES; at < view.byteLength; at = nextAt(view, at, level)) {
        this.deletePages(childAt(view, at));
      }
    }
    HTDelete(this.key(id));
  }
}
