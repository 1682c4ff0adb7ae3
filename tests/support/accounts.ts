// A library whose function moves amounts between accounts, and clients' calls of it: each call also
// pays in its own number and leaves marks, so that the accounts' sum tells which calls were made,
// and that each of them was made as a whole, and once.
import type { Argument } from './resp.ts';

const ACCOUNTS = 400;
const AMOUNT = 1_000;
const MARKS = 8;

export const ACCOUNTS_LIBRARY = `#!js name=accounts
import { HTAdd, HTDelete, HTGet, HTHas, HTSet } from 'shredder:store';
const account = (i) => i % 2 === 0 ? 5_000_000 + i : 'account:' + i;
const bytes = new Uint8Array(64);
function balance(key) {
  const length = HTGet(key, bytes);
  let sum = 0;
  for (let i = 0; i < length; i++) sum = sum * 10 + bytes[i] - 48;
  return sum;
}
function text(number) {
  const digits = String(number);
  const result = new Uint8Array(digits.length);
  for (let i = 0; i < result.length; i++) result[i] = digits.charCodeAt(i);
  return result;
}
export function open() {
  for (let i = 0; i < ${ACCOUNTS}; i++) HTSet(account(i), text(${AMOUNT}));
}
export function move(_, [client, call, steps]) {
  let x = (+client * 7919 + +call) >>> 0 || 1;
  const below = (bound) => { x ^= x << 13; x >>>= 0; x ^= x >>> 17; x ^= x << 5; x >>>= 0; return x % bound; };
  for (let i = 0; i < ${MARKS} / 2; i++) HTSet('mark:' + client + ':' + i, text(call));
  HTAdd(account(below(${ACCOUNTS})), +call);
  for (let i = 0; i < +steps; i++) {
    const from = account(below(${ACCOUNTS})), to = account(below(${ACCOUNTS}));
    if (from === to || !HTHas(from)) continue;
    switch (below(4)) {
      case 0: {  // all of it: the account is gone, until something is moved to it
        const all = balance(from);
        HTDelete(from);
        HTAdd(to, all);
        break;
      }
      case 1: {
        const amount = Math.min(below(100), balance(from));
        HTSet(from, text(balance(from) - amount));
        HTSet(to, text((HTHas(to) ? balance(to) : 0) + amount));
        break;
      }
      default: {
        const amount = Math.min(below(1000), balance(from));
        HTAdd(from, -amount);
        HTAdd(to, amount);
      }
    }
  }
  for (let i = ${MARKS} / 2; i < ${MARKS}; i++) HTSet('mark:' + client + ':' + i, text(call));
}
export function fail(_, [client]) {
  for (let i = 0; i < 50; i++) { HTSet('never:' + client + i, text(i)); HTDelete(account(i)); }
  throw new Error('undone');
}
`;

/** What is stored under a key. */
export type Stored = (key: string) => string | undefined;

/** One client's calls, in the order in which it has sent them on one connection. */
export class CallLedger {
  acknowledged = 0;
  private sent = 0;
  private failureIsNext = true;

  constructor(
    readonly client: number,
    private readonly random: () => number,
  ) {}

  /** The requests of a further call, behind a call that fails. */
  next(): Argument[][] {
    const steps = 1 + Math.floor(2 ** (this.random() * 11));
    return [
      ['FCALL', 'fail', 0, this.client],
      ['FCALL', 'move', 0, this.client, ++this.sent, steps],
    ];
  }

  /** Takes the reply to the first request that has none yet. */
  take(reply: Buffer): void {
    const text = reply.toString('latin1');
    if (text.startsWith('-') !== this.failureIsNext) throw new Error(text);
    if (this.failureIsNext && !text.startsWith('-ERR Error: undone')) throw new Error(text);
    if (!this.failureIsNext) this.acknowledged++;
    this.failureIsNext = !this.failureIsNext;
  }

  /**
   * Takes what is stored, once nothing is under way: the acknowledged calls have been made, or some
   * more, each as a whole; throws where that is not so.
   */
  settle(stored: Stored): void {
    const call = lastCall(stored, this.client);
    if (call < this.acknowledged || call > this.sent) {
      throw new Error(
        `client ${this.client}: the last call made is ${call}; ${this.acknowledged} are ` +
          `acknowledged, ${this.sent} sent`,
      );
    }
    this.acknowledged = this.sent = call;
    this.failureIsNext = true;
  }
}

/** The keys that tell of the calls of these clients. */
export function accountKeys(clients: readonly number[]): string[] {
  return [
    ...Array.from({ length: ACCOUNTS }, (_, i) => accountKey(i)),
    ...clients.flatMap((client) => [`never:${client}1`, ...markKeys(client)]),
  ];
}

/** Throws where the accounts do not hold what these clients' calls have left, whoever calls on. */
export function checkAccounts(stored: Stored, clients: readonly number[]): void {
  let due = ACCOUNTS * AMOUNT;
  for (const client of clients) {
    const call = lastCall(stored, client);
    due += (call * (call + 1)) / 2;
    if (stored(`never:${client}1`) !== undefined) throw new Error('a call that failed is kept');
  }
  let sum = 0;
  for (let i = 0; i < ACCOUNTS; i++) sum += Number(stored(accountKey(i)) ?? 0);
  if (sum !== due) throw new Error(`the accounts hold ${sum} in place of ${due}`);
}

function accountKey(i: number): string {
  return i % 2 === 0 ? `${5_000_000 + i}` : `account:${i}`;
}

function markKeys(client: number): string[] {
  return Array.from({ length: MARKS }, (_, i) => `mark:${client}:${i}`);
}

function lastCall(stored: Stored, client: number): number {
  const marks = new Set(markKeys(client).map(stored));
  if (marks.size !== 1) throw new Error(`client ${client}: a call is half done: ${[...marks]}`);
  return Number([...marks][0] ?? 0);
}
