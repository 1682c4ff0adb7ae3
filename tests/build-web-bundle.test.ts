// What web_globals.cc embeds of npm packages.
import { cp, mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import url from 'node:url';
import vm from 'node:vm';
import test from 'ava';
import { hashText } from '../build-scripts/cache/key.ts';
import { bundleWebUrl } from '../build-scripts/runtime/web_bundle.ts';
import { temporaryFolder } from './support/folder.ts';

const FOLDER = 'runtime/engine/web/url';

interface Exports {
  URL: typeof URL;
  URLSearchParams: typeof URLSearchParams;
}

test('the bundle is the same in any folder', async (t) => {
  const elsewhere = await temporaryFolder(t, {});
  await mkdir(path.join(elsewhere, 'runtime/engine/web'), { recursive: true });
  await cp(FOLDER, path.join(elsewhere, FOLDER), { recursive: true });
  await cp('package.json', path.join(elsewhere, 'package.json'));
  const [there, here] = [await bundleWebUrl(elsewhere), await bundleWebUrl(path.resolve('.'))];
  t.is(hashText(there.code), hashText(here.code));
  t.is(there.licenses, here.licenses);
});

test('the bundle runs in strict mode where tenants have less than the language, and asks for its two arguments only', async (t) => {
  const { code } = await bundleWebUrl(path.resolve('.'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what ASCII is.
  t.regex(code, /^[\x00-\x7f]*$/);
  const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false } });
  vm.runInContext(
    "for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly', 'WeakRef', 'eval', 'console'])\n" +
      '  delete globalThis[name];\n' +
      'delete ArrayBuffer.prototype.resizable;',
    context,
  );
  const asked: string[] = [];
  const natives = {
    encodeUtf8: (text: string) => new TextEncoder().encode(text),
    domainToAscii: (domain: string) => url.domainToASCII(domain) || undefined,
  };
  const web = (name: string): unknown => {
    asked.push(name);
    return { TextDecoder }[name];
  };
  const made = (
    vm.runInContext(`'use strict';${code}`, context) as (...args: unknown[]) => Exports
  )(natives, web);
  t.is(
    new made.URL('/ü?a=b', 'http://bücher.example/').href,
    'http://xn--bcher-kva.example/%C3%BC?a=b',
  );
  t.is(new made.URLSearchParams({ a: 'ü' }).toString(), 'a=%C3%BC');
  t.deepEqual(asked, ['TextDecoder']);
});

test('the licence of each package in the bundle comes along', async (t) => {
  const { licenses } = await bundleWebUrl(path.resolve('.'));
  const require = createRequire(path.resolve('build-scripts/package.json'));
  const { version } = require('whatwg-url/package.json') as { version: string };
  t.deepEqual(licenses.match(/^\S+ \d+\.\d+\.\d+ \(.*\)$/gm), [`whatwg-url ${version} (MIT)`]);
  const text = await readFile(
    path.join(path.dirname(require.resolve('whatwg-url/package.json')), 'LICENSE.txt'),
    'utf8',
  );
  t.true(licenses.includes(text.trim()));
});
