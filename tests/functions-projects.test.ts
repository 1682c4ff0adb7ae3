// What `tsc --noEmit` accepts in an author's project is deployed as it is.
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { temporaryFolder, type Files } from './support/folder.ts';
import { checkAndRun, errorsIn, runCode } from './support/library.ts';

type Options = Readonly<Record<string, unknown>>;

const tsconfig = (compilerOptions: Options, more: Options = {}): string =>
  JSON.stringify({ compilerOptions, ...more });

/** A library of two files that uses the store and the package. */
const LIBRARY: Files = {
  'src/lib.ts': [
    "import { HTLength } from 'shredder:store';",
    "import { integerAt } from 'shredder-functions/arguments';",
    "import { twice } from './part.js';",
    'export function f(keys: string[], args: string[]): number {',
    "  return HTLength(keys[0] as string) + twice(integerAt(args, 0, 'n', 0, 9));",
    '}',
  ].join('\n'),
  'src/part.ts': 'export const twice = (n: number): number => 2 * n;',
};

/** Kinds of modules, by the type of the package where that has a say. */
const MODULES: readonly (readonly [type: string, options: Options])[] = [
  ['commonjs', { module: 'commonjs', moduleResolution: 'node10' }],
  ['module', { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: false }],
  ['commonjs', { module: 'amd', moduleResolution: 'node10' }],
  ['commonjs', { module: 'es2015', moduleResolution: 'node10' }],
  ['module', { module: 'esnext', moduleResolution: 'bundler' }],
  ['commonjs', { module: 'preserve' }],
  ['module', { module: 'preserve' }],
  ['commonjs', { module: 'node16' }],
  ['module', { module: 'node18' }],
  ['commonjs', { module: 'nodenext', moduleResolution: 'nodenext' }],
  ['module', { module: 'nodenext', moduleResolution: 'nodenext' }],
];

for (const [type, options] of MODULES) {
  test(`a "${type}" package is taken with ${JSON.stringify(options)}`, async (t) => {
    const { f } = await checkAndRun(
      t,
      {
        ...LIBRARY,
        'package.json': JSON.stringify({ type }),
        'tsconfig.json': tsconfig({ target: 'es2022', lib: ['es2022'], strict: true, ...options }),
      },
      'src/lib.ts',
    );
    t.is(f?.(['key'], ['4']), 11);
  });
}

for (const target of ['es5', 'es2015', 'es2022', 'esnext']) {
  test(`the target ${target} is taken, and what its syntax lacks works`, async (t) => {
    const { f } = await checkAndRun(
      t,
      {
        ...LIBRARY,
        'tsconfig.json': tsconfig({
          target,
          lib: ['es2022'],
          module: 'preserve',
          downlevelIteration: true,
        }),
        'src/lib.ts': [
          "import { twice } from './part';",
          'class Sum { n = 1; async add(more: Iterable<number>) { for (const m of more) this.n += m; } }',
          'export async function f(keys: string[]): Promise<number> {',
          '  const sum = new Sum();',
          '  await sum.add(new Set([twice(keys.length), 5]));',
          '  return sum?.n ?? 0;',
          '}',
        ].join('\n'),
      },
      'src/lib.ts',
    );
    t.is(await f?.(['a', 'b'], []), 10);
  });
}

/** Options that are for output, or of style; those in one line do not exclude each other. */
const OUTPUT: readonly Options[] = [
  {},
  { composite: true, tsBuildInfoFile: './build/info', outDir: './build', declarationMap: true },
  { declaration: true, emitDeclarationOnly: true, isolatedDeclarations: true },
  { declaration: true, declarationDir: './types', rootDir: './elsewhere', outDir: './out' },
  { incremental: true, noEmitOnError: true, removeComments: true, stripInternal: true },
  { inlineSourceMap: true, inlineSources: true, sourceRoot: '/x', noEmitHelpers: true },
  { sourceMap: true, mapRoot: '/x', newLine: 'crlf', emitBOM: true, importHelpers: true },
  { noEmit: true, allowImportingTsExtensions: true },
  { rewriteRelativeImportExtensions: true, isolatedModules: true, verbatimModuleSyntax: true },
  { erasableSyntaxOnly: true, noUnusedLocals: true, noUnusedParameters: true },
  {
    strict: true,
    exactOptionalPropertyTypes: true,
    noImplicitReturns: true,
    noPropertyAccessFromIndexSignature: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
  },
];

for (const options of OUTPUT) {
  test(`options are taken that make no difference: ${JSON.stringify(options)}`, async (t) => {
    const { f } = await checkAndRun(
      t,
      {
        ...LIBRARY,
        'tsconfig.json': tsconfig({
          module: 'es2022',
          moduleResolution: 'bundler',
          target: 'es2022',
          lib: ['es2022'],
          ...options,
        }),
      },
      'src/lib.ts',
    );
    t.is(f?.(['key'], ['4']), 11);
  });
}

test('what is not strict is taken where the project is not', async (t) => {
  const files = {
    'lib.ts': 'export const f = (keys) => { const x: string = null; return keys.length; };',
  };
  t.is(await errorsIn(t, { ...files, 'tsconfig.json': '{}' }), '');
  t.regex(await errorsIn(t, { ...files, 'tsconfig.json': tsconfig({ strict: true }) }), /TS7006/);
});

