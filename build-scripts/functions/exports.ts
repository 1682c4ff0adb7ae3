import ts from './typescript.cjs';
import { errorAt } from './diagnostics.ts';
import { CONTRACT, sourceOf, type Project } from './project.ts';
import { Results } from './results.ts';

const CALLED_WITH = 'a function of a library is called with (keys: string[], args: string[])';

/**
 * An error for each export of a library that the store would take for a function and that is none
 * which it can call, or whose result would arrive as something else.
 */
export function exportErrors(project: Project): ts.Diagnostic[] {
  const source = sourceOf(project, project.file);
  const checker = project.program.getTypeChecker();
  const module = source && checker.getSymbolAtLocation(source);
  if (source === undefined || module === undefined) return [];
  const check = new ExportCheck(project, checker, source);
  return checker.getExportsOfModule(module).flatMap((each) => check.errorsOf(each));
}

class ExportCheck {
  private readonly results: Results;
  private readonly callable: ts.Type;
  private readonly strings: ts.Type;

  constructor(
    private readonly project: Project,
    private readonly checker: ts.TypeChecker,
    private readonly source: ts.SourceFile,
  ) {
    this.results = new Results(project.program, checker);
    const contract = project.program.getSourceFile(CONTRACT);
    const module = contract && checker.getSymbolAtLocation(contract);
    const types = new Map(
      (module ? checker.getExportsOfModule(module) : []).map((each) => [
        each.name,
        checker.getTypeOfSymbol(each),
      ]),
    );
    const { callable, strings } = Object.fromEntries(types);
    if (callable === undefined || strings === undefined) throw new Error(`${CONTRACT} is missing`);
    this.callable = callable;
    this.strings = strings;
  }

  errorsOf(exported: ts.Symbol): ts.Diagnostic[] {
    // The default export is not callable, whatever it is.
    if (exported.name === 'default') return [];
    const symbol = this.valueOf(exported);
    if (symbol === undefined) return [];
    const place = this.placeOf(exported, symbol);
    const type = this.checker.getTypeOfSymbolAtLocation(symbol, this.source);
    const members = type.isUnion() ? type.types : [type];
    return members.flatMap((member) => this.functionErrors(exported.name, member, place));
  }

  private functionErrors(name: string, type: ts.Type, place: ts.Node): ts.Diagnostic[] {
    const signatures = type.getCallSignatures();
    if (type.getConstructSignatures().length > 0 && !this.isCallable(type)) {
      return [
        errorAt(
          place,
          `${name} is a class, which cannot be called: export a function, or the class's type ` +
            `alone (export type { ${name} }).`,
        ),
      ];
    }
    if (signatures.length === 0) return [];
    if (!this.isCallable(type)) return [this.parameterError(name, signatures, place)];
    const typedResult = this.typedResultOf(type);
    const fault = typedResult && this.results.faultOf(typedResult, true);
    if (fault !== undefined) return [errorAt(place, `${name} returns ${fault}.`)];
    for (const signature of signatures) {
      const wrong = this.results.faultOf(this.checker.getReturnTypeOfSignature(signature));
      if (wrong === undefined) continue;
      const at = signature.declaration?.type ?? place;
      return [errorAt(this.inSources(at) ? at : place, `${name} returns ${wrong}.`)];
    }
    return [];
  }

  /** What a function that `defineFunction` makes returns to typed clients. */
  private typedResultOf(type: ts.Type): ts.Type | undefined {
    const types = this.memberOf(type, '~types');
    return types && this.memberOf(this.checker.getNonNullableType(types), 'result');
  }

  private memberOf(type: ts.Type, name: string): ts.Type | undefined {
    const symbol = this.checker.getPropertyOfType(type, name);
    return symbol && this.checker.getTypeOfSymbol(symbol);
  }

  private isCallable(type: ts.Type): boolean {
    return (
      type.getCallSignatures().length > 0 && this.checker.isTypeAssignableTo(type, this.callable)
    );
  }

  private parameterError(
    name: string,
    signatures: readonly ts.Signature[],
    place: ts.Node,
  ): ts.Diagnostic {
    const parameters = signatures[0]?.declaration?.parameters ?? [];
    for (const [index, parameter] of parameters.entries()) {
      if (!ts.isParameter(parameter) || !this.inSources(parameter)) continue;
      if (index > 1 && (parameter.questionToken || parameter.initializer)) continue;
      const type = this.checker.getTypeAtLocation(parameter);
      if (index < 2 && this.checker.isTypeAssignableTo(this.strings, type)) continue;
      const is = this.checker.typeToString(type);
      return errorAt(
        parameter,
        `The parameter ${parameter.name.getText()} of ${name} is ${is}: ${CALLED_WITH}.`,
      );
    }
    return errorAt(place, `${name} cannot be called: ${CALLED_WITH}.`);
  }

  /** What an export is at run time; undefined for what is of types alone. */
  private valueOf(exported: ts.Symbol): ts.Symbol | undefined {
    let symbol = exported;
    while (symbol.flags & ts.SymbolFlags.Alias) {
      if (symbol.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration)) return undefined;
      const next = this.checker.getImmediateAliasedSymbol(symbol);
      if (next === undefined) break;
      symbol = next;
    }
    return symbol.flags & ts.SymbolFlags.Value ? symbol : undefined;
  }

  /** Where the author wrote it: as near to its declaration as that is a source of the author's. */
  private placeOf(exported: ts.Symbol, symbol: ts.Symbol): ts.Node {
    const declarations = [...(symbol.declarations ?? []), ...(exported.declarations ?? [])];
    const declaration = declarations.find((each) => this.inSources(each));
    if (declaration === undefined) return this.source;
    return ts.getNameOfDeclaration(declaration) ?? declaration;
  }

  private inSources(node: ts.Node): boolean {
    return sourceOf(this.project, node.getSourceFile().fileName) !== undefined;
  }
}
