// What `shredder dev` builds when files change, without a server.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Build, DevLibrary } from '../build-scripts/dev/library.ts';
import { TypeScriptLibrary } from '../build-scripts/dev/typescript_library.ts';
import { WasmLibrary } from '../build-scripts/dev/wasm_library.ts';
import { sourcesOf } from '../build-scripts/dev/wasm_sources.ts';
import { CHECKOUT } from './support/command_line.ts';
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
  return await watchLibrary(
    t,
    new TypeScriptLibrary(path.join(folder, 'lib.ts'), 'lib', () => undefined),
    folder,
  );
}

/** @param entry The library's file, in WebAssembly. */
async function watchWasm(t: ExecutionContext, files: Files, entry: string): Promise<Watched> {
  const folder = await temporaryFolder(t, files);
  await symlink(path.join(CHECKOUT, 'node_modules'), path.join(folder, 'node_modules'));
  return await watchLibrary(
    t,
    new WasmLibrary(path.join(folder, entry), 'lib', () => undefined),
    folder,
  );
}

async function watchLibrary(
  t: ExecutionContext,
  library: DevLibrary,
  folder: string,
): Promise<Watched> {
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
  return build.kind === 'error' ? `${build.output ?? ''}${build.message}` : '';
}

async function resultOf(build: Build): Promise<unknown> {
  if (build.kind !== 'code') return errorsOf(build);
  const { code } = build;
  if (typeof code === 'string') return (await runCode(code))['f']?.([], []);
  const module = new WebAssembly.Module(Uint8Array.from(code.subarray(code.indexOf('\n') + 1)));
  return (new WebAssembly.Instance(module).exports as { f: () => number }).f();
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
  const library = new TypeScriptLibrary(path.join(folder, 'app/lib.ts'), 'lib', () => undefined);
  t.teardown(() => library.close());
  t.is(await resultOf(await library.build()), 1);
  await writeFiles(folder, { 'packages/n/n.ts': 'export const n = 2;' });
  await eventually(
    'it is built',
    async () => library.needsBuild && (await resultOf(await library.build())) === 2,
  );
});

test('a library in C is compiled again when what it includes changes, or comes', async (t) => {
  const { folder, first, until } = await watchWasm(
    t,
    {
      'lib.c':
        '#include <shredder.h>\n#include "parts/n.h"\nSHREDDER_EXPORT int32_t f(void) { return N; }\n',
    },
    'lib.c',
  );
  t.regex(errorsOf(first), /^.*lib\.c:2:10: fatal error: 'parts\/n\.h' file not found/);
  await writeFiles(folder, { 'parts/n.h': '#include "m.h"\n#define N (M + 1)\n' });
  await until('the next one is missed', complains(/n\.h:1:10: fatal error: 'm\.h' file not found/));
  await writeFiles(folder, { 'parts/m.h': '#define M 4\n' });
  await until('it is compiled', gives(5));
  await writeFiles(folder, { 'parts/m.h': '#define M nothing\n' });
  await until('it is wrong', complains(/use of undeclared identifier 'nothing'[\s\S]*1 C error$/));
  await writeFiles(folder, { 'parts/m.h': '#define M 6\n' });
  await until('it is well', gives(7));
});

test('a library in AssemblyScript is compiled again when what it imports changes', async (t) => {
  const { folder, first, until } = await watchWasm(
    t,
    {
      'lib.as.ts': "import { n } from './n';\nexport function f(): i32 { return n() + 1; }\n",
      'n.ts': 'export function n(): i32 { return "one"; }\n',
    },
    'lib.as.ts',
  );
  t.regex(errorsOf(first), /n\.ts:1:35\n[\s\S]*1 AssemblyScript error$/);
  await writeFiles(folder, { 'n.ts': 'export function n(): i32 { return 1; }\n' });
  await until('it is compiled', gives(2));
});

test('a module is loaded as it is, again when it is another, and no sooner than it is one', async (t) => {
  const { folder, first, until } = await watchWasm(t, { 'lib.wasm': 'no module' }, 'lib.wasm');
  t.regex(errorsOf(first), /^lib\.wasm is no WebAssembly module: /);
  for (const n of [3, 4]) {
    await writeFile(path.join(folder, 'lib.wasm'), moduleThatGives(n));
    await until('it is there', gives(n));
  }
  await rm(path.join(folder, 'lib.wasm'));
  await until('it is missed', complains(/^lib\.wasm: ENOENT/));
});

/** A module whose function `f` gives a number from 0 to 63. */
function moduleThatGives(n: number): Uint8Array {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = [1, 5, 1, 0x60, 0, 1, 0x7f];
  const functions = [3, 2, 1, 0];
  const exported = [7, 5, 1, 1, 0x66, 0, 0];
  const code = [10, 6, 1, 4, 0, 0x41, n, 0x0b];
  return Uint8Array.from([...header, ...type, ...functions, ...exported, ...code]);
}

test('what goes into a module is what its sources name, there or not', async (t) => {
  const folder = await temporaryFolder(t, {
    'a.c': '#include <stdint.h>\n# include "b.h"\n// #include "none.h"\n',
    'b.h': '#include "a.c"\n#include "../c.h"\n',
    'a.as.ts':
      "import { Call } from 'shredder-functions/assembly';\nexport * from './parts';\n// import './none';\n@flags('no-writes')\nexport function f(call: Call): void {}\n",
    'parts/index.ts': "import { n } from '../n';\n",
  });
  const named = (file: string): string[] =>
    sourcesOf(path.join(folder, file)).map((each) => path.relative(folder, each));
  t.deepEqual(named('a.c').sort(), ['../c.h', 'a.c', 'b.h']);
  t.deepEqual(named('a.as.ts').sort(), [
    'a.as.ts',
    'n',
    'n.ts',
    'n/index.ts',
    'parts',
    'parts.ts',
    'parts/index.ts',
  ]);
  t.deepEqual(named('a.wasm'), ['a.wasm']);
});
