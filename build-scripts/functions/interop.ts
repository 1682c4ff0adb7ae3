import ts from './typescript.cjs';
import { STORE_MODULE } from './package.ts';

/**
 * `import * as x from 'm'` compiled without `esModuleInterop`: `x` is what the module exports, which
 * may be a function, where an ES module's namespace is never one.
 *
 * @param isModule Tells whether a specifier stands for a source that is an ES module.
 */
export function requireNamespaces(
  isModule: (specifier: string) => boolean,
): ts.TransformerFactory<ts.SourceFile> {
  return ({ factory }) =>
    (file) => {
      const statements = file.statements.map((statement) => {
        const name = namespaceImported(statement);
        if (name === undefined || !ts.isImportDeclaration(statement)) return statement;
        const { moduleSpecifier } = statement;
        if (!ts.isStringLiteral(moduleSpecifier)) return statement;
        const { text } = moduleSpecifier;
        if (text === STORE_MODULE || isModule(text)) return statement;
        const required = factory.createCallExpression(
          factory.createIdentifier('require'),
          undefined,
          [factory.createStringLiteral(text)],
        );
        const declaration = factory.createVariableStatement(
          undefined,
          factory.createVariableDeclarationList(
            [factory.createVariableDeclaration(name, undefined, undefined, required)],
            ts.NodeFlags.Const,
          ),
        );
        return ts.setTextRange(declaration, statement);
      });
      return factory.updateSourceFile(file, statements);
    };
}

function namespaceImported(statement: ts.Statement): ts.Identifier | undefined {
  if (!ts.isImportDeclaration(statement)) return undefined;
  const bindings = statement.importClause?.namedBindings;
  return bindings !== undefined && ts.isNamespaceImport(bindings) ? bindings.name : undefined;
}
