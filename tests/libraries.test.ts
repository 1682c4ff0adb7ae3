// Libraries: what loads and what does not, what their code may use, and how its failures read.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { RawClient } from './support/resp.ts';
import { serverFor, startServer, type Server } from './support/server.ts';
import { stopsWell } from './support/stop.ts';

const test = anyTest as TestFn<{ server: Server }>;

test.before(async (t) => {
  t.context.server = await startServer();
});

test.after.always(async (t) => {
  await stopsWell(t, t.context.server);
});

async function clientFor(
  t: ExecutionContext<{ server: Server }>,
  server: Server = t.context.server,
): Promise<RawClient> {
  const client = await RawClient.connect(server);
  t.teardown(() => client.close());
  await client.pipeline([['FUNCTION', 'FLUSH'], ['FLUSHALL']]);
  return client;
}

/** Source text, and what FUNCTION LOAD says of it. */
const refused: Readonly<Record<string, readonly [code: string, reply: string | RegExp]>> = {
  'nothing': ['', '-ERR Missing library metadata\r\n'],
  'no metadata': ['export const f = () => 1;', '-ERR Missing library metadata\r\n'],
  'metadata behind a line': [
    '\n#!js name=lib\nexport const f = () => 1;',
    '-ERR Missing library metadata\r\n',
  ],
  'no engine': ['#!\nexport const f = () => 1;', /^-ERR (Engine|Missing)/],
  'another engine': ['#!lua name=lib\nreturn 1', "-ERR Engine 'lua' not found\r\n"],
  'no name': ['#!js\nexport const f = () => 1;', '-ERR Library name was not given\r\n'],
  'an empty name': [
    '#!js name=\nexport const f = () => 1;',
    /^-ERR Library names can only contain letters/,
  ],
  'a name with a hyphen': [
    '#!js name=a-b\nexport const f = () => 1;',
    /^-ERR Library names can only contain letters/,
  ],
  'two names': [
    '#!js name=a name=b\nexport const f = () => 1;',
    /^-ERR Invalid metadata value, name argument was given multiple times/,
  ],
  'other metadata': [
    '#!js name=a version=1\nexport const f = () => 1;',
    '-ERR Invalid metadata value given: version=1\r\n',
  ],
  'metadata without a line end': ['#!js name=lib', '-ERR Invalid library metadata\r\n'],
  'nothing but metadata': ['#!js name=lib\n', '-ERR No functions registered\r\n'],
  'no function': [
    '#!js name=lib\nexport const a = 1; function f() {}',
    '-ERR No functions registered\r\n',
  ],
  'a default export alone': [
    '#!js name=lib\nexport default () => 1;',
    '-ERR No functions registered\r\n',
  ],
  'a name that is none of a function': [
    '#!js name=lib\nexport const $f = () => 1;',
    /^-ERR Function names can only contain letters/,
  ],
  'an error of syntax': [
    '#!js name=lib\nexport const f = () =>;\n',
    /^-ERR SyntaxError: .* at lib:2:\d+\r\n$/,
  ],
  'an exception at the top level': [
    '#!js name=lib\nexport const f = () => 1;\nthrow new TypeError("at load");',
    '-ERR TypeError: at load at lib:3:7\r\n',
  ],
  'a rejection at the top level': [
    '#!js name=lib\nexport const f = () => 1;\nawait Promise.reject(new Error("at load"));',
    /^-ERR Error: at load/,
  ],
  'an await without end': [
    '#!js name=lib\nexport const f = () => 1;\nawait new Promise(() => {});',
    /^-ERR library waits at its top level for a promise/,
  ],
  'another module': [
    '#!js name=lib\nimport fs from "fs";\nexport const f = () => 1;',
    /^-ERR Error: Cannot find module 'fs'.*shredder:store/,
  ],
  'a file': [
    '#!js name=lib\nimport "./other.js";\nexport const f = () => 1;',
    /^-ERR Error: Cannot find module '.\/other.js'/,
  ],
  'a builtin that is not there': [
    '#!js name=lib\nimport { HTNope } from "shredder:store";\nexport const f = () => 1;',
    /^-ERR SyntaxError: .*HTNope/,
  ],
  'a callback that no flag asked for': [
    '#!js name=lib\nimport { DBGet } from "shredder:store";\nexport const f = () => DBGet(1);',
    /^-ERR SyntaxError: .*DBGet/,
  ],
  'a write at the top level': [
    '#!js name=lib\nimport { HTSet } from "shredder:store";\nexport const f = () => 1;\nHTSet("a", new Uint8Array(1));',
    /^-READONLY /,
  ],
  'flags that are no array': [
    '#!js name=lib\nexport const f = Object.assign(() => 1, { flags: "no-writes" });',
    '-ERR flags of function f must be an array of strings\r\n',
  ],
  'an unknown flag': [
    '#!js name=lib\nexport const f = Object.assign(() => 1, { flags: ["fast"] });',
    '-ERR unknown flag given for function f\r\n',
  ],
  'a flag that is no string': [
    '#!js name=lib\nexport const f = Object.assign(() => 1, { flags: [{ toString() { throw 1; } }] });',
    '-ERR unknown flag given for function f\r\n',
  ],
  'a description that is no string': [
    '#!js name=lib\nexport const f = Object.assign(() => 1, { description: 7 });',
    '-ERR description of function f must be a string\r\n',
  ],
  'more than 4 MiB': [
    `#!js name=lib\nexport const f = () => 1;\n// ${'x'.repeat(4 * 1024 * 1024)}`,
    '-ERR library is larger than 4 MiB\r\n',
  ],
  'a function of another library': [
    '#!js name=lib\nexport const taken = () => 1;',
    '-ERR Function taken already exists\r\n',
  ],
  'a library that is there': [
    '#!js name=other\nexport const f = () => 1;',
    "-ERR Library 'other' already exists\r\n",
  ],
};

