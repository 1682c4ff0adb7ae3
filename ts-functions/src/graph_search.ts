// Breadth-first searches through a graph's lists, on ids.
import { countOf, idAt } from './graph_list.ts';
import type { Nodes } from './graph_nodes.ts';

/** Lists that are looked up in one call, which overlaps the waits for memory. */
const BATCH = 256;

/**
 * The nodes that a search has come to, in the order in which it did; each with the place of the one that
 * it came from. The same array is what the search goes through.
 */
export class Visited {
  private ids = new Uint32Array(64);
  private origins = new Uint32Array(64);
  /** Open addressing with linear probing: 0, or 1 more than a place. At most half full. */
  private table = new Uint32Array(128);
  private shift = 32 - 7;
  size = 0;

  id(place: number): number {
    return this.ids[place]!;
  }

  origin(place: number): number {
    return this.origins[place]!;
  }

  slice(from: number, to: number): Uint32Array {
    return this.ids.slice(from, to);
  }

  /** The place of an id; -1 where the search has not come to it. */
  placeOf(id: number): number {
    return this.table[this.slot(id)]! - 1;
  }

  /** Adds an id. @returns whether it is new. */
  add(id: number, origin: number): boolean {
    let slot = this.slot(id);
    if (this.table[slot] !== 0) return false;
    if (this.size === this.ids.length) {
      this.grow();
      slot = this.slot(id);
    }
    this.ids[this.size] = id;
    this.origins[this.size] = origin;
    this.table[slot] = ++this.size;
    return true;
  }

  /** Ids from a place back to the first. */
  wayBack(place: number): number[] {
    const way = [this.id(place)];
    for (let at = place; at > 0; ) {
      at = this.origin(at);
      way.push(this.id(at));
    }
    return way;
  }

  /** Where in the table an id is, or would be. */
  private slot(id: number): number {
    const mask = this.table.length - 1;
    let slot = Math.imul(id, 0x9e3779b1) >>> this.shift;
    for (;;) {
      const place = this.table[slot]!;
      if (place === 0 || this.ids[place - 1] === id) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private grow(): void {
    const { ids, origins } = this;
    this.ids = new Uint32Array(2 * ids.length);
    this.ids.set(ids);
    this.origins = new Uint32Array(2 * ids.length);
    this.origins.set(origins);
    this.table = new Uint32Array(4 * ids.length);
    this.shift--;
    for (let place = 0; place < this.size; place++) this.table[this.slot(ids[place]!)] = place + 1;
  }
}

/** One search, which goes a hop at a time. */
export class Search {
  readonly visited = new Visited();
  /** Places of the nodes that the next hop begins at: from here on. */
  private next = 0;

  constructor(
    private readonly nodes: Nodes,
    start: number,
  ) {
    this.visited.add(start, 0);
  }

  /** Nodes that the next hop begins at; 0 where there is nowhere to go. */
  get frontier(): number {
    return this.visited.size - this.next;
  }

  /**
   * Goes one hop on from all nodes of the frontier.
   *
   * @param maxNodes The most that may be visited.
   * @param found Called for each new node: true ends the search.
   * @returns what ended it; `hop` where all of the hop is done.
   */
  hop(maxNodes: number, found: (id: number) => boolean): 'hop' | 'found' | 'full' {
    const { visited } = this;
    const end = visited.size;
    for (let from = this.next; from < end; from += BATCH) {
      const lists = this.nodes.lists(visited.slice(from, Math.min(from + BATCH, end)));
      for (let i = 0; i < lists.length; i++) {
        const list = lists[i];
        if (list === undefined) continue;
        const count = countOf(list);
        for (let place = 0; place < count; place++) {
          const id = idAt(list, place);
          if (visited.size < maxNodes) {
            if (visited.add(id, from + i) && found(id)) return 'found';
          } else if (visited.placeOf(id) < 0) {
            return 'full';
          }
        }
      }
    }
    this.next = end;
    return 'hop';
  }
}

/** Ids of a shortest way, both ends included; undefined where there is none, `full` where too many were visited. */
export function wayBetween(
  nodes: Nodes,
  from: number,
  to: number,
  maxNodes: number,
): number[] | undefined | 'full' {
  const search = new Search(nodes, from);
  while (search.frontier > 0) {
    const end = search.hop(maxNodes, (id) => id === to);
    if (end === 'full') return 'full';
    if (end === 'found') return search.visited.wayBack(search.visited.size - 1).reverse();
  }
  return undefined;
}

/**
 * As wayBetween, of a graph in which every edge goes both ways: it searches from both ends, the one that
 * has the smaller frontier, and visits far fewer nodes.
 *
 * The first node that both have come to is on a shortest way. One that the other end had come to a hop
 * earlier would have led it to the node that this one comes from, where they would have met before.
 */
export function wayBothWays(
  nodes: Nodes,
  from: number,
  to: number,
  maxNodes: number,
): number[] | undefined | 'full' {
  const there = new Search(nodes, from);
  const back = new Search(nodes, to);
  while (there.frontier > 0 && back.frontier > 0) {
    const [search, other] = there.frontier <= back.frontier ? [there, back] : [back, there];
    const room = maxNodes - other.visited.size;
    const end = search.hop(room, (id) => other.visited.placeOf(id) >= 0);
    if (end === 'full') return 'full';
    if (end !== 'found') continue;
    const meeting = search.visited.size - 1;
    const id = search.visited.id(meeting);
    const own = search.visited.wayBack(meeting);
    const others = other.visited.wayBack(other.visited.placeOf(id));
    return search === there
      ? [...own.reverse(), ...others.slice(1)]
      : [...others.reverse(), ...own.slice(1)];
  }
  return undefined;
}
