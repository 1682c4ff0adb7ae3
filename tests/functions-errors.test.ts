// The test double's errors and limits are the store's own, which C++ lists.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import test from 'ava';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, STORE_ERRORS } from '../ts-functions/testing/errors.ts';

const LAYOUT = fileURLToPath(new URL('../builtins-csa/layout/', import.meta.url));

/** What the double has no occasion for. */
const NOT_IN_THE_DOUBLE = [
  'noStore', // it says more: which call is missing
  'notView', // JavaScript's own error for a receiver without the private field
  'readOnlyLoad', // it loads no libraries
];

interface ListedError {
  type: string;
  text: string;
  showsArgument: boolean;
}

const layoutFile = (name: string): Promise<string> => readFile(path.join(LAYOUT, name), 'utf8');

/** The constants of limits.h, computed. */
async function limits(): Promise<Map<string, bigint>> {
  const found = new Map<string, bigint>();
  const constants = /^inline constexpr \w+ (k\w+) = (.*);$/gm;
  for (const [, name, value] of (await layoutFile('limits.h')).matchAll(constants)) {
    const expression = value!
      .replace(/\b(\d+)u?(ll)?\b/g, '$1n')
      .replace(/\bk\w+/g, (other) => `${found.get(other)}n`);
    found.set(name!, vm.runInNewContext(expression) as bigint);
  }
  return found;
}

/** The errors of store_errors.h, by the names that the double gives them. */
async function listedErrors(): Promise<Map<string, ListedError>> {
  const numbers = await limits();
  const source = (await layoutFile('store_errors.h')).replace(/\\\n/g, ' ');
  const list = /#define SHREDDER_STORE_ERROR_LIST\(V\)(.*)/.exec(source)?.[1] ?? '';
  const found = new Map<string, ListedError>();
  const entries = /V\((\w+), (\w+), (true|false),((?:\s*,?\s*(?:"[^"]*"|layout::\w+))+)\)/g;
  for (const [, name, type, showsArgument, parts] of list.matchAll(entries)) {
    const text = [...parts!.matchAll(/"([^"]*)"|layout::(\w+)/g)]
      .map(([, string, constant]) => string ?? String(numbers.get(constant!)))
      .join('');
    found.set(name![0]!.toLowerCase() + name!.slice(1), {
      type: type!,
      text,
      showsArgument: showsArgument === 'true',
    });
  }
  // Each that begins is one that was read.
  if (found.size !== list.split('V(').length - 1) throw new Error(`read ${found.size} of ${list}`);
  return found;
}

test('the limits of the double are those of the store', async (t) => {
  const numbers = await limits();
  t.is(numbers.get('kMaxKeyBytes'), BigInt(MAX_KEY_BYTES));
  t.is(numbers.get('kMaxValueBytes'), BigInt(MAX_VALUE_BYTES));
  t.is(numbers.get('kMaxIntegerKey'), BigInt(Number.MAX_SAFE_INTEGER));
});

test('the errors of the double are those of the store, word for word', async (t) => {
  const listed = await listedErrors();
  t.true(listed.size > 20);
  for (const name of NOT_IN_THE_DOUBLE) t.true(listed.delete(name), name);
  const own = Object.entries(STORE_ERRORS).map(
    ([name, { type, text, showsArgument }]) =>
      [name, { type: type.name, text, showsArgument }] as const,
  );
  t.deepEqual(new Map(own), listed);
});