for (const [title, [code, expected]] of Object.entries(refused)) {
  test.serial(`${title}: is not loaded, and nothing changes`, async (t) => {
    const client = await clientFor(t);
    await client.call('FUNCTION', 'LOAD', '#!js name=other\nexport const taken = () => "kept";');
    const before = await client.text('FUNCTION', 'LIST', 'WITHCODE');
    const reply = await client.text('FUNCTION', 'LOAD', code);
    if (typeof expected === 'string') t.is(reply, expected);
    else t.regex(reply, expected);
    t.regex(reply, /^-[^\r\n]+\r\n$/);
    t.is(await client.text('FUNCTION', 'LIST', 'WITHCODE'), before);
    t.is(await client.text('FCALL', 'taken', '0'), '$4\r\nkept\r\n');
    t.is(await client.text('DBSIZE'), ':0\r\n');
  });
}

test.serial('a REPLACE that fails leaves the old version', async (t) => {
  const client = await clientFor(t);
  await client.call(
    'FUNCTION',
    'LOAD',
    '#!js name=lib\nexport const f = () => "old";\nexport const g = () => 1;',
  );
  await client.call('FUNCTION', 'LOAD', '#!js name=other\nexport const taken = () => 1;');
  for (const code of [
    '#!js name=lib\nexport const f = () =>;',
    '#!js name=lib\nexport const f = () => "new"; throw new Error("no");',
    '#!js name=lib\nexport const f = () => "new";\nexport const taken = () => 1;',
    '#!js name=lib\nconst f = 1;',
  ]) {
    t.regex(await client.text('FUNCTION', 'LOAD', 'REPLACE', code), /^-ERR /);
    t.is(await client.text('FCALL', 'f', '0'), '$3\r\nold\r\n');
    t.is(await client.text('FCALL', 'g', '0'), '$1\r\n1\r\n');
  }
});

