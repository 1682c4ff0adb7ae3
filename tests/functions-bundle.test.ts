// From a TypeScript file to the code that FUNCTION LOAD takes.
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { libraryNameOf } from '../build-scripts/functions/library_name.ts';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import { temporaryFolder } from './support/folder.ts';
import { originOf } from './support/source_map.ts';

for (const name of ['columns', 'counters', 'graph', 'graph-callback', 'list', 'projection']) {
  test(`the example ${name} type-checks and bundles`, async (t) => {
    const file = path.join(FUNCTIONS_PACKAGE, 'examples', `${name}.ts`);
    t.is(typeCheck(file), undefined);
    const code = await bundleLibrary(file, 'example');
    t.true(code.startsWith('#!js name=example\n'));
    t.regex(code, /from "shredder:store"/);
    t.notRegex(code, /from "shredder-functions/);
  });
}

test('the source map names the TypeScript line, the metadata line notwithstanding', async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts': [
      'interface Removed {',
      '  x: number;',
      '}',
      'export function f(): number {',
      "  throw new Error('here');",
      '}',
    ].join('\n'),
  });
  const code = await bundleLibrary(path.join(folder, 'lib.ts'), 'lib');
  t.is(originOf(code, 'throw new Error'), 'lib.ts:5:3');
});

test('npm packages are part of the bundle, CommonJS ones too', async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts':
      "import { twice } from 'esm';\nimport thrice from 'cjs';\nexport const f = () => twice(thrice(1));",
    'node_modules/esm/package.json': '{"name":"esm","type":"module","exports":"./index.js"}',
    'node_modules/esm/index.js':
      'export const twice = (x) => 2 * x; export const unused = () => "gone";',
    'node_modules/cjs/package.json': '{"name":"cjs","main":"./index.js"}',
    'node_modules/cjs/index.js':
      'if (process.env.NODE_ENV !== "production") throw 1; module.exports = (x) => 3 * x;',
  });
  const code = await bundleLibrary(path.join(folder, 'lib.ts'), 'lib');
  const module = (await import(
    `data:text/javascript,${encodeURIComponent(code.replace(/^#!.*/, ''))}`
  )) as { f: () => number };
  t.is(module.f(), 6);
  t.notRegex(code, /gone/);
});

test('what needs Node does not bundle', async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts': "import { readFileSync } from 'fs';\nexport const f = () => readFileSync('x');",
  });
  await t.throwsAsync(bundleLibrary(path.join(folder, 'lib.ts'), 'lib'), {
    message: /^lib\.ts does not bundle: .*lib\.ts:1:30: "fs" is a module of Node: put the data/,
  });
});

test("a file's own #! line is refused", async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts': '#!/usr/bin/env node\nexport const f = () => 1;',
  });
  await t.throwsAsync(bundleLibrary(path.join(folder, 'lib.ts'), 'lib'), { message: /"#!"/ });
});

test('a bundle beyond the limit of a library is refused', async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts': `export const f = () => '${'x'.repeat(4 * 1024 * 1024)}';`,
  });
  await t.throwsAsync(bundleLibrary(path.join(folder, 'lib.ts'), 'lib'), {
    message: /more than 4194304/,
  });
});

test('outside any project a library is checked strictly, without DOM and Node', async (t) => {
  const folder = await temporaryFolder(t, {
    'good.ts': [
      "import { HTLength } from 'shredder:store';",
      "import type { StorageFunction } from 'shredder-functions';",
      "import { integerAt } from 'shredder-functions/arguments';",
      "export const f: StorageFunction = (keys) => HTLength(integerAt(keys, 0, 'key', 0, 9));",
    ].join('\n'),
    'bad.ts': [
      "import { HTLength } from 'shredder:store';",
      'export const f = (keys: string[]) => HTLength(keys[0]);',
      'export const g = () => setTimeout(process.argv as never);',
      'export const h = (x) => x;',
    ].join('\n'),
  });
  t.is(typeCheck(path.join(folder, 'good.ts')), undefined);
  const errors = typeCheck(path.join(folder, 'bad.ts'));
  const text = stripVTControlCharacters(errors?.text ?? '');
  t.regex(text, /bad\.ts:2:47 - error TS2345/);
  t.regex(text, /bad\.ts:3:24 - error TS2304: Cannot find name 'setTimeout'/);
  t.regex(text, /bad\.ts:3:35 - error TS2591: Cannot find name 'process'/);
  t.regex(text, /bad\.ts:4:19 - error TS7006/);
  t.is(errors?.count, 4);
});

test('DBGet is known only to a library that asks for its types', async (t) => {
  const use = "import { DBGet } from 'shredder:store';\nexport const f = () => DBGet(1);";
  const folder = await temporaryFolder(t, {
    'without.ts': use,
    'with.ts': `import type {} from 'shredder-functions/callbacks';\n${use}`,
  });
  t.is(typeCheck(path.join(folder, 'without.ts'))?.count, 1);
  t.is(typeCheck(path.join(folder, 'with.ts')), undefined);
});

test("a project's own tsconfig.json decides, from the file's folder upward", async (t) => {
  const folder = await temporaryFolder(t, {
    'tsconfig.json': '{"compilerOptions":{"strict":false,"lib":["es2022","dom"],"types":[]}}',
    'globals.d.ts': 'declare const answer: number;',
    'src/lib.ts': 'export const f = (x) => (console.log(x), answer);',
  });
  t.is(typeCheck(path.join(folder, 'src/lib.ts')), undefined);
});

test('a tsconfig.json with an error is shown, not ignored', async (t) => {
  const folder = await temporaryFolder(t, {
    'tsconfig.json': '{"compilerOptions":{"strictest":true}}',
    'lib.ts': 'export const f = () => 1;',
  });
  t.regex(
    typeCheck(path.join(folder, 'lib.ts'))?.text ?? '',
    /Unknown compiler option 'strictest'/,
  );
});

test('a library is named for its file, or as one says', (t) => {
  t.is(libraryNameOf('/a/graph.ts'), 'graph');
  t.is(libraryNameOf('/a/graph-callback.v2.ts'), 'graph_callback_v2');
  t.is(libraryNameOf('/a/graph.ts', 'g'), 'g');
  for (const name of ['', 'a-b', 'a b', 'x'.repeat(65)]) {
    t.throws(() => libraryNameOf('/a/graph.ts', name), { message: /must be 1 to 64/ });
  }
});
