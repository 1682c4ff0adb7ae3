// How the program of a checkout starts: compiled where its sources have changed, and with no more of it
// loaded than the command that is named.
import { access, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { Command } from 'commander';
import { execa } from 'execa';
import { upToDateProgram } from '../build-scripts/bin/up_to_date.js';
import { runProgram, type CommandEntry } from '../build-scripts/program.ts';
import { placesInSources } from '../build-scripts/ui/stack.ts';
import { CHECKOUT, PROGRAM as PROGRAM_FILE, shredder } from './support/command_line.ts';
import { temporaryFolder, writeFiles, type Files } from './support/folder.ts';

const MAIN = 'build-scripts/main.ts';
const GREETING = 'build-scripts/words/greeting.ts';
const SHARED = 'ts-functions/testing/runtime_globals.ts';

/** A checkout of a program that prints three lines: a text, where it lies, and a shared constant. */
const PROGRAM: Files = {
  [MAIN]: [
    "import { SHARED } from '../ts-functions/testing/runtime_globals.ts';",
    "import type { Nothing } from './types.ts';",
    'export async function main(): Promise<Nothing> {',
    "  const { greeting, place } = await import('./words/greeting.ts');",
    "  console.log([greeting, place, SHARED].join('\\n'));",
    '}',
    '',
  ].join('\n'),
  [GREETING]:
    "export const greeting: string = 'good';\nexport const place = import.meta.filename + import.meta.url + import.meta.dirname;\n",
  'build-scripts/types.ts': 'export type Nothing = undefined;\n',
  [SHARED]: "export const SHARED: string = 'one';\n",
  'build-scripts/node_modules/other.ts': 'this is no program',
  'build-scripts/init/template/other.ts': 'this is no program',
  'node_modules/package.json': '{}',
};

async function checkoutFor(t: ExecutionContext, files: Files = {}): Promise<string> {
  return temporaryFolder(t, { ...PROGRAM, ...files });
}

function programOf(checkout: string): Promise<string> {
  const sources = path.join(checkout, 'build-scripts');
  return upToDateProgram(sources, path.join(checkout, 'temporary'));
}

/** What the program that is there now prints. */
async function output(checkout: string): Promise<string[]> {
  const code = `(await import(${JSON.stringify(pathToFileURL(await programOf(checkout)).href)})).main()`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', code]);
  return stdout.split('\n');
}

test('the program is compiled once, and its modules find what lies beside their sources', async (t) => {
  const checkout = await checkoutFor(t);
  const main = await programOf(checkout);
  t.true(main.startsWith(path.join(checkout, 'node_modules', '.cache')));
  const { mtimeMs } = await stat(main);
  const file = path.join(checkout, GREETING);
  const place = file + pathToFileURL(file).href + path.dirname(file);
  t.deepEqual(await output(checkout), ['good', place, 'one']);
  t.is(await programOf(checkout), main);
  t.is((await stat(main)).mtimeMs, mtimeMs);
});

for (const [file, line] of [
  [GREETING, 0],
  [SHARED, 2],
] as const) {
  test(`an edit of ${file} holds at once, also where size and time of it are as before`, async (t) => {
    const checkout = await checkoutFor(t);
    const before = await output(checkout);
    const source = path.join(checkout, file);
    const { atime, mtime } = await stat(source);
    const text = (await readFile(source, 'utf8')).replace('good', 'bads').replace('one', 'two');
    await writeFile(source, text);
    await utimes(source, atime, mtime);
    const after = await output(checkout);
    t.not(after[line], before[line]);
    // And in a loop, faster than a file system's clock ticks.
    for (const word of ['aaaa', 'bbbb', 'cccc']) {
      await writeFile(source, text.replace(/'(bads|two)'/, `'${word}'`));
      t.is((await output(checkout))[line], word);
    }
  });
}

test('modules that are added and removed are noticed', async (t) => {
  const checkout = await checkoutFor(t);
  const first = await programOf(checkout);
  await writeFiles(checkout, { 'build-scripts/words/more.ts': 'export {};' });
  const second = await programOf(checkout);
  t.not(second, first);
  await access(path.join(path.dirname(second), 'words', 'more.js'));
  await rm(path.join(checkout, 'build-scripts/words/more.ts'));
  t.is(await programOf(checkout), first);
});

test('times that are yet to come and links to nowhere do no harm', async (t) => {
  const checkout = await checkoutFor(t);
  const source = path.join(checkout, GREETING);
  const future = new Date(Date.now() + 86_400_000);
  await utimes(source, future, future);
  await symlink('nowhere', path.join(checkout, 'build-scripts', '.#main.ts'));
  t.is((await output(checkout))[0], 'good');
});

test('processes that start at once all have the whole program', async (t) => {
  const checkout = await checkoutFor(t);
  const code = `import { upToDateProgram } from ${JSON.stringify(path.join(CHECKOUT, 'build-scripts/bin/up_to_date.js'))};
    await (await import(await upToDateProgram(${JSON.stringify(path.join(checkout, 'build-scripts'))}))).main();`;
  const all = await Promise.all(
    Array.from({ length: 6 }, () =>
      execa(process.execPath, ['--input-type=module', '--eval', code]),
    ),
  );
  for (const { stdout } of all) t.regex(stdout, /^good\n/);
});

test('a checkout that cannot be written to has its program elsewhere, with its packages', async (t) => {
  const checkout = await checkoutFor(t, {
    [MAIN]:
      "import { greeting } from 'greeting';\nexport const main = () => console.log(greeting);\n",
    'node_modules/.cache': 'no folder',
    'node_modules/greeting/package.json': '{"type":"module","exports":"./index.js"}',
    'node_modules/greeting/index.js': "export const greeting = 'of a package';",
  });
  const main = await programOf(checkout);
  t.true(main.startsWith(path.join(checkout, 'temporary')));
  t.is(await programOf(checkout), main);
  t.deepEqual(await output(checkout), ['of a package']);
});

test('where no folder can be written to, that is one line', async (t) => {
  const checkout = await checkoutFor(t, {
    'node_modules/.cache': 'no folder',
    'temporary': 'no folder',
  });
  await t.throwsAsync(programOf(checkout), {
    message:
      /^the program cannot be compiled anywhere: ENOTDIR: .*\n {2}Name a folder .* in TMPDIR\.$/,
  });
});

test('who reads the output may go before its end', async (t) => {
  const run = execa(process.execPath, [PROGRAM_FILE, '--help'], { reject: false });
  run.stdout.destroy();
  const { exitCode, stderr } = await run;
  t.deepEqual([exitCode, stderr], [0, '']);
});

test('a source that does not compile is named with its line', async (t) => {
  const checkout = await checkoutFor(t, {
    [GREETING]: 'export const a = 1;\nexport const b = ;\n',
  });
  await t.throwsAsync(programOf(checkout), {
    message: /^words\/greeting\.ts:2:17: Unexpected ";"/,
  });
});

test('an import from elsewhere, whose edits nobody would see, does not compile', async (t) => {
  const checkout = await checkoutFor(t, { [MAIN]: "import '../ts-functions/other.ts';\n" });
  await t.throwsAsync(programOf(checkout), { message: /FROM_ELSEWHERE/ });
});

test("a mistake of the program's own is shown with lines of its sources", async (t) => {
  const checkout = await checkoutFor(t, {
    [MAIN]: [
      'type Long = {',
      '  a: string;',
      '};',
      'export function main(long?: Long): string {',
      '  return long!.a;',
      '}',
    ].join('\n'),
  });
  const { main } = (await import(pathToFileURL(await programOf(checkout)).href)) as {
    main: () => string;
  };
  const error = t.throws(main, { instanceOf: TypeError });
  const stack = placesInSources(error.stack ?? '');
  t.true(stack.includes(`${path.join(checkout, MAIN)}:5:`), stack);
});

/** Entries that say which of them have been loaded. */
function recordingEntries(loaded: string[]): CommandEntry[] {
  return ['one', 'two'].map((name) => ({
    name,
    description: `is ${name}`,
    load: () => {
      loaded.push(name);
      return Promise.resolve(new Command(name).option('--known'));
    },
  }));
}

for (const [line, expected] of [
  ['', []],
  ['--help', []],
  ['help', []],
  ['three', []],
  ['--wrong', []],
  ['help one', ['one']],
  ['one --help', ['one']],
  ['two', ['two']],
  ['-- two', ['two']],
] as const) {
  test.serial(`"shredder ${line}" loads ${expected.join() || 'no command'}`, async (t) => {
    const loaded: string[] = [];
    const write = process.stdout.write;
    const writeError = process.stderr.write;
    process.stdout.write = () => true;
    process.stderr.write = () => true;
    try {
      const argv = ['node', 'shredder', ...line.split(' ').filter((word) => word !== '')];
      await runProgram('is a program', recordingEntries(loaded), argv);
    } finally {
      process.stdout.write = write;
      process.stderr.write = writeError;
    }
    t.deepEqual(loaded, [...expected]);
  });
}

// What compiles is no part of what a command loads.
test.before(() => upToDateProgram());

/** Tells on standard error which modules are loaded. */
const LOADER = `export async function load(url, context, next) {
  process._rawDebug('loaded ' + url);
  return next(url, context);
}`;

const dataUrl = (code: string): string =>
  `data:text/javascript,${encodeURIComponent(code).replaceAll("'", '%27')}`;

for (const [line, needs] of [
  ['--help', []],
  ['call --help', ['call']],
  ['deploy --help', ['deploy']],
  ['tenant set --help', ['tenant']],
  ['pack --help', ['pack']],
] as const) {
  test(`shredder ${line} loads none of the packages that take long`, async (t) => {
    const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(LOADER))});`;
    const { stderr, exitCode } = await shredder(line.split(' '), {
      env: { NODE_OPTIONS: `--import=${dataUrl(register)}` },
    });
    t.is(exitCode, 0, stderr);
    const loaded = [...stderr.matchAll(/^loaded (.*)$/gm)].map(([, url = '']) => url);
    t.true(loaded.some((url) => url.includes('/commander/')));
    const commands = loaded.flatMap((url) => /\/commands\/(\w+)\.js$/.exec(url)?.[1] ?? []);
    t.deepEqual(commands, [...needs]);
    for (const name of ['typescript', 'esbuild', 'ioredis', 'execa', 'tsx']) {
      t.deepEqual(
        loaded.filter((url) => url.includes(`/node_modules/${name}/`)),
        [],
      );
    }
  });
}