test.serial('a REPLACE brings the new functions, and takes those that are gone', async (t) => {
  const client = await clientFor(t);
  await client.call(
    'FUNCTION',
    'LOAD',
    '#!js name=lib\nlet calls = 0; export const f = () => BigInt(++calls);\nexport const g = () => 1;',
  );
  t.is(await client.text('FCALL', 'f', '0'), ':1\r\n');
  t.is(await client.text('FCALL', 'f', '0'), ':2\r\n');
  t.is(
    await client.text(
      'FUNCTION',
      'LOAD',
      'replace',
      '#!js name=lib\nlet calls = 10; export const f = () => BigInt(++calls);\nexport const h = () => 1;',
    ),
    '$3\r\nlib\r\n',
  );
  t.is(await client.text('FCALL', 'f', '0'), ':11\r\n');
  t.is(await client.text('FCALL', 'g', '0'), '-ERR Function not found\r\n');
  t.is(await client.text('FCALL', 'h', '0'), '$1\r\n1\r\n');
  // What the library has given up, another may take.
  t.is(
    await client.text('FUNCTION', 'LOAD', '#!js name=other\nexport const g = () => 2;'),
    '$5\r\nother\r\n',
  );
});

test.serial('FUNCTION LIST gives each library in the form that clients read', async (t) => {
  const client = await clientFor(t);
  const code = [
    '#!js name=lib',
    'export function read() {}',
    'read.flags = ["no-writes", "allow-stale", "no-writes"];',
    'read.description = "reads";',
  ].join('\n');
  await client.call('FUNCTION', 'LOAD', code);
  await client.call('FUNCTION', 'LOAD', '#!js name=Another_1\nexport const write = () => 1;');
  const lib = (map: string, set: string, none: string, withCode: boolean): string =>
    `${map === '*' ? (withCode ? '*8' : '*6') : withCode ? '%4' : '%3'}\r\n$12\r\nlibrary_name\r\n$3\r\nlib\r\n$6\r\nengine\r\n$2\r\njs\r\n` +
    `$9\r\nfunctions\r\n*1\r\n${map === '*' ? '*6' : '%3'}\r\n$4\r\nname\r\n$4\r\nread\r\n$11\r\ndescription\r\n$5\r\nreads\r\n` +
    `$5\r\nflags\r\n${set}2\r\n+no-writes\r\n+allow-stale\r\n${withCode ? `$12\r\nlibrary_code\r\n$${code.length}\r\n${code}\r\n` : none}`;
  t.is(
    await client.text('FUNCTION', 'LIST', 'LIBRARYNAME', 'l*'),
    `*1\r\n${lib('*', '*', '', false)}`,
  );
  t.is(
    await client.text('FUNCTION', 'LIST', 'WITHCODE', 'LIBRARYNAME', 'LIB'),
    `*1\r\n${lib('*', '*', '', true)}`,
  );
  t.regex(
    await client.text('FUNCTION', 'LIST'),
    /^\*2\r\n.*Another_1.*\$11\r\ndescription\r\n\$-1\r\n\$5\r\nflags\r\n\*0\r\n.*\$3\r\nlib/s,
  );
  await client.call('HELLO', '3');
  t.is(
    await client.text('FUNCTION', 'LIST', 'LIBRARYNAME', 'l?b'),
    `*1\r\n${lib('%', '~', '', false)}`,
  );
  t.is(await client.text('FUNCTION', 'DELETE', 'lib'), '+OK\r\n');
  t.is(await client.text('FUNCTION', 'LIST', 'LIBRARYNAME', 'lib'), '*0\r\n');
});

test.serial(
  'a function with no-writes can be called read-only, and cannot write by any call',
  async (t) => {
    const client = await clientFor(t);
    await client.call(
      'FUNCTION',
      'LOAD',
      [
        '#!js name=lib',
        'import { HTDelete, HTLength, HTSet } from "shredder:store";',
        'export const read = Object.assign(() => BigInt(HTLength("key")), { flags: ["no-writes"] });',
        'export const set = Object.assign(() => HTSet("key", new Uint8Array(1)), { flags: ["no-writes"] });',
        'export const remove = Object.assign(() => HTDelete("key"), { flags: ["no-writes"] });',
        'export const caught = Object.assign(() => { try { HTSet("key", new Uint8Array(1)); } catch (error) { return error.name; } }, { flags: ["no-writes"] });',
        'export const write = () => HTSet("key", new Uint8Array(1));',
      ].join('\n'),
    );
    await client.call('SET', 'key', 'old');
    t.is(await client.text('FCALL_RO', 'read', '0'), ':3\r\n');
    for (const command of ['FCALL', 'FCALL_RO']) {
      t.regex(await client.text(command, 'set', '0'), /^-READONLY /);
      t.regex(await client.text(command, 'remove', '0'), /^-READONLY /);
      t.is(await client.text(command, 'caught', '0'), '$9\r\nTypeError\r\n');
    }
    t.is(
      await client.text('FCALL_RO', 'write', '0'),
      '-ERR Can not execute a script with write flag using *_ro command.\r\n',
    );
    t.is(await client.text('GET', 'key'), '$3\r\nold\r\n');
    t.is(await client.text('FCALL', 'write', '0'), ':1\r\n');
    t.is(await client.text('STRLEN', 'key'), ':1\r\n');
  },
);

