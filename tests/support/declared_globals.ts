import ts from 'typescript';

/** A member of what a program declares for all files. */
export interface Declared {
  /** The global's name, or TypeScript's for what no global constructs. */
  global: string;
  /** Whether it is a member of the value itself, or of what that constructs; none: the global. */
  of?: 'own' | 'instance';
  /** The member's name, a symbol's as `@@iterator`. */
  member?: string;
}

/** No properties of the global object, or the whole of it. */
const OF_THE_LANGUAGE = new Set(['undefined', 'globalThis', 'arguments']);

/** What is below these is described as globals are. */
const NAMESPACES = ['Intl', 'WebAssembly'];

/**
 * All values that a program declares for all files, and their members.
 *
 * @param types Names of interfaces to look at besides, where no value has them.
 */
export function declaredGlobals(
  program: ts.Program,
  file: string,
  types: readonly string[],
): Declared[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  if (source === undefined) throw new Error(`${file} is no part of the program`);
  const found: Declared[] = [];
  const take = (global: string, symbol: ts.Symbol): void => {
    found.push({ global });
    const type = checker.getTypeOfSymbol(symbol);
    // Numbers, and the global object again.
    if (!(type.flags & ts.TypeFlags.Object) || type.symbol?.name === 'globalThis') return;
    for (const member of checker.getPropertiesOfType(type)) {
      if (NAMESPACES.includes(global)) {
        take(`${global}.${member.name}`, member);
      } else if (member.name !== 'prototype') {
        found.push({ global, of: 'own', member: nameOf(member) });
      }
    }
    const prototype = type.getProperty('prototype');
    if (prototype === undefined) return;
    takeInstance(global, checker.getTypeOfSymbol(prototype));
  };
  const takeInstance = (global: string, type: ts.Type): void => {
    for (const member of checker.getPropertiesOfType(type)) {
      // What may be there is not said to be.
      if (member.flags & ts.SymbolFlags.Optional) continue;
      found.push({ global, of: 'instance', member: nameOf(member) });
    }
  };
  for (const symbol of checker.getSymbolsInScope(source, ts.SymbolFlags.Value)) {
    // Names of modules are in quotes.
    if (/^\w+$/.test(symbol.name) && !OF_THE_LANGUAGE.has(symbol.name)) take(symbol.name, symbol);
  }
  for (const symbol of checker.getSymbolsInScope(source, ts.SymbolFlags.Interface)) {
    if (types.includes(symbol.name) && !(symbol.flags & ts.SymbolFlags.Value)) {
      takeInstance(symbol.name, checker.getDeclaredTypeOfSymbol(symbol));
    }
  }
  return found;
}

/** A program of a file with nothing in it, by compiler options. */
export function emptyProgram(options: ts.CompilerOptions, file: string): ts.Program {
  return ts.createProgram({ rootNames: [file], options: { ...options, noEmit: true } });
}

function nameOf(symbol: ts.Symbol): string {
  const [, known] = /^__@(\w+)@\d+$/.exec(String(symbol.escapedName)) ?? [];
  return known === undefined ? symbol.name : `@@${known}`;
}
