import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import ts from './typescript.cjs';
import { UserError } from '../errors.ts';
import { formatDiagnostics } from './diagnostics.ts';
import { exportErrors } from './exports.ts';
import { missingGlobals } from './missing.ts';
import { isFunctionsPackage, isOwnSource } from './package.ts';
import { openProject, type Project } from './project.ts';
import { refusals } from './refusals.ts';

/** What is wrong with a file: a count, and TypeScript's usual text. */
export interface TypeErrors {
  count: number;
  /** With ANSI colours. */
  text: string;
}

/** TypeScript's error for an ES module that a CommonJS one requires. */
const NOT_REQUIRED = 1479;

/**
 * Type-checks a library by the project's own `tsconfig.json`, looked for from the file's folder
 * upward, else by the strict one of `shredder-functions`; then whether what it exports can be called
 * and can answer, and whether all of it can run.
 *
 * @returns undefined where nothing is wrong.
 */
export function typeCheck(project: Project | string): TypeErrors | undefined {
  const opened = typeof project === 'string' ? openProject(project) : project;
  const wrong = compilerErrors(opened);
  // What the types of a file with errors are is anyone's guess.
  const errors =
    wrong.length > 0
      ? wrong
      : [...missingGlobals(opened), ...refusals(opened), ...exportErrors(opened)];
  if (errors.length === 0) return undefined;
  return {
    count: errors.length,
    text: formatDiagnostics(ts.sortAndDeduplicateDiagnostics(errors)),
  };
}

/** A library that does not type-check ends the command, after TypeScript's own text. */
export function requireTypeCheck(project: Project | string, out: NodeJS.WriteStream): void {
  const errors = typeCheck(project);
  if (errors === undefined) return;
  const file = typeof project === 'string' ? project : project.file;
  throw new UserError(`${writeErrors(file, errors, out)}; nothing was deployed`);
}

/** Writes TypeScript's own text, and gives the line that sums it up. */
export function writeErrors(file: string, errors: TypeErrors, out: NodeJS.WriteStream): string {
  out.write(out.isTTY ? errors.text : stripVTControlCharacters(errors.text));
  const count = errors.count === 1 ? '1 TypeScript error' : `${errors.count} TypeScript errors`;
  return `${path.basename(file)}: ${count}`;
}

function compilerErrors({ program, builder }: Project): readonly ts.Diagnostic[] {
  const diagnostics = ts.sortAndDeduplicateDiagnostics(
    // It takes either, whatever its type says.
    ts.getPreEmitDiagnostics((builder ?? program) as ts.Program),
  );
  return diagnostics.filter(
    (each) =>
      each.category === ts.DiagnosticCategory.Error &&
      (each.file === undefined || !isOwnSource(each.file.fileName)) &&
      !isAboutOwnForm(each),
  );
}

/** The checkout's own source is of one form, whatever a project's files are compiled to. */
function isAboutOwnForm({ code, file, start = 0, length = 0 }: ts.Diagnostic): boolean {
  if (code !== NOT_REQUIRED) return false;
  const specifier = file?.text.slice(start, start + length).replaceAll(/['"]/g, '');
  return specifier !== undefined && isFunctionsPackage(specifier);
}
