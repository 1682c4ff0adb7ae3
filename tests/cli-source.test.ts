// Source lines below errors and lines of a log, and what is shown of text that others wrote.
import path from 'node:path';
import test from 'ava';
import { argsOfJson } from '../build-scripts/client/json_args.ts';
import type { LogLine } from '../build-scripts/client/log.ts';
import { UserError } from '../build-scripts/errors.ts';
import { excerptOf } from '../build-scripts/source/excerpt.ts';
import { withSource } from '../build-scripts/source/explain.ts';
import { SourceFinder } from '../build-scripts/source/find.ts';
import { parsePlace, placeOfError, placeOfFrame } from '../build-scripts/source/place.ts';
import { LogPrinter } from '../build-scripts/source/log_printer.ts';
import { printable } from '../build-scripts/ui/printable.ts';
import { temporaryFolder } from './support/folder.ts';

const AT = { file: 'cart.ts', line: 2, column: 9 };

test('a place is found where it stands alone, ends an error, or is in a frame of a stack', (t) => {
  t.deepEqual(parsePlace('cart.ts:2:9'), AT);
  t.deepEqual(placeOfError('ERR RangeError: no at b.ts:1:1 at cart.ts:2:9'), AT);
  t.deepEqual(placeOfFrame('    at add (cart.ts:2:9)'), AT);
  t.deepEqual(placeOfFrame('    at async Promise.all (cart.ts:2:9)'), AT);
  t.deepEqual(placeOfFrame('    at cart.ts:2:9'), AT);
  t.deepEqual(parsePlace('../my parts/cart.mts:2:9'), { ...AT, file: '../my parts/cart.mts' });
  for (const text of [
    '',
    'cart.ts',
    'cart.ts:2',
    'cart.ts:2:9 ',
    'cart.txt:2:9',
    'a\ncart.ts:2:9',
  ]) {
    t.is(parsePlace(text), undefined, text);
  }
  t.is(placeOfError('ERR Error: cart.ts:2:9 is wrong'), undefined);
  t.is(placeOfFrame('at once it is cart.ts:2:9, said he'), undefined);
});

test('a source line is shown with a caret below its column, tabs and all', async (t) => {
  const folder = await temporaryFolder(t, {
    'cart.ts': 'export const f = () => {\n\t\tthrow new Error();\r\n};\n',
    'long.ts': `${'x'.repeat(500)}HERE${'y'.repeat(500)}`,
  });
  const finder = new SourceFinder([folder]);
  const shown = path.relative(process.cwd(), folder);
  t.deepEqual(excerptOf({ ...AT, column: 3 }, finder)?.split('\n'), [
    `${shown}/cart.ts:2:3`,
    '2 | \t\tthrow new Error();',
    '  | \t\t^',
  ]);
  const [, line = '', caret = ''] =
    excerptOf({ file: 'long.ts', line: 1, column: 501 }, finder, { indent: '  ' })?.split('\n') ??
    [];
  t.true(line.length < 140);
  t.is(line.slice(caret.indexOf('^')).slice(0, 4), 'HERE');
});

test('no source line is shown of a file or a line that is not there', async (t) => {
  const folder = await temporaryFolder(t, { 'cart.ts': 'one\ntwo\n' });
  const finder = new SourceFinder([folder], folder);
  t.is(excerptOf({ ...AT, line: 4, column: 1 }, finder), undefined);
  t.is(excerptOf({ ...AT, column: 9 }, finder), undefined);
  t.is(excerptOf({ ...AT, file: 'else.ts' }, finder), undefined);
});

test('a source is found below a folder where there is one such file', async (t) => {
  const folder = await temporaryFolder(t, {
    'src/cart.ts': '',
    'src/parts/check.ts': '',
    'lib/index.ts': '',
    'src/index.ts': '',
    'node_modules/x/other.ts': '',
  });
  const finder = new SourceFinder([folder], folder);
  t.is(finder.find('cart.ts'), path.join(folder, 'src/cart.ts'));
  t.is(finder.find('parts/check.ts'), path.join(folder, 'src/parts/check.ts'));
  t.is(finder.find('../parts/check.ts'), path.join(folder, 'src/parts/check.ts'));
  t.is(finder.find('index.ts'), undefined, 'there are two');
  t.is(finder.find('other.ts'), undefined);
  t.is(finder.find('art.ts'), undefined);
  t.is(finder.find(`${'a'.repeat(300)}.ts`), undefined);
  t.is(finder.find('cart.ts\0.ts'), undefined);
});