/** What a function's code evaluates to. */
const environment: Readonly<Record<string, string | RegExp>> = {
  'typeof eval': 'undefined',
  'typeof setTimeout': 'undefined',
  'typeof setInterval': 'undefined',
  'typeof WebAssembly.Instance': 'function',
  'typeof WebAssembly.compile': 'undefined',
  'typeof SharedArrayBuffer': 'undefined',
  'typeof Atomics': 'undefined',
  'typeof WeakRef': 'undefined',
  'typeof FinalizationRegistry': 'undefined',
  'typeof process': 'undefined',
  'typeof require': 'undefined',
  'typeof fetch': 'undefined',
  'typeof gc': 'undefined',
  'typeof DBGet': 'undefined',
  'typeof HTGet': 'undefined',
  'typeof queueMicrotask': 'function',
  'typeof console.log': 'function',
  'typeof performance.now()': 'number',
  'self === globalThis && global === globalThis': 'true',
  'typeof Math.sqrt': 'function',
  'typeof JSON.parse': 'function',
  'typeof Uint32Array': 'function',
  'typeof Promise': 'function',
  'new Function("return 1")()': /^EvalError/,
  '[].constructor.constructor("return 1")()': /^EvalError/,
  'Object.getPrototypeOf(async () => 1).constructor("return 1")': /^EvalError/,
  'Object.getPrototypeOf(function* () {}).constructor("return 1")': /^EvalError/,
  'Reflect.construct(Function, ["return 1"])': /^EvalError/,
  'new ArrayBuffer(8, { maxByteLength: 16 }).resizable': 'undefined',
  'Object.getOwnPropertyNames(globalThis).filter((name) => /shredder|HT|binding|extras/i.test(name)).length':
    '0',
};

test.serial("a function's code has ECMAScript and the store, and no way to more", async (t) => {
  const client = await clientFor(t);
  const expressions = Object.keys(environment);
  const code = [
    '#!js name=environment',
    'const attempts = [',
    ...expressions.map((expression) => `  () => ${expression},`),
    '];',
    'export const attempt = (keys, [index]) => { try { return String(attempts[index]()); } catch (error) { return `${error.name}: ${error.message}`; } };',
    'export const dynamic = () => import("shredder:store").then(() => "imported", (error) => `${error.name}`);',
    'export const other = () => import("fs").then(() => "imported", (error) => `${error.name}`);',
  ].join('\n');
  t.is(await client.text('FUNCTION', 'LOAD', code), '$11\r\nenvironment\r\n');
  for (const [i, expression] of expressions.entries()) {
    const value =
      /^\$\d+\r\n(.*)\r\n$/s.exec(await client.text('FCALL', 'attempt', '0', String(i)))?.[1] ?? '';
    const expected = environment[expression] ?? '';
    if (typeof expected === 'string') t.is(value, expected, expression);
    else t.regex(value, expected, expression);
  }
  for (const name of ['dynamic', 'other'])
    t.notRegex(await client.text('FCALL', name, '0'), /imported/);
});

