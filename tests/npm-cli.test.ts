// shredder-cli as others install it: what is in it, what it needs, and what it says without a server.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { execa } from 'execa';
import { listFiles } from '../build-scripts/system/files.ts';
import { CHECKOUT, type CommandResult } from './support/command_line.ts';
import { eventually } from './support/eventually.ts';
import { temporaryFolder, writeFiles } from './support/folder.ts';
import { installPackages, packPackages, type PackedPackages } from './support/installed.ts';
import { runCode } from './support/library.ts';
import { builtRuntime } from './support/server.ts';

let packages: PackedPackages;
/** A folder with both packages installed. */
let home: string;

test.before(async () => {
  packages = await packPackages();
  home = await mkdtemp(path.join(tmpdir(), 'shredder-home-'));
  await installPackages(packages, home);
});

test.after.always(async () => {
  await packages?.remove();
  await rm(home, { recursive: true, force: true });
});

const root = (): string => path.join(home, 'node_modules', 'shredder-cli');
const program = (): string => path.join(root(), 'bin', 'shredder.js');

async function shredder(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program(), ...args], {
    cwd: home,
    stdin: 'ignore',
    reject: false,
    // Nothing that the tests themselves are run with.
    extendEnv: false,
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', ...env },
  });
  return { exitCode, stdout, stderr };
}

async function manifestOf(folder: string): Promise<Record<string, Record<string, string>>> {
  return JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
}

test('the package is JavaScript, and needs no more than its own commands do', async (t) => {
  const files = await listFiles(path.join(packages.unpacked, 'shredder-cli'));
  const typescript = files.filter((file) => file.endsWith('.ts'));
  t.deepEqual(
    typescript.filter((file) => !file.startsWith('lib/init/template/')),
    // Types that authors' exports are compared with.
    ['lib/functions/contract.d.ts'],
  );
  const manifest = await manifestOf(root());
  const own = await manifestOf(path.join(CHECKOUT, 'build-scripts'));
  t.deepEqual(manifest['dependencies'], {
    '@jridgewell/trace-mapping': own['dependencies']?.['@jridgewell/trace-mapping'] ?? '',
    'commander': own['dependencies']?.['commander'] ?? '',
    'esbuild': own['dependencies']?.['esbuild'] ?? '',
    'ioredis': own['dependencies']?.['ioredis'] ?? '',
    'typescript': own['dependencies']?.['typescript'] ?? '',
    'ws': own['dependencies']?.['ws'] ?? '',
    'shredder-functions': String(manifest['version']),
  });
  t.deepEqual(
    ['private', 'scripts', 'devDependencies'].map((field) => manifest[field]),
    [undefined, undefined, undefined],
  );
  for (const name of ['v8', 'runtime', 'bench', 'packaging']) {
    t.false(
      files.some((file) => file.startsWith(`lib/${name}/`)),
      name,
    );
  }
});

test('each of its commands has help', async (t) => {
  const { stdout, stderr } = await shredder(['--help']);
  t.is(stderr, '');
  const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = '']) => name);
  for (const name of ['init', 'deploy', 'call', 'tenant', 'serve', 'build']) {
    t.true(names.includes(name), name);
  }
  t.false(names.includes('demo'));
  for (const name of names) {
    const help = await shredder([name, '--help']);
    t.is(help.exitCode, 0, help.stderr);
    t.regex(help.stdout, new RegExp(`^Usage: shredder ${name}`));
  }
});

const REFUSALS: readonly [string, readonly string[], Record<string, string>, RegExp][] = [
  [
    'serve without a server',
    ['serve'],
    {},
    /^shredder: this package has no server.*\n {2}Name one/,
  ],
  ['build without a checkout', ['build'], {}, /^shredder: the server is built in a checkout.*\n/],
  [
    'serve of a folder without shredderd',
    ['serve', '--prebuilt', '/nowhere'],
    {},
    /^shredder: --prebuilt is \/nowhere, where there is no shredderd to run\n {2}Name/,
  ],
  [
    'serve of an environment without shredderd',
    ['serve', '--port', '0'],
    { SHREDDER_PREBUILT: '/nowhere' },
    /^shredder: SHREDDER_PREBUILT is \/nowhere, where/,
  ],
  [
    'serve of what is no checkout',
    ['serve', '--repository', '/nowhere'],
    {},
    /^shredder: --repository is \/nowhere, which is no checkout/,
  ],
  [
    'build of what is no checkout',
    ['build', '--jobs', '1'],
    { SHREDDER_REPOSITORY: '/nowhere' },
    /^shredder: SHREDDER_REPOSITORY is \/nowhere, which is no checkout/,
  ],
];
for (const [what, args, env, expected] of REFUSALS) {
  test(`${what} says what is wrong and what to do`, async (t) => {
    const { exitCode, stdout, stderr } = await shredder(args, env);
    t.is(exitCode, 1);
    t.is(stdout, '');
    t.regex(stderr, expected);
    t.is(stderr.split('\n').length, 2, stderr);
  });
}

