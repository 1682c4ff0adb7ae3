// What an author's own options declare and the runtime does not have. Which `lib` and `types` a project
// names is its own affair: it may be checked by the DOM's, or Node's, of which the store has a part. What
// is declared there and missing here would only be found when it is called.
//
// A file that asks whether something is there, as in `typeof setTimeout` or `Object.groupBy ?`, may use
// it: code that runs in several places does so. What npm packages bring compiled is not looked at.
import ts from './typescript.cjs';
import { RUNTIME_GLOBALS } from '../../ts-functions/testing/runtime_globals.ts';
import { errorAt } from './diagnostics.ts';
import { sourcesOf, type Project } from './project.ts';

/** What bundling provides. */
const BUNDLED = new Set(['require', 'module', 'exports', 'Symbol.dispose', 'Symbol.asyncDispose']);

/** Declared, and no value that a global property holds. */
const OF_THE_LANGUAGE = new Set(['undefined', 'globalThis', 'arguments']);

/** What to do without. */
const REMEDIES: Readonly<Record<string, string>> = {
  Buffer: "import it: import { Buffer } from 'node:buffer'",
  eval: 'code cannot be made from strings',
  Function: 'code cannot be made from strings',
  setImmediate: 'nothing runs after a reply; queueMicrotask runs a function before it',
  setInterval: 'nothing runs after a reply: let the client call again',
  setTimeout: 'nothing runs after a reply; queueMicrotask runs a function before it',
};

const EVERY_OBJECT = names('Object', 'instance');
const EVERY_FUNCTION = new Set([...names('Function', 'instance'), 'prototype']);

/** An error for each use, in the author's sources, of a global or a member that the store has not. */
export function missingGlobals(project: Project): ts.Diagnostic[] {
  const search = new Search(project);
  return sourcesOf(project).flatMap((each) => search.errorsIn(each));
}

interface Use {
  node: ts.Node;
  name: string;
  /** Asks whether it is there, and does not mind where it is not. */
  asks: boolean;
}

class Search {
  private readonly checker: ts.TypeChecker;
  /** What the values have whose types are interfaces of these names. */
  private readonly members = new Map<string, Set<string>>();

  constructor(private readonly project: Project) {
    this.checker = project.program.getTypeChecker();
    const declared = new Map(
      this.checker
        .getSymbolsInScope(openFile(project), ts.SymbolFlags.Value)
        .map((each) => [each.name, each]),
    );
    for (const name of Object.keys(RUNTIME_GLOBALS)) this.addMembers(name, declared.get(name));
  }

  errorsIn(source: ts.SourceFile): ts.Diagnostic[] {
    const uses: Use[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
      if (isAmbient(node)) return;
      const name = ts.isIdentifier(node) ? this.missingName(node) : undefined;
      if (name !== undefined) uses.push({ node, name, asks: asksWhether(node) });
      ts.forEachChild(node, visit);
    };
    visit(source);
    const asked = new Set(uses.filter(({ asks }) => asks).map(({ name }) => name));
    return uses
      .filter(({ name }) => !asked.has(name))
      .map(({ node, name }) => {
        const remedy = REMEDIES[name];
        const text = `${name} is not there in a function of the store`;
        return errorAt(node, remedy === undefined ? `${text}.` : `${text}: ${remedy}.`);
      });
  }

  /** The name of what an identifier stands for, where the store has it not. */
  private missingName(node: ts.Identifier): string | undefined {
    const symbol = this.symbolOf(node);
    const declaration = symbol?.declarations?.find((each) => this.isEnvironment(each));
    if (symbol === undefined || declaration === undefined) return undefined;
    const owner = ownerOf(declaration);
    if (owner === undefined) {
      if (symbol.name === 'Function' && isCallee(node)) return symbol.name;
      if (!(symbol.flags & ts.SymbolFlags.Value) || OF_THE_LANGUAGE.has(symbol.name)) {
        return undefined;
      }
      if (Object.hasOwn(RUNTIME_GLOBALS, symbol.name)) return undefined;
      return BUNDLED.has(symbol.name) || isNodeEnv(node) ? undefined : symbol.name;
    }
    // An interface may have members of another that its value has not.
    const receiver = this.receiverOf(node);
    const type = receiver !== undefined && this.members.has(receiver) ? receiver : owner;
    const members = this.members.get(type);
    const key = keyOf(symbol);
    if (members === undefined || members.has(key)) return undefined;
    const name = `${type.replace(/^typeof |Constructor$/g, '')}.${key}`;
    return BUNDLED.has(name) ? undefined : name;
  }

  /** The interface of what a member is taken from. */
  private receiverOf({ parent }: ts.Identifier): string | undefined {
    if (!ts.isPropertyAccessExpression(parent)) return undefined;
    const { symbol } = this.checker.getTypeAtLocation(parent.expression);
    const [declaration] = symbol?.declarations ?? [];
    if (declaration === undefined || !ts.isInterfaceDeclaration(declaration)) return undefined;
    return this.isEnvironment(declaration) ? namespaceOf(declaration) + symbol.name : undefined;
  }

  private symbolOf(node: ts.Identifier): ts.Symbol | undefined {
    if (ts.isShorthandPropertyAssignment(node.parent)) {
      return this.checker.getShorthandAssignmentValueSymbol(node.parent);
    }
    const isDeclared = (node.parent as ts.NamedDeclaration).name === node;
    if (isDeclared && !ts.isPropertyAccessExpression(node.parent)) return undefined;
    return this.checker.getSymbolAtLocation(node);
  }

