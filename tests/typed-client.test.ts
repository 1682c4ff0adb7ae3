// Typed calls: the same values through every client and protocol, in the store and in the double.
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { execa } from 'execa';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import {
  ArgumentsError,
  client,
  FunctionError,
  LimitError,
  pipeline,
  ShredderError,
  type Client,
} from 'shredder-functions/client';
import 'shredder-functions/register';
import { createStore } from 'shredder-functions/testing';
import { CHECKOUT, shredder } from './support/command_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { errorsIn } from './support/library.ts';
import { RawClient } from './support/resp.ts';
import { serverFor, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';
import { CONNECTIONS } from './support/typed_connections.ts';

type Library = typeof import('./fixtures/typed_functions.ts');
// Imported once `shredder:store` resolves.
const library: Library = await import('./fixtures/typed_functions.ts');

const LIBRARY = path.join(CHECKOUT, 'tests', 'fixtures', 'typed_functions.ts');
const test = anyTest as TestFn<{ server: Server }>;

test.before(async (t) => {
  t.context.server = await startServer();
  const raw = await RawClient.connect(t.context.server);
  const code = await bundleLibrary(LIBRARY, 'typed_functions');
  t.regex(await raw.text('FUNCTION', 'LOAD', 'REPLACE', code), /typed_functions/);
  raw.close();
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

async function rawClient(t: ExecutionContext<{ server: Server }>): Promise<RawClient> {
  const raw = await RawClient.connect(t.context.server);
  t.teardown(() => raw.close());
  return raw;
}

/** What every caller gets, whatever lies between. */
async function callsWork(t: ExecutionContext, calls: Client<Library>, cart: `cart:${string}`) {
  t.deepEqual(await calls.add({ keys: [cart], args: { sku: 'tea "ß€😀\n', quantity: 2 } }), {
    lines: [{ sku: 'tea "ß€😀\n', quantity: 2 }],
    total: 2,
  });
  await calls.add({ keys: [cart], args: { sku: 'milk', quantity: 3 } });
  t.is(await calls.total({ keys: [cart] }), 5);

  const bytes = new Uint8Array(256).map((_, i) => i);
  const map = new Map([
    ['a', new Date(1_764_412_800_123)],
    ['', new Date(-1)],
  ]);
  const list = [0, -0, 1e21, 1e-7, 0.1, 2 ** 53, Infinity, -Infinity, undefined, null];
  const set = new Set([1, 2]);
  const big = -(2n ** 63n) - 1n;
  t.deepEqual(await calls.rich({ args: { big, bytes, map, set, list } }), {
    big,
    bytes,
    map,
    set,
    list,
    next: big + 1n,
    huge: 2n ** 70n,
    size: 256,
    days: [new Date(1_764_499_200_123), new Date(86_399_999)],
  });
  t.is(await calls.area({ args: { width: 2, height: 3.5 } }), 7);
  t.is(await calls.doubled({ args: '21' }), '42');
  t.is(await calls.later({ args: 'a' }), 'a!');
  t.is(await calls.later({ args: 'a\ud800"\\ud800\u0001' }), 'a\ufffd"\\ud800\u0001!');
  t.deepEqual(await calls.names({ keys: ['a', 'b'] }), ['A', 'B']);
  t.deepEqual(await calls.names(), []);
  t.deepEqual(await calls.plain({ keys: ['k', 7], args: ['', '{"$date":1}'] }), {
    keys: ['k', '7'],
    args: ['', '{"$date":1}'],
    map: new Map([['a', 1.5]]),
    set: new Set([true]),
    bytes: Uint8Array.of(2, 1),
    nothing: null,
    big: 2n,
  });
  t.is(await calls.nothing(), undefined);

  const [total, names] = await pipeline(calls, (each) => [
    each.total({ keys: [cart] }),
    each.names({ keys: ['c'] }),
  ]);
  t.is(total, 5);
  t.deepEqual(names, ['C']);
  t.deepEqual(await pipeline(calls, () => []), []);
}

/** What every caller is told of what is wrong; `place` is where a place is known. */
async function errorsAreTold(t: ExecutionContext, calls: Client<Library>, hasPlaces: boolean) {
  const place = (pattern: RegExp, found: string | undefined): void => {
    if (hasPlaces) t.regex(found ?? '', pattern);
    else t.is(found, undefined);
  };
  const wrong = await t.throwsAsync(
    calls.add({ keys: ['cart:7'], args: { sku: 7, quantity: 0 } as never }),
    { instanceOf: ArgumentsError },
  );
  t.regex(wrong?.message ?? '', /^args\.sku: .*; args\.quantity: /);
  t.is(wrong?.code, 'ERR');
  t.is(wrong?.function, 'add');
  place(/^typed_functions\.ts:12:20$/, wrong?.place);
  t.regex(
    (
      await t.throwsAsync(calls.total({ keys: ['basket'] as never }), {
        instanceOf: ArgumentsError,
      })
    )?.message ?? '',
    /^keys\[0\]: /,
  );
  for (const args of [undefined, null, 'text', [], { width: -1, height: 1 }]) {
    await t.throwsAsync(calls.area({ args: args as never }), { instanceOf: ArgumentsError });
  }
  t.is(
    (await t.throwsAsync(calls.later({ args: 'no' }), { instanceOf: ArgumentsError }))?.message,
    'args: no is no text',
  );
  t.is(
    (await t.throwsAsync(calls.names({ args: 1 } as never), { instanceOf: ArgumentsError }))
      ?.message,
    'args: expected no argument',
  );

  const thrown = await t.throwsAsync(calls.fail({ args: 'on purpose at x.ts' }), {
    instanceOf: FunctionError,
  });
  t.is(thrown?.message, 'on purpose at x.ts');
  t.is(thrown?.thrown, 'RangeError');
  t.is(thrown?.function, 'fail');
  place(/^typed_functions\.ts:\d+:3$/, thrown?.place);
  const lie = await t.throwsAsync(calls.lie(), { instanceOf: FunctionError });
  t.is(lie?.thrown, 'ResultError');
  t.regex(lie?.message ?? '', /^result: /);
  place(/^typed_functions\.ts:\d+:20$/, lie?.place);

  const missing = await t.throwsAsync(
    (calls as unknown as Client<typeof import('./fixtures/typed_missing.ts')>).missing(),
    {
      instanceOf: ShredderError,
    },
  );
  t.is(missing?.name, 'ShredderError');
  t.is(missing?.message, 'Function not found');

  const settled = await Promise.allSettled([
    pipeline(calls, (each) => [each.names(), each.fail({ args: 'first' }), each.lie()]),
  ]);
  t.true(settled[0]?.status === 'rejected' && settled[0].reason instanceof FunctionError);
  await t.throwsAsync(calls.fail({ args: (() => 1) as never }), {
    instanceOf: TypeError,
    message: 'args is a function, which no call can send',
  });
}

for (const { name, open } of CONNECTIONS) {
  test(`calls carry every value there and back through ${name}`, async (t) => {
    const { connection, close } = await open(t.context.server.port);
    t.teardown(close);
    await callsWork(t, client<Library>(connection), `cart:${name}`);
  });

  test(`what is wrong with a call is told with its class and place through ${name}`, async (t) => {
    const { connection, close } = await open(t.context.server.port);
    t.teardown(close);
    await errorsAreTold(t, client<Library>(connection), true);
  });
}

test('calls carry every value there and back in the double', async (t) => {
  await callsWork(t, createStore().client(library), 'cart:double');
});

test('what is wrong with a call is told with its class in the double', async (t) => {
  await errorsAreTold(t, createStore().client(library), false);
});

test('a typed function is a function as any other to who has no typed client', async (t) => {
  const raw = await rawClient(t);
  const args = '{"sku":"tea","quantity":2}';
  t.is(
    await raw.text('FCALL', 'add', '1', 'cart:raw', args),
    '*4\r\n$5\r\nlines\r\n*1\r\n*4\r\n$3\r\nsku\r\n$3\r\ntea\r\n$8\r\nquantity\r\n$1\r\n2\r\n$5\r\ntotal\r\n$1\r\n2\r\n',
  );
  t.is(await raw.text('FCALL_RO', 'total', '1', 'cart:raw'), '$1\r\n2\r\n');
  t.regex(
    await raw.text('FCALL', 'add', '1', 'cart:raw', '{"sku":'),
    /^-ERR ArgumentsError: args: expected a text of JSON: .* at typed_functions\.ts:12:20\r\n$/,
  );
  t.regex(
    await raw.text('FCALL', 'add', '1', 'cart:raw', '1', '2'),
    /^-ERR ArgumentsError: args: expected one text of JSON, got 2 arguments at /,
  );
  t.regex(await raw.text('FUNCTION', 'LIST'), /Adds a line to a cart[\s\S]*no-writes/);
  t.is(
    await raw.text('FCALL_JSON', 'names', '0', '1', '2'),
    '-ERR FCALL_JSON takes one argument, a text of JSON, behind the keys\r\n',
  );
});

test('writes of a call whose result is not what it says are undone', async (t) => {
  const folder = await temporaryFolder(t, {
    'lies.ts': [
      "import { defineFunction, type Schema } from 'shredder-functions';",
      "import { HTSet } from 'shredder:store';",
      "const never: Schema<string> = { '~standard': { version: 1, vendor: 'test',",
      "  validate: () => ({ issues: [{ message: 'is never right', path: ['a', { key: 0 }, 'b c'] }] }) } };",
      "export const writeAndLie = defineFunction({ result: never }, ([key]) => { HTSet(key!, 'x'); return 'y'; });",
    ].join('\n'),
  });
  const raw = await rawClient(t);
  await raw.text('FUNCTION', 'LOAD', await bundleLibrary(path.join(folder, 'lies.ts'), 'lies'));
  t.regex(
    await raw.text('FCALL_JSON', 'writeAndLie', '1', 'written'),
    /^-ERR ResultError: result\.a\[0\]\["b c"\]: is never right at lies\.ts:5:28\r\n$/,
  );
  t.is(await raw.text('GET', 'written'), '$-1\r\n');
});

test('a call that meets its deadline is a LimitError', async (t) => {
  const server = await serverFor(t, { flags: ['--deadline-ms', '20'], ownDeadlines: true });
  const raw = await RawClient.connect(server);
  t.teardown(() => raw.close());
  await raw.text('FUNCTION', 'LOAD', '#!js name=spin\nexport function spin() { for (;;); }');
  const [{ open }] = CONNECTIONS as [(typeof CONNECTIONS)[number]];
  const { connection, close } = await open(server.port);
  t.teardown(close);
  const error = await t.throwsAsync(client<{ spin(): void }>(connection).spin(), {
    instanceOf: LimitError,
  });
  t.regex(error?.message ?? '', /deadline of 20 ms/);
  t.is(error?.place, undefined);
});

test('the whole stack of an error is in the log, in lines of TypeScript, and the first line at the client', async (t) => {
  const folder = await temporaryFolder(t, {
    'deep.ts': [
      'function inner(depth: number): never {',
      "  throw new RangeError('too deep at ' + depth);",
      '}',
      'function middle(depth: number): number {',
      '  if (depth > 0) return middle(depth - 1);',
      '  return inner(7);',
      '}',
      'export function deep(): number { return middle(2); }',
    ].join('\n'),
  });
  const raw = await rawClient(t);
  await raw.text('FUNCTION', 'LOAD', await bundleLibrary(path.join(folder, 'deep.ts'), 'deep'));
  t.is(await raw.text('FCALL', 'deep', '0'), '-ERR RangeError: too deep at 7 at deep.ts:2:3\r\n');
  const log = await raw.text('FUNCTION', 'LOG');
  t.true(
    log.includes(
      [
        'RangeError: too deep at 7',
        '    at inner (deep.ts:2:9)',
        '    at middle (deep.ts:6:10)',
        '    at middle (deep.ts:5:25)',
        '    at middle (deep.ts:5:25)',
        '    at deep (deep.ts:8:41)',
      ].join('\n'),
    ),
    log,
  );
  t.regex(
    log,
    /level\r\n\$5\r\nerror\r\n\$8\r\nfunction\r\n\$4\r\ndeep\r\n\$5\r\nplace\r\n\$11\r\ndeep\.ts:2:3/,
  );
});

test('an error that is made in the standard library is shown where the author has called it', async (t) => {
  const folder = await temporaryFolder(t, {
    'first.ts': [
      "import { stringAt } from 'shredder-functions/arguments';",
      'export function first(keys: string[]): string {',
      "  return stringAt(keys, 0, 'name');",
      '}',
    ].join('\n'),
  });
  const raw = await rawClient(t);
  await raw.text('FUNCTION', 'LOAD', await bundleLibrary(path.join(folder, 'first.ts'), 'first'));
  t.regex(await raw.text('FCALL', 'first', '0'), /^-ERR \w+: .* at first\.ts:3:10\r\n$/);
});

test('calls that are wrong do not compile, and right ones do', async (t) => {
  // Each of its mistakes says `@ts-expect-error`, so that there is an error where none is made.
  const folder = await temporaryFolder(t, {
    'tsconfig.json': JSON.stringify({
      extends: path.join(CHECKOUT, 'tsconfig.json'),
      compilerOptions: { typeRoots: [path.join(CHECKOUT, 'node_modules', '@types')] },
      include: [],
      files: [path.join(CHECKOUT, 'tests', 'fixtures', 'typed_calls.ts')],
    }),
  });
  t.is(await errorsOfTsc(folder), '');
});

async function errorsOfTsc(folder: string): Promise<string> {
  const tsc = path.join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
  return (await execa(process.execPath, [tsc, '-p', folder], { reject: false })).stdout;
}

test('deploy refuses a definition that is wrong, with its place', async (t) => {
  const head = [
    "import { defineFunction } from 'shredder-functions';",
    "import * as v from 'valibot';",
  ];
  const errors = (line: string): Promise<string> =>
    errorsIn(t, {
      'lib.ts': [...head, line].join('\n'),
      'tsconfig.json': JSON.stringify({
        extends: path.join(CHECKOUT, 'ts-functions', 'tsconfig.author.json'),
        compilerOptions: {
          types: [],
          paths: {
            'shredder-functions': [path.join(CHECKOUT, 'ts-functions', 'src', 'index.ts')],
            valibot: [path.join(CHECKOUT, 'node_modules', 'valibot')],
          },
        },
      }),
    });
  t.is(
    await errors(
      'export const f = defineFunction({ args: v.object({ at: v.date() }), result: v.date() }, (_, { at }) => at);',
    ),
    '',
  );
  t.regex(
    await errors("export const f = defineFunction({ args: { sku: 'string' } }, () => 1);"),
    /lib\.ts:3:\d+ - error TS/,
  );
  t.regex(
    await errors(
      'export const f = defineFunction({ args: v.object({ a: v.string() }) }, (_, { b }) => b);',
    ),
    /lib\.ts:3:\d+ - error TS2339: Property 'b' does not exist/,
  );
  t.regex(
    await errors('export const f = defineFunction({ result: v.number() }, () => "text");'),
    /lib\.ts:3:\d+ - error TS2\d+: Type 'string' is not assignable to type 'number/,
  );
  t.regex(
    await errors('export const f = defineFunction({}, () => ({ at: new WeakMap() }));'),
    /lib\.ts:3:14 - error: f returns a WeakMap in its result\.at, which would arrive as an empty map/,
  );
});

test('`shredder types` prints declarations that a caller compiles with', async (t) => {
  const raw = await rawClient(t);
  await raw.text('FUNCTION', 'LOAD', '#!js name=bare\nexport function bare() {}');
  const { stdout, exitCode } = await shredder([
    'types',
    'typed_functions',
    'bare',
    '--url',
    t.context.server.url,
  ]);
  t.is(exitCode, 0);
  t.regex(stdout, /^import type \{ DefinedFunction \} from 'shredder-functions';\n\n\/\/ bare\n/);
  t.regex(
    stdout,
    /\/\*\* Adds a line to a cart \*\/\nexport declare const add: DefinedFunction<\[`cart:\$\{string\}`\], \{ sku: string; quantity: number \}, \{ lines: \{ sku: string; quantity: number \}\[\]; total: number \}>;/,
  );
  t.regex(
    stdout,
    /export declare const total: DefinedFunction<\[`cart:\$\{string\}`\], undefined, number>;/,
  );
  t.regex(
    stdout,
    /const rich: DefinedFunction<string\[\], \{ big: bigint; bytes: Uint8Array; map: Map<string, Date>; set: Set<number>; none\?: (?:undefined \| string|string \| undefined); list: \([^)]*\)\[\] \}, /,
  );
  t.regex(
    stdout,
    /export declare function nothing\(keys: string\[\], args: string\[\]\): undefined;/,
  );
  t.regex(stdout, /export declare function bare\(keys: string\[\], args: string\[\]\): unknown;/);
  const missing = await shredder(['types', 'nowhere', '--url', t.context.server.url]);
  t.is(missing.exitCode, 1);
  t.regex(missing.stderr, /^shredder: no library nowhere is loaded$/m);
});

test('functions of any name and type are declared so that callers compile', async (t) => {
  const folder = await temporaryFolder(t, {
    'odd.ts': [
      "import { defineFunction } from 'shredder-functions';",
      "const remove = defineFunction({}, ([key]) => key ?? '');",
      'export { remove as delete };',
      'const first = (keys: string[]): number => keys.length;',
      "export { first as '1st' };",
      'export function counts(): Record<PropertyKey, number> { return {}; }',
      'export function most(): 1e999 | -1 { return -1; }',
      'export function lines(): `a\\n\\`${number}` { return "a\\n`1"; }',
    ].join('\n'),
    'caller.ts': [
      "import { client, type RedisConnection } from 'shredder-functions/client';",
      'declare const redis: RedisConnection;',
      "const odd = client<typeof import('./store.d.ts')>(redis);",
      "export const text: string = await odd.delete({ keys: ['k'] });",
      "export const count: number = await odd['1st']();",
      'export const most: number = await odd.most();',
      "export const x: number | undefined = (await odd.counts())['x'];",
      'export const lines: `a\\n\\`${number}` = await odd.lines();',
      '// @ts-expect-error It takes no argument.',
      "await odd.delete({ args: 'x' });",
    ].join('\n'),
    'tsconfig.json': JSON.stringify({
      extends: path.join(CHECKOUT, 'tsconfig.json'),
      compilerOptions: { typeRoots: [path.join(CHECKOUT, 'node_modules', '@types')] },
      files: ['caller.ts', 'store.d.ts'],
    }),
    'package.json': '{"type":"module"}',
  });
  await symlink(path.join(CHECKOUT, 'node_modules'), path.join(folder, 'node_modules'));
  const raw = await rawClient(t);
  const code = await bundleLibrary(path.join(folder, 'odd.ts'), 'odd');
  t.regex(await raw.text('FUNCTION', 'LOAD', code), /odd/);
  const { stdout } = await shredder(['types', 'odd', '--url', t.context.server.url]);
  await writeFile(path.join(folder, 'store.d.ts'), stdout);
  t.is(await errorsOfTsc(folder), '');
});

/** Connections that fail in ways of their own. */
const CLOSED = new Error('closed');
const BROKEN = {
  'fails altogether': () => Promise.reject(CLOSED),
  'has no replies': () => Promise.resolve(null),
};
for (const [name, exec] of Object.entries(BROKEN)) {
  test(`no call of a pipeline waits for ever where the connection ${name}`, async (t) => {
    const calls = client<Library>({
      call: () => Promise.reject(CLOSED),
      pipeline: () => ({ call: () => undefined, exec }),
    });
    let kept: Promise<unknown> | undefined;
    const together = pipeline(calls, (each) => {
      kept = each.names();
      return [kept];
    });
    await t.throwsAsync(together, { message: /closed|no reply/ });
    await t.throwsAsync(kept as Promise<unknown>, { message: /closed|no reply/ });
  });
}

test('a call that is made when a pipeline has been sent is an error', async (t) => {
  const calls = client<Library>({ sendCommand: () => Promise.resolve('[]') });
  await t.throwsAsync(
    pipeline(calls, (each) => [each.names().then(() => each.names())]),
    { instanceOf: TypeError, message: /made when it had been sent/ },
  );
});

test('a client is an object as any other to who writes it down', async (t) => {
  const sent: unknown[] = [];
  const calls = client<Library>({
    sendCommand: (args) => Promise.resolve(sent.push(args)),
  });
  t.is(JSON.stringify({ calls }), '{"calls":{}}');
  t.throws(() => String(calls), { instanceOf: TypeError });
  t.is(await Promise.resolve(calls), calls);
  t.deepEqual(sent, []);
});

test('what is no key is refused before it is sent', async (t) => {
  const sent: unknown[] = [];
  const calls = client<Library>({ sendCommand: (args) => Promise.resolve(`${sent.push(args)}`) });
  for (const key of [1.5, -1, NaN, 2 ** 53, null, undefined, {}]) {
    await t.throwsAsync(calls.plain({ keys: [key as number] }), {
      instanceOf: TypeError,
      message: /^a key is a text, an integer from 0 on or a Uint8Array, got /,
    });
  }
  await t.throwsAsync(calls.plain({ keys: 'cart:7' as never }), {
    instanceOf: TypeError,
    message: 'keys are an array, got string',
  });
  t.deepEqual(sent, []);
});

test('each call in the double has an error of its own', async (t) => {
  const store = createStore();
  const refused = (sku: unknown): Promise<unknown> =>
    store
      .call(library.add, ['cart:7'], [JSON.stringify({ sku, quantity: 1 })])
      .catch((error: unknown) => error);
  const [first, second] = [await refused(1), await refused(undefined)] as [Error, Error];
  t.regex(first.message, /^args\.sku: /);
  t.not(first, second);
  t.is(first.name, 'ArgumentsError');
  t.regex(first.stack ?? '', /^ArgumentsError: args\.sku: .*\n[\s\S]*typed_functions\.ts:12:/);
});
