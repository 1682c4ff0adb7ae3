// npm packages resolve as Node and bundlers for workers have it.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { temporaryFolder, type Files } from './support/folder.ts';
import { run } from './support/library.ts';
import { originOf } from './support/source_map.ts';

/** A package of files, in node_modules. */
function npmPackage(name: string, manifest: object, files: Files): Files {
  const folder = `node_modules/${name}`;
  return Object.fromEntries([
    [`${folder}/package.json`, JSON.stringify({ name, ...manifest })],
    ...Object.entries(files).map(([file, text]) => [`${folder}/${file}`, text]),
  ]);
}

/** What `f` of a library returns that imports by a line and returns an expression. */
async function valueOf(
  t: ExecutionContext,
  imports: string,
  expression: string,
  files: Files = {},
): Promise<unknown> {
  const lib = `${imports}\nexport const f = (): any => ${expression};`;
  const { f } = await run(t, { 'lib.ts': lib, ...files });
  return f?.([], []);
}

async function refusalOf(t: ExecutionContext, files: Files): Promise<string> {
  const folder = await temporaryFolder(t, files);
  const error = await t.throwsAsync(bundleLibrary(path.join(folder, 'lib.ts'), 'lib'));
  return error?.message ?? '';
}

test('a package gives its form for workers, then that for browsers', async (t) => {
  const files = {
    'node.js': "export const form = 'node';",
    'browser.js': "export const form = 'browser';",
    'worker.js': "export const form = 'worker';",
  };
  const forms = { browser: './browser.js', default: './node.js' };
  const import_ = "import { form } from 'p';";
  t.is(await valueOf(t, import_, 'form', npmPackage('p', { exports: forms }, files)), 'browser');
  const worker = { worker: './worker.js', ...forms };
  t.is(await valueOf(t, import_, 'form', npmPackage('p', { exports: worker }, files)), 'worker');
});

test("a package's map for browsers takes the place of Node's modules and of its own", async (t) => {
  const manifest = {
    main: './index.js',
    browser: {
      './random.js': './random-browser.js',
      './absent.js': false,
      crypto: false,
      fs: './fs.js',
    },
  };
  const files = {
    'index.js': [
      'exports.all = [',
      "  require('./random.js'), typeof require('crypto').randomBytes, require('fs'),",
      "  typeof require('./absent.js').root,",
      '];',
    ].join('\n'),
    'absent.js': "exports.root = Function('return this')();",
    'random.js': "module.exports = 'node';",
    'random-browser.js': "module.exports = 'browser';",
    'fs.js': "module.exports = 'no fs';",
  };
  t.deepEqual(
    await valueOf(t, "import { all } from 'p';", 'all', npmPackage('p', manifest, files)),
    ['browser', 'undefined', 'no fs', 'undefined'],
  );
});

const DUAL = npmPackage(
  'dual',
  { exports: { import: './index.mjs', require: './index.cjs' } },
  {
    'index.mjs': "export const form = 'import';",
    'index.cjs': "exports.form = 'require';",
    'index.d.mts': 'export const form: string;',
    'index.d.cts': 'export const form: string;',
  },
);

test("require() gets a package's form for it, and import the other", async (t) => {
  const user = npmPackage(
    'user',
    { main: 'i.js' },
    { 'i.js': "module.exports = require('dual');" },
  );
  t.deepEqual(
    await valueOf(
      t,
      "import { form } from 'dual';\nimport required from 'user';",
      '[form, required.form]',
      { ...DUAL, ...user },
    ),
    ['import', 'require'],
  );
});

test('an import that tsc compiles to require() gets the form for that', async (t) => {
  const options = { module: 'node16', target: 'es2022' };
  t.is(
    await valueOf(t, "import { form } from 'dual';", 'form', {
      ...DUAL,
      'package.json': '{"type":"commonjs"}',
      'tsconfig.json': JSON.stringify({ compilerOptions: options }),
    }),
    'require',
  );
});