test.serial(
  'libraries of a tenant share no module variables, and nobody can change the builtins',
  async (t) => {
    const client = await clientFor(t);
    await client.call('SET', 'key', 'value');
    await client.call(
      'FUNCTION',
      'LOAD',
      '#!js name=a\nlet secret = 1; export const setA = () => { secret = 2; return typeof other; };',
    );
    await client.call(
      'FUNCTION',
      'LOAD',
      [
        '#!js name=b',
        'import * as store from "shredder:store";',
        'let other = 1;',
        'export const tamper = () => { try { store.HTLength = () => 7; return "changed"; } catch (error) { return error.name; } };',
        'export const look = () => BigInt(store.HTLength("key"));',
        'export const names = () => Object.keys(store).sort().join();',
      ].join('\n'),
    );
    t.is(await client.text('FCALL', 'setA', '0'), '$9\r\nundefined\r\n');
    t.is(await client.text('FCALL', 'tamper', '0'), '$9\r\nTypeError\r\n');
    t.is(await client.text('FCALL', 'look', '0'), ':5\r\n');
    const names =
      'HTAdd,HTAppend,HTDelete,HTExpire,HTGet,HTGetFloat64,HTGetMany,HTGetString,HTGetUint32,HTHas,HTImports,HTLength,HTScan,HTSet,HTTtl,HTView,HTViewMany';
    t.is(await client.text('FCALL', 'names', '0'), `$${names.length}\r\n${names}\r\n`);
  },
);

test.serial(
  'with --enable-callbacks the C++ callbacks are there, and answer as the builtins do',
  async (t) => {
    const server = await serverFor(t, { flags: ['--enable-callbacks'] });
    const client = await clientFor(t, server);
    await client.call('SET', 'key', 'abcdefgh');
    await client.call('SET', 'short', 'abc');
    const code = [
      '#!js name=callbacks',
      'import { DBAdd, DBDelete, DBGet, DBGetNumber, DBSet, HTGetUint32 } from "shredder:store";',
      'export const get = (keys) => DBGet(keys[0]);',
      'export const same = (keys) => DBGetNumber(keys[0]) === HTGetUint32(keys[0], 0);',
      'export const forged = () => [-1, 0.5, {}, Symbol(), null, undefined, "\\ud800"].map((key) => { try { DBGet(key); return "none"; } catch (error) { return error.name; } }).join();',
      'export const copy = () => { new Uint8Array(DBGet("key")).fill(0); };',
      'export const write = () => [DBSet("new", new Uint8Array([52, 49])), DBAdd("new", 1), DBDelete("short"), DBDelete("short")].join();',
      'export const refused = () => { DBSet("key", new Uint8Array(1)); };',
      'refused.flags = ["no-writes"];',
    ].join('\n');
    t.is(await client.text('FUNCTION', 'LOAD', code), '$9\r\ncallbacks\r\n');
    t.is(await client.text('FCALL', 'get', '1', 'key'), '$8\r\nabcdefgh\r\n');
    t.is(await client.text('FCALL', 'get', '1', 'absent'), '$-1\r\n');
    for (const key of ['key', 'short', 'absent'])
      t.is(await client.text('FCALL', 'same', '1', key), ':1\r\n', key);
    const errors = 'RangeError,RangeError,TypeError,TypeError,TypeError,TypeError,TypeError';
    t.is(await client.text('FCALL', 'forged', '0'), `$${errors.length}\r\n${errors}\r\n`);
    t.is(await client.text('FCALL', 'copy', '0'), '$-1\r\n');
    t.regex(await client.text('FCALL', 'refused', '0'), /^-READONLY /);
    t.is(await client.text('GET', 'key'), '$8\r\nabcdefgh\r\n');
    t.is(await client.text('FCALL', 'write', '0'), '$18\r\ntrue,42,true,false\r\n');
    t.is(await client.text('GET', 'new'), '$2\r\n42\r\n');
  },
);