  /** Whether something is declared for all files, by TypeScript or a package of types. */
  private isEnvironment(declaration: ts.Declaration): boolean {
    const source = declaration.getSourceFile();
    if (!source.isDeclarationFile) return false;
    return (
      this.project.program.isSourceFileDefaultLibrary(source) ||
      (/[\\/]node_modules[\\/]@types[\\/]/.test(source.fileName) && isForAll(declaration))
    );
  }

  private addMembers(name: string, symbol: ts.Symbol | undefined): void {
    if (symbol === undefined) {
      this.add(name, [...names(name, 'instance'), ...EVERY_OBJECT]);
      return;
    }
    const type = this.checker.getTypeOfSymbol(symbol);
    const common = type.getCallSignatures().length + type.getConstructSignatures().length > 0;
    const own = [...names(name, 'own'), ...EVERY_OBJECT, ...(common ? EVERY_FUNCTION : [])];
    this.add(ownerName(type, name), own);
    const prototype = type.getProperty('prototype');
    if (prototype === undefined) return;
    const instance = ownerName(this.checker.getTypeOfSymbol(prototype), name);
    this.add(instance, [...names(name, 'instance'), ...EVERY_OBJECT]);
  }

  /** Two values may be of one interface: each has a part of it for all that is known. */
  private add(owner: string, found: readonly string[]): void {
    const members = this.members.get(owner) ?? new Set();
    for (const each of found) members.add(each);
    this.members.set(owner, members);
  }
}

/** A file in whose scope there are no more than the globals, or nearly so. */
function openFile({ program, file }: Project): ts.SourceFile {
  const source = program.getSourceFile(file);
  if (source === undefined) throw new Error(`${file} is no part of its project`);
  return source;
}

function names(name: string, of: 'own' | 'instance'): Set<string> {
  return new Set(RUNTIME_GLOBALS[name]?.[of].split(/\s+/).filter((each) => each !== ''));
}

/** The interface that declares a member, or the variable whose type does; undefined for a global. */
function ownerOf({ parent }: ts.Declaration): string | undefined {
  if (ts.isInterfaceDeclaration(parent)) return namespaceOf(parent) + parent.name.text;
  if (ts.isClassDeclaration(parent)) return namespaceOf(parent) + (parent.name?.text ?? '');
  if (ts.isTypeLiteralNode(parent) && ts.isVariableDeclaration(parent.parent)) {
    return `typeof ${parent.parent.name.getText()}`;
  }
  const scope = ts.isVariableDeclarationList(parent) ? parent.parent.parent : parent;
  if (ts.isModuleBlock(scope)) {
    return ts.isIdentifier(scope.parent.name) && scope.parent.name.text !== 'global'
      ? `typeof ${scope.parent.name.text}`
      : undefined;
  }
  return ts.isSourceFile(scope) ? undefined : '';
}

/** `Intl.` for what is declared in that. */
function namespaceOf({ parent }: ts.Declaration): string {
  if (!ts.isModuleBlock(parent) || parent.parent.name.text === 'global') return '';
  return `${parent.parent.name.text}.`;
}

/** What ownerOf() says of the members of a value's type. */
function ownerName(type: ts.Type, name: string): string {
  const { symbol } = type;
  if (
    symbol === undefined ||
    symbol.flags & (ts.SymbolFlags.TypeLiteral | ts.SymbolFlags.ValueModule)
  ) {
    return `typeof ${name}`;
  }
  return symbol.name;
}

/** Whether a declaration of a file belongs to all files. */
function isForAll(declaration: ts.Declaration): boolean {
  for (let at: ts.Node = declaration; at !== undefined; at = at.parent) {
    if (ts.isModuleDeclaration(at)) {
      if (ts.isStringLiteral(at.name)) return false;
      if (at.name.text === 'global') return true;
    }
    if (ts.isSourceFile(at)) return !ts.isExternalModule(at);
  }
  return false;
}

/** A member's name as a description has it. */
function keyOf(symbol: ts.Symbol): string {
  const [, known] = /^__@(\w+)@\d+$/.exec(String(symbol.escapedName)) ?? [];
  return known === undefined ? symbol.name : `@@${known}`;
}

/** Declares something that others make. */
function isAmbient(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword)
  );
}

function isCallee(node: ts.Identifier): boolean {
  const { parent } = node;
  return (ts.isCallExpression(parent) || ts.isNewExpression(parent)) && parent.expression === node;
}

/** `process.env.NODE_ENV`, in whose place bundling puts its value. */
function isNodeEnv(node: ts.Identifier): boolean {
  return /^process\.env\.NODE_ENV$/.test(node.parent?.parent?.getText() ?? '');
}

function asksWhether(node: ts.Node): boolean {
  let asked = node;
  while (isPartOf(asked, asked.parent)) asked = asked.parent;
  const { parent } = asked;
  if (ts.isTypeOfExpression(parent) || ts.isIfStatement(parent)) return true;
  if (ts.isPrefixUnaryExpression(parent)) return parent.operator === ts.SyntaxKind.ExclamationToken;
  if (ts.isConditionalExpression(parent)) return parent.condition === asked;
  if (ts.isBinaryExpression(parent)) return ASKING.has(parent.operatorToken.kind);
  if (!ts.isOptionalChain(parent) || ts.isNonNullChain(parent)) return false;
  return parent.questionDotToken !== undefined;
}

/** Whether a value is the same in its parent. */
function isPartOf(node: ts.Node, parent: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  return (
    ts.isParenthesizedExpression(parent) ||
    ts.isAsExpression(parent) ||
    ts.isNonNullExpression(parent)
  );
}

const ASKING: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
]);
