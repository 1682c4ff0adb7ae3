// Libraries in AssemblyScript, C and WebAssembly, and modules that TypeScript imports: deployed to the store
// and under its test double, with the same replies and errors.
import { readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import 'shredder-functions/register';
import {
  createStore,
  loadWasm,
  type TestStore,
  type WasmLibrary,
} from 'shredder-functions/testing';
import { compileWasm } from '../ts-functions/compile/index.ts';
import { blockBytes, readReply, writeBlock } from '../ts-functions/testing/wasm_call.ts';
import { STORE_IMPORTS } from '../ts-functions/testing/wasm_imports.ts';
import { CHECKOUT, shredder, type CommandResult } from './support/command_line.ts';
import { temporaryFolder } from './support/folder.ts';
import { serverFor } from './support/server.ts';
import { code, moduleBytes } from './support/wasm_module.ts';

const EXAMPLES = path.join(CHECKOUT, 'ts-functions', 'examples', 'wasm');
const PROBES = path.join(CHECKOUT, 'tests', 'fixtures', 'wasm_probes.c');

// Imported once `shredder:store` resolves.
const nearest = await import('../ts-functions/examples/wasm/nearest.ts');

type Call = readonly [name: string, keys: readonly string[], args?: readonly string[]];

/** What is called on. */
const VALUES: Readonly<Record<string, Float32Array | Float64Array | string>> = {
  tea: Float64Array.of(1, 2),
  'café': Float64Array.of(3, 4, 5),
  1: Float32Array.of(1, 2, 3, 4, 5),
  2: Float32Array.of(1, 1, 1, 1, 1),
  3: Float32Array.of(3, 4),
  4: Float32Array.of(3, 4, 0, 0, 0),
  5: '41',
  empty: '',
  text: 'no counter',
};

function bytesOf(value: Float32Array | Float64Array | string): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer);
}

function storeWithValues(): TestStore {
  const store = createStore();
  for (const [key, value] of Object.entries(VALUES)) store.set(key, bytesOf(value));
  return store;
}

interface Deployment {
  client: Redis<'resp3'>;
  /** `shredder deploy` of a file. */
  deploy: (file: string) => Promise<CommandResult>;
}

/** A server that holds VALUES. */
async function serverWithValues(t: ExecutionContext): Promise<Deployment> {
  const server = await serverFor(t);
  const client = new Redis({ port: server.port, protocol: 3, replyMapping: 'resp3' });
  t.teardown(() => client.disconnect());
  for (const [key, value] of Object.entries(VALUES)) await client.set(key, bytesOf(value));
  return {
    client,
    deploy: async (file) =>
      await shredder(['deploy', '--url', server.url, path.basename(file)], {
        cwd: path.dirname(file),
      }),
  };
}

/** What a call comes to, as text: what it gives, or its error without a place. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    const value = await call;
    return value instanceof Error ? value.message : JSON.stringify(comparable(value));
  } catch (error) {
    const { name, message } = error as Error;
    const text = name === 'ReplyError' ? message.replace(/^ERR /, '') : `${name}: ${message}`;
    return text.replace(/ at \S+$/, '');
  }
}

/** A reply and a result that mean the same, as the same JSON. */
function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  // The client reads a double's digits to 15 or so.
  if (typeof value === 'number') return Number(value.toPrecision(14));
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  // The client makes an object of a map.
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return entries.map(([key, each]) => [comparable(key), comparable(each)]).sort();
}

/** Runs calls in the store and under the double, in turns; gives what each came to. */
async function agree(
  t: ExecutionContext,
  client: Redis<'resp3'>,
  library: WasmLibrary,
  calls: readonly Call[],
): Promise<string[]> {
  const store = storeWithValues();
  const outcomes: string[] = [];
  for (const [name, keys, args = []] of calls) {
    const command = [name, keys.length, ...keys, ...args];
    const outcome = await outcomeOf(client.callBuffer('FCALL', command));
    t.is(outcome, await outcomeOf(store.call(library[name]!, keys, args)), command.join(' '));
    outcomes.push(outcome);
  }
  for (const key of Object.keys(VALUES)) {
    t.deepEqual(await client.getBuffer(key), Buffer.from(store.get(key)!), key);
  }
  return outcomes;
}

