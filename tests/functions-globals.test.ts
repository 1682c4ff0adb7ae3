// What type-checks is there in the store, and what is not there does not type-check.
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import ts from 'typescript';
import { configurationFor } from '../build-scripts/functions/configuration.ts';
import { FUNCTIONS_PACKAGE } from '../build-scripts/functions/package.ts';
import { typeCheck } from '../build-scripts/functions/typecheck.ts';
import type { GlobalsDescription } from '../build-scripts/globals/probe.ts';
import { readRuntimeGlobals } from '../build-scripts/globals/runtime.ts';
import { RUNTIME_GLOBALS } from '../ts-functions/testing/runtime_globals.ts';
import { declaredGlobals, emptyProgram, type Declared } from './support/declared_globals.ts';
import { temporaryFolder } from './support/folder.ts';
import { builtShredderd } from './support/server.ts';

/** Declared by a part of TypeScript's declarations that none can do without; a deploy refuses its use. */
const REFUSED = ['eval'];

/** What every iterator has, and nothing that they have in common. */
const OF_ITERATORS = ['IteratorObject.prototype.next', 'AsyncIteratorObject.prototype.next'];

const ERRORS_OF_WASM = ['CompileError', 'LinkError', 'RuntimeError'];

const DESCRIPTION = new Map(
  Object.entries(RUNTIME_GLOBALS).map(([name, { own, instance }]) => [
    name,
    { own: new Set(listed(own)), instance: new Set(listed(instance)) },
  ]),
);

/** What TypeScript has names for. */
const TYPES = [...DESCRIPTION.keys()];

function listed(names: string): string[] {
  return names.split(/\s+/).filter((name) => name !== '');
}

/** Whether the runtime has what a program declares. */
function isThere({ global, of, member }: Declared): boolean {
  const found = DESCRIPTION.get(global);
  if (found === undefined || of === undefined || member === undefined) return found !== undefined;
  const everywhere = DESCRIPTION.get('Object')?.instance.has(member);
  const asFunction = of === 'own' && DESCRIPTION.get('Function')?.instance.has(member);
  return found[of].has(member) || everywhere === true || asFunction === true;
}

const nameOf = ({ global, of, member }: Declared): string =>
  of === undefined ? global : `${global}${of === 'own' ? '' : '.prototype'}.${member}`;

/** What authors' code is checked by who extend the package's tsconfig.json, or have none. */
function authorsProgram(file: string): ts.Program {
  const { options } = configurationFor(file);
  const types = ['store', 'globals'].map((name) =>
    path.join(FUNCTIONS_PACKAGE, 'src', `${name}.d.ts`),
  );
  return ts.createProgram({ rootNames: [file, ...types], options: { ...options, types: [] } });
}

async function emptyFile(t: ExecutionContext): Promise<string> {
  return path.join(await temporaryFolder(t, { 'empty.ts': 'export {};' }), 'empty.ts');
}

