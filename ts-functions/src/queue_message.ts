// A queue's messages: where each is, what is known of it, and the receipts of those that were given out.
import { HTDelete, HTGetFloat64, HTGetUint32, HTSet, type StoredValue } from 'shredder:store';
import { keyPrefix } from './collection.ts';
import { OrderedTree } from './tree.ts';
import { read, type Form, type Formed } from './values.ts';

/** Where a message is: each is in the tree of that place, by the time that matters there. */
export type Place = 'waiting' | 'inFlight' | 'dead';

const PLACES: readonly Place[] = ['waiting', 'inFlight', 'dead'];

/** What is known of a message. */
export interface State {
  place: Place;
  /** Unix ms: of `waiting`, when it may be given out; `inFlight`, when again; `dead`, since when it is. */
  time: number;
  readonly enqueuedAt: number;
  /** How often it was given out. */
  attempts: number;
  /** Of the receipt that is valid; 0: none is. */
  nonce: number;
}

/** Of an id: as many digits in all, so that ids are in the order in which they were made. */
const ID_DIGITS = 8;
const ID_RADIX = 36;

const scratch = new DataView(new ArrayBuffer(32));

/** The messages of one queue. Making this object costs nothing: make one in each call. */
export class Messages {
  readonly waiting: OrderedTree;
  readonly inFlight: OrderedTree;
  readonly dead: OrderedTree;
  private readonly bodies: string;
  private readonly states: string;
  private readonly nextId: string;

  constructor(name: string) {
    this.waiting = new OrderedTree(keyPrefix(name, 'qw'));
    this.inFlight = new OrderedTree(keyPrefix(name, 'qf'));
    this.dead = new OrderedTree(keyPrefix(name, 'qd'));
    this.bodies = keyPrefix(name, 'qm');
    this.states = keyPrefix(name, 'qs');
    this.nextId = keyPrefix(name, 'qn');
  }

  /** Adds a message that waits until `time`; its id. */
  add(body: StoredValue, time: number, enqueuedAt: number): string {
    const number = HTGetFloat64(this.nextId, 0) ?? 0;
    const id = number.toString(ID_RADIX).padStart(ID_DIGITS, '0');
    scratch.setFloat64(0, number + 1, true);
    HTSet(this.nextId, new DataView(scratch.buffer, 0, 8));
    HTSet(this.bodies + id, body);
    this.put(id, { place: 'waiting', time, enqueuedAt, attempts: 0, nonce: 0 });
    return id;
  }

  body<F extends Form>(id: string, as: F): Formed<F> | undefined {
    return read(this.bodies + id, as);
  }

  state(id: string): State | undefined {
    const key = this.states + id;
    const time = HTGetFloat64(key, 0);
    if (time === undefined) return undefined;
    return {
      place: PLACES[HTGetUint32(key, 6) ?? 0] ?? 'waiting',
      time,
      enqueuedAt: HTGetFloat64(key, 1) ?? time,
      attempts: HTGetUint32(key, 4) ?? 0,
      nonce: HTGetUint32(key, 5) ?? 0,
    };
  }

  /** Brings a message from where it is to where it shall be. */
  move(id: string, from: State, to: State): void {
    this[from.place].remove(from.time, id);
    this.put(id, to);
  }

  remove(id: string, { place, time }: State): void {
    this[place].remove(time, id);
    HTDelete(this.states + id);
    HTDelete(this.bodies + id);
    if (this.size === 0) HTDelete(this.nextId);
  }

  /** How many messages there are in all places. */
  get size(): number {
    return this.waiting.size + this.inFlight.size + this.dead.size;
  }

  private put(id: string, { place, time, enqueuedAt, attempts, nonce }: State): void {
    scratch.setFloat64(0, time, true);
    scratch.setFloat64(8, enqueuedAt, true);
    scratch.setUint32(16, attempts, true);
    scratch.setUint32(20, nonce, true);
    scratch.setUint32(24, PLACES.indexOf(place), true);
    HTSet(this.states + id, scratch);
    this[place].insert(time, id);
  }
}

/** A number that the next receipt will hardly have again. */
export function newNonce(): number {
  return 1 + Math.floor(Math.random() * (2 ** 32 - 1));
}

/**
 * What proves that a message was given out to its holder, and to nobody since: its id, how often it was
 * given out, and a number that keeps ids that a new queue of the same name has again from meaning it.
 */
export function receiptOf(id: string, { attempts, nonce }: State): string {
  return `${id}.${attempts}.${nonce.toString(ID_RADIX)}`;
}

/** The message that a receipt is of, where it is valid. */
export function receivedBy(
  messages: Messages,
  receipt: string,
): { id: string; state: State } | undefined {
  if (typeof receipt !== 'string') {
    throw new TypeError(`a receipt must be a string, not ${typeof receipt}`);
  }
  const id = receipt.slice(0, ID_DIGITS);
  // No key has what is no id.
  const state = /^[0-9a-z]{8}$/.test(id) ? messages.state(id) : undefined;
  if (state?.place !== 'inFlight' || receiptOf(id, state) !== receipt) return undefined;
  return { id, state };
}