test("an error of a function's has its source line below, and other errors stay as they are", async (t) => {
  const folder = await temporaryFolder(t, { 'cart.ts': 'a\n  throw new Error();\n' });
  const finder = new SourceFinder([folder]);
  const error = withSource(new UserError('ERR Error: no at cart.ts:2:9'), finder, false);
  t.true(error instanceof UserError);
  t.regex(
    (error as UserError).remedy ?? '',
    /cart\.ts:2:9\n {2}2 \| {3}throw new Error\(\);\n {4}\| {9}\^$/,
  );
  for (const other of [
    new UserError('ERR Error: no at else.ts:2:9'),
    new UserError('ERR no', 'Do this.'),
    new Error('at cart.ts:2:9'),
  ]) {
    t.is(withSource(other, finder, false), other);
  }
});

test("a terminal does not obey what a tenant's text has of control characters", (t) => {
  t.is(
    printable('a\u001b[31mb\u0007\tc\r\nd\re\u009b\u202e'),
    'a\\x1b[31mb\\x07\tc\nd\\x0de\\x9b\\u202e',
  );
});

const LINE: LogLine = {
  id: 1,
  time: new Date(2020, 1, 3, 4, 5, 6, 78).getTime(),
  level: 'log',
  function: 'add',
  place: 'cart.ts:2:9',
  message: '{ a: 1 }',
};

test('a line of the log has time, level, function, place and message, and its source once', async (t) => {
  const folder = await temporaryFolder(t, { 'cart.ts': 'a\n  console.log();\n' });
  const printer = new LogPrinter(new SourceFinder([folder]));
  const [head, ...source] = printer.format(LINE).split('\n');
  t.is(head, '2020-02-03 04:05:06.078  log    add  cart.ts:2:9  { a: 1 }');
  t.deepEqual(source.slice(1), ['    2 |   console.log();', '      |         ^']);
  t.is(printer.format(LINE).split('\n').length, 1, 'a loop logs from one place');
  t.is(printer.format({ ...LINE, place: 'cart.ts:1:1' }).split('\n').length, 4);
});

test('a failed call is shown with its stack, and the source of the innermost frame at hand', async (t) => {
  const folder = await temporaryFolder(t, { 'cart.ts': 'a\n  throw new Error();\n' });
  const message =
    'Error: no\n    at Array.map (<anonymous>)\n    at check (gone.ts:1:1)\n    at add (cart.ts:2:9)\n    at cart.ts:1:1';
  const printer = new LogPrinter(new SourceFinder([folder]), { sourceLevels: ['error'] });
  const lines = printer
    .format({ ...LINE, level: 'error', place: 'gone.ts:1:1', message })
    .split('\n');
  t.regex(lines[0] ?? '', / {2}error {2}add {2}gone\.ts:1:1 {2}Error: no$/);
  t.is(lines[3], '    at add (cart.ts:2:9)');
  t.is(lines[5], '      2 |   throw new Error();');
  t.is(lines[7], '    at cart.ts:1:1');
  t.is(lines.length, 8);
  t.is(printer.format({ ...LINE, message }).split('\n').length, 5, 'of levels that were asked for');
});

test('arguments in JSON arrive as texts: those that are texts as they are, others as JSON', (t) => {
  t.deepEqual(argsOfJson('["a b", {"sku": "a"}, 7, null, ["x"]]'), [
    'a b',
    '{"sku":"a"}',
    '7',
    'null',
    '["x"]',
  ]);
  for (const wrong of ['', '{', '{"a":1}', '"a"']) {
    const error = t.throws(() => argsOfJson(wrong), { instanceOf: UserError }, wrong);
    t.regex(error.message, /^--json-args is no (?:JSON: .*|array)$/);
  }
});
