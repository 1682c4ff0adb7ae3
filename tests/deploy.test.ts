// From a TypeScript file to a function that a Redis client calls: shredder deploy, call and serve.
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { CHECKOUT, shredder, type CommandResult } from './support/command_line.ts';
import { eventually } from './support/eventually.ts';
import { temporaryFolder } from './support/folder.ts';
import { RawClient } from './support/resp.ts';
import { startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { ALICE, BOB, twoTenants } from './support/tenants.ts';

const test = anyTest as TestFn<{ server: Server }>;

test.before(async (t) => {
  t.context.server = await startServer({ config: twoTenants() });
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

function asAlice(
  t: ExecutionContext<{ server: Server }>,
  args: readonly string[],
  options: { cwd?: string; password?: string } = {},
): Promise<CommandResult> {
  return shredder(
    [...args.slice(0, 1), '--url', t.context.server.url, '--tenant', ALICE.name, ...args.slice(1)],
    {
      env: { SHREDDER_PASSWORD: options.password ?? ALICE.password },
      cwd: options.cwd ?? CHECKOUT,
    },
  );
}

async function clientFor(t: ExecutionContext<{ server: Server }>): Promise<RawClient> {
  const client = await RawClient.connect(t.context.server);
  t.teardown(() => client.close());
  t.is(await client.text('AUTH', ALICE.name, ALICE.password), '+OK\r\n');
  return client;
}

/** What `shredder deploy` does besides the check of types, which takes most of its time. */
async function load(
  t: ExecutionContext<{ server: Server }>,
  client: RawClient,
  file: string,
): Promise<void> {
  const name = path.parse(file).name;
  const code = await bundleLibrary(path.resolve(CHECKOUT, file), name);
  t.is(await client.text('FUNCTION', 'LOAD', 'REPLACE', code), `$${name.length}\r\n${name}\r\n`);
}

test.serial("an error of types stops a deployment with TypeScript's own message", async (t) => {
  const folder = await temporaryFolder(t, {
    'wrong.ts': [
      "import { HTLength } from 'shredder:store';",
      'export function f(keys: string[]): number {',
      '  return HTLength(keys);',
      '}',
    ].join('\n'),
  });
  const result = await asAlice(t, ['deploy', 'wrong.ts'], { cwd: folder });
  t.is(result.exitCode, 1);
  t.is(result.stdout, '');
  t.regex(
    result.stderr,
    /wrong\.ts:3:19 - error TS2345: Argument of type 'string\[\]' is not assignable to parameter of type 'Key'/,
  );
  t.regex(result.stderr, /return HTLength\(keys\);/);
  t.regex(result.stderr, /^shredder: wrong\.ts: 1 TypeScript error; nothing was deployed$/m);
  t.notRegex(await (await clientFor(t)).text('FUNCTION', 'LIST'), /wrong/);
});

test.serial('npm packages are part of what is deployed, and work in the store', async (t) => {
  const folder = await temporaryFolder(t, {
    'package.json': '{"type":"module"}',
    'slugs.ts': [
      "import { slug } from 'made-up-slug';",
      "import padded from 'made-up-pad';",
      "import { HTSet, HTGetUint32 } from 'shredder:store';",
      'export function keep(keys: string[], args: string[]): string {',
      '  HTSet(padded(slug(keys[0] ?? "")), Uint32Array.of(Number(args[0])));',
      '  return padded(slug(keys[0] ?? ""));',
      '}',
      'export function kept(keys: string[]): bigint {',
      '  return BigInt(HTGetUint32(keys[0] ?? "", 0) ?? -1);',
      '}',
      "kept.flags = ['no-writes'] as const;",
      "kept.description = 'What keep has kept';",
    ].join('\n'),
    'node_modules/made-up-slug/package.json':
      '{"name":"made-up-slug","version":"1.0.0","type":"module","exports":{"types":"./index.d.ts","default":"./index.js"}}',
    'node_modules/made-up-slug/index.js':
      'export const slug = (text) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");',
    'node_modules/made-up-slug/index.d.ts': 'export function slug(text: string): string;',
    'node_modules/made-up-pad/package.json':
      '{"name":"made-up-pad","version":"1.0.0","main":"index.js","types":"index.d.ts"}',
    'node_modules/made-up-pad/index.js': 'module.exports = (text) => `<${text}>`;',
    'node_modules/made-up-pad/index.d.ts':
      'declare function padded(text: string): string;\nexport default padded;',
  });
  const result = await asAlice(t, ['deploy', 'slugs.ts'], { cwd: folder });
  t.is(result.exitCode, 0, result.stderr);
  t.regex(
    result.stdout,
    /^slugs for tenant alice \(.* KiB\)\n {2}keep *\n {2}kept {2}What keep has kept {2}\[no-writes\]$/m,
  );
  const client = await clientFor(t);
  t.is(await client.text('FCALL', 'keep', '1', 'Two Words', '7'), '$11\r\n<two-words>\r\n');
  t.is(await client.text('FCALL_RO', 'kept', '1', '<two-words>'), ':7\r\n');
});

test.serial(
  'an exception reaches the client as one line with the TypeScript file and line',
  async (t) => {
    const folder = await temporaryFolder(t, {
      'failing.ts': [
        "import { check } from './parts/check.ts';",
        'interface Removed {',
        '  by: "the compiler";',
        '}',
        'export function direct(): void {',
        '  const removed: Removed | undefined = undefined;',
        "  if (removed === undefined) throw new TypeError('on\\npurpose');",
        '}',
        'export function nested(keys: string[]): number {',
        '  return check(keys.length);',
        '}',
        'export async function later(): Promise<void> {',
        '  await null;',
        "  throw new RangeError('after a while');",
        '}',
        'export function builtIn(): unknown {',
        '  const nothing = null as unknown as { field: number };',
        '  return nothing.field;',
        '}',
      ].join('\n'),
      'parts/check.ts': [
        '// A comment that the bundle does not have.',
        'export function check(count: number): number {',
        '  if (count < 100) {',
        '    throw new Error(`${count} is too few`);',
        '  }',
        '  return count;',
        '}',
      ].join('\n'),
    });
    // From elsewhere: the places in errors do not depend on where one deploys from.
    const result = await asAlice(t, ['deploy', path.join(folder, 'failing.ts')]);
    t.is(result.exitCode, 0, result.stderr);
    const client = await clientFor(t);
    t.is(
      await client.text('FCALL', 'direct', '0'),
      '-ERR TypeError: on purpose at failing.ts:7:30\r\n',
    );
    t.is(
      await client.text('FCALL', 'nested', '0'),
      '-ERR Error: 0 is too few at parts/check.ts:4:5\r\n',
    );
    t.regex(
      await client.text('FCALL', 'later', '0'),
      /^-ERR RangeError: after a while at failing\.ts:14:\d+\r\n$/,
    );
    t.regex(
      await client.text('FCALL', 'builtIn', '0'),
      /^-ERR TypeError: Cannot read properties of null .* at failing\.ts:18:\d+\r\n$/,
    );

    const call = await asAlice(t, ['call', 'nested', 'a', 'b']);
    t.is(call.exitCode, 1);
    t.is(call.stderr, 'shredder: ERR Error: 2 is too few at parts/check.ts:4:5');
  },
);

test.serial('a library is replaced by a deployment, unless that is not wanted', async (t) => {
  const folder = await temporaryFolder(t, {
    'versioned.ts': 'export const version = (): bigint => 2n;',
  });
  const client = await clientFor(t);
  await client.call('FUNCTION', 'LOAD', '#!js name=versioned\nexport const version = () => 1n;');
  const refused = await asAlice(t, ['deploy', '--no-replace', 'versioned.ts'], { cwd: folder });
  t.is(refused.exitCode, 1);
  t.is(refused.stdout, '');
  t.is(refused.stderr, "shredder: ERR Library 'versioned' already exists");
  t.is(await client.text('FCALL', 'version', '0'), ':1\r\n');
  t.is((await asAlice(t, ['deploy', 'versioned.ts'], { cwd: folder })).exitCode, 0);
  t.is(await client.text('FCALL', 'version', '0'), ':2\r\n');
});

test.serial('what cannot be deployed or called is one line, and exit code 1', async (t) => {
  const folder = await temporaryFolder(t, {
    'throws.ts': "export const f = (): number => 1;\nthrow new Error('while loading');",
    'lib.js': 'export const f = () => 1;',
  });
  const refusals: readonly (readonly [args: string[], password: string, expected: RegExp])[] = [
    [
      ['deploy', 'throws.ts'],
      ALICE.password,
      /^shredder: ERR Error: while loading at throws\.ts:2:7$/,
    ],
    [['deploy', 'nowhere.ts'], ALICE.password, /^shredder: nowhere\.ts does not exist/],
    [['deploy', 'lib.js'], ALICE.password, /^shredder: lib\.js /],
    [['call', 'f'], BOB.password, /^shredder: .*WRONGPASS /],
    [['call', 'nosuch'], ALICE.password, /^shredder: ERR Function not found$/],
  ];
  for (const [args, password, expected] of refusals) {
    const result = await asAlice(t, args, { cwd: folder, password });
    t.is(result.exitCode, 1, args.join(' '));
    t.is(result.stdout, '');
    t.regex(result.stderr, expected);
  }
  const nobody = await shredder(['call', 'f', '--url', 'redis://127.0.0.1:1']);
  t.is(nobody.exitCode, 1);
  t.regex(nobody.stderr, /^shredder: no server answers at redis:\/\/127\.0\.0\.1:1\n/);
});

test.serial('the examples deploy, and do what they say', async (t) => {
  const client = await clientFor(t);
  for (const name of ['graph', 'list', 'projection'])
    await load(t, client, `ts-functions/examples/${name}.ts`);
  const ids = (...nodes: number[]): Buffer => Buffer.from(Uint32Array.from(nodes).buffer);
  await client.pipeline([
    ['SET', '1', ids(2, 3)],
    ['SET', '2', ids(3)],
    ['SET', '3', ids(1, 4)],
  ]);
  await client.call('HELLO', '3');
  t.is(await client.text('FCALL_RO', 'friends', '1', '1'), '*2\r\n,2\r\n,3\r\n');
  t.is(await client.text('FCALL_RO', 'countFriends', '1', '1', '3'), ',9\r\n');
  t.regex(
    await client.text('FCALL_RO', 'countFriends', '1', '1', 'x'),
    /^-ERR RangeError: depth must be an integer .* at graph\.ts:\d+:\d+\r\n$/,
  );

  for (const [key, value] of [
    ['101', '1.5'],
    ['102', '2'],
    ['103', '4'],
  ] as const) {
    t.is(await client.text('FCALL', 'listPush', '2', 'list', key, value), '_\r\n');
  }
  t.is(await client.text('FCALL_RO', 'listLength', '1', 'list'), ',3\r\n');
  t.is(await client.text('FCALL_RO', 'listNth', '1', 'list', '0'), ',4\r\n');
  t.is(await client.text('FCALL_RO', 'listSum', '1', 'list'), ',7.5\r\n');
  t.regex(
    await client.text('FCALL', 'listPush', '2', 'list', '101', '1'),
    /^-ERR RangeError: key 101 is taken/,
  );

  await client.call('FCALL', 'putItem', '1', 'item:1', '3', '7', '2.5');
  await client.call('FCALL', 'putItem', '1', 'item:2', '1', '7', '10');
  t.is(
    await client.text('FCALL_RO', 'sumField', '3', 'item:1', 'item:2', 'item:3', 'quantity'),
    ',4\r\n',
  );
  t.is(await client.text('FCALL_RO', 'totalPrice', '2', 'item:1', 'item:2'), ',17.5\r\n');
});

test.serial('shredder call prints a reply, as text or as JSON', async (t) => {
  const folder = await temporaryFolder(t, {
    'replies.ts': [
      "import { HTSet } from 'shredder:store';",
      'export const all = (keys: string[], args: string[]) =>',
      "  new Map<string, unknown>([['keys', keys], ['args', args], ['n', 1.5], ['big', 9007199254740993n], ['none', null]]) as never;",
      'export const write = (keys: string[]): void => HTSet(keys[0] ?? "", new Uint8Array(1));',
    ].join('\n'),
  });
  await load(t, await clientFor(t), path.join(folder, 'replies.ts'));
  const text = await asAlice(t, ['call', 'all', 'k1', 'k2', '--', '-x', 'a b']);
  t.is(text.exitCode, 0, text.stderr);
  t.regex(
    text.stdout,
    /keys: \[ 'k1', 'k2' \],\s+args: \[ '-x', 'a b' \],\s+n: 1\.5,\s+big: 9007199254740993,\s+none: null/,
  );
  const json = await asAlice(t, ['call', '--json', 'all', 'k1', '--', 'a']);
  t.is(json.stdout, '{"keys":["k1"],"args":["a"],"n":1.5,"big":9007199254740993,"none":null}');
  const readOnly = await asAlice(t, ['call', '--read-only', 'write', 'k1']);
  t.is(readOnly.exitCode, 1);
  t.is(
    readOnly.stderr,
    'shredder: ERR Can not execute a script with write flag using *_ro command.',
  );
});

test.serial('shredder serve runs the server, and ends with it when it is told to', async (t) => {
  const folder = await temporaryFolder(t);
  const portFile = path.join(folder, 'port');
  const subprocess = execa(
    process.execPath,
    [
      path.join(CHECKOUT, 'build-scripts/bin/shredder.js'),
      'serve',
      '--port',
      '0',
      '--port-file',
      portFile,
    ],
    { stdin: 'ignore', reject: false, all: true },
  );
  let output = '';
  subprocess.all.on('data', (chunk) => (output += String(chunk)));
  await eventually('it listens', () =>
    /127\.0\.0\.1:\d+: ready to accept connections/.test(output),
  );
  const port = Number(/127\.0\.0\.1:(\d+): ready/.exec(output)?.[1]);
  const client = await RawClient.connect({ port });
  t.is(await client.text('PING'), '+PONG\r\n');
  subprocess.kill('SIGTERM');
  t.is((await subprocess).exitCode, 0);
  await client.closed;
});
