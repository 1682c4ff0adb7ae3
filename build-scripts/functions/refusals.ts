// What type-checks and yet does not run as `tsc` would have compiled it.
import ts from './typescript.cjs';
import { errorAt } from './diagnostics.ts';
import { sourceOf, sourcesOf, type Project } from './project.ts';

/** An error for each. */
export function refusals(project: Project): ts.Diagnostic[] {
  return [...exportAssignments(project), ...keptJsx(project)];
}

/** `export =` makes a CommonJS module, whose exports nobody but its importers can name. */
function exportAssignments(project: Project): ts.Diagnostic[] {
  return (sourceOf(project, project.file)?.statements ?? [])
    .filter((each) => ts.isExportAssignment(each) && each.isExportEquals === true)
    .map((each) =>
      errorAt(
        each,
        '`export =` names no functions to call: write `export function`, or `export {}`.',
      ),
    );
}

/** JSX that TypeScript leaves to others. */
function keptJsx(project: Project): ts.Diagnostic[] {
  const { jsx } = project.configuration.options;
  if (jsx !== ts.JsxEmit.Preserve && jsx !== ts.JsxEmit.ReactNative) return [];
  return sourcesOf(project)
    .filter((each) => each.languageVariant === ts.LanguageVariant.JSX)
    .map(firstJsx)
    .filter((each) => each !== undefined)
    .map((each) =>
      errorAt(each, 'The option `jsx` leaves JSX as it is: set it to `react-jsx` or `react`.'),
    );
}

function firstJsx(node: ts.Node): ts.Node | undefined {
  if (ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node) || ts.isJsxFragment(node)) {
    return node;
  }
  return ts.forEachChild(node, firstJsx);
}
