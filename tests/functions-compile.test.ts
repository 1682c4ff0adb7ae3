// What type-checks runs as `tsc` would have compiled it, or is refused where it stands.
import path from 'node:path';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { temporaryFolder, type Files } from './support/folder.ts';
import { checkAndRun, errorsIn } from './support/library.ts';
import { originOf } from './support/source_map.ts';

const tsconfig = (compilerOptions: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ compilerOptions });

const LOOSE = tsconfig({ module: 'preserve', target: 'es2022', lib: ['esnext'], strict: true });
const COMMONJS = { module: 'commonjs', moduleResolution: 'node10', target: 'es2022', strict: true };

/** Files, and what `f` of lib.ts returns. */
const PROGRAMS: readonly (readonly [what: string, files: Files, expected: unknown])[] = [
  [
    'a const enum that a package only declares',
    {
      'tsconfig.json': LOOSE,
      'lib.ts': "import { E } from 'enums';\nexport const f = (): number => E.Two;",
      'node_modules/enums/package.json':
        '{"name":"enums","types":"./index.d.ts","main":"./index.js"}',
      'node_modules/enums/index.d.ts': 'export declare const enum E { One = 1, Two = 2 }',
      'node_modules/enums/index.js': '',
    },
    2,
  ],
  [
    'enums and const enums of other files, computed from each other',
    {
      'tsconfig.json': LOOSE,
      'lib.ts':
        "import { A, B } from './enums';\nexport const f = (): unknown[] => [A.X, B.Y, B[7], A['Z']];",
      'enums.ts': 'export const enum A { X = 1 + 5, Z = X * 2 }\nexport enum B { Y = A.X + 1 }',
    },
    [6, 7, 'Y', 12],
  ],
  [
    'decorators with the metadata of types',
    {
      'tsconfig.json': tsconfig({
        module: 'preserve',
        target: 'es2022',
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        types: [],
      }),
      'lib.ts': [
        "import './reflect';",
        "import { Dependency } from './dependency';",
        'const noted: unknown[] = [];',
        'const note = (target: any): void => {',
        "  noted.push((Reflect as any).getMetadata('design:paramtypes', target)?.map((each: any) => each.name));",
        '};',
        '@note class Service { constructor(readonly d: Dependency, readonly n: number) {} }',
        'export const f = (): any => [typeof Service, ...noted];',
      ].join('\n'),
      'dependency.ts': 'export class Dependency {}',
      'reflect.ts': [
        'const known = new Map<unknown, Map<string, unknown>>();',
        'Object.assign(Reflect, {',
        '  metadata: (key: string, value: unknown) => (target: unknown) => {',
        '    known.set(target, (known.get(target) ?? new Map()).set(key, value));',
        '  },',
        '  getMetadata: (key: string, target: unknown) => known.get(target)?.get(key),',
        '});',
        'export {};',
      ].join('\n'),
    },
    ['function', ['Dependency', 'Number']],
  ],
  [
    'decorators of ECMAScript',
    {
      'tsconfig.json': tsconfig({ module: 'preserve', target: 'esnext' }),
      'lib.ts': [
        'const double = (method: () => number, _: ClassMethodDecoratorContext) =>',
        '  function (this: unknown) { return 2 * method.call(this as never); };',
        'class C { accessor n = 4; @double get2() { return this.n; } }',
        'export const f = (): number => new C().get2();',
      ].join('\n'),
    },
    8,
  ],
  [
    'fields that are defined, where the target has them',
    {
      'tsconfig.json': tsconfig({ module: 'preserve', target: 'es2022' }),
      'lib.ts':
        "class A { set x(_: number) {} }\nclass B extends A { // @ts-expect-error\n  x = 1; }\nexport const f = (): boolean => Object.prototype.hasOwnProperty.call(new B(), 'x');",
    },
    true,
  ],
  [
    'fields that are assigned, where the target has none',
    {
      'tsconfig.json': tsconfig({ module: 'preserve', target: 'es2021' }),
      'lib.ts':
        "class A { set x(_: number) {} }\nclass B extends A { // @ts-expect-error\n  x = 1; }\nexport const f = (): boolean => Object.prototype.hasOwnProperty.call(new B(), 'x');",
    },
    false,
  ],
  [
    'using, with the symbols that the runtime lacks',
    {
      'tsconfig.json': tsconfig({ module: 'preserve', target: 'esnext', lib: ['esnext'] }),
      'lib.ts': [
        'export function f(): string[] {',
        '  const log: string[] = [];',
        "  { using r = { [Symbol.dispose]() { log.push('disposed'); } }; log.push(typeof r); }",
        '  return log;',
        '}',
      ].join('\n'),
    },
    ['object', 'disposed'],
  ],
  [
    'a default import of a CommonJS module, compiled to require() with esModuleInterop',
    {
      'tsconfig.json': tsconfig({ ...COMMONJS, esModuleInterop: true }),
      ...twoKinds("import plain, { n } from 'plain';\nimport marked from 'marked';"),
    },
    [1, 2, 'marked'],
  ],
  [
    'a namespace import that is a function, compiled to require() without esModuleInterop',
    {
      'tsconfig.json': tsconfig(COMMONJS),
      ...twoKinds(
        "import * as plain from 'plain';\nimport { n } from 'plain';\nimport marked from 'marked';",
      ),
    },
    [1, 2, 'marked'],
  ],
  [
    "Node's default import, which is all that a CommonJS module exports",
    {
      'package.json': '{"type":"module"}',
      'tsconfig.json': tsconfig({ module: 'nodenext', strict: true }),
      ...twoKinds(
        "import plain, { n } from 'plain';\nimport module from 'marked';\nconst marked = module.default;",
      ),
    },
    [1, 2, 'marked'],
  ],
  [
    "a bundler's default import of a module that says it is one, in a package of ES modules",
    {
      'package.json': '{"type":"module"}',
      'tsconfig.json': tsconfig({ module: 'esnext', moduleResolution: 'bundler', strict: true }),
      ...twoKinds("import plain, { n } from 'plain';\nimport marked from 'marked';"),
    },
    [1, 2, 'marked'],
  ],
  [
    'import x = require() and export =',
    {
      'tsconfig.json': tsconfig({ ...COMMONJS, esModuleInterop: true }),
      'lib.ts': [
        "import plain = require('plain');",
        "import own = require('./own');",
        "import store = require('shredder:store');",
        "export const f = (): number[] => [plain(), own.value, store.HTLength('abc')];",
      ].join('\n'),
      'own.ts': 'const own = { value: 5 };\nexport = own;',
      ...plainPackage(),
    },
    [1, 5, 3],
  ],
  [
    'jsx',
    {
      'tsconfig.json': tsconfig({
        module: 'preserve',
        jsx: 'react',
        jsxFactory: 'h',
        target: 'es2022',
      }),
      'lib.ts': "import { page } from './page';\nexport const f = (): string => page;",
      'page.tsx': [
        'declare global { namespace JSX { interface IntrinsicElements { b: object } } }',
        'const h = (name: string, _: unknown, ...inner: string[]): any => `<${name}>${inner.join("")}</${name}>`;',
        'export const page: string = (<b>bold</b>) as any;',
      ].join('\n'),
    },
    '<b>bold</b>',
  ],
  [
    'JSON, by default and as a namespace',
    {
      'tsconfig.json': tsconfig({ module: 'preserve', resolveJsonModule: true }),
      'lib.ts':
        "import a from './data.json';\nimport * as b from './data.json';\nexport const f = (): number => a.n + b.n;",
      'data.json': '{"n":4}',
    },
    8,
  ],
  [
    'imports of types alone, which are not there at run time',
    {
      'tsconfig.json': tsconfig({ module: 'commonjs', moduleResolution: 'node10' }),
      'lib.ts':
        "import { T } from './only-types';\nimport { Gone } from 'gone';\nexport { T };\nexport const f = (): T | Gone => 3;",
      'only-types.ts': 'export type T = number;\n',
      'node_modules/gone/index.d.ts': 'export type Gone = string;',
    },
    3,
  ],
  [
    'namespaces and parameter properties',
    {
      'tsconfig.json': LOOSE,
      'lib.ts':
        'namespace N { export const a = 1; export namespace M { export const b = a + 1; } }\nclass C { constructor(readonly c: number) {} }\nexport const f = (): number[] => [N.a, N.M.b, new C(3).c];',
    },
    [1, 2, 3],
  ],
];