/** What a function throws, and the line that its caller gets. */
const thrown: Readonly<Record<string, RegExp>> = {
  'new Error("plain")': /^-ERR Error: plain at lib:\d+:\d+\r\n$/,
  'new TypeError("typed")': /^-ERR TypeError: typed at lib:\d+:\d+\r\n$/,
  'new Error("two\\r\\nlines")': /^-ERR Error: two +lines at lib:\d+:\d+\r\n$/,
  'new Error("")': /^-ERR Error at lib:\d+:\d+\r\n$/,
  'new Error("x".repeat(100000))': /^-ERR Error: x{900,1100}\.\.\. at lib:\d+:\d+\r\n$/,
  'new Error("\\0\\u00fc")': /^-ERR Error: .+ at lib:\d+:\d+\r\n$/,
  'Object.assign(new Error("shown"), { stack: "hidden" })':
    /^-ERR Error: shown at lib:\d+:\d+\r\n$/,
  'new (class Custom extends Error { name = "Custom"; })("named")':
    /^-ERR (Custom|Error): named at lib:\d+:\d+\r\n$/,
  '"text"': /^-ERR text at lib:\d+:\d+\r\n$/,
  '42': /^-ERR 42 at lib:\d+:\d+\r\n$/,
  'null': /^-ERR null at lib:\d+:\d+\r\n$/,
  'undefined': /^-ERR undefined at lib:\d+:\d+\r\n$/,
  'Symbol("s")': /^-ERR Symbol\(s\) at lib:\d+:\d+\r\n$/,
  '({ message: "object" })': /^-ERR #<Object> at lib:\d+:\d+\r\n$/,
  '({ toString() { throw 1; } })': /^-ERR [^\r\n]+ at lib:\d+:\d+\r\n$/,
  'Object.create(null)': /^-ERR [^\r\n]+ at lib:\d+:\d+\r\n$/,
  'new Proxy({}, {})': /^-ERR [^\r\n]+ at lib:\d+:\d+\r\n$/,
};

test.serial('whatever a function throws is one line of error with its place', async (t) => {
  const client = await clientFor(t);
  const code = Object.keys(thrown).map(
    (expression, i) => `export function throw${i}() {\n  throw ${expression};\n}`,
  );
  t.is(await client.text('FUNCTION', 'LOAD', `#!js name=lib\n${code.join('\n')}`), '$3\r\nlib\r\n');
  for (const [i, [expression, expected]] of Object.entries(thrown).entries()) {
    const reply = (await client.call('FCALL', `throw${i}`, '0')).toString();
    t.regex(reply, expected, expression);
    t.regex(reply, new RegExp(`at lib:${i * 3 + 3}:\\d+\r\n$`), expression);
  }
});

test.serial(
  'a call without end ends with the stack, and the store is none the worse',
  async (t) => {
    const client = await clientFor(t);
    await client.call(
      'FUNCTION',
      'LOAD',
      [
        '#!js name=deep',
        'import { HTGet, HTSet } from "shredder:store";',
        'const buffer = new Uint8Array(8);',
        'export function deep() { HTSet("key", buffer); HTGet("key", buffer); return deep() + 1; }',
        'export function deepJson() { let deep = []; for (let i = 0; i < 1e6; i++) deep = [deep]; return JSON.stringify(deep); }',
      ].join('\n'),
    );
    t.regex(
      await client.text('FCALL', 'deep', '0'),
      /^-ERR RangeError: Maximum call stack size exceeded/,
    );
    t.regex(
      await client.text('FCALL', 'deepJson', '0'),
      /^-ERR RangeError: Maximum call stack size exceeded/,
    );
    t.is(await client.text('DBSIZE'), ':0\r\n');
  },
);