/** All that TypeScript, the DOM and Node declare. */
function everything(file: string): Declared[] {
  const options = {
    target: ts.ScriptTarget.ESNext,
    lib: ['lib.esnext.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: ['node'],
    typeRoots: [path.resolve('node_modules/@types')],
  };
  return declaredGlobals(emptyProgram(options, file), file, TYPES);
}

test('the description of the globals is the runtime’s', async (t) => {
  const runtime = await readRuntimeGlobals(await builtShredderd());
  const described: GlobalsDescription = Object.fromEntries(
    Object.entries(RUNTIME_GLOBALS).map(([name, { own, instance }]) => [
      name,
      { own: listed(own), instance: listed(instance) },
    ]),
  );
  t.deepEqual(described, runtime, 'run `npx shredder globals`');
});

test('what is declared for authors is there', async (t) => {
  const file = await emptyFile(t);
  const program = authorsProgram(file);
  t.deepEqual(ts.getPreEmitDiagnostics(program), []);
  const declared = declaredGlobals(program, file, TYPES);
  t.true(declared.length > 1_000, `${declared.length} members`);
  const missing = declared.filter((each) => !isThere(each)).map(nameOf);
  t.deepEqual(
    missing.filter((name) => ![...REFUSED, ...OF_ITERATORS].includes(name)),
    [],
  );
});

test('what is there is declared, where TypeScript has a declaration', async (t) => {
  const file = await emptyFile(t);
  const declared = new Set(declaredGlobals(authorsProgram(file), file, TYPES).map(nameOf));
  const options = { target: ts.ScriptTarget.ESNext, lib: ['lib.esnext.d.ts'], types: [] };
  const language = declaredGlobals(emptyProgram(options, file), file, TYPES);
  t.deepEqual(
    language
      .filter((each) => isThere(each))
      .map(nameOf)
      .filter((name) => !declared.has(name) && !name.endsWith('@@toStringTag')),
    [],
  );
  // What is no part of the language is declared here alone.
  const globals = new Set(language.map(({ global }) => global));
  const undeclared = [...DESCRIPTION].flatMap(([global, { own, instance }]) => {
    if (globals.has(global)) return [];
    const names = [
      ...[...own].map((member) => nameOf({ global, of: 'own', member })),
      ...[...instance].map((member) => nameOf({ global, of: 'instance', member })),
    ];
    return [global, ...names].filter((name) => !declared.has(name));
  });
  const ofErrors = ['captureStackTrace', 'stackTraceLimit', 'prototype.toString'];
  const errors = ['DOMException', ...ERRORS_OF_WASM.map((name) => `WebAssembly.${name}`)];
  const known = [
    'globalThis',
    'undefined',
    ...errors.flatMap((error) => ofErrors.map((name) => `${error}.${name}`)),
  ];
  t.deepEqual(
    undeclared.filter(
      (name) =>
        !known.includes(name) &&
        !/\.(?:constructor|arguments|caller|@@toStringTag|@@species)$/.test(name),
    ),
    [],
  );
});

for (const { title, tsconfig } of [
  { title: 'by the package’s options', tsconfig: undefined },
  {
    title: 'by an author’s own, with the DOM and Node',
    tsconfig: {
      compilerOptions: {
        target: 'esnext',
        lib: ['esnext', 'dom', 'dom.iterable'],
        module: 'esnext',
        moduleResolution: 'bundler',
        types: ['node'],
        typeRoots: [path.resolve('node_modules/@types')],
        strict: true,
        skipLibCheck: true,
      },
    },
  },
]) {
  test(`what is not there does not type-check, ${title}`, async (t) => {
    const uses = [
      ...new Set(
        everything(await emptyFile(t))
          .filter(isMissing)
          .map(useOf),
      ),
    ];
    t.true(uses.length > 300, `${uses.length} uses`);
    // What TypeScript itself has errors in, nothing else is said about.
    const accepted = await acceptedUses(t, uses, tsconfig);
    t.deepEqual(accepted.length > 0 ? await acceptedUses(t, accepted, tsconfig) : [], []);
  });
}

/** The statements that a check has nothing against. */
async function acceptedUses(
  t: ExecutionContext,
  uses: readonly string[],
  tsconfig: object | undefined,
): Promise<string[]> {
  const folder = await temporaryFolder(t, {
    'lib.ts': ['export const f = () => 1;', ...uses].join('\n'),
    ...(tsconfig !== undefined && { 'tsconfig.json': JSON.stringify(tsconfig) }),
  });
  const { text = '' } = typeCheck(path.join(folder, 'lib.ts')) ?? {};
  const places = stripVTControlCharacters(text).matchAll(/lib\.ts:(\d+):\d+ - error/g);
  const refused = new Set([...places].map(([, line]) => Number(line) - 2));
  return uses.filter((_, index) => !refused.has(index));
}

/** What the store lacks: no member of something that is missing already. */
function isMissing(each: Declared): boolean {
  if (isThere(each)) return false;
  // A use of these names the symbol, which is one of Symbol's.
  if (each.member?.startsWith('@@') === true) return false;
  // Bundling has both.
  if (each.global === 'Symbol' && /^(?:asyncD|d)ispose$/.test(each.member ?? '')) return false;
  if (['require', 'module', 'exports', 'arguments'].includes(each.global)) return false;
  if (OF_ITERATORS.includes(nameOf(each))) return false;
  return each.of === undefined || DESCRIPTION.has(each.global);
}

/** A statement with a use of something. */
function useOf({ global, of, member }: Declared): string {
  if (of === undefined) return `void ${global};`;
  const isGlobal =
    !/^(?:Async)?(?:\w+Iterator|\w*Generator|\w*GeneratorFunction|IteratorObject|AsyncIteratorObject)$/.test(
      global,
    );
  const value =
    of === 'own'
      ? global
      : isGlobal
        ? `${global}.prototype`
        : `(undefined as unknown as ${global}${/Function$/.test(global) ? '' : '<1>'})`;
  return `void ${value}.${member};`;
}

test('a file that asks whether something is there may use it', async (t) => {
  const check = async (...lines: string[]): Promise<string> => {
    const folder = await temporaryFolder(t, {
      'lib.ts': ['export const f = () => 1;', ...lines].join('\n'),
      'tsconfig.json': JSON.stringify({
        compilerOptions: { target: 'esnext', lib: ['esnext', 'dom'], types: [], strict: true },
      }),
    });
    const { text = '' } = typeCheck(path.join(folder, 'lib.ts')) ?? {};
    return stripVTControlCharacters(text);
  };
  t.is(await check("if (typeof setTimeout === 'function') setTimeout(() => {}, 1);"), '');
  t.is(await check('export const g = Object.groupBy ? Object.groupBy([1], String) : {};'), '');
  t.is(await check("export const h = typeof WeakRef === 'undefined' ? 1 : new WeakRef({});"), '');
  t.is(
    await check('export const w = globalThis.crypto?.subtle?.digest("SHA-1", new Uint8Array());'),
    '',
  );
  t.is(await check('function setTimeout(f: () => void) { f(); }', 'setTimeout(() => {});'), '');
  t.is(await check('export type T = WeakRef<object> | HTMLElement;'), '');
  t.regex(
    await check('setTimeout(() => {}, 1);'),
    /lib\.ts:2:1 - error: setTimeout is not there in a function of the store: nothing runs after a reply/,
  );
  t.regex(
    await check("export const x = new Function('return 1')();"),
    /lib\.ts:2:22 - error: Function is not there in a function of the store: code cannot be made from strings/,
  );
  t.regex(
    await check('export const x = [1].values().map(String);'),
    /lib\.ts:2:31 - error: ArrayIterator\.map is not there/,
  );
  t.regex(
    await check('export const x = Object.groupBy([1], String);'),
    /:2:25 - error: Object\.groupBy/,
  );
});
