// Names of functions and classes, which code can read, where a bundle has had to rename them.
//
// esbuild's `keepNames` sets each name with a call of a helper. Nearly all are of functions that have the
// name anyway, and would pay for it whenever one is made: those calls are taken out again.
import ts from './typescript.cjs';

const HELPER = '__name';
/** The helper as esbuild declares it, without which nothing here is its. */
const DECLARATION = /^var __name = \(target, value\) => __defProp\(/m;

interface Span {
  start: number;
  end: number;
}

/** Bundled code without the calls that set a name to what it is; all else stays where it is, for source maps. */
export function withoutNeedlessNames(code: string): string {
  if (!DECLARATION.test(code)) return code;
  const file = ts.createSourceFile('b.js', code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const spans: Span[] = [];
  const visit = (node: ts.Node): void => {
    spans.push(...needless(node, file));
    ts.forEachChild(node, visit);
  };
  visit(file);
  spans.sort((a, b) => a.start - b.start);
  let result = '';
  let at = 0;
  for (const { start, end } of spans) {
    result += code.slice(at, start) + code.slice(start, end).replace(/[^\n]/g, ' ');
    at = end;
  }
  return result + code.slice(at);
}

/** What can be left out of a node, which does not overlap with what can be of others. */
function needless(node: ts.Node, file: ts.SourceFile): Span[] {
  const whole = { start: node.getStart(file), end: node.end };
  if (ts.isClassStaticBlockDeclaration(node)) {
    const [statement, ...more] = node.body.statements;
    const named = statement && more.length === 0 ? namingOf(statement) : undefined;
    const isThis = named?.target.kind === ts.SyntaxKind.ThisKeyword;
    return isThis && ownName(node.parent) === named?.name ? [whole] : [];
  }
  if (ts.isExpressionStatement(node)) {
    const named = namingOf(node);
    return named && isFunctionBeside(node, named) ? [whole] : [];
  }
  if (!ts.isCallExpression(node)) return [];
  const named = namingOf(node);
  if (!named || !isFunction(named.target)) return [];
  const name = named.target.name?.text ?? nameGivenTo(node);
  if (name !== named.name) return [];
  // The parentheses stay: a function within them is still given its name.
  const open = node.expression.end - HELPER.length;
  return [
    { start: open, end: node.expression.end },
    { start: named.target.end, end: node.end - 1 },
  ];
}

/** What a call of the helper names, and how. */
function namingOf(node: ts.Node): { target: ts.Expression; name: string } | undefined {
  const call = ts.isExpressionStatement(node) ? node.expression : node;
  if (!ts.isCallExpression(call) || !ts.isIdentifier(call.expression)) return undefined;
  const [target, name] = call.arguments;
  if (call.expression.text !== HELPER || call.arguments.length !== 2) return undefined;
  return target && name && ts.isStringLiteral(name) ? { target, name: name.text } : undefined;
}

function isFunction(node: ts.Node): node is ts.FunctionExpression | ts.ArrowFunction {
  return ts.isFunctionExpression(node) || ts.isArrowFunction(node);
}

/** Whether a naming is of a declaration in the same block that has that name. */
function isFunctionBeside(
  statement: ts.Statement,
  { target, name }: { target: ts.Expression; name: string },
): boolean {
  const { parent } = statement;
  if (!ts.isIdentifier(target) || target.text !== name) return false;
  if (!ts.isBlock(parent) && !ts.isSourceFile(parent)) return false;
  const before = parent.statements[parent.statements.indexOf(statement) - 1];
  return before !== undefined && ts.isFunctionDeclaration(before) && before.name?.text === name;
}

function ownName(node: ts.ClassLikeDeclaration): string | undefined {
  return node.name?.text ?? nameGivenTo(node);
}

/** The name that the language gives to an anonymous function or class by where it stands. */
function nameGivenTo(node: ts.Node): string | undefined {
  const { parent } = node;
  if (ts.isBinaryExpression(parent)) {
    const assigns = parent.operatorToken.kind === ts.SyntaxKind.EqualsToken;
    return assigns && parent.right === node && ts.isIdentifier(parent.left)
      ? parent.left.text
      : undefined;
  }
  const isNamed =
    ts.isVariableDeclaration(parent) ||
    ts.isPropertyAssignment(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isBindingElement(parent);
  if (!isNamed || parent.initializer !== node || !ts.isIdentifier(parent.name)) return undefined;
  // As a property, it is no name but sets the prototype.
  return parent.name.text === '__proto__' ? undefined : parent.name.text;
}