test.serial(
  'a heap that grows without end is the end of the invocation, not of the server',
  async (t) => {
    const client = await clientFor(t);
    await client.call('SET', 'key', 'old');
    await client.call(
      'FUNCTION',
      'LOAD',
      [
        '#!js name=greedy',
        'import { HTSet } from "shredder:store";',
        'let calls = 0;',
        'export function grow() { HTSet("key", new Uint8Array(9)); const all = []; for (;;) all.push({ a: all.length, b: [all.length] }); }',
        'export function growAndCatch() { const all = []; for (;;) { try { for (;;) all.push({ a: all.length, b: [all.length] }); } catch {} } }',
        'export function buffers() { const all = []; for (;;) all.push(new Uint8Array(1024 * 1024).fill(1)); }',
        'export function buffer() { return new ArrayBuffer(2 ** 40); }',
        'export function count() { return BigInt(++calls); }',
      ].join('\n'),
    );
    for (const name of ['grow', 'growAndCatch']) {
      t.regex(
        await client.text('FCALL', name, '0'),
        /^-ERR function used up its tenant's JavaScript heap of 64 MB, its writes are undone\r\n$/,
      );
      t.is(await client.text('GET', 'key'), '$3\r\nold\r\n');
      // The library is there again, in a new heap.
      t.is(await client.text('FCALL', 'count', '0'), ':1\r\n');
      t.is(await client.text('FCALL', 'count', '0'), ':2\r\n');
    }
    t.regex(
      await client.text('FCALL', 'buffers', '0'),
      /^-ERR (RangeError: Array buffer allocation failed|function used up)/,
    );
    t.regex(
      await client.text('FCALL', 'buffer', '0'),
      /^-ERR RangeError: Array buffer allocation failed/,
    );
    t.regex(await client.text('FCALL', 'count', '0'), /^:\d+\r\n$/);
  },
);

const VERSIONS = 40;
const CALLERS = 8;

test.serial(
  'a library replaced under load answers from the old or the new version, never from both',
  async (t) => {
    const client = await clientFor(t);
    const version = (number: number): string =>
      [
        '#!js name=version',
        `const VERSION = ${number}n;`,
        'const helper = () => VERSION;',
        `export async function version() { const first = ${number}n; await null; return [first, helper(), VERSION]; }`,
        'version.flags = ["no-writes"];',
      ].join('\n');
    t.is(await client.text('FUNCTION', 'LOAD', version(0)), '$7\r\nversion\r\n');
    let done = false;
    const seen = new Set<number>();
    const callers = await Promise.all(
      Array.from({ length: CALLERS }, () => RawClient.connect(t.context.server)),
    );
    const call = async (caller: RawClient): Promise<void> => {
      let last = 0;
      while (!done) {
        for (const reply of await caller.pipeline(
          Array.from({ length: 16 }, () => ['FCALL_RO', 'version', '0']),
        )) {
          const numbers = /^\*3\r\n:(\d+)\r\n:(\d+)\r\n:(\d+)\r\n$/
            .exec(reply.toString())
            ?.slice(1)
            .map(Number);
          t.deepEqual(
            numbers?.map((number) => number === numbers[0]),
            [true, true, true],
            reply.toString(),
          );
          const current = numbers?.[0] ?? -1;
          t.true(current >= last, `version ${current} after ${last}`);
          last = current;
          seen.add(current);
        }
      }
    };
    const calls = callers.map(call);
    // However few calls a slow machine lets in between, some of them meet different versions.
    for (let number = 1; number <= VERSIONS || seen.size < 2; number++) {
      t.is(await client.text('FUNCTION', 'LOAD', 'REPLACE', version(number)), '$7\r\nversion\r\n');
      // Between two versions somebody calls.
      t.is(await client.text('FCALL_RO', 'version', '0'), `*3\r\n${`:${number}\r\n`.repeat(3)}`);
    }
    done = true;
    await Promise.all(calls);
    await Promise.all(callers.map((caller) => caller.close()));
  },
);

test.serial('libraries that come and go leave no trace', async (t) => {
  const client = await clientFor(t);
  for (let i = 0; i < 100; i++) {
    t.is(
      await client.text('FUNCTION', 'LOAD', `#!js name=lib${i}\nexport const f${i} = () => ${i}n;`),
      `$${`lib${i}`.length}\r\nlib${i}\r\n`,
    );
    t.is(await client.text('FCALL', `f${i}`, '0'), `:${i}\r\n`);
    if (i % 3 === 0) t.is(await client.text('FUNCTION', 'FLUSH'), '+OK\r\n');
    else if (i % 3 === 1) t.is(await client.text('FUNCTION', 'DELETE', `lib${i}`), '+OK\r\n');
  }
  t.is(await client.text('FUNCTION', 'FLUSH'), '+OK\r\n');
  t.is(await client.text('FUNCTION', 'LIST'), '*0\r\n');
  t.regex(await client.text('INFO', 'memory'), /used_memory_vm_functions:0\r\n/);
});