test('a package finds the global object by the code that lodash has for it', async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts': [
      "import { roots } from 'p';",
      'export const f = (): unknown => roots.every((each: unknown) => each === globalThis);',
    ].join('\n'),
    ...npmPackage(
      'p',
      { type: 'module', exports: './index.js' },
      {
        'index.js': [
          'export const roots = [Function(\'return this\')(), new Function("return this")(), after()];',
          'function after() { return globalThis; }',
        ].join('\n'),
      },
    ),
  });
  const code = await bundleLibrary(path.join(folder, 'lib.ts'), 'lib');
  t.notRegex(code, /Function\(/);
  t.regex(code, /globalThis/);
  t.is(originOf(code, 'after()'), 'node_modules/p/index.js:1:81');
});

test("an author's own texts keep that code", async (t) => {
  const text = "Function('return this')()";
  const { f } = await run(t, {
    'lib.ts': `export const f = (): string => ${JSON.stringify(text)};`,
  });
  t.is(f?.([], []), text);
});

test('a stand-in of npm for a module of Node comes before ours', async (t) => {
  const files = npmPackage('events', { main: 'i.js' }, { 'i.js': "exports.from = 'npm';" });
  t.is(await valueOf(t, "import { from } from 'events';", 'from', files), 'npm');
});

for (const name of ['fs', 'node:fs', 'node:net', 'worker_threads', 'node:timers/promises']) {
  test(`${name} is refused in one line with the file and what to do`, async (t) => {
    const inLibrary = await refusalOf(t, {
      'lib.ts': `import * as m from '${name}';\nexport { m };`,
    });
    t.regex(
      inLibrary,
      new RegExp(
        `^lib\\.ts does not bundle: \\S*lib\\.ts:1:20: "${name}" is a module of Node: .*$`,
      ),
    );
    const inPackage = await refusalOf(t, {
      'lib.ts': "import 'p';\nexport const f = () => 1;",
      ...npmPackage('p', { main: 'deep/i.js' }, { 'deep/i.js': `\nrequire('${name}');` }),
    });
    t.regex(
      inPackage,
      /^lib\.ts does not bundle: \S*node_modules\/p\/deep\/i\.js:2:9: "[\w:/]+" is/,
    );
  });
}

test('a package may try for a module of Node, and do without', async (t) => {
  const files = npmPackage(
    'p',
    { main: 'i.js' },
    {
      'i.js': "try { require('fs'); module.exports = 'fs'; } catch { module.exports = 'without'; }",
    },
  );
  t.is(await valueOf(t, "import p from 'p';", 'p', files), 'without');
});

test('a package that is not there is an error at its import', async (t) => {
  const message = await refusalOf(t, {
    'lib.ts':
      "interface Removed { x: 1 }\n\nimport { x } from 'nowhere';\nexport const f = () => x;",
  });
  t.regex(message, /^lib\.ts does not bundle: \S*lib\.ts:3:19: Could not resolve "nowhere"$/);
});

test('a call of a namespace that can never be called is an error at its place', async (t) => {
  const message = await refusalOf(t, {
    'lib.ts': "type T = 1;\nimport * as p from './part';\nexport const f = () => (p as any)();",
    'part.ts': 'export const x = 1;',
  });
  t.regex(message, /lib\.ts:3:\d+: Calling "p" will crash at run-time/);
});

test('node:buffer has texts in encodings, and numbers', async (t) => {
  const value = await valueOf(
    t,
    "import { Buffer } from 'node:buffer';",
    `[
      Buffer.from('aé€😀').toString('hex'),
      Buffer.from('61c3a9e282acf09f9880', 'hex').toString(),
      Buffer.from([0xff, 0x41, 0xe2, 0x82]).toString('utf8'),
      Buffer.from('any carnal pleas').toString('base64'),
      Buffer.from('_-8', 'base64url').toString('hex'),
      Buffer.concat([Buffer.from('a'), Buffer.from('b')]).equals(Buffer.from('ab')),
      Buffer.alloc(4, 'xy').toString('latin1'),
      Buffer.from([1, 2, 3, 4]).readUInt32BE(0),
      Buffer.isBuffer(Buffer.from('').subarray(0)),
      Buffer.byteLength('€'),
      JSON.stringify(Buffer.from('a')),
    ]`,
  );
  t.deepEqual(value, [
    Buffer.from('aé€😀').toString('hex'),
    'aé€😀',
    Buffer.from([0xff, 0x41, 0xe2, 0x82]).toString('utf8'),
    Buffer.from('any carnal pleas').toString('base64'),
    Buffer.from('_-8', 'base64url').toString('hex'),
    true,
    'xyxy',
    0x01020304,
    true,
    3,
    '{"type":"Buffer","data":[97]}',
  ]);
});