test("the package's tsconfig.json checks the files of whoever extends it, and no others", async (t) => {
  const folder = await temporaryFolder(t, {
    'tsconfig.json': '{"extends":"shredder-functions/tsconfig.json"}',
    'wrong.ts': "export const x: number = 's';",
  });
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(FUNCTIONS_PACKAGE, path.join(folder, 'node_modules/shredder-functions'));
  const tsc = path.resolve('node_modules/typescript/bin/tsc');
  const { stdout } = await execa(process.execPath, [tsc, '--noEmit', '--listFiles'], {
    cwd: folder,
    reject: false,
  });
  const [error = '', ...files] = stdout.split('\n');
  t.regex(error, /^wrong\.ts\(1,14\): error TS2322/);
  const checked = files.filter((each) => !each.includes('/typescript/lib/'));
  t.deepEqual(checked.map((each) => path.basename(each)).sort(), [
    'globals.d.ts',
    'store.d.ts',
    'webassembly.d.ts',
    'wrong.ts',
  ]);
});

test('a project that refers to others has theirs compiled by their own options', async (t) => {
  const { f } = await checkAndRun(
    t,
    {
      'core/tsconfig.json': tsconfig({
        composite: true,
        module: 'preserve',
        target: 'es2022',
        useDefineForClassFields: false,
        outDir: 'dist',
        rootDir: 'src',
      }),
      'core/package.json': '{"name":"core","types":"dist/index.d.ts","main":"dist/index.js"}',
      'core/src/index.ts': [
        'class Base { x = 1; }',
        // With define semantics, the field would be undefined.
        'class Child extends Base { declare y: number; x: number; }',
        "export const made = () => ('x' in new Child() ? new Child().x : -1);",
      ].join('\n'),
      'app/tsconfig.json': tsconfig(
        { module: 'preserve', target: 'es2022', strict: true },
        { references: [{ path: '../core' }] },
      ),
      'app/lib.ts':
        "import { made } from '../core/src/index';\nexport const f = (): number => made();",
    },
    'app/lib.ts',
  );
  t.is(f?.([], []), 1);
});

test('a tsconfig.json that only refers to others leaves a file to the one that has it', async (t) => {
  const files = {
    'tsconfig.json': '{"files":[],"references":[{"path":"./tsconfig.lib.json"}]}',
    'tsconfig.lib.json': tsconfig({ composite: true, strict: true }, { include: ['src'] }),
    'src/lib.ts': 'export const f = (keys) => 1;',
  };
  t.regex(await errorsIn(t, files, 'src/lib.ts'), /TS7006/);
});

test('a package of a workspace that is TypeScript is compiled with what imports it', async (t) => {
  const folder = await temporaryFolder(t, {
    'packages/shared/package.json': '{"name":"@me/shared","exports":"./index.ts"}',
    'packages/shared/index.ts': 'export const enum Size { Small = 3 }\nexport enum Kind { A = 4 }',
    'packages/app/tsconfig.json': tsconfig({ module: 'preserve', strict: true }),
    'packages/app/lib.ts':
      "import { Size, Kind } from '@me/shared';\nexport const f = (): number => Size.Small + Kind.A;",
  });
  await mkdir(path.join(folder, 'node_modules/@me'), { recursive: true });
  await symlink('../../packages/shared', path.join(folder, 'node_modules/@me/shared'));
  const file = path.join(folder, 'packages/app/lib.ts');
  t.is(typeCheck(file), undefined);
  t.is((await runCode(await bundleLibrary(file, 'lib')))['f']?.([], []), 7);
});

test('aliases of paths and baseUrl are found, and those of imports in package.json', async (t) => {
  const { f } = await checkAndRun(
    t,
    {
      'package.json': '{"name":"me","type":"module","imports":{"#inner/*":"./dist/inner/*.js"}}',
      'tsconfig.json': tsconfig({
        module: 'nodenext',
        rootDir: 'src',
        outDir: 'dist',
        baseUrl: '.',
        paths: { '@/*': ['./src/*'], config: ['./src/config.json'] },
        resolveJsonModule: true,
      }),
      'src/lib.ts': [
        "import { a } from '@/a.js';",
        "import { b } from '#inner/b';",
        "import { c } from 'src/c.js';",
        "import config from 'config' with { type: 'json' };",
        'export const f = (): number => a + b + c + config.d;',
      ].join('\n'),
      'src/a.ts': 'export const a = 1;',
      'src/inner/b.ts': 'export const b = 10;',
      'src/c.ts': 'export const c = 100;',
      'src/config.json': '{"d":1000}',
    },
    'src/lib.ts',
  );
  t.is(f?.([], []), 1111);
});

test('declarations of the project that a file does not import are known to it', async (t) => {
  const files = {
    'tsconfig.json': tsconfig({ module: 'preserve', strict: true }),
    'globals.ts': 'export {};\ndeclare global { var answer: number; }',
    'script.ts': 'const notAtRunTime = 1;',
    'lib.ts': 'export const f = (): number => globalThis.answer;',
  };
  t.is(await errorsIn(t, files), '');
  const used = { ...files, 'lib.ts': 'export const f = (): number => notAtRunTime;' };
  t.regex(await errorsIn(t, used), /lib\.ts:1:\d+ - error TS2304: Cannot find name 'notAtRunTime'/);
});
