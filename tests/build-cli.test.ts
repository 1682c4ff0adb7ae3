import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { execa } from 'execa';
import { loadConfig, type ConfigOverrides } from '../build-scripts/config.ts';
import { CommandError, run } from '../build-scripts/system/command.ts';
import { quoteForShell } from '../build-scripts/system/shell.ts';
import { checkKernel, checkNode } from '../build-scripts/system/doctor.ts';
import { missingPackages } from '../build-scripts/system/packages.ts';
import { formatDuration } from '../build-scripts/ui/progress.ts';

const PROGRAM = fileURLToPath(new URL('../build-scripts/bin/shredder.js', import.meta.url));

const shredder = (
  ...args: string[]
): Promise<{ exitCode?: number; stdout: string; stderr: string }> =>
  execa('node', [PROGRAM, ...args], { reject: false });

test('every subcommand has help', async (t) => {
  const { stdout, exitCode } = await shredder('--help');
  t.is(exitCode, 0);
  const names = [...stdout.matchAll(/^ {2}([a-z]+) .*/gm)].map((match) => match[1] ?? '');
  t.true(names.length >= 5, stdout);
  for (const name of names.filter((each) => each !== 'help')) {
    const result = await shredder(name, '--help');
    t.is(result.exitCode, 0, name);
    t.regex(result.stdout, new RegExp(`^Usage: shredder ${name}`));
  }
});

test('a mistake on the command line ends with an exit code and a line that names it', async (t) => {
  const command = await shredder('bild');
  t.not(command.exitCode, 0);
  t.regex(command.stderr, /unknown command 'bild'/);
  const option = await shredder('build', '--jobs', '0');
  t.is(option.exitCode, 1);
  t.is(option.stderr, 'shredder: --jobs is 0, but must be a whole number from 1 to 512');
});

test('the cache is where the environment says', (t) => {
  t.is(loadConfig({}, { SHREDDER_CACHE: '/a/b', XDG_CACHE_HOME: '/c' }).cache, '/a/b');
  t.is(loadConfig({}, { XDG_CACHE_HOME: '/c' }).cache, '/c/shredder');
  t.is(path.basename(loadConfig({}, { XDG_CACHE_HOME: 'relative' }).cache), 'shredder');
  t.true(loadConfig({}, {}).cache.endsWith('/.cache/shredder'));
  t.is(loadConfig({ cache: '/x' }, { SHREDDER_CACHE: '/a/b' }).cache, '/x');
});

test('a configuration with unknown keys or bad values is refused', (t) => {
  t.throws(() => loadConfig({ cach: '/x' } as ConfigOverrides), {
    message: 'unknown configuration key "cach"',
  });
  for (const jobs of [0, 1.5, Number.NaN, 1e9]) {
    t.throws(() => loadConfig({ jobs }), { message: /^--jobs is .*, but must be a whole number/ });
  }
  t.throws(() => loadConfig({ v8Source: '' }), { message: /--v8-source is ""/ });
  t.deepEqual(loadConfig({ v8Source: 'debian' }).v8Source, { kind: 'debian' });
  t.throws(() => loadConfig({ v8Checks: 'yes' } as unknown as ConfigOverrides), {
    message: '--v8-checks is "yes", but must be true or false',
  });
});

test("the variant with V8's own checks is built only where it is asked for", (t) => {
  t.is(loadConfig().v8Variant, 'release');
  t.is(loadConfig({ v8Checks: false }).v8Variant, 'release');
  t.is(loadConfig({ v8Checks: true }).v8Variant, 'checks');
});

test('a runtime has extras only where they are asked for, each of them known', async (t) => {
  t.deepEqual(loadConfig().extras, []);
  t.deepEqual(loadConfig({ with: [] }).extras, []);
  t.deepEqual(loadConfig({ with: ['dpdk', 'dpdk'] }).extras, ['dpdk']);
  for (const command of ['build', 'test']) {
    const { exitCode, stderr } = await shredder(command, '--with', 'dpkd');
    t.is(exitCode, 1);
    t.regex(stderr, /^shredder: --with is "dpkd", but must be "dpdk"$/m);
  }
});

test('a failed command shows itself, its folder and its last output', async (t) => {
  const script = 'for i in $(seq 100); do echo line $i; done; exit 3';
  const error = await t.throwsAsync(run('sh', ['-c', script], { cwd: '/' }), {
    instanceOf: CommandError,
  });
  t.is(error.exitCode, 3);
  t.regex(error.message, /^command failed with exit code 3: sh -c 'for i in/);
  t.regex(error.message, /^ {2}in \/$/m);
  t.regex(error.message, /line 100/);
  t.regex(error.message, /line 61\n/);
  t.notRegex(error.message, /line 60\n/);
});

test('a failed build shows the first failure, not what other jobs said after it', async (t) => {
  const script =
    'echo noise; echo "FAILED: obj/a.o"; echo "a.cc:1: error"; for i in $(seq 60); do echo later; done; exit 1';
  const error = await t.throwsAsync(run('sh', ['-c', script]), { instanceOf: CommandError });
  t.regex(error.message, /\n {2}FAILED: obj\/a\.o\n {2}a\.cc:1: error\n/);
  t.notRegex(error.message, /^ {2}noise$/m);
});

test('a command that does not exist is named', async (t) => {
  await t.throwsAsync(run('shredder-no-such-command', []), {
    message: /^command not found: shredder-no-such-command/,
  });
});

test('accepted exit codes are no failures, and lines can be rewritten', async (t) => {
  const lines: string[] = [];
  const result = await run('sh', ['-c', 'echo /cache/src/a.cc; exit 2'], {
    accept: [2],
    mapLine: (line) => line.replace('/cache/src', '/checkout'),
    onLine: (line) => lines.push(line),
  });
  t.is(result.exitCode, 2);
  t.is(result.output, '/checkout/a.cc');
  t.deepEqual(lines, ['/checkout/a.cc']);
});

test('arguments are quoted for the shell', (t) => {
  t.is(quoteForShell('-O3'), '-O3');
  t.is(quoteForShell("it's"), `'it'\\''s'`);
});

test('durations are short to read', (t) => {
  t.deepEqual([0, 940, 9940, 9960, 59_400, 187_000, 3_753_000].map(formatDuration), [
    '0.0 s',
    '0.9 s',
    '9.9 s',
    '10 s',
    '59 s',
    '3:07',
    '1:02:33',
  ]);
});

test('the doctor knows which versions are too old', (t) => {
  t.is(checkNode('20.17.0').level, 'ok');
  t.is(checkNode('22.1.0').level, 'ok');
  t.is(checkNode('20.16.1').level, 'fail');
  t.is(checkNode('18.20.0').level, 'fail');
  t.is(checkKernel('6.1.0-13-amd64').level, 'ok');
  t.is(checkKernel('5.10.0').level, 'warn');
});

test('a package is there when dpkg or the PATH has it', async (t) => {
  const missing = await missingPackages([
    { name: 'coreutils', provides: { commands: ['ls'] } },
    { name: 'shredder-no-such-package', provides: { commands: ['sh', 'ls'] } },
    { name: 'shredder-no-such-package-either', provides: { commands: ['shredder-no-such'] } },
    { name: 'shredder-no-such-library', provides: { header: 'no/such/header.h' } },
  ]);
  t.deepEqual(
    missing.map((each) => each.name),
    ['shredder-no-such-package-either', 'shredder-no-such-library'],
  );
});
