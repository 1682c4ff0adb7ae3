// docs/client.md and what docs/functions.md says of debugging, as written, in a folder of one's own that has the packages
// from their tarballs: deploy, typed calls, tests, types, logs, profile, debug, dev.
import { access, appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { WebSocket } from 'ws';
import { CHECKOUT } from './support/command_line.ts';
import { eventually } from './support/eventually.ts';
import { firstLine } from './support/first_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { installPackages, packPackages, type PackedPackages } from './support/installed.ts';
import { PATIENCE_MS } from './support/patience.ts';
import { serverFor } from './support/server.ts';

let packages: PackedPackages;
/** The code blocks of docs/client.md. */
let blocks: string[];

test.before(async () => {
  packages = await packPackages();
  const text = await readFile(path.join(CHECKOUT, 'docs', 'client.md'), 'utf8');
  blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
});

test.after.always(() => packages?.remove());

interface Project {
  folder: string;
  url: string;
  port: number;
  run(...words: string[]): ReturnType<typeof start>;
}

/** Starts a program of node_modules/.bin, or of the system. */
function start(folder: string, [file = '', ...args]: readonly string[]) {
  return execa(file, args, {
    cwd: folder,
    reject: false,
    stdin: 'ignore',
    preferLocal: true,
    localDir: folder,
    timeout: PATIENCE_MS,
    env: { NO_COLOR: '1', NODE_OPTIONS: '' },
  });
}

async function projectFor(t: ExecutionContext): Promise<Project> {
  const folder = await temporaryFolder(t);
  await installPackages(packages, folder);
  const server = await serverFor(t);
  const run = (...words: string[]) => start(folder, words);
  const project = { folder, url: server.url, port: server.port, run };
  t.is((await run('shredder', 'init', '--from', packages.folder)).exitCode, 0);
  await writeFile(path.join(folder, 'functions', 'cart.ts'), blocks[0] ?? '');
  await mkdir(path.join(folder, 'callers'));
  return project;
}

async function deployed(t: ExecutionContext): Promise<Project> {
  const project = await projectFor(t);
  const { exitCode, stderr, stdout } = await project.run(
    ...['shredder', 'deploy', 'functions/cart.ts', '--url', project.url],
  );
  t.is(exitCode, 0, stderr);
  t.regex(stdout, /^cart for tenant default .*\n {2}add {2}Adds a line to a cart$/);
  return project;
}

/** Runs a program of the documentation's, with the server's port in place of the usual one. */
async function runs(project: Project, code: string): Promise<string> {
  const file = path.join(project.folder, 'callers', 'caller.ts');
  await writeFile(
    file,
    code
      .replace('Redis(7379)', `Redis(${project.port})`)
      .replaceAll("'./cart.ts'", "'../functions/cart.ts'"),
  );
  const { stdout, stderr } = await project.run('node', '--import', 'tsx', file);
  return stdout + stderr;
}

test('a typed caller calls, in a pipeline, too, and is told what is wrong', async (t) => {
  const project = await deployed(t);
  const [, caller = '', together = '', failing = ''] = blocks;
  const imports = (code: string) => code.replaceAll(/^import .*\n/gm, '');
  const program = [
    "import { ArgumentsError, pipeline } from 'shredder-functions/client';",
    caller,
    'console.log(total);',
    imports(together),
    'console.log(first, second);',
    imports(failing),
    'redis.disconnect();',
  ].join('\n');
  t.regex(await runs(project, program), /^2\n3 1\nargs\.quantity: .+ cart\.ts:8:20$/);
  const tsconfig = JSON.stringify({
    compilerOptions: {
      module: 'nodenext',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      types: ['node', 'shredder-functions/store'],
    },
    include: ['*.ts'],
  });
  await writeFile(path.join(project.folder, 'callers', 'tsconfig.json'), tsconfig);
  const right = await project.run('tsc', '-p', 'callers');
  t.is(right.stdout, '');
  await writeFile(
    path.join(project.folder, 'callers', 'wrong.ts'),
    `${(blocks[1] ?? '').replaceAll("'./cart.ts'", "'../functions/cart.ts'").replace('quantity: 2', "quantity: '2'")}\nexport { total };`,
  );
  const wrong = await project.run('tsc', '-p', 'callers');
  t.regex(
    wrong.stdout,
    /^callers\/wrong\.ts\(7,\d+\): error TS2322: Type 'string' is not assignable to type 'number'/m,
  );
});

test('the double has the same calls', async (t) => {
  const project = await projectFor(t);
  const file = path.join(project.folder, 'test', 'double.ts');
  await writeFile(
    file,
    (blocks[4] ?? '')
      .replace("'./cart.ts'", "'../functions/cart.ts'")
      .replace(/await cart.*/, (call) => `console.log(${call.replace(/;.*/, '')});`),
  );
  const { stdout, stderr } = await project.run(
    ...['node', '--import', 'tsx', '--import', 'shredder-functions/register', file],
  );
  t.is(stdout, '2', stderr);
});

test('the types of what is loaded are what callers compile with', async (t) => {
  const project = await deployed(t);
  const { stdout } = await project.run('shredder', 'types', '--url', project.url);
  t.regex(
    stdout,
    /export declare const add: DefinedFunction<string\[\], \{ sku: string; quantity: number \}, number>;$/,
  );
});

test('functions, call, logs and profile show what is there', async (t) => {
  const project = await deployed(t);
  const { url, run, folder } = project;
  t.regex((await run('shredder', 'functions', '--url', url)).stdout, /cart[\s\S]*add/);
  const add = ['shredder', 'call', 'add', 'cart:7', '--url', url, '--'];
  t.is((await run(...add, '{"sku":"tea","quantity":2}')).stdout, '2');
  const refused = await run(...add, '{"sku":"tea"}');
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /ArgumentsError: args\.quantity: .* at cart\.ts:8:20/);
  // The line of the source, where it can be found.
  t.regex(refused.stderr, /export const add = defineFunction\(/);
  const logs = await run('shredder', 'logs', '--url', url);
  t.regex(logs.stdout, /error.*add.*cart\.ts:8:20/);
  t.regex(logs.stdout, /ArgumentsError: args\.quantity: /);
  const profile = await run(
    ...[
      'shredder',
      'profile',
      'add',
      'cart:8',
      '--seconds',
      '0.3',
      '--url',
      url,
      '--root',
      'functions',
    ],
    ...['--', '{"sku":"tea","quantity":1}'],
  );
  t.is(profile.exitCode, 0, profile.stderr);
  await access(path.join(folder, 'add.cpuprofile'));
  t.regex(await readFile(path.join(folder, 'add.svg'), 'utf8'), /cart\.ts/);
});

test('a debugger attaches, and sees the source', async (t) => {
  const project = await deployed(t);
  const debug = project.run(
    ...['shredder', 'debug', 'add', '--url', project.url, '--port', '0', '--root', 'functions'],
  );
  t.teardown(() => debug.kill('SIGINT'));
  const address = await firstLine(debug.stdout);
  const told: string[] = [];
  const ws = new WebSocket(address);
  t.teardown(() => ws.terminate());
  ws.on('message', (data) => told.push(String(data)));
  await new Promise((resolve) => ws.once('open', resolve));
  ws.send('{"id":1,"method":"Debugger.enable"}');
  await eventually('the debugger is enabled', () => told.some((each) => each.includes('"id":1')));
  t.true(told.some((each) => each.includes(`${project.folder}/functions/cart.js`)));
  const call = project.run(
    ...[
      'shredder',
      'call',
      'add',
      'cart:9',
      '--url',
      project.url,
      '--',
      '{"sku":"tea","quantity":4}',
    ],
  );
  await eventually('the call stops', () => told.some((each) => each.includes('Debugger.paused')));
  ws.send('{"id":2,"method":"Debugger.resume"}');
  t.is((await call).stdout, '4');
});

test('dev deploys what is edited', async (t) => {
  const project = await projectFor(t);
  const dev = project.run(...['shredder', 'dev', 'functions/cart.ts', '--url', project.url]);
  t.teardown(async () => {
    dev.kill('SIGINT');
    const { exitCode } = await dev;
    if (exitCode !== 0) throw new Error(`shredder dev ended with ${exitCode}`);
  });
  const answer = async (name: string): Promise<string> =>
    (await project.run(...['shredder', 'call', name, 'k', '--url', project.url])).stdout;
  await eventually('the library is loaded', async () =>
    (await project.run('shredder', 'functions', '--url', project.url)).stdout.includes('add'),
  );
  await appendFile(
    path.join(project.folder, 'functions', 'cart.ts'),
    'export const first = defineFunction({}, ([key]) => `first ${key}`);\n',
  );
  await eventually('the new function is there', async () => (await answer('first')) === 'first k');
  t.pass();
});
