import type ts from './typescript.cjs';

/** Whether a type's symbol is one of TypeScript's own libraries, whatever else may be named like it. */
export function isBuiltinSymbol(program: ts.Program, symbol: ts.Symbol): boolean {
  return (
    symbol.declarations?.some((each) => program.isSourceFileDefaultLibrary(each.getSourceFile())) ??
    false
  );
}
