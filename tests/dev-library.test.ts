// What `shredder dev` builds when files change, without a server.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { DevLibrary, type Build } from '../build-scripts/dev/library.ts';
import { eventually } from './support/eventually.ts';
import { temporaryFolder, writeFiles, type Files } from './support/folder.ts';
import { runCode } from './support/library.ts';

const OPTIONS =
  '{"compilerOptions":{"strict":true,"module":"esnext","moduleResolution":"bundler","target":"es2022","lib":["es2022"],"types":[]}}';

interface Watched {
  folder: string;
  library: DevLibrary;
  /** What came of the first build. */
  first: Build;
  /** Builds as often as it takes until what comes of it is wanted. */
  until: (what: string, isWanted: (build: Build) => boolean | Promise<boolean>) => Promise<void>;
}

async function watch(t: ExecutionContext, files: Files): Promise<Watched> {
  const folder = await temporaryFolder(t, { 'tsconfig.json': OPTIONS, ...files });
  const library = new DevLibrary(path.join(folder, 'lib.ts'), 'lib', () => undefined);
  t.teardown(() => library.close());
  const first = await library.build();
  return {
    folder,
    library,
    first,
    until: async (what, isWanted) => {
      await eventually(
        what,
        async () => library.needsBuild && (await isWanted(await library.build())),
      );
      t.pass(what);
    },
  };
}

function errorsOf(build: Build): string {
  if (build.kind === 'types') return stripVTControlCharacters(build.errors.text);
  return build.kind === 'error' ? build.message : '';
}

async function resultOf(build: Build): Promise<unknown> {
  if (build.kind !== 'code') return errorsOf(build);
  return (await runCode(build.code))['f']?.([], []);
}

function gives(expected: unknown): (build: Build) => Promise<boolean> {
  return async (build) => (await resultOf(build)) === expected;
}

function complains(pattern: RegExp): (build: Build) => boolean {
  return (build) => pattern.test(errorsOf(build));
}

test('a library is built again when its file changes, and is as a first build makes it', async (t) => {
  const { folder, first, until } = await watch(t, {
    'lib.ts': "import { n } from './n.ts';\nexport const f = (): number => n + 1;",
    'n.ts': 'export const n = 1;',
    'tsconfig.json': OPTIONS.replace(
      '"types"',
      '"allowImportingTsExtensions":true,"noEmit":true,"types"',
    ),
  });
  t.is(await resultOf(first), 2);
  await writeFile(
    path.join(folder, 'lib.ts'),
    "import { n } from './n.ts';\nexport const f = (): number => n + 2;",
  );
  await until('the file is built', gives(3));
  await writeFile(path.join(folder, 'n.ts'), 'export const n = 5;');
  await until('what it imports is built', gives(7));
});

test('an editor may write by rename, and a file may be gone for a while', async (t) => {
  const { folder, until } = await watch(t, { 'lib.ts': 'export const f = (): number => 1;' });
  for (const n of [2, 3]) {
    await writeFile(path.join(folder, 'lib.ts~'), `export const f = (): number => ${n};`);
    await rename(path.join(folder, 'lib.ts~'), path.join(folder, 'lib.ts'));
    await until('the new file is built', gives(n));
  }
  await rm(path.join(folder, 'lib.ts'));
  await until('it is missed', (build) => build.kind !== 'code');
  await writeFile(path.join(folder, 'lib.ts'), 'export const f = (): number => 4;');
  await until('it is built again', gives(4));
});

test('an error of types is one until it is mended, in whichever file', async (t) => {
  const { folder, until } = await watch(t, {
    'lib.ts': "import { n } from './n';\nexport const f = (): number => n;",
    'n.ts': 'export const n = 1;',
  });
  await writeFile(path.join(folder, 'n.ts'), "export const n = 'one';");
  await until('the importer is wrong', complains(/^.*lib\.ts:2:\d+ - error TS2322: /));
  await writeFile(path.join(folder, 'n.ts'), 'export const n = ;');
  await until('the file itself is wrong', complains(/n\.ts:1:\d+ - error TS1109: /));
  await writeFile(path.join(folder, 'n.ts'), 'export const n = 2;');
  await until('all is well', gives(2));
});

