// What a library exports is called with (keys, args), and answers what a reply can hold.
import test from 'ava';
import type { Files } from './support/folder.ts';
import { errorsIn } from './support/library.ts';

const TYPES = [
  "import type { Result, StorageFunction } from 'shredder-functions';",
  'export type { Result, StorageFunction };',
  'export class Point { constructor(readonly x: number) {} length(): number { return this.x; } }',
  'export class Failure extends Error { code = 1; }',
  'export interface Named { name: string; tags?: string[]; inner: { when: number | null } }',
  'export interface Tree { value: number; children: Tree[] }',
  "export enum Kind { A = 'a' }",
].join('\n');

const IMPORTS =
  "import { Failure, Kind, Point, type Named, type Result, type StorageFunction, type Tree } from './types.ts';";

/** Names of one letter, so that columns do not depend on which file has which. */
const NAMES = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** A library that has each export in a file of its own, `f` and `Foo` by names of their own. */
function libraryOf(texts: readonly string[]): Files {
  const parts = texts.map((text, index) => {
    const name = NAMES[index];
    const named = text.replace(/(?<=function |const )f\b/, `${name}`).replace('Foo', `Fo${name}`);
    return [`part${index}.ts`, `export ${named};\n${IMPORTS}`];
  });
  const lib = texts.map((_, index) => `export * from './part${index}.ts';`).join('\n');
  return { ...Object.fromEntries(parts), 'lib.ts': lib, 'types.ts': TYPES };
}

const ACCEPTED: readonly string[] = [
  'function f() {}',
  'function f(): void {}',
  'function f(keys: string[], args: string[]): string { return keys[0]! + args[0]!; }',
  'function f(keys: readonly string[], ...rest: string[][]): number { return rest.length; }',
  'function f(keys: Iterable<string>, args?: unknown, more?: number): number { return 1; }',
  'function f<T extends readonly string[]>(keys: T): number { return keys.length; }',
  'const f = async (): Promise<Map<string, Set<number>>> => new Map()',
  "function f(): Named { return { name: '', inner: { when: null } }; }",
  'function f(): Tree { return { value: 1, children: [] }; }',
  'function f(): [id: string, count: bigint][] { return []; }',
  'function f(): Record<string, Uint8Array | ArrayBuffer | undefined> { return {}; }',
  'function f(): Failure | TypeError { return new Failure(); }',
  'function f(): unknown { return 1; }',
  'function f(): any { return 1; }',
  'function f(): Kind | undefined { return Kind.A; }',
  'function f(): (string & { readonly brand: unique symbol }) | null { return null; }',
  'function f(): StorageFunction extends never ? never : Result { return 1; }',
  'const f: StorageFunction = () => 1',
  'const limit = 3',
  'const when = new Date()',
  'enum Kind2 { A }',
  'type T = Point',
  'interface I { x: Date }',
  'namespace N { export const x = 1; }',
  '{}; export type { Point }',
  'default class {}',
  'const point = new Point(1)',
];

test('exports are accepted that can be called and can answer, and what is not callable', async (t) => {
  t.is(await errorsIn(t, libraryOf(ACCEPTED)), '');
});

const REFUSED: readonly (readonly [text: string, expected: RegExp])[] = [
  ['class Foo {}', /lib\.ts:1:14 - error: Foo is a class/],
  ['abstract class Foo {}', /lib\.ts:1:23 - error: Foo is a class/],
  ['const Foo = class {}', /lib\.ts:1:14 - error: Foo is a class/],
  [
    'function f(keys: number): number { return keys; }',
    /lib\.ts:1:19 - error: The parameter keys of f is number: .*\(keys: string\[\], args: string\[\]\)/,
  ],
  [
    'function f(keys: string[], args: { a: string }): void {}',
    /lib\.ts:1:35 - error: The parameter args of f is \{ a: string; \}/,
  ],
  [
    'function f(keys: [string]): void {}',
    /lib\.ts:1:19 - error: The parameter keys of f is \[string\]/,
  ],
  [
    'function f(keys: string[], args: string[], more: number): void {}',
    /lib\.ts:1:51 - error: The parameter more of f/,
  ],
  ['function f(): Date { return new Date(); }', /lib\.ts:1:22 - error: f returns a Date/],
  [
    'async function f(): Promise<Date> { return new Date(); }',
    /lib\.ts:1:28 - error: f returns a Date/,
  ],
  [
    'const f = () => ({ a: [{ when: new Date() }] })',
    /lib\.ts:1:14 - error: f returns a Date.* in its result\.a\[\]\.when/,
  ],
  ['function f(): () => void { return () => {}; }', /f returns a function/],
  ['function f() { return { g() {} }; }', /f returns a function.* in its result\.g\b/],
  ['function f(): symbol { return Symbol(); }', /f returns a symbol/],
  ['function f(): Point { return new Point(1); }', /f returns an instance of the class Point/],
  [
    'function f(): Map<string, Point[]> { return new Map(); }',
    /f returns an instance of the class Point.* in its result\{\}\[\]/,
  ],
  ['function f(): RegExp | null { return null; }', /f returns a RegExp/],
  [
    'function f(): { p: Promise<number> } { return { p: Promise.resolve(1) }; }',
    /f returns a Promise in its result\.p, .*: await it\./,
  ],
  ['function f<T extends Date>(keys: string[]): T | null { return null; }', /f returns a Date/],
];

test('exports are errors at their places that cannot be called, or whose results arrive as something else', async (t) => {
  const errors = await errorsIn(t, libraryOf(REFUSED.map(([text]) => text)));
  for (const [index, [text, expected]] of REFUSED.entries()) {
    const own = errors.split('\n').filter((each) => each.includes(`part${index}.ts:`));
    t.is(own.length, 1, text);
    const name = NAMES[index];
    const shown = own[0]
      ?.replace(`part${index}.ts`, 'lib.ts')
      .replace(`Fo${name} `, 'Foo ')
      .replace(new RegExp(`(?<= of )${name}\\b|\\b${name}(?= returns)`), 'f');
    t.regex(shown ?? '', expected, text);
  }
});

test('what another file declares has its place there', async (t) => {
  const errors = await errorsIn(t, {
    'lib.ts': "export * from './part.ts';\nexport type { Left } from './part.ts';",
    'part.ts': 'export class Right {}\nclass Left {}\nexport type { Left };',
  });
  t.regex(errors, /part\.ts:1:14 - error: Right is a class/);
  t.notRegex(errors, /Left/);
});

test("a class's type alone may be exported, by any way", async (t) => {
  const errors = await errorsIn(t, {
    'lib.ts': [
      "import type { A } from './part.ts';",
      'export type { A };',
      "export type { B } from './part.ts';",
      "export type * from './part.ts';",
    ].join('\n'),
    'part.ts': 'export class A {}\nexport class B {}',
  });
  t.is(errors, '');
});