test('a library in AssemblyScript gives in the store what it gives under the double', async (t) => {
  const { client, deploy } = await serverWithValues(t);
  const file = path.join(EXAMPLES, 'scores.as.ts');
  const { stdout, stderr } = await deploy(file);
  t.is(stderr, '');
  t.regex(stdout, /^scores for tenant default \(.* KiB\)\n {2}best {4}The item .* \[no-writes\]$/m);
  const library = await loadWasm(file);
  t.deepEqual(library['best']?.flags, ['no-writes']);
  t.deepEqual(
    await agree(t, client, library, [
      ['scores', ['tea', 'café', 'absent'], ['0.5', '2']],
      ['scores', ['tea'], []],
      ['best', ['tea', 'café'], ['1', '-1']],
      ['best', ['absent'], ['1']],
      ['vote', ['votes'], ['3']],
      ['vote', ['votes'], ['-5']],
      ['vote', ['text'], ['1']],
      ['vote', [], ['1']],
      ['vote', ['votes'], ['1']],
    ]),
    [
      '[["café",9.5],["tea",4.5]]',
      'weights: a score needs one or more',
      '"tea"',
      'null',
      '3',
      '-2',
      'TypeError: value is not an integer',
      'RuntimeError: unreachable',
      '-1',
    ],
  );
});

test('what a call in AssemblyScript has allocated is free for the next', async (t) => {
  const { module } = await compileWasm(path.join(EXAMPLES, 'scores.as.ts'));
  const imports = { ht_length_s: () => 8n, ht_get_f64_s: () => 0.5, ht_add_s: () => 0n };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), {
    'shredder:store': imports,
  });
  const { memory, alloc, free, scores } = exports as {
    memory: WebAssembly.Memory;
    alloc: (bytes: number) => number;
    free: (block: number) => void;
    scores: (block: number) => void;
  };
  const operands = Array.from({ length: 501 }, () => Buffer.from('1'));
  const sizes = Array.from({ length: 100 }, () => {
    const block = alloc(blockBytes(operands));
    writeBlock(memory.buffer, block, 500, operands);
    scores(block);
    t.is((readReply(memory.buffer, block) as Map<string, number>).get('1'), 0.5);
    free(block);
    return memory.buffer.byteLength;
  });
  t.is(sizes.at(-1), sizes.at(2));
});

test('a library in C gives in the store what it gives under the double', async (t) => {
  const { client, deploy } = await serverWithValues(t);
  const file = path.join(EXAMPLES, 'vectors.c');
  const { stdout, stderr } = await deploy(file);
  t.is(stderr, '');
  t.regex(
    stdout,
    /^vectors for tenant default \(.* KiB\)\n {2}dot {8}Dot product.* \[no-writes\]$/m,
  );
  t.deepEqual(
    await agree(t, client, await loadWasm(file), [
      ['dot', ['1', '2']],
      ['dot', ['1', '3']],
      ['dot', ['1']],
      ['dot', ['absent', 'empty']],
      ['dots', ['1', '2', '3', '4', 'absent']],
      ['normalize', ['4']],
    ]),
    [
      '15',
      'the vectors differ in length',
      'RuntimeError: unreachable',
      '0',
      '[["2",15],["4",11]]',
      '5',
    ],
  );
});

test('a library in TypeScript uses a module that it imports', async (t) => {
  const { client, deploy } = await serverWithValues(t);
  const { stdout, stderr } = await deploy(path.join(EXAMPLES, 'nearest.ts'));
  t.is(stderr, '');
  t.regex(stdout, /^nearest for tenant default/);
  t.deepEqual(
    await agree(t, client, nearest as unknown as WasmLibrary, [
      ['nearest', ['1', '2', '3', '4'], ['2']],
      ['nearest', ['1', '2', '9']],
      ['nearest', ['x']],
    ]),
    ['[["2",15],["3",11]]', '[["2",15],["9",0]]', 'RangeError: key x is no integer'],
  );
});

test('replies, memory and transactions are the same in the store and under the double', async (t) => {
  const { client, deploy } = await serverWithValues(t);
  t.is((await deploy(PROBES)).stderr, '');
  const outcomes = await agree(t, client, await loadWasm(PROBES), [
    ['kinds', []],
    ['none', ['k']],
    ['no_call', []],
    ['i32', []],
    ['i64', ['a', 'b'], ['c']],
    ['f64', []],
    ['operands', ['1', 'é', ''], ['🙂', 'x'.repeat(100_000)]],
    ['failing', []],
    ['unknown_kind', []],
    ['no_utf8', []],
    ['reply_outside', []],
    ['bytes_outside', []],
    ['items_outside', []],
    ['endless', []],
    ['count_calls', []],
    ['count_calls', []],
    ['trap', []],
    ['has_77', []],
    ['count_calls', []],
    ['scan_all', []],
    ['ttl_set', ['a new key']],
  ]);
  const keyBytes = Object.keys(VALUES).reduce((sum, key) => sum + Buffer.byteLength(key), 0);
  t.deepEqual(outcomes.slice(-7), [
    '1',
    '2',
    'RuntimeError: unreachable',
    '0',
    '1',
    JSON.stringify([Object.keys(VALUES).length, keyBytes]),
    '5000',
  ]);
  t.is(outcomes.filter((each) => each.startsWith('TypeError: a reply')).length, 6);
});

