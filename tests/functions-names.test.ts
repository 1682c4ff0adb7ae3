// Names that code reads are those of its sources, whatever a bundle has to call things.
import path from 'node:path';
import test from 'ava';
import { bundleLibrary } from '../build-scripts/functions/bundle.ts';
import { withoutNeedlessNames } from '../build-scripts/functions/names.ts';
import { temporaryFolder } from './support/folder.ts';
import { run, runCode } from './support/library.ts';
import { originOf } from './support/source_map.ts';

const PART = [
  'export class Failure extends Error {',
  '  static is(x: unknown): x is Failure { return x instanceof Failure; }',
  '  constructor(message: string) { super(message); this.name = new.target.name; }',
  '}',
  'export function work() { return 1; }',
  'export const arrow = () => 2;',
  'export const named = function own() { return 3; };',
].join('\n');

test('classes and functions of two files keep the name that they share', async (t) => {
  const { f } = await run(t, {
    'a.ts': PART,
    'b.ts': PART,
    'lib.ts': [
      "import * as a from './a';",
      "import * as b from './b';",
      'export function f(): string[] {',
      "  const failures = [a, b].map((each) => String(new each.Failure('no')));",
      '  return [a, b].flatMap((each) => [each.work.name, each.arrow.name, each.named.name]).concat(failures);',
      '}',
    ].join('\n'),
  });
  const names = ['work', 'arrow', 'own'];
  t.deepEqual(f?.([], []), [...names, ...names, 'Failure: no', 'Failure: no']);
});

test('a function that has its name anyway is made as its source makes it', async (t) => {
  const folder = await temporaryFolder(t, {
    'lib.ts': [
      'export class C { static one = new C(); field = () => 1; }',
      'export const f = (): unknown => {',
      '  const inner = () => () => 1;',
      '  function declared() { return inner; }',
      '  const object = { property: () => 2, method() { return 3; } };',
      '  let later; later = () => 4;',
      '  class Local { static two = new Local(); }',
      '  const [taken = () => 5] = [];',
      '  return [inner, declared, object.property, object.method, later, taken, Local, C, C.one.field, f]',
      '    .map((each) => each.name).join();',
      '};',
    ].join('\n'),
  });
  const code = await bundleLibrary(path.join(folder, 'lib.ts'), 'lib');
  // All but the class whose own name esbuild takes for other ends.
  t.deepEqual(code.match(/__name\(.*\)/g), ['__name(this, "C")']);
  t.is(originOf(code, '() => 4'), 'lib.ts:6:22');
  t.is(originOf(code, '() => 5'), 'lib.ts:8:18');
  const { f } = await runCode(code);
  t.is(f?.([], []), 'inner,declared,property,method,later,taken,Local,C,field,f');
});

test("an author's own function of that name is left alone", async (t) => {
  const { f } = await run(t, {
    'lib.ts': [
      'const __name = (target: () => number, name: string) => `${name}: ${target()}`;',
      'export const f = (): string => {',
      '  const own = __name(() => 1, "own");',
      '  return own;',
      '};',
    ].join('\n'),
  });
  t.is(f?.([], []), 'own: 1');
  const code = 'const __name = (f, n) => n;\nconst own = __name(() => 1, "own");\n';
  t.is(withoutNeedlessNames(code), code);
});