/** A CommonJS package that exports a function. */
function plainPackage(): Files {
  return {
    'node_modules/plain/package.json': '{"name":"plain","main":"index.js","types":"index.d.ts"}',
    'node_modules/plain/index.js': 'module.exports = () => 1; module.exports.n = 2;',
    'node_modules/plain/index.d.ts':
      'declare function plain(): number;\ndeclare namespace plain { const n: number; }\nexport = plain;',
  };
}

/** A library that imports it and one that was compiled from an ES module. */
function twoKinds(imports: string): Files {
  return {
    ...plainPackage(),
    'lib.ts': `${imports}\nexport const f = (): unknown[] => [plain(), n, marked];`,
    'node_modules/marked/package.json': '{"name":"marked","main":"index.js","types":"index.d.ts"}',
    'node_modules/marked/index.js':
      "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 'marked';",
    'node_modules/marked/index.d.ts': 'declare const marked: string;\nexport default marked;',
  };
}

for (const [what, files, expected] of PROGRAMS) {
  test(`it runs as tsc compiles it: ${what}`, async (t) => {
    const { f } = await checkAndRun(t, files);
    t.deepEqual(f?.([], []), expected);
  });
}

test('using needs no symbol that a frozen Symbol lacks', async (t) => {
  const folder = await temporaryFolder(t, {
    'tsconfig.json': tsconfig({ module: 'preserve', target: 'esnext', lib: ['esnext'] }),
    'lib.ts': [
      "import { log } from './log.js';",
      'export async function f(): Promise<unknown[]> {',
      "  { using _ = { [Symbol.dispose]: () => void log.push('now') }; }",
      "  { await using _ = { [Symbol['asyncDispose']]: async () => void log.push('later') }; }",
      '  return log;',
      '}',
    ].join('\n'),
    'log.ts': 'export const log: unknown[] = [typeof Symbol.dispose];',
  });
  const code = await bundleLibrary(path.join(folder, 'lib.ts'), 'lib');
  const script = code.replace(/^#!.*/, '').replace(/export \{[^}]*\};/, 'f();');
  const lacking = "for (const name of ['dispose', 'asyncDispose']) if (Symbol[name]) throw name;";
  const log: unknown = await runInNewContext(`${lacking} Object.freeze(Symbol); ${script}`);
  t.is(JSON.stringify(log), '["symbol","now","later"]');
});

test('a bundle has nothing of disposal without its use, nor says where its project lies', async (t) => {
  const folder = await temporaryFolder(t, { 'lib.ts': 'export const f = (): number => 1;' });
  const code = await bundleLibrary(path.join(folder, 'lib.ts'), 'lib');
  t.notRegex(code, /dispos/i);
  t.false(code.includes(folder));
});

test('`export =` of a library is refused where it stands', async (t) => {
  const errors = await errorsIn(t, {
    'tsconfig.json': tsconfig(COMMONJS),
    'lib.ts': 'const all = { f: (): number => 1 };\nexport = all;',
  });
  t.regex(errors, /lib\.ts:2:1 - error: `export =` names no functions to call: write/);
});

test('JSX that the project leaves as it is is refused where it stands', async (t) => {
  const errors = await errorsIn(t, {
    'tsconfig.json': tsconfig({ module: 'preserve', jsx: 'preserve' }),
    'lib.ts': "import { page } from './page';\nexport const f = (): string => page;",
    'page.tsx': [
      'declare global { namespace JSX { interface IntrinsicElements { b: object } } }',
      'export const page: string = (<b>bold</b>) as any;',
    ].join('\n'),
  });
  t.regex(errors, /page\.tsx:2:30 - error: The option `jsx` leaves JSX as it is: set it to/);
});

test('the source map leads through both compilers to the line and column', async (t) => {
  const folder = await temporaryFolder(t, {
    'tsconfig.json': tsconfig({ module: 'commonjs', target: 'es5', lib: ['es2020'] }),
    'src/lib.ts': [
      "import { check } from './parts/check';",
      'interface Removed {',
      '  x: number;',
      '}',
      'enum Kind { A = 1 }',
      'export function f(keys: string[]): number {',
      "  if (keys.length === Kind.A) throw new TypeError('here');",
      '  return check(keys);',
      '}',
    ].join('\n'),
    'src/parts/check.ts': [
      'type Removed = string;',
      'export const check = (keys: Removed[]): number => {',
      "  throw new RangeError('there');",
      '};',
    ].join('\n'),
  });
  const code = await bundleLibrary(path.join(folder, 'src/lib.ts'), 'lib');
  t.is(originOf(code, "new TypeError('here')".replaceAll("'", '"')), 'lib.ts:7:37');
  t.is(originOf(code, "new RangeError('there')".replaceAll("'", '"')), 'parts/check.ts:3:9');
});
