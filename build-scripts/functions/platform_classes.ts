// Classes of browsers and Node that npm packages take for granted.
//
// A package that looks whether a value is a `Blob` needs something of that name, or its module ends in a
// ReferenceError before any of it is used. The store has no such values, so an empty class says the truth of
// each. A module that asks first (`typeof Blob`) gets the truth as well: that there is none.
import ts from './typescript.cjs';

const CLASSES: ReadonlySet<string> = new Set([
  'Blob',
  'File',
  'FileList',
  'FormData',
  'Headers',
  'ReadableStream',
  'Request',
  'Response',
  'SharedArrayBuffer',
  'TransformStream',
  'WritableStream',
]);

const NAMED = new RegExp(`(?<![\\w$.'"\`])(?:${[...CLASSES].join('|')})(?![\\w$'"\`])`);

/** The code of a package's module, with a declaration of each of these classes that it has not itself. */
export function withPlatformClasses(file: string, code: string): string {
  // Most modules name none of them.
  if (!NAMED.test(code)) return code;
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const names = [...takenForGranted(source)].sort();
  if (names.length === 0) return code;
  const declarations = names.map((name) => `var ${name} = class ${name} {};`).join(' ');
  // Behind `'use strict'`, and on the same line, so that lines keep their numbers.
  const prologue = source.statements[prologueLength(source) - 1];
  const at = prologue?.end ?? (code.startsWith('#!') ? code.indexOf('\n') + 1 : 0);
  return `${code.slice(0, at)} ${declarations} ${code.slice(at)}`;
}

function takenForGranted(source: ts.SourceFile): Set<string> {
  const used = new Set<string>();
  const known = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && CLASSES.has(node.text)) {
      if (isReference(node)) used.add(node.text);
      else if (isDeclared(node) || ts.isTypeOfExpression(node.parent)) known.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  for (const name of known) used.delete(name);
  return used;
}

/** Whether an identifier is evaluated where it stands. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isTypeOfExpression(parent) || isDeclared(node)) return false;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !ts.isMethodDeclaration(parent) && !ts.isPropertyDeclaration(parent);
}

/** Whether it names what its module has itself. */
function isDeclared(node: ts.Identifier): boolean {
  const { parent } = node;
  return (
    (ts.isVariableDeclaration(parent) && parent.name === node) ||
    (ts.isBindingElement(parent) && parent.name === node) ||
    (ts.isParameter(parent) && parent.name === node) ||
    ((ts.isClassLike(parent) || ts.isFunctionLike(parent)) && parent.name === node) ||
    ts.isImportClause(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isNamespaceImport(parent)
  );
}

/** How many statements at a module's beginning are directives, such as `'use strict'`. */
function prologueLength({ statements }: ts.SourceFile): number {
  const first = statements.findIndex(
    (each) => !ts.isExpressionStatement(each) || !ts.isStringLiteral(each.expression),
  );
  return first === -1 ? statements.length : first;
}
