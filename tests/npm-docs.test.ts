// docs/functions.md and docs/client.md, as written, in a folder of one's own that has the packages from their tarballs:
// init, tests, dev, deploy, typed calls, types, logs, profile, debug. One project and one server for all, in the order of
// the pages; what `npm install` would fetch is linked from the checkout.
import { access, appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { execa } from 'execa';
import { WebSocket } from 'ws';
import { CHECKOUT } from './support/command_line.ts';
import { codeBlocks, type CodeBlock } from './support/documentation.ts';
import { eventually } from './support/eventually.ts';
import { firstLine } from './support/first_line.ts';
import { installPackages, packPackages, type PackedPackages } from './support/installed.ts';
import { PATIENCE_MS } from './support/patience.ts';
import { RawClient } from './support/resp.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

const ON_FUNCTIONS = await codeBlocks('functions.md');
const ON_CLIENT = (await codeBlocks('client.md')).map(({ code }) => code);
const [LIBRARY = '', CALLER = '', TOGETHER = '', FAILING = '', DOUBLE = ''] = ON_CLIENT;

const isLibrary = ({ language, isFragment }: CodeBlock): boolean =>
  language === 'ts' && !isFragment;
/** A fragment that is a part of an example of the package's: its file, and what of it. */
const FROM_EXAMPLE = /^\/\/ From the example (\w+\.ts)\b.*\n([\s\S]*)$/;
const isFragment = ({ language, isFragment: is }: CodeBlock): boolean => language === 'ts' && is;

let packages: PackedPackages;
/** Where the packages are installed, and the project below. */
let home: string;
let shop: string;
let url: string;
let raw: RawClient;

test.before(async (t) => {
  packages = await packPackages();
  home = await mkdtemp(path.join(tmpdir(), 'shredder docs-'));
  shop = path.join(home, 'shop');
  await installPackages(packages, home);
  t.context.server = await startServer();
  url = t.context.server.url;
  raw = await RawClient.connect(t.context.server);
});

test.after.always(async (t) => {
  raw?.close();
  await stopsWell(t, t.context.server);
  await packages?.remove();
  await rm(home, { recursive: true, force: true });
});

/** Starts a command line in the project, with the programs that it has installed. */
function start(line: string, folder = shop) {
  return execa('sh', ['-e', '-c', line], {
    cwd: folder,
    reject: false,
    stdin: 'ignore',
    preferLocal: true,
    localDir: folder,
    timeout: PATIENCE_MS,
    env: { NO_COLOR: '1', NODE_OPTIONS: '' },
  });
}

/** Starts a command of `shredder` as a page has it, on this server and, where it listens, on any port. */
function startShredder(line: string) {
  const there = `--url ${url}${line.includes(' debug ') ? ' --port 0' : ''}`;
  return start(line.replace(/^(?:npx )?shredder (\w+)/, `exec shredder $1 ${there}`));
}

/** What a command of `shredder` prints that ends well. */
async function shredder(line: string): Promise<string> {
  const { exitCode, stdout, stderr } = await startShredder(`shredder ${line}`);
  if (exitCode !== 0) throw new Error(`shredder ${line}: ${stderr}`);
  return stdout;
}

/** The command line of docs/functions.md that runs this command of `shredder`. */
function lineOf(command: string): string {
  const lines = ON_FUNCTIONS.filter(({ language }) => language === 'sh').flatMap(({ code }) =>
    code.trim().split('\n'),
  );
  const line = lines.find((each) => each.startsWith(`npx shredder ${command} `));
  if (line === undefined) throw new Error(`docs/functions.md has no ${command}`);
  return line;
}

test.serial('each command line of docs/functions.md is run below', (t) => {
  const lines = ON_FUNCTIONS.filter(({ language }) => language === 'sh').map(({ code }) =>
    [...code.matchAll(/^npx shredder (\w+)/gm)].map(([, command]) => command),
  );
  t.deepEqual(lines, [['init'], ['dev'], ['debug', 'profile']]);
  t.deepEqual([...new Set(ON_FUNCTIONS.map(({ language }) => language))], ['ts', 'sh']);
});

test.serial('a project is begun, its tests pass and its types are right', async (t) => {
  const block = ON_FUNCTIONS.find(({ code }) => code.includes('shredder init'))?.code ?? '';
  t.true(block.includes(' npm install '));
  const lines = block
    .replace('npx shredder', 'shredder')
    .replace('--from FOLDER', `--from '${packages.folder}'`)
    .replace('npm install && ', '');
  const { exitCode, stdout, stderr } = await start(lines, home);
  t.is(exitCode, 0, stdout + stderr);
  t.regex(stdout, /^# pass 3$/m);
});

/** Of each library of docs/functions.md: a call, and what it prints in JSON. */
const CALLS: Readonly<Record<string, readonly (readonly [call: string, prints: string])[]>> = {
  totalBytes: [['totalBytes a b c', '5']],
  allow: [
    ['allow caller:7 -- 1', 'true'],
    ['allow caller:7 -- 0', 'false'],
  ],
  price: [['price -- 9.5', '"9,50\u00a0€"']],
  count: [['count', '[1,1]']],
};

/** The first function of a library, by which its file is called here. */
function nameOf({ code }: CodeBlock): string {
  return /^export (?:function|const) (\w+)/m.exec(code)?.[1] ?? '';
}

test.serial('dev loads each library of docs/functions.md, which does what it says', async (t) => {
  const libraries = ON_FUNCTIONS.filter(isLibrary);
  t.deepEqual(libraries.map(nameOf), Object.keys(CALLS));
  for (const library of libraries) {
    await writeFile(path.join(shop, 'functions', `${nameOf(library)}.ts`), library.code);
  }
  const others = ON_FUNCTIONS.filter(isFragment).filter(({ code }) => !FROM_EXAMPLE.test(code));
  t.is(others.length, 1);
  for (const { code } of others) {
    // What is said around it: a key, and something to put there.
    const file = [
      "import { HTGetString, HTSet } from 'shredder:store';",
      `export function fragment([key = '']: string[], [item = '']: string[]): void {\n${code}}`,
    ];
    await writeFile(path.join(shop, 'functions', 'fragment.ts'), file.join('\n'));
  }
  t.is(await raw.text('MSET', 'a', 'one', 'b', '22'), '+OK\r\n');

  const dev = startShredder(lineOf('dev'));
  t.teardown(() => dev.kill('SIGKILL'));
  const names = ['cart', 'fragment', ...Object.keys(CALLS)].sort();
  const areLoaded = async (...wanted: string[]): Promise<boolean> => {
    const list = await raw.text('FUNCTION', 'LIST');
    return wanted.every((name) => list.includes(`\r\n${name}\r\n`));
  };
  await eventually('the libraries are loaded', () => areLoaded(...names));
  const found = JSON.parse(await shredder('functions --json')) as { name: string }[];
  t.deepEqual(
    found.map(({ name }) => name),
    names,
  );
  for (const [call, prints] of Object.values(CALLS).flat()) {
    t.is(await shredder(`call --json ${call}`), prints, call);
  }
  await appendFile(
    path.join(shop, 'functions', 'totalBytes.ts'),
    'export const edited = () => true;\n',
  );
  await eventually('the edited library is loaded', () => areLoaded('edited'));
  dev.kill('SIGINT');
  t.is((await dev).exitCode, 0);
});

test.serial('what docs/functions.md has from the examples, they have', async (t) => {
  const folder = path.join(home, 'node_modules', 'shredder-functions', 'examples');
  const lines = (code: string): string => code.trim().replaceAll(/^\s+/gm, '');
  const fragments = ON_FUNCTIONS.filter(({ code }) => FROM_EXAMPLE.test(code));
  t.is(fragments.length, 4);
  for (const { code } of fragments) {
    const [, example = '', text = ''] = FROM_EXAMPLE.exec(code) ?? [];
    t.true(
      lines(await readFile(path.join(folder, example), 'utf8')).includes(lines(text)),
      example,
    );
  }
});

test.serial('a line of the log has the members that the page shows', async (t) => {
  const page = await readFile(path.join(CHECKOUT, 'docs', 'functions.md'), 'utf8');
  const [, shown = ''] = /^ {4}> FUNCTION LOG SINCE 41\n((?: {4}.*\n)+)/m.exec(page) ?? [];
  const members = [...shown.matchAll(/"(\w+)" =>/g)].map(([, name]) => name);
  t.is(members.length, 6);
  t.regex(await raw.text('FCALL', 'removeFromCart', '0'), /^-ERR .* at cart\.ts:\d+:\d+\r\n$/);
  const log = await raw.text('FUNCTION', 'LOG');
  t.regex(log, new RegExp(members.map((name) => `\r\n${name}\r\n`).join('[\\s\\S]*')));
});

test.serial('a debugger attaches, sees the source, and stops the function', async (t) => {
  const debug = startShredder(lineOf('debug'));
  t.teardown(() => debug.kill('SIGKILL'));
  const told: string[] = [];
  const ws = new WebSocket(await firstLine(debug.stdout));
  t.teardown(() => ws.terminate());
  ws.on('message', (data) => told.push(String(data)));
  await new Promise((resolve) => ws.once('open', resolve));
  const has = (text: string) => () => told.some((each) => each.includes(text));
  ws.send('{"id":1,"method":"Debugger.enable"}');
  await eventually('the debugger is enabled', has('"id":1'));
  t.true(has('/shop/functions/totalBytes.js')());
  const call = raw.text('FCALL', 'totalBytes', '1', 'a');
  await eventually('the call stops', has('Debugger.paused'));
  ws.send('{"id":2,"method":"Debugger.resume"}');
  t.is(await call, '$1\r\n3\r\n');
  debug.kill('SIGINT');
  t.is((await debug).exitCode, 0);
});

test.serial('a profile names the function, its file and its line', async (t) => {
  const { exitCode, stdout, stderr } = await startShredder(lineOf('profile'));
  t.is(exitCode, 0, stderr);
  t.regex(stdout, /^ +self +total {2}of [\d.]+ ms, \d+ calls$/m);
  t.regex(stdout, /^ +[\d.]+ % +[\d.]+ % {2}totalBytes {2}totalBytes\.ts:\d+$/m);
  await access(path.join(shop, 'totalBytes.cpuprofile'));
  t.regex(await readFile(path.join(shop, 'totalBytes.svg'), 'utf8'), /totalBytes\.ts/);
});

/** A program of docs/client.md in the folder of callers, with this server's port. */
function caller(code: string): string {
  const { port } = new URL(url);
  return code
    .replace('Redis(7379)', `Redis(${port})`)
    .replaceAll("'./cart.ts'", "'../functions/cart.ts'");
}

async function writeTo(file: string, code: string): Promise<void> {
  await mkdir(path.dirname(path.join(shop, file)), { recursive: true });
  await writeFile(path.join(shop, file), code);
}

test.serial('a typed library is deployed, and called by any client and by its types', async (t) => {
  await writeTo('functions/cart.ts', LIBRARY);
  t.regex(
    await shredder('deploy functions/cart.ts'),
    /^cart for tenant default .*\n {2}add {2}Adds a line to a cart$/,
  );
  const page = await readFile(path.join(CHECKOUT, 'docs', 'client.md'), 'utf8');
  const [, plain = ''] = /^ {4}(redis-cli -p 7379 FCALL .*)$/m.exec(page) ?? [];
  const { port } = new URL(url);
  t.is((await start(plain.replace('7379', port))).stdout, '2');
  await raw.text('DEL', 'cart:7');

  const imports = (code: string): string => code.replaceAll(/^import .*\n/gm, '');
  const program = [
    "import { ArgumentsError, pipeline } from 'shredder-functions/client';",
    CALLER,
    'console.log(total);',
    imports(TOGETHER),
    'console.log(first, second);',
    imports(FAILING),
    'redis.disconnect();',
  ].join('\n');
  await writeTo('typed/caller.ts', caller(program));
  const { stdout, stderr } = await start('node --import tsx typed/caller.ts');
  t.regex(stdout + stderr, /^2\n3 1\nargs\.quantity: .+ cart\.ts:8:20$/);
});

test.serial(
  'a call that is wrong does not compile, and right ones do, also by `shredder types`',
  async (t) => {
    await writeTo('typed/store.d.ts', await shredder('types'));
    await writeTo(
      'typed/by_types.ts',
      caller(CALLER).replace('../functions/cart.ts', './store.d.ts'),
    );
    await writeTo(
      'typed/tsconfig.json',
      '{ "extends": "../test/tsconfig.json", "include": ["."] }',
    );
    t.is((await start('tsc --noEmit -p typed')).stdout, '');
    const wrong = caller(CALLER).replace('quantity: 2', "quantity: '2'");
    await writeTo('typed/wrong.ts', wrong);
    t.regex(
      (await start('tsc --noEmit -p typed')).stdout,
      /^typed\/wrong\.ts\(7,\d+\): error TS2322: Type 'string' is not assignable to type 'number'/m,
    );
  },
);

test.serial('the double has the same calls', async (t) => {
  const program = caller(DOUBLE).replace(
    /await cart.*/,
    (call) => `console.log(${call.replace(/;.*/, '')});`,
  );
  await writeTo('typed/double.ts', program);
  const { stdout, stderr } = await start(
    'node --import tsx --import shredder-functions/register typed/double.ts',
  );
  t.is(stdout, '2', stderr);
});

test.serial('call and logs show what is refused, with the line of the source', async (t) => {
  const refused = await startShredder(`shredder call add cart:7 -- '{"sku":"tea"}'`);
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /ArgumentsError: args\.quantity: .* at cart\.ts:8:20/);
  t.regex(refused.stderr, /export const add = defineFunction\(/);
  const logs = await shredder('logs --count 1');
  t.regex(logs, /error.*add.*cart\.ts:8:20/);
  t.regex(logs, /ArgumentsError: args\.quantity: /);
});
