// A project of one's own, from the packages' tarballs alone: begun, checked, tested, deployed and called.
import { access, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { CHECKOUT, shredder, type CommandResult } from './support/command_line.ts';
import { temporaryFolder, type Files } from './support/folder.ts';
import { installPackages, packPackages, type PackedPackages } from './support/installed.ts';
import { serverFor } from './support/server.ts';

let packages: PackedPackages;

test.before(async () => {
  packages = await packPackages();
});

test.after.always(() => packages?.remove());

interface Manifest {
  type?: string;
  scripts: Record<string, string>;
  devDependencies: Record<string, string>;
}

async function manifestIn(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Runs a program of node_modules/.bin, or npm. */
async function run(folder: string, file: string, ...args: string[]): Promise<CommandResult> {
  const { exitCode, stdout, stderr } = await execa(file, args, {
    cwd: folder,
    reject: false,
    stdin: 'ignore',
    preferLocal: true,
    localDir: folder,
    env: { NO_COLOR: '1', NODE_OPTIONS: '' },
  });
  return { exitCode, stdout, stderr };
}

async function projectFor(
  t: ExecutionContext,
  { typescript = 'typescript', args = [] as string[], files = {} as Files } = {},
): Promise<string> {
  const folder = await temporaryFolder(t, files);
  await installPackages(packages, folder, typescript);
  const { exitCode, stderr } = await run(folder, 'shredder', 'init', ...args);
  t.is(exitCode, 0, stderr);
  return folder;
}

for (const type of ['module', 'commonjs']) {
  for (const [version, typescript] of [
    ['5.9', 'typescript'],
    ['6.0', 'typescript6'],
  ] as const) {
    // One after the other: each is several compilers.
    test.serial(
      `a project of the type ${type} passes its checks and tests and deploys, with TypeScript ${version}`,
      async (t) => {
        const args = ['--type', type, '--from', packages.folder];
        const folder = await projectFor(t, { typescript, args });
        const { type: itsType, devDependencies } = await manifestIn(folder);
        t.is(itsType, type);
        for (const name of ['shredder-cli', 'shredder-functions']) {
          const [, file = ''] = /^file:(.*)$/.exec(devDependencies[name] ?? '') ?? [];
          await access(path.resolve(folder, file));
        }

        t.regex((await run(folder, 'tsc', '--version')).stdout, new RegExp(`^Version ${version}`));
        const checked = await run(folder, 'npm', 'run', 'check');
        t.is(checked.exitCode, 0, checked.stdout);
        // What an editor takes for the options of callers.
        const callers = await run(folder, 'tsc', '--noEmit', '--project', 'callers');
        t.deepEqual([callers.stdout, callers.exitCode], ['', 0]);
        const tested = await run(folder, 'npm', 'test');
        t.is(tested.exitCode, 0, tested.stdout + tested.stderr);
        t.regex(tested.stdout, /^# pass 3$/m);

        const { url } = await serverFor(t);
        const deployed = await run(folder, 'npm', 'run', 'deploy', '--', '--url', url);
        t.is(deployed.exitCode, 0, deployed.stdout + deployed.stderr);
        t.regex(deployed.stdout, /^cart for tenant default /m);
        const call = (...words: string[]): Promise<CommandResult> =>
          run(folder, 'shredder', 'call', '--json', '--url', url, ...words);
        const filled = await run(folder, 'npm', 'run', 'fill', '--silent', '--', url);
        t.deepEqual([filled.stdout, filled.exitCode], ['2 x apple', 0], filled.stderr);
        t.is((await call('--read-only', 'piecesInCart', 'cart:17')).stdout, '{"apple":2}');
        const more = '{"article":"apple","pieces":99}';
        const refused = await call('addToCart', 'cart:17', '--', more);
        t.is(refused.exitCode, 1);
        t.regex(refused.stderr, /100 of apple are enough at cart\.ts:\d+/);
        t.is((await call('removeFromCart', 'cart:17', '--', 'apple')).stdout, 'true');
      },
    );
  }
}

test.serial('functions know nothing of Node, and tests do', async (t) => {
  const folder = await projectFor(t, { args: ['--from', packages.folder] });
  await writeFile(
    path.join(folder, 'functions', 'bad.ts'),
    'export const f = () => Buffer.from([]);',
  );
  const functions = await run(folder, 'tsc', '--noEmit');
  t.regex(functions.stdout, /^functions\/bad\.ts\(1,\d+\): error .*'Buffer'/);
  await writeFile(path.join(folder, 'functions', 'bad.ts'), 'export const f = () => 1;');
  await writeFile(
    path.join(folder, 'test', 'more.test.ts'),
    'export const n: number = Buffer.name;',
  );
  const tests = await run(folder, 'npm', 'run', 'check');
  t.regex(tests.stdout, /^test\/more\.test\.ts\(1,\d+\): error TS2322/m);
});

test.serial('a package.json that is there is added to, and keeps what it has', async (t) => {
  const folder = await projectFor(t, {
    args: ['--from', packages.folder],
    files: {
      'package.json': JSON.stringify({
        name: 'shop',
        scripts: { test: 'echo "Error: no test specified" && exit 1', check: 'my check', x: 'y' },
        dependencies: { tsx: '4' },
        devDependencies: { zod: '4', typescript: '6.0.3' },
      }),
    },
  });
  const { scripts, devDependencies, ...others } = await manifestIn(folder);
  t.deepEqual(others as unknown, { name: 'shop', dependencies: { tsx: '4' } });
  t.regex(scripts['test'] ?? '', /^node .*shredder-functions\/register --test/);
  t.deepEqual([scripts['check'], scripts['x']], ['my check', 'y']);
  t.is(devDependencies['typescript'], '6.0.3');
  t.deepEqual(Object.keys(devDependencies), [
    '@types/node',
    'ioredis',
    'shredder-cli',
    'shredder-functions',
    'typescript',
    'zod',
  ]);
  const again = await run(
    folder,
    'shredder',
    'init',
    '--type',
    'module',
    '--from',
    packages.folder,
  );
  t.regex(again.stderr, /^shredder: package\.json has the type "commonjs", not "module"\n/);
});

test.serial('a file that is there is replaced only where that is asked for', async (t) => {
  const folder = await temporaryFolder(t, { 'README.md': 'mine', 'functions/cart.ts': 'mine' });
  await installPackages(packages, folder);
  const refused = await run(folder, 'shredder', 'init');
  t.is(refused.exitCode, 1);
  t.regex(
    refused.stderr,
    /^shredder: .* has README\.md, functions\/cart\.ts already; nothing was written\n/,
  );
  t.is(await readFile(path.join(folder, 'README.md'), 'utf8'), 'mine');
  await t.throwsAsync(access(path.join(folder, 'package.json')), { code: 'ENOENT' });
  const forced = await run(folder, 'shredder', 'init', '--force');
  t.is(forced.exitCode, 0, forced.stderr);
  t.not(await readFile(path.join(folder, 'functions/cart.ts'), 'utf8'), 'mine');
});

test.serial('the packages are named as the program itself was installed', async (t) => {
  const published = await projectFor(t);
  const { version } = (await import('../build-scripts/package.json', { with: { type: 'json' } }))
    .default;
  t.is((await manifestIn(published)).devDependencies['shredder-cli'], `^${version}`);
  const fromTarballs = await projectFor(t, {
    args: ['shop'],
    files: {
      'node_modules/.package-lock.json': JSON.stringify({
        packages: Object.fromEntries(
          ['shredder-cli', 'shredder-functions'].map((name) => [
            `node_modules/${name}`,
            { resolved: `file:tarballs/${name}.tgz` },
          ]),
        ),
      }),
    },
  });
  const { devDependencies } = await manifestIn(path.join(fromTarballs, 'shop'));
  t.is(devDependencies['shredder-functions'], 'file:../tarballs/shredder-functions.tgz');
});

test.serial('a project finds its tarballs whichever link leads to it', async (t) => {
  const folder = await temporaryFolder(t, { 'real/below/file': '' });
  await symlink(path.join(folder, 'real', 'below'), path.join(folder, 'link'));
  const shop = path.join(folder, 'link', 'my shop');
  const { stdout } = await shredder(['init', shop, '--from', packages.folder]);
  t.true(stdout.endsWith(`\nNext: cd '${shop}' && npm install && npm test`), stdout);
  const { devDependencies } = await manifestIn(shop);
  const [, file = ''] = /^file:(.*)$/.exec(devDependencies['shredder-cli'] ?? '') ?? [];
  await access(path.resolve(await realpath(shop), file));
});

test.serial('a package.json keeps its indentation and the ends of its lines', async (t) => {
  const folder = await temporaryFolder(t, {
    'package.json': '\uFEFF{\r\n\t"name": "shop"\r\n}\r\n',
  });
  const { exitCode, stderr } = await shredder(['init', folder, '--from', packages.folder]);
  t.is(exitCode, 0, stderr);
  t.regex(
    await readFile(path.join(folder, 'package.json'), 'utf8'),
    /^\{\r\n\t"name": "shop",\r\n\t"scripts": \{\r\n\t\t"test": [\s\S]*\r\n\}\r\n$/,
  );
});

test.serial('nothing is written where a file is in the place of a folder', async (t) => {
  const folder = await temporaryFolder(t, { functions: 'mine' });
  const { stderr } = await shredder(['init', folder, '--from', packages.folder, '--force']);
  t.regex(stderr, /^shredder: .*\/functions is no folder; nothing was written\n/);
  t.deepEqual(await readdir(folder), ['functions']);
});

test.serial("a checkout's program asks for tarballs, and says which are missing", async (t) => {
  const folder = await temporaryFolder(t);
  const without = await shredder(['init', path.join(folder, 'a')]);
  t.is(without.exitCode, 1);
  t.regex(without.stderr, /^shredder: a checkout's packages are nowhere .*\n {2}Make them/);
  const empty = await shredder(['init', path.join(folder, 'a'), '--from', folder]);
  t.regex(empty.stderr, /^shredder: .* has no tarball of shredder-cli\n/);
  const nowhere = await shredder(['init', path.join(folder, 'a'), '--from', '/nowhere']);
  t.regex(nowhere.stderr, /^shredder: --from is \/nowhere, which is no folder\n/);
  await t.throwsAsync(access(path.join(folder, 'a')), { code: 'ENOENT' });
});

test('what a new project asks of npm is what it is tested with', async (t) => {
  const template = await manifestIn(path.join(CHECKOUT, 'build-scripts/init/template'));
  const own = await manifestIn(CHECKOUT);
  const { dependencies } = (
    await import('../build-scripts/package.json', { with: { type: 'json' } })
  ).default;
  t.like(template.devDependencies, {
    '@types/node': `^${own.devDependencies['@types/node']}`,
    'ioredis': `^${dependencies.ioredis}`,
    'zod': `^${own.devDependencies['zod']}`,
    'tsx': `^${dependencies.tsx}`,
    'typescript': `^${dependencies.typescript}`,
  });
});