test('serve and build run the program of a checkout, with their flags and its exit code', async (t) => {
  const checkout = await temporaryFolder(t, {
    'package.json': '{"type":"module"}',
    'build-scripts/bin/shredder.js':
      'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7;',
  });
  const serve = await shredder(['serve', '--port', '1', '--repository', checkout, '--shards', '2']);
  t.deepEqual(JSON.parse(serve.stdout), ['serve', '--port', '1', '--shards', '2']);
  t.is(serve.exitCode, 7);
  const build = await shredder(['build', '--only', 'v8'], { SHREDDER_REPOSITORY: checkout });
  t.deepEqual(JSON.parse(build.stdout), ['build', '--only', 'v8']);
  t.is(build.exitCode, 7);
});

test('serve runs the server that is built already, gives it signals, and ends as it does', async (t) => {
  const folder = await temporaryFolder(t, {
    'shredderd':
      '#!/bin/sh\ntrap "echo ended; exit 3" TERM\necho "$@"\nwhile :; do sleep 0.1; done\n',
  });
  await chmod(path.join(folder, 'shredderd'), 0o755);
  const running = execa(
    process.execPath,
    [program(), 'serve', '--prebuilt', folder, '--port', '1'],
    {
      reject: false,
    },
  );
  let output = '';
  running.stdout.on('data', (chunk: Buffer) => {
    output += String(chunk);
  });
  await eventually('the server has its flags', () => output === '--port 1\n');
  running.kill('SIGTERM');
  const { exitCode, stdout } = await running;
  t.is(stdout, '--port 1\nended');
  t.is(exitCode, 3);
});

test('serve runs the server of this checkout', async (t) => {
  const { binDir } = await builtRuntime();
  const { stdout, exitCode } = await shredder(['serve', '--version'], {
    SHREDDER_PREBUILT: binDir,
  });
  t.is(exitCode, 0);
  t.regex(stdout, /V8 11\.3/);
});

test('a library that has no package beside it is checked and bundled with what the program has', async (t) => {
  const file = path.join(await temporaryFolder(t), 'far.ts');
  await writeFiles(path.dirname(file), {
    'far.ts': [
      "import { HTLength } from 'shredder:store';",
      "import { bytes } from 'package';",
      "import { integerAt } from 'shredder-functions/arguments';",
      'export function f(keys: string[], args: string[]): number {',
      "  return HTLength(keys[0]!) + integerAt(args, 0, 'n', 0, 9) + bytes('four');",
      '}',
    ].join('\n'),
    'node_modules/package/package.json': '{"type":"module","exports":"./index.js"}',
    'node_modules/package/index.d.ts': 'export declare function bytes(text: string): number;',
    'node_modules/package/index.js': [
      "import { Buffer } from 'node:buffer';",
      'const kinds = [Symbol.dispose, Symbol.asyncDispose].map((each) => typeof each);',
      "export const bytes = (text) => (kinds.join() === 'symbol,symbol' ? Buffer.from(text).length : 0);",
    ].join('\n'),
  });
  const module = (name: string): string =>
    pathToFileURL(path.join(root(), 'lib', 'functions', name)).href;
  const { typeCheck } = (await import(
    module('typecheck.js')
  )) as typeof import('../build-scripts/functions/typecheck.ts');
  const { bundleLibrary } = (await import(
    module('bundle.js')
  )) as typeof import('../build-scripts/functions/bundle.ts');
  t.is(stripVTControlCharacters(typeCheck(file)?.text ?? ''), '');
  const { f } = await runCode(await bundleLibrary(file, 'far'));
  t.is(f?.(['key'], ['4']), 11);
  await writeFiles(path.dirname(file), { 'far.ts': 'export const f = () => setTimeout;\n' });
  t.regex(stripVTControlCharacters(typeCheck(file)?.text ?? ''), /Cannot find name 'setTimeout'/);
});
