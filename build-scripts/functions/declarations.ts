// What the functions of a library take and give, as declarations that a caller's program can use. `deploy`
// leaves them in the library's code, where `shredder types` finds them.
import type ts from './typescript.cjs';
import { DECLARATIONS_MARKER } from './declared.ts';
import { sourceOf, type Project } from './project.ts';
import { typeText } from './type_text.ts';

/** The comment for a bundle, a line. */
export function declarationsComment(project: Project): string {
  const json = JSON.stringify(Object.fromEntries(declarationsOf(project)));
  return `${DECLARATIONS_MARKER}${Buffer.from(json).toString('base64')}\n`;
}

/** The functions of a library with what stands behind `export declare` for each. */
function declarationsOf(project: Project): Map<string, string> {
  const { program, file } = project;
  const checker = program.getTypeChecker();
  const source = sourceOf(project, file);
  const module = source && checker.getSymbolAtLocation(source);
  const declarations = new Map<string, string>();
  if (source === undefined || module === undefined) return declarations;
  for (const exported of checker.getExportsOfModule(module)) {
    if (exported.name === 'default') continue;
    const type = checker.getTypeOfSymbolAtLocation(exported, source);
    const declaration = declarationOf(program, exported.name, type);
    if (declaration !== undefined) declarations.set(exported.name, declaration);
  }
  return declarations;
}

function declarationOf(program: ts.Program, name: string, type: ts.Type): string | undefined {
  const checker = program.getTypeChecker();
  const [signature] = type.getCallSignatures();
  if (signature === undefined) return undefined;
  const types = checker.getPropertyOfType(type, '~types');
  if (types !== undefined) {
    const members = checker.getNonNullableType(checker.getTypeOfSymbol(types));
    const texts = ['keys', 'args', 'result'].map((each) => {
      const symbol = checker.getPropertyOfType(members, each);
      return symbol === undefined ? 'unknown' : typeText(program, checker.getTypeOfSymbol(symbol));
    });
    return `const ${name}: DefinedFunction<${texts.join(', ')}>;`;
  }
  const returned = checker.getReturnTypeOfSignature(signature);
  const result = checker.getAwaitedType(returned) ?? returned;
  return `function ${name}(keys: string[], args: string[]): ${typeText(program, result)};`;
}
