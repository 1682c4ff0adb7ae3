// shredder-functions as others install it: in a folder of their own, with no network, from either kind of
// module and by either TypeScript.
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { execa } from 'execa';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { packFunctions } from '../build-scripts/packaging/pack_functions.ts';
import { listFiles } from '../build-scripts/system/files.ts';
import { writeFiles, type Files } from './support/folder.ts';
import { runCode } from './support/library.ts';

/** TypeScript's versions, by the package of this repository that has each. */
const COMPILERS = [
  ['5.9', 'typescript'],
  ['6.0', 'typescript6'],
] as const;

/** The folder with the package installed, where each test has a folder of its own. */
let home: string;

test.before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'shredder-package-'));
  const tarball = await packFunctions(process.cwd(), home);
  await writeFiles(home, { 'package.json': '{"private":true}' });
  await execa('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: home });
});

test.after.always(() => rm(home, { recursive: true, force: true }));

async function folderOf(name: string, files: Files): Promise<string> {
  const folder = path.join(home, name);
  await writeFiles(folder, files);
  return folder;
}

async function node(folder: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await execa(process.execPath, args, { cwd: folder });
  return stdout + stderr;
}

test('the package has JavaScript and declarations, and depends on nothing', async (t) => {
  const modules = await listFiles(path.join(home, 'node_modules'));
  t.deepEqual(
    modules.filter((file) => !file.startsWith('shredder-functions/')),
    ['.package-lock.json'],
  );
  const root = path.join(home, 'node_modules', 'shredder-functions');
  const files = await listFiles(root);
  t.deepEqual(
    files.filter((file) => /(?<!\.d)\.ts$/.test(file) && !/^(?:assembly|examples)\//.test(file)),
    // What tells whether TypeScript can be loaded.
    ['testing/typescript_probe.ts'],
  );
  const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  t.deepEqual(
    ['private', 'dependencies', 'scripts'].map((field) => manifest[field]),
    [undefined, undefined, undefined],
  );
  const named = [...JSON.stringify(manifest['exports']).matchAll(/:"\.\/([^"]+)"/g)];
  t.true(named.length > 40);
  t.deepEqual(
    named.map(([, file = '']) => file).filter((file) => !files.includes(file)),
    [],
  );
});

const CJS_FUNCTIONS = `
const { HTAdd } = require('shredder:store');
const { integerAt } = require('shredder-functions/arguments');
exports.addTo = (keys, args) => HTAdd(keys[0], integerAt(args, 0, 'amount', 0, 9));
`;
const ESM_FUNCTIONS = `
import { HTAdd } from 'shredder:store';
import { integerAt } from 'shredder-functions/arguments';
export const addTo = (keys, args) => HTAdd(keys[0], integerAt(args, 0, 'amount', 0, 9));
`;
const USE = `
  const store = createStore();
  await store.call(addTo, ['n'], ['3']);
  const sum = await store.call(addTo, ['n'], ['4']);
  const error = await store.call(addTo, ['n'], ['x']).catch((e) => e.message);
  console.log(sum, String.fromCharCode(...store.get('n')), error);
`;
const PRINTS = /^7 7 amount must be an integer/;

test('a CommonJS module tests its functions', async (t) => {
  const folder = await folderOf('cjs', {
    'functions.js': CJS_FUNCTIONS,
    'test.js': `
      require('shredder-functions/register');
      const { createStore } = require('shredder-functions/testing');
      const { addTo } = require('./functions.js');
      (async () => {${USE}})();
    `,
  });
  t.regex(await node(folder, 'test.js'), PRINTS);
  t.regex(await node(folder, '--require', 'shredder-functions/register', 'test.js'), PRINTS);
});

test('an ES module tests its functions, and those of CommonJS modules', async (t) => {
  const test_ = (file: string): string => `
    import { createStore } from 'shredder-functions/testing';
    import { addTo } from './${file}';
    ${USE}
  `;
  const folder = await folderOf('esm', {
    'functions.mjs': ESM_FUNCTIONS,
    'functions.cjs': CJS_FUNCTIONS,
    'test.mjs': test_('functions.mjs'),
    'mixed.mjs': test_('functions.cjs'),
  });
  for (const file of ['test.mjs', 'mixed.mjs']) {
    t.regex(await node(folder, '--import', 'shredder-functions/register', file), PRINTS, file);
  }
});

test('the test of the README runs where tsx is installed', async (t) => {
  const folder = await folderOf('readme', {
    'package.json': '{"type":"module"}',
    'counter.ts': `
      import { HTAdd } from 'shredder:store';
      export function addTo(keys: string[], args: string[]): number {
        return HTAdd(keys[0]!, Number(args[0]));
      }
    `,
    'counter.test.ts': `
      import { createStore } from 'shredder-functions/testing';
      import { addTo } from './counter.ts';
      const store = createStore();
      console.log(await store.call(addTo, ['visits'], ['3']), store.get('visits'));
    `,
  });
  await symlink(path.resolve('node_modules', 'tsx'), path.join(home, 'node_modules', 'tsx'));
  const said = await node(folder, '--import', 'shredder-functions/register', 'counter.test.ts');
  t.is(said, '3 Uint8Array(1) [ 51 ]');
});

const ENTRIES = [
  'arguments',
  'hash',
  'json',
  'list',
  'lock',
  'queue',
  'ratelimit',
  'record',
  'sorted',
  'text',
  'tree',
];

const TYPED = `
import { HTAdd, type Key } from 'shredder:store';
import type { Result, StorageFunction } from 'shredder-functions';
import { integerAt } from 'shredder-functions/arguments';
import { createStore, type TestStore } from 'shredder-functions/testing';
${ENTRIES.map((name) => `import * as ${name}_ from 'shredder-functions/${name}';`).join('\n')}
export const used = [${ENTRIES.map((name) => `${name}_`).join(', ')}];
export const addTo: StorageFunction = (keys, args) => HTAdd(keys[0] as Key, integerAt(args, 0, 'n', 0, 9));
const store: TestStore = createStore();
export const result: Promise<Result | void> = store.call(addTo, ['n'], ['3']);
// @ts-expect-error: bytes are no number.
export const wrong: number = store.get('n');
// @ts-expect-error: a delta is a number.
HTAdd('n', 'x');
`;

for (const [version, compiler] of COMPILERS) {
  for (const [moduleResolution, module] of [
    ['bundler', 'preserve'],
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
  ] as const) {
    for (const type of ['commonjs', 'module']) {
      // One after the other: each is a compiler.
      test.serial(
        `it type-checks by TypeScript ${version}, ${moduleResolution}, "${type}"`,
        async (t) => {
          const compilerOptions = {
            target: 'es2022',
            lib: ['es2022'],
            module,
            moduleResolution,
            types: ['shredder-functions/store'],
            strict: true,
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true,
            noEmit: true,
          };
          const folder = await folderOf(`types-${version}-${module}-${type}`, {
            'package.json': JSON.stringify({ type }),
            'tsconfig.json': JSON.stringify({ compilerOptions }),
            'use.ts': TYPED,
          });
          t.is(await diagnosticsOf(compiler, folder), '');
        },
      );
    }
  }

  test.serial(
    `the options that it brings check an author's files by TypeScript ${version}`,
    async (t) => {
      const folder = await folderOf(`extends-${version}`, {
        'tsconfig.json': '{"extends":"shredder-functions/tsconfig.json"}',
        'good.ts': [
          "import { HTGetString } from 'shredder:store';",
          'export const f = (keys: string[]): string[] => [HTGetString(keys[0]!) ?? crypto.randomUUID()].toSorted();',
        ].join('\n'),
      });
      t.is(await diagnosticsOf(compiler, folder), '');
      await writeFiles(folder, { 'bad.ts': 'export const n: number = new WeakRef({});' });
      t.regex(await diagnosticsOf(compiler, folder), /^bad\.ts\(1,\d+\): error TS\d+: .*WeakRef/);
    },
  );
}

/** What `tsc` prints of a project. */
async function diagnosticsOf(compiler: string, folder: string): Promise<string> {
  const tsc = path.resolve('node_modules', compiler, 'bin', 'tsc');
  const { stdout } = await execa(process.execPath, [tsc, '--noEmit'], {
    cwd: folder,
    reject: false,
  });
  return stdout;
}

test('a library that uses the installed package is checked and bundled', async (t) => {
  const folder = await folderOf('deploy', {
    'lib.ts': [
      "import { HTLength } from 'shredder:store';",
      "import { integerAt } from 'shredder-functions/arguments';",
      'export function f(keys: string[], args: string[]): number {',
      "  return HTLength(keys[0]!) + integerAt(args, 0, 'n', 0, 9);",
      '}',
    ].join('\n'),
  });
  const file = path.join(folder, 'lib.ts');
  t.is(stripVTControlCharacters(typeCheck(file)?.text ?? ''), '');
  const { f } = await runCode(await bundleLibrary(file, 'lib'));
  t.is(f?.(['key'], ['4']), 7);
});
