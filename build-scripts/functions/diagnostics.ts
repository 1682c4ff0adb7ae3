import ts from './typescript.cjs';

/** Of diagnostics that are not the compiler's: they have no number to look up. */
const NO_CODE = 0;

/** An error of ours at a place of a source, in the form of the compiler's. */
export function errorAt(node: ts.Node, messageText: string): ts.Diagnostic {
  const file = node.getSourceFile();
  const start = node.getStart(file);
  return {
    category: ts.DiagnosticCategory.Error,
    code: NO_CODE,
    file,
    start,
    length: node.getEnd() - start,
    messageText,
  };
}

/** TypeScript's usual text, with ANSI colours. */
export function formatDiagnostics(diagnostics: readonly ts.Diagnostic[]): string {
  const text = ts.formatDiagnosticsWithColorAndContext(diagnostics, {
    getCurrentDirectory: () => process.cwd(),
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  });
  return text.replaceAll(` TS${NO_CODE}: `, ': ');
}