/** Where the only key of a call lies, with `alloc` giving 1024; and memory to write to. */
const KEY_AT = 1024 + 16 + 8;
const INTO = 4096;
const PAGE = 65_536;

/** Arguments behind the key of the imports that have one; keys that expire come last. */
const BEHIND_A_KEY: Readonly<Record<string, readonly (readonly number[])[]>> = {
  ht_ttl: [[]],
  ht_length: [[]],
  ht_has: [[]],
  ht_get: [
    [INTO, 4],
    [INTO, 1000],
    [PAGE - 4, 4],
    [PAGE - 4, 5],
    [-1, 1],
    [0, -1],
  ],
  ht_view: [
    [0, INTO, 4],
    [3, INTO, 4],
    [1000, INTO, 4],
    [-1, INTO, 4],
    [0, PAGE, 1],
  ],
  ht_get_u32: [[0], [1], [4], [5], [-1]],
  ht_get_f64: [[0], [1], [2], [-1]],
  ht_set: [
    [INTO, 4, 0, 1],
    [INTO, 4, 0, 2],
    [INTO, 4, 0, 3],
    [INTO, 4, 0, 8],
    [INTO, 4, 0, 4],
    [INTO, 4, 1, 4],
    [INTO, 4, -1, 0],
    [PAGE, 1, 0, 0],
  ],
  ht_append: [
    [INTO, 4],
    [INTO, 0],
    [PAGE - 1, 2],
  ],
  ht_add: [[1], [-1]],
  ht_expire: [[0], [-1], [1_000_000]],
  ht_delete: [[]],
};
const OTHERS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  ht_get_many: [
    [INTO, 3, 0, INTO],
    [INTO, 3, 1, INTO],
    [INTO + 2, 1, 0, INTO],
    [INTO, 1, -1, INTO],
    [PAGE - 4, 2, 0, INTO],
    [INTO, 2, 0, PAGE - 4],
  ],
  ht_get_many_f64: [
    [INTO, 3, 0, INTO],
    [PAGE - 8, 2, 0, PAGE - 8],
  ],
  ht_scan: [
    [-1, INTO, 1000],
    [0, INTO, 3],
    [0, PAGE - 4, 8],
  ],
};
/** Keys as integers, and as the place and length of their bytes. */
const INTEGERS = [[1], [5], [99], [-1]];
const PLACES = [
  [KEY_AT, 3],
  [KEY_AT, 0],
  [KEY_AT, 70_000],
  [PAGE - 2, 3],
  [-1, -1],
];

/** A function for each call of an import: it returns what that gives. */
function importProbes(): { module: Buffer; names: string[] } {
  const imports = [...STORE_IMPORTS].map(([name, { type }]) => ({
    name,
    parameters: type.parameters as ('i32' | 'i64')[],
    result: type.results[0] as 'i32' | 'i64' | 'f64',
  }));
  const functions = imports.flatMap(({ name, parameters, result }, index) =>
    argumentsFor(name).map((values, i) => ({
      name: `${name}_${i}`,
      parameters: ['i32' as const],
      result,
      body: [...values.flatMap((value, at) => code[parameters[at]!](value)), ...code.call(index)],
    })),
  );
  const alloc = {
    name: 'alloc',
    parameters: ['i32'],
    result: 'i32',
    body: code.i32(1024),
  } as const;
  const module = moduleBytes({ imports, functions: [...functions, alloc], pages: 1 });
  return { module, names: functions.map(({ name }) => name) };
}

function argumentsFor(name: string): number[][] {
  const others = OTHERS[name];
  if (others !== undefined) return others.map((each) => [...each]);
  const keys = name.endsWith('_s') ? PLACES : INTEGERS;
  const behind = BEHIND_A_KEY[name.replace(/_s$/, '')] ?? [];
  return behind.flatMap((each) => keys.map((key) => [...key, ...each]));
}