test('node:crypto digests as Node does, whatever the length', async (t) => {
  const { createHash } = await import('node:crypto');
  const lengths = [0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000];
  const { f } = await run(t, {
    'lib.ts': [
      "import { createHash } from 'node:crypto';",
      'export const f = (keys: string[], args: string[]) => args.map((each) =>',
      "  createHash(keys[0]!).update('é').update('x'.repeat(Number(each))).digest('hex'));",
    ].join('\n'),
  });
  for (const algorithm of ['sha1', 'sha256']) {
    t.deepEqual(
      f?.([algorithm], lengths.map(String)),
      lengths.map((each) =>
        createHash(algorithm).update('é').update('x'.repeat(each)).digest('hex'),
      ),
    );
  }
  t.throws(() => f?.(['md5'], ['1']), { message: /no digest md5 in the store: sha1 and sha256/ });
});

test('node:crypto is random', async (t) => {
  const lib = {
    'lib.ts': [
      "import { randomBytes, randomInt, randomUUID } from 'node:crypto';",
      'export const f = () => [randomBytes(5).length, randomInt(3) < 3, randomUUID()];',
    ].join('\n'),
  };
  const { f } = await run(t, lib);
  const [length, below, uuid] = (f?.([], []) ?? []) as unknown[];
  t.deepEqual([length, below], [5, true]);
  t.regex(String(uuid), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});

test('node:events emits, for classes old and new', async (t) => {
  const files = npmPackage(
    'old',
    { main: 'i.js' },
    {
      'i.js': [
        "var EventEmitter = require('events'); var util = require('util');",
        'function Old() { EventEmitter.call(this); } util.inherits(Old, EventEmitter);',
        'module.exports = Old;',
      ].join('\n'),
    },
  );
  const value = await valueOf(
    t,
    "import { EventEmitter, once } from 'node:events';\nimport Old from 'old';\nclass New extends EventEmitter {}",
    `[new New(), new Old()].map((each: any) => {
      const log: unknown[] = [];
      each.on('a', (x: number) => log.push(x));
      each.once('a', (x: number) => log.push(-x));
      return [each.emit('a', 1), each.emit('a', 2), each.emit('b'), log, each.listenerCount('a'), each instanceof EventEmitter, typeof once];
    })`,
    files,
  );
  const each = [true, true, false, [1, -1, 2], 1, true, 'function'];
  t.deepEqual(value, [each, each]);
});

test('node:util formats, compares and promisifies', async (t) => {
  const value = await valueOf(
    t,
    "import util, { inspect, isDeepStrictEqual, promisify } from 'node:util';",
    `[
      util.format('%s is %d of %j', 'a', 1, { b: 2 }, 'more'),
      inspect({ a: [1, 'x'], m: new Map([[1, new Set([2n])]]) }),
      isDeepStrictEqual({ a: new Map([[{ x: 1 }, [1]]]) }, { a: new Map([[{ x: 1 }, [1]]]) }),
      isDeepStrictEqual([1], ['1']),
      typeof promisify((callback: any) => callback(null, 1)),
      util.types.isDate(new Date()),
    ]`,
  );
  t.deepEqual(value, [
    'a is 1 of {"b":2} more',
    "{ a: [ 1, 'x' ], m: Map(1) { 1 => Set(1) { 2n } } }",
    true,
    false,
    'function',
    true,
  ]);
});

test('node:assert asserts, as a function too', async (t) => {
  const files = npmPackage(
    'p',
    { main: 'i.js' },
    {
      'i.js': "var assert = require('assert'); module.exports = (x) => assert(x, 'not so');",
    },
  );
  const { f } = await run(t, {
    'lib.ts': [
      "import assert, { strictEqual } from 'node:assert';",
      "import p from 'p';",
      'const outcome = (work: () => unknown): string => {',
      "  try { work(); return 'fine'; } catch (error: any) { return error.name + ': ' + error.message; }",
      '};',
      'export const f = () => [',
      '  outcome(() => assert.deepStrictEqual({ a: [1] }, { a: [1] })),',
      '  outcome(() => strictEqual(1, 2)),',
      '  outcome(() => assert.throws(() => { throw new TypeError("x"); }, TypeError)),',
      '  outcome(() => p(0)),',
      '];',
    ].join('\n'),
    ...files,
  });
  t.deepEqual(f?.([], []), [
    'fine',
    'AssertionError: 1 strictEqual 2',
    'fine',
    'AssertionError: not so',
  ]);
});

test('node:url has URLs, paths of files, and references', async (t) => {
  const url = await import('node:url');
  const { f } = await run(t, {
    'lib.ts': [
      "import url, { fileURLToPath, format, pathToFileURL, resolve, URL, URLSearchParams } from 'node:url';",
      'export const f = (): any => [',
      "  new URL('../x', 'http://h/a/b').href, String(new URLSearchParams({ a: 'é' })),",
      "  ['/', '/a b', '/é%', '/a\\\\b\\nc', '/x?y#z', '/a/../b', '/a/'].map((p) => {",
      '    const made = pathToFileURL(p);',
      '    return [made.href, fileURLToPath(made), fileURLToPath(made.href)];',
      '  }),',
      "  ['http://h/x', 'file://h/x', 'file:///a%2fb', 'file:///%zz', 'x'].map((u) => {",
      '    try { return fileURLToPath(u); } catch (error) { return (error as Error).name; }',
      '  }),',
      "  [['/one/two/three', 'four'], ['http://h/one', '/two'], ['http://h/one', 'http://i/'],",
      "    ['/one', '../two?q#f'], ['http://h/a/b', '//i/c']].map(([a, b]) => resolve(a!, b!)),",
      "  format(new URL('http://u:p@h/x?q#f'), { auth: false, fragment: false, search: false }),",
      "  url.format(new URL('http://u:p@h/x?q#f')), url.URL === globalThis.URL,",
      '];',
    ].join('\n'),
  });
  const name = (call: () => string): string => {
    try {
      return call();
    } catch (error) {
      return (error as Error).name;
    }
  };
  t.deepEqual(f?.([], []), [
    'http://h/x',
    'a=%C3%A9',
    ['/', '/a b', '/é%', '/a\\b\nc', '/x?y#z', '/a/../b', '/a/'].map((p) => {
      const made = url.pathToFileURL(p);
      return [made.href, url.fileURLToPath(made), url.fileURLToPath(made.href)];
    }),
    ['http://h/x', 'file://h/x', 'file:///a%2fb', 'file:///%zz', 'x'].map((u) =>
      name(() => url.fileURLToPath(u)),
    ),
    ['/one/two/four', 'http://h/two', 'http://i/', '/two?q#f', 'http://i/c'],
    'http://h/x',
    'http://u:p@h/x?q#f',
    true,
  ]);
  const { parse } = await run(t, {
    'lib.ts': "import url from 'node:url';\nexport const parse = (): any => url.parse('http://h');",
  });
  t.throws(() => parse?.([], []), { message: /^url\.parse is not in the store: use new URL, or/ });
  t.regex(
    await refusalOf(t, {
      'lib.ts': "import { parse } from 'node:url';\nexport const f = () => parse('x').href;",
    }),
    /lib\.ts:1:10: No matching export in \S*url\.ts\S* for import "parse"/,
  );
});

test('a package finds classes that it takes for granted, and asks in vain for those that it asks for', async (t) => {
  // The test's own program has them, so the package is asked what its names mean.
  const own = (code: string): Promise<unknown> =>
    valueOf(
      t,
      "import * as p from 'p';",
      '(p as any).found',
      npmPackage('p', { exports: './index.js' }, { 'index.js': code }),
    );
  t.is(await own('export const found = Blob !== globalThis.Blob && Blob.name;'), 'Blob');
  t.is(
    await own("'use strict';\nexport const found = { Headers }.Headers === globalThis.Headers;"),
    false,
  );
  t.is(await own('export const found = new globalThis.Blob([]) instanceof Blob;'), false);
  t.is(
    await own("export const found = typeof Blob === 'function' && Blob === globalThis.Blob;"),
    true,
  );
  t.is(await own('class Blob { a = 1 } export const found = new Blob().a;'), 1);
  t.is(await own('export const found = ((Blob) => Blob)(2);'), 2);
  t.is(await own("export const found = { Blob: 3 }.Blob + 'Blob';"), '3Blob');
});
