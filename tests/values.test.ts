// What goes into a function and what comes out of it: replies in both protocols, and arguments of the
// builtins that are none.
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { RawClient } from './support/resp.ts';
import { startServer, type Server } from './support/server.ts';
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
  protocol: 2 | 3,
): Promise<RawClient> {
  const client = await RawClient.connect(t.context.server);
  t.teardown(() => client.close());
  await client.call('HELLO', protocol);
  return client;
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** JavaScript, and its reply in RESP2 and in RESP3. */
const values: readonly (readonly [expression: string, resp2: string, resp3: string])[] = [
  ['undefined', '$-1\r\n', '_\r\n'],
  ['null', '$-1\r\n', '_\r\n'],
  ['true', ':1\r\n', '#t\r\n'],
  ['false', ':0\r\n', '#f\r\n'],
  ['0', bulk('0'), ',0\r\n'],
  ['1.5', bulk('1.5'), ',1.5\r\n'],
  ['-17', bulk('-17'), ',-17\r\n'],
  ['0.1', bulk('0.1'), ',0.1\r\n'],
  ['25604597', bulk('25604597'), ',25604597\r\n'],
  ['9007199254740991', bulk('9007199254740991'), ',9007199254740991\r\n'],
  ['123456789012345680000', bulk('123456789012345680000'), ',123456789012345680000\r\n'],
  ['1e21', bulk('1e+21'), ',1e+21\r\n'],
  ['5e-324', bulk('5e-324'), ',5e-324\r\n'],
  ['1e-7', bulk('1e-7'), ',1e-7\r\n'],
  ['NaN', bulk('nan'), ',nan\r\n'],
  ['Infinity', bulk('inf'), ',inf\r\n'],
  ['-Infinity', bulk('-inf'), ',-inf\r\n'],
  ['10n', ':10\r\n', ':10\r\n'],
  ['-(2n ** 63n)', ':-9223372036854775808\r\n', ':-9223372036854775808\r\n'],
  ['2n ** 63n', bulk('9223372036854775808'), bulk('9223372036854775808')],
  ['""', bulk(''), bulk('')],
  ['"two\\r\\nlines"', bulk('two\r\nlines'), bulk('two\r\nlines')],
  ['"\u00fc\u{1f600}"', bulk('\u00fc\u{1f600}'), bulk('\u00fc\u{1f600}')],
  ['"a\\ud800b"', bulk('a\ufffdb'), bulk('a\ufffdb')],
  ['new ArrayBuffer(2)', bulk('\0\0'), bulk('\0\0')],
  ['Uint8Array.of(104, 105)', bulk('hi'), bulk('hi')],
  ['Uint8Array.of(1, 104, 105, 2).subarray(1, 3)', bulk('hi'), bulk('hi')],
  ['new DataView(Uint8Array.of(104, 105).buffer, 1)', bulk('i'), bulk('i')],
  ['Uint16Array.of(0x4241)', bulk('AB'), bulk('AB')],
  ['[]', '*0\r\n', '*0\r\n'],
  [
    '[1n, "a", null, [true]]',
    `*4\r\n:1\r\n${bulk('a')}$-1\r\n*1\r\n:1\r\n`,
    `*4\r\n:1\r\n${bulk('a')}_\r\n*1\r\n#t\r\n`,
  ],
  ['[, 1n]', '*2\r\n$-1\r\n:1\r\n', '*2\r\n_\r\n:1\r\n'],
  ['new Set([1n, 1n, "a"])', `*2\r\n:1\r\n${bulk('a')}`, `~2\r\n:1\r\n${bulk('a')}`],
  [
    'new Map([["a", 1n], [2n, null]])',
    `*4\r\n${bulk('a')}:1\r\n:2\r\n$-1\r\n`,
    `%2\r\n${bulk('a')}:1\r\n:2\r\n_\r\n`,
  ],
  [
    '({ a: 1n, b: { c: [] } })',
    `*4\r\n${bulk('a')}:1\r\n${bulk('b')}*2\r\n${bulk('c')}*0\r\n`,
    `%2\r\n${bulk('a')}:1\r\n${bulk('b')}%1\r\n${bulk('c')}*0\r\n`,
  ],
  ['({})', '*0\r\n', '%0\r\n'],
  ['({ get a() { return 1n; } })', `*2\r\n${bulk('a')}:1\r\n`, `%1\r\n${bulk('a')}:1\r\n`],
  ['new Error("two\\nlines")', '-ERR two lines\r\n', '-ERR two lines\r\n'],
  ['[new RangeError("inside")]', '*1\r\n-ERR inside\r\n', '*1\r\n-ERR inside\r\n'],
  ['Promise.resolve(1n)', ':1\r\n', ':1\r\n'],
  ['keys', `*2\r\n${bulk('k1')}${bulk('')}`, `*2\r\n${bulk('k1')}${bulk('')}`],
  [
    'args',
    `*2\r\n${bulk('\u00fc')}${bulk('two words')}`,
    `*2\r\n${bulk('\u00fc')}${bulk('two words')}`,
  ],
  [
    'keys.concat(args).map((each) => typeof each).join()',
    bulk('string,string,string,string'),
    bulk('string,string,string,string'),
  ],
  ['arguments.length', bulk('2'), ',2\r\n'],
  ['this === undefined', ':1\r\n', '#t\r\n'],
];

test.serial('each JavaScript value has its reply in RESP2 and in RESP3', async (t) => {
  const clients = { 2: await clientFor(t, 2), 3: await clientFor(t, 3) };
  const code = values.map(
    ([expression], i) => `export function value${i}(keys, args) { return ${expression}; }`,
  );
  t.is(
    await clients[2].text('FUNCTION', 'LOAD', 'REPLACE', `#!js name=values\n${code.join('\n')}`),
    bulk('values'),
  );
  for (const [i, [expression, resp2, resp3]] of values.entries()) {
    const call = ['FCALL', `value${i}`, '2', 'k1', '', '\u00fc', 'two words'];
    t.is((await clients[2].call(...call)).toString(), resp2, `RESP2: ${expression}`);
    t.is((await clients[3].call(...call)).toString(), resp3, `RESP3: ${expression}`);
  }
});

/** JavaScript whose value has no reply. */
const noValues: Readonly<Record<string, RegExp>> = {
  '() => 1': /a function or a symbol cannot be a reply/,
  'Symbol("s")': /a function or a symbol cannot be a reply/,
  '[[Symbol.iterator]]': /a function or a symbol cannot be a reply/,
  '({ f() {} })': /a function or a symbol cannot be a reply/,
  '(() => { const cycle = []; cycle.push(cycle); return cycle; })()': /nested more than 32 deep/,
  '(() => { let deep = []; for (let i = 0; i < 50; i++) deep = [deep]; return deep; })()':
    /nested more than 32 deep/,
  'new Array(2 ** 32 - 1)': /larger than 64 MiB/,
  '(() => { const long = "x".repeat(2 ** 24); return [long, long, long, long, long]; })()':
    /larger than 64 MiB/,
  'new Proxy({ a: 1 }, { get() { throw new Error("from a trap"); } })': /from a trap/,
  '({ get a() { throw new Error("from a getter"); } })': /from a getter/,
  'Promise.reject(new Error("rejected"))': /Error: rejected/,
  'new Promise(() => {})': /a promise that nothing settles/,
};

test.serial(
  'a value that has no reply is one line of error, whole, and nothing follows it',
  async (t) => {
    const code = Object.keys(noValues).map(
      (expression, i) => `export function none${i}() { return ${expression}; }`,
    );
    for (const protocol of [2, 3] as const) {
      const client = await clientFor(t, protocol);
      await client.call('FUNCTION', 'LOAD', 'REPLACE', `#!js name=none\n${code.join('\n')}`);
      for (const [i, [expression, expected]] of Object.entries(noValues).entries()) {
        const reply = await client.text('FCALL', `none${i}`, '0');
        t.regex(reply, /^-ERR [^\r\n]+\r\n$/, expression);
        t.regex(reply, expected, expression);
        t.is(await client.text('PING'), '+PONG\r\n', expression);
      }
    }
  },
);

/** A call of a builtin, and what it gives: its result as text, or the name of the error. */
type Forgery = readonly [call: string, expected: string];

/** In place of a key. */
const keyForgeries: readonly Forgery[] = [
  ['-0', 'present'],
  ['"0"', 'present'],
  ['0', 'present'],
  ['2 ** 53 - 1', 'absent'],
  ['""', 'absent'],
  ['"\\0"', 'absent'],
  ['"x".repeat(65536)', 'absent'],
  ['"\u00fc".repeat(32768)', 'absent'],
  ['"\\ud83d\\ude00"', 'absent'],
  ['"prefix:" + Math.random()', 'absent'],
  ['"a long string to be sliced into a key".substring(2, 30)', 'absent'],
  ['NaN', 'RangeError'],
  ['Infinity', 'RangeError'],
  ['-Infinity', 'RangeError'],
  ['-1', 'RangeError'],
  ['0.5', 'RangeError'],
  ['2 ** 53', 'RangeError'],
  ['1e300', 'RangeError'],
  ['5e-324', 'RangeError'],
  ['"x".repeat(65537)', 'RangeError'],
  ['"\u00fc".repeat(32769)', 'RangeError'],
  ['"x".repeat(2 ** 24)', 'RangeError'],
  ['"\\ud800"', 'TypeError'],
  ['"a\\udc00b"', 'TypeError'],
  ['"\\ude00\\ud83d"', 'TypeError'],
  ['0n', 'TypeError'],
  ['Symbol("0")', 'TypeError'],
  ['undefined', 'TypeError'],
  ['null', 'TypeError'],
  ['true', 'TypeError'],
  ['[]', 'TypeError'],
  ['[0]', 'TypeError'],
  ['{}', 'TypeError'],
  ['() => 0', 'TypeError'],
  ['/0/', 'TypeError'],
  ['new Date(0)', 'TypeError'],
  ['new Number(0)', 'TypeError'],
  ['new String("0")', 'TypeError'],
  ['new Uint8Array(8)', 'absent'],
  ['new Uint8Array([0x30])', 'present'],
  ['new Uint8Array(65537)', 'RangeError'],
  ['new Int8Array(8)', 'TypeError'],
  ['new ArrayBuffer(8)', 'TypeError'],
  ['new Proxy({}, trap)', 'TypeError'],
  ['new Proxy(() => 0, trap)', 'TypeError'],
  ['{ valueOf() { ran = true; return 0; } }', 'TypeError'],
  ['{ toString() { ran = true; return "0"; } }', 'TypeError'],
  ['{ [Symbol.toPrimitive]() { ran = true; return 0; } }', 'TypeError'],
];

/** In place of a buffer. */
const bufferForgeries: readonly Forgery[] = [
  ['new ArrayBuffer(0)', 'usable'],
  ['new Uint8Array(0)', 'usable'],
  ['new ArrayBuffer(1000)', 'usable'],
  ['new DataView(new ArrayBuffer(100), 3, 5)', 'usable'],
  ['new Float64Array(3)', 'usable'],
  ['new BigInt64Array(2)', 'usable'],
  ['new (class extends Uint8Array {})(9)', 'usable'],
  ['Object.defineProperty(new Uint8Array(4), "byteLength", { value: 2 ** 30 })', 'usable'],
  ['Object.defineProperty(new Uint8Array(4), "buffer", { get() { ran = true; } })', 'usable'],
  ['Object.setPrototypeOf(new Uint8Array(4), null)', 'usable'],
  ['new ArrayBuffer(8, { get maxByteLength() { return 16; } })', 'usable'],
  ['undefined', 'TypeError'],
  ['null', 'TypeError'],
  ['0', 'TypeError'],
  ['8', 'TypeError'],
  ['"bytes"', 'TypeError'],
  ['[1, 2, 3]', 'TypeError'],
  ['{}', 'TypeError'],
  ['{ byteLength: 8, byteOffset: 0, buffer: new ArrayBuffer(8) }', 'TypeError'],
  ['Object.create(ArrayBuffer.prototype)', 'TypeError'],
  ['Object.create(Uint8Array.prototype)', 'TypeError'],
  ['Object.create(new Uint8Array(8))', 'TypeError'],
  ['Uint8Array', 'TypeError'],
  ['Uint8Array.prototype', 'TypeError'],
  ['Symbol()', 'TypeError'],
  ['new Proxy(new Uint8Array(8), trap)', 'TypeError'],
  ['new Proxy(new ArrayBuffer(8), trap)', 'TypeError'],
  ['{ valueOf() { ran = true; return new ArrayBuffer(8); } }', 'TypeError'],
];

/** In place of an index; the value has 16 bytes. */
const indexForgeries: readonly Forgery[] = [
  ['0', 'number'],
  ['-0', 'number'],
  ['1', 'number'],
  ['4', 'undefined'],
  ['2 ** 29', 'undefined'],
  ['2 ** 30', 'undefined'],
  ['2 ** 31', 'undefined'],
  ['2 ** 32', 'undefined'],
  ['2 ** 32 + 1', 'undefined'],
  ['2 ** 50', 'undefined'],
  ['2 ** 52', 'undefined'],
  ['2 ** 53 - 1', 'undefined'],
  ['NaN', 'RangeError'],
  ['Infinity', 'RangeError'],
  ['-1', 'RangeError'],
  ['0.5', 'RangeError'],
  ['2 ** 53', 'RangeError'],
  ['2 ** 64', 'RangeError'],
  ['undefined', 'TypeError'],
  ['null', 'TypeError'],
  ['true', 'TypeError'],
  ['"0"', 'TypeError'],
  ['0n', 'TypeError'],
  ['Symbol()', 'TypeError'],
  ['{}', 'TypeError'],
  ['[0]', 'TypeError'],
  ['{ valueOf() { ran = true; return 0; } }', 'TypeError'],
  ['new Proxy({}, trap)', 'TypeError'],
];

/** The value at key 0. */
const PRESENT = 'present-present-';

/** Each builtin with the forgeries in each place, and what a call that throws nothing returns. */
const cases: readonly Forgery[] = [
  ...keyForgeries.flatMap(([key, kind]): Forgery[] => {
    const of = (present: string, absent: string): string =>
      kind === 'present' ? present : kind === 'absent' ? absent : kind;
    return [
      [`HTHas(${key})`, of('true', 'false')],
      [`HTLength(${key})`, of('16', '-1')],
      [`HTGet(${key}, new Uint8Array(64))`, of('16', '-1')],
      [`HTGetUint32(${key}, 0)`, of('1936028272', 'undefined')],
      [`HTGetFloat64(${key}, 0)`, of(String(Buffer.from(PRESENT).readDoubleLE()), 'undefined')],
      ...(kind === 'present' || kind === 'absent'
        ? []
        : ([
            [`HTSet(${key}, new Uint8Array(1))`, kind],
            [`HTDelete(${key})`, kind],
          ] as const)),
    ];
  }),
  ...bufferForgeries.flatMap(([buffer, kind]): Forgery[] => [
    [`HTGet(0, ${buffer})`, kind === 'usable' ? '16' : kind],
    [`HTGet("no such key", ${buffer})`, kind === 'usable' ? '-1' : kind],
    // Which takes texts, too.
    [`HTSet("scratch", ${buffer})`, kind === 'usable' || buffer === '"bytes"' ? 'true' : kind],
  ]),
  ...indexForgeries.flatMap(([index, kind]): Forgery[] => [
    [`typeof HTGetUint32(0, ${index})`, kind],
    [`typeof HTGetFloat64(0, ${index})`, kind],
  ]),
  ['HTGet()', 'TypeError'],
  ['HTGet(0)', 'TypeError'],
  ['HTLength()', 'TypeError'],
  ['HTHas()', 'TypeError'],
  ['HTGetUint32()', 'TypeError'],
  ['HTGetUint32(0)', 'TypeError'],
  ['HTSet()', 'TypeError'],
  ['HTSet("scratch")', 'TypeError'],
  ['HTDelete()', 'TypeError'],
  ['HTHas.call({}, 0)', 'true'],
  ['HTHas.call(null, 0)', 'true'],
  ['Reflect.apply(HTHas, new Proxy({}, trap), [0])', 'true'],
  ['HTHas(...[0, 1, 2, 3])', 'true'],
  ['new HTHas(0)', 'TypeError'],
  ['new HTGet(0, new Uint8Array(1))', 'TypeError'],
  ['new HTSet("scratch", new Uint8Array(1))', 'TypeError'],
  ['[0].map(HTHas)', 'true'],
];

const FORGERY_LIBRARY = [
  '#!js name=forgery',
  'import { HTDelete, HTGet, HTGetFloat64, HTGetUint32, HTHas, HTLength, HTSet } from "shredder:store";',
  // What errors carry besides their message is not the point, and slow.
  'Error.stackTraceLimit = 0;',
  'let ran = false;',
  'const trap = new Proxy({}, { get() { ran = true; throw new Error("a trap ran"); } });',
  'const calls = [',
  ...cases.map(([call]) => `  () => ${call},`),
  '];',
  'export function forge(keys, [index, times]) {',
  '  ran = false;',
  '  let outcome;',
  '  for (let i = 0; i < times; i++) {',
  '    try { outcome = String(calls[index]()); } catch (error) { outcome = error.constructor === Object ? "?" : error.name; }',
  '  }',
  '  return ran ? "ran the tenant\'s code" : outcome;',
  '}',
].join('\n');

for (const [title, times] of [
  ['interpreted', 1],
  ['optimised', 4_000],
] as const) {
  test.serial(
    `forged arguments of the builtins, ${title}: a result or an error, as documented`,
    async (t) => {
      const client = await clientFor(t, 2);
      await client.call('FLUSHALL');
      await client.call('SET', '0', PRESENT);
      t.is(await client.text('FUNCTION', 'LOAD', 'REPLACE', FORGERY_LIBRARY), bulk('forgery'));
      for (const [i, [call, expected]] of cases.entries()) {
        // A call that makes a string of megabytes is not repeated.
        const repeated = /repeat\(/.test(call) ? Math.min(times, 50) : times;
        t.is(
          await client.text('FCALL', 'forge', '0', String(i), String(repeated)),
          bulk(expected),
          call,
        );
      }
      t.is(await client.text('GET', '0'), bulk(PRESENT));
    },
  );
}

test.serial('HTGet writes the buffer it is given and nothing beside it', async (t) => {
  const client = await clientFor(t, 2);
  await client.call('SET', '0', PRESENT);
  await client.call(
    'FUNCTION',
    'LOAD',
    'REPLACE',
    [
      '#!js name=bounds',
      'import { HTGet } from "shredder:store";',
      'export function bounds() {',
      '  const whole = new Uint8Array(40).fill(46);',
      '  HTGet(0, whole.subarray(4, 9));',
      '  HTGet(0, new DataView(whole.buffer, 12, 3));',
      '  HTGet(0, new Uint16Array(whole.buffer, 16, 1));',
      '  HTGet(0, whole.subarray(20));',
      '  HTGet("absent", whole);',
      '  return whole;',
      '}',
    ].join('\n'),
  );
  t.is(await client.text('FCALL', 'bounds', '0'), bulk(`....prese...pre.pr..${PRESENT}....`));
});

test.serial('arguments of FCALL reach the function as they are, or are refused', async (t) => {
  const client = await clientFor(t, 2);
  await client.call(
    'FUNCTION',
    'LOAD',
    'REPLACE',
    [
      '#!js name=arguments',
      'import { HTHas } from "shredder:store";',
      'export const echo = (keys, args) => [keys, args];',
      'export const has = (keys) => keys.map((key) => HTHas(key));',
      'export const lengths = (keys, args) => [...keys, ...args].map((each) => BigInt(each.length));',
    ].join('\n'),
  );
  for (const text of [
    '',
    '__proto__',
    'constructor',
    '\0',
    '\r\n',
    '\u00fc\u{1f600}',
    '1'.repeat(1_000),
  ]) {
    t.is(
      (await client.call('FCALL', 'echo', '1', text, text)).toString(),
      `*2\r\n*1\r\n${bulk(text)}*1\r\n${bulk(text)}`,
    );
  }
  t.is(await client.text('FCALL', 'has', '2', '__proto__', 'toString'), '*2\r\n:0\r\n:0\r\n');
  t.is(await client.text('FCALL', 'lengths', '0', 'x'.repeat(1_000_000)), '*1\r\n:1000000\r\n');
  t.is(
    await client.text('FCALL', 'echo', '1', 'k'.repeat(65_537)),
    '-ERR key is longer than 65536 bytes\r\n',
  );
  t.is(
    await client.text('FCALL', 'echo', '3', 'a', 'b'),
    "-ERR Number of keys can't be greater than number of args\r\n",
  );
  t.is(
    await client.text('FCALL', 'echo', '-1', 'a', 'b'),
    "-ERR Number of keys can't be negative\r\n",
  );
  for (const count of ['', 'x', '1.0', ' 1', '9223372036854775808']) {
    t.is(await client.text('FCALL', 'echo', count, 'a'), '-ERR Bad number of keys provided\r\n');
  }
  // Bytes that are no UTF-8 must not end the server.
  t.regex(await client.text('FCALL', 'echo', '0', Buffer.from([0xff, 0xfe, 0xc0])), /^(\*2|-ERR)/);
  t.is(await client.text('PING'), '+PONG\r\n');
});