test('every import gives the same result or error in the store and under the double', async (t) => {
  const { client, deploy } = await serverWithValues(t);
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'imports.wasm');
  const { module, names } = importProbes();
  await writeFile(file, module);
  t.is((await deploy(file)).stderr, '');
  const order = Object.keys(BEHIND_A_KEY);
  const rank = (name: string): number => order.indexOf(name.replace(/(?:_s)?_\d+$/, ''));
  const calls = names.sort((a, b) => rank(a) - rank(b)).map((name): Call => [name, ['tea']]);
  t.true(calls.length > 300);
  const store = storeWithValues();
  const library = await loadWasm(file);
  const outcomes = await Promise.all(
    calls.map(([name, keys]) => outcomeOf(client.callBuffer('FCALL', [name, 1, ...keys]))),
  );
  for (const [i, [name, keys]] of calls.entries()) {
    t.is(outcomes[i], await outcomeOf(store.call(library[name]!, keys)), name);
  }
});

test('what only calls cannot do is refused under the double as in the store', async (t) => {
  const { client, deploy } = await serverWithValues(t);
  const file = path.join(EXAMPLES, 'scores.as.ts');
  t.is((await deploy(file)).exitCode, 0);
  const library = await loadWasm(file);
  const readOnly = { message: /Can not execute a script with write flag using \*_ro command/ };
  await t.throwsAsync(client.call('FCALL_RO', ['vote', 1, 'v', 1]), readOnly);
  await t.throwsAsync(
    createStore().call(library['vote']!, ['v'], ['1'], { readOnly: true }),
    readOnly,
  );
});

interface Wrong {
  what: string;
  file: string;
  content: string;
  says: RegExp;
  /** Whether the checkout's packages are there. */
  installed?: boolean;
}

const WRONG: readonly Wrong[] = [
  {
    what: 'an error of AssemblyScript',
    file: 'wrong.as.ts',
    content: 'export function f(): i32 {\n  return "text";\n}\n',
    installed: true,
    says: /^ERROR TS2322: Type '.*String' is not assignable to type 'i32'\.[\s\S]* in wrong\.as\.ts:2:10\n[\s\S]*^shredder: wrong\.as\.ts: 1 AssemblyScript error; nothing was deployed$/m,
  },
  {
    what: 'an import from elsewhere',
    file: 'random.as.ts',
    content: 'export function f(): f64 {\n  return Math.random();\n}\n',
    installed: true,
    says: /^shredder: random\.as\.ts imports seed from env, and a library has shredder:store alone; nothing was deployed$/m,
  },
  {
    what: 'an error of C',
    file: 'wrong.c',
    content: '#include <shredder.h>\nSHREDDER_EXPORT int32_t f(void) { return nothing; }\n',
    says: /^wrong\.c:2:42: error: use of undeclared identifier 'nothing'[\s\S]*^shredder: wrong\.c: 1 C error; nothing was deployed$/m,
  },
  {
    what: 'a C function that is nowhere',
    file: 'wrong.c',
    content:
      '#include <shredder.h>\nint g(void);\nSHREDDER_EXPORT int32_t f(void) { return g(); }\n',
    says: /undefined symbol: g\n[\s\S]*^shredder: wrong\.c: 1 C error; nothing was deployed$/m,
  },
  {
    what: 'AssemblyScript without its compiler',
    file: 'alone.as.ts',
    content: 'export function f(): i32 { return 1; }\n',
    says: /^shredder: alone\.as\.ts is AssemblyScript, whose compiler is not installed where it lies; nothing was deployed\n {2}npm install --save-dev assemblyscript$/m,
  },
  {
    what: 'what is no module',
    file: 'text.wasm',
    content: 'no module',
    says: /^shredder: text\.wasm is no WebAssembly module: .*; nothing was deployed$/m,
  },
];

for (const { what, file, content, says, installed = false } of WRONG) {
  test(`${what} is shown, and nothing is deployed`, async (t) => {
    const folder = await temporaryFolder(t, { [file]: content });
    if (installed)
      await symlink(path.join(CHECKOUT, 'node_modules'), path.join(folder, 'node_modules'));
    // Some compilers colour their text where `CI` is set.
    const options = { cwd: folder, env: { CI: 'true' } };
    const { exitCode, stderr } = await shredder(['deploy', file], options);
    t.is(exitCode, 1);
    t.regex(stderr, says);
  });
}

test('the module of the examples is what its source compiles to', async (t) => {
  const [committed, { module }] = await Promise.all([
    readFile(path.join(EXAMPLES, 'vectors.wasm')),
    compileWasm(path.join(EXAMPLES, 'vectors.c')),
  ]);
  const versionOf = (bytes: Uint8Array<ArrayBuffer>): string => {
    const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), 'producers');
    return Buffer.from(section!).toString();
  };
  // Another version of the compiler makes other code of it.
  t.true(committed.equals(module) || versionOf(committed) !== versionOf(module));
});
