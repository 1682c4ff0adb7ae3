import { copyFile, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkStyle } from '../build-scripts/style/style.ts';
import { findingsIn } from '../build-scripts/style/tidy.ts';
import { temporaryFolder, writeFiles } from './support/folder.ts';

/** A folder with the project's configuration of style and these files. */
async function checkout(t: ExecutionContext, files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder(t, files);
  for (const name of ['.clang-format', '.gitignore', 'biome.jsonc']) {
    await copyFile(path.resolve(name), path.join(folder, name));
  }
  await symlink(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

const WELL = {
  'runtime/well.cc': 'int Answer() { return 42; }\n',
  'tests/well.ts': "export const answer = 'forty-two';\n",
};

const FORMAT = 'is not formatted: run `npx shredder style --fix`';

test('files in style are no problems', async (t) => {
  t.deepEqual(await checkStyle(await checkout(t, WELL), { fix: false }), []);
});

test('each file that is not in style has one line, which says what to do', async (t) => {
  const folder = await checkout(t, {
    ...WELL,
    'runtime/a/spaces.cc': 'int  a  =  1;\nint  b  =  2;\n',
    'builtins-csa/spaces.h': 'int  c  =  3;\n',
    'tests/spaces.ts': 'export const  a = 1;\n',
    'tests/lint.ts': 'export const a = 1;\n\ndebugger;\nif (a == 1) debugger;\n',
  });
  const problems = await checkStyle(folder, { fix: false });
  t.deepEqual(
    problems.toSorted((a, b) => (a.file < b.file ? -1 : 1)),
    [
      { file: 'builtins-csa/spaces.h', text: FORMAT },
      { file: 'runtime/a/spaces.cc', text: FORMAT },
      {
        file: 'tests/lint.ts',
        text: 'line 3: This is an unexpected use of the debugger statement. (lint/suspicious/noDebugger, and 2 more): mend it, or run `npx shredder style --fix`',
      },
      { file: 'tests/spaces.ts', text: FORMAT },
    ],
  );
});

test('--fix writes what can be mended, and what is left stays a problem', async (t) => {
  const folder = await checkout(t, {
    'runtime/spaces.cc': 'int  a  =  1;\n',
    'tests/spaces.ts': 'export const  a = 1;\n',
    'tests/lint.ts': 'debugger;\n',
  });
  const problems = await checkStyle(folder, { fix: true });
  t.deepEqual(
    problems.map(({ file }) => file),
    ['tests/lint.ts'],
  );
  t.is(await readFile(path.join(folder, 'runtime/spaces.cc'), 'utf8'), 'int a = 1;\n');
  t.is(await readFile(path.join(folder, 'tests/spaces.ts'), 'utf8'), 'export const a = 1;\n');
});

test('what does not parse is a problem of its file', async (t) => {
  const folder = await checkout(t, { ...WELL });
  await writeFiles(folder, { 'tests/broken.ts': 'export const = 1;\n' });
  const problems = await checkStyle(folder, { fix: false });
  t.is(problems.length, 1);
  t.is(problems[0]?.file, 'tests/broken.ts');
  t.regex(problems[0]?.text ?? '', /^line 1: .*\(parse/);
});

test('what clang-tidy finds is told by file of the checkout, a line each, without the code below', (t) => {
  const output = `/checkout/runtime/../runtime/net/buffer.h:60:23: warning: not used [bugprone-a]
   60 |     release();
      |     ^
/checkout/runtime/net/buffer.h:60:23: note: cast to void
/checkout/runtime/store/store.cc:5:1: error: 'x.h' file not found [clang-diagnostic-error]
Found compiler error(s).
`;
  t.deepEqual(findingsIn(output, '/checkout'), [
    'runtime/net/buffer.h:60:23: warning: not used [bugprone-a]',
    "runtime/store/store.cc:5:1: error: 'x.h' file not found [clang-diagnostic-error]",
  ]);
});