test('a file that is missing is found when it appears, in a folder that appears with it', async (t) => {
  const { folder, first, until } = await watch(t, {
    'lib.ts': "import { n } from './parts/deep/n';\nexport const f = (): number => n;",
  });
  t.regex(errorsOf(first), /error TS2307: Cannot find module '\.\/parts\/deep\/n'/);
  await mkdir(path.join(folder, 'parts'));
  await writeFiles(folder, { 'parts/deep/n.ts': 'export const n = 6;' });
  await until('it is found', gives(6));
  await rename(path.join(folder, 'parts'), path.join(folder, 'elsewhere'));
  await until('it is missed', complains(/TS2307/));
});

test('a package is found when it is installed, and its code is watched', async (t) => {
  const { folder, first, until } = await watch(t, {
    'lib.ts': "import { n } from 'made-up';\nexport const f = (): number => n;",
    'package.json': '{"type":"module"}',
  });
  t.regex(errorsOf(first), /TS2307/);
  await writeFiles(folder, {
    'node_modules/made-up/package.json':
      '{"name":"made-up","version":"1.0.0","type":"module","main":"index.js"}',
    'node_modules/made-up/index.d.ts': 'export const n: number;',
    'node_modules/made-up/index.js': 'export const n = 8;',
    'node_modules/.package-lock.json': '{}',
  });
  await until('it is found', gives(8));
  await writeFiles(folder, { 'node_modules/made-up/index.js': 'export const n = 9;' });
  await until('its code is built', gives(9));
});

test("options, and types for all files, are the project's as they are now", async (t) => {
  const { folder, first, until } = await watch(t, {
    'lib.ts': 'export const f = (keys: string[]): number => SIZES[keys[0] ?? ""] ?? 1;',
  });
  t.regex(errorsOf(first), /TS2304: Cannot find name 'SIZES'/);
  await writeFiles(folder, { 'sizes.d.ts': 'declare const SIZES: Record<string, number>;' });
  await until('it is declared, and still not there', (build) => build.kind === 'code');
  await writeFiles(folder, {
    'lib.ts': 'const odd = (x) => x;\nexport const f = (): number => odd(3);',
  });
  await until('the options hold', complains(/TS7006: Parameter 'x' implicitly has an 'any' type/));
  await writeFiles(folder, { 'tsconfig.json': OPTIONS.replace('"strict":true', '"strict":false') });
  await until('the new ones do', gives(3));
  await writeFiles(folder, { 'tsconfig.json': '{"extends":"./gone.json"}' });
  await until('a broken one is an error', (build) => build.kind !== 'code');
  await writeFiles(folder, { 'tsconfig.json': OPTIONS.replace('"strict":true', '"strict":false') });
  await until('and goes', gives(3));
});

test('a file that has changed back is no news: the code is the same', async (t) => {
  const text = 'export enum E { A = 4 }\nexport const f = (): number => E.A;';
  const { folder, first, until } = await watch(t, { 'lib.ts': text });
  await writeFiles(folder, { 'lib.ts': `${text}\nexport const g = 1 as string;` });
  await until('it is wrong', (build) => build.kind === 'types');
  await writeFiles(folder, { 'lib.ts': text });
  await until(
    'it is well',
    (build) => build.kind === 'code' && first.kind === 'code' && build.code === first.code,
  );
});

test("a workspace's package behind a link is watched where it lies", async (t) => {
  const folder = await temporaryFolder(t, {
    'packages/n/package.json': '{"name":"n","version":"1.0.0","main":"n.ts"}',
    'packages/n/n.ts': 'export const n = 1;',
  });
  await writeFiles(folder, {
    'app/tsconfig.json': OPTIONS,
    'app/lib.ts': "import { n } from 'n';\nexport const f = (): number => n;",
  });
  await mkdir(path.join(folder, 'app/node_modules'));
  await symlink(path.join(folder, 'packages/n'), path.join(folder, 'app/node_modules/n'));
  const library = new DevLibrary(path.join(folder, 'app/lib.ts'), 'lib', () => undefined);
  t.teardown(() => library.close());
  t.is(await resultOf(await library.build()), 1);
  await writeFiles(folder, { 'packages/n/n.ts': 'export const n = 2;' });
  await eventually(
    'it is built',
    async () => library.needsBuild && (await resultOf(await library.build())) === 2,
  );
});
