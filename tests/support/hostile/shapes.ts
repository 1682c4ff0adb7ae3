// All that a hostile tenant tries, and the library that has one of it.
import { ALLOCATIONS } from './allocations.ts';
import { BUILTINS } from './builtins.ts';
import { LANGUAGES } from './languages.ts';
import { LOOP_BODIES } from './loops.ts';
import { MICROTASKS } from './microtasks.ts';
import { PATTERNS } from './patterns.ts';
import { PROXIES } from './proxies.ts';
import { RECURSION } from './recursion.ts';
import { REPLIES } from './replies.ts';

export interface Shape {
  family: string;
  /** Of the function. */
  body: string;
}

const family = (name: string, bodies: readonly string[]): Shape[] =>
  bodies.map((body) => ({ family: name, body }));

/** Without end, until the deadline. */
export const LOOPS: readonly Shape[] = family('loops', LOOP_BODIES);

/** Endless, huge, deep or re-entrant; some of them end by themselves, in an error or a value. */
export const ONE_LINERS: readonly Shape[] = [
  ...family('allocations', ALLOCATIONS),
  ...family('builtins', BUILTINS),
  ...family('languages', LANGUAGES),
  ...family('patterns', PATTERNS),
  ...family('microtasks', MICROTASKS),
  ...family('proxies', PROXIES),
  ...family('recursion', RECURSION),
  ...family('replies', REPLIES),
];

/** A library whose function `attack` has the shape, and whose `harmless` returns 1. */
export function libraryOf({ body }: Shape): string {
  const isAsync = /\bawait\b/.test(body);
  return `#!js name=hostile
import { HTAdd, HTDelete, HTGet, HTGetMany, HTHas, HTLength, HTScan, HTSet, HTView } from 'shredder:store';
export ${isAsync ? 'async ' : ''}function attack() { ${body} }
export function harmless() { return 1n; }
`;
}
